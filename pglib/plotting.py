"""The figures of the book; takes arrays, never pglib objects.

Every figure is read in black and white too: lines differ in dash, marks in shape. The style of the book is a style
sheet of Matplotlib, `book.mplstyle`: the first cell of a chapter says ``plt.style.use("pglib.book")``, and nothing
changes Matplotlib on import.
"""

import matplotlib.pyplot as plt
import numpy as np

__all__ = ["head_to_tail", "learning_curve", "lever"]

INK, BLUE, ORANGE = "#222222", "#0072b2", "#d55e00"  # as in book.mplstyle


def learning_curve(ax, updates, values, *, label):
    """Draw the mean over runs as a line, and the middle 90 % of the runs as a band.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; line style and colour are the next of its cycle.
    updates : array_like, shape (n_kept,)
        Numbers of the updates.
    values : array_like, shape (runs, n_kept)
        What was reached after each of them, run by run.
    label : str
        For the legend.

    Returns
    -------
    ndarray, shape (3, n_kept)
        What was drawn: the 5 % quantile over runs, the mean, the 95 % quantile.

    Raises
    ------
    ValueError
        If the shapes do not fit, there are no runs, or a value is not finite.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> learning_curve(ax, [0, 10], [[0, 1], [0, 3]], label="two runs").round(4)
    array([[0. , 1.1],
           [0. , 2. ],
           [0. , 2.9]])
    >>> plt.close()
    """
    updates, values = np.asarray(updates), np.asarray(values, dtype=float)
    if values.ndim != 2 or values.size == 0 or updates.shape != values.shape[1:]:
        raise ValueError(f"values must have shape (runs, {updates.size}), a column an update; received {values.shape}")
    if not np.isfinite(values).all():
        run, column = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(
            f"values must be finite; it holds {values[run, column]} at run={run}, update={updates[column]}"
        )
    low, high = np.quantile(values, [0.05, 0.95], axis=0)
    (line,) = ax.plot(updates, values.mean(axis=0), label=label)
    ax.fill_between(updates, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    for edge in (low, high):
        ax.plot(updates, edge, color=line.get_color(), linestyle=line.get_linestyle(), linewidth=0.5)
    return np.stack([low, values.mean(axis=0), high])


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


def head_to_tail(ax, vectors, *, size):
    r"""Draw three vectors of logit space end to end, in the plane of logits that sum to zero.

    The plane is seen from the direction (1, 1, 1). Along each thin line one logit rises and the
    others fall alike.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    vectors : array_like, shape (3, 3)
        One row for each action, its components summing to zero, for example weighted scores of a softmax policy.
    size : float
        Half-width of the picture, in logits.

    Returns
    -------
    ndarray, shape (3,)
        The sum of the vectors, where the last arrow ends; drawn dashed unless it is zero.

    Raises
    ------
    ValueError
        If the components of a vector do not sum to zero.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> head_to_tail(ax, [[2, -1, -1], [-1, 2, -1], [-1, -1, 2]], size=3)
    array([0., 0., 0.])
    >>> plt.close()
    """
    vectors = np.asarray(vectors, dtype=float)
    if vectors.shape != (3, 3) or (np.abs(vectors.sum(axis=1)) > 1e-9).any():
        raise ValueError(f"vectors must be three rows of three numbers that sum to 0; received {vectors.tolist()}")
    plane = np.sqrt(2 / 3) * np.array([[-np.sqrt(3) / 2, 0, np.sqrt(3) / 2], [-1 / 2, 1, -1 / 2]])
    corners = np.vstack([np.zeros(2), (vectors @ plane.T).cumsum(axis=0)])
    middle = corners[:3].mean(axis=0)
    arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "lw": 2}
    for action in range(3):
        start, end, way = corners[action], corners[action + 1], size * plane[:, action]
        ax.plot([0, way[0]], [0, way[1]], color="#bbbbbb", linewidth=1, linestyle="-", zorder=0)
        ax.annotate(rf"$\theta_{action}$", 1.12 * way, ha="center", va="center", color="#666666")
        ax.annotate("", end, start, arrowprops=arrow | {"color": BLUE})
        beside = (start + end) / 2 - middle
        beside = (start + end) / 2 + 0.13 * size * beside / np.linalg.norm(beside)
        ax.annotate(f"{action}", beside, ha="center", va="center", fontsize=12)
    if np.abs(corners[3]).max() > 1e-9:
        ax.annotate("", corners[3], corners[0], arrowprops=arrow | {"color": ORANGE, "lw": 3, "ls": "--"})
    ax.plot(0, 0, "o", color=INK)
    ax.set(xlim=(-1.15 * size, 1.15 * size), ylim=(-0.68 * size, 1.2 * size), aspect="equal")
    ax.axis("off")
    return vectors.sum(axis=0)
