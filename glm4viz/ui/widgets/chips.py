"""Lines of chips: a token each, marked as trained or masked. Text reaches the page as text, never as HTML."""

from collections.abc import Sequence

from glm4viz.reading.example import Chip
from glm4viz.ui.i18n import t
from glm4viz.ui.web import component

_component = component("chips")


def show_chips(lines: Sequence[Sequence[Chip]], *, key: str, scroll: bool = False) -> None:
    """A line of chips for each sample; `scroll` brings it into view."""
    data = [
        [{"text": c.text, "trained": c.trained, "label": c.label, "kind": _kind(c), "about": _about(c)} for c in line] for line in lines
    ]
    _component(key=key, data={"lines": data, "scroll": scroll, "trained": t("chips.trained"), "differs": t("chips.differs")})


def _kind(chip: Chip) -> str:
    return "content" if chip.part == "content" else "special" if chip.text.startswith("<") or chip.part == "prefix" else "other"


def _about(chip: Chip) -> str:
    """What the pointer is told."""
    where = t(f"part.{chip.part}") + (f" · messages[{chip.message}]" if chip.message >= 0 else "")
    ids = ", ".join(map(str, chip.ids[:8])) + (" …" if len(chip.ids) > 8 else "")
    return "\n".join((where, f"id {ids}" if chip.ids else "", t("chips.trained" if chip.trained else "chips.masked")))
