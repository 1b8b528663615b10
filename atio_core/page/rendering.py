"""Facts into HTML.

Names, messages and values are anybody's: none of them becomes markup. They stand in a block of JSON in which no
character has a meaning for HTML, and the page's script shows them as text alone.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from typing import Any

_SCRIPTS = ("elements", "facts", "plot", "history", "version", "comparing", "store", "page")
"""In this order they become one."""
# Within a script element, these could end it, begin a comment, or be line ends of JavaScript.
_MEANINGFUL = {ord(one): f"\\u{ord(one):04x}" for one in "<>&'\u2028\u2029"}


def rendered(title: str, facts: dict[str, Any]) -> bytes:
    """Return a page.

    Args:
        title: What it is about.
        facts: What it shows.

    Example:
        >>> page = rendered("</title><script>", {"name": "</script><b>"})
        >>> b"</script><b>" in page, b"<title>atio: &lt;/title&gt;&lt;script&gt;" in page
        (False, True)
    """
    style, script = _read("page.css"), "\n".join(_read(f"js/{name}.js") for name in _SCRIPTS)
    parts = {
        "TITLE": html.escape(title),
        "STYLE_DIGEST": _digest(style),
        "SCRIPT_DIGEST": _digest(script),
        "STYLE": style,
        "FACTS": embedded(facts),
        "SCRIPT": script,
    }
    # Text and names of parts in turn; what is put in isn't looked at again.
    pieces = _read("page.html").split("%%")
    whole = "".join(parts[piece] if at % 2 else piece for at, piece in enumerate(pieces))
    return whole.encode("utf-8", "backslashreplace")


def embedded(facts: dict[str, Any]) -> str:
    r"""Return facts as JSON in ASCII, in which no character has a meaning for HTML.

    Example:
        >>> embedded({"a": "</script>"})
        '{"a":"\\u003c/script\\u003e"}'
    """
    return json.dumps(facts, allow_nan=False, separators=(",", ":")).translate(_MEANINGFUL)


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return (files("atio_core.page") / name).read_text(encoding="utf-8")
