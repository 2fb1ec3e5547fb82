"""Programs by what they are for: each is traced and compiled once in a process and then reused."""

import math
import threading
import time
from collections import OrderedDict
from dataclasses import replace

import numpy as np

from batchlab.engine.identity import identity
from batchlab.engine.loop import NotVectorizable, Shape, TrainingLoop
from batchlab.engine.optimizers import stateless_optimizer
from batchlab.engine.step import Replicate, stateless_call
from batchlab.foundation.backend import building, floatx, keras, tf

PROGRAMS_KEPT = 64
BLOCK_BYTES = 4 * 2**20  # activations of one replicate at a time in an evaluation
REPLICATES_A_GROUP = 8  # on a CPU
GROUP_BYTES = 256 * 2**20  # activations and optimizer state of one group
GPU_GROUP_BYTES = 4 * 2**30
ORDERS_BYTES = 32 * 2**20  # orders held at a time by all groups that run side by side
MOST_EPOCHS_A_CALL = 64


class Program:
    """A training loop that XLA has compiled, or will.

    Replicates go in groups through ``tf.vectorized_map`` where TensorFlow and XLA can do that with
    the model. Where they cannot (convolutions, dropout, recurrent layers) the replicates go one
    after the other through a program for one, which is the same arithmetic.

    Attributes
    ----------
    shape : Shape
    device : str
        TensorFlow's name of it.
    """

    def __init__(self, replicate: Replicate, shape: Shape, device: str, made_for: str | None):
        self.device = device
        self._made_for = made_for
        self._replicate = replicate
        self._seconds, self._compiled = 0.0, False
        self._lock = threading.Lock()
        optimizer = replicate.optimizer
        self._slots = [variable.numpy() for variable in optimizer.variables]
        self._is_rate = [variable is optimizer.learning_rate for variable in optimizer.variables]
        try:
            self._trace(shape)
        except NotVectorizable:
            self._trace(replace(shape, group=1))

    def compile(self) -> float:
        """Make XLA compile, by training for no epoch, unless it has; return the seconds spent.

        Tracing is counted in, so a program that was used before takes next to nothing. Python is
        free to do something else meanwhile.
        """
        with self._lock:
            if self._compiled:
                return 0.0
            begin = time.perf_counter()
            try:
                self._train_nothing()
            except tf.errors.OpError:
                if self.shape.group == 1:
                    raise
                self._trace(replace(self.shape, group=1))
                self._train_nothing()
            self._compiled = True
            return self._seconds + time.perf_counter() - begin

    def initial_slots(
        self, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule
    ) -> list[np.ndarray]:
        """Return what the optimizer's variables of one replicate start from.

        One program serves all constant learning rates, since such a rate is one of the variables;
        a schedule is not, and is part of the program.
        """
        return [
            np.asarray(learning_rate, value.dtype) if is_rate else value
            for value, is_rate in zip(self._slots, self._is_rate, strict=True)
        ]

    def _trace(self, shape: Shape) -> None:
        begin = time.perf_counter()
        with building, tf.device(self.device):
            self._traced = _traced(self._made_for, self._replicate, shape, self.device)
        self.shape = shape
        self._seconds += time.perf_counter() - begin

    def run(self, *arguments: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Train: `TrainingLoop.run`, but for its last two arguments."""
        shape = self.shape
        sizes = (tf.zeros((size,), "int32") for size in (shape.batch_size, shape.last_size))
        return self._traced(*arguments, *sizes)

    def _train_nothing(self) -> None:
        specs = self._traced.structured_input_signature[0][:-2]
        with tf.device(self.device):
            nothing = tf.nest.map_structure(lambda spec: tf.zeros(spec.shape, spec.dtype), specs)
            self.run(*nothing)[2].numpy()


_traces: OrderedDict[tuple, tf.types.experimental.ConcreteFunction] = OrderedDict()
_programs: OrderedDict[tuple, Program] = OrderedDict()
_lock = threading.RLock()


def forget_programs() -> None:
    """Make the next use of every program trace and compile it anew, as in a new process."""
    with _lock:
        _programs.clear()
        _traces.clear()


def _traced(
    made_for: str | None, replicate: Replicate, shape: Shape, device: str
) -> tf.types.experimental.ConcreteFunction:
    """Return the trace of a training loop, if there is none yet a new one."""
    key = made_for, shape.traced_as, device
    if not made_for or key not in _traces:
        trace = TrainingLoop(replicate, shape).trace(device)
        if not made_for:
            return trace
        _traces[key] = trace
        if len(_traces) > PROGRAMS_KEPT:
            _traces.popitem(last=False)
    _traces.move_to_end(key)
    return _traces[key]


def program_for(
    model: keras.Model,
    loss: keras.losses.Loss,
    optimizer: tuple[type, dict],
    shape: Shape,
    *,
    replicates: int,
    threads: int,
    device: str,
    group: int | None = None,
) -> Program:
    """Return the program that trains `replicates` of a model, traced if there was none yet.

    Parameters
    ----------
    model : keras.Model
    loss : keras.losses.Loss
    optimizer : type, dict
        From `batchlab.engine.optimizers.settings_of`.
    shape : Shape
        Its group, capacity and block are chosen here.
    replicates, threads : int
        How many there are to train, and how many groups will run side by side.
    device : str
        TensorFlow's name of it.
    group : int or None
        Replicates in a call; None is as many as is best.

    Returns
    -------
    Program

    Raises
    ------
    ValueError
        If the optimizer is one that cannot be used, see `stateless_optimizer`.
    """
    widest = _widest_activation(model, shape)
    if group is None:
        group = _group_size(replicates, model.count_params(), widest, shape, device)
    shape = _sized(replace(shape, group=group), threads, widest)
    made_for = identity(model, loss, optimizer)
    key = (made_for, shape, device)
    with _lock:
        if made_for and key in _programs:
            _programs.move_to_end(key)
            return _programs[key]
        stateless = stateless_optimizer(*optimizer, model.trainable_variables, shape.dtype)
        if _depends_on_the_batch(model, loss, shape):
            # Keras evaluates in batches of the training's size.
            shape = replace(shape, block=shape.batch_size)
        program = Program(Replicate(model, loss, stateless, shape.dtype), shape, device, made_for)
        if made_for:
            _programs[key] = program
            if len(_programs) > PROGRAMS_KEPT:
                _programs.popitem(last=False)
        return program


def _group_size(replicates: int, parameters: int, widest: int, shape: Shape, device: str) -> int:
    """Return how many replicates to train in one call.

    How XLA rounds depends on the number of replicates in a program, not on which they are. So on
    a CPU it is the same number for two replicates as for two thousand, and groups are filled up:
    that is what makes a replicate's numbers independent of those beside it, and of the cores. A
    GPU wants as many at once as fit.
    """
    if replicates == 1:
        return 1
    on_cpu = device == "/CPU:0"
    size = np.dtype(shape.dtype).itemsize
    per_replicate = size * (widest * shape.batch_size + 6 * parameters) + BLOCK_BYTES
    fit = (GROUP_BYTES if on_cpu else GPU_GROUP_BYTES) // per_replicate
    if on_cpu:
        return REPLICATES_A_GROUP if fit >= REPLICATES_A_GROUP else 1
    return max(min(1 << (replicates - 1).bit_length(), int(fit)), 1)


def _sized(shape: Shape, threads: int, widest: int) -> Shape:
    epoch_bytes = 4 * shape.group * shape.n_train * threads
    capacity = min(max(ORDERS_BYTES // epoch_bytes, 1), MOST_EPOCHS_A_CALL)
    block = max(BLOCK_BYTES // (widest * np.dtype(shape.dtype).itemsize), 1)
    block = min(block, max(shape.n_measured, shape.n_held_out))
    # A block that divides both parts spares XLA the compiling of their smaller last blocks.
    common = math.gcd(shape.n_measured, shape.n_held_out)
    divisor = max(size for size in range(1, min(block, common) + 1) if common % size == 0)
    return replace(shape, capacity=capacity, block=divisor if 4 * divisor > block else block)


def _widest_activation(model: keras.Model, shape: Shape) -> int:
    """Return the largest number of values that a layer puts out for one sample."""
    sizes = [math.prod(shape.feature_shape)]
    for layer in model._flatten_layers(include_self=False):
        try:
            sizes.append(math.prod(size or 1 for size in layer.output.shape[1:]))
        except (AttributeError, ValueError):  # a layer that was never called symbolically
            sizes.extend(math.prod(weight.shape) for weight in layer.weights)
    return max(sizes)


def _depends_on_the_batch(model: keras.Model, loss: keras.losses.Loss, shape: Shape) -> bool:
    """Return whether a mean over batches is another number than the mean over samples.

    It is where layers add losses when they are called, and where the loss leaves out a class.
    """
    if getattr(loss, "ignore_class", None) is not None:
        return True
    with floatx(shape.dtype):
        _, _, losses = stateless_call(
            model,
            [variable.value for variable in model.trainable_variables],
            [variable.value for variable in model.non_trainable_variables],
            tf.zeros((1, *shape.feature_shape), shape.dtype),
            training=False,
        )
    on_weights = sum(variable.regularizer is not None for variable in model.trainable_variables)
    return len(losses) > on_weights
