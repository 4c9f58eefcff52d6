r"""Episodes, and the returns of their steps.

An episode is a start :math:`S_0 \sim \mu`, then for t = 0, 1, ... an action
:math:`A_t \sim \pi_\theta(\cdot \mid S_t)`, a next state :math:`S_{t+1} \sim P(\cdot \mid S_t, A_t)` and a
reward :math:`R_t`, until a terminal state is entered or the horizon, a limit on the number of steps, cuts it. The two
ends are different facts: ``terminated`` says that the problem ended and nothing more will be paid, ``truncated`` that
the watching stopped.

Many episodes are one `Episodes`: arrays of shape (..., N, T), N episodes for each run, T steps for the longest. What
lies behind the end of an episode is 0 and not ``live``.

References
----------
Sutton & Barto (2018), chapter 3 and section 13.3.
"""

from dataclasses import dataclass

import numpy as np

from pglib._checks import check_gamma

__all__ = ["Episodes", "returns_to_go"]

ENDS = {"terminated", "truncated", "final"}  # one entry an episode; the others have one a step


@dataclass(frozen=True, eq=False)
class Episodes:
    """N episodes for each run, side by side; leading axes are runs, T is at least the number of steps of the longest.

    Attributes
    ----------
    states : ndarray, shape (..., N, T) of int, or (..., N, T, obs_dim)
        :math:`S_t`, the state before action t: its index in a finite problem; elsewhere the observation, which is all
        that is known of it.
    observations : ndarray, shape (..., N, T) of int, or (..., N, T, obs_dim)
        What the policy was given in that state.
    actions : ndarray, shape (..., N, T)
        :math:`A_t`; integers, unless actions are real numbers.
    rewards : ndarray, shape (..., N, T)
        :math:`R_t`, the reward for action t, in units of reward.
    live : ndarray of bool, shape (..., N, T)
        True for the steps that were taken; the arrays above are 0 elsewhere.
    terminated : ndarray of bool, shape (..., N)
        The episode entered a terminal state.
    truncated : ndarray of bool, shape (..., N)
        The horizon, or a time limit of the environment, cut the episode before it ended.
    final : ndarray, shape (..., N) of int, or (..., N, obs_dim)
        The observation after the last action. No action was taken there, and no score belongs to it.

    Raises
    ------
    ValueError
        If the shapes do not fit, there is no axis of episodes, or an episode is both terminated and truncated.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> batch = pg.rollout(pg.short_corridor(), pg.Softmax.binary(1), np.array([0.4]),
    ...                    n_episodes=5, horizon=1000, rng=np.random.default_rng(0))
    >>> batch.rewards.sum(axis=-1).shape, bool(batch.terminated.all())
    ((5,), True)
    """

    states: np.ndarray
    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    live: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    final: np.ndarray

    def __post_init__(self):
        """Refuse arrays that do not fit."""
        shape = np.shape(self.live)
        if len(shape) < 2:
            raise ValueError(
                f"live must have shape (..., N, T); received {shape}. One episode of a batch is batch[..., :1]"
            )
        vector = np.shape(self.observations)[len(shape) :]  # empty where an observation is one number
        for name, value in vars(self).items():
            expected = shape[:-1] if name in ENDS else shape
            expected += vector if name in {"states", "observations", "final"} else ()
            if np.shape(value) != expected:
                raise ValueError(f"{name} must have shape {expected}, as live says; received {np.shape(value)}")
        if np.logical_and(self.terminated, self.truncated).any():
            raise ValueError("an episode is either terminated or truncated; received one that is both")

    def __getitem__(self, index):
        """Return the episodes at an index into the axes before the time axis.

        Parameters
        ----------
        index : index of NumPy
            For example ``batch[..., :10]`` for the first ten episodes of each run. The axis of episodes must remain.

        Returns
        -------
        Episodes
            The episodes that were asked for.
        """
        index = index if isinstance(index, tuple) else (index,)
        chosen = {}
        for name, value in vars(self).items():  # an Ellipsis would reach for the axes behind those of the episodes
            behind = np.ndim(value) - self.terminated.ndim
            chosen[name] = value[(*index, *[slice(None)] * behind)]
        return Episodes(**chosen)


def returns_to_go(rewards, gamma):
    r"""Return the discounted return from each step on, :math:`G_t = \sum_{k \ge 0} \gamma^k R_{t + k}`.

    Parameters
    ----------
    rewards : array_like, shape (..., T)
        Reward of each step; 0 behind the end of an episode.
    gamma : float in [0, 1]
        Discount per step.

    Returns
    -------
    ndarray, shape (..., T)
        In units of reward; single precision if ``rewards`` are.

    Raises
    ------
    ValueError
        If ``gamma`` is outside [0, 1] or ``rewards`` has no time axis.

    References
    ----------
    Sutton & Barto (2018), chapter 3; there :math:`R_{t+1}` is the reward for action t.

    Examples
    --------
    >>> import pglib as pg
    >>> pg.returns_to_go([1, 0, 2], gamma=0.5)
    array([1.5, 1. , 2. ])
    """
    rewards = np.asarray(rewards)
    rewards = rewards.astype(np.float32 if rewards.dtype == np.float32 else float, copy=False)
    if rewards.ndim == 0:
        raise ValueError(f"rewards must have shape (..., T), with a time axis; received {rewards!r}")
    check_gamma(gamma)
    by_time = np.moveaxis(rewards, -1, 0)
    returns = np.empty_like(by_time)  # in the same order in memory
    returns[-1:] = by_time[-1:]
    for t in reversed(range(len(returns) - 1)):
        np.add(by_time[t], returns[t + 1] if gamma == 1 else gamma * returns[t + 1], out=returns[t, ...])
    return np.moveaxis(returns, 0, -1)
