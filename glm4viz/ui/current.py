"""The reader's conversation, for pages and places that don't have its controls."""

import hashlib
import json

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.forms import as_record
from glm4viz.readers import read_conversations
from glm4viz.run.file import begins_capture
from glm4viz.systems.captured import CAPTURED
from glm4viz.ui.i18n import language
from glm4viz.ui.samples import FIRST, sample_bytes


def current_conversation() -> Conversation | None:
    """The conversation that Inspect shows; None if there are none, or if they stand in an uploaded file that is no longer at hand."""
    good = current_conversations()
    record = st.session_state.get("record") or 0
    return good[record if record < len(good) else 0] if good else None


def current_conversations() -> list[Conversation]:
    """All conversations of what is chosen."""
    return [record for record in read_kept(*_current()) if isinstance(record, Conversation)]


def is_capture() -> bool:
    """Whether what Inspect shows comes from a capture file. It isn't read for that."""
    return begins_capture(_current()[0])


def prefer_fed() -> None:
    """Called when another file is chosen: a capture is first shown as the run fed it, and compared with what its recipe promises."""
    if is_capture():
        st.session_state.recipe = CAPTURED.id
        for key in ("compare_recipes", "batch_side"):  # whose first choice is then what the run fed
            st.session_state.pop(key, None)


def _current() -> tuple[bytes, str]:
    """The text or file that is chosen, and its name."""
    state = st.session_state
    kind = state.get("source") or "sample"
    if kind == "upload":
        return state.get("uploaded") or (b"", "")
    if kind == "paste" and "paste" in state:
        return (state.paste or "").encode("utf-8", "surrogatepass"), ""
    name = state.get("sample") or FIRST[language()]
    return sample_bytes(name), name


@st.cache_resource(max_entries=4, scope="session", show_spinner=True)
def read_kept(data: bytes, name: str) -> list[Conversation | ReadError]:
    """All records of one text or file. Kept for the reader's session, as they are: a page is run again at every click."""
    records = list(read_conversations(data))
    for record in records:
        if isinstance(record, ReadError) and name:
            record.file = name
    return records


def identity(conversation: Conversation) -> str:
    """What its samples depend on, to keep results by: its record and, of a captured one, what the run fed."""
    fed = conversation.captured
    arrays = b"" if fed is None else fed.input_ids.tobytes() + fed.labels.tobytes() + fed.weights.tobytes()
    return json.dumps(as_record(conversation), ensure_ascii=False) + hashlib.sha256(arrays).hexdigest()


def characters(conversation: Conversation) -> int:
    """How many its messages say, thoughts and calls included."""
    return len(str(as_record(conversation)["messages"]))
