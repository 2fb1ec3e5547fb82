"""The explorer as a page of its own: Voilà, on this machine only.

    python -m batchlab.explorer.voila notebooks/explore.ipynb [--port=8866] [--no-browser]

Options are Voilà's and go before what is set here.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from batchlab.foundation.extras import APP, check_extra

# Voilà's page asks two servers for icons that it has brought along, and so fails without a network.
_PAGE = """{%- extends 'voila/templates/lab/index.html.j2' -%}
{%- block notebook_css -%}
  {{ resources.include_js("static/voila-style.js") }}
  {{ spinner.css() }}
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <style>.jp-mod-noOutputs.jp-mod-noInput { display: none; }</style>
  {{ super.super() }}
{%- endblock notebook_css -%}
"""
_CONFIGURATION = '{"base_template": "lab"}'
TEMPLATE = "batchlab-explorer"
IDLE_SECONDS = 900

# A kernel whose page is closed would live for ever, and one whose page is open holds memory.
DEFAULTS = (
    "--Voila.ip=127.0.0.1",
    "--VoilaConfiguration.strip_sources=True",
    "--VoilaConfiguration.show_tracebacks=False",
    "--VoilaConfiguration.preheat_kernel=False",
    f"--VoilaConfiguration.template={TEMPLATE}",
    f"--MappingKernelManager.cull_idle_timeout={IDLE_SECONDS}",
    "--MappingKernelManager.cull_interval=60",
    "--MappingKernelManager.cull_connected=False",
)


def arguments(folder: str | os.PathLike[str], given: Sequence[str]) -> list[str]:
    """Return what Voilà is started with, and write its template.

    Parameters
    ----------
    folder : path
        Where the template is written.
    given : sequence of str
        The notebook, and options of Voilà that go before the defaults.

    Returns
    -------
    list of str
    """
    template = Path(folder, "voila", "templates", TEMPLATE)
    template.mkdir(parents=True)
    (template / "index.html.j2").write_text(_PAGE)
    (template / "conf.json").write_text(_CONFIGURATION)
    named = {option.partition("=")[0] for option in given}
    return [*(one for one in DEFAULTS if one.partition("=")[0] not in named), *given]


def main(given: Sequence[str]) -> None:
    """Serve a notebook until Ctrl-C, and print the address."""
    with tempfile.TemporaryDirectory(prefix="batchlab-app-") as folder:
        # Where Jupyter looks for templates; read when Voilà is imported.
        before = os.environ.get("JUPYTER_PATH", "")
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, (folder, before)))
        options = arguments(folder, given)
        from voila import app
        from voila.tornado.handler import TornadoVoilaHandler

        class Page(TornadoVoilaHandler):
            """Voilà's page, with the cookie that lets it shut down its kernel when it is left."""

            async def prepare(self) -> None:
                await super().prepare()
                _ = self.xsrf_token  # to be asked for it is what sets the cookie

        class Voila(app.Voila):
            """Voilà that says where it is, and little else."""

            def initialize(self, argv: Sequence[str] | None = None) -> None:
                self.log.addFilter(_said)
                super().initialize(argv)

            def init_handlers(self) -> list[tuple]:
                """Return Voilà's handlers, with our page in place of its own."""
                return [
                    (path, Page if handler is TornadoVoilaHandler else handler, *others)
                    for path, handler, *others in super().init_handlers()
                ]

        Voila.launch_instance(options)


def _said(record: logging.LogRecord) -> bool:
    """Return whether a message is of use to whoever looks at the page."""
    text = record.getMessage()
    if record.levelno <= logging.INFO:
        return any(part in text for part in ("running at", "already in use", "Stopping"))
    return "is not trusted" not in text


if __name__ == "__main__":
    try:
        check_extra(*APP)
    except ModuleNotFoundError as error:
        sys.exit(f"Error: {error}")
    main(sys.argv[1:])
