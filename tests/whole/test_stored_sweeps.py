import base64
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from scipy.special import ndtr, ndtri
from scipy.stats import quantile

import batchlab as bl
from batchlab.analysis.evaluate import diverged
from batchlab.analysis.intervals import mean_interval

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))

import explorer_page  # noqa: E402
import stored_sweeps  # noqa: E402


@pytest.fixture(scope="module")
def study():
    return bl.open_result(stored_sweeps.SWEEPS)


@pytest.fixture(scope="module")
def data(study):
    """What the page reads, from the script that is written for it."""
    name, _, text = explorer_page.script(explorer_page.page_data(study)).partition(" = ")
    assert name == "window.batchlabSweeps"
    return json.loads(text.removesuffix(";\n"))


def unpacked(packed):
    flat = np.frombuffer(base64.b64decode(packed["data"]), np.dtype(packed["type"]))
    return flat.reshape(packed["shape"]) * packed["scale"]


def test_the_stored_sweep_is_whole_and_small(study):
    assert study["val_accuracy"].dims == (*explorer_page.SETTINGS, "replicate", "epoch")
    assert tuple(study["batch_size"].values) == stored_sweeps.BATCH_SIZES
    assert tuple(study["learning_rate"].values) == stored_sweeps.LEARNING_RATES
    assert tuple(study["optimizer"].values) == stored_sweeps.OPTIMIZERS
    assert tuple(study["epoch"].values) == stored_sweeps.RECORDS
    assert study.sizes["replicate"] == stored_sweeps.REPLICATES
    assert stored_sweeps.SWEEPS.stat().st_size < 3e6


def test_in_the_stored_sweep_some_settings_diverge_and_others_come_close_to_the_ceiling(study):
    lost = diverged(study).sum("replicate")
    assert (lost == study.sizes["replicate"]).any() and (lost == 0).any()
    final = study["val_accuracy"].isel(epoch=-1).mean("replicate")
    assert study.attrs["bayes_test_accuracy"] - 0.02 < final.max()


@pytest.mark.parametrize(
    ("batch_size", "learning_rate", "optimizer"),
    [(32, 0.01, "SGD momentum 0.9"), (500, 0.03, "Adam")],
)
def test_a_stored_setting_is_what_fit_returns_for_it(study, batch_size, learning_rate, optimizer):
    chosen = stored_sweeps.optimizer(optimizer)
    chosen.learning_rate = learning_rate
    history = bl.fit(
        bl.mlp,
        bl.blobs(),
        batch_size=batch_size,
        epochs=stored_sweeps.EPOCHS,
        optimizer=chosen,
        replicates=stored_sweeps.REPLICATES,
    ).sel(epoch=list(stored_sweeps.RECORDS))
    place = {"batch_size": batch_size, "learning_rate": learning_rate, "optimizer": optimizer}
    cell = study.sel(place)
    for name in stored_sweeps.ACCURACIES:
        np.testing.assert_array_equal(cell[name], history[name])
    for name in stored_sweeps.LOSSES:
        np.testing.assert_allclose(cell[name], history[name], rtol=1e-6)


def test_a_written_sweep_comes_back_to_the_last_bit(study, tmp_path):
    some = study.isel(batch_size=[0], learning_rate=[3, 9])
    stored_sweeps.write(some, tmp_path / "some.nc")
    back = bl.open_result(tmp_path / "some.nc")
    xr.testing.assert_equal(back, some)
    assert back["val_accuracy"].dtype == "float64"


def test_accuracies_that_are_no_whole_numbers_of_samples_are_not_written_quietly(study, tmp_path):
    some = study.isel(batch_size=[0], learning_rate=[3])
    some = some.assign(val_accuracy=some["val_accuracy"] + 0.0005)
    with pytest.raises(ValueError, match="expected the numbers of the sweep"):
        stored_sweeps.write(some, tmp_path / "some.nc")


def test_a_replicate_that_only_the_page_would_call_sound_is_found(study):
    whole = study.isel(batch_size=[5], learning_rate=[4], optimizer=[1])
    epochs = xr.DataArray(np.arange(1, stored_sweeps.EPOCHS + 1), dims="epoch")
    whole = whole.reindex(epoch=epochs, method="nearest")
    for name in stored_sweeps.LEFT_OUT:
        whole[name] = whole["val_loss"]
    assert stored_sweeps.thinned(whole).sizes["epoch"] == len(stored_sweeps.RECORDS)
    between = (whole["epoch"] == 199) & (whole["replicate"] == 3)
    whole["val_loss"] = whole["val_loss"].where(~between)
    with pytest.raises(ValueError, match="same replicates to diverge"):
        stored_sweeps.thinned(whole)


def test_the_page_has_the_stored_numbers(study, data):
    assert set(data["metrics"]) == {"train_accuracy", "val_accuracy", "train_loss", "val_loss"}
    for name, packed in data["metrics"].items():
        np.testing.assert_array_equal(unpacked(packed), study[name].values)
    np.testing.assert_array_equal(unpacked(data["diverged"]), diverged(study).values)
    for b, size in enumerate(data["batch_size"]):
        assert data["updates_per_epoch"][b] == -(-500 // size)
        assert data["update"][b][-1] == 200 * data["updates_per_epoch"][b]
        assert data["sample"][b][-1] == 200 * 500


def test_the_page_draws_the_resamples_of_the_library(study, data):
    """Its interval is this formula (Efron 1987) on those resamples, see explorer_numbers.js."""
    cell = study.sel(batch_size=64, learning_rate=0.01, optimizer="Adam")
    z = ndtri([(1 - data["confidence"]) / 2, (1 + data["confidence"]) / 2])
    for replicates in (2, 5, 16):
        values = cell["val_accuracy"].values[:replicates, -1]
        means = np.round(
            values[unpacked(data["resamples"][str(replicates)]).astype(int)].mean(1), 14
        )
        centre = np.round(values.mean(), 14)
        bias = ndtri(((means < centre).mean() + (means <= centre).mean()) / 2)
        without = [np.round(np.delete(values, i).mean(), 14) for i in range(replicates)]
        off = np.mean(without) - without
        acceleration = (off**3).sum() / (off**2).sum() ** 1.5 / 6
        shares = ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
        found = mean_interval(values)
        np.testing.assert_allclose(quantile(means, shares), [found.low, found.high], rtol=1e-12)
        assert found.low < found.high


def test_the_page_has_the_words_and_colours_of_the_figures(study, data):
    history = study.sel(batch_size=32, learning_rate=0.01, optimizer="SGD", drop=True)
    history = history.assign_attrs(batch_size=32)
    ax = bl.plot_learning_curves(history, x="update", ax=Figure().add_subplot())
    assert ax.get_xlabel() == data["x_labels"]["update"]
    assert ax.get_ylabel() == data["metric_labels"]["accuracy"]
    assert ax.get_legend().get_title().get_text() == data["captions"][-1]
    lines = {line.get_label(): line for line in ax.get_lines()}
    for n, part in enumerate(data["parts"].values()):
        assert lines[part].get_color() == data["colors"][n]
    for ceiling in data["ceilings"]:
        assert set(lines[ceiling["label"]].get_ydata()) == {ceiling["accuracy"]}
