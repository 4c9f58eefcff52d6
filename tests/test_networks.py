"""The policies over vector observations: linear, and with one hidden layer that is differentiated by hand."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal
from problems import Fixed, complex_step

import pglib as pg
from pglib.symbolic import SymbolicPolicy

POLICIES = {
    "linear": pg.LinearSoftmax(3, 4),
    "smallest linear": pg.LinearSoftmax(1, 2),
    "network": pg.MLPSoftmax(3, 5, 4),
    "narrow network": pg.MLPSoftmax(4, 1, 3),
    "smallest network": pg.MLPSoftmax(1, 1, 2),
}
NETWORKS = [POLICIES["network"], POLICIES["narrow network"], POLICIES["smallest network"]]


@pytest.fixture(params=POLICIES)
def policy(request):
    return POLICIES[request.param]


def inputs(policy, lead=(), samples=(), seed=0):
    """Return parameters (*lead, d), and states, actions and weights of shape lead + samples."""
    rng, shape = np.random.default_rng([21, seed]), lead + samples
    return (
        rng.normal(size=(*lead, policy.n_params)),
        rng.normal(size=(*shape, policy.obs_dim)),
        rng.integers(policy.n_actions, size=shape),
        3 * rng.normal(size=shape),
    )


def each(theta, samples):
    """Return theta with an axis of length 1 for each sample axis."""
    return theta.reshape(*theta.shape[:-1], *[1] * len(samples), theta.shape[-1])


def logits(policy, theta, s):
    """Return the logits of one state by the formula of the class, number by number, from the list of parameters."""
    numbers = iter(theta.tolist())
    if isinstance(policy, pg.MLPSoftmax):
        w1 = [[next(numbers) for _ in s] for _ in range(policy.n_hidden)]
        b1 = [next(numbers) for _ in range(policy.n_hidden)]
        s = [np.tanh(sum(w * x for w, x in zip(row, s, strict=True)) + b) for row, b in zip(w1, b1, strict=True)]
    w2 = [[next(numbers) for _ in s] for _ in range(policy.n_actions)]
    b2 = [next(numbers) if isinstance(policy, pg.MLPSoftmax) else 0.0 for _ in range(policy.n_actions)]
    assert next(numbers, None) is None
    return np.array([sum(w * x for w, x in zip(row, s, strict=True)) + b for row, b in zip(w2, b2, strict=True)])


# --- log-probability and score


def test_log_prob_is_the_formula(policy):
    """With the parameters in the order that the class documents."""
    theta, s, _, _ = inputs(policy, (), (20,))
    for state in s:
        e = np.exp(logits(policy, theta, state))
        assert_allclose(
            policy.log_prob(theta, state, np.arange(policy.n_actions)), np.log(e / e.sum()), rtol=0, atol=1e-13
        )


def test_score_has_mean_zero(policy):
    """Summed over the actions, in 50 runs of 6 states."""
    theta, s, _, _ = inputs(policy, (50,), (6, 1))
    a = np.arange(policy.n_actions)
    pi, score = np.exp(policy.log_prob(each(theta, (6, 1)), s, a)), policy.score(each(theta, (6, 1)), s, a)
    assert pi.shape == (50, 6, policy.n_actions) and score.shape == (*pi.shape, policy.n_params)
    assert_allclose(pi.sum(axis=-1), 1, atol=1e-13)
    assert np.abs(score).max() > 0.5
    assert_allclose((pi[..., None] * score).sum(axis=-2), 0, atol=1e-12)


def test_score_is_the_derivative(policy):
    """By complex step, and by central differences without complex numbers."""
    theta, s, a, _ = inputs(policy, (), (30,))
    score = policy.score(theta, s, a)
    derivative = complex_step(lambda x: policy.log_prob(x[:, None, :], s, a), theta)
    assert_allclose(score, derivative.T, atol=1e-13)
    step = 1e-5 * np.eye(policy.n_params)
    up, down = (policy.log_prob((theta + sign * step)[:, None, :], s, a) for sign in (1, -1))
    assert_allclose(score, ((up - down) / 2e-5).T, atol=1e-8)
    assert (np.abs(score).max(axis=0) > 1e-3).all()  # every parameter matters somewhere


@pytest.mark.parametrize("method", ["log_prob", "score"])
def test_a_batch_is_a_loop(policy, method):
    """Runs, samples, and both, for each way in which parameters and states share axes or have them of length 1."""
    f, (theta, s, a, _) = getattr(policy, method), inputs(policy, (4,), (6,))
    loop = np.array([[f(theta[i], s[i, n], a[i, n]) for n in range(6)] for i in range(4)])
    assert_allclose(f(theta[:, None], s, a), loop, atol=1e-13)
    assert_allclose(f(np.repeat(theta[:, None], 6, axis=1), s, a), loop, atol=1e-13)
    assert_allclose(f(theta, s[:, 2], a[:, 2]), loop[:, 2], atol=1e-13)
    assert_allclose(f(theta, s.swapaxes(0, 1), a.T), loop.swapaxes(0, 1), atol=1e-13)
    assert_allclose(f(theta[2], s[2], a[2]), loop[2], atol=1e-13)
    assert_allclose(f(theta[2:3], s[2], a[2]), loop[2], atol=1e-13)
    assert_allclose(f(theta[2:3], s[2, 3], a[2, 3]), loop[2:3, 3], atol=1e-13)
    one_state = np.array([[f(theta[i], s[1, 2], a[1, n]) for n in range(6)] for i in range(4)])
    assert_allclose(f(theta[:, None], s[1, 2], a[1]), one_state, atol=1e-13)
    shared = np.array([[f(theta[i], s[1, n], a[1, 0]) for n in range(6)] for i in range(4)])
    assert_allclose(f(theta[:, None], s[1], a[1, 0]), shared, atol=1e-13)


@pytest.mark.parametrize("method", ["log_prob", "score"])
def test_shapes_and_kinds(policy, method):
    """Lists and integers give double precision; parameters in single precision give results in single precision."""
    f, k, d = getattr(policy, method), policy.obs_dim, policy.n_params
    theta, s = np.arange(d) % 3 - 1, np.arange(k) + 1
    expected = f(theta.astype(float), s.astype(float), 1)
    for kind in (np.float32, np.int8, np.uint8):
        result = f(theta.astype(np.float32), s.astype(kind), np.int8(1))
        assert_allclose(result, expected, atol=1e-5)
        assert result.dtype == np.float32
    assert expected.dtype == f(theta, s, 1).dtype == f(theta.astype(np.float32), s.astype(float), 1).dtype == float
    assert_array_equal(f(theta.tolist(), s.tolist(), 1), expected)
    assert f(np.zeros((6, 1, d)), np.ones((4, k)), np.zeros((2, 1, 1), int)).shape[:3] == (2, 6, 4)
    assert f(np.zeros((6, d)), np.ones((0, 1, k)), 0).shape[:2] == (0, 6)
    assert f(np.zeros((0, d)), np.ones(k), 0).shape[:1] == (0,)


def test_parameters_and_states_of_single_precision(policy):
    """Sums too; weights in double precision make them double."""
    theta, s, a, weights = inputs(policy, (4,), (7,))
    theta, s, weights = (x.astype(np.float32) for x in (theta, s, weights))
    total = policy.score_sum(theta, s, a, weights)
    double = policy.score_sum(*(x.astype(float) for x in (theta, s)), a, weights.astype(float))
    assert total.dtype == np.float32 and double.dtype == float
    assert_allclose(total, double, atol=1e-4)
    assert policy.score_sum(theta, s, a, weights.astype(float)).dtype == float


@pytest.mark.parametrize("scale", [100.0, 1e4])
def test_extreme_logits(policy, scale):
    """Finite and normalised with no warning (warnings are errors here); the impossible keeps its log-probability."""
    rng = np.random.default_rng(22)
    theta = scale * rng.choice([-1, 1], size=(30, 1, policy.n_params))
    s, a = rng.choice([-1.0, 1.0], size=(20, policy.obs_dim)), np.arange(policy.n_actions)
    log_pi = policy.log_prob(theta[..., None, :], s[:, None], a)
    score = policy.score(theta[..., None, :], s[:, None], a)
    assert np.isfinite(log_pi).all() and np.isfinite(score).all()
    assert log_pi.min() < -scale and (log_pi <= 0).all()
    assert_allclose(np.exp(log_pi).sum(axis=-1), 1, atol=1e-12)
    assert_allclose((np.exp(log_pi)[..., None] * score).sum(axis=-2), 0, atol=1e-10)
    draws = policy.sample(theta, s, rng=rng)
    assert (np.take_along_axis(log_pi, draws[..., None], axis=-1) > -40).all()
    derivative = complex_step(lambda x: policy.log_prob(x[:, None, :], s, 0), theta[0, 0])
    assert_allclose(score[0, :, 0], derivative.T, atol=1e-12)


# --- sums of scores


@pytest.mark.parametrize("lead, samples", [((), ()), ((), (7,)), ((), (3, 5)), ((4,), (7,)), ((4,), (3, 5)), ((4,), ()),
                                           ((2, 3), (5, 2)), ((), (0,)), ((4,), (0,)), ((4,), (3, 0)), ((0,), (5,)),
                                           ((0,), ())])  # fmt: skip
def test_score_sum(policy, lead, samples):
    """The sum of weights times scores; weights for each run; real, complex and integer weights."""
    theta, s, a, real = inputs(policy, lead, samples)
    score = policy.score(each(theta, samples), s, a)
    for weights in (real, real + 2j * real**2, real.astype(int)):
        total = policy.score_sum(theta, s, a, weights)
        assert total.shape == (*lead, policy.n_params)
        assert_allclose(total, (weights[..., None] * score).sum(axis=tuple(range(len(lead), weights.ndim))), atol=1e-11)


def test_score_sum_broadcasts(policy):
    """One state for all samples, a state for each run, one action a column, states that runs share; as a loop."""
    theta, s, a, weights = inputs(policy, (4,), (5, 3))
    for state, action in [(s[1, 2, 1], a[0, 0]), (s[:, :1, :1], a), (s[2], a[:, :, :1]), (s[:, :, :1], a[1, 2, 0])]:
        score = policy.score(theta[:, None, None, :], state, action)
        total = policy.score_sum(theta, state, action, weights)
        assert_allclose(total, (weights[..., None] * score).sum(axis=(1, 2)), atol=1e-12)
    loop = [policy.score_sum(theta[i], s[i], a[i], weights[i]) for i in range(4)]
    assert_allclose(policy.score_sum(theta, s, a, weights), loop, atol=1e-12)


def test_score_sum_is_a_derivative(policy):
    """Of the weighted sum of log-probabilities, by complex step; no score is formed on the way."""
    theta, s, a, weights = inputs(policy, (), (40,))
    derivative = complex_step(lambda x: policy.log_prob(x[:, None, :], s, a) @ weights, theta)
    assert_allclose(policy.score_sum(theta, s, a, weights), derivative, atol=1e-11)


def test_score_sum_of_complex_theta(policy):
    theta, s, a, weights = inputs(policy, (), (8,))
    theta = theta + 1j * inputs(policy, seed=1)[0] / 5
    total = policy.score_sum(theta, s, a, weights)
    assert np.abs(total.imag).max() > 1e-3
    assert_allclose(total, weights @ policy.score(theta, s, a), atol=1e-11)


def peak(f):
    """Return the most memory in bytes that a call holds at once, beyond what was there before."""
    tracemalloc.start()
    try:
        f()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("policy", [pg.LinearSoftmax(200, 10), pg.MLPSoftmax(50, 64, 4)], ids=["linear", "network"])
def test_a_sum_never_holds_one_score_a_sample(policy):
    """Of 20 000 samples; in one sum, and in two runs that share the states. The measure sees such arrays."""
    n, number = 20_000, 8 * policy.n_params
    theta, s, a, weights = inputs(policy, (), (n,))
    assert peak(lambda: policy.score_sum(theta, s, a, weights)) < n * number / 5
    two = np.stack([theta, theta]), np.stack([weights, weights])
    assert peak(lambda: policy.score_sum(two[0], s, a, two[1])) < 2 * n * number / 5
    assert peak(lambda: weights[:300] @ policy.score(theta, s[:300], a[:300])) > 300 * number


# --- other policies that are the same


@pytest.mark.parametrize("rows", [np.eye(3), np.random.default_rng(23).normal(size=(5, 3))], ids=["identity", "table"])
def test_linear_is_the_softmax_of_its_features(rows):
    """A state is a row: phi(s, a) holds the row in the place of action a. And actions from equal generators."""
    linear, features = pg.LinearSoftmax(3, 4), np.zeros((len(rows), 4, 4, 3))
    features[:, range(4), range(4)] = rows[:, None]
    dense = pg.Softmax(features.reshape(len(rows), 4, 12))
    rng = np.random.default_rng(24)
    theta, weights = rng.normal(size=(6, 12)), rng.normal(size=(6, 9))
    s, a = rng.integers(len(rows), size=(6, 9)), rng.integers(4, size=(6, 9))
    for method in ("log_prob", "score"):
        left, right = (getattr(p, method)(theta[:, None], x, a) for p, x in ((linear, rows[s]), (dense, s)))
        assert_allclose(left, right, atol=1e-13)
    assert_allclose(linear.score_sum(theta, rows[s], a, weights), dense.score_sum(theta, s, a, weights), atol=1e-12)
    draws = [p.sample(theta[:, None], x, rng=np.random.default_rng(25)) for p, x in ((linear, rows[s]), (dense, s))]
    assert_array_equal(*draws)


def test_linear_on_the_rows_of_an_identity_is_tabular():
    """theta[a S + s] is the logit that theta[s A + a] is in a table."""
    theta, s, a = np.random.default_rng(26).normal(size=(4, 3)), np.arange(3)[:, None], np.arange(4)
    linear = pg.LinearSoftmax(3, 4).log_prob(theta.ravel(), np.eye(3)[:, None], a)
    assert_allclose(linear, pg.Softmax.tabular(3, 4).log_prob(theta.T.ravel(), s, a), atol=1e-14)


def network_formula(n_hidden):
    """Return log pi of a network with one input and two actions, written out, in the order of `MLPSoftmax`."""
    d = 2 * n_hidden + 2 * n_hidden + 2
    theta = sp.symbols(f"theta:{d}", real=True)
    s, a = sp.symbols("s a", real=True)
    w1, b1, w2, b2 = theta[:n_hidden], theta[n_hidden : 2 * n_hidden], theta[2 * n_hidden : -2], theta[-2:]
    x = [sp.tanh(w * s + b) for w, b in zip(w1, b1, strict=True)]
    h = [sum(w2[i * n_hidden + j] * x[j] for j in range(n_hidden)) + b2[i] for i in (0, 1)]
    formula = a * h[1] + (1 - a) * h[0] - sp.log(sp.exp(h[0]) + sp.exp(h[1]))
    return SymbolicPolicy(formula, theta=theta, state=s, action=a, actions=[0, 1])


@pytest.mark.parametrize("n_hidden", [1, 2])
def test_network_is_its_formula(n_hidden):
    """Backpropagation by hand, and the derivative that SymPy finds; and, from equal generators, actions."""
    hand, formula = pg.MLPSoftmax(1, n_hidden, 2), network_formula(n_hidden)
    assert hand.n_params == formula.n_params
    theta, s, a, weights = inputs(hand, (4,), (6,))
    for method in ("log_prob", "score"):
        left, right = (getattr(p, method)(theta[:, None], x, a) for p, x in ((hand, s), (formula, s[..., 0])))
        assert_allclose(left, right, atol=1e-13)
    total = hand.score_sum(theta, s, a, weights)
    assert_allclose(total, formula.score_sum(theta, s[..., 0], a, weights), atol=1e-12)
    draws = [p.sample(theta[:, None], x, rng=np.random.default_rng(27)) for p, x in ((hand, s), (formula, s[..., 0]))]
    assert_array_equal(*draws)


def test_sizes():
    linear, network = pg.LinearSoftmax(np.int64(4), 2), pg.MLPSoftmax(4, np.int64(16), 2)
    assert (linear.obs_dim, linear.n_actions, linear.n_params) == (4, 2, 8)
    assert (network.obs_dim, network.n_hidden, network.n_actions, network.n_params) == (4, 16, 2, 114)
    assert all(type(n) is int for n in (linear.n_params, network.n_hidden, network.n_params))


# --- where a network starts


def ascend(policy, theta, n_steps):
    """Return theta after steps of gradient ascent on E[R], R = 1 where the action is the sign of the first number."""
    s = np.random.default_rng(28).normal(size=(40, 1, policy.obs_dim))
    a = np.arange(policy.n_actions)
    reward = (s[..., 0] > 0) == a
    for _ in range(n_steps):
        pi = np.exp(policy.log_prob(theta[:, None, None, :], s, a))
        theta = theta + policy.score_sum(theta, s, a, pi * reward / len(s))
    return theta


def parts(policy, theta):
    """Return the entries of W1, b1, W2, b2."""
    h, k, n = policy.n_hidden, policy.obs_dim, policy.n_actions
    return np.split(theta, np.cumsum([h * k, h, n * h]), axis=-1)


@pytest.mark.parametrize("policy", NETWORKS)
def test_zero_parameters_never_learn(policy):
    """The gradient of all but b2 is exactly zero, after any number of steps."""
    theta, s, a, weights = np.zeros((2, policy.n_params)), *inputs(policy, (2,), (30,))[1:]
    *others, by_b2 = parts(policy, policy.score_sum(theta, s, a, weights))
    assert not any(part.any() for part in others)
    assert (by_b2 != 0).all()
    *others, b2 = parts(policy, ascend(policy, theta, 5))
    assert not any(part.any() for part in others)
    assert np.abs(b2).min() > 1e-3


@pytest.mark.parametrize("policy", NETWORKS)
def test_initial_parameters_learn(policy):
    """The first step moves W2, the later ones W1 and b1; zero parameters with W2 random move W1, not W2."""
    start = policy.initial_theta(3, rng=np.random.default_rng(29))
    w1, b1, w2, _ = parts(policy, ascend(policy, start, 1) - start)
    assert not w1.any() and not b1.any()
    assert (w2 != 0).all()
    w1, b1, w2, _ = parts(policy, ascend(policy, start, 2) - start)
    assert (w1 != 0).all() and (b1 != 0).all()
    other = np.zeros_like(start)
    parts(policy, other)[2][:] = np.random.default_rng(30).normal(size=w2.shape)
    w1, b1, w2, _ = parts(policy, ascend(policy, other, 1) - other)
    assert (w1 != 0).all() and (b1 != 0).all() and not w2.any()


def test_initial_policy():
    """Uniform in every state, with units and runs that differ; W1 has variance 1 / obs_dim."""
    policy, rng = pg.MLPSoftmax(5, 40, 3), np.random.default_rng(31)
    theta = policy.initial_theta(500, rng=rng)
    assert theta.shape == (500, policy.n_params)
    log_pi = policy.log_prob(theta[:, None, None, :], rng.normal(size=(6, 1, 5)), np.arange(3))
    assert_allclose(log_pi, -np.log(3), atol=1e-15)
    w1, *others = parts(policy, theta)
    assert not any(part.any() for part in others)
    assert np.unique(w1).size == w1.size
    z = w1.ravel() * np.sqrt(5)
    assert abs(z.mean()) < 4.5 / np.sqrt(z.size)
    assert abs((z**2).mean() - 1) < 4.5 * np.sqrt(2 / z.size)


def test_initial_parameters_come_from_the_generator():
    first, again, other = (pg.MLPSoftmax(2, 3, 2).initial_theta(4, rng=np.random.default_rng(i)) for i in (1, 1, 2))
    assert_array_equal(first, again)
    assert (first != other).any()
    for bad in (None, 0, np.random.RandomState(0)):
        with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator.*; received "):
            pg.MLPSoftmax(2, 3, 2).initial_theta(4, rng=bad)
    for bad in (0, 2.0, True, None):
        with pytest.raises(ValueError, match=rf"runs must be an integer of at least 1; received {bad}"):
            pg.MLPSoftmax(2, 3, 2).initial_theta(bad, rng=np.random.default_rng(0))


# --- sampling


def test_frequencies(policy):
    """Each probability within 4.5 standard errors, in two runs of three states."""
    n, (theta, s, _, _) = 20_000, inputs(policy, (2,), (3,), seed=1)
    draws = policy.sample(theta[:, None], np.broadcast_to(s, (n, *s.shape)), rng=np.random.default_rng(32))
    assert draws.shape == (n, 2, 3) and draws.dtype.kind == "i"
    pi = np.exp(policy.log_prob(theta[:, None, None], s[:, :, None], np.arange(policy.n_actions)))
    seen = (draws[..., None] == np.arange(policy.n_actions)).mean(axis=0)
    assert (np.abs(seen - pi) <= 4.5 * np.sqrt(pi * (1 - pi) / n)).all()
    wrong = np.roll(pi, 1, axis=-1)
    assert not (np.abs(seen - wrong) <= 4.5 * np.sqrt(wrong * (1 - wrong) / n)).all()


def test_sample_shapes(policy):
    rng, k, d = np.random.default_rng(33), policy.obs_dim, policy.n_params
    assert np.shape(policy.sample(np.zeros(d), np.ones(k), rng=rng)) == ()
    assert policy.sample(np.zeros(d), np.ones((3, 2, k)), rng=rng).shape == (3, 2)
    assert policy.sample(np.zeros((5, d)), np.ones(k), rng=rng).shape == (5,)
    assert policy.sample(np.zeros((5, 1, d)), np.ones(k), rng=rng).shape == (5, 1)
    assert policy.sample(np.zeros((5, 1, d)), np.ones((7, k)), rng=rng).shape == (5, 7)
    assert policy.sample(np.zeros((5, 1, d)), np.ones((5, 7, k)), rng=rng).shape == (5, 7)
    assert policy.sample(np.zeros(d), np.ones((4, 0, k)), rng=rng).shape == (4, 0)


def test_same_seed_same_actions(policy):
    theta, s, _, _ = inputs(policy, (), (200,))
    first, again, other = (policy.sample(theta / 9, s, rng=np.random.default_rng(i)) for i in (1, 1, 2))
    assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
def test_no_action_of_probability_zero(uniform):
    """At the smallest and the largest number that the generator draws."""
    theta = np.array([-800.0, 0.0, 0.0, -800.0])
    draw = pg.LinearSoftmax(1, 4).sample(theta, np.ones((3, 1)), rng=Fixed(uniform))
    assert draw.tolist() == [1 if uniform == 0 else 2] * 3


# --- objects


@pytest.mark.parametrize("duplicate", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy], ids=["pickle", "copy"])
def test_a_pickled_policy_gives_the_same_numbers(policy, duplicate):
    again, (theta, s, a, weights) = duplicate(policy), inputs(policy, (), (6,))
    assert vars(again) == vars(policy)
    assert_array_equal(again.score_sum(theta, s, a, weights), policy.score_sum(theta, s, a, weights))
    draws = [p.sample(theta, s, rng=np.random.default_rng(34)) for p in (policy, again)]
    assert_array_equal(*draws)


def test_arguments_are_not_changed(policy):
    arguments = inputs(policy, (4,), ())
    before = [array.copy() for array in arguments]
    for array in arguments:
        array.flags.writeable = False
    for method in (policy.log_prob, policy.score):
        method(*arguments[:3]).fill(0)  # and what comes back is the caller's to change
    policy.score_sum(*arguments).fill(0)
    policy.sample(*arguments[:2], rng=np.random.default_rng(0)).fill(0)
    for array, old in zip(arguments, before, strict=True):
        assert_array_equal(array, old)


# --- bad input


@pytest.mark.parametrize("make, name, least", [
    (lambda n: pg.LinearSoftmax(n, 2), "obs_dim", 1),
    (lambda n: pg.LinearSoftmax(4, n), "n_actions", 2),
    (lambda n: pg.MLPSoftmax(n, 3, 2), "obs_dim", 1),
    (lambda n: pg.MLPSoftmax(4, n, 2), "n_hidden", 1),
    (lambda n: pg.MLPSoftmax(4, 3, n), "n_actions", 2),
])  # fmt: skip
@pytest.mark.parametrize("bad", [0, -1, 2.0, True, None, "2", "below"])
def test_sizes_that_are_none(make, name, least, bad):
    bad = least - 1 if bad == "below" else bad
    with pytest.raises(ValueError, match=rf"^{name} must be an integer of at least {least}; received {bad!r}$"):
        make(bad)
    make(least)


def calls(policy, s, a):
    """Return the four methods as functions of theta, by name."""
    weights = np.ones(np.broadcast_shapes(np.shape(s)[:-1], np.shape(a)))
    return {
        "log_prob": lambda theta: policy.log_prob(theta, s, a),
        "score": lambda theta: policy.score(theta, s, a),
        "score_sum": lambda theta: policy.score_sum(theta, s, a, weights),
        "sample": lambda theta: policy.sample(theta, s, rng=np.random.default_rng(0)),
    }


METHODS = ["log_prob", "score", "score_sum", "sample"]


@pytest.mark.parametrize("method", METHODS)
def test_theta_and_states_of_the_wrong_shape(policy, method):
    d, k = policy.n_params, policy.obs_dim
    for theta in (np.array(0.5), np.zeros(d + 1), np.zeros((d, d + 2)), np.zeros(0)):
        with pytest.raises(ValueError, match=rf"theta must have shape \(\.\.\., {d}\).*; received ") as error:
            calls(policy, np.ones(k), 0)[method](theta)
        assert str(theta.shape) in str(error.value)
    for s in (np.array(1.0), np.ones(k + 1), np.ones((k, k + 2)), np.ones(0)):
        with pytest.raises(ValueError, match=rf"s must have shape \(\.\.\., {k}\), one vector a state; rec") as error:
            calls(policy, s, 0)[method](np.zeros(d))
        assert str(s.shape) in str(error.value)


@pytest.mark.parametrize("method", METHODS[:3])
@pytest.mark.parametrize("a, message", [
    (1.0, r"a must be integer indices 0 \.\. 3; received float64: 1\.0"),
    (True, r"a must be integer indices 0 \.\. 3; received bool: True"),
    (4, r"a must lie in 0 \.\. 3; it is 4$"),
    (np.array([0, -2]), r"a must lie in 0 \.\. 3; it is -2 at index \(1,\)"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["linear", "network"])
def test_actions_out_of_range(name, method, a, message):
    policy = POLICIES[name]
    with pytest.raises(ValueError, match=message):
        calls(policy, np.ones(3), a)[method](np.zeros(policy.n_params))


def test_weights_and_samples_that_do_not_fit(policy):
    theta, s, a, _ = inputs(policy, (4,), ())
    for shape in [(), (3,), (5, 4), (1, 6)]:
        with pytest.raises(ValueError, match=r"weights must begin with the axes \(4,\) of theta; rec") as error:
            policy.score_sum(theta, s[0], a[0], np.ones(shape))
        assert str(shape) in str(error.value)
    k = policy.obs_dim
    for shape in [(), (1,)]:  # four samples and one weight: refused, not broadcast
        with pytest.raises(ValueError, match="^s must broadcast to shape .*, as weights have shape .*; rec") as error:
            policy.score_sum(theta[0], s, a[0], np.ones(shape))
        assert all(str(x) in str(error.value) for x in [(*shape, k), shape, (4, k)])
        with pytest.raises(ValueError, match=r"^a must broadcast to shape .*, as weights.*; received \(4,\)$"):
            policy.score_sum(theta[0], s[0], a, np.ones(shape))
    with pytest.raises(ValueError, match="broadcast"):
        policy.log_prob(theta[:, None], np.ones((3, 2, k)), 0)


def test_what_cannot_be_sampled(policy):
    """No generator, complex parameters, and NaN in one of two states, or of two runs."""
    theta, s, _, _ = inputs(policy, (2,), ())
    for bad in (None, 0, np.random.RandomState(0), np.random):
        with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator.*; received ") as error:
            policy.sample(theta, s, rng=bad)
        assert repr(bad) in str(error.value)
    with pytest.raises(TypeError, match="rng"):
        policy.sample(theta, s)
    with pytest.raises(ValueError, match="theta must be real; received complex numbers"):
        policy.sample(theta + 0j, s, rng=np.random.default_rng(0))
    theta[1, -1] = np.nan
    with pytest.raises(ValueError, match="theta must give probabilities"):
        policy.sample(theta, s, rng=np.random.default_rng(0))
    assert np.shape(policy.sample(theta[0], s, rng=np.random.default_rng(0))) == (2,)
    s[1, 0] = np.nan
    with pytest.raises(ValueError, match="theta must give probabilities"):
        policy.sample(theta[0], s, rng=np.random.default_rng(0))


@pytest.mark.parametrize("policy", [pg.LinearSoftmax(4, 2), pg.MLPSoftmax(4, 3, 2), pg.LinearSoftmax(1, 2),
                                    pg.MLPSoftmax(1, 3, 2)])  # fmt: skip
def test_a_finite_problem_has_no_vectors(policy):
    """Its states are integers; the message names the policy and the problem. Also with one number."""
    match = rf"the policy {type(policy).__name__} takes vectors of {policy.obs_dim} numbers, and a FiniteMDP shows"
    with pytest.raises(ValueError, match=match):
        pg.objective(pg.two_state(gamma=0.5), policy, np.zeros(policy.n_params))
