"""A FiniteMDP as a Gymnasium environment: Gymnasium's own checker, frequencies against the arrays, and bad input."""

import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.testing import assert_allclose, assert_array_equal
from problems import random_mdp

import pglib as pg
from pglib.environments import to_gymnasium

ROOT = Path(pg.__file__).parents[1]
Z = 4.5  # standard errors
TAXI = max(name for name in gymnasium.registry if name.startswith("Taxi-v"))


def random_problem(seed=0, **options):
    """Return an episodic problem of four states and three actions with rewards of transitions."""
    base = random_mdp(np.random.default_rng(seed), "episodic", 0.9, 4, 3, by_transition=True)
    return pg.FiniteMDP(base.P, base.r_next, base.mu, gamma=0.9, terminal=base.terminal, **options)


PROBLEMS = {
    "without an end": pg.two_state(gamma=0.9),
    "with an end": pg.gridworld(2, 3, gamma=1.0),
    "aliased": pg.short_corridor(),
    "noisy": pg.bandit([3, 2, 1], reward_std=0.5),
    "rewards of transitions": random_problem(),
    "all of it": random_problem(reward_std=0.5, observation=[1, 0, 1, 3]),
}


@pytest.fixture(params=PROBLEMS)
def mdp(request):
    return PROBLEMS[request.param]


def steps(env, n, seed):
    """Take n steps at random; return the starts and (s, a, s_next, reward, observation of s_next, terminated)."""
    env.action_space.seed(seed)
    _, info = env.reset(seed=seed)
    starts, rows = [info["state"]], []
    for _ in range(n):
        s, a = info["state"], int(env.action_space.sample())
        observation, reward, terminated, truncated, info = env.step(a)
        assert truncated is False
        rows.append((s, a, info["state"], reward, observation, terminated))
        if terminated:
            _, info = env.reset()
            starts.append(info["state"])
    return np.array(starts), [np.array(column) for column in zip(*rows, strict=True)]


# --- Gymnasium's view


@pytest.mark.filterwarnings("error")
def test_checker(mdp):
    check_env(to_gymnasium(mdp), skip_render_check=True)


@pytest.mark.filterwarnings("error")
def test_checker_sees_defects():
    """It is not blind: an observation outside the space, a reward that is no number."""
    env = to_gymnasium(pg.short_corridor())
    env.observation_space = gymnasium.spaces.Discrete(1, start=1)
    with pytest.raises(AssertionError, match="not within the observation space"):
        check_env(env, skip_render_check=True)
    env = to_gymnasium(pg.short_corridor())
    env._reward = lambda s, a, s_next: "-1"
    with pytest.raises(UserWarning, match=r"reward returned by `step\(\)` must be a float"):
        check_env(env, skip_render_check=True)


def test_spaces_and_types(mdp):
    env = to_gymnasium(mdp)
    assert isinstance(env, gymnasium.Env) and env.unwrapped.mdp is mdp
    assert env.observation_space == gymnasium.spaces.Discrete(int(mdp.observation.max()) + 1)
    assert env.action_space == gymnasium.spaces.Discrete(mdp.n_actions)
    observation, info = env.reset(seed=1)
    assert observation == mdp.observation[info["state"]]
    assert [type(x) for x in (observation, info["state"])] == [int, int] and set(info) == {"state"}
    observation, reward, terminated, truncated, info = env.step(0)
    assert [type(x) for x in (observation, reward, terminated, truncated)] == [int, float, bool, bool]
    assert type(info["state"]) is int and set(info) == {"state"}


def test_space_of_observations_with_gaps():
    """Of the states 0 .. 3 the observations are 1, 0, 1, 3: the space has four."""
    assert to_gymnasium(PROBLEMS["all of it"]).observation_space.n == 4
    assert to_gymnasium(pg.short_corridor()).observation_space.n == 1


@pytest.mark.parametrize("kind", [int, bool, np.int32, np.uint8, np.array])
def test_actions_of_every_integer_type(kind):
    """In the corridor's first state action 1 moves on, 0 stays."""
    env = to_gymnasium(pg.short_corridor())
    for a in (0, 1):
        env.reset()
        assert env.step(kind(a))[4] == {"state": a}


def test_time_limit_of_gymnasium():
    """The wrapper truncates, the table does not."""
    env = gymnasium.wrappers.TimeLimit(to_gymnasium(pg.two_state(gamma=0.9)), max_episode_steps=5)
    env.reset(seed=0)
    ends = [env.step(0)[2:4] for _ in range(5)]
    assert ends == [(False, False)] * 4 + [(False, True)]


@pytest.mark.filterwarnings("error")
def test_vector_of_environments():
    """Three side by side, seeds 0, 1, 2: each does what it does alone."""
    mdp = PROBLEMS["all of it"]
    many = gymnasium.vector.SyncVectorEnv([lambda: to_gymnasium(mdp)] * 3)
    alone = [to_gymnasium(mdp) for _ in range(3)]
    observations, infos = many.reset(seed=0)
    begun = [env.reset(seed=i) for i, env in enumerate(alone)]
    assert observations.tolist() == [observation for observation, _ in begun]
    assert infos["state"].tolist() == [info["state"] for _, info in begun]
    ended, n_ends = [False] * 3, 0
    many.action_space.seed(0)
    for _ in range(50):
        actions = many.action_space.sample()
        observations, rewards, terminated, truncated, infos = many.step(actions)
        for i, env in enumerate(alone):  # in the step after an end it resets, whatever the action
            if ended[i]:
                observation, info = env.reset()
                expected = (observation, 0.0, False, False, info["state"])
            else:
                *expected, info = env.step(actions[i])
                expected = (*expected, info["state"])
            assert (observations[i], rewards[i], terminated[i], truncated[i], infos["state"][i]) == expected
            ended[i] = bool(terminated[i])
        n_ends += sum(ended)
    many.close()
    assert n_ends >= 5


# --- it samples the problem


def z_score(count, n, p):
    """Return by how many standard deviations counts of n draws differ from n p; where p is 0 or 1 they may not."""
    gap, sd = np.abs(count - n * p), np.sqrt(n * p * (1 - p))
    return np.where(gap <= 1e-6, 0, gap / np.maximum(sd, 1e-9)).max()


SPARSE = random_mdp(np.random.default_rng(3), "sparse", 0.9, 5, 2)


@pytest.mark.parametrize("mdp", [random_problem(1, reward_std=0.7), random_problem(2), SPARSE])
def test_frequencies(mdp):
    """20,000 steps: next states against P, and an end where the problem says so; a row of another action would show."""
    starts, (s, a, s_next, _, observation, terminated) = steps(to_gymnasium(mdp), 20_000, seed=0)
    S, A = mdp.n_states, mdp.n_actions
    count = np.zeros((S, A, S))
    np.add.at(count, (s, a, s_next), 1)
    n = count.sum(axis=-1, keepdims=True)
    assert (n[~mdp.terminal] > 500).all() and not n[mdp.terminal].any()
    assert z_score(count, n, mdp.P) < Z
    assert z_score(count, n, mdp.P[:, ::-1]) > 2 * Z
    assert_array_equal(terminated, mdp.terminal[s_next])
    assert_array_equal(observation, mdp.observation[s_next])
    assert len(starts) == terminated.sum() + 1


@pytest.mark.parametrize("mdp", [random_problem(1), SPARSE, pg.FiniteMDP(
    np.ones((3, 1, 3)) / 3, np.zeros((3, 1)), [0, 1, 0], gamma=0.5)])  # fmt: skip
def test_starts(mdp):
    """20,000 starts against mu; the uniform distribution would show."""
    env = to_gymnasium(mdp)
    starts = [env.reset(seed=0)[1]["state"]] + [env.reset()[1]["state"] for _ in range(19_999)]
    count = np.bincount(starts, minlength=mdp.n_states)
    assert z_score(count, 20_000, mdp.mu) < Z
    assert z_score(count, 20_000, np.full(mdp.n_states, 1 / mdp.n_states)) > 2 * Z


def test_an_improbable_state_is_never_drawn():
    """Also for the smallest and the largest uniform number, and where the probabilities sum to less than 1."""
    env = to_gymnasium(pg.two_state(gamma=0.5))
    for u in (0.0, 1 - 2**-53):
        env.np_random = type("Constant", (), {"random": lambda self, u=u: u})()
        for p in ([0, 0.1, 0.2, 0.7 - 1e-9, 0], [0, 1, 0], [0, *[0.1] * 10, 0]):
            assert p[env._draw(np.array(p))] > 0


def test_rewards_without_noise_are_those_of_the_table():
    mdp = random_problem()
    _, (s, a, s_next, reward, *_) = steps(to_gymnasium(mdp), 500, seed=0)
    assert_array_equal(reward, mdp.r_next[s, a, s_next])
    means = pg.FiniteMDP(mdp.P, mdp.r, mdp.mu, gamma=0.9, terminal=mdp.terminal)
    _, (s, a, s_next, reward, *_) = steps(to_gymnasium(means), 500, seed=0)
    assert_array_equal(reward, mdp.r[s, a])
    assert np.abs(mdp.r_next[s, a, s_next] - reward).max() > 1


def test_rewards_with_noise():
    """20,000 steps: the mean of each (s, a) is r; what is left of r_next is Gaussian with the right deviation."""
    mdp = random_problem(reward_std=0.7)
    _, (s, a, s_next, reward, *_) = steps(to_gymnasium(mdp), 20_000, seed=0)
    for i in np.flatnonzero(~mdp.terminal):
        for j in range(mdp.n_actions):
            here = reward[(s == i) & (a == j)]
            error = here.std() / np.sqrt(len(here))
            assert len(here) > 500 and abs(here.mean() - mdp.r[i, j]) < Z * error
    noise = (reward - mdp.r_next[s, a, s_next]) / 0.7
    n = len(noise)
    assert abs(noise.mean()) < Z / np.sqrt(n)
    assert abs((noise**2).mean() - 1) < Z * np.sqrt(2 / n)
    assert abs((noise**4).mean() - 3) < Z * np.sqrt(96 / n)  # 1.8 if it were uniform
    assert abs((noise[1:] * noise[:-1]).mean()) < Z / np.sqrt(n)  # drawn anew at each step


def test_mean_return_of_the_corridor():
    """2,000 episodes of the uniform policy earn J(0) = -12, by errors that tell it from -6."""
    mdp = pg.short_corridor()
    env = to_gymnasium(mdp)
    env.action_space.seed(0)
    env.reset(seed=0)
    returns = []
    for _ in range(2_000):
        env.reset()
        paid, terminated = 0.0, False
        while not terminated:
            _, reward, terminated, _, _ = env.step(env.action_space.sample())
            paid += reward
            assert paid > -1_000, "the episode does not end"
        returns.append(paid)
    mean, sem = pg.mean_and_sem(np.array(returns)[:, None])
    truth = pg.objective(mdp, pg.Softmax.binary(1), np.zeros(1))
    assert abs(mean[0] - truth) < Z * sem[0]
    assert abs(mean[0] - truth / 2) > Z * sem[0]


# --- randomness


def test_a_seed_is_an_episode(mdp):
    """The same seed gives the same steps, in this environment and in another; another seed does not."""
    env = to_gymnasium(mdp)
    first = steps(env, 60, seed=3)
    for again in (steps(env, 60, seed=3), steps(to_gymnasium(mdp), 60, seed=3)):
        assert_array_equal(again[0], first[0])
        assert all((x == y).all() for x, y in zip(again[1], first[1], strict=True))


def test_another_seed_is_another_episode():
    """With the same actions."""
    mdp = PROBLEMS["all of it"]
    paid = []
    for seed in (3, 4):
        env = to_gymnasium(mdp)
        env.reset(seed=seed)
        row = []
        for _ in range(20):
            _, reward, terminated, _, _ = env.step(0)
            row.append(reward)
            if terminated:
                env.reset()
        paid.append(row)
    assert not np.isin(paid[0], paid[1]).any()


def test_reset_without_a_seed_goes_on():
    """It does not begin the numbers anew, and with options it does the same."""
    env = to_gymnasium(random_problem(reward_std=1.0))
    env.reset(seed=0)
    first = env.step(0)[1]
    env.reset(options={"state": 2})
    assert env.step(0)[1] != first
    env.reset(seed=0)
    assert env.step(0)[1] == first


# --- there and back


@pytest.mark.parametrize("mdp", [
    pg.two_state(gamma=0.9),
    pg.random_walk(5, gamma=0.9),
    pg.gridworld(3, 4, gamma=0.9),
    random_problem(),
    SPARSE,
    pg.FiniteMDP.from_gymnasium(gymnasium.make("FrozenLake-v1"), gamma=0.9),
    pg.FiniteMDP.from_gymnasium(gymnasium.make(TAXI), gamma=0.9),
    pg.FiniteMDP([[[0.0, 0.0]], [[1, 0]]], [[0], [2]], [0, 1], gamma=0.9, terminal=[True, False]),
])  # fmt: skip
def test_there_and_back(mdp):
    env = to_gymnasium(mdp)
    back = pg.FiniteMDP.from_gymnasium(env, gamma=0.7)
    assert back.gamma == 0.7 and back.r_next is not None
    for name in ("P", "r", "mu"):
        assert_allclose(getattr(back, name), getattr(mdp, name), rtol=1e-13, atol=1e-15)
    assert_array_equal(back.terminal, mdp.terminal)
    if mdp.r_next is not None:
        assert_allclose(back.r_next[mdp.P > 0], mdp.r_next[mdp.P > 0], rtol=1e-13, atol=1e-15)


def test_table_is_that_of_gymnasium():
    """The lake's own table, but for the order of its entries and entries for the same transition."""
    lake = gymnasium.make("FrozenLake-v1").unwrapped
    table = to_gymnasium(pg.FiniteMDP.from_gymnasium(lake, gamma=0.9)).P
    assert list(table) == list(lake.P)
    for s, a in np.ndindex(16, 4):
        here, there = {}, {}
        for rows, total in ((table[s][a], here), (lake.P[s][a], there)):
            for p, s_next, reward, terminated in rows:
                assert [type(x) for x in (p, s_next, terminated)] == [float, int, bool]
                total[s_next, float(reward), terminated] = total.get((s_next, float(reward), terminated), 0) + p
        assert here == pytest.approx(there)


def test_terminal_state_that_no_episode_enters():
    """It comes back as a state that leads to itself and pays nothing; the values are the same."""
    P = [[[1, 0, 0]], [[0, 0, 1]], [[0, 0, 0]]]
    mdp = pg.FiniteMDP(P, [[1], [2], [0]], [1, 0, 0], gamma=0.5, terminal=[False, False, True])
    back = pg.FiniteMDP.from_gymnasium(to_gymnasium(mdp), gamma=0.5)
    assert not back.terminal.any() and back.P[2, 0].tolist() == [0, 0, 1] and back.r[2, 0] == 0
    assert_array_equal(pg.values(back, np.ones((3, 1))), pg.values(mdp, np.ones((3, 1))))


@pytest.mark.parametrize("mdp", [
    pg.short_corridor(),
    random_problem(reward_std=0.1),
    random_problem(observation=[1, 0, 2, 3]),  # not aliased, but the policy sees other numbers
])  # fmt: skip
def test_no_way_back(mdp):
    env = to_gymnasium(mdp)
    assert not hasattr(env, "P") and not hasattr(env, "initial_state_distrib")
    with pytest.raises(ValueError, match=r"env must have a transition table P and initial_state_distrib"):
        pg.FiniteMDP.from_gymnasium(env, gamma=0.9)


# --- pickles, imports


def in_a_fresh_interpreter(code, data=b""):
    """Return what a Python program writes, run where pglib can be imported."""
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True, cwd=ROOT)
    return done.stdout


def test_pickle_goes_on(mdp):
    """In the middle of a run, the copy takes the same steps as the original, which the copy does not change."""
    env = to_gymnasium(mdp)
    steps(env, 7, seed=5)
    copy = pickle.loads(pickle.dumps(env))
    assert copy.observation_space == env.observation_space and copy.action_space == env.action_space

    def go_on(env):
        rows = []
        for _ in range(20):
            if mdp.terminal[env.state]:
                rows.append(env.reset())
            rows.append(env.step(0))
        return rows

    expected = go_on(copy)
    assert go_on(env) == expected


def test_pickle_before_the_first_reset():
    copy = pickle.loads(pickle.dumps(to_gymnasium(pg.short_corridor())))
    with pytest.raises(RuntimeError, match="call reset first"):
        copy.step(0)
    assert copy.reset(seed=0) == (0, {"state": 0})


def test_pickle_into_another_process():
    """One that has imported nothing yet."""
    env = to_gymnasium(random_problem(reward_std=1.0))
    env.reset(seed=0)
    code = "import pickle, sys; env = pickle.load(sys.stdin.buffer); print(env.step(1))"
    assert in_a_fresh_interpreter(code, pickle.dumps(env)).decode().strip() == repr(env.step(1))


@pytest.mark.parametrize("statement, loaded", [
    ("import pglib", False),
    ("import pglib.environments", False),
    ("import pglib as pg, pglib.environments as e; e.to_gymnasium(pg.short_corridor())", True),
])  # fmt: skip
def test_gymnasium_is_loaded_when_it_is_needed(statement, loaded):
    code = f"{statement}; import sys; print(*(name in sys.modules for name in ('gymnasium', 'pglib._gymnasium')))"
    assert in_a_fresh_interpreter(code).decode().split() == [str(loaded)] * 2


# --- bad input


def test_without_gymnasium(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "pglib._gymnasium", raising=False)
    with pytest.raises(ImportError, match=r"to_gymnasium needs the package gymnasium; install it") as caught:
        to_gymnasium(pg.short_corridor())
    assert isinstance(caught.value.__cause__, ImportError)


@pytest.mark.parametrize("mdp, message", [
    (None, r"mdp must be a FiniteMDP; received None"),
    (pg.FiniteMDP, r"mdp must be a FiniteMDP; received <class"),
    (pg.bandit(np.ones((5, 3))), r"mdp\.r must have shape \(S, A\).*; received \(5, 2, 3\): make one .* for each run"),
    (pg.bandit(np.ones((1, 3))), r"mdp\.r must have shape \(S, A\).*; received \(1, 2, 3\)"),
    (pg.FiniteMDP(SPARSE.P, np.zeros((6, 5, 2, 5)), SPARSE.mu, gamma=0.9), r"received \(6, 5, 2\)"),
])  # fmt: skip
def test_bad_problems(mdp, message):
    with pytest.raises(ValueError, match=message):
        to_gymnasium(mdp)


@pytest.mark.parametrize("action", [2, -1, 1.0, np.float64(1), "1", None, [1], np.array([0, 1])])
def test_bad_actions(action):
    """The episode is where it was."""
    env = to_gymnasium(pg.short_corridor())
    env.reset(seed=0)
    before = env.np_random.bit_generator.state
    with pytest.raises(ValueError, match=r"action must be an integer in 0 \.\. 1; received "):
        env.step(action)
    assert env.np_random.bit_generator.state == before
    assert env.step(1)[4] == {"state": 1}


def test_step_before_reset():
    env = to_gymnasium(pg.short_corridor())
    with pytest.raises(RuntimeError, match=r"step needs an episode; call reset first"):
        env.step(0)
    env.reset()
    env.step(0)


def test_step_after_the_end():
    env = to_gymnasium(pg.bandit([1, 2]))
    env.reset(seed=0)
    assert env.step(0)[2]
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"the episode has ended, in state 1; call reset before the next step"):
            env.step(0)
    env.reset()
    assert env.step(1)[1] == 2
