"""Tables of final metrics: intervals against known distributions, numbers against numpy."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from studies import as_regression, lose, study_of

import batchlab as bl

FINAL = ["train_accuracy", "val_accuracy", "train_loss", "val_loss"]


def history_of(replicates=6, epochs=8, seed=0):
    """Return a history of random numbers: what the tables make of it can be computed by hand."""
    generator = np.random.default_rng(seed)
    names = ["loss", "accuracy", *FINAL]
    return xr.Dataset(
        {name: (("replicate", "epoch"), generator.random((replicates, epochs))) for name in names},
        coords={"replicate": np.arange(replicates), "epoch": np.arange(1, epochs + 1)},
        attrs={"training_seconds": 3.0},
    )


def with_diverged(history, first_epochs, *, value=np.nan, names=("loss", "train_loss", "val_loss")):
    """Return a copy in which some replicates have lost their losses from an epoch on."""
    history = history.copy(deep=True)
    for replicate, epoch in first_epochs.items():
        for name in names:
            history[name][replicate, epoch - 1 :] = value
    return history


# The interval of the mean


def coverage(draw, mean, *, datasets=1000, replicates=30):
    values = draw(np.random.default_rng(11), (replicates, datasets))
    found = bl.mean_interval(values)
    return np.mean((found.low <= mean) & (mean <= found.high)), found


@pytest.mark.parametrize("replicates", [30, 100])
def test_the_interval_covers_the_mean_of_a_normal_distribution_as_often_as_it_says(replicates):
    # The bootstrap's normal limit is mean ± 1.96 s / sqrt(n) with s² = Σ(x - mean)² / n, a little
    # narrower than Student's interval: it covers with the probability `expected`, and the number
    # of covering datasets is binomial.
    width = stats.norm.ppf(0.975) * np.sqrt((replicates - 1) / replicates)
    expected = 1 - 2 * stats.t.sf(width, replicates - 1)
    assert 0.935 < expected < 0.95
    found, interval = coverage(
        lambda generator, shape: generator.normal(0.8, 0.01, shape), 0.8, replicates=replicates
    )
    assert abs(found - expected) < 3.5 * np.sqrt(expected * (1 - expected) / 1000)
    # Too low and too high a mean are missed about equally often.
    missed = [np.sum(interval.low > 0.8), np.sum(interval.high < 0.8)]
    assert stats.binomtest(missed[0], sum(missed)).pvalue > 0.001


def test_the_interval_covers_the_mean_of_a_share_of_hits():
    # Accuracies on 500 samples, equal in many replicates.
    found, _ = coverage(lambda generator, shape: generator.binomial(500, 0.83, shape) / 500, 0.83)
    assert 0.90 < found < 0.97


def test_the_interval_leans_to_the_long_tail():
    _, interval = coverage(lambda generator, shape: generator.exponential(size=shape), 1.0)
    above, below = interval.high - interval.mean, interval.mean - interval.low
    assert np.mean(above) > 1.15 * np.mean(below)


def test_the_interval_is_scipys_and_repeats():
    values = np.random.default_rng(3).normal(size=30)
    found = bl.mean_interval(values)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=9999, rng=np.random.default_rng(99)
    ).confidence_interval
    assert found.mean == values.mean()
    np.testing.assert_allclose(found[1:], expected, atol=0.03 * values.std())
    np.testing.assert_array_equal(bl.mean_interval(values), found)


def test_the_interval_moves_and_scales_with_the_values():
    values = np.random.default_rng(4).normal(size=20)
    found, moved = bl.mean_interval(values), bl.mean_interval(5 + 2 * values)
    np.testing.assert_allclose(moved, 5 + 2 * np.array(found), rtol=1e-12)
    doubled = bl.mean_interval(np.random.default_rng(4).normal(size=2000))
    assert doubled.high - doubled.low < 0.2 * (found.high - found.low)


@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (1,)])
def test_the_first_axis_is_the_replicates(shape):
    values = np.random.default_rng(5).normal(size=(12, *shape))
    found = bl.mean_interval(values)
    for field in found:
        assert np.shape(field) == shape
    np.testing.assert_allclose(found.mean, values.mean(axis=0))
    assert (found.low < found.mean).all()
    assert (found.mean < found.high).all()
    last = (-1,) * len(shape)
    alone = bl.mean_interval(values[(slice(None), *last)])
    np.testing.assert_allclose([field[last] for field in found], alone, rtol=1e-12)


def test_equal_replicates_have_an_interval_of_no_width():
    found = bl.mean_interval(np.full(30, 0.1))
    assert found.low == found.mean == found.high == pytest.approx(0.1)
    mixed = np.column_stack([np.full(10, 0.5), np.linspace(0, 1, 10)])
    found = bl.mean_interval(mixed)
    assert found.low[0] == found.mean[0] == found.high[0] == 0.5
    assert found.low[1] < found.mean[1] < found.high[1]


def test_one_or_no_replicate_has_no_interval():
    found = bl.mean_interval(np.array([[0.25, 0.75]]))
    np.testing.assert_array_equal(found.mean, [0.25, 0.75])
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
    assert found.low.shape == (2,)
    nothing = bl.mean_interval(np.empty((0, 2)))
    assert np.isnan(nothing).all()
    assert np.shape(nothing) == (3, 2)


def test_two_replicates_have_an_interval_within_them():
    found = bl.mean_interval(np.array([0.2, 0.4]))
    assert 0.2 <= found.low < found.mean == pytest.approx(0.3)
    assert found.mean < found.high <= 0.4


# The table of final metrics


def test_evaluate_is_numpy_on_the_last_epoch():
    history = history_of(epochs=12)
    table = bl.evaluate(history)
    assert table.index.tolist() == FINAL
    assert table.index.name == "metric"
    for name in FINAL:
        curves = history[name].to_numpy()
        row, final = table.loc[name], curves[:, -1]
        assert row["mean"] == pytest.approx(final.mean())
        assert row["std"] == pytest.approx(np.sqrt(((final - final.mean()) ** 2).sum() / 5))
        assert (row["min"], row["max"]) == (final.min(), final.max())
        assert (row["low"], row["high"]) == bl.mean_interval(final)[1:]
        late = curves[:, 9:]  # the last quarter
        deviations = np.sqrt(((late - late.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) / 3)
        assert row["unsettled"] == pytest.approx(deviations.mean())
        assert row["variance"] == pytest.approx((deviations**2).mean())
        assert (row["replicates"], row["diverged"]) == (6, 0)


def test_evaluate_of_a_real_history(history):
    table = bl.evaluate(history)
    assert table.loc["val_accuracy", "mean"] == pytest.approx(
        float(history["val_accuracy"].isel(epoch=-1).mean())
    )
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    assert (table["diverged"] == 0).all()


def test_the_order_of_dimensions_does_not_matter():
    history = history_of()
    pd.testing.assert_frame_equal(
        bl.evaluate(history.transpose("epoch", "replicate")), bl.evaluate(history)
    )


def test_evaluate_of_one_replicate():
    table = bl.evaluate(history_of(replicates=1))
    assert table[["low", "high", "std"]].isna().all(axis=None)
    assert table[["mean", "min", "max", "unsettled", "variance"]].notna().all(axis=None)
    assert (table["mean"] == table["min"]).all()


def test_evaluate_of_one_epoch():
    table = bl.evaluate(history_of(epochs=1))
    assert (table["unsettled"] == 0).all()


def test_evaluate_and_locate_where_records_are_updates():
    history = history_of(epochs=12)
    by_update = history.rename(epoch="update")
    pd.testing.assert_frame_equal(bl.evaluate(by_update), bl.evaluate(history))
    pd.testing.assert_frame_equal(
        bl.locate(by_update, val_loss=0.5), bl.locate(history, val_loss=0.5)
    )


# Replicates that diverged


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_diverged_replicate_is_counted_and_not_averaged(value):
    history = history_of()
    broken = with_diverged(history, {1: 5, 4: 1}, value=value)
    np.testing.assert_array_equal(bl.diverged(broken), [False, True, False, False, True, False])
    table = bl.evaluate(broken)
    expected = bl.evaluate(history.isel(replicate=[0, 2, 3, 5]))
    assert (table["replicates"] == 6).all()
    assert (table["diverged"] == 2).all()
    counts = ["replicates", "diverged"]
    pd.testing.assert_frame_equal(table.drop(columns=counts), expected.drop(columns=counts))
    # Its accuracy is a number still, and would have entered the mean unnoticed.
    assert np.isfinite(broken["val_accuracy"]).all()
    assert table.loc["val_accuracy", "mean"] != bl.evaluate(history).loc["val_accuracy", "mean"]


@pytest.mark.parametrize("name", ["loss", "train_loss", "val_loss"])
def test_any_loss_at_any_epoch_tells_a_diverged_replicate(name):
    history = history_of()
    assert not bl.diverged(history).any()
    history[name][3, 2] = np.inf
    assert bl.diverged(history).to_numpy().tolist() == [False, False, False, True, False, False]
    assert bl.diverged(history).dims == ("replicate",)


def test_all_diverged():
    table = bl.evaluate(with_diverged(history_of(replicates=3), {0: 1, 1: 4, 2: 8}))
    assert (table["diverged"] == 3).all()
    assert (table["replicates"] == 3).all()
    assert table.drop(columns=["replicates", "diverged"]).isna().all(axis=None)


def test_all_but_one_diverged():
    history = history_of(replicates=3)
    table = bl.evaluate(with_diverged(history, {0: 1, 2: 4}))
    assert table.loc["val_loss", "mean"] == float(history["val_loss"][1, -1])
    assert np.isnan(table.loc["val_loss", "low"])


# Published values among the replicates


@pytest.fixture
def hundred():
    """A hundred replicates that end at 0.00, 0.01, …, 0.99."""
    history = history_of(replicates=100)
    history["val_accuracy"][:, -1] = np.random.default_rng(0).permutation(100) / 100
    return history


@pytest.mark.parametrize(
    ("published", "below", "above", "reproduced"),
    [
        (0.5, 50, 49, True),
        (0.505, 51, 49, True),
        (0.02475, 3, 97, True),  # the quantile itself
        (0.0243, 3, 97, True),  # within its third decimal
        (0.0242, 3, 97, False),
        (0.9657, 97, 3, True),
        (0.9658, 97, 3, False),
        (-1.0, 0, 100, False),
        (1.0, 100, 0, False),
    ],
)
def test_locate(hundred, published, below, above, reproduced):
    table = bl.locate(hundred, val_accuracy=published)
    row = table.loc["val_accuracy"]
    assert row["published"] == published
    assert row["low"] == pytest.approx(0.02475)
    assert row["high"] == pytest.approx(0.96525)
    assert (row["below"], row["above"], row["reproduced"]) == (below, above, reproduced)


def test_locate_several(hundred):
    table = bl.locate(hundred, val_accuracy=0.5, train_loss=9.0)
    assert table.index.tolist() == ["val_accuracy", "train_loss"]
    assert table["reproduced"].tolist() == [True, False]


def test_locate_leaves_the_diverged_out(hundred):
    ends = hundred["val_accuracy"][:, -1].to_numpy()
    lost = np.flatnonzero(ends >= 0.5)
    table = bl.locate(with_diverged(hundred, dict.fromkeys(lost, 3)), val_accuracy=0.6)
    assert table.loc["val_accuracy", ["below", "above"]].tolist() == [50, 0]
    assert table.loc["val_accuracy", "high"] < 0.5
    assert not table.loc["val_accuracy", "reproduced"]


def test_locate_among_none_but_diverged():
    history = with_diverged(history_of(replicates=2), {0: 1, 1: 1})
    row = bl.locate(history, val_accuracy=0.5).loc["val_accuracy"]
    assert np.isnan([row["low"], row["high"]]).all()
    assert (row["below"], row["above"], row["reproduced"]) == (0, 0, False)


def test_locate_of_an_unknown_name(hundred):
    with pytest.raises(ValueError, match=r"expected any of train_accuracy.*received 'accuracy'\."):
        bl.locate(hundred, accuracy=0.8)


# Several histories


def test_evaluate_each_is_a_row_of_evaluate_for_each():
    histories = {
        "one": history_of(seed=1),
        "two": with_diverged(history_of(seed=2), {0: 1}),
        "lost": with_diverged(history_of(replicates=1, seed=3), {0: 1}),
    }
    table = bl.evaluate_each(histories, "train_loss")
    assert table.index.tolist() == ["one", "two", "lost"]
    assert table.index.name == "train_loss"
    for name, history in histories.items():
        expected = bl.evaluate(history).loc["train_loss"]
        np.testing.assert_array_equal(table.loc[name], expected[table.columns])
    assert table["diverged"].tolist() == [0, 1, 1]
    assert table["replicates"].tolist() == [6, 6, 1]
    assert table["diverged"].dtype == table["replicates"].dtype == int


def test_seconds_per_replicate():
    assert bl.seconds_per_replicate(history_of(replicates=6)) == 0.5


def test_an_interval_does_not_depend_on_the_cells_beside_it():
    # Shares of 500 samples: many resampled means are equal, and rounding must not part them.
    values = np.random.default_rng(1).integers(390, 420, (30, 50)) / 500
    together = bl.mean_interval(values)
    for place, column in enumerate(values.T):
        alone = bl.mean_interval(column)
        assert together.low[place] == pytest.approx(alone.low, abs=1e-12)
        assert together.high[place] == pytest.approx(alone.high, abs=1e-12)


# Regressions

ERRORS = ["train_mean_absolute_error", "val_mean_absolute_error", "train_loss", "val_loss"]


def test_the_table_of_a_regression_has_the_numbers_of_its_errors():
    study = study_of({"batch_size": [8, 32]})
    errors, accuracies = bl.evaluate(as_regression(study)), bl.evaluate(study)
    assert errors.index.get_level_values("metric").tolist() == 2 * ERRORS
    np.testing.assert_array_equal(errors, accuracies)
    alone = bl.evaluate(as_regression(study), metric="val_mean_absolute_error")
    np.testing.assert_array_equal(alone, accuracies.xs("val_accuracy", level="metric"))


def test_an_error_is_held_from_above():
    history = as_regression(study_of({}, replicates=2, records=4))
    for name in ERRORS:
        history[name][:] = [[3.0, 2.0, 1.4, 1.5], [3.0, 1.0, 2.0, 1.6]]
    row = bl.evaluate(history, target=1.5).loc["val_mean_absolute_error"]
    assert (row["held"], row["epoch"]) == (1, 3)
    row = bl.evaluate(history, target=1.5, held=False).loc["train_mean_absolute_error"]
    assert (row["reached"], row["epoch"]) == (2, 2.5)
    assert np.isnan(bl.evaluate(history, target=1.5).loc["val_loss", "epoch"])


@pytest.mark.parametrize("metric", ["val_accuracy", "mean_absolute_error", "loss"])
def test_a_regression_says_which_metrics_it_has(metric):
    history = as_regression(study_of({}))
    expected = ", ".join(map(repr, ERRORS))
    with pytest.raises(ValueError, match=f"^metric: expected one of {expected}, received"):
        bl.evaluate(history, metric=metric)
    expected = ", ".join(ERRORS)
    with pytest.raises(ValueError, match=f"^published: expected any of {expected}, received"):
        bl.locate(history, **{metric: 0.5})


def test_a_published_error_is_located_among_the_replicates():
    history = as_regression(study_of({}))
    found = bl.locate(history, val_mean_absolute_error=2.0)
    assert found.loc["val_mean_absolute_error", ["below", "above"]].tolist() == [6, 0]


def test_each_history_has_the_row_of_its_error():
    history = as_regression(study_of({}))
    table = bl.evaluate_each({"a": history}, "val_mean_absolute_error")
    assert table.loc["a", "mean"] == history["val_mean_absolute_error"][:, -1].mean()


def test_a_regression_that_was_lost_is_counted():
    history = as_regression(lose(study_of({}), {(2,): 3}))
    row = bl.evaluate(history).loc["val_mean_absolute_error"]
    assert (row["diverged"], row["replicates"]) == (1, 6)
    sound = history["val_mean_absolute_error"].drop_sel(replicate=2)
    assert row["mean"] == pytest.approx(float(sound[:, -1].mean()))


def test_what_is_no_history_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"^history: expected one with val_accuracy or val_mean_"):
        bl.evaluate(xr.Dataset({"val_loss": ("epoch", [1.0])}))
