"""What pglib does in the benchmark: trainings on CartPole, how they grow, and two computations beside their floors."""

import sys

import numpy as np

import pglib as pg
from benchmarks.measure import cpu, learned, report


def train(name, runs, n_updates, n_episodes, step_size, seed):
    """Train in single precision; return the history."""
    rng = np.random.default_rng(seed)
    if name == "linear":
        policy = pg.LinearSoftmax(4, 2)
        theta0 = np.zeros((runs, policy.n_params))
    else:
        policy = pg.MLPSoftmax(4, 32, 2)
        theta0 = policy.initial_theta(runs, rng=rng)
    return pg.train(
        pg.CartPole(),
        policy,
        theta0.astype(np.float32),
        gamma=1.0,
        step_size=step_size,
        n_updates=n_updates,
        n_episodes=n_episodes,
        horizon=500,
        rng=rng,
        baseline="leave_one_out",
        optimizer="adam",
        record_every=n_updates,
    )


def cartpole(name, runs, n_updates, n_episodes, step_size, seed):
    """Train once, report."""
    runs, n_updates, n_episodes, seed = map(int, (runs, n_updates, n_episodes, seed))
    history, user, system = cpu(train, name, runs, n_updates, n_episodes, float(step_size), seed)
    report(user=user, system=system, **learned(history.returns, n_episodes))


def growth(seed):
    """Train linear policies for 25 updates with more and more runs, then episodes; one run ten times over."""
    train("linear", 1, 1, 10, 0.4, 0)  # what only the first call pays
    parts = {}
    for runs, n_episodes in [(1, 10), (10, 10), (100, 10), (1000, 10), (100, 100)]:
        times = 10 if runs == 1 else 1
        used = [cpu(train, "linear", runs, 25, n_episodes, 0.4, 10 * int(seed) + i)[1:] for i in range(times)]
        parts[f"{runs} x {n_episodes}"] = [sum(column) / times for column in zip(*used, strict=True)]
    report(parts=parts)


def exact(seed):
    """1000 policy gradients of a problem with 5 states and 2 actions, and one batched solve of that size."""
    rng = np.random.default_rng(int(seed))
    mdp = pg.FiniteMDP(rng.dirichlet(np.ones(5), size=(5, 2)), rng.normal(size=(5, 2)), np.full(5, 0.2), gamma=0.9)
    policy = pg.Softmax.tabular(5, 2)
    theta = rng.normal(size=(1000, policy.n_params))
    pi = pg.action_probabilities(mdp, policy, theta)
    matrices = np.eye(5) - mdp.gamma * np.einsum("sat,...sa->...st", mdp.P, pi)
    rewards = (pi * mdp.r).sum(axis=-1)[..., None]
    both(
        gradients=(500, lambda: pg.policy_gradient(mdp, policy, theta)),
        solve=(2000, lambda: np.linalg.solve(matrices, rewards)),
    )


def score(seed):
    """10^6 score-function samples of a Gaussian policy, and the draw of as many normal numbers."""
    rng, policy = np.random.default_rng(int(seed)), pg.Gaussian(1)
    n = 10**6
    both(
        samples=(25, lambda: pg.score_function(np.square, policy, [1.5, 0.0], [1.0], n_samples=n, rng=rng)),
        draw=(50, lambda: rng.normal(size=n)),
    )


def both(**calls):
    """Report the CPU seconds of one call of each; each is repeated for about half a second or more."""
    parts = {}
    for name, (times, call) in calls.items():
        repeat(call, 1)
        _, *used = cpu(repeat, call, times)
        parts[name] = [seconds / times for seconds in used]
    report(parts=parts)


def repeat(call, times):
    """Call so many times, and keep nothing: what is freed can be used again."""
    for _ in range(times):
        call()


if __name__ == "__main__":
    {"cartpole": cartpole, "growth": growth, "exact": exact, "score": score}[sys.argv[1]](*sys.argv[2:])
