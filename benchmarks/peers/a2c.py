"""Stable-Baselines3's A2C with its defaults, 8 copies of Gymnasium's CartPole-v1, one seed, until it is solved."""

import sys

import torch
from stable_baselines3 import A2C
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

from benchmarks.measure import SOLVED, cpu, report

MOST_STEPS = 1_000_000


class UntilSolved(BaseCallback):
    """Stops the training when the last 100 episodes have a mean return of at least 475; looks where one has ended."""

    def _on_step(self):
        return not (
            self.locals["dones"].any() and len(self.model.ep_info_buffer) == 100 and recent(self.model) >= SOLVED
        )


def recent(model):
    """Return the mean return of the last 100 training episodes, as A2C's own monitor keeps them."""
    returns = [episode["r"] for episode in model.ep_info_buffer]
    return sum(returns) / max(len(returns), 1)


def main(seed):
    """Train one seed."""
    torch.set_num_threads(1)
    model = A2C("MlpPolicy", make_vec_env("CartPole-v1", n_envs=8, seed=seed), seed=seed, device="cpu")
    _, user, system = cpu(lambda: model.learn(MOST_STEPS, callback=UntilSolved()))
    mean = recent(model)
    report(
        user=user, system=system, env_steps=model.num_timesteps, mean_return=mean, solved=int(mean >= SOLVED), runs=1
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
