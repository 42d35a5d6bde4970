"""Firefly: `conversation` of rounds {human, assistant}, and `system` beside it."""

from glm4viz.readers.fields import Message, Record, Said, left_out, say_left_out, text, turns, with_front
from glm4viz.texts import Text

NOTE: Text = {
    "en": "Read as Firefly: the rounds' human and assistant became user and assistant messages.",
    "zh": "按 Firefly 读取：各轮的 human 和 assistant 变成了 user 和 assistant 消息。",
}
_EXAMPLE = '{"human": "…", "assistant": "…"}'
_KNOWN = frozenset(("human", "assistant"))


def is_firefly(record: Record) -> bool:
    """Whether `conversation` has `human` or `assistant` where XTuner, which uses the same field, has `input` and `output`. The first
    round that has any of them decides."""
    found = record.get("conversation")
    for turn in found if isinstance(found, list) else ():
        if isinstance(turn, dict) and any(turn.get(key) is not None for key in ("human", "assistant", "input", "output")):
            return turn.get("human") is not None or turn.get("assistant") is not None
    return False


def map_firefly(record: Record, said: Said) -> list[Message]:
    said["format"] = NOTE
    messages: list[Message] = []
    extra: dict[str, None] = {}
    for field, turn in turns(record, "conversation", _EXAMPLE):
        messages.append({"role": "user", "content": text(turn, "human", f"{field}.human")})
        messages.append({"role": "assistant", "content": text(turn, "assistant", f"{field}.assistant")})
        left_out(turn, _KNOWN, extra)
    say_left_out(extra, said)
    return with_front(record, messages, said)
