"""Gymnasium's own vector CartPole, stepped by random actions: an environment without a learner."""

import sys

import gymnasium
import numpy as np

from benchmarks.measure import cpu, report


def main(n_lanes, n_steps, seed):
    """Step and report. The actions are drawn before the clock starts; the steps that reset a lane are not counted."""
    env = gymnasium.make_vec("CartPole-v1", num_envs=n_lanes, vectorization_mode="vector_entry_point")
    env.reset(seed=seed)
    actions = np.random.default_rng(seed).integers(2, size=(n_steps, n_lanes))

    def play():
        ended = 0
        for a in actions:
            _, _, terminated, truncated, _ = env.step(a)
            ended += np.count_nonzero(terminated | truncated)
        return ended

    ended, user, system = cpu(play)
    steps = n_lanes * n_steps - ended  # the step after an end is the reset
    report(user=user, system=system, env_steps=int(steps), mean_return=steps / ended, solved=None, runs=n_lanes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
