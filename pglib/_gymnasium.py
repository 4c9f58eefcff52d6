"""The class behind `pglib.environments.to_gymnasium`.

It has a module of its own because it needs Gymnasium, which `import pglib` does not load, and because an object can be
pickled only if its class can be imported by name.
"""

import gymnasium
import numpy as np

__all__ = ["TableEnv"]


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
