"""CartPole against Gymnasium's, step by step from Gymnasium's own states, and its episodes against a slow loop."""

import re
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from numpy.testing import assert_allclose, assert_array_equal
from problems import agree

import pglib as pg

LOCKED = re.search(r"^gymnasium==(\S+)", (Path(__file__).parents[1] / "requirements.txt").read_text(), re.M).group(1)
SAME = gymnasium.__version__ == LOCKED  # then the same bits, else 1e-12
BALANCE = np.array([1.0, 2.0, 20.0, 6.0])  # push to the right where the state times this is positive
LINEAR, MLP = pg.LinearSoftmax(4, 2), pg.MLPSoftmax(4, 3, 2)


def same(ours, theirs):
    """Assert equal bits, or 1e-12 beside another Gymnasium than the locked one."""
    if SAME:
        assert_array_equal(ours, theirs)
    else:
        assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def watched():
    """Return 500 steps of 60 of Gymnasium's carts: states (501, 4, 60), actions and terminated (500, 60).

    The first 30 push towards balance, but one time in twenty the other way; 20 push at random, 5 always to the left and
    5 always to the right. Ended carts go on: the states behind the end are states too.
    """
    rng, carts = np.random.default_rng(1), [CartPoleEnv() for _ in range(60)]
    for i, cart in enumerate(carts):
        cart.reset(seed=i)
    states, actions, terminated = [np.transpose([cart.state for cart in carts])], [], []
    for _ in range(500):
        a = (BALANCE @ states[-1] > 0) ^ (rng.random(60) < 0.05)
        a[30:50] = rng.random(20) < 0.5
        a[50:55], a[55:] = False, True
        ends = []
        for cart, push in zip(carts, a.astype(int).tolist(), strict=True):
            cart.steps_beyond_terminated = None  # no warning of steps behind the end
            ends.append(cart.step(push)[2])
        actions.append(a.astype(int))
        terminated.append(ends)
        states.append(np.transpose([cart.state for cart in carts]))
    return np.array(states), np.array(actions), np.array(terminated)


def rightly_varied(terminated):
    """Return the number of steps of each cart; these tests need carts that balance and carts that fall."""
    lasts = ~terminated.any(axis=0)
    assert lasts.sum() >= 20 and (~lasts).sum() >= 25
    return np.where(lasts, len(terminated), terminated.argmax(axis=0) + 1)


# --- the dynamics


def test_every_step_is_gymnasiums(watched):
    """500 steps of carts that balance and of carts that fall, with the step at which they end and those behind it."""
    states, actions, terminated = watched
    n_steps, env = rightly_varied(terminated), pg.CartPole()
    assert (n_steps[50:] < 12).all() and (n_steps[:30] == 500).sum() >= 20
    for t in range(500):
        same(env.step(states[t], actions[t]), states[t + 1])
        assert_array_equal(env.ended(states[t + 1]), terminated[t])
    assert not env.ended(states[0]).any()


def test_whole_episodes(watched):
    """500 steps with no look at Gymnasium: rounding adds up to nothing where a step is the same bits."""
    states, actions, terminated = watched
    now, env = states[0], pg.CartPole()
    for t in range(500):
        now = env.step(now, actions[t])
        if not SAME:
            now = np.where(np.abs(now - states[t + 1]) < 1e-12, states[t + 1], now)
        assert_array_equal(now, states[t + 1])


def test_single_precision(watched):
    """From the same float32 state within 4e-7, as far as episodes go; `ended` is that of the float32 state."""
    states, actions, terminated = watched
    n_steps, env, worst = rightly_varied(terminated), pg.CartPole(), 0
    for t in range(500):
        live, now = t < n_steps, states[t].astype(np.float32)
        after = env.step(now, actions[t])
        assert after.dtype == np.float32
        for i in np.flatnonzero(live)[t % 3 :: 3]:
            cart = CartPoleEnv()
            cart.state = now[:, i].astype(float)
            ended = cart.step(actions[t, i])[2]
            worst = max(worst, np.abs(cart.state - after[:, i]).max())
            near = min(abs(abs(cart.state[0]) - 2.4), abs(abs(cart.state[2]) - np.pi / 15)) < 1e-6
            assert near or env.ended(after)[i] == ended
    assert 1e-8 < worst < 4e-7


def test_gymnasiums_vector_cart_pole():
    """Its CartPoleVectorEnv: the same start from the same seed, the same steps, the same ends."""
    theirs, env, rng = (
        gymnasium.make_vec("CartPole-v1", 40, "vector_entry_point"),
        pg.CartPole(),
        np.random.default_rng(2),
    )
    theirs.reset(seed=7)
    inner = theirs.unwrapped
    same(env.reset(40, rng=np.random.default_rng(7)), inner.state)
    n_ended, reset = 0, np.zeros(40, bool)
    for _ in range(500):
        before = inner.state.copy()
        a = (BALANCE @ before > 0) ^ (rng.random(40) < np.linspace(0, 0.6, 40))
        terminated = theirs.step(a.astype(int))[2]
        after = env.step(before, a)
        same(after[:, ~reset], inner.state[:, ~reset])
        assert_array_equal(env.ended(after)[~reset], terminated[~reset])
        reset = inner.prev_done.copy()  # the next step of these is a reset
        n_ended += terminated.sum()
    assert n_ended > 100


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_where_it_ends(dtype):
    """Beyond 2.4 m or 12 degrees to either side, not at it; velocities do not matter."""
    env, track, angle = pg.CartPole(), dtype(2.4), dtype(12 * 2 * np.pi / 360)
    beyond = [np.nextafter(limit, dtype(9)) for limit in (track, angle)]
    states = np.array([[0, 9, 0, 9], [track, 0, angle, 0], [-track, 0, -angle, 0], [beyond[0], 0, 0, 0],
                       [-beyond[0], 0, 0, 0], [0, 0, beyond[1], 0], [0, 0, -beyond[1], 0]], dtype).T  # fmt: skip
    assert env.ended(states).tolist() == [False] * 3 + [True] * 4
    assert_array_equal(env.ended(np.stack([states, 0 * states], axis=1)), [env.ended(states), [False] * 7])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 7, 64])
def test_steps_of_any_number_of_carts(n, dtype):
    """A step reads its states and changes nothing but the result; a stepper may be used again."""
    env, rng = pg.CartPole(), np.random.default_rng(3)
    states, a = rng.normal(size=(4, n)).astype(dtype), rng.integers(2, size=n)
    kept, after = states.copy(), env.step(states, a)
    assert_array_equal(states, kept)
    assert after.shape == (4, n) and after.dtype == dtype and not np.shares_memory(after, states)
    for actions in (a.tolist(), a.astype(bool), a.astype(np.int8), a.astype(np.uint8)):
        assert_array_equal(env.step(states, actions), after)
    step, first, second = env.stepper(n, dtype), np.empty((4, n), dtype), np.empty((4, n), dtype)
    step(tuple(states), a, tuple(first))
    step(tuple(first), 1 - a, tuple(second))
    assert_array_equal(first, after)
    assert_array_equal(second, env.step(after, 1 - a))
    assert_array_equal(states, kept)


def test_the_start():
    """Each of the four numbers uniform in (-0.05, 0.05), in both precisions, and independent."""
    env, rng = pg.CartPole(), np.random.default_rng(4)
    start = env.reset(100_000, rng=rng)
    assert start.shape == (4, 100_000) and start.dtype == np.float64
    assert (np.abs(start) < 0.05).all() and (np.abs(start).max(axis=1) > 0.0499).all()
    powers = np.stack([(start / 0.05) ** k for k in (1, 2, 3, 4)], axis=-1)  # (4, 100000, 4)
    agree(powers, np.tile([0, 1 / 3, 0, 1 / 5], (4, 1)))
    agree((start[:, None] * start)[np.triu_indices(4, 1)][..., None], np.zeros((6, 1)))
    single, double = (env.reset(5, rng=np.random.default_rng(5), dtype=kind) for kind in (np.float32, float))
    assert single.dtype == np.float32
    assert_array_equal(single, double.astype(np.float32))


@pytest.mark.parametrize("n, rng, message", [
    (0, np.random.default_rng(0), "n must be an integer of at least 1; received 0"),
    (2.0, np.random.default_rng(0), r"n must be an integer of at least 1; received 2\.0"),
    (2, np.random, r"rng must be a numpy\.random\.Generator"),
])  # fmt: skip
def test_what_reset_refuses(n, rng, message):
    with pytest.raises(ValueError, match=message):
        pg.CartPole().reset(n, rng=rng)


# --- episodes


def parameters(policy, lead, dtype, seed=0):
    """Return parameters (*lead, d): the first run balances for long, the others fall sooner or later."""
    theta = np.random.default_rng(seed).normal(size=(*lead, policy.n_params))
    first = theta.reshape(-1, policy.n_params)[0]
    first[:] = 0
    if policy is LINEAR:
        first[4:] = BALANCE
    else:
        first[:4], first[15:18], first[18:21] = BALANCE / 20, [-20, 0, 0], [20, 0, 0]
    return theta.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
@pytest.mark.parametrize("policy", [LINEAR, MLP], ids=["linear", "network"])
@pytest.mark.parametrize("horizon", [1, 24, 25, 26, 130])
def test_episodes_by_hand(policy, lead, dtype, horizon):
    """Each step, end and observation is what stepping from the start gives; behind the end there is nothing."""
    env, theta = pg.CartPole(), parameters(policy, lead, dtype)
    batch = pg.rollout(env, policy, theta, n_episodes=7, horizon=horizon, rng=np.random.default_rng(6))
    T = batch.live.shape[-1]
    assert batch.live.shape == batch.rewards.shape == batch.actions.shape == (*lead, 7, T)
    assert batch.observations.shape == (*lead, 7, T, 4) and batch.final.shape == (*lead, 7, 4)
    assert batch.terminated.shape == batch.truncated.shape == (*lead, 7)
    assert batch.observations.dtype == batch.rewards.dtype == batch.final.dtype == dtype
    assert batch.actions.dtype.kind == "i" and batch.live.dtype == bool
    assert_array_equal(batch.states, batch.observations)

    s, a = batch.observations.reshape(-1, T, 4), batch.actions.reshape(-1, T)
    now = env.reset(len(s), rng=np.random.default_rng(6), dtype=dtype)
    live, final = np.ones(len(s), bool), now
    for t in range(T):
        assert_array_equal(batch.live.reshape(-1, T)[:, t], live)
        assert_array_equal(s[:, t], np.where(live, now, 0).T)
        assert_array_equal(batch.rewards.reshape(-1, T)[:, t], live)
        assert set(a[:, t]) <= {0, 1} and not a[~live, t].any()
        now = env.step(now, a[:, t])
        final = np.where(live, now, final)
        live = live & ~env.ended(now)
    assert_array_equal(batch.final.reshape(-1, 4), final.T)
    assert_array_equal(batch.terminated.ravel(), ~live)
    assert_array_equal(batch.truncated.ravel(), live)
    assert T == horizon or not live.any()
    assert T == batch.live.sum(axis=-1).max() <= horizon
    if horizon == 130:
        assert T == 130 and (live.any() or lead == ()) and (not live.all() or lead == ())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_generator_same_episodes(dtype):
    theta = parameters(LINEAR, (2,), dtype)
    options = {"n_episodes": 3, "horizon": 40}
    first, again, other = (
        pg.rollout(pg.CartPole(), LINEAR, theta, rng=np.random.default_rng(seed), **options) for seed in (1, 1, 2)
    )
    for name, column in vars(first).items():
        assert_array_equal(column, getattr(again, name))
    assert (first.final != other.final).any(axis=-1).all()


def test_episodes_that_end_before_the_horizon():
    """T is the longest episode, not a multiple of anything; always to the left falls after eight to eleven steps."""
    batch = pg.rollout(pg.CartPole(), LINEAR, 1000 * np.r_[0, 0, 0, 0, -BALANCE], n_episodes=200, horizon=10**6,
                       rng=np.random.default_rng(8))  # fmt: skip
    n_steps = batch.live.sum(axis=-1)
    assert batch.terminated.all() and not batch.truncated.any()
    assert batch.live.shape[-1] == n_steps.max() < 25 and n_steps.min() >= 7
    assert_array_equal(batch.live, np.arange(n_steps.max()) < n_steps[:, None])


@pytest.mark.parametrize("policy, message", [
    (pg.LinearSoftmax(3, 2), "policy must take observations of 4 numbers and choose among 2 actions, as CartPole has; "
                             "LinearSoftmax takes 3 and chooses among 2"),
    (pg.MLPSoftmax(4, 5, 3), "MLPSoftmax takes 4 and chooses among 3"),
    (pg.Softmax.tabular(4, 2), "takes None and chooses among 2"),
    (pg.Gaussian(4), "Gaussian takes 4 and chooses among None"),
])  # fmt: skip
def test_policies_that_do_not_fit(policy, message):
    with pytest.raises(ValueError, match=message):
        pg.rollout(
            pg.CartPole(), policy, np.zeros(policy.n_params), n_episodes=1, horizon=1, rng=np.random.default_rng(0)
        )


@pytest.mark.parametrize("options, message", [
    ({"n_episodes": 0}, "n_episodes must be an integer of at least 1; received 0"),
    ({"horizon": 0}, "horizon must be an integer of at least 1; received 0"),
    ({"rng": 3}, r"rng must be a numpy\.random\.Generator"),
    ({"theta": np.zeros(7)}, r"theta must have shape \(\.\.\., 8\), one entry a parameter; received \(7,\)"),
    ({"theta": np.zeros(8, complex)}, "theta must be real; received complex numbers"),
    ({"theta": np.r_[np.nan, np.zeros(7)]}, "theta must .* hold finite numbers; received array"),
    ({"theta": np.zeros((0, 8))}, "theta must have at least one run"),
])  # fmt: skip
def test_what_rollout_refuses(options, message):
    good = {"theta": np.zeros(8), "n_episodes": 1, "horizon": 1, "rng": np.random.default_rng(0)}
    with pytest.raises(ValueError, match=message):
        pg.rollout(pg.CartPole(), LINEAR, **good | options)
