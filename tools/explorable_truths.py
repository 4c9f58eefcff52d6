"""What the figures that a reader moves must show: for each, its numbers at given sliders, computed by pglib."""

import numpy as np

import pglib as pg


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


TRUTHS = {"one_update": one_update}
