"""Policies written as formulas: what SymPy derives, what NumPy evaluates, and which formulas are refused.

What every policy must satisfy is asked in `test_policies`.
"""

import pickle

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal
from problems import complex_step

import pglib as pg
from pglib.symbolic import SymbolicPolicy

t, s, a = sp.symbols("t s a", real=True)
p = 1 / (1 + sp.exp(-t))


def bernoulli(formula, **options):
    return SymbolicPolicy(formula, **{"theta": [t], "state": s, "action": a, "actions": [0, 1], **options})


WAYS = {
    "log-odds": a * t - sp.log(1 + sp.exp(t)),
    "two logarithms": a * sp.log(p) + (1 - a) * sp.log(1 - p),
    "product of powers": sp.log(p**a * (1 - p) ** (1 - a)),
    "cases": sp.Piecewise((sp.log(p), sp.Eq(a, 1)), (sp.log(1 - p), True)),
    "cases inside": sp.log(sp.Piecewise((p, sp.Eq(a, 1)), (1 - p, True))),
    "ratio": sp.log(sp.exp(a * t) / (1 + sp.exp(t))),
    "softplus": -sp.log(1 + sp.exp(-(2 * a - 1) * t)),
    "softmax": sp.log(sp.exp(a * t) / sum(sp.exp(b * t) for b in range(2))),
    "cosh": (a - sp.Rational(1, 2)) * t - sp.log(2 * sp.cosh(t / 2)),
    "tanh": a * sp.log((1 + sp.tanh(t / 2)) / 2) + (1 - a) * sp.log((1 - sp.tanh(t / 2)) / 2),
}


@pytest.fixture(params=WAYS)
def way(request):
    return bernoulli(WAYS[request.param])


def test_ways_to_write_one_policy(way):
    """The same numbers from each, and from the policy written by hand."""
    theta, hand = np.linspace(-6, 6, 25)[:, None, None], pg.Softmax.binary(1)
    assert_allclose(way.log_prob(theta, 0, [0, 1]), hand.log_prob(theta, 0, [0, 1]), atol=1e-13)
    assert_allclose(way.score(theta, 0, [0, 1]), hand.score(theta, 0, [0, 1]), atol=1e-13)


@pytest.mark.parametrize("size", [40.0, 800.0, 1e6])
def test_ways_to_write_one_policy_do_not_overflow(way, size):
    """log pi = -size where the policy all but excludes the action, and the score is 1 - pi there."""
    theta = np.array([[[-size]], [[size]]])
    assert_allclose(way.log_prob(theta, 0, [0, 1]), [[0, -size], [-size, 0]], rtol=1e-14, atol=1e-15)
    assert_allclose(way.score(theta, 0, [0, 1])[..., 0], [[0, 1], [-1, 0]], atol=1e-15)
    assert_allclose(way.score_sum(theta[:, 0], 0, [0, 1], np.ones((2, 2))), [[1], [-1]], atol=1e-15)
    draws = way.sample(theta, np.zeros((2, 100), int), rng=np.random.default_rng(0))
    assert_array_equal(draws, [[0] * 100, [1] * 100])


def test_ways_to_write_one_policy_take_complex_parameters(way):
    for theta in (np.array([0.3]), np.array([-40.0]), np.array([800.0])):
        derivative = complex_step(lambda x: way.log_prob(x[:, None], 0, np.array([0, 1])), theta)
        assert_allclose(derivative[0], way.score(theta, 0, [0, 1])[:, 0], atol=1e-13)


def test_a_tanh_in_the_logits_stays_a_tanh():
    """Written with exponentials it would overflow at 800, and make a cosine beside it complex."""
    unit, both = sp.tanh(t * s), np.array([0, 1])
    one = bernoulli(a * unit - sp.log(1 + sp.exp(unit)))
    assert_allclose(one.log_prob([2.0], 800.0, both), [-np.log(1 + np.e), 1 - np.log(1 + np.e)], rtol=1e-14)
    assert_allclose(one.score([2.0], 800.0, both), 0, atol=1e-15)
    wave = sp.cos(t) * unit
    two = bernoulli(a * wave - sp.log(1 + sp.exp(wave)))
    assert two.log_prob([0.5], 2.0, 1).dtype == two.score([0.5], 2.0, 1).dtype == float


def test_score_is_shown_in_the_symbols_of_the_caller():
    policy = bernoulli(WAYS["log-odds"])
    assert policy.score_expr == sp.Matrix([a - sp.exp(t) / (1 + sp.exp(t))])
    assert policy.score_expr.free_symbols == {a, t}
    x, y = sp.symbols("x y")  # without assumptions
    formula = a * (x + y * s) - sp.log(1 + sp.exp(x + y * s))
    policy = SymbolicPolicy(formula, theta=(y, x), state=s, action=a, actions=[0, 1])
    assert policy.score_expr == sp.Matrix([sp.diff(formula, y), sp.diff(formula, x)])
    assert policy.n_params == 2 and policy.theta == (y, x)


def test_order_of_theta():
    """As the caller gives it, not alphabetical."""
    b, c = sp.symbols("b c", real=True)
    formula = -((a - c) ** 2) - b * a
    policy = SymbolicPolicy(formula, theta=(c, b), state=s, action=a, sampler=lambda theta, s, rng: 0.0)
    assert_allclose(policy.log_prob([2.0, 10.0], 0, 1.0), -11)
    assert_allclose(policy.score([2.0, 10.0], 0, 1.0), [-2.0, -1.0])


@pytest.mark.parametrize("name", ["theta", "lambda", "_0", "a b", r"\beta_{1}", "exp", "log", "select", "x0", "nan"])
def test_names_of_symbols(name):
    """Python keywords, LaTeX and names of functions are names like any other."""
    x = sp.Symbol(name, real=True)
    policy = SymbolicPolicy(a * x - sp.log(1 + sp.exp(x)), theta=[x], state=s, action=a, actions=[0, 1])
    assert_allclose(policy.score([0.0], 0, [0, 1]), [[-0.5], [0.5]])


@pytest.mark.parametrize("names", ["x0 x1 x2 x3", "x3 x2 x1 x0", "argument3 argument2 argument1 argument0"])
@pytest.mark.parametrize("options", [{}, {"real": True}])
def test_names_of_symbols_that_a_compiler_uses(names, options):
    """x0, x1, ... are what SymPy calls common subexpressions."""
    u, v, state, action = sp.symbols(names, **options)

    def h(b):
        return b * (u + v * state) ** 2 + b**2 * v

    formula = h(action) - sp.log(sum(sp.exp(h(b)) for b in range(3)))
    policy = SymbolicPolicy(formula, theta=[u, v], state=state, action=action, actions=[0, 1, 2])
    logits = np.arange(3) * (0.3 + 0.7 * 2) ** 2 + np.arange(3) ** 2 * 0.7
    expected = logits - np.log(np.exp(logits).sum())
    assert_allclose(policy.log_prob([0.3, 0.7], 2, [0, 1, 2]), expected, atol=1e-13)
    derivative = complex_step(lambda x: policy.log_prob(x[:, None], 2, np.arange(3)), np.array([0.3, 0.7]))
    assert_allclose(policy.score([0.3, 0.7], 2, [0, 1, 2]), derivative.T, atol=1e-13)


@pytest.mark.parametrize("options", [{}, {"real": True}, {"integer": True}, {"nonnegative": True}, {"positive": True}])
def test_assumptions_on_action_and_state(options):
    state, action = sp.symbols("state action", **options)
    formula = action * t * (state + 1) - sp.log(1 + sp.exp(t * (state + 1)))
    policy = SymbolicPolicy(formula, theta=[t], state=state, action=action, actions=[0, 1])
    score = policy.score(np.array([800.0]), np.array([[0], [1]]), np.array([0, 1]))
    assert_allclose(score[..., 0], [[-1, 0], [-2, 0]], atol=1e-15)


def test_score_that_is_constant():
    """Each part has the full shape, also where NumPy computes one number."""
    x, y = sp.symbols("x y", real=True)
    policy = SymbolicPolicy(x + 0 * a - 2 * y, theta=(x, y), state=s, action=a, sampler=lambda theta, s, rng: s)
    assert_array_equal(policy.score(np.zeros((3, 1, 2)), np.zeros(4), 1.0), np.tile([1.0, -2.0], (3, 4, 1)))
    assert_array_equal(policy.score_sum(np.zeros((3, 2)), 0, 0, np.ones((3, 5))), np.tile([5.0, -10.0], (3, 1)))
    assert policy.log_prob(np.zeros((3, 2)), 0, 0).shape == (3,)


def test_actions_need_not_be_indices():
    x = sp.Symbol("x", real=True)
    formula = a * x - sp.log(sum(sp.exp(b * x) for b in (-2, sp.Rational(1, 2), 3)))
    policy = SymbolicPolicy(formula, theta=[x], state=s, action=a, actions=[-2, 0.5, 3])
    draws = policy.sample(np.array([0.2]), np.zeros(3000, int), rng=np.random.default_rng(0))
    assert set(draws.tolist()) == {-2.0, 0.5, 3.0}
    assert_allclose(np.exp(policy.log_prob([0.2], 0, policy.actions)).sum(), 1)


def test_sampler_is_handed_arrays_and_the_generator():
    seen = []

    def sampler(theta, state, rng):
        seen.append((theta, state, rng))
        return rng.normal(theta[..., 0], 1.0)

    policy = bernoulli(-((a - t) ** 2) / 2 - sp.log(2 * sp.pi) / 2, actions=None, sampler=sampler)
    rng = np.random.default_rng(1)
    draws = policy.sample([[1], [2], [3]], [0, 0, 0], rng=rng)
    assert_array_equal(draws, np.random.default_rng(1).normal([1, 2, 3], 1.0))
    theta, state, generator = seen[0]
    assert theta.shape == (3, 1) and theta.dtype == float and isinstance(state, np.ndarray) and generator is rng


def sample_normal(theta, state, rng):
    return rng.normal(theta[..., 0], 1.0, size=np.broadcast_shapes(theta.shape[:-1], state.shape))


def test_pickle_carries_the_formula():
    """Formula, symbols and sampler; the compiled functions are made again."""
    policy = bernoulli(-((a - t) ** 2) / 2 - sp.log(2 * sp.pi) / 2, actions=None, sampler=sample_normal)
    again = pickle.loads(pickle.dumps(policy))
    assert again.log_prob_expr == policy.log_prob_expr and again.score_expr == policy.score_expr
    assert_array_equal(again.score([0.3], 0, np.arange(4.0)), policy.score([0.3], 0, np.arange(4.0)))
    draws = [x.sample([0.3], np.zeros(5), rng=np.random.default_rng(2)) for x in (policy, again)]
    assert_array_equal(*draws)


def test_factorial_and_gamma():
    """NumPy has neither: log k! is that of the Poisson distribution."""
    k = sp.Symbol("k", integer=True, nonnegative=True)
    expected = np.log([1, 1, 2, 6, 24, 120])
    for formula in (sp.log(sp.factorial(k)), sp.loggamma(k + 1), sp.log(sp.gamma(k + 1))):
        policy = SymbolicPolicy(k * t - formula, theta=[t], state=s, action=k, sampler=sample_normal)
        assert_allclose(policy.log_prob([0.0], 0, np.arange(6)), -expected, atol=1e-14)
        assert policy.log_prob([0.0], 0, np.zeros((2, 0), int)).shape == (2, 0)


def test_formula_defined_on_a_part_of_the_line():
    """A probability as parameter: the check of the sum looks only where the formula is defined."""
    q = sp.Symbol("q", positive=True)
    policy = SymbolicPolicy(a * sp.log(q) + (1 - a) * sp.log(1 - q), theta=[q], state=s, action=a, actions=[0, 1])
    assert_allclose(policy.score([0.25], 0, [0, 1]), [[-4 / 3], [4]])
    with pytest.raises(ValueError, match=r"log_prob_expr must be normalised; its probabilities .* sum to "):
        SymbolicPolicy(a * sp.log(q) + (1 - a) * sp.log(1 - q**2), theta=[q], state=s, action=a, actions=[0, 1])


# --- refused

OTHER = sp.Symbol("other")


@pytest.mark.parametrize("formula, options, message", [
    (a * t + OTHER, {}, r"log_prob_expr must contain theta, state and action only; it also has other"),
    (a * sp.Symbol("t") - sp.log(1 + sp.exp(t)), {}, r"it also has t$"),  # same name, other assumptions
    (sp.Function("f")(t) * a, {}, r"log_prob_expr must contain theta, state and action only; it also has f\(t\)"),
    (a * t, {}, r"log_prob_expr must be normalised; its probabilities over actions \[0, 1\] sum to 2 at t=0, s=0"),
    (WAYS["log-odds"] + sp.Rational(1, 10**6), {}, r"must be normalised; .* sum to 1\.000001\d* at t=0, s=0"),
    (a * t - sp.log(1 + sp.exp(t * s)), {}, r"must be normalised; .* sum to \S+ at t=\S+, s=0"),
    (-sp.log(2) + t**2 * (t - 1) / 100, {}, r"must be normalised; .* sum to \S+ at t=\S+, s=0"),
    (a * t - sp.log(1 + sp.exp(t)), {"actions": [0, 1, 2]}, r"probabilities over actions \[0, 1, 2\] sum to 1\.5 at"),
    (a * t - sp.log(1 + sp.exp(t)), {"actions": []}, r"probabilities over actions \[\] sum to 0 at"),
    (sp.log(-1 - t**2 - a), {}, r"log_prob_expr must be normalised; it is not defined"),
    (lambda theta: theta, {}, r"log_prob_expr must be a SymPy expression"),
    ("a*t - log(1 + exp(t))", {}, r"log_prob_expr must be a SymPy expression"),
    (-0.69, {}, r"log_prob_expr must be a SymPy expression"),
    (None, {}, r"log_prob_expr must be a SymPy expression"),
    (sp.Matrix([a * t]), {}, r"log_prob_expr must be a SymPy expression"),
    (WAYS["log-odds"], {"theta": ["t"]}, r"theta, state and action SymPy symbols"),
    (WAYS["log-odds"], {"state": "s"}, r"theta, state and action SymPy symbols"),
    (WAYS["log-odds"], {"action": None}, r"theta, state and action SymPy symbols"),
    (WAYS["log-odds"], {"theta": [2 * t]}, r"theta, state and action SymPy symbols"),
    (WAYS["log-odds"], {"theta": t}, r"theta must be a sequence of at least one SymPy symbol; received t"),
    (WAYS["log-odds"], {"theta": []}, r"theta must be a sequence of at least one SymPy symbol; received \[\]"),
    (WAYS["log-odds"], {"theta": [t, t]}, r"must be different symbols; received \(t, t, s, a\)"),
    (WAYS["log-odds"], {"state": a}, r"must be different symbols; received \(t, a, a\)"),
    (WAYS["log-odds"], {"actions": None}, r"give either actions, if they are finitely many, or a sampler"),
    (WAYS["log-odds"], {"sampler": sample_normal}, r"give either actions, if they are finitely many, or a sampler"),
])  # fmt: skip
def test_bad_formulas(formula, options, message):
    with pytest.raises(ValueError, match=message):
        bernoulli(formula, **options)


def test_formula_normalised_in_some_states_only():
    """1 at s = 0 and s = 1, but not at s = 2."""
    formula = a * t - sp.log(1 + sp.exp(t)) + s * (s - 1)
    with pytest.raises(ValueError, match=r"sum to \S+ at t=0, s=2"):
        bernoulli(formula)


def test_formula_normalised_at_zero_only():
    with pytest.raises(ValueError, match=r"must be normalised; its probabilities"):
        bernoulli(a * t - sp.log(2))


def test_a_formula_refuses_to_sample_where_it_gives_no_probability():
    """As the softmax by hand: not the first action in silence."""
    policy = bernoulli(WAYS["log-odds"])
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="theta must give probabilities"):
        policy.sample([np.nan], 0, rng=np.random.default_rng(0))
