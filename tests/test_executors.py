"""Blocks of runs: the same numbers here, in threads, in processes and on Dask, and what becomes of interruptions."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import Interrupted, random_mdp, random_policy

import pglib as pg

CART, LINEAR, MLP = pg.CartPole(), pg.LinearSoftmax(4, 2), pg.MLPSoftmax(4, 8, 2)
POSIX = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signals")


class Slow(pg.LinearSoftmax):
    """Takes its time, and leaves a file with the number of its process in a folder when it begins a block."""

    def __init__(self, folder):
        super().__init__(4, 2)
        self.folder, self.begun = folder, False

    def __getstate__(self):
        return vars(self) | {"begun": False}

    def score_sum(self, theta, s, a, weights):
        if not self.begun:
            Path(self.folder, f"{time.monotonic_ns()}-{os.getpid()}").touch()
            self.begun = True
        time.sleep(0.03)
        return super().score_sum(theta, s, a, weights)


class PublicLinear(pg.LinearSoftmax):
    """The same policy, which is not the class that the lanes know."""


class Failing(pg.LinearSoftmax):
    """Raises in the block whose first parameter is the given one; the others wait for an event, if there is one."""

    def __init__(self, at, wait=None):
        super().__init__(4, 2)
        self.at, self.wait = at, wait

    def score_sum(self, theta, s, a, weights):
        if theta[0, 0] == self.at:
            raise ArithmeticError(f"in the block of {self.at}")
        if self.wait is not None:
            assert self.wait.wait(30)
        return super().score_sum(theta, s, a, weights)


def run(env, policy, theta0, seed=0, **options):
    """Train with the defaults of these tests, 4000 / 1000 runs in a block, and a generator of this seed."""
    defaults = {"gamma": 0.9, "step_size": 0.1, "n_updates": 3, "n_episodes": 1000, "horizon": 12}
    return pg.train(env, policy, theta0, rng=np.random.default_rng(seed), **defaults | options)


def equal(first, second):
    """Assert that two histories are the same to the last bit."""
    for name, value in vars(first).items():
        other = getattr(second, name)
        if isinstance(value, np.ndarray):
            assert value.dtype == other.dtype
            assert_array_equal(value, other)
        else:
            assert value == other


def finite(lead):
    """Return a problem with noise and another reward for each run, and a policy."""
    rng = np.random.default_rng(20)
    base = random_mdp(rng, "episodic", 0.9, 4, 2, aliased=True)
    mdp = pg.FiniteMDP(base.P, rng.normal(size=(*lead, 4, 2)), base.mu, gamma=0.9, terminal=base.terminal,
                       observation=base.observation, reward_std=0.3)  # fmt: skip
    return rng, mdp, random_policy(rng, mdp, "features")


def probability():
    """Return the policy of two actions whose one parameter is the probability of action 1, undefined outside (0, 1)."""
    import sympy as sp  # here, for the processes of the executors import this file and do without

    from pglib.symbolic import SymbolicPolicy

    p, s, a = sp.symbols("p s a", real=True)
    return SymbolicPolicy(a * sp.log(p) + (1 - a) * sp.log(1 - p), theta=[p], state=s, action=a, actions=[0, 1])


def training(name, runs=10):
    """Return the arguments of a training in blocks of four runs."""
    rng, mdp, policy = finite((runs,))
    cart = rng.normal(size=(runs, 8))
    return {
        "linear float32": ((CART, LINEAR, cart.astype(np.float32)), {"optimizer": "adam"}),
        "linear float64": ((CART, LINEAR, cart), {"baseline": "leave_one_out"}),
        "network float32": ((CART, MLP, rng.normal(size=(runs, MLP.n_params)).astype(np.float32)), {"gamma": 1.0}),
        "network float64": ((CART, MLP, rng.normal(size=(runs, MLP.n_params))), {}),
        "other policy": ((CART, Failing(None), cart.astype(np.float32)), {}),
        "rewards of runs": ((mdp, policy, np.zeros(policy.n_params)), {"baseline": rng.normal(size=(runs, 4))}),
        "values of runs": ((mdp, policy, rng.normal(size=(runs, policy.n_params))), {"value_step_size": 0.3}),
        "step": ((mdp, policy, np.zeros(policy.n_params, np.float32)),
                 {"update": "step", "value_step_size": 0.3, "n_episodes": 1}),
    }[name]  # fmt: skip


TRAININGS = ("linear float32", "linear float64", "network float32", "network float64", "other policy",
             "rewards of runs", "values of runs")  # fmt: skip


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.fixture(scope="module")
def client():
    """Return a client of two worker processes of Dask, on this machine alone."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


# --- blocks


@pytest.mark.parametrize("name", TRAININGS)
def test_more_runs_change_nothing(name):
    """The first two full blocks of ten, nine and eight runs are the same, and no two blocks are."""
    (env, policy, theta0), options = training(name)
    history = run(env, policy, theta0, **options)
    assert history.block_size == 4 and len(history.theta) == 10
    for runs in (8, 9):
        part = dict(options)
        if np.ndim(options.get("baseline")) == 2:
            part["baseline"] = options["baseline"][:runs]
        own = env
        if isinstance(env, pg.FiniteMDP):
            own = pg.FiniteMDP(env.P, env.r[:runs], env.mu, gamma=0.9, terminal=env.terminal,
                               observation=env.observation, reward_std=0.3)  # fmt: skip
        fewer = run(own, policy, theta0[:runs] if theta0.ndim == 2 else theta0, **part)
        assert fewer.block_size == 4 and len(fewer.theta) == runs
        for key in ("theta", "returns", "truncated"):
            assert_array_equal(getattr(fewer, key)[:8], getattr(history, key)[:8])


def test_a_block_draws_from_its_child_alone():
    """Block b is the training of its runs with child b; without children, blocks of equal runs would be equal."""
    theta0 = np.zeros((10, 8), np.float32)
    history, children = run(CART, LINEAR, theta0), np.random.default_rng(0).spawn(3)

    class Given(np.random.Generator):
        def spawn(self, n):
            assert n == 1
            return [self]

    for child, runs in zip(children, (slice(4), slice(4, 8), slice(8, None)), strict=True):
        alone = pg.train(CART, LINEAR, theta0[runs], rng=Given(child.bit_generator), gamma=0.9, step_size=0.1,
                         n_updates=3, n_episodes=1000, horizon=12)  # fmt: skip
        assert_array_equal(alone.theta, history.theta[runs])
    assert (history.theta[:4, 1] != history.theta[4:8, 1]).any(axis=-1).all()


@pytest.mark.parametrize("n_episodes, size", [(1, 4000), (3, 1333), (100, 40), (1999, 2), (4000, 1), (5000, 1)])
@pytest.mark.parametrize("runs", [1, 3])
def test_the_block_size_depends_on_the_episodes_alone(n_episodes, size, runs):
    arms = pg.bandit([1.0, 0.0])
    for theta0 in (np.zeros((runs, 1)), np.zeros((2, runs, 1))):
        history = run(arms, pg.Softmax.binary(1), theta0, n_episodes=n_episodes, horizon=1, n_updates=1)
        assert history.block_size == size


def test_two_leading_axes():
    """Two by five runs are ten in a row, with another reward and another baseline for each."""
    rng, mdp, policy = finite((2, 5))
    theta0, baseline = rng.normal(size=(2, 5, policy.n_params)), rng.normal(size=(2, 5, 4))
    flat = pg.FiniteMDP(mdp.P, mdp.r.reshape(10, 4, 2), mdp.mu, gamma=0.9, terminal=mdp.terminal,
                        observation=mdp.observation, reward_std=0.3)  # fmt: skip
    for several, one in (({"baseline": baseline}, {"baseline": baseline.reshape(10, 4)}),
                         ({"baseline": baseline[1]}, {"baseline": np.tile(baseline[1], (2, 1))}),
                         ({"value_step_size": 0.5},) * 2):  # fmt: skip
        shaped = run(mdp, policy, theta0, **several)
        row = run(flat, policy, theta0.reshape(10, -1), **one)
        assert shaped.theta.shape == (2, 5, 4, policy.n_params) and shaped.block_size == 4
        for key in ("theta", "returns", "truncated"):
            assert_array_equal(getattr(shaped, key).reshape(getattr(row, key).shape), getattr(row, key))
    assert_array_equal(shaped.values.reshape(10, -1), row.values)
    cart = run(CART, LINEAR, rng.normal(size=(2, 5, 8)), n_updates=1)
    assert cart.theta.shape == (2, 5, 2, 8) and cart.returns.shape == (2, 5, 1)


def test_rewards_reach_their_runs():
    """Each of ten runs learns its own best arm, over three blocks; rewards of transitions as well."""
    best = np.arange(10) % 3
    history = run(pg.bandit(4.0 * np.eye(3)[best]), pg.Softmax.tabular(1, 3), np.zeros(3), n_updates=30, horizon=1)
    assert_array_equal(history.theta[:, -1].argmax(axis=-1), best)
    r_next = np.zeros((10, 2, 2, 2))
    r_next[np.arange(10), 0, np.arange(10) % 2, 1] = 1.0
    P = np.zeros((2, 2, 2))
    P[0, :, 1] = 1.0
    two = pg.FiniteMDP(P, r_next, [1.0, 0.0], gamma=1.0, terminal=[False, True])
    history = run(two, pg.Softmax.tabular(2, 2), np.zeros(4), n_updates=30, horizon=1)
    assert_array_equal(history.theta[:, -1, :2].argmax(axis=-1), np.arange(10) % 2)


def test_baselines_reach_their_runs():
    """Both arms of run i pay i + 1. With i + 1 as its baseline no run moves; with another one every run does."""
    paid = np.arange(1.0, 11.0)[:, None]
    arms, policy, options = pg.bandit(np.tile(paid, (1, 2))), pg.Softmax.tabular(1, 2), {"horizon": 1, "n_updates": 3}
    values = np.tile(paid, (1, arms.n_states))
    still = run(arms, policy, np.zeros(2), baseline=values, **options)
    moved = run(arms, policy, np.zeros(2), baseline=values[::-1], **options)
    assert not still.theta.any() and moved.theta[:, -1].any(axis=-1).all()


# --- executors


@pytest.mark.parametrize("name", TRAININGS)
@pytest.mark.parametrize("where", ["processes", "threads", "dask"])
def test_the_same_numbers_everywhere(name, where, request):
    (env, policy, theta0), options = training(name)
    here = run(env, policy, theta0, record_every=2, **options)
    assert np.isfinite(here.theta).all() and here.updates.tolist() == [0, 2, 3]
    assert ((here.theta[:, -1] != here.theta[:, 0]).any(axis=-1)).sum() >= 9  # one is too sure of its actions
    if where == "threads":
        with ThreadPoolExecutor(2) as executor:
            there = run(env, policy, theta0, record_every=2, executor=executor, **options)
    else:
        executor = (
            request.getfixturevalue("client").get_executor() if where == "dask" else request.getfixturevalue(where)
        )
        there = run(env, policy, theta0, record_every=2, executor=executor, **options)
    equal(here, there)


def test_a_wide_network_on_dask(client):
    """Workers of Dask have one thread for linear algebra, and this process one for each core: no sum may tell."""
    wide = pg.MLPSoftmax(4, 64, 2)
    theta0 = 0.3 * np.random.default_rng(1).normal(size=(4, wide.n_params)).astype(np.float32)
    options = {"n_episodes": 500, "n_updates": 2, "gamma": 0.99, "step_size": 1e-3, "optimizer": "adam"}
    equal(run(CART, wide, theta0, **options), run(CART, wide, theta0, executor=client.get_executor(), **options))


def test_many_runs_of_one_episode(processes):
    """Blocks of 4000 runs, theta from step to step, two leading axes and values."""
    runs = 4100
    rng, mdp, policy = finite((2, runs))
    options = {"update": "step", "value_step_size": 0.3, "n_episodes": 1, "n_updates": 2}
    here = run(mdp, policy, np.zeros(policy.n_params, np.float32), **options)
    there = run(mdp, policy, np.zeros(policy.n_params, np.float32), executor=processes, **options)
    assert here.theta.shape == (2, runs, 3, policy.n_params) and here.block_size == 4000
    equal(here, there)


@POSIX
def test_a_worker_that_is_killed_loses_nothing(client, tmp_path):
    """SIGKILL while its block is computed: the block is computed again, and the result is the same."""
    theta0 = np.random.default_rng(0).normal(size=(14, 8)).astype(np.float32)
    folders = [tmp_path / "here", tmp_path / "there"]
    for folder in folders:
        folder.mkdir()
    killed = []

    def kill():
        deadline = time.monotonic() + 30
        while not killed and time.monotonic() < deadline:
            time.sleep(0.01)
            for begun in list(folders[1].iterdir())[:1]:
                killed.append(int(begun.name.split("-")[1]))
                os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    there = run(CART, Slow(folders[1]), theta0, n_updates=8, executor=client.get_executor())
    thread.join()
    pids = [int(begun.name.split("-")[1]) for begun in folders[1].iterdir()]
    assert killed and os.getpid() not in pids
    assert len(pids) > 4, "all four blocks were computed once"
    equal(run(CART, Slow(folders[0]), theta0, n_updates=8), there)


class Held:
    """An executor that keeps what it is given; `finish` computes a task."""

    def __init__(self, future=Future):
        self.tasks, self.future = [], future

    def submit(self, function, *args):
        future = self.future()
        self.tasks.append((future, function, args))
        return future

    def finish(self, i):
        future, function, args = self.tasks[i]
        assert future.set_running_or_notify_cancel()
        future.set_result(function(*args))


class Keyboard(Held):
    """Computes some of the tasks at once; Ctrl-C is pressed where one is waited for that is not done."""

    class Waiting(Future):
        def result(self, timeout=None):
            if not self.done():
                raise KeyboardInterrupt
            return super().result(timeout)

    def __init__(self, finished):
        super().__init__(self.Waiting)
        self.finished = finished

    def submit(self, function, *args):
        future = super().submit(function, *args)
        if len(self.tasks) - 1 in self.finished:
            self.finish(len(self.tasks) - 1)
        return future


@pytest.mark.parametrize("finished", [(), (0,), (0, 2), (1, 3), (3,)])
@pytest.mark.parametrize("kind", ["values", "cart"])
def test_ctrl_c_while_waiting(finished, kind):
    """Blocks that are done are returned, whichever they are; the runs of the others are NaN behind their start."""
    rng, mdp, policy = finite((2, 7))  # 14 runs: blocks of 4, 4, 4 and 2
    if kind == "values":
        arguments, options = (mdp, policy, rng.normal(size=(2, 7, policy.n_params))), {"value_step_size": 0.5}
    else:
        arguments, options = (CART, LINEAR, rng.normal(size=(2, 7, 8)).astype(np.float32)), {}
    executor = Keyboard(finished)
    message = f"interrupted after {len(finished)} of 4 blocks; they are returned, the runs of the others are NaN"
    with pytest.warns(RuntimeWarning) as caught:
        history = run(*arguments, executor=executor, record_every=2, **options)
    assert [str(x.message) for x in caught] == [message] and caught[0].filename == __file__
    assert [future.cancelled() for future, *_ in executor.tasks] == [i not in finished for i in range(4)]
    whole = run(*arguments, record_every=2, **options)
    there = np.isin(np.arange(14) // 4, finished).reshape(2, 7)
    assert history.updates.tolist() == [0, 2, 3] and history.block_size == 4
    for name in ("theta", "returns", "truncated") + (("values",) if kind == "values" else ()):
        ours, theirs = getattr(history, name), getattr(whole, name)
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        assert_array_equal(ours[there], theirs[there])
        assert np.isnan(ours[~there][:, 1:] if name == "theta" else ours[~there]).all()
    assert_array_equal(history.theta[..., 0, :], arguments[2])
    assert (history.values is None) == (kind == "cart")


@pytest.fixture
def interruptible():
    """Let SIGINT interrupt; a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@POSIX
def test_a_real_signal_while_waiting(interruptible):
    """SIGINT itself, when the second of three blocks has begun, with one thread."""
    main = threading.main_thread().ident

    class Pressed(pg.LinearSoftmax):
        calls, gone = 0, threading.Event()

        def score_sum(self, *args):
            Pressed.calls += 1
            if Pressed.calls == 4:  # three updates of the first block
                signal.pthread_kill(main, signal.SIGINT)
                assert self.gone.wait(30)
            return super().score_sum(*args)

    theta0 = np.random.default_rng(0).normal(size=(12, 8))
    with ThreadPoolExecutor(1) as executor:
        with pytest.warns(RuntimeWarning, match=r"^interrupted after 1 of 3 blocks; .* the others are NaN$"):
            history = run(CART, Pressed(4, 2), theta0, executor=executor)
        Pressed.gone.set()
    assert Pressed.calls == 6  # the block that had begun ends; the third never begins
    assert_array_equal(history.theta[:4], run(CART, PublicLinear(4, 2), theta0).theta[:4])
    assert np.isnan(history.theta[4:, 1:]).all()


def test_an_exception_comes_through_and_what_has_not_begun_is_cancelled():
    theta0, futures, wait = np.random.default_rng(0).normal(size=(20, 8)), [], threading.Event()
    with ThreadPoolExecutor(1) as executor:

        class Watched:
            def submit(self, *args):
                futures.append(executor.submit(*args))
                return futures[-1]

        with pytest.raises(ArithmeticError, match="in the block of"):
            run(CART, Failing(theta0[0, 0], wait), theta0, executor=Watched())
        assert len(futures) == 5 and all(future.cancelled() for future in futures[2:])
        wait.set()


@pytest.mark.parametrize("where", ["processes", "dask"])
def test_an_exception_comes_through_from_another_process(where, request):
    theta0 = np.random.default_rng(0).normal(size=(10, 8))
    executor = request.getfixturevalue("client").get_executor() if where == "dask" else request.getfixturevalue(where)
    with pytest.raises(ArithmeticError, match=f"in the block of {theta0[4, 0]}"):
        run(CART, Failing(theta0[4, 0]), theta0, executor=executor)
    equal(run(CART, LINEAR, theta0), run(CART, LINEAR, theta0, executor=executor))  # and it goes on to work


def test_no_executor_for_gymnasium():
    class Vector:
        num_envs = 2

    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(
            ValueError, match="executor must be None for a Gymnasium environment, which is stepped here; received <conc"
        ),
    ):
        run(Vector(), LINEAR, np.zeros(8), executor=executor)


def test_nothing_is_submitted_before_all_is_checked():
    executor = Held()
    with pytest.raises(ValueError, match="theta0 must be finite"):
        run(CART, LINEAR, np.full((10, 8), np.nan), executor=executor)
    assert not executor.tasks


# --- memory


@pytest.mark.parametrize("kind, runs, n_updates, policy", [
    ("float32", 1000, 2, "pg.LinearSoftmax(4, 2)"), ("float64", 200, 1, "pg.LinearSoftmax(4, 2)"),
    ("float64", 80, 1, "type('Own', (pg.LinearSoftmax,), {})(4, 2)"),
])  # fmt: skip
def test_memory_is_bounded(kind, runs, n_updates, policy):
    """So many runs of 100 episodes of 500 steps, in less than 300 MiB for the whole process.

    The kernel's own mark of it: getrusage would count what the parent had before this process began.
    """
    status = Path("/proc/self/status")
    if not status.exists() or "VmHWM" not in status.read_text():
        pytest.skip("needs the peak of memory in /proc")
    code = f"""
import json, re, pathlib, numpy as np, pglib as pg
theta0 = np.tile(np.array([0, 0, 0, 0, 1, 2, 20, 6], "{kind}"), ({runs}, 1))
history = pg.train(pg.CartPole(), {policy}, theta0, gamma=0.99, step_size=1e-9, n_updates={n_updates},
                   n_episodes=100, horizon=500, baseline="leave_one_out", rng=np.random.default_rng(0))
peak = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
print(json.dumps([int(peak), history.returns.mean(), history.block_size]))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(pg.__file__).parents[1]
    )
    peak, length, size = json.loads(result.stdout)
    assert length > 400 and size == 40
    assert 2**15 < peak < 300 * 2**10


# --- sweep


SETTINGS = [{"step_size": 0.1}, {"optimizer": "adam", "horizon": 9}, {"n_episodes": 2000, "gamma": 0.5}, {}]
COMMON = {"gamma": 0.9, "step_size": 0.2, "n_updates": 3, "n_episodes": 1000, "horizon": 12}


@pytest.mark.parametrize("where", ["here", "processes", "dask"])
@pytest.mark.parametrize("kind", ["cart", "finite"])
def test_sweep_is_train_one_by_one(where, kind, request):
    """With child i of the generator; what a setting says goes before what is common."""
    rng, mdp, policy = finite((6,))
    arguments = (CART, LINEAR, rng.normal(size=(6, 8))) if kind == "cart" else (mdp, policy, np.zeros(policy.n_params))
    executor = None
    if where != "here":
        executor = request.getfixturevalue("client" if where == "dask" else where)
        executor = executor.get_executor() if where == "dask" else executor
    histories = pg.sweep(*arguments, iter(SETTINGS), rng=np.random.default_rng(3), executor=executor, **COMMON)
    children = np.random.default_rng(3).spawn(4)
    assert len(histories) == 4 and [history.block_size for history in histories] == [4, 4, 2, 4]
    for history, setting, child in zip(histories, SETTINGS, children, strict=True):
        equal(pg.train(*arguments, rng=child, **COMMON | setting), history)
    assert (histories[0].theta != histories[3].theta).any()


def test_sweep_hands_out_all_blocks_at_once():
    """Before it waits for the first."""
    executor = Held()
    rng = np.random.default_rng(0)
    result = []

    def sweep():
        result.extend(pg.sweep(CART, LINEAR, np.zeros((6, 8)), [{}, {}, {}], rng=rng, executor=executor, **COMMON))

    thread = threading.Thread(target=sweep, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while len(executor.tasks) < 6 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(executor.tasks) == 6 and not result
    for i in reversed(range(6)):
        executor.finish(i)
    thread.join(30)
    assert len(result) == 3


def test_sweep_cancels_what_has_not_begun():
    """The first training fails: nothing of the second is left to an executor that nobody waits for."""

    class Failed(Held):
        def submit(self, function, *args):
            future = super().submit(function, *args)
            if len(self.tasks) == 1:
                future.set_exception(ArithmeticError("lost"))
            return future

    executor = Failed()
    with pytest.raises(ArithmeticError, match="lost"):
        pg.sweep(CART, LINEAR, np.zeros((6, 8)), [{}, {}], rng=np.random.default_rng(0), executor=executor, **COMMON)
    assert [future.cancelled() for future, *_ in executor.tasks] == [False, True, True, True]


@pytest.mark.parametrize("settings, error, message", [
    ([], ValueError, r"settings must be dictionaries of keyword arguments, at least one; received \[\]"),
    ([{}, 3], ValueError, r"settings must be dictionaries of keyword arguments, at least one; received \[\{\}, 3\]"),
    ([{}, {"step_size": -1}], ValueError, "step_size must be a finite number above 0; received -1"),
    ([{}, {"horizon": 0}], ValueError, "horizon must be an integer of at least 1; received 0"),
    ([{}, {"optimizer": "rmsprop"}], ValueError, "optimizer must be 'sgd' or 'adam'; received 'rmsprop'"),
    ([{}, {"value_step_size": 0.1}], ValueError, "value_step_size needs a FiniteMDP"),
    ([{}, {"gamma": 1.1}], ValueError, r"gamma must be a number in \[0, 1\]; received 1\.1"),
    ([{}, {"baseline": "mean"}], ValueError, "baseline must be None, .* or 'leave_one_out'; received 'mean'"),
    ([{}, {"baseline": np.nan}], ValueError, "baseline must hold finite numbers; received nan"),
    ([{}, {"baseline": np.zeros(4)}], ValueError, "baseline must be None, a number or 'leave_one_out' where states"),
    ([{}, {"baseline": "leave_one_out", "n_episodes": 1}], ValueError, "'leave_one_out' needs at least two episodes"),
    ([{}, {"stepsize": 0.1}], TypeError, "stepsize"),
    ([{}, {"rng": np.random.default_rng(0)}], TypeError, "rng"),
])  # fmt: skip
@pytest.mark.parametrize("elsewhere", [False, True])
def test_sweep_refuses_before_any_training(settings, error, message, elsewhere):
    class Untouched(pg.LinearSoftmax):
        def score_sum(self, *args):
            raise AssertionError("a training began")

    executor = Held() if elsewhere else None
    with pytest.raises(error, match=message):
        pg.sweep(
            CART, Untouched(4, 2), np.zeros(8), settings, rng=np.random.default_rng(0), executor=executor, **COMMON
        )
    assert executor is None or not executor.tasks


def test_sweep_refuses_what_is_common():
    options = {"rng": np.random.default_rng(0), **COMMON}
    with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator"):
        pg.sweep(CART, LINEAR, np.zeros(8), [{}], **options | {"rng": 0})
    with pytest.raises(TypeError, match="stepsize"):
        pg.sweep(CART, LINEAR, np.zeros(8), [{}], stepsize=0.1, **options)
    del options["horizon"]
    with pytest.raises(TypeError, match="horizon"):
        pg.sweep(CART, LINEAR, np.zeros(8), [{}], **options)


# --- runs that diverge, and Ctrl-C, in several blocks

ONCE = {"gamma": 1.0, "step_size": 0.2, "horizon": 1, "n_episodes": 2000, "n_updates": 20}  # two runs in a block


def doing_both(*arguments, **options):
    """Train here and in threads; assert that histories and warnings are the same, and return both."""
    results = []
    with ThreadPoolExecutor(2) as executor:
        for where in (None, executor):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                history = run(*arguments, executor=where, **options)
            results.append((history, [str(x.message) for x in caught]))
            assert all(x.filename == __file__ for x in caught)
    equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]
    return results[0]


@pytest.mark.parametrize("record_every", [1, 7, 100])
def test_runs_of_one_block_diverge(record_every):
    """Runs 2 and 3 of six; the others are those of a training in which they do not."""
    means = np.zeros((6, 2))
    means[:, 1] = [0.001, 0.002, 50.0, 60.0, 0.003, 0.004]
    theta0, options = np.full((6, 1), 0.5), ONCE | {"value_step_size": 0.5, "record_every": record_every}
    history, told = doing_both(pg.bandit(means), probability(), theta0, **options)
    assert told == ["2 of 6 runs diverged, their parameters give no policy: run 2 at update 1, run 3 at update 1"]
    assert history.updates[-1] == 20
    assert np.isnan(history.theta[2:4, 1:]).all() and np.isnan(history.values[2:4]).all()
    assert np.isnan(history.returns[2:4, 1:]).all() and np.isfinite(history.returns[2:4, 0]).all()
    means[2:4] = 0
    calm, told = doing_both(pg.bandit(means), probability(), theta0, **options)
    others = [0, 1, 4, 5]
    for name in ("theta", "returns", "truncated", "values"):
        assert_array_equal(getattr(history, name)[others], getattr(calm, name)[others])
    assert not told and np.isfinite(calm.theta).all()


@pytest.mark.parametrize("record_every, kept", [(1, [0, 1, 2, 3]), (2, [0, 2, 3]), (3, [0, 3]), (100, [0, 3])])
def test_all_runs_of_all_blocks_diverge(record_every, kept):
    """p = 0.5 rises by 0.2 times what action 1 pays, about: beyond 1 in one to three updates, not all at once."""
    means = np.zeros((2, 3, 2))
    means[..., 1] = [[50.0, 60.0, 1.1], [50.0, 0.9, 1.0]]
    history, told = doing_both(
        pg.bandit(means), probability(), np.full((2, 3, 1), 0.5), **ONCE | {"record_every": record_every}
    )
    (message,) = told
    assert message.startswith("6 of 6 runs diverged, their parameters give no policy: run 0,0 at update 1, run 0,1 at")
    last = int(history.updates[-1])
    assert history.updates.tolist() == kept, message
    assert history.theta.shape == (2, 3, len(kept), 1) and history.returns.shape == (2, 3, last)
    assert np.isnan(history.theta[..., -1, :]).all() and np.isfinite(history.returns[..., -1]).sum() >= 1


def test_training_ends_with_the_last_run():
    """All diverge in the first update: three blocks are asked for one score each, not for a hundred."""
    policy, calls = probability(), []
    inner, policy.score_sum = policy.score_sum, lambda *args: calls.append(args) or inner(*args)
    with pytest.warns(RuntimeWarning, match="6 of 6 runs diverged"):
        history = run(pg.bandit([1.0, 2.0]), policy, np.full((6, 1), 0.5), **ONCE | {"n_updates": 100, "step_size": 50})
    assert history.returns.shape == (6, 1) and history.updates.tolist() == [0, 1] and len(calls) == 3


@pytest.mark.parametrize("step_size, diverged", [(1e38, 0), (1e39, 6)])
def test_carts_that_diverge(step_size, diverged):
    """1e39 is no number in single precision, 1e38 is one: NumPy warns of neither."""
    theta0 = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    history, told = doing_both(CART, LINEAR, theta0, **ONCE | {"step_size": step_size, "horizon": 20})
    assert [message.partition(" runs diverged")[0] for message in told] == ([f"{diverged} of 6"] if diverged else [])
    assert np.isnan(history.theta[:, -1]).any(axis=-1).sum() == diverged


@pytest.mark.parametrize("pay, both", [(1e308, False), (1e308, True), (1e300, True)])
def test_returns_that_overflow(pay, both):
    """Two steps of 1e308 have no sum, nor has one less the other; no warning of NumPy's, and the run is told of."""
    P = np.zeros((2, 2, 2))
    P[0] = [0.9, 0.1]
    mdp = pg.FiniteMDP(P, [[pay, -pay if both else pay / 2], [0.0, 0.0]], [1.0, 0.0], gamma=1.0, terminal=[False, True])
    history, told = doing_both(
        mdp, pg.Softmax.tabular(2, 2), np.zeros((3, 4)), **ONCE | {"horizon": 30, "step_size": 1e300}
    )
    assert len(told) == 1 and told[0].startswith("3 of 3 runs diverged") and "run 0 at update 1, run 1 at" in told[0]
    assert np.isnan(history.theta[:, -1]).all() and history.returns.shape == (3, 1)


@pytest.mark.parametrize("k, done", [(1, 0), (2, 0), (3, 0), (4, 1), (5, 1), (6, 1), (9, 2), (11, 3)])
@pytest.mark.parametrize("record_every", [1, 2])
def test_ctrl_c_between_blocks(k, done, record_every):
    """Three blocks of two runs: the update in which it is pressed is dropped for all of them."""
    options = {"gamma": 1.0, "horizon": 9, "n_episodes": 2000, "n_updates": 5, "value_step_size": 0.1}
    with pytest.warns(RuntimeWarning, match=rf"^interrupted after {done} of 5 updates; they are returned$") as caught:
        history = run(pg.short_corridor(), Interrupted(k), np.zeros((6, 2)), record_every=record_every, **options)
    assert len(caught) == 1 and caught[0].filename == __file__
    whole = run(pg.short_corridor(), Interrupted(-1), np.zeros((6, 2)), **options)
    assert history.updates.tolist() == sorted({*range(0, done + 1, record_every), done})
    assert_array_equal(history.theta, whole.theta[:, history.updates])
    assert_array_equal(history.returns, whole.returns[:, :done])
    assert_array_equal(history.truncated, whole.truncated[:, :done])
    if done:
        exact = run(pg.short_corridor(), Interrupted(-1), np.zeros((6, 2)), **options | {"n_updates": done})
        assert_array_equal(history.values, exact.values)
    else:
        assert not history.values.any()


def test_ctrl_c_inside_a_block():
    """Where the signal reaches a worker: its block is not done, and is not taken for a short one that is."""

    class AtOnce(Held):
        def submit(self, function, *args):
            future = super().submit(function, *args)
            try:
                self.finish(len(self.tasks) - 1)
            except KeyboardInterrupt as error:
                future.set_exception(error)
            return future

    options = {"gamma": 1.0, "horizon": 9, "n_episodes": 2000, "n_updates": 5}
    with pytest.warns(RuntimeWarning, match="^interrupted after 2 of 3 blocks; .* the runs of the others are NaN$"):
        history = run(pg.short_corridor(), Interrupted(8), np.zeros((6, 2)), executor=AtOnce(), **options)
    whole = run(pg.short_corridor(), Interrupted(-1), np.zeros((6, 2)), **options)
    others = [0, 1, 4, 5]
    assert np.isnan(history.theta[2:4, 1:]).all() and np.isnan(history.returns[2:4]).all()
    assert_array_equal(history.theta[others], whole.theta[others])


# --- progress


@pytest.mark.parametrize("elsewhere, shown, unit", [(False, "3/3", "update"), (True, "4/4", "block")])
def test_progress_counts_blocks(elsewhere, shown, unit, capsys):
    pytest.importorskip("tqdm")
    theta0 = np.random.default_rng(0).normal(size=(14, 8))
    with ThreadPoolExecutor(1) as executor:
        history = run(CART, LINEAR, theta0, progress=True, executor=executor if elsewhere else None)
    told = capsys.readouterr()
    assert shown in told.err and unit in told.err and not told.out
    equal(run(CART, LINEAR, theta0), history)
    assert capsys.readouterr() == ("", "")


# --- what is sent to another process


@pytest.mark.parametrize("make", [
    pg.CartPole, lambda: LINEAR, lambda: MLP, lambda: pg.Gaussian(3), probability, lambda: pg.Softmax.tabular(3, 2),
    lambda: pg.Softmax.binary(3), lambda: pg.Softmax(np.random.default_rng(0).normal(size=(3, 2, 4))),
    lambda: finite((2,))[1], pg.short_corridor,
])  # fmt: skip
def test_all_of_it_can_be_pickled(make):
    """What comes back does the same."""
    thing = make()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again, rng = pickle.loads(pickle.dumps(thing, protocol)), np.random.default_rng(0)
        assert type(again) is type(thing)
        if isinstance(thing, pg.CartPole):
            states = thing.reset(5, rng=rng)
            assert_array_equal(thing.step(states, [0, 1, 0, 1, 1]), again.step(states, [0, 1, 0, 1, 1]))
        elif isinstance(thing, pg.FiniteMDP):
            for name in ("P", "r", "mu", "terminal", "observation", "reward_std", "gamma"):
                assert_array_equal(getattr(thing, name), getattr(again, name))
        else:
            theta = rng.uniform(0.2, 0.8, size=thing.n_params)
            size = getattr(thing, "obs_dim", getattr(thing, "n_features", None))
            s = rng.normal(size=(6, size)) if size else np.zeros(6, int)
            first, second = (p.sample(theta, s, rng=np.random.default_rng(1)) for p in (thing, again))
            assert_array_equal(first, second)
            for method in ("log_prob", "score"):
                assert_array_equal(getattr(thing, method)(theta, s, first), getattr(again, method)(theta, s, first))
            weights = rng.normal(size=6)
            assert_array_equal(thing.score_sum(theta, s, first, weights), again.score_sum(theta, s, first, weights))


def test_histories_and_episodes_can_be_pickled():
    batch = pg.rollout(CART, LINEAR, np.zeros((2, 8)), n_episodes=3, horizon=30, rng=np.random.default_rng(0))
    for name, column in vars(pickle.loads(pickle.dumps(batch))).items():
        assert_array_equal(column, getattr(batch, name))
    history = run(CART, LINEAR, np.zeros((2, 8)))
    equal(history, pickle.loads(pickle.dumps(history)))
