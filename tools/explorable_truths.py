"""What the figures that a reader moves must show: for each, its numbers at given sliders, computed by pglib."""

from functools import cache

import numpy as np

import pglib as pg


def baseline(b, p, r0):
    """Two samples of the gradient on a bandit with two arms, for the log-odds of arm 1, with a baseline subtracted."""
    arms, policy, theta = pg.bandit([r0, 1]), pg.Softmax.binary(1), np.log([p / (1 - p)])
    every, prob = pg.enumerate_episodes(arms, policy, theta, horizon=1)
    order = every.actions[:, 0].argsort()  # arm 0 first
    every, prob = every[order], prob[order]
    mean = pg.policy_gradient(arms, policy, theta)

    def variance(baseline):
        return prob @ ((pg.reinforce(policy, theta, every, gamma=1.0, baseline=baseline) - mean) ** 2)[:, 0]

    # where the derivative of the variance in the baseline is 0
    squared_score = policy.score(theta, every.observations[:, 0], every.actions[:, 0])[:, 0] ** 2
    best = prob @ (every.rewards[:, 0] * squared_score) / (prob @ squared_score)
    V = pg.objective(arms, policy, theta)
    return {
        "samples": pg.reinforce(policy, theta, every, gamma=1.0, baseline=b)[:, 0],
        "mean": mean[0],
        "variance": variance(b),
        "without": variance(None),
        "V": V,
        "withV": variance(V),
        "best": best,
        "curve": [variance(x / 40) for x in range(41)],
    }


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


def moving_support(theta, k, h):
    """Uniform on (0, theta) with payoff x**k: true slope of the expectation, and what score times payoff gives.

    pglib has no uniform distribution. Means are Gauss-Legendre sums, exact for these polynomials. The true slope is
    the derivative of the expectation, the score that of the log-density, both by a complex step.
    """
    nodes, weights = np.polynomial.legendre.leggauss(8)

    def mean(f, theta):
        return weights / 2 @ f(theta * (1 + nodes) / 2)

    def payoff(x):
        return x ** int(k)

    beside = theta + 1e-30j
    score = -np.log(beside).imag / 1e-30
    trick = mean(lambda x: payoff(x) * score, theta)
    slope = mean(payoff, beside).imag / 1e-30
    inside, beyond = np.linspace(0, theta, 21), np.linspace(theta, theta + h, 11)
    uniform = np.array([0.03, 0.13, 0.19, 0.31, 0.38, 0.44, 0.57, 0.62, 0.71, 0.79, 0.88, 0.97])
    return {
        "samples": theta * uniform,
        "score": mean(lambda x: score + 0 * x, theta),
        "trick": trick,
        "edge": slope - trick,  # by Leibniz' rule, payoff times density at the edge
        "slope": slope,
        "before": mean(payoff, theta),
        "after": mean(payoff, theta + h),
        "now": payoff(inside) / theta,
        "then": payoff(inside) / (theta + h),
        "strip": payoff(beyond) / (theta + h),
    }


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


def three_objectives(p, q, gamma):
    """Gradients of the three objectives on the problem with two states, and sums with every weight and table."""
    mdp, policy = pg.two_state(gamma=gamma), pg.Softmax.binary(2)
    theta = np.log([p / (1 - p), q / (1 - q)])
    kinds = ("start_value", "average_reward", "average_value")
    truths = np.array([pg.policy_gradient(mdp, policy, theta, kind) for kind in kinds])
    pi = pg.action_probabilities(mdp, policy, theta)
    rho = pg.objective(mdp, policy, theta, "average_reward")
    differential = mdp.r - rho + mdp.P @ pg.differential_values(mdp, pi)
    scores = policy.score(theta, np.arange(2)[:, None], np.arange(2))
    pairs = np.array([
        np.einsum("s,sa,sa,sad->d", weight, pi, table, scores)
        for table in (mdp.r, pg.action_values(mdp, pi), differential)
        for weight in (pg.visitation(mdp, pi), pg.stationary_distribution(mdp, pi))
    ])  # fmt: skip
    against = truths[:2]  # the gradients of the two averages have the same signs
    signs = np.where(np.abs(pairs) < 1e-9, 0, np.sign(pairs))[:, None]
    true_signs = np.where(np.abs(against) < 1e-9, 0, np.sign(against))
    return {
        "truths": truths,
        "pairs": pairs,
        "right": np.abs(pairs[:, None] - against).max(axis=2) < 1e-9,
        "flips": signs * true_signs < 0,
    }


TRUTHS = {
    "baseline": baseline,
    "climb": climb,
    "corridor_run": corridor_run,
    "moving_support": moving_support,
    "one_update": one_update,
    "score_arrows": score_arrows,
    "three_objectives": three_objectives,
}
