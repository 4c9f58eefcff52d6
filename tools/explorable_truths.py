"""What the figures that a reader moves must show: for each, its numbers at given sliders, computed by pglib."""

from functools import cache

import numpy as np

import pglib as pg


def climb(update):
    """Parameter and expected reward after some average updates, with reward x score, and with reward x action."""
    arms, actions = pg.bandit(np.array([3.0, 2.0, 1.0])), np.arange(3.0)
    family = pg.Softmax(actions.reshape(1, 3, 1))
    score, printed = np.zeros(1), np.zeros(1)
    for _ in range(int(update)):
        score = score + 0.1 * pg.policy_gradient(arms, family, score)
        printed = printed + 0.1 * pg.action_probabilities(arms, family, printed)[0] @ (arms.r[0] * actions)
    scoreJ, printedJ = pg.objective(arms, family, score), pg.objective(arms, family, printed)
    return {"score": score[0], "scoreJ": scoreJ, "printed": printed[0], "printedJ": printedJ}


def corridor_run(start, k, updates):
    """Run REINFORCE on the short corridor, an episode an update, and add up what steps left and right pushed."""
    corridor, policy = pg.short_corridor(), pg.Softmax.binary(1)
    path, pushes, steps = (rows[: int(updates) + 1] for rows in _corridor_run(start, k, 100))
    p = pg.action_probabilities(corridor, policy, path)[:, 0, 1]
    gradient = pg.policy_gradient(corridor, policy, path[-1])[0]
    return {
        "path": p,
        "J": pg.objective(corridor, policy, path),
        "gradient": gradient,
        "slope": gradient / (p[-1] * (1 - p[-1])),
        "pushes": pushes.sum(axis=0),
        "steps": steps.sum(axis=0),
        "best": _corridor_best(),
    }


@cache
def _corridor_best():
    """Return the probability of right at which the exact gradient changes its sign, by halving an interval."""
    low, high = -3.0, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        if pg.policy_gradient(pg.short_corridor(), pg.Softmax.binary(1), [middle])[0] > 0:
            low = middle
        else:
            high = middle
    return 1 / (1 + np.exp(-low))


@cache
def _corridor_run(start, k, updates):
    """Return theta before the first update and after each; pushes and numbers of steps, by action, and 0 before."""
    corridor, policy = pg.short_corridor(), pg.Softmax.binary(1)
    random, path, pushes, steps = 5, [np.log([start / (1 - start)])], [[0, 0]], [[0, 0]]
    for _ in range(updates):
        p, states, actions = np.exp(policy.log_prob(path[-1], 0, 1)), [0], []
        while states[-1] != 3 and len(actions) < 1000:
            random = (1664525 * random + 1013904223) % 2**32  # a linear congruential generator
            actions.append(int(random / 2**32 < p))
            states.append(corridor.P[states[-1], actions[-1]].argmax())
        one = np.array([actions])
        batch = pg.Episodes(
            states=np.array([states[:-1]]),
            observations=np.zeros_like(one),
            actions=one,
            rewards=-np.ones(one.shape),
            live=np.ones(one.shape, bool),
            terminated=np.array([states[-1] == 3]),
            truncated=np.array([states[-1] != 3]),
            final=np.zeros(1, int),
        )
        weighted = pg.returns_to_go(batch.rewards, 1.0) * policy.score(path[-1], 0, one)[..., 0]
        pushes.append([2.0**k * weighted[one == action].sum() for action in (0, 1)])
        steps.append([(one == action).sum() for action in (0, 1)])
        path.append(path[-1] + 2.0**k * pg.reinforce(policy, path[-1], batch, gamma=1.0)[0])
    return np.array(path), np.array(pushes), np.array(steps)


def one_update(action, G):
    """One update of a softmax with three actions, and of exp(alpha + beta a); both begin at 1/3."""
    softmax, action = pg.Softmax.tabular(1, 3), int(action)
    logits = 0.2 * G * softmax.score(np.zeros(3), 0, action)
    # the scores of the printed policy: d log pi / d alpha = 1, d log pi / d beta = a
    alpha, beta = np.array([-np.log(3), 0]) + 0.2 * G * np.array([1, action])
    printed_logits = alpha + beta * np.arange(3)
    return {
        "logits": logits,
        "probabilities": pg.action_probabilities(pg.bandit(np.zeros(3)), softmax, logits)[0],
        "printedLogits": printed_logits,
        "printed": np.exp(printed_logits),
        "printedSum": np.exp(printed_logits).sum(),
    }


def score_arrows(c, sigma, N):
    """Sample f(x) times score for a Gaussian with mean 1, f(x) = x^2 + c; exact means by Gauss-Hermite quadrature."""
    policy, theta = pg.Gaussian(1), np.array([1, np.log(sigma)])
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)  # exact for polynomials in x up to degree 39

    def both(normal):
        x = theta[0] + sigma * normal
        return x, policy.score(theta, [1.0], x)[:, 0]

    drawn_once = np.random.default_rng(32).standard_normal(24).round(2)
    x, score = both(drawn_once[: int(N)])
    arrows = (x**2 + c) * score
    x_node, score_node = both(nodes)

    def mean(g):
        return g @ weights / weights.sum()

    def deviation(b):
        samples = (x_node**2 + b) * score_node
        return np.sqrt(mean(samples**2) - mean(samples) ** 2)

    best = -mean(x_node**2 * score_node**2) / mean(score_node**2)  # where the derivative of the variance in c is 0
    return {
        "x": x,
        "arrows": arrows,
        "mean": arrows.mean(),
        "gradient": mean((x_node**2 + c) * score_node),
        "one": deviation(c),
        "averaged": deviation(c) / np.sqrt(N),
        "best": best,
        "bestOne": deviation(best),
        "bestAveraged": deviation(best) / np.sqrt(N),
    }


TRUTHS = {
    "climb": climb,
    "corridor_run": corridor_run,
    "one_update": one_update,
    "score_arrows": score_arrows,
}
