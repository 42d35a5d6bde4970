"""What DataManager does with the columns, with the real `datasets` library."""

import json

import pandas as pd
import streamlit as st

from glm4viz.errors import Glm4vizError
from glm4viz.recipe import LabelledSample
from glm4viz.rows.data_manager import EXAMPLE, Loader, Mapped, is_installed, map_columns
from glm4viz.texts import printable
from glm4viz.ui.batch.samples import Cut
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.widgets.choose import choose

LOADERS = {"from_list": "Dataset.from_list", "json": 'load_dataset("json")'}
RECIPES = ("glm4", "glm4-combine@dfe4601")
MOST_TEXT = 6_000


def show_columns(cut: Cut) -> None:
    """Two rows before and after datasets.map, and what the nulls become."""
    st.markdown(t("batch.columns.about"))
    if not is_installed():
        st.info(t("batch.columns.missing"), icon=":material/info:")
        return
    two = [conversation.messages for conversation in cut.whole.conversations[:2]]
    with st.container(horizontal=True, gap="medium"):
        choices = ("example", "batch") if len(two) == 2 else ("example",)
        rows = choose("columns_rows", t("batch.columns.rows"), {rows: t(f"batch.columns.rows.{rows}") for rows in choices})
        chosen = choose("columns_loader", t("batch.columns.loader"), LOADERS)
    loader: Loader = "json" if chosen == "json" else "from_list"
    try:
        with st.spinner(t("batch.columns.loading")):
            found = {recipe: map_columns(two if rows == "batch" else EXAMPLE, recipe, loader) for recipe in RECIPES}
    except Glm4vizError as error:
        st.error(plain(error.sentence(language())), icon=":material/error:")
        return
    first = found[RECIPES[0]]
    _steps(first)
    _rows(first)
    _prompts(found)
    st.caption(t("batch.columns.version", version=first.version))


def _steps(found: Mapped) -> None:
    """The columns, as a table: before and after."""
    calls = ", ".join(map(str, found.batches))
    after = found.mapped_columns or ("—",)
    table = pd.DataFrame(
        {
            t("batch.columns.step"): [t("batch.columns.before"), t("batch.columns.call"), t("batch.columns.after")],
            t("batch.columns.columns"): [", ".join(found.columns), "messages", ", ".join(after)],
            t("batch.columns.what"): [
                t("batch.columns.before.what", rows=len(found.given)),
                t("batch.columns.call.what", calls=calls),
                t("batch.columns.after.what", gone=", ".join(found.columns)),
            ],
        }
    )
    st.table(table)


def _rows(found: Mapped) -> None:
    if found.filled:
        st.warning(t("batch.columns.filled", count=len(found.filled)), icon=":material/data_object:")
    else:
        st.success(t("batch.columns.unfilled"), icon=":material/check_circle:")
    for i, (given, loaded) in enumerate(zip(found.given, found.loaded, strict=True)):
        with st.expander(t("batch.columns.row", row=i), expanded=i == 0):
            left, right = st.columns(2)
            left.caption(t("batch.columns.given"))
            left.code(_json(given), language="json", wrap_lines=True)
            right.caption(t("batch.columns.loaded"))
            right.code(_json(loaded), language="json", wrap_lines=True)
            nulls = [path.removeprefix(f"[{i}].") for path in found.filled if path.startswith(f"[{i}].")]
            if nulls:
                st.markdown(t("batch.columns.nulls") + " " + ", ".join(f"`{path}`" for path in nulls))


def _json(messages: object) -> str:
    """One message a line while it is short, so that nulls stand out."""
    lines = [json.dumps(message, ensure_ascii=False) for message in messages] if isinstance(messages, list) else []
    return "[\n" + ",\n".join(f"  {line}" for line in lines) + "\n]"


def _prompts(found: dict[str, Mapped]) -> None:
    st.markdown(f"**{t('batch.columns.prompts')}**")
    if any(mapped.filled for mapped in found.values()):
        st.markdown(t("batch.columns.mended"))
    for column, (recipe, mapped) in zip(st.columns(2, gap="large"), found.items(), strict=True):
        with column:
            st.markdown(f"#### `{recipe}`")
            if not mapped.mapped_columns:
                st.error(t("batch.columns.stopped"), icon=":material/block:")
            for i, sample in enumerate(mapped.samples):
                st.caption(t("batch.columns.row", row=i))
                if isinstance(sample, LabelledSample):
                    _prompt(sample)
                else:
                    st.error(plain(sample.sentence(language())), icon=":material/error:")


def _prompt(sample: LabelledSample) -> None:
    nones = sum(message.get("metadata", "") is None and bool(message["content"]) for message in sample.messages)
    if nones:
        st.warning(t("batch.columns.nones", count=nones), icon=":material/warning:")
    text = "\n".join(printable(line) for line in b"".join(sample.token_bytes).decode("utf-8", "backslashreplace").split("\n"))
    st.code(text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + " …", language=None, wrap_lines=True)
