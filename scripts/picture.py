"""Record the README's terminal picture: `python scripts/picture.py SECONDS COMMAND…` writes docs/run.svg.

Runs the command in tmux, takes the screen after so many seconds, and draws it with rich. Needs tmux.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

_COLUMNS, _ROWS = 110, 30
_SESSION = "picture"


def _tmux(*words: str) -> str:
    done = subprocess.run(["tmux", "-L", _SESSION, *words], check=True, capture_output=True, text=True)
    return done.stdout


def main() -> None:
    """Run, wait, take the picture, end the session."""
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    folder = tempfile.mkdtemp()
    size = ("-x", str(_COLUMNS), "-y", str(_ROWS))
    _tmux("new-session", "-d", "-s", _SESSION, *size, "-c", folder, shlex.join(command))
    try:
        time.sleep(seconds)
        screen = _tmux("capture-pane", "-e", "-p", "-t", _SESSION)
    finally:
        _tmux("kill-server")
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    shown = [word for word in command if not word.endswith("/orchestrator")]
    console.print(Text(f"$ orchestrator {shlex.join(shown)}", style="bold"))
    console.print(Text.from_ansi(screen.rstrip()))
    target = Path(__file__).parents[1] / "docs" / "run.svg"
    # Without rich's web fonts: a picture in a README asks nobody for anything.
    picture = re.sub(r"@font-face\s*{[^}]*}\s*", "", console.export_svg(title="orchestrator"))
    target.write_text(picture, encoding="utf-8")
    sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
