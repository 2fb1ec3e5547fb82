"""What makes replicates differ, and what averaging them gains."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from studies import as_regression, study_of

import batchlab as bl

TRUE = {"weights": 0.03, "order": 0.02, "both": 0.01}


def crossed(weights, orders, *, grid=None, seed=0, true=TRUE):
    """Return a study whose final test accuracies have planted effects."""
    generator = np.random.default_rng(seed)
    study = study_of(grid or {}, replicates=weights * orders)
    seeds = bl.crossed_seeds(weights, orders, seed=4)
    study = study.drop_vars("seed").assign_coords(
        weight_seed=("replicate", seeds["weight_seeds"]),
        order_seed=("replicate", seeds["order_seeds"]),
    )
    lead = study["val_accuracy"].shape[:-2]
    effects = true["weights"] * generator.normal(size=(*lead, weights, 1))
    effects = effects + true["order"] * generator.normal(size=(*lead, 1, orders))
    effects = effects + true["both"] * generator.normal(size=(*lead, weights, orders))
    study["val_accuracy"][..., -1] = 0.7 + effects.reshape(*lead, weights * orders)
    return study


def test_crossed_seeds_are_every_pair_once():
    seeds = bl.crossed_seeds(3, 4, seed=7)
    pairs = list(zip(seeds["weight_seeds"], seeds["order_seeds"], strict=True))
    assert seeds["replicates"] == len(set(pairs)) == 12
    assert {pair[0] for pair in pairs} == {7, 8, 9}
    assert {pair[1] for pair in pairs} == {7, 8, 9, 10}


def test_estimates_are_those_of_the_analysis_of_variance():
    study = crossed(4, 5, seed=3)
    table = bl.variance_split(study)
    y = study["val_accuracy"].isel(epoch=-1).to_numpy().reshape(4, 5)
    # One number at a time, as the textbook's table has them.
    rows, columns, mean = y.mean(axis=1), y.mean(axis=0), y.mean()
    between_rows = sum(5 * (row - mean) ** 2 for row in rows) / 3
    between_columns = sum(4 * (column - mean) ** 2 for column in columns) / 4
    left = [(y[i, j] - rows[i] - columns[j] + mean) ** 2 for i in range(4) for j in range(5)]
    left = sum(left) / 12
    expected = [(between_rows - left) / 5, (between_columns - left) / 4, left]
    np.testing.assert_allclose(table["variance"], expected, rtol=1e-10)
    np.testing.assert_allclose(table["std"], np.sqrt(np.clip(expected, 0, None)), rtol=1e-10)
    share = np.clip(expected, 0, None) / np.clip(expected, 0, None).sum()
    np.testing.assert_allclose(table["share"], share, rtol=1e-10)


def test_estimates_are_unbiased_and_intervals_cover_in_19_of_20():
    studies = 400
    many = crossed(8, 8, grid={"momentum": np.arange(studies) / studies}, seed=1)
    table = bl.variance_split(many)
    for origin, true in TRUE.items():
        rows = table.xs(origin, level="origin")
        mean, low, high = bl.mean_interval(rows["variance"].to_numpy())
        margin = high - low
        assert low - margin / 2 < true**2 < high + margin / 2, (origin, mean, low, high)
        for name, value in (
            ("std", true),
            ("share", true**2 / sum(one**2 for one in TRUE.values())),
        ):
            inside = (rows[f"{name}_low"] <= value) & (value <= rows[f"{name}_high"])
            # Five standard deviations of a count of 400 at 0.95.
            assert 0.95 - 0.055 < inside.mean(), (origin, name, inside.mean())
            assert inside.mean() < 1


def test_the_order_in_which_replicates_stand_does_not_matter():
    study = crossed(4, 5, grid={"batch_size": [8, 32]})
    table = bl.variance_split(study)
    mixed = study.isel(replicate=np.random.default_rng(0).permutation(20))
    pd.testing.assert_frame_equal(bl.variance_split(mixed), table, rtol=1e-9)
    one = bl.variance_split(study.isel(batch_size=1, drop=True))
    pd.testing.assert_frame_equal(one, table.loc[32], rtol=1e-12)


def test_real_replicates_of_the_full_batch_differ_by_their_weights_alone(small):
    history = bl.fit(bl.mlp, small, batch_size="full", epochs=20, **bl.crossed_seeds(4, 3))
    share = bl.variance_split(history, metric="train_loss")["share"]
    assert share["weights"] > 1 - 1e-9


def test_a_variance_estimated_below_zero_is_shown_and_has_no_share():
    table = bl.variance_split(crossed(5, 5, seed=8, true={**TRUE, "weights": 0, "order": 0}))
    below = table[table["variance"] < 0]
    assert len(below) >= 1
    assert (below[["std", "share"]] == 0).all(axis=None)


def test_without_variance_there_are_no_shares_and_with_a_lost_replicate_nothing():
    study = crossed(3, 3, grid={"batch_size": [8, 32]})
    study["val_accuracy"][0] = 0.5
    study["val_loss"][1, 4, -1] = np.nan
    table = bl.variance_split(study)
    assert (table.loc[8, "std"] == 0).all()
    assert table.loc[8, "share"].isna().all()
    assert table.loc[32].isna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.drop_vars("weight_seed"), "received one seed for both"),
        (lambda s: s.isel(replicate=slice(8)), "received 8 replicates of 3 and 3"),
        (lambda s: s.isel(replicate=[0, 0, 1, 3]), "received 4 replicates of 2 and 2"),
        (lambda s: s.isel(replicate=slice(3)), "received 3 replicates of 1 and 3"),
    ],
)
def test_replicates_that_are_not_crossed_are_refused(change, sentence):
    with pytest.raises(ValueError, match=f"^study: expected .*{sentence}"):
        bl.variance_split(change(crossed(3, 3)))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((1, 3), "weights: expected a whole number at least 2, received 1"),
        ((3, 2.0), "orders: expected a whole number at least 2, received 2.0"),
    ],
)
def test_crossed_seeds_refuses_what_cannot_be_crossed(given, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        bl.crossed_seeds(*given)


# Ensembles


def predictions_of(problem, *, right, grid=None, replicates=6, seed=0):
    """Return random probabilities, and with a share `right` of the labels believed in."""
    generator = np.random.default_rng(seed)
    lead = [len(values) for values in (grid or {}).values()]
    shape = (*lead, replicates, problem.n_test, problem.n_classes)
    values = generator.random(shape)
    believed = generator.random(shape[:-1]) < right
    values += 1.5 * believed[..., None] * np.eye(problem.n_classes)[problem.y_test]
    values /= values.sum(axis=-1, keepdims=True)
    dims = [*(grid or {}), "replicate", "sample", "class"]
    return xr.DataArray(values, dims=dims, coords=grid)


def test_ensembles_are_means_over_members_that_no_two_share(small):
    predictions = predictions_of(small, right=0.4, replicates=7)
    table = bl.ensembles(predictions, small, members=[1, 2, 3, 7])
    assert table["ensembles"].tolist() == [7, 3, 2, 1]
    values = predictions.to_numpy()
    for members in (1, 2, 3, 7):
        groups = [
            values[begin : begin + members] for begin in range(0, 7 // members * members, members)
        ]
        together = [np.mean(g.mean(axis=0).argmax(axis=1) == small.y_test) for g in groups]
        alone = [
            np.mean([np.mean(one.argmax(axis=1) == small.y_test) for one in g]) for g in groups
        ]
        row = table.loc[members]
        assert row["accuracy"] == pytest.approx(np.mean(together), abs=1e-12)
        assert row["gain"] == pytest.approx(np.mean(together) - np.mean(alone), abs=1e-12)
        if len(groups) > 1:
            low, high = map(float, bl.mean_interval(np.array(together))[1:])
            assert (row["low"], row["high"]) == pytest.approx((low, high))
        else:
            assert np.isnan(row["low"])
            assert np.isnan(row["gain_high"])
    assert table.loc[1, "gain"] == pytest.approx(0, abs=1e-12)
    # Votes that err independently: many are right where one is not.
    assert table.loc[7, "gain"] > 0.1


def test_ensembles_of_each_cell_and_of_one_that_diverged(small):
    grid = {"batch_size": [8, 32]}
    predictions = predictions_of(small, right=0.4, grid=grid)
    predictions[1, 3] = np.nan
    table = bl.ensembles(predictions, small, members=[2, 6])
    assert table.index.names == ["batch_size", "members"]
    own = bl.ensembles(predictions.sel(batch_size=8, drop=True), small, members=[2, 6])
    pd.testing.assert_frame_equal(table.loc[8], own)
    assert np.isnan(table.loc[(32, 6), "accuracy"])
    assert table.loc[(32, 6), "ensembles"] == 0
    two = bl.ensembles(predictions[1, [0, 1, 4, 5]], small, members=[2])
    assert table.loc[(32, 2)].tolist() == two.loc[2].tolist()
    assert table.loc[(32, 2), "ensembles"] == 2


@pytest.mark.parametrize(
    ("change", "members", "sentence"),
    [
        (lambda p: p.to_numpy(), [2], "predictions: expected what batchlab.predictions returns"),
        (lambda p: p.isel(sample=slice(5)), [2], "predictions: expected a replicate, 40 samples"),
        (lambda p: p.isel(replicate=0), [2], "predictions: expected a replicate, 40 samples"),
        (lambda p: p.expand_dims(epoch=2), [2], "predictions: expected those of one record"),
        (lambda p: p, [7], "members: expected a whole number from 1 to 6, received 7"),
        (lambda p: p, [], "members: expected at least one number"),
    ],
)
def test_ensembles_says_what_is_wrong(small, change, members, sentence):
    predictions = predictions_of(small, right=0.4)
    with pytest.raises((TypeError, ValueError), match=sentence):
        bl.ensembles(change(predictions), small, members=members)


# Figures


def test_the_split_is_drawn_by_batch_size():
    table = bl.variance_split(crossed(4, 4, grid={"batch_size": [8, 32, 128]}))
    ax = bl.plot_variance_split(table)
    assert ax.get_ylim()[0] == 0
    assert [label.get_text() for label in ax.get_legend().get_texts()] == [
        "initial weights",
        "order of the samples",
        "the two together",
    ]
    drawn = ax.containers[1][0].get_ydata()
    assert drawn.tolist() == table.xs("order", level="origin")["std"].tolist()
    with pytest.raises(ValueError, match="by batch_size and origin"):
        bl.plot_variance_split(table.loc[8])


def test_ensembles_are_drawn_a_line_for_each_cell(small):
    predictions = predictions_of(small, right=0.4, grid={"batch_size": [8, 32]})
    table = bl.ensembles(predictions, small, members=[1, 2, 6])
    ax = bl.plot_ensembles(table, small)
    labels = [label.get_text() for label in ax.get_legend().get_texts()]
    assert labels[0].startswith("Bayes ceiling, test set")
    assert labels[1:] == ["batch size 8", "batch size 32"]
    assert ax.containers[0][0].get_ydata().tolist() == table.loc[8, "accuracy"].tolist()
    assert len(bl.plot_ensembles(table.loc[8], small).containers) == 1


# Regressions


def test_the_variance_of_an_error_is_split_like_that_of_an_accuracy():
    seeds = bl.crossed_seeds(2, 3)
    study = study_of({"batch_size": [8, 32]}).assign_coords(
        {name: ("replicate", seeds[f"{name}s"]) for name in ("weight_seed", "order_seed")}
    )
    found = bl.variance_split(as_regression(study))
    pd.testing.assert_frame_equal(found, bl.variance_split(study, metric="val_accuracy"))
    pd.testing.assert_frame_equal(bl.variance_split(study), found)


def test_a_regression_has_no_ensembles_of_classes():
    x, y = np.arange(6.0)[:, None], np.arange(6.0)
    problem = bl.from_arrays(x, y, x, y, task="regression")
    sentence = r"^problem: expected one with classes for ensembles, received a regression\.$"
    with pytest.raises(ValueError, match=sentence):
        bl.ensembles(
            xr.DataArray(np.ones((2, 6, 2)), dims=("replicate", "sample", "class")), problem
        )
    table = pd.DataFrame({"accuracy": [1.0]}, index=pd.Index([2], name="members"))
    with pytest.raises(ValueError, match=sentence):
        bl.plot_ensembles(table, problem)
