"""Conversations in links: what goes in comes out, and what comes from strangers is bounded."""

import base64
import json
import zlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from glm4viz.ui.link import MOST_CHARACTERS, pack_conversation, unpack_conversation
from tests.strategies import conversations


@given(conversations)
def test_a_conversation_comes_back(messages: list[dict[str, Any]]) -> None:
    packed = pack_conversation({"messages": messages})
    assert packed is not None
    assert len(packed) <= MOST_CHARACTERS
    unpacked = unpack_conversation(packed)
    assert unpacked is not None
    assert json.loads(unpacked) == {"messages": messages}


@given(st.text(max_size=50))
def test_damage_is_noticed(text: str) -> None:
    found = unpack_conversation(text)
    assert found is None or isinstance(found, str)


def test_cut_links_and_bombs_are_refused() -> None:
    packed = pack_conversation({"messages": [{"role": "user", "content": "你好" * 50}]})
    assert packed is not None
    assert unpack_conversation(packed[:-6]) is None
    bomb = base64.urlsafe_b64encode(zlib.compress(b"0" * 50_000_000, 9)).decode()
    assert unpack_conversation(bomb) is None


def test_a_long_conversation_has_no_link() -> None:
    text = "".join(chr(0x4E00 + i * 7919 % 20000) for i in range(20_000))
    assert pack_conversation({"messages": [{"role": "user", "content": text}]}) is None
    assert pack_conversation({"messages": [{"role": "user", "content": "a" * 2_000_000}]}) is None
