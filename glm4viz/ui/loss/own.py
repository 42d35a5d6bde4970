"""The reader's own GLM on the Loss page: how it comes into the list, how it is to be loaded, and what that will take."""

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from glm4viz.errors import ModelError
from glm4viz.ui.i18n import language, plain, t
from glm4viz.ui.loss.models import BITS, DEMOS, Choice, shelf, unload

if TYPE_CHECKING:
    from glm4viz.loss import Plan

AS = ("auto", "float32", "bfloat16", "float16")
EXAMPLES = "GLM4VIZ_MODELS=/models/GLM-4-9B-0414,zai-org/GLM-4-9B-0414,/models/GLM-4-9B-0414+/runs/lora streamlit run app.py"
SERVERS = "GLM4VIZ_SERVERS=http://127.0.0.1:8000 streamlit run app.py"
STALE = 60  # seconds after which a model's files are looked at again


def show_how_to_offer() -> None:
    """Beside the model box: where one looks for one's own model."""
    with st.popover(t("loss.own"), icon=":material/add:"):
        st.markdown(t("loss.own.help"))
        st.code(EXAMPLES, language="bash", wrap_lines=True)
        st.markdown(t("loss.own.servers"))
        st.code(SERVERS, language="bash", wrap_lines=True)
        st.caption(t("loss.own.windows"))


def choose_load_as() -> None:
    """In which dtype or how many bits large models are loaded; fewer bits where they can be had, else why not."""
    import torch

    from glm4viz.loss.quantized import cannot_quantize

    problem = cannot_quantize(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    ways = AS if problem else (*AS, *BITS)
    if st.session_state.get("loss_load_as") not in ways:
        st.session_state.loss_load_as = AS[0]
    names = {"auto": t("loss.load_as.auto")} | {bits: t(f"loss.load_as.{bits}") for bits in BITS}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(t("loss.load_as"), ways, key="loss_load_as", format_func=lambda way: names.get(way, way), persist_state="session")
        st.button(t("loss.unload"), icon=":material/eject:", key="loss_unload", on_click=unload)
    if problem:
        st.caption(plain(problem[language()]))


def load_as(choice: Choice) -> str:
    """What was chosen; of the demo models and served ones there is nothing to choose."""
    return "auto" if choice.source in DEMOS or choice.on_server else str(st.session_state.get("loss_load_as", AS[0]))


def show_plan(choice: Choice, tokens: int) -> None:
    """Before anything is loaded: what the model takes for so many tokens, and whether there is room."""
    if shelf().of == (choice, load_as(choice)):
        st.info(f"{t('loss.in_memory', model=plain(choice.name))} {t('loss.ask')}", icon=":material/memory:")
        return
    with st.spinner(t("loss.looking", model=plain(choice.name))):
        found = _plan(choice.source, load_as(choice))
    if isinstance(found, ModelError):
        st.error(plain(found.sentence(language())), icon=":material/error:")
        return
    from glm4viz.loss.memory import free_memory

    free = free_memory(found.device)
    plan = replace(found, tokens=tokens, free=None if free is None else free + shelf().bytes)
    if plan.fits:
        st.info(f"{plain(plan.sentence(language()))} {t('loss.ask')}", icon=":material/memory:")
    else:
        st.warning(plain(plan.refusal[language()]), icon=":material/memory_alt:")


@st.cache_resource(ttl=STALE, max_entries=16, show_spinner=False)
def _plan(source: str, way: str) -> "Plan | ModelError":
    """A fault is kept as well: the hub, out of reach, isn't asked at every click."""
    from glm4viz.loss import plan_load

    try:
        return plan_load(source, dtype="auto" if way in BITS else way, quantize=way if way in BITS else None)
    except ModelError as error:
        return error
