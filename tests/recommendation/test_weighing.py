"""What is made of a recommendation's study: its costs compared, and the verdict in words."""

import re

import numpy as np
import pytest
import xarray as xr
from recommended import spread, study_of, timed
from scipy import stats

import batchlab as bl
from batchlab.recommendation.verdict import all_as_good, met_at_start, verdict
from batchlab.recommendation.weigh import costs_of, weigh

# Costs compared


def test_ratios_and_simultaneous_intervals_are_those_computed_by_hand():
    updates = spread([300, 100, 130, 101])
    table = weigh(study_of(updates))
    assert table.index.tolist() == [1, 4, 16, 64]
    differences = np.log(updates / updates[1])
    middle = differences.mean(axis=1)
    # Six pairs: Bonferroni's each fail in one case of 120, at either end in one of 240.
    reach = stats.t.ppf(1 - 1 / 240, 15) * stats.sem(differences, axis=1)
    np.testing.assert_allclose(table["ratio"], np.exp(middle))
    np.testing.assert_allclose(table["ratio_low"], np.exp(middle - reach))
    np.testing.assert_allclose(table["ratio_high"], np.exp(middle + reach))
    assert (table.loc[4, ["ratio", "ratio_low", "ratio_high"]] == 1).all()
    assert table["found"].tolist() == ["more", "least", "more", "as good"]


def test_means_and_their_intervals_are_those_of_the_replicates():
    updates = spread([200, 100])
    table = weigh(study_of(updates, rates=[0.1, 0.4]))
    expected = bl.over_replicates(study_of(updates)["update"])
    for name in ("mean", "low", "high"):
        np.testing.assert_array_equal(table[name], expected[name])
    np.testing.assert_allclose(table["mean"], updates.mean(axis=1))
    assert table["learning_rate"].tolist() == [0.1, 0.4]
    assert table["reached"].tolist() == [16, 16]


def test_what_is_counted_may_be_chosen():
    study = study_of(spread([200, 100]))
    assert weigh(study)["found"].tolist() == ["more", "least"]
    by_samples = weigh(study, budget="sample")
    assert by_samples["found"].tolist() == ["least", "more"]
    np.testing.assert_allclose(by_samples["mean"], costs_of(study, "sample").mean("replicate"))
    with pytest.raises(ValueError, match=r"^budget: expected one of 'second'.* received 'hour'\.$"):
        weigh(study, budget="hour")


def test_nothing_that_was_measured_is_nothing_to_weigh():
    study = study_of([[1.0]], without=()).drop_vars("update")
    with pytest.raises(ValueError, match=r"^study: expected one with a batch size measured"):
        weigh(study)


def test_the_order_of_dimensions_does_not_matter():
    study = study_of(spread([200, 100, 120]))
    turned = study.transpose("replicate", "batch_size")
    assert weigh(turned).equals(weigh(study))


def test_paired_replicates_are_told_apart_where_unpaired_ones_are_not():
    updates = spread([110, 100], own=0.5, by_chance=0.02)
    assert weigh(study_of(updates))["found"].tolist() == ["more", "least"]
    shuffled = np.stack([np.random.default_rng(1).permutation(updates[0]), updates[1]])
    assert weigh(study_of(shuffled))["found"].tolist() == ["as good", "least"]


def test_a_batch_size_with_a_replicate_that_does_not_arrive_takes_no_part():
    updates = spread([300, 50, 100])
    updates[1, 3] = np.nan
    table = weigh(study_of(updates))
    assert table["found"].tolist() == ["more", "not reached", "least"]
    assert table["reached"].tolist() == [16, 15, 16]
    assert table.loc[4, ["ratio", "ratio_low", "ratio_high"]].isna().all()
    whole = weigh(study_of(updates[[0, 2]], sizes=[1, 16]))
    assert whole.equals(table.loc[[1, 16]])


def test_nothing_is_compared_where_none_arrives():
    updates = spread([300, 50])
    updates[:, 0] = np.nan
    table = weigh(study_of(updates))
    assert table["found"].tolist() == ["not reached"] * 2
    assert table["ratio"].isna().all()
    assert weigh(study_of(np.full((2, 4), np.nan)))["reached"].tolist() == [0, 0]


def test_one_batch_size_is_the_least_by_itself():
    table = weigh(study_of(spread([100])))
    assert table.loc[1, "found"] == "least"
    assert (table.loc[1, ["ratio", "ratio_low", "ratio_high"]] == 1).all()


def test_two_replicates_say_little():
    table = weigh(study_of([[200, 260], [100, 102]]))
    assert table["found"].tolist() == ["as good", "least"]
    difference = np.log([2, 260 / 102])
    reach = stats.t.ppf(0.975, 1) * stats.sem(difference)
    np.testing.assert_allclose(table.loc[1, "ratio_high"], np.exp(difference.mean() + reach))


def test_equal_replicates_are_told_apart_by_any_difference():
    table = weigh(study_of([[101] * 4, [100] * 4, [100] * 4]))
    assert table["found"].tolist() == ["more", "least", "as good"]
    np.testing.assert_allclose(table.loc[1, ["ratio_low", "ratio_high"]].to_list(), 1.01)


def test_rounds_of_timing_add_their_variance():
    updates = np.repeat([[100.0], [100.0]], 8, axis=1)
    steady = timed(study_of(updates), np.tile([1.1, 1.0], (5, 1)))
    assert weigh(steady)["found"].tolist() == ["more", "least"]
    rounds = np.exp([[0.3, 0.0], [0.1, 0.0], [-0.2, 0.0], [0.4, 0.0], [-0.1, 0.0]])
    table = weigh(timed(study_of(updates), rounds))
    assert table["found"].tolist() == ["as good", "least"]
    reach = stats.t.ppf(0.975, 7) * stats.sem(np.log(rounds[:, 0]))
    np.testing.assert_allclose(np.log(table.loc[1, "ratio_high"] / table.loc[1, "ratio"]), reach)
    # What all batch sizes have in common in a round is none of their differences.
    slow = np.array([1.0, 1.3, 0.9, 2.0, 1.1])[:, None] * [1.1, 1.0]
    assert weigh(timed(study_of(updates), slow))["found"].tolist() == ["more", "least"]
    # And how long updates take is nothing to their number.
    by_updates = weigh(timed(study_of(spread([100, 130])), rounds), budget="update")
    assert by_updates.equals(weigh(study_of(spread([100, 130]))))


@pytest.mark.parametrize(("replicates", "own"), [(16, 0.0), (16, 0.3), (64, 0.3)])
def test_equal_batch_sizes_are_seldom_said_to_cost_more(replicates, own):
    false = sum(
        not all_as_good(weigh(study_of(updates)))
        for updates in (
            spread([100] * 6, replicates=replicates, own=own, by_chance=0.2, seed=seed)
            for seed in range(400)
        )
    )
    # As many as come up in one case of a hundred if it is 5 %.
    assert false <= stats.binom.ppf(0.99, 400, 0.05)


def test_a_difference_that_is_there_is_seen():
    seen = sum(
        weigh(study_of(spread([120, 100], by_chance=0.1, seed=seed))).loc[1, "found"] == "more"
        for seed in range(50)
    )
    assert seen >= 45


# The verdict


def figures(text):
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)]


SCALING = [136, 38, 16, 11.5, 11]


def test_the_best_batch_size_comes_first_with_the_numbers_of_weigh():
    study = study_of(spread(SCALING, by_chance=0.01), rates=[0.1, 0.4, 0.8, 0.8, 0.8])
    table = weigh(study)
    lines = verdict(study).splitlines()
    assert lines[0] == "Use batch size 256, with learning rate 0.8."
    row = table.loc[256]
    samples = study["sample"].sel(batch_size=256).mean().item()
    assert lines[1] == (
        f"Batch size 256 reaches val_loss 0.25 in {row['mean']:.3g} updates ({row['low']:.3g} to "
        f"{row['high']:.3g}): {samples:,.0f} samples; means of 16 replicates."
    )
    more = ", ".join(f"{size} ({table.loc[size, 'ratio']:.2g}×)" for size in (1, 4, 16, 64))
    assert lines[2] == ("No other batch size is as good. More for sure: " + more + ".")
    fitted, low, high = bl.critical_batch_size(study).loc["b_noise"]
    assert lines[3].startswith(f"Critical batch size: {fitted:.3g} ({low:.3g} to {high:.3g}). ")
    assert lines[4].startswith("Learning rate: best 0.1 at 1, 0.4 at 4, 0.8 at 16, 0.8 at 64, ")
    assert lines[5] == (
        "Memory: an update with batch size 256 takes about 2 MB of 4 GB; the full batch fits."
    )
    assert lines[6:] == ["Took 41 of 60 seconds."]


def test_those_that_are_as_good_are_named_with_what_they_may_take():
    study = study_of(spread([300, 101, 100]))
    table = weigh(study)
    least = table.index[table["found"] == "least"][0]
    (good,) = table.index[table["found"] == "as good"]
    text = verdict(study)
    assert text.startswith(f"Use batch size {least}, ")
    up_to = table.loc[good, "ratio_high"]
    assert f"As good within the interval: {good} (up to {up_to:.2g}×). More for sure: 1 (" in text


def test_those_that_could_not_be_told_from_the_least_are_no_advice_though_others_are_worse():
    study = study_of(spread([30_000, 110, 100], by_chance=1.0))
    table = weigh(study)
    least = table.index[table["found"] == "least"][0]
    (good,) = table.index[table["found"] == "as good"]
    high = table.loc[good, "ratio_high"]
    assert high > 2
    assert verdict(study).startswith(
        f"The budget is too small to tell batch size {least} from {good}: one may still take "
        f"{high:.2g} times the updates of another. Least was batch size {least}, with learning rate"
    )


def test_how_rates_scale_is_said_to_be_unknown_where_it_is():
    study = study_of(spread([100, 130]), rates=[0.1, 0.2])
    assert "How it grows with the batch size is not known" in verdict(study)


def test_a_target_that_is_met_from_the_start_is_told():
    about = study_of([[1.0]], target=1.2).attrs
    assert verdict(xr.Dataset(attrs=about)).startswith(
        "Nothing to compare: val_loss starts at 1.1, so the target 1.2 is met without training."
    )
    assert met_at_start(about | {"metric": "val_accuracy", "target": 1.0})
    assert not met_at_start(about | {"metric": "val_accuracy"})


def test_the_interval_of_seconds_knows_of_their_timing():
    updates = np.full((1, 16), 100.0)
    rounds = np.exp([[0.3], [0.1], [-0.2], [0.4], [-0.1]])
    row = weigh(timed(study_of(updates), rounds), budget="second").iloc[0]
    reach = stats.t.ppf(0.975, 4) * stats.sem(np.log(rounds[:, 0]))
    assert row["low"] == pytest.approx(row["mean"] * np.exp(-reach))
    assert row["high"] == pytest.approx(row["mean"] * np.exp(reach))
    by_updates = weigh(timed(study_of(updates), rounds), budget="update").iloc[0]
    assert by_updates["low"] == by_updates["mean"] == 100


def test_equal_batch_sizes_are_no_detectable_difference():
    study = study_of(spread([100, 100, 100], by_chance=0.01), sizes=[8, 16, 32])
    high = weigh(study)["ratio_high"].max()
    first = verdict(study).splitlines()[0]
    assert first == (
        "No detectable difference between the batch sizes 8, 16 and 32: none takes more than "
        f"{high:.2f} times the updates of the one with the least."
    )
    assert "More for sure" not in verdict(study)


def test_equal_batch_sizes_that_could_not_be_told_apart_are_no_result():
    study = study_of(spread([100, 105], by_chance=1.0), budget="sample", sizes=[8, 9])
    table = weigh(study)
    assert table["ratio_high"].max() > 1.25
    assert verdict(study).startswith(
        "The budget is too small to tell the batch sizes 8 and 9 apart: one may still take "
        f"{table['ratio_high'].max():.2g} times the samples of another.\n"
    )


def test_a_single_batch_size_that_arrives_is_no_comparison():
    updates = spread([100, 100, 100])
    updates[[0, 2], 0] = np.nan
    lines = verdict(study_of(updates)).splitlines()
    assert lines[0].startswith("Nothing to compare: only batch size 4 was brought")
    hurried = verdict(study_of(updates, left_out=[64])).splitlines()
    assert hurried[0].startswith("The budget is too small to tell: only batch size 4 was brought")
    assert lines[1].startswith("Batch size 4 reaches val_loss 0.25 in ")
    assert lines[2] == "Critical batch size: not known; it takes three batch sizes that arrive."
    assert "Not all replicates reach the target at 1 and 16." in lines[-1]


def test_training_that_diverges_everywhere_is_told():
    study = study_of(spread([100, 100])).drop_vars("update")
    study.attrs |= {"start": np.inf, "best": np.inf, "target": np.nan}
    assert verdict(study).startswith("Nothing to compare: training diverged at every learning rate")


def test_no_batch_size_that_arrives_is_nothing_to_compare():
    updates = spread([100, 100])
    updates[:, 0] = np.nan
    lines = verdict(study_of(updates)).splitlines()
    assert lines == [
        "Nothing to compare: no batch size brought all replicates to val_loss 0.25.",
        "Took 41 of 60 seconds. Not all replicates reach the target at 1 and 4.",
    ]


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([100, 100, 100], "Critical batch size: below 1. "),
        ([1600, 400, 100], "Critical batch size: above 16. "),
        ([500, 200, 125], r"Critical batch size: 4 \(4 to 4\)\. "),
    ],
    ids=["below", "above", "between"],
)
def test_the_critical_batch_size_is_told_where_it_lies(means, expected):
    updates = np.repeat(np.array(means, float)[:, None], 4, axis=1)
    assert re.search(f"^{expected}", verdict(study_of(updates)), re.MULTILINE)


def test_the_power_of_the_rate_is_that_below_and_above_the_critical_batch_size():
    sizes = 4.0 ** np.arange(6)
    updates = np.repeat(100 * (1 + 32 / sizes)[:, None], 4, axis=1)
    rates = np.where(sizes < 64, 0.01 * sizes, 0.64 * (sizes / 64) ** 0.25)
    (line,) = re.findall("^Learning rate: .*", verdict(study_of(updates, rates=rates)), re.M)
    below, above = re.findall(r"to the power (\d\.\d\d) (?:below|above)", line)
    assert float(below) == pytest.approx(1, abs=0.05)
    assert float(above) == pytest.approx(0.25, abs=0.15)
    assert "the critical batch size" in line
    straight = np.repeat(1000 / sizes[:3, None], 4, axis=1)
    (line,) = re.findall("^Learning rate: .*", verdict(study_of(straight, rates=rates[:3])), re.M)
    assert "to the power 1.00 below the largest (" in line


def test_equal_rates_have_no_power():
    text = verdict(study_of(spread(SCALING), rates=0.05))
    assert "Learning rate: best 0.05 at all of them." in text
    assert "power" not in text


def test_rates_at_the_edge_are_told():
    study = study_of(spread(SCALING), at_edge=[True, False, False, False, True])
    assert verdict(study).endswith(
        "Took 41 of 60 seconds. A better rate may lie outside those tried at 1 and 256."
    )


@pytest.mark.parametrize(
    ("about", "memory", "expected"),
    [
        ({"largest_batch": np.nan}, np.nan, "Memory: not estimated, since the model does not"),
        ({}, 3.2e9, "takes about 3.2 GB of 4 GB; the full batch fits."),
        ({"largest_batch": 300.0}, 2e3, "2 kB of 4 GB; the largest batch that fits is 300."),
        ({"largest_batch": 1e6}, 512.0, "about 512 bytes of 4 GB; the full batch fits."),
    ],
)
def test_memory_is_told_as_far_as_it_is_known(about, memory, expected):
    assert expected in verdict(study_of(spread(SCALING), memory=memory, **about))


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"left_out": [256, 512, 1024]}, "No time for the batch sizes 256, 512 and 1024."),
        ({"left_out": np.int64(256)}, "No time for the batch size 256."),
        ({"too_large": np.array([512, 1024])}, "Too large for memory: 512 and 1024."),
        ({"finished": 0}, "The first look was cut short: longer training may get further."),
    ],
)
def test_what_was_not_done_is_told(about, expected):
    doubts = verdict(study_of(spread(SCALING), **about)).splitlines()[-1]
    assert doubts == f"Took 41 of 60 seconds. {expected}"


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("keras", " seconds (10 to 10) of Keras's fit on this machine: 100 updates, "),
        ("batchlab", " of batchlab's fit, beside seven others on this machine: 100 updates, "),
    ],
)
def test_seconds_are_told_with_whose_they_are(clock, expected):
    study = timed(study_of(np.full((3, 4), 100.0), clock=clock), np.tile([0.3, 0.1, 0.2], (3, 1)))
    text = verdict(study)
    assert text.startswith("Use batch size 4, with learning rate 0.1.\nBatch size 4 reaches ")
    assert expected in text
    assert "More for sure: 1 (3×), 16 (2×)." in text


@pytest.mark.parametrize(
    ("without", "about", "expected"),
    [
        (("best", "target"), {}, "not even a first look at one batch size ended in time."),
        ((), {"target": np.nan, "finished": 0}, "training had not lowered val_loss by then."),
        ((), {}, "the target, val_loss 0.25, is known, but no batch size was measured in time."),
    ],
)
def test_a_budget_that_is_too_small_is_told(without, about, expected):
    study = study_of([[1.0]], without=without, **about, left_out=[4, 16])
    text = verdict(xr.Dataset(attrs=study.attrs))
    assert text.startswith(f"The budget of 60 seconds is too small to tell: {expected}\nTook 41 ")


def test_training_that_improves_nothing_is_told():
    study = study_of([[1.0]], target=np.nan, finished=1)
    assert verdict(xr.Dataset(attrs=study.attrs)).startswith(
        "Nothing to compare: at no learning rate tried did training improve val_loss from where it "
        "starts, 1.1, at batch size 16.\n"
    )


def test_two_replicates_that_are_equal_end_in_words():
    text = verdict(study_of([[20, 20], [10, 10], [10, 10]]))
    assert text.startswith("Use batch size 4")
    assert "nan" not in text
    assert min(figures(text)) >= 0
