r"""Episodes of a policy in a problem: drawn at random, or every one of them with its probability.

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

from dataclasses import dataclass, fields
from math import prod
from numbers import Real

import numpy as np

from pglib._checks import check_count, check_real, check_rng, check_runs
from pglib.exact import action_probabilities
from pglib.mdp import FiniteMDP

__all__ = ["Episodes", "enumerate_episodes", "returns_to_go", "rollout"]

BLOCK = 16  # most steps between two looks at which episodes have ended
MOST = 1_000_000  # episodes beyond which listing them all is refused


@dataclass(frozen=True, eq=False)
class Episodes:
    """N episodes for each run, side by side; leading axes are runs, T is at least the number of steps of the longest.

    Attributes
    ----------
    states : ndarray of int, shape (..., N, T)
        :math:`S_t`, the state before action t.
    observations : ndarray of int, shape (..., N, T)
        What the policy was given in that state.
    actions : ndarray of int, shape (..., N, T)
        :math:`A_t`.
    rewards : ndarray, shape (..., N, T)
        :math:`R_t`, the reward for action t, in units of reward.
    live : ndarray of bool, shape (..., N, T)
        True for the steps that were taken; the arrays above are 0 elsewhere.
    terminated : ndarray of bool, shape (..., N)
        The episode entered a terminal state.
    truncated : ndarray of bool, shape (..., N)
        The horizon cut the episode before it ended.

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

    def __post_init__(self):
        """Refuse arrays that do not fit."""
        shape = np.shape(self.live)
        if len(shape) < 2:
            raise ValueError(
                f"live must have shape (..., N, T); received {shape}. One episode of a batch is batch[..., :1]"
            )
        for name, value in vars(self).items():
            expected = shape[:-1] if name in {"terminated", "truncated"} else shape
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
        steps = (*index, slice(None))  # without it, an Ellipsis would reach for the time axis
        ends = {"terminated", "truncated"}
        return Episodes(**{x.name: getattr(self, x.name)[index if x.name in ends else steps] for x in fields(self)})


def rollout(env, policy, theta, *, n_episodes, horizon, rng):
    r"""Draw episodes of a policy.

    Parameters
    ----------
    env : FiniteMDP
        The problem. Rewards of transitions and the noise ``reward_std`` are sampled, not averaged.
    policy : policy
        Any object with ``log_prob`` and ``n_params``; it is given ``env.observation``.
    theta : array_like, shape (..., d)
        Parameters; leading axes are runs.
    n_episodes : int
        N, episodes for each run.
    horizon : int
        The most steps an episode may take. An episode that has not ended by then is ``truncated``.
    rng : numpy.random.Generator
        One source for all runs, so the numbers of a run depend on how many runs there are.

    Returns
    -------
    Episodes
        Arrays of shape (..., N, T), where T is the number of steps of the longest episode.

    Raises
    ------
    ValueError
        If an argument is out of range, or ``theta``, the policy and the problem do not fit.

    Notes
    -----
    The arrays take 33 bytes for each run, episode and step of the *longest* episode: one endless episode among many
    short ones costs as much memory as if all were endless. Lower the horizon, or draw several batches.

    A draw compares with one cumulative probability after the other, so time grows with the number of actions and of
    possible next states.

    References
    ----------
    Sutton & Barto (2018), section 13.3.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> rng = np.random.default_rng(0)
    >>> arms, policy = pg.bandit([3, 2, 1]), pg.Softmax.tabular(1, 3)
    >>> batch = pg.rollout(arms, policy, np.zeros(3), n_episodes=4, horizon=1, rng=rng)
    >>> batch.rewards[:, 0] + batch.actions[:, 0]
    array([3., 3., 3., 3.])
    """
    n_episodes, horizon = check_count("n_episodes", n_episodes), check_count("horizon", horizon)
    check_rng(rng)
    simulator = _Simulator(env)
    pi = action_probabilities(env, policy, check_real("theta", theta))
    return simulator.episodes(pi, n_episodes, horizon, rng)


def enumerate_episodes(mdp, policy, theta, *, horizon):
    r"""Return every episode once, with its probability.

    .. math::

        \Pr(\tau) = \mu(s_0) \prod_t \pi_\theta(a_t \mid s_t)\, P(s_{t+1} \mid s_t, a_t)

    An estimator applied to the episodes, weighted by the probabilities and summed, gives its exact expectation.

    Parameters
    ----------
    mdp : FiniteMDP
        The problem, without noise on its rewards.
    policy : policy
        Any object with ``log_prob`` and ``n_params``.
    theta : array_like, shape (..., d)
        Parameters; leading axes are runs.
    horizon : int
        Episodes that have not ended after so many steps are listed as ``truncated``.

    Returns
    -------
    batch : Episodes
        Arrays of shape (..., M, T) for M episodes.
    prob : ndarray, shape (..., M)
        Sums to 1. These arrays are views, and read-only, where runs share them.

    Raises
    ------
    ValueError
        If ``mdp.reward_std`` is not 0, there are more than a million episodes, or an argument does not fit.

    Examples
    --------
    The gradient of a problem of three steps, as an average over its 32 episodes.

    >>> import numpy as np
    >>> import pglib as pg
    >>> mdp, policy, theta = pg.with_horizon(pg.two_state(gamma=0.9), 3), pg.Softmax.binary(2), np.array([0, np.log(3)])
    >>> batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=3)
    >>> samples = pg.reinforce(policy, theta, batch, gamma=0.9)
    >>> bool(np.allclose(prob @ samples, pg.policy_gradient(mdp, policy, theta)))
    True
    """
    horizon = check_count("horizon", horizon)
    if not isinstance(mdp, FiniteMDP):
        raise ValueError(f"mdp must be a FiniteMDP; received {mdp!r}")
    if mdp.reward_std > 0:
        raise ValueError(f"reward_std must be 0, or there are infinitely many episodes; it is {mdp.reward_std}")
    pi = action_probabilities(mdp, policy, theta)
    lead = check_runs(pi.shape[:-2], mdp.r.shape[:-2])

    # A path is a row of each list below, one entry a step; -1 stands behind its end.
    from_state, action_of, next_of = np.nonzero(mdp.P)  # every step there is, in the order of states; none from the end
    n_steps = np.bincount(from_state, minlength=mdp.n_states)
    at = np.flatnonzero(mdp.mu)
    by_dynamics = mdp.mu[at]
    states, actions, after = [], [], []
    for _ in range(horizon):
        count = np.where(at >= 0, n_steps[at], 0)
        ended = np.flatnonzero(count == 0)
        if len(ended) == len(at):
            break
        if count.sum() + len(ended) > MOST:
            raise ValueError(f"there are more than {MOST:,} episodes of {len(states) + 1} steps; lower the horizon")
        row = np.repeat(np.arange(len(at)), count)
        step = np.searchsorted(from_state, at[row]) + np.arange(len(row)) - (count.cumsum() - count)[row]
        action, then = action_of[step], next_of[step]
        parent = np.concatenate([row, ended])
        states, actions, after = ([column[parent] for column in table] for table in (states, actions, after))
        nothing = np.full(len(ended), -1)
        states.append(np.concatenate([at[row], nothing]))
        actions.append(np.concatenate([action, nothing]))
        after.append(np.concatenate([then, nothing]))
        by_dynamics = by_dynamics[parent] * np.concatenate([mdp.P[at[row], action, then], np.ones(len(ended))])
        at = np.concatenate([then, nothing])

    s, a, s_next = (np.stack(table, axis=-1) for table in (states, actions, after))
    live = s >= 0
    s, a, s_next = s * live, a * live, s_next * live
    prob = np.broadcast_to(by_dynamics, (*pi.shape[:-2], len(s))).astype(pi.dtype)
    for t in range(s.shape[-1]):
        prob *= np.where(live[:, t], pi[..., s[:, t], a[:, t]], 1)
    paid = mdp.r[..., s, a] if mdp.r_next is None else mdp.r_next[..., s, a, s_next]
    last = np.take_along_axis(s_next, live.sum(axis=-1, keepdims=True) - 1, axis=-1)[:, 0]
    terminated = mdp.terminal[last]
    columns = (s, mdp.observation[s] * live, a, np.where(live, paid, 0), live)
    batch = Episodes(
        *(np.broadcast_to(column, (*lead, *s.shape)) for column in columns),
        *(np.broadcast_to(end, (*lead, len(s))) for end in (terminated, ~terminated)),
    )
    return batch, np.broadcast_to(prob, (*lead, len(s)))


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
        In units of reward.

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
    rewards = np.asarray(rewards, dtype=float)
    if rewards.ndim == 0:
        raise ValueError(f"rewards must have shape (..., T), with a time axis; received {rewards!r}")
    if not (isinstance(gamma, Real) and 0 <= gamma <= 1):
        raise ValueError(f"gamma must be a number in [0, 1]; received {gamma!r}")
    by_time = np.moveaxis(rewards, -1, 0)
    returns = np.array(by_time)  # keeps the order in memory
    for t in reversed(range(len(returns) - 1)):
        returns[t] += gamma * returns[t + 1]
    return np.moveaxis(returns, 0, -1)


class _Simulator:
    """A finite problem made ready for sampling: the possible next states of each cell s * A + a, worked out once.

    In the loop a state is the number s * A of its first cell. A draw from a table with K columns is then one comparison
    for each of its first K - 1 columns, made for all episodes at once: the number of cumulative probabilities that the
    uniform number has passed is what is added to the number of the row's first entry.
    """

    def __init__(self, mdp):
        if not isinstance(mdp, FiniteMDP):
            raise ValueError(f"env must be a FiniteMDP; received {mdp!r}")
        P = mdp.P.reshape(-1, mdp.n_states)
        cell, s_next = np.nonzero(P)
        count = np.bincount(cell, minlength=len(P))
        rank = np.arange(len(cell)) - (count.cumsum() - count)[cell]
        self.mdp, self.most_next = mdp, max(count.max(initial=0), 1)
        self.start = mdp.mu.cumsum()
        self.start /= self.start[-1]  # ends at 1 but for rounding, which must not pick an impossible state
        next_state = np.repeat(np.arange(len(P)) // mdp.n_actions, self.most_next)  # the end leads to itself
        next_state[cell * self.most_next + rank] = s_next
        self.next_first = next_state * mdp.n_actions
        cdf = np.full((len(P), self.most_next), 2.0)  # no uniform number passes 2: the last possible state is the last
        cdf[cell, rank] = np.where(rank + 1 < count[cell], np.cumsum(P, axis=1)[cell, s_next], 2)
        self.bounds = _columns(cdf)

    def episodes(self, pi, n_episodes, horizon, rng):
        """Return `Episodes` of shape (..., N, T) for action probabilities pi (..., S, A)."""
        mdp, (S, A), K = self.mdp, pi.shape[-2:], self.most_next
        lead = check_runs(pi.shape[:-2], mdp.r.shape[:-2])
        cdf = np.broadcast_to(pi, (*lead, S, A)).cumsum(axis=-1)
        cdf /= cdf[..., -1:]  # ends at 1 but for rounding, which must not pick an impossible action
        bounds = _columns(cdf)

        lane = np.arange(prod(lead) * n_episodes)  # the episodes that go on
        first = np.searchsorted(self.start, rng.random(len(lane)), side="right") * A
        blocks, t = [], 0
        while len(lane) and t < horizon:
            n_steps = min(max(t, 1), BLOCK, horizon - t)  # short blocks first: many problems end soon
            table = lane // n_episodes * (S * A)  # where the run's action probabilities begin
            u = rng.random((n_steps, 1 + (K > 1), len(lane)))
            cells = np.empty((n_steps, len(lane)), np.intp)
            for k in range(n_steps):
                cells[k] = cell = _draw(bounds, table + first, first, u[k, 0])
                first = self.next_first[_draw(self.bounds, cell * K, cell * K, u[k, 1]) if K > 1 else cell]
            blocks.append((t, lane, cells, first))
            going_on = ~mdp.terminal[first // A]
            lane, first, t = lane[going_on], first[going_on], t + n_steps
        return self._side_by_side(blocks, lane, (*lead, n_episodes), rng)

    def _side_by_side(self, blocks, unfinished, shape, rng):
        """Return what the blocks hold as one `Episodes`, and pay the rewards."""
        mdp, n_lanes, at_end = self.mdp, prod(shape), self.mdp.terminal.repeat(self.mdp.n_actions)
        taken = [np.zeros((3, 0), np.intp)]  # for each step: t * n_lanes + lane, its cell, the next state's first cell
        for t, lane, cells, first in blocks:
            live = ~at_end[cells]
            place = np.arange(t, t + len(cells))[:, None] * n_lanes + lane
            taken.append([column[live] for column in (place, cells, np.concatenate([cells[1:], first[None]]))])
        place, cell, after = (np.concatenate(column) for column in zip(*taken, strict=True))
        s, a = np.divmod(cell, mdp.n_actions)
        rewards = self._rewards(place % n_lanes // shape[-1], s, a, after // mdp.n_actions, shape[:-1], rng)
        longest = int(place.max()) // n_lanes + 1 if len(place) else 0
        by_time = [np.zeros(longest * n_lanes, kind) for kind in (int, int, int, float, bool)]
        for column, values in zip(by_time, (s, mdp.observation[s], a, rewards, True), strict=True):
            column[place] = values
        truncated = np.zeros(n_lanes, bool)
        truncated[unfinished] = True
        return Episodes(
            *(column.reshape(longest, n_lanes).T.reshape(*shape, longest) for column in by_time),
            terminated=~truncated.reshape(shape),
            truncated=truncated.reshape(shape),
        )

    def _rewards(self, run, s, a, s_next, lead, rng):
        """Return sampled rewards, with the shape of ``s``."""
        mdp = self.mdp
        table, where = (mdp.r, (s, a)) if mdp.r_next is None else (mdp.r_next, (s, a, s_next))
        own = table.shape[-len(where) :]
        if table.ndim > len(where):  # another reward for each run
            table = np.broadcast_to(table, (*lead, *own)).reshape(-1, *own)
            where = (run, *where)
        paid = table[where]
        return paid + mdp.reward_std * rng.normal(size=paid.shape) if mdp.reward_std > 0 else paid


def _columns(cdf):
    """Return views of a table (..., K): the k-th, read where a row begins, gives its entry k; k < K - 1."""
    return [cdf.reshape(-1)[k:] for k in range(cdf.shape[-1] - 1)]


def _draw(bounds, row, start, u):
    """Return ``start`` plus an index drawn from the distribution function that begins at ``row``."""
    for bound in bounds:
        start = start + (u >= bound[row])
    return start
