"""Episodes, drawn and listed, against exact probabilities and slow loops."""

import tracemalloc
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import FAMILIES, Fixed, agree, random_mdp, random_policy, stopped_problem

import pglib as pg
from pglib.sampling import Episodes

RIGHT = np.array([800.0])  # Softmax.binary(1) that always takes action 1


def draw(env, policy, theta, n_episodes=100, horizon=1000, seed=0):
    return pg.rollout(env, policy, theta, n_episodes=n_episodes, horizon=horizon, rng=np.random.default_rng(seed))


def arrays(batch):
    return vars(batch).values()


def walk(n_steps):
    """Return a problem whose only right-going episode takes ``n_steps`` steps, with a policy that goes right."""
    mdp = pg.random_walk(2 * n_steps - 1)
    return pg.FiniteMDP(mdp.P, mdp.r, mdp.mu, gamma=1.0, terminal=mdp.terminal, observation=[0] * mdp.n_states)


# --- what is drawn


@pytest.mark.parametrize("aliased", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_frequencies_of_steps(family, aliased):
    """Pr(S_t = s, A_t = a, S_t+1 = s') of every step of a stopped problem, for two runs with their own theta.

    A state (t, s) is visited at most once an episode, so each frequency has the variance p (1 - p) / N.
    """
    rng = np.random.default_rng([1, FAMILIES.index(family)])
    mdp = pg.with_horizon(random_mdp(rng, family, 1.0, 3, 3, aliased=aliased), 4)
    policy = random_policy(rng, mdp, "features")
    theta, n = rng.normal(size=(2, policy.n_params)), 5000
    batch = draw(mdp, policy, theta, n, 4)
    pi = pg.action_probabilities(mdp, policy, theta)
    p = (pg.visitation(mdp, pi)[..., None] * pi)[..., None] * mdp.P
    s_next = np.concatenate([batch.states, np.zeros((2, n, 1), int)], axis=-1)[..., 1:]
    going_on = np.concatenate([batch.live, np.zeros((2, n, 1), bool)], axis=-1)[..., 1:]
    s_next[~going_on] = mdp.n_states - 1
    for run in range(2):
        live = batch.live[run]
        seen = np.zeros(mdp.P.shape)
        np.add.at(seen, (batch.states[run][live], batch.actions[run][live], s_next[run][live]), 1 / n)
        assert (np.abs(seen - p[run]) <= 4.5 * np.sqrt(p[run] * (1 - p[run]) / n) + 1e-12).all()
        other = p[1 - run]
        assert not (np.abs(seen - other) <= 4.5 * np.sqrt(other * (1 - other) / n) + 1e-12).all()


def test_steps_are_independent():
    """With fair coins for every action and every next state, no two of the 80 coins of 40 steps go together.

    Steps are drawn in blocks, so one number drawn twice in a block would show here, and in no frequency of one step.
    """
    mdp = pg.FiniteMDP(np.full((2, 2, 2), 0.5), np.zeros((2, 2)), [0.5, 0.5], gamma=0.9)
    n = 20_000
    batch = draw(mdp, pg.Softmax.binary(2), np.zeros(2), n, 40)
    coins = 2.0 * np.concatenate([batch.states, batch.actions], axis=-1) - 1
    together = coins.T @ coins / n - np.eye(80)
    assert np.abs(together).max() * np.sqrt(n) < 5
    assert np.abs(coins.mean(axis=0)).max() * np.sqrt(n) < 4.5


def test_runs_are_independent():
    """Two runs of the same policy start, act, move and are paid without regard to each other."""
    fair = pg.FiniteMDP(np.full((2, 2, 2), 0.5), np.zeros((2, 2)), [0.5, 0.5], gamma=0.9, reward_std=1.0)
    n = 20_000
    batch = draw(fair, pg.Softmax.binary(2), np.zeros((2, 2)), n, 3)
    for x in (2.0 * batch.states - 1, 2.0 * batch.actions - 1, batch.rewards):
        assert np.abs((x[0] * x[1]).mean(axis=0)).max() * np.sqrt(n) < 4.5


def test_first_states():
    mdp = random_mdp(np.random.default_rng(3), "dense", 0.9, 6, 2)
    first = draw(mdp, pg.Softmax.binary(6), np.zeros(6), 20_000, 1).states[:, 0]
    agree((first[:, None] == np.arange(6)).astype(float), mdp.mu)


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_impossible(family):
    """Only next states with P > 0, first states with mu > 0, and no action of probability 0."""
    rng = np.random.default_rng([2, FAMILIES.index(family)])
    mdp = random_mdp(rng, family, 0.9, 5, 4)
    theta = np.zeros((5, 4))
    theta[np.arange(5), np.arange(5) % 4] = -800
    batch = draw(mdp, pg.Softmax.tabular(5, 4), theta.ravel(), 2000, 10)
    s, a, live = batch.states, batch.actions, batch.live
    assert (mdp.P[s[:, :-1], a[:, :-1], s[:, 1:]] > 0)[live[:, 1:]].all()
    assert (mdp.mu[s[:, 0]] > 0).all()
    assert (theta[s, a] == 0)[live].all()
    assert len(np.unique((s * 4 + a)[live])) == (5 if family != "episodic" else 4) * 3


@pytest.mark.parametrize("uniform, index", [(0.0, 1), (1 - 2**-53, 10)])
def test_rounding_draws_nothing_impossible(uniform, index):
    """Ten probabilities of 0.1 add up to 1 - 1.1e-16 between impossible neighbours: of state, action, next state."""
    tenths = np.array([0.0] + [0.1] * 10 + [0.0])
    assert tenths.cumsum()[-1] < 1
    P = np.tile(np.roll(tenths, -1), (12, 12, 1))
    P[11] = 1 / 12  # so that the others do not have the most next states
    mdp = pg.FiniteMDP(P, np.zeros((12, 12)), tenths, gamma=0.5, observation=[0] * 12)
    theta = np.array([-800.0] + [0.0] * 10 + [-800.0])
    batch = pg.rollout(mdp, pg.Softmax.tabular(1, 12), theta, n_episodes=3, horizon=3, rng=Fixed(uniform))
    assert batch.states.tolist() == [[index, index - 1, index - 1]] * 3 and (batch.actions == index).all()


def test_rewards_are_those_of_the_step():
    mdp = random_mdp(np.random.default_rng(4), "episodic", 0.9, 4, 3)
    batch = draw(mdp, pg.Softmax.tabular(4, 3), np.zeros((2, 12)))
    assert_array_equal(batch.rewards, np.where(batch.live, mdp.r[batch.states, batch.actions], 0))


@pytest.mark.parametrize("runs", [(), (3,)])
def test_rewards_of_transitions(runs):
    """The reward of the transition that happened, not its mean; each run has its own rewards."""
    rng = np.random.default_rng(5)
    base = random_mdp(rng, "dense", 0.9, 3, 2)
    mdp = pg.FiniteMDP(base.P, rng.normal(size=(*runs, 3, 2, 3)), base.mu, gamma=0.9)
    batch = draw(mdp, pg.Softmax.binary(3), np.zeros(3), 50, 20)
    assert batch.rewards.shape == (*runs, 50, 20)
    for run in np.ndindex(runs):
        s, a = batch.states[run], batch.actions[run]
        assert_array_equal(batch.rewards[run][:, :-1], mdp.r_next[run][s[:, :-1], a[:, :-1], s[:, 1:]])


def test_noise_of_the_rewards():
    """Mean 0, standard deviation reward_std, and the steps of an episode are independent of each other."""
    base = random_mdp(np.random.default_rng(6), "dense", 0.9, 3, 2)
    mdp = pg.FiniteMDP(base.P, base.r, base.mu, gamma=0.9, reward_std=0.5)
    batch = draw(mdp, pg.Softmax.binary(3), np.zeros(3), 20_000, 2)
    x, y = ((batch.rewards - mdp.r[batch.states, batch.actions]) / 0.5).T
    agree(np.stack([x, y, x**2, y**2, x * y], axis=-1), [0, 0, 1, 1, 0])


def test_noise_ends_with_the_episode():
    mdp = random_mdp(np.random.default_rng(7), "episodic", 0.9, 3, 2)
    noisy = pg.FiniteMDP(mdp.P, mdp.r, mdp.mu, gamma=0.9, terminal=mdp.terminal, reward_std=1.0)
    batch = draw(noisy, pg.Softmax.binary(3), np.zeros(3))
    assert (~batch.live).any()
    assert (batch.rewards[~batch.live] == 0).all() and (batch.rewards[batch.live] != 0).all()


@pytest.mark.parametrize("theta_runs, r_runs", [((), (4,)), ((4,), ()), ((4,), (4,)), ((3, 1), (4,)), ((2, 3), ())])
def test_runs(theta_runs, r_runs):
    """Leading axes of theta and of the rewards broadcast: another policy or another bandit for each run."""
    rng = np.random.default_rng(8)
    means = 10 * np.arange(np.prod(r_runs, dtype=int)).reshape(*r_runs, 1) + np.arange(3)
    theta = rng.choice([-800.0, 800.0], size=(*theta_runs, 1)) * np.array([0, 1, -1])
    lead = np.broadcast_shapes(theta_runs, r_runs)
    batch = draw(pg.bandit(means), pg.Softmax.tabular(1, 3), theta, 7)
    arm = np.broadcast_to(theta.argmax(axis=-1), lead)
    assert_array_equal(batch.actions[..., 0], np.broadcast_to(arm[..., None], (*lead, 7)))
    paid = np.take_along_axis(np.broadcast_to(means, (*lead, 3)), arm[..., None], axis=-1)
    assert_array_equal(batch.rewards[..., 0], np.broadcast_to(paid, (*lead, 7)))


def test_no_runs():
    batch = draw(pg.short_corridor(), pg.Softmax.binary(1), np.zeros((0, 1)), 5)
    assert batch.live.shape == (0, 5, 0) and batch.truncated.shape == (0, 5)


def test_the_policy_sees_the_observation():
    mdp = pg.with_horizon(random_mdp(np.random.default_rng(9), "episodic", 0.9, 5, 2, aliased=True), 6)
    assert len(np.unique(mdp.observation)) < 5
    batch = draw(mdp, pg.Softmax.binary(5), np.array([800.0, -800.0, 800.0, -800.0, 800.0]))
    assert_array_equal(batch.observations, np.where(batch.live, mdp.observation[batch.states], 0))
    assert_array_equal(batch.actions, np.where(batch.live, batch.observations % 2 == 0, 0))


# --- the end


@pytest.mark.parametrize("n_steps", [1, 2, 15, 16, 17, 32, 33])
def test_an_episode_of_exactly_the_horizon(n_steps):
    """It has ended; with one step less it is cut; a larger cap changes nothing."""
    policy, mdp = pg.Softmax.binary(1), walk(n_steps)
    for horizon in (n_steps, n_steps + 1, 10 * n_steps):
        batch = draw(mdp, policy, RIGHT, 3, horizon)
        assert batch.live.shape == (3, n_steps) and batch.live.all()
        assert batch.terminated.all() and not batch.truncated.any()
        assert_array_equal(batch.rewards, np.tile(np.arange(n_steps) == n_steps - 1, (3, 1)))
    if n_steps > 1:
        batch = draw(mdp, policy, RIGHT, 3, n_steps - 1)
        assert batch.live.shape == (3, n_steps - 1) and batch.live.all()
        assert batch.truncated.all() and not batch.terminated.any()


@pytest.mark.parametrize("horizon", [1, 5, 16, 17, 50])
def test_a_problem_that_never_ends(horizon):
    batch = draw(pg.two_state(gamma=0.9), pg.Softmax.binary(2), np.zeros((2, 2)), 5, horizon)
    assert batch.live.shape == (2, 5, horizon) and batch.live.all()
    assert batch.truncated.all() and not batch.terminated.any()


@pytest.mark.parametrize("horizon", [3, 20, 1000])
def test_nothing_behind_the_end(horizon):
    """Steps come first, then zeros (and no -0); the arrays are as long as the longest episode."""
    batch = draw(pg.short_corridor(), pg.Softmax.binary(1), np.zeros((2, 1)), 200, horizon)
    length = batch.live.sum(axis=-1)
    assert_array_equal(batch.live, np.arange(length.max()) < length[..., None])
    assert batch.live.shape[-1] == length.max() and len(np.unique(length)) > (1 if horizon == 3 else 10) - 1
    assert (length[batch.truncated] == horizon).all()
    for x in (batch.states, batch.observations, batch.actions, batch.rewards):
        assert (x[~batch.live] == 0).all() and not np.signbit(x[~batch.live].astype(float)).any()
    assert_array_equal(batch.terminated, ~batch.truncated)
    assert_array_equal(batch.rewards.sum(axis=-1), -length)


@pytest.mark.parametrize("ends", [False, True])
def test_one_state_and_one_action(ends):
    if ends:
        mdp = pg.bandit([2.0])
    else:
        mdp = pg.FiniteMDP([[[1.0]]], [[2.0]], [1.0], gamma=0.9)
    batch = draw(mdp, pg.Softmax.tabular(1, 1), np.zeros(1), 4, 20)
    assert_array_equal(batch.rewards, np.full((4, 1 if ends else 20), 2.0))
    assert (batch.terminated == ends).all()


# --- the generator, and kinds of input


def test_same_seed_same_episodes():
    mdp, policy = pg.short_corridor(), pg.Softmax.binary(1)
    first, again, other = (draw(mdp, policy, np.zeros((3, 1)), seed=seed) for seed in (1, 1, 2))
    for x, y in zip(arrays(first), arrays(again), strict=True):
        assert_array_equal(x, y)
    assert first.actions.shape != other.actions.shape or (first.actions != other.actions).any()


def test_a_generator_goes_on():
    mdp, rng = pg.two_state(gamma=0.9), np.random.default_rng(0)
    first, second = (
        pg.rollout(mdp, pg.Softmax.binary(2), np.zeros(2), n_episodes=20, horizon=9, rng=rng) for _ in range(2)
    )
    assert (first.actions != second.actions).any()


def test_kinds_of_theta_and_sizes():
    """Integers, float32, lists, read-only arrays and NumPy's integers give the same numbers; nothing is changed."""
    mdp, policy = pg.short_corridor(), pg.Softmax.binary(1)
    frozen = np.array([[1.0], [0.0]])
    frozen.flags.writeable = False
    expected = draw(mdp, policy, frozen)
    for theta in ([[1], [0]], frozen.astype(np.float32), frozen.astype(np.int8), frozen.astype(bool)):
        for x, y in zip(
            arrays(draw(mdp, policy, theta, np.int32(100), np.uint16(1000))), arrays(expected), strict=True
        ):
            assert_array_equal(x, y)


@pytest.mark.parametrize("argument, bad, message", [
    ("n_episodes", 0, r"n_episodes must be an integer of at least 1; received 0"),
    ("n_episodes", 2.0, r"n_episodes must be an integer of at least 1; received 2\.0"),
    ("n_episodes", True, r"n_episodes must be an integer of at least 1; received True"),
    ("horizon", 0, r"horizon must be an integer of at least 1; received 0"),
    ("horizon", np.inf, r"horizon must be an integer of at least 1; received inf"),
    ("horizon", None, r"horizon must be an integer of at least 1; received None"),
    ("rng", 0, r"rng must be a numpy\.random\.Generator, .*; received 0"),
    ("env", "corridor", r"env must be a FiniteMDP, a CartPole, or a vector environment .*; received 'corridor'"),
    ("theta", np.zeros(2), r"theta must have shape \(\.\.\., 1\), one entry a parameter; received \(2,\)"),
    ("theta", [np.nan], r"the policy at theta, must hold probabilities; it holds nan at s=0"),
    ("theta", [1j], r"theta must be real; received complex numbers"),
    ("theta", np.zeros((2, 1), complex), r"theta must be real; received complex numbers"),
    ("policy", pg.Softmax([[[1.0], [2.0], [3.0]]]), r"the policy at theta, must sum to 1; it sums to 0\.66666\d*"),
    ("policy", pg.Softmax([[[1.0]]]), r"a must lie in 0 \.\. 0; it is 1 at index \(1,\)"),
])  # fmt: skip
def test_what_rollout_refuses(argument, bad, message):
    good = {
        "env": pg.short_corridor(), "policy": pg.Softmax.binary(1), "theta": np.zeros(1),
        "n_episodes": 2, "horizon": 5, "rng": np.random.default_rng(0),
    }  # fmt: skip
    pg.rollout(**good)
    with pytest.raises(ValueError, match=message):
        pg.rollout(**good | {argument: bad})


def test_theta_and_rewards_with_different_runs():
    with pytest.raises(ValueError, match=r"theta has runs \(2,\), and the rewards have runs \(3,\)"):
        draw(pg.bandit(np.zeros((3, 2))), pg.Softmax.binary(1), np.zeros((2, 1)))


# --- Episodes


@pytest.mark.parametrize("index", [
    0, -1, slice(2), (slice(None), 0), (..., slice(3)), (..., 4), ..., (0, [3, 1]), [1, 0, 1], (..., [0, 5, 2]),
    None, np.array([[0, 1], [1, 1]]), np.arange(16).reshape(2, 8) % 3 == 0, (slice(None), np.arange(8) > 4),
], ids=str)  # fmt: skip
def test_index_of_episodes(index):
    """It reaches runs and episodes, never steps: an array that numbers the episodes gives the same ones."""
    batch = draw(pg.short_corridor(), pg.Softmax.binary(1), np.zeros((2, 1)), 8)
    assert batch.live.shape[-1] > 8
    number = np.arange(16).reshape(2, 8)[index]
    part = batch[index]
    for name, x in vars(batch).items():
        flat = x.reshape(16, *x.shape[2:])
        assert_array_equal(getattr(part, name), flat[number])


def test_index_without_runs():
    batch = draw(pg.short_corridor(), pg.Softmax.binary(1), np.zeros(1), 8)
    assert_array_equal(batch[..., :3].rewards, batch.rewards[:3])
    assert_array_equal(batch[[5, 2]].live, batch.live[[5, 2]])
    with pytest.raises(IndexError):
        batch[:, 0]


@pytest.mark.parametrize("name", ["states", "rewards", "terminated", "truncated"])
def test_shapes_that_do_not_fit(name):
    good = vars(draw(pg.two_state(gamma=0.9), pg.Softmax.binary(2), np.zeros(2), 4, 6))
    expected = r"\(4,\)" if name.startswith("t") else r"\(4, 6\)"
    with pytest.raises(ValueError, match=rf"{name} must have shape {expected}, as live says; received \(5, 6\)"):
        Episodes(**good | {name: np.zeros((5, 6), bool)})


def test_both_ends_at_once():
    good = vars(draw(pg.two_state(gamma=0.9), pg.Softmax.binary(2), np.zeros(2), 4, 6))
    with pytest.raises(ValueError, match="either terminated or truncated; received one that is both"):
        Episodes(**good | {"terminated": np.array([False, True, False, False])})


# --- every episode


def paths(mdp, pi, horizon, s=None):
    """Yield (probability, steps, terminated) of every episode, by recursion; a step is (s, a, reward)."""
    if s is None:
        for first in np.flatnonzero(mdp.mu):
            for p, steps, terminated in paths(mdp, pi, horizon, first):
                yield mdp.mu[first] * p, steps, terminated
    elif mdp.terminal[s] or horizon == 0:
        yield 1.0, (), bool(mdp.terminal[s])
    else:
        for a, s_next in product(range(mdp.n_actions), range(mdp.n_states)):
            if mdp.P[s, a, s_next] > 0:
                paid = mdp.r[s, a] if mdp.r_next is None else mdp.r_next[s, a, s_next]
                for p, steps, terminated in paths(mdp, pi, horizon - 1, s_next):
                    yield pi[s, a] * mdp.P[s, a, s_next] * p, ((s, a, paid), *steps), terminated


@pytest.mark.parametrize("by_transition", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("stop", [False, True])
def test_all_episodes_by_recursion(family, by_transition, stop):
    """The same paths with the same probabilities, each once: cut by the horizon, or ended by the problem."""
    rng = np.random.default_rng([10, FAMILIES.index(family)])
    mdp = random_mdp(rng, family, 0.9, 3, 2, by_transition=by_transition, aliased=True)
    mdp = pg.with_horizon(mdp, 3) if stop else mdp
    policy = random_policy(rng, mdp, "binary")
    theta = rng.normal(size=policy.n_params)
    batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=4 if stop else 3)
    listed = sorted(
        (tuple(zip(s[live], a[live], r[live], strict=True)), bool(terminated), p)
        for s, a, r, live, terminated, p in zip(
            batch.states, batch.actions, batch.rewards, batch.live, batch.terminated, prob, strict=True
        )
    )
    expected = sorted(
        (steps, terminated, p)
        for p, steps, terminated in paths(mdp, pg.action_probabilities(mdp, policy, theta), 4 if stop else 3)
    )
    assert len(listed) == len(expected) > 20
    assert [row[:2] for row in listed] == [row[:2] for row in expected]
    total = {}
    for steps, terminated, p in expected:  # where the reward does not tell the last state, paths look alike
        total[steps, terminated] = total.get((steps, terminated), 0) + p
    for steps, terminated, p in listed:
        total[steps, terminated] -= p
    assert_allclose(list(total.values()), 0, atol=1e-14)
    assert_allclose(prob.sum(), 1, atol=1e-14)
    assert_array_equal(batch.observations, np.where(batch.live, mdp.observation[batch.states], 0))
    assert_array_equal(batch.truncated, ~batch.terminated)
    if stop:
        assert batch.terminated.all()


def test_numbers_of_episodes():
    """Two states, two actions: 4 * 4 * 2 if the third step leads to one end, 4 * 4 * 4 if it is cut; others."""
    policy, theta = pg.Softmax.binary(2), np.zeros(2)
    mdp = pg.two_state(gamma=0.9)
    batch, prob = pg.enumerate_episodes(pg.with_horizon(mdp, 3), policy, theta, horizon=3)
    assert batch.live.shape == (32, 3) and batch.terminated.all() and prob.shape == (32,)
    assert len({(*s, *a) for s, a in zip(batch.states.tolist(), batch.actions.tolist(), strict=True)}) == 32
    batch, _ = pg.enumerate_episodes(mdp, policy, theta, horizon=3)
    assert batch.live.shape == (64, 3) and batch.truncated.all()
    batch, prob = pg.enumerate_episodes(pg.bandit([3, 2, 1]), pg.Softmax.tabular(1, 3), np.zeros(3), horizon=50)
    assert batch.live.shape == (3, 1) and prob.tolist() == [1 / 3] * 3
    batch, _ = pg.enumerate_episodes(pg.short_corridor(), pg.Softmax.binary(1), np.zeros(1), horizon=3)
    assert batch.live.shape == (8, 3) and batch.terminated.sum() == 1  # of the 2^3 only right, left, right arrives


def test_observations_of_the_list():
    """Those of the problem where a step was taken, and 0 behind the end, even if no state shows 0."""
    mdp = pg.short_corridor()
    mdp = pg.FiniteMDP(mdp.P, mdp.r, mdp.mu, gamma=1.0, terminal=mdp.terminal, observation=[2, 1, 2, 1])
    batch, _ = pg.enumerate_episodes(mdp, pg.Softmax.binary(3), np.zeros(3), horizon=5)
    assert (~batch.live).any()
    assert_array_equal(batch.observations, np.where(batch.live, mdp.observation[batch.states], 0))


def test_listed_probabilities_are_frequencies():
    mdp, policy, theta = stopped_problem(np.random.default_rng(11), "episodic", 0.9, "tabular", n_states=3)
    batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=3)

    def keys(episodes):
        cell = np.where(episodes.live, episodes.states * mdp.n_actions + episodes.actions, -1)
        return [tuple(row) for row in cell.tolist()]

    number = {key: i for i, key in enumerate(keys(batch))}
    assert len(number) == len(prob)
    n = 50_000
    seen = np.bincount([number[key] for key in keys(draw(mdp, policy, theta, n, 3))], minlength=len(prob)) / n
    assert (np.abs(seen - prob) <= 4.5 * np.sqrt(prob * (1 - prob) / n)).all()


def test_several_runs_at_once():
    """Of theta and of the rewards, as a loop."""
    rng = np.random.default_rng(12)
    base = random_mdp(rng, "episodic", 0.9, 3, 2)
    r, theta, policy = rng.normal(size=(4, 3, 2)), rng.normal(size=(2, 1, 3)), pg.Softmax.binary(3)
    mdp = pg.FiniteMDP(base.P, r, base.mu, gamma=0.9, terminal=base.terminal)
    batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=3)
    for i, j in np.ndindex(2, 4):
        one = pg.FiniteMDP(base.P, r[j], base.mu, gamma=0.9, terminal=base.terminal)
        single, p = pg.enumerate_episodes(one, policy, theta[i, 0], horizon=3)
        assert_allclose(prob[i, j], p, atol=1e-15)
        for x, y in zip(arrays(batch[i, j]), arrays(single), strict=True):
            assert_array_equal(x, y)


def test_probabilities_of_complex_theta():
    """They may be differentiated by complex step: the derivative of their sum is 0, and theirs is p times the score."""
    mdp, policy, theta = stopped_problem(np.random.default_rng(13), "dense", 0.9, "binary")
    batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=3)
    _, shifted = pg.enumerate_episodes(mdp, policy, theta + 1e-30j * np.eye(2), horizon=3)
    each = np.broadcast_to(theta, (len(prob), 2))
    score = policy.score_sum(each, batch.observations, batch.actions, batch.live.astype(float))
    assert_allclose(shifted.imag.T / 1e-30, prob[:, None] * score, atol=1e-14)


@pytest.mark.parametrize("change, message", [
    ({"mdp": pg.bandit([1, 2], reward_std=0.5)}, r"reward_std must be 0, or there are infinitely many .*; it is 0\.5"),
    ({"mdp": None}, r"mdp must be a FiniteMDP; received None"),
    ({"horizon": 0}, r"horizon must be an integer of at least 1; received 0"),
    ({"theta": np.zeros(2)}, r"theta must have shape \(\.\.\., 1\)"),
])  # fmt: skip
def test_what_the_list_refuses(change, message):
    good = {"mdp": pg.bandit([1, 2]), "policy": pg.Softmax.binary(1), "theta": np.zeros(1), "horizon": 1}
    pg.enumerate_episodes(**good)
    with pytest.raises(ValueError, match=message):
        pg.enumerate_episodes(**good | change)


def test_too_many_episodes():
    """7 * 35^3 = 300,125 episodes of three steps, 35 times as many of four: refused before they are listed."""
    mdp, policy = random_mdp(np.random.default_rng(14), "dense", 0.9, 7, 5), pg.Softmax.tabular(7, 5)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"there are more than 1,000,000 episodes of 4 steps; lower the horizon"):
        pg.enumerate_episodes(mdp, policy, np.zeros(35), horizon=50)
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


def test_memory_of_the_list():
    """2^11 episodes of 11 steps in a problem of 400 states: some arrays of that size, no transition matrix a path."""
    P = np.zeros((400, 2, 400))
    P[np.arange(400), 0, (np.arange(400) + 1) % 400] = P[np.arange(400), 1, np.arange(400)] = 1
    mdp = pg.FiniteMDP(P, np.zeros((400, 2)), np.arange(400) == 0, gamma=0.9)
    tracemalloc.start()
    batch, prob = pg.enumerate_episodes(mdp, pg.Softmax.binary(400), np.zeros(400), horizon=11)
    assert tracemalloc.get_traced_memory()[1] < 20 * 8 * batch.live.size
    tracemalloc.stop()
    assert prob.tolist() == [2.0**-11] * 2**11


# --- returns


@pytest.mark.parametrize("gamma", [0, 0.0, 0.5, 1, 1.0, np.float32(0.5)])
@pytest.mark.parametrize("shape", [(1,), (6,), (4, 1), (3, 5), (2, 3, 4), (2, 0), (0, 3)])
def test_returns_by_a_slow_loop(gamma, shape):
    rewards = np.random.default_rng(15).normal(size=shape)
    rewards.flags.writeable = False
    before = rewards.copy()
    returns = pg.returns_to_go(rewards, gamma)
    expected = np.zeros(shape)
    for index in np.ndindex(shape):
        t = index[-1]
        expected[index] = sum(gamma ** (k - t) * rewards[(*index[:-1], k)] for k in range(t, shape[-1]))
    assert_allclose(returns, expected, atol=1e-14)
    assert_array_equal(rewards, before)
    assert not np.shares_memory(returns, rewards)


def test_returns_of_integers():
    assert pg.returns_to_go([[1, 0, 2], [0, 4, 4]], 0.5).tolist() == [[1.5, 1.0, 2.0], [3.0, 6.0, 4.0]]
    assert pg.returns_to_go(np.array([True, True]), 1).tolist() == [2.0, 1.0]


@pytest.mark.parametrize("gamma", [-0.1, 1.1, np.nan, None, "0.9", 1j])
def test_gamma_out_of_range(gamma):
    with pytest.raises(ValueError, match=r"gamma must be a number in \[0, 1\]; received ") as error:
        pg.returns_to_go([1.0], gamma)
    assert repr(gamma) in str(error.value)


def test_rewards_without_time():
    with pytest.raises(ValueError, match=r"rewards must have shape \(\.\.\., T\), with a time axis; received "):
        pg.returns_to_go(3.0, 0.9)
