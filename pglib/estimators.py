r"""Unbiased samples of a policy gradient, and their mean with its standard error.

Every function here returns samples, shape (..., N, d): the gradient is their expectation, `mean_and_sem` estimates it.

One episode gives one sample,

.. math::

    \sum_t \gamma^t \bigl( G_t - b(S_t) \bigr) \nabla_\theta \log \pi_\theta(A_t \mid S_t), \qquad
    G_t = \sum_{k \ge 0} \gamma^k R_{t + k},

whose expectation is the gradient of the start value (Williams 1992). The factor :math:`\gamma^t` belongs to it: the
objective discounts the future as seen from the start. The baseline b may be whatever is independent of the action,
given the state.
"""

from math import prod

import numpy as np

from pglib._checks import check_count, check_real, check_rng, check_theta
from pglib.episodes import returns_to_go

__all__ = ["mean_and_sem", "pathwise", "reinforce", "score_function"]

CACHE = 30_000  # samples that are worked on at once


def reinforce(
    policy, theta, batch, *, gamma, baseline=None, reward_to_go=True, discount_states=True, allow_truncated=False
):
    r"""Return one sample of the gradient of the start value for each episode.

    Parameters
    ----------
    policy : policy
        Any object with ``score_sum`` and ``n_params``.
    theta : array_like, shape (..., d)
        The parameters with which the episodes were drawn; leading axes as in ``batch``, or none.
    batch : Episodes
        Arrays of shape (..., N, T).
    gamma : float in [0, 1]
        Discount per step.
    baseline : None, float, array_like of shape (..., S), or "leave_one_out"
        b: nothing; one number; a value for each state (values v of observations: ``v[..., mdp.observation]``); or, for
        each episode and step, the mean over the *other* N - 1 episodes of the run of what it is compared with, counted
        as 0 where they have ended.
    reward_to_go : bool
        True: the score of step t is weighted by :math:`\gamma^t (G_t - b(S_t))`. False: by :math:`G_0 - b(S_t)`, the
        return of the whole episode.
    discount_states : bool
        False leaves out :math:`\gamma^t`, as many programs do. The result is then not a sample of the gradient of the
        start value, unless gamma = 1, and in general of no gradient at all (Nota & Thomas 2020).
    allow_truncated : bool
        True takes a truncated episode for a whole one. The samples are then those of the problem that stops at the
        horizon, `with_horizon`.

    Returns
    -------
    ndarray, shape (..., N, d)
        In units of reward per unit of the parameter.

    Raises
    ------
    ValueError
        If an episode is truncated and that is not allowed; if ``theta`` does not fit the episodes or gamma is outside
        [0, 1]; if an option does not fit: leave_one_out with one episode, ``discount_states=False`` with the return of
        the whole episode, a baseline that is unknown, not finite or of the wrong shape.

    Notes
    -----
    Works in arrays of the size of the batch, three times as many bytes; see `rollout`.

    References
    ----------
    Williams (1992); Sutton & Barto (2018), equation (13.8), section 13.4 and exercise 13.2; leave-one-out: Kool, van
    Hoof & Welling (2019).

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> corridor, policy, theta = pg.short_corridor(), pg.Softmax.binary(1), np.zeros(1)
    >>> batch = pg.rollout(corridor, policy, theta, n_episodes=2000, horizon=1000, rng=np.random.default_rng(1))
    >>> mean, sem = pg.mean_and_sem(pg.reinforce(policy, theta, batch, gamma=1.0))
    >>> bool(abs(mean - pg.policy_gradient(corridor, policy, theta)) < 4.5 * sem)
    True
    """
    if batch.truncated.any() and not allow_truncated:
        raise ValueError(
            f"{batch.truncated.sum()} of {batch.truncated.size} episodes were truncated at the horizon, and "
            "their returns are not whole; raise the horizon, or pass allow_truncated=True and accept the bias"
        )
    weights = _weights(
        batch, gamma=gamma, baseline=baseline, reward_to_go=reward_to_go, discount_states=discount_states
    )
    theta, lead = check_theta(theta, policy.n_params), weights.shape[:-2]
    theta = np.broadcast_to(_fits("theta", theta, lead)[..., None, :], (*weights.shape[:-1], policy.n_params))
    return policy.score_sum(theta, *_observed_and_done(batch), weights)


def _fits(name, array, lead):
    """Return ``array``, or raise ValueError unless the axes before its last broadcast to ``lead``."""
    own = array.shape[:-1]
    if len(own) > len(lead) or any(n not in (1, m) for n, m in zip(own[::-1], lead[::-1], strict=False)):
        raise ValueError(f"{name} must have the leading axes {lead} of the episodes, or none; received {array.shape}")
    return array


def _observed_and_done(batch):
    """Return observations and actions; behind the end those of the first step, which have a score to weight by 0."""
    s, live = batch.observations, batch.live
    if s.ndim == live.ndim:
        return np.where(live, s, s[..., :1]), np.where(live, batch.actions, batch.actions[..., :1])
    return np.where(live[..., None], s, s[..., :1, :]), np.where(live, batch.actions, batch.actions[..., :1])


def _weights(batch, *, gamma, baseline, reward_to_go=True, discount_states=True):
    """Return the weight of each step's score, shape (..., N, T): 0 behind the end."""
    if not (reward_to_go or discount_states):
        raise ValueError("discount_states=False needs reward_to_go=True: a whole return has no gamma**t to leave out")
    returns = returns_to_go(batch.rewards, gamma)
    if not reward_to_go:
        returns = np.broadcast_to(returns[..., :1], returns.shape)
    factor = gamma if reward_to_go and discount_states else 1
    return _weigh(returns, batch.states, batch.live, factor, baseline)


def _weigh(returns, states, live, gamma, baseline, first=0):
    """Return gamma**t (returns - baseline) for the steps t = first, first + 1, ...; 0 where no episode is live."""
    weights = (returns if baseline is None else returns - _baseline(baseline, returns, states)) * live
    if gamma < 1:
        weights *= (gamma ** np.arange(first, first + returns.shape[-1])).astype(weights.dtype)
    return weights


def _check_baseline(baseline, n_episodes, numbered):
    """Raise ValueError unless there is such a baseline, for episodes whose states have numbers or have none."""
    if baseline is None:
        return
    if isinstance(baseline, str):
        if baseline != "leave_one_out":
            raise ValueError(
                f"baseline must be None, a number, values (..., S) or 'leave_one_out'; received {baseline!r}"
            )
        if n_episodes < 2:
            raise ValueError("baseline 'leave_one_out' needs at least two episodes in a run; there is one")
    elif not np.isfinite(np.asarray(baseline, dtype=float)).all():
        raise ValueError(f"baseline must hold finite numbers; received {baseline!r}")
    elif np.ndim(baseline) and not numbered:
        raise ValueError(
            "baseline must be None, a number or 'leave_one_out' where states are vectors; "
            f"received values of shape {np.shape(baseline)}"
        )


def _baseline(baseline, returns, states):
    """Return b for each step, broadcastable to (..., N, T)."""
    n_episodes = returns.shape[-2]
    _check_baseline(baseline, n_episodes, states.dtype.kind in "iu")
    if isinstance(baseline, str):
        total = np.einsum("...nt->...t", returns)[..., None, :]  # several times as fast as sum over an inner axis
        others = total - returns
        others /= n_episodes - 1
        return others
    values = np.asarray(baseline, dtype=returns.dtype)
    if values.ndim == 0:
        return values
    if states.max(initial=0) >= values.shape[-1]:
        raise ValueError(
            f"baseline must have one value for each state; it has {values.shape[-1]}, "
            f"and there is a state {states.max()}"
        )
    if values.ndim == 1:
        return values[states]
    values = np.broadcast_to(_fits("baseline", values, states.shape[:-2]), (*states.shape[:-2], values.shape[-1]))
    flat = states.reshape(*states.shape[:-2], -1)
    return np.take_along_axis(values, flat, axis=-1).reshape(states.shape)


def score_function(f, policy, theta, s, *, n_samples, rng):
    r"""Return samples of the gradient of an expectation by the score function.

    .. math::

        f(a)\, \nabla_\theta \log \pi_\theta(a \mid s), \qquad a \sim \pi_\theta(\cdot \mid s).

    Parameters
    ----------
    f : callable
        ``f(a)`` for an array of actions, of the same shape; it need not be differentiable, or even continuous. It is
        called for some of the actions at a time.
    policy : policy
        Any object with ``sample``, ``score`` and ``n_params``.
    theta : array_like, shape (..., d)
        Parameters; leading axes are runs.
    s : int or array_like of shape (n_features,)
        One state, as the policy takes it: an index, or a vector. A problem without state has 0, or ``[1.0]``.
    n_samples : int
        N.
    rng : numpy.random.Generator
        Source of the actions.

    Returns
    -------
    ndarray, shape (..., N, d)
        In units of f per unit of the parameter.

    Raises
    ------
    ValueError
        If ``s`` is not one state, ``f`` changes the shape, or an argument is out of range.

    References
    ----------
    Williams (1992); Mohamed et al. (2020).

    Examples
    --------
    The slope of the mean square of a normal number in its mean: twice the mean.

    >>> import numpy as np
    >>> import pglib as pg
    >>> rng = np.random.default_rng(0)
    >>> samples = pg.score_function(np.square, pg.Gaussian(1), [1.5, 0.0], [1.0], n_samples=10**5, rng=rng)
    >>> mean, sem = pg.mean_and_sem(samples)
    >>> bool(abs(mean[0] - 3) < 4.5 * sem[0])
    True
    """
    check_rng(rng)
    theta, s = check_theta(check_real("theta", theta), policy.n_params), np.asarray(s)
    lead, n_samples = theta.shape[:-1], check_count("n_samples", n_samples)
    each = theta[..., None, :]
    samples = np.moveaxis(np.empty((policy.n_params, *lead, n_samples)), 0, -1)  # a row in memory for each parameter
    few = max(CACHE // max(prod(lead), 1), 1)
    for first in range(0, n_samples, few):
        part = samples[..., first : first + few, :]
        states = np.broadcast_to(s, (*part.shape[:-1], *s.shape))
        a = policy.sample(each, states, rng=rng)
        if a.shape != part.shape[:-1]:
            raise ValueError(f"s must be one state, as the policy takes it; received shape {s.shape}")
        np.multiply(_values(f, a, "f")[..., None], policy.score(each, states, a), out=part)
    return samples


def pathwise(f_prime, path, path_gradient, theta, *, n_samples, rng):
    r"""Return samples of the gradient of an expectation along the path of each sample.

    .. math::

        f'\bigl( x(\theta, \epsilon) \bigr)\, \nabla_\theta x(\theta, \epsilon), \qquad \epsilon \sim N(0, 1) .

    For a random variable that is a smooth function x of the parameters and of noise that does not depend on them. Also
    called reparameterisation. The function f may have kinks but no jumps: for a step function f' is 0 wherever a sample
    falls, and the gradient is not 0.

    Parameters
    ----------
    f_prime : callable
        ``f_prime(x)``, the derivative of f, for an array of the samples; of the same shape.
    path : callable
        ``path(theta, noise)`` with theta (..., 1, d) and noise (..., N), to x of shape (..., N).
    path_gradient : callable
        ``path_gradient(theta, noise)``, the gradient of the path in theta, shape (..., N, d).
    theta : array_like, shape (..., d)
        Parameters; leading axes are runs.
    n_samples : int
        N.
    rng : numpy.random.Generator
        Source of the noise: N standard normal numbers for each run.

    Returns
    -------
    ndarray, shape (..., N, d)
        In units of f per unit of the parameter.

    Raises
    ------
    ValueError
        If a callable returns another shape, or an argument is out of range.

    References
    ----------
    Mohamed et al. (2020).

    Examples
    --------
    The slope of the mean square of a normal number in its mean, again: f' = 2 x, x = theta + noise.

    >>> import numpy as np
    >>> import pglib as pg
    >>> samples = pg.pathwise(
    ...     lambda x: 2 * x,
    ...     lambda theta, noise: theta[..., 0] + noise,
    ...     lambda theta, noise: np.ones((*noise.shape, 1)),
    ...     [1.5], n_samples=100_000, rng=np.random.default_rng(0))
    >>> mean, sem = pg.mean_and_sem(samples)
    >>> bool(abs(mean[0] - 3) < 4.5 * sem[0])
    True
    """
    check_rng(rng)
    theta = check_real("theta", theta).astype(float)
    if theta.ndim == 0:
        raise ValueError(f"theta must have shape (..., d); received {theta!r}")
    noise = rng.normal(size=(*theta.shape[:-1], check_count("n_samples", n_samples)))
    each = theta[..., None, :]
    x = _values(lambda noise: path(each, noise), noise, "path")
    along = np.asarray(path_gradient(each, noise))
    if along.shape != (*noise.shape, theta.shape[-1]):
        raise ValueError(
            f"path_gradient must return shape {(*noise.shape, theta.shape[-1])}, (..., N, d); it returned {along.shape}"
        )
    return _values(f_prime, x, "f_prime")[..., None] * along


def _values(function, x, name):
    """Return function(x), which must have the shape of x."""
    values = np.asarray(function(x))
    if values.shape != x.shape:
        raise ValueError(f"{name} must return one number for each sample, shape {x.shape}; it returned {values.shape}")
    return values


def mean_and_sem(samples):
    r"""Return the mean of gradient samples and its standard error.

    .. math::

        \bar x = \frac{1}{N} \sum_n x_n, \qquad
        \mathrm{sem} = \sqrt{\frac{1}{N (N - 1)} \sum_n (x_n - \bar x)^2} .

    Parameters
    ----------
    samples : array_like, shape (..., N, d)
        Independent samples, N at least 2. Those of a leave-one-out baseline are not independent of each other: there
        the mean is right, and the standard error is not.

    Returns
    -------
    mean, sem : ndarray, shape (..., d)
        In units of the samples.

    Raises
    ------
    ValueError
        If there are fewer than two samples, or they are complex.

    Examples
    --------
    >>> import pglib as pg
    >>> mean, sem = pg.mean_and_sem([[1.0], [3.0], [2.0], [2.0]])
    >>> mean, sem.round(4)
    (array([2.]), array([0.4082]))
    """
    samples = check_real("samples", samples).astype(float, copy=False)
    if samples.ndim < 2 or samples.shape[-2] < 2:
        raise ValueError(f"samples must have shape (..., N, d) with N of at least 2; received {samples.shape}")
    return samples.mean(axis=-2), samples.std(axis=-2, ddof=1) / np.sqrt(samples.shape[-2])
