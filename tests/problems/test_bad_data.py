"""Data that are no problem are refused in a sentence."""

import math

import numpy as np
import pytest
from refusals import X, Y, assert_refused, case

import batchlab as bl


@pytest.mark.parametrize(
    ("settings", "kind", "expected", "received"),
    [
        case(ValueError, "n_samples: .* at least 2", "received 0", {"n_samples": 0}),
        case(ValueError, "n_samples: .* at least 2", "received 1", {"n_samples": 1}),
        case(TypeError, "n_samples: .* whole", "received 2.5", {"n_samples": 2.5}),
        case(TypeError, "n_samples: .* whole", "received '9'", {"n_samples": "9"}),
        case(TypeError, "n_samples: .* whole", "received True", {"n_samples": True}),
        case(ValueError, "n_train: .* from 1 to 999", "received 0", {"n_train": 0}),
        case(ValueError, "n_train: .* from 1 to 999", "received 1000", {"n_train": 1000}),
        case(ValueError, "n_train: .* from 1 to 9", "received 500", {"n_samples": 10}),
        case(TypeError, "n_train: .* whole", "received None", {"n_train": None}),
        case(ValueError, "y_train: expected every class 0 to 2", "none of class 0", {"n_train": 1}),
        case(ValueError, "centers: .* from 2 to 1000", "received 1", {"centers": 1}),
        case(ValueError, "centers: .* from 2 to 1000", "received 1001", {"centers": 1001}),
        case(TypeError, "centers: .* whole", "received '3'", {"centers": "3"}),
        case(TypeError, "centers: .* whole", "received True", {"centers": True}),
        case(ValueError, "centers: .* at least 2", "received 1", {"centers": [[0, 0]]}),
        case(ValueError, "centers: expected .* one", r"shape \(0,\)", {"centers": []}),
        case(ValueError, "centers: expected shape", r"shape \(2,\)", {"centers": [1, 2]}),
        case(
            ValueError,
            r"centers: expected shape \(n_classes, n_features\)",
            r"shape \(2, 1, 1\)",
            {"centers": [[[1]], [[2]]]},
        ),
        case(
            TypeError, "centers: .* same length", r"\[\[0, 0\], \[1\]\]", {"centers": [[0, 0], [1]]}
        ),
        case(
            TypeError, "centers: .* numbers", r"\[\['a'\], \['b'\]\]", {"centers": [["a"], ["b"]]}
        ),
        case(ValueError, "centers: .* finite", "1 NaN", {"centers": [[0, math.nan], [1, 1]]}),
        case(ValueError, "n_features: .* at least 1", "received 0", {"n_features": 0}),
        case(TypeError, "n_features: .* whole", "received None", {"n_features": None}),
        case(ValueError, "cluster_std: .* positive", "received 0", {"cluster_std": 0}),
        case(ValueError, "cluster_std: .* positive", "received -1", {"cluster_std": -1.0}),
        case(ValueError, "cluster_std: .* positive", "received nan", {"cluster_std": math.nan}),
        case(ValueError, "cluster_std: .* positive", "received inf", {"cluster_std": math.inf}),
        case(TypeError, "cluster_std: .* positive", "received '2'", {"cluster_std": "2"}),
        case(TypeError, "cluster_std: .* positive", "received True", {"cluster_std": True}),
        case(ValueError, "cluster_std: .* of the 3 classes", "received 2", {"cluster_std": [1, 2]}),
        case(ValueError, "cluster_std: .* of the 3 classes", "received 0", {"cluster_std": []}),
        case(ValueError, "cluster_std: .* positive", "received -3", {"cluster_std": [1, 2, -3]}),
        case(TypeError, "cluster_std: .* positive", r"\[1\]", {"cluster_std": [[1], [2, 3]]}),
        case(ValueError, "random_state: .* from 0 to", "received -1", {"random_state": -1}),
        case(ValueError, "random_state: .* to 4294967295", "4294967296", {"random_state": 2**32}),
        case(TypeError, "random_state: .* whole", "received None", {"random_state": None}),
        case(TypeError, "random_state: .* whole", "received True", {"random_state": True}),
    ],
)
def test_blobs(settings, kind, expected, received):
    assert_refused(lambda: bl.blobs(**settings), kind, expected, received)


def with_value(value):
    return np.where(X == 3.0, value, X)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    ("values", "kind", "expected", "received"),
    [
        case(ValueError, "at least one sample", r"shape \(0,\)", []),
        case(ValueError, "at least one sample", r"shape \(0, 2\)", np.empty((0, 2))),
        case(ValueError, r"shape \(n_samples, n_features\)", r"shape \(6,\)", Y, id="flat"),
        case(ValueError, r"shape \(n_samples, n_features\)", r"shape \(\)", 3.0),
        case(ValueError, "finite numbers", "1 NaN or infinite", with_value(math.nan), id="NaN"),
        case(ValueError, "finite numbers", "1 NaN or infinite", with_value(math.inf), id="inf"),
        case(ValueError, "finite numbers", "1 NaN or infinite", with_value(-math.inf), id="-inf"),
        case(
            ValueError,
            "finite numbers",
            "1 NaN or infinite",
            with_value(np.longdouble("1e400")),
            id="infinite in float64",
        ),
        case(TypeError, "rows of numbers", "'a', 'b'", [["a", "b"]] * 6),
        case(TypeError, "rows of numbers", "'1.5'", [["1.5"]] * 6),
        case(TypeError, "rows of numbers", "None", None),
        case(TypeError, "rows of numbers", "None", [[1.0, None]] * 6),
        case(TypeError, "rows of numbers", "j", X * 1j, id="complex"),
        case(TypeError, "all of the same length", r"\[\[1, 2\], \[3\]\]", [[1, 2], [3]]),
        case(
            TypeError,
            "all of the same length",
            "array",
            [np.zeros((2, 2)), np.zeros((2, 3))],
            id="images of two sizes",
        ),
        case(
            TypeError,
            "all of the same length",
            "array",
            [np.zeros((2, 2)), np.zeros((3, 2))],
            id="images of two heights",
        ),
    ],
)
def test_features(part, values, kind, expected, received):
    given = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, f"x_{part}": values}
    assert_refused(
        lambda: bl.from_arrays(*given.values()),
        kind,
        f"x_{part}: expected .*{expected}",
        f"received .*{received}",
    )


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    ("labels", "kind", "expected", "received"),
    [
        case(ValueError, "at least one label", r"shape \(0,\)", []),
        case(ValueError, r"shape \(n_samples,\)", r"shape \(6, 2\)", np.eye(2)[Y], id="one-hot"),
        case(ValueError, r"shape \(n_samples,\)", r"shape \(6, 1\)", Y[:, None], id="a column"),
        case(ValueError, r"shape \(n_samples,\)", r"shape \(\)", 1),
        case(TypeError, "whole numbers", "'a'", list("ababab")),
        case(TypeError, "whole numbers", "float64 such as 0.5", [0, 0.5, 1, 0, 1, 0]),
        case(TypeError, "whole numbers", "float64 such as nan", [0, 1, math.nan, 0, 1, 0]),
        case(TypeError, "whole numbers", "float64 such as inf", [0, 1, math.inf, 0, 1, 0]),
        case(TypeError, "whole numbers", r"float64 such as 1e\+300", [0, 1e300, 0, 1, 0, 1]),
        case(TypeError, "whole numbers", "object such as None", [None] * 6),
        case(TypeError, "whole numbers", r"\[\[0\], \[1, 2\]\]", [[0], [1, 2]]),
    ],
)
def test_labels(part, labels, kind, expected, received):
    given = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, f"y_{part}": labels}
    assert_refused(
        lambda: bl.from_arrays(*given.values()),
        kind,
        f"y_{part}: expected .*{expected}",
        f"received .*{received}",
    )


@pytest.mark.parametrize(
    ("changed", "kind", "expected", "received"),
    [
        case(
            ValueError,
            "x_train: expected at least 2 samples",
            "received 1",
            {"x_train": X[:1], "y_train": Y[:1]},
            id="one row",
        ),
        case(
            ValueError,
            "y_train: expected at least 2 classes",
            "received only the label 0",
            {"y_train": Y * 0, "y_test": Y * 0},
            id="one class",
        ),
        case(
            ValueError,
            "y_train: expected every class 0 to 1 among the training",
            "none of class 1",
            {"y_train": Y * 0},
            id="one class in training",
        ),
        case(
            ValueError,
            "y_train: expected every class 0 to 2 among the training",
            "none of class 2",
            {"y_test": Y * 2},
            id="class missing from training",
        ),
        case(
            ValueError,
            "y_train: expected the labels 0 to 1 without a gap",
            r"received \[0, 2\]",
            {"y_train": Y * 2, "y_test": Y * 2},
            id="skipped label",
        ),
        case(
            ValueError,
            "y_train: expected the labels 0 to 2 without a gap",
            r"received \[-1, 0, 1\]",
            {"y_train": Y - 1},
            id="negative label",
        ),
        case(
            ValueError,
            "y_train: expected the labels 0 to 1 without a gap",
            r"received \[1, 2\]",
            {"y_train": Y + 1, "y_test": Y + 1},
            id="labels from 1",
        ),
        case(
            ValueError,
            "y_train: expected the labels 0 to 7 without a gap",
            r"received \[0, 1, 1000000000000000, .*…",
            {"y_train": np.arange(10**15, 10**15 + 6)},
            id="long labels",
        ),
        case(
            ValueError,
            "x_train, y_train: expected the same length",
            "5 samples and 6 labels",
            {"x_train": X[:5]},
            id="fewer samples than labels",
        ),
        case(
            ValueError,
            "x_test, y_test: expected the same length",
            "6 samples and 5 labels",
            {"y_test": Y[:5]},
            id="fewer labels than samples",
        ),
        case(
            ValueError,
            r"x_test: expected samples of shape \(2,\) as in x_train",
            r"received \(3,\)",
            {"x_test": np.zeros((6, 3))},
            id="other features",
        ),
        case(
            ValueError,
            "x_train: expected samples that differ",
            "6 equal ones",
            {"x_train": np.ones((6, 2))},
            id="equal rows",
        ),
        case(TypeError, "name: expected a string", "received 3", {"name": 3}),
    ],
)
def test_from_arrays(changed, kind, expected, received):
    given = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, **changed}
    assert_refused(lambda: bl.from_arrays(**given), kind, expected, received)
