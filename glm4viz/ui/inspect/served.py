"""Whether each answer was trained behind the prompt that a server will feed before it."""

import json

import streamlit as st

from glm4viz.errors import Glm4vizError
from glm4viz.inference.parity import Parity, parity, takes_long
from glm4viz.recipe import LabelledSample


def parity_by_message(sample: LabelledSample) -> dict[int, Parity] | None:
    """By the answer's message; empty where there is nothing to compare with, None where it can't be told: too much to do at every click,
    or a template that refuses the conversation.
    """
    recipe = sample.recipe
    template = recipe.served if recipe.form == "openai" else ""
    if not template:
        return {}
    if takes_long(sample):
        return None
    try:
        return {found.message_index: found for found in _parity(sample, template)}
    except Glm4vizError:
        return None


def _identity(sample: LabelledSample) -> tuple[str, bytes]:
    """What parity depends on: the conversation and the ids made of it."""
    return json.dumps([list(sample.messages), sample.tools], default=repr), sample.input_ids.tobytes()


@st.cache_data(max_entries=4, scope="session", show_spinner=False, hash_funcs={LabelledSample: _identity})
def _parity(sample: LabelledSample, template: str) -> list[Parity]:
    """Kept for the reader's session: a page is run again at every click."""
    return parity(sample, template)
