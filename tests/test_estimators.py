"""Samples of the gradient: their exact expectation over all episodes, their mean, and their variance."""

from itertools import product
from math import erf

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import FAMILIES, agree, random_mdp, random_policy, stopped_problem

import pglib as pg

CASES = list(product(FAMILIES, ("tabular", "binary", "features"), (0.0, 0.5, 0.9, 1.0)))


def cases(family, policy_kind, gamma):
    """Yield a stopped problem, a policy and parameters for mean or transition rewards, seen or aliased states."""
    for variant, (by_transition, aliased) in enumerate(product((False, True), repeat=2)):
        rng = np.random.default_rng([FAMILIES.index(family), len(policy_kind), int(100 * gamma), variant])
        yield (
            rng,
            *stopped_problem(rng, family, gamma, policy_kind, by_transition=by_transition, aliased=aliased),
        )


def close(actual, desired, tolerance=1e-10):
    assert np.shape(actual) == np.shape(desired)
    assert_allclose(actual, desired, rtol=tolerance, atol=tolerance)


def pairs(batch, prob):
    """Return every ordered pair of episodes as a run of two, with the probabilities of the pairs."""
    i, j = np.divmod(np.arange(len(prob) ** 2), len(prob))
    return batch[np.stack([i, j], axis=-1)], prob[i] * prob[j]


def sample(policy, theta, batch, weights):
    """Return sum_t weights_t score_t of each episode of a batch without runs."""
    each = np.broadcast_to(theta, (len(weights), policy.n_params))
    return policy.score_sum(each, batch.observations, batch.actions, weights * batch.live)


# --- the expectation, exactly


@pytest.mark.parametrize("family, policy_kind, gamma", CASES)
def test_expectation_is_the_gradient(family, policy_kind, gamma):
    """Summed over all episodes, with no baseline, a number, or a value for each state; return to go or whole."""
    for rng, mdp, policy, theta in cases(family, policy_kind, gamma):
        batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=3)
        gradient = pg.policy_gradient(mdp, policy, theta)
        assert np.abs(gradient).max() > 1e-6 or policy.n_params == 1  # not 0 = 0
        for baseline in (None, 1.7, rng.normal(size=mdp.n_states)):
            for reward_to_go in (True, False):
                samples = pg.reinforce(policy, theta, batch, gamma=gamma, baseline=baseline, reward_to_go=reward_to_go)
                assert samples.shape == (len(prob), policy.n_params)
                close(prob @ samples, gradient)


@pytest.mark.parametrize("family, policy_kind, gamma", CASES)
def test_expectation_with_the_other_episodes_as_baseline(family, policy_kind, gamma):
    """Leave-one-out over all ordered pairs of episodes; the pair with its own mean as baseline is half of it."""
    for _, mdp, policy, theta in cases(family, policy_kind, gamma):
        batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=3)
        gradient = pg.policy_gradient(mdp, policy, theta)
        two, p = pairs(batch, prob)
        for reward_to_go in (True, False):
            samples = pg.reinforce(policy, theta, two, gamma=gamma, baseline="leave_one_out", reward_to_go=reward_to_go)
            close(p @ samples.mean(axis=1), gradient)
            close(p @ samples[:, 0], gradient)


def test_leave_one_out_is_the_mean_of_the_others():
    """By a slow loop, with episodes of different lengths: those that have ended count as 0."""
    mdp, policy, theta = pg.short_corridor(), pg.Softmax.binary(1), np.zeros(1)
    batch = pg.rollout(mdp, policy, theta, n_episodes=4, horizon=1000, rng=np.random.default_rng(0))
    assert len(set(batch.live.sum(axis=-1).tolist())) > 1
    returns = pg.returns_to_go(batch.rewards, 0.9)
    expected = np.zeros((2, 4, 1))
    for n, t in np.argwhere(batch.live):
        score = policy.score(theta, 0, batch.actions[n, t])
        others = [m for m in range(4) if m != n]
        expected[0, n] += 0.9**t * (returns[n, t] - sum(returns[m, t] for m in others) / 3) * score
        expected[1, n] += (returns[n, 0] - sum(returns[m, 0] for m in others) / 3) * score
    for reward_to_go, slow in zip((True, False), expected, strict=True):
        close(pg.reinforce(policy, theta, batch, gamma=0.9, baseline="leave_one_out", reward_to_go=reward_to_go), slow)


@pytest.mark.parametrize("policy_kind", ["tabular", "binary", "features"])
def test_a_baseline_of_the_action_or_of_the_future_is_biased(policy_kind):
    """The same sum over all episodes sees it; with a baseline of the state the same code is right."""
    rng = np.random.default_rng([1, len(policy_kind)])
    mdp, policy, theta = stopped_problem(rng, "dense", 0.9, policy_kind)
    batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=3)
    gradient = pg.policy_gradient(mdp, policy, theta)
    returns = pg.returns_to_go(batch.rewards, 0.9)
    b = rng.normal(size=(mdp.n_states, 1)) + np.arange(2)
    future = 0.9 * np.concatenate([returns[:, 1:], np.zeros((len(prob), 1))], axis=1)
    s, a = batch.states, batch.actions
    for baseline, right in [(b[s, 0], True), (b[s, a], False), (returns, False), (future, False)]:
        mean = prob @ sample(policy, theta, batch, 0.9 ** np.arange(3) * (returns - baseline))
        error = np.abs(mean - gradient).max()
        assert error < 1e-12 if right else error > 0.05


def lookalikes(R, gamma):
    """Return a problem where state 0 leads to 1 by action 1 and to 2 by action 0, and all states look alike.

    In state 1 the actions 0 and 1 pay R + 1 and R, in state 2 they pay 1 and 0; then the end.
    """
    P = np.zeros((4, 2, 4))
    P[0, 1, 1] = P[0, 0, 2] = P[1, :, 3] = P[2, :, 3] = 1
    r = [[0, 0], [R + 1, R], [1, 0], [0, 0]]
    return pg.FiniteMDP(P, r, [1, 0, 0, 0], gamma=gamma, terminal=np.arange(4) == 3, observation=[0] * 4)


@pytest.mark.parametrize("R, gamma, theta", [(1.5, 0.5, 0.0), (1.5, 0.9, 1.0), (-2.0, 0.7, -0.3), (1.5, 1.0, 0.4)])
def test_without_gamma_to_the_t_it_is_another_vector(R, gamma, theta):
    """J = gamma (p (R - 1) + 1): p (p R + (1 - p)(R + 1)) + (1 - p)^2 = p (R - 1) + 1. So J' = gamma (R - 1) p'.

    The score of step 0 sees gamma R p', that of step 1 sees -gamma p', without its gamma -p': (gamma R - 1) p'. At
    R = 3/2, gamma = 1/2 and p = 1/2 the two are 1/16 and -1/16.
    """
    mdp, policy, theta = lookalikes(R, gamma), pg.Softmax.binary(1), np.array([theta])
    p = 1 / (1 + np.exp(-theta))
    close(pg.objective(mdp, policy, theta), gamma * (p[0] * (R - 1) + 1), 1e-14)
    batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=2)
    with_it, without = (
        prob @ pg.reinforce(policy, theta, batch, gamma=gamma, discount_states=choice) for choice in (True, False)
    )
    close(with_it, gamma * (R - 1) * p * (1 - p), 1e-14)
    close(without, (gamma * R - 1) * p * (1 - p), 1e-14)
    if (R, gamma, theta[0]) == (1.5, 0.5, 0.0):
        assert (with_it.tolist(), without.tolist()) == ([1 / 16], [-1 / 16])


# --- the mean of samples


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("gamma", [0.9, 1.0])
def test_sampled_mean_is_the_gradient(family, gamma):
    """With noise on the rewards, aliased states and transition rewards; the error bar would show a wrong sign."""
    rng = np.random.default_rng([2, FAMILIES.index(family)])
    base, policy, theta = stopped_problem(rng, family, gamma, "tabular", by_transition=True, aliased=True)
    mdp = pg.FiniteMDP(
        base.P, base.r_next, base.mu, gamma=gamma, terminal=base.terminal, observation=base.observation, reward_std=0.5
    )
    gradient = pg.policy_gradient(mdp, policy, theta)
    batch = pg.rollout(mdp, policy, theta, n_episodes=20_000, horizon=3, rng=rng)
    v = pg.values(mdp, pg.action_probabilities(mdp, policy, theta))
    for baseline, reward_to_go in product((None, 0.5, v), (True, False)):
        samples = pg.reinforce(policy, theta, batch, gamma=gamma, baseline=baseline, reward_to_go=reward_to_go)
        agree(samples, gradient)
        _, sem = pg.mean_and_sem(samples)
        assert 9 * sem.max() < np.abs(gradient).max()
    groups = pg.rollout(mdp, policy, theta * np.ones((5000, 1)), n_episodes=4, horizon=3, rng=rng)
    samples = pg.reinforce(policy, theta, groups, gamma=gamma, baseline="leave_one_out").mean(axis=1)
    agree(samples, gradient)
    assert 9 * pg.mean_and_sem(samples)[1].max() < np.abs(gradient).max()


def test_sampled_mean_where_episodes_end_by_themselves():
    mdp, policy, theta = pg.short_corridor(), pg.Softmax.binary(1), np.array([-1.0])
    batch = pg.rollout(mdp, policy, theta, n_episodes=10_000, horizon=2000, rng=np.random.default_rng(3))
    samples = pg.reinforce(policy, theta, batch, gamma=1.0)
    agree(samples, pg.policy_gradient(mdp, policy, theta))
    assert 9 * pg.mean_and_sem(samples)[1] < pg.policy_gradient(mdp, policy, theta)


# --- the variance, exactly


def traces(mdp, gamma):
    """Return the traces of the covariances: return of the whole episode, to go, and to go minus the state value."""
    policy, theta = pg.Softmax.binary(2), np.array([0.0, np.log(3)])
    batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=3)
    v = pg.values(mdp, pg.action_probabilities(mdp, policy, theta))
    options = [{"reward_to_go": False}, {}, {"baseline": v}]
    samples = [pg.reinforce(policy, theta, batch, gamma=gamma, **option) for option in options]
    mean = pg.policy_gradient(mdp, policy, theta)
    return [prob @ ((x - mean) ** 2).sum(axis=-1) for x in samples], mean


def test_return_to_go_and_a_baseline_lower_the_variance():
    """Two states, three steps, no discount; the moments by hand over the 32 episodes in `by_hand` below."""
    found, mean = traces(pg.with_horizon(pg.two_state(gamma=1.0), 3), 1.0)
    close(mean, [1 / 10, 153 / 160], 1e-14)
    assert_allclose(found, [13.210, 9.532, 3.648], atol=5e-4)
    assert_allclose(found, by_hand(), rtol=1e-12)
    whole, to_go, above_value = traces(pg.with_horizon(pg.two_state(gamma=0.9), 3), 0.9)[0]
    assert whole > 1.2 * to_go > 1.2 * 2 * above_value


def by_hand():
    """Return the same three traces from the numbers of the problem, by loops over actions and next states."""
    one, pays, p = ((1 / 4, 3 / 4), (1 / 2, 9 / 10)), ((1, 0), (0, 4)), (1 / 2, 3 / 4)  # p of action 1
    v = [[0.0, 0.0]]  # values with 0, 1, 2, 3 steps left
    for _ in range(3):
        v.append([
            sum(
                (p[s] if a else 1 - p[s]) * (pays[s][a] + (1 - one[s][a]) * v[-1][0] + one[s][a] * v[-1][1])
                for a in (0, 1)
            )
            for s in (0, 1)
        ])  # fmt: skip
    moments = np.zeros((3, 2))
    squares = np.zeros((3, 2))
    for a0, s1, a1, s2, a2 in product((0, 1), repeat=5):
        prob = 1.0
        for s, a, after in ((0, a0, s1), (s1, a1, s2), (s2, a2, None)):
            prob *= p[s] if a else 1 - p[s]
            prob *= 1 if after is None else one[s][a] if after else 1 - one[s][a]
        steps = ((0, a0), (s1, a1), (s2, a2))
        paid = [pays[s][a] for s, a in steps]
        total = np.zeros((3, 2))
        for t, (s, a) in enumerate(steps):
            to_go = sum(paid[t:])
            total[:, s] += np.array([sum(paid), to_go, to_go - v[3 - t][s]]) * (a - p[s])
        moments += prob * total
        squares += prob * total**2
    return (squares - moments**2).sum(axis=1)


# --- runs


@pytest.mark.parametrize("theta_runs", [True, False])
@pytest.mark.parametrize("kind", ["none", "number", "values", "values of runs", "one row of values", "leave one out"])
def test_runs_are_a_loop(theta_runs, kind):
    rng = np.random.default_rng(4)
    base = random_mdp(rng, "episodic", 0.9, 4, 2)
    mdp = pg.FiniteMDP(base.P, rng.normal(size=(3, 4, 2)), base.mu, gamma=0.9, terminal=base.terminal)
    policy = random_policy(rng, mdp, "features")
    theta = rng.normal(size=(3, policy.n_params) if theta_runs else policy.n_params)
    batch = pg.rollout(mdp, policy, theta, n_episodes=6, horizon=1000, rng=rng)
    baseline = {
        "none": None, "number": 2, "values": rng.normal(size=4), "values of runs": rng.normal(size=(3, 4)),
        "one row of values": rng.normal(size=(1, 4)), "leave one out": "leave_one_out",
    }[kind]  # fmt: skip
    samples = pg.reinforce(policy, theta, batch, gamma=0.9, baseline=baseline)
    assert samples.shape == (3, 6, policy.n_params)
    for run in range(3):
        own = baseline[run % len(baseline)] if kind in ("values of runs", "one row of values") else baseline
        one = pg.reinforce(policy, theta[run] if theta_runs else theta, batch[run], gamma=0.9, baseline=own)
        close(samples[run], one, 1e-12)


def test_two_axes_of_runs():
    rng, policy = np.random.default_rng(5), pg.Softmax.tabular(1, 3)
    theta = rng.normal(size=(4, 1, 3))
    batch = pg.rollout(pg.bandit(rng.normal(size=(2, 3))), policy, theta, n_episodes=5, horizon=1, rng=rng)
    samples = pg.reinforce(policy, theta, batch, gamma=1.0)
    assert samples.shape == (4, 2, 5, 3)
    close(samples[3, 1], pg.reinforce(policy, theta[3, 0], batch[3, 1], gamma=1.0), 1e-14)


def test_a_policy_without_a_score_behind_the_end():
    """Observations are 1 and 2, and the policy is asked for no other: the zeros behind the end are none."""

    class Strict(pg.Softmax):
        def score_sum(self, theta, s, a, weights):
            assert (np.asarray(s) > 0).all()
            return super().score_sum(theta, s, a, weights)

    policy, theta = Strict(np.arange(6.0).reshape(3, 2, 1)), np.array([0.3])
    walk = pg.random_walk(3)
    mdp = pg.FiniteMDP(walk.P, walk.r, walk.mu, gamma=1.0, terminal=walk.terminal, observation=[1, 1, 2, 1, 2])
    batch = pg.rollout(mdp, policy, theta, n_episodes=50, horizon=1000, rng=np.random.default_rng(6))
    assert (~batch.live).any()
    plain = pg.reinforce(pg.Softmax(policy.features), theta, batch, gamma=1.0)
    assert_array_equal(pg.reinforce(policy, theta, batch, gamma=1.0), plain)


@pytest.mark.parametrize("gamma", [0, 0.0, 1, True, np.float32(0.5)])
def test_kinds_of_gamma(gamma):
    """gamma = 0 keeps the first step alone, 0^0 being 1; whole numbers are allowed."""
    mdp, policy, theta = stopped_problem(np.random.default_rng(7), "dense", float(gamma), "tabular")
    batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=3)
    close(prob @ pg.reinforce(policy, theta, batch, gamma=gamma), pg.policy_gradient(mdp, policy, theta))


def test_kinds_of_theta():
    """Integers, float32, lists and read-only arrays; impossible actions; nothing is changed."""
    mdp, policy = pg.bandit([1.0, 2.0, 4.0]), pg.Softmax.tabular(1, 3)
    theta = np.array([0.0, 1.0, -800.0])
    theta.flags.writeable = False
    batch, prob = pg.enumerate_episodes(mdp, policy, theta, horizon=1)
    samples = pg.reinforce(policy, theta, batch, gamma=1.0)
    close(prob @ samples, pg.policy_gradient(mdp, policy, theta), 1e-14)
    for same in ([0, 1, -800], theta.astype(int), theta.astype(np.float32)):
        assert_array_equal(pg.reinforce(policy, same, batch, gamma=1.0), samples)
    masked = pg.reinforce(policy, [0.0, 1.0, -np.inf], batch[:2], gamma=1.0)
    close(masked, samples[:2], 1e-14)


# --- what is refused


def test_cut_episodes():
    mdp, policy, theta = pg.two_state(gamma=0.9), pg.Softmax.binary(2), np.zeros(2)
    batch = pg.rollout(mdp, policy, theta, n_episodes=6, horizon=4, rng=np.random.default_rng(8))
    with pytest.raises(ValueError, match=r"6 of 6 episodes were truncated at the horizon.*allow_truncated=True"):
        pg.reinforce(policy, theta, batch, gamma=0.9)
    samples = pg.reinforce(policy, theta, batch, gamma=0.9, allow_truncated=True)
    weights = 0.9 ** np.arange(4) * pg.returns_to_go(batch.rewards, 0.9)
    close(samples, sample(policy, theta, batch, weights), 1e-14)


@pytest.mark.parametrize("options, message", [
    ({"baseline": "loo"}, r"baseline must be None, a number, values \(\.\.\., S\) or 'leave_one_out'; received 'loo'"),
    ({"baseline": [0.0, np.nan, 0.0, 0.0]}, r"baseline must hold finite numbers; received \[0\.0, nan, 0\.0, 0\.0\]"),
    ({"baseline": np.inf}, r"baseline must hold finite numbers; received inf"),
    ({"baseline": [1.0, 2.0]}, r"baseline must have one value for each state; it has 2, and there is a state 2"),
    ({"baseline": np.zeros((3, 4))}, r"baseline must have the leading axes \(2,\) of the epi.*; received \(3, 4\)"),
    ({"baseline": np.zeros((1, 2, 4))}, r"baseline must have the leading axes \(2,\) .*; received \(1, 2, 4\)"),
    ({"theta": np.zeros((3, 1))}, r"theta must have the leading axes \(2,\) of the episodes.*; received \(3, 1\)"),
    ({"theta": np.zeros((2, 2, 1))}, r"theta must have the leading axes \(2,\) .*; received \(2, 2, 1\)"),
    ({"theta": np.zeros(2)}, r"theta must have shape \(\.\.\., 1\)"),
    ({"gamma": 1.5}, r"gamma must be a number in \[0, 1\]; received 1\.5"),
    ({"gamma": None}, r"gamma must be a number in \[0, 1\]; received None"),
    ({"reward_to_go": False, "discount_states": False}, r"discount_states=False needs reward_to_go=True"),
])  # fmt: skip
def test_what_reinforce_refuses(options, message):
    mdp, policy = pg.short_corridor(), pg.Softmax.binary(1)
    batch = pg.rollout(mdp, policy, np.zeros((2, 1)), n_episodes=5, horizon=1000, rng=np.random.default_rng(9))
    good = {"theta": np.zeros((2, 1)), "gamma": 1.0}
    pg.reinforce(policy, batch=batch, **good)
    with pytest.raises(ValueError, match=message):
        pg.reinforce(policy, batch=batch, **good | options)


def test_leave_one_out_of_one():
    batch, _ = pg.enumerate_episodes(pg.bandit([1.0]), pg.Softmax.tabular(1, 1), np.zeros(1), horizon=1)
    with pytest.raises(ValueError, match="'leave_one_out' needs at least two episodes in a run; there is one"):
        pg.reinforce(pg.Softmax.tabular(1, 1), np.zeros(1), batch, gamma=1.0, baseline="leave_one_out")


# --- score function and path


def normal_path(theta, noise):
    """Return theta_0 + exp(theta_1) noise."""
    return theta[..., 0] + np.exp(theta[..., 1]) * noise


def normal_path_gradient(theta, noise):
    return np.stack([np.ones_like(noise), np.exp(theta[..., 1]) * noise], axis=-1)


def both(f, f_prime, theta, n, seed=0):
    """Return samples by the score function and along the path, for a normal number with mean and log-std theta."""
    by_score = pg.score_function(f, pg.Gaussian(1), theta, [1.0], n_samples=n, rng=np.random.default_rng(seed))
    by_path = pg.pathwise(
        f_prime, normal_path, normal_path_gradient, theta, n_samples=n, rng=np.random.default_rng(seed)
    )
    return by_score, by_path


@pytest.mark.parametrize("mu, log_std", [(0.0, 0.0), (1.5, 0.0), (-1.0, 0.7)])
def test_quadratic_of_a_normal_number(mu, log_std):
    """E(2 - 3x + x^2) = 2 - 3 mu + mu^2 + s^2 has the slopes 2 mu - 3 in mu and 2 s^2 in log s."""
    for samples in both(lambda x: 2 - 3 * x + x**2, lambda x: 2 * x - 3, [mu, log_std], 100_000):
        agree(samples, [2 * mu - 3, 2 * np.exp(2 * log_std)])
        assert 9 * pg.mean_and_sem(samples)[1][1] < 2 * np.exp(2 * log_std)


@pytest.mark.parametrize("mu", [0.0, 1.0, 2.0])
def test_variances_of_the_two_estimators(mu):
    """N(mu, 1) and f = x^2: both have mean 2 mu; X^2 (X - mu) has variance mu^4 + 14 mu^2 + 15, and 2 X has 4.

    With Z = X - mu: E(mu + Z)^4 Z^2 = mu^4 + 6 mu^2 3 + 15, less (2 mu)^2.
    """
    by_score, by_path = both(np.square, lambda x: 2 * x, [mu, 0.0], 200_000)
    for samples, variance in ((by_score, mu**4 + 14 * mu**2 + 15), (by_path, 4.0)):
        agree(samples[:, :1], [2 * mu])
        agree((samples[:, :1] - 2 * mu) ** 2, [variance])


@pytest.mark.parametrize("mu, log_std", [(0.0, 0.0), (0.6, -0.4)])
def test_a_step_has_no_path(mu, log_std):
    """Pr(X > 0) = Phi(mu / s) has slopes phi(mu / s) / s and -phi(mu / s) mu / s; the derivative of the step is 0."""
    s = np.exp(log_std)
    slope = np.exp(-((mu / s) ** 2) / 2) / np.sqrt(2 * np.pi) / s
    h = 1e-5
    phi = [(1 + erf((mu + sign * h) / s / np.sqrt(2))) / 2 for sign in (1, -1)]
    close(slope, (phi[0] - phi[1]) / (2 * h), 1e-8)
    by_score, by_path = both(lambda x: (x > 0).astype(int), np.zeros_like, [mu, log_std], 100_000)
    agree(by_score, [slope, -mu * slope])
    assert 9 * pg.mean_and_sem(by_score)[1][0] < slope
    assert not by_path.any()


def test_score_function_of_runs_and_states():
    """A mean linear in two features; three runs; f = a^2 has slopes 2 mean s and 2 sigma^2."""
    theta = np.array([[1.0, -0.5, 0.0], [0.3, 0.2, -1.0], [0.0, 1.0, 0.5]])
    s = np.array([1.0, 2.0])
    samples = pg.score_function(
        np.square, pg.Gaussian(2), theta, s, n_samples=np.int64(50_000), rng=np.random.default_rng(1)
    )
    mean = theta[:, :2] @ s
    agree(samples, np.concatenate([2 * mean[:, None] * s, 2 * np.exp(2 * theta[:, 2:])], axis=1))


def test_score_function_of_a_bandit():
    means, theta = np.array([3.0, 2.0, 1.0]), np.array([[0.0, 0.0, 0.0], [1.0, 0.0, -1.0]])
    policy = pg.Softmax.tabular(1, 3)
    samples = pg.score_function(lambda a: means[a], policy, theta, 0, n_samples=20_000, rng=np.random.default_rng(2))
    assert samples.shape == (2, 20_000, 3)
    gradient = pg.policy_gradient(pg.bandit(means), policy, theta)
    agree(samples, gradient)
    assert (9 * pg.mean_and_sem(samples)[1].max(axis=-1) < np.abs(gradient).max(axis=-1)).all()


def test_pathwise_of_runs():
    theta = np.array([[[1.0, 0.0]], [[0.5, 0.5]]])
    _, samples = both(np.square, lambda x: 2 * x, theta, 50_000)
    assert samples.shape == (2, 1, 50_000, 2)
    agree(samples, np.stack([2 * theta[..., 0], 2 * np.exp(2 * theta[..., 1])], axis=-1))


def test_samples_come_from_the_generator():
    """The same seed gives the same ones, a generator that goes on gives others."""
    rng = np.random.default_rng(3)
    policy, theta = pg.Gaussian(1), [0.0, 0.0]
    first, second = (pg.score_function(np.square, policy, theta, [1.0], n_samples=9, rng=rng) for _ in range(2))
    again = pg.score_function(np.square, policy, theta, [1.0], n_samples=9, rng=np.random.default_rng(3))
    assert_array_equal(first, again)
    assert (first != second).all()
    steps = [both(np.square, lambda x: 2 * x, theta, 9, seed)[1] for seed in (4, 4, 5)]
    assert_array_equal(steps[0], steps[1])
    assert (steps[0] != steps[2]).any(axis=-1).all()


@pytest.mark.parametrize("change, message", [
    ({"n_samples": 0}, r"n_samples must be an integer of at least 1; received 0"),
    ({"rng": None}, r"rng must be a numpy\.random\.Generator"),
    ({"f": np.sum}, r"f must return one number for each sample, shape \(5,\); it returned \(\)"),
    ({"f": lambda a: a[:, None]}, r"f must return one number for each sample, shape \(5,\); it returned \(5, 1\)"),
    ({"s": [[1.0], [2.0]]}, r"s must be one state, as the policy takes it; received shape \(2, 1\)"),
    ({"s": [1.0, 2.0]}, r"s must have shape \(\.\.\., 1\), one vector a state"),
    ({"theta": [0.0]}, r"theta must have shape \(\.\.\., 2\)"),
])  # fmt: skip
def test_what_score_function_refuses(change, message):
    good = {"f": np.square, "policy": pg.Gaussian(1), "theta": [0.0, 0.0], "s": [1.0], "n_samples": 5,
            "rng": np.random.default_rng(0)}  # fmt: skip
    assert pg.score_function(**good).shape == (5, 2)
    with pytest.raises(ValueError, match=message):
        pg.score_function(**good | change)


def test_score_function_in_several_states():
    with pytest.raises(ValueError, match=r"s must be one state, as the policy takes it; received shape \(3,\)"):
        pg.score_function(
            np.square, pg.Softmax.binary(3), np.zeros(3), [0, 1, 2], n_samples=5, rng=np.random.default_rng(0)
        )


@pytest.mark.parametrize("change, message", [
    ({"n_samples": 1.5}, r"n_samples must be an integer of at least 1; received 1\.5"),
    ({"rng": 3}, r"rng must be a numpy\.random\.Generator"),
    ({"theta": 0.5}, r"theta must have shape \(\.\.\., d\); received array\(0\.5\)"),
    ({"path": lambda theta, noise: noise[:2]}, r"path must return .*, shape \(5,\); it returned \(2,\)"),
    ({"f_prime": lambda x: 1.0}, r"f_prime must return .*, shape \(5,\); it returned \(\)"),
    ({"path_gradient": lambda theta, noise: noise}, r"path_gradient must return shape \(5, 2\).*; it returned \(5,\)"),
])  # fmt: skip
def test_what_pathwise_refuses(change, message):
    good = {"f_prime": np.cos, "path": normal_path, "path_gradient": normal_path_gradient, "theta": [0, 0],
            "n_samples": 5, "rng": np.random.default_rng(0)}  # fmt: skip
    assert pg.pathwise(**good).shape == (5, 2)
    with pytest.raises(ValueError, match=message):
        pg.pathwise(**good | change)


# --- mean and standard error


@pytest.mark.parametrize("shape", [(2, 1), (7, 3), (4, 5, 2)])
def test_mean_and_sem_by_a_slow_formula(shape):
    samples = np.random.default_rng(10).normal(size=shape)
    mean, sem = pg.mean_and_sem(samples)
    n = shape[-2]
    for index in np.ndindex(*shape[:-2], shape[-1]):
        x = [samples[(*index[:-1], i, index[-1])] for i in range(n)]
        middle = sum(x) / n
        close(mean[index], middle, 1e-14)
        close(sem[index], np.sqrt(sum((value - middle) ** 2 for value in x) / (n * (n - 1))), 1e-14)


def test_standard_error_is_that_of_the_mean():
    """Over 4000 runs of 10 samples, the variance of the mean is the mean of sem^2: 1/10."""
    mean, sem = pg.mean_and_sem(np.random.default_rng(11).normal(size=(4000, 10, 1)))
    agree(mean**2, [0.1])
    agree(sem**2, [0.1])


@pytest.mark.parametrize("bad", [[1.0, 2.0], [[1.0, 2.0]], 3.0, np.zeros((5, 0, 2))])
def test_too_few_samples(bad):
    with pytest.raises(
        ValueError, match=r"samples must have shape \(\.\.\., N, d\) with N of at least 2; received "
    ) as e:
        pg.mean_and_sem(bad)
    assert str(np.shape(bad)) in str(e.value)
