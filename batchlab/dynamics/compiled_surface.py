"""Loss surfaces compiled: each function runs over many rows of weights, in threads.

Rows go one after the other through a program for one, a thread for each core: measured, that is
twice as fast as many rows in one ``tf.vectorized_map``, compiles in half the time, and a row's
numbers cannot depend on those beside it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np

from batchlab.dynamics.loss_surface import LossSurface
from batchlab.engine.identity import identity
from batchlab.engine.loop import NotVectorizable
from batchlab.engine.losses import checked_loss
from batchlab.engine.optimizers import settings_of
from batchlab.engine.summation import tracing
from batchlab.engine.weights import Build, initial_variables, n_outputs
from batchlab.foundation.backend import device_name, keras, tf
from batchlab.foundation.checks import shown
from batchlab.problems.problem import Problem

SURFACES_KEPT = 16

Samples = tuple[np.ndarray, np.ndarray]


class CompiledSurface:
    """The functions of a `LossSurface`, compiled by XLA once for each shape of the samples.

    Parameters
    ----------
    surface : LossSurface
    """

    def __init__(self, surface: LossSurface):
        self.surface = surface
        self._compiled: dict[Hashable, Callable] = {}

    def measure(self, rows: np.ndarray, samples: Samples) -> np.ndarray:
        """Return loss and score on some samples, shape (rows, 2)."""
        return self._over_rows("measure", rows, (2,), *self._tensors(samples))

    def noise(self, rows: np.ndarray, samples: Samples) -> np.ndarray:
        """Return the gradient's squared norm and the trace of the covariance, shape (rows, 2)."""
        data = self._tensors(samples)
        if self.surface.vectorized:
            try:
                return self._over_rows("noise", rows, (2,), *data)
            except (NotVectorizable, tf.errors.OpError):
                self.surface.vectorized = False
                del self._compiled["noise"]
        return self._over_rows("noise", rows, (2,), *data)

    def minibatch_norms(
        self, rows: np.ndarray, samples: Samples, drawn: Callable[[int], np.ndarray]
    ) -> np.ndarray:
        """Return squared norms of gradients of minibatches, see `LossSurface`.

        Parameters
        ----------
        rows : ndarray of shape (rows, n_parameters)
        samples : pair of ndarray
        drawn : callable
            Place of a row -> which samples, int32 of shape (draws, parts, size).

        Returns
        -------
        ndarray of shape (rows, draws, 2)
        """
        shape = drawn(0).shape[0], 2
        return self._over_rows("minibatch_norms", rows, shape, *self._tensors(samples), own=drawn)

    def predict(self, rows: np.ndarray, x: np.ndarray, outputs: int) -> np.ndarray:
        """Return what the model puts out, shape (rows, n_samples, outputs)."""
        return self._over_rows("predict", rows, (len(x), outputs), self._tensors((x, ()))[0])

    def curvature(self, row: np.ndarray, samples: Samples) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function vector -> Hessian times it, of the trainable weights."""
        dtype, data = self.surface.dtype, self._tensors(samples)
        function, row = self._function("hessian_product"), tf.constant(row, dtype)

        def product(vector: np.ndarray) -> np.ndarray:
            return function(row, tf.constant(np.ravel(vector), dtype), *data).numpy()

        with tracing(dtype, device_name(None)):  # the first call does
            product(np.zeros(self.surface.trainable.sum()))
        return product

    def _over_rows(self, name, rows, shape, *data, own=None):
        """Return a function's value for each row, NaN for a row that is not finite."""
        function, dtype = self._function(name), self.surface.dtype

        def one(place):
            more = () if own is None else (tf.constant(own(place), "int32"),)
            return function(tf.constant(rows[place], dtype), *data, *more).numpy()

        found = np.full((len(rows), *shape), np.nan)
        sound = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if sound.size:
            with tracing(dtype, device_name(None)):  # the first call does
                found[sound[0]] = one(sound[0])
            with ThreadPoolExecutor(joblib.cpu_count()) as pool:
                for place, value in zip(sound[1:], pool.map(one, sound[1:]), strict=True):
                    found[place] = value
        return found

    def _function(self, name):
        if name not in self._compiled:
            pure = getattr(self.surface, name)
            self._compiled[name] = tf.function(pure, jit_compile=True, autograph=False)
        return self._compiled[name]

    def _tensors(self, samples):
        x, y = samples
        labels = np.asarray(y).dtype.kind in "iu"
        dtype = self.surface.dtype
        return tf.constant(x, dtype), tf.constant(y, "int32" if labels else dtype)


_surfaces: OrderedDict[tuple, CompiledSurface] = OrderedDict()
_lock = threading.RLock()


def surface_of(
    build: Build, problem: Problem, loss: keras.losses.Loss | None = None
) -> CompiledSurface:
    """Return the loss surface of a model; what was compiled for an equal one is kept.

    Parameters
    ----------
    build : callable
        Problem -> keras.Model.
    problem : Problem
        For the shape of its samples.
    loss : keras.losses.Loss or None
        As in `fit`.

    Returns
    -------
    CompiledSurface

    Raises
    ------
    TypeError, ValueError
        If the model or the loss is not one that `fit` takes, or the loss leaves out a class.
    """
    model = initial_variables(build, problem, [0], show_progress=False)[0]
    dtype = model.trainable_variables[0].dtype
    loss = checked_loss(loss, n_outputs(model, problem), dtype, task=problem.task)
    left_out = getattr(loss, "ignore_class", None)
    if left_out is not None:
        raise ValueError(
            "loss: expected one that is a mean over all samples, received one with "
            f"ignore_class={shown(left_out)}."
        )
    # The optimizer plays no part; any will do to tell models apart.
    described = identity(model, loss, settings_of(None))
    key = described, device_name(None)
    with _lock:
        surface = _surfaces.get(key) or CompiledSurface(LossSurface(model, loss))
        if described:
            _surfaces[key] = surface
            _surfaces.move_to_end(key)
            if len(_surfaces) > SURFACES_KEPT:
                _surfaces.popitem(last=False)
    return surface
