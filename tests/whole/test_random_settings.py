"""Random settings and data thrown at `fit`: one of our errors, or a result that is right.

``BATCHLAB_EXAMPLES=5000 pytest -s tests/whole/test_random_settings.py`` throws others, and so many.
"""

import functools
import itertools
import math
import re
import warnings
from collections import Counter

import numpy as np
from hypothesis import given as drawn_from
from hypothesis import note
from hypothesis import strategies as st
from thrown import EXAMPLES, thrown

import batchlab as bl

optimizers = bl.keras.optimizers

# Few shapes, since each is a program to compile.
N_TRAIN, N_TEST, UNITS = 6, 3, 3
X = np.array([[0.0, 1.0], [2.0, -1.0], [1.0, 1.0], [3.0, 0.0], [-1.0, 2.0], [0.5, 0.5]])
Y = np.array([0, 1, 0, 1, 0, 1])
PROBLEM = bl.from_arrays(X, Y, X[:N_TEST] + 0.1, Y[:N_TEST])


def outcome(call):
    """Return what a call returns, or None if it ends in one of our sentences; nothing else may."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except (TypeError, ValueError) as error:
            assert type(error) in (TypeError, ValueError), error
            message = str(error)
            assert re.fullmatch(r"[\w, ]+: expected .+ received .+\.", message), message
            assert len(message) <= 300
            result = None
    for warning in caught:  # of a constant feature
        assert warning.category is UserWarning, warning
        assert re.fullmatch(r"x_train: .+\.", str(warning.message)), warning
    return result


def check_counted(ended):
    """Show how the examples ended, and check that no property held for want of examples."""
    print(dict(ended))
    assert min(ended["error"], ended["result"]) >= 0.15 * thrown.max_examples


def check_metrics(history, n_train, n_test, since):
    """Check the ranges; `since` is the number of samples behind each reported mean."""
    counts = {"accuracy": since, "train_accuracy": n_train, "val_accuracy": n_test}
    for name, count in counts.items():
        hits = history[name].to_numpy() * count
        assert (history[name] >= 0).all()
        assert (history[name] <= 1 + 1e-6).all()
        np.testing.assert_allclose(hits, np.rint(hits), atol=1e-4)
    for name in "loss", "train_loss", "val_loss":
        values = history[name].to_numpy()
        assert ((values >= 0) | ~np.isfinite(values)).all(), values
    ended = np.isfinite([history[f"{part}_loss"][:, -1] for part in ("train", "val")]).all(axis=0)
    np.testing.assert_array_equal(bl.diverged(history), ~ended)


# Settings

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.integers(10**10, 10**12),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.complex_numbers(),
    st.lists(st.integers(-1, 9), max_size=3),
    st.dictionaries(st.integers(), st.integers(), max_size=2),
    st.builds(np.int64, st.integers(-1, 9)),
    st.builds(np.array, st.lists(st.floats(), max_size=3)),
)
NO_NUMBER = [0, -1, 2.5, 2.0, True, "3", math.nan, math.inf, [2], b"1", 1j, np.float64(2), object()]


def schedule(sizes):
    return lambda epoch: sizes[min(epoch, len(sizes) - 1)]


SIZES = st.sampled_from([4, "full", 6, np.int64(4)])
# What a program is compiled for: optimizer, momentum, type, whether weights of epochs are kept.
PROGRAMS = list(
    itertools.product(
        [(optimizers.SGD, 0.0), (optimizers.SGD, 0.9), (optimizers.SGD, 1.0), (optimizers.Adam, 0)],
        ["float64", "float64", "float64", "float32"],
        ["final", "epochs", "none"],
    )
)
if not EXAMPLES:  # each value, but not with each other
    PROGRAMS = [
        ((optimizers.SGD, 0.9), "float64", "final"),
        ((optimizers.SGD, 0.9), "float64", "none"),
        ((optimizers.SGD, 1.0), "float64", "epochs"),
        ((optimizers.Adam, 0), "float64", "final"),
        ((optimizers.SGD, 0.0), "float32", "epochs"),
    ]
GOOD = {
    "batch_size": st.one_of(SIZES, st.builds(schedule, st.sampled_from([[6, 4], [4, "full"]]))),
    "replicates": st.integers(1, 3),
    "seed": st.one_of(st.integers(0, 9), st.just(2**32 - 3)),
    "device": st.sampled_from([None, "cpu"]),
    "threads": st.sampled_from([None, 1, 2]),
    "progress": st.sampled_from([None, False]),
    "weight_seeds": st.none(),
    "order_seeds": st.none(),
    "rate": st.one_of(st.sampled_from([1e-30, 1e-3, 0.1, 10.0, 1e30]), st.floats(1e-9, 1e9)),
}
BAD = {
    "batch_size": [*NO_NUMBER, 7, 10**12, None, [], [2, 2], "all", schedule([4, 0]), schedule([7])],
    "replicates": [*NO_NUMBER, None, 2**33, 10**10],
    "seed": [*NO_NUMBER[1:], None, 2**32, 2**64],
    "keep_weights": ["all", "", None, True, 3, ["final"], {}],
    "device": ["tpu", "GPU", 0, ["cpu"], True],
    "threads": NO_NUMBER,
    "weight_seeds": [[], [0] * 9, "012", 3, [0.5], [-1], [True], [2**32], {"a": 1}],
    "order_seeds": [[], [0] * 9, "012", 3, [0.5], [-1], [True], [2**32], {"a": 1}],
    "rate": [0.0, -0.1, math.nan, math.inf, -math.inf],
    "epochs": NO_NUMBER,
    "updates": NO_NUMBER,
    "records": [*NO_NUMBER, [], [2, 2], [3, 1], 10**6, [10**6], ["1"], [None], {}],
    "both": [None],
    "neither": [None],
}
BAD["records"].remove([2])  # which is a list of one


@st.composite
def settings_of_fit(draw):
    """Return settings, the optimizer among them, its type, and how they must end."""
    given = {name: draw(values) for name, values in GOOD.items()}
    held = draw(st.sampled_from(["epochs", "updates"]))
    given[held] = draw(st.integers(1, 3 if held == "epochs" else 9))
    given["records"] = draw(st.sampled_from([None, None, 1, [1]]))
    if draw(st.booleans()):
        given["order_seeds"] = draw(
            st.lists(st.integers(0, 9), min_size=given["replicates"], max_size=given["replicates"])
        )
    (kind, momentum), dtype, given["keep_weights"] = draw(st.sampled_from(PROGRAMS))
    must = "result"
    for name in draw(st.sets(st.sampled_from([*BAD]), max_size=2)) if draw(st.booleans()) else ():
        value = draw(st.sampled_from(BAD[name]))
        if name == "both":
            given |= {"epochs": 1, "updates": 1}
        elif name == "neither":
            given |= {"epochs": None, "updates": None}
        else:
            given[name] = value
        must = "error"
    if must == "result" and draw(st.integers(0, 2)) == 0:
        name = draw(st.sampled_from([n for n in BAD if n not in ("both", "neither", "rate")]))
        given[name], must = draw(ANYTHING), "either"
        if name in ("epochs", "updates", "threads") and np.size(given[name]) == 1:
            # These may be as large as you like, and then take as long.
            large = isinstance(given[name], int) and given[name] > 9
            given[name] = -1 if large else given[name]
    optimizer = kind()
    optimizer.learning_rate = given.pop("rate")
    if kind is optimizers.SGD:
        optimizer.momentum = momentum
    return given | {"optimizer": optimizer}, dtype, must


def expected_records(given):
    """Return updates and samples by each record, update by update; by what they are recorded."""
    size, epochs, updates = (given.get(name) for name in ("batch_size", "epochs", "updates"))
    samples, ends, end = [0], [], None
    for epoch in itertools.count():
        if epoch == epochs or len(samples) - 1 == updates:
            break
        each = size(epoch) if callable(size) else size
        each = N_TRAIN if each == "full" else each
        left = N_TRAIN
        while left and len(samples) - 1 != updates:
            samples.append(samples[-1] + min(each, left))
            left -= min(each, left)
        ends.append(len(samples) - 1)
    end, records = len(samples) - 1, given["records"]
    if records is None and epochs is not None:
        return ends, samples, "epoch"
    if records is None:
        records = min(100, end)
    if isinstance(records, int | np.integer):
        records = [place * end // records for place in range(1, records + 1)]
    return sorted({*map(int, records), end}), samples, "update"


def check_result(history, given, dtype):
    updates, samples, dimension = expected_records(given)
    replicates, records = given["replicates"], len(updates)
    by_record = np.array([samples[update] for update in updates])
    assert history["val_loss"].dims == ("replicate", dimension)
    for name in "loss", "accuracy", "val_loss", "val_accuracy", "train_loss", "train_accuracy":
        assert history[name].shape == (replicates, records)
    np.testing.assert_array_equal(history["update"], updates)
    np.testing.assert_array_equal(history["sample"], by_record)
    np.testing.assert_allclose(history["epoch"], by_record / N_TRAIN)
    assert history.attrs["updates"] == updates[-1]
    assert history.attrs["replicates"] == replicates
    assert history.attrs["dtype"] == dtype
    own = [given["seed"] + replicate for replicate in range(replicates)]
    if given["weight_seeds"] is given["order_seeds"] is None:
        np.testing.assert_array_equal(history["seed"], own)
    elif given["order_seeds"] is not None and "order_seed" in history:
        np.testing.assert_array_equal(history["order_seed"], given["order_seeds"])
    parameters = (2 + 1) * UNITS + (UNITS + 1) * 2
    shapes = {
        "weights": (replicates, parameters),
        "initial_weights": (replicates, parameters),
        "epoch_weights": (replicates, records, parameters),
    }
    kept = {"none": 0, "final": 1, "epochs": 3}[given["keep_weights"]]
    assert {name: history[name].shape for name in shapes if name in history} == dict(
        list(shapes.items())[:kept]
    )
    check_metrics(history, N_TRAIN, N_TEST, np.diff([0, *by_record]))


def test_any_settings_end_in_one_of_our_errors_or_in_a_result_that_is_right():
    ended = Counter()

    @thrown
    @drawn_from(settings_of_fit())
    def throw(drawn):
        given, dtype, must = drawn
        note(f"{given}, {dtype}: {must}")
        build = functools.partial(bl.mlp, hidden_units=(UNITS,), dtype=dtype)
        history = outcome(lambda: bl.fit(build, PROBLEM, **given))
        how = "error" if history is None else "result"
        assert must in (how, "either")
        if history is not None:
            check_result(history, given, dtype)
        ended[how] += 1

    throw()
    check_counted(ended)


# Data


def spoiled(array, value):
    array = np.array(array, dtype=np.result_type(array.dtype, type(value)))
    array.ravel()[-1] = value
    return array


NO_FEATURES = {
    "NaN": lambda x: spoiled(x, math.nan),
    "infinite": lambda x: spoiled(x, -math.inf),
    "empty": lambda x: x[:0],
    "no feature": lambda x: x[:, :0],
    "one axis": lambda x: x[:, 0],
    "a number": lambda x: 3.0,
    "ragged": lambda x: [[1.0], *x.tolist()[1:-1], [1.0, 2.0, 3.0]],
    "texts": lambda x: x.astype(str),
    "bytes": lambda x: x.astype("S"),
    "objects": lambda x: x.astype(object),
    "None in it": lambda x: [[None, 1.0], *x.tolist()[1:]],
    "complex": lambda x: x * 1j,
    "dates": lambda x: x.astype("datetime64[s]"),
    "records": lambda x: np.zeros(len(x), [("a", "f8"), ("b", "f8")]),
    "huge whole numbers": lambda x: [[10**30, 1], *x.tolist()[1:]],
    "one more": lambda x: np.vstack([x, x[:1]]),
    "more features": lambda x: np.hstack([x, x[:, :1]]),
    "nothing": lambda x: None,
    "a mapping": lambda x: {"x": x},
    "a set": lambda x: {1, 2},
}
EQUAL_ROWS = {"equal rows": lambda x: np.ones_like(x)}
NO_LABELS = {
    "skipping one": lambda y: y * 2,
    "negative": lambda y: y - 1,
    "from one": lambda y: y + 1,
    "fractional": lambda y: y / 2,
    "NaN": lambda y: spoiled(y, math.nan),
    "infinite": lambda y: spoiled(y, math.inf),
    "huge": lambda y: spoiled(y.astype("uint64"), np.uint64(2**64 - 1)),
    "texts": lambda y: [*"abcdefgh"][: len(y)],
    "bools": lambda y: y > 0,
    "objects": lambda y: y.astype(object),
    "one-hot": lambda y: np.eye(9)[y],
    "a column": lambda y: y[:, None],
    "one fewer": lambda y: y[1:],
    "empty": lambda y: y[:0],
    "ragged": lambda y: [[0], [1, 1]],
    "nothing": lambda y: None,
    "a number": lambda y: 1,
}
ONE_CLASS = {"one class": lambda y: y * 0}
SAME = {
    "float64": lambda x: x,
    "float32": lambda x: x.astype("float32"),
    "float16": lambda x: x.astype("float16"),
    "long double": lambda x: x.astype(np.longdouble),
    "int8": lambda x: np.rint(x).astype("int8"),
    "uint64": lambda x: np.abs(np.rint(x)).astype("uint64"),
    "list": lambda x: x.tolist(),
    "big endian": lambda x: x.astype(">f8"),
    "backwards": lambda x: x[:, ::-1],
    "read-only": lambda x: np.broadcast_to(x, x.shape),
}
SAME_LABELS = {
    "int64": lambda y: y,
    "uint8": lambda y: y.astype("uint8"),
    "float": lambda y: y.astype(float),
    "list": lambda y: y.tolist(),
}


SHAPES = list(
    itertools.product([6, 7], [2, 3], [1, 2], ["float64", "float64", "float64", "float32"])
)
if not EXAMPLES:  # each value, but not with each other
    SHAPES = [(6, 2, 1, "float64"), (7, 3, 2, "float64"), (6, 3, 2, "float32")]


@st.composite
def arrays(draw):
    """Return the four arrays, numbers of classes and type of a run, and how they must end."""
    n_train, n_classes, features, dtype = draw(st.sampled_from(SHAPES))
    scales = [1.0, 1e-9, 1e9, 1e40] if dtype == "float32" else [1.0, 1e-320, 1e-9, 1e9, 1e40, 1e307]
    scale = draw(st.sampled_from(scales))
    generator = np.random.default_rng(draw(st.integers(0, 9)))
    x = scale * generator.uniform(-9, 9, (n_train + N_TEST, features))
    y = np.arange(n_train + N_TEST) % n_classes
    if draw(st.integers(0, 5)) == 0:
        x[:n_train, 0] = scale
    parts = {"x_train": x[:n_train], "y_train": y[:n_train]}
    parts |= {"x_test": x[n_train:], "y_test": y[n_train:]}
    must = "result"
    beyond = dtype == "float32" and scale > float(np.finfo("float32").max)
    if beyond or len(np.unique(parts["x_train"], axis=0)) == 1:
        must = "error"
    bad = draw(st.sampled_from([None] * 5 + [*parts]))
    for name, array in parts.items():
        ways = SAME if name.startswith("x") else SAME_LABELS
        if name == bad:
            ways = NO_FEATURES if name.startswith("x") else NO_LABELS
            ways = {**ways, **{"x_train": EQUAL_ROWS, "y_train": ONE_CLASS}.get(name, {})}
            must = "error"
        way = draw(st.sampled_from([*ways]))
        note(f"{name}: {way}, times {scale}")
        if scale > 1 and way in ("float32", "float16", "int8", "uint64"):
            way = "float64"  # they might not hold it
        if way in ("float16", "int8", "uint64") and must == "result":
            must = "either"  # rounded, rows may be equal
        parts[name] = ways[way](array)
    return parts, n_classes, dtype, must


def test_any_data_end_in_one_of_our_errors_or_in_a_result_that_is_right():
    ended = Counter()

    @thrown
    @drawn_from(arrays())
    def throw(drawn):
        parts, n_classes, dtype, must = drawn
        build = functools.partial(bl.mlp, hidden_units=(UNITS,), dtype=dtype)

        def fit():
            problem = bl.from_arrays(**parts)
            assert problem.n_classes == n_classes
            assert problem.x_train.dtype == "float64"
            np.testing.assert_array_equal(problem.x_train, np.array(parts["x_train"], "float64"))
            return bl.fit(build, problem, batch_size=4, epochs=2, replicates=2)

        history = outcome(fit)
        how = "error" if history is None else "result"
        assert must in (how, "either")
        if history is not None:
            n_train, n_test = len(parts["x_train"]), len(parts["x_test"])
            assert history["val_loss"].shape == (2, 2)
            np.testing.assert_array_equal(history["sample"], [n_train, 2 * n_train])
            np.testing.assert_array_equal(history["update"], [2, 4])
            check_metrics(history, n_train, n_test, n_train)
            ended["diverged"] += bool(bl.diverged(history).any())
        ended[how] += 1

    throw()
    check_counted(ended)
    assert ended["diverged"]
