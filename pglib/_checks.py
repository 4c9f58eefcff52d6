"""Checks of what callers pass in, with one form of message: name, requirement, received value, place."""

from numbers import Real

import numpy as np

from pglib._arrays import total

__all__ = [
    "check_count",
    "check_distribution",
    "check_gamma",
    "check_indices",
    "check_positive",
    "check_real",
    "check_rng",
    "check_runs",
    "check_theta",
    "check_weights",
    "place",
    "vector_size",
]


def place(names, index):
    """Return " at s=2, a=1" for an index into axes called s and a; axes before the named ones are runs."""
    index = tuple(int(i) for i in index)
    names = ("run",) * (len(index) - len(names)) + tuple(names)
    return " at " + ", ".join(f"{name}={i}" for name, i in zip(names, index, strict=True)) if index else ""


def check_count(name, value, least=1):
    """Return ``value`` as an int of at least ``least``, or raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}; received {value!r}")
    return int(value)


def check_distribution(name, p, axes):
    """Raise ValueError unless the last axis of p holds probabilities; complex ones are judged by the real part."""
    negative = ~(p.real >= -1e-12)  # True for NaN as well
    if negative.any():
        where = tuple(np.argwhere(negative)[0])
        raise ValueError(f"{name} must hold probabilities; it holds {p[where]}{place((*axes, 'entry'), where)}")
    summed = total(p)
    wrong = ~(np.abs(summed - 1) <= 1e-8)
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0])
        raise ValueError(f"{name} must sum to 1; it sums to {summed[where]:.12g}{place(axes, where)}")


def check_gamma(gamma):
    """Raise ValueError unless ``gamma`` is a number in [0, 1]."""
    if not (isinstance(gamma, Real) and 0 <= gamma <= 1):
        raise ValueError(f"gamma must be a number in [0, 1]; received {gamma!r}")


def check_indices(name, value, size):
    """Return ``value`` as an array of indices in 0 .. size - 1, or raise ValueError."""
    index = np.asarray(value)
    if index.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integer indices 0 .. {size - 1}; received {index.dtype}: {value!r}")
    outside = (index < 0) | (index >= size)
    if outside.any():
        where = tuple(np.argwhere(outside)[0])
        at = f" at index {tuple(map(int, where))}" if where else ""
        raise ValueError(f"{name} must lie in 0 .. {size - 1}; it is {index[where]}{at}")
    return index.astype(np.intp, copy=False)  # arithmetic on small integers would overflow


def check_positive(name, value, most=np.inf):
    """Raise ValueError unless ``value`` is a finite number above 0 and at most ``most``."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value <= most or value == np.inf:
        limit = "" if most == np.inf else f" and at most {most}"
        raise ValueError(f"{name} must be a finite number above 0{limit}; received {value!r}")


def check_rng(rng):
    """Raise ValueError unless ``rng`` is a numpy Generator."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"rng must be a numpy.random.Generator, as np.random.default_rng(seed) makes; received {rng!r}"
        )


def check_real(name, value):
    """Return ``value`` as an array, or raise ValueError if it holds complex numbers."""
    value = np.asarray(value)
    if np.iscomplexobj(value):
        raise ValueError(f"{name} must be real; received complex numbers")
    return value


def check_runs(theta, r):
    """Return the leading axes of parameters (..., d) and rewards (..., S, A) together, or raise ValueError."""
    try:
        return np.broadcast_shapes(theta, r)
    except ValueError:
        raise ValueError(f"theta has runs {theta}, and the rewards have runs {r}; they do not broadcast") from None


def check_theta(theta, n_params, name="theta", precision=float):
    """Return ``theta``, real or complex, in at least this precision, last axis ``n_params`` long; or ValueError."""
    theta = np.asarray(theta)
    if theta.ndim == 0 or theta.shape[-1] != n_params:
        raise ValueError(f"{name} must have shape (..., {n_params}), one entry a parameter; received {theta.shape}")
    return theta.astype(np.result_type(theta, precision), copy=False)


def vector_size(policy):
    """Return how many numbers a state of the policy has, or None if its states are indices."""
    return getattr(policy, "obs_dim", getattr(policy, "n_features", None))


def check_weights(theta, weights, n_params, precision=float):
    """Return theta with an axis of length 1 for each sample axis of the weights, the weights, and the axes of theta."""
    theta, weights = check_theta(theta, n_params, precision=precision), np.asarray(weights)
    lead = theta.shape[:-1]
    if weights.shape[: len(lead)] != lead:
        raise ValueError(f"weights must begin with the axes {lead} of theta; received shape {weights.shape}")
    return np.expand_dims(theta, tuple(range(len(lead), weights.ndim))), weights, lead
