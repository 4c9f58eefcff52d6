"""Vector environments: a scripted one that tells every leak, single environments that replay, and exact values.

The scripted environment observes (lane, round, resets since the seed, step, noise). An observation from behind the end
of an episode, or of another lane or round, differs from what the script says.
"""

import re

import gymnasium
import numpy as np
import pytest
import sympy as sp
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from numpy.testing import assert_allclose, assert_array_equal
from problems import agree

import pglib as pg
from pglib._gymnasium import VectorSimulator
from pglib.symbolic import SymbolicPolicy

FIELDS = ("states", "observations", "actions", "rewards", "live", "terminated", "truncated", "final")
MODES = (AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED)
END, CUT, BOTH = (True, False), (False, True), (True, True)  # (terminated, truncated)
HORIZON = 7
SCRIPT = [  # the length of each round's episode in each of the four lanes, and its end
    [(3, END), (1, BOTH), (5, CUT), (2, END)],
    [(4, CUT), (9, END), (7, END), (1, CUT)],  # one is too long, and one ends with the last step that is allowed
    [(2, BOTH), (2, END), (2, CUT), (2, END)],  # all end before the horizon
]


class Scripted(gymnasium.Env):
    """Follows SCRIPT after a reset with a seed. After others, one step ends it, this way and that way in turn.

    A step behind the end is an error.
    """

    observation_space = Box(-np.inf, np.inf, (5,), np.float32)
    action_space = Discrete(3)

    def __init__(self, lane):
        self.lane, self.round, self.seeds, self.received = lane, -1, [], []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is None:
            self.resets += 1
        else:
            self.round, self.resets = self.round + 1, 0
            self.seeds.append(seed)
        self.t, self.over, self.noise = 0, False, self.np_random.integers(1024)
        return self._observation(), {}

    def step(self, action):
        assert not self.over, "a step behind the end"
        length, end = (1, (END, CUT)[self.resets % 2]) if self.resets else SCRIPT[self.round % len(SCRIPT)][self.lane]
        self.received.append((self.round, self.resets, self.t, action))
        self.t += 1
        self.over = self.t == length
        terminated, truncated = end if self.over else (False, False)
        reward = 1000 * self.resets + 100 * self.round + 10 * self.lane + self.t
        return self._observation(), float(reward), terminated, truncated, {"t": self.t}

    def _observation(self):
        return np.array([self.lane, self.round, self.resets, self.t, self.noise], np.float32)


class Recorder:
    """Three actions at random; remembers the parameters and observations it was given."""

    n_params, n_actions, obs_dim = 1, 3, 5

    def __init__(self):
        self.given = []

    def sample(self, theta, s, *, rng):
        self.given.append((theta.copy(), s.copy()))
        return rng.integers(3, size=len(s))


class Spaces(gymnasium.Env):
    """Has spaces, observes 0 and pays nothing; remembers the actions it receives."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space, self.received = observation_space, action_space, []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(self.observation_space.shape, self.observation_space.dtype), {}

    def step(self, action):
        self.received.append(action)
        return self.reset()[0], 0.0, False, False, {}


def scripted(mode=AutoresetMode.NEXT_STEP, **options):
    return SyncVectorEnv([lambda lane=lane: Scripted(lane) for lane in range(4)], autoreset_mode=mode, **options)


def spaces(observation_space, action_space, n=2):
    return SyncVectorEnv([lambda: Spaces(observation_space, action_space)] * n)


def made(name, n, mode=AutoresetMode.NEXT_STEP, vectorization="sync", vector=None, **options):
    vector = {"autoreset_mode": mode, **(vector or {})}
    return gymnasium.make_vec(name, num_envs=n, vectorization_mode=vectorization, vector_kwargs=vector, **options)


def draw(env, policy, theta, n_episodes, horizon, seed=0):
    theta = np.asarray(theta)
    return VectorSimulator(env, policy).episodes(theta, n_episodes, horizon, np.random.default_rng(seed))


def from_script(env, policy=None, dtype=float, seed=0):
    """Return 12 episodes: two runs with parameters 10 and 20, three rounds."""
    return draw(env, policy or Recorder(), np.array([[10], [20]], dtype), 6, HORIZON, seed)


def same(one, other):
    for name in FIELDS:
        assert_array_equal(getattr(one, name), getattr(other, name), name, strict=True)


# --- what the script says


@pytest.fixture(params=[(mode, copy) for mode in MODES for copy in (True, False)], ids=str)
def env(request):
    mode, copy = request.param
    return scripted(mode, copy=copy)


def test_episodes_are_those_of_the_script(env):
    batch = from_script(env)
    live, rewards = np.zeros((3, 4, HORIZON), bool), np.zeros((3, 4, HORIZON))
    observations, final = np.zeros((3, 4, HORIZON, 5)), np.zeros((3, 4, 5))
    terminated, actions = np.zeros((3, 4), bool), np.zeros((3, 4, HORIZON), int)
    for lane, single in enumerate(env.envs):
        for r, seed in enumerate(single.seeds):
            length, (ended, _) = SCRIPT[r][lane]
            n = min(length, HORIZON)
            noise = gymnasium.utils.seeding.np_random(seed)[0].integers(1024)
            live[r, lane, :n] = True
            terminated[r, lane] = ended and length <= HORIZON
            observations[r, lane, :n] = [(lane, r, 0, t, noise) for t in range(n)]
            rewards[r, lane, :n] = [100 * r + 10 * lane + t + 1 for t in range(n)]
            actions[r, lane, :n] = [a for of, resets, _, a in single.received if of == r and not resets]
            final[r, lane] = (lane, r, 0, n, noise)
    expected = observations, observations, actions, rewards, live, terminated, ~terminated, final
    for name, value in zip(FIELDS, expected, strict=True):
        found = getattr(batch, name)
        assert_array_equal(found, value.reshape(2, 6, *value.shape[2:]), name, strict=True)
    assert batch.states is batch.observations


def test_a_round_is_over_with_its_last_episode(env):
    """The rounds take 5, 7 and 2 steps of each lane; a step that only resets a lane receives no action."""
    policy = Recorder()
    from_script(env, policy)
    assert len(policy.given) == 5 + HORIZON + 2
    assert [sum(r == 2 for r, *_ in single.received) for single in env.envs] == [2] * 4


def test_the_policy_is_given_what_is_kept(env):
    """And the parameters of the lane's run, although a round holds lanes of both."""
    policy = Recorder()
    batch = from_script(env, policy)
    thetas, seen = (np.array(column, dtype=object) for column in zip(*policy.given, strict=True))
    first = 0
    for r, n_steps in enumerate([5, HORIZON, 2]):
        lanes = slice(4 * r, 4 * r + 4)
        live = batch.live.reshape(12, -1)[lanes, :n_steps]
        given = np.stack(seen[first : first + n_steps].tolist(), axis=1)
        assert_array_equal(given[live], batch.observations.reshape(12, -1, 5)[lanes, :n_steps][live])
        for theta in thetas[first : first + n_steps]:
            assert_array_equal(np.ravel(theta), np.repeat([10.0, 20.0], 6)[lanes])
        first += n_steps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_ways_to_step_give_the_same_episodes(env, dtype):
    """In the precision of the environment too, where an array that it writes to again could be taken for one's own."""
    same(from_script(env, dtype=dtype), from_script(scripted(), dtype=dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_have_the_precision_of_theta(dtype):
    policy = Recorder()
    batch = from_script(scripted(), policy, dtype)
    assert batch.observations.dtype == batch.rewards.dtype == batch.final.dtype == dtype
    assert {s.dtype for _, s in policy.given} == {theta.dtype for theta, _ in policy.given} == {np.dtype(dtype)}


@pytest.mark.parametrize("mode", MODES)
def test_wrapped(mode):
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(scripted(mode))
    env = gymnasium.wrappers.vector.TransformReward(env, lambda reward: 2 * reward)
    batch, plain = from_script(env), from_script(scripted(mode))
    assert_array_equal(batch.rewards, 2 * plain.rewards)
    assert_array_equal(batch.observations, plain.observations)
    assert_array_equal(batch.final, plain.final)


def test_flattened():
    env = spaces(Box(-1, 1, (2, 3)), Discrete(3))
    batch = draw(gymnasium.wrappers.vector.FlattenObservation(env), pg.LinearSoftmax(6, 3), np.zeros((2, 18)), 1, 4)
    assert batch.observations.shape == (2, 1, 4, 6)


# --- seeds


@pytest.mark.parametrize("mode", MODES)
def test_every_lane_and_round_has_a_seed_of_its_own(mode):
    env = scripted(mode)
    from_script(env)
    seeds = np.array([single.seeds for single in env.envs])
    assert seeds.shape == (4, 3) and len(np.unique(seeds)) == 12


@pytest.mark.parametrize("mode", MODES)
def test_the_generator_decides(mode):
    """Not what the environment did before."""
    env, policy, theta = made("Acrobot-v1", 2, mode), pg.LinearSoftmax(6, 3), np.zeros((2, 18))
    first, other, again = (draw(env, policy, theta, 2, 9, seed) for seed in (0, 1, 0))
    same(first, again)
    assert (first.observations[:, :, 0] != other.observations[:, :, 0]).all()
    starts = first.observations[:, :, 0].reshape(4, 6)
    assert len(np.unique(starts, axis=0)) == 4


# --- environments of Gymnasium, replayed one by one

SWING = np.zeros((3, 6))
SWING[:, 5] = [-9, 0, 9]  # pushes with the second link's speed
REAL = {
    "Acrobot-v1": (pg.LinearSoftmax(6, 3), SWING.ravel(), {}),
    "MountainCarContinuous-v0": (pg.Gaussian(2), [0.0, 40.0, 0.5], {}),  # pushes with the speed, and past the bounds
    "Pendulum-v1": (pg.Gaussian(3), [0.5, -1.0, -0.5, 1.0], {"max_episode_steps": 50}),
    "FrozenLake-v1": (pg.Softmax.tabular(16, 4), np.random.default_rng(0).normal(size=64), {}),
    "CartPole-v1": (pg.LinearSoftmax(4, 2), np.random.default_rng(1).normal(size=8), {}),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", REAL)
def test_replayed(name, mode):
    """A single environment with the lane's seed, given the actions that are kept, returns what is kept."""
    policy, theta, options = REAL[name]
    horizon, env = 300, made(name, 3, mode, **options)
    batch = draw(env, policy, np.array([theta, theta]), 3, horizon)
    for lane, seed in enumerate(env.np_random_seed):  # those of the last round, which is the second run
        single = gymnasium.make(name, **options)
        observation, _ = single.reset(seed=seed)
        terminated = truncated = False
        for t in range(horizon):
            assert batch.live[1, lane, t]
            assert_array_equal(batch.observations[1, lane, t], observation)
            a = batch.actions[1, lane, t]
            a = int(a) if isinstance(single.action_space, Discrete) else np.array([a], np.float32)
            observation, reward, terminated, truncated, _ = single.step(a)
            assert batch.rewards[1, lane, t] == reward
            if terminated or truncated:
                break
        assert not batch.live[1, lane, t + 1 :].any()
        assert batch.terminated[1, lane] == terminated
        assert batch.truncated[1, lane] == (not terminated)
        assert_array_equal(batch.final[1, lane], observation)
    ends = (batch.truncated if name == "Pendulum-v1" else batch.terminated)[1]
    assert ends.any() and batch.live.shape[-1] > 5, "an environment that never ends shows little"


def test_cartpole_of_gymnasium():
    """One object for all carts. Each starts near the middle, moves by its speed, and ends where its pole leans."""
    env, policy = gymnasium.make_vec("CartPole-v1", num_envs=50), pg.LinearSoftmax(4, 2)
    assert env.unwrapped.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP and not isinstance(env, SyncVectorEnv)
    batch = draw(env, policy, np.zeros((2, 8)), 100, 500)
    assert batch.terminated.all()
    assert (np.abs(batch.final[..., 2]) > 12 * np.pi / 180).all()
    assert (np.abs(batch.observations[..., 2]) <= 12 * np.pi / 180).all()
    assert_array_equal(batch.rewards, batch.live)
    assert (np.abs(batch.observations[:, :, 0]) <= 0.05).all()
    x, speed = batch.observations[..., 0], batch.observations[..., 1]
    going_on = batch.live[..., 1:]
    assert_allclose((x[..., :-1] + 0.02 * speed[..., :-1])[going_on], x[..., 1:][going_on], atol=1e-6)


def test_ended_and_cut_at_once_is_ended():
    policy, theta = pg.LinearSoftmax(4, 2), np.zeros((1, 8))
    whole = draw(gymnasium.make_vec("CartPole-v1", num_envs=30), policy, theta, 30, 500)
    lengths = whole.live.sum(axis=-1)
    limit = int(np.median(lengths))
    assert (lengths == limit).any()
    cut = draw(gymnasium.make_vec("CartPole-v1", num_envs=30, max_episode_steps=limit), policy, theta, 30, 500)
    assert_array_equal(cut.terminated, lengths <= limit)
    assert_array_equal(cut.truncated, lengths > limit)
    assert cut.live.shape[-1] == limit


# --- exact values


def test_frozen_lake_has_its_exact_value():
    """One policy at random, and one that is nearly the best; the time limit is far away."""
    lake = pg.FiniteMDP.from_gymnasium(gymnasium.make("FrozenLake-v1", is_slippery=True), gamma=0.97)
    best = lake.r + 0.97 * lake.P @ pg.optimal_values(lake)
    policy, theta = pg.Softmax.tabular(16, 4), np.stack([np.zeros(64), 100 * best.ravel()])
    env = made("FrozenLake-v1", 16, is_slippery=True, max_episode_steps=100_000)
    batch = draw(env, policy, theta, 320, 100_000)
    assert batch.terminated.all()
    returns = pg.returns_to_go(batch.rewards, 0.97)[..., 0]
    truth = pg.objective(lake, policy, theta)
    assert truth[1] > 0.2
    agree(returns[..., None], truth[:, None])


@pytest.mark.parametrize("mode", MODES)
def test_short_corridor_has_its_exact_value(mode):
    """A formula as policy. A step behind the end of these environments is an error."""
    mdp, (beta, s, a) = pg.short_corridor(), sp.symbols("beta s a", real=True)
    formula = SymbolicPolicy(beta * a - sp.log(1 + sp.exp(beta)), theta=[beta], state=s, action=a, actions=[0, 1])
    env = SyncVectorEnv([lambda: pg.to_gymnasium(mdp)] * 10, autoreset_mode=mode)
    theta = np.array([[0.0], [1.0]])
    batch = draw(env, formula, theta, 200, 10_000)
    assert batch.terminated.all() and not batch.observations.any()
    agree(batch.rewards.sum(axis=-1)[..., None], pg.objective(mdp, formula, theta)[:, None])


# --- real actions


@pytest.mark.parametrize("shape", [(1,), (), (1, 1)])
def test_actions_are_kept_and_taken_as_they_are_drawn(shape):
    """Far outside the bounds of the space; the environment gets them in single precision, which is its own."""
    env, policy = spaces(Box(-1, 1, (2,)), Box(-1, 1, shape, np.float32)), pg.Gaussian(2)
    theta = np.array([[0.0, 0.0, np.log(50.0)]])
    batch = draw(env, policy, theta, 2, 30)
    rng = np.random.default_rng(0)
    rng.integers(2**31)
    drawn = np.stack([policy.sample(theta, np.zeros((2, 2)), rng=rng) for _ in range(30)], axis=-1)[None]
    assert_array_equal(batch.actions, drawn, strict=True)
    assert (np.abs(drawn) > 1).mean() > 0.9
    for lane, single in enumerate(env.envs):
        assert_array_equal(
            np.stack(single.received), drawn[0, lane].astype(np.float32).reshape(30, *shape), strict=True
        )


def test_the_mountain_car_pays_for_what_was_drawn():
    """Gymnasium charges a tenth of the squared action before it bounds the force."""
    policy = pg.Gaussian(2)
    batch = draw(made("MountainCarContinuous-v0", 2), policy, np.array([[0.0, 0.0, 2.0]]), 2, 20)
    assert np.abs(batch.actions).max() > 5
    assert_allclose(batch.rewards, -0.1 * batch.actions**2, rtol=1e-6)


# --- rollout and train


def test_rollout():
    """Any axes of runs, none among them."""
    policy, theta, _ = REAL["FrozenLake-v1"]
    thetas, rng = np.array([theta, theta]), np.random.default_rng
    env = made("FrozenLake-v1", 3)
    direct = draw(env, policy, thetas, 3, 40)
    for shape in [(2,), (2, 1), (1, 2)]:
        batch = pg.rollout(env, policy, thetas.reshape(*shape, 64), n_episodes=3, horizon=40, rng=rng(0))
        for name in FIELDS:
            value = getattr(direct, name)
            assert_array_equal(getattr(batch, name), value.reshape(*shape, *value.shape[1:]), name, strict=True)
    one = pg.rollout(env, policy, theta, n_episodes=6, horizon=40, rng=rng(0))
    assert one.live.shape == (6, direct.live.shape[-1])
    assert_array_equal(one.observations, direct.observations.reshape(6, -1))


@pytest.mark.parametrize("name", ["FrozenLake-v1", "Pendulum-v1", "Acrobot-v1"])
def test_an_update_is_a_mean_of_reinforce(name):
    """Of episodes that are drawn alike; with indices, with real actions, with vectors."""
    policy, theta, options = REAL[name]
    env, theta = made(name, 4, **options), np.array([theta, theta], float)
    options = {"n_episodes": 60, "horizon": 30}
    history = pg.train(
        env, policy, theta, gamma=0.9, step_size=0.01, n_updates=1, rng=np.random.default_rng(0), **options
    )
    batch = pg.rollout(env, policy, theta, rng=np.random.default_rng(0).spawn(1)[0], **options)
    samples = pg.reinforce(policy, theta, batch, gamma=0.9, allow_truncated=True)
    assert np.abs(samples).max() > 0
    assert_allclose(history.theta[:, 1], theta + 0.01 * samples.mean(axis=1), rtol=1e-9, atol=1e-12)
    assert_allclose(history.returns[:, 0], batch.rewards.sum(axis=-1).mean(axis=-1))


def test_training_learns():
    """The lake without ice: at first few find the way, and then all do."""
    env, policy = made("FrozenLake-v1", 20, is_slippery=False), pg.Softmax.tabular(16, 4)
    options = {"gamma": 0.95, "step_size": 0.2, "optimizer": "adam", "baseline": "leave_one_out", "n_updates": 40}
    history = pg.train(
        env, policy, np.zeros((2, 64)), n_episodes=20, horizon=200, rng=np.random.default_rng(0), **options
    )
    assert (history.returns[:, 0] < 0.2).all() and (history.returns[:, -5:] > 0.9).all()


# --- processes


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of fork, where a test runner has threads
@pytest.mark.parametrize("mode, shared", [(MODES[0], True), (MODES[1], True), (MODES[1], False)])
def test_processes_give_the_same_episodes(mode, shared):
    policy, theta, _ = REAL["FrozenLake-v1"]
    env = made("FrozenLake-v1", 2, mode, "async", {"shared_memory": shared})
    assert isinstance(env, AsyncVectorEnv)
    try:
        batch = draw(env, policy, [theta, theta], 3, 40)
    finally:
        env.close()
    same(batch, draw(made("FrozenLake-v1", 2), policy, [theta, theta], 3, 40))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_processes_that_lose_an_action_are_refused():
    env = made("FrozenLake-v1", 1, vectorization="async", vector={"shared_memory": False})
    try:
        with pytest.raises(
            ValueError, match=r"shared_memory=True, or DISABLED; received .*AsyncVectorEnv.*loses the fir"
        ):
            VectorSimulator(env, pg.Softmax.tabular(16, 4))
    finally:
        env.close()


# --- what does not fit


def test_how_it_resets_must_be_known():
    with pytest.raises(
        ValueError, match=r"must be NEXT_STEP or DISABLED; received AutoresetMode.SAME_STEP by SyncVector"
    ):
        VectorSimulator(scripted(AutoresetMode.SAME_STEP), Recorder())
    env = scripted()
    del env.metadata["autoreset_mode"]
    with pytest.raises(ValueError, match="must be NEXT_STEP or DISABLED; it is not announced by SyncVectorEnv"):
        VectorSimulator(env, Recorder())
    with pytest.raises(ValueError, match=r"as gymnasium.make_vec makes; received <test_vector_envs.Scripted"):
        VectorSimulator(Scripted(0), Recorder())


@pytest.mark.parametrize("runs, n_episodes", [(3, 5), (1, 2), (2, 3), (0, 4)])
def test_rounds_must_be_full(runs, n_episodes):
    message = rf"runs \* n_episodes must be a multiple of env.num_envs, .*{runs} \* {n_episodes} episodes for 4 envir"
    with pytest.raises(ValueError, match=message):
        draw(scripted(), Recorder(), np.zeros((runs, 1)), n_episodes, 3)


BETA, S, A = sp.symbols("beta s a", real=True)
SIGNS = SymbolicPolicy(
    BETA * A - sp.log(sp.exp(BETA) + sp.exp(-BETA)), theta=[BETA], state=S, action=A, actions=[-1, 1]
)
NORMAL = SymbolicPolicy(
    -((A - BETA) ** 2) / 2, theta=[BETA], state=S, action=A, sampler=lambda theta, s, rng: theta[..., 0]
)
SIX, TWO, ONE = Box(-1, 1, (6,)), Discrete(2), Box(-1, 1, (1,))
MISFITS = [
    (SIX, Discrete(3), pg.LinearSoftmax(4, 3), "observations of 6 numbers", "LinearSoftmax takes 4 numbers"),
    (SIX, TWO, pg.MLPSoftmax(7, 2, 2), "observations of 6 numbers", "MLPSoftmax takes 7 numbers"),
    (SIX, ONE, pg.Gaussian(2), "observations of 6 numbers", "Gaussian takes 2 numbers"),
    (SIX, TWO, pg.Softmax(np.zeros((6, 2, 1))), "observations of 6 numbers", "Softmax takes 0 .. 5"),
    (SIX, ONE, NORMAL, "observations of 6 numbers", "SymbolicPolicy takes one, as it has no obs_dim"),
    (Discrete(16), TWO, pg.Softmax(np.zeros((15, 2, 1))), "observations 0 .. 15", "Softmax takes 0 .. 14"),
    (Discrete(16), TWO, pg.LinearSoftmax(16, 2), "observations 0 .. 15", "LinearSoftmax takes 16 numbers"),
    (SIX, Discrete(3), pg.LinearSoftmax(6, 2), "the actions 0 .. 2", "LinearSoftmax draws [0 1]"),
    (SIX, TWO, pg.LinearSoftmax(6, 3), "the actions 0 .. 1", "LinearSoftmax draws [0 1 2]"),
    (SIX, TWO, pg.Gaussian(6), "the actions 0 .. 1", "Gaussian draws real numbers"),
    (Discrete(1), TWO, SIGNS, "the actions 0 .. 1", "SymbolicPolicy draws [-1  1]"),
    (Discrete(1), TWO, NORMAL, "the actions 0 .. 1", "SymbolicPolicy draws real numbers"),
    (SIX, ONE, pg.LinearSoftmax(6, 2), "one real number as its action", "LinearSoftmax draws [0 1]"),
    (Discrete(1), ONE, SIGNS, "one real number as its action", "SymbolicPolicy draws [-1  1]"),
]


@pytest.mark.parametrize("observation_space, action_space, policy, has, does", MISFITS)
def test_spaces_and_policy_must_fit(observation_space, action_space, policy, has, does):
    with pytest.raises(ValueError, match=f"^env has {has}, and the policy {re.escape(does)}$"):
        VectorSimulator(spaces(observation_space, action_space), policy)


@pytest.mark.parametrize("space", [Discrete(2, start=1), Box(-1, 1, (2, 3)), Box(-1, 1, ()), Dict(a=SIX)], ids=str)
def test_other_observations_are_refused(space):
    message = (
        f"Box of one axis or Discrete from 0; received {re.escape(str(space))}: gymnasium.*FlattenObservation makes"
    )
    with pytest.raises(ValueError, match=message):
        VectorSimulator(spaces(space, TWO), pg.LinearSoftmax(6, 2))


@pytest.mark.parametrize("policy", [pg.LinearSoftmax(6, 2), pg.Gaussian(6)])
@pytest.mark.parametrize(
    "space", [Box(-1, 1, (2,)), Box(0, 9, (1,), np.int32), Discrete(2, start=-1), MultiDiscrete([2])], ids=str
)
def test_other_actions_are_refused(space, policy):
    message = f"env must have actions that are Discrete from 0 or a Box of one number; received {re.escape(str(space))}"
    with pytest.raises(ValueError, match=message):
        VectorSimulator(spaces(SIX, space), policy)


def test_spaces_of_the_policies_are_taken():
    """Of what the tables above refuse, the other half: each part fits somewhere."""
    for observation_space, action_space, policy in [
        (SIX, TWO, pg.MLPSoftmax(6, 2, 2)), (SIX, ONE, pg.Gaussian(6)), (Discrete(1), ONE, NORMAL),
        (Discrete(15), TWO, pg.Softmax(np.zeros((16, 2, 1)))),
    ]:  # fmt: skip
        batch = draw(spaces(observation_space, action_space), policy, np.zeros((2, policy.n_params)), 1, 3)
        assert batch.observations.shape == (2, 1, 3, *observation_space.shape)
        assert batch.actions.dtype.kind == ("f" if action_space is ONE else "i")
