"""The site's explorer without Python: what it shows is what the sweep holds that is stored."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
from watching import named, photograph, traces

import batchlab as bl
from batchlab.analysis.evaluate import final_values

CURVES = "#explorer-curves"
METRICS = ("val_accuracy", "train_accuracy", "val_loss", "train_loss")
NUMBERS = [f"{metric}_{name}" for metric in METRICS for name in ("mean", "low", "high")]
MOMENTUM = "SGD momentum 0.9"
SWEEPS = Path(__file__).parents[2] / "docs" / "sweeps.nc"
DEFAULT = {"batch_size": 32, "learning_rate": 0.01, "optimizer": MOMENTUM}


@pytest.fixture(scope="module")
def sweeps():
    return bl.open_result(SWEEPS)


@pytest.fixture(scope="module")
def explorer(site, open_page):
    """The page; no trouble may come of it."""
    page, troubles = open_page([site.as_uri() + "/"])
    yield page
    page.context.close()
    assert troubles == []


@pytest.fixture
def page(explorer, site):
    """The page as it begins."""
    explorer.goto("about:blank")
    explorer.goto((site / "explorer.html").as_uri())
    explorer.wait_for_selector("#explorer-map .plot-container")
    wait_for(explorer)
    return explorer


def wait_for(page, **changed):
    """Wait until the page has drawn a setting: its sentence is the last that is written."""
    setting = {**DEFAULT, **changed}
    words = (
        f"{setting['optimizer']}, batch size {setting['batch_size']}, "
        f"learning rate {setting['learning_rate']:g}:"
    )
    page.wait_for_function(
        "(words) => document.querySelector('#sentence').textContent.startsWith(words)", arg=words
    )


def ask(page, **setting):
    """Ask for a setting by the address, as a link does."""
    page.evaluate("(hash) => { window.location.hash = hash; }", urlencode(setting))
    drawn(page)


def drawn(page):
    """Wait until what was asked for is drawn, which is before the next frame."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def numbers(page, prefix=""):
    """Return the numbers of the table, not rounded, by name."""
    found = page.locator("#numbers td[data-value]").evaluate_all(
        "all => all.map((one) => [one.dataset.name, one.dataset.value])"
    )
    found = {name: float(value) for name, value in found}
    return np.array([found[prefix + name] for name in NUMBERS])


def text(page, name):
    return page.inner_text(f"#numbers td[data-name={name}]")


def expected(cell):
    """Return the same from the stored sweep, by the library."""
    found = (bl.over_replicates(final_values(cell, metric)) for metric in METRICS)
    return np.array([float(one[name]) for one in found for name in ("mean", "low", "high")])


def cell_of(sweeps, *, batch_size, learning_rate, optimizer, replicates=16):
    cell = sweeps.sel(batch_size=batch_size, learning_rate=learning_rate, optimizer=optimizer)
    return cell.isel(replicate=slice(replicates))


def sample(sweeps, count=10):
    """Return settings of each optimizer, and one in which all replicates diverge."""
    random = np.random.default_rng(8)
    for optimizer in sweeps["optimizer"].values:
        for _ in range(count):
            yield {
                "batch_size": int(random.choice(sweeps["batch_size"])),
                "learning_rate": float(random.choice(sweeps["learning_rate"])),
                "optimizer": str(optimizer),
                "replicates": int(random.integers(1, 17)),
            }
    yield {"batch_size": 1, "learning_rate": 3.0, "optimizer": MOMENTUM, "replicates": 16}


def test_its_numbers_are_those_that_are_stored(page, sweeps):
    lost = 0
    for setting in sample(sweeps):
        ask(page, **setting)
        wait_for(page, **{name: setting[name] for name in DEFAULT})
        cell = cell_of(sweeps, **setting)
        # Not equal: the interval's arithmetic is written anew in another language.
        np.testing.assert_allclose(
            numbers(page), expected(cell), rtol=1e-9, atol=1e-12, err_msg=str(setting)
        )
        diverged = int(bl.diverged(cell).sum())
        lost += diverged == setting["replicates"]
        assert int(text(page, "diverged")) == diverged
        assert int(text(page, "replicates")) == setting["replicates"]
        assert text(page, "updates") == f"{int(cell['update'][-1]):,}"
    assert lost, "none of the sample diverges"


@pytest.mark.parametrize("kind", ["accuracy", "loss"])
@pytest.mark.parametrize("x", ["epoch", "update", "sample"])
def test_its_curves_are_the_means_that_are_stored(page, sweeps, kind, x):
    setting = {"batch_size": 64, "learning_rate": 0.1, "optimizer": "Adam"}
    ask(page, **setting, replicates=11, metric=kind, x=x)
    wait_for(page, **setting)
    cell = cell_of(sweeps, **setting, replicates=11)
    for name, prefix in (("training set", "train_"), ("test set", "val_")):
        curve = named(page, CURVES, name)
        mean = cell[prefix + kind].astype("float64").mean("replicate")
        np.testing.assert_array_equal(curve["x"], cell[x])
        np.testing.assert_allclose(curve["y"], mean, rtol=1e-9)


def test_the_sliders_move_what_is_shown(page, sweeps):
    page.press("#batch-size", "ArrowRight")
    page.press("#learning-rate", "ArrowLeft")
    page.select_option("#optimizer", "SGD")
    page.press("#replicates", "Home")
    setting = {"batch_size": 64, "learning_rate": 0.003, "optimizer": "SGD"}
    wait_for(page, **setting)
    drawn(page)
    assert page.inner_text("#batch-size-value") == "64"
    assert page.get_attribute("#learning-rate", "aria-valuetext") == "0.003"
    cell = cell_of(sweeps, **setting, replicates=1)
    np.testing.assert_allclose(numbers(page), expected(cell), rtol=1e-9)


def test_the_address_brings_a_setting_back(page, site):
    page.press("#batch-size", "End")
    page.click("#pin")
    page.select_option("#optimizer", "Adam")
    page.wait_for_url(re.compile("#.*batch_size=500.*optimizer=Adam.*pin="))
    address, shown = page.url, numbers(page)
    page.goto("about:blank")
    page.goto(address)
    wait_for(page, batch_size=500, optimizer="Adam")
    np.testing.assert_array_equal(numbers(page), shown)
    kept = parse_qs(urlsplit(page.url).fragment)
    assert kept["pin"] == [f"500,0.01,{MOMENTUM},16"]


def test_a_pinned_setting_stays_under_the_next_until_it_is_unpinned(page, sweeps):
    first, curve = numbers(page), named(page, CURVES, "test set")["y"]
    page.click("#pin")
    ask_slider(page, "End")
    wait_for(page, batch_size=500)
    np.testing.assert_array_equal(numbers(page, "pinned_"), first)
    assert named(page, CURVES, "pinned: test set")["y"] == curve
    np.testing.assert_allclose(
        numbers(page), expected(cell_of(sweeps, **{**DEFAULT, "batch_size": 500})), rtol=1e-9
    )
    assert f"than that of the pinned setting ({MOMENTUM}, batch size 32" in sentence(page)
    photograph(page, "explorer-pinned")
    page.click("#unpin")
    page.locator("#sentence", has_not_text="pinned").wait_for()
    assert not [one for one in traces(page, CURVES) if one["name"].startswith("pinned")]
    assert page.locator("#numbers td[data-name^=pinned]").count() == 0
    assert page.locator("#unpin").is_disabled()


def ask_slider(page, key):
    page.press("#batch-size", key)


def sentence(page):
    return page.inner_text("#sentence")


def test_a_click_on_the_map_chooses_its_cell(page, sweeps):
    page.locator("#explorer-map").scroll_into_view_if_needed()
    area = page.locator("#explorer-map .nsewdrag").first.bounding_box()
    # The third column and the second row from below, of ten each.
    page.mouse.click(area["x"] + 0.25 * area["width"], area["y"] + 0.85 * area["height"])
    setting = {**DEFAULT, "batch_size": 4, "learning_rate": 0.0003}
    wait_for(page, **setting)
    np.testing.assert_allclose(numbers(page), expected(cell_of(sweeps, **setting)), rtol=1e-9)


def test_a_setting_that_diverges_says_so(page):
    ask(page, batch_size=1, learning_rate=3, optimizer=MOMENTUM)
    wait_for(page, batch_size=1, learning_rate=3)
    assert "diverged" in sentence(page)
    assert text(page, "diverged") == "16" and text(page, "val_accuracy_mean") == "–"
    assert named(page, CURVES, "test set (16 of 16 diverged)")["y"] == [
        pytest.approx(np.nan, nan_ok=True)
    ]
    photograph(page, "explorer-diverged")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("batch_size=33", "batch_size: expected one of 1, 2, 4,"),
        ("learning_rate=fast", "received fast"),
        ("batch=32", "received batch;"),
        (
            "pin=500,0.01",
            "pin: expected 4 parts, batch_size, learning_rate,",
        ),
        ("pin=500,0.01,Adam,4,9", "received 5, 500,0.01,Adam,4,9;"),
        ("pin=500,0.02,Adam,4", "pin, learning_rate: expected one of"),
        ("replicates=", "received nothing;"),
        ("batch_size=4&batch_size=8", "batch_size: expected one value, received 4 and 8;"),
    ],
)
def test_a_bad_address_is_said_in_a_sentence(page, address, words):
    page.press("#batch-size", "ArrowRight")
    page.click("#pin")
    wait_for(page, batch_size=64)
    page.evaluate("(hash) => { window.location.hash = hash; }", address)
    page.locator("#message", has_text=words).wait_for()
    said = page.inner_text("#message")
    assert said.endswith("the setting stays as it was.") and said.count("expected") == 1
    wait_for(page, batch_size=64)
    assert page.locator("#unpin").is_enabled(), "what was pinned stays too"
    page.press("#batch-size", "ArrowRight")
    wait_for(page, batch_size=128)
    assert page.locator("#message").is_hidden()


def test_a_bad_link_opens_the_page_as_it_begins(page, site):
    page.goto("about:blank")
    page.goto((site / "explorer.html").as_uri() + "#batch_size=33")
    wait_for(page)
    assert page.inner_text("#message").endswith("received 33; this is the default setting.")


def test_crosses_of_losses_without_bound_stay_in_the_figure(page):
    ask(page, batch_size=2, learning_rate=1, metric="loss", pin=f"16,0.003,{MOMENTUM},15")
    wait_for(page, batch_size=2, learning_rate=1)
    top, crosses = page.evaluate(
        """() => {
          const { layout, data } = document.querySelector("#explorer-curves");
          const marks = data.filter((one) => one.mode === "markers");
          return [layout.yaxis.range[1], marks.flatMap((one) => one.y)];
        }"""
    )
    heights = [height for height in crosses if height is not None]
    assert heights and max(heights) <= top


def test_one_replicate_that_diverged_is_left_out(page):
    setting = {"batch_size": 1, "learning_rate": 1, "optimizer": "SGD"}
    ask(page, **setting, replicates=9)
    wait_for(page, **setting)
    assert "1 of 9 replicates diverged and is left out." in sentence(page)


def test_the_same_setting_is_said_to_be_the_same(page):
    page.click("#pin")
    page.locator("#sentence", has_text="This is the same setting as the pinned one.").wait_for()
