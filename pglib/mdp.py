r"""Finite Markov decision processes as arrays, their linear algebra, and the named problems of the literature.

An MDP is :math:`P(s' \mid s, a)`, a mean reward :math:`r(s, a)`, a start distribution :math:`\mu` and a discount
:math:`\gamma`. A policy enters as the array ``pi`` of its probabilities, shape (..., S, A), and gives a chain with

.. math::

    P_\pi(s, s') = \sum_a \pi(a \mid s) P(s' \mid s, a), \qquad r_\pi(s) = \sum_a \pi(a \mid s)\, r(s, a).

Everything below is one linear solve with :math:`P_\pi`. No sampling, no iteration to a tolerance:

.. math::

    V &= (I - \gamma P_\pi)^{-1} r_\pi                     & &\text{values} \\
    Q &= r + \gamma P V, \quad A = Q - V                   & &\text{action values, advantages} \\
    \nu^\top &= \mu^\top (I - \gamma P_\pi)^{-1}           & &\text{visitation} \\
    d^\top &= d^\top P_\pi, \quad \textstyle\sum_s d(s) = 1    & &\text{stationary distribution} \\
    h &= r_\pi - \rho + P_\pi h, \quad d^\top h = 0, \quad \rho = d^\top r_\pi    & &\text{differential values.}

A terminal state ends the episode: no action is taken in it, nothing is paid, its value and its visitation are 0, and
its row of P is ignored (stored as zeros). With terminal states gamma may be 1, provided that the policy ends the
episode with probability 1 from every state.

The functions take (mdp, pi), broadcast over leading axes of ``pi``, and accept complex ``pi``: a derivative
:math:`\operatorname{Im} V(\pi + i \epsilon \dot\pi) / \epsilon` then costs no accuracy (Squire & Trapp 1998).

References
----------
Puterman (1994); Sutton & Barto (2018), chapters 3, 10 and 13.
"""

from copy import copy
from numbers import Real

import numpy as np

from pglib._arrays import total
from pglib._checks import check_count, check_distribution, place

__all__ = [
    "FiniteMDP",
    "action_values",
    "advantages",
    "bandit",
    "differential_values",
    "gridworld",
    "optimal_values",
    "random_walk",
    "short_corridor",
    "stationary_distribution",
    "two_state",
    "values",
    "visitation",
    "with_horizon",
]

SWEEPS = 200_000  # of value iteration, beyond which the values are taken for endless
LONGEST = 1e12  # steps beyond which an episode, or the way between two states, counts as endless: all would be rounding


class FiniteMDP:
    r"""A Markov decision process with S states and A actions.

    Parameters
    ----------
    P : array_like, shape (S, A, S)
        :math:`P(s' \mid s, a)`. Rows of terminal states are ignored.
    r : array_like, shape (..., S, A) or (..., S, A, S)
        Mean reward of action a in state s, or reward of the transition to s'. Leading axes are runs: another reward
        for each run on the same P. A shape that ends in (S, A, S) is always read as the reward of a transition.
    mu : array_like, shape (S,)
        Start distribution; no mass on terminal states.
    gamma : float in [0, 1]
        Discount per step. It must be given; there is no default worth having.
    terminal : array_like of bool, shape (S,), optional
        States that end the episode. None by default.
    reward_std : float
        Standard deviation of Gaussian noise on every sampled reward, in units of reward.
    observation : array_like of int, shape (S,), optional
        What a policy is given in each state; the state itself by default. States with the same observation look alike.

    Attributes
    ----------
    n_states, n_actions : int
        S and A.
    P, r, mu, terminal, observation : ndarray
        As above, read-only; ``r`` is always the mean, shape (..., S, A).
    r_next : ndarray, shape (..., S, A, S), or None
        Reward of each transition, if it was given.
    gamma, reward_std : float
        As above.

    Raises
    ------
    ValueError
        If shapes do not fit, P[s, a] or mu does not sum to 1 or holds NaN, a reward is not finite, gamma or reward_std
        is missing or out of range, or an episode could start in a terminal state.

    Examples
    --------
    >>> import pglib as pg
    >>> mdp = pg.FiniteMDP(P=[[[0.5, 0.5]], [[0, 1]]], r=[[1], [0]], mu=[1, 0], gamma=0.5)
    >>> pg.values(mdp, [[1.0], [1.0]]).round(4)
    array([1.3333, 0.    ])
    >>> pg.FiniteMDP(P=[[[0.5, 0.4]], [[0, 1]]], r=[[1], [0]], mu=[1, 0], gamma=0.5)
    Traceback (most recent call last):
        ...
    ValueError: P[s, a] must sum to 1; it sums to 0.9 at s=0, a=0
    """

    def __init__(self, P, r, mu, *, gamma=None, terminal=None, reward_std=0.0, observation=None):
        P = np.array(P, dtype=float)
        if P.ndim != 3 or P.shape[0] != P.shape[2] or 0 in P.shape:
            raise ValueError(f"P must have shape (S, A, S), none of them 0; received {P.shape}")
        n_states, n_actions = P.shape[:2]

        terminal = np.zeros(n_states, bool) if terminal is None else np.array(terminal)
        if terminal.shape != (n_states,) or terminal.dtype != bool:
            raise ValueError(
                f"terminal must have shape ({n_states},) of bool; received {terminal.shape} of {terminal.dtype}"
            )
        P[terminal] = 1 / n_states  # whatever was passed is ignored
        check_distribution("P[s, a]", P, ("s", "a"))
        summed = P.sum(axis=-1, keepdims=True)
        P /= np.where(np.abs(summed - 1) > 1e-14, summed, 1)  # what the check lets pass would grow by 1 / (1 - gamma)
        P[terminal] = 0

        mu = np.array(mu, dtype=float)
        if mu.shape != (n_states,):
            raise ValueError(f"mu must have shape ({n_states},), one entry a state; received {mu.shape}")
        check_distribution("mu", mu, ())
        if (mu[terminal] > 0).any():
            s = np.flatnonzero(terminal & (mu > 0))[0]
            raise ValueError(f"mu must be 0 in terminal states, where no episode can start; it is {mu[s]} at s={s}")

        r = np.array(r, dtype=float)
        r_next = r if r.shape[-3:] == P.shape else None
        if r_next is None and r.shape[-2:] != P.shape[:2]:
            raise ValueError(
                f"r must have shape (..., S, A) or (..., S, A, S) with S={n_states}, A={n_actions}; received {r.shape}"
            )
        if r_next is None:
            r[..., terminal, :] = 0
        else:
            r_next[..., terminal, :, :] = 0
        if not np.isfinite(r).all():
            where, axes = np.argwhere(~np.isfinite(r))[0], ("s", "a") if r_next is None else ("s", "a", "s_next")
            raise ValueError(
                f"r must be finite in states that are not terminal; it holds {r[tuple(where)]}{place(axes, where)}"
            )
        if r_next is not None:
            r = np.einsum("sat,...sat->...sa", P, r_next)

        if not (isinstance(gamma, Real) and 0 <= gamma <= 1):
            raise ValueError(f"gamma must be given, a number in [0, 1]; received {gamma!r}")
        if not (isinstance(reward_std, Real) and 0 <= reward_std < np.inf):
            raise ValueError(f"reward_std must be a finite number of at least 0; received {reward_std!r}")

        observation = np.arange(n_states) if observation is None else np.array(observation)
        if observation.shape != (n_states,):
            raise ValueError(
                f"observation must have shape ({n_states},), one entry a state; received {observation.shape}"
            )
        if not np.issubdtype(observation.dtype, np.integer) or (observation < 0).any():
            raise ValueError(f"observation must hold integers of at least 0; received {observation.tolist()}")

        for array in (P, r, mu, terminal, observation, *([] if r_next is None else [r_next])):
            array.flags.writeable = False
        self.P, self.r, self.r_next, self.mu = P, r, r_next, mu
        self.gamma, self.terminal, self.reward_std, self.observation = (
            float(gamma),
            terminal,
            float(reward_std),
            observation,
        )
        self.n_states, self.n_actions = n_states, n_actions
        self._parts = _parts((P > 0).any(axis=1), ~terminal)

    @classmethod
    def from_gymnasium(cls, env, *, gamma):
        """Read the transition table of a Gymnasium toy-text environment (FrozenLake, CliffWalking, Taxi ...).

        The table ``env.unwrapped.P[s][a]`` lists (probability, next state, reward, terminated), and
        ``initial_state_distrib`` the start. A state entered by a terminated transition from a state that an episode can
        reach is terminal. The table knows no time limit: the MDP has none, even if ``env`` was made with one.

        Parameters
        ----------
        env : gymnasium.Env
            Any environment whose ``unwrapped`` has ``P`` and ``initial_state_distrib``.
        gamma : float in [0, 1]
            Discount per step.

        Returns
        -------
        FiniteMDP
            With ``r`` given for each transition. Where the table pays different rewards for the same (s, a, s'), their
            mean, weighted by probability.

        Raises
        ------
        ValueError
            If the environment has no such table, or a reachable state is entered both by a terminated and by an
            unterminated transition, so that no set of terminal states describes the table.

        Examples
        --------
        >>> import gymnasium
        >>> import pglib as pg
        >>> lake = pg.FiniteMDP.from_gymnasium(gymnasium.make("FrozenLake-v1"), gamma=0.99)
        >>> lake.n_states, lake.n_actions, int(lake.terminal.sum())
        (16, 4, 5)
        """
        table = getattr(env.unwrapped, "P", None)
        mu = getattr(env.unwrapped, "initial_state_distrib", None)
        if table is None or mu is None:
            raise ValueError(f"env must have a transition table P and initial_state_distrib; {env} has not")
        n_states, n_actions = len(table), len(table[0])
        P, paid = np.zeros((2, n_states, n_actions, n_states))
        going_on, ending = np.zeros((2, n_states, n_states), bool)
        for s, actions in table.items():
            for a, transitions in actions.items():
                for p, s_next, reward, terminated in transitions:
                    P[s, a, s_next] += p
                    paid[s, a, s_next] += p * reward
                    (ending if terminated else going_on)[s, s_next] |= p > 0
        reachable = _closure(np.asarray(mu) > 0, going_on)
        terminal = ending[reachable].any(axis=0)
        contradiction = terminal & (going_on[reachable & ~terminal].any(axis=0) | (np.asarray(mu) > 0))
        if contradiction.any():
            s = np.flatnonzero(contradiction)[0]
            raise ValueError(f"P must end the episode always or never on entering a state; it does both at s={s}")
        r = np.divide(paid, P, out=np.zeros_like(P), where=P > 0)
        return cls(P, r, mu, gamma=gamma, terminal=terminal)


def _closure(start, step):
    """Return which states can be reached from ``start`` (S,) bool by the moves ``step`` (S, S) bool."""
    reached = start
    while True:
        more = reached | step[reached].any(axis=0)
        if (more == reached).all():
            return reached
        reached = more


def _parts(step, live):
    """Return the groups of live states that no move connects; a problem falls apart into them (Taxi into four)."""
    linked = (step | step.T) & live & live[:, None]
    parts, left = [], live
    while left.any():
        part = _closure(np.arange(len(live)) == left.argmax(), linked)
        parts, left = [*parts, np.flatnonzero(part)], left & ~part
    return parts


# --- linear algebra of a policy


def _chain(mdp, pi):
    """Return the checked pi, P_pi (..., S, S) and r_pi (..., S)."""
    pi = np.asarray(pi)
    if pi.shape[-2:] != (mdp.n_states, mdp.n_actions):
        raise ValueError(f"pi must have shape (..., {mdp.n_states}, {mdp.n_actions}), (..., S, A); received {pi.shape}")
    pi = pi if np.issubdtype(pi.dtype, np.inexact) else pi.astype(float)
    check_distribution("pi[s]", pi, ("s",))
    runs = pi.reshape(-1, *pi.shape[-2:]).swapaxes(0, 1)  # (S, runs, A), for one product of matrices in each state
    P_pi = (runs @ mdp.P).swapaxes(0, 1).reshape(*pi.shape[:-1], mdp.n_states)
    return pi, P_pi, total(pi * mdp.r)


def _values_and_visitation(mdp, pi):
    """Return what `values` and `visitation` return, from one look at pi."""
    _, P_pi, r_pi = _chain(mdp, pi)
    _check_ends(mdp, P_pi)
    v, nu = np.zeros_like(r_pi), np.zeros(P_pi.shape[:-1], P_pi.dtype)
    for part, matrix in _matrices(mdp, P_pi):
        v[..., part], nu[..., part] = _solve(matrix, r_pi[..., part]), _solve(matrix.mT, mdp.mu[part])
    return v, nu


def _after(mdp, v):
    """Return the mean of v (..., S) over the next states, shape (..., S, A)."""
    return (v @ mdp.P.reshape(-1, mdp.n_states).T).reshape(*v.shape[:-1], mdp.n_states, mdp.n_actions)


def _check_ends(mdp, P_pi):
    """Raise ValueError if gamma is 1 and from some state the episode need not, or practically does not, end."""
    if mdp.gamma < 1:
        return
    moves, ends = P_pi.real > 0, np.broadcast_to(mdp.terminal, P_pi.shape[:-1])
    while (more := ends | (moves & ends[..., None, :]).any(axis=-1)).sum() > ends.sum():
        ends = more
    where = np.argwhere(~ends)
    if not len(where):
        steps = _solve_parts(mdp, P_pi.real.copy(), np.ones(mdp.n_states))
        where = np.argwhere(~((steps >= 0) & (steps <= LONGEST)))
    if len(where):
        at = place(("s",), where[0])
        raise ValueError(
            f"gamma = 1 needs episodes that end; under this policy they do not{at}, or only after {LONGEST:g} steps"
        )


def _solve(matrix, vector):
    """Solve (..., S, S) x = (..., S); a singular matrix gives NaN."""
    vector = np.broadcast_to(vector, np.broadcast_shapes(matrix.shape[:-1], vector.shape))[..., None]
    try:
        return np.linalg.solve(matrix, vector)[..., 0]
    except np.linalg.LinAlgError:
        if matrix.ndim == 2:
            return np.full(vector.shape[:-1], np.nan)
        matrix = np.broadcast_to(matrix, (*vector.shape[:-2], *matrix.shape[-2:]))
        return np.stack([_solve(m, v) for m, v in zip(matrix, vector[..., 0], strict=True)])


def _solve_parts(mdp, P_pi, vector, *, transpose=False):
    """Solve (I - gamma P_pi) x = vector, or with the transposed matrix, part by part; x is 0 in terminal states."""
    x = np.zeros(np.broadcast_shapes(P_pi.shape[:-1], vector.shape), np.result_type(P_pi, vector))
    for part, matrix in _matrices(mdp, P_pi):
        x[..., part] = _solve(matrix.mT if transpose else matrix, vector[..., part])
    return x


def _matrices(mdp, P_pi):
    """Yield the states of each part and its matrix I - gamma P_pi; P_pi is overwritten."""
    P_pi *= -mdp.gamma  # new memory would cost more than the work
    for part in mdp._parts:
        matrix = P_pi if len(part) == mdp.n_states else P_pi[..., part[:, None], part]
        matrix[..., np.arange(len(part)), np.arange(len(part))] += 1
        yield part, matrix


def values(mdp, pi):
    r"""Return the state values :math:`V = (I - \gamma P_\pi)^{-1} r_\pi`, shape (..., S), in units of reward.

    Parameters
    ----------
    mdp : FiniteMDP
        The problem.
    pi : array_like, shape (..., S, A)
        Action probabilities.

    Returns
    -------
    ndarray, shape (..., S)
        0 in terminal states.

    Raises
    ------
    ValueError
        If ``pi`` does not fit or does not sum to 1, or gamma = 1 and the episode need not end under this policy.

    References
    ----------
    Puterman (1994); Sutton & Barto (2018), chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> pg.values(pg.short_corridor(), np.full((4, 2), 0.5))
    array([-12., -10.,  -6.,   0.])
    """
    _, P_pi, r_pi = _chain(mdp, pi)
    _check_ends(mdp, P_pi)
    return _solve_parts(mdp, P_pi, r_pi)


def action_values(mdp, pi):
    r"""Return :math:`Q(s, a) = r(s, a) + \gamma \sum_{s'} P(s' \mid s, a) V(s')`, shape (..., S, A).

    Parameters
    ----------
    mdp : FiniteMDP
        The problem.
    pi : array_like, shape (..., S, A)
        Action probabilities.

    Returns
    -------
    ndarray, shape (..., S, A)
        In units of reward; 0 in terminal states.

    Raises
    ------
    ValueError
        As `values`.

    References
    ----------
    Sutton & Barto (2018), chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> pg.action_values(pg.two_state(gamma=0.0), np.full((2, 2), 0.5))
    array([[1., 0.],
           [0., 4.]])
    """
    return mdp.r + mdp.gamma * _after(mdp, values(mdp, pi))


def advantages(mdp, pi):
    r"""Return :math:`A(s, a) = Q(s, a) - V(s)`, shape (..., S, A): :math:`\sum_a \pi(a \mid s) A(s, a) = 0`.

    Parameters
    ----------
    mdp : FiniteMDP
        The problem.
    pi : array_like, shape (..., S, A)
        Action probabilities.

    Returns
    -------
    ndarray, shape (..., S, A)
        In units of reward.

    Raises
    ------
    ValueError
        As `values`.

    References
    ----------
    Sutton & Barto (2018), chapter 13.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> pg.advantages(pg.two_state(gamma=0.0), np.full((2, 2), 0.5))
    array([[ 0.5, -0.5],
           [-2. ,  2. ]])
    """
    v, q = values(mdp, pi), action_values(mdp, pi)
    return q - v[..., None]


def optimal_values(mdp):
    r"""Return the values of the best policy, by value iteration, shape (..., S).

    .. math::

        V^*(s) = \max_a \Bigl( r(s, a) + \gamma \sum_{s'} P(s' \mid s, a)\, V^*(s') \Bigr)

    The best policy sees the state: where states look alike (``mdp.observation``), none may reach these values.

    Parameters
    ----------
    mdp : FiniteMDP
        The problem; leading axes of ``mdp.r`` are runs.

    Returns
    -------
    ndarray, shape (..., S)
        In units of reward; 0 in terminal states.

    Raises
    ------
    ValueError
        If the values do not settle, as at gamma = 1 where a policy can be paid for ever.

    References
    ----------
    Puterman (1994); Sutton & Barto (2018), chapter 4.

    Examples
    --------
    Seeing the states, three steps are enough for the short corridor.

    >>> import pglib as pg
    >>> pg.optimal_values(pg.short_corridor())
    array([-3., -2., -1.,  0.])
    """
    v = np.zeros(mdp.r.shape[:-1])
    for _ in range(SWEEPS):
        before, v = v, (mdp.r + mdp.gamma * _after(mdp, v)).max(axis=-1)
        if (np.abs(v - before) <= 1e-14 * np.maximum(1, np.abs(v))).all():
            return v
    raise ValueError(f"the optimal values must settle; with gamma = {mdp.gamma:g} they do not in {SWEEPS:,} sweeps")


def visitation(mdp, pi):
    r"""Return the discounted visitation :math:`\nu(s) = \sum_t \gamma^t \Pr(S_t = s)`, shape (..., S).

    It is not a probability distribution: without terminal states it sums to :math:`1 / (1 - \gamma)`, and at
    gamma = 1 to the expected length of an episode.

    Parameters
    ----------
    mdp : FiniteMDP
        The problem.
    pi : array_like, shape (..., S, A)
        Action probabilities.

    Returns
    -------
    ndarray, shape (..., S)
        In (discounted) steps; 0 in terminal states, where no step is taken.

    Raises
    ------
    ValueError
        As `values`.

    References
    ----------
    Sutton & Barto (2018), equation (9.3) is its normalised form in episodic problems.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> pg.visitation(pg.short_corridor(), np.full((4, 2), 0.5))
    array([6., 4., 2., 0.])
    """
    _, P_pi, _ = _chain(mdp, pi)
    _check_ends(mdp, P_pi)
    return _solve_parts(mdp, P_pi, mdp.mu, transpose=True)


def stationary_distribution(mdp, pi):
    r"""Return the distribution with :math:`d^\top P_\pi = d^\top`, shape (..., S).

    Parameters
    ----------
    mdp : FiniteMDP
        A problem without terminal states.
    pi : array_like, shape (..., S, A)
        Action probabilities.

    Returns
    -------
    ndarray, shape (..., S)
        Long-run share of the time spent in each state; periodic chains included.

    Raises
    ------
    ValueError
        If the problem has terminal states, or the chain has two recurrent classes, so that the long run depends on
        the start; else as `values`.

    References
    ----------
    Puterman (1994); Sutton & Barto (2018), equation (13.16).

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> pg.stationary_distribution(pg.two_state(gamma=0.9), np.array([[0.5, 0.5], [0.25, 0.75]])) * 7
    array([2., 5.])
    """
    if mdp.terminal.any():
        s = np.flatnonzero(mdp.terminal)[0]
        raise ValueError(f"the long run needs a problem without terminal states; state {s} is terminal")
    _, P_pi, _ = _chain(mdp, pi)
    _check_one_recurrent_class(P_pi)
    return _solve(np.eye(mdp.n_states) - P_pi.swapaxes(-1, -2) + 1, np.ones(mdp.n_states))


def _check_one_recurrent_class(P_pi):
    """Raise ValueError unless some state can be reached from every state, for each leading index."""
    n_states = P_pi.shape[-1]
    reach = (P_pi.real > 0) | np.eye(n_states, dtype=bool)
    for _ in range(max(1, int(n_states - 1).bit_length())):
        steps = reach.astype(np.float32)
        reach = steps @ steps > 0  # paths of twice the length
    where = np.argwhere(~reach.all(axis=-2).any(axis=-1))
    if len(where):
        first = reach[tuple(where[0])]
        closed = [s for s in range(n_states) if (first[s] <= first[:, s]).all()]  # recurrent: all it reaches can return
        other = next(s for s in closed if not first[closed[0], s])
        raise ValueError(
            "the stationary distribution needs one recurrent class; "
            f"states {closed[0]} and {other} are in two{place((), where[0])}"
        )
    where = np.argwhere(~(np.linalg.cond(np.eye(n_states) - P_pi.real + 1, 1) <= LONGEST))
    if len(where):
        raise ValueError(
            "the stationary distribution needs one recurrent class; "
            f"this chain is within rounding of having two{place((), where[0])}"
        )


def differential_values(mdp, pi):
    r"""Return :math:`h` with :math:`h = r_\pi - \rho + P_\pi h` and :math:`d^\top h = 0`, shape (..., S).

    :math:`h(s)` is what starting in s earns in the long run above the average reward :math:`\rho = d^\top r_\pi`.
    The discount plays no part.

    Parameters
    ----------
    mdp : FiniteMDP
        A problem without terminal states.
    pi : array_like, shape (..., S, A)
        Action probabilities.

    Returns
    -------
    ndarray, shape (..., S)
        In units of reward.

    Raises
    ------
    ValueError
        As `stationary_distribution`.

    References
    ----------
    Puterman (1994); Sutton & Barto (2018), equations (10.9) and (10.13).

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> pg.differential_values(pg.two_state(gamma=0.9), np.array([[0.5, 0.5], [0.25, 0.75]])).round(4)
    array([-2.551 ,  1.0204])
    """
    d = stationary_distribution(mdp, pi)
    _, P_pi, r_pi = _chain(mdp, pi)
    rho = (d * r_pi).sum(axis=-1, keepdims=True)
    return _solve(np.eye(mdp.n_states) - P_pi + d[..., None, :], r_pi - rho)


# --- named problems


def _not_of_transitions(r, P):
    """Return mean rewards (..., S, A) in a form that FiniteMDP cannot take for rewards of transitions (S, A, S)."""
    return np.broadcast_to(r[..., None], (*r.shape, len(P))) if r.shape[-3:] == P.shape else r


def bandit(means, *, reward_std=0.0):
    """Return the bandit with these mean rewards: one state, one step, then the end (state 1).

    Parameters
    ----------
    means : array_like, shape (..., A)
        Mean reward of each arm; leading axes are runs, another bandit for each.
    reward_std : float
        Standard deviation of Gaussian noise on the reward.

    Returns
    -------
    FiniteMDP
        Every state shows observation 0, so that `Softmax.tabular(1, A)` and `Softmax.binary(1)` fit. gamma is 1.

    Raises
    ------
    ValueError
        If ``means`` has no arms or is not finite.

    References
    ----------
    Sutton & Barto (2018), chapter 2.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> pg.policy_gradient(pg.bandit([3, 2, 1]), pg.Softmax.tabular(1, 3), np.zeros(3)).round(4)
    array([ 0.3333,  0.    , -0.3333])
    """
    means = np.asarray(means, dtype=float)
    if means.ndim == 0 or means.shape[-1] == 0:
        raise ValueError(f"means must have shape (..., A), one entry an arm; received {means.shape}")
    P = np.zeros((2, means.shape[-1], 2))
    P[0, :, 1] = 1
    r = _not_of_transitions(np.stack([means, np.zeros_like(means)], axis=-2), P)
    return FiniteMDP(
        P, r, [1, 0], gamma=1.0, terminal=np.array([False, True]), reward_std=reward_std, observation=[0, 0]
    )


def short_corridor():
    r"""Return the short corridor: three states that look alike, and in the second the actions are swapped.

    Action 0 is left, 1 is right; states 0, 1, 2 from the left, then the goal (state 3). Every step pays -1, gamma is 1.
    With p the probability of right, :math:`J(p) = (2p - 4) / (p (1 - p))`: the best policy is stochastic,
    :math:`p = 2 - \sqrt 2`, and earns :math:`-(6 + 4 \sqrt 2)`.

    Returns
    -------
    FiniteMDP
        Every state shows observation 0: `Softmax.tabular(1, 2)` and `Softmax.binary(1)` fit.

    References
    ----------
    Sutton & Barto (2018), example 13.1.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> p = 2 - np.sqrt(2)
    >>> best = np.array([np.log(p / (1 - p))])
    >>> round(float(pg.objective(pg.short_corridor(), pg.Softmax.binary(1), best)), 4)
    -11.6569
    """
    P = np.zeros((4, 2, 4))
    for s, (left, right) in enumerate([(0, 1), (2, 0), (1, 3)]):
        P[s, 0, left] = P[s, 1, right] = 1
    r = np.full((4, 2), -1.0)
    return FiniteMDP(P, r, [1, 0, 0, 0], gamma=1.0, terminal=np.arange(4) == 3, observation=[0] * 4)


def two_state(to_one=((1 / 4, 3 / 4), (1 / 2, 9 / 10)), r=((1, 0), (0, 4)), *, gamma):
    """Return a continuing problem with two states and two actions, started in state 0.

    The default is the problem on which the book compares its formulas: chosen so that common mistakes flip the sign of
    a gradient.

    Parameters
    ----------
    to_one : array_like, shape (2, 2)
        Probability of moving to state 1 by action a in state s.
    r : array_like, shape (2, 2)
        Reward of action a in state s.
    gamma : float in [0, 1)
        Discount per step.

    Returns
    -------
    FiniteMDP
        Two states, none terminal.

    Raises
    ------
    ValueError
        As `FiniteMDP`.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> policy, theta = pg.Softmax.binary(2), np.array([0, np.log(3)])
    >>> round(float(pg.objective(pg.two_state(gamma=0.9), policy, theta) * 73), 9)
    1490.0
    """
    to_one = np.asarray(to_one, dtype=float)
    if to_one.shape != (2, 2):
        raise ValueError(f"to_one must have shape (2, 2), state by action; received {to_one.shape}")
    return FiniteMDP(np.stack([1 - to_one, to_one], axis=-1), r, [1, 0], gamma=gamma)


def random_walk(n, *, gamma=1.0):
    """Return the walk on n states between two ends; arriving at the right end pays 1.

    States 1 .. n from left to right, the ends are 0 and n + 1; action 0 is left, 1 is right; the start is the middle.

    Parameters
    ----------
    n : int
        Number of states between the ends, odd.
    gamma : float in [0, 1]
        Discount per step.

    Returns
    -------
    FiniteMDP
        n + 2 states.

    Raises
    ------
    ValueError
        If ``n`` is not an odd integer of at least 1.

    References
    ----------
    Sutton & Barto (2018), example 6.2 (n = 5).

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> (pg.values(pg.random_walk(5), np.full((7, 2), 0.5)) * 6).round(9)
    array([0., 1., 2., 3., 4., 5., 0.])
    """
    if not isinstance(n, (int, np.integer)) or n < 1 or n % 2 == 0:
        raise ValueError(f"n must be an odd integer of at least 1; received {n!r}")
    P, r = np.zeros((n + 2, 2, n + 2)), np.zeros((n + 2, 2))
    inner = np.arange(1, n + 1)
    P[inner, 0, inner - 1] = P[inner, 1, inner + 1] = 1
    r[n, 1] = 1
    ends = np.isin(np.arange(n + 2), [0, n + 1])
    return FiniteMDP(P, r, np.arange(n + 2) == (n + 1) // 2, gamma=gamma, terminal=ends)


def gridworld(n_rows, n_columns, *, gamma):
    """Return the grid from the top left corner to the bottom right one, -1 a step.

    State ``row * n_columns + column``; actions 0 up, 1 down, 2 left, 3 right; a move off the grid stays.

    Parameters
    ----------
    n_rows, n_columns : int
        Size of the grid, at least two cells.
    gamma : float in [0, 1]
        Discount per step.

    Returns
    -------
    FiniteMDP
        The last cell is terminal.

    Raises
    ------
    ValueError
        If the grid has fewer than two cells.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> maze, policy = pg.gridworld(3, 3, gamma=1.0), pg.Softmax.tabular(9, 4)
    >>> round(float(pg.objective(maze, policy, np.zeros(36))), 9)
    -27.0
    """
    if not all(isinstance(n, (int, np.integer)) and n >= 1 for n in (n_rows, n_columns)) or n_rows * n_columns < 2:
        raise ValueError(f"the grid must have at least two cells; received n_rows={n_rows!r}, n_columns={n_columns!r}")
    n_states = n_rows * n_columns
    cell = np.arange(n_states).reshape(n_rows, n_columns)
    around = np.pad(cell, 1, mode="edge")
    next_cell = [around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]]
    P = np.stack([np.eye(n_states)[s.ravel()] for s in next_cell], axis=1)
    r = np.full((n_states, 4), -1.0)
    return FiniteMDP(P, r, cell.ravel() == 0, gamma=gamma, terminal=cell.ravel() == n_states - 1)


def with_horizon(mdp, T):
    """Return the same problem stopped after T steps: states (t, s), and one end.

    State ``t * S + s`` is state s after t steps, the last state is the end. The policy does not see the time: the
    observation of (t, s) is that of s.

    Parameters
    ----------
    mdp : FiniteMDP
        The problem; its gamma, noise and observations are kept.
    T : int
        Number of steps, at least 1.

    Returns
    -------
    FiniteMDP
        T * S + 1 states. Every episode ends within T steps, so gamma may be 1. A reward that depends on the next state
        becomes, on entering the end, its mean over the next states that the end stands for.

    Raises
    ------
    ValueError
        If ``T`` is not an integer of at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> short = pg.with_horizon(pg.two_state(gamma=0.5), 3)
    >>> short.n_states, float(pg.visitation(short, np.full((7, 2), 0.5)).sum())
    (7, 1.75)
    """
    T = check_count("T", T)
    S, A, end = mdp.n_states, mdp.n_actions, T * mdp.n_states
    P = np.zeros((end + 1, A, end + 1))
    r_next = None if mdp.r_next is None else np.zeros((*mdp.r_next.shape[:-3], *P.shape))
    for t in range(T):
        now, then = slice(t * S, (t + 1) * S), slice((t + 1) * S, (t + 2) * S)
        stops = mdp.terminal if t < T - 1 else np.ones(S, bool)
        P[now, :, end] = mdp.P[..., stops].sum(axis=-1)
        if t < T - 1:
            P[now, :, then] = np.where(stops, 0, mdp.P)
        if r_next is not None:
            into_end = (mdp.P * mdp.r_next)[..., stops].sum(axis=-1)
            r_next[..., now, :, end] = np.divide(
                into_end, P[now, :, end], out=np.zeros_like(into_end), where=P[now, :, end] > 0
            )
            if t < T - 1:
                r_next[..., now, :, then] = mdp.r_next
    r = np.concatenate([np.tile(mdp.r, (T, 1)), np.zeros((*mdp.r.shape[:-2], 1, A))], axis=-2)
    return FiniteMDP(
        P,
        _not_of_transitions(r, P) if r_next is None else r_next,
        np.concatenate([mdp.mu, np.zeros(end + 1 - S)]),
        gamma=mdp.gamma,
        terminal=np.append(np.tile(mdp.terminal, T), True),
        reward_std=mdp.reward_std,
        observation=np.append(np.tile(mdp.observation, T), mdp.observation[0]),
    )


def _with_runs(mdp, lead, runs):
    """Return the problem with the rewards of some of its runs, shape (len(runs), S, A), where each run has its own."""
    if mdp.r.ndim == 2:
        return mdp
    part = copy(mdp)
    for name in ("r", "r_next"):
        table = getattr(mdp, name)
        if table is not None:
            own = table.shape[mdp.r.ndim - 2 :]
            setattr(part, name, np.broadcast_to(table, (*lead, *own)).reshape(-1, *own)[runs])
    return part
