"""What a comparison owes to the problem it was made on, in a table and a figure."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import batchlab as bl
from batchlab.analysis.across_problems import below_ceiling

FINAL = {
    "small": [[0.70, 0.74, 0.72], [0.90, 0.90, 0.90], [0.80, 0.82, 0.84]],
    "large": [[0.73, 0.75, 0.71], [0.80, 0.85, 0.81], [0.85, 0.86, 0.87]],
}
CEILINGS = [0.75, 0.90, 0.85]


def study_of(final, problems=("a", "b", "c"), ceilings=CEILINGS):
    """Return a study over problems with these test accuracies at the end, half of them before."""
    values = np.array(final)[..., None] * [0.5, 1.0]
    dims = "problem", "replicate", "epoch"
    names = "loss", "train_loss", "val_loss", "val_accuracy", "train_accuracy"
    found = xr.Dataset({name: (dims, values) for name in names})
    found = found.assign_coords(problem=list(problems), epoch=[1, 2], replicate=range(3))
    if ceilings is not None:
        found["bayes_test_accuracy"] = "problem", np.array(ceilings)
    return found


@pytest.fixture
def studies():
    return {name: study_of(final) for name, final in FINAL.items()}


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_table_is_by_the_formulas(studies):
    table = bl.across_problems(studies)
    for name, final in FINAL.items():
        less = np.array(final) - np.array(CEILINGS)[:, None]
        means = less.mean(axis=1)
        row = table.loc[name]
        assert row["mean"] == pytest.approx(less.mean())
        assert (row["lowest"], row["highest"]) == pytest.approx((means.min(), means.max()))
        assert row["between"] == pytest.approx(means.std(ddof=1))
        assert row["within"] == pytest.approx(np.sqrt(less.var(axis=1, ddof=1).mean()))
        assert row["problems"] == 3
    assert table["best"].tolist() == [1, 2]
    assert table["best"].dtype.kind == "i"


def test_a_tie_counts_for_each(studies):
    studies["again"] = studies["large"]
    assert bl.across_problems(studies)["best"].tolist() == [1, 2, 2]


def test_a_replicate_that_diverged_is_left_out(studies):
    broken = studies["small"].copy(deep=True)
    broken["val_loss"][0, 2, 0] = np.nan
    assert below_ceiling(broken).isnull().sum() == 1
    row = bl.across_problems({"small": broken}).loc["small"]
    assert row["lowest"] == pytest.approx((0.70 + 0.74) / 2 - 0.75)


def test_one_replicate_has_no_spread(studies):
    alone = {name: study.isel(replicate=[1]) for name, study in studies.items()}
    table = bl.across_problems(alone)
    assert table["within"].isna().all()
    assert table["between"].notna().all()


def test_figure_shows_the_means_and_the_ceilings(studies, ax):
    bl.plot_across_problems(studies, ax=ax)
    shown = {line.get_label(): line for line in ax.containers}
    assert list(shown) == ["small", "large"]
    for name, final in FINAL.items():
        x, y = shown[name].lines[0].get_data()
        np.testing.assert_allclose(y, np.mean(final, axis=1) - CEILINGS)
        np.testing.assert_allclose(x, [0, 1, 2], atol=0.3)
    assert not set(shown["small"].lines[0].get_xdata()) & set(shown["large"].lines[0].get_xdata())
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert labels == ["a\n0.750", "b\n0.900", "c\n0.850"]
    assert "test set" in ax.get_ylabel()
    assert ax.get_legend().get_title().get_text().startswith("mean of 3 replicates, 95 % interval")


def test_a_real_sweep_over_one_problem(ax):
    problems = {"only": bl.blobs(100, n_train=60)}
    study = bl.sweep(bl.mlp, problems, batch_size=60, epochs=2, replicates=2)
    table = bl.across_problems({"full": study})
    final = float(study["val_accuracy"].isel(epoch=-1).mean())
    ceiling = problems["only"].bayes_accuracy.test
    assert table.loc["full", "mean"] == pytest.approx(final - ceiling)
    bl.plot_across_problems({"full": study}, ax=ax)
    assert [text.get_text() for text in ax.get_xticklabels()] == [f"only\n{ceiling:.3f}"]


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({}, "studies: expected at least one study, received none"),
        ({"one": study_of(FINAL["small"], ceilings=None)}, "problems whose Bayes rule is known"),
        (
            {"one": study_of(FINAL["small"], ceilings=[0.7, np.nan, 0.8])},
            "problems whose Bayes rule is known",
        ),
        (
            {"one": study_of(FINAL["small"]), "two": study_of(FINAL["small"], "xyz")},
            r"same problems \(a, b, c\), received x, y, z",
        ),
        ({"one": study_of(FINAL["small"]).isel(problem=0)}, "over problem alone, received nothing"),
        (
            {"one": study_of(FINAL["small"]).expand_dims(batch_size=[8])},
            "over problem alone, received batch_size, problem",
        ),
    ],
)
def test_what_it_cannot_tell_is_refused(given, match):
    with pytest.raises(ValueError, match=match):
        bl.across_problems(given)
    with pytest.raises(ValueError, match=match):
        bl.plot_across_problems(given)


def test_losses_have_no_ceiling(studies):
    with pytest.raises(ValueError, match="metric: expected one of"):
        bl.across_problems(studies, metric="val_loss")


def test_accuracies_on_a_validation_part_have_no_ceiling(studies):
    first = next(iter(studies.values())).assign_attrs(held_out="validation")
    with pytest.raises(ValueError, match=r"^study: expected accuracies on the test samples, of wh"):
        below_ceiling(first)
    assert below_ceiling(first.drop_attrs()).notnull().all()
