"""pglib: policy gradients in NumPy, small enough to read.

`pglib.symbolic` (SymPy), `pglib.check` and `pglib.plotting` (Matplotlib) are imported by name; this module
needs NumPy alone.
"""

from pglib.exact import action_probabilities, fisher, objective, policy_gradient
from pglib.mdp import (
    FiniteMDP,
    action_values,
    advantages,
    bandit,
    differential_values,
    gridworld,
    random_walk,
    short_corridor,
    stationary_distribution,
    two_state,
    values,
    visitation,
    with_horizon,
)
from pglib.policies import Softmax

__all__ = [
    "FiniteMDP",
    "Softmax",
    "action_probabilities",
    "action_values",
    "advantages",
    "bandit",
    "differential_values",
    "fisher",
    "gridworld",
    "objective",
    "policy_gradient",
    "random_walk",
    "short_corridor",
    "stationary_distribution",
    "two_state",
    "values",
    "visitation",
    "with_horizon",
]
