"""Finite MDPs: the linear algebra by its defining equations, the named problems by closed forms, and bad input."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import FAMILIES, random_mdp, random_pi

import pglib as pg
import pglib.mdp

DISCOUNTED = [(family, gamma) for family in FAMILIES for gamma in (0.0, 0.5, 0.9, 0.99)] + [("episodic", 1.0)]
FUNCTIONS = (
    pg.values,
    pg.action_values,
    pg.advantages,
    pg.visitation,
    pg.stationary_distribution,
    pg.differential_values,
)


def problem(family, gamma, seed=0, **options):
    rng = np.random.default_rng([seed, FAMILIES.index(family), int(100 * gamma)])
    mdp = random_mdp(rng, family, gamma, **options)
    return mdp, random_pi(rng, mdp)


def chain(mdp, pi):
    return np.einsum("sa,sat->st", pi, mdp.P), (pi * mdp.r).sum(axis=-1)


# --- identities


@pytest.mark.parametrize("family, gamma", DISCOUNTED)
@pytest.mark.parametrize("by_transition", [False, True])
def test_bellman_equations(family, gamma, by_transition):
    """V = sum pi Q, Q = sum P (r + gamma V), sum pi A = 0, and 0 in terminal states."""
    mdp, pi = problem(family, gamma, by_transition=by_transition)
    v, q, advantage = pg.values(mdp, pi), pg.action_values(mdp, pi), pg.advantages(mdp, pi)
    for s, a in product(range(mdp.n_states), range(mdp.n_actions)):
        paid = mdp.r[s, a] if not by_transition else mdp.P[s, a] @ mdp.r_next[s, a]
        assert_allclose(q[s, a], paid + gamma * mdp.P[s, a] @ v, atol=1e-11)
    assert_allclose((pi * q).sum(axis=1), v, atol=1e-11)
    assert_allclose((pi * advantage).sum(axis=1), 0, atol=1e-11)
    assert_allclose(advantage, q - v[:, None], atol=1e-11)
    assert not v[mdp.terminal].any() and not q[mdp.terminal].any()


@pytest.mark.parametrize("family, gamma", DISCOUNTED)
def test_visitation(family, gamma):
    """nu = mu + gamma P' nu on live states; nu . r = mu . V; the sum is 1/(1 - gamma), or the expected length."""
    mdp, pi = problem(family, gamma, seed=1)
    nu, (P_pi, r_pi) = pg.visitation(mdp, pi), chain(mdp, pi)
    assert_allclose(nu, np.where(mdp.terminal, 0, mdp.mu + gamma * P_pi.T @ nu), atol=1e-11)
    assert_allclose(nu @ r_pi, mdp.mu @ pg.values(mdp, pi), rtol=1e-10)
    assert (nu >= 0).all() and not nu[mdp.terminal].any()
    if not mdp.terminal.any():
        assert_allclose(nu.sum(), 1 / (1 - gamma), rtol=1e-12)
    live = mdp.mu.copy()
    total = 0.0
    for t in range(4000):
        total += gamma**t * live[~mdp.terminal].sum()
        live = np.where(mdp.terminal, 0, live @ P_pi)
    assert_allclose(nu.sum(), total, rtol=1e-10)


@pytest.mark.parametrize("family", FAMILIES[:-1])
def test_stationary_distribution(family):
    """d P = d, sum 1, no mass on transient states; that of a periodic chain is no limit of powers."""
    for seed in range(10):
        mdp, pi = problem(family, 0.9, seed=seed)
        d, (P_pi, _) = pg.stationary_distribution(mdp, pi), chain(mdp, pi)
        assert_allclose(d @ P_pi, d, atol=1e-14)
        assert_allclose(d.sum(), 1, atol=1e-14)
        assert (d > -1e-15).all()
        if family == "transient":
            gone = max(1, mdp.n_states // 2)
            assert_allclose(d[:gone], 0, atol=1e-15)
            assert (d[gone:] > 0).all()
        if family == "periodic":
            assert_allclose([d[::2].sum(), d[1::2].sum()], 0.5, atol=1e-14)
            powers = np.linalg.matrix_power(P_pi, 10_000)
            assert np.abs(powers - d).max() > 0.01
            assert_allclose((powers + powers @ P_pi) / 2, np.tile(d, (mdp.n_states, 1)), atol=1e-10)


def test_stationary_distribution_of_a_cycle():
    """Deterministic and of period 5."""
    P = np.roll(np.eye(5), 1, axis=1)[:, None]
    mdp = pg.FiniteMDP(P, np.arange(5.0)[:, None], np.eye(5)[0], gamma=1.0)
    assert_allclose(pg.stationary_distribution(mdp, np.ones((5, 1))), 0.2, atol=1e-15)
    assert_allclose(pg.differential_values(mdp, np.ones((5, 1))), [0, 2, 3, 3, 2] - np.float64(2), atol=1e-14)


@pytest.mark.parametrize("family", FAMILIES[:-1])
def test_differential_values(family):
    """The Poisson equation h = r - rho + P h, and d . h = 0; also the limit of V - d . V for gamma to 1."""
    for seed in range(5):
        mdp, pi = problem(family, 0.9, seed=seed)
        h, d, (P_pi, r_pi) = pg.differential_values(mdp, pi), pg.stationary_distribution(mdp, pi), chain(mdp, pi)
        rho = d @ r_pi
        assert_allclose(h, r_pi - rho + P_pi @ h, atol=1e-12)
        assert_allclose(d @ h, 0, atol=1e-12)
        near = pg.FiniteMDP(mdp.P, mdp.r, mdp.mu, gamma=1 - 2**-20)
        v = pg.values(near, pi)
        assert_allclose(v - d @ v, h, atol=1e-4)


def test_gamma_does_not_matter_to_the_long_run():
    mdp, pi = problem("dense", 0.9)
    for gamma in (0.0, 1.0):
        other = pg.FiniteMDP(mdp.P, mdp.r, mdp.mu, gamma=gamma)
        for f in FUNCTIONS[4:]:
            assert_array_equal(f(other, pi), f(mdp, pi))


@pytest.mark.parametrize("f", FUNCTIONS)
def test_runs_are_a_loop(f):
    """Leading axes of pi, of the rewards, and of both."""
    rng = np.random.default_rng(2)
    P, mu, r = rng.dirichlet(np.ones(4), size=(4, 3)), rng.dirichlet(np.ones(4)), rng.normal(size=(5, 4, 3))
    pi = rng.dirichlet(np.ones(3), size=(5, 4))
    many = pg.FiniteMDP(P, r, mu, gamma=0.9)
    single = [pg.FiniteMDP(P, x, mu, gamma=0.9) for x in r]
    assert_allclose(f(single[0], pi), [f(single[0], x) for x in pi], atol=1e-12)
    assert_allclose(f(many, pi), [f(m, x) for m, x in zip(single, pi, strict=True)], atol=1e-12)
    grid = f(single[1], pi.reshape(5, 1, 4, 3).repeat(2, axis=1))
    assert grid.shape[:2] == (5, 2)
    assert_allclose(grid[3, 1], f(single[1], pi[3]), atol=1e-12)
    if f not in (pg.visitation, pg.stationary_distribution):  # these do not depend on the rewards
        assert_allclose(f(many, pi[0]), [f(m, pi[0]) for m in single], atol=1e-12)


def test_terminal_rows_are_ignored():
    """Whatever a terminal row of P and r holds, NaN included."""
    clean = pg.short_corridor()
    P, r = clean.P.copy(), clean.r.copy()
    P[3], r[3] = np.nan, np.inf
    again = pg.FiniteMDP(P, r, clean.mu, gamma=1.0, terminal=clean.terminal)
    assert not again.P[3].any() and not again.r[3].any()
    pi = np.full((4, 2), 0.5)
    for f in FUNCTIONS[:4]:
        assert_array_equal(f(again, pi), f(clean, pi))
    r_next = np.full((4, 2, 4), -1.0)
    r_next[3] = np.nan
    assert_array_equal(pg.FiniteMDP(P, r_next, clean.mu, gamma=1.0, terminal=clean.terminal).r, clean.r)


def test_reward_of_a_transition_is_its_mean():
    rng = np.random.default_rng(3)
    P, r = rng.dirichlet(np.ones(3), size=(3, 2)), rng.normal(size=(3, 2, 3))
    mdp = pg.FiniteMDP(P, r, [1, 0, 0], gamma=0.9)
    assert_array_equal(mdp.r_next, r)
    for s, a in product(range(3), range(2)):
        assert_allclose(mdp.r[s, a], sum(P[s, a, t] * r[s, a, t] for t in range(3)), atol=1e-15)
    assert pg.FiniteMDP(P, mdp.r, [1, 0, 0], gamma=0.9).r_next is None


def test_arrays_are_read_only_copies():
    rng = np.random.default_rng(4)
    given = {
        "P": rng.dirichlet(np.ones(3), size=(3, 2)),
        "r": rng.normal(size=(3, 2, 3)),
        "mu": np.array([0.5, 0.5, 0.0]),
        "terminal": np.array([False, False, True]),
        "observation": np.array([0, 1, 1]),
    }
    for r in (given["r"], given["r"][..., 0].copy()):
        arrays = {**given, "r": r}
        mdp = pg.FiniteMDP(**arrays, gamma=0.9)
        before = {name: np.copy(getattr(mdp, name)) for name in ("P", "r", "mu", "terminal", "observation")}
        copies = {name: array.copy() for name, array in arrays.items()}
        for array in arrays.values():
            array[...] = 0
        for name, array in before.items():
            assert_array_equal(getattr(mdp, name), array)
            with pytest.raises(ValueError, match="read-only"):
                getattr(mdp, name)[...] = 0
        for name, array in copies.items():  # nor did making the problem change the caller's arrays
            arrays[name][...] = array
        assert_array_equal(pg.FiniteMDP(**arrays, gamma=0.9).P, mdp.P)
        assert arrays["P"][2].any()
    assert mdp.r_next is None
    mdp = pg.FiniteMDP(**given, gamma=0.9)
    with pytest.raises(ValueError, match="read-only"):
        mdp.r_next[...] = 0


def test_default_observation_is_the_state():
    assert_array_equal(pg.two_state(gamma=0.5).observation, [0, 1])


# --- a horizon


def value_to_go(mdp, pi, T, s):
    """Return the expected (discounted) sum of T rewards from s, by recursion over all transitions."""
    if T == 0 or mdp.terminal[s]:
        return 0.0
    total = 0.0
    for a, t in product(range(mdp.n_actions), range(mdp.n_states)):
        if mdp.P[s, a, t]:
            paid = mdp.r[s, a] if mdp.r_next is None else mdp.r_next[s, a, t]
            total += pi[s, a] * mdp.P[s, a, t] * (paid + mdp.gamma * value_to_go(mdp, pi, T - 1, t))
    return total


@pytest.mark.parametrize("T", [1, 2, 3])
@pytest.mark.parametrize("by_transition", [False, True])
@pytest.mark.parametrize("family, gamma", [("dense", 1.0), ("sparse", 0.9), ("episodic", 1.0), ("episodic", 0.5)])
def test_horizon(family, gamma, by_transition, T):
    """Every inner state has the value of the steps that are left."""
    mdp, pi = problem(family, gamma, seed=5, n_states=3, n_actions=2, by_transition=by_transition)
    short = pg.with_horizon(mdp, T)
    tall = np.concatenate([np.tile(pi, (T, 1)), pi[:1]])
    v = pg.values(short, tall)
    for t, s in product(range(T), range(3)):
        assert_allclose(v[3 * t + s], value_to_go(mdp, pi, T - t, s), atol=1e-13)
    assert v[-1] == 0
    assert_allclose(short.mu @ v, sum(mdp.mu[s] * value_to_go(mdp, pi, T, s) for s in range(3)), atol=1e-13)
    lengths = pg.FiniteMDP(mdp.P, np.ones((3, 2)), mdp.mu, gamma=gamma, terminal=mdp.terminal)
    steps = sum(mdp.mu[s] * value_to_go(lengths, pi, T, s) for s in range(3))
    assert_allclose(pg.visitation(short, tall).sum(), steps, atol=1e-13)


@pytest.mark.parametrize("by_transition", [False, True])
def test_structure_of_a_horizon(by_transition):
    """States (t, s) and one end; inner terminal states stay terminal and are replaced by the end."""
    rng = np.random.default_rng(6)
    base = random_mdp(rng, "episodic", 0.7, 3, 2, by_transition=by_transition)
    r = base.r_next if by_transition else base.r
    mdp = pg.FiniteMDP(base.P, r, base.mu, gamma=0.7, terminal=base.terminal, reward_std=0.3, observation=[4, 0, 4])
    short = pg.with_horizon(mdp, 2)
    assert (short.n_states, short.n_actions, short.gamma, short.reward_std) == (7, 2, 0.7, 0.3)
    assert short.terminal.tolist() == [False, False, True] * 2 + [True]
    assert short.observation.tolist() == [4, 0, 4] * 2 + [4]
    assert_array_equal(short.mu, [*mdp.mu, 0, 0, 0, 0])
    live, inner = slice(0, 2), slice(3, 5)
    assert_allclose(short.P[live, :, 3:5], mdp.P[live, :, :2])
    assert_allclose(short.P[live, :, 6], mdp.P[live, :, 2])
    assert_allclose(short.P[inner, :, 6], 1)
    assert not short.P[live, :, :3].any() and not short.P[:, :, [2, 5]].any()
    if by_transition:
        assert_allclose(short.r_next[live, :, 3:5], mdp.r_next[live, :, :2])
        assert_allclose(short.r_next[live, :, 6], mdp.r_next[live, :, 2])
        assert_allclose(short.r_next[inner, :, 6], mdp.r[live])
    assert_allclose(short.r[live], mdp.r[live], atol=1e-15)
    assert_allclose(short.r[inner], mdp.r[live], atol=1e-15)


def test_horizon_keeps_the_runs_of_the_rewards():
    """Also where their shape could be taken for rewards of transitions: two runs of two actions, one step."""
    r = np.arange(4.0).reshape(2, 1, 2)
    short = pg.with_horizon(pg.FiniteMDP(np.ones((1, 2, 1)), r, [1], gamma=1.0), 1)
    assert short.r.shape == (2, 2, 2)
    assert_array_equal(short.r[:, 0], r[:, 0])
    assert not short.r[:, 1].any()
    rng = np.random.default_rng(7)
    r, P, pi = rng.normal(size=(4, 3, 2, 3)), rng.dirichlet(np.ones(3), size=(3, 2)), np.full((3, 2), 0.5)
    v = pg.values(pg.with_horizon(pg.FiniteMDP(P, r, [1, 0, 0], gamma=0.9), 2), np.full((7, 2), 0.5))
    for i in range(4):
        one = pg.FiniteMDP(P, r[i], [1, 0, 0], gamma=0.9)
        assert_allclose(v[i, :3], [value_to_go(one, pi, 2, s) for s in range(3)], atol=1e-13)


def test_horizon_of_a_horizon():
    """The shorter one counts."""
    mdp, pi = problem("dense", 1.0, n_states=2, n_actions=2)
    for outer, inner in [(2, 5), (5, 2)]:
        short = pg.with_horizon(pg.with_horizon(mdp, inner), outer)
        rows = np.resize(np.concatenate([np.tile(pi, (inner, 1)), pi[:1]]), (short.n_states, 2))
        assert_allclose(pg.values(short, rows)[:2], [value_to_go(mdp, pi, 2, s) for s in range(2)], atol=1e-13)


# --- named problems


def test_bandit():
    mdp = pg.bandit([3, 2, 1], reward_std=0.5)
    assert (mdp.n_states, mdp.n_actions, mdp.gamma, mdp.reward_std) == (2, 3, 1.0, 0.5)
    assert mdp.terminal.tolist() == [False, True] and mdp.observation.tolist() == [0, 0]
    pi = np.array([[0.2, 0.3, 0.5], [1, 0, 0]])
    assert_allclose(pg.values(mdp, pi), [0.2 * 3 + 0.3 * 2 + 0.5, 0])
    assert_allclose(pg.action_values(mdp, pi), [[3, 2, 1], [0, 0, 0]])
    assert_allclose(pg.visitation(mdp, pi), [1, 0])


@pytest.mark.parametrize("shape", [(4,), (1, 1), (2, 2), (5, 3), (2, 2, 2), (3, 2, 4)])
def test_bandits_for_many_runs(shape):
    means = np.random.default_rng(8).normal(size=shape)
    mdp = pg.bandit(means)
    assert mdp.r.shape == (*shape[:-1], 2, shape[-1])
    assert_allclose(mdp.r[..., 0, :], means, atol=1e-15)
    pi = np.full((2, shape[-1]), 1 / shape[-1])
    assert_allclose(pg.values(mdp, pi)[..., 0], means.mean(axis=-1), atol=1e-14)


def test_short_corridor():
    mdp = pg.short_corridor()
    assert (mdp.n_states, mdp.n_actions, mdp.gamma) == (4, 2, 1.0)
    assert mdp.P.argmax(axis=-1)[:3].tolist() == [[0, 1], [2, 0], [1, 3]]
    p = np.array([0.1, 0.5, 0.9])
    pi = np.stack([1 - p, p], axis=-1)[:, None].repeat(4, axis=1)
    assert_allclose(pg.values(mdp, pi)[:, 0], (2 * p - 4) / (p * (1 - p)))


def test_two_state():
    mdp = pg.two_state(gamma=0.9)
    assert_allclose(mdp.P[..., 1], [[1 / 4, 3 / 4], [1 / 2, 9 / 10]])
    assert_allclose(mdp.r, [[1, 0], [0, 4]])
    assert mdp.mu.tolist() == [1, 0] and not mdp.terminal.any()
    d = pg.stationary_distribution(mdp, [[0.5, 0.5], [0.25, 0.75]])
    assert_allclose(d, [2 / 7, 5 / 7])
    other = pg.two_state([[0, 1], [1, 0]], [[1, 2], [3, 4]], gamma=0.5)
    assert_allclose(other.P, [[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
    assert_allclose(pg.values(other, [[0, 1], [0, 1]]), [16 / 3, 20 / 3])


@pytest.mark.parametrize("n", [1, 3, 5, 19])
def test_random_walk(n):
    """The chance of the right end is linear in the place; the length of a walk is k (n + 1 - k)."""
    mdp, pi = pg.random_walk(n), np.full((n + 2, 2), 0.5)
    v = np.arange(n + 2) / (n + 1)
    v[-1] = 0
    assert_allclose(pg.values(mdp, pi), v, atol=1e-13)
    middle = (n + 1) // 2
    assert mdp.mu[middle] == 1 and mdp.mu @ v == 0.5
    assert_allclose(pg.visitation(mdp, pi).sum(), middle * (n + 1 - middle))


def test_random_walk_with_discount():
    v = pg.values(pg.random_walk(3, gamma=0.5), np.tile([0.0, 1.0], (5, 1)))
    assert_allclose(v, [0, 0.25, 0.5, 1, 0])


@pytest.mark.parametrize("rows, columns", [(3, 3), (1, 4), (4, 1), (2, 5)])
def test_gridworld(rows, columns):
    """Straight to the goal takes as many steps as the distance; moves off the grid stay."""
    mdp = pg.gridworld(rows, columns, gamma=1.0)
    S = rows * columns
    assert (mdp.n_states, mdp.n_actions) == (S, 4)
    assert mdp.mu[0] == 1 and np.flatnonzero(mdp.terminal).tolist() == [S - 1]
    for s, (row, column) in enumerate(np.ndindex(rows, columns)):
        if s == S - 1:
            continue
        for a, (down, right) in enumerate([(-1, 0), (1, 0), (0, -1), (0, 1)]):
            i, j = row + down, column + right
            inside = 0 <= i < rows and 0 <= j < columns
            assert mdp.P[s, a, i * columns + j if inside else s] == 1
    pi = np.zeros((S, 4))
    for s, (_, column) in enumerate(np.ndindex(rows, columns)):
        pi[s, 3 if column < columns - 1 else 1] = 1
    distance = [-(rows - 1 - i) - (columns - 1 - j) for i, j in np.ndindex(rows, columns)]
    assert_allclose(pg.values(mdp, pi), distance, atol=1e-13)


# --- bad input

GOOD = {
    "P": [[[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [0.0, 1.0]]],
    "r": [[1.0, 0.0], [0.0, 4.0]],
    "mu": [1.0, 0.0],
    "gamma": 0.9,
}


def with_entry(name, index, value):
    array = np.array(GOOD[name])
    array[index] = value
    return {name: array}


@pytest.mark.parametrize("change, message", [
    (with_entry("P", (1, 0, 0), 0.15), r"P\[s, a\] must sum to 1; it sums to 0\.9 at s=1, a=0"),
    (with_entry("P", (0, 1, 1), 1e-6), r"P\[s, a\] must sum to 1; it sums to 1\.000001 at s=0, a=1"),
    (with_entry("P", (0, 1, 1), np.nan), r"P\[s, a\] must hold probabilities; it holds nan at s=0, a=1, entry=1"),
    (with_entry("P", (0, 1, 1), np.inf), r"P\[s, a\] must sum to 1; it sums to inf at s=0, a=1"),
    (with_entry("P", (1, 1), [1.5, -0.5]), r"P\[s, a\] must hold probabilities; it holds -0\.5 at s=1, a=1, entry=1"),
    ({"P": np.ones((2, 2)) / 2}, r"P must have shape \(S, A, S\), none of them 0; received \(2, 2\)"),
    ({"P": np.ones((2, 2, 3)) / 3}, r"P must have shape \(S, A, S\).*; received \(2, 2, 3\)"),
    ({"P": np.ones((2, 0, 2))}, r"P must have shape \(S, A, S\), none of them 0; received \(2, 0, 2\)"),
    ({"mu": [0.5, 0.4]}, r"mu must sum to 1; it sums to 0\.9$"),
    ({"mu": [0.5, np.nan]}, r"mu must hold probabilities; it holds nan at entry=1"),
    ({"mu": [1.5, -0.5]}, r"mu must hold probabilities; it holds -0\.5 at entry=1"),
    ({"mu": [1.0]}, r"mu must have shape \(2,\), one entry a state; received \(1,\)"),
    ({"mu": [[1.0, 0.0]]}, r"mu must have shape \(2,\), one entry a state; received \(1, 2\)"),
    ({"mu": 1.0}, r"mu must have shape \(2,\), one entry a state; received \(\)"),
    ({"terminal": [True, False]}, r"mu must be 0 in terminal states.*; it is 1\.0 at s=0"),
    ({"terminal": [0, 1]}, r"terminal must have shape \(2,\) of bool; received \(2,\) of int64"),
    ({"terminal": [False]}, r"terminal must have shape \(2,\) of bool; received \(1,\) of bool"),
    ({"terminal": 1}, r"terminal must have shape \(2,\) of bool; received \(\) of int64"),
    ({"r": [[1.0, 0.0, 2.0]] * 2}, r"r must have shape \(\.\.\., S, A\).* with S=2, A=2; received \(2, 3\)"),
    ({"r": [1.0, 0.0]}, r"r must have shape \(\.\.\., S, A\).* with S=2, A=2; received \(2,\)"),
    ({"r": 1.0}, r"r must have shape \(\.\.\., S, A\).* with S=2, A=2; received \(\)"),
    (with_entry("r", (1, 0), np.nan), r"r must be finite in states that are not terminal; it holds nan at s=1, a=0"),
    (with_entry("r", (0, 1), -np.inf), r"r must be finite in states that are not terminal; it holds -inf at s=0, a=1"),
    ({"r": np.full((2, 2, 2), np.nan)}, r"it holds nan at s=0, a=0, s_next=0"),
    ({"r": np.full((3, 2, 2), np.inf)}, r"it holds inf at run=0, s=0, a=0"),
    ({"gamma": None}, r"gamma must be given, a number in \[0, 1\]; received None"),
    ({"gamma": np.nan}, r"gamma must be given, a number in \[0, 1\]; received nan"),
    ({"gamma": -0.1}, r"gamma must be given, a number in \[0, 1\]; received -0\.1"),
    ({"gamma": 1.1}, r"gamma must be given, a number in \[0, 1\]; received 1\.1"),
    ({"gamma": "0.9"}, r"gamma must be given, a number in \[0, 1\]; received '0\.9'"),
    ({"gamma": [0.9]}, r"gamma must be given, a number in \[0, 1\]; received \[0\.9\]"),
    ({"reward_std": -1.0}, r"reward_std must be a finite number of at least 0; received -1\.0"),
    ({"reward_std": np.nan}, r"reward_std must be a finite number of at least 0; received nan"),
    ({"reward_std": np.inf}, r"reward_std must be a finite number of at least 0; received inf"),
    ({"reward_std": None}, r"reward_std must be a finite number of at least 0; received None"),
    ({"observation": [0]}, r"observation must have shape \(2,\), one entry a state; received \(1,\)"),
    ({"observation": [[0, 1]]}, r"observation must have shape \(2,\), one entry a state; received \(1, 2\)"),
    ({"observation": [0.0, 1.0]}, r"observation must hold integers of at least 0; received"),
    ({"observation": [0, -1]}, r"observation must hold integers of at least 0; received \[0, -1\]"),
])  # fmt: skip
def test_bad_problems(change, message):
    pg.FiniteMDP(**GOOD)
    with pytest.raises(ValueError, match=message):
        pg.FiniteMDP(**{**GOOD, **change})


def test_gamma_is_required():
    with pytest.raises(ValueError, match=r"gamma must be given"):
        pg.FiniteMDP(GOOD["P"], GOOD["r"], GOOD["mu"])
    with pytest.raises(TypeError):
        pg.FiniteMDP(GOOD["P"], GOOD["r"], GOOD["mu"], 0.9)  # options have names


@pytest.mark.parametrize("pi, message", [
    (np.ones((2, 3)) / 3, r"pi must have shape \(\.\.\., 2, 2\), \(\.\.\., S, A\); received \(2, 3\)"),
    (np.array([0.5, 0.5]), r"pi must have shape \(\.\.\., 2, 2\).*; received \(2,\)"),
    ([[0.5, 0.5], [0.5, 0.4]], r"pi\[s\] must sum to 1; it sums to 0\.9 at s=1"),
    ([[1.5, -0.5], [0.5, 0.5]], r"pi\[s\] must hold probabilities; it holds -0\.5 at s=0, entry=1"),
    ([[0.5, np.nan], [0.5, 0.5]], r"pi\[s\] must hold probabilities; it holds nan at s=0, entry=1"),
    ([np.full((2, 2), 0.5), np.ones((2, 2))], r"pi\[s\] must sum to 1; it sums to 2 at run=1, s=0"),
    ([[0.0, 0.0], [0.5, 0.5]], r"pi\[s\] must sum to 1; it sums to 0 at s=0"),
])  # fmt: skip
@pytest.mark.parametrize("f", FUNCTIONS)
def test_bad_policies(f, pi, message):
    with pytest.raises(ValueError, match=message):
        f(pg.FiniteMDP(**GOOD), pi)


@pytest.mark.parametrize("f", FUNCTIONS[:4])
def test_episode_that_need_not_end(f):
    """In state 1, which the start may lead to or not, action 0 ends the episode and action 1 stays."""
    P = [[[0, 0, 1], [0, 1, 0]], [[0, 0, 1], [0, 1, 0]], [[0, 0, 1], [0, 0, 1]]]
    mdp = pg.FiniteMDP(P, np.ones((3, 2)), [1, 0, 0], gamma=1.0, terminal=[False, False, True])
    ends, stays = np.full((3, 2), 0.5), np.array([[0.5, 0.5], [0.0, 1.0], [0.5, 0.5]])
    assert np.isfinite(f(mdp, ends)).all()
    with pytest.raises(ValueError, match=r"gamma = 1 needs episodes that end; under this policy they do not at s=1"):
        f(mdp, stays)
    with pytest.raises(ValueError, match=r"they do not at run=1, s=1"):
        f(mdp, [ends, stays])


@pytest.mark.parametrize("f", FUNCTIONS[:4])
def test_episode_that_ends_once_in_1e16_steps(f):
    """The matrix is singular but for rounding; the answer would be noise."""
    P = [[[1 - 1e-16, 1e-16]], [[0, 1]]]
    mdp = pg.FiniteMDP(P, [[1.0], [0.0]], [1, 0], gamma=1.0, terminal=[False, True])
    with pytest.raises(ValueError, match=r"gamma = 1 needs episodes that end"):
        f(mdp, np.ones((2, 1)))


@pytest.mark.parametrize("f", FUNCTIONS[4:])
def test_long_run_with_terminal_states(f):
    with pytest.raises(ValueError, match=r"the long run needs a problem without terminal states; state 3 is terminal"):
        f(pg.short_corridor(), np.full((4, 2), 0.5))


@pytest.mark.parametrize("f", FUNCTIONS[4:])
def test_two_recurrent_classes(f):
    """State 0 is transient; {1, 3} and {2} are closed."""
    P = np.zeros((4, 1, 4))
    P[0, 0] = 0.25
    P[1, 0, 3] = P[3, 0, 1] = P[2, 0, 2] = 1
    mdp = pg.FiniteMDP(P, np.zeros((4, 1)), [1, 0, 0, 0], gamma=0.9)
    with pytest.raises(ValueError, match=r"needs one recurrent class; states 1 and 2 are in two"):
        f(mdp, np.ones((4, 1)))
    mdp = pg.FiniteMDP(np.tile(np.eye(2), (2, 1, 1)), np.zeros((2, 2)), [1, 0], gamma=0.9)
    with pytest.raises(ValueError, match=r"needs one recurrent class; states 0 and 1 are in two at run=1"):
        f(mdp, [np.full((2, 2), 0.5), np.eye(2)])


@pytest.mark.parametrize("f", FUNCTIONS[4:])
def test_chain_that_moves_once_in_1e16_steps(f):
    P = [[[1 - 1e-16, 1e-16]], [[1e-18, 1.0]]]
    mdp = pg.FiniteMDP(P, [[1.0], [0.0]], [1, 0], gamma=0.9)
    with pytest.raises(ValueError, match=r"needs one recurrent class; this chain is within rounding of having two"):
        f(mdp, np.ones((2, 1)))


@pytest.mark.parametrize("make, message", [
    (lambda: pg.bandit([]), r"means must have shape \(\.\.\., A\), one entry an arm; received \(0,\)"),
    (lambda: pg.bandit(1.0), r"means must have shape \(\.\.\., A\), one entry an arm; received \(\)"),
    (lambda: pg.bandit([1.0, np.nan]), r"r must be finite .*; it holds nan at s=0, a=1"),
    (lambda: pg.bandit([1.0, 0.0], reward_std=-1), r"reward_std must be a finite number of at least 0; received -1"),
    (lambda: pg.two_state([[0.5, 0.5]], gamma=0.9), r"to_one must have shape \(2, 2\).*; received \(1, 2\)"),
    (lambda: pg.two_state([[0, 0], [2, 0]], gamma=0.9), r"P\[s, a\] must hold .*; it holds -1\.0 at s=1, a=0"),
    (lambda: pg.two_state(gamma=2), r"gamma must be given, a number in \[0, 1\]; received 2"),
    (lambda: pg.random_walk(4), r"n must be an odd integer of at least 1; received 4"),
    (lambda: pg.random_walk(0), r"n must be an odd integer of at least 1; received 0"),
    (lambda: pg.random_walk(-3), r"n must be an odd integer of at least 1; received -3"),
    (lambda: pg.random_walk(5.0), r"n must be an odd integer of at least 1; received 5\.0"),
    (lambda: pg.gridworld(1, 1, gamma=1.0), r"the grid must have at least two cells; received n_rows=1, n_columns=1"),
    (lambda: pg.gridworld(-2, -2, gamma=1.0), r"the grid must have at least two cells; received n_rows=-2"),
    (lambda: pg.gridworld(3.0, 3, gamma=1.0), r"the grid must have at least two cells; received n_rows=3\.0"),
    (lambda: pg.with_horizon(pg.short_corridor(), 0), r"T must be an integer of at least 1; received 0"),
    (lambda: pg.with_horizon(pg.short_corridor(), -1), r"T must be an integer of at least 1; received -1"),
    (lambda: pg.with_horizon(pg.short_corridor(), 2.0), r"T must be an integer of at least 1; received 2\.0"),
    (lambda: pg.with_horizon(pg.short_corridor(), True), r"T must be an integer of at least 1; received True"),
    (lambda: pg.with_horizon(pg.short_corridor(), None), r"T must be an integer of at least 1; received None"),
])  # fmt: skip
def test_bad_sizes(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_row_that_sums_to_nearly_one_does_not_create_mass():
    """At 1 + 9e-9 the row passes; unless it is mended, the value would be negative at this gamma."""
    mdp = pg.FiniteMDP([[[1 + 9e-9]]], [[1]], [1], gamma=1 - 1e-9)
    np.testing.assert_allclose(pg.values(mdp, [[1.0]]), 1e9, rtol=1e-6)


# --- the best policy


@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.999])
def test_optimal_values_are_those_of_the_best_deterministic_policy(gamma):
    """Of all 27, in every state at once; rewards for two runs."""
    rng = np.random.default_rng(31)
    mdp = pg.FiniteMDP(rng.dirichlet(np.ones(3), size=(3, 3)), rng.normal(size=(2, 3, 3)), [1, 0, 0], gamma=gamma)
    policies = np.eye(3)[list(product(range(3), repeat=3))]
    of_all = pg.values(mdp, policies[:, None])
    best = pg.optimal_values(mdp)
    assert best.shape == (2, 3)
    assert_allclose(best, of_all.max(axis=0), rtol=1e-10)
    assert (of_all < best - 1e-9).any(axis=0).all()  # there is a choice


def test_optimal_values_of_problems_that_end():
    """Terminal states are worth nothing, at gamma = 1; a longer way costs a step each."""
    assert pg.optimal_values(pg.gridworld(3, 4, gamma=1.0)).min() == -5
    walk = pg.optimal_values(pg.random_walk(5))
    assert_array_equal(walk, [0, 1, 1, 1, 1, 1, 0])


def test_a_policy_that_is_paid_for_ever_has_no_value(monkeypatch):
    monkeypatch.setattr(pglib.mdp, "SWEEPS", 1000)
    mdp = pg.FiniteMDP([[[1.0]]], [[1.0]], [1], gamma=1.0)
    with pytest.raises(ValueError, match=r"the optimal values must settle; with gamma = 1 they do not in 1,000 sweeps"):
        pg.optimal_values(mdp)
