"""What runs in the browser: plain JavaScript and CSS, without a build step.

Every component is a script and a style sheet, each strung together from files: first `base.js` and `base.css`, then its own, in the order in which they
stand here. The colours are those of the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import streamlit as st

from glm4viz.figures.palette import PALETTES, Palette

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Files:
    """The component's own files, paths below this folder without their endings."""

    js: tuple[str, ...]
    css: tuple[str, ...]

    @property
    def script(self) -> str:
        return _read(".js", "base", *self.js)

    @property
    def style(self) -> str:
        return _variables(".glm4viz", PALETTES["light"]) + _variables(".glm4viz.dark", PALETTES["dark"]) + _read(".css", "base", *self.css)


def _in(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


COMPONENTS: Final[Mapping[str, Files]] = {
    "token_view": Files(
        js=_in("token_view", "sample", "search", "runs", "paint", "flow", "arrow", "toolbar", "legend", "panel", "minimap", "keys", "view"),
        css=("stage", *_in("token_view", "controls", "text", "tokens", "runs", "panel")),
    ),
    "compare_view": Files(
        js=_in("compare", "items", "stave", "details", "controls", "message", "view"),
        css=("stage", *_in("compare", "controls", "text", "panel")),
    ),
    "walkthrough": Files(
        js=_in("walkthrough", "lists", "question", "table", "source", "board"),
        css=_in("walkthrough", "lists", "question", "table", "source"),
    ),
    "chips": Files(js=("chips",), css=("chips",)),
    "copy_link": Files(js=("copy_link",), css=("copy_link",)),
}


def component(name: str, **options: Any) -> Callable[..., Any]:
    """The Streamlit component of that name, each with styles of its own; `options` are those of `st.components.v2.component`."""
    files = COMPONENTS[name]
    return st.components.v2.component(f"glm4viz_{name}", js=files.script, css=files.style, isolate_styles=True, **options)


def _read(ending: str, *names: str) -> str:
    return "\n".join((FOLDER / (name + ending)).read_text("utf-8") for name in names)


def _variables(selector: str, palette: Palette) -> str:
    """The colours as CSS variables, `--role-user` and the like. Ink and ground are those of the page's theme, where it has them."""
    colours = {
        "ink": f"var(--st-text-color, {palette.ink})",
        "paper": f"var(--st-background-color, {palette.ground})",
        "trained-line": palette.trained,
        "trained-tint": palette.tint,
        "unlike": palette.unlike,
        "value-ink": palette.value,
        "focus": palette.focus,
        "problem": palette.problem,
        **{f"role-{role or 'none'}": colour for role, colour in palette.roles.items()},
        "role-other": palette.other,
    }
    return f"{selector} {{\n" + "".join(f"  --{name}: {colour};\n" for name, colour in colours.items()) + "}\n\n"
