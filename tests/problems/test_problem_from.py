"""problem_from: what people have becomes a problem, and what cannot is refused in a sentence."""

import gzip
import pickle
import re
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_linnerud,
    load_wine,
)
from sklearn.utils import Bunch

import batchlab as bl
from batchlab.foundation.backend import tf
from batchlab.problems.readers import free_memory
from batchlab.problems.readers.splitting import split_rows

PARTS = ("train", "validation", "test")


def arrays(problem, letter="x"):
    return [getattr(problem, f"{letter}_{part}") for part in PARTS]


def assert_same(one, other):
    for letter in "xy":
        for ours, theirs in zip(arrays(one, letter), arrays(other, letter), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def said(problem, text):
    """Return the notes that hold a text."""
    return [note for note in problem.notes if text in note]


@pytest.fixture(scope="module")
def mixed():
    """Two hundred rows of all kinds of columns; a fifth of them say yes."""
    rng = np.random.default_rng(5)
    n = 200
    frame = pd.DataFrame(
        {
            "Unnamed: 0": range(n),
            "id": [f"customer {at:04}" for at in range(n)],
            "age": rng.integers(18, 80, n).astype(float),
            "income": rng.lognormal(10, 1, n).round(2),
            "city": rng.choice(["Bern", "Rome", "Oslo"], n),
            "job": rng.choice(["cook", "nurse"], n).astype(object),
            "member": rng.random(n) < 0.4,
            "since": pd.date_range("2020-01-01", periods=n, freq="3D").strftime("%Y-%m-%d"),
            "planet": "Earth",
            "version": 3,
            "nothing": np.nan,
            "bought": np.where(rng.random(n) < 0.2, "yes", "no"),
        }
    )
    frame.loc[::9, "age"] = np.nan
    frame.loc[::11, "job"] = np.nan
    frame.loc[[3, 7], "bought"] = np.nan
    return frame


@pytest.fixture(scope="module")
def mixed_csv(mixed, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "shop.csv"
    mixed.to_csv(path, index=False, na_rep="?")
    return path


@pytest.fixture(scope="module")
def of_csv(mixed_csv):
    return bl.problem_from(mixed_csv, "bought")


# scikit-learn's data sets


@pytest.mark.parametrize(
    ("load", "name", "n_classes", "n_rows"),
    [
        (load_wine, "wine", 3, 178),
        (load_breast_cancer, "breast cancer", 2, 569),
        (load_diabetes, "diabetes", None, 442),
        (load_digits, "digits", 10, 1797),
        (load_linnerud, "linnerrud", None, 20),  # so it is called in scikit-learn's description
    ],
)
def test_data_sets_of_scikit_learn(load, name, n_classes, n_rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem = bl.problem_from(load())
    assert (problem.name, problem.n_classes) == (name, n_classes)
    sizes = [problem.n_train, problem.n_validation, problem.n_test]
    assert sum(sizes) == n_rows
    assert sizes[1:] == [round(0.2 * n_rows)] * 2
    np.testing.assert_allclose(problem.x_train.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(problem.x_train.std(axis=0), 1, atol=1e-9)
    assert problem.held_out.name == "validation"
    assert said(problem, f"{problem.n_train} for training")
    assert_same(problem, bl.problem_from(load(as_frame=True)))
    assert_same(problem, bl.problem_from(*load(return_X_y=True)))


def test_names_of_classes_are_those_of_the_bunch_or_of_the_table():
    assert bl.problem_from(load_breast_cancer()).class_names == ("malignant", "benign")
    assert bl.problem_from(*load_breast_cancer(return_X_y=True)).class_names == ()
    table = load_wine(as_frame=True).frame
    table["target"] = table["target"].map({0: 3, 1: 4, 2: 7})
    assert bl.problem_from(table, "target").class_names == ("3", "4", "7")


def test_a_problem_can_be_trained_on():
    history = bl.fit(bl.mlp, bl.problem_from(load_wine()), batch_size=32, epochs=8, replicates=2)
    assert float(history["val_accuracy"][:, -1].mean()) > 0.6


# What is computed is computed from the training part


def test_samples_are_those_of_the_rows_less_the_training_mean():
    x, y = load_wine(return_X_y=True)
    problem = bl.problem_from(x, y, random_state=4)
    rows = split_rows(len(x), y, validation=0.2, test=0.2, random_state=4)
    train = x[rows["train"]]
    for part, own in rows.items():
        expected = (x[own] - train.mean(axis=0)) / train.std(axis=0)
        np.testing.assert_allclose(getattr(problem, f"x_{part}"), expected, atol=1e-12)
        np.testing.assert_array_equal(getattr(problem, f"y_{part}"), y[own])


@pytest.mark.parametrize("part", ["validation", "test"])
def test_values_held_out_do_not_change_the_training_samples(mixed, part, of_csv):
    known = mixed[mixed["bought"].notna()].drop(columns="Unnamed: 0").reset_index(drop=True)
    labels = (known["bought"] == "yes").to_numpy().astype(int)
    rows = split_rows(len(known), labels, validation=0.2, test=0.2, random_state=0)
    changed = known.copy()
    own = rows[part]
    changed.loc[own, "age"] = 1e6
    changed.loc[own[1:], "income"] = np.nan  # of which training has none
    changed.loc[own, "city"] = "Atlantis"
    changed.loc[own, "job"] = np.nan
    changed.loc[own, "version"] = 4
    changed.loc[own, "since"] = "1900-01-01"
    problem = bl.problem_from(changed, "bought")
    np.testing.assert_array_equal(problem.x_train, of_csv.x_train)
    held_out = getattr(problem, f"x_{part}")
    assert not np.array_equal(held_out, getattr(of_csv, f"x_{part}"))
    assert held_out.max() > 10


def test_targets_held_out_do_not_change_the_scale():
    x, y = load_diabetes(return_X_y=True)
    rows = split_rows(len(x), validation=0.2, test=0.2, random_state=0)
    changed = y.copy()
    changed[rows["test"]] += 1000
    one, other = bl.problem_from(x, y), bl.problem_from(x, changed)
    np.testing.assert_array_equal(one.y_train, other.y_train)
    assert one.target_scales == other.target_scales
    assert other.target_scales == pytest.approx([y[rows["train"]].std()])
    np.testing.assert_allclose(other.y_test - one.y_test, 1000 / one.target_scales[0])


def test_a_note_converts_the_loss_to_the_callers_units():
    problem = bl.problem_from(load_diabetes())
    (note,) = said(problem, "squared units")
    factor = float(re.search(r"times ([\d.]+)", note)[1])
    assert factor == pytest.approx(problem.target_scales[0] ** 2, rel=1e-4)
    assert len(bl.problem_from(load_linnerud()).target_scales) == 3


# A table of all kinds of columns


def test_each_column_becomes_what_it_holds(mixed, of_csv):
    # age, income and days; member; age's gaps; three cities; two jobs and missing
    assert of_csv.feature_shape == (3 + 1 + 1 + 3 + 3,)
    x = np.concatenate(arrays(of_csv))
    assert len(x) == len(mixed) - 2
    np.testing.assert_allclose(of_csv.x_train[:, :2].mean(axis=0), 0, atol=1e-9)
    assert set(np.unique(x[:, 3:])) == {0.0, 1.0}
    assert x[:, 3].sum() == mixed["member"][mixed["bought"].notna()].sum()
    np.testing.assert_array_equal(x[:, 5:8].sum(axis=1), 1)
    np.testing.assert_array_equal(x[:, 8:].sum(axis=1), 1)
    assert of_csv.class_names == ("no", "yes")
    assert of_csv.name == "shop"


@pytest.mark.parametrize(
    "words",
    [
        "Dropped the column 'Unnamed: 0', which counts the rows.",
        "Dropped 2 rows without a target.",
        "2 classes, since it is text: 'no', 'yes'.",
        "same in all of the training part: 'planet', 'version'",
        "without a value in the training part: 'nothing'",
        "hardly ever repeats itself: 'id'",
        "numbers of days: 'since'",
        "Standardized 3 columns",
        "median in the training part: 'age' (2",
        "marks missing values for each of 1 column: 'age'",
        "one-hot, different values in brackets: 'city' (3), 'job' (3)",
        "'missing': 'job' (1",
        "1 column of yes or no",
    ],
)
def test_notes_say_what_was_done(of_csv, words):
    assert len(said(of_csv, words)) == 1, of_csv.notes


def test_an_unbalanced_target_is_said_with_what_guessing_achieves(of_csv):
    (note,) = said(of_csv, "always guessing 'no'")
    share = float(re.search(r"([\d.]+)%", note)[1]) / 100
    assert share == pytest.approx((of_csv.y_train == 0).mean(), abs=6e-4)
    assert not said(bl.problem_from(load_digits()), "always guessing")


def test_notes_name_at_most_five_columns():
    frame = pd.DataFrame(np.ones((30, 400)), columns=[f"c{at}" for at in range(400)])
    frame["varied"], frame["target"] = range(30), [0, 1] * 15
    problem = bl.problem_from(frame, "target")
    (note,) = said(problem, "Dropped 400 columns")
    assert note.endswith("'c0', 'c1', 'c2', 'c3', 'c4' and 395 more.")
    assert problem.feature_shape == (1,)
    assert max(map(len, problem.notes)) < 250


def test_rare_and_unknown_categories_share_a_feature():
    rng = np.random.default_rng(0)
    colour = rng.choice(["red", "green"], 500).astype(object)
    colour[:20:10] = "mauve"
    frame = pd.DataFrame({"colour": colour, "y": rng.normal(size=500)})
    problem = bl.problem_from(frame, "y")
    assert problem.feature_shape == (3,)
    assert said(problem, "Rare values share a feature in 'colour'")
    rows = split_rows(500, validation=0.2, test=0.2, random_state=0)
    frame.loc[rows["test"][0], "colour"] = "never seen"
    assert bl.problem_from(frame, "y").x_test[0].tolist() == [0.0, 0.0, 1.0]


def test_kinds_of_pandas_are_understood():
    n = 60
    frame = pd.DataFrame(
        {
            "nullable": pd.array([1, None, *range(n - 2)], dtype="Int64"),
            "yes": pd.array([True, None, *([False, True] * 29)], dtype="boolean"),
            "when": pd.date_range("2024-01-01", periods=n, tz="Europe/Rome"),
            "took": pd.to_timedelta(np.arange(n), unit="h"),
            "grade": pd.Categorical(["a", "b", "c"] * 20),
            "month": pd.period_range("2020-01", periods=n, freq="M"),
            "day": ["24.12.2020", *["1.2.2021"] * (n - 1)],
            "y": pd.Categorical([0, 1] * 30),
        }
    )
    problem = bl.problem_from(frame, "y")
    assert said(problem, "numbers of days: 'when', 'took', 'month', 'day'")
    assert problem.task == "classification"
    frame = frame[["took", "y"]]
    rows = split_rows(n, np.arange(n) % 2, validation=0.2, test=0.2, random_state=0)
    hours = rows["train"]
    np.testing.assert_allclose(
        bl.problem_from(frame, "y").x_train[:, 0], (hours - hours.mean()) / hours.std()
    )


# The same from another source


def test_a_data_frame_is_as_its_csv(mixed, of_csv):
    problem = bl.problem_from(mixed, "bought")
    assert_same(problem, of_csv)
    assert problem.notes == of_csv.notes
    assert problem.name == "table"


def test_a_parquet_file_is_as_its_csv(mixed, of_csv, tmp_path):
    mixed.to_parquet(tmp_path / "shop.parquet")
    assert_same(bl.problem_from(tmp_path / "shop.parquet", "bought"), of_csv)


@pytest.mark.parametrize(
    ("file", "separator"),
    [("a.tsv", "\t"), ("b.txt", ";"), ("c.csv", ";"), ("d.csv.gz", ","), ("e f{}.CSV", "|")],
)
def test_separators_and_compression(mixed, of_csv, tmp_path, file, separator):
    mixed.to_csv(tmp_path / file, sep=separator, index=False)
    assert_same(bl.problem_from(str(tmp_path / file), "bought"), of_csv)


def test_columns_apart_by_spaces(tmp_path):
    x, y = load_wine(return_X_y=True)
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
    (tmp_path / "wine.txt").write_text(table.to_string(index=False))
    assert_same(bl.problem_from(tmp_path / "wine.txt", "y"), bl.problem_from(table, "y"))


@pytest.mark.parametrize("batch", [None, 7, 60])
def test_a_tf_dataset_is_as_its_arrays(batch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4, 3)), np.arange(60) % 3
    data = tf.data.Dataset.from_tensor_slices((x, y))
    data = data.batch(batch, drop_remainder=batch == 60) if batch else data
    problem = bl.problem_from(data)
    assert_same(problem, bl.problem_from(x, y))
    assert problem.feature_shape == (4, 3)


def test_one_hot_labels_are_classes():
    x, y = load_wine(return_X_y=True)
    of_labels = bl.problem_from(x, y)
    one_hot = np.eye(3, dtype="float32")[y]
    assert_same(bl.problem_from(x, one_hot), of_labels)
    data = tf.data.Dataset.from_tensor_slices((x, one_hot))
    assert_same(bl.problem_from(data), of_labels)
    assert_same(bl.problem_from(data.batch(50)), of_labels)


def test_text_labels_of_a_tf_dataset():
    x, y = load_wine(return_X_y=True)
    data = tf.data.Dataset.from_tensor_slices((x, np.array(["red", "rosé", "white"])[y]))
    assert bl.problem_from(data).class_names == ("red", "rosé", "white")


def test_lists_and_arrays_of_text():
    rows = [[at % 7, "ab"[at % 2], at * 0.5] for at in range(40)]
    labels = ["x", "y"] * 20
    problem = bl.problem_from(rows, labels)
    assert problem.feature_shape == (4,)
    assert_same(problem, bl.problem_from(np.array(rows, dtype=object), np.array(labels)))


# Images


def test_images_share_one_mean_and_standard_deviation():
    x, y = load_digits(return_X_y=True)
    problem = bl.problem_from(load_digits(), sample_shape=[8, 8, 1])
    assert problem.feature_shape == (8, 8, 1)
    assert problem.x_train.mean() == pytest.approx(0, abs=1e-9)
    assert problem.x_train.std() == pytest.approx(1)
    rows = split_rows(len(x), y, validation=0.2, test=0.2, random_state=0)
    train = x[rows["train"]]
    expected = (x[rows["test"]] - train.mean()) / train.std()
    np.testing.assert_allclose(problem.x_test.reshape(-1, 64), expected, atol=1e-9)
    assert_same(problem, bl.problem_from(x.reshape(-1, 8, 8, 1), y))
    assert bl.problem_from(load_digits(), sample_shape=[64]).feature_shape == (64,)


# Classes or a regression


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (np.arange(200) % 20, "classification"),
        (np.arange(200) % 20 * 1.0, "classification"),
        (np.arange(84) % 21, "regression"),
        (np.arange(80) % 4 + 0.5, "regression"),
        (np.arange(80) % 2 == 0, "classification"),
        (np.array(["a", "b"] * 40), "classification"),
    ],
)
def test_the_target_tells_the_task(values, task):
    x = np.random.default_rng(0).normal(size=(len(values), 2))
    problem = bl.problem_from(x, values)
    assert problem.task == task
    assert said(problem, "a regression" if task == "regression" else "classes, since")


def test_the_task_can_be_said():
    x = np.random.default_rng(0).normal(size=(80, 2))
    assert bl.problem_from(x, np.arange(80) % 4, task="regression").task == "regression"
    halves = bl.problem_from(x, np.arange(80) % 4 + 0.5, task="classification")
    assert halves.class_names == ("0.5", "1.5", "2.5", "3.5")
    assert said(halves, "4 classes, as asked")


def test_several_columns_are_several_targets():
    table = load_diabetes(as_frame=True).frame
    problem = bl.problem_from(table, ["target", "bmi"], drop=["age"])
    assert problem.y_train.shape == (266, 2)
    assert problem.feature_shape == (8,)


# The split


def test_the_same_seed_splits_alike_and_another_does_not():
    one, again, other = (bl.problem_from(load_wine(), random_state=seed) for seed in (3, 3, 4))
    assert_same(one, again)
    assert one.notes == again.notes
    assert not np.array_equal(one.y_train, other.y_train)


def test_shares_and_classes_of_the_parts():
    y = np.repeat([0, 1, 2], [600, 300, 100])
    rows = split_rows(1000, y, validation=0.1, test=0.3, random_state=0)
    assert [len(rows[part]) for part in PARTS] == [600, 100, 300]
    for own in rows.values():
        np.testing.assert_allclose(np.bincount(y[own]) / len(own), [0.6, 0.3, 0.1], atol=0.01)
    np.testing.assert_array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(1000))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("test", [0.1, 0.5])
def test_a_class_of_three_rows_is_in_each_part(seed, test):
    y = np.array([0] * 90 + [1] * 3 + [2] * 3)
    rows = split_rows(len(y), y, validation=0.1, test=test, random_state=seed)
    assert [np.unique(y[rows[part]]).tolist() for part in PARTS] == [[0, 1, 2]] * 3
    np.testing.assert_array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(96))


# Types and memory


def test_float32_is_float64_rounded():
    for data in (load_wine(), load_diabetes(), load_digits()):
        wide, narrow = bl.problem_from(data), bl.problem_from(data, dtype="float32")
        assert {x.dtype.name for x in arrays(narrow)} == {"float32"}
        for ours, theirs in zip(arrays(narrow), arrays(wide), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_float32_keeps_the_digits_of_large_numbers():
    seconds = 1_700_000_000 + np.arange(100)
    narrow = bl.problem_from(seconds[:, None], np.arange(100) % 2, dtype="float32")
    assert len(np.unique(np.concatenate(arrays(narrow)))) == 100


def test_data_given_are_left_as_they_are():
    x, y = load_wine(return_X_y=True)
    before = x.copy()
    problem = bl.problem_from(x, y)
    np.testing.assert_array_equal(x, before)
    assert not any(np.shares_memory(x, own) for own in arrays(problem))
    frame = pd.DataFrame({"a": ["1", " "] * 30, "y": [0, 1] * 30})
    kept = frame.copy()
    bl.problem_from(frame, "y")
    pd.testing.assert_frame_equal(frame, kept)


MEMORY = r"""
import re, numpy as np, psutil, batchlab as bl
from pathlib import Path
bl.problem_from(np.random.default_rng(0).random((60, 9), "float32"), np.arange(60) % 2)
x = np.random.default_rng(0).integers(0, 256, {shape}, dtype="uint8")
before = psutil.Process().memory_info().rss
problem = bl.problem_from(x, np.arange(len(x)) % 10, dtype="float32")
# Not ru_maxrss, which a process inherits from the one that has started it.
peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
print((peak - before) / (4 * x.size))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("shape", ["(20000, 784)", "(20000, 28, 28, 1)"])
def test_few_copies_are_made(shape):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY.format(shape=shape)], capture_output=True, text=True
    )
    assert float(done.stdout) < 3.5, done.stderr


def test_importing_needs_no_pyarrow_and_no_tensorflow():
    code = "import sys, batchlab; print({'pandas', 'pyarrow', 'tensorflow'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
    code = (
        "import sys, batchlab as bl; from sklearn.datasets import load_wine;"
        "bl.problem_from(load_wine()); print({'tensorflow', 'keras'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize("file", ["big.csv", "big.csv.gz", "big.parquet"])
def test_a_file_that_does_not_fit_is_refused_before_it_is_read(tmp_path, monkeypatch, file):
    frame = pd.DataFrame({f"c{at}": np.arange(20_000.0) for at in range(8)})
    path = tmp_path / file
    frame.to_parquet(path) if file.endswith("parquet") else frame.to_csv(path, index=False)
    sizes = []
    monkeypatch.setattr(free_memory, "COPIES", 10**9)
    with pytest.raises(ValueError, match=r"free memory, received 'big.* a table of [\d.]+ GB"):
        bl.problem_from(path, "c0")
    monkeypatch.setattr(free_memory, "COPIES", 1)
    monkeypatch.setattr(
        "batchlab.problems.readers.files.check_fits", lambda what, size: sizes.append(size)
    )
    bl.problem_from(path, "c0")
    (size,) = sizes
    assert 0.4 < size / frame.memory_usage().sum() < 2.5


def test_a_dataset_that_does_not_fit_is_refused(monkeypatch):
    data = tf.data.Dataset.from_tensor_slices((np.ones((9, 2)), np.arange(9)))
    monkeypatch.setattr(free_memory, "COPIES", 10**12)
    with pytest.raises(ValueError, match="free memory, received a dataset"):
        bl.problem_from(data)


# What is refused


def text_file(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


WRONG_FILES = {
    "empty.csv": (b"", "the empty file 'empty.csv'"),
    "blank.csv": (b"\n \n", "which is blank"),
    "header.csv": (b"a,y\n", "expected rows, received none"),
    "binary.csv": (bytes(range(256)) * 9, "text in UTF-8, received 'binary.csv'"),
    "latin.csv": ("a,y\né,1\n".encode("latin-1"), "text in UTF-8"),
    "late.csv": (b"a,y\n" + b"1,2\n" * 40_000 + b"\xff\xfe,1\n", "text in UTF-8"),
    "one.csv": (b"y\n1\n2\n", "two columns"),
    "twice.csv": (b"a,a,y\n1,2,3\n", "2 that are called 'a'"),
    "ragged.csv": (b"a,y\n1,2\n1,2,3,4\n", "rows of 2 values"),
    "longer.csv": (b"a,y\n1,2,3\n1,2,3\n", "rows of 2 values"),
    "plain.csv.gz": (b"a,y\n1,2\n", "'plain.csv.gz', which cannot be read"),
    "cut.csv.gz": (gzip.compress(b"a,y\n" + bytes(range(48, 58)) * 9)[:-12], "cannot be read"),
    "wrong.parquet": (b"PAR1 and then nothing", "'wrong.parquet', which cannot be read"),
    "data.xlsx": (b"PK", "ends in .csv"),
    "data.pkl": (pickle.dumps({"y": 1}), "ends in .csv"),
    "data.npy": (b"\x93NUMPY", "ends in .csv"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_files(tmp_path, name):
    content, message = WRONG_FILES[name]
    path = text_file(tmp_path, name, content)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        bl.problem_from(path, "y")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"found no file 'absent\.csv' in '/"):
        bl.problem_from(tmp_path / "absent.csv", "y")
    with pytest.raises(IsADirectoryError, match="received the folder"):
        bl.problem_from(tmp_path, "y")


def test_a_misspelled_target_is_noticed_in_the_header(tmp_path, monkeypatch):
    path = text_file(tmp_path, "wine.csv", "alcohol,Quality\n" + "1,2\n" * 9)
    monkeypatch.setattr(pd, "read_csv", None)  # nothing is read
    with pytest.raises(ValueError, match=r"received 'qualty', which is none; did you mean 'Qual"):
        bl.problem_from(path, "qualty")
    with pytest.raises(ValueError, match=r"there are 'alcohol', 'Quality'"):
        bl.problem_from(path, "zzz")
    with pytest.raises(ValueError, match=r"drop: .* did you mean 'alcohol'"):
        bl.problem_from(path, "Quality", drop=["alcool"])
    with pytest.raises(TypeError, match=r"one of 'alcohol', 'Quality', received None"):
        bl.problem_from(path)


X, Y = load_wine(return_X_y=True)
TABLE = pd.DataFrame({"a": range(30), "b": ["u", "v", "w"] * 10, "y": [0.5, 1.5, 4.0] * 10})


@pytest.mark.parametrize(
    ("data", "target", "message"),
    [
        (X, None, "for each of 178 samples, received None"),
        (X, Y[1:], "received 178 samples and 177 targets"),
        (X[:, 0], Y, "received shape (178,)"),
        (X[:0], Y[:0], "received shape (0, 13)"),
        (X, np.zeros(178), "received only '0'"),
        (X, np.where(np.arange(178) == 5, 9, Y), "received 1 of class '9'"),
        (X, [*["a"] * 176, "b", "c"], "received 1 of class 'b', and as few of 1 more"),
        (X, np.full(178, np.nan), "received 178 missing"),
        (X, np.where(np.arange(178) == 5, np.inf, Y), "received 1 infinite"),
        (X[:3], [0.5, 1, 2], "leave 1"),
        (X[:12], Y[:4].tolist() * 3, "received only '0'"),
        (np.ones((30, 2)), Y[45:75], "none that is left"),
        (np.full((30, 2), np.nan), Y[45:75], "none that is left"),
        (np.ones((30, 2, 2)), Y[45:75], "received 18 equal ones"),
        (np.full((30, 2, 2), np.nan), Y[45:75], "missing or infinite"),
        (np.where(X == X[3, 4], np.inf, X), Y, "column 'feature 4'"),
        (np.where(X == X.max(), 1e300, X), Y, "too large"),
        ([[1.0, 2.0], [1.0]], [0, 1], "all rows of the same length"),
        (X * 1j, Y, "received complex128"),
        (csr_matrix(X), Y, "received a sparse one"),
        (None, None, "expected arrays, a pandas DataFrame"),
        ({"x": 1}, "y", "expected arrays, a pandas DataFrame"),
        (7, "y", "expected arrays, a pandas DataFrame"),
        ((at for at in range(9)), [1], "expected arrays, a pandas DataFrame"),
        (load_wine(), "target", "target: expected None with a scikit-learn Bunch"),
        (Bunch(data=X), None, "received one with 'data'"),
        (Bunch(data=["a text"] * 9, target=[0, 1, 2] * 3), None, "received shape (9,)"),
        (TABLE, None, "one of 'a', 'b', 'y'"),
        (TABLE, "c", "which is none"),
        (TABLE, ["y", "y"], "expected different columns"),
        (TABLE, ["a", "b", "y"], "beside the target"),
        (TABLE[["y"]], "y", "at least two columns"),
        (TABLE[:0], "y", "expected rows"),
        (TABLE.set_axis(["a", "a", "y"], axis=1), "y", "2 that are called 'a'"),
        (TABLE.assign(a=[[1]] * 30), "y", "column 'a': expected numbers, text or dates"),
        (TABLE.assign(a=[1.0, np.inf] * 15), "y", "column 'a': expected finite"),
        (TABLE.assign(y=pd.Timestamp(0)), "y", "received dates in 'y'"),
        (TABLE.assign(y=1.5), "y", "received the same, 1.5, for all 18"),
        (TABLE, ["a", "b"], "received text in 'b'"),
    ],
)
def test_wrong_data_are_refused_in_a_sentence(data, target, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)) as caught:
        bl.problem_from(data, target)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task": "ranking"}, "task: expected one of"),
        ({"dtype": "float16"}, "dtype: expected one of"),
        ({"validation": 0}, "validation: expected a positive number"),
        ({"test": 1.0}, "test: expected a share below 1"),
        ({"validation": 0.5, "test": 0.5}, "leave some for training"),
        ({"validation": True}, "validation: expected a positive number"),
        ({"test": 0.01}, "at least 3 of the 178 rows, one of each class, for test"),
        ({"random_state": -1}, "random_state: expected"),
        ({"sample_shape": [8, 8]}, "expected one of 13 numbers, as a sample has"),
        ({"sample_shape": 13}, "sample_shape: expected a list"),
        ({"sample_shape": [13, 0]}, "sample_shape: expected a whole number"),
        ({"drop": ["feature 99"]}, "drop: expected the name of a column"),
        ({"drop": 3}, "drop: expected a list of names"),
        ({"name": 3}, "name: expected a string"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        bl.problem_from(X, Y, **settings)


def test_text_is_no_target_of_a_regression_and_no_pixel():
    with pytest.raises(TypeError, match="numbers for a regression, received text in 'b'"):
        bl.problem_from(TABLE, "b", task="regression")
    with pytest.raises(TypeError, match="numbers alone, received 'b', of text"):
        bl.problem_from(TABLE, "y", sample_shape=[2])
    with pytest.raises(TypeError, match="one column of classes, received 2"):
        bl.problem_from(TABLE, ["a", "y"], task="classification")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.repeat(), "repeats for ever"),
        (lambda data: data.take(0), "empty dataset"),
        (lambda data: tf.data.Dataset.range(4), "pairs of tensors"),
        (lambda data: tf.data.Dataset.zip((data, data)), "pairs of tensors"),
        (lambda data: data.apply(tf.data.experimental.assert_cardinality(3)), "that fails"),
    ],
)
def test_wrong_datasets_are_refused(change, message):
    data = tf.data.Dataset.from_tensor_slices((np.ones((9, 2)), np.arange(9)))
    with pytest.raises((TypeError, ValueError), match=message):
        bl.problem_from(change(data))


def test_a_dataset_holds_its_own_target():
    data = tf.data.Dataset.from_tensor_slices((np.ones((9, 2)), np.arange(9)))
    with pytest.raises(TypeError, match=r"None with a tf.data.Dataset"):
        bl.problem_from(data, "y")


def test_a_data_set_of_scikit_learn_goes_by_its_name():
    problem = bl.problem_from("breast_cancer")
    assert (problem.name, problem.n_classes) == ("breast cancer", 2)
    with pytest.raises(TypeError, match="target: expected None with scikit-learn's data set"):
        bl.problem_from("wine", "alcohol")
    with pytest.raises(FileNotFoundError, match="one of scikit-learn's data sets such as"):
        bl.problem_from("wines")


def test_a_file_is_found_where_the_command_was_called(tmp_path, monkeypatch):
    pd.DataFrame({"x": range(40), "y": [0, 1] * 20}).to_csv(tmp_path / "called.csv", index=False)
    monkeypatch.setenv("BATCHLAB_CALLED_FROM", str(tmp_path))
    assert bl.problem_from("called.csv", "y").n_classes == 2
