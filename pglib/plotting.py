"""The figures of the book; takes arrays, never pglib objects.

Every figure is read in black and white too: lines differ in dash, marks in shape. `use_book_style` is called once
in the first cell of a chapter; nothing changes Matplotlib on import.
"""

import matplotlib.pyplot as plt
import numpy as np

__all__ = ["lever", "use_book_style"]

INK, BLUE, ORANGE = "#222222", "#0072b2", "#d55e00"  # blue and vermilion differ for every kind of colour vision


def use_book_style():
    """Set the style of the book's figures for this process: sizes, fonts, and lines that differ without colour.

    Examples
    --------
    >>> use_book_style()
    >>> plt.rcParams["figure.figsize"]
    [6.4, 3.0]
    """
    plt.rcParams.update(
        {
            "figure.figsize": (6.4, 3.0),
            "figure.dpi": 130,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": INK,
            "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, INK], linestyle=["-", "--", ":"]),
            "lines.linewidth": 2,
            "legend.frameon": False,
        }
    )


def lever(ax, positions, weights, pivot):
    r"""Draw weights on a beam with a pivot: the beam balances where :math:`\sum_i w_i (x_i - \text{pivot}) = 0`.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    positions, weights : array_like, shape (n,)
        Where each weight stands, and how heavy it is; weights are drawn as areas and written as numbers.
    pivot : float
        Where the beam is held. It tips to the side of the larger torque.

    Returns
    -------
    float
        The torque :math:`\sum_i w_i (x_i - \text{pivot})`, positive if the beam tips to the right.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> round(lever(ax, [0, 1, 2], [0.25, 0.5, 0.25], pivot=1.0), 9)
    0.0
    >>> plt.close()
    """
    positions, weights = np.asarray(positions, dtype=float), np.asarray(weights, dtype=float)
    torque = float((weights * (positions - pivot)).sum())
    tilt = -0.12 * np.sign(round(torque, 9))
    along, up = np.array([np.cos(tilt), np.sin(tilt)]), np.array([-np.sin(tilt), np.cos(tilt)])
    ends = np.array([min(positions.min(), pivot) - 0.4, max(positions.max(), pivot) + 0.4])
    beam = (ends - pivot)[:, None] * along
    ax.plot(pivot + beam[:, 0], beam[:, 1], color=INK, linestyle="-", linewidth=3, solid_capstyle="round")
    ax.plot([pivot], [-0.13], marker="^", markersize=16, color=ORANGE, linestyle="none")
    for x, w in zip(positions, weights, strict=True):
        foot, side = np.array([pivot, 0]) + (x - pivot) * along, 0.75 * np.sqrt(w)
        corner, top = foot - side / 2 * along, foot + (side + 0.06) * up
        ax.add_patch(plt.Rectangle(corner, side, side, angle=np.degrees(tilt), facecolor=BLUE, edgecolor=INK))
        ax.annotate(f"{w:.2f}", top, ha="center")
    ax.set(xlim=ends + [-0.1, 0.1], ylim=(-0.6, 1.1), xticks=positions, yticks=[])
    ax.spines["left"].set_visible(False)
    ax.set_aspect("equal")
    return torque
