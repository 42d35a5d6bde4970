"""The settings in the address, so that a copied link, a reload and the browser's back button show the same thing.

Streamlit can bind a widget to the address itself, but then writes what the option is *called* there, which changes with the
language. Here the address holds ids: `?language=zh&recipe=glm4&max_length=1025`.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from glm4viz.linter import RULES
from glm4viz.locales import LANGUAGES
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.own import CustomRecipe
from glm4viz.systems.registry import recipes
from glm4viz.ui.link import unpack_conversation
from glm4viz.ui.samples import SAMPLES

SOURCES = ("sample", "paste", "upload")
MOST_RECIPES = 6
MOST_SAMPLES = 32
BATCH_PICKS = ("first", "longest", "random", "hand")
BATCH_VIEWS = ("weights", "packing", "eval", "columns")
Parse = Callable[[str], str | int | bool | list[str] | None]


def _one_of(options: Callable[[], Collection[str]]) -> Parse:
    return lambda text: text if text in options() else None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _recipe_list(text: str) -> list[str] | None:
    ids = list(dict.fromkeys(id for id in text.split(",") if id in recipes() or id == CAPTURED.id))
    return ids[:MOST_RECIPES] or None


def _rule_list(text: str) -> list[str] | None:
    return list(dict.fromkeys(id for id in text.split(",") if id in RULES)) or None


def _custom(text: str) -> str | None:
    """The code of a recipe of the reader's own."""
    try:
        return CustomRecipe.from_code(text).code
    except ValueError:
        return None


# What each parameter may be; anything else in an address is passed over.
PARAMETERS: dict[str, Parse] = {
    "language": _one_of(lambda: LANGUAGES),
    "source": _one_of(lambda: SOURCES),
    "sample": _one_of(lambda: SAMPLES),
    "record": _count,
    "recipe": _one_of(lambda: (*recipes(), "custom", CAPTURED.id)),
    "custom": _custom,
    "compare_recipes": _recipe_list,
    "max_length": lambda text: _count(text) or None,
    "batch_pick": _one_of(lambda: BATCH_PICKS),
    "batch_size": lambda text: min(_count(text) or 1, MOST_SAMPLES),
    "batch_view": _one_of(lambda: BATCH_VIEWS),
    "dataset_source": _one_of(lambda: ("sample", "upload", "path")),
    "dataset_sample": _one_of(lambda: SAMPLES),
    "dataset_ignore": _rule_list,
    "dataset_near": lambda text: text == "1" or None,
    "edit": _count,
    "step": _count,
    "act": _one_of(lambda: ("2",)),
}


def settings() -> dict[str, str]:
    """All settings as the address writes them."""
    found = {name: st.session_state.get(name) for name in PARAMETERS}
    if found["recipe"] != "custom":
        found["custom"] = None
    return {name: _written(value) for name, value in found.items() if value not in (None, []) and value is not False}


def _written(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else "1" if value is True else str(value)


def load() -> None:
    """Take over what the address says, when it is new: at the first runs, or after the browser's back or forward.

    With a click, too, the browser sends an address; that of a quick click is older than what the last run wrote, and says nothing.
    """
    state, found = st.session_state, st.query_params.to_dict()
    if found == state.get("url_seen") or ("url_written" in state and not _went_back()):
        return
    state.url_seen = found
    for name, parse in PARAMETERS.items():
        value = parse(found[name]) if name in found else None
        if value is not None:
            state[name] = value
    if "conversation" in found:
        text = unpack_conversation(found["conversation"])
        state.source, state.paste, state.damaged_link = "paste", text or "", text is None
    elif "edit" in found:
        restore(state.get("edit", 0))


def _went_back() -> bool:
    """Whether the browser's back or forward button brought this run about."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


SHARED = ("paste", "max_input_length", "max_output_length")  # what pages share beside the address


def keep(page: str) -> None:
    """Carry the settings over to another page: a widget there is a new one, and takes only a value that was set for it."""
    state = st.session_state
    before, state.url_page, state.url_runs = state.get("url_page"), page, state.get("url_runs", 0) + 1
    if before not in (None, page):
        for name in (*PARAMETERS, *SHARED):
            if name in state:
                state[name] = state[name]


@contextmanager
def saving(page: str) -> Iterator[None]:
    """`save` when the page has run. A click that ends the session's first run early changes settings, it doesn't open them so."""
    try:
        yield
        save(page)
    except BaseException:  # a rerun is one
        st.session_state.setdefault("url_written", (page, settings()))
        raise


def save(page: str) -> None:
    """Write the settings into the address when they, or the page, have changed. A page that is only opened keeps its address.

    A click that comes meanwhile ends the run inside `from_dict`, before the browser hears of it: noted is only what was sent.
    """
    state, wanted = st.session_state, (page, settings())
    opens = state.get("url_runs", 1) == 1  # a later run without a note: two clicks ended the first, the second while that was noted
    if state.get("url_written", wanted if opens else None) != wanted:
        st.query_params.from_dict(wanted[1])
        state.url_seen = st.query_params.to_dict()
    state.url_written = wanted


# Edits ----------------------------------------------------------------------------------------------------------------

MOST_EDITS = 50


def remember(text: str) -> None:
    """Note a new state of the pasted text; the address gets its number, so that the browser's back button undoes it."""
    state = st.session_state
    state.paste = text
    first, texts = state.get("edits", (0, []))
    kept = [*texts[: state.get("edit", -1) + 1 - first], text][-MOST_EDITS:] if texts else [text]
    number = (state.get("edit", -1) if texts else -1) + 1
    state.edits, state.edit = (number + 1 - len(kept), kept), number


def exchange(text: str) -> None:
    """Another text in the place of the one that is shown: the address stays, and so the browser's back button leads past both."""
    state = st.session_state
    state.paste = text
    first, texts = state.get("edits", (0, []))
    at = state.get("edit", -1) - first
    if 0 <= at < len(texts):
        state.edits = (first, [*texts[:at], text])
    else:
        remember(text)


def restore(number: int) -> None:
    """Go back, or forward, to an earlier state of the pasted text, if this session still has it."""
    first, texts = st.session_state.get("edits", (0, []))
    if 0 <= number - first < len(texts):
        st.session_state.paste = texts[number - first]
