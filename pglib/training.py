r"""Stochastic gradient ascent on the start value, all runs at once.

One update of REINFORCE draws episodes with the current parameters, adds up the weighted scores of their steps, and
moves the parameters once:

.. math::

    \theta \leftarrow \theta + \eta\, \frac{1}{N} \sum_{n=1}^{N} \sum_t \gamma^t \bigl( G_t^n - b(S_t^n) \bigr)
    \nabla_\theta \log \pi_\theta(A_t^n \mid S_t^n) .

In a finite problem a step enters only through what was observed and what was done. So `train` tabulates the policy once
for each update, adds the weights of all steps up by (observation, action), and asks the policy for one `score_sum`: a
policy written as a formula then costs no more than one written by hand.
"""

import warnings
from dataclasses import dataclass
from math import prod

import numpy as np

from pglib._checks import check_count, check_positive, check_real, check_rng, check_runs, check_theta, place
from pglib.estimators import _observed_and_done, _weights
from pglib.exact import _grid, action_probabilities
from pglib.sampling import _Simulator, returns_to_go

__all__ = ["History", "train"]


@dataclass(frozen=True, eq=False)
class History:
    """What `train` did; leading axes are runs.

    Attributes
    ----------
    theta : ndarray, shape (..., n_kept, d)
        Parameters after the updates that were kept. NaN from the update on after which a run had no policy any more.
    updates : ndarray of int, shape (n_kept,)
        The numbers of these updates; 0 is ``theta0``, and the last update is always kept.
    returns : ndarray, shape (..., n_updates)
        For each update that was done, the mean over its episodes of the undiscounted sum of rewards.
    truncated : ndarray, shape (..., n_updates)
        Share of these episodes that were truncated at the horizon.
    values : ndarray, shape (..., O), or None
        The learned value of each observation after the last update, if there is a ``value_step_size``; NaN where
        ``theta`` is. The value of each state is ``values[..., mdp.observation]``.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> history = pg.train(pg.bandit([1, 0]), pg.Softmax.binary(1), np.zeros((3, 1)), gamma=1.0, step_size=0.1,
    ...                    n_updates=20, n_episodes=1, horizon=1, record_every=8, rng=np.random.default_rng(0))
    >>> history.theta.shape, history.updates, history.returns.shape
    ((3, 4, 1), array([ 0,  8, 16, 20]), (3, 20))
    """

    theta: np.ndarray
    updates: np.ndarray
    returns: np.ndarray
    truncated: np.ndarray
    values: np.ndarray | None


def train(
    env,
    policy,
    theta0,
    *,
    gamma,
    step_size,
    n_updates,
    n_episodes,
    horizon,
    rng,
    baseline=None,
    optimizer="sgd",
    update="episode",
    value_step_size=None,
    record_every=1,
    progress=False,
):
    r"""Train by REINFORCE, all runs at once.

    Ctrl-C ends the training early and returns what was done until then, with a warning; a loop around `train` goes on.

    Parameters
    ----------
    env : FiniteMDP
        The problem.
    policy : policy
        Any object with ``log_prob``, ``score_sum`` and ``n_params``; it is given ``env.observation``.
    theta0 : array_like, shape (..., d)
        Where each run starts; shape (200, d) trains two hundred runs.
    gamma : float in [0, 1]
        Discount per step. With another value than ``env.gamma`` the training climbs another objective than that of
        ``objective(env, ...)``.
    step_size : float
        :math:`\eta > 0`.
    n_updates, n_episodes : int
        Updates, and episodes for each update of a run.
    horizon : int
        The most steps an episode may take. A longer one is truncated, counted in ``history.truncated``, and used as
        if it had ended there. Where that happens often, what is climbed is the objective of `with_horizon`.
    rng : numpy.random.Generator
        One source for all runs.
    baseline : None, float, array_like of shape (..., S), or "leave_one_out"
        As in `reinforce`.
    optimizer : {"sgd", "adam"}
        Plain ascent, or Adam with its usual constants 0.9, 0.999 and 1e-8 (Kingma & Ba 2015).
    update : {"episode", "step"}
        "episode": all scores of an update are taken at the parameters that drew its episodes. "step": the parameters
        change from step to step in a pass over the one finished episode, as in the pseudocode of Sutton & Barto; the
        later scores then belong to parameters that did not draw the actions, and the update is biased.
    value_step_size : float in (0, 1], optional
        Learns a baseline, one value :math:`v` for each observation, from 0. "episode": after the update, :math:`v`
        moves by this share of the way to the mean return seen from the observation. "step": by this share of the way
        to :math:`G_t`, in each step.
    record_every : int
        Keeps the parameters after every so many updates; 8 bytes a number.
    progress : bool
        Shows a progress bar; needs tqdm.

    Returns
    -------
    History
        Parameters along the way, returns, and shares of episodes cut.

    Raises
    ------
    ValueError
        If an argument is out of range or does not go with another; if a run starts without a policy.
    ImportError
        If ``progress`` is True and tqdm is not installed.

    Warns
    -----
    RuntimeWarning
        If runs diverge, which ones and when; the other runs go on. If Ctrl-C ends the training.

    References
    ----------
    Williams (1992); Sutton & Barto (2018), section 13.3 and, for the learned baseline, 13.4.

    Examples
    --------
    Twenty agents find the better of two arms.

    >>> import numpy as np
    >>> import pglib as pg
    >>> arms, policy = pg.bandit([1, 0]), pg.Softmax.tabular(1, 2)
    >>> history = pg.train(arms, policy, np.zeros((20, 2)), gamma=1.0, step_size=0.5, n_updates=100, n_episodes=1,
    ...                    horizon=1, rng=np.random.default_rng(0))
    >>> bool((pg.objective(arms, policy, history.theta[:, -1]) > 0.8).all())
    True
    """
    n_updates, n_episodes = check_count("n_updates", n_updates), check_count("n_episodes", n_episodes)
    horizon, record_every = check_count("horizon", horizon), check_count("record_every", record_every)
    check_positive("step_size", step_size)
    check_rng(rng)
    if optimizer not in ("sgd", "adam"):
        raise ValueError(f"optimizer must be 'sgd' or 'adam'; received {optimizer!r}")
    if update not in ("episode", "step"):
        raise ValueError(f"update must be 'episode' or 'step'; received {update!r}")
    if update == "step" and (n_episodes > 1 or optimizer != "sgd"):
        raise ValueError("update 'step' needs n_episodes=1 and optimizer 'sgd': theta changes within the episode")
    if value_step_size is not None:
        check_positive("value_step_size", value_step_size, most=1)
        if baseline is not None:
            raise ValueError("give either a baseline or a value_step_size that learns one")

    simulator = _Simulator(env)
    theta = check_theta(check_real("theta0", theta0), policy.n_params, "theta0")
    if not np.isfinite(theta).all():
        where = np.argwhere(~np.isfinite(theta))[0]
        raise ValueError(f"theta0 must be finite; it is {theta[tuple(where)]}{place(('i',), where)}")
    if np.ndim(baseline) and np.shape(baseline)[-1] != env.n_states:
        raise ValueError(f"baseline must have shape (..., {env.n_states}), (..., S); received {np.shape(baseline)}")
    pi = action_probabilities(env, policy, theta)  # says which run has none
    lead = check_runs(theta.shape[:-1], env.r.shape[:-2])
    theta = np.broadcast_to(theta, (*lead, policy.n_params)).copy()
    seen = np.full(int(env.observation.max()) + 1, env.observation[0])
    seen[env.observation] = env.observation  # numbers that are no observation have weight 0, and perhaps no score
    values = None if value_step_size is None else np.zeros((*lead, len(seen)))
    ascend = _adam(step_size) if optimizer == "adam" else lambda theta, gradient: theta + step_size * gradient

    kept = [(0, theta)]
    returns, truncated = [], []
    failed_at = np.full(lead, -1)
    done = 0
    try:
        for _ in _counter(n_updates, progress):
            batch = simulator.episodes(pi, n_episodes, horizon, rng)
            learned = values
            with np.errstate(all="ignore"):  # what a run that diverges computes; the warning below tells of it
                if update == "step":
                    new, learned = _pass(policy, theta, batch, gamma, step_size, baseline, values, value_step_size)
                else:
                    b = baseline if values is None else values[..., env.observation]
                    new = ascend(theta, _mean_gradient(policy, theta, batch, gamma, b, seen, env.n_actions))
                    if values is not None:
                        learned = _towards_mean_return(values, batch, gamma, value_step_size)
                pi, defined = _policy_or_uniform(env, policy, new)
            new[~defined] = np.nan
            ran = failed_at < 0
            returns.append(np.where(ran, batch.rewards.sum(axis=-1).mean(axis=-1), np.nan))
            truncated.append(np.where(ran, batch.truncated.mean(axis=-1), np.nan))
            failed_at[ran & ~defined] = done + 1
            theta, values, done = new, learned, done + 1
            if done % record_every == 0:
                kept.append((done, theta))
            if defined.size and not defined.any():
                break
    except KeyboardInterrupt:
        warnings.warn(f"interrupted after {done} of {n_updates} updates; they are returned", RuntimeWarning, 2)
    if kept[-1][0] != done:
        kept.append((done, theta))
    if (failed_at >= 0).any():
        warnings.warn(_which_failed(failed_at), RuntimeWarning, stacklevel=2)
        if values is not None:
            values[failed_at >= 0] = np.nan
    updates, theta = np.array([number for number, _ in kept]), np.stack([theta for _, theta in kept], axis=-2)
    nothing = np.empty((0, *lead))  # if Ctrl-C came before the first update was done
    returns, truncated = (
        np.moveaxis(np.stack(column[:done]) if done else nothing, 0, -1) for column in (returns, truncated)
    )
    return History(theta, updates, returns, truncated, values)


def _mean_gradient(policy, theta, batch, gamma, baseline, seen, n_actions):
    """Return the mean over the episodes of what `reinforce` returns, shape (..., d)."""
    weights = _weights(batch, gamma=gamma, baseline=baseline)
    run, o, a, weights = _taken(batch, batch.observations, batch.actions, weights)
    shape = (*theta.shape[:-1], len(seen), n_actions)
    table = np.bincount((run * len(seen) + o) * n_actions + a, weights, prod(shape)) / batch.live.shape[-2]
    return policy.score_sum(theta, seen[:, None], np.arange(n_actions), table.reshape(shape))


def _towards_mean_return(values, batch, gamma, share):
    """Return the values (..., O) moved towards the mean of the returns that followed each observation."""
    run, o, returns = _taken(batch, batch.observations, returns_to_go(batch.rewards, gamma))
    cell = run * values.shape[-1] + o
    total, count = np.bincount(cell, returns, values.size), np.bincount(cell, minlength=values.size)
    mean = np.divide(total, count, out=values.flatten(), where=count > 0)
    return values + share * (mean.reshape(values.shape) - values)


def _taken(batch, *columns):
    """Return the run of each step that was taken, and the columns (..., N, T) there, all of shape (n_taken,)."""
    by_time = [np.moveaxis(column, -1, 0).ravel() for column in (batch.live, *columns)]  # as they lie in memory
    taken = np.flatnonzero(by_time[0])
    n_episodes, n_lanes = batch.live.shape[-2], prod(batch.live.shape[:-1])
    return taken % n_lanes // n_episodes, *(column[taken] for column in by_time[1:])


def _pass(policy, theta, batch, gamma, step_size, baseline, values, share):
    """Return theta and values after a pass over one episode of each run in which they change from step to step."""
    weights = _weights(batch, gamma=gamma, baseline=baseline)
    returns = returns_to_go(batch.rewards, gamma)
    columns = (*_observed_and_done(batch), batch.live, weights, returns)
    by_time = zip(*(np.moveaxis(column[..., 0, :], -1, 0) for column in columns), strict=True)
    for t, (o, a, live, weight, g) in enumerate(by_time):
        if values is not None:
            seen = live[..., None] & (o[..., None] == np.arange(values.shape[-1]))
            error = (g[..., None] - values) * seen
            values = values + share * error
            weight = gamma**t * error.sum(axis=-1)
        theta = theta + step_size * policy.score_sum(theta, o, a, weight)
    return theta, values


def _policy_or_uniform(env, policy, theta):
    """Return the action probabilities (..., S, A), uniform where theta gives none, and whether it gives them (...)."""
    pi = np.exp(policy.log_prob(theta[..., None, None, :], *_grid(env)))
    defined = ((pi >= 0).all(axis=-1) & (np.abs(pi.sum(axis=-1) - 1) <= 1e-8)).all(axis=-1)
    defined &= np.isfinite(theta).all(axis=-1)
    return np.where(defined[..., None, None], pi, 1 / env.n_actions), defined


def _adam(step_size):
    """Return a function (theta, gradient) -> theta that remembers the moments of the gradients it was given."""
    first, second, n = 0.0, 0.0, 0

    def ascend(theta, gradient):
        nonlocal first, second, n
        n += 1
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        return theta + step_size * first / (1 - 0.9**n) / (np.sqrt(second / (1 - 0.999**n)) + 1e-8)

    return ascend


def _counter(n_updates, progress):
    """Return range(n_updates), with a progress bar if it is asked for."""
    if not progress:
        return range(n_updates)
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs the package tqdm; install it, or leave progress out") from error
    return tqdm(range(n_updates), unit="update")


def _which_failed(failed_at):
    runs = np.argwhere(failed_at >= 0)
    shown = ", ".join(f"run {','.join(map(str, run)) or 0} at update {failed_at[tuple(run)]}" for run in runs[:5])
    more = "" if len(runs) <= 5 else f", and {len(runs) - 5} more"
    return f"{len(runs)} of {failed_at.size} runs diverged, their parameters give no policy: {shown}{more}"
