"""The live explorer in a browser: what it shows is what `fit` returns."""

import contextlib
import functools
import json
import math
import re
import time
from urllib.parse import parse_qs, urlencode

import numpy as np
import psutil
import pytest
from serving import listening
from watching import at_each_width, named, settle, traces

import batchlab as bl
from batchlab.analysis.evaluate import final_values
from batchlab.foundation.backend import keras

CURVES = ".explorer-curves .js-plotly-plot"
BOUNDARY = ".explorer-boundary .js-plotly-plot"
LINKED = {
    "batch_size": 8,
    "learning_rate": 0.02,
    "optimizer": "Adam",
    "hidden_units": 20,
    "cluster_std": 1.5,
    "n_samples": 400,
    "n_train": 200,
    "epochs": 12,
    "replicates": 4,
    "seed": 3,
}
DEFAULT = {
    "batch_size": 32,
    "learning_rate": 0.01,
    "optimizer": "momentum",
    "hidden_units": 50,
    "cluster_std": 2.0,
    "n_samples": 1000,
    "n_train": 500,
    "replicates": 8,
    "seed": 0,
}
# Of what the status says, in the order in which it said it.
WATCH_STATUS = """() => {
  window.statuses = [];
  new MutationObserver(() => {
    const { state, setting } = document.querySelector("#explorer-status")?.dataset ?? {};
    const said = `${state} ${setting}`;
    if (setting && window.statuses.at(-1) !== said) window.statuses.push(said);
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


@functools.cache
def history_of(given):
    """Return what `fit` returns for a setting, given as its items."""
    setting = dict(given)
    rate = setting["learning_rate"]
    optimizers = {
        "Adam": lambda: keras.optimizers.Adam(rate),
        "momentum": lambda: keras.optimizers.SGD(rate, momentum=0.9),
    }
    return bl.fit(
        functools.partial(bl.mlp, hidden_units=(setting["hidden_units"],)),
        bl.blobs(
            setting["n_samples"], n_train=setting["n_train"], cluster_std=setting["cluster_std"]
        ),
        optimizer=optimizers[setting["optimizer"]](),
        **{name: setting[name] for name in ("batch_size", "epochs", "replicates", "seed")},
    )


def fitted(**changed):
    return history_of(tuple({**LINKED, **changed}.items()))


def printed(value, digits=4):
    return f"{np.round(value, digits):.{digits}f}" if math.isfinite(value) else "–"


def status(page):
    """Return the state of the answer, and the setting that it belongs to as a dict of texts."""
    data = page.locator("#explorer-status").evaluate("(status) => ({ ...status.dataset })")
    return data["state"], {name: one for name, (one,) in parse_qs(data["setting"]).items()}


def wait_for(page, **asked):
    """Wait until the whole answer to a setting is there; return how it ended."""
    wanted = {**LINKED, **asked}
    page.wait_for_function(
        """(query) => {
          const { state, setting } = document.querySelector("#explorer-status").dataset;
          return state !== "training" && setting === query;
        }""",
        arg=urlencode(wanted),
        polling=20,
    )
    return status(page)[0]


def drawn(page):
    """Wait until both figures are there with their traces; an empty one comes before either."""
    page.wait_for_function(
        """(plots) => plots.every((plot) => {
          const found = document.querySelector(plot);
          return found?.data?.length && found.calcdata?.length && found.querySelector(".main-svg");
        })""",
        arg=[CURVES, BOUNDARY],
        timeout=120_000,
    )


def write(page, name, value):
    """Write a number into the field beside a slider."""
    field = page.locator(f".control-{name} .widget-readout")
    field.click()
    field.fill(str(value))
    field.press("Enter")


def handle(page, name):
    return page.locator(f".control-{name} .noUi-handle")


def numbers(page):
    cells = page.locator("#explorer-numbers td[data-name]")
    return dict(cells.evaluate_all("all => all.map((one) => [one.dataset.name, one.textContent])"))


def sentence(page):
    return page.inner_text("#explorer-sentence")


def once(read, holds, seconds=10):
    """Return what is read as soon as something holds of it, or at last; figures follow words."""
    until = time.monotonic() + seconds
    while not holds(found := read()) and time.monotonic() < until:
        pass
    return found


def near(numbers, others):
    return len(numbers) == len(others) and np.allclose(numbers, others, rtol=0, atol=1e-9)


def assert_shows(page, history):
    """Compare every point of both mean curves, and every number of the table, with a history."""
    for part, metric in (("training set", "train_accuracy"), ("test set", "val_accuracy")):
        curve = history[metric].mean("replicate")
        shown = once(
            functools.partial(named, page, CURVES, part),
            lambda found, curve=curve: near(found["y"], curve),
        )
        np.testing.assert_array_equal(shown["x"], history["epoch"])
        np.testing.assert_allclose(shown["y"], curve, rtol=0, atol=1e-9)
    expected = {
        "updates_per_epoch": f"{-(-history.attrs['n_train'] // history.attrs['batch_size']):,}",
        "updates": f"{history.attrs['updates']:,}",
        "replicates": str(history.sizes["replicate"]),
        "diverged": "0",
    }
    for metric in ("val_accuracy", "train_accuracy", "val_loss", "train_loss"):
        found = bl.mean_interval(final_values(history, metric).to_numpy())
        for name, value in found._asdict().items():
            expected[f"{metric}_{name}"] = printed(float(value))
    shown = numbers(page)
    assert {name: shown[name] for name in expected} == expected
    assert f"{float(history['val_accuracy'][:, -1].mean()):.3f}" in sentence(page)


@pytest.fixture(scope="module")
def linked(app, open_page):
    """The page that a link to a setting opens, and its troubles."""
    _, address = app
    page, troubles = open_page([address])
    page.goto(f"{address}/?{urlencode(LINKED)}")
    drawn(page)
    yield page, troubles
    page.context.close()


@pytest.fixture
def page(linked):
    """The linked page, at the setting of the link and with nothing pinned."""
    page, troubles = linked
    before = len(troubles)
    if status(page)[1] != {name: str(value) for name, value in LINKED.items()}:
        open_file(page, LINKED)
        wait_for(page)
    yield page
    if page.locator(".explorer-unpin").is_enabled():
        page.click(".explorer-unpin")
    assert troubles[before:] == []


def hear_out(page):
    """Wait for all that was sent to the kernel before: it answers in order."""
    for kind, unit in (("loss", "nats"), ("accuracy", "share")):
        page.click(f".control-metric >> text={kind}")
        page.locator(CURVES, has_text=unit).wait_for()


def open_file(page, setting):
    file = {"name": "setting.json", "mimeType": "application/json"}
    choose(page, {**file, "buffer": json.dumps(setting).encode()})


def choose(page, file):
    with page.expect_file_chooser() as chooser:
        page.click(".control-file")
    chooser.value.set_files(file)


def test_a_link_brings_its_setting_back_and_shows_what_fit_returns(linked):
    page, troubles = linked
    assert wait_for(page) == "done"
    shown = {
        name: page.locator(f".control-{name.replace('_', '-')}").evaluate(
            """(control) => control.querySelector("select, input")?.value
              ?? control.querySelector(".widget-readout").textContent"""
        )
        for name in LINKED
    }
    assert {name: type(LINKED[name])(text) for name, text in shown.items()} == LINKED
    assert_shows(page, fitted())
    assert troubles == []


def test_no_code_is_visible(linked):
    page, _ = linked
    text = page.inner_text("body")
    assert "The live explorer" in text
    for code in ("import batchlab", "bl.explore", "Traceback"):
        assert code not in text
    assert page.locator(".jp-CodeCell .jp-InputArea:visible").count() == 0


def test_an_arrow_key_moves_a_slider_to_what_fit_returns(page):
    before = named(page, CURVES, "test set")["y"]
    handle(page, "batch-size").press("ArrowRight")
    assert wait_for(page, batch_size=9) == "done"
    assert sentence(page).startswith("Batch size 9:")
    assert_shows(page, fitted(batch_size=9))
    assert named(page, CURVES, "test set")["y"] != before
    assert numbers(page)["updates_per_epoch"] == "23", "the partial last batch counts"


def test_a_slider_dragged_by_the_mouse_ends_in_what_fit_returns(page):
    slider = handle(page, "batch-size")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 300, y, steps=5)
    page.mouse.up()
    size = int(page.inner_text(".control-batch-size .widget-readout"))
    assert size > 20
    assert wait_for(page, batch_size=size) == "done"
    assert_shows(page, fitted(batch_size=size))


def test_a_pinned_run_stays_under_the_next_until_it_is_unpinned(page):
    def pinned():
        return [one for one in traces(page, CURVES) if one["name"].startswith("pinned, test set")]

    page.click(".explorer-pin")
    page.locator(".explorer-unpin:enabled").wait_for()
    first = named(page, CURVES, "test set")["y"]
    write(page, "learning-rate", 0.1)
    assert wait_for(page, learning_rate=0.1) == "done"
    (below,) = pinned()
    np.testing.assert_array_equal(below["y"], first)
    np.testing.assert_allclose(first, fitted()["val_accuracy"].mean("replicate"), atol=1e-9)
    assert_shows(page, fitted(learning_rate=0.1))
    assert "pinned, test set: batch size 8" in page.inner_text(".explorer-curves")
    page.click(".explorer-unpin")
    page.locator(".explorer-unpin:disabled").wait_for()
    assert once(lambda: pinned()[0]["y"], lambda shown: not shown) == []
    assert "pinned" not in page.inner_text(".explorer-curves .explorer-legend")


def test_ten_quick_moves_end_in_the_last_ones_result(page):
    page.evaluate(WATCH_STATUS)
    slider = handle(page, "batch-size")
    for _ in range(10):
        slider.press("ArrowRight")
    assert wait_for(page, batch_size=18) == "done"
    # Whatever was still under way would come before the kernel's answer to this.
    hear_out(page)
    said = page.evaluate("window.statuses")
    sizes = [int(parse_qs(one.split()[1])["batch_size"][0]) for one in said]
    assert sizes == sorted(sizes), "an older setting came after a newer one"
    assert said[-1] == f"done {urlencode({**LINKED, 'batch_size': 18})}"
    assert len([one for one in said if one.startswith("done")]) < 10, "moves have queued"
    assert_shows(page, fitted(batch_size=18))


@pytest.mark.parametrize(("size", "expected"), [(2, 4), (8, 2)])
def test_a_setting_that_diverges_says_so(page, size, expected):
    changed = {"batch_size": size, "optimizer": "momentum", "learning_rate": 100.0}
    open_file(page, {**LINKED, **changed})
    assert wait_for(page, **changed) == "diverged"
    history = fitted(**changed)
    lost = int(bl.diverged(history).sum())
    assert lost == expected
    assert page.inner_text("#explorer-status") == f"diverged: {lost} of 4 replicates"
    assert "diverged" in sentence(page)
    shown = numbers(page)
    of_the_others = float(final_values(history, "val_accuracy").mean("replicate"))
    assert (shown["diverged"], shown["val_accuracy_mean"]) == (str(lost), printed(of_the_others))


def test_a_setting_between_the_steps_of_sliders_stays_as_it_was_given(page):
    changed = {"learning_rate": 0.0123, "cluster_std": 1.55, "n_samples": 405, "n_train": 203}
    open_file(page, {**LINKED, **changed})
    assert wait_for(page, **changed) == "done"
    hear_out(page)
    assert status(page)[1] == {name: str(one) for name, one in {**LINKED, **changed}.items()}
    assert_shows(page, fitted(**changed))


@pytest.mark.parametrize("rate", [0.3, 0.05, 0.003])
def test_a_learning_rate_that_is_typed_is_the_one_that_is_trained(page, rate):
    write(page, "learning-rate", rate)
    wait_for(page, learning_rate=rate)
    assert float(page.inner_text(".control-learning-rate .widget-readout")) == rate


def test_figures_keep_their_height_when_the_width_changes_after_a_redraw(page):
    before = page.viewport_size
    try:
        for width in (768, 375, 1280):
            handle(page, "epoch").press("ArrowLeft")
            hear_out(page)
            page.set_viewport_size({"width": width, "height": 900})
            settle(page)
            page.evaluate("new Promise((done) => setTimeout(done, 500))")  # plotly follows later
            heights = [page.locator(plot).bounding_box()["height"] for plot in (CURVES, BOUNDARY)]
            assert min(heights) > 250, (width, heights)
    finally:
        page.set_viewport_size(before)


def test_a_saved_file_brings_a_setting_back(page, tmp_path):
    with page.expect_download() as download:
        page.click("#explorer-file")
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    write(page, "batch-size", 100)
    assert wait_for(page, batch_size=100) == "done"
    choose(page, saved)
    assert wait_for(page) == "done"
    assert_shows(page, fitted())


def test_the_boundary_learns_epoch_by_epoch(page):
    def believed():
        return np.array([trace["z"] for trace in traces(page, BOUNDARY)[:3]], "float64")

    def wait_for_caption(words):
        page.locator(".explorer-boundary .explorer-caption", has_text=words).wait_for()

    handle(page, "epoch").press("End")
    wait_for_caption("after epoch 12")
    hear_out(page)
    at_the_end = believed()
    handle(page, "epoch").press("Home")
    wait_for_caption("at the start")
    at_the_start = once(believed, lambda found: not np.array_equal(found, at_the_end))
    assert not np.array_equal(at_the_start, at_the_end)
    page.click(".control-play button >> nth=0")
    seen = [0]
    until = time.monotonic() + 60
    while seen[-1] != 12 and time.monotonic() < until:
        epoch = int(page.inner_text(".control-epoch .widget-readout"))
        if epoch != seen[-1]:
            seen.append(epoch)
    assert seen[-1] == 12 and seen == sorted(seen) and len(seen) > 4, seen
    wait_for_caption("after epoch 12")
    again = once(believed, lambda found: np.array_equal(found, at_the_end))
    np.testing.assert_array_equal(again, at_the_end)


def kernels(process):
    found = set()
    for one in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any("ipykernel_launcher" in part for part in one.cmdline()):
                found.add(one.pid)
    return found


def test_a_page_that_is_left_takes_its_kernel_along(app, open_page):
    process, address = app
    page, troubles = open_page([address])
    page.goto(f"{address}/?epochs=5&replicates=2")
    drawn(page)
    before = kernels(process)
    page.reload()
    drawn(page)
    after = once(lambda: kernels(process), lambda found: len(found) == len(before), seconds=30)
    assert len(after) == len(before) and after != before
    # Nobody waits for the answer to the request that ends a kernel.
    ended = re.compile(r"missing on .*/voila/api/shutdown/\S+ net::ERR_ABORTED")
    assert [one for one in troubles if not ended.fullmatch(one)] == []
    page.context.close()


def test_it_is_served_on_this_machine_only(app, linked):
    process, _ = app
    assert listening(process) == {"127.0.0.1"}


def test_seconds_from_a_move_to_its_answer(page, record_property):
    def seconds(key, name, **asked):
        slider = handle(page, name)
        slider.focus()
        begin = time.perf_counter()
        slider.press(key)
        wait_for(page, **asked)
        return time.perf_counter() - begin

    new = [seconds("ArrowRight", "batch-size", batch_size=size) for size in (9, 10, 11, 12)]
    seen = [seconds("ArrowLeft", "batch-size", batch_size=size) for size in (11, 10, 9)]
    record_property("seconds from a move to its answer, never seen", f"{np.median(new):.2f}")
    record_property("seconds from a move to its answer, seen", f"{np.median(seen):.2f}")
    assert_shows(page, fitted(batch_size=9))


def test_a_bad_link_is_said_in_a_sentence_and_the_app_works(app, open_page):
    _, address = app
    page, troubles = open_page([address])
    page.goto(f"{address}/?batch_size=0&epochs=12")
    drawn(page)
    state, setting = status(page)
    said = page.inner_text("#explorer-status")
    assert state == "error" and setting["batch_size"] == "32"
    assert "batch_size: expected" in said and said.count(".") == 1
    write(page, "epochs", 5)
    assert wait_for(page, **DEFAULT, epochs=5) == "done"
    assert once(lambda: len(named(page, CURVES, "test set")["y"]), lambda count: count == 5) == 5
    too_wide = at_each_width(page, "app")
    assert too_wide == []
    assert troubles == []
    page.context.close()
