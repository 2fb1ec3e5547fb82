"""Functions of kept weights: against closed forms, finite differences, enumeration, Keras."""

from itertools import combinations

import joblib
import numpy as np
import pytest
import xarray as xr

import batchlab as bl
from batchlab.analysis.ratios import ratio_interval
from batchlab.dynamics.compiled_surface import surface_of
from batchlab.foundation.backend import floatx, keras, tf

SQUARES = keras.losses.MeanSquaredError()


def of_rows(rows, **attributes):
    """Return a history that holds these weights at the end."""
    rows = np.asarray(rows, "float64")
    labels = {"replicate": np.arange(len(rows))}
    return xr.Dataset({"weights": (("replicate", "parameter"), rows)}, labels, attributes)


def linear(problem, *, activation="linear", bias=True):
    """Return a model without hidden layers."""
    layer = keras.layers.Dense(
        problem.n_classes, activation=activation, use_bias=bias, dtype="float64"
    )
    return keras.Sequential([keras.Input(problem.feature_shape, dtype="float64"), layer])


def softmax(problem):
    return linear(problem, activation="softmax")


def tanh(problem):
    return bl.mlp(problem, hidden_units=[4], activation="tanh")


def with_one(problem):
    """Return the training samples with a feature that is 1, and labels as zeros and ones."""
    return np.column_stack([problem.x_train, np.ones(problem.n_train)]), np.eye(3)[problem.y_train]


def softmax_gradients(row, problem):
    """Return the gradient of each sample's cross-entropy in softmax regression, by hand."""
    x, targets = with_one(problem)
    scores = x @ row.reshape(3, 3)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return (x[:, :, None] * (p - targets)[:, None, :]).reshape(len(x), -1), p


def perturbed(build, problem, *, replicates=2):
    """Return a history that holds made-up weights of the start and of an epoch."""
    weights = np.concatenate([np.ravel(one) for one in build(problem).get_weights()])
    moves = np.random.default_rng(4).uniform(0.05, 0.4, size=(2, replicates, len(weights)))
    start, end = np.asarray(weights + moves, "float64")
    return of_rows(end).assign(
        initial_weights=(("replicate", "parameter"), start),
        epoch_weights=(("replicate", "epoch", "parameter"), end[:, None]),
        epoch=[1],
    )


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(1).normal(scale=0.2, size=(5, 9))


@pytest.fixture(scope="module")
def kept(small):
    """Three replicates, four epochs, and where they started."""
    return bl.fit(bl.mlp, small, batch_size=16, epochs=4, replicates=3, keep_weights="epochs")


# Closed forms


def test_noise_of_softmax_regression_is_that_of_its_formula(small, rows):
    found = bl.gradient_noise(softmax, small, of_rows(rows))
    for row, noise in zip(rows, [found.isel(replicate=place) for place in range(5)], strict=True):
        gradients, _ = softmax_gradients(row, small)
        mean, trace = gradients.mean(axis=0), gradients.var(axis=0, ddof=1).sum()
        np.testing.assert_allclose(noise["gradient_norm"], np.linalg.norm(mean), rtol=1e-9)
        np.testing.assert_allclose(noise["noise_trace"], trace, rtol=1e-9)
        np.testing.assert_allclose(noise["noise_scale"], trace / (mean @ mean), rtol=1e-9)


def test_sharpness_of_softmax_regression_is_that_of_its_hessian(small, rows):
    found = bl.sharpness(softmax, small, of_rows(rows))
    x, _ = with_one(small)
    for row, value in zip(rows, found.to_numpy(), strict=True):
        _, p = softmax_gradients(row, small)
        outer = x[:, :, None] * x[:, None, :]
        spread = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]
        hessian = np.einsum("nij,nkl->ikjl", outer, spread).reshape(9, 9) / len(x)
        np.testing.assert_allclose(value, np.linalg.eigvalsh(hessian)[-1], rtol=1e-7)


def test_squared_errors_of_a_linear_model_are_a_quadratic(small, rows):
    x, targets = with_one(small)
    first, second = of_rows(rows[:2]), of_rows(rows[2:4])
    sharpest = 2 / 3 * np.linalg.eigvalsh(x.T @ x / len(x))[-1]
    found = bl.sharpness(linear, small, of_rows(rows), loss=SQUARES)
    np.testing.assert_allclose(found, sharpest, rtol=1e-7)  # the same wherever it is taken
    line = bl.loss_between(linear, small, first, second, loss=SQUARES, points=5)
    for replicate in range(2):
        for position in line["position"].to_numpy():
            row = (1 - position) * rows[replicate] + position * rows[replicate + 2]
            errors = x @ row.reshape(3, 3) - targets
            loss = line["train_loss"].sel(replicate=replicate, position=position)
            np.testing.assert_allclose(loss, (errors**2).mean(), rtol=1e-12)
    np.testing.assert_allclose(line["train_barrier"], 0, atol=1e-12)  # it is convex


def test_noise_scale_is_what_it_was_made_to_be():
    counts = np.array([10, 20, 30])
    labels, signs = np.repeat([0, 1, 2], counts), np.ones((60, 1))
    signs[[0, 1, 2, 10, 11, 12, 30, 31, 32]] = -1
    problem = bl.from_arrays(signs, labels, signs[[0, 10, 30]], [0, 1, 2])
    # A sample's gradient is 2/3 of the weights less its sign in the place of its class.
    best = (counts - 6) / 60
    off = np.array([0.3, -0.2, 0.1])

    def build(problem):
        return linear(problem, bias=False)

    found = bl.gradient_noise(build, problem, of_rows([best + off, best]), loss=SQUARES)
    made = 60 / 59 * (1 - best @ best) / (off @ off)
    np.testing.assert_allclose(found["noise_scale"][0], made, rtol=1e-9)
    assert found["noise_scale"][1] > 1e20  # at the minimum there is nothing but noise


def test_barrier_is_the_rise_above_the_straight_line(small, kept):
    line = bl.loss_between(bl.mlp, small, kept, kept.isel(replicate=[0, 1, 2]), points=3)
    np.testing.assert_allclose(line["train_barrier"], 0, atol=1e-12)
    turned = kept.assign(weights=-kept["weights"])
    line = bl.loss_between(bl.mlp, small, kept, turned, points=3)
    ends = line["val_loss"].isel(position=[0, 2]).mean("position")
    rise = (line["val_loss"].sel(position=0.5) - ends).clip(0)
    np.testing.assert_allclose(line["val_barrier"], rise, atol=1e-12)
    last = kept.isel(epoch=-1)
    for metric in ("train_loss", "val_loss", "train_accuracy", "val_accuracy"):
        np.testing.assert_allclose(line[metric].sel(position=0), last[metric], rtol=1e-9)


# Minibatches


def test_minibatch_norms_are_those_of_all_minibatches(rows):
    problem = bl.blobs(12, n_train=6)
    noise = bl.gradient_noise(softmax, problem, of_rows(rows[:1]))
    sizes = [1, 2, 3, 6]
    found = bl.minibatch_norms(noise, batch_size=sizes).isel(replicate=0)
    gradients, _ = softmax_gradients(rows[0], problem)
    for size in sizes:
        sums = [gradients[list(one)].sum(axis=0) for one in combinations(range(6), size)]
        summed = np.mean([one @ one for one in sums])
        at = found.sel(batch_size=size)
        np.testing.assert_allclose(at["summed_squared_norm"], summed, rtol=1e-10)
        np.testing.assert_allclose(at["summed_norm"], np.sqrt(summed), rtol=1e-10)
        np.testing.assert_allclose(at["squared_norm"], summed / size**2, rtol=1e-10)
        np.testing.assert_allclose(at["norm"], np.sqrt(summed) / size, rtol=1e-10)


def test_drawn_minibatches_agree_with_the_expected_ones(small, kept):
    sizes = [1, 8, 30]
    noise = bl.gradient_noise(bl.mlp, small, kept)
    exact = bl.minibatch_norms(noise, batch_size=sizes)
    drawn = bl.sampled_norms(bl.mlp, small, kept, batch_size=sizes, draws=200)
    assert drawn["norm"].dims == ("replicate", "epoch", "batch_size")
    within = (drawn["squared_norm_low"] <= exact["squared_norm"]) & (
        exact["squared_norm"] <= drawn["squared_norm_high"]
    )
    assert within.mean() > 0.8
    assert (drawn["norm"] <= np.sqrt(drawn["squared_norm"])).all()
    assert ((drawn["norm_low"] < drawn["norm"]) & (drawn["norm"] < drawn["norm_high"])).all()
    whole = bl.sampled_norms(bl.mlp, small, kept, batch_size=[60], draws=2)
    for bound in ("", "_low", "_high"):
        full = whole[f"norm{bound}"].sel(batch_size=60)
        np.testing.assert_allclose(full, noise["gradient_norm"], rtol=1e-9)


@pytest.mark.parametrize(("scale", "sure"), [(0.2, True), (0.0, False)])
def test_two_batches_estimate_the_noise_scale_within_their_interval(small, rows, scale, sure):
    # The same weights 300 times, with draws of their own: near the start, where the gradient is
    # large, and near the minimum, where it can hardly be told from zero.
    best = bl.fit(softmax, small, batch_size=60, epochs=60, replicates=2)["weights"].to_numpy()[0]
    row = best + scale * rows[0]
    exact = bl.gradient_noise(softmax, small, of_rows([row])).isel(replicate=0)
    found = bl.estimate_noise(
        softmax, small, of_rows(np.tile(row, (300, 1))), small=4, big=20, draws=50
    )
    covered = (found["low"] <= exact["noise_scale"]) & (exact["noise_scale"] <= found["high"])
    assert 0.9 <= float(covered.mean()) <= 0.99
    for name, value in {
        "noise_trace": exact["noise_trace"],
        "squared_norm": exact["gradient_norm"] ** 2,
    }.items():
        error = found[name].std(ddof=1) / np.sqrt(300)
        assert abs(found[name].mean() - value) < 4 * error, name
    assert bool(np.isfinite(found["high"]).all()) is sure
    assert (found["low"] <= found["noise_scale"]).all()


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [
        ([2.0, 2.0], [4.0, 4.0], (0.5, 0.5, 0.5)),
        ([1.0, 2.0, 3.0], [-1.0, 0.0, 1.0], (np.inf, None, np.inf)),
        ([1.0, 1.1, 0.9], [-3.0, 0.0, 2.0], (np.inf, None, np.inf)),
        ([np.nan, 1.0], [1.0, 2.0], (np.nan, np.nan, np.nan)),
    ],
)
def test_interval_of_a_ratio(above, below, expected):
    found = ratio_interval(np.array(above), np.array(below))
    for value, wanted in zip(found, expected, strict=True):
        if wanted is not None:
            np.testing.assert_allclose(value, wanted)


def test_seeds_repeat_and_differ(small, kept):
    def draw(seed):
        return bl.sampled_norms(bl.mlp, small, kept, batch_size=[8], draws=5, seed=seed)

    xr.testing.assert_identical(draw(0), draw(0))
    assert (draw(0)["norm"] != draw(1)["norm"]).all()


# Finite differences


def losses(build, problem, rows):
    p = bl.predictions(build, problem, of_rows(rows), part="train").to_numpy()
    return -np.log(p[:, np.arange(problem.n_train), problem.y_train]).mean(axis=1)


def test_gradient_and_hessian_agree_with_finite_differences(small):
    row = bl.fit(tanh, small, batch_size=16, epochs=3)["weights"].to_numpy()[0]
    count, step = len(row), 1e-4
    up, down = (losses(tanh, small, row + sign * step * np.eye(count)) for sign in (1, -1))
    norm = np.linalg.norm((up - down) / (2 * step))
    noise = bl.gradient_noise(tanh, small, of_rows([row]))
    np.testing.assert_allclose(noise["gradient_norm"][0], norm, rtol=1e-6)

    surface = surface_of(tanh, small)
    product = surface.curvature(row, (small.x_train, small.y_train))
    for seed in range(3):
        vector = np.random.default_rng(seed).normal(size=count)
        up, here, down = losses(tanh, small, row + step * np.outer([1, 0, -1], vector))
        curved = (up - 2 * here + down) / step**2
        np.testing.assert_allclose(vector @ product(vector), curved, rtol=1e-4)
    hessian = np.stack([product(one) for one in np.eye(count)])
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)
    top = np.linalg.eigvalsh(hessian)[-1]
    np.testing.assert_allclose(bl.sharpness(tanh, small, of_rows([row]))[0], top, rtol=1e-7)


# Other models


def own(*layers, loss=None):
    """Return a builder of a model of these layers, each made anew."""

    def build(problem):
        made = [make() for make in layers]
        return keras.Sequential([keras.Input(problem.feature_shape, dtype="float64"), *made])

    return build


def dense(units, **settings):
    return lambda: keras.layers.Dense(units, dtype="float64", **settings)


MODELS = {
    "convolution": own(
        lambda: keras.layers.Reshape((4, 4, 1), dtype="float64"),
        lambda: keras.layers.Conv2D(2, 3, activation="tanh", dtype="float64"),
        lambda: keras.layers.Flatten(dtype="float64"),
        dense(3, activation="softmax"),
    ),
    "dropout": own(
        dense(5, activation="tanh"),
        lambda: keras.layers.Dropout(0.5, seed=3, dtype="float64"),
        dense(3, activation="softmax"),
    ),
    "batch normalization": own(
        dense(5),
        lambda: keras.layers.BatchNormalization(dtype="float64"),
        dense(3, activation="softmax"),
    ),
    "regularizer": own(
        dense(5, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.1)),
        dense(3, activation="softmax", activity_regularizer=keras.regularizers.L2(0.1)),
    ),
}


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(24, 16)), np.arange(24) % 3
    return bl.from_arrays(x[:15], y[:15], x[15:], y[15:])


@pytest.mark.parametrize("name", MODELS)
def test_other_models_are_measured_as_keras_evaluates_them(images, name):
    build = MODELS[name]
    history = perturbed(build, images)
    noise = bl.gradient_noise(build, images, history)
    model = bl.trained_model(build, images, history, replicate=1)
    with floatx("float64"):
        loss = keras.losses.SparseCategoricalCrossentropy()
    gradients = []
    for place in range(images.n_train):
        with tf.GradientTape() as tape:
            believed = model(images.x_train[[place]], training=False)
            value = loss(images.y_train[[place]], believed) + sum(model.losses)
        found = tape.gradient(value, model.trainable_variables)
        gradients.append(np.concatenate([np.ravel(one) for one in found]))
    mean, trace = np.mean(gradients, axis=0), np.var(gradients, axis=0, ddof=1).sum()
    last = noise.isel(replicate=1, epoch=-1)
    np.testing.assert_allclose(last["gradient_norm"], np.linalg.norm(mean), rtol=1e-8)
    np.testing.assert_allclose(last["noise_trace"], trace, rtol=1e-8)

    p = bl.predictions(build, images, history).isel(replicate=1, epoch=-1)
    np.testing.assert_allclose(p, model(images.x_test, training=False), rtol=1e-9)
    assert np.isfinite(bl.sharpness(build, images, history)).all()
    trained = np.concatenate([np.ravel(one) for one in model.trainable_variables])
    start = bl.trained_model(build, images, history, replicate=1, epoch=0)
    began = np.concatenate([np.ravel(one) for one in start.trainable_variables])
    moved = bl.distance_from_start(build, images, history).isel(replicate=1)
    np.testing.assert_allclose(moved["distance"][-1], np.linalg.norm(trained - began), rtol=1e-12)
    relative = np.linalg.norm(trained - began) / np.linalg.norm(began)
    np.testing.assert_allclose(moved["relative_distance"][-1], relative, rtol=1e-12)


@pytest.mark.parametrize("n_train", [40, 65, 2049])  # before, and after sums are cut and looped
def test_a_single_output_gives_both_probabilities(n_train, rows):
    problem = bl.blobs(n_train + 20, centers=2, n_train=n_train)
    build = own(dense(1, activation="sigmoid"))
    history = of_rows(rows[:1, :3])
    p = bl.predictions(build, problem, history, part="train")
    assert p.dims == ("replicate", "sample", "class")
    assert p.shape == (1, n_train, 2)
    model = bl.trained_model(build, problem, history)
    np.testing.assert_allclose(p[0, :, 1], model(problem.x_train)[:, 0], rtol=1e-12)
    np.testing.assert_allclose(p.sum("class"), 1)
    noise = bl.gradient_noise(build, problem, history)
    x = np.column_stack([problem.x_train, np.ones(n_train)])
    gradients = x * (p[0, :, 1].to_numpy() - problem.y_train)[:, None]
    norm, trace = np.linalg.norm(gradients.mean(axis=0)), gradients.var(axis=0, ddof=1).sum()
    np.testing.assert_allclose(noise["gradient_norm"], norm, rtol=1e-8)
    np.testing.assert_allclose(noise["noise_trace"], trace, rtol=1e-8)
    hessian = x.T @ (x * p[0].prod("class").to_numpy()[:, None]) / n_train
    top = np.linalg.eigvalsh(hessian)[-1]
    np.testing.assert_allclose(bl.sharpness(build, problem, history), top, rtol=1e-7)


def test_float32_is_measured_in_float32(small):
    def build(problem):
        return bl.mlp(problem, dtype="float32")

    history = perturbed(build, small)
    found = bl.gradient_noise(build, small, history).astype("float32")
    wide = bl.gradient_noise(bl.mlp, small, history)
    np.testing.assert_allclose(found["noise_trace"], wide["noise_trace"], rtol=1e-4)


def test_many_samples_are_taken_in_blocks(rows):
    problem = bl.blobs(2700, n_train=2500)
    gradients, _ = softmax_gradients(rows[0], problem)
    found = bl.gradient_noise(softmax, problem, of_rows(rows[:1])).isel(replicate=0)
    mean, trace = gradients.mean(axis=0), gradients.var(axis=0, ddof=1).sum()
    np.testing.assert_allclose(found["gradient_norm"], np.linalg.norm(mean), rtol=1e-9)
    np.testing.assert_allclose(found["noise_trace"], trace, rtol=1e-9)
    p = bl.predictions(softmax, problem, of_rows(rows[:1]), part="train")
    np.testing.assert_allclose(p[0], softmax_gradients(rows[0], problem)[1], rtol=1e-9)


# Dimensions and independence


def test_records_begin_with_the_start_and_grids_stay(small):
    study = bl.sweep(
        bl.mlp,
        small,
        batch_size=[12, 60],
        updates=10,
        records=2,
        replicates=2,
        keep_weights="epochs",
    )
    noise = bl.gradient_noise(bl.mlp, small, study)
    assert noise["noise_scale"].dims == ("batch_size", "replicate", "update")
    assert noise["update"].to_numpy().tolist() == [0, 5, 10]
    start = noise.sel(update=0)
    np.testing.assert_array_equal(start.isel(batch_size=0)["noise_trace"], start["noise_trace"][1])
    exact = bl.minibatch_norms(noise)
    assert exact["norm"].dims == ("batch_size", "replicate", "update")
    np.testing.assert_allclose(
        exact["norm"].sel(batch_size=60), noise["gradient_norm"].sel(batch_size=60), rtol=1e-12
    )
    one = bl.gradient_noise(bl.mlp, small, study.sel(batch_size=12, update=5))
    assert one["noise_scale"].dims == ("replicate",)
    np.testing.assert_array_equal(
        one["noise_scale"], noise["noise_scale"].sel(batch_size=12, update=5)
    )
    moved = bl.distance_from_start(bl.mlp, small, study)["distance"]
    assert moved.dims == ("batch_size", "replicate", "update")
    assert (moved.sel(update=0) == 0).all()
    assert (moved.sel(update=5) > 0).all()


def test_a_replicate_does_not_depend_on_those_beside_it_or_on_the_cores(small, kept, monkeypatch):
    def everything(history):
        given = bl.mlp, small, history.isel(epoch=[0, -1])
        return xr.merge(
            [
                bl.gradient_noise(*given),
                bl.sampled_norms(*given, batch_size=[8], draws=3)["norm"],
                bl.estimate_noise(*given, small=5, big=20, draws=9)[["low", "high"]],
                bl.sharpness(*given),
                bl.predictions(*given).rename("believed"),
            ],
            compat="no_conflicts",
            join="exact",
        )

    together = everything(kept)
    alone = everything(kept.isel(replicate=[2]))
    xr.testing.assert_identical(alone, together.isel(replicate=[2]))
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    xr.testing.assert_identical(everything(kept), together)


def test_weights_that_are_not_finite_have_no_values(small, kept):
    lost = kept.copy(deep=True)
    lost["epoch_weights"][1, 2] = np.nan
    noise = bl.gradient_noise(bl.mlp, small, lost)["noise_scale"]
    there = np.ones((3, 5), bool)
    there[1, 3] = False
    np.testing.assert_array_equal(np.isfinite(noise), there)
    np.testing.assert_array_equal(np.isfinite(bl.sharpness(bl.mlp, small, lost)), there)
    distance = bl.distance_from_start(bl.mlp, small, lost)["distance"]
    np.testing.assert_array_equal(np.isfinite(distance), there)
    estimate = bl.estimate_noise(bl.mlp, small, lost, small=5, big=20, draws=5)
    np.testing.assert_array_equal(np.isnan(estimate["high"]), ~there)
    np.testing.assert_array_equal(np.isnan(estimate["noise_scale"]), ~there)
    lost["weights"][0, 0] = np.inf
    line = bl.loss_between(bl.mlp, small, lost, kept, points=2)
    assert np.isnan(line["train_barrier"]).to_numpy().tolist() == [True, False, False]


def test_the_callers_random_state_is_left_alone(small, kept):
    keras.utils.set_random_seed(7)
    expected = tf.random.uniform((3,)).numpy(), np.random.random(3)  # noqa: NPY002
    keras.utils.set_random_seed(7)
    bl.gradient_noise(bl.mlp, small, kept)
    found = tf.random.uniform((3,)).numpy(), np.random.random(3)  # noqa: NPY002
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_what_is_compiled_is_kept_for_equal_models(small):
    surface = surface_of(bl.mlp, small)
    assert surface_of(lambda problem: bl.mlp(problem), small) is surface
    assert surface_of(tanh, small) is not surface
    assert surface_of(bl.mlp, small, SQUARES) is not surface
    own_function = own(lambda: keras.layers.Lambda(lambda x: x + 1, dtype="float64"), dense(3))
    assert surface_of(own_function, small) is not surface_of(own_function, small)


# Bad inputs


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda p, h: bl.gradient_noise(bl.mlp, p, 3), TypeError, "history: expected a dataset"),
        (
            lambda p, h: bl.gradient_noise(bl.mlp, p, h.drop_vars(["weights", "epoch_weights"])),
            ValueError,
            "history: expected weights, which fit and sweep keep with",
        ),
        (
            lambda p, h: bl.gradient_noise(tanh, p, h),
            ValueError,
            "history: expected weights for the 27 parameters of the model that build returns, "
            "received 303",
        ),
        (
            lambda p, h: bl.gradient_noise(bl.mlp, p, h.expand_dims("problem")),
            ValueError,
            r"received the dimension problem; choose with .sel\(problem=…\)",
        ),
        (
            lambda p, h: bl.gradient_noise(bl.mlp, p, h.expand_dims(activation=["tanh"])),
            ValueError,
            "received the dimension activation",
        ),
        (
            lambda p, h: bl.gradient_noise(bl.mlp, p, h.assign_attrs(loss_function="Poisson")),
            ValueError,
            "loss: expected the Poisson that the history was trained with, received None",
        ),
        (
            lambda p, h: bl.gradient_noise(
                bl.mlp, p, h, loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=1)
            ),
            ValueError,
            "loss: expected one that is a mean over all samples, received one with ignore_class=1",
        ),
        (lambda p, h: bl.gradient_noise(bl.mlp, p, h, loss="mse"), TypeError, "loss: expected a K"),
        (
            lambda p, h: bl.sampled_norms(bl.mlp, p, h, batch_size=[61]),
            ValueError,
            "batch_size: expected a whole number from 1 to 60, received 61",
        ),
        (
            lambda p, h: bl.sampled_norms(bl.mlp, p, h, batch_size=8),
            TypeError,
            "batch_size: expected a list of whole numbers",
        ),
        (
            lambda p, h: bl.sampled_norms(bl.mlp, p, h, batch_size=[8, 8]),
            ValueError,
            "batch_size: expected at least one batch size and none twice",
        ),
        (
            lambda p, h: bl.sampled_norms(bl.mlp, p, h, batch_size=[8], draws=1),
            ValueError,
            "draws: expected a whole number at least 2, received 1",
        ),
        (
            lambda p, h: bl.sampled_norms(bl.mlp, p, h, batch_size=[8], seed=-1),
            ValueError,
            "seed: expected a whole number",
        ),
        (
            lambda p, h: bl.estimate_noise(bl.mlp, p, h, small=8, big=20),
            ValueError,
            "big: expected a multiple of small, which is 8, received 20",
        ),
        (
            lambda p, h: bl.estimate_noise(bl.mlp, p, h, small=8, big=8),
            ValueError,
            "big: expected a whole number from 16 to 60, received 8",
        ),
        (
            lambda p, h: bl.minibatch_norms(bl.gradient_noise(bl.mlp, p, h)),
            ValueError,
            "batch_size: expected None where the weights come from a sweep over batch sizes",
        ),
        (
            lambda p, h: bl.distance_from_start(bl.mlp, p, h.drop_vars("initial_weights")),
            ValueError,
            "history: expected initial_weights",
        ),
        (
            lambda p, h: bl.loss_between(bl.mlp, p, h, h.isel(replicate=[0, 1])),
            ValueError,
            r"first, second: expected the same values of replicate, received \[0, 1, 2\] and",
        ),
        (
            lambda p, h: bl.loss_between(bl.mlp, p, h, h.drop_vars("weights")),
            ValueError,
            "second: expected weights",
        ),
        (
            lambda p, h: bl.loss_between(bl.mlp, p, h, h, points=1),
            ValueError,
            "points: expected a whole number at least 2, received 1",
        ),
        (
            lambda p, h: bl.predictions(bl.mlp, p, h, part="both"),
            ValueError,
            "part: expected one of 'train', 'validation', 'test', received 'both'",
        ),
        (
            lambda p, h: bl.predictions(bl.mlp, p, h, samples=np.ones((4, 3))),
            ValueError,
            r"samples: expected an array of shape \(n_samples, 2\), received shape \(4, 3\)",
        ),
        (lambda p, h: bl.sharpness("mlp", p, h), TypeError, "build: expected a function problem"),
    ],
)
def test_bad_inputs_end_in_one_sentence(small, kept, call, error, sentence):
    with pytest.raises(error, match=sentence) as raised:
        call(small, kept)
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)
