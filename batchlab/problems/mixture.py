"""Distributions whose best possible classifier is known."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """Classes of equal frequency, each an isotropic normal distribution.

    Attributes
    ----------
    centers : ndarray of shape (n_classes, n_features)
    standard_deviations : ndarray of shape (n_classes,)

    Examples
    --------
    >>> import numpy as np
    >>> import batchlab as bl
    >>> mixture = bl.GaussianMixture(np.array([[0.0, 0.0], [4.0, 0.0]]), np.array([1.0, 1.0]))
    >>> mixture.predict(np.array([[1.0, 3.0], [3.0, -3.0]])).tolist()
    [0, 1]
    >>> x, y = mixture.sample(1000, seed=0)
    >>> x.shape, y.shape
    ((1000, 2), (1000,))
    """

    centers: np.ndarray
    standard_deviations: np.ndarray

    def log_densities(self, x: np.ndarray) -> np.ndarray:
        """Return each class's log density up to one constant, shape (n_samples, n_classes)."""
        distances = ((x[:, None, :] - self.centers) ** 2).sum(axis=-1)
        deviations = self.standard_deviations
        return -distances / (2 * deviations**2) - x.shape[1] * np.log(deviations)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the most probable class of each sample (the Bayes rule), shape (n_samples,).

        References
        ----------
        Duda, Hart and Stork, Pattern Classification, 2nd edition 2001, section 2.6.
        """
        return self.log_densities(x).argmax(axis=1)

    def sample(self, n_samples: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return fresh samples, shape (n_samples, n_features), and labels, shape (n_samples,)."""
        generator = np.random.default_rng(seed)
        y = generator.integers(len(self.centers), size=n_samples)
        noise = generator.standard_normal((n_samples, self.centers.shape[1]))
        return self.centers[y] + self.standard_deviations[y, None] * noise, y
