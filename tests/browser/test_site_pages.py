"""Every page of the site in a browser, opened from a folder, without a server."""

import re
from urllib.parse import unquote, urldefrag

import pytest
from alt_texts import GENERIC
from watching import at_each_width, overflow, photograph, visit, wide_parts

import batchlab as bl

MAIN = ("index", "explorer", "ledger", "notebooks/05-batch-sizes", "reference/training", "search")
# Once scripts have run: what can be led to, what leads on, and what is seen.
READ = """() => ({
  anchors: [...document.querySelectorAll("[id], a[name]")].map((one) => one.id || one.name),
  links: [...document.links].filter((one) => one.getAttribute("href")).map((one) => one.href),
  images: [...document.querySelectorAll("img, [role=img]")].map((one) => ({
    text: one.getAttribute("alt") ?? one.getAttribute("aria-label") ?? "",
    source: one.currentSrc ?? "", drawn: one.tagName !== "IMG" || one.naturalWidth > 0 })),
  title: document.title,
})"""


@pytest.fixture(scope="module")
def visited(site, open_page):
    """What was read on each page at 375 pixels, by its address; and the troubles of all."""
    page, troubles = open_page([site.as_uri() + "/"], width=375)
    found = {}
    for path in sorted(site.rglob("*.html")):
        visit(page, path.as_uri())
        # Pictures that are far below wait until they are looked at.
        page.evaluate(
            """() => Promise.all([...document.images].map((one) => {
              one.loading = "eager";
              return one.decode().catch(() => null);
            }))"""
        )
        found[path.as_uri()] = page.evaluate(READ) | {
            "overflow": overflow(page),
            "wide": wide_parts(page),
        }
    page.context.close()
    return found, troubles


@pytest.fixture
def opened(site, open_page):
    """A function that opens a page by its name, as on a desk; no trouble may come of it."""
    page, troubles = open_page([site.as_uri() + "/"])

    def opens(name):
        visit(page, (site / f"{name}.html").as_uri())
        return page

    yield opens
    page.context.close()
    assert troubles == []


def test_every_page_loads_and_misses_nothing(visited):
    pages, troubles = visited
    assert len(pages) > 25
    assert troubles == []
    assert [address for address, page in pages.items() if not page["title"]] == []


def test_no_internal_link_is_broken(visited, site):
    pages, _ = visited
    followed, broken = 0, []
    for address, page in pages.items():
        for link in page["links"]:
            if not link.startswith("file:"):
                continue
            followed += 1
            target, fragment = urldefrag(link)
            target = target.partition("?")[0]
            inside = target.startswith(site.as_uri() + "/")
            there = (site / unquote(target.removeprefix(site.as_uri() + "/"))).is_file()
            known = pages.get(target, {"anchors": []})["anchors"]
            if not (inside and there and (not fragment or unquote(fragment) in known)):
                broken.append((address, link))
    assert followed > 1000
    assert broken == []


def test_every_image_is_drawn_and_has_a_text_that_says_what_it_shows(visited):
    pages, _ = visited
    images = [(address, one) for address, page in pages.items() for one in page["images"]]
    assert len(images) > 40
    poor = [
        (address, one)
        for address, one in images
        if not one["drawn"]
        or len(one["text"].strip()) < 20
        or GENERIC.match(one["text"].strip())
        or one["text"] in one["source"]
    ]
    assert poor == []


def test_no_page_scrolls_sideways_on_a_phone(visited):
    pages, _ = visited
    wide = {
        address: (page["overflow"], page["wide"])
        for address, page in pages.items()
        if page["overflow"] > 0
    }
    assert wide == {}


@pytest.mark.parametrize("name", MAIN)
def test_main_pages_fit_every_width_light_and_dark(opened, name):
    assert at_each_width(opened(name), name.replace("/", "-")) == []


def test_light_and_dark_differ(opened):
    page = opened("index")

    def background():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found[scheme] = sum(map(int, re.findall(r"\d+", background())[:3]))
    assert found["light"] > 600 and found["dark"] < 200


def test_the_search_finds_the_noise_scale(opened):
    page = opened("index")
    page.fill("input.sidebar-search", "noise scale")
    page.press("input.sidebar-search", "Enter")
    first = page.locator("#search-results ul.search a").first
    first.wait_for()
    page.locator(".search-summary", has_text="finished").wait_for()
    photograph(page, "search-noise-scale")
    titles = page.locator("#search-results ul.search a").all_inner_texts()
    assert {"The critical batch size", "The dynamics of training"} <= set(titles)
    first.click()
    page.wait_for_url(re.compile(r"file:.*(?<!search)\.html"))
    assert "noise scale" in page.inner_text("article").lower()


def test_a_search_for_nothing_known_finds_nothing(opened):
    page = opened("index")
    page.fill("input.sidebar-search", "zyzzyva")
    page.press("input.sidebar-search", "Enter")
    page.locator("#search-results", has_text="did not match any documents").wait_for()
    assert page.locator("#search-results ul.search a").count() == 0


@pytest.fixture
def ledger(opened):
    page = opened("ledger")
    page.wait_for_selector("#ledger.dataTable")
    return page


def column(page, number):
    return page.locator(f"#ledger tbody tr td:nth-child({number})").all_inner_texts()


def sort_by(page, title, order):
    heading = page.locator("#ledger thead th", has=page.get_by_text(title, exact=True))
    heading.locator(".dt-column-title").click()
    page.locator(f"#ledger thead th[aria-sort={order}]", has_text=title).wait_for()


def test_the_ledger_sorts_by_a_heading_and_back(ledger):
    ids = [str(claim.id) for claim in bl.CLAIMS]
    assert column(ledger, 1) == ids
    sort_by(ledger, "Claim", "descending")
    assert column(ledger, 1) == ids[::-1]
    sort_by(ledger, "Source", "ascending")
    sources = column(ledger, 2)
    assert sources == sorted(claim.source for claim in bl.CLAIMS)
    sort_by(ledger, "Source", "descending")
    assert column(ledger, 2) == sources[::-1] != sources
    sort_by(ledger, "Claim", "ascending")
    assert column(ledger, 1) == ids


def test_the_ledger_sorts_effects_by_their_first_number(ledger):
    # A cell that is empty is last either way.
    ledger.evaluate(
        """async () => {
          const { default: DataTable } = await window.datatables;
          const cell = document.querySelector("#claim-2 .effect");
          cell.dataset.order = cell.textContent = "";
          new DataTable.Api("#ledger").row("#claim-2").invalidate("dom");
        }"""
    )
    for order in ("ascending", "descending"):
        sort_by(ledger, "Mean [95 % interval]", order)
        shown = column(ledger, 6)
        assert shown.pop() == ""
        numbers = [first_number(text) for text in shown]
        assert numbers == sorted(numbers, reverse=order == "descending")
        assert {800.0, 12500.0, 1e-09, -62.0} <= set(numbers)


def first_number(effect):
    """Return the number that an effect begins with, behind the number of its part."""
    words = effect.removeprefix("(1) ").removeprefix("below ")
    return float(words.split()[0].rstrip(",").replace(",", ""))


def test_the_ledger_is_searched(ledger):
    field = ledger.locator(".dt-search input")
    field.fill("batch size 1 ")
    rows = ledger.locator("#ledger tbody tr").all_inner_texts()
    assert 0 < len(rows) < len(bl.CLAIMS)
    assert all(all(word in row.lower() for word in ("batch", "size", "1")) for row in rows)
    field.fill("")
    assert len(column(ledger, 1)) == len(bl.CLAIMS)


@pytest.mark.parametrize(
    ("title", "number", "chosen"), [("Source", 2, "video"), ("Verdict", 4, "contradicted")]
)
def test_the_ledger_is_filtered(ledger, title, number, chosen):
    every = column(ledger, number)
    heading = ledger.locator("#ledger thead th", has=ledger.get_by_text(title, exact=True))
    heading.locator(".dtcc-button_dropdown").click()
    ledger.locator(
        ".dtcc-dropdown .dtcc-list-buttons button", has_text=re.compile(f"^{chosen}$")
    ).click()
    ledger.locator(".dt-info", has_text=f"of {len(bl.CLAIMS)}").wait_for()
    assert column(ledger, number) == [chosen] * every.count(chosen)
    photograph(ledger, f"ledger-{title}")
