"""REINFORCE in JAX, the algorithm of pg.train: CartPole by hand, scan over steps, vmap over runs, all updates jitted.

The episodes of a run are frozen when they end, and all 500 steps are computed. Compilation is timed apart.

With two actions and z = h(1) - h(0) the score is (a - pi(1)) times the gradient of z. The rollout keeps a - pi(1), and
the gradient of the sum of z, weighted by (a - pi(1)) * advantage, is that of REINFORCE. It took two thirds of the time
of differentiating log pi.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random

from benchmarks.measure import cpu, learned, report

HORIZON = 500
BETAS, EPSILON = (0.9, 0.99), 1e-8  # those of pg.train


def dynamics(state, push):
    """Return the next states of CartPole, four arrays (E,), and whether they end the episode."""
    x, v, angle, spin = state
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    common = (jnp.where(push, 10.0, -10.0) + 0.05 * spin**2 * sin) / 1.1
    spin_rate = (9.8 * sin - cos * common) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
    acceleration = common - 0.05 * spin_rate * cos / 1.1
    new = (x + 0.02 * v, v + 0.02 * acceleration, angle + 0.02 * spin, spin + 0.02 * spin_rate)
    return new, (jnp.abs(new[0]) > 2.4) | (jnp.abs(new[2]) > 12 * np.pi / 180)


def linear(theta, obs):
    """Return the two logits, W s, for observations (..., 4)."""
    return obs @ theta["w"].T


def mlp(theta, obs):
    """Return the two logits of a layer of 32 tanh units, for observations (..., 4)."""
    return jnp.tanh(obs @ theta["w1"].T + theta["b1"]) @ theta["w2"].T + theta["b2"]


def initial_linear(key):
    """Return zero weights."""
    return {"w": jnp.zeros((2, 4))}


def initial_mlp(key):
    """Return W1 normal with standard deviation 1/2, the rest zero."""
    return {
        "w1": random.normal(key, (32, 4)) / 2, "b1": jnp.zeros(32), "w2": jnp.zeros((2, 32)), "b2": jnp.zeros(2)
    }  # fmt: skip


POLICIES = {"linear": (linear, initial_linear), "mlp": (mlp, initial_mlp)}


def make_train(policy, initial, n_updates, n_episodes, step_size):
    """Return the function key -> mean return of each update, for one run."""

    def rollout(theta, key):
        start_key, key = random.split(key)
        start = tuple(random.uniform(start_key, (4, n_episodes), minval=-0.05, maxval=0.05))

        def step(carry, key):
            state, live = carry
            obs = jnp.stack(state, axis=-1)
            logits = policy(theta, obs)
            p = jax.nn.sigmoid(logits[:, 1] - logits[:, 0])
            push = random.uniform(key, (n_episodes,)) < p
            new, ended = dynamics(state, push)
            state = tuple(jnp.where(live, after, before) for after, before in zip(new, state, strict=True))
            return (state, live & ~ended), (obs, push - p, live)

        return lax.scan(step, (start, jnp.ones(n_episodes, bool)), random.split(key, HORIZON))[1]

    def loss(theta, obs, delta):
        logits = policy(theta, obs)
        return -(delta * (logits[..., 1] - logits[..., 0])).sum() / n_episodes

    def update(carry, key):
        theta, first, second, n = carry
        obs, surprise, live = rollout(theta, key)
        returns = jnp.cumsum(live[::-1].astype(jnp.float32), axis=0)[::-1]  # gamma = 1, reward 1 a step
        advantage = (returns - returns.mean(axis=1, keepdims=True)) * live * (n_episodes / (n_episodes - 1))
        gradient = jax.grad(loss)(theta, obs, surprise * advantage)
        n, (b1, b2) = n + 1, BETAS
        first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, first, gradient)
        second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g**2, second, gradient)

        def moved(t, m, v):
            return t - step_size * m / (1 - b1**n) / (jnp.sqrt(v / (1 - b2**n)) + EPSILON)

        theta = jax.tree.map(moved, theta, first, second)
        return (theta, first, second, n), live.sum() / n_episodes

    def train(key):
        key, start_key = random.split(key)
        theta = initial(start_key)
        zero = jax.tree.map(jnp.zeros_like, theta)
        return lax.scan(update, (theta, zero, zero, 0.0), random.split(key, n_updates))[1]

    return train


def main(name, runs, n_updates, n_episodes, step_size, seed):
    """Compile, train all runs, report."""
    keys = random.split(random.key(seed), runs)
    train = jax.jit(jax.vmap(make_train(*POLICIES[name], n_updates, n_episodes, step_size)))
    compiled, *compile_seconds = cpu(lambda: train.lower(keys).compile())
    returns, user, system = cpu(lambda: np.asarray(compiled(keys)))
    report(user=user, system=system, compile=sum(compile_seconds), **learned(returns, n_episodes))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5]), int(sys.argv[6]))
