"""pglib: policy gradients in NumPy, small enough to read.

`pglib.symbolic` (SymPy), `pglib.check` and `pglib.plotting` (Matplotlib) are imported by name; this module
needs NumPy alone.
"""

from pglib.environments import CartPole, to_gymnasium
from pglib.episodes import Episodes, returns_to_go
from pglib.estimators import mean_and_sem, pathwise, reinforce, score_function
from pglib.exact import action_probabilities, fisher, objective, policy_gradient
from pglib.mdp import (
    FiniteMDP,
    action_values,
    advantages,
    bandit,
    differential_values,
    gridworld,
    optimal_values,
    random_walk,
    short_corridor,
    stationary_distribution,
    two_state,
    values,
    visitation,
    with_horizon,
)
from pglib.policies import Gaussian, LinearSoftmax, MLPSoftmax, Softmax
from pglib.sampling import enumerate_episodes, rollout
from pglib.training import History, sweep, train

__all__ = [
    "CartPole",
    "Episodes",
    "FiniteMDP",
    "Gaussian",
    "History",
    "LinearSoftmax",
    "MLPSoftmax",
    "Softmax",
    "action_probabilities",
    "action_values",
    "advantages",
    "bandit",
    "differential_values",
    "enumerate_episodes",
    "fisher",
    "gridworld",
    "mean_and_sem",
    "objective",
    "optimal_values",
    "pathwise",
    "policy_gradient",
    "random_walk",
    "reinforce",
    "returns_to_go",
    "rollout",
    "score_function",
    "short_corridor",
    "stationary_distribution",
    "sweep",
    "to_gymnasium",
    "train",
    "two_state",
    "values",
    "visitation",
    "with_horizon",
]
