"""Every policy: one log-probability, its derivative, and a sampler of the same distribution."""

import copy
import pickle
from collections import namedtuple

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal
from problems import Fixed, agree, complex_step, gauss

import pglib as pg
from pglib.symbolic import SymbolicPolicy

Case = namedtuple("Case", "policy states actions")


def features():
    """Return phi(s, a) = (a, a s, a^2 - s) for three states and four actions."""
    s, a = np.arange(3)[:, None], np.arange(4)
    return np.stack(np.broadcast_arrays(a, a * s, a**2 - s), axis=-1)


def lookup(n_states, n_actions):
    """Return the formula of a table of logits, with its symbols."""
    theta = sp.symbols(f"theta:{n_states * n_actions}", real=True)
    s, a = sp.symbols("s a", integer=True)

    def h(state, action):
        return sum(
            theta[i * n_actions + j] * sp.KroneckerDelta(state, i) * sp.KroneckerDelta(action, j)
            for i in range(n_states)
            for j in range(n_actions)
        )

    formula = h(s, a) - sp.log(sum(sp.exp(h(s, b)) for b in range(n_actions)))
    return SymbolicPolicy(formula, theta=theta, state=s, action=a, actions=range(n_actions))


def polynomial():
    """Return the formula with the features of `features`."""
    theta = sp.symbols("u v w", real=True)
    s, a = sp.symbols("s a", real=True)

    def h(action):
        return theta[0] * action + theta[1] * action * s + theta[2] * (action**2 - s)

    formula = h(a) - sp.log(sum(sp.exp(h(b)) for b in range(4)))
    return SymbolicPolicy(formula, theta=theta, state=s, action=a, actions=range(4))


def log_odds():
    """Return the formula of one log-odds for each of three states, as a textbook writes it."""
    theta = sp.symbols("theta:3", real=True)
    s, a = sp.symbols("s a", integer=True)
    p = 1 / (1 + sp.exp(-sum(theta[i] * sp.KroneckerDelta(s, i) for i in range(3))))
    formula = sp.Piecewise((sp.log(p), sp.Eq(a, 1)), (sp.log(1 - p), True))
    return SymbolicPolicy(formula, theta=theta, state=s, action=a, actions=[0, 1])


def signs():
    """Return the policy over actions -1 and 1 with log-odds 2 (theta_0 + theta_1 s)."""
    x, y, s, a = sp.symbols("x y s a", real=True)
    formula = a * (x + y * s) - sp.log(2 * sp.cosh(x + y * s))
    return SymbolicPolicy(formula, theta=(x, y), state=s, action=a, actions=[-1, 1])


CASES = {
    "features": Case(pg.Softmax(features()), np.arange(3), np.arange(4)),
    "tabular": Case(pg.Softmax.tabular(3, 4), np.arange(3), np.arange(4)),
    "binary": Case(pg.Softmax.binary(3), np.arange(3), np.arange(2)),
    "formula of features": Case(polynomial(), np.arange(3), np.arange(4)),
    "formula of a table": Case(lookup(2, 3), np.arange(2), np.arange(3)),
    "formula of log-odds": Case(log_odds(), np.arange(3), np.arange(2)),
    "formula over signs": Case(signs(), np.array([-0.5, 0.0, 2.0]), np.array([-1, 1])),
}
TWINS = [
    (CASES["features"].policy, CASES["formula of features"]),
    (pg.Softmax.tabular(2, 3), CASES["formula of a table"]),
    (CASES["binary"].policy, CASES["formula of log-odds"]),
]


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def thetas(policy, *lead, seed=0):
    return np.random.default_rng(seed).normal(size=(*lead, policy.n_params))


def table(case, theta, method="log_prob"):
    """Return log-probabilities (..., S, A) or scores (..., S, A, d) of all states and actions."""
    return getattr(case.policy, method)(theta[..., None, None, :], case.states[:, None], case.actions)


# --- log-probability and score


def test_probabilities_sum_to_one(case):
    pi = np.exp(table(case, thetas(case.policy, 20)))
    assert pi.shape == (20, len(case.states), len(case.actions))
    assert_allclose(pi.sum(axis=-1), 1, atol=1e-13)
    assert (pi > 0).all()


def test_score_has_mean_zero(case):
    theta = thetas(case.policy, 50)
    pi, score = np.exp(table(case, theta)), table(case, theta, "score")
    assert np.abs(score).max() > 0.1
    assert_allclose((pi[..., None] * score).sum(axis=-2), 0, atol=1e-12)


def test_score_is_the_central_difference_of_the_log_probability(case):
    theta, step = thetas(case.policy), 1e-5
    up, down = (table(case, theta + sign * step * np.eye(case.policy.n_params)) for sign in (1, -1))
    difference = np.moveaxis((up - down) / (2 * step), 0, -1)
    assert_allclose(table(case, theta, "score"), difference, atol=1e-8)


def test_score_is_the_complex_step_derivative(case):
    theta = thetas(case.policy)
    derivative = complex_step(lambda x: table(case, x), theta)
    assert_allclose(table(case, theta, "score"), np.moveaxis(derivative, 0, -1), atol=1e-13)


def test_log_prob_of_a_softmax_is_the_textbook_formula():
    rng = np.random.default_rng(1)
    phi, theta = rng.normal(size=(3, 4, 5)), rng.normal(size=5)
    for s in range(3):
        e = np.exp(phi[s] @ theta)
        pi = e / e.sum()
        assert_allclose(pg.Softmax(phi).log_prob(theta, s, np.arange(4)), np.log(pi), atol=1e-14)
        assert_allclose(pg.Softmax(phi).score(theta, s, np.arange(4)), phi[s] - pi @ phi[s], atol=1e-14)


def test_meaning_of_the_parameters():
    """Tabular: theta[s A + a] is the logit of a in s. Binary: theta[s] is the log-odds of action 1."""
    logits = np.random.default_rng(2).normal(size=(3, 4))
    log_pi = pg.Softmax.tabular(3, 4).log_prob(logits.ravel(), np.arange(3)[:, None], np.arange(4))
    assert_allclose(log_pi, logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), atol=1e-14)
    p = np.array([0.1, 0.5, 0.8])
    log_pi = pg.Softmax.binary(3).log_prob(np.log(p / (1 - p)), np.arange(3)[:, None], [0, 1])
    assert_allclose(np.exp(log_pi), np.stack([1 - p, p], axis=1), atol=1e-14)


@pytest.mark.parametrize("method", ["log_prob", "score"])
def test_a_batch_is_a_loop(case, method):
    """Runs, samples, and both, also where an axis has length 1."""
    policy, f = case.policy, getattr(case.policy, method)
    theta, rng = thetas(policy, 4), np.random.default_rng(3)
    s, a = rng.choice(case.states, size=(4, 6)), rng.choice(case.actions, size=(1, 6))
    loop = np.array([[f(theta[i], s[i, n], a[0, n]) for n in range(6)] for i in range(4)])
    batch = f(theta[:, None, :], s, a)
    assert batch.shape == loop.shape
    assert_allclose(batch, loop, atol=1e-14)
    assert_allclose(f(theta, s[:, 0], a[0, 0]), loop[:, 0], atol=1e-14)
    assert_allclose(f(theta[2], s[2], a[0]), loop[2], atol=1e-14)


@pytest.mark.parametrize("scale", [40.0, 800.0, 1e5])
def test_extreme_logits(case, scale):
    """Finite and normalised with no warning (warnings are errors here); the impossible keeps its log-probability."""
    rng = np.random.default_rng(4)
    theta = scale * rng.choice([-1, 0, 1], size=(30, case.policy.n_params))
    log_pi, score = table(case, theta), table(case, theta, "score")
    assert np.isfinite(log_pi).all() and np.isfinite(score).all()
    assert_allclose(np.exp(log_pi).sum(axis=-1), 1, atol=1e-12)
    assert log_pi.min() < -30
    assert (log_pi <= 1e-9).all()
    assert_allclose((np.exp(log_pi)[..., None] * score).sum(axis=-2), 0, atol=1e-12)
    draws = case.policy.sample(theta[:, None, :], case.states, rng=rng)
    chosen = np.take_along_axis(log_pi, np.searchsorted(case.actions, draws)[..., None], axis=-1)
    assert (chosen > -40).all()


@pytest.mark.parametrize("method", ["log_prob", "score"])
def test_integer_theta_and_lists(case, method):
    theta = np.arange(case.policy.n_params) % 3 - 1
    s, a = case.states[0], case.actions[1]
    f = getattr(case.policy, method)
    expected = f(theta.astype(float), s, a)
    for same in (theta, theta.tolist(), tuple(theta.tolist()), theta.astype(np.int8), theta.astype(np.float32)):
        assert_array_equal(f(same, s, a), expected)
        assert f(same, s, a).dtype == float


# --- sums of scores


@pytest.mark.parametrize("lead, samples", [((), ()), ((), (7,)), ((), (3, 5)), ((4,), (7,)), ((4,), (3, 5)),
                                           ((4,), ()), ((2, 3), (5, 2)), ((), (0,)), ((4,), (0,)), ((4,), (3, 0)),
                                           ((0,), (5,))])  # fmt: skip
def test_score_sum(case, lead, samples):
    """The sum of weights times scores: any sample axes, none, and zero samples; real, complex and integer weights."""
    rng, theta = np.random.default_rng(5), thetas(case.policy, *lead)
    s, a = rng.choice(case.states, size=lead + samples), rng.choice(case.actions, size=lead + samples)
    real = 3 * rng.normal(size=lead + samples)
    score = case.policy.score(theta.reshape(*lead, *[1] * len(samples), case.policy.n_params), s, a)
    for weights in (real, real + 1j * rng.normal(size=real.shape), real.astype(int)):
        total = case.policy.score_sum(theta, s, a, weights)
        expected = (weights[..., None] * score).sum(axis=tuple(range(len(lead), weights.ndim)))
        assert total.shape == (*lead, case.policy.n_params)
        assert_allclose(total, expected, atol=1e-12)


def test_score_sum_broadcasts_states_and_actions(case):
    """One state for all samples, and one action a column."""
    theta, weights = thetas(case.policy, 4), np.random.default_rng(6).normal(size=(4, 5, len(case.actions)))
    total = case.policy.score_sum(theta, case.states[1], case.actions, weights)
    score = case.policy.score(theta[:, None, None, :], case.states[1], case.actions)
    assert_allclose(total, (weights[..., None] * score).sum(axis=(1, 2)), atol=1e-12)


def test_score_sum_of_complex_theta(case):
    theta = thetas(case.policy) + 1j * thetas(case.policy, seed=9)
    weights = np.random.default_rng(7).normal(size=(len(case.states), len(case.actions)))
    total = case.policy.score_sum(theta, case.states[:, None], case.actions, weights)
    assert_allclose(total, (weights[..., None] * table(case, theta, "score")).sum(axis=(0, 1)), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint64])
def test_small_integers_do_not_overflow(dtype):
    """State 100 with action 3 of 4 is cell 403, too large for 8 bits."""
    policy = pg.Softmax.tabular(101, 4)
    total = policy.score_sum(np.zeros(404), np.array([100, 70], dtype), np.array([3, 1], dtype), np.ones(2))
    expected = np.zeros((101, 4))
    expected[[100, 70]] = -0.25
    expected[100, 3] = expected[70, 1] = 0.75
    assert_array_equal(total, expected.ravel())


# --- a formula and the policy written by hand


@pytest.mark.parametrize("hand, case", TWINS, ids=["features", "tabular", "binary"])
@pytest.mark.parametrize("scale", [1.0, 800.0])
def test_formula_and_hand_written_policy_are_the_same(hand, case, scale):
    theta, formula = scale * thetas(hand, 20), case.policy
    s, a = case.states[:, None], case.actions
    for method in ("log_prob", "score"):
        left, right = (getattr(policy, method)(theta[:, None, None, :], s, a) for policy in (hand, formula))
        assert left.shape == right.shape
        assert_allclose(left, right, atol=1e-12 * scale)  # the logits grow with theta, and their rounding
    weights = np.random.default_rng(8).normal(size=(20, len(case.states), len(a)))
    sums = (policy.score_sum(theta, s, a, weights) for policy in (hand, formula))
    assert_allclose(*sums, atol=1e-11 * scale)
    draws = [policy.sample(theta[:, None, :], case.states, rng=np.random.default_rng(9)) for policy in (hand, formula)]
    assert_array_equal(*draws)


# --- sampling


def test_frequencies(case):
    """Each probability within 4.5 standard errors, in every state."""
    theta, n = thetas(case.policy, seed=1), 20_000
    draws = case.policy.sample(
        theta, np.broadcast_to(case.states, (n, len(case.states))), rng=np.random.default_rng(10)
    )
    pi = np.exp(table(case, theta))
    seen = (draws[..., None] == case.actions).mean(axis=0)
    assert_allclose(seen.sum(axis=-1), 1)
    assert (np.abs(seen - pi) <= 4.5 * np.sqrt(pi * (1 - pi) / n)).all()
    wrong = np.roll(pi, 1, axis=-1)
    assert not (np.abs(seen - wrong) <= 4.5 * np.sqrt(wrong * (1 - wrong) / n)).all()


def test_sample_shapes(case):
    rng, policy = np.random.default_rng(11), case.policy
    s = case.states
    assert np.shape(policy.sample(thetas(policy), s[0], rng=rng)) == ()
    assert policy.sample(thetas(policy), s, rng=rng).shape == s.shape
    assert policy.sample(thetas(policy, 5), s[0], rng=rng).shape == (5,)
    assert policy.sample(thetas(policy, 5, 1), s, rng=rng).shape == (5, len(s))
    assert policy.sample(thetas(policy), np.zeros((4, 0), int), rng=rng).shape == (4, 0)


def test_runs_sample_from_their_own_theta():
    theta = np.array([[800.0], [-800.0], [0.0]])[:, None, :]
    draws = pg.Softmax.binary(1).sample(theta, np.zeros((3, 1000), int), rng=np.random.default_rng(12))
    assert draws[0].min() == 1 and draws[1].max() == 0 and 400 < draws[2].sum() < 600


def test_same_seed_same_actions(case):
    theta, s = thetas(case.policy), np.broadcast_to(case.states, (100, len(case.states)))
    first, again, other = (case.policy.sample(theta, s, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
@pytest.mark.parametrize("symbolic", [False, True])
def test_no_action_of_probability_zero(uniform, symbolic):
    """Not even where ten probabilities of 0.1 add up to 1 - 1.1e-16, and the uniform number is the largest."""
    theta = np.array([-800.0] + [0.0] * 10 + [-800.0])
    assert np.full(10, np.exp(pg.Softmax.tabular(1, 12).log_prob(theta, 0, 5))).cumsum()[-1] < 1
    policy = lookup(1, 12) if symbolic else pg.Softmax.tabular(1, 12)
    draw = policy.sample(theta, np.zeros(3, int), rng=Fixed(uniform))
    assert draw.tolist() == ([1] * 3 if uniform == 0 else [10] * 3)


def test_never_an_impossible_action():
    theta = np.array([-800.0, 1.0, -800.0, 1.0, -800.0])
    draws = pg.Softmax.tabular(1, 5).sample(theta, np.zeros(10_000, int), rng=np.random.default_rng(13))
    assert sorted(set(draws.tolist())) == [1, 3]


# --- objects


@pytest.mark.parametrize("duplicate", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy], ids=["pickle", "copy"])
def test_a_pickled_policy_gives_the_same_numbers(case, duplicate):
    again, theta = duplicate(case.policy), thetas(case.policy, 3)
    s, a = case.states[:, None], case.actions
    assert again.n_params == case.policy.n_params
    for method in ("log_prob", "score"):
        args = (theta[:, None, None, :], s, a)
        assert_array_equal(getattr(again, method)(*args), getattr(case.policy, method)(*args))
    weights = np.ones((3, len(case.states), len(a)))
    assert_array_equal(again.score_sum(theta, s, a, weights), case.policy.score_sum(theta, s, a, weights))
    draws = [p.sample(theta[:, None, :], case.states, rng=np.random.default_rng(1)) for p in (again, case.policy)]
    assert_array_equal(*draws)


def test_features_are_a_read_only_copy():
    phi = features().astype(float)
    policy = pg.Softmax(phi)
    before = policy.log_prob(np.ones(3), 1, 2)
    phi[:] = 0
    assert policy.log_prob(np.ones(3), 1, 2) == before
    with pytest.raises(ValueError, match="read-only"):
        policy.features[0, 0, 0] = 1


def test_arguments_are_not_changed(case):
    theta, weights = thetas(case.policy), np.ones((len(case.states), len(case.actions)))
    arguments = [theta, case.states[:, None].copy(), case.actions.copy(), weights]
    for array in arguments:
        array.flags.writeable = False
    for method in (case.policy.log_prob, case.policy.score):
        method(*arguments[:3]).fill(0)  # and what comes back is the caller's to change
    case.policy.score_sum(*arguments).fill(0)
    case.policy.sample(theta, case.states, rng=np.random.default_rng(0)).fill(0)
    assert_allclose(np.exp(table(case, theta)).sum(axis=-1), 1)


def test_sizes():
    assert (CASES["features"].policy.n_states, CASES["features"].policy.n_actions) == (3, 4)
    assert [pg.Softmax.tabular(3, 4).n_params, pg.Softmax.binary(3).n_params, pg.Softmax(features()).n_params] == [
        12,
        3,
        3,
    ]
    assert pg.Softmax.binary(np.int64(2)).n_actions == 2


# --- bad input


def test_rng_that_is_no_generator(case):
    for bad in (None, 0, np.random.RandomState(0), np.random):
        with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator.*; received ") as error:
            case.policy.sample(thetas(case.policy), case.states, rng=bad)
        assert repr(bad) in str(error.value)


def test_rng_is_required(case):
    with pytest.raises(TypeError, match="rng"):
        case.policy.sample(thetas(case.policy), case.states)


def calls(policy, s, a):
    """Return the four methods as functions of theta, by name."""
    weights = np.ones(np.broadcast_shapes(np.shape(s), np.shape(a)))
    return {
        "log_prob": lambda theta: policy.log_prob(theta, s, a),
        "score": lambda theta: policy.score(theta, s, a),
        "score_sum": lambda theta: policy.score_sum(theta, s, a, weights),
        "sample": lambda theta: policy.sample(theta, s, rng=np.random.default_rng(0)),
    }


@pytest.mark.parametrize("method", ["log_prob", "score", "score_sum", "sample"])
def test_theta_of_the_wrong_shape(case, method):
    d = case.policy.n_params
    for theta in (np.array(0.5), np.zeros(d + 1), np.zeros((d, d + 2)), np.zeros(0)):
        with pytest.raises(ValueError, match=rf"theta must have shape \(\.\.\., {d}\).*; received ") as error:
            calls(case.policy, case.states, case.actions[0])[method](theta)
        assert str(theta.shape) in str(error.value)


@pytest.mark.parametrize("name, s, a, message", [
    ("float state", 0.0, 1, r"s must be integer indices 0 \.\. 2; received float64: 0\.0"),
    ("float states", np.array([0.0, 1.0]), 1, r"s must be integer indices 0 \.\. 2; received float64: array"),
    ("float action", 0, 1.0, r"a must be integer indices 0 \.\. 3; received float64: 1\.0"),
    ("bool action", 0, True, r"a must be integer indices 0 \.\. 3; received bool: True"),
    ("negative state", -1, 0, r"s must lie in 0 \.\. 2; it is -1$"),
    ("large state", np.array([[0, 1], [2, 3]]), 0, r"s must lie in 0 \.\. 2; it is 3 at index \(1, 1\)"),
    ("negative action", 0, np.array([0, -2]), r"a must lie in 0 \.\. 3; it is -2 at index \(1,\)"),
    ("large action", 0, 4, r"a must lie in 0 \.\. 3; it is 4$"),
    ("one-hot state", np.array([0.0, 0.0, 1.0]), 0, r"s must be integer indices"),
])  # fmt: skip
@pytest.mark.parametrize("policy", [CASES["features"].policy, CASES["tabular"].policy], ids=["features", "tabular"])
def test_indices(policy, name, s, a, message):
    """Refused by every method, but `sample`, which is given no action, cannot refuse one."""
    for method, call in calls(policy, s, a).items():
        if method != "sample" or "state" in name:
            with pytest.raises(ValueError, match=message):
                call(np.zeros(policy.n_params))


def test_weights_without_the_axes_of_theta(case):
    theta, s, a = thetas(case.policy, 4), case.states[0], case.actions[0]
    for shape in [(), (3,), (5, 4), (1, 6)]:
        with pytest.raises(
            ValueError, match=r"weights must begin with the axes \(4,\) of theta; received shape "
        ) as error:
            case.policy.score_sum(theta, s, a, np.ones(shape))
        assert str(shape) in str(error.value)


def test_more_samples_than_weights(case):
    """Five states and one weight: refused, not broadcast."""
    with pytest.raises(ValueError, match="broadcast"):
        case.policy.score_sum(thetas(case.policy), np.repeat(case.states[:1], 5), case.actions[0], 1.0)
    with pytest.raises(ValueError, match="broadcast"):
        case.policy.score_sum(thetas(case.policy), np.repeat(case.states[:1], 5), case.actions[0], np.ones(1))


@pytest.mark.parametrize("bad", [np.zeros((2, 3)), np.zeros((0, 2, 3)), np.zeros((2, 3, 0)), 1.0])
def test_features_of_the_wrong_shape(bad):
    with pytest.raises(ValueError, match=r"features must have shape \(S, A, d\), none of them 0; received \(") as error:
        pg.Softmax(bad)
    assert str(np.shape(bad)) in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite(bad):
    phi = np.zeros((2, 3, 4))
    phi[1, 2, 3] = bad
    with pytest.raises(ValueError, match=rf"features must be finite; it is {bad} at s=1, a=2, i=3"):
        pg.Softmax(phi)


@pytest.mark.parametrize("make, name", [(lambda n: pg.Softmax.tabular(n, 2), "n_states"),
                                        (lambda n: pg.Softmax.tabular(2, n), "n_actions"),
                                        (pg.Softmax.binary, "n_states")])  # fmt: skip
@pytest.mark.parametrize("bad", [0, -1, 2.0, None, "2"])
def test_sizes_that_are_none(make, name, bad):
    with pytest.raises(ValueError, match=rf"{name} must be an integer of at least 1; received {bad!r}"):
        make(bad)


# --- the Gaussian policy


def gaussian_formula():
    """Return the log-density of a normal number with mean v + w s and log-std u, with its sampler."""
    v, w, u, s, a = sp.symbols("v w u s a", real=True)
    formula = -(((a - v - w * s) / sp.exp(u)) ** 2) / 2 - u - sp.log(2 * sp.pi) / 2

    def sampler(theta, s, rng):
        mean = theta[..., 0] + theta[..., 1] * s
        return mean + np.exp(theta[..., 2]) * rng.normal(size=mean.shape)

    return SymbolicPolicy(formula, theta=(v, w, u), state=s, action=a, sampler=sampler)


def gaussian_inputs(lead, samples, seed=0):
    """Return parameters (*lead, 3), and states, actions and weights of shape lead + samples; states are (1, s)."""
    rng = np.random.default_rng([14, seed])
    s = rng.normal(size=lead + samples)
    return (
        rng.normal(size=(*lead, 3)),
        np.stack([np.ones_like(s), s], axis=-1),
        rng.normal(size=lead + samples),
        rng.normal(size=lead + samples),
    )


def test_gaussian_density_by_hand():
    theta, s, a, _ = gaussian_inputs((), (50,))
    mean, std = s @ theta[:2], np.exp(theta[2])
    density = np.exp(-((a - mean) ** 2) / (2 * std**2)) / np.sqrt(2 * np.pi * std**2)
    assert_allclose(np.exp(pg.Gaussian(2).log_prob(theta, s, a)), density, rtol=1e-13)


def test_gaussian_score_is_the_derivative():
    """By complex step, and by central differences without complex numbers."""
    policy, (theta, s, a, _) = pg.Gaussian(2), gaussian_inputs((), (50,))
    score = policy.score(theta, s, a)
    derivative = complex_step(lambda x: policy.log_prob(x[:, None, :], s, a), theta)
    assert_allclose(score, derivative.T, atol=1e-12)
    up, down = (policy.log_prob((theta + sign * 1e-5 * np.eye(3))[:, None, :], s, a) for sign in (1, -1))
    assert_allclose(score, ((up - down) / 2e-5).T, atol=1e-6)


@pytest.mark.parametrize("log_std", [-1.0, 0.0, 0.7])
def test_moments_of_the_gaussian_score(log_std):
    """E score = 0 and E score score^T = diag(s s^T / sigma^2, 2), by quadrature; the density sums to 1."""
    z, weight = gauss()
    theta, s, std = np.array([0.4, -0.3, log_std]), np.array([1.0, 2.0]), np.exp(log_std)
    a = s @ theta[:2] + std * z
    score = pg.Gaussian(2).score(theta, s, a)
    assert_allclose(weight @ score, 0, atol=1e-12)
    expected = np.zeros((3, 3))
    expected[:2, :2], expected[2, 2] = np.outer(s, s) / std**2, 2
    assert_allclose((weight * score.T) @ score, expected, atol=1e-11)
    grid = s @ theta[:2] + std * np.linspace(-12, 12, 4001)
    assert_allclose(np.exp(pg.Gaussian(2).log_prob(theta, s, grid)).sum() * std * 24 / 4000, 1, atol=1e-13)


@pytest.mark.parametrize("lead, samples", [((), ()), ((), (7,)), ((), (3, 5)), ((4,), (7,)), ((4,), (3, 5)), ((4,), ()),
                                           ((2, 3), (5, 2)), ((), (0,)), ((4,), (0,)), ((4,), (3, 0)), ((0,), (5,)),
                                           ((0,), ())])  # fmt: skip
def test_gaussian_score_sum(lead, samples):
    """The sum of weights times scores, and the numbers of the formula; complex and integer weights, lists."""
    policy, (theta, s, a, real) = pg.Gaussian(2), gaussian_inputs(lead, samples)
    score = policy.score(theta.reshape(*lead, *[1] * len(samples), 3), s, a)
    for weights in (real, real + 2j * real**2, (3 * real).astype(int)):
        total = policy.score_sum(theta, s, a, weights)
        assert total.shape == (*lead, 3)
        assert_allclose(total, (weights[..., None] * score).sum(axis=tuple(range(len(lead), weights.ndim))), atol=1e-12)
        assert_allclose(total, gaussian_formula().score_sum(theta, s[..., 1], a, weights), atol=1e-12)


def test_gaussian_score_sum_broadcasts():
    """One state for all samples, a state for each run, one action for each column, and a batch that is a loop."""
    policy, (theta, s, a, weights) = pg.Gaussian(2), gaussian_inputs((4,), (5, 3))
    score = policy.score(theta[:, None, None, :], s[1, 2, 1], a[0, 0])
    total = policy.score_sum(theta, s[1, 2, 1], a[0, 0], weights)
    assert_allclose(total, (weights[..., None] * score).sum(axis=(1, 2)), atol=1e-12)
    of_runs = policy.score_sum(theta, s[:, :1, :1], a, weights)
    loop = [policy.score_sum(theta[i], s[i, 0, 0], a[i], weights[i]) for i in range(4)]
    assert_allclose(of_runs, loop, atol=1e-12)
    with pytest.raises(ValueError, match="broadcast"):
        policy.score_sum(theta[0], s[0, :, 0], a[0, 0, 0], 1.0)
    with pytest.raises(ValueError, match="broadcast"):
        policy.score_sum(theta[0], s[0, 0, 0], a[0, 0], np.ones(1))


def test_gaussian_is_its_formula():
    """Log-probability, score and, from equal generators, actions."""
    hand, formula, (theta, s, a, _) = pg.Gaussian(2), gaussian_formula(), gaussian_inputs((4,), (6,))
    each = theta[:, None, :]
    assert_allclose(hand.log_prob(each, s, a), formula.log_prob(each, s[..., 1], a), atol=1e-13)
    assert_allclose(hand.score(each, s, a), formula.score(each, s[..., 1], a), atol=1e-12)
    draws = (
        policy.sample(each, state, rng=np.random.default_rng(15)) for policy, state in ((hand, s), (formula, s[..., 1]))
    )
    assert_allclose(*draws, atol=1e-14)


def test_moments_of_gaussian_actions():
    """Mean, variance, and fourth moment 3 sigma^4 in two runs, each in its own state."""
    theta, s = np.array([[1.0, 0.5, -0.5], [0.0, -1.0, 0.3]]), np.array([[1.0, 2.0], [1.0, -1.0]])
    a = pg.Gaussian(2).sample(
        theta[:, None, :], np.broadcast_to(s[:, None, :], (2, 100_000, 2)), rng=np.random.default_rng(16)
    )
    assert a.shape == (2, 100_000)
    z = (a - np.array([[2.0], [1.0]])) / np.exp(theta[:, 2:])
    agree(np.stack([z, z**2, z**3, z**4], axis=-1), np.tile([0.0, 1.0, 0.0, 3.0], (2, 1)))


def test_gaussian_shapes_and_kinds():
    """States and parameters broadcast; integers, float32, lists and read-only arrays give the same numbers."""
    policy, theta, s = pg.Gaussian(2), np.array([1.0, 2.0, 0.0]), np.array([1.0, 3.0])
    assert policy.n_params == 3 and policy.n_features == 2
    theta.flags.writeable = s.flags.writeable = False
    for method in (policy.log_prob, policy.score):
        expected = method(theta, s, 5.0)
        assert_array_equal(method([1, 2, 0], [1, 3], 5), expected)
        assert_array_equal(method(theta.astype(np.float32), s.astype(int), np.int8(5)), expected)
        assert method(np.zeros((6, 1, 3)), np.ones((4, 2)), np.zeros((2, 1, 1))).shape[:3] == (2, 6, 4)
    rng = np.random.default_rng(17)
    assert np.shape(policy.sample(theta, s, rng=rng)) == ()
    assert policy.sample(np.zeros((6, 1, 3)), np.ones((4, 2)), rng=rng).shape == (6, 4)
    assert policy.sample(np.zeros((6, 3)), s, rng=rng).shape == (6,)


@pytest.mark.parametrize("duplicate", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy], ids=["pickle", "copy"])
def test_a_pickled_gaussian_gives_the_same_numbers(duplicate):
    policy, (theta, s, a, weights) = pg.Gaussian(2), gaussian_inputs((), (6,))
    again = duplicate(policy)
    assert_array_equal(again.score_sum(theta, s, a, weights), policy.score_sum(theta, s, a, weights))
    draws = [p.sample(theta, s, rng=np.random.default_rng(18)) for p in (policy, again)]
    assert_array_equal(*draws)


@pytest.mark.parametrize("method", ["log_prob", "score", "score_sum", "sample"])
@pytest.mark.parametrize("theta, s, message", [
    (np.zeros(2), [1.0, 2.0], r"theta must have shape \(\.\.\., 3\), one entry a parameter; received \(2,\)"),
    (np.zeros(3), [1.0], r"s must have shape \(\.\.\., 2\), one vector a state; received \(1,\)"),
    (np.zeros(3), 1.0, r"s must have shape \(\.\.\., 2\), one vector a state; received \(\)"),
    (np.zeros(3), np.zeros((2, 3)), r"s must have shape \(\.\.\., 2\), one vector a state; received \(2, 3\)"),
])  # fmt: skip
def test_what_the_gaussian_refuses(method, theta, s, message):
    with pytest.raises(ValueError, match=message):
        calls(pg.Gaussian(2), s, 0.0)[method](theta)


@pytest.mark.parametrize("bad", [0, 1.5, True, None])
def test_a_gaussian_without_features(bad):
    with pytest.raises(ValueError, match=rf"n_features must be an integer of at least 1; received {bad}"):
        pg.Gaussian(bad)


def test_gaussian_generator_and_weights():
    theta = np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator.*; received None"):
        pg.Gaussian(2).sample(theta, np.ones(2), rng=None)
    with pytest.raises(ValueError, match=r"weights must begin with the axes \(4,\) of theta; received shape \(3,\)"):
        pg.Gaussian(2).score_sum(theta, np.ones(2), 0.0, np.ones(3))


@pytest.mark.parametrize("theta", [[np.nan, 0.0], [[0.0, 0.0], [0.0, np.nan]]])
def test_softmax_refuses_to_sample_where_there_are_no_probabilities(theta):
    """Not the action 0 in silence; a state that is not asked for may be without."""
    policy = pg.Softmax.binary(2)
    bad = 0 if np.ndim(theta) == 1 else 1
    with pytest.raises(ValueError, match="theta must give probabilities"):
        policy.sample(theta, bad, rng=np.random.default_rng(0))
    assert np.shape(policy.sample(theta, 1 - bad, rng=np.random.default_rng(0))) == np.shape(theta)[:-1]


@pytest.mark.parametrize(
    "policy, state", [(pg.Softmax.tabular(2, 3), 0), (pg.Softmax.binary(2), 0), (pg.Gaussian(1), [0.5])]
)
def test_what_does_not_fit_the_weights_is_named(policy, state):
    theta, states = np.zeros(policy.n_params), np.array([state, state])
    with pytest.raises(ValueError, match=r"s must broadcast to shape .*, as weights have shape \(3,\); received \(2,"):
        policy.score_sum(theta, states, 0, np.ones(3))
    with pytest.raises(ValueError, match=r"a must broadcast to shape \(3,\), as weights have shape \(3,\); received"):
        policy.score_sum(theta, state, np.zeros(2, int), np.ones(3))
