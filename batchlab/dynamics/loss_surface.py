"""The loss as a function of a model's weights: its gradients and curvature, as tensors.

The loss is that of an evaluation: dropout is off, batch normalization goes by its moving
statistics, and the penalties of regularizers are counted in.
"""

import numpy as np

from batchlab.engine.loop import NotVectorizable
from batchlab.engine.step import Replicate, stateless_call
from batchlab.engine.weights import weight_places
from batchlab.foundation.backend import keras, quiet_logging, tf

SAMPLES_A_BLOCK = 256  # what fits into a core's cache
GRADIENT_BYTES = 32 * 2**20  # gradients of single samples held at a time


class LossSurface:
    """Pure functions of one row of weights, in the order of ``model.get_weights()``.

    Parameters
    ----------
    model : keras.Model
        None of whose own weights are used.
    loss : keras.losses.Loss
        A mean over samples, in the type of the model.

    Attributes
    ----------
    model : keras.Model
    loss_name, dtype : str
        The loss's class; the type of trainable weights.
    trainable : ndarray of bool, shape (n_parameters,)
        Which of a row are trained; a gradient is of these, in the order of
        ``model.trainable_variables``.
    vectorized : bool
        Whether gradients of single samples are taken side by side; convolutions cannot be.
    """

    def __init__(self, model: keras.Model, loss: keras.losses.Loss):
        self.model, self.loss_name = model, type(loss).__name__
        self.dtype = model.trainable_variables[0].dtype
        self.vectorized = True
        trained = {id(variable) for variable in model.trainable_variables}
        self.trainable = np.concatenate(
            [np.full(np.prod(one.shape, dtype=int), id(one) in trained) for one in model.weights]
        )
        self._replicate = Replicate(model, loss, None, self.dtype)  # nothing is trained

    def measure(self, row, x, y):
        """Return loss and score on some samples, shape (2,)."""
        state = self._state(row)

        def total(x, y):
            loss, score = self._replicate.evaluate(state, x, y)
            return tf.stack([loss * x.shape[0], score])

        return _summed(total, x, y) / x.shape[0]

    def noise(self, row, x, y):
        """Return the gradient's squared norm, and the trace of the samples' covariance, shape (2,).

        The trace is that of the covariance of the gradients of single samples, by n - 1.
        """
        mean = self._mean_gradient(row, x, y)

        def deviation(sample):
            gradient = self._gradient(row, *(value[None] for value in sample))
            return tf.reduce_sum(tf.square(gradient - mean))

        def total(x, y):
            if not self.vectorized:
                parts = tf.map_fn(deviation, (x, y), fn_output_signature=self.dtype)
            else:
                try:
                    with quiet_logging():
                        parts = tf.vectorized_map(deviation, (x, y), fallback_to_while_loop=False)
                except Exception as error:  # convolutions
                    raise NotVectorizable from error
            return tf.reduce_sum(parts)

        # Deviations from the mean: squares less the square of the mean would cancel.
        block = max(GRADIENT_BYTES // (8 * int(self.trainable.sum())), 1)
        trace = _summed(total, x, y, block=min(block, SAMPLES_A_BLOCK)) / (x.shape[0] - 1)
        return tf.stack([tf.reduce_sum(tf.square(mean)), trace])

    def minibatch_norms(self, row, x, y, drawn):
        """Return squared norms of the gradients of minibatches and of their mean.

        Parameters
        ----------
        row : tensor of shape (n_parameters,)
        x, y : tensors
            Samples and labels.
        drawn : tensor of int32, shape (draws, parts, size)
            Which samples the minibatches are of.

        Returns
        -------
        tensor of shape (draws, 2)
            The mean of the squared norms over the parts, and the squared norm of the mean.
        """

        def one_draw(parts):
            gradients = tf.map_fn(
                lambda index: self._gradient(row, tf.gather(x, index), tf.gather(y, index)),
                parts,
                fn_output_signature=self.dtype,
            )
            norms = tf.reduce_sum(tf.square(gradients), axis=1)
            whole = tf.reduce_sum(tf.square(tf.reduce_mean(gradients, axis=0)))
            return tf.stack([tf.reduce_mean(norms), whole])

        return tf.map_fn(one_draw, drawn, fn_output_signature=self.dtype)

    def hessian_product(self, row, vector, x, y):
        """Return the Hessian of the loss times a vector, both of the trainable weights."""
        trainable, others, _ = self._state(row)

        def total(x, y):
            with tf.GradientTape() as outer:
                outer.watch(trainable)
                with tf.GradientTape() as inner:
                    inner.watch(trainable)
                    loss, _ = self._replicate.evaluate((trainable, others, []), x, y)
                gradient = self._flat(inner.gradient(loss, trainable))
                along = tf.reduce_sum(gradient * vector)
            return x.shape[0] * self._flat(outer.gradient(along, trainable))

        return _summed(total, x, y) / x.shape[0]

    def predict(self, row, x):
        """Return what the model puts out, shape (n_samples, n_outputs)."""
        trainable, others, _ = self._state(row)

        def some(x):
            return stateless_call(self.model, trainable, others, x, training=False)[0]

        whole, rest = divmod(x.shape[0], SAMPLES_A_BLOCK)
        parts = [some(x[x.shape[0] - rest :])] if rest else []
        if whole:
            blocks = tf.reshape(x[: x.shape[0] - rest], (whole, SAMPLES_A_BLOCK, *x.shape[1:]))
            found = tf.map_fn(some, blocks)
            parts.insert(0, tf.reshape(found, (whole * SAMPLES_A_BLOCK, found.shape[-1])))
        return tf.concat(parts, axis=0)

    def _state(self, row):
        weights = self.model.weights
        pieces = tf.split(row, [int(np.prod(one.shape)) for one in weights])
        variables = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        # Those that are no weights, such as the seeds of dropout, stay as they are.
        values = [variable.value for variable in variables]
        for place, piece, weight in zip(weight_places(self.model), pieces, weights, strict=True):
            values[place] = tf.cast(tf.reshape(piece, weight.shape), weight.dtype)
        count = len(self.model.trainable_variables)
        return values[:count], values[count:], None

    def _gradient(self, row, x, y):
        """Return the gradient on the trainable weights of the mean loss of a few samples."""
        trainable, others, _ = self._state(row)
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            loss, _ = self._replicate.evaluate((trainable, others, []), x, y)
        return self._flat(tape.gradient(loss, trainable))

    def _mean_gradient(self, row, x, y):
        def total(x, y):
            return x.shape[0] * self._gradient(row, x, y)

        return _summed(total, x, y) / x.shape[0]

    def _flat(self, gradients):
        pairs = zip(gradients, self.model.trainable_variables, strict=True)
        dense = [
            tf.zeros(variable.shape, self.dtype) if one is None else tf.convert_to_tensor(one)
            for one, variable in pairs
        ]
        return tf.concat([tf.reshape(tf.cast(one, self.dtype), [-1]) for one in dense], axis=0)


def _summed(function, x, y, *, block=SAMPLES_A_BLOCK):
    """Return the sum of a function over blocks of the samples, so that memory stays bounded."""
    count = x.shape[0]
    whole, rest = divmod(count, block)
    total = function(x[count - rest :], y[count - rest :]) if rest else 0
    if whole:
        data = [
            tf.reshape(values[: count - rest], (whole, block, *values.shape[1:]))
            for values in (x, y)
        ]
        parts = tf.map_fn(lambda some: function(*some), data, fn_output_signature=x.dtype)
        total += tf.reduce_sum(parts, axis=0)
    return total
