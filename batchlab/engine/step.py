"""What happens to one replicate: an update and an evaluation, as pure functions of its state."""

import inspect
from dataclasses import dataclass

from batchlab.foundation.backend import keras, tf

State = tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]


def stateless_call(
    model: keras.Model, trainable: list, others: list, x: tf.Tensor, *, training: bool
) -> tuple[tf.Tensor, list, list]:
    """Return what a model with these variables puts out, its other variables after it, its losses.

    As in Keras's own training, a model is told whether it is being trained if its `call` asks.
    """
    asked = "training" in inspect.signature(model.call).parameters
    told = {"training": training} if asked else {}
    return model.stateless_call(trainable, others, x, return_losses=True, **told)


@dataclass(frozen=True, eq=False)
class Replicate:
    """A model with its loss and its optimizer, none of whose own variables are used.

    A state is three lists of tensors: the trainable variables, the model's other variables (moving
    statistics, the seeds of dropout), the optimizer's variables.

    Attributes
    ----------
    model : keras.Model
    loss : keras.losses.Loss
    optimizer : keras.optimizers.Optimizer
        From `batchlab.engine.optimizers.stateless_optimizer`.
    dtype : str
        Float type of loss and score.
    """

    model: keras.Model
    loss: keras.losses.Loss
    optimizer: keras.optimizers.Optimizer
    dtype: str

    def update(
        self, state: State, x: tf.Tensor, y: tf.Tensor
    ) -> tuple[State, tf.Tensor, tf.Tensor]:
        """Return the state after one update on a minibatch, with the loss and score before it.

        The loss is the minibatch's mean plus the model's regularization losses, as Keras counts
        it. The score is a sum over the samples: those classified right where `y` holds labels, the
        absolute errors, each the mean over a sample's targets, where it holds targets.
        """
        trainable, others, slots = state
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            predicted, others, penalties = stateless_call(
                self.model, trainable, others, x, training=True
            )
            loss, score = self._measure(predicted, y, penalties)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, trainable)
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
        return (list(trainable), list(others), list(slots)), loss, score

    def evaluate(self, state: State, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the loss and the score on some samples."""
        predicted, _, penalties = stateless_call(self.model, *state[:2], x, training=False)
        return self._measure(predicted, y, penalties)

    def _measure(
        self, predicted: tf.Tensor, y: tf.Tensor, penalties: list[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        loss = self.loss(self._targets(y, predicted.shape[-1]), predicted)
        loss += sum(tf.cast(penalty, loss.dtype) for penalty in penalties)
        return tf.cast(loss, self.dtype), self._score(predicted, y)

    def _score(self, predicted: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        n_outputs = predicted.shape[-1]
        if y.dtype.is_floating:
            errors = tf.abs(tf.cast(predicted, self.dtype) - self._targets(y, n_outputs))
            return tf.reduce_sum(tf.reduce_mean(errors, axis=-1))
        if n_outputs == 1:
            guess = tf.cast(predicted[:, 0] > 0.5, y.dtype)
        else:
            guess = tf.argmax(predicted, axis=-1, output_type=y.dtype)
        return tf.reduce_sum(tf.cast(guess == y, self.dtype))

    def _targets(self, y: tf.Tensor, n_outputs: int) -> tf.Tensor:
        if isinstance(self.loss, keras.losses.SparseCategoricalCrossentropy):
            return y
        if y.dtype.is_floating:
            return tf.reshape(y, (-1, n_outputs))
        if n_outputs == 1:
            return tf.cast(y[:, None], self.dtype)
        return tf.one_hot(y, n_outputs, dtype=self.dtype)
