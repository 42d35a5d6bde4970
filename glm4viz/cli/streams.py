"""What commands write to, made safe for any text: whatever the encoding lacks has a stand-in, and nothing passes for a CI runner's command."""

import codecs
import io
import os
import re
import sys
from pathlib import Path
from typing import Any, TextIO, cast

# The signs that commands draw, for encodings without them (gbk, cp1252 …). One character each where signs stand in columns.
_STAND_INS = {"✓": "OK", "✗": "x", "■": "#", "▨": "%", "·": ".", "≠": "!=", "•": "*", "→": "->", "–": "-", "…": "..."}
# A line that begins with `::name` is a command to GitHub's runner, and so is `##[name]` anywhere (actions/runner 079cdb1, ActionCommand.cs).
_COMMAND = re.compile(r"(?:^|(?<=\r))(\s*):(?=:)|##(?=\[)", re.MULTILINE)


def prepare_streams() -> None:
    """Makes standard output and error write whatever comes."""
    codecs.register_error("glm4viz", _stand_in)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="glm4viz")
            if os.environ.get("GITHUB_ACTIONS") == "true":
                setattr(sys, name, _Guarded(stream))


def say_to_runner(lines: str) -> None:
    """Writes commands to GitHub's runner, which reads UTF-8."""
    out = cast(TextIO, sys.stdout)
    out.flush()
    out.buffer.write(lines.encode("utf-8", "backslashreplace"))
    out.buffer.flush()


def add_to_step(summary: str) -> None:
    """Adds Markdown to the summary of the step, where a runner has one."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(summary)


def speaks_unicode() -> bool:
    """Whether standard output can write any character."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_STAND_INS.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking), error.end


class _Guarded:
    """A text stream in which no text is a command to the runner: the second of two signs is written as an escape, also in JSON."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(_COMMAND.sub(_escaped, text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _escaped(found: re.Match[str]) -> str:
    return "#\\u0023" if found[0] == "##" else f"{found[1]}\\u003a"
