r"""A policy is a log-probability, its score, and a sampler.

For parameters :math:`\theta \in \mathbb{R}^d`, a state :math:`s` and an action :math:`a`, every policy object
answers four questions,

``log_prob(theta, s, a)``
    :math:`\log \pi_\theta(a \mid s)`, shape (...);
``score(theta, s, a)``
    :math:`\nabla_\theta \log \pi_\theta(a \mid s)`, shape (..., d);
``sample(theta, s, *, rng)``
    an action :math:`a \sim \pi_\theta(\cdot \mid s)`, shape (...);
``score_sum(theta, s, a, weights)``
    :math:`\sum_n w_n \nabla_\theta \log \pi_\theta(a_n \mid s_n)`, shape (..., d),

and has the attribute ``n_params``, the dimension d. The parameters are an argument, not an attribute: two
hundred runs are one array of shape (200, d).

Shapes. ``theta`` is (..., d). In the first three methods ``theta.shape[:-1]``, ``s.shape`` and ``a.shape``
broadcast by NumPy's rules, so parameters that go with many samples need axes of length 1:
``theta[:, None, :]`` has one theta a run against ``s`` of shape (runs, samples). `score_sum` sums samples away,
so there ``theta`` stays (..., d) and the sample axes come behind its own. `Softmax` looks states up by their index;
where a state is a vector, its numbers are the last axis of ``s``, and it is ``s.shape[:-1]`` that broadcasts.

The score is the derivative of the log-probability that is sampled, nothing else. Because probabilities sum
to one at every theta, it has mean zero, :math:`\sum_a \pi_\theta(a \mid s) \nabla_\theta \log \pi_\theta(a \mid s) = 0`
(Williams 1992; Sutton & Barto 2018, chapter 13). The tests ask both of every policy.

A policy written as a formula, differentiated by SymPy, is `pglib.symbolic.SymbolicPolicy`.
"""

from math import log, pi, prod

import numpy as np

from pglib._arrays import total
from pglib._checks import check_count, check_indices, check_real, check_rng, check_theta, check_weights

__all__ = ["Gaussian", "LinearSoftmax", "MLPSoftmax", "Softmax"]


class _Categorical:
    """Policy over the actions 0 .. n_actions - 1; a subclass has ``_log_pi(theta, s)``, which returns (..., A)."""

    def log_prob(self, theta, s, a):
        r"""Return :math:`\log \pi_\theta(a \mid s)`.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s : array_like
            States as the policy takes them: indices, or vectors along the last axis.
        a : array_like of int
            Action indices; ``theta.shape[:-1]``, the shape of the states and ``a.shape`` broadcast.

        Returns
        -------
        ndarray, shape (...)
            Natural logarithms; finite where the logits and their differences are.

        Raises
        ------
        ValueError
            If ``theta`` has not d entries, ``s`` are no such states, or ``a`` are not integers in range.
        """
        return _pick(self._log_pi(theta, s), check_indices("a", a, self.n_actions))

    def sample(self, theta, s, *, rng):
        r"""Draw actions :math:`a \sim \pi_\theta(\cdot \mid s)`.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters.
        s : array_like
            States, as in `log_prob`; their shape and ``theta.shape[:-1]`` broadcast.
        rng : numpy.random.Generator
            Source of one uniform number for each action.

        Returns
        -------
        ndarray of int, shape (...)
            Action indices.

        Raises
        ------
        ValueError
            If ``rng`` is not a Generator, or ``theta`` is complex or gives NaN; else as `log_prob`.

        Examples
        --------
        >>> import numpy as np
        >>> import pglib as pg
        >>> policy = pg.Softmax.binary(1)
        >>> int(policy.sample(np.array([800.0]), 0, rng=np.random.default_rng(0)))
        1
        """
        check_rng(rng)
        return _draw(self._log_pi(check_real("theta", theta), s), rng)


class Softmax(_Categorical):
    r"""Softmax policy over finitely many actions, linear in features.

    .. math::

        \pi_\theta(a \mid s) &= \frac{e^{h(s, a)}}{\sum_b e^{h(s, b)}}, \qquad h(s, a) = \varphi(s, a)^\top \theta, \\
        \nabla_\theta \log \pi_\theta(a \mid s) &= \varphi(s, a) - \sum_b \pi_\theta(b \mid s)\, \varphi(s, b).

    Parameters
    ----------
    features : array_like, shape (S, A, d)
        :math:`\varphi(s, a)`, one row of d numbers for each state and action. Actions that share features
        share parameters.

    Attributes
    ----------
    n_states, n_actions, n_params : int
        S, A and d.

    Raises
    ------
    ValueError
        If ``features`` does not have three axes, is empty, or holds NaN or infinity.

    See Also
    --------
    Softmax.tabular : one free logit for each state and action.
    Softmax.binary : two actions, one log-odds for each state.

    References
    ----------
    Sutton & Barto (2018), equations (13.2) and (13.3).

    Examples
    --------
    Actions 0, 1, 2 in one state, with the action itself as its only feature: the exponential family
    exp(beta a) / Z(beta).

    >>> import numpy as np
    >>> import pglib as pg
    >>> policy = pg.Softmax([[[0], [1], [2]]])
    >>> np.exp(policy.log_prob(np.array([0.0]), 0, np.arange(3))).round(4)
    array([0.3333, 0.3333, 0.3333])
    >>> policy.score(np.array([0.0]), 0, 2)
    array([1.])
    """

    def __init__(self, features):
        features = np.array(features, dtype=float)
        if features.ndim != 3 or 0 in features.shape:
            raise ValueError(f"features must have shape (S, A, d), none of them 0; received {features.shape}")
        if not np.isfinite(features).all():
            s, a, i = np.argwhere(~np.isfinite(features))[0]
            raise ValueError(f"features must be finite; it is {features[s, a, i]} at s={s}, a={a}, i={i}")
        features.flags.writeable = False
        self.features = features
        self.n_states, self.n_actions, self.n_params = features.shape

    @staticmethod
    def tabular(n_states, n_actions):
        """Return the policy with one free logit for each state and action, d = S * A.

        ``theta[..., s * A + a]`` is the logit of action a in state s. No feature array is stored.

        Parameters
        ----------
        n_states, n_actions : int
            S and A, at least 1.

        Returns
        -------
        Softmax
            A policy with ``n_params = n_states * n_actions``.

        Raises
        ------
        ValueError
            If a number is below 1.

        Examples
        --------
        >>> import numpy as np
        >>> import pglib as pg
        >>> pg.Softmax.tabular(2, 2).score(np.zeros(4), 1, 0)
        array([ 0. ,  0. ,  0.5, -0.5])
        """
        return _Tabular(n_states, n_actions)

    @staticmethod
    def binary(n_states):
        r"""Return the policy over two actions with one parameter for each state, d = S.

        ``theta[..., s]`` is the log-odds of action 1 in state s:
        :math:`\pi_\theta(1 \mid s) = 1 / (1 + e^{-\theta_s})`.

        Parameters
        ----------
        n_states : int
            S, at least 1.

        Returns
        -------
        Softmax
            A policy with ``n_params = n_states``.

        Raises
        ------
        ValueError
            If ``n_states`` is below 1.

        Examples
        --------
        >>> import numpy as np
        >>> import pglib as pg
        >>> pg.Softmax.binary(2).score(np.zeros(2), 1, np.array([0, 1]))
        array([[ 0. , -0.5],
               [ 0. ,  0.5]])
        """
        return _Binary(n_states)

    def score(self, theta, s, a):
        r"""Return the score :math:`\nabla_\theta \log \pi_\theta(a \mid s)`.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s, a : array_like of int
            State and action indices; their shapes and ``theta.shape[:-1]`` broadcast.

        Returns
        -------
        ndarray, shape (..., d)
            Derivative of `log_prob` in each parameter, per unit of the parameter.

        Raises
        ------
        ValueError
            As `log_prob`.
        """
        log_pi, s = self._at(theta, s)
        a = check_indices("a", a, self.n_actions)
        taken = a[..., None] == np.arange(self.n_actions)
        return self._score_from(s, taken - np.exp(log_pi))

    def score_sum(self, theta, s, a, weights):
        r"""Return :math:`\sum_n w_n \nabla_\theta \log \pi_\theta(a_n \mid s_n)` over the sample axes.

        The weights are first added up for each state and action, so that the cost hardly grows with d and no
        array of one score a sample is formed.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s, a : array_like of int
            State and action indices; they broadcast to the shape of ``weights``.
        weights : array_like, shape (..., *samples)
            ``theta.shape[:-1]`` followed by any number of sample axes; real or complex.

        Returns
        -------
        ndarray, shape (..., d)
            In units of ``weights`` per unit of the parameter.

        Raises
        ------
        ValueError
            If ``weights`` does not begin with the axes of ``theta``, or ``s`` or ``a`` does not broadcast to
            ``weights``; else as `log_prob`.

        Examples
        --------
        >>> import numpy as np
        >>> import pglib as pg
        >>> policy = pg.Softmax.tabular(1, 3)      # sum of pi(a) R(a) score(a): the gradient of a bandit
        >>> policy.score_sum(np.zeros(3), 0, np.arange(3), np.array([3, 2, 1]) / 3).round(4)
        array([ 0.3333,  0.    , -0.3333])
        """
        each, weights, lead = check_weights(theta, weights, self.n_params)
        theta = each.reshape(*lead, self.n_params)
        s, a = check_indices("s", s, self.n_states), check_indices("a", a, self.n_actions)
        for name, value in (("s", s), ("a", a)):
            _expand(name, value, weights)  # says which one does not fit
        cell = np.broadcast_to(s * self.n_actions + a, weights.shape).reshape(*lead, prod(weights.shape[len(lead) :]))
        summed = _add_up(cell, weights.reshape(cell.shape), self.n_states * self.n_actions)
        summed = summed.reshape(*lead, self.n_states, self.n_actions)
        pi = np.exp(_log_softmax(self._logits(theta)))
        return self._gather(summed - pi * total(summed)[..., None])

    def _log_pi(self, theta, s):
        return self._at(theta, s)[0]

    def _at(self, theta, s):
        """Return log pi(. | s), shape (..., A), and the checked indices ``s`` broadcast to its leading axes."""
        theta = check_theta(theta, self.n_params)
        s = check_indices("s", s, self.n_states)
        if theta.ndim == 1:  # one theta: look up, before or after the softmax, whichever is less to compute
            logits = self._logits(theta)
            return (_log_softmax(logits)[s] if s.size > self.n_states else _log_softmax(logits[s])), s
        log_pi = _look_up(_log_softmax(self._logits(theta)), s, behind=1)
        return log_pi, np.broadcast_to(s, log_pi.shape[:-1])

    # What the features do, three times: a subclass without a feature array overrides these three.

    def _logits(self, theta):
        """Return h(s, a), shape (..., S, A)."""
        return np.einsum("sai,...i->...sa", self.features, theta)

    def _score_from(self, s, by_action):
        """Return sum_a by_action[..., a] features[s, a], shape (..., d)."""
        s, by_action = _align(s, by_action)
        return np.einsum("...a,...ai->...i", by_action, self.features[s])

    def _gather(self, by_state_action):
        """Return sum_{s, a} by_state_action[..., s, a] features[s, a], shape (..., d)."""
        return np.einsum("...sa,sai->...i", by_state_action, self.features)


class _VectorSoftmax(_Categorical):
    """Softmax policy over vector observations; a subclass has ``n_params``, ``_logits`` and ``_score_sum``."""

    def __init__(self, obs_dim, n_actions):
        self.obs_dim = check_count("obs_dim", obs_dim)
        self.n_actions = check_count("n_actions", n_actions, least=2)

    def score(self, theta, s, a):
        r"""Return the score :math:`\nabla_\theta \log \pi_\theta(a \mid s)`.

        It is `score_sum` of one sample for each theta, with weight 1.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s : array_like, shape (..., obs_dim)
            States.
        a : array_like of int
            Action indices; ``theta.shape[:-1]``, ``s.shape[:-1]`` and ``a.shape`` broadcast.

        Returns
        -------
        ndarray, shape (..., d)
            Derivative of `log_prob` in each parameter, per unit of the parameter.

        Raises
        ------
        ValueError
            As `log_prob`.
        """
        theta, s = check_theta(theta, self.n_params, precision=np.float32), _check_vectors(s, self.obs_dim)
        shape = np.broadcast_shapes(theta.shape[:-1], s.shape[:-1], np.shape(a))
        return self.score_sum(np.broadcast_to(theta, (*shape, self.n_params)), s, a, np.ones(shape, theta.dtype))

    def score_sum(self, theta, s, a, weights):
        r"""Return :math:`\sum_n w_n \nabla_\theta \log \pi_\theta(a_n \mid s_n)` over the sample axes.

        Samples are added up in matrix products; no array of one score a sample is formed.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s : array_like, shape (..., obs_dim)
            States; ``s.shape[:-1]`` broadcasts to the shape of ``weights``.
        a : array_like of int
            Action indices; they broadcast to the shape of ``weights``.
        weights : array_like, shape (..., *samples)
            ``theta.shape[:-1]`` followed by any number of sample axes; real or complex.

        Returns
        -------
        ndarray, shape (..., d)
            In units of ``weights`` per unit of the parameter.

        Raises
        ------
        ValueError
            If ``weights`` does not begin with the axes of ``theta``, or ``s`` or ``a`` does not broadcast to
            ``weights``; else as `log_prob`.
        """
        each, weights, lead = check_weights(theta, weights, self.n_params, np.float32)
        flat = (*lead, prod(weights.shape[len(lead) :]))
        s, a = _check_vectors(s, self.obs_dim), check_indices("a", a, self.n_actions)
        s = _expand("s", s, weights, self.obs_dim).reshape(*flat, self.obs_dim)
        taken = _expand("a", a, weights).reshape(flat)[..., None] == np.arange(self.n_actions)
        each = each.reshape(*lead, 1, self.n_params)
        return self._score_sum(each, s, taken, weights.reshape(flat)[..., None])

    def _log_pi(self, theta, s):
        """Return log pi(. | s), shape (..., A)."""
        theta, s = check_theta(theta, self.n_params, precision=np.float32), _check_vectors(s, self.obs_dim)
        return _log_softmax(self._logits(theta, s))

    # A subclass has two methods: h(s, .), shape (..., A), and the sum of scores over one axis of N samples, where theta
    # is (..., 1, d), s is (..., N, obs_dim), taken is (..., N, A), 1 at the action and else 0, and weights (..., N, 1).


class LinearSoftmax(_VectorSoftmax):
    r"""Softmax policy over vector observations, with logits that are linear in the observation.

    .. math::

        \pi_\theta(a \mid s) &= \frac{e^{h(a)}}{\sum_b e^{h(b)}}, \qquad h(a) = \sum_i W_{ai} s_i, \\
        \frac{\partial}{\partial W_{bi}} \log \pi_\theta(a \mid s) &= (1_{a = b} - \pi_\theta(b \mid s))\, s_i .

    ``theta[..., a * obs_dim + i]`` is :math:`W_{ai}`. There is no bias; a constant 1 in the observation is one. The
    methods ``log_prob``, ``score``, ``sample`` and ``score_sum`` have the shapes of `pglib.policies`; ``s`` is
    (..., obs_dim), and it is ``s.shape[:-1]`` that broadcasts.

    Parameters
    ----------
    obs_dim : int
        Numbers in an observation, at least 1.
    n_actions : int
        A, at least 2.

    Attributes
    ----------
    obs_dim, n_actions, n_params : int
        As above, and d = n_actions * obs_dim.

    Raises
    ------
    ValueError
        If ``obs_dim`` is below 1 or ``n_actions`` below 2, or either is not an integer.

    See Also
    --------
    MLPSoftmax : logits that are not linear.
    Softmax : states by their index.

    References
    ----------
    Sutton & Barto (2018), section 13.1, equations (13.2) and (13.3), and the eligibility vector of section 13.3.

    Examples
    --------
    Two actions and the observation (1, 2): the probabilities, and the scores of both actions.

    >>> import numpy as np
    >>> import pglib as pg
    >>> policy, s = pg.LinearSoftmax(2, 2), np.array([1.0, 2.0])
    >>> np.exp(policy.log_prob(np.array([0.0, 0.0, 0.0, np.log(3) / 2]), s, np.arange(2))).round(4)
    array([0.25, 0.75])
    >>> policy.score(np.zeros(4), s, np.arange(2))
    array([[ 0.5,  1. , -0.5, -1. ],
           [-0.5, -1. ,  0.5,  1. ]])
    """

    def __init__(self, obs_dim, n_actions):
        super().__init__(obs_dim, n_actions)
        self.n_params = self.n_actions * self.obs_dim

    def _logits(self, theta, s):
        return _apply(theta.reshape(*theta.shape[:-1], self.n_actions, self.obs_dim), s)

    def _score_sum(self, theta, s, taken, weights):
        delta = weights * (taken - np.exp(_log_softmax(self._logits(theta, s))))
        return _flat(delta.mT @ s)


class MLPSoftmax(_VectorSoftmax):
    r"""Softmax policy over vector observations, with logits from one hidden layer of tanh units.

    .. math::

        \pi_\theta(a \mid s) = \frac{e^{h_a}}{\sum_b e^{h_b}}, \qquad h = W_2 x + b_2, \qquad
        x = \tanh(W_1 s + b_1).

    The score is backpropagation: with :math:`e_a` the vector that is 1 at action a and else 0,

    .. math::

        \delta &= e_a - \pi_\theta(\cdot \mid s), \qquad
        \nabla_{W_2} = \delta x^\top, \qquad \nabla_{b_2} = \delta, \\
        \varepsilon &= W_2^\top \delta \odot (1 - x \odot x), \qquad
        \nabla_{W_1} = \varepsilon s^\top, \qquad \nabla_{b_1} = \varepsilon .

    ``theta`` is (W1, b1, W2, b2): W1 (n_hidden, obs_dim) row by row, b1 (n_hidden), W2 (n_actions, n_hidden) row by
    row, b2 (n_actions). The methods ``log_prob``, ``score``, ``sample`` and ``score_sum`` have the shapes of
    `pglib.policies`; ``s`` is (..., obs_dim), and it is ``s.shape[:-1]`` that broadcasts.

    Parameters
    ----------
    obs_dim : int
        Numbers in an observation, at least 1.
    n_hidden : int
        Hidden units, at least 1.
    n_actions : int
        A, at least 2.

    Attributes
    ----------
    obs_dim, n_hidden, n_actions, n_params : int
        As above, and d = n_hidden * (obs_dim + 1) + n_actions * (n_hidden + 1).

    Raises
    ------
    ValueError
        If ``obs_dim`` or ``n_hidden`` is below 1 or ``n_actions`` below 2, or one is not an integer.

    See Also
    --------
    MLPSoftmax.initial_theta : where to start; not at zero.
    LinearSoftmax : no hidden layer.

    References
    ----------
    Sutton & Barto (2018), sections 13.1 and 13.3; Williams (1992) on backpropagation of the score.

    Examples
    --------
    One input, one hidden unit, two actions: theta = (W1, b1, W2[0], W2[1], b2[0], b2[1]), and tanh(log 2) = 0.6.

    >>> import numpy as np
    >>> import pglib as pg
    >>> policy = pg.MLPSoftmax(1, 1, 2)
    >>> theta = np.array([np.log(2), 0, 0, np.log(3) / 0.6, 0, 0])
    >>> np.exp(policy.log_prob(theta, [1.0], np.arange(2))).round(4)
    array([0.25, 0.75])
    >>> policy.score(theta, [1.0], 1).round(4)
    array([ 0.293,  0.293, -0.15 ,  0.15 , -0.25 ,  0.25 ])
    """

    def __init__(self, obs_dim, n_hidden, n_actions):
        super().__init__(obs_dim, n_actions)
        self.n_hidden = check_count("n_hidden", n_hidden)
        self.n_params = self.n_hidden * (self.obs_dim + 1) + self.n_actions * (self.n_hidden + 1)

    def initial_theta(self, runs, *, rng):
        r"""Return parameters to start from: in every run the uniform policy, and hidden units that differ.

        W1 is normal with mean 0 and standard deviation :math:`1 / \sqrt{\mathrm{obs\_dim}}`; the rest is 0.

        Parameters that are all 0 would never learn. The gradient of W1 and b1 has the factor W2, through which it
        comes back, and that of W2 the factor x = tanh(W1 s + b1). At zero all of them are 0, and stay 0: only b2 would
        ever move, and the policy would never look at the observation. With W1 random the first step moves W2 (and b2),
        and from the second step on W1 and b1 move too. Rows of W1 that are equal would stay equal, one unit many times.

        Parameters
        ----------
        runs : int
            Number of runs, at least 1.
        rng : numpy.random.Generator
            Source of the entries of W1.

        Returns
        -------
        ndarray, shape (runs, d)
            Parameters.

        Raises
        ------
        ValueError
            If ``runs`` is not an integer of at least 1, or ``rng`` not a Generator.

        Examples
        --------
        >>> import numpy as np
        >>> import pglib as pg
        >>> policy = pg.MLPSoftmax(4, 8, 2)
        >>> theta = policy.initial_theta(3, rng=np.random.default_rng(0))
        >>> theta.shape
        (3, 58)
        >>> np.exp(policy.log_prob(theta, np.ones(4), 0))
        array([0.5, 0.5, 0.5])
        """
        check_rng(rng)
        theta = np.zeros((check_count("runs", runs), self.n_params))
        in_w1 = self.n_hidden * self.obs_dim
        theta[:, :in_w1] = rng.normal(scale=self.obs_dim**-0.5, size=(runs, in_w1))
        return theta

    def _split(self, theta):
        """Return W1 (..., n_hidden, obs_dim), b1 (..., n_hidden), W2 (..., A, n_hidden), b2 (..., A) as views."""
        w1, w2 = (self.n_hidden, self.obs_dim), (self.n_actions, self.n_hidden)
        ends = np.cumsum([prod(w1), self.n_hidden, prod(w2)])
        in_w1, b1, in_w2, b2 = np.split(theta, ends, axis=-1)
        return in_w1.reshape(*theta.shape[:-1], *w1), b1, in_w2.reshape(*theta.shape[:-1], *w2), b2

    def _forward(self, theta, s):
        """Return x and h."""
        w1, b1, w2, b2 = self._split(theta)
        x = np.tanh(_apply(w1, s) + b1)  # x = tanh(W1 s + b1)
        h = _apply(w2, x) + b2  # h = W2 x + b2
        return x, h

    def _logits(self, theta, s):
        return self._forward(theta, s)[1]

    def _score_sum(self, theta, s, taken, weights):
        """Backpropagate: each line is the derivative of sum_n w_n log pi(a_n | s_n) in what its comment says."""
        _, _, w2, _ = self._split(theta)
        x, h = self._forward(theta, s)
        pi = np.exp(_log_softmax(h))  # pi_n = softmax(h_n)
        delta = weights * (taken - pi)  # in h_n: delta_n = w_n (e_{a_n} - pi_n)
        by_w2 = delta.mT @ x  # in W2: sum_n delta_n x_n^T
        by_b2 = delta.sum(axis=-2)  # in b2: sum_n delta_n
        epsilon = _apply(w2.mT, delta) * (1 - x * x)  # in W1 s_n + b1: epsilon_n = (W2^T delta_n) * (1 - x_n * x_n)
        by_w1 = epsilon.mT @ s  # in W1: sum_n epsilon_n s_n^T
        by_b1 = epsilon.sum(axis=-2)  # in b1: sum_n epsilon_n
        return np.concatenate([_flat(by_w1), by_b1, _flat(by_w2), by_b2], axis=-1)


class Gaussian:
    r"""Gaussian policy over one real action, with a mean that is linear in the state.

    .. math::

        \pi_\theta(a \mid s) &= \frac{1}{\sigma \sqrt{2 \pi}}\, e^{-z^2 / 2}, \qquad
        z = \frac{a - s^\top w}{\sigma}, \qquad \theta = (w, \log \sigma), \\
        \nabla_w \log \pi_\theta(a \mid s) &= \frac{z}{\sigma}\, s, \qquad
        \frac{\partial}{\partial \log \sigma} \log \pi_\theta(a \mid s) = z^2 - 1 .

    The shapes are those of `pglib.policies`, but a state is a vector: ``s`` is (..., n_features), and it is
    ``s.shape[:-1]`` that broadcasts. A problem without state has the one state ``[1.0]``.

    Parameters
    ----------
    n_features : int
        Numbers in a state.

    Attributes
    ----------
    n_features, n_params : int
        As above, and d = n_features + 1.

    Raises
    ------
    ValueError
        If ``n_features`` is below 1.

    References
    ----------
    Sutton & Barto (2018), equations (13.19) and (13.20).

    Examples
    --------
    Mean 2 and standard deviation 1; the scores of the actions 2 and 3.

    >>> import numpy as np
    >>> import pglib as pg
    >>> pg.Gaussian(1).score(np.array([2.0, 0.0]), np.array([1.0]), np.array([2.0, 3.0]))
    array([[ 0., -1.],
           [ 1.,  0.]])
    """

    def __init__(self, n_features):
        self.n_features = check_count("n_features", n_features)
        self.n_params = self.n_features + 1

    def log_prob(self, theta, s, a):
        r"""Return :math:`\log \pi_\theta(a \mid s)`, the logarithm of a density; it may be positive.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s : array_like, shape (..., n_features)
            States.
        a : array_like, shape (...)
            Actions.

        Returns
        -------
        ndarray, shape (...)
            Natural logarithms.

        Raises
        ------
        ValueError
            If ``theta`` has not d entries or ``s`` has not n_features.
        """
        mean, log_std, _ = self._at(theta, s)
        z = (np.asarray(a) - mean) * np.exp(-log_std)
        return -(z**2) / 2 - log_std - log(2 * pi) / 2

    def score(self, theta, s, a):
        r"""Return the score :math:`\nabla_\theta \log \pi_\theta(a \mid s)`.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s : array_like, shape (..., n_features)
            States.
        a : array_like, shape (...)
            Actions.

        Returns
        -------
        ndarray, shape (..., d)
            Per unit of the parameter.

        Raises
        ------
        ValueError
            As `log_prob`.
        """
        mean, log_std, s = self._at(theta, s)
        z = (np.asarray(a) - mean) * np.exp(-log_std)
        s = np.broadcast_to(s, (*z.shape, self.n_features))
        score = np.empty((self.n_params, *z.shape), z.dtype)  # long rows in memory, whatever n_features is
        np.multiply(z * np.exp(-log_std), np.moveaxis(s, -1, 0), out=score[:-1])
        score[-1] = z * z - 1
        return np.moveaxis(score, 0, -1)

    def sample(self, theta, s, *, rng):
        r"""Draw actions :math:`a \sim \pi_\theta(\cdot \mid s)`.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters.
        s : array_like, shape (..., n_features)
            States.
        rng : numpy.random.Generator
            Source of one normal number for each action.

        Returns
        -------
        ndarray, shape (...)
            Actions.

        Raises
        ------
        ValueError
            If ``rng`` is not a Generator or ``theta`` is complex; else as `log_prob`.
        """
        check_rng(rng)
        mean, log_std, _ = self._at(check_real("theta", theta), s)
        return mean + np.exp(log_std) * rng.standard_normal(mean.shape, mean.dtype)

    def score_sum(self, theta, s, a, weights):
        r"""Return :math:`\sum_n w_n \nabla_\theta \log \pi_\theta(a_n \mid s_n)` over the sample axes.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s : array_like, shape (..., n_features)
            States; ``s.shape[:-1]`` broadcasts to the shape of ``weights``.
        a : array_like, shape (...)
            Actions; they broadcast to the shape of ``weights``.
        weights : array_like, shape (..., *samples)
            ``theta.shape[:-1]`` followed by any number of sample axes; real or complex.

        Returns
        -------
        ndarray, shape (..., d)
            In units of ``weights`` per unit of the parameter.

        Raises
        ------
        ValueError
            If ``weights`` does not begin with the axes of ``theta``, or ``s`` or ``a`` does not broadcast to
            ``weights``; else as `log_prob`.
        """
        each, weights, lead = check_weights(theta, weights, self.n_params, np.float32)
        flat = (*lead, prod(weights.shape[len(lead) :]))
        s = _expand("s", _check_vectors(s, self.n_features), weights, self.n_features)
        mean, log_std, s = self._at(each, s)
        z = (_expand("a", np.asarray(a), weights) - mean) * np.exp(-log_std)
        by_log_std = (weights * (z**2 - 1)).reshape(flat).sum(axis=-1)
        by_mean = (weights * z * np.exp(-log_std)).reshape(flat)
        s = s.reshape(*flat, self.n_features)
        by_w = np.einsum("...n,...ni->...i", by_mean, s)
        return np.concatenate([by_w, by_log_std[..., None]], axis=-1)

    def _at(self, theta, s):
        """Return mean and log standard deviation, shape (...), and the checked states."""
        theta, s = check_theta(theta, self.n_params, precision=np.float32), _check_vectors(s, self.n_features)
        mean = total(s * theta[..., :-1])
        return mean, theta[..., -1], s


class _Tabular(Softmax):
    def __init__(self, n_states, n_actions):
        self.n_states, self.n_actions = check_count("n_states", n_states), check_count("n_actions", n_actions)
        self.n_params = self.n_states * self.n_actions

    def _logits(self, theta):
        return theta.reshape(*theta.shape[:-1], self.n_states, self.n_actions)

    def _score_from(self, s, by_action):
        s, by_action = _align(s, by_action)
        result = np.zeros((*s.shape, self.n_states, self.n_actions), by_action.dtype)
        np.put_along_axis(result, s[..., None, None], by_action[..., None, :], axis=-2)
        return result.reshape(*s.shape, self.n_params)

    def _gather(self, by_state_action):
        return by_state_action.reshape(*by_state_action.shape[:-2], self.n_params)


class _Binary(Softmax):
    def __init__(self, n_states):
        self.n_states = self.n_params = check_count("n_states", n_states)
        self.n_actions = 2

    def _logits(self, theta):
        return np.stack([np.zeros_like(theta), theta], axis=-1)

    def _score_from(self, s, by_action):
        s, by_action = _align(s, by_action)
        return np.where(s[..., None] == np.arange(self.n_states), by_action[..., 1:], 0)

    def _gather(self, by_state_action):
        return by_state_action[..., 1]


def _check_vectors(s, size):
    """Return states as an array whose last axis is ``size`` long, or raise ValueError."""
    s = np.asarray(s)
    if s.ndim == 0 or s.shape[-1] != size:
        raise ValueError(f"s must have shape (..., {size}), one vector a state; received {s.shape}")
    return s


def _expand(name, value, weights, *last):
    """Return ``value`` broadcast to the axes of the weights and the axes ``last``, or raise ValueError."""
    shape = (*weights.shape, *last)
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        raise ValueError(
            f"{name} must broadcast to shape {shape}, as weights have shape {weights.shape}; received {value.shape}"
        ) from None


def _log_softmax(logits):
    """Return logits - log(sum(exp(logits))) over the last axis, with no overflow; complex logits are allowed."""
    x = np.moveaxis(logits, -1, 0).copy()  # a row in memory for each action, as rows are what NumPy is fast on
    x -= x.real.max(axis=0)
    x -= np.log(np.exp(x).sum(axis=0))
    return np.moveaxis(x, 0, -1)


def _draw(log_pi, rng):
    """Draw indices from log-probabilities (..., A), by the inverse of the distribution function; shape (...)."""
    cdf = np.exp(log_pi).cumsum(axis=-1)  # ends at 1 but for rounding, which must not pick an impossible action
    if not (cdf[..., -1] > 0).all():
        raise ValueError("theta must give probabilities; at a state asked for it gives NaN")
    return (rng.random(cdf.shape[:-1])[..., None] * cdf[..., -1:] >= cdf).sum(axis=-1)


def _pick(log_pi, a):
    """Return the entries a (...) of log-probabilities (..., A), leading axes broadcast; shape (...)."""
    return _look_up(log_pi, a, behind=0)


def _look_up(table, index, behind):
    """Return entries of the axis that ``behind`` axes follow; the axes before it and those of ``index`` broadcast."""
    axis = table.ndim - behind - 1
    before = axis - index.ndim
    if before >= 0 and table.shape[before:axis] == (1,) * index.ndim:  # the same entries for all
        return np.take(table.reshape(*table.shape[:before], *table.shape[axis:]), index, axis=before)
    shape = np.broadcast_shapes(table.shape[:axis], index.shape)
    table = np.broadcast_to(table, (*shape, *table.shape[axis:]))
    index = np.broadcast_to(index, shape).reshape(*shape, *[1] * (behind + 1))
    return np.take_along_axis(table, index, axis=-behind - 1).squeeze(-behind - 1)


def _apply(w, x):
    """Return W x for matrices (..., m, n) and vectors (..., n); leading axes broadcast, shape (..., m)."""
    # matmul, because einsum takes 2 to 17 times as long here and in the sums over samples (100 runs, 2000 samples).
    # Where the matrix is the same for all vectors along an axis, those vectors are the rows of one product.
    if w.ndim == 2:
        return x @ w.mT
    if w.shape[-3] == 1:
        return np.atleast_2d(x) @ w[..., 0, :, :].mT
    return (w @ x[..., None])[..., 0]


def _flat(w):
    """Return matrices (..., m, n) row by row, shape (..., m * n)."""
    return w.reshape(*w.shape[:-2], w.shape[-2] * w.shape[-1])


def _align(s, by_action):
    """Broadcast indices ``s`` (...) and an array (..., A) to common leading axes."""
    shape = np.broadcast_shapes(s.shape, by_action.shape[:-1])
    return np.broadcast_to(s, shape), np.broadcast_to(by_action, (*shape, by_action.shape[-1]))


def _add_up(cell, weights, n_cells):
    """Add weights (..., n) up by cell index (..., n): shape (..., n_cells). bincount knows reals only."""
    if np.iscomplexobj(weights):
        return _add_up(cell, weights.real, n_cells) + 1j * _add_up(cell, weights.imag, n_cells)
    lead = cell.shape[:-1]
    n_lead = prod(lead)
    offset = np.arange(n_lead).reshape(*lead, 1) * n_cells
    return np.bincount((cell + offset).ravel(), weights.ravel(), n_lead * n_cells).reshape(*lead, n_cells)
