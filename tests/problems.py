"""Random problems and the derivative that the tests compare with."""

import numpy as np

import pglib as pg

FAMILIES = ("dense", "sparse", "periodic", "transient", "episodic")


def random_mdp(rng, family, gamma, n_states=None, n_actions=None, *, by_transition=False, aliased=False):
    """Return a problem of 2-7 states and 2-5 actions; ``sparse`` and ``periodic`` chains are irreducible."""
    S = int(rng.integers(2, 8)) if n_states is None else n_states
    A = int(rng.integers(2, 6)) if n_actions is None else n_actions
    allowed = np.ones((S, A, S))
    terminal = None
    mu = rng.dirichlet(np.ones(S))
    if family == "sparse":  # one or two successors, one of them the next state on a circle
        allowed[:] = 0
        for s in range(S):
            for a in range(A):
                allowed[s, a, rng.integers(S)] = allowed[s, a, (s + 1) % S] = 1
    elif family == "periodic":  # even states lead to odd ones and back
        allowed *= (np.arange(S)[:, None, None] + np.arange(S)) % 2
    elif family == "transient":  # the first state, and half of the states if there are more, is left for good
        gone = max(1, S // 2)
        allowed[gone:, :, :gone] = 0
    elif family == "episodic":  # the last state ends the episode; it is near from everywhere
        terminal = np.arange(S) == S - 1
        mu[-1] = 0
        mu /= mu.sum()
    P = allowed * rng.gamma(1.0, size=(S, A, S))
    if family == "episodic":
        P[..., -1] += 0.3
    P /= P.sum(axis=-1, keepdims=True)
    r = 3 * rng.normal(size=(S, A, S) if by_transition else (S, A))
    observation = rng.integers(max(1, S - 1), size=S) if aliased else None
    return pg.FiniteMDP(P, r, mu, gamma=gamma, terminal=terminal, observation=observation)


def random_policy(rng, mdp, kind):
    """Return a policy for the observations of ``mdp``: tabular, binary, or with fewer parameters than logits."""
    n_observations = int(mdp.observation.max()) + 1
    if kind == "tabular":
        return pg.Softmax.tabular(n_observations, mdp.n_actions)
    if kind == "binary":
        return pg.Softmax.binary(n_observations)
    d = max(1, n_observations * mdp.n_actions // 2)
    return pg.Softmax(rng.normal(size=(n_observations, mdp.n_actions, d)))


def complex_step(f, theta):
    """Return the derivative of f (..., d) -> (..., *out) in every direction, shape (d, *out), with no cancellation.

    Squire & Trapp (1998): Im f(theta + i h e) / h. Nothing is subtracted, so h can be as small as 1e-30.
    """
    step = 1e-30
    return f(theta + 1j * step * np.eye(theta.shape[-1])).imag / step


def random_pi(rng, mdp, *lead):
    """Return positive action probabilities, shape (*lead, S, A)."""
    return rng.dirichlet(np.ones(mdp.n_actions), size=(*lead, mdp.n_states))


def gauss(n=40):
    """Return nodes and weights with which E f(z), z standard normal, is exact for polynomials up to degree 2n - 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return nodes, weights / weights.sum()


def stopped_problem(rng, family, gamma, policy_kind, *, T=3, n_states=2, by_transition=False, aliased=False):
    """Return a problem of few states and two actions that is stopped after T steps, a policy for it, and parameters."""
    base = random_mdp(rng, family, gamma, n_states, 2, by_transition=by_transition, aliased=aliased)
    policy = random_policy(rng, base, policy_kind)
    return pg.with_horizon(base, T), policy, rng.normal(size=policy.n_params)


def agree(samples, truth, z=4.5):
    """Assert that the mean of samples (..., N, d) is within z standard errors of the truth, shape (..., d)."""
    mean, sem = pg.mean_and_sem(samples)
    assert mean.shape == np.shape(truth)
    assert (np.abs(mean - truth) <= z * sem + 1e-12).all(), f"{mean} is not {truth}, standard errors {sem}"


class Fixed(np.random.Generator):
    """Draws one number for ever: the smallest or the largest of a uniform."""

    def __new__(cls, value):
        return super().__new__(cls, np.random.PCG64(0))

    def __init__(self, value):
        super().__init__(np.random.PCG64(0))
        self.value = value

    def random(self, size=None):
        return np.full(size if size is not None else (), self.value)


class Interrupted(pg.Softmax):
    """A policy at whose k-th sum of scores Ctrl-C is pressed."""

    def __init__(self, k):
        super().__init__(np.random.default_rng(0).normal(size=(1, 2, 2)))
        self.left = k

    def score_sum(self, theta, s, a, weights):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return super().score_sum(theta, s, a, weights)
