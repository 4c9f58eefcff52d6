"""What needs Gymnasium: the class behind `pglib.environments.to_gymnasium`, and the stepping of vector environments.

It has a module of its own because `import pglib` does not load Gymnasium, and because an object can be pickled only if
its class can be imported by name.
"""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, VectorEnv

from pglib._checks import vector_size
from pglib._simulator import Simulator
from pglib.episodes import Episodes

__all__ = ["TableEnv", "VectorSimulator"]


class TableEnv(gymnasium.Env):
    """A FiniteMDP, with one reward table, that is stepped through; `to_gymnasium` says how."""

    def __init__(self, mdp):
        self.mdp, self.state = mdp, None  # no state before the first reset
        self.observation_space = gymnasium.spaces.Discrete(int(mdp.observation.max()) + 1)
        self.action_space = gymnasium.spaces.Discrete(mdp.n_actions)
        if mdp.reward_std == 0 and (mdp.observation == np.arange(mdp.n_states)).all():
            self.P = {s: {a: self._transitions(s, a) for a in range(mdp.n_actions)} for s in range(mdp.n_states)}
            self.initial_state_distrib = mdp.mu

    def reset(self, *, seed=None, options=None):
        """Start an episode; ``options`` are ignored."""
        super().reset(seed=seed)
        self.state = self._draw(self.mdp.mu)
        return int(self.mdp.observation[self.state]), {"state": self.state}

    def step(self, action):
        """Take an action; the info names the state that was entered."""
        if self.state is None:
            raise RuntimeError("step needs an episode; call reset first")
        if self.mdp.terminal[self.state]:
            raise RuntimeError(f"the episode has ended, in state {self.state}; call reset before the next step")
        if action not in self.action_space:
            raise ValueError(f"action must be an integer in 0 .. {self.mdp.n_actions - 1}; received {action!r}")
        s, a = self.state, int(action)  # True is an action, the number 1; as an index it would be something else
        s_next = self._draw(self.mdp.P[s, a])
        reward = self._reward(s, a, s_next)
        if self.mdp.reward_std > 0:
            reward += self.mdp.reward_std * self.np_random.normal()
        self.state = s_next
        return int(self.mdp.observation[s_next]), reward, bool(self.mdp.terminal[s_next]), False, {"state": s_next}

    def _draw(self, p):
        """Return a state drawn from the probabilities p (S,)."""
        cdf = p.cumsum()  # need not end at 1, by rounding; divided by its last entry it does
        return int(np.searchsorted(cdf / cdf[-1], self.np_random.random(), side="right"))

    def _reward(self, s, a, s_next):
        """Return the reward of a transition, without noise."""
        return float(self.mdp.r[s, a] if self.mdp.r_next is None else self.mdp.r_next[s, a, s_next])

    def _transitions(self, s, a):
        """Return a list of (probability, next state, reward, terminated); the end leads to itself and pays nothing."""
        if self.mdp.terminal[s]:
            return [(1.0, s, 0.0, True)]
        p = self.mdp.P[s, a]
        return [(float(p[t]), t, self._reward(s, a, t), bool(self.mdp.terminal[t])) for t in np.flatnonzero(p).tolist()]


class VectorSimulator(Simulator):
    """Draws episodes by stepping a Gymnasium vector environment.

    A lane is one episode of one run. Lanes are taken in C order, ``env.num_envs`` of them at a time: that is a round. A
    lane whose episode has ended is frozen: the environment steps it until the round is over, and none of that is kept.

    Parameters
    ----------
    env : gymnasium.vector.VectorEnv
        Observations are a Box of one axis or Discrete; actions are Discrete or a Box of one real number.
    policy : policy
        Any object with ``sample`` and ``n_params`` that has as many actions, or real ones, and takes such observations.

    Raises
    ------
    ValueError
        If ``env`` does not say how it resets, or in another way than NEXT_STEP or DISABLED; if its spaces are others
        than these; if they and the policy do not fit.
    """

    def __init__(self, env, policy):
        if not isinstance(env, VectorEnv):
            raise ValueError(f"env must be a vector environment, as gymnasium.make_vec makes; received {env!r}")
        mode = (env.metadata or {}).get("autoreset_mode")
        if mode not in (AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED):
            received = "it is not announced" if mode is None else f"received {mode}"
            raise ValueError(f"env.metadata['autoreset_mode'] must be NEXT_STEP or DISABLED; {received} by {env!r}")
        base = env.unwrapped
        if mode is AutoresetMode.NEXT_STEP and isinstance(base, AsyncVectorEnv) and not base.shared_memory:
            raise ValueError(  # reset leaves the mark of an ended episode, so the first step would be another reset
                f"env must be an AsyncVectorEnv with shared_memory=True, or DISABLED; received {env!r}: without shared "
                "memory its NEXT_STEP loses the first action after a reset"
            )
        _check_observations(env.single_observation_space, policy)
        _check_actions(env.single_action_space, policy)
        self.env, self.policy = env, policy
        self.needs_reset = mode is AutoresetMode.DISABLED  # to step a lane that has ended is an error then

    def episodes(self, theta, n_episodes, horizon, rng):
        """Return `Episodes` of shape (runs, N, T) for theta (runs, d); observations and rewards in theta's dtype."""
        n_envs, shape = self.env.num_envs, (len(theta), n_episodes)
        n_lanes = len(theta) * n_episodes
        if n_lanes == 0 or n_lanes % n_envs:
            raise ValueError(
                "runs * n_episodes must be a multiple of env.num_envs, and not 0; "
                f"received {len(theta)} * {n_episodes} episodes for {n_envs} environments"
            )
        run = np.arange(n_lanes).reshape(-1, n_envs) // n_episodes
        rounds = [self._round(theta[lanes], horizon, rng) for lanes in run]
        by_round, ends = zip(*rounds, strict=True)
        longest = max(len(live) for *_, live in by_round)
        observations, actions, rewards, live = (
            _side_by_side(column, longest, shape) for column in zip(*by_round, strict=True)
        )
        ends = (np.concatenate(column) for column in zip(*ends, strict=True))
        terminated, truncated, final = (column.reshape(*shape, *column.shape[1:]) for column in ends)
        return Episodes(observations, observations, actions, rewards, live, terminated, truncated, final)

    def _round(self, theta, horizon, rng):
        """Return (observations, actions, rewards, live), each (T, num_envs, ...) and 0 where not live, and the ends."""
        n_envs, dtype = self.env.num_envs, theta.dtype
        observations = self._observed(self.env.reset(seed=int(rng.integers(2**31)))[0], dtype)
        live, final = np.ones(n_envs, bool), np.zeros_like(observations)
        terminated, truncated = np.zeros((2, n_envs), bool)
        steps = []
        while live.any() and len(steps) < horizon:
            # What is kept is the action as it was drawn: the score belongs to it. The cast is the environment's affair.
            actions = np.asarray(self.policy.sample(theta, observations, rng=rng))
            after, rewards, ended, cut, _ = self.env.step(self._acted(actions))
            after, ended, cut = self._observed(after, dtype), np.array(ended, bool), np.array(cut, bool)
            columns = (observations, actions, np.array(rewards, dtype))
            steps.append((*(np.where(live, column.T, 0).T for column in columns), live))
            final[live] = after[live]
            terminated |= live & ended
            truncated |= live & cut & ~ended
            live = live & ~(ended | cut)
            if self.needs_reset and (ended | cut).any():
                after = self._observed(self.env.reset(options={"reset_mask": ended | cut})[0], dtype)
            observations = after
        truncated |= live
        return [np.stack(column) for column in zip(*steps, strict=True)], (terminated, truncated, final)

    def _observed(self, observations, dtype):
        """Return observations as the policy sees them; a copy, for the environment may use its array again."""
        return np.array(observations, int if isinstance(self.env.single_observation_space, Discrete) else dtype)

    def _acted(self, actions):
        """Return actions as the environment takes them: one row a lane, in the space's dtype, not clipped."""
        space = self.env.single_action_space
        return actions.astype(space.dtype).reshape(-1, *space.shape)


def _side_by_side(rounds, longest, shape):
    """Return arrays (T, num_envs, ...) of rounds as one (runs, N, longest, ...), with 0 behind the shorter ones."""
    whole = np.zeros((len(rounds), rounds[0].shape[1], longest, *rounds[0].shape[2:]), rounds[0].dtype)
    for lanes, by_time in zip(whole, rounds, strict=True):
        lanes[:, : len(by_time)] = np.swapaxes(by_time, 0, 1)
    return whole.reshape(*shape, *whole.shape[2:])


def _check_observations(space, policy):
    """Raise ValueError unless the policy takes the observations of the space."""
    size, n_states = vector_size(policy), getattr(policy, "n_states", None)
    if isinstance(space, Discrete) and space.start == 0:
        has, fits = f"observations 0 .. {space.n - 1}", size is None and (n_states is None or n_states >= space.n)
    elif isinstance(space, Box) and len(space.shape) == 1:
        has, fits = f"observations of {space.shape[0]} numbers", size == space.shape[0]
    else:
        raise ValueError(
            "env must have observations that are a Box of one axis or Discrete from 0; "
            f"received {space}: gymnasium.wrappers.vector.FlattenObservation makes a Box of one axis"
        )
    if not fits:
        takes = "one, as it has no obs_dim" if n_states is None else f"0 .. {n_states - 1}"
        takes = takes if size is None else f"{size} numbers"
        raise ValueError(f"env has {has}, and the policy {type(policy).__name__} takes {takes}")


def _check_actions(space, policy):
    """Raise ValueError unless the policy draws the actions of the space."""
    actions = getattr(policy, "actions", None)
    if actions is None and hasattr(policy, "n_actions"):
        actions = np.arange(policy.n_actions)
    if isinstance(space, Discrete) and space.start == 0:
        has, fits = f"the actions 0 .. {space.n - 1}", actions is not None and sorted(actions) == list(range(space.n))
    elif isinstance(space, Box) and np.prod(space.shape) == 1 and space.dtype.kind == "f":
        has, fits = "one real number as its action", actions is None
    else:
        raise ValueError(f"env must have actions that are Discrete from 0 or a Box of one number; received {space}")
    if not fits:
        draws = "real numbers" if actions is None else actions
        raise ValueError(f"env has {has}, and the policy {type(policy).__name__} draws {draws}")
