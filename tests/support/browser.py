"""Pages in a real browser: what stands in them once their scripts have run."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_FRAME = """<!doctype html><meta charset=utf-8><meta name=color-scheme content="light dark"><body>
<script>addEventListener("message", (event) => {{
  const answer = document.createElement("pre");
  answer.id = "answer";
  answer.textContent = event.data;
  document.body.append(answer);
}})</script>
<iframe src="asked.html" width="{width}" height="900" frameborder="0"></iframe>
"""
_ANSWER = re.compile(r'<pre id="answer">(.*?)</pre>', re.DOTALL)


def dom_of(page: Path, *, dark: bool = False) -> str:
    """Return the elements of a page, as HTML, once it has drawn itself."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={page.parent / 'browser'}",
        "--window-size=1400,1000",
        "--virtual-time-budget=5000",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=page.parent)
    return done.stdout.decode()


def ask(page: Path, script: str, *, width: int = 1280, dark: bool = False) -> Any:
    """Do something in a page, and return what came of it.

    Args:
        page: The page; a copy of it is asked, whose own policy would refuse the script.
        script: The body of a function, which returns plain values.
        width: Of what the page is shown in, in pixels.
        dark: Whether the person who looks prefers dark colours.
    """
    text, found = _POLICY.subn("", page.read_text(encoding="utf-8"))
    assert found == 1
    asking = f"<script type=module>parent.postMessage(JSON.stringify((() => {{ {script} }})()), '*')</script>"
    page.with_name("asked.html").write_text(text.replace("</body>", f"{asking}</body>"), encoding="utf-8")
    frame = page.with_name("frame.html")  # as wide as wanted: a browser's window is never that narrow
    frame.write_text(_FRAME.format(width=width), encoding="utf-8")
    answer = _ANSWER.search(dom_of(frame, dark=dark))
    assert answer is not None, "the page's script has failed"
    return json.loads(html.unescape(answer[1]))
