"""The explorer as widgets: controls, figures and words that follow each other."""

import asyncio
import contextlib
import os
from collections.abc import Iterator

import ipywidgets as widgets
import pandas as pd
import plotly.graph_objects as go

from batchlab import explorer_figures as figures
from batchlab import explorer_maps as maps
from batchlab import explorer_page as page
from batchlab.explorer import Explorer
from batchlab.explorer_answer import Answer
from batchlab.explorer_controls import Controls
from batchlab.explorer_setting import Setting
from batchlab.explorer_words import progress_words, sentence, table, title
from batchlab.latest import Latest

# In these of a trace a new answer may differ from the one before; the rest stays.
_LIVE = ("x", "y", "z", "name", "showlegend")
MILLISECONDS_A_PICTURE = 120
MOST_PICTURES = 50
SETTLE = 0.05  # seconds; a slider that is dragged sends its values faster


def explore(setting: Setting | None = None, *, explorer: Explorer | None = None) -> "App":
    """Return the live explorer, to be shown as the last value of a notebook's cell.

    Parameters
    ----------
    setting : Setting or None
        To begin with; None is the default. The query of the page's address goes before it, where
        Voilà serves the notebook.
    explorer : Explorer or None
        Whose answers it shows; None is a new one.

    Returns
    -------
    App
        A widget; `setting` and `answer` say what it shows.

    Examples
    --------
    >>> import batchlab as bl
    >>> app = bl.explore(bl.Setting(batch_size=500, epochs=5))
    >>> app.setting.batch_size
    500
    """
    return App(setting or Setting(), explorer or Explorer(), os.environ.get("QUERY_STRING", ""))


class App(widgets.VBox):
    """Controls, learning curves, decision boundary, numbers and a sentence.

    Parameters
    ----------
    setting : Setting
    explorer : Explorer
    query : str
        Of a link; what it gives goes before `setting`. A wrong one is said and passed over.

    Attributes
    ----------
    setting : Setting
        What was asked for last.
    answer : Answer
        What is shown.
    pinned : Answer or None
        What it is drawn over.
    """

    def __init__(self, setting: Setting, explorer: Explorer, query: str = ""):
        refused = ""
        if query:
            try:
                setting = Setting.from_query(query, setting)
            except ValueError as error:
                refused = str(error)
        self.explorer, self.answer, self.pinned = explorer, None, None
        self._drawing = False
        self._latest = Latest(explorer.stages, self._show, self._fail, settle=SETTLE)
        self.controls = Controls(setting, self.ask)
        self._make_words()
        self.answer = explorer.answer(setting)
        self._make_figures()
        super().__init__(self._arranged())
        self.add_class("explorer")
        self._show(setting, self.answer)
        if refused:
            self._fail(setting, ValueError(refused))

    @property
    def setting(self) -> Setting:
        """What was asked for last."""
        return self.controls.setting

    def __repr__(self) -> str:
        """Return what stands in its place where no widget can be shown."""
        return f"the live explorer, at {title(self.setting)}"

    @property
    def sentence(self) -> str:
        """What one sees, in words."""
        return sentence(self.answer)

    @property
    def table(self) -> pd.DataFrame:
        """The numbers that repeat: metrics after the last epoch, with 95 % intervals."""
        return table(self.answer)

    def ask(self, setting: Setting) -> None:
        """Show a setting, and its answer as soon as there is one.

        In an event loop the answer comes later, and a newer setting replaces this one; without one
        it is there on return.
        """
        self.controls.show(setting)
        self._keep.value = page.keep_html(setting)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._ask_now(setting)
            return
        if self.explorer.kept(setting) is None:
            self._status.value = page.status_html("training", setting, "training …")
        self._latest.submit(setting)

    async def idle(self) -> None:
        """Wait until the answer to the last setting is shown."""
        await self._latest.idle()

    def close(self) -> None:
        """Stop computing, and close the widgets."""
        self._latest.close()
        super().close()

    def pin(self, _: object = None) -> None:
        """Keep what is shown, and draw what comes over it."""
        self.pinned = self.answer
        self._draw_pinned()

    def unpin(self, _: object = None) -> None:
        """Draw alone what is shown."""
        self.pinned = None
        self._draw_pinned()

    def _ask_now(self, setting: Setting) -> None:
        try:
            for answer in self.explorer.stages(setting):
                self._show(setting, answer)
        except Exception as error:
            self._fail(setting, error)

    # What is shown

    def _show(self, setting: Setting, answer: Answer) -> None:
        self.answer = answer
        state = "training" if not answer.complete else "diverged" if answer.lost.any() else "done"
        with self._redrawing():
            self._draw_curves()
            self._follow_epochs()
            self._draw_boundary(samples=True)
        self._sentence.value = page.sentence_html(sentence(answer))
        self._numbers.value = page.numbers_html(answer)
        self._caption.value = page.caption_html(figures.caption(answer))
        self._status.value = page.status_html(state, setting, progress_words(answer))

    def _fail(self, setting: Setting, error: Exception) -> None:
        said = " ".join(str(error).split()) or type(error).__name__
        self._status.value = page.status_html("error", setting, said)

    def _draw_curves(self) -> None:
        kind = self._kind.value
        layout = figures.curves_layout(kind, self.answer.asked.epochs)
        traces = figures.curve_traces(self.answer, kind)
        traces += figures.curve_traces(self.pinned, kind, pinned=True)
        self._curves_legend.value = page.legend_html(figures.legend(traces))
        with self.curves.batch_update():
            for trace, new in zip(self.curves.data, traces, strict=True):
                _update(trace, new)
            for axis in ("xaxis", "yaxis"):
                self.curves.layout[axis].title.text = layout[axis]["title"]["text"]
                self.curves.layout[axis].range = layout[axis]["range"]

    def _draw_pinned(self) -> None:
        self._unpin.disabled = self.pinned is None
        self._draw_curves()

    def _follow_epochs(self) -> None:
        epochs = self.answer.setting.epochs
        at_the_end = self._epoch.value == self._epoch.max
        for control in (self._epoch, self._play):
            control.max = epochs
        if at_the_end:
            self._epoch.value = epochs
        self._play.step = max(epochs // MOST_PICTURES, 1)

    def _draw_boundary(self, *, samples: bool = False) -> None:
        epoch = self._epoch.value
        with self.boundary.batch_update():
            if samples:
                traces = maps.boundary_traces(self.answer, epoch)
                self._boundary_legend.value = page.legend_html(figures.legend(traces))
                for trace, new in zip(self.boundary.data, traces, strict=True):
                    _update(trace, new)
                layout = maps.boundary_layout(*self.answer.grid[:2])
                for axis in ("xaxis", "yaxis"):
                    self.boundary.layout[axis].range = layout[axis]["range"]
            else:
                believed = maps.boundary_maps(self.answer, epoch)
                for trace, shares in zip(self.boundary.data, believed, strict=False):
                    trace.z = shares
        self._when.value = page.caption_html(maps.boundary_caption(self.answer, epoch))

    @contextlib.contextmanager
    def _redrawing(self) -> Iterator[None]:
        """Let the epoch follow the answer without a drawing of its own."""
        self._drawing = True
        try:
            yield
        finally:
            self._drawing = False

    def _on_epoch(self, _: dict) -> None:
        if not self._drawing:
            self._draw_boundary()

    def _on_file(self, change: dict) -> None:
        if not change["new"]:
            return
        try:
            setting = Setting.from_json(bytes(change["new"][0]["content"]))
        except ValueError as error:
            self._fail(self.setting, error)
        else:
            self.ask(setting)
        self._upload.value = ()

    # What it is made of

    def _make_words(self) -> None:
        self._sentence, self._numbers, self._status = (widgets.HTML() for _ in range(3))
        self._caption, self._when, self._keep = (widgets.HTML() for _ in range(3))
        self._curves_legend, self._boundary_legend = widgets.HTML(), widgets.HTML()
        self._keep.value = page.keep_html(self.setting)
        self._pin = widgets.Button(description="pin this run", tooltip="draw the next one over it")
        self._unpin = widgets.Button(description="unpin", disabled=True)
        self._pin.add_class("explorer-pin").on_click(self.pin)
        self._unpin.add_class("explorer-unpin").on_click(self.unpin)
        self._kind = widgets.ToggleButtons(
            options=list(figures.KINDS), tooltips=list(figures.KINDS.values())
        )
        self._kind.style.button_width = "7em"
        self._kind.add_class("control-metric").observe(lambda _: self._draw_curves(), "value")
        self._upload = widgets.FileUpload(accept=".json", description="open a file")
        self._upload.add_class("control-file").observe(self._on_file, "value")

    def _make_figures(self) -> None:
        curves = figures.curve_traces(self.answer) + figures.curve_traces(None, pinned=True)
        layout = figures.curves_layout(epochs=self.setting.epochs)
        self.curves = _figure(curves, layout)
        layout = maps.boundary_layout(*self.answer.grid[:2])
        epochs = self.answer.setting.epochs
        self.boundary = _figure(maps.boundary_traces(self.answer, epochs), layout)
        self._play = widgets.Play(
            value=epochs, min=0, max=epochs, interval=MILLISECONDS_A_PICTURE, show_repeat=False
        )
        self._epoch = widgets.IntSlider(
            value=epochs, min=0, max=epochs, description="epoch", layout={"width": "auto"}
        )
        self._play.add_class("control-play")
        self._epoch.add_class("control-epoch").observe(self._on_epoch, "value")
        # In the browser, so that it runs on while the kernel computes.
        self._link = widgets.jslink((self._play, "value"), (self._epoch, "value"))
        self._epoch.layout.flex = "1 1 200px"

    def _arranged(self) -> list[widgets.Widget]:
        return [
            widgets.HTML(page.STYLE),
            _box("explorer-controls", *self.controls.widgets.values()),
            _box("explorer-row", self._status),
            self._sentence,
            _box(
                "explorer-columns",
                _panel(
                    "explorer-curves",
                    widgets.HTML(page.heading_html("Learning curves")),
                    _box("explorer-row", self._kind, self._pin, self._unpin),
                    self.curves,
                    self._curves_legend,
                    self._caption,
                ),
                _panel(
                    "explorer-boundary",
                    widgets.HTML(page.heading_html("What the replicates believe")),
                    _box("explorer-row", self._play, self._epoch),
                    self.boundary,
                    self._boundary_legend,
                    self._when,
                ),
            ),
            self._numbers,
            _box("explorer-row", self._keep, self._upload),
        ]


def _box(name: str, *children: widgets.Widget) -> widgets.Box:
    return widgets.Box(children).add_class(name)


def _panel(name: str, *children: widgets.Widget) -> widgets.VBox:
    return widgets.VBox(children).add_class("explorer-panel").add_class(name)


def _figure(traces: list, layout: dict) -> go.FigureWidget:
    found = go.FigureWidget(data=traces, layout=layout)
    found._config = {**found._config, "responsive": True, "displaylogo": False}
    return found


def _update(trace: go.Scatter | go.Heatmap, new: dict) -> None:
    trace.update({name: new[name] for name in _LIVE if name in new})
