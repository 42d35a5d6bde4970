"""The reader's conversation, for pages and places that don't have its controls."""

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.forms import as_record
from glm4viz.readers import read_conversations
from glm4viz.ui.i18n import language
from glm4viz.ui.samples import FIRST, sample_bytes


def current_conversation() -> Conversation | None:
    """The conversation that Inspect shows; None if there are none, or if they stand in an uploaded file that is no longer at hand."""
    state = st.session_state
    kind = state.get("source") or "sample"
    if kind == "upload":
        data = (state.get("uploaded") or (b"", ""))[0]
    elif kind == "paste" and "paste" in state:
        data = (state.paste or "").encode("utf-8", "surrogatepass")
    else:
        data = sample_bytes(state.get("sample") or FIRST[language()])
    good = _good(data)
    record = state.get("record") or 0
    return good[record if record < len(good) else 0] if good else None


@st.cache_data(max_entries=4, scope="session", show_spinner=False)
def _good(data: bytes) -> list[Conversation]:
    return [record for record in read_conversations(data) if isinstance(record, Conversation)]


def characters(conversation: Conversation) -> int:
    """How many its messages say, thoughts and calls included."""
    return len(str(as_record(conversation)["messages"]))
