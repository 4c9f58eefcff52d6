"""Where the blocks of a training are computed, and how their results are put together.

A block is a number of runs with one source of random numbers. Here, in this process, all blocks do their first update,
then all their second: Ctrl-C finds all runs at the same update, and the memory that one block needs is enough. With an
executor each block is one task.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pglib.mdp import FiniteMDP
from pglib.sampling import _simulator

__all__ = ["Plan", "gather", "submit", "train_here"]


@dataclass(frozen=True)
class Plan:
    """A training that may begin: the generator of its updates, what it is called with, and what is kept."""

    updates: Callable
    blocks: list
    settings: dict
    n_updates: int
    record_every: int
    lead: tuple
    block_size: int


def train_here(plan, progress):
    """Train all blocks in this process, side by side, update by update."""
    env, policy = plan.blocks[0][:2]
    shared = None if isinstance(env, FiniteMDP) else _simulator(env, policy)  # what it works in is large
    blocks = [plan.updates(*block, simulator=shared, **plan.settings) for block in plan.blocks]
    steps = _counter(range(plan.n_updates), "update", progress)
    return _together(plan, *_follow(plan, _side_by_side(blocks), steps, here=True))


def _side_by_side(blocks):
    """Yield what the blocks yield, as if they were one."""
    for parts in zip(*blocks, strict=True):
        yield [None if column[0] is None else np.concatenate(column) for column in zip(*parts, strict=True)]


def _follow(plan, updates, steps, here=False):
    """Do the updates and return the first five entries of `History`; here, Ctrl-C or the loss of all runs ends them."""
    theta, _, _, values = next(updates)
    kept, rows, last = [(0, theta)], [], (0, theta, values)
    try:
        for _ in steps:
            theta, returns, truncated, values = next(updates)
            rows.append((returns, truncated))
            last = len(rows), theta, values  # from here on, and not before, the update counts
            if last[0] % plan.record_every == 0:
                kept.append(last[:2])
            if here and np.isnan(theta).any(axis=-1).all():
                break
    except KeyboardInterrupt:
        if not here:
            raise
        _warn(f"interrupted after {last[0]} of {plan.n_updates} updates; they are returned")
    if kept[-1][0] != last[0]:
        kept.append(last[:2])
    done = np.array(rows[: last[0]], dtype=float).reshape(last[0], 2, len(theta))
    updates, thetas = zip(*kept, strict=True)
    return np.stack(thetas, axis=1), np.array(updates), done[:, 0].T, done[:, 1].T, last[2]


def submit(plan, executor):
    """Hand the blocks to an executor; return their futures."""
    return [executor.submit(_train_there, replace(plan, blocks=[block])) for block in plan.blocks]


def _train_there(plan):
    """Train the one block of a plan, wherever this is."""
    return _follow(plan, plan.updates(*plan.blocks[0], **plan.settings), range(plan.n_updates))


def gather(plan, futures, progress):
    """Wait for the blocks and put them together; after Ctrl-C those that are there."""
    try:
        for i in _counter(range(len(futures)), "block", progress):
            futures[i].result()
    except KeyboardInterrupt:
        there = sum(_is_there(future) for future in futures)
        message = (
            f"interrupted after {there} of {len(futures)} blocks; they are returned, the runs of the others are NaN"
        )
        _warn(message, depth=4)
    finally:
        for future in futures:  # what has not begun; if all is well, that is nothing
            future.cancel()
    updates = np.unique([*range(0, plan.n_updates + 1, plan.record_every), plan.n_updates])
    parts = []
    for future, (env, _, theta, _, _) in zip(futures, plan.blocks, strict=True):
        if _is_there(future):
            parts.append(future.result())
            continue
        nothing = np.full((len(theta), plan.n_updates), np.nan)
        thetas = np.full((len(theta), len(updates), theta.shape[-1]), np.nan, theta.dtype)
        thetas[:, 0] = theta
        learns = plan.settings["value_step_size"] is not None
        values = np.full((len(theta), int(env.observation.max()) + 1), np.nan) if learns else None
        parts.append((thetas, updates, nothing, nothing, values))
    theta, _, *columns = zip(*parts, strict=True)
    columns = (None if column[0] is None else np.concatenate(column) for column in columns)
    return _together(plan, np.concatenate(theta), updates, *columns)


def _is_there(future):
    return future.done() and not future.cancelled() and future.exception() is None


def _together(plan, theta, updates, returns, truncated, values):
    """Return what `History` holds, with the axes of runs that the caller has; warn of runs that diverged."""
    began = ~np.isnan(truncated[:, :1]).any(axis=-1)  # not so in blocks that Ctrl-C kept from an executor
    failed = np.isnan(theta[:, -1]).any(axis=-1) & began
    if failed.any():
        failed_at = np.where(failed, (~np.isnan(truncated)).sum(axis=-1), -1)
        _warn(_which_failed(failed_at.reshape(plan.lead)))
        if values is not None:
            values[failed] = np.nan
        if failed.all():  # the training ends there
            last = failed_at.max()
            theta, updates = theta[:, updates <= last], updates[updates <= last]
            if updates[-1] < last:
                theta, updates = np.concatenate([theta, np.full_like(theta[:, :1], np.nan)], axis=1), [*updates, last]
            updates, returns, truncated = np.array(updates), returns[:, :last], truncated[:, :last]
    theta, returns, truncated = (x.reshape(*plan.lead, *x.shape[1:]) for x in (theta, returns, truncated))
    values = None if values is None else values.reshape(*plan.lead, -1)
    return theta, updates, returns, truncated, values, plan.block_size


def _warn(message, depth=5):
    """Warn the caller of `train`, so many calls up."""
    warnings.warn(message, RuntimeWarning, stacklevel=depth)


def _counter(steps, unit, progress):
    """Return the steps, with a progress bar if it is asked for."""
    if not progress:
        return steps
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs the package tqdm; install it, or leave progress out") from error
    return tqdm(steps, unit=unit)


def _which_failed(failed_at):
    runs = np.argwhere(failed_at >= 0)
    shown = ", ".join(f"run {','.join(map(str, run)) or 0} at update {failed_at[tuple(run)]}" for run in runs[:5])
    more = "" if len(runs) <= 5 else f", and {len(runs) - 5} more"
    return f"{len(runs)} of {failed_at.size} runs diverged, their parameters give no policy: {shown}{more}"
