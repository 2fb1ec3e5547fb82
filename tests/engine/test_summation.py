"""Long sums in matrix products are cut, so that their rounding is everywhere the same."""

import contextlib
import itertools
import os
import re
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

import batchlab as bl
from batchlab.dynamics import compiled_surface
from batchlab.engine import loop, program, summation
from batchlab.engine.summation import LONGEST_SUM, PARTS_UNROLLED, tracing
from batchlab.foundation.backend import floatx, products, tf
from batchlab.training.grid import grid_of

SEVERAL = LONGEST_SUM * PARTS_UNROLLED  # longer ones go through a loop
LENGTHS = [64, 65, 128, 500, SEVERAL + 64 + 5]


@contextlib.contextmanager
def plain(dtype, device=None):
    """Trace as before sums were cut."""
    with floatx(dtype):
        yield


def sums(concrete, *, every=True):
    """Return how many terms each matrix product in a traced function sums: every one is known."""
    definition = concrete.graph.as_graph_def(add_shapes=True)
    graphs = [concrete.graph, *map(function_def_to_graph, definition.library.function)]
    found = []
    for operation in itertools.chain.from_iterable(graph.get_operations() for graph in graphs):
        if "MatMul" in operation.type:
            assert operation.type in ("MatMul", "BatchMatMulV2")
            name = "transpose_a" if operation.type == "MatMul" else "adj_x"
            terms = operation.inputs[0].shape[-2 if operation.get_attr(name) else -1]
            assert terms is not None or not every
            found.append(terms)
    return found


def traced(function, *values, around=tracing, device="/CPU:0", compiled=False):
    with around("float64", device):
        wrapped = tf.function(function, autograph=False, jit_compile=compiled)
        return wrapped.get_concrete_function(*[tf.TensorSpec(v.shape, v.dtype) for v in values])


def computed(function, *values, **how):
    values = [tf.constant(value) for value in values]
    found = traced(function, *values, **how)(*values)
    return [part.numpy() for part in tf.nest.flatten(found)]


def drawn(*shapes):
    generator = np.random.default_rng(0)
    return [generator.normal(size=shape) for shape in shapes]


def wide_problem():
    x, y = np.random.default_rng(0).normal(size=(130, 200)), np.arange(130) % 3
    return bl.from_arrays(x[:100], y[:100], x[100:], y[100:])


def compiled_sums(problem, **settings):
    """Return how many terms each matrix product sums in the program that XLA gets for a run."""
    program.forget_programs()
    (cell,) = grid_of(settings.pop("build", bl.mlp), problem, epochs=1, **settings).cells
    training = cell.training()
    training.trace()
    (only,) = training._programs.values()
    program.forget_programs()
    training_loop = loop.TrainingLoop(only._replicate, only.shape)
    signature = training_loop._signature()
    with loop.tracing(only.shape.dtype, only.device):
        run = tf.function(
            training_loop.run, input_signature=signature, autograph=False, jit_compile=True
        )
        sizes = [tf.zeros(size, "int32") for size in (only.shape.batch_size, only.shape.last_size)]
        given = tf.nest.map_structure(lambda spec: tf.zeros(spec.shape, spec.dtype), signature[:-2])
        text = run.experimental_get_compiler_ir(*given, *sizes)(stage="hlo")
    shapes = dict(re.findall(r"%?([\w.-]+) = \w+\[([\d,]*)\]", text))
    products = re.findall(r" dot\((?:\S+ )?%?([\w.-]+), .*?lhs_contracting_dims=\{(\d+)\}", text)
    return [int(shapes[name].split(",")[int(axis)]) for name, axis in products]


def wide(problem):
    return bl.mlp(problem, hidden_units=[128])


@pytest.mark.parametrize(
    ("batch_size", "replicates", "longest"),
    [(500, 1, 500), (500, 2, 500), (300, 2, 300), (32, 2, 50), (1, 1, 50), ("wide", 2, 200)],
)
def test_no_product_in_a_program_sums_more_than_64_terms(
    tutorial, batch_size, replicates, longest, monkeypatch
):
    problem, settings = tutorial, {"batch_size": batch_size, "replicates": replicates}
    if batch_size == "wide":
        problem, settings = wide_problem(), {**settings, "batch_size": 100, "build": wide}
    found = compiled_sums(problem, **settings)
    assert len(found) > 5
    assert max(found) <= LONGEST_SUM
    monkeypatch.setattr(loop, "tracing", plain)
    assert max(compiled_sums(problem, **settings)) == longest


def test_no_product_in_a_loss_surface_sums_more_than_64_terms(tutorial, monkeypatch):
    def longest():
        surface = compiled_surface.CompiledSurface(
            compiled_surface.surface_of(bl.mlp, tutorial).surface
        )
        surface.curvature(np.full(303, 0.01), (tutorial.x_train, tutorial.y_train))
        (concrete,) = surface._compiled["hessian_product"]._list_all_concrete_functions()
        return max(sums(concrete))

    assert longest() == LONGEST_SUM
    monkeypatch.setattr(compiled_surface, "tracing", plain)
    assert longest() > LONGEST_SUM


def value_and_gradients(a, b, **flips):
    """Return a product, the gradients of a function of it, and Hessians times vectors of ones."""
    with tf.GradientTape() as outer:
        outer.watch([a, b])
        with tf.GradientTape() as inner:
            inner.watch([a, b])
            product = tf.matmul(a, b, **flips)
            value = tf.reduce_sum(tf.sin(product))
        gradients = inner.gradient(value, [a, b])
        slope = sum(tf.reduce_sum(gradient) for gradient in gradients)
    return product, gradients, outer.gradient(slope, [a, b])


@pytest.mark.parametrize(
    ("length", "stack"),
    [*((length, ()) for length in LENGTHS), (65, (2, 3)), (LENGTHS[-1], (2, 3))],
)
def test_products_and_their_derivatives_are_the_plain_ones(length, stack):
    a, b = drawn((*stack, 3, length), (*stack, length, 2))
    a, b = a / length, b / length  # so that sine is of small numbers
    for flip_a, flip_b in itertools.product([False, True], repeat=2):
        pair = [np.swapaxes(v, -1, -2) if flip else v for v, flip in ((a, flip_a), (b, flip_b))]

        def function(a, b, flips=(flip_a, flip_b)):
            return value_and_gradients(a, b, transpose_a=flips[0], transpose_b=flips[1])

        concrete = traced(function, *pair)
        cut = [part.numpy() for part in tf.nest.flatten(concrete(*map(tf.constant, pair)))]
        np.testing.assert_allclose(cut[0], a @ b, rtol=1e-12, atol=1e-12)
        for ours, theirs in zip(cut, computed(function, *pair, around=plain), strict=True):
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12 / length)
        found = sums(concrete)
        assert (len(found), max(found)) == (len(found), min(length, LONGEST_SUM))


def test_second_derivatives_of_the_longest_sums_compile():
    a, b = drawn((3, SEVERAL + 69), (SEVERAL + 69, 2))
    a, b = a / len(b), b / len(b)
    cut = computed(value_and_gradients, a, b, compiled=True)
    for ours, theirs in zip(cut, computed(value_and_gradients, a, b, around=plain), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize("length", [None, 500, SEVERAL + 69])
@pytest.mark.parametrize(("height", "width"), [(3, 1), (1, 1), (1, 4), (None, 1), (5, None)])
def test_a_product_that_is_cut_has_the_shape_of_the_plain_one(height, width, length, stack):
    a, b = (tf.TensorSpec((*stack, *s), "float64") for s in ((height, length), (length, width)))

    def function(a, b):
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            product = tf.matmul(a, b)
        return product, *tape.gradient(product, [a, b])

    with summation.batches_of_unknown_size(500, stacked=bool(stack)):
        cut = traced(function, a, b)
    assert len(sums(cut, every=False)) > len(
        sums(traced(function, a, b, around=plain), every=False)
    )
    assert cut.output_shapes == traced(function, a, b, around=plain).output_shapes


def test_adjoints_are_cut_as_well():
    a, b = drawn((500, 3), (2, 500))

    def function(a, b):
        return tf.matmul(a, b, adjoint_a=True, adjoint_b=True)

    np.testing.assert_allclose(computed(function, a, b)[0], a.T @ b.T, rtol=1e-12, atol=1e-12)
    assert set(sums(traced(function, tf.constant(a), tf.constant(b)))) == {64, 500 % 64}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("length", [500, SEVERAL + 64 + 5])
def test_products_side_by_side_are_the_plain_ones(length, compiled):
    a, b = drawn((4, 3, length), (4, length, 2))
    a, b = a / length, b / length

    def side_by_side(a, b):
        return tf.vectorized_map(
            lambda pair: value_and_gradients(*pair), (a, b), fallback_to_while_loop=False
        )

    cut = computed(side_by_side, a, b, compiled=compiled)
    for ours, theirs in zip(cut, computed(side_by_side, a, b, around=plain), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12 / length)
    if length == 500:  # of a loop side by side no shape is known before it is compiled
        assert max(sums(traced(side_by_side, tf.constant(a), tf.constant(b)))) == LONGEST_SUM


@pytest.mark.parametrize("compiled", [False, True])
def test_loop_adds_as_the_unrolled_sum_does(monkeypatch, compiled):
    for length in (500, 512):
        a, b = drawn((5, length), (length, 4))
        unrolled = computed(tf.matmul, a, b, compiled=compiled)[0]
        with monkeypatch.context() as patch:
            patch.setattr(summation, "PARTS_UNROLLED", 0)
            graph = traced(tf.matmul, tf.constant(a), tf.constant(b)).graph
            assert any("While" in operation.type for operation in graph.get_operations())
            np.testing.assert_array_equal(unrolled, computed(tf.matmul, a, b, compiled=compiled)[0])


def test_sum_is_that_of_its_parts_in_order():
    a, b = drawn((3, 150), (150, 2))
    parts = [a[:, i : i + 64] @ b[i : i + 64] for i in (0, 64, 128)]
    found = computed(tf.matmul, a, b)[0]
    np.testing.assert_allclose(found, (parts[0] + parts[1]) + parts[2], rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones((2, 500), "int32"), np.ones((500, 3), "int32")),
        (np.ones((2, 500), "complex128"), np.ones((500, 3), "complex128")),
        (np.ones((4, 2, 500)), np.ones((500, 3))),
        (np.ones((4, 2, 500)), np.ones((1, 500, 3))),
    ],
    ids=["integers", "complex numbers", "a stack by a matrix", "a stack by a stack of one"],
)
def test_other_products_are_left_alone(a, b):
    assert sums(traced(tf.matmul, tf.constant(a), tf.constant(b))) == [500]
    np.testing.assert_array_equal(computed(tf.matmul, a, b)[0], a @ b)


def test_nothing_is_cut_on_a_gpu():
    a, b = map(tf.constant, drawn((2, 500), (500, 3)))
    assert sums(traced(tf.matmul, a, b, device="/GPU:0")) == [500]
    assert len(sums(traced(tf.matmul, a, b))) == 8


def test_other_threads_products_are_left_alone():
    a, b = map(tf.constant, drawn((2, 500), (500, 3)))
    found = {}

    def elsewhere():
        wrapped = tf.function(tf.matmul, autograph=False)
        found["elsewhere"] = sums(wrapped.get_concrete_function(a, b))

    with tracing("float64"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(60)
        found["here"] = sums(tf.function(tf.matmul, autograph=False).get_concrete_function(a, b))
    assert found["elsewhere"] == [500]
    assert max(found["here"]) == LONGEST_SUM


def test_what_it_changes_is_put_back_after_an_error():
    before = products.mat_mul, products.batch_mat_mul_v2, tf.keras.config.floatx()
    with pytest.raises(RuntimeError, match="inside"), tracing("float64"):
        assert products.mat_mul is not before[0]
        assert products.batch_mat_mul_v2 is not before[1]
        assert tf.keras.config.floatx() == "float64"
        raise RuntimeError("inside")
    assert (products.mat_mul, products.batch_mat_mul_v2, tf.keras.config.floatx()) == before
    a, b = map(tf.constant, drawn((2, 500), (500, 3)))
    assert sums(traced(tf.matmul, a, b, around=plain)) == [500]


def test_tracing_inside_another_leaves_the_outer_one_as_it_was():
    a, b = map(tf.constant, drawn((2, 500), (500, 3)))

    def found():
        return max(sums(tf.function(tf.matmul, autograph=False).get_concrete_function(a, b)))

    with tracing("float64"):
        with tracing("float32", "/GPU:0"):
            assert found() == 500
        assert found() == LONGEST_SUM
    assert found() == 500


# A model whose products Eigen shares among threads, and cuts by the size of the cache.
LARGE = """
    import functools, hashlib, sys
    import numpy as np
    import batchlab as bl
    from batchlab.engine import loop
    from batchlab.foundation.backend import floatx

    if sys.argv[1] == "plain":
        loop.tracing = lambda dtype, device: floatx(dtype)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(400, 784)), generator.integers(0, 10, 400)
    problem = bl.from_arrays(x[:300], y[:300], x[300:], y[300:])
    build = functools.partial(bl.mlp, hidden_units=(128,))
    for size, replicates in (32, 1), (300, 2):
        history = bl.fit(build, problem, batch_size=size, epochs=2, replicates=replicates)
        values = np.stack([history[name] for name in ("loss", "val_loss", "train_loss")])
        print(size, replicates, hashlib.sha256(values.tobytes()).hexdigest())
"""


def with_threads(how, *counts):
    """Return the digests of losses that processes with these numbers of threads compute."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(LARGE), how],
            env={**os.environ, "TF_NUM_INTRAOP_THREADS": str(count)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for count in counts
    ]
    found = [process.communicate(timeout=300)[0].splitlines() for process in started]
    assert [process.returncode for process in started] == [0] * len(counts)
    return found


def test_losses_do_not_depend_on_the_threads_that_share_a_product():
    one, sixteen = with_threads("cut", 1, 16)
    assert len(one) == 2
    assert one == sixteen
