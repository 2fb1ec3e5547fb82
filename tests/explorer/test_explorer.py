"""What the explorer computes: what fit returns, in stages, each once."""

import numpy as np
import pytest

import batchlab as bl
from batchlab.engine import program
from batchlab.explorer import computing
from batchlab.explorer.answer import Answer
from batchlab.explorer.computing import Explorer, build_of, optimizer_of, stages_of
from batchlab.explorer.setting import OPTIMIZERS, Setting
from batchlab.explorer.words import differences, numbers_table, sentence

SMALL = Setting(batch_size=16, hidden_units=8, n_samples=120, n_train=60, epochs=6, replicates=3)
SECONDS = ("compile_seconds", "training_seconds")


def fitted(setting):
    return bl.fit(
        build_of(setting),
        bl.blobs(setting.n_samples, n_train=setting.n_train, cluster_std=setting.cluster_std),
        batch_size=setting.batch_size,
        epochs=setting.epochs,
        optimizer=optimizer_of(setting),
        replicates=setting.replicates,
        seed=setting.seed,
        keep_weights="epochs",
    )


def without_seconds(history):
    return history.assign_attrs(dict.fromkeys(SECONDS, 0.0))


@pytest.fixture(scope="module")
def explorer():
    return Explorer()


@pytest.fixture(scope="module")
def lost(explorer):
    """A setting of which every replicate diverges, answered."""
    return explorer.answer(
        SMALL.changed(batch_size=2, hidden_units=50, learning_rate=100.0, epochs=12)
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_numbers_are_those_of_fit_to_the_last_bit(explorer, optimizer):
    setting = SMALL.changed(optimizer=optimizer, seed=5)
    answer = explorer.answer(setting)
    assert without_seconds(answer.history).identical(without_seconds(fitted(setting)))


def test_initial_weights_that_are_kept_are_those_of_each_seed(explorer):
    explorer.answer(SMALL.changed(replicates=2, seed=1))
    for setting in (SMALL.changed(replicates=4), SMALL.changed(hidden_units=9)):
        answer = explorer.answer(setting)
        assert without_seconds(answer.history).identical(without_seconds(fitted(setting)))


def test_an_answer_is_computed_once(monkeypatch):
    explorer, computed = Explorer(), []
    compute = explorer._computed
    monkeypatch.setattr(
        explorer,
        "_computed",
        lambda setting, stop: computed.append(setting) or compute(setting, stop),
    )
    first = explorer.answer(SMALL)
    assert explorer.answer(Setting(**vars(SMALL))) is first
    assert list(explorer.stages(SMALL)) == [first]
    assert computed == [SMALL]


def test_what_was_not_asked_for_longest_makes_room(monkeypatch):
    explorer = Explorer()
    answers = [explorer.answer(SMALL.changed(seed=seed)) for seed in range(2)]
    explorer.answer(SMALL.changed(seed=0))
    monkeypatch.setattr(computing, "ANSWERS_BYTES", int(answers[0].history.nbytes * 2.5))
    explorer.answer(SMALL.changed(seed=2))
    kept = [explorer.kept(SMALL.changed(seed=seed)) is not None for seed in range(3)]
    assert kept == [True, False, True]


def test_early_answers_are_true_parts_of_the_whole(monkeypatch):
    monkeypatch.setattr(computing, "FIRST_STAGE", 300)
    asked = SMALL.changed(epochs=9, replicates=10)
    *early, whole = Explorer().stages(asked)
    assert [(one.setting.epochs, one.setting.replicates) for one in early] == [
        (1, 8),
        (4, 8),
        (9, 8),
    ]
    assert whole.complete and whole.setting == asked
    for one in early:
        assert one.asked == asked and not one.complete
        part = whole.history.isel(
            replicate=slice(one.setting.replicates), epoch=slice(one.setting.epochs)
        )
        for name in ("loss", "val_accuracy", "train_loss", "epoch_weights"):
            np.testing.assert_array_equal(one.history[name], part[name])


@pytest.mark.parametrize(
    ("setting", "epochs"),
    [
        (Setting(), [50]),
        (Setting(batch_size=1), [25, 50]),
        (Setting(epochs=200), [93, 200]),
        (Setting(batch_size=1, epochs=200), [33, 100, 200]),
        (Setting(replicates=8, batch_size=20), [50]),
        (Setting(replicates=32), [50, 50]),
    ],
)
def test_stages_depend_on_counts_alone(setting, epochs):
    stages = stages_of(setting)
    assert [one.epochs for one in stages] == epochs
    assert stages[-1] == setting
    assert all(one.replicates == 8 for one in stages[:-1])


def test_shares_of_the_plane_are_those_of_keras(explorer):
    answer = explorer.answer(SMALL)
    points = answer.grid[2][::37]
    for epoch in (0, 3, 6):
        believed = [
            bl.trained_model(
                build_of(SMALL), answer.problem, answer.history, replicate=replicate, epoch=epoch
            )
            .predict(points, verbose=0)
            .argmax(axis=1)
            for replicate in range(3)
        ]
        expected = np.mean(np.stack(believed)[:, :, None] == np.arange(3), axis=0)
        np.testing.assert_allclose(answer.shares(epoch)[::37], expected)


def test_the_numbers_are_those_of_evaluate(explorer):
    answer = explorer.answer(SMALL)
    expected = bl.evaluate(answer.history)
    for metric in expected.index:
        for name in ("mean", "low", "high"):
            assert answer.numbers[f"{metric}_{name}"] == expected.loc[metric, name]
    assert answer.numbers["updates_per_epoch"] == 4
    assert answer.numbers["updates"] == 24
    assert (
        numbers_table(answer).loc["test accuracy", "ceiling"] == answer.problem.bayes_accuracy.test
    )


def test_the_sentence_says_what_one_sees(explorer):
    answer = explorer.answer(SMALL)
    said = sentence(answer)
    row = bl.evaluate(answer.history).loc["val_accuracy"]
    assert said.startswith("Batch size 16: the mean test accuracy of 3 replicates after 6 epochs")
    assert f"is {row['mean']:.3f} (95 % interval {row.low:.3f} to {row.high:.3f})" in said
    assert f"the Bayes ceiling of {answer.problem.bayes_accuracy.test:.3f}" in said
    alone = sentence(explorer.answer(SMALL.changed(replicates=1, batch_size=60)))
    assert alone.startswith("Batch size 60 (full batch): the test accuracy of one replicate")
    assert "interval" not in alone


def test_how_far_a_curve_moves_is_its_mean_change_late_in_training(explorer):
    answer = explorer.answer(SMALL.changed(epochs=12))
    late = answer.history["val_accuracy"].to_numpy()[:, -3:]
    expected = np.abs(late[:, 1:] - late[:, :-1]).mean()
    assert answer.moved == pytest.approx(expected)
    assert f"moves by {expected:.4f} from one epoch to the next" in sentence(answer)
    assert "from one epoch to the next" not in sentence(explorer.answer(SMALL))


def test_a_setting_that_diverges_says_so(lost):
    assert lost.lost.all() and (lost.ends < 12).all()
    said = sentence(lost)
    assert "diverged. All 3 replicates" in said
    assert f"the first in epoch {lost.ends.min() + 1}" in said
    assert np.isnan(lost.numbers["val_accuracy_mean"]) and lost.numbers["diverged"] == 3
    curves = lost.curves("test", "loss")
    assert (
        np.isnan(curves[0, lost.ends[0] :]).all() and not np.isnan(curves[0, : lost.ends[0]]).any()
    )
    assert np.isnan(lost.shares(12)).all()
    assert not np.isnan(lost.shares(0)).any()


def test_a_training_that_nobody_wants_any_more_ends_without_an_answer():
    explorer, heavy = bl.Explorer(), bl.Setting(batch_size=1, epochs=200, replicates=32)
    asked = []

    def stop():
        asked.append(heavy)
        return len(asked) > 1

    with pytest.raises(InterruptedError, match="training was stopped"):
        explorer.answer(heavy, stop=stop)
    assert len(asked) == 2
    assert explorer.kept(heavy) is None


def test_what_is_prepared_serves_every_batch_size():
    explorer, setting = bl.Explorer(), Setting(hidden_units=7, epochs=1, replicates=2)
    explorer.prepare(setting)
    traced = set(program._traces)
    for batch_size in (50, 48, 250, 333):
        explorer.answer(setting.changed(batch_size=batch_size))
    assert set(program._traces) == traced


def test_nothing_is_prepared_once_there_is_something_better_to_do(monkeypatch):
    explorer = bl.Explorer()
    monkeypatch.setattr(explorer, "_training", lambda setting: pytest.fail("it went on"))
    explorer.prepare(Setting(), stop=lambda: True)


@pytest.mark.parametrize(
    ("replicates", "which", "said"),
    [
        (1, [0], "The replicate lost its finite loss in epoch 3:"),
        (3, [0, 1, 2], "All 3 replicates lost their finite loss, the first in epoch 3:"),
        (3, [1], "1 of 3 replicates diverged and is left out."),
        (3, [0, 1], "2 of 3 replicates diverged and are left out."),
    ],
)
def test_one_replicate_is_spoken_of_as_one(explorer, replicates, which, said):
    answer = explorer.answer(SMALL.changed(replicates=replicates))
    history = answer.history.copy(deep=True)
    for name in ("loss", "val_loss", "train_loss"):
        history[name][which, 2:] = np.nan
    assert said in sentence(Answer(answer.setting, history, answer.problem))


def test_what_a_setting_has_of_its_own_is_said_briefly():
    other = SMALL.changed(batch_size=7, learning_rate=0.1, optimizer="Adam")
    assert differences(SMALL, other) == [], "the title says these"
    other = SMALL.changed(cluster_std=1.0, hidden_units=5, n_samples=2000, replicates=1)
    assert differences(other, SMALL) == [
        "5 hidden units",
        "overlap 1",
        "2,000 samples",
        "1,000 for training",
        "1 replicate",
    ]
    assert differences(SMALL.changed(epochs=1, seed=4), SMALL) == ["1 epoch", "first seed 4"]
