"""Episodes in finite problems, drawn from tables, and what a training needs of them."""

from math import prod

import numpy as np

from pglib._checks import check_runs
from pglib._simulator import Simulator
from pglib.episodes import Episodes, returns_to_go
from pglib.estimators import _weights
from pglib.exact import _grid

__all__ = ["TableSimulator"]

BLOCK = 16  # most steps between two looks at which episodes have ended


class TableSimulator(Simulator):
    """A finite problem made ready for sampling: the possible next states of each cell s * A + a, worked out once.

    In the loop a state is the number s * A of its first cell. A draw from a table with K columns is then one comparison
    for each of its first K - 1 columns, made for all episodes at once: the number of cumulative probabilities that the
    uniform number has passed is what is added to the number of the row's first entry.
    """

    def __init__(self, mdp, policy):
        self.mdp, self.policy = mdp, policy
        P = mdp.P.reshape(-1, mdp.n_states)
        cell, s_next = np.nonzero(P)
        count = np.bincount(cell, minlength=len(P))
        rank = np.arange(len(cell)) - (count.cumsum() - count)[cell]
        self.most_next = max(count.max(initial=0), 1)
        self.start = mdp.mu.cumsum()
        self.start /= self.start[-1]  # ends at 1 but for rounding, which must not pick an impossible state
        next_state = np.repeat(np.arange(len(P)) // mdp.n_actions, self.most_next)  # the end leads to itself
        next_state[cell * self.most_next + rank] = s_next
        self.next_first = next_state * mdp.n_actions
        cdf = np.full((len(P), self.most_next), 2.0)  # no uniform number passes 2: the last possible state is the last
        cdf[cell, rank] = np.where(rank + 1 < count[cell], np.cumsum(P, axis=1)[cell, s_next], 2)
        self.bounds = _columns(cdf)

        self.seen = np.full(int(mdp.observation.max()) + 1, mdp.observation[0])
        self.seen[mdp.observation] = mdp.observation  # numbers that are no observation weigh 0, and have no score

    def ready(self, theta):
        """Return the action probabilities (..., S, A), uniform where theta gives none; and where it does (...)."""
        pi = np.exp(self.policy.log_prob(theta[..., None, None, :], *_grid(self.mdp)))
        defined = ((pi >= 0).all(axis=-1) & (np.abs(pi.sum(axis=-1) - 1) <= 1e-8)).all(axis=-1)
        defined &= np.isfinite(theta).all(axis=-1)
        return np.where(defined[..., None, None], pi, 1 / self.mdp.n_actions), defined

    def mean_gradient(self, theta, batch, gamma, baseline):
        """Return the mean over the episodes of what `reinforce` returns, shape (..., d)."""
        # A step enters only through what was observed and what was done. So the weights are added up by (observation,
        # action) first, and the policy is asked for one score_sum: a formula costs no more than a program.
        n_actions, seen = self.mdp.n_actions, self.seen
        run, o, a, weights = _taken(
            batch, batch.observations, batch.actions, _weights(batch, gamma=gamma, baseline=baseline)
        )
        shape = (*theta.shape[:-1], len(seen), n_actions)
        table = np.bincount((run * len(seen) + o) * n_actions + a, weights, prod(shape)) / batch.live.shape[-2]
        return self.policy.score_sum(theta, seen[:, None], np.arange(n_actions), table.reshape(shape))

    def towards_mean_return(self, values, batch, gamma, share):
        """Return the values (..., O) moved towards the mean of the returns that followed each observation."""
        run, o, returns = _taken(batch, batch.observations, returns_to_go(batch.rewards, gamma))
        cell = run * values.shape[-1] + o
        total, count = np.bincount(cell, returns, values.size), np.bincount(cell, minlength=values.size)
        mean = np.divide(total, count, out=values.flatten(), where=count > 0)
        return values + share * (mean.reshape(values.shape) - values)

    def episodes(self, pi, n_episodes, horizon, rng):
        """Return `Episodes` of shape (..., N, T) for action probabilities pi (..., S, A)."""
        mdp, (S, A), K = self.mdp, pi.shape[-2:], self.most_next
        lead = check_runs(pi.shape[:-2], mdp.r.shape[:-2])
        cdf = np.broadcast_to(pi, (*lead, S, A)).cumsum(axis=-1)
        cdf /= cdf[..., -1:]  # ends at 1 but for rounding, which must not pick an impossible action
        bounds = _columns(cdf)

        lane = np.arange(prod(lead) * n_episodes)  # the episodes that go on
        first = np.searchsorted(self.start, rng.random(len(lane)), side="right") * A
        blocks, t = [], 0
        while len(lane) and t < horizon:
            n_steps = min(max(t, 1), BLOCK, horizon - t)  # short blocks first: many problems end soon
            table = lane // n_episodes * (S * A)  # where the run's action probabilities begin
            u = rng.random((n_steps, 1 + (K > 1), len(lane)))
            cells = np.empty((n_steps, len(lane)), np.intp)
            for k in range(n_steps):
                cells[k] = cell = _draw(bounds, table + first, first, u[k, 0])
                first = self.next_first[_draw(self.bounds, cell * K, cell * K, u[k, 1]) if K > 1 else cell]
            blocks.append((t, lane, cells, first))
            going_on = ~mdp.terminal[first // A]
            lane, first, t = lane[going_on], first[going_on], t + n_steps
        return self._side_by_side(blocks, lane, (*lead, n_episodes), rng)

    def _side_by_side(self, blocks, unfinished, shape, rng):
        """Return what the blocks hold as one `Episodes`, and pay the rewards."""
        mdp, n_lanes, at_end = self.mdp, prod(shape), self.mdp.terminal.repeat(self.mdp.n_actions)
        taken = [np.zeros((3, 0), np.intp)]  # for each step: t * n_lanes + lane, its cell, the next state's first cell
        for t, lane, cells, first in blocks:
            live = ~at_end[cells]
            place = np.arange(t, t + len(cells))[:, None] * n_lanes + lane
            taken.append([column[live] for column in (place, cells, np.concatenate([cells[1:], first[None]]))])
        place, cell, after = (np.concatenate(column) for column in zip(*taken, strict=True))
        s, a = np.divmod(cell, mdp.n_actions)
        rewards = self._rewards(place % n_lanes // shape[-1], s, a, after // mdp.n_actions, shape[:-1], rng)
        longest = int(place.max()) // n_lanes + 1 if len(place) else 0
        by_time = [np.zeros(longest * n_lanes, kind) for kind in (int, int, int, float, bool)]
        for column, values in zip(by_time, (s, mdp.observation[s], a, rewards, True), strict=True):
            column[place] = values
        truncated, final = np.zeros(n_lanes, bool), np.zeros(n_lanes, int)
        truncated[unfinished] = True
        final[place % n_lanes] = mdp.observation[after // mdp.n_actions]  # in the order of time: the last one stays
        return Episodes(
            *(column.reshape(longest, n_lanes).T.reshape(*shape, longest) for column in by_time),
            terminated=~truncated.reshape(shape),
            truncated=truncated.reshape(shape),
            final=final.reshape(shape),
        )

    def _rewards(self, run, s, a, s_next, lead, rng):
        """Return sampled rewards, with the shape of ``s``."""
        mdp = self.mdp
        table, where = (mdp.r, (s, a)) if mdp.r_next is None else (mdp.r_next, (s, a, s_next))
        own = table.shape[-len(where) :]
        if table.ndim > len(where):  # another reward for each run
            table = np.broadcast_to(table, (*lead, *own)).reshape(-1, *own)
            where = (run, *where)
        paid = table[where]
        return paid + mdp.reward_std * rng.normal(size=paid.shape) if mdp.reward_std > 0 else paid


def _columns(cdf):
    """Return views of a table (..., K): the k-th, read where a row begins, gives its entry k; k < K - 1."""
    return [cdf.reshape(-1)[k:] for k in range(cdf.shape[-1] - 1)]


def _draw(bounds, row, start, u):
    """Return ``start`` plus an index drawn from the distribution function that begins at ``row``."""
    for bound in bounds:
        start = start + (u >= bound[row])
    return start


def _taken(batch, *columns):
    """Return the run of each step that was taken, and the columns (..., N, T) there, all of shape (n_taken,)."""
    by_time = [np.moveaxis(column, -1, 0).ravel() for column in (batch.live, *columns)]  # as they lie in memory
    taken = np.flatnonzero(by_time[0])
    n_episodes, n_lanes = batch.live.shape[-2], prod(batch.live.shape[:-1])
    return taken % n_lanes // n_episodes, *(column[taken] for column in by_time[1:])
