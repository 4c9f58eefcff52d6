r"""Stochastic gradient ascent on the start value, all runs at once.

One update of REINFORCE draws episodes with the current parameters, adds up the weighted scores of their steps, and
moves the parameters once:

.. math::

    \theta \leftarrow \theta + \eta\, \frac{1}{N} \sum_{n=1}^{N} \sum_t \gamma^t \bigl( G_t^n - b(S_t^n) \bigr)
    \nabla_\theta \log \pi_\theta(A_t^n \mid S_t^n) .

Runs are trained in blocks, which bounds the memory. Block b draws from child b of the generator that was passed, and
the number of runs in a block depends on the number of episodes alone. So the numbers of a run do not depend on how many
blocks follow, nor on where its block is computed: here, in another process, on another machine.
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np

from pglib._blocks import Plan, gather, submit, train_here
from pglib._checks import (
    check_count,
    check_gamma,
    check_positive,
    check_real,
    check_rng,
    check_runs,
    check_theta,
    place,
)
from pglib.episodes import returns_to_go
from pglib.estimators import _check_baseline, _fits, _observed_and_done, _weights
from pglib.exact import action_probabilities
from pglib.mdp import FiniteMDP, _with_runs
from pglib.sampling import _simulator

__all__ = ["History", "sweep", "train"]

LANES = 4000  # most episodes side by side in a block

# The arguments of a training that `sweep` may vary.
NEEDED = ("gamma", "step_size", "n_updates", "n_episodes", "horizon")
DEFAULTS = {"baseline": None, "optimizer": "sgd", "update": "episode", "value_step_size": None, "record_every": 1}


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
    block_size : int
        Runs that were trained side by side, with one source of random numbers.

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
    block_size: int


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
    executor=None,
):
    r"""Train by REINFORCE, all runs at once.

    Ctrl-C ends the training early and returns what was done until then, with a warning; a loop around `train` goes on.

    Parameters
    ----------
    env : FiniteMDP, CartPole, or Gymnasium vector environment
        The problem. A Gymnasium environment is stepped as it is, all runs in one block, and reset for each
        ``env.num_envs`` episodes anew.
    policy : policy
        In a finite problem any object with ``log_prob``, ``score_sum`` and ``n_params``, which is given
        ``env.observation``; else one that `rollout` takes, with ``score_sum``.
    theta0 : array_like, shape (..., d)
        Where each run starts; shape (200, d) trains two hundred runs. If it is float32, so are the parameters and all
        that is computed with them (but for finite problems, which are computed in float64), else float64.
    gamma : float in [0, 1]
        Discount per step. With another value than ``env.gamma`` the training climbs another objective than that of
        ``objective(env, ...)``.
    step_size : float
        :math:`\eta > 0`.
    n_updates, n_episodes : int
        Updates, and episodes for each update of a run.
    horizon : int
        The most steps an episode may take. A longer one is truncated, counted in ``history.truncated``, and used as
        if it had ended there. What is climbed is the objective of `with_horizon`; it matters where that happens often.
    rng : numpy.random.Generator
        Its children, ``rng.spawn``, are the sources of the blocks.
    baseline : None, float, array_like of shape (..., S), or "leave_one_out"
        As in `reinforce`.
    optimizer : {"sgd", "adam"}
        Plain ascent, or Adam (Kingma & Ba 2015) with the constants 0.9, 0.99 and 1e-8. The paper has 0.999 in the place
        of 0.99; the smaller number suits trainings of tens of updates, not of thousands.
    update : {"episode", "step"}
        "episode": all scores of an update are taken at the parameters that drew its episodes. "step": the parameters
        change from step to step in a pass over the one finished episode, as in the pseudocode of Sutton & Barto; the
        later scores then belong to parameters that did not draw the actions, and the update is biased.
    value_step_size : float in (0, 1], optional
        Learns a baseline, one value :math:`v` for each observation, from 0. "episode": after the update, :math:`v`
        moves by this share of the way to the mean return seen from the observation. "step": by this share of the way
        to :math:`G_t`, in each step.
    record_every : int
        Keeps the parameters after every so many updates; 8 bytes a number, 4 in single precision.
    progress : bool
        Shows a progress bar, of updates, or of blocks with an executor; needs tqdm.
    executor : concurrent.futures.Executor, optional
        Where the blocks are computed, with the same result: processes, or a cluster by ``Client.get_executor()`` of
        Dask. Not for Gymnasium environments. Everything passed must then be fit to be pickled.

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
        If runs diverge, which ones and when; the other runs go on. If Ctrl-C ends the training; with an executor, runs
        whose block was not finished are then NaN.

    References
    ----------
    Williams (1992); Sutton & Barto (2018), section 13.3 and, for the learned baseline, 13.4.

    See Also
    --------
    sweep : several settings.

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
    plan = _plan(
        env, policy, theta0, gamma=gamma, step_size=step_size, n_updates=n_updates, n_episodes=n_episodes,
        horizon=horizon, rng=rng, baseline=baseline, optimizer=optimizer, update=update,
        value_step_size=value_step_size, record_every=record_every, executor=executor,
    )  # fmt: skip
    if executor is None:
        return History(*train_here(plan, progress))
    return History(*gather(plan, submit(plan, executor), progress))


def sweep(env, policy, theta0, settings, *, rng, executor=None, progress=False, **common):
    r"""Train once with each of several settings.

    Parameters
    ----------
    env, policy, theta0
        As in `train`.
    settings : sequence of dict
        Keyword arguments of `train`, one dictionary for each training.
    rng : numpy.random.Generator
        Training i draws from child i, ``rng.spawn``.
    executor : concurrent.futures.Executor, optional
        As in `train`. The blocks of all trainings are handed to it at once.
    progress : bool
        As in `train`, one bar after another.
    **common
        Keyword arguments of `train` for all trainings. Where a setting names the same argument, the setting counts.

    Returns
    -------
    list of History
        In the order of the settings.

    Raises
    ------
    ValueError
        If ``settings`` is empty or holds anything but dictionaries; else as `train`, before any training begins.
    TypeError
        If a setting and the common arguments together lack one that `train` needs, or name one that is not about the
        training itself.

    Examples
    --------
    The better of two arms, with three step sizes.

    >>> import numpy as np
    >>> import pglib as pg
    >>> arms, policy = pg.bandit([1, 0]), pg.Softmax.binary(1)
    >>> settings = [{"step_size": eta} for eta in (0.1, 0.3, 1.0)]
    >>> histories = pg.sweep(arms, policy, np.zeros((50, 1)), settings, gamma=1.0, n_updates=50, n_episodes=1,
    ...                      horizon=1, rng=np.random.default_rng(0))
    >>> [bool(history.returns[:, -10:].mean() > 0.6) for history in histories]
    [True, True, True]
    """
    check_rng(rng)
    settings = list(settings)
    if not settings or not all(isinstance(setting, dict) for setting in settings):
        raise ValueError(f"settings must be dictionaries of keyword arguments, at least one; received {settings!r}")
    for i, setting in enumerate(settings):
        names = common.keys() | setting.keys()
        if names - DEFAULTS.keys() != set(NEEDED):
            raise TypeError(
                f"settings[{i}] and the common arguments must name {', '.join(NEEDED)}, and may name "
                f"{', '.join(DEFAULTS)}; received {', '.join(sorted(names))}"
            )
    plans = [
        _plan(env, policy, theta0, rng=child, executor=executor, **DEFAULTS | common | setting)
        for child, setting in zip(rng.spawn(len(settings)), settings, strict=True)
    ]
    if executor is None:
        return [History(*train_here(plan, progress)) for plan in plans]
    submitted = [submit(plan, executor) for plan in plans]
    try:
        return [History(*gather(plan, futures, progress)) for plan, futures in zip(plans, submitted, strict=True)]
    finally:
        for future in chain(*submitted):  # if all is well, none is left
            future.cancel()


def _plan(
    env, policy, theta0, *, gamma, step_size, n_updates, n_episodes, horizon, rng, baseline, optimizer, update,
    value_step_size, record_every, executor,
):  # fmt: skip
    """Check the arguments of `train` and divide the runs into blocks."""
    n_updates, n_episodes = check_count("n_updates", n_updates), check_count("n_episodes", n_episodes)
    horizon, record_every = check_count("horizon", horizon), check_count("record_every", record_every)
    check_positive("step_size", step_size)
    check_gamma(gamma)
    check_rng(rng)
    finite, stepped = isinstance(env, FiniteMDP), hasattr(env, "num_envs")
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
        if not finite:
            raise ValueError(
                f"value_step_size needs a FiniteMDP, with one value for each observation; received {env!r}"
            )
    if executor is not None and stepped:
        raise ValueError(
            f"executor must be None for a Gymnasium environment, which is stepped here; received {executor!r}"
        )

    _simulator(env, policy)  # says what does not fit
    _check_baseline(baseline, n_episodes, finite or (stepped and hasattr(env.single_observation_space, "n")))
    theta = check_theta(check_real("theta0", theta0), policy.n_params, "theta0", precision=np.float32)
    if not np.isfinite(theta).all():
        where = np.argwhere(~np.isfinite(theta))[0]
        raise ValueError(f"theta0 must be finite; it is {theta[tuple(where)]}{place(('i',), where)}")
    if not theta.size:
        raise ValueError(f"theta0 must have at least one run; received shape {theta.shape}")
    lead = theta.shape[:-1]
    if finite:
        if np.ndim(baseline) and np.shape(baseline)[-1] != env.n_states:
            raise ValueError(f"baseline must have shape (..., {env.n_states}), (..., S); received {np.shape(baseline)}")
        action_probabilities(env, policy, theta)  # says which run has none
        lead = check_runs(lead, env.r.shape[:-2])
    theta = np.broadcast_to(theta, (*lead, policy.n_params)).reshape(-1, policy.n_params)
    if np.ndim(baseline) > 1:
        baseline = _fits("baseline", np.asarray(baseline, dtype=float), lead)
        baseline = np.broadcast_to(baseline, (*lead, baseline.shape[-1])).reshape(len(theta), -1)

    size = len(theta) if stepped else max(LANES // n_episodes, 1)
    blocks = []
    for child, first in zip(rng.spawn(-(-len(theta) // size)), range(0, len(theta), size), strict=True):
        runs = slice(first, first + size)
        part = _with_runs(env, lead, runs) if finite else env
        b = baseline[runs] if np.ndim(baseline) > 1 else baseline
        blocks.append((part, policy, theta[runs].copy(), b, child))
    settings = dict(
        gamma=gamma, step_size=step_size, n_episodes=n_episodes, horizon=horizon, optimizer=optimizer, update=update,
        value_step_size=value_step_size,
    )  # fmt: skip
    return Plan(_updates, blocks, settings, n_updates, record_every, lead, size)


def _updates(
    env, policy, theta, baseline, rng, *, gamma, step_size, n_episodes, horizon, optimizer, update, value_step_size,
    simulator=None,
):  # fmt: skip
    """Yield theta, mean returns, shares truncated and values of a block of runs, first as they are at the start."""
    simulator = simulator or _simulator(env, policy)
    ascend = _adam(step_size) if optimizer == "adam" else lambda theta, gradient: theta + step_size * gradient
    values = None if value_step_size is None else np.zeros((len(theta), int(env.observation.max()) + 1))
    ready, defined = simulator.ready(theta)
    yield theta, None, None, values
    while True:
        batch = simulator.episodes(ready, n_episodes, horizon, rng)
        truncated, ran = batch.truncated.mean(axis=-1), defined
        with np.errstate(all="ignore"):  # what a run that diverges computes; a warning tells of it in the end
            returns = simulator.mean_return(batch)
            if update == "step":
                new, values = _pass(policy, theta, batch, gamma, step_size, baseline, values, value_step_size)
            else:
                b = baseline if values is None else values[..., env.observation]
                new = ascend(theta, simulator.mean_gradient(theta, batch, gamma, b))
                if values is not None:
                    values = simulator.towards_mean_return(values, batch, gamma, value_step_size)
            theta = new.astype(theta.dtype)
            ready, defined = simulator.ready(theta)
        theta[~defined] = np.nan
        yield theta, np.where(ran, returns, np.nan), np.where(ran, truncated, np.nan), values


def _pass(policy, theta, batch, gamma, step_size, baseline, values, share):
    """Return theta and values after a pass over one episode of each run in which they change from step to step."""
    weights = _weights(batch, gamma=gamma, baseline=baseline)
    returns = returns_to_go(batch.rewards, gamma)
    columns = (*_observed_and_done(batch), batch.live, weights, returns)
    by_time = zip(*(np.moveaxis(column[:, 0], 1, 0) for column in columns), strict=True)
    for t, (o, a, live, weight, g) in enumerate(by_time):
        if values is not None:
            seen = live[..., None] & (o[..., None] == np.arange(values.shape[-1]))
            error = (g[..., None] - values) * seen
            values = values + share * error
            weight = gamma**t * error.sum(axis=-1)
        theta = theta + step_size * policy.score_sum(theta, o, a, weight)
    return theta, values


def _adam(step_size):
    """Return a function (theta, gradient) -> theta that remembers the moments of the gradients it was given."""
    first, second, n = 0.0, 0.0, 0

    def ascend(theta, gradient):
        nonlocal first, second, n
        n += 1
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        return theta + step_size * first / (1 - 0.9**n) / (np.sqrt(second / (1 - 0.99**n)) + 1e-8)

    return ascend
