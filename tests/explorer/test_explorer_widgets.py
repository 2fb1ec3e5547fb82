"""The explorer's widgets, driven without a browser."""

import asyncio
import json
import re
from datetime import UTC, datetime
from html import unescape
from urllib.parse import unquote

import numpy as np
import pytest

import batchlab as bl
from batchlab.explorer.app import App
from batchlab.explorer.computing import Explorer, build_of, optimizer_of
from batchlab.explorer.presets import PRESETS
from batchlab.explorer.setting import Setting
from batchlab.explorer.voila import DEFAULTS, arguments

SMALL = Setting(batch_size=16, hidden_units=8, n_samples=120, n_train=60, epochs=6, replicates=3)


@pytest.fixture(scope="module")
def explorer():
    return Explorer()


@pytest.fixture
def app(explorer):
    made = App(SMALL, explorer)
    yield made
    made.close()


def move(app, name, value):
    app.controls.widgets[name].value = value


def status(app):
    found = re.search(r'data-state="(\w+)" data-setting="([^"]*)">([^<]*)<', app.parts.status.value)
    return found[1], unescape(found[2]), unescape(found[3])


def cells(app):
    return dict(re.findall(r'<td data-name="(\w+)">([^<]*)</td>', app.parts.numbers.value))


def drawn(app):
    (trace,) = [trace for trace in app.parts.curves.drawn.data if trace.name == "test set"]
    return np.asarray(trace.y)


def test_a_moved_slider_shows_what_fit_returns(app):
    move(app, "batch_size", 7)
    setting = SMALL.changed(batch_size=7)
    history = bl.fit(
        build_of(setting),
        bl.blobs(120, n_train=60),
        batch_size=7,
        epochs=6,
        optimizer=optimizer_of(setting),
        replicates=3,
    )
    np.testing.assert_array_equal(drawn(app), history["val_accuracy"].mean("replicate"))
    row = bl.evaluate(history).loc["val_accuracy"].round(4)
    assert cells(app)["val_accuracy_mean"] == f"{row['mean']:.4f}"
    assert cells(app)["updates_per_epoch"] == "9" and cells(app)["updates"] == "54"
    assert status(app) == ("done", setting.to_query(), "done")
    assert f"{row['mean']:.3f}" in app.sentence and app.sentence in unescape(
        app.parts.sentence.value
    )


def test_every_control_changes_its_number(app):
    values = {
        "batch_size": 20,
        "learning_rate": 0.1,
        "optimizer": "Adam",
        "hidden_units": 9,
        "cluster_std": 1.5,
        "n_samples": 140,
        "n_train": 70,
        "epochs": 4,
        "replicates": 2,
        "seed": 3,
    }
    assert values.keys() == vars(SMALL).keys() == app.controls.widgets.keys() - {"preset"}
    for name, value in values.items():
        move(app, name, value)
    assert vars(app.setting) == values
    for name, control in app.controls.widgets.items():
        assert f"control-{name.replace('_', '-')}" in control._dom_classes
        assert control.description


def test_the_batch_size_slider_ends_with_the_training_samples(app):
    control = app.controls.widgets["batch_size"]
    move(app, "batch_size", 60)
    move(app, "n_train", 40)
    assert (control.max, control.value, app.setting.batch_size) == (40, 40, 40)
    move(app, "n_train", 80)
    assert (control.max, control.value) == (80, 40)
    move(app, "n_samples", 60)
    assert (app.setting.n_train, control.max) == (40, 40)


def test_a_preset_is_shown_by_every_control(app, monkeypatch):
    asked = []
    monkeypatch.setattr(app.controls, "_changed", asked.append)
    name = "Video: batch size 800"
    move(app, "preset", name)
    assert asked == [PRESETS[name]]
    shown = {one: control.value for one, control in app.controls.widgets.items()}
    assert shown == {"preset": name, **vars(PRESETS[name])}


def pinned_tests(app):
    traces = app.parts.curves.drawn.data
    return [one for one in traces if (one.name or "").startswith("pinned, test set")]


def test_a_pinned_run_stays_while_the_next_is_drawn_over_it(app):
    before = drawn(app)
    app.parts.pin.click()
    move(app, "learning_rate", 0.1)
    (pinned,) = pinned_tests(app)
    np.testing.assert_array_equal(pinned.y, before)
    assert not np.array_equal(drawn(app), before)
    assert "pinned, test set: batch size 16" in app.parts.curves_legend.value
    app.parts.unpin.click()
    assert not any(len(one.y) for one in pinned_tests(app))
    assert "pinned" not in app.parts.curves_legend.value


def test_the_boundary_learns_epoch_by_epoch(app):
    assert app.parts.epoch.value == app.parts.epoch.max == app.parts.play.max == 6
    for epoch in (0, 3):
        app.parts.epoch.value = epoch
        shares = np.stack([trace.z for trace in app.parts.boundary.drawn.data[:3]])
        np.testing.assert_allclose(shares.reshape(3, -1).T, app.answer.shares(epoch), rtol=1e-6)
    move(app, "epochs", 8)
    assert (app.parts.epoch.value, app.parts.epoch.max) == (3, 8), (
        "whoever looks at an epoch stays there"
    )


def test_a_link_is_where_it_begins_and_a_wrong_one_is_said(explorer):
    given = App(SMALL, explorer, "learning_rate=0.1&epochs=4")
    assert given.setting == SMALL.changed(learning_rate=0.1, epochs=4)
    wrong = App(SMALL, explorer, "learning_rate=<b>")
    assert wrong.setting == SMALL
    state, _, words = status(wrong)
    assert state == "error" and "received '<b>'" in words
    assert "<b>" not in wrong.parts.status.value
    (link,) = re.findall(r'href="(\?[^"]*)"', given.parts.keep.value)
    assert Setting.from_query(unescape(link)) == given.setting


def test_a_saved_file_brings_a_setting_back_and_a_wrong_one_loses_nothing(app):
    move(app, "batch_size", 9)
    saved = unquote(
        re.search(r'href="data:application/json[^,]*,([^"]*)"', app.parts.keep.value)[1]
    )
    move(app, "batch_size", 16)
    app.parts.upload.value = (upload(saved.encode()),)
    assert app.setting.batch_size == 9 and cells(app)["updates_per_epoch"] == "7"
    shown = app.parts.sentence.value
    for wrong in (b"", b"no setting", json.dumps({"batch_size": 10**6}).encode(), b"\xff\xd8"):
        app.parts.upload.value = (upload(wrong),)
        assert status(app)[0] == "error" and status(app)[2].startswith("file: ")
        assert (app.setting.batch_size, app.parts.sentence.value) == (9, shown)
    assert app.parts.upload.value == ()


def upload(content):
    return {
        "name": "setting.json",
        "type": "application/json",
        "size": len(content),
        "content": memoryview(content),
        "last_modified": datetime.now(UTC),
    }


def test_a_setting_that_diverges_says_so(app):
    app.ask(SMALL.changed(batch_size=2, hidden_units=50, learning_rate=100.0, epochs=12))
    assert status(app)[::2] == ("diverged", "diverged: 3 of 3 replicates")
    assert "diverged" in app.sentence and cells(app)["val_accuracy_mean"] == "–"


def test_an_error_is_said_and_the_app_goes_on(app, monkeypatch):
    def fails(setting):
        raise MemoryError("expected memory for it, received none.")

    with monkeypatch.context() as patched:
        patched.setattr(app.explorer, "stages", fails)
        app.ask(SMALL.changed(epochs=3))
    assert status(app)[::2] == ("error", "expected memory for it, received none.")
    move(app, "batch_size", 30)
    assert status(app)[0] == "done"


def test_ten_quick_moves_end_in_the_last_ones_result(app):
    async def moves():
        for size in range(21, 31):
            move(app, "batch_size", size)
        assert status(app)[0] == "training"
        await app.idle()

    asyncio.run(asyncio.wait_for(moves(), 60))
    assert status(app) == ("done", SMALL.changed(batch_size=30).to_query(), "done")
    kept = [app.explorer.kept(SMALL.changed(batch_size=size)) is None for size in range(22, 30)]
    assert all(kept), "nothing in between was computed"
    assert "Batch size 30" in app.sentence


def test_it_says_how_far_it_is(app):
    asked = SMALL.changed(epochs=12)
    (whole,) = app.explorer.stages(asked.changed(epochs=6))
    app._show(asked, type(whole)(whole.setting, whole.history, whole.problem, asked))
    assert status(app) == ("training", asked.to_query(), "training: 6 of 12 epochs so far")


def test_loss_can_be_chosen(app):
    app.parts.kind.value = "loss"
    np.testing.assert_array_equal(drawn(app), app.answer.history["val_loss"].mean("replicate"))
    assert "nats" in app.parts.curves.drawn.layout.yaxis.title.text


def test_where_no_widget_is_shown_it_says_what_it_is(app):
    assert repr(app) == "the live explorer, at batch size 16, SGD, momentum 0.9, rate 0.01"


def test_the_page_is_served_on_this_machine_only_and_without_code(tmp_path):
    given = arguments(tmp_path, ["notebook.ipynb", "--port=9000"])
    assert given == [*DEFAULTS, "notebook.ipynb", "--port=9000"]
    assert "--Voila.ip=127.0.0.1" in given
    assert "--VoilaConfiguration.strip_sources=True" in given
    (page,) = tmp_path.rglob("index.html.j2")
    assert "://" not in page.read_text()
    shorter = "--MappingKernelManager.cull_idle_timeout=5"
    own = [one for one in arguments(tmp_path / "other", [shorter]) if "cull_idle" in one]
    assert own == [shorter]


def test_a_huge_loss_is_written_briefly_and_is_on_its_axis(app):
    app.parts.kind.value = "loss"
    assert app.parts.curves.drawn.layout.yaxis.type == "linear"
    move(app, "learning_rate", 60.0)
    losses = app.answer.history["val_loss"].mean("replicate").to_numpy()
    assert losses[-1] > 1e6 and status(app)[0] == "done"
    assert cells(app)["val_loss_mean"] == f"{losses[-1]:.2e}"
    assert max(map(len, cells(app).values())) < 12
    axis = app.parts.curves.drawn.layout.yaxis
    assert axis.type == "log"
    assert 10 ** axis.range[0] < losses.min() and losses.max() < 10 ** axis.range[1]


def test_a_pinned_run_is_told_from_the_one_that_is_shown(app):
    app.parts.pin.click()
    app.ask(SMALL.changed(hidden_units=9, cluster_std=1.0))
    legend = app.parts.curves_legend.value
    assert "rate 0.01, 8 hidden units, overlap 2 (its Bayes ceiling" in legend
    assert "9 hidden units" not in legend
