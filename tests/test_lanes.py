"""The lanes for two actions, written for speed, against the public methods of the policies and slow loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import agree

import pglib as pg
from pglib import _lanes
from pglib._lanes import LaneSimulator
from pglib._simulator import Simulator
from pglib.training import _adam

CART = pg.CartPole()
LINEAR, MLP, NARROW = pg.LinearSoftmax(4, 2), pg.MLPSoftmax(4, 5, 2), pg.MLPSoftmax(4, 1, 2)
POLICIES = pytest.mark.parametrize("policy", [LINEAR, MLP, NARROW], ids=["linear", "network", "narrow"])
PRECISIONS = pytest.mark.parametrize("dtype", [np.float64, np.float32])
TOLERANCE = {np.float64: 1e-10, np.float32: 1e-4}
BALANCE = np.array([1.0, 2.0, 20.0, 6.0])


class PublicLinear(pg.LinearSoftmax):
    """The same policy, which is not the class that the lanes know."""


class PublicMLP(pg.MLPSoftmax):
    """The same policy, which is not the class that the lanes know."""


class Public:
    """Only what is asked of a policy."""

    n_params, obs_dim, n_actions = 8, 4, 2

    def sample(self, theta, s, *, rng):
        return LINEAR.sample(theta, s, rng=rng)

    def score_sum(self, theta, s, a, weights):
        return LINEAR.score_sum(theta, s, a, weights)


def parameters(policy, runs, dtype, scale=1.0, balance=1.0):
    """Return parameters (runs, d); the first run balances for long, less so with less balance, the others fall soon."""
    theta = np.random.default_rng([21, runs]).normal(size=(runs, policy.n_params))
    if policy is LINEAR:
        theta[0] = balance * np.r_[-BALANCE, BALANCE] / 2
    else:
        h = policy.n_hidden
        theta[0] *= 0.01
        theta[0, :4] = BALANCE / 20
        theta[0, 5 * h], theta[0, 6 * h] = -10 * balance, 10 * balance
    return (scale * theta).astype(dtype)


def episodes(policy, theta, n_episodes, horizon, seed=0):
    """Return the simulator and its episodes."""
    simulator = LaneSimulator(CART, policy)
    return simulator, simulator.episodes(theta, n_episodes, horizon, np.random.default_rng(seed))


def by_reinforce(policy, theta, batch, gamma, baseline):
    """Return the samples of `reinforce`, with what lies behind the ends taken away."""
    clean = {name: getattr(batch, name) for name in ("live", "terminated", "truncated", "final")}
    for name in ("states", "observations"):
        clean[name] = np.where(batch.live[..., None], getattr(batch, name), 0)
    for name in ("actions", "rewards"):
        clean[name] = np.where(batch.live, getattr(batch, name), 0)
    return pg.reinforce(policy, theta, pg.Episodes(**clean), gamma=gamma, baseline=baseline, allow_truncated=True)


def close(ours, samples, dtype):
    """Assert that gradients (runs, d) are the means of the samples (runs, N, d), relative to the samples' mean size."""
    truth, scale = samples.mean(axis=1), np.abs(samples).mean(axis=1).max(axis=-1, keepdims=True)
    assert ours.dtype == dtype and ours.shape == truth.shape
    assert (np.abs(ours - truth) <= TOLERANCE[dtype] * scale + 1e-30).all(), np.abs((ours - truth) / scale).max()


# --- gradients


@POLICIES
@PRECISIONS
@pytest.mark.parametrize("baseline", [None, 11.5, "leave_one_out"])
@pytest.mark.parametrize("gamma", [0.9, 1, 0])
def test_mean_gradient(policy, dtype, gamma, baseline):
    """It is the mean of `reinforce`, and what the public ``score_sum`` gives of the same weights."""
    theta = parameters(policy, 3, dtype, balance=0.3)
    simulator, batch = episodes(policy, theta, 7, 120)
    assert simulator.lanes is not None and batch.live.shape[-1] > 100 and not batch.live.all(axis=(1, 2)).any()
    gradient, samples = (
        simulator.mean_gradient(theta, batch, gamma, baseline),
        by_reinforce(policy, theta, batch, gamma, baseline),
    )
    close(gradient, samples, dtype)
    general = Simulator.mean_gradient(simulator, theta, batch, gamma, baseline)
    assert general.dtype == dtype
    assert_allclose(gradient, general, rtol=0, atol=TOLERANCE[dtype] * np.abs(samples).mean(axis=1).max() + 1e-30)
    assert (np.abs(gradient).max(axis=-1) > 1e-3).sum() == (0 if (gamma, baseline) == (0, "leave_one_out") else 3)


@POLICIES
@PRECISIONS
@pytest.mark.parametrize("runs, n_episodes", [(1, 1), (1, 6), (5, 1), (3, 5), (2, 33)])
@pytest.mark.parametrize("horizon", [1, 2, 24, 25, 26, 49, 50, 51, 75, 100, 101])
def test_any_number_of_lanes_and_steps(policy, dtype, runs, n_episodes, horizon):
    """Below, at and above multiples of the 25 steps drawn, and of the 50 steps added up, at once."""
    theta = parameters(policy, runs, dtype)
    simulator, batch = episodes(policy, theta, n_episodes, horizon, seed=horizon)
    assert batch.live.shape == (runs, n_episodes, horizon)
    gradient = simulator.mean_gradient(theta, batch, 0.97, None)
    close(gradient, by_reinforce(policy, theta, batch, 0.97, None), dtype)


@POLICIES
def test_the_derivative_of_the_log_probability(policy):
    """The gradient of a run with one episode, by complex steps of the sum of gamma^t G_t log pi."""
    theta = parameters(policy, 2, np.float64)
    simulator, batch = episodes(policy, theta, 1, 40)
    gradient = simulator.mean_gradient(theta, batch, 0.9, 2.0)
    for run in range(2):
        n = batch.live[run, 0].sum()
        s, a = batch.observations[run, 0, :n], batch.actions[run, 0, :n].astype(int)
        returns = (1 - 0.9 ** np.arange(n, 0, -1)) / 0.1  # every step pays 1
        each = theta[run] + 1e-30j * np.eye(policy.n_params)[:, None]
        truth = (policy.log_prob(each, s, a).imag / 1e-30) @ (0.9 ** np.arange(n) * (returns - 2))
        assert_allclose(gradient[run], truth, rtol=1e-9, atol=1e-11)


@PRECISIONS
@pytest.mark.parametrize("cache, samples, parts", [
    (1, 10**9, {(1, 40)}), (10**9, 10**9, {(5, 40)}), (10**9, 7, {(5, 7), (5, 5)}),
    (5 * 7 * 2, 7, {(2, 7), (2, 5), (1, 7), (1, 5)}),
])  # fmt: skip
def test_hidden_units_in_parts(dtype, cache, samples, parts, monkeypatch):
    """One run or two or all, all samples or seven, at a time: the same numbers, and no sample twice."""
    theta = parameters(MLP, 5, dtype)
    simulator, batch = episodes(MLP, theta, 4, 10)
    truth, sizes, inner = by_reinforce(MLP, theta, batch, 1, None), [], _lanes._MLP._score_sum

    def counted(self, runs, s, *rest):
        sizes.append((s.shape[0], s.shape[2]))
        return inner(self, runs, s, *rest)

    monkeypatch.setattr(_lanes, "CACHE", cache)
    monkeypatch.setattr(_lanes, "ONE_THREAD", samples * MLP.n_hidden * 5)
    monkeypatch.setattr(_lanes._MLP, "_score_sum", counted)
    close(simulator.mean_gradient(theta, batch, 1, None), truth, dtype)
    assert set(sizes) == parts and sum(runs * n for runs, n in sizes) == 5 * 40


@POLICIES
@PRECISIONS
@pytest.mark.parametrize("scale", [1e-30, 30, 1e4, 1e15])
def test_extreme_parameters(policy, dtype, scale):
    """Probabilities that round to 0 and 1: the score of the action that is certain is 0, and nothing overflows."""
    theta = parameters(policy, 3, dtype, scale)
    simulator, batch = episodes(policy, theta, 9, 60)
    gradient = simulator.mean_gradient(theta, batch, 0.9, None)
    truth = by_reinforce(policy, theta.astype(float), batch, 0.9, None).mean(axis=1)
    size = np.maximum(np.abs(truth).max(axis=-1, keepdims=True), scale if policy is not LINEAR else 1)
    assert (np.abs(gradient - truth) <= TOLERANCE[dtype] * size).all()
    log_pi = policy.log_prob(theta[:, None, None].astype(float), batch.observations, batch.actions)
    assert log_pi[batch.live].min() > -30  # no action was taken that has no probability


# --- actions


@pytest.fixture
def drawn(monkeypatch):
    """Return a list of the uniform numbers in (-1, 1) that make the actions, each (steps, lanes)."""
    kept, inner = [], _lanes._uniform
    monkeypatch.setattr(_lanes, "_uniform", lambda *args: kept.append(inner(*args)) or kept[-1].copy())
    return kept


@POLICIES
@PRECISIONS
@pytest.mark.parametrize("runs, n_episodes, horizon", [(1, 1, 70), (3, 5, 60), (2, 33, 25), (4, 1, 26)])
def test_actions_follow_the_probabilities(policy, dtype, runs, n_episodes, horizon, drawn):
    """Action 1 where a uniform number is below pi(1), by the policy's own ``log_prob``; one number for each action."""
    theta = parameters(policy, runs, dtype)
    _, batch = episodes(policy, theta, n_episodes, horizon, seed=9)
    start, T = CART.reset(runs * n_episodes, rng=np.random.default_rng(9), dtype=dtype), batch.live.shape[-1]
    assert_array_equal(batch.observations[..., 0, :].reshape(-1, 4), start.T)
    u = (1 + np.concatenate(drawn).astype(float)) / 2
    assert u.shape == (min(-(-T // 25) * 25, horizon), runs * n_episodes)
    u = u[:T].T.reshape(runs, n_episodes, T)
    p = np.exp(policy.log_prob(theta[:, None, None].astype(float), batch.observations.astype(float), 1))
    sure = batch.live & (np.abs(u - p) > {np.float64: 1e-12, np.float32: 1e-5}[dtype])
    assert sure.sum() > 0.99 * batch.live.sum()
    assert_array_equal(batch.actions[sure], (u < p)[sure])


@PRECISIONS
@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.SFC64, np.random.Philox])
def test_uniform_numbers(dtype, bits, drawn):
    """Moments and shares of a million numbers, whatever generator is given, and of each number with the next ones."""
    theta = parameters(LINEAR, 1, dtype)
    for seed in range(2):
        LaneSimulator(CART, LINEAR).episodes(theta, 1999, 100, np.random.Generator(bits(seed)))
    assert all(u.dtype == dtype and u.shape == (25, 1999) for u in drawn) and len(drawn) == 8
    u = np.concatenate(drawn).astype(float)
    assert (np.abs(u) < 1).all() and len(np.unique(u)) > 0.98 * u.size
    counts = np.histogram(u, 100, (-1, 1))[0]
    assert np.abs(counts - u.size / 100).max() < 5 * np.sqrt(u.size / 100)
    u = u[:, :1998]
    for a, b in (
        (u[1:], u[:-1]),
        (u[:, 1:], u[:, :-1]),
        (u[:, 2::2], u[:, :-2:2]),
        (u[25:], u[:-25]),
        (u[100:], u[:100]),
    ):
        assert abs((a * b).mean()) < 5 / 3 / np.sqrt(a.size)
    for k, moment in ((1, 0), (2, 1 / 3), (3, 0), (4, 1 / 5)):
        agree((u**k).reshape(-1, 1), [moment])


@PRECISIONS
def test_uniform_numbers_are_never_one(dtype):
    """Nor -1, whatever the bits are: an action without probability is never taken, one of probability 1 always."""

    class Extreme:
        def random_raw(self, n):
            return np.resize(np.array([0, 2**63, 2**63 - 1, 2**64 - 1, 2**31, 2**31 - 1], np.uint64), n)

    u = _lanes._uniform(Extreme(), (3, 8), np.dtype(dtype))
    assert u.dtype == dtype and u.shape == (3, 8) and (np.abs(u) < 1).all() and u.min() < -0.999 and u.max() > 0.999


@POLICIES
@PRECISIONS
def test_the_score_has_mean_zero(policy, dtype):
    """Over 4000 episodes of a run, at gamma = 0: of the first step, whose weight is 1 less a baseline of 0.5."""
    theta = parameters(policy, 2, dtype)
    _, batch = episodes(policy, theta, 4000, 1)
    samples = pg.reinforce(policy, theta, batch, gamma=0, baseline=0.5, allow_truncated=True)
    agree(samples, np.zeros_like(theta, float))


# --- the memory that is used again


@POLICIES
@PRECISIONS
def test_a_simulator_forgets(policy, dtype):
    """The same episodes whatever it drew before: more lanes, fewer, other precision; and the same gradient."""
    used = LaneSimulator(CART, policy)
    for runs, n_episodes, kind in ((4, 6, dtype), (1, 3, dtype), (3, 3, np.float64), (3, 3, np.float32), (2, 5, dtype)):
        theta = parameters(policy, runs, kind)
        batch = used.episodes(theta, n_episodes, 45, np.random.default_rng(5))
        fresh, other = episodes(policy, theta, n_episodes, 45, seed=5)
        for name, column in vars(batch).items():
            live = batch.live if name in ("states", "observations", "actions", "rewards") else np.array(True)
            assert_array_equal(column[live], getattr(other, name)[live])
        first, second = (simulator.mean_gradient(theta, batch, 1, None) for simulator in (used, fresh))
        assert_array_equal(first, second)


def test_a_gradient_leaves_the_episodes_alone():
    theta = parameters(MLP, 3, np.float32)
    simulator, batch = episodes(MLP, theta, 4, 40)
    kept, before = {name: column.copy() for name, column in vars(batch).items()}, theta.copy()
    first, again = (simulator.mean_gradient(theta, batch, 0.9, "leave_one_out") for _ in range(2))
    assert_array_equal(first, again)
    assert_array_equal(theta, before)
    for name, column in kept.items():
        assert_array_equal(column, getattr(batch, name))


# --- policies that the lanes do not know


@pytest.mark.parametrize(
    "policy", [PublicLinear(4, 2), PublicMLP(4, 5, 2), Public()], ids=["linear", "network", "object"]
)
@PRECISIONS
def test_other_policies_go_through_their_methods(policy, dtype):
    """Episodes by ``sample``, gradients by ``score_sum``; what lies behind the ends weighs nothing."""
    known = MLP if isinstance(policy, pg.MLPSoftmax) else LINEAR
    theta = parameters(known, 3, dtype)
    simulator, batch = episodes(policy, theta, 7, 60)
    assert simulator.lanes is None and not batch.live.all() and set(np.unique(batch.actions)) == {0, 1}
    for gamma, baseline in ((0.9, None), (1, "leave_one_out"), (0, 0.5)):
        gradient = simulator.mean_gradient(theta, batch, gamma, baseline)
        close(gradient, by_reinforce(known, theta, batch, gamma, baseline), dtype)
        other = LaneSimulator(CART, known).mean_gradient(theta, batch, gamma, baseline)
        assert_allclose(gradient, other, rtol=0, atol=TOLERANCE[dtype] * max(np.abs(other).max(), 1))


@pytest.mark.parametrize(
    "policy", [PublicLinear(4, 2), LINEAR, PublicMLP(4, 5, 2), MLP], ids=lambda p: type(p).__name__
)
def test_both_ways_draw_the_same_episodes(policy):
    """In distribution: lengths and shares of action 1 over 3000 episodes of each of three runs."""
    known = MLP if isinstance(policy, pg.MLPSoftmax) else LINEAR
    theta = np.random.default_rng(3).normal(size=(3, known.n_params))
    batch = pg.rollout(CART, policy, theta, n_episodes=3000, horizon=30, rng=np.random.default_rng(1))
    p = np.exp(known.log_prob(theta[:, None, None], batch.observations, 1))
    told = np.stack([batch.live.sum(axis=-1), (batch.live * batch.actions).sum(axis=-1)], axis=-1).astype(float)
    expected = np.stack([batch.live.sum(axis=-1), (batch.live * p).sum(axis=-1)], axis=-1)
    agree(told - expected, np.zeros((3, 2)))
    slow = pg.rollout(CART, Public() if known is LINEAR else PublicMLP(4, 5, 2), theta, n_episodes=3000, horizon=30,
                      rng=np.random.default_rng(2))  # fmt: skip
    lengths = [x.live.sum(axis=-1)[..., None].astype(float) for x in (batch, slow)]
    agree(lengths[0] - lengths[1], np.zeros((3, 1)))


@pytest.mark.parametrize("policy, dtype", [
    (LINEAR, np.float32), (LINEAR, np.float64), (MLP, np.float32), (MLP, np.float64), (PublicLinear(4, 2), np.float32),
    (PublicMLP(4, 5, 2), np.float32), (Public(), np.float64),
], ids=lambda value: getattr(value, "__name__", type(value).__name__))  # fmt: skip
def test_training_learns_to_balance(policy, dtype):
    """From about 20 steps to more than 60 of 100 in every one of five runs, after 30 updates of Adam."""
    theta0 = np.zeros((5, policy.n_params))
    if isinstance(policy, pg.MLPSoftmax):
        theta0 = policy.initial_theta(5, rng=np.random.default_rng(0))
    options = {"gamma": 0.99, "step_size": 0.1, "n_updates": 30, "n_episodes": 10, "horizon": 100, "optimizer": "adam"}
    history = pg.train(
        CART, policy, theta0.astype(dtype), baseline="leave_one_out", rng=np.random.default_rng(0), **options
    )
    assert history.theta.dtype == dtype and history.theta.shape == (5, 31, policy.n_params)
    assert (history.returns[:, :2].mean(axis=-1) < 35).all() and (history.returns[:, -5:].mean(axis=-1) > 60).all()


# --- training, update by update


@POLICIES
@pytest.mark.parametrize("optimizer, gamma, baseline", [
    ("sgd", 0.9, None), ("sgd", 1, 7.5), ("sgd", 0, None), ("adam", 1, "leave_one_out"), ("adam", 0.97, None),
])  # fmt: skip
def test_updates_are_means_of_reinforce(policy, optimizer, gamma, baseline):
    """theta + step * the mean of `reinforce` over the same episodes, and what is reported of them."""
    theta, episodes = parameters(policy, 3, np.float64), {"n_episodes": 6, "horizon": 40}
    history = pg.train(CART, policy, theta, gamma=gamma, step_size=0.01, n_updates=4, baseline=baseline,
                       optimizer=optimizer, rng=np.random.default_rng(7), **episodes)  # fmt: skip
    rng = np.random.default_rng(7).spawn(1)[0]
    ascend = _adam(0.01) if optimizer == "adam" else lambda theta, gradient: theta + 0.01 * gradient
    for i in range(4):
        assert_allclose(history.theta[:, i], theta, rtol=1e-9, atol=1e-9)
        theta = history.theta[:, i]  # its very numbers: a last bit may be an action, and an action all that follows
        batch = pg.rollout(CART, policy, theta, rng=rng, **episodes)
        g = pg.reinforce(policy, theta, batch, gamma=gamma, baseline=baseline, allow_truncated=True).mean(axis=1)
        theta = ascend(theta, g)
        assert_array_equal(history.returns[:, i], batch.live.sum(axis=-1).mean(axis=-1))
        assert_array_equal(history.truncated[:, i], batch.truncated.mean(axis=-1))
    assert_allclose(history.theta[:, 4], theta, rtol=1e-9, atol=1e-9)
    assert 0 < history.truncated.mean() < 1


@POLICIES
@PRECISIONS
def test_update_from_step_to_step(policy, dtype):
    """One episode of each run, theta from step to step; the baseline is a number."""
    theta, episodes = parameters(policy, 3, dtype), {"n_episodes": 1, "horizon": 30}
    history = pg.train(CART, policy, theta, gamma=0.9, step_size=0.01, n_updates=1, baseline=1.5, update="step",
                       rng=np.random.default_rng(7), **episodes)  # fmt: skip
    batch = pg.rollout(CART, policy, theta, rng=np.random.default_rng(7).spawn(1)[0], **episodes)
    returns, theta = pg.returns_to_go(batch.rewards, 0.9), theta.astype(float)
    for run in range(3):
        for t in range(batch.live[run, 0].sum()):
            score = policy.score(theta[run], batch.observations[run, 0, t], batch.actions[run, 0, t])
            theta[run] += 0.01 * 0.9**t * (returns[run, 0, t] - 1.5) * score
    assert history.theta.dtype == dtype
    assert_allclose(history.theta[:, 1], theta, rtol=0, atol=1e-12 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("given, kept", [(np.float32, np.float32), (np.float64, np.float64), (int, np.float64)])
@pytest.mark.parametrize("optimizer, update", [("sgd", "episode"), ("adam", "episode"), ("sgd", "step")])
def test_the_precision_is_that_of_theta0(given, kept, optimizer, update, monkeypatch):
    """Observations, gradients and parameters: all of it."""
    drawn, inner = [], LaneSimulator.episodes
    monkeypatch.setattr(LaneSimulator, "episodes", lambda *args: drawn.append(inner(*args)) or drawn[-1])
    history = pg.train(CART, LINEAR, np.zeros((2, 8), given), gamma=0.9, step_size=0.1, n_updates=2, n_episodes=1,
                       horizon=30, optimizer=optimizer, update=update, rng=np.random.default_rng(0))  # fmt: skip
    assert history.theta.dtype == kept and {batch.observations.dtype for batch in drawn} == {np.dtype(kept)}
    assert history.theta[:, 1:].any(axis=-1).all()


@pytest.mark.parametrize("options, message", [
    ({"value_step_size": 0.1}, "value_step_size needs a FiniteMDP, with one value for each observation; received <"),
    ({"baseline": np.zeros(4)}, "baseline must be None, a number or 'leave_one_out' where states are vectors"),
    ({"baseline": "leave_one_out"}, "'leave_one_out' needs at least two episodes in a run; there is one"),
    ({"gamma": 1.5}, r"gamma must be a number in \[0, 1\]; received 1\.5"),
    ({"theta0": np.full(8, np.nan)}, "theta0 must be finite; it is nan at i=0"),
    ({"policy": pg.LinearSoftmax(4, 3), "theta0": np.zeros(12)}, "policy must take observations of 4 numbers and"),
])  # fmt: skip
def test_what_train_refuses(options, message):
    good = {"policy": LINEAR, "theta0": np.zeros(8), "gamma": 1.0, "step_size": 0.1, "n_updates": 1, "n_episodes": 1,
            "horizon": 9, "rng": np.random.default_rng(0)}  # fmt: skip
    with pytest.raises(ValueError, match=message):
        pg.train(CART, **good | options)
