"""The compiled training loop: all updates, epochs and evaluations of a group of replicates.

A group is `Replicate`'s pure functions under ``tf.vectorized_map``; the loops around them are one
XLA program, which is compiled once for a shape and then serves any data, weights, orders, learning
rate and number of epochs. What XLA compiles is traced before, mostly with batches of unknown size:
so that this quarter of the work is done once for many batch sizes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from batchlab.engine.budgets import Segment
from batchlab.engine.step import Replicate
from batchlab.engine.summation import LONGEST_SUM, PARTS_UNROLLED, batches_of_unknown_size, tracing
from batchlab.engine.weights import weight_places
from batchlab.foundation.backend import quiet_logging, tf
from batchlab.histories.metrics import METRICS

N_METRICS = len(METRICS)  # whatever the task


class NotVectorizable(Exception):
    """The model has an operation that TensorFlow cannot run for many sets of weights at once."""


@dataclass(frozen=True)
class Shape:
    """What a program is compiled for, beside the model, the loss and the optimizer.

    Attributes
    ----------
    batch_size, n_train, n_held_out : int
    n_measured : int
        Training samples, from the first on, that a record measures.
    feature_shape : tuple of int
    keep_weights : bool
        Whether a call also returns the weights after each epoch.
    dtype : str
        Float type of the samples, losses and metrics.
    group : int
        Replicates in a call. A group of one has no replicate axis anywhere, which is faster.
    capacity : int
        Epochs of orders handed over at a time; also the most segments in a call.
    block : int
        Samples evaluated at a time.
    target_shape : tuple of int
        Of one label or target.
    target_dtype : str
        A whole number's type for labels, a float type for targets.
    """

    batch_size: int
    n_train: int
    n_held_out: int
    n_measured: int
    feature_shape: tuple[int, ...]
    keep_weights: bool
    dtype: str
    group: int = 1
    capacity: int = 1
    block: int = 1
    target_shape: tuple[int, ...] = ()
    target_dtype: str = "int32"

    @property
    def lead(self) -> tuple[int, ...]:
        """Shape of the replicate axis: (group,), or () for a group of one."""
        return () if self.group == 1 else (self.group,)

    @property
    def last_size(self) -> int:
        """Samples that full batches leave over for a last update of an epoch, or 0."""
        return self.n_train % self.batch_size

    @property
    def longest_batch(self) -> int | None:
        """Samples that a batch has at most in a trace that serves all of them, if one can.

        Sums over longer batches would be cut by a loop, which is slower than parts written out.
        """
        if self.batch_size <= LONGEST_SUM:
            return LONGEST_SUM
        return self.n_train if self.n_train <= LONGEST_SUM * PARTS_UNROLLED else None

    @property
    def traced_as(self) -> tuple:
        """What is the same for two shapes that one trace serves."""
        if self.longest_batch is None:
            return (self,)
        return replace(self, batch_size=1), self.longest_batch, self.last_size > 0


class TrainingLoop:
    """Trains and evaluates a group of replicates, as pure functions of tensors.

    Parameters
    ----------
    replicate : Replicate
    shape : Shape
    """

    def __init__(self, replicate: Replicate, shape: Shape):
        self._replicate = replicate
        self._shape = shape
        self._places = weight_places(replicate.model)
        # A function of its own, so that the last batch of an epoch is traced with the others.
        self._updated = tf.function(self._updated_replicates, autograph=False)

    def trace(self, device: str) -> Callable:
        """Return `run` as a function that XLA compiles at its first call.

        Parameters
        ----------
        device : str
            TensorFlow's name of the one it will run on.

        Raises
        ------
        NotVectorizable
            If the group has several replicates and the model cannot be run for them at once.
        """
        with tracing(self._shape.dtype, device):
            compiled = tf.function(self.run, jit_compile=True, autograph=False)
            return compiled.get_concrete_function(*self._signature())

    def run(self, states, sums, data, orders, segments, count, full, last):
        """Train on some segments of epochs, and evaluate where they say so.

        Parameters
        ----------
        states : state of `Replicate`, each tensor with the replicate axis in front
        sums : pair of tensors of shape (group,)
            Loss times samples, and score, since the last record.
        data : pair of tensors
            Samples (n_train + n_held_out, *feature_shape), those for training first, and their
            labels or targets.
        orders : tensor of int32, shape (capacity, group, n_train)
        segments : tensor of int32, shape (capacity, 5)
            `batchlab.engine.budgets.Segment`s, their epoch being a row of `orders`.
        count : scalar tensor of int32
            How many of the segments to train on.
        full, last : tensors of int32, shape (batch_size,) and (last_size,)
            As long as a full batch and as the last one of an epoch; their values are not used.

        Returns
        -------
        states, sums
            As above, after it.
        rows : tensor of shape (capacity, 6, group)
            Metrics after each segment that ends in a record, of which the first two are the sums
            since the record before, else zero.
        weights : tensor of shape (capacity, group, n_parameters), or (capacity, 0)
            After each segment, if they are kept.
        """
        size = tf.size(full)

        def one_segment(done, states, sums, rows, weights):
            epoch, start, stop, partial, record = tf.unstack(tf.gather(segments, done))
            order = tf.gather(orders, epoch)

            def one_update(step, states, sums):
                return step + 1, *self._update(states, sums, data, order, step * size, size)

            _, states, sums = tf.while_loop(
                lambda step, *_: step < stop, one_update, (start, states, sums)
            )
            states, sums = self._last_update(partial > 0, states, sums, data, order, tf.size(last))
            sums, row = tf.cond(
                record > 0,
                lambda: self._record(states, sums, data),
                lambda: (sums, self._zeros(N_METRICS)),
            )
            rows, weights = rows.write(done, row), weights.write(done, self._kept_weights(states))
            return done + 1, states, sums, rows, weights

        rows, weights = (
            tf.TensorArray(self._shape.dtype, self._shape.capacity, element_shape=element)
            for element in ((N_METRICS, *self._shape.lead), self._kept_weights(states).shape)
        )
        _, states, sums, rows, weights = tf.while_loop(
            lambda done, *_: done < count,
            one_segment,
            (tf.constant(0), states, sums, rows, weights),
        )
        return states, sums, rows.stack(), weights.stack()

    def _last_update(self, wanted, states, sums, data, order, size):
        """Train on the samples that are left of an epoch, fewer than a batch."""
        if not self._shape.last_size:
            return states, sums
        # A smaller update, as in Keras. XLA wants constant shapes: a second call of the step.
        start = self._shape.n_train - size
        return tf.cond(
            wanted,
            lambda: self._update(states, sums, data, order, start, size),
            lambda: (states, sums),
        )

    def _record(self, states, sums, data):
        row = [*sums, *self._evaluate(states, data)]
        return (self._zeros(), self._zeros()), tf.stack(row)

    def _update(self, states, sums, data, order, start, size):
        lead = self._shape.lead
        index = tf.slice(order, [0] * len(lead) + [start], [*lead, size])
        states, loss, score = self._updated(states, data, index)
        return states, (sums[0] + loss * tf.cast(size, loss.dtype), sums[1] + score)

    def _updated_replicates(self, states, data, index):
        stacked = self._shape.group > 1
        with batches_of_unknown_size(self._shape.longest_batch, stacked=stacked):
            return self._over_replicates(self._replicate.update, states, data, index)

    def _evaluate(self, states, data):
        """Return loss and score on the held-out samples, then on the training samples."""
        shape = self._shape

        def totals(start, size):
            # An index of its own for each replicate, although they are equal: else all replicates
            # would become one matrix product, whose rounding depends on their number.
            index = tf.broadcast_to(start + tf.range(size), [*shape.lead, size])
            loss, score = self._over_replicates(self._replicate.evaluate, states, data, index)
            return tf.stack([loss * size, score])

        parts = ((shape.n_train, shape.n_held_out), (0, shape.n_measured))
        # The whole blocks of both parts go through one loop, so that XLA compiles them once.
        starts = [
            begin + block * shape.block
            for begin, size in parts
            for block in range(size // shape.block)
        ]
        where = tf.constant(starts, "int32")
        blocks = tf.TensorArray(shape.dtype, len(starts), element_shape=(2, *shape.lead))
        if starts:
            _, blocks = tf.while_loop(
                lambda place, _: place < len(starts),
                lambda place, blocks: (
                    place + 1,
                    blocks.write(place, totals(tf.gather(where, place), shape.block)),
                ),
                (tf.constant(0), blocks),
            )
        blocks, row = blocks.stack(), []
        for begin, size in parts:
            whole, rest = divmod(size, shape.block)
            total = tf.reduce_sum(blocks[:whole], axis=0)
            if rest:
                total += totals(begin + whole * shape.block, rest)
            blocks = blocks[whole:]
            row += tf.unstack(total / size)
        return row

    def _over_replicates(self, function, states, data, index):
        def one_replicate(arguments):
            state, own_index = arguments
            return function(state, *(tf.gather(values, own_index) for values in data))

        if self._shape.group == 1:
            return one_replicate((states, index))
        try:
            with quiet_logging():
                return tf.vectorized_map(
                    one_replicate, (states, index), fallback_to_while_loop=False
                )
        except Exception as error:  # what is wrong with the model itself shows in a group of one
            raise NotVectorizable from error

    def _kept_weights(self, states):
        if not self._shape.keep_weights:
            return tf.zeros((0,), self._shape.dtype)
        values = [*states[0], *states[1]]
        rows = [tf.reshape(values[place], [*self._shape.lead, -1]) for place in self._places]
        return tf.concat([tf.cast(row, self._shape.dtype) for row in rows], axis=-1)

    def _zeros(self, *axes):
        return tf.zeros((*axes, *self._shape.lead), self._shape.dtype)

    def _signature(self):
        shape = self._shape

        def like(variables):
            return [tf.TensorSpec((*shape.lead, *v.shape), v.dtype) for v in variables]

        model = self._replicate.model
        states = (
            like(model.trainable_variables),
            like(model.non_trainable_variables),
            like(self._replicate.optimizer.variables),
        )
        sums = (tf.TensorSpec(shape.lead, shape.dtype),) * 2
        orders = tf.TensorSpec((shape.capacity, *shape.lead, shape.n_train), "int32")
        n_samples = shape.n_train + shape.n_held_out
        data = (
            tf.TensorSpec((n_samples, *shape.feature_shape), shape.dtype),
            tf.TensorSpec((n_samples, *shape.target_shape), shape.target_dtype),
        )
        segments = tf.TensorSpec((shape.capacity, len(Segment._fields)), "int32")
        sizes = [shape.batch_size, shape.last_size] if shape.longest_batch is None else [None, None]
        lengths = (tf.TensorSpec((size,), "int32") for size in sizes)
        return states, sums, data, orders, segments, tf.TensorSpec((), "int32"), *lengths
