"""What a training needs of whatever draws its episodes."""

import numpy as np

from pglib.estimators import _observed_and_done, _weights

__all__ = ["Simulator"]


class Simulator:
    """A subclass has ``policy`` and ``episodes(ready, n_episodes, horizon, rng)``, which returns `Episodes`."""

    def ready(self, theta):
        """Return theta (runs, d) as `episodes` needs it, and which runs have a policy; the others get zeros."""
        defined = np.isfinite(theta).all(axis=-1)
        return np.where(defined[..., None], theta, 0), defined

    def mean_return(self, batch):
        """Return the mean over the episodes of the undiscounted sum of rewards, shape (runs,)."""
        return batch.rewards.sum(axis=-1).mean(axis=-1)

    def mean_gradient(self, theta, batch, gamma, baseline):
        """Return the mean over the episodes of what `reinforce` returns, shape (runs, d)."""
        weights = _weights(batch, gamma=gamma, baseline=baseline).astype(theta.dtype, copy=False)
        return self.policy.score_sum(theta, *_observed_and_done(batch), weights) / batch.live.shape[-2]
