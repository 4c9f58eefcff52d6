r"""A policy written as a formula: SymPy differentiates it, NumPy runs it.

`SymbolicPolicy` takes :math:`\log \pi_\theta(a \mid s)` as a SymPy expression and has the methods of every policy
(`pglib.policies`). The score is the derivative that SymPy finds, compiled once, so the score on the page and the score
that trains are the same formula.

Formulas are written as in a textbook, ``log(1 + exp(x))``, and such a form overflows at x = 800. Before compiling, each
logarithm of a sum of positive terms is rewritten with the identities

.. math::

    \log(e^x) &= x, \qquad \log(u v) = \log u + \log v, \qquad \log(u^k) = k \log u, \\
    \log(u + v) &= \operatorname{logaddexp}(\log u, \log v) \qquad (u, v > 0),

which hold exactly; `numpy.logaddexp` evaluates the last without overflow, and its derivative is a sigmoid.
"""

from functools import reduce
from math import lgamma

import numpy as np
import sympy as sp
from sympy.codegen.numpy_nodes import logaddexp
from sympy.core.function import AppliedUndef
from sympy.functions.elementary.hyperbolic import HyperbolicFunction

from pglib._checks import check_real, check_rng, check_theta, check_weights
from pglib.policies import _draw

__all__ = ["SymbolicPolicy"]

_log_gamma = sp.Function("log_gamma")  # NumPy has none; log k! of a Poisson policy is one


class SymbolicPolicy:
    r"""Policy given by a formula for its log-probability.

    Parameters
    ----------
    log_prob_expr : sympy.Expr
        :math:`\log \pi_\theta(a \mid s)`, in the symbols ``theta``, ``state`` and ``action`` and no others.
    theta : sequence of sympy.Symbol
        The d parameters, in the order of the last axis of the arrays ``theta``. They stand for real numbers.
    state, action : sympy.Symbol
        The state and the action. A formula without the state is a policy that does not look at it.
    actions : sequence of numbers, optional
        The actions, if they are finitely many. Sampling is then by inverse distribution function.
    sampler : callable, optional
        ``sampler(theta, s, rng)`` draws actions of the shape to which ``theta.shape[:-1]`` and ``s.shape`` broadcast.
        Needed if, and only if, ``actions`` is not given. That it samples from the formula, and that the formula is
        normalised, is then for the caller to show.

    Attributes
    ----------
    score_expr : sympy.Matrix
        The score as a column, in the caller's own symbols.
    log_prob_expr, theta, state, action, actions, sampler
        As passed.
    n_params : int
        d.

    Raises
    ------
    ValueError
        If the formula is not a SymPy expression or has unknown symbols; if neither or both of ``actions`` and
        ``sampler`` are given; if the probabilities of finitely many actions do not sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy as sp
    >>> beta, s, a = sp.symbols("beta s a", real=True)
    >>> log_pi = beta * a - sp.log(1 + sp.exp(beta))
    >>> policy = SymbolicPolicy(log_pi, theta=[beta], state=s, action=a, actions=[0, 1])
    >>> policy.score_expr
    Matrix([[a - exp(beta)/(exp(beta) + 1)]])
    >>> policy.score(np.array([800.0]), 0, np.array([0, 1])).round(9)
    array([[-1.],
           [ 0.]])
    >>> SymbolicPolicy(beta * a, theta=[beta], state=s, action=a, actions=[0, 1])
    Traceback (most recent call last):
        ...
    ValueError: log_prob_expr must be normalised; its probabilities over actions [0, 1] sum to 2 at beta=0, s=0
    """

    def __init__(self, log_prob_expr, *, theta, state, action, actions=None, sampler=None):
        if isinstance(theta, sp.Basic) or not len(theta):
            raise ValueError(f"theta must be a sequence of at least one SymPy symbol; received {theta!r}")
        theta = tuple(theta)
        symbols = (*theta, state, action)
        if not isinstance(log_prob_expr, sp.Expr) or not all(isinstance(x, sp.Symbol) for x in symbols):
            raise ValueError("log_prob_expr must be a SymPy expression, and theta, state and action SymPy symbols")
        if len(set(symbols)) < len(symbols):
            raise ValueError(f"theta, state and action must be different symbols; received {symbols}")
        unknown = (log_prob_expr.free_symbols - set(symbols)) | log_prob_expr.atoms(AppliedUndef)
        if unknown:
            names = ", ".join(sorted(map(str, unknown)))
            raise ValueError(f"log_prob_expr must contain theta, state and action only; it also has {names}")
        if (actions is None) == (sampler is None):
            raise ValueError("give either actions, if they are finitely many, or a sampler")

        self.log_prob_expr, self.theta, self.state, self.action = log_prob_expr, theta, state, action
        self.actions, self.sampler = None if actions is None else np.array(actions), sampler
        self.n_params = len(theta)
        self.score_expr = sp.Matrix([sp.diff(log_prob_expr, parameter) for parameter in theta])
        self._compile()
        if actions is not None:
            self._check_normalised()

    def log_prob(self, theta, s, a):
        r"""Return :math:`\log \pi_\theta(a \mid s)`.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s, a : array_like
            States and actions; their shapes and ``theta.shape[:-1]`` broadcast.

        Returns
        -------
        ndarray, shape (...)
            Natural logarithms of probabilities or densities.

        Raises
        ------
        ValueError
            If ``theta`` has not d entries.
        """
        arguments, shape = self._arguments(theta, s, a)
        return np.array(np.broadcast_to(self._log_prob(*arguments), shape))

    def score(self, theta, s, a):
        r"""Return the score :math:`\nabla_\theta \log \pi_\theta(a \mid s)`.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s, a : array_like
            States and actions; their shapes and ``theta.shape[:-1]`` broadcast.

        Returns
        -------
        ndarray, shape (..., d)
            Per unit of the parameter.

        Raises
        ------
        ValueError
            If ``theta`` has not d entries.
        """
        arguments, shape = self._arguments(theta, s, a)
        return np.stack([np.broadcast_to(partial, shape) for partial in self._score(*arguments)], axis=-1)

    def score_sum(self, theta, s, a, weights):
        r"""Return :math:`\sum_n w_n \nabla_\theta \log \pi_\theta(a_n \mid s_n)` over the sample axes.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters, real or complex.
        s, a : array_like
            States and actions; they broadcast to the shape of ``weights``.
        weights : array_like, shape (..., *samples)
            ``theta.shape[:-1]`` followed by any number of sample axes; real or complex.

        Returns
        -------
        ndarray, shape (..., d)
            In units of ``weights`` per unit of the parameter.

        Raises
        ------
        ValueError
            If ``theta`` has not d entries or ``weights`` does not begin with the axes of ``theta``.
        """
        each, weights, lead = check_weights(theta, weights, self.n_params)
        samples = tuple(range(len(lead), weights.ndim))
        arguments, _ = self._arguments(each, s, a)
        partials = (np.broadcast_to(partial, weights.shape) for partial in self._score(*arguments))
        return np.stack([(weights * partial).sum(axis=samples) for partial in partials], axis=-1)

    def sample(self, theta, s, *, rng):
        r"""Draw actions :math:`a \sim \pi_\theta(\cdot \mid s)`.

        Parameters
        ----------
        theta : array_like, shape (..., d)
            Parameters.
        s : array_like
            States; the shape and ``theta.shape[:-1]`` broadcast.
        rng : numpy.random.Generator
            Source of one uniform number for each action, or handed to the ``sampler``.

        Returns
        -------
        ndarray, shape (...)
            Entries of ``actions``, or what the ``sampler`` returns.

        Raises
        ------
        ValueError
            If ``rng`` is not a Generator, or ``theta`` is complex, has not d entries or gives NaN.
        """
        check_rng(rng)
        theta, s = check_theta(check_real("theta", theta), self.n_params), np.asarray(s)
        if self.sampler is not None:
            return self.sampler(theta, s, rng)
        return self.actions[_draw(self.log_prob(theta[..., None, :], s[..., None], self.actions), rng)]

    def _arguments(self, theta, s, a):
        """Return the arguments of the compiled functions and the shape to which they broadcast."""
        theta = check_theta(theta, self.n_params)
        arguments = (*np.moveaxis(theta, -1, 0), np.asarray(s), np.asarray(a))
        return arguments, np.broadcast_shapes(*(argument.shape for argument in arguments))

    def _compile(self):
        """Compile log-probability and score to NumPy functions of (theta_1, ..., theta_d, s, a)."""
        symbols = (*self.theta, self.state, self.action)
        assumptions = [{"real": True} if x.is_real is None else x.assumptions0 for x in symbols]
        real = [sp.Dummy(f"argument{i}", **known) for i, known in enumerate(assumptions)]  # x may be called exp, or x0
        log_prob = self.log_prob_expr.subs(dict(zip(symbols, real, strict=True)))
        deltas = {delta: sp.Dummy(real=True) for delta in log_prob.atoms(sp.KroneckerDelta)}
        log_prob = log_prob.xreplace(deltas).replace(sp.log, _log).replace(sp.loggamma, _log_gamma)
        log_prob = log_prob.xreplace({dummy: _indicator(*delta.args) for delta, dummy in deltas.items()})
        score = [sp.diff(log_prob, parameter) for parameter in real[: self.n_params]]
        modules = [{"logaddexp": _logaddexp, "log_gamma": np.vectorize(lgamma, otypes=[float])}, "numpy"]
        self._log_prob = _quiet(sp.lambdify(real, log_prob, modules, cse=True))
        self._score = _quiet(sp.lambdify(real, score, modules, cse=True))

    def _check_normalised(self):
        """Raise ValueError unless the probabilities sum to 1 at seventeen points where the formula is defined."""
        grid = np.random.default_rng(0)
        points = np.concatenate([np.zeros((1, self.n_params)), grid.random((8, self.n_params)),
                                 grid.normal(size=(8, self.n_params))])  # fmt: skip
        states = np.array([0, 1, 2])
        with np.errstate(all="ignore"):
            log_pi = self.log_prob(points[:, None, None, :], states[:, None], self.actions)
            total = np.exp(log_pi).sum(axis=-1)
        defined = np.isfinite(total)
        if not defined.any():
            raise ValueError("log_prob_expr must be normalised; it is not defined for parameters in [0, 1] or near 0")
        wrong = np.argwhere(defined & ~(np.abs(total - 1) < 1e-9))
        if len(wrong):
            i, j = wrong[0]
            where = ", ".join(f"{name}={x:.3g}" for name, x in zip(self.theta, points[i], strict=True))
            raise ValueError(
                f"log_prob_expr must be normalised; its probabilities over actions {self.actions.tolist()} "
                f"sum to {total[i, j]:.12g} at {where}, {self.state}={states[j]}"
            )

    def __getstate__(self):
        """Pickle the formula, not the compiled functions."""
        return {name: value for name, value in vars(self).items() if name not in ("_log_prob", "_score")}

    def __setstate__(self, state):
        """Compile the unpickled formula again."""
        vars(self).update(state)
        self._compile()


def _log(x):
    """Return log(x) with logarithms of positive products, powers and sums taken apart; x is a SymPy expression."""
    if isinstance(x, sp.exp):
        return x.args[0]
    if isinstance(x, sp.Add) and all(term.is_positive for term in x.args):
        return reduce(logaddexp, map(_log, x.args))
    if x.has(HyperbolicFunction):
        return _log(x.replace(lambda part: isinstance(part, HyperbolicFunction), lambda part: part.rewrite(sp.exp)))
    x = x.rewrite(sp.gamma) if isinstance(x, sp.factorial) else x
    if isinstance(x, sp.gamma):
        return _log_gamma(x.args[0])
    if isinstance(x, sp.Piecewise):
        return sp.Piecewise(*((_log(value), condition) for value, condition in x.args))
    x = _joined(x)
    if isinstance(x, sp.Pow) and x.base.is_positive:
        return x.exp * _log(x.base)
    if isinstance(x, sp.Mul):
        factors = [_joined(factor) for factor in x.args]
        rest = sp.Mul(*(factor for factor in factors if not factor.is_positive))
        return sum((_log(factor) for factor in factors if factor.is_positive), sp.log(rest))
    return sp.log(x)


def _joined(x):
    """Return a sum as a product, if it is one: 1 - 1/(1 + exp(-t)) is the positive exp(-t)/(1 + exp(-t))."""
    if x.is_positive or x.has(sp.Piecewise):
        return x
    return _joined(x.base) ** x.exp if isinstance(x, sp.Pow) else sp.factor(sp.together(x))


def _indicator(i, j):
    """Return KroneckerDelta(i, j) in a form that NumPy broadcasts."""
    return sp.Piecewise((1, sp.Eq(i, j)), (0, True))


def _logaddexp(x, y):
    """Return log(exp(x) + exp(y)); numpy.logaddexp knows reals only."""
    if not (np.iscomplexobj(x) or np.iscomplexobj(y)):
        return np.logaddexp(x, y)
    x, y = np.where(np.real(x) > np.real(y), x, y), np.where(np.real(x) > np.real(y), y, x)
    return x + np.log(1 + np.exp(y - x))


def _quiet(function):
    """Silence overflow and underflow of an exponential: the limits 1 / (1 + inf) = 0 are the right values."""

    def evaluate(*arguments):
        with np.errstate(over="ignore", under="ignore"):
            return function(*arguments)

    return evaluate
