"""A plotly figure as a widget that is drawn anew, whole, at each change."""

import anywidget
import plotly.graph_objects as go
import plotly.offline
import traitlets

# Plotly's own widget sends what has changed, and a page that is still loading may lose it: one view
# in twenty never followed again. A figure of the explorer is small enough to be sent as it is; and
# what draws it, which takes a second to load, is apart from the widget's own lines.
_DRAW = """
function opened() {
  let resolve;
  const promise = new Promise((done) => { resolve = done; });
  return { promise, resolve };
}

const library = (globalThis.batchlabPlotly ??= opened());

function load(text) {
  if (text && !globalThis.Plotly) {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
  }
  if (globalThis.Plotly) {
    library.resolve(globalThis.Plotly);
  }
  return library.promise;
}

async function render({ model, el }) {
  el.classList.add("explorer-plot");
  const plotly = await load(model.get("library"));
  const draw = () => {
    const { data, layout } = JSON.parse(model.get("figure"));
    // Plotly takes a height from the element when the width changes, and has none of its own.
    el.style.height = `${layout.height}px`;
    el.style.flex = "none";
    plotly.react(el, data, layout, { displaylogo: false });
  };
  draw();
  model.on("change:figure", draw);
  const follow = new ResizeObserver(() => el.isConnected && plotly.Plots.resize(el));
  follow.observe(el);
  return () => {
    model.off("change:figure", draw);
    follow.disconnect();
    plotly.purge(el);
  };
}

export default { render };
"""


class Plot(anywidget.AnyWidget):
    """A figure in a page.

    Parameters
    ----------
    library : bool
        Whether it brings plotly.js, of 5 MB, along; one in a page has to.

    Attributes
    ----------
    drawn : plotly.graph_objects.Figure
        What is shown, once something was drawn.
    """

    _esm = _DRAW
    library = traitlets.Unicode().tag(sync=True)
    figure = traitlets.Unicode().tag(sync=True)

    def __init__(self, *, library: bool = True):
        super().__init__(library=plotly.offline.get_plotlyjs() if library else "")

    def draw(self, traces: list[dict], layout: dict) -> None:
        """Show other traces and another layout."""
        self.drawn = go.Figure(data=traces, layout=layout)
        self.figure = self.drawn.to_json()
