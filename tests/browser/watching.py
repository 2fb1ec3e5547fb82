"""What a page does beside what it shows: its troubles, its figures, its photographs."""

import contextlib
import os
import re
from pathlib import Path

from playwright.sync_api import TimeoutError

WIDTHS = (375, 768, 1280)
SCHEMES = ("light", "dark")
# Of plotly's traces, unpacked. Arrays come typed or plain; gaps in them are null or NaN.
TRACES = """(figure) => {
  const plain = (values) => values == null ? [] : Array.from(values, (one) =>
    one !== null && typeof one === "object" ? plain(one) : one === null ? NaN : one);
  return figure._fullData.map(({ name, x, y, z }) =>
    ({ name: name ?? "", x: plain(x), y: plain(y), z: plain(z) }));
}"""


# The theme's page never scrolls itself: its text lies in a part that does.
SIDEWAYS = """Math.max(
  document.scrollingElement.scrollWidth - window.innerWidth,
  ...[...document.querySelectorAll(".content")].map(
    (part) => part.scrollWidth - part.clientWidth))"""


def troubles(page, at_home):
    """Return a list to which a page's errors are added, and its requests to anywhere else.

    `at_home` is what the addresses of its own files begin with.
    """
    found = []

    def note(kind, words):
        found.append(f"{kind} on {page.url}: {words}")

    def asked(request):
        if not request.url.startswith((*at_home, "data:", "blob:")):
            note("request to elsewhere", request.url)

    page.on("console", lambda said: note("error", said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: note("exception", error))
    page.on("request", asked)
    page.on("requestfailed", lambda request: note("missing", f"{request.url} {request.failure}"))
    page.on(
        "response",
        lambda answer: note("missing", answer.url) if answer.status >= 400 else None,
    )
    page.on("websocket", lambda socket: asked_socket(socket, at_home, note))
    return found


def asked_socket(socket, at_home, note):
    if not re.sub("^ws", "http", socket.url).startswith(tuple(at_home)):
        note("socket to elsewhere", socket.url)


def visit(page, address):
    """Open a page of the site, and wait until it asks for nothing more.

    The tables' module is imported after the page is loaded. Whoever leaves before that breaks its
    import off, which reads like a file that is missing.
    """
    page.goto(address, wait_until="load")
    page.evaluate("window.datatables")


def traces(page, place):
    """Return the traces of the plotly figure at a place, by their names and without."""
    return page.locator(place).first.evaluate(TRACES)


def named(page, place, name):
    """Return the one trace of a name."""
    (found,) = [trace for trace in traces(page, place) if trace["name"] == name]
    return found


def overflow(page):
    """Return by how many pixels a page, or the part that holds its text, scrolls sideways."""
    return page.evaluate(SIDEWAYS)


def wide_parts(page):
    """Return what sticks out of a page on the right, to say so."""
    return page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1)
          .slice(0, 5).map((one) => `${one.tagName}.${one.getAttribute("class") ?? ""}`)"""
    )


def photograph(page, name):
    """Keep what a page looks like, if BATCHLAB_SCREENSHOTS names a folder for it."""
    if folder := os.environ.get("BATCHLAB_SCREENSHOTS"):
        # What changes with the width is drawn in the next frames.
        page.evaluate("new Promise((done) => setTimeout(done, 500))")
        page.screenshot(path=Path(folder, f"{name}.png"), full_page=True)


def settle(page):
    """Give figures a moment to follow a width: they are drawn anew after the page is."""
    with contextlib.suppress(TimeoutError):
        page.wait_for_function(f"{SIDEWAYS} <= 0", timeout=5000)


def at_each_width(page, name, widths=WIDTHS, schemes=SCHEMES):
    """Return where a page can be scrolled sideways, and photograph it at each width."""
    too_wide = []
    before = page.viewport_size
    for width in widths:
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            settle(page)
            if (pixels := overflow(page)) > 0:
                too_wide.append((name, width, scheme, pixels, wide_parts(page)))
            photograph(page, f"{name}-{width}-{scheme}")
    page.emulate_media(color_scheme=None)
    page.set_viewport_size(before)
    return too_wide
