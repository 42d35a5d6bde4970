"""The page's language and its texts."""

import re

import streamlit as st

from glm4viz.locales import LANGUAGES, texts


def language() -> str:
    """ "zh" or "en": the reader's choice or the link's, else the browser's."""
    chosen = st.session_state.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    return "zh" if str(st.context.locale or "").lower().startswith("zh") else "en"


def t(key: str, **values: object) -> str:
    """One text in the page's language."""
    text = texts(language())[key]
    return text.format(**values) if values else text


def plain(text: str) -> str:
    """Text of a conversation or an error, so that Markdown shows it as it is and loads nothing."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~$<>:&])", r"\\\1", text)


def language_switch() -> None:
    """The language, first from the browser."""
    st.session_state.setdefault("language", language())
    st.segmented_control(
        "语言 / Language",
        LANGUAGES,
        key="language",
        format_func={"zh": "中文", "en": "English"}.__getitem__,
        required=True,
        persist_state="session",
    )
