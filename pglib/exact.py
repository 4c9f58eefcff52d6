r"""Objectives and their exact policy gradients, by enumeration over states and actions.

A policy with parameters :math:`\theta` has three objectives on a finite MDP. Each has its own policy gradient theorem,

.. math::

    \nabla_\theta J = \sum_s w(s) \sum_a \pi_\theta(a \mid s)\, \nabla_\theta \log \pi_\theta(a \mid s)\, Q(s, a),

with its own pair of state weight w and action value Q. The pairs cannot be mixed:

================  =============================================  ===================  ===============================
kind              J                                              w                    Q
================  =============================================  ===================  ===============================
start_value       :math:`\sum_s \mu(s) V(s)`                     :math:`\nu`          :math:`r + \gamma P V`
average_reward    :math:`\rho = \sum_s d(s) r_\pi(s)`            :math:`d`            :math:`r - \rho + P h`
average_value     :math:`\sum_s d(s) V(s) = \rho/(1 - \gamma)`   :math:`d`            the line above / (1 - gamma)
================  =============================================  ===================  ===============================

The values V, the visitation :math:`\nu`, the stationary distribution d and the differential values h are those of
`pglib.mdp`. `action_probabilities`, `objective` and `policy_gradient` accept complex theta,
so that ``objective(mdp, policy, theta + 1e-30j * direction).imag / 1e-30`` is the derivative in a direction, exact to
rounding (Squire & Trapp 1998).

References
----------
Sutton et al. (2000); Sutton & Barto (2018), equation (13.5) and section 13.6.
"""

import numpy as np

from pglib._arrays import total
from pglib._checks import check_distribution, check_theta, vector_size
from pglib.mdp import (
    _after,
    _chain,
    _values_and_visitation,
    differential_values,
    stationary_distribution,
    values,
    visitation,
)

__all__ = ["action_probabilities", "fisher", "objective", "policy_gradient"]

KINDS = ("start_value", "average_value", "average_reward")


def action_probabilities(mdp, policy, theta):
    r"""Return :math:`\pi_\theta(a \mid s)` for all states and actions, shape (..., S, A).

    Parameters
    ----------
    mdp : FiniteMDP
        The problem; the policy is given ``mdp.observation``.
    policy : policy
        Any object with ``log_prob`` and ``n_params``.
    theta : array_like, shape (..., d)
        Parameters, real or complex.

    Returns
    -------
    ndarray, shape (..., S, A)
        Each row sums to 1.

    Raises
    ------
    ValueError
        If ``theta`` or the policy does not fit the problem, for example because it has another number of actions.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> mdp = pg.two_state(gamma=0.9)
    >>> pg.action_probabilities(mdp, pg.Softmax.binary(2), np.array([0, np.log(3)])).round(4)
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """
    s, a = _grid(mdp)
    theta = check_theta(theta, policy.n_params)
    takes = vector_size(policy)
    if takes is not None:
        raise ValueError(
            f"the policy {type(policy).__name__} takes vectors of {takes} numbers, and a FiniteMDP shows its states as "
            "integers; a policy for it is Softmax"
        )
    expected = (*theta.shape[:-1], mdp.n_states, mdp.n_actions)
    try:
        log_pi = policy.log_prob(theta[..., None, None, :], s, a)
    except ValueError as error:
        raise ValueError(f"the policy {type(policy).__name__} does not fit the problem: {error}") from error
    if log_pi.shape != expected:
        raise ValueError(
            f"the policy {type(policy).__name__} must take states of one integer; its log_prob has shape "
            f"{log_pi.shape} instead of {expected}"
        )
    pi = np.exp(log_pi)
    check_distribution("pi[s], the policy at theta,", pi, ("s",))
    return pi


def objective(mdp, policy, theta, kind="start_value"):
    r"""Return :math:`J(\theta)`, shape (...).

    Parameters
    ----------
    mdp : FiniteMDP
        The problem.
    policy : policy
        Any object with ``log_prob`` and ``n_params``.
    theta : array_like, shape (..., d)
        Parameters, real or complex.
    kind : {"start_value", "average_value", "average_reward"}
        Which objective; see the table of `pglib.exact`.

    Returns
    -------
    ndarray, shape (...)
        In units of reward (per step for ``average_reward``).

    Raises
    ------
    ValueError
        If ``kind`` is unknown; if gamma = 1 and the episode need not end (``start_value``); if the problem has terminal
        states or two recurrent classes (the averages), or gamma = 1 (``average_value``).

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> mdp, policy, theta = pg.two_state(gamma=0.5), pg.Softmax.binary(2), np.array([0, np.log(3)])
    >>> [round(float(pg.objective(mdp, policy, theta, kind)), 4) for kind in pg.exact.KINDS]
    [2.4706, 4.5714, 2.2857]
    """
    _check_kind(mdp, kind)
    pi = action_probabilities(mdp, policy, theta)
    if kind == "start_value":
        return (mdp.mu * values(mdp, pi)).sum(axis=-1)
    pi, _, r_pi = _chain(mdp, pi)
    per_state = r_pi if kind == "average_reward" else values(mdp, pi)
    return (stationary_distribution(mdp, pi) * per_state).sum(axis=-1)


def policy_gradient(mdp, policy, theta, kind="start_value"):
    r"""Return the exact gradient :math:`\nabla_\theta J(\theta)`, shape (..., d), by the policy gradient theorem.

    Parameters
    ----------
    mdp : FiniteMDP
        The problem.
    policy : policy
        Any object with ``log_prob``, ``score_sum`` and ``n_params``.
    theta : array_like, shape (..., d)
        Parameters, real or complex.
    kind : {"start_value", "average_value", "average_reward"}
        Which objective; see the table of `pglib.exact`.

    Returns
    -------
    ndarray, shape (..., d)
        In units of the objective per unit of the parameter.

    Raises
    ------
    ValueError
        As `objective`.

    References
    ----------
    Sutton et al. (2000); Sutton & Barto (2018), equation (13.5) and section 13.6.

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> mdp, policy, theta = pg.two_state(gamma=0.9), pg.Softmax.binary(2), np.array([0, np.log(3)])
    >>> (pg.policy_gradient(mdp, policy, theta) * [5329, 21316]).round(6)
    array([  2765., 128925.])
    """
    _check_kind(mdp, kind)
    s, a = _grid(mdp)
    pi = action_probabilities(mdp, policy, theta)
    if kind == "start_value":
        v, w = _values_and_visitation(mdp, pi)
        q = mdp.r + mdp.gamma * _after(mdp, v)
    else:
        w, q = stationary_distribution(mdp, pi), _differential_action_values(mdp, pi)
        if kind == "average_value":
            q = q / (1 - mdp.gamma)
    # Scores have mean zero, so a number for each state may be subtracted; no digits are lost where pi is 0 or 1.
    q = q - total(pi * q)[..., None]
    weights = w[..., None] * pi * q
    theta = np.broadcast_to(theta, (*weights.shape[:-2], policy.n_params))  # rewards may have runs where theta has not
    return policy.score_sum(theta, s, a, weights)


def fisher(mdp, policy, theta, kind="start_value"):
    r"""Return the Fisher information of the policy, shape (..., d, d).

    .. math::

        F(\theta) = \sum_s w(s) \sum_a \pi_\theta(a \mid s)\,
        \nabla_\theta \log \pi_\theta(a \mid s)\, \nabla_\theta \log \pi_\theta(a \mid s)^\top

    Parameters
    ----------
    mdp : FiniteMDP
        The problem.
    policy : policy
        Any object with ``log_prob``, ``score`` and ``n_params``.
    theta : array_like, shape (..., d)
        Parameters.
    kind : {"start_value", "average_value", "average_reward"}
        The state weight w is that of `policy_gradient`: the visitation, or the stationary distribution.

    Returns
    -------
    ndarray, shape (..., d, d)
        Symmetric, positive semidefinite.

    Raises
    ------
    ValueError
        As `objective`.

    References
    ----------
    Kakade (2001).

    Examples
    --------
    >>> import numpy as np
    >>> import pglib as pg
    >>> (pg.fisher(pg.bandit([3, 2, 1]), pg.Softmax.tabular(1, 3), np.zeros(3)) * 9).round(9)
    array([[ 2., -1., -1.],
           [-1.,  2., -1.],
           [-1., -1.,  2.]])
    """
    _check_kind(mdp, kind)
    s, a = _grid(mdp)
    pi = action_probabilities(mdp, policy, theta)
    w = visitation(mdp, pi) if kind == "start_value" else stationary_distribution(mdp, pi)
    score = policy.score(np.asarray(theta)[..., None, None, :], s, a)
    score = score.reshape(*score.shape[:-3], mdp.n_states * mdp.n_actions, policy.n_params)
    weight = (w[..., None] * pi).reshape(*score.shape[:-1], 1)
    return (weight * score).swapaxes(-1, -2) @ score


def _grid(mdp):
    """Return observations (S, 1) and actions (A,): together they broadcast to all pairs (S, A)."""
    return mdp.observation[:, None], np.arange(mdp.n_actions)


def _differential_action_values(mdp, pi):
    """Return Q = r - rho + P h, shape (..., S, A)."""
    pi, _, r_pi = _chain(mdp, pi)
    rho = (stationary_distribution(mdp, pi) * r_pi).sum(axis=-1)
    h = differential_values(mdp, pi)
    return mdp.r - rho[..., None, None] + _after(mdp, h)


def _check_kind(mdp, kind):
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; received {kind!r}")
    if kind != "start_value" and mdp.terminal.any():
        s = np.flatnonzero(mdp.terminal)[0]
        raise ValueError(f"kind {kind!r} needs a problem without terminal states; state {s} is terminal")
    if kind == "average_value" and mdp.gamma == 1:
        raise ValueError("kind 'average_value' needs gamma below 1; received gamma = 1")
