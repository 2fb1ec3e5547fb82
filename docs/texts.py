"""Texts of the README and of notebooks as pages of the site: their sections, links and marks."""

import re
from collections.abc import Callable
from pathlib import Path

_SECTION = re.compile(r"^## .*$", re.MULTILINE)
_COMMENT = re.compile(r"^<!--.*?-->\n?", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\(([^()\s]+)\)")

# Files of the repository that are pages here under another name.
_RENAMED = {
    "README.md": "run.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "docs/architecture.md": "architecture.md",
    "notebooks/params": "notebooks/params.md",
}


def sections(markdown: str) -> tuple[str, list[str]]:
    """Return what stands above the first section of a text, and its sections.

    Parameters
    ----------
    markdown : str

    Returns
    -------
    above : str
        Without the title.
    sections : list of str
        Each with its heading, of the second level.
    """
    begins = [found.start() for found in _SECTION.finditer(markdown)]
    above = re.sub(r"^# .*\n", "", markdown[: begins[0]] if begins else markdown, count=1)
    ends = [*begins[1:], len(markdown)]
    return above, [markdown[begin:end] for begin, end in zip(begins, ends, strict=True)]


def without_comments(markdown: str) -> str:
    """Return a text without the comments that stand on lines of their own."""
    return _COMMENT.sub("", markdown)


def relinked(markdown: str, is_page: Callable[[str], bool]) -> str:
    """Return a text whose links to files of the repository lead to pages of the site.

    Parameters
    ----------
    markdown : str
        Of a file in the root of the repository.
    is_page : callable
        Whether the site has a page made of a file, given by its path from the root.

    Returns
    -------
    str
        A link to a file that is no page is left as its text.
    """

    def led(found: re.Match[str]) -> str:
        text, (path, hash_mark, anchor) = found[1], found[2].partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return found[0]
        page = _RENAMED.get(path.rstrip("/"), path)
        return f"[{text}]({page}{hash_mark}{anchor})" if is_page(page) else text

    return _LINK.sub(led, markdown)


def settings_page(folder: Path) -> str:
    """Return a page that shows files of parameters.

    Parameters
    ----------
    folder : pathlib.Path
        With files that end in .yaml.

    Returns
    -------
    str
        Markdown.
    """
    shown = [
        f"## {path.stem}\n\n```yaml\n{path.read_text(encoding='utf-8').rstrip()}\n```\n"
        for path in sorted(folder.glob("*.yaml"))
    ]
    return "\n".join(["# Parameters of the sources\n", *shown])
