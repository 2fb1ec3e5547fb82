"""Regressions, and problems with a validation part: trained as Keras trains them."""

from functools import partial

import numpy as np
import pytest
from oracle import keras_history

import batchlab as bl
from batchlab.foundation.backend import keras, tf

SCORE = "mean_absolute_error"


def problem(n_targets=None, *, validation=False, n_train=60, n_held_out=25):
    generator = np.random.default_rng(0)
    shape = () if n_targets is None else (n_targets,)
    slopes = generator.normal(size=(3, *shape))

    def some(count):
        x = generator.normal(size=(count, 3))
        return x, np.sin(x @ slopes) + 0.1 * generator.normal(size=(count, *shape))

    x_validation, y_validation = some(n_held_out - 5) if validation else (None, None)
    return bl.from_arrays(
        *some(n_train),
        *some(n_held_out),
        x_validation=x_validation,
        y_validation=y_validation,
        task="regression",
    )


def sgd():
    return keras.optimizers.SGD(0.01, momentum=0.9)


@pytest.mark.parametrize(
    ("n_targets", "validation", "loss"), [(None, True, None), (2, False, keras.losses.Huber)]
)
def test_a_regression_is_trained_as_keras_trains_it(n_targets, validation, loss):
    own = problem(n_targets, validation=validation)
    run = {"batch_size": 16, "epochs": 4}
    history = bl.fit(bl.mlp, own, **run, replicates=2, loss=loss and loss())
    expected, model = keras_history(bl.mlp, own, **run, make_optimizer=sgd, make_loss=loss)
    first = history.isel(replicate=0)
    assert set(expected) == {"loss", SCORE, "val_loss", f"val_{SCORE}"}
    for name, values in expected.items():
        np.testing.assert_allclose(first[name], values, rtol=1e-9, err_msg=name)
    trained = bl.trained_model(bl.mlp, own, history)
    np.testing.assert_allclose(trained.get_weights()[0], model.get_weights()[0], rtol=1e-9)
    errors = np.abs(trained(own.x_train).numpy().squeeze() - own.y_train)
    assert first[f"train_{SCORE}"][-1].item() == pytest.approx(errors.mean(), rel=1e-9)
    assert history.attrs["task"] == "regression"
    assert "accuracy" not in history
    assert "n_classes" not in history.attrs


def test_validation_takes_the_place_of_test_which_is_never_looked_at():
    whole = problem(validation=True)
    garbage = bl.from_arrays(
        whole.x_train,
        whole.y_train,
        1e6 * whole.x_test,
        whole.y_test,
        x_validation=whole.x_validation,
        y_validation=whole.y_validation,
        task="regression",
    )
    runs = [bl.fit(bl.mlp, one, batch_size=16, epochs=2) for one in (whole, garbage)]
    assert runs[0].equals(runs[1])
    assert runs[0].attrs["held_out"] == "validation"
    assert runs[0].attrs["n_validation"] == 20
    other = bl.from_arrays(
        whole.x_train, whole.y_train, whole.x_validation, whole.y_validation, task="regression"
    )
    tested = bl.fit(bl.mlp, other, batch_size=16, epochs=2)
    assert tested.attrs["held_out"] == "test"
    np.testing.assert_array_equal(tested["val_loss"], runs[0]["val_loss"])


def test_validation_samples_tell_stored_results_apart(tmp_path):
    one, other = problem(validation=True), problem(validation=True)
    values = other.y_validation + 1
    other = bl.from_arrays(
        *(other.x_train, other.y_train, other.x_test, other.y_test),
        x_validation=other.x_validation,
        y_validation=values,
        task="regression",
    )
    losses = [
        bl.fit(bl.mlp, each, batch_size=16, epochs=1, store=tmp_path)["val_loss"].item()
        for each in (one, other, one)
    ]
    assert losses[0] == losses[2] != losses[1]
    assert len(list(tmp_path.glob("*.nc"))) == 2


def test_the_dynamics_of_a_regression_follow_its_loss():
    own = problem()
    history = bl.fit(bl.mlp, own, batch_size=16, epochs=2, replicates=2, keep_weights="epochs")
    noise = bl.gradient_noise(bl.mlp, own, history)
    keras_model = bl.trained_model(bl.mlp, own, history)
    with tf.GradientTape() as tape:
        residual = keras_model(own.x_train)[:, 0] - own.y_train
        loss = tf.reduce_mean(residual**2)
    gradients = tape.gradient(loss, keras_model.trainable_variables)
    norm = np.sqrt(sum(float(tf.reduce_sum(one**2)) for one in gradients))
    assert noise["gradient_norm"][0, -1].item() == pytest.approx(norm, rel=1e-9)
    predicted = bl.predictions(bl.mlp, own, history.drop_vars(["epoch_weights"]), part="train")
    assert predicted.dims == ("replicate", "sample", "target")
    np.testing.assert_allclose(predicted[0, :, 0] - own.y_train, residual, rtol=1e-9)
    line = bl.loss_between(bl.mlp, own, history, history, points=2)
    np.testing.assert_allclose(line[f"val_{SCORE}"][..., 0], history[f"val_{SCORE}"][..., -1])


def test_a_float32_regression_keeps_its_targets_in_float32():
    history = bl.fit(partial(bl.mlp, dtype="float32"), problem(), batch_size=30, epochs=1)
    assert history["loss"].dtype == "float32"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: bl.fit(
                bl.mlp,
                problem(),
                batch_size=8,
                epochs=1,
                loss=keras.losses.SparseCategoricalCrossentropy(),
            ),
            "loss: expected one between numbers .* received SparseCategoricalCrossentropy",
        ),
        (
            lambda: bl.fit(
                lambda given: bl.mlp(problem(2), dtype="float64"), problem(), batch_size=8, epochs=1
            ),
            r"an output for each of the 1 targets, received one with outputs of shape \(2,\)",
        ),
        (
            lambda: bl.from_arrays([[0.0], [1.0]], [2.5, 2.5], [[1.0]], [0.5], task="regression"),
            "y_train: expected targets that differ",
        ),
        (
            lambda: bl.from_arrays([[0.0], [1.0]], [1, np.nan], [[1.0]], [0.5], task="regression"),
            "y_train: expected finite numbers, received 1 NaN",
        ),
        (
            lambda: bl.from_arrays([[0.0], [1.0]], ["a", "b"], [[1.0]], [0.5], task="regression"),
            "y_train: expected numbers, received",
        ),
        (
            lambda: bl.from_arrays([[0.0], [1.0]], [0, 1], [[1.0]], [0], x_validation=[[1.0]]),
            "y_validation: expected",
        ),
        (
            lambda: bl.from_arrays([[0.0], [1.0]], [0, 1], [[1.0]], [0], task="ranking"),
            "task: expected one of 'classification', 'regression', received 'ranking'",
        ),
    ],
)
def test_what_is_no_regression_is_told_in_a_sentence(call, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


def test_a_record_may_measure_some_of_the_training_samples_alone():
    own = problem()
    whole = bl.fit(bl.mlp, own, batch_size=16, epochs=2, replicates=2)
    some = bl.fit(bl.mlp, own, batch_size=16, epochs=2, replicates=2, train_samples=10)
    others = ["loss", "val_loss", "weights"]
    assert some[others].drop_attrs().equals(whole[others].drop_attrs())
    errors = bl.trained_model(bl.mlp, own, some)(own.x_train[:10])[:, 0] - own.y_train[:10]
    assert some["train_loss"][0, -1].item() == pytest.approx(np.mean(errors**2), rel=1e-9)
    with pytest.raises(ValueError, match="train_samples: expected a whole number from 1 to 60"):
        bl.fit(bl.mlp, own, batch_size=16, epochs=2, train_samples=61)
