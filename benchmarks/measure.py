"""What the programs of the benchmark share: CPU seconds of a call, when CartPole is solved, a line of JSON."""

import json
import resource

import numpy as np

SOLVED = 475.0  # mean return of the last 100 training episodes


def cpu(function, *args):
    """Return what a function returns, and the user and system CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = function(*args)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return result, after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime


def learned(returns, n_episodes):
    """Return what training achieved, from the mean return (runs, n_updates) of the n_episodes of each update.

    A run has solved CartPole when, after some update, its last 100 training episodes have a mean of at least 475. An
    episode pays 1 a step, so that the returns are also the numbers of steps.
    """
    window = -(-100 // n_episodes)
    sums = np.cumsum(returns, axis=-1, dtype=float)
    sums[:, window:] -= sums[:, :-window].copy()
    recent = sums[:, window - 1 :] / window
    return {
        "env_steps": float(returns.sum(dtype=float)) * n_episodes,
        "mean_return": float(recent[:, -1].mean()),
        "solved": int((recent >= SOLVED).any(axis=-1).sum()),
        "runs": len(returns),
    }


def report(**numbers):
    """Print one line of JSON, which benchmarks/run.py reads."""
    print(json.dumps(numbers))
