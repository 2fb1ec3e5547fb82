"""A browser for the tests, and what it looks at: the app on a server, the site in a folder."""

import os
import subprocess
import sys
from pathlib import Path

import debian
import pytest
import watching
from playwright.sync_api import sync_playwright
from serving import served

ROOT = Path(__file__).parents[2]
# To load the app starts a kernel that imports TensorFlow; all else is a matter of seconds.
LOAD_MILLISECONDS = 120_000
MOST_MILLISECONDS = 30_000


def pytest_configure(config):
    """Say what was skipped and why, without being asked."""
    if "s" not in config.option.reportchars:
        config.option.reportchars += "s"
    if folder := os.environ.get("BATCHLAB_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def browser():
    program = debian.find("chromium")
    if program is None:
        (pytest.fail if debian.required() else pytest.skip)(debian.missing("chromium"))
    # Chromium's own sandbox refuses root.
    arguments = ["--no-sandbox"] if debian.is_root() else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def open_page(browser):
    """A function that opens a page of its own; it yields the page and the list of its troubles."""

    def opens(at_home, width=1280, height=900):
        page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        page.set_default_timeout(MOST_MILLISECONDS)
        page.set_default_navigation_timeout(LOAD_MILLISECONDS)
        return page, watching.troubles(page, at_home)

    return opens


@pytest.fixture(scope="session")
def app(browser, tmp_path_factory):
    """The server's process, and its address. A browser comes first: without one none is needed."""
    log = tmp_path_factory.mktemp("app") / "log.txt"
    with served(ROOT / "notebooks" / "explore.ipynb", log) as server:
        yield server


@pytest.fixture(scope="session")
def site(browser, tmp_path_factory):
    """The folder of the site."""
    output = tmp_path_factory.mktemp("site") / "built"
    made = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "make_site.py"), str(output)],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return output
