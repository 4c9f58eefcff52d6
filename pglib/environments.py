"""A finite problem as an environment of Gymnasium, for learners and wrappers that are written for its interface.

References
----------
Towers et al. (2024), Gymnasium: a standard interface for reinforcement learning environments.
"""

from pglib.mdp import FiniteMDP

__all__ = ["to_gymnasium"]


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
