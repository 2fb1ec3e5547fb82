"""What says nothing of a picture."""

import re

GENERIC = re.compile(r"(?:the |first )*(?:figure|image|picture|plot|output)\b[\s\d.]*$", re.I)
