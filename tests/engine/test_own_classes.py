"""Models, losses and schedules with something of the caller's own in them."""

import numpy as np
import pytest
import tensorflow as tf
from own_losses import Scaled

import batchlab as bl

keras = bl.keras
FEW = {"batch_size": 16, "epochs": 2}


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1 * 0.5 ** tf.cast(step, "float64")

    def get_config(self):
        return {}


def relu(x):
    """Not Keras's, but called like it."""
    return 2 * tf.nn.relu(x)


def build_with(activation):
    def build(problem):
        dense = keras.layers.Dense
        inputs = keras.Input(problem.feature_shape, dtype="float64")
        hidden = dense(5, activation=activation, dtype="float64")(inputs)
        outputs = dense(problem.n_classes, activation="softmax", dtype="float64")(hidden)
        return keras.Model(inputs, outputs)

    return build


def test_a_function_called_like_one_of_keras_is_not_taken_for_it(small):
    theirs = bl.fit(build_with("relu"), small, **FEW)
    own = bl.fit(build_with(relu), small, **FEW)
    again = bl.fit(build_with("relu"), small, **FEW)
    assert abs(theirs["val_loss"] - own["val_loss"]).min() > 1e-3
    np.testing.assert_array_equal(theirs["val_loss"], again["val_loss"])


def test_a_store_does_not_take_it_for_it_either(small, tmp_path):
    bl.sweep(build_with("relu"), small, store=tmp_path, **FEW)
    with pytest.raises(ValueError, match=r"^store: expected a model, a loss and an optimizer of K"):
        bl.sweep(build_with(relu), small, store=tmp_path, **FEW)


def test_losses_of_ones_own(small):
    losses = {"one": Scaled(1.0), "three": Scaled(3.0)}
    # A rate so small that the weights stay nearly where they are.
    study = bl.sweep(bl.mlp, small, loss=losses, learning_rate=1e-6, **FEW)
    one, three = (study["val_loss"].sel(loss_function=name) for name in losses)
    np.testing.assert_allclose(three, 3 * one, rtol=1e-3)
    optimizer = keras.optimizers.SGD(1e-6, momentum=0.9)
    alone = bl.fit(bl.mlp, small, loss=Scaled(3.0), optimizer=optimizer, **FEW)
    np.testing.assert_array_equal(three, alone["val_loss"])


def test_a_schedule_of_ones_own_is_refused(small):
    with pytest.raises(TypeError, match=r"^learning_rate: expected .* received a Halving\.$"):
        bl.fit(bl.mlp, small, optimizer=keras.optimizers.SGD(Halving()), **FEW)
