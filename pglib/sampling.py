r"""Episodes of a policy in a problem: drawn at random, or every one of them with its probability.

What is drawn is one `pglib.episodes.Episodes`, for all runs and episodes at once.

References
----------
Sutton & Barto (2018), chapter 3 and section 13.3.
"""

from dataclasses import replace

import numpy as np

from pglib._checks import check_count, check_real, check_rng, check_runs, check_theta
from pglib._lanes import LaneSimulator
from pglib._table import TableSimulator
from pglib.environments import CartPole
from pglib.episodes import Episodes
from pglib.exact import action_probabilities
from pglib.mdp import FiniteMDP

__all__ = ["enumerate_episodes", "rollout"]

MOST = 1_000_000  # episodes beyond which listing them all is refused


def rollout(env, policy, theta, *, n_episodes, horizon, rng):
    r"""Draw episodes of a policy.

    Parameters
    ----------
    env : FiniteMDP, CartPole, or Gymnasium vector environment
        The problem. In a FiniteMDP, rewards of transitions and the noise ``reward_std`` are sampled, not averaged. A
        vector environment is one that ``gymnasium.make_vec`` makes, with an autoreset mode NEXT_STEP or DISABLED,
        observations that are Discrete or a Box of one axis, and actions that are Discrete or a Box of one number.
    policy : policy
        For a FiniteMDP any object with ``log_prob`` and ``n_params``, which is given ``env.observation``; else one with
        ``sample`` and ``n_params`` that says what it takes and draws: ``obs_dim`` (or ``n_features``) where
        observations are vectors, ``n_actions`` (or ``actions``) where actions are numbered.
    theta : array_like, shape (..., d)
        Parameters; leading axes are runs. Observations that are vectors, and rewards beside them, have its precision.
    n_episodes : int
        N, episodes for each run. With a vector environment, runs times N must be a multiple of ``env.num_envs``.
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
    A Gymnasium environment is reset with seeds from ``rng``, for each ``env.num_envs`` episodes anew. Its own time
    limit truncates, as the horizon does. Actions of a Gaussian policy go in as they are drawn, not clipped; what the
    environment does with them belongs to the environment.

    In a finite problem the arrays take 33 bytes for each run, episode and step of the *longest* episode: one endless
    episode among many short ones costs as much memory as if all were endless. Lower the horizon, or draw several
    batches. There a draw compares with one cumulative probability after the other, so time grows with the number of
    actions and of possible next states.

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

    Two linear policies on CartPole, of which the second pushes towards the side to which the pole leans and moves.

    >>> cart, policy = pg.CartPole(), pg.LinearSoftmax(4, 2)
    >>> theta = np.array([np.zeros(8), [0, 0, 0, 0, 1, 1, 20, 5]])
    >>> batch = pg.rollout(cart, policy, theta, n_episodes=50, horizon=500, rng=rng)
    >>> batch.rewards.sum(axis=-1).mean(axis=-1) > 100
    array([False,  True])
    """
    n_episodes, horizon = check_count("n_episodes", n_episodes), check_count("horizon", horizon)
    check_rng(rng)
    simulator = _simulator(env, policy)
    if isinstance(env, FiniteMDP):
        pi = action_probabilities(env, policy, check_real("theta", theta))
        return simulator.episodes(pi, n_episodes, horizon, rng)
    theta = check_theta(check_real("theta", theta), policy.n_params, precision=np.float32)
    if not theta.size or not np.isfinite(theta).all():
        raise ValueError(f"theta must have at least one run and hold finite numbers; received {theta!r}")
    lead = theta.shape[:-1]
    batch = simulator.episodes(theta.reshape(-1, policy.n_params), n_episodes, horizon, rng)
    if isinstance(simulator, LaneSimulator):
        batch = _tidy(batch, theta.dtype)
    return Episodes(**{name: column.reshape(*lead, *column.shape[1:]) for name, column in vars(batch).items()})


def _simulator(env, policy):
    """Return what draws episodes of the policy in the environment, a `pglib._simulator.Simulator`."""
    if isinstance(env, FiniteMDP):
        return TableSimulator(env, policy)
    if isinstance(env, CartPole):
        return LaneSimulator(env, policy)
    if hasattr(env, "num_envs"):
        from pglib._gymnasium import VectorSimulator

        return VectorSimulator(env, policy)
    raise ValueError(
        f"env must be a FiniteMDP, a CartPole, or a vector environment as gymnasium.make_vec makes; received {env!r}"
    )


def _tidy(batch, dtype):
    """Return episodes with rewards as numbers of a type, and 0 behind their ends."""
    live = batch.live
    s = np.where(live[..., None], batch.observations, 0).astype(dtype)
    a = np.where(live, batch.actions, 0).astype(int)
    return replace(batch, states=s, observations=s, actions=a, rewards=batch.rewards.astype(dtype), live=live.copy())


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
    ends = (terminated, ~terminated, mdp.observation[last])
    columns = (s, mdp.observation[s] * live, a, np.where(live, paid, 0), live)
    batch = Episodes(
        *(np.broadcast_to(column, (*lead, *s.shape)) for column in columns),
        *(np.broadcast_to(end, (*lead, len(s))) for end in ends),
    )
    return batch, np.broadcast_to(prob, (*lead, len(s)))
