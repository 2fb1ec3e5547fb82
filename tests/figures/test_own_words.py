"""Somebody's own words stand in every figure letter by letter: no mathematics, nothing left out."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_up import CASES
from matplotlib.cbook import is_math_text
from matplotlib.text import Text
from recommended import spread, with_rates
from recommended import study_of as recommended
from studies import study_of

import batchlab as bl
from batchlab.figures.style import literal

WORDS = ["$x_{", "$x_{$", "100 $ to 200 $", "$$", r"a\$b$", "a\\", "_", "_a", "{}", "%s %", "a\nb"]
# Mathematics that is none, and what a legend would leave out.
HOSTILE = ["$x_{$", "_a $b\\$ {} %s"]

SIZES = {"batch_size": [8, 16, 32]}
MEMBERS = pd.MultiIndex.from_product


def by_name(word):
    return {word: study_of({}), "other": study_of({}, seed=1)}


def named_problem(word):
    problem = bl.blobs(60, n_train=40)
    names = (word, *map(str, range(1, problem.n_classes)))
    return replace(problem, name=f"name {word}", class_names=names)


def probabilities(problem, count):
    return np.full((count, problem.n_classes), 1 / problem.n_classes)


def animation(word):
    problem = named_problem("class")
    found = probabilities(problem, 400)
    return bl.animate_boundary(
        xr.Dataset(
            {
                "probability": (("history", "epoch", "point", "class"), found[None, None]),
                "accuracy": (("history", "epoch"), [[0.5]]),
            },
            {"history": [word], "epoch": [0]},
        ),
        problem,
    )


def twins(word):
    dims = "run", "dtype", "replicate", "sample"
    distance = np.random.default_rng(0).random((2, 1, 3, 4))
    distance[1] = np.nan
    coords = {
        "run": [word, f"{word} lost"],
        "dtype": ["float64"],
        "epoch": ("sample", np.arange(4)),
    }
    return xr.Dataset({"distance": (dims, distance)}, coords)


def causes(word):
    index = MEMBERS([[f"run {word}"], [word]], names=["run", "cause"])
    return pd.DataFrame({"std": [0.02], "low": [0.01], "high": [0.03]}, index)


def ensembles(word):
    index = MEMBERS([[word], [2, 4]], names=["optimizer", "members"])
    return pd.DataFrame({"accuracy": [0.8, 0.9], "low": [0.7, 0.8], "high": [0.9, 0.95]}, index)


def judged(word):
    (claim,) = bl.choose_claims([17])
    results = CASES[17].results("true")
    found = bl.judge(claim, [results[part.experiment] for part in claim.parts])
    findings = tuple(replace(finding, condition=(word,)) for finding in found.findings)
    return [replace(found, claim=replace(claim, source=word), findings=findings)]


def norms(word):
    dims = "optimizer", "batch_size", "replicate"
    values = np.random.default_rng(0).random((1, 3, 4)) + 1
    names = "norm", "summed_squared_norm"
    return xr.Dataset({name: (dims, values) for name in names}, {**SIZES, "optimizer": [word]})


def between(word):
    values = np.random.default_rng(0).random((3, 4))
    found = {
        "val_loss": (("position", "replicate"), values),
        "val_barrier": ("replicate", values[0]),
    }
    return xr.Dataset(found, {"position": [0, 0.5, 1]})


def times(word):
    updates = xr.DataArray([[800, 840], [400, 420], [320, 336]], SIZES, ["batch_size", "replicate"])
    found = {"update": updates, "sample": updates * updates["batch_size"]}
    return xr.Dataset(found, attrs={"problem": word})


def history(word):
    return study_of({}).assign_attrs(problem=word, batch_size=32, loss_function=f"loss {word}")


def over_optimizers(word, **grid):
    return study_of({**grid, "optimizer": [word, "other"]})


def over_problems(word):
    return {f"study {word}": study_of({"problem": [word, "other"]})}


def rates(word):
    study = study_of({**SIZES, "learning_rate": [0.1, 0.01]})
    return bl.plot_rates(study, rules={word: [0.1, 0.05, 0.02]})


DRAWN = {
    "animate_boundary": animation,
    "plot_across_problems": lambda word: bl.plot_across_problems(over_problems(word)),
    "plot_against": lambda word: bl.plot_against(over_optimizers(word, **SIZES)),
    "plot_comparison": lambda word: bl.plot_comparison(by_name(word)),
    "plot_critical": lambda word: bl.plot_critical(times(word)),
    "plot_decision_boundary": lambda word: bl.plot_decision_boundary(
        lambda points: probabilities(named_problem(word), len(points)), named_problem(word)
    ),
    "plot_dynamics": lambda word: bl.plot_dynamics(norms(word)["norm"], x="batch_size"),
    "plot_ensembles": lambda word: bl.plot_ensembles(ensembles(word), bl.blobs()),
    "plot_findings": lambda word: bl.plot_findings(judged(word), claims=[17]),
    "plot_gradient_norms": lambda word: bl.plot_gradient_norms(norms(word)),
    "plot_growth": lambda word: bl.plot_growth(twins(word)),
    "plot_learning_curves": lambda word: bl.plot_learning_curves(history(word), metric="loss"),
    "plot_ledger": lambda word: bl.plot_ledger(judged(word), ax=plt.subplots()[1]),
    "plot_loss_between": lambda word: bl.plot_loss_between(between(word), label=word),
    "plot_panels": lambda word: bl.plot_panels(over_optimizers(word)),
    "plot_problem": lambda word: bl.plot_problem(named_problem(word)),
    "plot_rates": rates,
    "plot_recommendation": lambda word: bl.plot_recommendation(
        with_rates(recommended(spread([300, 100]))).assign_attrs(problem=word)
    ),
    "plot_replicates": lambda word: bl.plot_replicates(by_name(word)),
    "plot_spread_by_cause": lambda word: bl.plot_spread_by_cause(causes(word)),
    "plot_time_to_target": lambda word: bl.plot_time_to_target(over_optimizers(word, **SIZES), 0.5),
}
WORDLESS = {"plot_variance_split"}  # its names are ours


@pytest.fixture
def figures(monkeypatch):
    """All figures that are made."""
    found, make = [], plt.subplots

    def recorded(*arguments, **settings):
        found.append(make(*arguments, **settings))
        return found[-1]

    monkeypatch.setattr(plt, "subplots", recorded)
    yield found
    plt.close("all")


def shown(figure):
    """Return the texts of a figure that is drawn, as Matplotlib shows them."""
    figure.canvas.draw()
    texts = [one.get_text() for one in figure.findobj(Text)]
    mathematics = [text for text in texts if is_math_text(text)]
    # Powers of ten along an axis are Matplotlib's own.
    assert [text for text in mathematics if "mathdefault" not in text] == []
    return [text.replace(r"\$", "$") for text in texts]


def test_every_figure_is_here():
    public = {name for name in bl.__all__ if name.startswith(("plot_", "animate_"))}
    assert public == DRAWN.keys() | WORDLESS


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("name", DRAWN)
def test_words_stand_in_the_figure_as_they_are(name, word, figures):
    DRAWN[name](word)
    texts = [text for figure, _ in figures for text in shown(figure)]
    assert any(word in text for text in texts), texts


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_shown_letter_by_letter(word):
    figure, ax = plt.subplots()
    ax.plot([1, 2], label=literal(word))
    ax.set_title(literal(word))
    ax.set_xticks([0.5], [literal(word)])
    ax.legend()
    shown(figure)
    for text in ax.title, ax.get_legend().get_texts()[0], ax.get_xticklabels()[0]:
        assert text.get_text().replace(r"\$", "$").strip(" ") == word
    assert bl.describe_figure(figure).startswith(" ".join(f"{word}: {word} from".split()))
    plt.close(figure)


def test_a_description_has_the_words_as_they_are():
    ax = bl.plot_problem(named_problem("100 $"))
    assert "name 100 $: 40 training" in bl.describe_figure(ax.figure)
    assert "100 $, training (" in bl.describe_figure(ax.figure)
    plt.close("all")
