"""The figure of a recommendation, by its labels and data."""

import numpy as np
import pytest
from recommended import spread, study_of, timed, with_rates

import batchlab as bl
from batchlab.recommendation.weigh import weigh


def test_costs_are_marked_by_what_was_found_and_updates_have_their_curve():
    updates = spread([300, 100, 60, 60])
    updates[0, 3] = np.nan
    study = with_rates(timed(study_of(updates), np.full((3, 4), [[1e-3], [1.1e-3], [0.9e-3]])))
    axes = bl.plot_recommendation(study)
    assert len(axes) == 3
    labels = axes[0].get_legend_handles_labels()[1]
    table = weigh(study)
    assert set(table["found"]) == {"not reached", "more", "least", "as good"}
    assert labels == [
        "the least",
        "as good within the interval",
        "more for sure",
        "not reached by all replicates",
    ]
    drawn = {
        bar.get_label(): bar.lines[0].get_xydata() for bar in axes[0].containers if bar.lines[0]
    }
    least = table.index[table["found"] == "least"][0]
    np.testing.assert_allclose(drawn["the least"], [[least, table.loc[least, "mean"]]])
    assert axes[0].get_ylabel().startswith("seconds to the target")
    assert any("b_noise" in text for text in axes[1].get_legend_handles_labels()[1])
    best = next(line for line in axes[2].lines if line.get_label() == "the best")
    np.testing.assert_allclose(best.get_ydata(), study["learning_rate"])
    tried = [one.get_label() for one in axes[2].collections]
    assert tried == ["tried: all replicates reach the target", "tried: not all of them"]
    assert "val loss 0.25" in axes[0].get_title()
    assert all(ax.get_xscale() == "log" for ax in axes)


def test_two_batch_sizes_have_no_curve():
    axes = bl.plot_recommendation(with_rates(study_of(spread([300, 100]))))
    assert not any("b_noise" in text for text in axes[1].get_legend_handles_labels()[1])
    assert axes[0].get_ylabel().startswith("updates to the target")


def test_nothing_measured_cannot_be_drawn():
    study = study_of(spread([300, 100])).drop_vars("update")
    with pytest.raises(ValueError, match="study: expected one with a batch size measured"):
        bl.plot_recommendation(study)
    with pytest.raises(ValueError, match="axes"):
        bl.plot_recommendation(with_rates(study_of(spread([300, 100]))), axes=[None])
