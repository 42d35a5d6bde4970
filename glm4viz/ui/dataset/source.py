"""Which file the Dataset page checks: a sample, an upload, or one in a directory that the server's owner names."""

import hashlib
import os
import re
from pathlib import Path

import streamlit as st

from glm4viz.ui.dataset.report import Folder, Source
from glm4viz.ui.i18n import language, t
from glm4viz.ui.samples import FOLDER, SAMPLES, title
from glm4viz.ui.widgets.choose import choose

VARIABLE = "GLM4VIZ_DATA"  # directories, apart by the system's path separator
FIRST = "13-dataset-small.jsonl"
OFFERED = tuple(sorted((name for name in SAMPLES if name.endswith(".jsonl")), key=lambda name: (name != FIRST, name)))
TYPES = ("jsonl", "json", "ndjson", "txt", "csv", "tsv", "parquet", "arrow", "gz", "zst")
MOST_FILES = 1_000  # of the owner's directories that are listed


def choose_source() -> Source | None:
    """The controls, and the file chosen by them; None if there is none yet."""
    listed = owner_files()
    kinds = ("sample", "upload", "path") if listed else ("sample", "upload")
    kind = choose("dataset_source", t("dataset.source"), {kind: t(f"dataset.source.{kind}") for kind in kinds})
    if kind == "upload":
        return _upload()
    if kind == "path":
        name = _one_of("dataset_path", t("dataset.path"), {name: name for name in listed})
        return Source(name, listed[name], _stamp(listed[name]))
    name = _one_of("dataset_sample", t("sample"), {name: title(name, language()) for name in OFFERED})
    return Source(name, FOLDER / name, _stamp(FOLDER / name))


def _one_of(key: str, label: str, names: dict[str, str]) -> str:
    if st.session_state.get(key) not in names:
        st.session_state[key] = next(iter(names))
    return str(st.selectbox(label, list(names), key=key, format_func=names.__getitem__, persist_state="session"))


def owner_files() -> dict[str, Path]:
    """The files that may be chosen, by name. A link that leads out of a directory isn't followed."""
    found: dict[str, Path] = {}
    roots = [Path(name).resolve() for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    for root in roots:
        for path in sorted(root.rglob("*")):
            if len(found) >= MOST_FILES:
                return found
            if path.suffix[1:].lower() in TYPES and path.is_file() and path.resolve().is_relative_to(root):
                name = str(path.relative_to(root))
                found[f"{root.name}/{name}" if len(roots) > 1 else name] = path
    return found


def _stamp(path: Path) -> str:
    about = path.stat()
    return f"{path}:{about.st_mtime_ns}:{about.st_size}"


# Uploads --------------------------------------------------------------------------------------------------------------


def _upload() -> Source | None:
    """The uploaded file, kept as a temporary one of this visit: the uploader itself forgets it when another page is opened."""
    state = st.session_state
    upload = st.file_uploader(
        t("dataset.upload"),
        key="dataset_upload",
        help=t("dataset.upload.help", variable=VARIABLE),
        on_change=_changed,
    )
    kept: Source | None = state.get("dataset_file")
    if upload is not None and state.get("dataset_file_id") != upload.file_id:
        kept = keep_upload(upload.name, upload.getbuffer())
        state.dataset_file_id = upload.file_id
    if kept is None:
        st.info(t("upload.waiting"), icon=":material/upload_file:")
    elif upload is None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(":material/draft: " + t("dataset.kept"))
            st.code(kept.name, language=None, width="content")
            st.button(t("dataset.forget"), icon=":material/close:", key="dataset_forget", on_click=_forget)
    return kept


def keep_upload(name: str, data: bytes | memoryview) -> Source:
    """These bytes as the file that the page checks when it is asked for an upload."""
    suffix = "".join(re.findall(r"\.[A-Za-z0-9]{1,8}", name)[-2:])  # the name only tells what kind of file it is
    folder = Folder()
    path = folder.path / f"upload{suffix}"
    path.write_bytes(data)
    kept = Source(name, path, hashlib.sha256(data).hexdigest() + suffix, folder)
    st.session_state.dataset_file = kept
    return kept


def _changed() -> None:
    if st.session_state.get("dataset_upload") is None:  # the reader took the file away
        _forget()


def _forget() -> None:
    st.session_state.dataset_file = st.session_state.dataset_file_id = None
