"""HTML of executed notebooks: a page for each, and the index that links them."""

import html
import logging
import os
import string
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import nbformat
from jinja2 import DictLoader
from nbconvert import HTMLExporter

from batchlab.foundation.files import replacing
from batchlab.runner.summaries import Summary, executed_notebook, summarize

# nbconvert's own page fetches its scripts (MathJax, RequireJS, Mermaid) from other hosts; without
# them a page reads the same offline. Formulas in notebooks are therefore written in Unicode.
_PAGE = """
{%- extends 'lab/index.html.j2' -%}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block data_png %}
<div class="jp-RenderedImage jp-OutputArea-output {{ extra_class }}">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
alt="{{ (output | get_metadata('alt', 'image/png')
or 'Figure of cell [%s]; the text beside it says what it shows' % cell.execution_count) | e }}">
</div>
{% endblock %}
"""

_INDEX = string.Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --text: #1d2126; --soft: #57606a; --page: #f6f7f9; --card: #fff; --line: #d8dee4;
  --link: #0550ae; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e7eb; --soft: #a3acb8; --page: #14171b; --card: #1d2126; --line: #353b43;
    --link: #79b8ff; --bad: #ff9a91; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem; background: var(--page);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
a { color: var(--link); }
.cards { display: grid; gap: 1.25rem; padding: 0; list-style: none;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
.cards li { display: flex; flex-direction: column; overflow: hidden; background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; }
.cards img { display: block; width: 100%; height: 13rem; padding: .5rem; object-fit: contain;
  background: #fff; border-bottom: 1px solid var(--line); }
.cards div { display: flex; flex-direction: column; flex: 1; padding: 1rem; }
h2 { margin: 0; font-size: 1.1rem; line-height: 1.3; }
.cards p { margin: .5rem 0; }
.cards p:last-child { margin: auto 0 0; color: var(--soft); font-size: .875rem; }
.failed { color: var(--bad); }
</style>
</head>
<body>
<h1>$heading</h1>
<p>What does the batch size do to training? The notebooks, as they were last executed$settings.</p>
<ul class="cards">
$cards</ul>
</body>
</html>
""")


def executed_page(notebook: nbformat.NotebookNode, name: str) -> str:
    """Return an executed notebook as one HTML page that needs no other file or host.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The executed notebook.
    name : str
        The page's title where the notebook has no heading.

    Returns
    -------
    str
        The page.
    """
    exporter = HTMLExporter(
        extra_loaders=[DictLoader({"page.html.j2": _PAGE})],
        template_file="page.html.j2",
        embed_images=True,
    )
    exporter.log.setLevel(logging.ERROR)
    title = summarize(notebook, name).title
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})
    return page


def write_index(
    output_dir: str | os.PathLike[str],
    notebooks: Sequence[str | os.PathLike[str]],
    *,
    parameters: str | None = None,
) -> tuple[Path, list[str]]:
    """Write ``index.html``: a card for each executed notebook, with its first figure.

    Parameters
    ----------
    output_dir : path
        The folder with the executed notebooks and their pages.
    notebooks : sequence of paths
        The notebooks in the order in which to show them; only their names matter.
    parameters : str, optional
        What to call the parameters that they ran with, if not their own.

    Returns
    -------
    index : pathlib.Path
        The page.
    failed : list of str
        The names of the notebooks that failed at their last run or have not been executed.
    """
    output_dir = Path(output_dir)
    names = [Path(notebook).stem for notebook in notebooks]
    failed = [name for name in names if not _succeeded(output_dir, name)]
    cards = [_card(output_dir, name) for name in names]
    named = html.escape(parameters or "")
    words = {
        "title": f"batchlab: {named}" if named else "batchlab: executed notebooks",
        "heading": f"batchlab: {named}" if named else "batchlab",
        "settings": f" with the parameters “{named}”" if named else "",
    }
    index = output_dir / "index.html"
    output_dir.mkdir(parents=True, exist_ok=True)
    page = _INDEX.substitute(words, cards="".join(cards))
    with replacing(index) as part:
        # JSON can hold halves of characters, which no file can.
        part.write_text(page, encoding="utf-8", errors="replace")
    return index, failed


def _card(output_dir: Path, name: str) -> str:
    """Return the card of one notebook; a failed one shows what stands from an earlier run."""
    notebook = executed_notebook(output_dir, name)
    summary = Summary(name, name, "", None, None)
    links = []
    if notebook is not None:
        summary = summarize(notebook, name)
        links = [_link(f"{name}.html", "page"), _link(f"{name}.ipynb", "notebook")]
    title = html.escape(summary.title)
    if links:
        title = _link(f"{name}.html", summary.title)
    if summary.seconds is not None:
        links.append(f"{summary.seconds:.1f} s")
    if not _succeeded(output_dir, name):
        links.append('<strong class="failed">not executed to its end at the last run</strong>')
    image = ""
    if summary.png:
        alt = html.escape(f"The first figure of {summary.title}")
        image = f'<img src="data:image/png;base64,{summary.png}" alt="{alt}">\n'
    line, foot = html.escape(summary.line), " · ".join(links)
    return f"<li>\n{image}<div>\n<h2>{title}</h2>\n<p>{line}</p>\n<p>{foot}</p>\n</div>\n</li>\n"


def _succeeded(output_dir: Path, name: str) -> bool:
    kept = output_dir / f"{name}.failed.ipynb"
    return executed_notebook(output_dir, name) is not None and not kept.exists()


def _link(file: str, text: str) -> str:
    return f'<a href="{quote(file)}">{html.escape(text)}</a>'
