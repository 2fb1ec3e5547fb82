"""Pictures that follow each other, to be played and stepped through in a notebook or its page.

Imports neither TensorFlow nor Keras. Matplotlib's own player fetches an icon font from another
host; this one is a picture, a slider and three buttons, all within the page.
"""

import base64
import hashlib
import html
import io
import json
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from batchlab.figures.problems import plot_decision_boundary
from batchlab.figures.style import literal
from batchlab.foundation.checks import whole_number
from batchlab.histories.records import RECORDS
from batchlab.problems.problem import Problem, check_classification

# A player is found by its class, so that a page may hold it twice.
_PLAYER = """<div class="player-{name}" style="display:inline-block;max-width:100%">
<img alt="{alt}" style="display:block;max-width:100%" src="data:image/webp;base64,{first}">
<button type="button" title="previous">&#9664;&#xFE0E; back</button>
<button type="button" title="play or pause">play</button>
<button type="button" title="next">next &#9654;&#xFE0E;</button>
<input type="range" min="0" max="{last}" value="0" aria-label="frame" style="width:40%">
<span></span>
</div>
<script>
for (const player of document.querySelectorAll(".player-{name}")) {{
  const frames = {frames}, captions = {captions};
  const picture = player.querySelector("img"), slider = player.querySelector("input");
  const [back, play, next] = player.querySelectorAll("button");
  let timer = null;
  const show = (place) => {{
    slider.value = (place + frames.length) % frames.length;
    picture.src = "data:image/webp;base64," + frames[slider.value];
    player.querySelector("span").textContent = captions[slider.value];
  }};
  const stop = () => {{ clearInterval(timer); timer = null; play.textContent = "play"; }};
  const step = (by) => show(Number(slider.value) + by);
  back.onclick = () => {{ stop(); step(-1); }};
  next.onclick = () => {{ stop(); step(1); }};
  slider.oninput = () => {{ stop(); step(0); }};
  play.onclick = () => {{
    if (timer) return stop();
    timer = setInterval(() => step(1), {interval});
    play.textContent = "pause";
  }};
  show(0);
}}
</script>"""


@dataclass(frozen=True, eq=False, repr=False)
class Animation:
    """Pictures to be stepped through: the last value of a notebook's cell shows the player.

    Where no scripts run the first picture is shown.

    Attributes
    ----------
    frames : tuple of bytes
        WebP pictures, a third of the size of PNG ones.
    captions : tuple of str
        What is said beside each.
    interval : int
        Milliseconds between pictures when it plays.
    """

    frames: tuple[bytes, ...]
    captions: tuple[str, ...]
    interval: int = 700

    def __repr__(self) -> str:
        """Return how many pictures there are, not the pictures."""
        return f"Animation of {len(self.frames)} pictures"

    def _repr_html_(self) -> str:
        pictures = [base64.b64encode(frame).decode() for frame in self.frames]
        return _PLAYER.format(
            name=hashlib.sha256(b"".join(self.frames)).hexdigest()[:12],
            alt=html.escape(
                f"Animation of {len(pictures)} pictures, {self.captions[0]} to {self.captions[-1]}"
            ),
            first=pictures[0],
            last=len(pictures) - 1,
            frames=json.dumps(pictures),
            captions=json.dumps(self.captions).replace("<", "\\u003c"),
            interval=self.interval,
        )


def animate_boundary(
    boundaries: xr.Dataset,
    problem: Problem,
    *,
    samples: int = 300,
    interval: int = 700,
    dpi: int = 80,
) -> Animation:
    """Return the decision boundaries as an animation, the histories side by side.

    Parameters
    ----------
    boundaries : xarray.Dataset
        From `decision_boundaries`.
    problem : Problem
        The same; its test samples are drawn, and the Bayes boundary if it is known.
    samples : int
        At most so many test samples are drawn, the first of them, at least 1.
    interval : int
        Milliseconds between pictures when it plays, at least 20.
    dpi : int
        Dots per inch of a picture, at least 20; a panel is 4.4 inches wide.

    Returns
    -------
    Animation
        With a picture for each record. It loads nothing from elsewhere.

    Raises
    ------
    TypeError, ValueError
        If the problem is a regression, or one of the numbers is no such number.

    Examples
    --------
    >>> import batchlab as bl
    >>> problem = bl.blobs()
    >>> history = bl.fit(bl.mlp, problem, batch_size=32, epochs=2, keep_weights="epochs")
    >>> found = bl.decision_boundaries(bl.mlp, problem, {"32": history}, resolution=20)
    >>> len(bl.animate_boundary(found, problem).frames)
    3
    """
    check_classification(problem, "decision boundaries")
    samples = whole_number("samples", samples, minimum=1)
    interval = whole_number("interval", interval, minimum=20)
    dpi = whole_number("dpi", dpi, minimum=20)
    problem = _thinned(problem, samples)
    (record,) = set(boundaries["probability"].dims) & set(RECORDS)
    places = range(boundaries.sizes[record])
    captions = [f"{record} {boundaries[record].values[place]}" for place in places]
    frames = [
        _picture(boundaries.isel({record: place}), problem, caption, dpi)
        for place, caption in zip(places, captions, strict=True)
    ]
    return Animation(tuple(frames), tuple(captions), interval)


def _thinned(problem: Problem, count: int) -> Problem:
    """Return the problem with fewer test samples and, for the same frame, all for training."""
    return replace(
        problem,
        x_train=np.concatenate([problem.x_train, problem.x_test]),
        y_train=np.concatenate([problem.y_train, problem.y_test]),
        x_test=problem.x_test[:count],
        y_test=problem.y_test[:count],
    )


def _picture(boundaries: xr.Dataset, problem: Problem, caption: str, dpi: int) -> bytes:
    names = boundaries["history"].to_numpy()
    resolution = round(boundaries.sizes["point"] ** 0.5)
    figure, axes = plt.subplots(
        1, len(names), figsize=(4.4 * len(names), 4.6), squeeze=False, layout="constrained"
    )
    for ax, name in zip(axes[0], names, strict=True):
        one = boundaries.sel(history=name)
        probability = one["probability"].to_numpy()
        plot_decision_boundary(
            lambda _, found=probability: found, problem, ax=ax, resolution=resolution
        )
        ax.get_legend().remove()
        ax.set_title(f"{literal(name)}, {caption}\ntest accuracy {float(one['accuracy']):.3f}")
    for ax in axes[0, 1:]:
        ax.set_ylabel("")
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=len(handles[0]), fontsize="small")
    file = io.BytesIO()
    figure.savefig(file, format="webp", dpi=dpi, pil_kwargs={"quality": 75})
    plt.close(figure)
    return file.getvalue()
