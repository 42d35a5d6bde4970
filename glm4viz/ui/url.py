"""The settings in the address, so that a copied link, a reload and the browser's back button show the same thing.

Streamlit can bind a widget to the address itself, but then writes what the option is *called* there, which changes with the
language. Here the address holds ids: `?language=zh&recipe=glm4&max_length=1025`.
"""

from collections.abc import Callable

import streamlit as st

from glm4viz.locales import LANGUAGES
from glm4viz.recipes import recipes
from glm4viz.ui.samples import SAMPLES

SOURCES = ("sample", "paste", "upload")
WRITTEN = "url_written"


def _one_of(options: Callable[[], object]) -> Callable[[str], str | None]:
    return lambda text: text if text in options() else None  # type: ignore[operator]


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


# What each parameter may be; anything else in an address is passed over.
PARAMETERS: dict[str, Callable[[str], str | int | None]] = {
    "language": _one_of(lambda: LANGUAGES),
    "source": _one_of(lambda: SOURCES),
    "sample": _one_of(lambda: SAMPLES),
    "record": _count,
    "recipe": _one_of(recipes),
    "max_length": lambda text: _count(text) or None,
}


def load() -> None:
    """Take over what the address says, when it is new: at the first run, or after the browser's back or forward."""
    state, found = st.session_state, st.query_params.to_dict()
    if found == state.get("url_seen"):
        return
    state.url_seen = found
    for name, parse in PARAMETERS.items():
        value = parse(found[name]) if name in found else None
        if value is not None:
            state[name] = value


def save(page: str) -> None:
    """Write the settings into the address when they, or the page, have changed. A page that is only opened keeps its address."""
    state = st.session_state
    settings = {name: str(state[name]) for name in PARAMETERS if state.get(name) is not None}
    written, state[WRITTEN] = state.get(WRITTEN), (page, settings)
    if written is None or written == (page, settings):
        return
    st.query_params.from_dict(settings)
    state.url_seen = st.query_params.to_dict()
