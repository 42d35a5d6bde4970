"""Where the conversation comes from: a sample, pasted text or an uploaded file; and which of its records."""

import json

import streamlit as st

from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.forms import as_record
from glm4viz.recipe import Form
from glm4viz.ui.current import prefer_fed, read_kept
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.samples import FIRST, SAMPLES, about, sample_bytes, title
from glm4viz.ui.url import SOURCES

SHOWN_ERRORS = 3
FORM = '{"messages": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}]}'


def choose_conversation(form: Form = "glm4") -> Conversation | None:
    """The controls, and the conversation chosen by them; None, with a sentence on the page, if there is none.

    form: the one in which it will be taken. What was mapped onto GLM-4's form is said only where that is used; of what a run
    fed, everything is.
    """
    good = read_source()
    if not good:
        return None
    conversation = _record(good)
    mapped = form != "openai" or not conversation.chat
    for note in conversation.notes if mapped or conversation.captured is not None else ():
        st.caption(f":material/info: {plain(note[language()])}")
    return conversation


def read_source() -> list[Conversation]:
    """The controls, and every conversation that could be read; none, with a sentence on the page, if there is none."""
    names = {kind: t(f"source.{kind}") for kind in SOURCES}
    st.session_state.setdefault("source", "sample")
    kind = st.segmented_control(
        t("source"), SOURCES, key="source", format_func=names.__getitem__, required=True, on_change=prefer_fed, persist_state="session"
    )
    if kind == "paste":
        records = read_kept(_pasted().encode(), "")
    elif kind == "upload":
        kept = _uploaded()
        if kept is None:
            st.info(t("upload.waiting"), icon=":material/upload_file:")
            return []
        records = read_kept(*kept)
    else:
        name = _sample()
        records = read_kept(sample_bytes(name), name)
    good = [record for record in records if isinstance(record, Conversation)]
    _show_errors([record for record in records if isinstance(record, ReadError)], len(records))
    if not good:
        st.markdown(t("read.none"))
        st.code(FORM, language="json", wrap_lines=True)
    return good


def _sample() -> str:
    here, titles = language(), {name: title(name, language()) for name in SAMPLES}
    st.session_state.setdefault("sample", FIRST[here])
    name = st.selectbox(t("sample"), SAMPLES, key="sample", format_func=titles.__getitem__, on_change=prefer_fed, persist_state="session")
    if about(name, here):
        st.caption(plain(about(name, here)))
    return name


def _uploaded() -> tuple[bytes, str] | None:
    """The uploaded file's bytes and name. Another page has an uploader of its own, empty: it goes on with the file of this visit."""
    state = st.session_state
    upload = st.file_uploader(t("upload"), key="upload", on_change=_take_upload)
    if upload is None and state.get("uploaded"):
        st.caption(f":material/attach_file: {plain(t('upload.kept', name=state.uploaded[1]))}")
    kept: tuple[bytes, str] | None = state.get("uploaded")
    return kept


def _take_upload() -> None:
    upload = st.session_state.upload
    st.session_state.uploaded = upload and (upload.getvalue(), upload.name)
    prefer_fed()


def _pasted() -> str:
    # The box opens with the sample that was on screen, so that there is something to edit and the page is never empty.
    if "paste" not in st.session_state:
        name = st.session_state.get("sample") or FIRST[language()]
        records = [as_record(record) for record in read_kept(sample_bytes(name), name) if isinstance(record, Conversation)]
        st.session_state.paste = json.dumps(records[0] if records else {"messages": []}, ensure_ascii=False, indent=2)
    if st.session_state.pop("damaged_link", False):
        st.error(t("link.damaged"), icon=":material/link_off:")
    return st.text_area(t("paste"), key="paste", height=220, help=t("paste.help"), persist_state="session") or ""


def _record(records: list[Conversation]) -> Conversation:
    if len(records) == 1:
        return records[0]
    names = [t("record.name", number=record.index + 1, text=first_words(record)) for record in records]
    if st.session_state.get("record", 0) not in range(len(records)):
        st.session_state.record = 0
    number: int = st.selectbox(
        t("record", count=len(records)), range(len(records)), key="record", format_func=names.__getitem__, persist_state="session"
    )
    return records[number]


def first_words(conversation: Conversation) -> str:
    messages = conversation.messages or (conversation.chat.messages if conversation.chat else ())
    texts = [message["content"] for message in messages if message["role"] == "user" and message["content"]]
    return " ".join((texts or [""])[0][:60].split())


def _show_errors(errors: list[ReadError], total: int) -> None:
    if not errors:
        return
    if total > 1:
        st.warning(t("read.summary", bad=len(errors), total=total), icon=":material/report:")
    for error in errors[:SHOWN_ERRORS]:
        st.error(_sentence(error), icon=":material/error:")
    if errors[SHOWN_ERRORS:]:
        with st.expander(t("read.more", count=len(errors) - SHOWN_ERRORS)):
            st.markdown("\n".join(f"- {_sentence(error)}" for error in errors[SHOWN_ERRORS : SHOWN_ERRORS + 200]))


def _sentence(error: ReadError) -> str:
    place = error.where()
    return (f"**{plain(place)}**  \n" if place else "") + plain(error.sentence(language()))
