"""The explorer as widgets: controls, figures and words that follow each other."""

import asyncio
import contextlib
import functools
from collections.abc import Iterator

import ipywidgets as widgets
import pandas as pd

from batchlab.explorer import boundary, curves, html
from batchlab.explorer.answer import Answer
from batchlab.explorer.computing import Explorer
from batchlab.explorer.controls import Controls
from batchlab.explorer.latest import Latest
from batchlab.explorer.parts import Parts
from batchlab.explorer.setting import Setting
from batchlab.explorer.words import numbers_table, progress_words, sentence, title

MOST_PICTURES = 50
SETTLE = 0.05  # seconds; a slider that is dragged sends its values faster


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
    parts : Parts
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
        self.explorer = explorer
        self.pinned: Answer | None = None
        self._drawing = False
        self._latest = Latest(explorer.stages, self._show, self._fail, settle=SETTLE)
        self.controls = Controls(setting, self.ask)
        self.answer: Answer = explorer.answer(setting)
        self.parts = Parts(self.answer.setting.epochs)
        self.parts.keep.value = html.keep_html(setting)
        self.parts.pin.on_click(self.pin)
        self.parts.unpin.on_click(self.unpin)
        self.parts.kind.observe(lambda _: self._draw_curves(), "value")
        self.parts.upload.observe(self._on_file, "value")
        self.parts.epoch.observe(self._on_epoch, "value")
        super().__init__(self.parts.arranged(self.controls))
        self.add_class("explorer")
        self._show(setting, self.answer)
        if refused:
            self._fail(setting, ValueError(refused))
        with contextlib.suppress(RuntimeError):  # where no event loop runs, nobody moves a slider
            asyncio.get_running_loop()
            self._latest.meanwhile(functools.partial(explorer.prepare, setting))

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
        return numbers_table(self.answer)

    def ask(self, setting: Setting) -> None:
        """Show a setting, and its answer as soon as there is one.

        In an event loop the answer comes later, and a newer setting replaces this one; without one
        it is there on return.
        """
        self.controls.show(setting)
        self.parts.keep.value = html.keep_html(setting)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._ask_now(setting)
            return
        if self.explorer.kept(setting) is None:
            self.parts.status.value = html.status_html("training", setting, "training …")
        self._latest.submit(setting)

    async def idle(self) -> None:
        """Wait until the answer to the last setting is shown."""
        await self._latest.idle()

    def close(self) -> None:
        """Stop computing, and close the widgets."""
        self._latest.close()
        super().close()

    def pin(self, _: widgets.Button | None = None) -> None:
        """Keep what is shown, and draw what comes over it."""
        self.pinned = self.answer
        self._draw_pinned()

    def unpin(self, _: widgets.Button | None = None) -> None:
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
            self._draw_boundary()
        self.parts.sentence.value = html.sentence_html(sentence(answer))
        self.parts.numbers.value = html.numbers_html(answer)
        self.parts.caption.value = html.caption_html(curves.caption(answer))
        self.parts.status.value = html.status_html(state, setting, progress_words(answer))

    def _fail(self, setting: Setting, error: Exception) -> None:
        said = " ".join(str(error).split()) or type(error).__name__
        self.parts.status.value = html.status_html("error", setting, said)

    def _draw_curves(self) -> None:
        kind = self.parts.kind.value
        layout = curves.curves_layout(kind, self.answer.asked.epochs)
        traces = curves.curve_traces(self.answer, kind)
        traces += curves.curve_traces(self.pinned, kind, pinned=True)
        self.parts.curves_legend.value = html.legend_html(curves.legend(traces))
        self.parts.curves.draw(traces, layout)

    def _draw_pinned(self) -> None:
        self.parts.unpin.disabled = self.pinned is None
        self._draw_curves()

    def _follow_epochs(self) -> None:
        epochs = self.answer.setting.epochs
        at_the_end = self.parts.epoch.value == self.parts.epoch.max
        for control in (self.parts.epoch, self.parts.play):
            control.max = epochs
        if at_the_end:
            self.parts.epoch.value = epochs
        self.parts.play.step = max(epochs // MOST_PICTURES, 1)

    def _draw_boundary(self) -> None:
        epoch = self.parts.epoch.value
        traces = boundary.boundary_traces(self.answer, epoch)
        self.parts.boundary.draw(traces, boundary.boundary_layout(*self.answer.grid[:2]))
        self.parts.boundary_legend.value = html.legend_html(curves.legend(traces))
        self.parts.when.value = html.caption_html(boundary.boundary_caption(self.answer, epoch))

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
        self.parts.upload.value = ()
