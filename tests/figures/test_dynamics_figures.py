"""Figures of dynamics by their labels, limits and data; the animation by what it loads."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.container import ErrorbarContainer

import batchlab as bl
from batchlab.figures.animation import Animation


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def kept(small):
    """Two batch sizes, three replicates, three epochs."""
    return bl.sweep(
        bl.mlp, small, batch_size=[12, 60], epochs=3, replicates=3, keep_weights="epochs"
    )


@pytest.fixture(scope="module")
def noise(small, kept):
    return bl.gradient_noise(bl.mlp, small, kept)


@pytest.fixture(scope="module")
def boundaries(small, kept):
    histories = {f"batch size {size}": kept.sel(batch_size=size, epoch=[1, 3]) for size in (12, 60)}
    return bl.decision_boundaries(bl.mlp, small, histories, replicate=2, resolution=20)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def bars(ax):
    return [one for one in ax.containers if isinstance(one, ErrorbarContainer)]


# Against what was spent, and against a setting


def test_dynamics_are_drawn_along_the_records(noise):
    ax = bl.plot_dynamics(noise["noise_scale"])
    assert legend(ax) == ["batch size 12", "batch size 60"]
    assert ax.get_legend().get_title().get_text() == "mean of 3 replicates, 95 % interval"
    assert ax.get_xlabel() == "epochs (passes over the training set)"
    assert ax.get_ylabel() == "noise scale, tr Σ / ‖∇f‖² (samples)"
    for line, size in zip(ax.lines, (12, 60), strict=True):
        values = noise["noise_scale"].sel(batch_size=size)
        np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2, 3])
        np.testing.assert_allclose(line.get_ydata(), values.mean("replicate"))
    for band, size in zip(ax.collections, (12, 60), strict=True):
        _, low, high = bl.mean_interval(noise["noise_scale"].sel(batch_size=size).to_numpy())
        heights = band.get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose([heights.min(), heights.max()], [low.min(), high.max()])


def test_dynamics_are_drawn_against_a_setting(noise):
    values = noise["gradient_norm"].sel(epoch=3)
    ax = bl.plot_dynamics(values)
    assert legend(ax) == ["mean of 3 replicates, 95 % interval"]
    assert ax.get_xlabel() == "batch size (samples per update)"
    assert ax.get_xscale() == "log"
    (drawn,) = bars(ax)
    np.testing.assert_allclose(drawn.lines[0].get_ydata(), values.mean("replicate"))
    ax = bl.plot_dynamics(noise["gradient_norm"], x="batch_size")
    assert legend(ax) == ["epoch 0", "epoch 1", "epoch 2", "epoch 3"]


def test_lines_are_added_to_those_there_are(noise):
    ax = bl.plot_dynamics(noise["noise_scale"].sel(batch_size=12), label="small")
    same = bl.plot_dynamics(noise["noise_scale"].sel(batch_size=60), label="large", ax=ax)
    assert same is ax
    assert legend(ax) == ["small", "large"]
    assert len({line.get_color() for line in ax.lines}) == 2
    assert len({line.get_linestyle() for line in ax.lines}) == 2


def test_what_is_known_along_the_records_can_be_x(noise):
    values = noise["gradient_norm"].sel(batch_size=12)
    ax = bl.plot_dynamics(values, x="update")
    assert ax.get_xlabel() == "updates of the weights"
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0, 5, 10, 15])


def test_wide_values_have_a_logarithmic_axis_and_missing_ones_are_counted(noise):
    values = noise["noise_trace"].sel(batch_size=12).copy(deep=True)
    values[:] = np.array([1.0, 10.0, 100.0, 1000.0])
    assert bl.plot_dynamics(values).get_yscale() == "log"
    values[1, 2] = np.nan
    (label,) = legend(bl.plot_dynamics(values / values, label="all"))
    assert label == "all (1 of 3 not everywhere finite)"


def test_one_replicate_has_no_interval(noise):
    ax = bl.plot_dynamics(noise["noise_scale"].isel(replicate=[0]).sel(batch_size=12))
    assert legend(ax) == ["1 replicate, no interval"]


# Norms of gradients


def test_gradient_norms_are_averaged_and_summed(small, kept, noise):
    cell = noise.sel(batch_size=12, epoch=[1, 3])
    norms = bl.minibatch_norms(cell, batch_size=[1, 6, 60])
    drawn = bl.sampled_norms(
        bl.mlp, small, kept.sel(batch_size=12, epoch=[1, 3]), batch_size=[1, 6], draws=4
    )
    axes = bl.plot_gradient_norms(norms, sampled=drawn)
    assert [ax.get_ylabel() for ax in axes] == [
        "averaged gradient, root mean square norm",
        "summed gradient, mean squared norm",
    ]
    for ax, name in zip(axes, ("norm", "summed_squared_norm"), strict=True):
        for line, epoch in zip(bars(ax), (1, 3), strict=True):
            expected = norms[name].sel(epoch=epoch).mean("replicate")
            np.testing.assert_allclose(line.lines[0].get_ydata(), expected)
        guides = [line for line in ax.lines if line.get_color() == "grey" and len(line.get_xdata())]
        assert len(guides) == 2
        slopes = [np.diff(np.log(one.get_ydata())) / np.diff(np.log([1, 6, 60])) for one in guides]
        np.testing.assert_allclose(slopes, -0.5 if name == "norm" else 1)
        assert legend(ax)[:2] == ["epoch 1", "epoch 3"]
        assert legend(ax)[-1] == "minibatches that were drawn"
        squares = [line for line in ax.lines if line.get_marker() == "s" and len(line.get_xdata())]
        marks = squares[-1].get_ydata()
        found = drawn["squared_norm"].sel(epoch=3, batch_size=6)
        expected = (np.sqrt(found) if name == "norm" else 36 * found).mean("replicate")
        np.testing.assert_allclose(marks[-1], expected)


# The line between two solutions


def test_loss_between_shows_every_replicate_and_the_barrier(small, kept):
    line = bl.loss_between(
        bl.mlp, small, kept.sel(batch_size=12), kept.sel(batch_size=60), points=5
    )
    ax = bl.plot_loss_between(line)
    (label,) = legend(ax)
    barrier = float(line["val_barrier"].mean())
    assert label.startswith(f"test set, barrier {barrier:.3g} (")
    *runs, mean = ax.lines
    assert len(runs) == 3
    np.testing.assert_allclose(mean.get_ydata(), line["val_loss"].mean("replicate"))
    np.testing.assert_allclose(mean.get_xdata(), [0, 0.25, 0.5, 0.75, 1])
    bl.plot_loss_between(line, part="train", label="again", ax=ax)
    assert legend(ax)[1].startswith("again, barrier ")


# The animation


class Loaded(HTMLParser):
    """What a page would load, and the kinds of its tags."""

    def __init__(self, page):
        super().__init__()
        self.addresses, self.tags = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]


def test_boundaries_are_what_the_trained_model_believes(small, kept, boundaries):
    assert boundaries["probability"].dims == ("history", "epoch", "point", "class")
    assert boundaries["epoch"].to_numpy().tolist() == [0, 1, 3]
    model = bl.trained_model(bl.mlp, small, kept.sel(batch_size=60), replicate=2)
    last = boundaries.sel(history="batch size 60", epoch=3)
    right = np.mean(model(small.x_test).numpy().argmax(axis=1) == small.y_test)
    np.testing.assert_allclose(last["accuracy"], right)
    recorded = kept["val_accuracy"].sel(batch_size=60, epoch=3, replicate=2)
    np.testing.assert_allclose(last["accuracy"], recorded)
    # Drawn from the model itself, the picture is the same.
    drawn = bl.plot_decision_boundary(model, small, resolution=20).images[0].get_array()
    points = last["probability"].to_numpy()
    again = bl.plot_decision_boundary(lambda _: points, small, resolution=20).images[0].get_array()
    np.testing.assert_array_equal(drawn, again)


def test_the_animation_plays_without_anything_from_elsewhere(small, boundaries):
    animation = bl.animate_boundary(boundaries, small, samples=10, interval=250, dpi=40)
    page = animation._repr_html_()
    loaded = Loaded(page)
    assert "http" not in re.sub(r"base64,[^\"]*|\"[A-Za-z0-9+/=]{200,}\"", "", page)
    assert all(address.startswith("data:image/webp;base64,") for address in loaded.addresses)
    assert "link" not in loaded.tags
    assert loaded.tags.count("button") == 3
    assert loaded.tags.count("input") == 1
    assert 'max="2"' in page
    assert "step(1), 250" in page
    frames = json.loads(re.search(r"const frames = (\[.*?\]), captions", page)[1])
    captions = json.loads(re.search(r"captions = (\[.*?\]);", page)[1])
    assert captions == ["epoch 0", "epoch 1", "epoch 3"]
    assert len(frames) == len(set(frames)) == 3
    assert all(frame[:4] == b"RIFF" for frame in animation.frames)
    assert len(page) < 200_000
    assert repr(animation) == "Animation of 3 pictures"
    assert not plt.get_fignums()


def test_a_caption_cannot_end_the_script():
    page = Animation((b"a", b"b"), ("</script><b>", '"'))._repr_html_()
    assert page.count("</script>") == 1
    assert "<b>" not in page


def test_figures_import_no_tensorflow():
    code = "import sys, batchlab.figures.dynamics, batchlab.figures.animation; "
    code += "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Bad inputs


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda p, h, n: bl.plot_dynamics(n["noise_scale"].mean("replicate")),
            ValueError,
            "values: expected the dimensions replicate and epoch, received batch_size, epoch",
        ),
        (
            lambda p, h, n: bl.plot_dynamics(n["noise_scale"].expand_dims(rate=[1, 2])),
            ValueError,
            "values: expected numbers epoch and at most one dimension beside it and replicate",
        ),
        (
            lambda p, h, n: bl.plot_gradient_norms(bl.minibatch_norms(n), axes=[plt.subplots()[1]]),
            ValueError,
            "norms, axes: expected at least one norm and axes for each",
        ),
        (
            lambda p, h, n: bl.plot_loss_between(
                xr.Dataset({"val_loss": n["noise_scale"]}), part="val"
            ),
            ValueError,
            "part: expected one of 'train', 'test', received 'val'",
        ),
        (
            lambda p, h, n: bl.plot_loss_between(xr.Dataset({"val_loss": n["noise_scale"]})),
            ValueError,
            "line: expected the dimensions replicate and position, received batch_size",
        ),
        (
            lambda p, h, n: bl.decision_boundaries(bl.mlp, p, {"all": h}),
            ValueError,
            "histories: expected the weights of records of one training in 'all', received",
        ),
        (
            lambda p, h, n: bl.decision_boundaries(bl.mlp, p, h),
            TypeError,
            "histories: expected at least one history by name",
        ),
        (
            lambda p, h, n: bl.decision_boundaries(
                bl.mlp, p, {"12": h.sel(batch_size=12)}, replicate=7
            ),
            ValueError,
            r"replicate: expected one of those in '12', \[0, 1, 2\], received 7",
        ),
        (
            lambda p, h, n: bl.decision_boundaries(
                bl.mlp,
                p,
                {"12": h.sel(batch_size=12), "60": h.sel(batch_size=60, epoch=[1, 2])},
            ),
            ValueError,
            "histories: expected the same records in all, received",
        ),
        (
            lambda p, h, n: bl.decision_boundaries(
                bl.mlp, bl.blobs(n_features=3), {"12": h.sel(batch_size=12)}
            ),
            ValueError,
            "problem: expected samples with 2 features to draw",
        ),
    ],
)
def test_bad_inputs_end_in_one_sentence(small, kept, noise, call, error, sentence):
    with pytest.raises(error, match=sentence) as raised:
        call(small, kept, noise)
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["samples", "interval", "dpi"])
def test_numbers_of_the_animation_are_checked(small, boundaries, name):
    with pytest.raises(ValueError, match=f"{name}: expected a whole number at least"):
        bl.animate_boundary(boundaries, small, **{name: 0})
