"""Random conversations and texts for the property tests."""

from typing import Any

from hypothesis import strategies as st

from glm4viz.tokenizer import GLM4_SPECIALS

# Any Unicode but surrogates, with what breaks tokenizers made frequent: joiners, controls, CJK, rare Hanzi, bidi, specials.
HARD = [
    "\u200d",
    "\u200b",
    "\0",
    "\x1b",
    "\r\n",
    "\n",
    "\n\n",
    "\t",
    "  ",
    "👩‍🔬",
    "🏳️‍🌈",
    "龘",
    "𠮷",
    "é",
    "e\u0301",
    "مرحبا",
    "\u202e",
    "你好",
    " 王",
    "１",
]
texts = st.lists(
    st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.sampled_from([*HARD, *GLM4_SPECIALS])), max_size=8
).map("".join)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": draw(st.sampled_from(["system", "user", "assistant", "observation"])), "content": draw(texts)}
    if draw(st.booleans()):
        message["metadata"] = draw(st.one_of(texts, st.none()))
    if draw(st.integers(0, 5)) == 0:
        properties = draw(st.dictionaries(texts, st.one_of(st.none(), st.fixed_dictionaries({"type": texts})), max_size=2))
        function = {"name": draw(texts), "description": draw(texts), "parameters": {"type": "object", "properties": properties}}
        message["tools"] = [{"type": "function", "function": function}] * draw(st.integers(0, 2))
    return message


conversations = st.lists(messages(), min_size=1, max_size=6)
