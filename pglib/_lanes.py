r"""Episodes in pglib's own array environments, and the sums of their scores: the file that is written for speed.

A lane is one episode of one run. All lanes advance together, one step at a time, and what a step costs decides what
training costs. So this file departs from the plain style of the others in five ways.

* A state is an array (obs_dim, lanes): each component is one contiguous row, and NumPy works on whole rows.
* Results are written into arrays that are there already (``out``). The state that is worked on stays in the fastest
  cache; a copy of it is kept for the gradient.
* Random numbers come from SFC64, the fastest of NumPy's generators, seeded by the caller's. They are drawn for `BLOCK`
  steps at once, and once in `BLOCK` steps it is asked which episodes have ended. A lane whose episode has ended goes on
  until the last one has; what it does then is not ``live`` and weighs nothing.
* Two actions need no softmax. With half the log-odds z of action 1, :math:`\tanh z = 2 \pi(1) - 1`. Action 1 is taken
  if tanh z exceeds a number that is uniform in (-1, 1), and the score in the log-odds is a - (1 + tanh z) / 2.
* Returns, weights and sums of scores are worked out in blocks of `GRADIENT_BLOCK` steps, from the last block on.

`LinearSoftmax` and `MLPSoftmax` over two actions are written down here for lanes. Any other policy goes through its
public methods ``sample`` and ``score_sum``; the tests ask that both ways give the same numbers.
"""

import numpy as np

from pglib._checks import vector_size
from pglib._simulator import Simulator
from pglib.episodes import Episodes, returns_to_go
from pglib.estimators import _weigh
from pglib.policies import LinearSoftmax, MLPSoftmax

__all__ = ["LaneSimulator"]

BLOCK = 25
GRADIENT_BLOCK = 50  # as many steps as are added up at once
CACHE = 2**17  # numbers of hidden units that are worked on at once
ONE_THREAD = 2**18  # multiplications up to which OpenBLAS uses one thread, and its sums do not depend on their number


class LaneSimulator(Simulator):
    """Draws episodes of a policy in an array environment, for theta (runs, d) in single or double precision."""

    def __init__(self, env, policy):
        takes = vector_size(policy)
        n_actions = getattr(policy, "n_actions", None)
        if takes != env.obs_dim or n_actions != env.n_actions:
            raise ValueError(
                f"policy must take observations of {env.obs_dim} numbers and choose among {env.n_actions} actions, as "
                f"{type(env).__name__} has; {type(policy).__name__} takes {takes} and chooses among {n_actions}"
            )
        self.env, self.policy = env, policy
        self.lanes = {LinearSoftmax: _Linear, MLPSoftmax: _MLP}.get(type(policy)) if n_actions == 2 else None
        self.action_dtype = np.int8 if self.lanes is None else bool
        self.room = None  # the memory of the last call, for the next one

    def episodes(self, theta, n_episodes, horizon, rng):
        """Return `Episodes` (runs, n_episodes, T, ...), until the next call; behind an end they hold rubbish."""
        n_lanes, dtype = len(theta) * n_episodes, theta.dtype
        x, a, live, step = self._room(n_lanes, horizon, dtype)
        now, then = self.env.reset(n_lanes, rng=rng, dtype=dtype), np.empty_like(x[0])
        now_rows, then_rows = tuple(now), tuple(then)
        live[0] = True
        act = self._act(theta, n_episodes, rng)
        bits = np.random.SFC64(rng.integers(2**63, size=4))
        t = 0
        while t < horizon and live[t].any():
            end = min(t + BLOCK, horizon)
            u = _uniform(bits, (end - t, n_lanes), dtype)
            for i in range(t, end):
                x[i] = now
                act(now, u[i - t], a[i])
                step(now_rows, a[i], then_rows)
                now, now_rows, then, then_rows = then, then_rows, now, now_rows
            x[end] = now
            going_on = ~self.env.ended(x[t + 1 : end + 1].swapaxes(0, 1))
            for i in range(t, end):
                np.logical_and(live[i], going_on[i - t], live[i + 1])
            t = end
        n_steps = np.add.reduce(live[:t].view(np.int8), axis=0, dtype=np.int32)  # several times as fast as sum
        longest = n_steps.max()
        shape = len(theta), n_episodes
        observations = x[:longest].reshape(longest, -1, *shape).transpose(2, 3, 0, 1)
        alive = live[:longest].reshape(longest, *shape).transpose(1, 2, 0)
        truncated = live[t].reshape(shape)
        return Episodes(
            states=observations,
            observations=observations,
            actions=a[:longest].view(np.int8).reshape(longest, *shape).transpose(1, 2, 0),
            rewards=alive.view(np.int8),
            live=alive,
            terminated=~truncated,
            truncated=truncated,
            final=x[n_steps, :, np.arange(n_lanes)].reshape(*shape, -1),
        )

    def mean_return(self, batch):
        """Return the mean over the episodes of their rewards, shape (runs,): each step pays 1."""
        live = np.moveaxis(batch.live, -1, 0).view(np.int8)
        return np.add.reduce(live, axis=0, dtype=np.int32).mean(axis=-1)

    def mean_gradient(self, theta, batch, gamma, baseline):
        """Return the mean over the episodes of what `reinforce` returns, shape (runs, d)."""
        n_episodes, n_steps = batch.live.shape[1:]
        policy = None if self.lanes is None else self.lanes(self.policy, theta, n_episodes)
        total, ahead = 0, 0
        for first in reversed(range(0, n_steps, GRADIENT_BLOCK)):  # from the last block on, as returns are added up
            block = slice(first, first + GRADIENT_BLOCK)
            live, a, s = batch.live[..., block], batch.actions[..., block], batch.observations[..., block, :]
            rewards = live.astype(theta.dtype)
            rewards[..., -1] += gamma * ahead
            returns = returns_to_go(rewards, gamma)
            ahead = returns[..., 0]
            weights = _weigh(returns, s, live, gamma, baseline, first)
            if policy is None:
                total = total + self.policy.score_sum(theta, s, a, weights)
            else:
                by_time = s.transpose(2, 3, 0, 1), np.moveaxis(a, -1, 0), np.moveaxis(weights, -1, 0)
                total = total + policy.score_sum(*by_time)
        return total / n_episodes

    def _act(self, theta, n_episodes, rng):
        """Return a function (x, u, out) that writes actions for the observations x (obs_dim, lanes)."""
        if self.lanes is not None:
            return self.lanes(self.policy, theta, n_episodes).act

        def act(x, u, out):
            s = x.reshape(-1, len(theta), n_episodes).transpose(1, 2, 0)
            out[:] = self.policy.sample(theta[:, None], s, rng=rng).ravel()

        return act

    def _room(self, n_lanes, horizon, dtype):
        """Return arrays of states, actions and live steps, and the environment's step; the memory is used again."""
        sizes = (horizon + 1) * self.env.obs_dim * n_lanes, horizon * n_lanes, (horizon + 1) * n_lanes
        if (
            self.room is None
            or self.room[0].size < sizes[0]
            or self.room[1].size < sizes[1]
            or self.room[0].dtype != dtype
        ):
            self.room = np.empty(sizes[0], dtype), np.empty(sizes[1], self.action_dtype), np.empty(sizes[2], bool)
            self.steppers = {}
        if n_lanes not in self.steppers:
            self.steppers[n_lanes] = self.env.stepper(n_lanes, dtype)
        x, a, live = (memory[:size] for memory, size in zip(self.room, sizes, strict=True))
        shape = horizon + 1, self.env.obs_dim, n_lanes
        return x.reshape(shape), a.reshape(horizon, n_lanes), live.reshape(horizon + 1, n_lanes), self.steppers[n_lanes]


class _Linear:
    """`LinearSoftmax` over two actions: log-odds 2 z, z = x . (W_1 - W_0) / 2."""

    def __init__(self, policy, theta, n_episodes):
        w = theta.reshape(len(theta), 2, policy.obs_dim)
        self.half = np.repeat((w[:, 1] / 2 - w[:, 0] / 2).T, n_episodes, axis=1)  # (obs_dim, lanes)
        self.z = np.empty_like(self.half[0])

    def act(self, x, u, out):
        np.einsum("in,in->n", x, self.half, out=self.z)
        np.greater(np.tanh(self.z, self.z), u, out)

    def score_sum(self, x, a, w):
        """Return the sums for x (T, obs_dim, runs, episodes), and a and w (T, runs, episodes)."""
        runs, n_episodes = w.shape[1:]
        x, a, w = (column.reshape(*column.shape[:-2], -1) for column in (x, a, w))
        delta = _twice_delta(np.einsum("tin,in->tn", x, self.half), a, w)
        by_w1 = np.einsum("tin,tn->in", x, delta).reshape(-1, runs, n_episodes).sum(axis=-1).T / 2
        return np.concatenate([-by_w1, by_w1], axis=-1)


class _MLP:
    """`MLPSoftmax` over two actions: log-odds 2 z, 2 z = h . (W2_1 - W2_0) + b2_1 - b2_0, h = tanh(W1 x + b1)."""

    def __init__(self, policy, theta, n_episodes):
        w1, b1, w2, b2 = policy._split(theta)
        self.w1 = np.concatenate([w1, b1[..., None]], axis=-1)  # (runs, n_hidden, obs_dim + 1)
        self.half = w2[:, 1:] / 2 - w2[:, :1] / 2  # (runs, 1, n_hidden)
        self.half_b = (b2[:, 1] / 2 - b2[:, 0] / 2)[:, None, None]
        self.runs, self.n_episodes = len(theta), n_episodes
        self.x = np.ones((self.runs, policy.obs_dim + 1, n_episodes), theta.dtype)
        self.h = np.empty((self.runs, policy.n_hidden, n_episodes), theta.dtype)
        self.z = np.empty((self.runs, 1, n_episodes), theta.dtype)

    def act(self, x, u, out):
        self.x[:, :-1] = x.reshape(-1, self.runs, self.n_episodes).swapaxes(0, 1)
        np.tanh(np.matmul(self.w1, self.x, self.h), self.h)
        np.add(np.matmul(self.half, self.h, self.z), self.half_b, self.z)
        np.greater(np.tanh(self.z, self.z).reshape(-1), u, out)

    def score_sum(self, x, a, w):
        """Return the sums for x (T, obs_dim, runs, episodes), and a and w (T, runs, episodes)."""
        n_hidden, n = self.h.shape[1], len(x) * self.n_episodes
        samples = max(ONE_THREAD // self.w1[0].size, 1)
        runs = max(CACHE // (n_hidden * min(samples, n)), 1)
        parts = []
        for first in range(0, self.runs, runs):
            some = slice(first, first + runs)
            x_some = x[:, :, some].transpose(2, 1, 0, 3).reshape(-1, len(x[0]), n)
            a_some, w_some = (column[:, some].swapaxes(0, 1).reshape(-1, 1, n) for column in (a, w))
            parts.append(sum(
                self._score_sum(some, *(column[..., k : k + samples] for column in (x_some, a_some, w_some)))
                for k in range(0, n, samples)
            ))  # fmt: skip
        return np.concatenate(parts)

    def _score_sum(self, runs, s, a, w):
        """Return the sums for some of the runs, from s (runs, obs_dim, n), and a and w (runs, 1, n)."""
        w1, half, half_b = self.w1[runs], self.half[runs], self.half_b[runs]
        x = np.ones((len(s), s.shape[1] + 1, s.shape[2]), s.dtype)
        x[:, :-1] = s
        h = w1 @ x
        np.tanh(h, h)
        delta = _twice_delta(half @ h + half_b, a, w)
        by_w2, by_b2 = delta @ h.mT / 2, delta.sum(axis=-1) / 2
        # The sum of epsilon x^T, epsilon = W2^T delta (1 - h h), is W2^T times the sum of delta x^T - h h delta x^T.
        x *= delta
        np.square(h, h)
        by_w1 = half.mT * (x.sum(axis=-1)[:, None] - h @ x.mT)
        both = (np.concatenate([-part, part], axis=1) for part in (by_w2, by_b2))
        parts = by_w1[..., :-1], by_w1[..., -1], *both
        return np.concatenate([part.reshape(len(s), -1) for part in parts], axis=1)


def _twice_delta(z, a, w):
    """Return 2 w (a - pi(1)), twice the weighted score in the log-odds of action 1, which are 2 z; z is overwritten."""
    np.subtract(2 * a - 1, np.tanh(z, z), z)
    z *= w
    return z


def _uniform(bits, shape, dtype):
    """Return numbers uniform in (-1, 1), of 32 random bits each in single precision, of 64 in double precision."""
    n = shape[0] * shape[1]
    if dtype == np.float32:
        integers, scale = bits.random_raw((n + 1) // 2).view(np.int32)[:n], np.nextafter(np.float32(2**-31), 0)
    else:
        integers, scale = bits.random_raw(n).view(np.int64), np.nextafter(2.0**-63, 0)
    return np.multiply(integers, scale, dtype=dtype).reshape(shape)  # a hair less than 2**-31, so that 1 never comes
