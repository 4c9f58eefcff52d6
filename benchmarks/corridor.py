"""CPU time of REINFORCE on the short corridor: 200 runs at once, and one run by a plain loop.

`make bench` runs it. One process measures A B C D in turn, five times, and prints medians of CPU time. It asserts no
time, but that all four learn the same.
"""

import math
import platform
import random
import statistics
import time

import numpy as np
import sympy as sp

import pglib as pg
from pglib.symbolic import SymbolicPolicy

ROUNDS, RUNS, LOOPS = 5, 200, 20  # runs at once, and runs one after another
UPDATES, HORIZON, STEP_SIZE, P_START = 1000, 1000, 2**-12, 0.05
START = math.log(P_START / (1 - P_START))  # theta: the log-odds of right
CORRIDOR, BINARY = pg.short_corridor(), pg.Softmax.binary(1)


def formula():
    """Return the policy of `pglib.Softmax.binary`, written down: log pi(a) = a x - log(1 + e^x)."""
    x, s, a = sp.symbols("x s a", real=True)
    return SymbolicPolicy(a * x - sp.log(1 + sp.exp(x)), theta=[x], state=s, action=a, actions=[0, 1])


def batched(policy, seed):
    """Train all runs at once; return theta at the end, one for each run."""
    history = pg.train(
        CORRIDOR,
        policy,
        np.full((RUNS, 1), START),
        gamma=1.0,
        step_size=STEP_SIZE,
        n_updates=UPDATES,
        n_episodes=1,
        horizon=HORIZON,
        rng=np.random.default_rng(seed),
        record_every=UPDATES,
    )
    return history.theta[:, -1, 0]


def textbook(seed):
    """Train one run by a loop over its steps, for any table of dynamics and a softmax of one logit for each action."""
    rng, theta = random.Random(seed), START
    s_next, reward = [[0, 1], [2, 0], [1, 3]], [[-1.0, -1.0]] * 3
    for _ in range(UPDATES):
        s, episode = 0, []
        while s != 3 and len(episode) < HORIZON:
            a = int(rng.random() >= softmax([0.0, theta])[0])
            episode.append((a, reward[s][a]))
            s = s_next[s][a]
        g, gradient = 0.0, 0.0
        for a, r in reversed(episode):  # theta stays as it is during the episode
            g += r
            gradient += g * (a - softmax([0.0, theta])[1])
        theta += STEP_SIZE * gradient
    return theta


def softmax(logits):
    """Return the probabilities, a list."""
    largest = max(logits)
    weights = [math.exp(logit - largest) for logit in logits]
    total = sum(weights)
    return [weight / total for weight in weights]


def tailored(seed):
    """Train one run by a loop that knows this problem: its moves, its reward of -1 and the score a - p are the code."""
    rng, theta = random.Random(seed), START
    for _ in range(UPDATES):
        p = 1 / (1 + math.exp(-theta))
        s, actions = 0, []
        while s < 3 and len(actions) < HORIZON:
            right = rng.random() < p
            actions.append(right)
            s = max(s + (1 if right != (s == 1) else -1), 0)  # in state 1 the actions are swapped
        g, gradient = 0.0, 0.0
        for right in reversed(actions):
            g -= 1.0
            gradient += g * (right - p)
        theta += STEP_SIZE * gradient
    return theta


def one_by_one(train, seed):
    """Return what `LOOPS` runs learn, each from a seed of its own."""
    return [train(LOOPS * seed + i) for i in range(LOOPS)]


def main():
    """Measure, compare and print."""
    symbolic = formula()  # imports and compilation are not timed
    rows = {
        "A": ("pg.train, Softmax.binary", RUNS, lambda seed: batched(BINARY, seed)),
        "B": ("pg.train, the formula", RUNS, lambda seed: batched(symbolic, seed)),
        "C": ("plain loop, as in a textbook", LOOPS, lambda seed: one_by_one(textbook, seed)),
        "D": ("plain loop, for this problem only", LOOPS, lambda seed: one_by_one(tailored, seed)),
    }
    seconds, theta = {key: [] for key in rows}, {key: [] for key in rows}
    for seed in range(ROUNDS):
        for key, (_, n_runs, train) in rows.items():
            start = time.process_time()
            theta[key].append(train(seed))
            seconds[key].append((time.process_time() - start) / n_runs)

    mean, sem = {}, {}
    for key in rows:
        values = pg.objective(CORRIDOR, BINARY, np.reshape(theta[key], (-1, 1)))
        mean[key], sem[key] = values.mean(), values.std(ddof=1) / math.sqrt(values.size)
    assert abs(mean["A"] - mean["B"]) < 1e-6, f"A and B draw the same episodes and must learn the same: {mean}"
    assert all(abs(mean["A"] - mean[key]) < 4.5 * math.hypot(sem["A"], sem[key]) for key in "CD"), f"{mean}, {sem}"
    assert min(mean.values()) > -14, f"all must learn: {mean}"

    print(f"{UPDATES} updates of one episode, from p = {P_START} of right, by step size 2**{math.log2(STEP_SIZE):.0f}.")
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}. CPU time of one run, median of {ROUNDS} rounds.\n"
    )
    print(f"{'':38}runs   / A  ms a run    min..max   mean J at the end")
    median = {key: statistics.median(values) for key, values in seconds.items()}
    for key, (name, n_runs, _) in rows.items():
        spread = f"{1e3 * min(seconds[key]):.1f}..{1e3 * max(seconds[key]):.1f}"
        print(
            f"{key}  {name:35}{n_runs:4}{median[key] / median['A']:6.2f}{1e3 * median[key]:10.1f}{spread:>12}"
            f"{mean[key]:10.3f} +- {sem[key]:.3f}"
        )
    print(f"\nA run of B takes {median['B'] / median['A']:.2f} times the CPU time of a run of A.")
    for key in "CD":
        print(f"A run of {key} takes {median[key] / median['A']:.2f} times the CPU time of a run of A.")
    first, best = pg.objective(CORRIDOR, BINARY, np.array([START])), -(6 + 4 * math.sqrt(2))
    print(f"J is {first:.2f} at the start and {best:.2f} for the best policy.")


if __name__ == "__main__":
    main()
