"""Settings of the explorer: bounds, links, files, presets."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from batchlab.explorer.presets import BATCH_SIZES, PRESETS, SMALL_RATE, SOURCES
from batchlab.explorer.setting import OPTIMIZERS, Setting

PARAMS = Path(__file__).parents[2] / "notebooks" / "params"


@st.composite
def settings(draw):
    n_samples = draw(st.integers(40, 2000))
    n_train = draw(st.integers(20, n_samples - 20))
    return Setting(
        batch_size=draw(st.integers(1, n_train)),
        learning_rate=draw(st.floats(1e-5, 100)),
        optimizer=draw(st.sampled_from(sorted(OPTIMIZERS))),
        hidden_units=draw(st.integers(1, 200)),
        cluster_std=draw(st.floats(0.1, 10)),
        n_samples=n_samples,
        n_train=n_train,
        epochs=draw(st.integers(1, 200)),
        replicates=draw(st.integers(1, 32)),
        seed=draw(st.integers(0, 2**32 - 32)),
    )


@given(settings())
def test_a_link_and_a_file_bring_every_setting_back(setting):
    assert Setting.from_query("?" + setting.to_query()) == setting
    assert Setting.from_json(setting.to_json()) == setting
    assert Setting.from_json(setting.to_json().encode()) == setting


def test_a_link_changes_only_what_it_names():
    start = Setting(epochs=7, replicates=3)
    assert Setting.from_query("learning_rate=0.5", start) == start.changed(learning_rate=0.5)
    assert Setting.from_query("", start) == start
    assert Setting.from_query("batch_size=full&n_train=300").batch_size == 300


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("batch_size=0", "link: batch_size: expected a whole number from 1 to 500, received 0."),
        ("batch_size=501", "from 1 to 500, received 501"),
        ("batch_size=2.5", "expected a whole number from 1 to 500, received 2.5"),
        ("batch_size=True", "received 'True'"),
        ("batch_size=", "received ''"),
        ("batch_size=1_0", "received '1_0'"),
        ("batch_size=٣", "received '٣'"),
        ("learning_rate=nan", "expected a positive number, received nan"),
        ("learning_rate=inf", "expected a positive number, received inf"),
        ("learning_rate=-1", "expected a positive number, received -1"),
        ("learning_rate=1e9", "expected a number from 1e-05 to 100, received 1e+09"),
        ("optimizer=sgd", "expected one of 'SGD', 'momentum'"),
        ("optimizer=<script>", "received '<script>'"),
        ("epochs=100000", "from 1 to 200, received 100000"),
        ("batchsize=3", "received batchsize; did you mean batch_size?"),
        ("__class__=3", "received __class__"),
        ("seed=1&seed=2", "expected each name once, received 'seed' twice"),
        ("n_train=990", "from 20 to 980, received 990"),
        ("n_samples=abc", "n_samples: expected a whole number from 40 to 2000, received 'abc'"),
        ("n_train=", "n_train: expected a whole number from 20 to 980, received ''"),
        ("&".join(f"a{place}=1" for place in range(200)), "received a0"),
    ],
)
@pytest.mark.parametrize("start", [None, Setting()], ids=["alone", "with a start"])
def test_a_wrong_link_ends_in_one_sentence(query, sentence, start):
    with pytest.raises(ValueError) as caught:
        Setting.from_query(query, start)
    said = str(caught.value)
    assert sentence in said and said.startswith("link: ") and "\n" not in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "{",
        "{" * 5000,
        '{"epochs": "many"}',
        '{"rate": 1}',
        " " * 20_000,
        b"\xff\xfe",
    ],
)
def test_a_wrong_file_ends_in_one_sentence(text):
    with pytest.raises(ValueError, match=r"^file: .*received.*\.$"):
        Setting.from_json(text)


def test_a_batch_size_follows_the_training_samples():
    assert Setting(batch_size="full").batch_size == 500
    assert Setting(batch_size=400).changed(n_train=100).batch_size == 100
    assert Setting(n_train=800).changed(batch_size=700).batch_size == 700
    with pytest.raises(ValueError, match="batch_size"):
        Setting().changed(batch_size=501)
    assert Setting(batch_size=450).updates_per_epoch == 2, "the partial last batch counts"


def test_the_share_for_training_follows_the_samples():
    smaller = Setting(batch_size=400).changed(n_samples=100)
    assert (smaller.n_train, smaller.batch_size) == (50, 50)
    assert smaller.changed(n_samples=1000).n_train == 500
    assert Setting(n_train=960).changed(n_samples=40).n_train == 20, "twenty are left to test on"
    assert Setting().changed(n_samples=100, n_train=70).n_train == 70


def test_the_presets_are_the_settings_of_the_sources():
    for source, values in SOURCES.items():
        published = yaml.safe_load((PARAMS / f"{source}.yaml").read_text())
        assert values == {name: published[name] for name in values}
        assert list(BATCH_SIZES[source]) == published["batch_sizes"]
        # Of the problem, what a setting of the explorer cannot say.
        assert (published["centers"], published["random_state"]) == (3, 2)
        if source == "tutorial":
            assert published["small_learning_rate"] == SMALL_RATE
        for size in published["batch_sizes"]:
            same = Setting.from_parameters(batch_size=size, replicates=8, **values)
            assert same in PRESETS.values()


def test_parameters_that_are_no_setting_are_refused():
    rest = {"batch_size": 32, "learning_rate": 0.01}
    with pytest.raises(ValueError, match=r"one hidden layer such as \[50\], received \[64, 32\]"):
        Setting.from_parameters(optimizer="SGD", momentum=0.9, hidden_units=[64, 32], **rest)
    with pytest.raises(ValueError, match=r"received 'Adam' with 0\.9"):
        Setting.from_parameters(optimizer="Adam", momentum=0.9, hidden_units=[50], **rest)


def test_a_file_holds_plain_values():
    assert json.loads(Setting().to_json()) == asdict(Setting())
