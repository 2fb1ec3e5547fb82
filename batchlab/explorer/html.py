"""The pieces of HTML that the explorer shows beside its figures."""

import math
from html import escape
from urllib.parse import quote

import numpy as np

from batchlab.explorer.answer import Answer
from batchlab.explorer.setting import Setting
from batchlab.explorer.words import LONG, METRICS, counted, part_of

_SYMBOLS = {"circle": "●", "triangle-up": "▲", "square": "■", "diamond": "◆", "x": "✕"}
STYLE = """<style>
.explorer { max-width: 1400px; margin: 0 auto; overflow: hidden; }
.explorer .explorer-controls { display: grid; gap: 0 16px; overflow: visible;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 280px), 1fr)); }
.explorer .explorer-controls > * { min-width: 0; margin: 1px 0; }
.explorer .explorer-controls > .control-batch-size { grid-column: 1 / -1; }
.explorer .explorer-columns, .explorer .explorer-row {
  display: flex; flex-flow: row wrap; gap: 4px 16px; align-items: center; overflow: visible; }
.explorer .explorer-columns { align-items: flex-start; }
.explorer .explorer-panel { flex: 1 1 420px; min-width: min(100%, 300px); overflow: hidden; }
.explorer .explorer-panel .js-plotly-plot, .explorer .explorer-panel .plot-container {
  width: 100%; }
.explorer .explorer-row > * { min-width: 0; }
.explorer .widget-html-content { line-height: 1.45; white-space: normal; }
.explorer a { color: #00509e; text-decoration: underline; }
.explorer h3 { font-size: 1rem; font-weight: 600; margin: 8px 0 0; }
.explorer #explorer-sentence { font-size: 1.05rem; margin: 6px 0; max-width: 75em;
  min-height: 3em; }
.explorer #explorer-status { display: inline-block; padding: 1px 10px; border-radius: 10px;
  border: 1px solid #888; font-size: .85rem; }
.explorer #explorer-status[data-state=training] { border-style: dashed; }
.explorer #explorer-status[data-state=diverged], .explorer #explorer-status[data-state=error] {
  border-color: #b30000; color: #b30000; font-weight: 600; }
.explorer #explorer-numbers { border-collapse: collapse; font-size: .85rem; width: auto;
  font-variant-numeric: tabular-nums; }
.explorer #explorer-numbers th, .explorer #explorer-numbers td { padding: 2px 10px 2px 0;
  text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
.explorer #explorer-numbers th[scope=row], .explorer #explorer-numbers caption {
  text-align: left; font-weight: 400; }
.explorer ul.explorer-legend { list-style: none; display: flex; flex-flow: row wrap; margin: 0;
  padding: 0; gap: 0 18px; font-size: .85rem; }
.explorer ul.explorer-legend li { display: flex; align-items: center; gap: 7px; margin: 0; }
.explorer ul.explorer-legend span { display: inline-block; width: 26px; flex: none; }
.explorer .explorer-caption { color: #444; font-size: .85rem; margin: 0; }
@media (max-width: 500px) {
  .explorer #explorer-numbers th, .explorer #explorer-numbers td { padding-right: 5px;
    font-size: .8rem; }
  .explorer #explorer-numbers th { white-space: normal; } }
</style>"""


def sentence_html(text: str) -> str:
    """Return the sentence, which a screen reader reads out when it changes."""
    return f'<p id="explorer-sentence" role="status">{escape(text)}</p>'


def status_html(state: str, setting: Setting, words: str) -> str:
    """Return how far the answer is.

    Parameters
    ----------
    state : {"training", "done", "diverged", "error"}
    setting : Setting
        What the answer is to.
    words : str
    """
    return (
        f'<span id="explorer-status" data-state="{state}" '
        f'data-setting="{escape(setting.to_query())}">{escape(words)}</span>'
    )


def numbers_html(answer: Answer) -> str:
    """Return the numbers of an answer as a table."""
    numbers = answer.numbers

    def cell(name: str, digits: int | None = 4) -> str:
        value = numbers.get(name)
        if value is None or not math.isfinite(value):
            text = "–"
        elif digits is None:
            text = f"{value:,}"
        elif abs(value) >= LONG:
            text = f"{value:.2e}"
        else:
            # Halves go to the even digit, as in the tables of notebooks.
            text = rounded(value, digits)
        return f'<td data-name="{name}">{text}</td>'

    rows = []
    for metric, words in METRICS.items():
        ceiling = cell(f"bayes_{part_of(metric)}_accuracy") if "accuracy" in metric else "<td></td>"
        values = "".join(cell(f"{metric}_{name}") for name in ("mean", "low", "high"))
        name = words.replace(" (nats per sample)", "")
        rows.append(f'<tr><th scope="row">{name}</th>{values}{ceiling}</tr>')
    spent = "".join(
        f'<tr><th scope="row">{words}</th>{cell(name, digits)}</tr>'
        for name, words, digits in (
            ("updates_per_epoch", "updates an epoch", None),
            ("updates", "updates", None),
            ("replicates", "replicates", None),
            ("diverged", "of them diverged", None),
            ("seconds", "seconds of training", 2),
            ("compile_seconds", "seconds of compiling", 2),
        )
    )
    after = counted(answer.setting.epochs, "epoch")
    return (
        f'<table id="explorer-numbers"><caption>after {after}</caption>'
        '<thead><tr><th scope="col"></th><th scope="col">mean</th>'
        '<th scope="col">95 % from</th><th scope="col">to</th>'
        f'<th scope="col">ceiling</th></tr></thead><tbody>{"".join(rows)}{spent}</tbody></table>'
    )


def rounded(value: float, digits: int = 4) -> str:
    """Return a number to so many decimals, as `pandas.DataFrame.round` rounds it."""
    return f"{np.round(value, digits):.{digits}f}"


def keep_html(setting: Setting) -> str:
    """Return a link and a file that bring a setting back."""
    query, file = setting.to_query(), quote(setting.to_json())
    return (
        f'<a id="explorer-link" href="?{escape(query)}">link to this setting</a> · '
        f'<a id="explorer-file" download="batchlab-setting.json" '
        f'href="data:application/json;charset=utf-8,{file}">save it as a file</a>'
    )


def caption_html(text: str) -> str:
    """Return what lines and colours of a figure mean."""
    return f'<p class="explorer-caption">{escape(text)}</p>'


def legend_html(entries: list[dict]) -> str:
    """Return a legend from `curves.legend`; its lines and symbols are decoration."""
    items = "".join(
        f'<li><span aria-hidden="true" style="{_swatch(one)}">'
        f"{_SYMBOLS.get(one.get('symbol', ''), '')}</span>{escape(one['name'])}</li>"
        for one in entries
    )
    return f'<ul class="explorer-legend">{items}</ul>'


def _swatch(entry: dict) -> str:
    if "symbol" in entry:
        return f"color: {entry['color']}; text-align: center"
    style = {"solid": "solid", "dash": "dashed", "longdash": "dashed"}.get(entry["dash"], "dotted")
    return f"border-top: 3px {style} {entry['color']}; height: 0"


def heading_html(text: str) -> str:
    """Return a heading above a figure or the controls."""
    return f"<h3>{escape(text)}</h3>"
