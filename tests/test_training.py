"""Training against slow loops that draw the same episodes from an equal generator."""

import signal
import sys
import warnings

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal
from problems import Interrupted, agree, random_mdp, random_policy

import pglib as pg
from pglib.symbolic import SymbolicPolicy

EPISODES = {"n_episodes": 5, "horizon": 30}


def run(env, policy, theta0, seed=0, **options):
    """Train with the defaults of these tests and a generator of this seed."""
    defaults = {"gamma": 0.9, "step_size": 0.1, "n_updates": 4, **EPISODES}
    return pg.train(env, policy, theta0, rng=np.random.default_rng(seed), **defaults | options)


def problem(seed=0, runs=(), *, aliased=True):
    """Return a problem whose episodes end, with noise and another reward for each run, and a policy."""
    rng = np.random.default_rng([20, seed])
    base = random_mdp(rng, "episodic", 0.9, 4, 2, aliased=aliased)
    mdp = pg.FiniteMDP(
        base.P,
        rng.normal(size=(*runs, 4, 2)),
        base.mu,
        gamma=0.9,
        terminal=base.terminal,
        observation=base.observation,
        reward_std=0.3,
    )
    return rng, mdp, random_policy(rng, mdp, "features")


def probability():
    """Return the policy of two actions whose one parameter is the probability of action 1, undefined outside (0, 1)."""
    p, s, a = sp.symbols("p s a", real=True)
    return SymbolicPolicy(a * sp.log(p) + (1 - a) * sp.log(1 - p), theta=[p], state=s, action=a, actions=[0, 1])


# --- one update after the other


@pytest.mark.parametrize("kind", ["none", "number", "values", "values of runs", "leave one out"])
@pytest.mark.parametrize("optimizer, gamma", [("sgd", 0), ("sgd", 0.9), ("sgd", 1), ("adam", 0.9), ("adam", 1)])
def test_updates_are_means_of_reinforce(optimizer, kind, gamma):
    """theta + step * the mean of `reinforce` over the same episodes; Adam as Kingma & Ba print it, with 0.99."""
    rng, mdp, policy = problem(runs=(3,))
    theta = rng.normal(size=(3, policy.n_params))
    baseline = {
        "none": None, "number": 0.7, "values": rng.normal(size=4), "values of runs": rng.normal(size=(3, 4)),
        "leave one out": "leave_one_out",
    }[kind]  # fmt: skip
    history = run(mdp, policy, theta, seed=7, gamma=gamma, baseline=baseline, optimizer=optimizer)
    same, m, v = np.random.default_rng(7).spawn(1)[0], np.zeros_like(theta), np.zeros_like(theta)
    for i in range(4):
        assert_allclose(history.theta[:, i], theta, rtol=1e-12, atol=1e-12)
        batch = pg.rollout(mdp, policy, theta, rng=same, **EPISODES)
        g = pg.reinforce(policy, theta, batch, gamma=gamma, baseline=baseline, allow_truncated=True).mean(axis=1)
        assert np.abs(g).max() > 0.01
        if optimizer == "sgd":
            theta = theta + 0.1 * g
        else:
            m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
            theta = theta + 0.1 * (m / (1 - 0.9 ** (i + 1))) / (np.sqrt(v / (1 - 0.99 ** (i + 1))) + 1e-8)
        assert_allclose(history.returns[:, i], batch.rewards.sum(axis=-1).mean(axis=-1), rtol=1e-12)
        assert_allclose(history.truncated[:, i], batch.truncated.mean(axis=-1))
    assert_allclose(history.theta[:, 4], theta, rtol=1e-12, atol=1e-12)
    assert history.values is None


@pytest.mark.parametrize(
    "value_step_size, baseline", [(None, None), (None, 0.7), (None, "states"), (0.3, None), (1, None)]
)
@pytest.mark.parametrize("runs", [(), (3,)])
def test_update_from_step_to_step(value_step_size, baseline, runs):
    """The pseudocode of Sutton & Barto, one number at a time: the score is that of the current theta."""
    rng, mdp, policy = problem(1, runs)
    baseline = rng.normal(size=4) if baseline == "states" else baseline
    theta = rng.normal(size=(*runs, policy.n_params))
    options = {"update": "step", "n_episodes": 1, "horizon": 8, "baseline": baseline, "n_updates": 5}
    history = run(mdp, policy, theta, seed=3, value_step_size=value_step_size, **options)
    same, v = np.random.default_rng(3).spawn(1)[0], np.zeros((*runs, int(mdp.observation.max()) + 1))
    longest = 0
    for i in range(5):
        assert_allclose(history.theta[..., i, :], theta, atol=1e-12)
        batch = pg.rollout(mdp, policy, theta, n_episodes=1, horizon=8, rng=same)
        theta, v = theta.copy(), v.copy()
        for index in np.ndindex(runs):
            rewards = batch.rewards[index][0]
            for t in range(batch.live[index][0].sum()):
                o, a, s = (x[index][0, t] for x in (batch.observations, batch.actions, batch.states))
                g = sum(0.9 ** (k - t) * rewards[k] for k in range(t, len(rewards)))
                b = 0.0 if baseline is None else np.broadcast_to(baseline, 4)[s]
                if value_step_size is not None:
                    b = v[(*index, o)]
                    v[(*index, o)] += value_step_size * (g - b)
                theta[index] += 0.1 * 0.9**t * (g - b) * policy.score(theta[index], o, a)
            longest = max(longest, t + 1)
    assert_allclose(history.theta[..., 5, :], theta, atol=1e-12)
    assert longest > 2
    if value_step_size is None:
        assert history.values is None
    else:
        assert_allclose(history.values, v, atol=1e-12)


@pytest.mark.parametrize("runs", [(), (3,)])
@pytest.mark.parametrize("episodes", [EPISODES, {"n_episodes": 1, "horizon": 1}], ids=["many", "one step"])
def test_learned_baseline_by_a_slow_loop(runs, episodes):
    """After the update, v moves by its share of the way to the mean of all returns seen from the observation.

    What was not seen in an update stays: of one step, all observations but one.
    """
    rng, mdp, policy = problem(2, runs)
    theta = rng.normal(size=(*runs, policy.n_params))
    history = run(mdp, policy, theta, seed=4, value_step_size=0.25, n_updates=8, **episodes)
    same, v = np.random.default_rng(4).spawn(1)[0], np.zeros((*runs, int(mdp.observation.max()) + 1))
    for _ in range(8):
        batch = pg.rollout(mdp, policy, theta, rng=same, **episodes)
        samples = pg.reinforce(policy, theta, batch, gamma=0.9, baseline=v[..., mdp.observation], allow_truncated=True)
        theta = theta + 0.1 * samples.mean(axis=-2)
        returns = pg.returns_to_go(batch.rewards, 0.9)
        for index in np.ndindex(v.shape):
            seen = batch.live[index[:-1]] & (batch.observations[index[:-1]] == index[-1])
            if seen.any():
                v[index] += 0.25 * (returns[index[:-1]][seen].mean() - v[index])
    assert_allclose(history.theta[..., -1, :], theta, atol=1e-12)
    assert_allclose(history.values, v, atol=1e-12)
    assert np.abs(v).max() > 0.1


@pytest.mark.parametrize("update", ["episode", "step"])
def test_learned_value_is_the_truth(update):
    """At a policy that hardly moves, over 400 runs: after 200 shares of 0.05 it is mean * (1 - 0.95^200)."""
    arms, policy, theta = pg.bandit([3.0, 1.0, 5.0], reward_std=0.5), pg.Softmax.tabular(1, 3), np.log([0.5, 0.3, 0.2])
    options = {"gamma": 1.0, "horizon": 1, "n_episodes": 1, "n_updates": 200, "step_size": 1e-9}
    history = run(arms, policy, np.tile(theta, (400, 1)), update=update, value_step_size=0.05, **options)
    agree(history.values, [(0.5 * 3 + 0.3 * 1 + 0.2 * 5) * (1 - 0.95**200)])
    assert history.values.std() / np.sqrt(400) < 0.03


def test_a_formula_trains_to_the_same_numbers():
    """As the policy written by hand, with the same seed."""
    x, y, s, a = sp.symbols("x y s a", real=True)
    formula = SymbolicPolicy(
        a * (x + y * s) - sp.log(1 + sp.exp(x + y * s)), theta=(x, y), state=s, action=a, actions=[0, 1]
    )
    mdp = pg.with_horizon(pg.two_state(gamma=0.9), 4)
    by_hand = pg.Softmax([[[0, 0], [1, 0]], [[0, 0], [1, 1]]])
    for options in ({}, {"optimizer": "adam"}, {"update": "step", "n_episodes": 1, "value_step_size": 0.5}):
        first, second = (run(mdp, policy, np.zeros((6, 2)), n_updates=50, **options) for policy in (formula, by_hand))
        assert_allclose(first.theta, second.theta, atol=1e-9)
        assert np.abs(first.theta[:, -1]).max() > 0.3


@pytest.mark.parametrize("update", ["episode", "step"])
def test_only_what_is_observed_is_asked(update):
    """Observations are 1 and 3: the policy need not have a score at 0 and 2, nor behind the end of an episode."""

    class Strict(pg.Softmax):
        def score_sum(self, theta, s, a, weights):
            assert np.isin(s, [1, 3]).all()
            return super().score_sum(theta, s, a, weights)

    features = np.random.default_rng(5).normal(size=(4, 2, 3))
    walk = pg.random_walk(3)
    mdp = pg.FiniteMDP(walk.P, walk.r, walk.mu, gamma=1.0, terminal=walk.terminal, observation=[3, 1, 3, 1, 1])
    options = {"update": update, "n_episodes": 1, "value_step_size": 0.1, "gamma": 1.0}
    strict, plain = (run(mdp, policy(features), np.zeros((4, 3)), **options) for policy in (Strict, pg.Softmax))
    assert_array_equal(strict.theta, plain.theta)
    assert np.abs(strict.theta[:, -1]).max() > 0 and strict.values.shape == (4, 4)
    assert not strict.values[:, [0, 2]].any()


# --- what is returned


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
@pytest.mark.parametrize("record_every, kept", [(1, [0, 1, 2, 3, 4, 5, 6, 7]), (3, [0, 3, 6, 7]), (7, [0, 7]),
                                                (100, [0, 7])])  # fmt: skip
def test_what_is_kept(lead, record_every, kept):
    """Every so many updates and the last; the same numbers whatever is kept."""
    _, mdp, policy = problem(3)
    theta0 = np.zeros((*lead, policy.n_params), np.float32)
    theta0.flags.writeable = False
    history = run(mdp, policy, theta0, n_updates=np.int64(7), record_every=np.int8(record_every), value_step_size=0.5)
    assert history.updates.tolist() == kept
    assert history.theta.shape == (*lead, len(kept), policy.n_params) and history.theta.dtype == np.float32
    assert history.returns.shape == history.truncated.shape == (*lead, 7)
    assert history.values.shape == (*lead, int(mdp.observation.max()) + 1)
    every = run(mdp, policy, theta0, n_updates=7, value_step_size=0.5)
    assert_array_equal(history.theta, every.theta[..., kept, :])
    assert_array_equal(history.theta[..., 0, :], theta0)
    assert_array_equal(history.returns, every.returns)


@pytest.mark.parametrize("theta_runs, r_runs", [((), (4,)), ((4,), ()), ((3, 1), (4,))])
def test_runs_of_theta_and_of_rewards(theta_runs, r_runs):
    """Each run learns its own best arm, which is another one for each."""
    means = 4 * np.eye(4) if r_runs else 4 * np.eye(4)[1]
    theta0 = np.zeros((*theta_runs, 4))
    options = {"gamma": 1.0, "n_episodes": 2, "horizon": 1, "n_updates": 200, "baseline": "leave_one_out"}
    history = run(pg.bandit(means), pg.Softmax.tabular(1, 4), theta0, **options)
    lead = np.broadcast_shapes(theta_runs, r_runs)
    best = np.broadcast_to(np.arange(4) if r_runs else 1, lead)
    assert history.theta.shape == (*lead, 201, 4)
    assert_array_equal(history.theta[..., -1, :].argmax(axis=-1), best)


def test_returns_and_truncated():
    """Sums of rewards without discount, and the share of episodes that were cut: at p = 0 nothing ever arrives."""
    corridor, policy = pg.short_corridor(), pg.Softmax.binary(1)
    history = run(corridor, policy, [[-50.0], [0.0]], gamma=0.5, horizon=20, n_updates=2, n_episodes=50)
    assert history.truncated[0].tolist() == [1.0, 1.0] and history.returns[0].tolist() == [-20.0, -20.0]
    assert (0 < history.truncated[1]).all() and (history.truncated[1] < 1).all()
    assert ((-20 < history.returns[1]) & (history.returns[1] < -3)).all()


def test_same_seed_same_training():
    _, mdp, policy = problem(4)
    first, again, other = (run(mdp, policy, np.zeros(policy.n_params), seed=seed) for seed in (1, 1, 2))
    assert_array_equal(first.theta, again.theta)
    assert (first.theta[-1] != other.theta[-1]).any()


# --- it learns


@pytest.mark.parametrize("options", [
    {}, {"optimizer": "adam", "step_size": 0.05}, {"baseline": "leave_one_out"}, {"value_step_size": 0.2},
    {"n_episodes": 1, "update": "step"}, {"n_episodes": 1, "update": "step", "value_step_size": 0.2},
], ids=str)  # fmt: skip
def test_the_objective_rises(options):
    """The exact objective, averaged over 50 runs, by more than 0.5 of the 4.26 between the start and action 1."""
    mdp, policy = pg.with_horizon(pg.two_state(gamma=0.9), 4), pg.Softmax.binary(2)
    start, best = (pg.objective(mdp, policy, theta) for theta in (np.zeros(2), np.full(2, 50.0)))
    assert 4.25 < best - start < 4.27
    history = run(mdp, policy, np.zeros((50, 2)), **{"n_updates": 60, "n_episodes": 4, "step_size": 0.05} | options)
    end = pg.objective(mdp, policy, history.theta[:, -1])
    assert end.mean() - 4.5 * end.std() / np.sqrt(50) > start + 0.5


def test_noisy_bandit_with_four_episodes():
    """The first step in expectation: step * gradient, within 4.5 standard errors over 4000 runs."""
    arms, policy = pg.bandit([1.0, 2.0, 4.0], reward_std=1.0), pg.Softmax.tabular(1, 3)
    options = {"gamma": 1.0, "horizon": 1, "n_episodes": 4, "n_updates": 1, "step_size": 1.0}
    history = run(arms, policy, np.zeros((4000, 3)), baseline="leave_one_out", **options)
    agree(history.theta[:, 1], pg.policy_gradient(arms, policy, np.zeros(3)))


# --- runs that diverge


def test_a_run_that_diverges():
    """p leaves (0, 1): NaN from its update on; the others go on, and the warning names run and update.

    Run 0 is never paid and stays. Run 1 is paid 1 for action 1, which it takes: p = 0.5 + 0.2 / 0.5 = 0.9, then
    0.9 + 0.2 / 0.9 > 1. Run 2 moves little.
    """
    means = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 0.01]])
    options = {"gamma": 1.0, "step_size": 0.2, "n_episodes": 1, "horizon": 1, "n_updates": 30, "value_step_size": 1e-9}
    with pytest.warns(RuntimeWarning) as caught:
        history = run(pg.bandit(means), probability(), np.full((3, 1), 0.5), **options)
    p = history.theta[..., 0]
    at = int(np.isfinite(p[1]).sum())
    assert np.isnan(p[1, at:]).all() and 2 <= at < 30
    assert_allclose(np.unique(p[1, :at]), [0.5, 0.9])
    assert (p[0] == 0.5).all() and np.isfinite(p[2]).all() and len(np.unique(p[2])) > 5
    for share in (history.returns, history.truncated):
        assert np.isfinite(share[[0, 2]]).all()
        assert np.isfinite(share[1, :at]).all() and np.isnan(share[1, at:]).all()
    assert np.isnan(history.values[1]).all() and np.isfinite(history.values[[0, 2]]).all()
    assert [str(x.message) for x in caught] == [
        f"1 of 3 runs diverged, their parameters give no policy: run 1 at update {at}"
    ]
    assert caught[0].filename == __file__  # of who called train


def test_all_runs_diverge():
    """Training ends there; eight runs, of which five are named; the last update is kept."""
    options = {"gamma": 1.0, "step_size": 50.0, "n_episodes": 5, "horizon": 1, "n_updates": 1000, "record_every": 100}
    with pytest.warns(RuntimeWarning, match=r"8 of 8 runs diverged, .*: run 0,0 at update 1, .*, and 3 more$"):
        history = run(pg.bandit([1.0, 2.0]), probability(), np.full((2, 4, 1), 0.3), **options)
    last = int(history.updates[-1])
    assert history.updates.tolist() == [0, last] and last < 100
    assert history.theta.shape == (2, 4, 2, 1) and np.isnan(history.theta[:, :, 1]).all()
    assert history.returns.shape == history.truncated.shape == (2, 4, last)
    with pytest.warns(RuntimeWarning, match=r"1 of 1 runs diverged, .*: run 0 at update 1$"):
        run(pg.bandit([1.0, 2.0]), probability(), np.array([0.3]), **options)


@pytest.mark.parametrize("policy", [pg.Softmax.tabular(1, 2), pg.Softmax.binary(1)], ids=["two logits", "one"])
@pytest.mark.parametrize("options", [{}, {"optimizer": "adam"}, {"update": "step"}, {"value_step_size": 0.1}])
def test_overflow(options, policy):
    """A step beyond all numbers gives one warning, that of the training, and none of NumPy's.

    One logit of -inf would still give the probabilities 1 and 0, but it is no parameter.
    """
    options = {"gamma": 1.0, "n_episodes": 1, "horizon": 1, "n_updates": 9, "step_size": 1e300} | options
    with pytest.warns(RuntimeWarning) as caught:
        history = run(pg.bandit([1e200, -1e200]), policy, np.zeros((5, policy.n_params)), **options)
    assert np.isnan(history.theta[:, -1]).all()
    assert len(caught) == 1 and "5 of 5 runs diverged" in str(caught[0].message)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_start_that_is_not_finite(bad):
    with pytest.raises(ValueError, match=rf"theta0 must be finite; it is {bad} at run=1, i=0"):
        run(pg.short_corridor(), pg.Softmax.binary(1), [[0.0], [bad]])


def test_start_without_a_policy():
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match=r"the policy at theta, must hold probabilities; it holds nan at run=1, s=0"),
    ):
        run(pg.bandit([0.0, 1.0]), probability(), [[0.5], [1.5]])


# --- interrupted


@pytest.mark.parametrize("k", [1, 2, 4, 6])
@pytest.mark.parametrize("lead", [(), (3,)])
def test_ctrl_c(k, lead):
    """What was done until then is returned, with a warning, and is what an uninterrupted training did."""
    options = {"gamma": 1.0, "n_updates": 10, "record_every": 3, "value_step_size": 0.1}
    with pytest.warns(RuntimeWarning, match=rf"^interrupted after {k - 1} of 10 updates; they are returned$") as caught:
        history = run(pg.short_corridor(), Interrupted(k), np.zeros((*lead, 2)), **options)
    assert len(caught) == 1
    assert history.updates.tolist() == {1: [0], 2: [0, 1], 4: [0, 3], 6: [0, 3, 5]}[k]
    whole = run(pg.short_corridor(), Interrupted(-1), np.zeros((*lead, 2)), **options | {"record_every": 1})
    assert_array_equal(history.theta, whole.theta[..., history.updates, :])
    assert_array_equal(history.returns, whole.returns[..., : k - 1])
    assert history.truncated.shape == (*lead, k - 1) and history.values.shape == (*lead, 1)


@pytest.mark.parametrize("method", ["log_prob", "score_sum"])
def test_a_real_signal(method):
    """SIGINT itself, while a policy is tabulated (first twice before the training) or while its score is taken."""

    class Signalled(pg.Softmax):
        calls = 0

        def __getattribute__(self, name):
            if name == method:
                type(self).calls += 1
                if type(self).calls == 4:
                    signal.raise_signal(signal.SIGINT)
            return super().__getattribute__(name)

    features = np.random.default_rng(0).normal(size=(1, 2, 2))
    options = {"gamma": 1.0, "n_updates": 10, "optimizer": "adam", "value_step_size": 0.5}
    with pytest.warns(RuntimeWarning, match=r"^interrupted after \d of 10 updates; they are returned$"):
        history = run(pg.short_corridor(), Signalled(features), np.zeros((3, 2)), **options)
    done = int(history.updates[-1])
    assert done == (1 if method == "log_prob" else 3)
    whole = run(pg.short_corridor(), pg.Softmax(features), np.zeros((3, 2)), **options | {"n_updates": done})
    for name in ("theta", "updates", "returns", "truncated", "values"):
        assert_array_equal(getattr(history, name), getattr(whole, name))


def test_ctrl_c_after_a_run_has_diverged():
    """Both are told; the run that diverged has no values, the others have."""

    class Pressed(type(probability())):
        left = 6

        def score_sum(self, *args):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return super().score_sum(*args)

    p, s, a = sp.symbols("p s a", real=True)
    policy = Pressed(a * sp.log(p) + (1 - a) * sp.log(1 - p), theta=[p], state=s, action=a, actions=[0, 1])
    means = np.array([[0.0, 0.0], [1.0, 1.0]])
    options = {"gamma": 1.0, "step_size": 5.0, "n_episodes": 1, "horizon": 1, "n_updates": 9, "value_step_size": 0.1}
    with pytest.warns(RuntimeWarning) as caught:
        history = run(pg.bandit(means), policy, np.full((2, 1), 0.5), **options)
    assert [str(x.message) for x in caught] == [
        "interrupted after 5 of 9 updates; they are returned",
        "1 of 2 runs diverged, their parameters give no policy: run 1 at update 1",
    ]
    assert history.updates.tolist() == [0, 1, 2, 3, 4, 5] and history.returns.shape == (2, 5)
    assert np.isnan(history.theta[1, 1:]).all() and (history.theta[0] == 0.5).all()
    assert history.values[0].tolist() == [0.0] and np.isnan(history.values[1]).all()


# --- progress


def test_progress_bar(capsys):
    pytest.importorskip("tqdm")
    options = {"gamma": 1.0, "n_updates": 3, "horizon": 1}
    history = run(pg.bandit([1.0, 0.0]), pg.Softmax.binary(1), np.zeros(1), progress=True, **options)
    shown = capsys.readouterr()
    assert "3/3" in shown.err and "update" in shown.err and not shown.out
    quiet = run(pg.bandit([1.0, 0.0]), pg.Softmax.binary(1), np.zeros(1), **options)
    assert_array_equal(history.theta, quiet.theta)
    assert capsys.readouterr() == ("", "")


def test_progress_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match="progress=True needs the package tqdm; install it, or leave progress out"):
        run(pg.bandit([1.0, 0.0]), pg.Softmax.binary(1), np.zeros(1), progress=True)
    run(pg.bandit([1.0, 0.0]), pg.Softmax.binary(1), np.zeros(1))


# --- what is refused


@pytest.mark.parametrize("options, message", [
    ({"n_updates": 0}, r"n_updates must be an integer of at least 1; received 0"),
    ({"n_episodes": 1.0}, r"n_episodes must be an integer of at least 1; received 1\.0"),
    ({"horizon": True}, r"horizon must be an integer of at least 1; received True"),
    ({"record_every": 0}, r"record_every must be an integer of at least 1; received 0"),
    ({"step_size": 0.0}, r"step_size must be a finite number above 0; received 0\.0"),
    ({"step_size": -1}, r"step_size must be a finite number above 0; received -1"),
    ({"step_size": np.inf}, r"step_size must be a finite number above 0; received inf"),
    ({"step_size": np.nan}, r"step_size must be a finite number above 0; received nan"),
    ({"step_size": [0.1]}, r"step_size must be a finite number above 0; received \[0\.1\]"),
    ({"value_step_size": 0.0}, r"value_step_size must be a finite number above 0 and at most 1; received 0\.0"),
    ({"value_step_size": 1.5}, r"value_step_size must be a finite number above 0 and at most 1; received 1\.5"),
    ({"gamma": 1.1}, r"gamma must be a number in \[0, 1\]; received 1\.1"),
    ({"gamma": None}, r"gamma must be a number in \[0, 1\]; received None"),
    ({"rng": np.random}, r"rng must be a numpy\.random\.Generator"),
    ({"optimizer": "rmsprop"}, r"optimizer must be 'sgd' or 'adam'; received 'rmsprop'"),
    ({"update": "batch"}, r"update must be 'episode' or 'step'; received 'batch'"),
    ({"update": "step", "n_episodes": 2}, r"update 'step' needs n_episodes=1 and optimizer 'sgd'"),
    ({"update": "step", "optimizer": "adam"}, r"update 'step' needs n_episodes=1 and optimizer 'sgd'"),
    ({"update": "step", "baseline": "leave_one_out"}, r"'leave_one_out' needs at least two episodes in a run"),
    ({"baseline": "leave_one_out"}, r"'leave_one_out' needs at least two episodes in a run; there is one"),
    ({"baseline": 1.0, "value_step_size": 0.1}, r"give either a baseline or a value_step_size that learns one"),
    ({"baseline": "mean"}, r"baseline must be None, a number, .* or 'leave_one_out'; received 'mean'"),
    ({"baseline": np.nan}, r"baseline must hold finite numbers; received nan"),
    ({"baseline": [0.0, 1.0]}, r"baseline must have shape \(\.\.\., 4\), \(\.\.\., S\); received \(2,\)"),
    ({"baseline": np.zeros(5)}, r"baseline must have shape \(\.\.\., 4\), \(\.\.\., S\); received \(5,\)"),
    ({"baseline": np.zeros((3, 4))}, r"baseline must have the leading axes \(2,\) of the episodes.*; rec.* \(3, 4\)"),
    ({"theta0": np.zeros(2)}, r"theta0 must have shape \(\.\.\., 1\), one entry a parameter; received \(2,\)"),
    ({"theta0": [1j]}, r"theta0 must be real; received complex numbers"),
    ({"env": None}, r"env must be a FiniteMDP, a CartPole, or a vector environment .*; received None"),
    ({"policy": pg.Softmax([[[0.0], [0.0], [1.0]]])}, r"the policy at theta, must sum to 1; it sums to 0\.66666"),
])  # fmt: skip
def test_what_train_refuses(options, message):
    good = {
        "env": pg.short_corridor(), "policy": pg.Softmax.binary(1), "theta0": np.zeros((2, 1)), "gamma": 1.0,
        "step_size": 0.1, "n_updates": 2, "n_episodes": 1, "horizon": 50, "rng": np.random.default_rng(0),
    }  # fmt: skip
    pg.train(**good)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=message):
            pg.train(**good | options)
