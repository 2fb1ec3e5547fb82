"""The site, built once, as files: links, resources, texts for figures, names. No browser."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from alt_texts import GENERIC
from bs4 import BeautifulSoup

import batchlab as bl
import batchlab.dynamics
from batchlab.runner.catalogue import read_notebook

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOTEBOOKS = ROOT / "notebooks"
UNTOUCHED = "99-untouched"
# What would be fetched: by a style, or by a script.
FETCHED_BY_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?(?!data:)([^"')\s;]+)""")
FETCHED_BY_SCRIPT = re.compile(
    r"""(?:\bimport|fetch|importScripts)\s*\(?\s*["'`](?:https?:)?//|\bfrom\s*["']https?:"""
)


def make_site(*arguments):
    """Run what `make site` runs."""
    command = [sys.executable, str(DOCS / "make_site.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def a_page(text):
    return BeautifulSoup(text, "html.parser")


def soups(folder):
    """Return the pages of a site by their path in it."""
    return {
        str(path.relative_to(folder)): a_page(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.html"))
    }


def broken_links(folder, pages):
    """Return the links and resources of pages that lead nowhere, or to another host unasked."""
    anchors = {
        name: {tag[key] for tag in page.find_all(True) for key in ("id", "name") if tag.get(key)}
        for name, page in pages.items()
    }
    broken = []
    for name, page in pages.items():
        for tag in page.find_all(True):
            for key in ("href", "src", "srcset", "poster"):
                target = tag.get(key)
                if not target or target.startswith("data:"):
                    continue
                parts = urlsplit(target)
                if parts.scheme or parts.netloc:
                    if tag.name != "a":
                        broken.append((name, "external", target))
                    continue
                path = (folder / name).parent / unquote(parts.path) if parts.path else folder / name
                file = path.resolve()
                if not file.is_file():
                    broken.append((name, "missing", target))
                elif parts.fragment and file.suffix == ".html":
                    page_name = str(file.relative_to(folder))
                    if unquote(parts.fragment) not in anchors[page_name]:
                        broken.append((name, "no such anchor", target))
    return broken


def nameless_images(pages):
    """Return the images of pages without a text that says what they show."""
    return [
        (name, image.get("src", "")[:80], image.get("alt"))
        for name, page in pages.items()
        for image in page.find_all("img")
        if len(image.get("alt", "").strip()) < 20 or GENERIC.match(image["alt"].strip())
    ]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, of the notebooks and one more whose code must not run."""
    folder = tmp_path_factory.mktemp("site")
    notebooks = folder / "notebooks"
    shutil.copytree(NOTEBOOKS, notebooks, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    ran = folder / "ran"
    said = nbformat.v4.new_output("stream", name="stdout", text="the stored words\n")
    code = nbformat.v4.new_code_cell(f"open({str(ran)!r}, 'w').close()\nraise SystemExit(1)")
    code.outputs = [said]
    text = nbformat.v4.new_markdown_cell("# Not run\n\n**Is this run?** No, it is shown. More.")
    nbformat.write(nbformat.v4.new_notebook(cells=[text, code]), notebooks / f"{UNTOUCHED}.ipynb")
    done = make_site(folder / "built", "--notebooks", notebooks)
    assert done.returncode == 0, done.stderr
    assert not ran.exists()
    return folder / "built"


@pytest.fixture(scope="session")
def pages(site):
    return soups(site)


def test_nothing_is_missing_and_nothing_comes_from_elsewhere(site, pages):
    assert len(pages) > 25
    assert broken_links(site, pages) == []
    fetched = [
        (file.name, found)
        for file in site.rglob("*.css")
        for found in FETCHED_BY_STYLE.findall(file.read_text(encoding="utf-8"))
        if not (file.parent / urlsplit(found).path).is_file()
    ]
    assert fetched == []
    scripts = {str(file): file.read_text(encoding="utf-8") for file in site.rglob("*.js")}
    scripts |= {name: "\n".join(map(str, page.find_all("script"))) for name, page in pages.items()}
    assert [name for name, text in scripts.items() if FETCHED_BY_SCRIPT.search(text)] == []


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ('<a href="gone.html">x</a>', "missing"),
        ('<a href="#gone">x</a>', "no such anchor"),
        ('<img src="https://example.org/a.png">', "external"),
        ('<script src="//example.org/a.js"></script>', "external"),
        ('<a href="https://example.org">x</a> <a id="there" href="page.html#there">x</a>', None),
    ],
)
def test_a_broken_link_would_be_noticed(tmp_path, html, reason):
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    found = [why for _, why, _ in broken_links(tmp_path.resolve(), soups(tmp_path.resolve()))]
    assert found == ([reason] if reason else [])


def test_a_script_from_elsewhere_would_be_noticed():
    for text in ('import("https://a.org/x.js")', "import {x} from 'https://a.org'"):
        assert FETCHED_BY_SCRIPT.search(text)
    assert FETCHED_BY_STYLE.findall('@import "https://a.org/x.css";') == ["https://a.org/x.css"]


def test_every_figure_has_a_text_of_its_own(pages):
    assert nameless_images(pages) == []
    for name, page in pages.items():
        texts = [image["alt"] for image in page.find_all("img")]
        assert len(texts) == len(set(texts)), name
    nameless = '<img alt=""><img alt="Figure 3"><img>'
    assert len(nameless_images({"page": a_page(nameless)})) == 3


def test_texts_that_notebooks_store_are_taken(pages):
    for path in NOTEBOOKS.glob("[0-9]*.ipynb"):
        shown = {image["alt"] for image in pages[f"notebooks/{path.stem}.html"].find_all("img")}
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", ()):
                alt = output.get("metadata", {}).get("image/png", {}).get("alt")
                assert alt is None or alt in shown, path.name


def cards(pages):
    """Return the cards of the front page by where they lead."""
    shown = pages["index.html"].select(".notebooks .sd-card")
    return {card.find("a", class_="sd-stretched-link")["href"]: card for card in shown}


def test_every_notebook_has_its_page_and_card(pages):
    cards_of = cards(pages)
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    assert len(paths) >= 12
    assert set(cards_of) == {f"notebooks/{path.stem}.html" for path in paths} | {
        f"notebooks/{UNTOUCHED}.html"
    }
    for path in paths:
        card, notebook = cards_of[f"notebooks/{path.stem}.html"], read_notebook(path)
        words = " ".join(card.get_text(" ").split())
        assert notebook.question in words and notebook.heading[0] in words
        page = pages[f"notebooks/{path.stem}.html"]
        assert page.h1.get_text().startswith(notebook.heading[0])
        pngs = sum(
            "image/png" in output.get("data", {})
            for cell in notebook.cells
            for output in cell.get("outputs", ())
        )
        assert len(page.select(".cell_output img[src*=_images]")) == pngs
        assert card.img and len(card.img["alt"]) > 60


def test_the_live_explorer_shows_stored_runs_in_place_of_its_widget(pages):
    (shown,) = pages["notebooks/explore.html"].select("article img")
    card = cards(pages)["notebooks/explore.html"]
    assert shown["alt"] == card.img["alt"]
    assert "learning rate 0.01" in shown["alt"] and "batch size 500: " in shown["alt"]


def test_a_notebook_is_shown_and_not_run(pages):
    page = pages[f"notebooks/{UNTOUCHED}.html"].get_text()
    assert "the stored words" in page and "raise SystemExit" in page and "Traceback" not in page
    card = cards(pages)[f"notebooks/{UNTOUCHED}.html"]
    assert "No, it is shown." in card.get_text() and "More." not in card.get_text()


def test_every_public_name_has_its_section_and_example(pages):
    listed = {}
    for name, page in pages.items():
        if name.startswith("reference/"):
            listed |= {tag["id"]: tag.find_parent("dl") for tag in page.select("dt[id]")}
    public = set(bl.__all__)
    assert {f"batchlab.{name}" for name in public} - set(listed) == set()
    assert {
        name for name in vars(batchlab.dynamics) if callable(vars(batchlab.dynamics)[name])
    } <= public
    examples = 0
    for name in public - {"keras", "__version__", "CLAIMS"}:
        docstring, shown = getattr(bl, name).__doc__, listed[f"batchlab.{name}"].get_text()
        assert ("Examples\n" in docstring) == (">>>" in shown), name
        examples += ">>>" in shown
    assert examples > 50


def test_the_ledger_has_a_row_for_each_claim(pages):
    rows = pages["ledger.html"].select("#ledger tbody tr")
    assert [int(row.td.get_text()) for row in rows] == [claim.id for claim in bl.CLAIMS]
    for row, claim in zip(rows, bl.CLAIMS, strict=True):
        texts = {cell["class"][0]: cell.get_text() for cell in row.find_all("td")}
        assert texts["source"] == claim.source
        assert texts["claim"] == claim.statement
        assert texts["verdict"] and texts["measured"] and texts["effect"]
    counted = re.search(r"Of 52 claims (\d+) are reproduced", pages["ledger.html"].get_text())
    verdicts = [row.find(class_="verdict").get_text() for row in rows]
    assert verdicts.count("reproduced") == int(counted[1])


def test_the_search_knows_the_noise_scale(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    found = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", index, re.DOTALL)[1])

    def having(term):
        places = set()
        for where in ("terms", "titleterms"):
            listed = found[where].get(term, [])
            places.update(listed if isinstance(listed, list) else [listed])
        return {found["docnames"][place] for place in places}

    both = having("nois") & having("scale")
    assert {"notebooks/07-dynamics", "notebooks/08-critical-batch-size"} <= both
    assert "reference/dynamics" in both


def test_a_group_names_each_public_name_once(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    from reference import groups

    assert all(group["names"] for group in groups(DOCS / "reference.toml", bl.__all__).values())
    with pytest.raises(ValueError, match="found otherwise: brand_new"):
        groups(DOCS / "reference.toml", [*bl.__all__, "brand_new"])
    with pytest.raises(ValueError, match="found otherwise: fit"):
        groups(DOCS / "reference.toml", set(bl.__all__) - {"fit"})


def test_links_of_the_readme_lead_to_pages(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    from texts import relinked

    text = "[a](notebooks/01.ipynb) [b](LICENSE) [c](https://a.org) [d](CHANGELOG.md#x) ![e](f.png)"
    known = {"notebooks/01.ipynb", "changelog.md"}
    expected = "[a](notebooks/01.ipynb) b [c](https://a.org) [d](changelog.md#x) ![e](f.png)"
    assert relinked(text, known.__contains__) == expected


def test_a_cell_of_two_figures_gives_each_its_text(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    from notebook_pages import page

    png = {"image/png": "iVBORw0KGgo="}
    stored = {"image/png": {"alt": "What the first\none shows"}}
    cell = nbformat.v4.new_code_cell("draw()")
    cell.outputs = [
        nbformat.v4.new_output("display_data", png, metadata=stored),
        nbformat.v4.new_output("display_data", png),
        nbformat.v4.new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}}),
    ]
    text = nbformat.v4.new_markdown_cell(
        "# Steps\n\nMany.\n\n## How far\n\nThe distance grows. Then it stops."
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[text, cell]), tmp_path / "explore.ipynb")
    _, note, first, second = page(tmp_path / "explore.ipynb").cells
    assert "`make app`" in note.source
    assert [len(part.outputs) for part in (first, second)] == [1, 1]
    assert first.metadata.mystnb.image.alt == "What the first one shows"
    assert second.metadata.mystnb.image.alt == "Steps, How far: The distance grows."
    assert second.metadata.tags == ["remove-input"]


def test_a_build_that_fails_keeps_the_old_site(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(DOCS)
    import make_site as maker

    output = tmp_path / "site"

    def stage(text):
        def write(source, notebooks):
            source.mkdir()
            (source / "conf.py").write_text("project = 'x'\n", encoding="utf-8")
            (source / "index.rst").write_text(text, encoding="utf-8")

        monkeypatch.setattr(maker, "stage", write)

    stage("One\n===\n")
    assert maker.build(output, NOTEBOOKS)
    first = (output / "index.html").read_text(encoding="utf-8")
    stage("Two\n===\n\n:doc:`gone`\n")
    assert not maker.build(output, NOTEBOOKS)
    assert "unknown document" in capsys.readouterr().err
    assert (output / "index.html").read_text(encoding="utf-8") == first
    stage("Three\n=====\n")
    assert maker.build(output, NOTEBOOKS)
    assert "Three" in (output / "index.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_what_is_missing_or_in_the_way_is_said_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(DOCS)
    import make_site as maker

    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("dear", encoding="utf-8")
    for arguments, words in (
        ([tmp_path / "letters"], "holds something else"),
        ([tmp_path / "site", "--notebooks", tmp_path / "letters"], "No such file"),
    ):
        monkeypatch.setattr(sys, "argv", ["make_site.py", *map(str, arguments)])
        assert maker.main() == 1
        said = capsys.readouterr().err
        assert words in said and said.startswith("site: ") and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]
    assert (tmp_path / "letters" / "mine.txt").read_text(encoding="utf-8") == "dear"
