"""Rules: each comes out each way, from values of which the answer is plain."""

import itertools

import numpy as np
import pytest

from batchlab.ledger.rules import (
    CONDITIONAL,
    CONTRADICTED,
    REPRODUCED,
    UNDECIDED,
    Above,
    Below,
    Exactly,
    Near,
    Published,
    effect_of,
    together,
    whichever,
)


def around(mean, *, deviation=0.01, replicates=20):
    """Return values of exactly this mean and standard deviation."""
    values = np.linspace(-1, 1, replicates)
    return mean + deviation * values / values.std()


def verdict(rule, values):
    return rule.judge(effect_of(np.asarray(values, float)))


# Each rule, each way


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        (Exactly(25), 25, REPRODUCED),
        (Exactly(25), [25, 25, 25], REPRODUCED),
        (Exactly(25), 26, CONTRADICTED),
        (Exactly(25), [26, 26, 26], CONTRADICTED),
        (Exactly(25), [25, 25, 26], CONTRADICTED),
        (Exactly(25), [24, 25, 26], CONTRADICTED),  # the mean is, the runs are not
        (Published(0.8), around(0.8), REPRODUCED),
        (Published(0.8), around(0.815), REPRODUCED),  # far from the mean, among the replicates
        (Published(0.8), around(0.9), CONTRADICTED),
        (Published(0.8), around(0.7), CONTRADICTED),
        (Published(0.8, 0.9), around(0.85), REPRODUCED),
        (Published(0.8, 0.9), around(0.85, deviation=1.0), REPRODUCED),
        (Published(0.8, 0.9), around(0.95), CONTRADICTED),
        (Published(0.8, 0.9), around(0.75), CONTRADICTED),
        (Above(0.5), around(0.6), REPRODUCED),
        (Above(0.5), around(0.4), CONTRADICTED),
        (Above(0.5), around(0.5), UNDECIDED),
        (Below(0.5), around(0.4), REPRODUCED),
        (Below(0.5), around(0.6), CONTRADICTED),
        (Below(0.5), around(0.5), UNDECIDED),
        (Above(), around(0.6), REPRODUCED),
        (Below(), around(-0.6), REPRODUCED),
        (Near(0.5, 0.1), around(0.55), REPRODUCED),
        (Near(0.5, 0.1), around(0.7), CONTRADICTED),
        (Near(0.5, 0.1), around(0.3), CONTRADICTED),
        (Near(0.5, 0.1), around(0.6), UNDECIDED),
        (Near(0.5, 0.1), around(0.4), UNDECIDED),
        (Near(0.5, 0.1), around(0.5, deviation=1.0), UNDECIDED),  # wider than the margin
    ],
)
def test_a_rule_comes_out_as_planted(rule, values, expected):
    assert verdict(rule, values) == expected


EVERY_RULE = [Exactly(0.8), Published(0.8), Above(0.7), Below(0.9), Near(0.8, 0.1)]


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
@pytest.mark.parametrize("values", [[], [np.nan] * 4, [0.8], [0.8, np.nan], np.nan], ids=str)
def test_without_two_replicates_nothing_is_decided(rule, values):
    assert verdict(rule, values) == UNDECIDED


@pytest.mark.parametrize("rule", EVERY_RULE, ids=str)
@pytest.mark.parametrize("values", [0.8, [0.8, 0.8], [0.8, np.nan, 0.8]], ids=str)
def test_equal_numbers_and_a_number_without_replicates_are_decided(rule, values):
    assert verdict(rule, values) == REPRODUCED


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (Above(0.5), 0.5, CONTRADICTED),  # at the bound, a number is not beyond it
        (Below(0.5), 0.5, CONTRADICTED),
        (Above(0.5), [0.5, 0.5], CONTRADICTED),
        (Below(0.5), [0.5, 0.5], CONTRADICTED),
        (Above(0.5), 0.4, CONTRADICTED),
        (Below(0.5), 0.6, CONTRADICTED),
        (Near(0.5, 0.25), 0.75, REPRODUCED),
        (Near(0.5, 0.25), 0.25, REPRODUCED),
        (Near(0.5, 0.25), 0.76, CONTRADICTED),
        (Published(0.5), 0.7, CONTRADICTED),
    ],
)
def test_exact_numbers_are_never_undecided(rule, value, expected):
    assert verdict(rule, value) == expected


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (Published(0.816), 0.8164, REPRODUCED),
        (Published(0.816), 0.8156, REPRODUCED),
        (Published(0.816), 0.8166, CONTRADICTED),
        (Published(0.816), 0.8154, CONTRADICTED),
        (Published(0.85, 0.9, decimals=2), 0.904, REPRODUCED),
        (Published(0.85, 0.9, decimals=2), 0.846, REPRODUCED),
        (Published(0.85, 0.9, decimals=2), 0.906, CONTRADICTED),
        (Published(100, decimals=0), 100.4, REPRODUCED),
        (Published(100, decimals=0), 101, CONTRADICTED),
    ],
)
def test_a_published_number_is_known_to_its_last_digit(rule, value, expected):
    assert verdict(rule, value) == expected


@pytest.mark.parametrize(
    ("mean", "deviation", "expected"),
    [
        (0.1, 0.01, REPRODUCED),
        (0.0, 0.01, CONTRADICTED),  # both sides of the bound, and too near it to matter
        (-0.01, 0.001, CONTRADICTED),
        (-0.1, 0.01, CONTRADICTED),
        (0.0, 0.5, UNDECIDED),
        (0.02, 0.05, UNDECIDED),
    ],
)
def test_a_difference_that_matters_to_nobody_refutes(mean, deviation, expected):
    values = around(mean, deviation=deviation)
    assert verdict(Above(0, matters=0.02), values) == expected
    assert verdict(Below(0, matters=0.02), -values) == expected
    assert verdict(Above(3, matters=0.02), 3 + values) == expected


# What a quantity is


def test_an_effect_is_the_mean_its_interval_and_the_central_95_percent():
    values = around(0.5, deviation=0.1, replicates=1000)
    effect = effect_of(np.append(values, [np.nan, np.nan]))
    assert effect.values == 1000
    assert effect.mean == pytest.approx(0.5)
    half = 1.96 * 0.1 / np.sqrt(1000)
    assert (effect.low, effect.high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.1 * half)
    assert (effect.from_, effect.to) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))


def test_a_single_replicate_is_a_mean_without_an_interval():
    effect = effect_of(np.array([np.nan, 0.7]))
    assert (effect.mean, effect.values) == (0.7, 1)
    assert np.isnan(effect[1:5]).all()


def test_without_a_value_nothing_is_known():
    effect = effect_of(np.full(3, np.nan))
    assert effect.values == 0
    assert np.isnan(effect[:5]).all()


# In words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Exactly(12_500), ["exactly", "12,500", "every run"]),
        (Published(0.816), ["0.816", "central 95 %"]),
        (Published(0.9), ["0.900"]),  # to the decimals it was published with
        (Published(0.85, 0.9, decimals=2), ["0.85 to 0.90"]),
        (Published(44, decimals=0, unit=" times"), ["44 times"]),
        (Above(2), ["above 2"]),
        (Above(0, matters=0.01), ["above 0", "0.01"]),
        (Below(0.5), ["below 0.5"]),
        (Below(0, matters=0.02), ["below 0", "0.02"]),
        (Near(1, 0.1), ["within 0.1 of 1"]),
    ],
)
def test_a_rule_says_its_number(rule, words):
    assert all(word in str(rule) for word in words), str(rule)


@pytest.mark.parametrize(
    ("rule", "claimed"),
    [
        (Exactly(25), (25, 25)),
        (Published(0.8), (0.8, 0.8)),
        (Published(0.8, 0.9), (0.8, 0.9)),
        (Above(2), (2, np.inf)),
        (Below(2), (-np.inf, 2)),
        (Near(1, 0.1), (0.9, 1.1)),
    ],
)
def test_a_rule_says_which_numbers_it_claims(rule, claimed):
    assert rule.claimed == pytest.approx(claimed, abs=0.001)


# Several verdicts


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([REPRODUCED], REPRODUCED),
        ([CONTRADICTED], CONTRADICTED),
        ([UNDECIDED], UNDECIDED),
        ([REPRODUCED, REPRODUCED], REPRODUCED),
        ([REPRODUCED, CONTRADICTED], CONDITIONAL),
        ([REPRODUCED, UNDECIDED], CONDITIONAL),
        ([CONTRADICTED, CONTRADICTED], CONTRADICTED),
        ([CONTRADICTED, UNDECIDED], CONTRADICTED),
        ([UNDECIDED, UNDECIDED], UNDECIDED),
        ([REPRODUCED, CONTRADICTED, UNDECIDED], CONDITIONAL),
    ],
)
def test_a_claim_holds_if_all_its_parts_do(verdicts, expected):
    assert {together(order) for order in itertools.permutations(verdicts)} == {expected}


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([[REPRODUCED]], REPRODUCED),
        ([[CONTRADICTED]], CONTRADICTED),
        ([[UNDECIDED]], UNDECIDED),
        ([[REPRODUCED, REPRODUCED], [REPRODUCED, REPRODUCED]], REPRODUCED),
        ([[REPRODUCED, CONTRADICTED], [CONTRADICTED, REPRODUCED]], CONTRADICTED),
        ([[UNDECIDED, CONTRADICTED], [CONTRADICTED, REPRODUCED]], CONTRADICTED),
        ([[REPRODUCED], [CONTRADICTED]], UNDECIDED),
        ([[REPRODUCED], [UNDECIDED]], UNDECIDED),
        ([[CONTRADICTED], [UNDECIDED]], UNDECIDED),
        ([[REPRODUCED, REPRODUCED], [REPRODUCED, CONTRADICTED]], UNDECIDED),
    ],
)
def test_a_condition_that_nobody_knows_could_be_any(verdicts, expected):
    assert {whichever(order) for order in itertools.permutations(verdicts)} == {expected}
    assert {whichever([each[::-1] for each in verdicts])} == {expected}


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_beyond_the_bound_may_matter_to_nobody_too(sign):
    rule = Above(0, matters=0.01) if sign > 0 else Below(0, matters=0.01)
    assert verdict(rule, sign * around(0.003, deviation=0.001)) == CONTRADICTED


@pytest.mark.parametrize("rule", [together, whichever])
def test_nothing_found_reproduces_nothing(rule):
    assert rule([]) == UNDECIDED
