"""What the figures that a reader moves must show: for each, its numbers at given sliders, computed by pglib."""

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


TRUTHS = {"climb": climb, "one_update": one_update}
