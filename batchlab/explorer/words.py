"""What one sees in an answer, in words and as a table."""

import math

import pandas as pd

from batchlab.analysis.intervals import Interval
from batchlab.explorer.answer import Answer
from batchlab.explorer.setting import OPTIMIZERS, Setting

# How far a replicate's test accuracy moves from epoch to epoch, as `Answer.moved` measures it.
SMOOTH, NOISY = 0.004, 0.015
# From here on a number of the table is written as 1.01e+45: all its digits leave the page.
LONG = 10_000
METRICS = {
    "val_accuracy": "test accuracy",
    "train_accuracy": "training accuracy",
    "val_loss": "test loss (nats per sample)",
    "train_loss": "training loss (nats per sample)",
}


def sentence(answer: Answer) -> str:
    """Return what one sees: how good, how sure, how far from the ceiling, how noisy, what is lost.

    Parameters
    ----------
    answer : Answer

    Returns
    -------
    str
        A few sentences that repeat, to the digit, for the same setting.
    """
    setting, lost = answer.setting, int(answer.lost.sum())
    name = f"Batch size {setting.batch_size}"
    if setting.batch_size == setting.n_train:
        name += " (full batch)"
    after = f"after {counted(setting.epochs, 'epoch')}"
    if lost == setting.replicates:
        first = int(answer.ends.min()) + 1
        who = f"All {lost} replicates lost their finite loss, the first"
        if lost == 1:
            who = "The replicate lost its finite loss"
        return (
            f"{name} at learning rate {setting.learning_rate:.3g} diverged. {who} in epoch "
            f"{first}: a smaller learning rate or a larger batch may hold."
        )
    parts = [f"{name}: {_accuracy_words(answer, after, setting.replicates - lost)}"]
    if lost:
        left = "is" if lost == 1 else "are"
        parts.append(f"{lost} of {setting.replicates} replicates diverged and {left} left out.")
    parts.append(_noise(answer))
    return " ".join(part for part in parts if part)


def _accuracy_words(answer: Answer, after: str, sound: int) -> str:
    found = answer.final("val_accuracy")
    ceiling = answer.ceiling.test
    gap = found.mean - ceiling
    where = "at" if abs(gap) < 0.0005 else f"{abs(gap):.3f} {'above' if gap > 0 else 'below'}"
    if sound == 1:
        text = f"the test accuracy of one replicate {after} is {found.mean:.3f}"
    else:
        text = (
            f"the mean test accuracy of {sound} replicates {after} is {found.mean:.3f} "
            f"(95 % interval {interval(found)})"
        )
    text += f", {where} the Bayes ceiling of {ceiling:.3f}."
    loss, guess = answer.final("val_loss").mean, math.log(answer.problem.n_outputs)
    if loss > guess:
        text += f" The test loss of {loss:.3g} is worse than that of a guess, {guess:.2f}."
    return text


def _noise(answer: Answer) -> str:
    if not math.isfinite(answer.moved):
        return ""
    kind = "smooth" if answer.moved < SMOOTH else "a little noisy"
    if answer.moved > NOISY:
        kind = "noisy"
    return (
        f"Single curves are {kind}: over the last quarter of the epochs the test accuracy of a "
        f"replicate moves by {answer.moved:.4f} from one epoch to the next, on average."
    )


def interval(found: Interval[float], digits: int = 3) -> str:
    """Return an interval's bounds in words: "0.812 to 0.823"."""
    return f"{found.low:.{digits}f} to {found.high:.{digits}f}"


def counted(count: int, noun: str) -> str:
    """Return a number of things: "1 epoch", "2,000 updates"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def title(setting: Setting) -> str:
    """Return a setting's name for a legend."""
    rate = f"{setting.learning_rate:.3g}"
    return f"batch size {setting.batch_size}, {optimizer_words(setting.optimizer)}, rate {rate}"


def differences(setting: Setting, other: Setting) -> list[str]:
    """Return what a setting has that another has not, beside what `title` says of it.

    Parameters
    ----------
    setting, other : Setting

    Returns
    -------
    list of str
        Such as ["5 hidden units", "overlap 1"]; empty where the two differ in nothing else.
    """
    words = {
        "hidden_units": counted(setting.hidden_units, "hidden unit"),
        "cluster_std": f"overlap {setting.cluster_std:g}",
        "n_samples": counted(setting.n_samples, "sample"),
        "n_train": f"{setting.n_train:,} for training",
        "epochs": counted(setting.epochs, "epoch"),
        "replicates": counted(setting.replicates, "replicate"),
        "seed": f"first seed {setting.seed}",
    }
    return [said for name, said in words.items() if getattr(setting, name) != getattr(other, name)]


def optimizer_words(name: str) -> str:
    """Return what the page calls an optimizer: "SGD, momentum 0.9"."""
    _, others = OPTIMIZERS[name]
    if others.get("nesterov"):
        return f"SGD, Nesterov momentum {others['momentum']:g}"
    return f"SGD, momentum {others['momentum']:g}" if others else name


def progress_words(answer: Answer) -> str:
    """Return how far an answer is the whole one: "training: 50 of 200 epochs so far"."""
    asked, setting = answer.asked, answer.setting
    if answer.complete:
        lost = int(answer.lost.sum())
        everyone = counted(setting.replicates, "replicate")
        return f"diverged: {lost} of {everyone}" if lost else "done"
    if setting.epochs < asked.epochs:
        return f"training: {setting.epochs} of {asked.epochs} epochs so far"
    return f"training: {setting.replicates} of {asked.replicates} replicates so far"


def numbers_table(answer: Answer) -> pd.DataFrame:
    """Return the numbers of an answer that repeat: final metrics with their intervals.

    Parameters
    ----------
    answer : Answer

    Returns
    -------
    pandas.DataFrame
        A row for each metric; columns `mean`, `low`, `high`, and the `ceiling` of accuracies.
    """
    rows = {
        METRICS[metric]: {
            **{name: answer.numbers[f"{metric}_{name}"] for name in Interval._fields},
            "ceiling": answer.numbers.get(f"bayes_{part_of(metric)}_accuracy", math.nan)
            if metric.endswith("accuracy")
            else math.nan,
        }
        for metric in METRICS
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def part_of(metric: str) -> str:
    """Return whose Bayes ceiling goes with a metric: "test" or "train"."""
    return "test" if metric.startswith("val_") else "train"
