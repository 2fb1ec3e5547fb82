"""The heading of a notebook: its title and what stands below it, without the markup.

A notebook may be a stranger's, so a search takes time in proportion to the text, whatever it says.
"""

import re

_TITLE = re.compile(r"^# +(\S.*)", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n\s*\n")
# Neither part of a link holds the bracket that begins it, but for a pair within an address: so
# brackets that are never closed are each read once.
_LINK = re.compile(r"\[([^\[\]]+)\]\((?:[^()]|\([^()]*\))*\)")


def heading(markdown: str, name: str) -> tuple[str, str]:
    """Return the title in a cell of text, and the paragraph below it, as it is written.

    Parameters
    ----------
    markdown : str
    name : str
        The title where there is none.

    Returns
    -------
    title, paragraph : str
    """
    found = _TITLE.search(markdown)
    if found is None:
        return name, ""
    below = markdown[found.end() :].strip()
    return plain(found[1]) or name, _BLANK_LINE.split(below, maxsplit=1)[0].rstrip()


def first_sentence(markdown: str) -> str:
    """Return the first sentence of a paragraph, without its markup."""
    paragraph = plain(markdown)
    sentence = re.match(r".+?[.?!](?=\s|$)", paragraph)
    return sentence[0] if sentence else paragraph


def plain(markdown: str) -> str:
    """Return a line of text without its markup."""
    return " ".join(re.sub(r"[*`]", "", _LINK.sub(r"\1", markdown)).split())
