"""Matrix products whose rounding depends neither on the CPU's caches nor on its cores.

On a CPU, XLA hands products to Eigen, which cuts a long sum into blocks that fit the first-level
cache, and shares one among threads where that pays. The order of the additions, and with it the
last bits of the result, would be those of one kind of machine: the gradient over 500 samples was
another with 48 KiB of cache than with 32, and a model of 784 features another with one core than
with two. Here a long sum is cut while a program is traced, always at the same places, into parts
that Eigen leaves whole everywhere.

Convolutions, what a layer computes by ``einsum``, and bfloat16 are not cut.
"""

import contextlib
import functools
import inspect
import threading
from collections.abc import Callable, Iterator

from batchlab.foundation.backend import building, floatx, products, stop_recording, tf

# Eigen cuts sums of more than 168 terms (16 KiB of cache, float64), and shares those of more than
# 64 among threads.
LONGEST_SUM = 64
PARTS_UNROLLED = 32

_here = threading.local()


@contextlib.contextmanager
def tracing(dtype: str, device: str = "/CPU:0") -> Iterator[None]:
    """Trace a program in the body: new floats are of `dtype`, long sums in products are cut.

    Parameters
    ----------
    dtype : str
        As for `batchlab.foundation.backend.floatx`.
    device : str
        TensorFlow's name of it. A GPU adds in an order of its own, and more products cost it more.
    """
    with building, floatx(dtype):
        before = {name: getattr(products, name) for name in ("mat_mul", "batch_mat_mul_v2")}
        for name, product in before.items():
            setattr(products, name, _cutting(product))
        outer = getattr(_here, "cutting", False)
        _here.cutting = device == "/CPU:0"
        try:
            yield
        finally:
            _here.cutting = outer
            for name, product in before.items():
                setattr(products, name, product)


@contextlib.contextmanager
def batches_of_unknown_size(longest: int | None, *, stacked: bool) -> Iterator[None]:
    """Say of the batches of unknown size that are traced in the body how long they may be.

    Parameters
    ----------
    longest : int or None
        In samples, at most ``LONGEST_SUM * PARTS_UNROLLED``. Sums over them are cut if that is
        more than LONGEST_SUM. None is where none is of unknown size.
    stacked : bool
        Whether the matrices of several replicates are stacked afterwards: sums are cut then.
    """
    _here.longest_batch, _here.batch_rank = longest, 3 if stacked else 2
    try:
        yield
    finally:
        del _here.longest_batch, _here.batch_rank


@contextlib.contextmanager
def _uncut() -> Iterator[None]:
    """Leave the products in the body whole."""
    outer, _here.cutting = _here.cutting, False
    try:
        yield
    finally:
        _here.cutting = outer


def _cutting(product: Callable) -> Callable:
    """Return one of TensorFlow's products such that it cuts long sums."""
    signature = inspect.signature(product)

    @functools.wraps(product)
    def cutting(*arguments, **options):
        # What other threads build meanwhile is theirs.
        if getattr(_here, "cutting", False):
            given = signature.bind(*arguments, **options)
            given.apply_defaults()
            a, b, flip_a, flip_b, *_ = given.args
            a = tf.linalg.matrix_transpose(a) if flip_a else tf.convert_to_tensor(a)
            b = tf.linalg.matrix_transpose(b) if flip_b else tf.convert_to_tensor(b)
            if _is_long(a, b):
                return _in_parts(a, b)
        return product(*arguments, **options)

    return cutting


def _is_long(a: tf.Tensor, b: tf.Tensor) -> bool:
    terms = a.shape[-1]
    if terms is None and a.shape.rank == getattr(_here, "batch_rank", None):
        terms = _here.longest_batch
    return (
        a.dtype in (tf.float32, tf.float64)  # shorter types round each part
        and terms is not None
        and terms > LONGEST_SUM
        and a.shape[:-2].is_fully_defined()
        and a.shape[:-2] == b.shape[:-2]
    )


@tf.custom_gradient
def _in_parts(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Return the product of two (stacks of) matrices, and its gradient.

    Without a gradient of its own that of each part would be padded to the whole, and added.
    """

    def gradient(upstream):
        return tf.matmul(upstream, b, transpose_b=True), tf.matmul(a, upstream, transpose_a=True)

    terms = a.shape[-1]
    whole, rest = divmod(_here.longest_batch if terms is None else terms, LONGEST_SUM)

    def part(place, size=LONGEST_SUM):
        start, leading = place * LONGEST_SUM, [0] * (a.shape.rank - 2)
        every = [-1] * (a.shape.rank - 2)
        if terms is None:  # parts behind the batch's end are of no samples, and XLA drops them
            held = tf.shape(a)[-1]
            start = tf.minimum(start, held)
            size = tf.minimum(size, held - start)
        columns = tf.slice(a, [*leading, 0, start], [*every, -1, size])
        rows = tf.slice(b, [*leading, start, 0], [*every, size, -1])
        product = tf.matmul(columns, rows)
        # Beside a size that is unknown a slice forgets the known ones, and a width of 1 would be
        # taken for one to be broadcast.
        product.set_shape([*a.shape[:-1], b.shape[-1]])
        return product

    # Else second derivatives would go through the loop as well, which XLA refuses.
    with stop_recording(), _uncut():
        total = part(0)
        if whole <= PARTS_UNROLLED:
            for place in range(1, whole):
                total += part(place)
        else:
            _, total = tf.while_loop(
                lambda place, _: place < whole,
                lambda place, total: (place + 1, total + part(place)),
                (tf.constant(1), total),
            )
        if rest:
            total += part(whole, rest)
    return total, gradient
