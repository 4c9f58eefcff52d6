"""Learning curves: what is returned is what is drawn, and what is refused."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pglib.plotting import BLUE, INK, ORANGE, learning_curve


@pytest.fixture
def ax():
    with plt.rc_context():
        plt.style.use("pglib.book")
        fig, ax = plt.subplots()
        yield ax
        plt.close(fig)


def test_quantiles_and_mean_by_hand(ax):
    """21 runs with the values 0, 1, ..., 20, shuffled: 1 and 19 are the quantiles; the mean is pulled by the last."""
    column = np.random.default_rng(0).permutation(np.arange(21.0))
    values = np.stack([column, np.where(column == 20, 230.0, column)], axis=1)
    drawn = learning_curve(ax, [0, 7], values, label="runs")
    assert_allclose(drawn, [[1, 1], [10, 20], [19, 19]], atol=1e-12)


def test_what_is_returned_is_drawn(ax):
    """The line is the mean, the edges and the band are the quantiles, at the numbers of the updates."""
    updates, values = [0, 10, 15], np.random.default_rng(1).normal(size=(30, 3))
    low, mean, high = learning_curve(ax, updates, values, label="runs")
    assert (low < mean).all() and (mean < high).all()
    for line, expected in zip(ax.lines, (mean, low, high), strict=True):
        assert_array_equal(line.get_xdata(), updates)
        assert_array_equal(line.get_ydata(), expected)
    (band,) = ax.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.tolist()}
    assert corners == set(zip(updates * 2, [*low, *high], strict=True))


def test_curves_differ_in_colour_and_dash(ax):
    """Edges belong to their line and take nothing from the cycle; the legend names each curve once."""
    for label in ("first", "second", "third"):
        learning_curve(ax, [0, 1], [[0, 1], [1, 2]], label=label)
    looks = [(line.get_color(), line.get_linestyle()) for line in ax.lines]
    assert looks == [(BLUE, "-")] * 3 + [(ORANGE, "--")] * 3 + [(INK, ":")] * 3
    assert ax.get_legend_handles_labels()[1] == ["first", "second", "third"]


def test_one_run_and_one_update(ax):
    assert_array_equal(learning_curve(ax, [0, 5], [[1, 4]], label="one run"), [[1, 4]] * 3)
    assert learning_curve(ax, [3], [[1], [2]], label="one update").shape == (3, 1)


@pytest.mark.parametrize("updates, values, message", [
    ([0, 1], [1.0, 2.0], r"values must have shape \(runs, 2\), a column an update; received \(2,\)"),
    ([0, 1], np.zeros((3, 4)), r"values must have shape \(runs, 2\), a column an update; received \(3, 4\)"),
    ([0, 1], np.zeros((2, 3, 2)), r"values must have shape \(runs, 2\), a column an update; received \(2, 3, 2\)"),
    ([0, 10], [[0, 1], [0, np.nan]], r"values must be finite; it holds nan at run=1, update=10"),
    ([0, 10], [[-np.inf, 1]], r"values must be finite; it holds -inf at run=0, update=0"),
])  # fmt: skip
def test_what_is_refused(ax, updates, values, message):
    with pytest.raises(ValueError, match=message):
        learning_curve(ax, updates, values, label="no")
    assert not ax.lines and not ax.collections
