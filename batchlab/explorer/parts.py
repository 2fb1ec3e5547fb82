"""The widgets of the explorer beside its controls, and how they are arranged."""

import ipywidgets as widgets

from batchlab.explorer import curves, html
from batchlab.explorer.controls import Controls
from batchlab.explorer.plot_widget import Plot

MILLISECONDS_A_PICTURE = 120
# ipywidgets writes how many files were chosen behind the words; here that is always none. The
# second `content` keeps the words from being read out twice, where a browser knows it.
_STYLE = """<style>
.explorer .control-file { font-size: 0; }
.explorer .control-file i { font-size: var(--jp-widgets-font-size, 13px); }
.explorer .control-file::after { content: "open a file"; content: "open a file" / "";
  font-size: var(--jp-widgets-font-size, 13px); }
</style>"""


class Curves(Plot):
    """Learning curves, whose vertical axis follows what is drawn."""

    def draw(self, traces: list[dict], layout: dict) -> None:
        """Show other traces, and another layout but for the vertical range."""
        super().draw(traces, curves.following(layout, traces))


class Parts:
    """Words, buttons and figures, which the app fills.

    Parameters
    ----------
    epochs : int
        Of the first answer, after the last of which its boundary is shown.

    Attributes
    ----------
    sentence, numbers, status, caption, when, keep, curves_legend, boundary_legend : HTML
        What is said: `when` of the boundary's epoch, `keep` the link and the file to save.
    pin, unpin : Button
    kind : ToggleButtons
        Accuracy or loss.
    upload : FileUpload
    curves : Curves
    boundary : Plot
    play : Play
    epoch : IntSlider
        After which epoch the boundary is shown; `play` moves it.
    """

    def __init__(self, epochs: int):
        self.sentence, self.numbers, self.status = (widgets.HTML() for _ in range(3))
        self.caption, self.when, self.keep = (widgets.HTML() for _ in range(3))
        self.curves_legend, self.boundary_legend = widgets.HTML(), widgets.HTML()
        self.pin = widgets.Button(description="pin this run", tooltip="draw the next one over it")
        self.pin.add_class("explorer-pin")
        self.unpin = widgets.Button(description="unpin", disabled=True)
        self.unpin.add_class("explorer-unpin")
        self.kind = widgets.ToggleButtons(
            options=list(curves.KINDS), tooltips=list(curves.KINDS.values())
        )
        self.kind.style.button_width = "7em"
        self.kind.add_class("control-metric")
        self.upload = widgets.FileUpload(accept=".json", description="open a file")
        self.upload.add_class("control-file")
        self.curves, self.boundary = Curves(), Plot(library=False)
        self.play = widgets.Play(
            value=epochs, min=0, max=epochs, interval=MILLISECONDS_A_PICTURE, show_repeat=False
        )
        self.play.add_class("control-play")
        self.epoch = widgets.IntSlider(
            value=epochs, min=0, max=epochs, description="epoch", layout={"width": "auto"}
        )
        self.epoch.layout.flex = "1 1 200px"
        self.epoch.add_class("control-epoch")
        # In the browser, so that it runs on while the kernel computes.
        self._link = widgets.jslink((self.play, "value"), (self.epoch, "value"))

    def arranged(self, controls: Controls) -> list[widgets.Widget]:
        """Return the rows of the page, the controls first."""
        return [
            widgets.HTML(html.STYLE + _STYLE),
            _box("explorer-controls", *controls.widgets.values()),
            _box("explorer-row", self.status),
            self.sentence,
            _box(
                "explorer-columns",
                _panel_box(
                    "explorer-curves",
                    widgets.HTML(html.heading_html("Learning curves")),
                    _box("explorer-row", self.kind, self.pin, self.unpin),
                    self.curves,
                    self.curves_legend,
                    self.caption,
                ),
                _panel_box(
                    "explorer-boundary",
                    widgets.HTML(html.heading_html("What the replicates believe")),
                    _box("explorer-row", self.play, self.epoch),
                    self.boundary,
                    self.boundary_legend,
                    self.when,
                ),
            ),
            self.numbers,
            _box("explorer-row", self.keep, self.upload),
        ]


def _box(name: str, *children: widgets.Widget) -> widgets.Box:
    return widgets.Box(children).add_class(name)


def _panel_box(name: str, *children: widgets.Widget) -> widgets.VBox:
    return widgets.VBox(children).add_class("explorer-panel").add_class(name)
