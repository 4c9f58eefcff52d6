"""The exact gradients against derivatives of the objectives, brute force, closed forms and printed numbers."""

from itertools import product
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose
from problems import FAMILIES, complex_step, gauss, random_mdp, random_policy

import pglib as pg
from pglib.exact import KINDS
from pglib.symbolic import SymbolicPolicy

POLICIES = ("tabular", "binary", "features")
GAMMAS = (0.0, 0.5, 0.9, 0.99)
CASES = [
    (family, gamma, policy, kind)
    for family, policy, kind in product(FAMILIES, POLICIES, KINDS)
    if kind == "start_value" or family != "episodic"
    for gamma in (*GAMMAS, *([1.0] if family == "episodic" else []))
]


def sigma(x):
    return 1 / (1 + np.exp(-x))


def logit(p):
    return np.log(p / (1 - p))


def close(actual, desired, tolerance=1e-10):
    """Assert agreement to ``tolerance * max(1, |desired|)`` entry by entry, shapes included."""
    actual, desired = np.asarray(actual), np.asarray(desired)
    assert actual.shape == desired.shape
    error = np.abs(actual - desired) / np.maximum(1, np.abs(desired))
    assert (error <= tolerance).all(), f"{actual} is not {desired}, worst error {error.max():.2g}"


def digits(actual, printed):
    """Assert agreement with printed decimals, each right to half a unit of its last digit.

    ``printed`` is a string of numbers, so that the number of digits is that of the print.
    """
    numbers = printed.split()
    actual = np.ravel(actual)
    assert len(actual) == len(numbers)
    for value, text in zip(actual, numbers, strict=True):
        half = 0.5 * 10.0 ** -len(text.partition(".")[2])
        assert abs(value - float(text)) <= half * (1 + 1e-6), f"{value!r} is not {text}"


# --- the gradient is the derivative of the objective


@pytest.mark.parametrize("family, gamma, policy_kind, kind", CASES)
def test_gradient_is_the_derivative(family, gamma, policy_kind, kind):
    """Complex step on four MDPs a case: mean or transition rewards, seen or aliased states."""
    for variant, (by_transition, aliased) in enumerate(product((False, True), repeat=2)):
        seed = [FAMILIES.index(family), int(100 * gamma), POLICIES.index(policy_kind), variant]
        rng = np.random.default_rng(seed)
        n_actions = 2 if policy_kind == "binary" else None
        mdp = random_mdp(rng, family, gamma, n_actions=n_actions, by_transition=by_transition, aliased=aliased)
        policy = random_policy(rng, mdp, policy_kind)
        theta = rng.normal(size=policy.n_params)
        gradient = pg.policy_gradient(mdp, policy, theta, kind)
        close(gradient, complex_step(lambda x: pg.objective(mdp, policy, x, kind), theta))  # noqa: B023
        assert np.abs(gradient).max() > 1e-6 or policy.n_params == 1  # not 0 = 0


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_the_finite_difference(kind):
    """Without complex numbers."""
    rng = np.random.default_rng(7)
    step = 1e-5
    for family in FAMILIES if kind == "start_value" else FAMILIES[:-1]:
        mdp = random_mdp(rng, family, 0.9, by_transition=True)
        policy = random_policy(rng, mdp, "features")
        theta = rng.normal(size=policy.n_params)
        shifts = step * np.eye(policy.n_params)
        up, down = (pg.objective(mdp, policy, theta + sign * shifts, kind) for sign in (1, -1))
        close(pg.policy_gradient(mdp, policy, theta, kind), (up - down) / (2 * step), 1e-6)


def test_gradient_of_a_symbolic_policy():
    x, y, s, a = sp.symbols("x y s a", real=True)
    formula = a * (x + y * s) - sp.log(1 + sp.exp(x + y * s))
    policy = SymbolicPolicy(formula, theta=(x, y), state=s, action=a, actions=[0, 1])
    twin = pg.Softmax([[[0, 0], [1, k]] for k in range(3)])
    mdp, theta = random_mdp(np.random.default_rng(3), "dense", 0.9, 3, 2), np.array([0.3, -0.8])
    for kind in KINDS:
        gradient = pg.policy_gradient(mdp, policy, theta, kind)
        close(gradient, complex_step(lambda z, kind=kind: pg.objective(mdp, policy, z, kind), theta))
        close(gradient, pg.policy_gradient(mdp, twin, theta, kind), 1e-12)
        close(pg.fisher(mdp, policy, theta, kind), pg.fisher(mdp, twin, theta, kind), 1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_hessian_by_complex_step_of_the_gradient(kind):
    rng = np.random.default_rng(11)
    mdp = random_mdp(rng, "dense", 0.9, 4, 3)
    policy = random_policy(rng, mdp, "features")
    theta = rng.normal(size=policy.n_params)
    hessian = complex_step(lambda x: pg.policy_gradient(mdp, policy, x, kind), theta)
    close(hessian, hessian.T, 1e-10)
    shifts = 1e-5 * np.eye(policy.n_params)
    up, down = (pg.policy_gradient(mdp, policy, theta + sign * shifts, kind) for sign in (1, -1))
    close(hessian, (up - down) / 2e-5, 1e-6)
    assert np.abs(hessian).max() > 0.01


# --- the objectives by brute force


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9])
def test_start_value_is_the_power_series(family, gamma):
    """Sum gamma^t mu P^t r, term by term; P_pi and r_pi by loops."""
    rng = np.random.default_rng([5, FAMILIES.index(family)])
    mdp = random_mdp(rng, family, gamma, by_transition=True)
    policy = random_policy(rng, mdp, "tabular")
    theta = rng.normal(size=policy.n_params)
    pi = np.exp(theta.reshape(mdp.n_states, mdp.n_actions))
    pi /= pi.sum(axis=1, keepdims=True)
    now, total = mdp.mu.copy(), 0.0
    for t in range(400):
        after = np.zeros(mdp.n_states)
        for s, a in product(range(mdp.n_states), range(mdp.n_actions)):
            flow = now[s] * pi[s, a] * mdp.P[s, a]
            total += gamma**t * (flow * mdp.r_next[s, a]).sum()
            after += flow
        now = after
        if gamma**t < 1e-18:
            break
    close(pg.objective(mdp, policy, theta), total, 1e-12)


@pytest.mark.parametrize("family", FAMILIES[:-1])
def test_averages_are_long_run_means(family):
    """Cesaro means over an even number of steps after a long run-in; the periodic chain has no other limit."""
    rng = np.random.default_rng([6, FAMILIES.index(family)])
    mdp = random_mdp(rng, family, 0.8, 5)
    policy = random_policy(rng, mdp, "features")
    theta = rng.normal(size=policy.n_params)
    pi = pg.action_probabilities(mdp, policy, theta)
    P_pi, r_pi = np.einsum("sa,sat->st", pi, mdp.P), (pi * mdp.r).sum(axis=1)
    now, paid = mdp.mu @ np.linalg.matrix_power(P_pi, 5000), []
    for _ in range(200):
        paid.append(now @ r_pi)
        now = now @ P_pi
    if family == "periodic":
        assert np.ptp(paid) > 0.01  # the reward itself does not converge
    close(pg.objective(mdp, policy, theta, "average_reward"), np.mean(paid), 1e-10)
    close(pg.objective(mdp, policy, theta, "average_value"), np.mean(paid) / (1 - 0.8), 1e-10)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_average_value_is_average_reward_over_one_minus_gamma(gamma):
    """From V = r + gamma P V and d P = d: the discount only changes the scale, in value and gradient."""
    rng = np.random.default_rng(8)
    mdp = random_mdp(rng, "dense", gamma)
    policy = random_policy(rng, mdp, "tabular")
    theta = rng.normal(size=policy.n_params)
    for f in (pg.objective, pg.policy_gradient):
        value, reward = (f(mdp, policy, theta, kind) for kind in ("average_value", "average_reward"))
        close((1 - gamma) * value, reward, 1e-12)


# --- the pairs of weight and action value cannot be mixed


def next_state_problem(gamma):
    """Two states, the action is the next state; staying pays 1 in state 0 and 4 in state 1."""
    return pg.FiniteMDP(np.tile(np.eye(2), (2, 1, 1)), [[1, 0], [0, 4]], [1, 0], gamma=gamma)


def test_each_pair_gives_its_own_field():
    """At p = q = gamma = 1/2 each pair of weight and action value has its own numbers; the right three are right."""
    mdp, policy, theta = next_state_problem(0.5), pg.Softmax.binary(2), np.zeros(2)
    pi = pg.action_probabilities(mdp, policy, theta)
    nu, d = pg.visitation(mdp, pi), pg.stationary_distribution(mdp, pi)
    q_gamma, h = pg.action_values(mdp, pi), pg.differential_values(mdp, pi)
    q_diff = mdp.r - d @ (pi * mdp.r).sum(axis=1) + mdp.P @ h
    s, a = np.arange(2)[:, None], np.arange(2)

    def field(w, q):
        return policy.score_sum(theta, s, a, w[:, None] * pi * q)

    start, reward, value = (pg.policy_gradient(mdp, policy, theta, kind) for kind in KINDS[:1] + KINDS[:0:-1])
    close(field(nu, q_gamma), [-3 / 32, 19 / 32], 1e-14)
    close(field(nu / 2, q_gamma), [-3 / 64, 19 / 64], 1e-14)
    close(field(d, q_gamma), [-1 / 32, 19 / 32], 1e-14)
    close(field(d, q_diff), [1 / 16, 11 / 16], 1e-14)
    close(field(d, mdp.r), [-1 / 8, 1 / 2], 1e-14)
    close(start, [-3 / 32, 19 / 32], 1e-14)
    close(reward, [1 / 16, 11 / 16], 1e-14)
    close(value, [1 / 8, 11 / 8], 1e-14)
    true = [complex_step(lambda x, kind=kind: pg.objective(mdp, policy, x, kind), theta) for kind in KINDS]
    for w, q in [(d, q_gamma), (d, mdp.r), (nu, q_diff), (nu / 2, q_gamma)]:
        assert all(np.abs(field(w, q) - gradient).max() > 0.01 for gradient in true)


def test_stationary_weight_with_discounted_values_is_no_gradient():
    """Its Jacobian is not symmetric, so no function has this gradient."""
    mdp, policy, theta = three_state(0.9), pg.Softmax.tabular(3, 2), THREE_STATE_THETA
    s, a = np.arange(3)[:, None], np.arange(2)

    def field(x):
        pi = pg.action_probabilities(mdp, policy, x)
        w = pg.stationary_distribution(mdp, pi)
        return policy.score_sum(x, s, a, w[..., None] * pi * pg.action_values(mdp, pi))

    jacobian = complex_step(field, theta)
    assert 1e-3 < np.abs(jacobian - jacobian.T).max() < 1e-2
    jacobian = complex_step(lambda x: pg.policy_gradient(mdp, policy, x, "average_reward"), theta)
    close(jacobian, jacobian.T, 1e-13)


# --- runs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("runs_of", ["theta", "r", "both"])
@pytest.mark.parametrize("policy_kind", POLICIES)
def test_runs_are_a_loop(kind, runs_of, policy_kind):
    """Leading axes of theta, of the rewards, or of both: the loop over single problems gives the same numbers."""
    rng = np.random.default_rng(21)
    base = random_mdp(rng, "dense", 0.9, 4, 2)
    policy = random_policy(rng, base, policy_kind)
    theta = rng.normal(size=(5, policy.n_params))
    r = rng.normal(size=(5, 4, 2))
    thetas = theta if runs_of != "r" else theta[:1].repeat(5, axis=0)
    rewards = r if runs_of != "theta" else r[:1].repeat(5, axis=0)
    mdp = pg.FiniteMDP(base.P, r if runs_of != "theta" else r[0], base.mu, gamma=0.9)
    batch = theta if runs_of != "r" else theta[0]
    single = [pg.FiniteMDP(base.P, x, base.mu, gamma=0.9) for x in rewards]

    def loop(f):
        return np.array([f(m, x) for m, x in zip(single, thetas, strict=True)])

    for f in (pg.objective, pg.policy_gradient):
        close(f(mdp, policy, batch, kind), loop(lambda m, x, f=f: f(m, policy, x, kind)), 1e-12)
    if runs_of != "r":  # the Fisher information does not depend on the rewards
        close(pg.fisher(mdp, policy, batch, kind), loop(lambda m, x: pg.fisher(m, policy, x, kind)), 1e-12)
    else:
        close(pg.fisher(mdp, policy, batch, kind), pg.fisher(single[0], policy, batch, kind), 1e-12)


def test_runs_with_two_axes():
    rng = np.random.default_rng(22)
    base = random_mdp(rng, "dense", 0.9, 3, 3)
    r = rng.normal(size=(4, 3, 3, 3))  # four rewards r(s, a, s'), read as such: the shape ends in (S, A, S)
    mdp = pg.FiniteMDP(base.P, r, base.mu, gamma=0.9)
    assert mdp.r.shape == (4, 3, 3)
    policy = pg.Softmax.tabular(3, 3)
    theta = rng.normal(size=(5, 1, 9))
    for kind in KINDS:
        j, g = pg.objective(mdp, policy, theta, kind), pg.policy_gradient(mdp, policy, theta, kind)
        assert j.shape == (5, 4) and g.shape == (5, 4, 9)
        one = pg.FiniteMDP(base.P, r[3], base.mu, gamma=0.9)
        close(j[2, 3], pg.objective(one, policy, theta[2, 0], kind), 1e-12)
        close(g[2, 3], pg.policy_gradient(one, policy, theta[2, 0], kind), 1e-12)


def test_two_bandits_with_two_arms():
    """Shape (2, 2, 2), which could be mistaken for a reward of transitions."""
    means = np.array([[1.0, 0.0], [3.0, 5.0]])
    mdp, policy, theta = pg.bandit(means), pg.Softmax.binary(1), np.array([[0.0], [np.log(3)]])
    close(pg.objective(mdp, policy, theta), [0.5, 4.5])
    close(pg.policy_gradient(mdp, policy, theta), [[-1 / 4], [2 * 3 / 16]])


def test_zero_runs():
    mdp, policy = pg.two_state(gamma=0.9), pg.Softmax.tabular(2, 2)
    assert pg.objective(mdp, policy, np.zeros((0, 4))).shape == (0,)
    assert pg.policy_gradient(mdp, policy, np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize("dtype", [int, np.float32])
def test_theta_of_another_type_is_computed_in_double_precision(dtype):
    mdp, policy = pg.two_state(gamma=0.9), pg.Softmax.tabular(2, 2)
    theta = np.array([1, -2, 3, 0])
    for f in (pg.objective, pg.policy_gradient, pg.fisher, pg.action_probabilities):
        np.testing.assert_array_equal(f(mdp, policy, theta.astype(dtype)), f(mdp, policy, theta.astype(float)))
        np.testing.assert_array_equal(f(mdp, policy, theta.tolist()), f(mdp, policy, theta.astype(float)))


# --- Fisher information


def test_fisher_of_a_bandit_is_the_covariance_of_the_score():
    rng = np.random.default_rng(31)
    policy = pg.Softmax(rng.normal(size=(1, 5, 3)))
    theta = rng.normal(size=3)
    pi = pg.action_probabilities(pg.bandit(np.zeros(5)), policy, theta)[0]
    score = policy.score(theta, 0, np.arange(5))
    close(pg.fisher(pg.bandit(np.zeros(5)), policy, theta), np.cov(score.T, aweights=pi, bias=True), 1e-14)


@pytest.mark.parametrize(
    "family, kind", [(f, k) for f, k in product(FAMILIES, KINDS) if f != "episodic" or k == "start_value"]
)
def test_fisher_is_minus_the_mean_hessian_of_the_log_probability(family, kind):
    """Weighted by the state weight of the kind, and positive semidefinite."""
    rng = np.random.default_rng(32)
    mdp = random_mdp(rng, family, 0.9)
    policy = random_policy(rng, mdp, "features")
    theta = rng.normal(size=policy.n_params)
    pi = pg.action_probabilities(mdp, policy, theta)
    w = pg.visitation(mdp, pi) if kind == "start_value" else pg.stationary_distribution(mdp, pi)
    s, a = np.arange(mdp.n_states)[:, None], np.arange(mdp.n_actions)
    hessian = complex_step(lambda x: policy.score(x[..., None, None, :], s, a), theta)  # (d, S, A, d)
    fisher = pg.fisher(mdp, policy, theta, kind)
    close(fisher, -np.einsum("s,sa,isaj->ij", w, pi, hessian), 1e-12)
    close(fisher, fisher.T, 1e-14)
    assert np.linalg.eigvalsh(fisher).min() > -1e-12


def test_kernel_of_the_tabular_fisher_is_one_shift_a_state():
    mdp, policy = random_mdp(np.random.default_rng(33), "dense", 0.9, 3, 4), pg.Softmax.tabular(3, 4)
    theta = np.random.default_rng(34).normal(size=12)
    fisher = pg.fisher(mdp, policy, theta)
    close(fisher @ np.kron(np.eye(3), np.ones((4, 1))), np.zeros((12, 3)), 1e-13)
    assert np.linalg.matrix_rank(fisher, tol=1e-9) == 9


def test_fisher_of_an_episode():
    """Steps have uncorrelated scores: E[(sum s_t)(sum s_t)'] over the whole episode is the sum over steps."""
    mdp, policy, theta = pg.with_horizon(pg.two_state(gamma=1.0), 3), pg.Softmax.binary(2), np.array([0.0, np.log(3)])
    expected = np.zeros((2, 2))
    for probability, score, _ in episodes(mdp, policy, theta):
        expected += probability * np.outer(score, score)
    close(pg.fisher(mdp, policy, theta), expected, 1e-14)


def episodes(mdp, policy, theta, s=None):
    """Yield (probability, sum of scores, return) of every episode, by recursion."""
    if s is None:
        for first in np.flatnonzero(mdp.mu):
            for probability, score, paid in episodes(mdp, policy, theta, first):
                yield mdp.mu[first] * probability, score, paid
    elif mdp.terminal[s]:
        yield 1.0, np.zeros(policy.n_params), 0.0
    else:
        for a in range(mdp.n_actions):
            pi = np.exp(policy.log_prob(theta, mdp.observation[s], a))
            here = policy.score(theta, mdp.observation[s], a)
            for s_next in np.flatnonzero(mdp.P[s, a]):
                for probability, score, paid in episodes(mdp, policy, theta, s_next):
                    yield pi * mdp.P[s, a, s_next] * probability, here + score, mdp.r[s, a] + mdp.gamma * paid


# --- Gymnasium's tables


def newest(name):
    """Return the id of the newest registered version of an environment."""
    versions = [spec for spec in gymnasium.registry.values() if spec.name == name and spec.namespace is None]
    return max(versions, key=lambda spec: spec.version).id


GYM = {
    "slippery lake": (newest("FrozenLake"), {"is_slippery": True}, 5),
    "dry lake": (newest("FrozenLake"), {"is_slippery": False}, 5),
    "cliff": (newest("CliffWalking"), {}, 1),
    "slippery cliff": (newest("CliffWalking"), {"is_slippery": True}, 1),
    "taxi": (newest("Taxi"), {}, 4),
}


@pytest.fixture(scope="module", params=GYM)
def gym(request):
    name, options, n_terminal = GYM[request.param]
    env = gymnasium.make(name, **options)
    return env.unwrapped, pg.FiniteMDP.from_gymnasium(env, gamma=0.9), n_terminal


def test_gymnasium_shapes_and_terminal_states(gym):
    env, mdp, n_terminal = gym
    assert (mdp.n_states, mdp.n_actions) == (env.observation_space.n, env.action_space.n)
    close(mdp.P[~mdp.terminal].sum(axis=-1), np.ones((mdp.n_states - n_terminal, mdp.n_actions)), 1e-12)
    assert mdp.terminal.sum() == n_terminal and not mdp.P[mdp.terminal].any()
    close(mdp.mu, env.initial_state_distrib, 1e-12)


def test_gymnasium_terminal_states_by_name():
    lake = pg.FiniteMDP.from_gymnasium(gymnasium.make(newest("FrozenLake")), gamma=0.9)
    assert np.flatnonzero(lake.terminal).tolist() == [5, 7, 11, 12, 15]  # SFFF FHFH FFFH HFFG
    cliff = pg.FiniteMDP.from_gymnasium(gymnasium.make(newest("CliffWalking")), gamma=0.9)
    assert np.flatnonzero(cliff.terminal).tolist() == [47]
    env = gymnasium.make(newest("Taxi"))
    taxi = pg.FiniteMDP.from_gymnasium(env, gamma=0.9)
    for s in np.flatnonzero(taxi.terminal):
        row, column, passenger, destination = env.unwrapped.decode(s)
        assert passenger == destination < 4 and (row, column) == env.unwrapped.locs[destination]


def test_gymnasium_value_of_the_uniform_policy(gym):
    """Iterative policy evaluation on the raw table: after a terminated transition nothing follows."""
    env, mdp, _ = gym
    rows = np.array([(s, p, s_next, reward, done) for s in env.P for a in env.P[s]
                     for p, s_next, reward, done in env.P[s][a]], dtype=float)  # fmt: skip
    s, s_next = rows[:, 0].astype(int), rows[:, 2].astype(int)
    p, reward, go_on = rows[:, 1] / mdp.n_actions, rows[:, 3], 1 - rows[:, 4]
    v = np.zeros(mdp.n_states)
    for _ in range(350):  # 0.9 ** 350 < 1e-15
        v = np.bincount(s, p * (reward + 0.9 * go_on * v[s_next]), mdp.n_states)
    policy = pg.Softmax.tabular(mdp.n_states, mdp.n_actions)
    j = pg.objective(mdp, policy, np.zeros(policy.n_params))
    close(j, env.initial_state_distrib @ v, 1e-11)
    assert abs(j) > 1e-4


def test_gymnasium_gradient(gym):
    _, mdp, _ = gym
    rng = np.random.default_rng(41)
    policy = pg.Softmax.tabular(mdp.n_states, mdp.n_actions)
    theta, direction = rng.normal(size=(2, policy.n_params))
    derivative = pg.objective(mdp, policy, theta + 1e-30j * direction).imag / 1e-30
    close(pg.policy_gradient(mdp, policy, theta) @ direction, derivative, 1e-10)
    assert abs(derivative) > 1e-6


def table_env(table, mu):
    return SimpleNamespace(unwrapped=SimpleNamespace(P=table, initial_state_distrib=np.array(mu)))


def test_contradictory_table():
    """State 1 is entered terminated from 0 by action 0, and unterminated by action 1."""
    table = {0: {0: [(1.0, 1, 5.0, True)], 1: [(1.0, 1, 0.0, False)]},
             1: {0: [(1.0, 0, 0.0, False)], 1: [(1.0, 0, 0.0, False)]}}  # fmt: skip
    with pytest.raises(ValueError, match=r"P must end the episode always or never on entering a state.*s=1"):
        pg.FiniteMDP.from_gymnasium(table_env(table, [1.0, 0.0]), gamma=0.9)


def test_table_that_starts_where_it_ends():
    table = {0: {0: [(1.0, 1, 5.0, True)]}, 1: {0: [(1.0, 0, 0.0, False)]}}
    with pytest.raises(ValueError, match=r"it does both at s=1"):
        pg.FiniteMDP.from_gymnasium(table_env(table, [0.5, 0.5]), gamma=0.9)


def test_unreachable_contradiction():
    """State 2 cannot be reached; that it enters the goal unterminated, or ends in 0, changes nothing."""
    table = {0: {0: [(0.5, 1, 5.0, True), (0.5, 0, 1.0, False), (0.0, 2, 9.0, True)]},
             1: {0: [(1.0, 0, 7.0, False)]},
             2: {0: [(0.5, 1, 0.0, False), (0.5, 0, 0.0, True)]}}  # fmt: skip
    mdp = pg.FiniteMDP.from_gymnasium(table_env(table, [1.0, 0.0, 0.0]), gamma=1.0)
    assert mdp.terminal.tolist() == [False, True, False]
    close(pg.objective(mdp, pg.Softmax.tabular(3, 1), np.zeros(3)), 6.0, 1e-14)  # V = 3 + V / 2


def test_table_that_pays_different_rewards_for_one_transition():
    table = {0: {0: [(0.25, 1, 8.0, True), (0.75, 1, 4.0, True)]}, 1: {0: [(1.0, 1, 0.0, True)]}}
    mdp = pg.FiniteMDP.from_gymnasium(table_env(table, [1.0, 0.0]), gamma=0.5)
    assert mdp.r_next[0, 0, 1] == mdp.r[0, 0] == 5.0


def test_environment_without_table():
    with pytest.raises(ValueError, match=r"env must have a transition table P and initial_state_distrib; .*CartPole"):
        pg.FiniteMDP.from_gymnasium(gymnasium.make("CartPole-v1"), gamma=0.9)


# --- canonical examples


def test_sigmoid_bandit():
    """J = r0 + p D, J' = p (1 - p) D, J'' = p (1 - p)(1 - 2 p) D; Fisher p (1 - p), natural gradient D."""
    mdp, policy, theta = pg.bandit([-1.0, 2.0]), pg.Softmax.binary(1), np.array([0.4])
    gradient, fisher = pg.policy_gradient(mdp, policy, theta), pg.fisher(mdp, policy, theta)
    digits(pg.action_probabilities(mdp, policy, theta)[0, 1], "0.598687660112")
    digits(pg.objective(mdp, policy, theta), "0.796062980337")
    digits(gradient, "0.720782237225")
    digits(fisher, "0.240260745742")
    close(gradient[0] / fisher[0, 0], 3.0, 1e-14)
    p = sigma(0.4)
    hessian = complex_step(lambda x: pg.policy_gradient(mdp, policy, x), theta)
    close(hessian, [[p * (1 - p) * (1 - 2 * p) * 3]], 1e-14)


def test_softmax_bandit():
    """grad_k = pi_k (r_k - J); F+ grad = r - mean(r); the Hessian is diag(g) - pi g' - g pi'."""
    r, theta = np.array([1.0, 2.0, 0.5]), np.array([0.2, -0.1, 0.5])
    mdp, policy = pg.bandit(r), pg.Softmax.tabular(1, 3)
    pi = pg.action_probabilities(mdp, policy, theta)[0]
    gradient, fisher = pg.policy_gradient(mdp, policy, theta), pg.fisher(mdp, policy, theta)
    digits(pi, "0.323553703883 0.239694479206 0.436751816911")
    digits(pg.objective(mdp, policy, theta), "1.02131857075")
    digits(gradient, "-0.006897702528 0.234584535492 -0.227686832965")
    digits(np.linalg.norm(gradient), "0.32698436736")
    close(fisher, np.diag(pi) - np.outer(pi, pi), 1e-14)
    close(np.linalg.pinv(fisher, rcond=1e-10) @ gradient, [-1 / 6, 5 / 6, -2 / 3], 1e-13)
    hessian = complex_step(lambda x: pg.policy_gradient(mdp, policy, x), theta)
    close(hessian, np.diag(gradient) - np.outer(pi, gradient) - np.outer(gradient, pi), 1e-14)
    digits(np.linalg.eigvalsh(hessian), "-0.0941792618 0 0.185070856")


@pytest.mark.parametrize("symbolic", [False, True])
def test_exponential_family_bandit(symbolic):
    """pi ~ e^(beta a) on 0 .. 4: gradient Cov(R, a), Fisher Var(a), natural gradient Cov / Var."""
    if symbolic:
        beta, s, a = sp.symbols("beta s a", real=True)
        formula = beta * a - sp.log(sum(sp.exp(beta * k) for k in range(5)))
        policy = SymbolicPolicy(formula, theta=[beta], state=s, action=a, actions=range(5))
    else:
        policy = pg.Softmax([[[k] for k in range(5)]])
    reward, theta = np.array([0, 1, 4, 2, -1]), np.array([0.5])
    mdp = pg.bandit(reward)
    gradient, fisher = pg.policy_gradient(mdp, policy, theta), pg.fisher(mdp, policy, theta)
    digits(pg.objective(pg.bandit(range(5)), policy, theta), "2.905633366632")
    digits(fisher, "1.482137887386")
    digits(pg.objective(mdp, policy, theta), "0.817750114851")
    digits(gradient, "-1.173553382598")
    digits(gradient / fisher[0], "-0.791797708288")
    pi = pg.action_probabilities(mdp, policy, theta)[0]
    digits(pi @ (np.arange(5) * reward), "1.202528636681")  # the uncentred direction has the wrong sign


def test_poisson_policy():
    """lambda = e^theta: score k - lambda, Fisher lambda; E k^2 = lambda^2 + lambda, derivative 2 lambda^2 + lambda."""
    theta, s = sp.symbols("theta s", real=True)
    k = sp.Symbol("k", integer=True, nonnegative=True)
    formula = k * theta - sp.exp(theta) - sp.log(sp.factorial(k))
    policy = SymbolicPolicy(formula, theta=[theta], state=s, action=k,
                            sampler=lambda x, s, rng: rng.poisson(np.exp(x[..., 0]), size=s.shape))  # fmt: skip
    at, counts = np.log([2.5]), np.arange(80)
    pi, score = np.exp(policy.log_prob(at, 0, counts)), policy.score(at, 0, counts)[:, 0]
    close(pi.sum(), 1.0, 1e-13)
    close(score, counts - 2.5, 1e-14)
    close(pi @ score, 0.0, 1e-12)
    close(pi @ score**2, 2.5, 1e-12)
    close(pi @ counts**2, 8.75, 1e-12)
    close(policy.score_sum(at, 0, counts, pi * counts**2), [15.0], 1e-12)
    draws = policy.sample(at, np.zeros(40_000, int), rng=np.random.default_rng(0))
    assert abs(draws.mean() - 2.5) < 4.5 * np.sqrt(2.5 / 40_000)
    assert abs(policy.score(at, 0, draws).mean()) < 4.5 * np.sqrt(2.5 / 40_000)


def test_exponential_policy():
    """Score 1/rate - x, Fisher 1/rate^2; Gauss-Laguerre quadrature is exact for polynomials."""
    rate, x = sp.symbols("rate x", positive=True)
    s = sp.Symbol("s")
    policy = SymbolicPolicy(sp.log(rate) - rate * x, theta=[rate], state=s, action=x,
                            sampler=lambda t, s, rng: rng.exponential(1 / t[..., 0], size=s.shape))  # fmt: skip
    at = np.array([0.7])
    nodes, weights = np.polynomial.laguerre.laggauss(12)
    points = nodes / 0.7
    score = policy.score(at, 0, points)[:, 0]
    close(np.exp(policy.log_prob(at, 0, points)), 0.7 * np.exp(-nodes), 1e-14)
    close(weights @ score, 0.0, 1e-12)
    close(weights @ score**2, 1 / 0.7**2, 1e-12)
    close(policy.score_sum(at, 0, points, weights * points), [-1 / 0.7**2], 1e-12)
    close(weights @ (points * score) ** 2 - 0.7**-4, 13 / 0.7**4, 1e-12)
    draws = policy.sample(at, np.zeros(40_000, int), rng=np.random.default_rng(1))
    assert abs(draws.mean() - 1 / 0.7) < 4.5 / 0.7 / 200


@pytest.mark.parametrize("log_scale", [False, True])
def test_gaussian_policy(log_scale):
    """Score ((x - m)/s^2, ((x - m)^2 - s^2)/s^3), Fisher diag(1/s^2, 2/s^2), or diag(1/s^2, 2) in log s."""
    m, x, z = sp.symbols("m x z", real=True)
    s = sp.Symbol("sigma", positive=True) if not log_scale else sp.Symbol("log_sigma", real=True)
    std = sp.exp(s) if log_scale else s
    formula = -((x - m) ** 2) / (2 * std**2) - sp.log(std) - sp.log(2 * sp.pi) / 2
    policy = SymbolicPolicy(formula, theta=[m, s], state=z, action=x, sampler=lambda t, s, rng: rng.normal())
    at = np.array([0.3, np.log(0.8) if log_scale else 0.8])
    nodes, weights = gauss()
    points = 0.3 + 0.8 * nodes
    score = policy.score(at, 0, points)
    unit = 0.8 if log_scale else 1.0  # d/d log s = s d/ds
    close(score, np.stack([nodes / 0.8, unit * (nodes**2 - 1) / 0.8], axis=1), 1e-12)
    close(weights @ score, [0.0, 0.0], 1e-12)
    close(score.T * weights @ score, [[1 / 0.64, 0.0], [0.0, 2.0 if log_scale else 2 / 0.64]], 1e-12)
    f = -(points**2) + 2 * points + 0.5
    close(weights @ f, 37 / 100, 1e-12)
    close(policy.score_sum(at, 0, points, weights * f), [7 / 5, -8 / 5 * unit], 1e-12)


@pytest.mark.parametrize("horizon", [1, 10, 100])
def test_independent_coin_flips(horizon):
    """A return of `horizon` Bernoulli(p) rewards from one logit: J = H p, J' = H p (1 - p), Fisher H p (1 - p)."""
    coin = pg.FiniteMDP(np.ones((1, 2, 1)), [[0, 1]], [1], gamma=1.0)
    mdp, policy, theta = pg.with_horizon(coin, horizon), pg.Softmax.binary(1), np.array([0.7])
    p = sigma(0.7)
    close(pg.objective(mdp, policy, theta), horizon * p, 1e-13)
    close(pg.policy_gradient(mdp, policy, theta), [horizon * p * (1 - p)], 1e-13)
    close(pg.fisher(mdp, policy, theta), [[horizon * p * (1 - p)]], 1e-13)


@pytest.mark.parametrize("p, q, gamma", [(0.5, 0.5, 0.5), (0.3, 0.8, 0.9), (0.9, 0.2, 0.0), (0.01, 0.99, 0.99)])
def test_next_state_problem(p, q, gamma):
    """Closed forms of d, J_avR, V with p = pi(1|0), q = pi(1|1)."""
    mdp, policy, theta = next_state_problem(gamma), pg.Softmax.binary(2), logit(np.array([p, q]))
    pi = pg.action_probabilities(mdp, policy, theta)
    close(pg.stationary_distribution(mdp, pi), np.array([1 - q, p]) / (1 - q + p), 1e-12)
    rho = (5 * p * q - p - q + 1) / (p - q + 1)
    v = [5 * gamma * p * q - gamma * q - p + 1, 5 * gamma * p * q - gamma * p - 5 * gamma * q + gamma + 4 * q]
    v = np.array(v) / ((1 - gamma) * (gamma * p - gamma * q + 1))
    close(pg.values(mdp, pi), v, 1e-12)
    close(pg.objective(mdp, policy, theta, "average_reward"), rho, 1e-12)
    close(pg.objective(mdp, policy, theta, "average_value"), rho / (1 - gamma), 1e-12)
    if (p, q, gamma) == (0.5, 0.5, 0.5):
        close(v, [7 / 4, 13 / 4], 1e-14)
        close(rho, 5 / 4, 1e-14)


THREE_STATE_THETA = np.array([-0.81, -0.47, -1.19, -1.49, 0.04, 0.90])


def three_state(gamma):
    P = [[[0.12, 0.28, 0.60], [0.01, 0.03, 0.96]],
         [[0.13, 0.34, 0.53], [0.37, 0.19, 0.44]],
         [[0.39, 0.05, 0.56], [0.19, 0.39, 0.42]]]  # fmt: skip
    return pg.FiniteMDP(P, [[0.69, -0.87], [-1.51, 0.39], [-0.67, -1.92]], [1, 0, 0], gamma=gamma)


def test_three_state_problem():
    """Gradients in the logits of action 0; those of action 1 are the negatives."""
    mdp, policy = three_state(0.9), pg.Softmax.tabular(3, 2)
    pi = pg.action_probabilities(mdp, policy, THREE_STATE_THETA)
    digits(pg.values(mdp, pi)[0], "-9.997137840495")
    gradient = pg.policy_gradient(mdp, policy, THREE_STATE_THETA)
    digits(gradient[::2], "1.226757665172 -1.079027679834 1.255215422384")
    close(gradient[1::2], -gradient[::2], 1e-13)
    digits(pg.objective(mdp, policy, THREE_STATE_THETA, "average_reward"), "-1.06091059664")
    gradient = pg.policy_gradient(mdp, policy, THREE_STATE_THETA, "average_reward")
    digits(gradient[::2], "0.093521015386 -0.125259587033 0.132500779132")
    close(gradient[1::2], -gradient[::2], 1e-14)


@pytest.mark.parametrize("gamma, mixed, start", [(0.5, 4.75e-2, 0.835), (0.9, 9.71e-3, 0.169),
                                                 (0.99, 9.77e-4, 0.0170), (0.999, 9.77e-5, 0.0017)])  # fmt: skip
def test_three_state_problem_for_gamma_to_one(gamma, mixed, start):
    """Two fields tend to the gradient of the average reward as gamma tends to 1, each with its own relative error."""
    mdp, policy, theta = three_state(gamma), pg.Softmax.tabular(3, 2), THREE_STATE_THETA
    true = pg.policy_gradient(mdp, policy, theta, "average_reward")
    pi = pg.action_probabilities(mdp, policy, theta)
    weights = pg.stationary_distribution(mdp, pi)[:, None] * pi * pg.action_values(mdp, pi)
    field = policy.score_sum(theta, np.arange(3)[:, None], np.arange(2), weights)
    norm = np.linalg.norm
    assert_allclose(norm(field - true) / norm(true), mixed, rtol=6e-3)
    scaled = (1 - gamma) * pg.policy_gradient(mdp, policy, theta)
    assert_allclose(norm(scaled - true) / norm(true), start, rtol=3e-2)


def test_short_corridor():
    """Sutton & Barto (2018), example 13.1: J(p) = 2 (p - 2) / (p (1 - p)), best at p = 2 - sqrt(2)."""
    mdp, policy = pg.short_corridor(), pg.Softmax.binary(1)

    def j(p):
        return pg.objective(mdp, policy, np.array([logit(p)]))

    def slope(p):
        return pg.policy_gradient(mdp, policy, np.array([logit(p)]))[0]

    for p in np.linspace(0.02, 0.98, 25):
        close(j(p), 2 * (p - 2) / (p * (1 - p)), 1e-12)
    best = 2 - np.sqrt(2)
    close(slope(best), 0.0, 1e-12)
    close(j(best), -(6 + 4 * np.sqrt(2)), 1e-13)
    digits([best, j(best), j(0.05), j(0.95), j(0.5)],
           "0.585786437627 -11.656854249492 -82.105263157895 -44.210526315789 -12")  # fmt: skip
    digits([slope(0.5), slope(0.3)], "2 8.47619047619")
    nu = pg.visitation(mdp, np.full((4, 2), 0.5))
    close(nu / nu.sum(), [1 / 2, 1 / 3, 1 / 6, 0.0], 1e-14)
    close(nu.sum(), 12.0, 1e-13)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0, -3.0])
def test_an_episodic_task_is_not_shift_invariant(shift):
    """-1 + c a step has the gradient 2 (1 - c) in the corridor at p = 1/2."""
    base = pg.short_corridor()
    mdp = pg.FiniteMDP(base.P, base.r + shift, base.mu, gamma=1.0, terminal=base.terminal, observation=[0] * 4)
    close(pg.policy_gradient(mdp, pg.Softmax.binary(1), np.zeros(1)), [2 * (1 - shift)], 1e-12)


def aliased(mdp):
    """Return the problem with one observation for all states."""
    reward = mdp.r if mdp.r_next is None else mdp.r_next
    look = np.zeros(mdp.n_states, int)
    return pg.FiniteMDP(mdp.P, reward, mdp.mu, gamma=mdp.gamma, terminal=mdp.terminal, observation=look)


def test_gamblers_ruin():
    """From i of N with one logit: J = (1 - e^(-i theta)) / (1 - e^(-N theta)); J'(0) = i (N - i) / (2 N)."""
    mdp, policy = aliased(pg.random_walk(5)), pg.Softmax.binary(1)
    theta = np.array([[0.0], [0.3], [-0.2]])
    close(pg.objective(mdp, policy, theta)[0], 0.5, 1e-14)
    digits(pg.objective(mdp, policy, theta)[1:], "0.710949502625 0.354343693774")
    close(pg.policy_gradient(mdp, policy, theta)[0], [3 / 4], 1e-14)
    digits(pg.policy_gradient(mdp, policy, theta)[1:], "0.616500922027 0.68635272137")


def test_three_by_three_grid():
    """Start corner to the opposite one, -1 a step, uniform policy."""
    policy = pg.Softmax.tabular(9, 4)
    mdp = pg.gridworld(3, 3, gamma=1.0)
    gradient = pg.policy_gradient(mdp, policy, np.zeros(36))
    close(pg.objective(mdp, policy, np.zeros(36)), -27.0, 1e-13)
    digits(np.linalg.norm(gradient), "17.43201078476")
    close(gradient[:4], [-3 / 2, 3 / 2, -3 / 2, 3 / 2], 1e-12)
    mdp = pg.gridworld(3, 3, gamma=0.9)
    gradient = pg.policy_gradient(mdp, policy, np.zeros(36))
    digits(pg.objective(mdp, policy, np.zeros(36)), "-8.1651194102")
    digits(np.linalg.norm(gradient), "1.036749390045")
    digits(gradient[:4], "-0.129458340958 0.129458340958 -0.129458340958 0.129458340958")


def test_exact_ascent_on_the_grid():
    """3000 exact steps of size 1 come close to the best policy's -(1 + .9 + .81 + .729), always rising."""
    mdp, policy, theta = pg.gridworld(3, 3, gamma=0.9), pg.Softmax.tabular(9, 4), np.zeros(36)
    history = []
    for i in range(3000):
        theta += pg.policy_gradient(mdp, policy, theta)
        if i % 100 == 0:
            history.append(pg.objective(mdp, policy, theta))
    assert (np.diff(history) > 0).all()
    digits(pg.objective(mdp, policy, theta), "-3.440644")


def alias_problem(R, gamma):
    """0 leads by action 1 to state 1 and by action 0 to state 2; there the actions pay R, R + 1 and 0, 1; then the end.

    One shared logit decides all three states.
    """
    P = np.zeros((4, 2, 4))
    P[0, 1, 1] = P[0, 0, 2] = 1
    P[1:3, :, 3] = 1
    r = [[0, 0], [R + 1, R], [1, 0], [0, 0]]
    return pg.FiniteMDP(P, r, [1, 0, 0, 0], gamma=gamma, terminal=np.arange(4) == 3, observation=[0] * 4)


@pytest.mark.parametrize("gamma", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("theta", [-1.0, 0.0, 2.0])
def test_gradient_without_the_discount_of_the_state_is_wrong(gamma, theta):
    """dJ = gamma (R - 1) p (1 - p); without gamma^t it is (gamma R - 1) p (1 - p): another sign for 1 < R < 1/gamma."""
    R, policy, theta = 1.5, pg.Softmax.binary(1), np.array([theta])
    p = sigma(theta[0])
    mdp = alias_problem(R, gamma)
    close(pg.policy_gradient(mdp, policy, theta), [gamma * (R - 1) * p * (1 - p)], 1e-13)
    pi = pg.action_probabilities(mdp, policy, theta)
    undiscounted = pg.visitation(alias_problem(R, 1.0), pi)
    weights = undiscounted[:, None] * pi * pg.action_values(mdp, pi)
    practical = policy.score_sum(theta, np.zeros((4, 1), int), np.arange(2), weights)
    close(practical, [(gamma * R - 1) * p * (1 - p)], 1e-13)
    assert (practical[0] < 0) == (gamma * R < 1)


def test_average_reward_where_discounting_misleads():
    """Stay pays 1, go pays 0 and then R: J_avR = (1 - p + p R)/(1 + p), slope (R - 2)/(1 + p)^2 in p."""
    R = 2.1
    P = np.zeros((2, 2, 2))
    P[0, 0, 0] = P[0, 1, 1] = P[1, :, 0] = 1
    mdp, policy = pg.FiniteMDP(P, [[1, 0], [R, R]], [1, 0], gamma=0.9), pg.Softmax.binary(2)
    for p in (0.1, 0.5, 0.9):
        theta = np.array([logit(p), 0.0])
        close(pg.objective(mdp, policy, theta, "average_reward"), (1 - p + p * R) / (1 + p), 1e-13)
        slope = pg.policy_gradient(mdp, policy, theta, "average_reward") / (p * (1 - p))
        close(slope, [(R - 2) / (1 + p) ** 2, 0.0], 1e-12)
        pi = pg.action_probabilities(mdp, policy, theta)
        gap = np.diff(pg.action_values(mdp, pi)[0])[0]
        close(gap, (0.9 * (R - 1) - 1) / (1 + 0.9 * p), 1e-12)
        assert gap < 0 < slope[0]


def restarted(mdp):
    """Return the continuing problem in which the end of an episode is the start of the next."""
    live = ~mdp.terminal
    P = mdp.P[live][..., live] + mdp.P[live][..., mdp.terminal].sum(axis=-1, keepdims=True) * mdp.mu[live]
    return pg.FiniteMDP(P, mdp.r[live], mdp.mu[live], gamma=0.5, observation=mdp.observation[live])


def expected_length(mdp, policy, theta):
    return pg.visitation(mdp, pg.action_probabilities(mdp, policy, theta)).sum(axis=-1)


def test_average_reward_of_the_restarted_problem():
    """J_avR = J / E[T] (renewal reward), and its gradient by the quotient rule."""
    for seed in range(5):
        rng = np.random.default_rng([51, seed])
        mdp = random_mdp(rng, "episodic", 1.0, aliased=seed % 2 == 1)
        policy = random_policy(rng, mdp, "features")
        theta = rng.normal(size=policy.n_params)
        again, length = restarted(mdp), expected_length(mdp, policy, theta)
        j, rho = pg.objective(mdp, policy, theta), pg.objective(again, policy, theta, "average_reward")
        close(rho, j / length, 1e-12)
        longer = complex_step(lambda x: expected_length(mdp, policy, x), theta)  # noqa: B023
        slope = (pg.policy_gradient(mdp, policy, theta) - rho * longer) / length
        close(pg.policy_gradient(again, policy, theta, "average_reward"), slope, 1e-12)


def test_restarted_corridor_has_nothing_to_learn():
    """Every policy earns -1 a step, although the episodic problem has a best policy."""
    again, policy = restarted(pg.short_corridor()), pg.Softmax.binary(1)
    for theta in ([-2.0], [0.0], [1.0]):
        close(pg.objective(again, policy, theta, "average_reward"), -1.0, 1e-13)
        close(pg.policy_gradient(again, policy, theta, "average_reward"), [0.0], 1e-12)


def test_restarted_arms_of_different_length():
    """Reward 1 in one step or 1.5 in three: the episodic gradient in p is -1/2, that of the average +3/8."""
    P = np.zeros((4, 2, 4))
    P[0, 1, 3] = P[0, 0, 1] = 1
    P[1, :, 2] = P[2, :, 3] = 1
    r = [[0, 1], [0, 0], [1.5, 1.5], [0, 0]]
    mdp = pg.FiniteMDP(P, r, [1, 0, 0, 0], gamma=1.0, terminal=np.arange(4) == 3)
    policy, theta = pg.Softmax.binary(4), np.zeros(4)
    close(pg.policy_gradient(mdp, policy, theta) * 4, [-0.5, 0.0, 0.0, 0.0], 1e-13)
    close(pg.policy_gradient(restarted(mdp), policy, theta, "average_reward") * 4, [0.375, 0.0, 0.0, 0.0], 1e-13)


def test_two_armed_bandit_gradient():
    """dJ/dtheta = p (1 - p)(r1 - r0)."""
    for p, r0, r1 in [(0.5, 1, 0), (0.2, 1.0, 2.0), (0.9, 0, 1)]:
        theta = np.array([logit(p)])
        gradient = pg.policy_gradient(pg.bandit([r0, r1]), pg.Softmax.binary(1), theta)
        close(gradient, [p * (1 - p) * (r1 - r0)], 1e-14)


def test_three_armed_bandit_gradient():
    mdp, policy, theta = pg.bandit([1, 2, 4]), pg.Softmax.tabular(1, 3), np.log([1, 2, 3])
    close(pg.action_probabilities(mdp, policy, theta), [[1 / 6, 1 / 3, 1 / 2]] * 2, 1e-14)
    close(pg.objective(mdp, policy, theta), 17 / 6, 1e-14)
    close(pg.policy_gradient(mdp, policy, theta), [-11 / 36, -5 / 18, 7 / 12], 1e-14)


def test_two_state_problem():
    policy, theta = pg.Softmax.binary(2), np.array([0.0, np.log(3)])
    expected = {0.9: (1490 / 73, [2765 / 5329, 128925 / 21316]), 0.5: (42 / 17, [-27 / 289, 585 / 1156])}
    for gamma, (j, gradient) in expected.items():
        mdp = pg.two_state(gamma=gamma)
        close(pg.stationary_distribution(mdp, pg.action_probabilities(mdp, policy, theta)), [2 / 7, 5 / 7], 1e-14)
        close(pg.objective(mdp, policy, theta), j, 1e-14)
        close(pg.policy_gradient(mdp, policy, theta), gradient, 1e-13)
        close(pg.objective(mdp, policy, theta, "average_reward"), 16 / 7, 1e-14)
        close(pg.policy_gradient(mdp, policy, theta, "average_reward"), [11 / 196, 285 / 392], 1e-13)
        close(pg.objective(mdp, policy, theta, "average_value"), 16 / 7 / (1 - gamma), 1e-13)


def test_two_state_problem_stopped_after_three_steps():
    """Also by adding up all of its episodes."""
    mdp, policy, theta = pg.with_horizon(pg.two_state(gamma=1.0), 3), pg.Softmax.binary(2), np.array([0.0, np.log(3)])
    close(pg.objective(mdp, policy, theta), 35 / 8, 1e-14)
    close(pg.policy_gradient(mdp, policy, theta), [1 / 10, 153 / 160], 1e-14)
    paths = list(episodes(mdp, policy, theta))
    close(sum(probability for probability, _, _ in paths), 1.0, 1e-14)
    close(sum(probability * paid for probability, _, paid in paths), 35 / 8, 1e-14)
    close(sum(probability * paid * score for probability, score, paid in paths), [1 / 10, 153 / 160], 1e-14)


# --- bad input


@pytest.mark.parametrize("f", [pg.objective, pg.policy_gradient, pg.fisher])
def test_unknown_kind(f):
    with pytest.raises(ValueError, match=r"kind must be one of start_value, .*; received 'average'"):
        f(pg.two_state(gamma=0.9), pg.Softmax.binary(2), np.zeros(2), "average")


@pytest.mark.parametrize("f", [pg.objective, pg.policy_gradient, pg.fisher])
def test_average_value_without_discount(f):
    with pytest.raises(ValueError, match=r"'average_value' needs gamma below 1; received gamma = 1"):
        f(pg.two_state(gamma=1.0), pg.Softmax.binary(2), np.zeros(2), "average_value")


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("f", [pg.objective, pg.policy_gradient, pg.fisher])
def test_average_with_terminal_states(f, kind):
    with pytest.raises(ValueError, match=rf"kind '{kind}' needs a problem without terminal states; state 3 is"):
        f(pg.short_corridor(), pg.Softmax.binary(1), np.zeros(1), kind)


@pytest.mark.parametrize("f", [pg.objective, pg.policy_gradient, pg.fisher])
def test_undiscounted_continuing_problem(f):
    with pytest.raises(ValueError, match=r"gamma = 1 needs episodes that end; under this policy they do not at s=0"):
        f(pg.two_state(gamma=1.0), pg.Softmax.binary(2), np.zeros(2))


def test_average_reward_without_discount_is_fine():
    policy, theta = pg.Softmax.binary(2), np.array([0.0, np.log(3)])
    close(pg.objective(pg.two_state(gamma=1.0), policy, theta, "average_reward"), 16 / 7, 1e-14)


@pytest.mark.parametrize("theta", [-800.0, -40.0, 40.0, 800.0])
@pytest.mark.parametrize("f", [pg.objective, pg.policy_gradient, pg.fisher])
def test_practically_endless_corridor(f, theta):
    """Not a number of order 1e16 from a matrix that is singular but for rounding."""
    with pytest.raises(ValueError, match=r"gamma = 1 needs episodes that end; .* they do not at s="):
        f(pg.short_corridor(), pg.Softmax.binary(1), np.array([theta]))


def test_long_but_finite_corridor():
    """Just below the limit the answer is still right."""
    p = sigma(-20.0)
    j = pg.objective(pg.short_corridor(), pg.Softmax.binary(1), np.array([-20.0]))
    assert_allclose(j, 2 * (p - 2) / (p * (1 - p)), rtol=1e-6)


def test_the_endless_run_is_named():
    with pytest.raises(ValueError, match=r"they do not at run=2, s="):
        pg.objective(pg.short_corridor(), pg.Softmax.binary(1), np.array([[0.0], [1.0], [-40.0]]))


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("f", [pg.objective, pg.policy_gradient, pg.fisher])
def test_two_recurrent_classes(f, kind):
    mdp = pg.FiniteMDP(np.tile(np.eye(3)[:, None], (1, 2, 1)), np.zeros((3, 2)), [1, 0, 0], gamma=0.9)
    with pytest.raises(ValueError, match=r"needs one recurrent class; states 0 and 1 are in two"):
        f(mdp, pg.Softmax.binary(3), np.zeros(3), kind)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_practically_two_recurrent_classes(kind):
    """Staying in both states but for 1e-18: not NaN."""
    with pytest.raises(ValueError, match=r"needs one recurrent class; this chain is within rounding of having two"):
        pg.policy_gradient(next_state_problem(0.5), pg.Softmax.binary(2), np.array([-40.0, 40.0]), kind)
    close(pg.objective(next_state_problem(0.5), pg.Softmax.binary(2), [-15.0, 15.0], "average_reward"), 2.5, 1e-5)


@pytest.mark.parametrize("theta", [0.5, np.zeros(3), np.zeros((2, 1)), []])
@pytest.mark.parametrize("f", [pg.action_probabilities, pg.objective, pg.policy_gradient, pg.fisher])
def test_theta_of_the_wrong_shape(f, theta):
    with pytest.raises(ValueError, match=r"theta must have shape \(\.\.\., 2\).*; received \(") as error:
        f(pg.two_state(gamma=0.9), pg.Softmax.binary(2), theta)
    assert str(np.shape(theta)) in str(error.value)


def test_theta_that_is_nan():
    with pytest.raises(ValueError, match=r"the policy at theta, must hold probabilities; it holds nan at s=1, entry=0"):
        pg.objective(pg.two_state(gamma=0.9), pg.Softmax.binary(2), [0.0, np.nan])


@pytest.mark.parametrize("f", [pg.action_probabilities, pg.objective, pg.policy_gradient, pg.fisher])
def test_policy_with_too_many_actions(f):
    with pytest.raises(ValueError, match=r"the policy at theta, must sum to 1; it sums to 0\.66666.* at s=0"):
        f(pg.two_state(gamma=0.9), pg.Softmax.tabular(2, 3), np.zeros(6))


@pytest.mark.parametrize("f", [pg.action_probabilities, pg.objective, pg.policy_gradient, pg.fisher])
def test_policy_with_too_few_actions(f):
    with pytest.raises(ValueError, match=r"a must lie in 0 \.\. 1; it is 2 at index \(2,\)"):
        f(pg.bandit([1, 2, 3]), pg.Softmax.binary(1), np.zeros(1))


def test_policy_with_too_few_states():
    with pytest.raises(ValueError, match=r"s must lie in 0 \.\. 1; it is 2 at index \(2, 0\)"):
        pg.objective(random_mdp(np.random.default_rng(0), "dense", 0.9, 4, 2), pg.Softmax.binary(2), np.zeros(2))


def test_symbolic_policy_with_other_actions():
    x, s, a = sp.symbols("x s a", real=True)
    policy = SymbolicPolicy(a * x - sp.log(2 * sp.cosh(x)), theta=[x], state=s, action=a, actions=[-1, 1])
    with pytest.raises(ValueError, match=r"the policy at theta, must sum to 1; it sums to 1\.1239"):
        pg.objective(pg.two_state(gamma=0.9), policy, [0.3])


@pytest.mark.parametrize("theta", [-40.0, -30.0, 0.0, 20.0, 37.0, 100.0])
def test_saturated_policies_keep_their_digits(theta):
    """The natural gradient of a two-armed bandit is the difference of its arms at every theta."""
    bandit, policy, at = pg.bandit([0, 1]), pg.Softmax.binary(1), np.array([theta])
    gradient, information = pg.policy_gradient(bandit, policy, at), pg.fisher(bandit, policy, at)[0]
    np.testing.assert_allclose(gradient / information, 1, rtol=1e-9)


def test_no_runs_give_no_results():
    mdp, policy = pg.two_state(gamma=0.9), pg.Softmax.binary(2)
    assert pg.fisher(mdp, policy, np.zeros((0, 2))).shape == (0, 2, 2)
    assert pg.policy_gradient(mdp, policy, np.zeros((0, 2))).shape == (0, 2)
