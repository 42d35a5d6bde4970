"""Which capture is looked at: one that is dropped, the one of this visit, or the example. And what is said of a file that is none."""

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.readers import read_conversations
from glm4viz.run.file import begins_capture
from glm4viz.ui.current import read_kept
from glm4viz.ui.dataset.source import keep_upload
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.run.capture import MOST, Capture
from glm4viz.ui.samples import sample_bytes

EXAMPLE = "18-your-run.glm4viz.json.gz"


def choose_capture() -> Capture | None:
    """The uploader, and the capture to show; None, with a sentence on the page, if the file that was dropped can't be shown."""
    kept = st.session_state.get("uploaded")
    upload = st.file_uploader(t("run.upload"), key="run_upload", help=t("run.upload.help"), on_change=_take)
    if upload is not None:
        data, name = upload.getvalue(), upload.name
        if not begins_capture(data):
            _explain(data, name)
            return None
    elif kept and begins_capture(kept[0]):
        data, name = kept
        st.markdown(f":material/attach_file: {plain(t('upload.kept', name=name))}")
    else:
        data, name = sample_bytes(EXAMPLE), ""
        st.info(t("run.example"), icon=":material/science:")
    capture = _kept(data, name)
    if isinstance(capture, ReadError):
        st.error(plain(capture.sentence(language())), icon=":material/error:")
        return None
    return capture


@st.cache_resource(max_entries=2, scope="session", show_spinner=True)
def _kept(data: bytes, name: str) -> Capture | ReadError:
    """The capture with all that is found in it, kept for the reader's session: a page is run again at every click."""
    records = read_kept(data, name)
    if fault := next((record for record in records if isinstance(record, ReadError)), None):
        return fault
    sequences = [record for record in records if isinstance(record, Conversation)]
    return Capture(name, tuple(sequences[:MOST]), len(sequences))


def _take() -> None:
    """A capture that is dropped here is the upload of this visit on the other pages too."""
    state, upload = st.session_state, st.session_state.run_upload
    if upload is None:
        state.uploaded = None
    elif begins_capture(data := upload.getvalue()):
        state.uploaded = (data, upload.name)


def _explain(data: bytes, name: str) -> None:
    """Why this file is no capture, and where else it can be opened."""
    first = next(iter(read_conversations(data)), None)
    if not isinstance(first, Conversation):
        st.error(t("run.not_capture", name=plain(name)), icon=":material/error:")
        return
    st.warning(t("run.conversations", name=plain(name)), icon=":material/forum:")
    state = st.session_state
    with st.container(horizontal=True):
        if st.button(t("page.inspect"), key="run_other_inspect", icon=":material/frame_inspect:"):
            state.source, state.uploaded, state.record = "upload", (data, name), 0
            st.switch_page("pages/inspect.py")
        if st.button(t("page.dataset"), key="run_other_dataset", icon=":material/dataset:"):
            keep_upload(name, data)
            state.dataset_source = "upload"
            st.switch_page("pages/dataset.py")
