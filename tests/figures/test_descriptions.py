"""What figures say of themselves, to those who cannot see them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats

import batchlab as bl
from batchlab.figures.alt_text import speak


@pytest.fixture
def axes():
    figure, axes = plt.subplots(1, 2)
    yield axes
    plt.close(figure)


def described(ax):
    return bl.describe_figure(ax.get_figure())


def test_curves_are_named_with_where_they_begin_turn_and_end(axes):
    left, right = axes
    left.plot([1, 2, 3], [0.5, 0.81234, 0.7], label="test set")
    left.plot([1, 2, 3], [0.5, 0.6, 0.7], label="training set")
    left.plot([1, 2], [9, 9], label="_hidden")
    left.axhline(0.84, label="Bayes ceiling")
    left.plot([1, 2, 3], [np.nan, 2, np.nan], label="diverged")
    left.set(title="batch\nsize 32", xlabel="epochs", ylabel="accuracy")
    right.scatter([1, 2], [3, 4], label="class 0")
    right.bar(["a", "b"], [1, 3], label="spread")
    right.errorbar([1, 2], [0.1, 0.2], yerr=0.1, label="interval")
    assert described(left) == (
        "2 panels. batch size 32: accuracy against epochs; test set from 0.5 over 0.812 to 0.7, "
        "training set from 0.5 to 0.7, Bayes ceiling at 0.84, diverged. "
        "class 0 (2 points), spread from 1 to 3, interval from 0.1 to 0.2."
    )


def test_a_number_that_is_drawn_otherwise_is_told_otherwise(axes):
    axes[0].plot([1, 2], [0.5, 0.8], label="test set")
    before = described(axes[0])
    axes[0].lines[0].set_ydata([0.5, 0.9])
    assert before.replace("0.8", "0.9") == described(axes[0]) != before


def test_names_along_an_axis_and_maps_are_told(axes):
    axes[0].imshow(np.zeros((3, 4)))
    axes[0].set_yticks([0, 1], ["survey", "video"])
    figure = axes[0].get_figure()
    figure.suptitle("The ledger.")
    figure.colorbar(axes[0].images[0])
    assert described(axes[0]) == "The ledger. 2 panels. rows: survey, video; a map of 3 by 4 cells."


def test_of_many_panels_and_names_the_first_are_told_at_length():
    figure, axes = plt.subplots(2, 3)
    for place, ax in enumerate(axes.flat):
        ax.set_title(f"batch size {place}")
    for place in range(10):
        axes[0, 0].plot([1, 2], [place, place], label=f"rate {place}")
    said = bl.describe_figure(figure)
    assert said.startswith("6 panels. batch size 0: rate 0 at 0, rate 1 at 1,")
    assert "rate 7 at 7, 2 more." in said
    assert said.endswith("batch size 3. likewise batch size 4, batch size 5.")
    plt.close(figure)


@pytest.mark.parametrize("own", [True, False])
def test_a_notebook_keeps_it_beside_the_picture(tutorial, own):
    history = bl.fit(bl.mlp, tutorial, batch_size=100, epochs=3, replicates=2)
    shell = InteractiveShell.instance()
    select_figure_formats(shell, {"png"})
    ax = bl.plot_learning_curves(history, ax=plt.subplots()[1] if own else None)
    figure = ax.get_figure()
    data, metadata = shell.display_formatter.format(figure)
    assert data["image/png"]
    assert metadata["image/png"]["alt"] == bl.describe_figure(figure)
    ends = history["train_accuracy"].mean("replicate")[[0, -1]].to_numpy()
    assert f"training set from {ends[0]:.3g}" in metadata["image/png"]["alt"]
    plt.close(figure)


def test_axes_in_a_part_of_a_figure_speak_for_the_whole():
    figure = plt.figure()
    ax = speak(figure.subfigures(1, 2)[0].subplots())
    ax.set_title("the left one")
    assert figure._repr_mimebundle_()[1] == {"image/png": {"alt": "the left one."}}
    plt.close(figure)
