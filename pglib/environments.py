"""Problems with states that are vectors of real numbers, and the way to Gymnasium.

`CartPole` computes many carts at once. `to_gymnasium` gives a finite problem the interface of Gymnasium, for learners
and wrappers that are written for it.

References
----------
Towers et al. (2024), Gymnasium: a standard interface for reinforcement learning environments.
"""

from math import pi

import numpy as np
from numpy import add, divide, multiply, square, subtract

from pglib._checks import check_count, check_rng
from pglib.mdp import FiniteMDP

__all__ = ["CartPole", "to_gymnasium"]


class CartPole:
    r"""Keep a pole upright on a cart by pushing the cart: the dynamics of Gymnasium's CartPole-v1, for many carts.

    A state is (position x, velocity x', angle :math:`\vartheta` of the pole, angular velocity :math:`\vartheta'`), in
    metres, seconds and radians. Action 1 pushes with F = 10 N to the right, action 0 to the left. With the mass m = 0.1
    kg of the pole, the mass M = 1.1 kg of all, half the length of the pole l = 0.5 m and g = 9.8,

    .. math::

        u &= \frac{F + m l \vartheta'^2 \sin\vartheta}{M}, \\
        \vartheta'' &= \frac{g \sin\vartheta - u \cos\vartheta}{l \, (4/3 - m \cos^2\vartheta / M)}, \qquad
        x'' = u - \frac{m l \vartheta'' \cos\vartheta}{M},

    and a step of 0.02 s adds 0.02 times the derivatives at its beginning. Each step pays 1. The episode ends when
    \|x\| exceeds 2.4 m or :math:`|\vartheta|` exceeds 12 degrees. CartPole-v1 watches for 500 steps: that is the
    ``horizon`` of `rollout` and `train`.

    Attributes
    ----------
    obs_dim, n_actions : int
        4 and 2.

    Notes
    -----
    Arrays of states have the components first, shape (4, n). In double precision a step gives the same bits as
    Gymnasium 1.4; in single precision each number agrees within 4e-7 at the speeds that episodes reach.

    References
    ----------
    Barto, Sutton & Anderson (1983); Towers et al. (2024).

    Examples
    --------
    A hundred carts, three random pushes.

    >>> import numpy as np
    >>> import pglib as pg
    >>> env, rng = pg.CartPole(), np.random.default_rng(0)
    >>> states = env.reset(100, rng=rng)
    >>> for _ in range(3):
    ...     states = env.step(states, rng.integers(2, size=100))
    >>> states.shape, bool(env.ended(states).any())
    ((4, 100), False)
    """

    obs_dim, n_actions = 4, 2

    def reset(self, n, *, rng, dtype=float):
        """Return starting states: every number uniform in (-0.05, 0.05).

        Parameters
        ----------
        n : int
            Number of carts.
        rng : numpy.random.Generator
            Source of 4 n uniform numbers.
        dtype : dtype
            float64 or float32.

        Returns
        -------
        ndarray, shape (4, n)
            States.

        Raises
        ------
        ValueError
            If ``n`` is below 1 or ``rng`` not a Generator.
        """
        check_rng(rng)
        return rng.uniform(-0.05, 0.05, size=(4, check_count("n", n))).astype(dtype, copy=False)

    def step(self, states, actions):
        """Return the states one step later.

        Parameters
        ----------
        states : ndarray, shape (4, n)
            States, float64 or float32.
        actions : array_like of int, shape (n,)
            0 or 1 for each cart. They are not checked.

        Returns
        -------
        ndarray, shape (4, n)
            States, of the same precision.
        """
        after = np.empty_like(states)
        self.stepper(states.shape[1], states.dtype)(tuple(states), np.asarray(actions), tuple(after))
        return after

    def ended(self, states):
        """Return whether the pole has fallen or the cart has left the track.

        Parameters
        ----------
        states : ndarray, shape (4, ...)
            States.

        Returns
        -------
        ndarray of bool, shape (...)
            True where the episode has ended.
        """
        return (np.abs(states[0]) > 2.4) | (np.abs(states[2]) > 12 * 2 * pi / 360)

    def stepper(self, n, dtype):
        """Return a function that steps n carts and makes no arrays: all that it needs is here already.

        Parameters
        ----------
        n : int
            Number of carts.
        dtype : dtype
            float64 or float32.

        Returns
        -------
        callable
            ``step(before, actions, after)``; before and after are tuples of four arrays (n,), the second is written.
        """
        sin, cos, u, v, w = np.empty((5, n), dtype)
        accelerate = (_as_gymnasium if np.dtype(dtype) == np.float64 else _quickly)(sin, cos, u, v, w)
        dt = np.array(0.02, dtype)

        def step(before, actions, after):
            x, x_dot, angle, angle_dot = before
            x_after, x_dot_after, angle_after, angle_dot_after = after
            np.sin(angle, sin)
            np.cos(angle, cos)
            accelerate(actions, angle_dot)
            add(x, multiply(x_dot, dt, w), x_after)
            add(x_dot, u, x_dot_after)
            add(angle, multiply(angle_dot, dt, w), angle_after)
            add(angle_dot, v, angle_dot_after)

        return step


# What a step adds to the speeds, u to that of the cart and v to that of the pole, in two ways; w is room for what comes
# between. Each number is a 0-d array, or each call would first make one of it, which takes as long as the work.


def _as_gymnasium(sin, cos, u, v, w):
    """Return a function that writes u and v, with every operation in the order of Gymnasium's program."""
    constants = (10, 20, 0.05, 0.1, 1.1, 0.5, 9.8, 4 / 3, 0.02)
    ten, twenty, ml, m, mass, length, g, four_thirds, dt = (np.array(number, sin.dtype) for number in constants)

    def accelerate(actions, angle_dot):
        subtract(multiply(actions, twenty, u), ten, u)  # the force F
        multiply(multiply(square(angle_dot, v), ml, v), sin, v)
        divide(add(u, v, u), mass, u)
        subtract(multiply(sin, g, v), multiply(cos, u, w), v)
        divide(multiply(square(cos, w), m, w), mass, w)
        divide(v, multiply(subtract(four_thirds, w, w), length, w), v)  # the acceleration of the angle
        divide(multiply(multiply(v, ml, w), cos, w), mass, w)
        multiply(subtract(u, w, u), dt, u)
        multiply(v, dt, v)

    return accelerate


def _quickly(sin, cos, u, v, w):
    """Return the same function with what is constant multiplied out, 16 operations instead of 22; other rounding."""
    constants = np.array([20, 10, 0.05]) * 0.02 / 1.1, (9.8 * 0.02, 2 / 3, 0.05 / 1.1)
    push, half_push, ml, g, two_thirds, m = (np.array(number, sin.dtype) for part in constants for number in part)

    def accelerate(actions, angle_dot):
        subtract(multiply(actions, push, u), half_push, u)
        multiply(multiply(square(angle_dot, v), ml, v), sin, v)
        add(u, v, u)
        subtract(multiply(sin, g, v), multiply(cos, u, w), v)
        divide(v, subtract(two_thirds, multiply(square(cos, w), m, w), w), v)
        subtract(u, multiply(multiply(v, m, w), cos, w), u)

    return accelerate


def to_gymnasium(mdp):
    r"""Return a FiniteMDP as a Gymnasium environment.

    ``reset`` draws a start :math:`S_0 \sim \mu`, and ``step(a)`` a next state
    :math:`S_{t+1} \sim P(\cdot \mid S_t, a)`. The reward is ``mdp.r_next[s, a, s_next]`` if rewards of transitions were
    given, else ``mdp.r[s, a]``, plus Gaussian noise of standard deviation ``mdp.reward_std``.

    Parameters
    ----------
    mdp : FiniteMDP
        The problem; ``r`` of shape (S, A), without runs.

    Returns
    -------
    gymnasium.Env
        ``observation_space`` is ``Discrete(max(mdp.observation) + 1)``, ``action_space`` is ``Discrete(A)``. An
        observation is ``mdp.observation`` of the state, as an int; a reward is a float, in units of reward;
        ``info["state"]`` is the state itself. The problem stays at hand as ``env.unwrapped.mdp``.

    Raises
    ------
    ImportError
        If the package gymnasium is not installed.
    ValueError
        If ``mdp`` is no FiniteMDP, or its rewards have leading axes.

    Notes
    -----
    ``terminated`` is ``mdp.terminal`` of the state that is entered. ``truncated`` is always False: the table knows no
    clock. ``gymnasium.wrappers.TimeLimit`` adds one, which a problem that does not end needs. Nor does the environment
    discount: gamma is the learner's affair.

    All draws come from ``env.np_random``, which ``reset(seed=...)`` seeds. ``reset`` ignores its ``options``. A step
    before the first ``reset`` or after the end is a RuntimeError, an action outside 0 .. A - 1 a ValueError. The
    environment can be pickled, in the middle of an episode too.

    If every state shows itself and rewards have no noise, the environment has the transition table ``P`` and
    ``initial_state_distrib`` that `FiniteMDP.from_gymnasium` reads, and gives back P, mu, r and terminal. (A table does
    not tell that a state is terminal if no episode can enter it: it comes back as a state that leads to itself and pays
    nothing.) Otherwise these attributes are missing, and `FiniteMDP.from_gymnasium` refuses: the table has no place for
    observations or noise, and what it gave back would be another problem.

    References
    ----------
    Towers et al. (2024); Sutton & Barto (2018), section 3.1.

    Examples
    --------
    In the short corridor every state looks the same, and the second one swaps the actions.

    >>> import pglib as pg
    >>> env = pg.to_gymnasium(pg.short_corridor())
    >>> env.reset(seed=0)
    (0, {'state': 0})
    >>> env.step(1)
    (0, -1.0, False, False, {'state': 1})
    >>> env.step(1)
    (0, -1.0, False, False, {'state': 0})

    There and back.

    >>> walk = pg.FiniteMDP.from_gymnasium(pg.to_gymnasium(pg.random_walk(5)), gamma=1.0)
    >>> bool((walk.P == pg.random_walk(5).P).all()), walk.terminal.nonzero()[0]
    (True, array([0, 6]))
    """
    if not isinstance(mdp, FiniteMDP):
        raise ValueError(f"mdp must be a FiniteMDP; received {mdp!r}")
    if mdp.r.ndim > 2:
        raise ValueError(
            f"mdp.r must have shape (S, A), one table of rewards; received {mdp.r.shape}: make one problem, "
            "and of it one environment, for each run"
        )
    try:
        from pglib._gymnasium import TableEnv
    except ImportError as error:
        raise ImportError("to_gymnasium needs the package gymnasium; install it: pip install gymnasium") from error
    return TableEnv(mdp)
