"""XTuner: `conversation` of rounds {system, input, output}, each of which may say by `output_with_loss` that it isn't trained."""

from typing import Any

from glm4viz.conversation import wrong
from glm4viz.readers.fields import NO_LOSS, Message, Record, Said, left_out, say_left_out, text, turns, with_front
from glm4viz.texts import Text

NOTE: Text = {
    "en": "Read as XTuner: the rounds' system, input and output became system, user and assistant messages.",
    "zh": "按 XTuner 读取：各轮的 system、input、output 变成了 system、user、assistant 消息。",
}
_EXAMPLE = '{"input": "…", "output": "…"}'
_KNOWN = frozenset(("system", "input", "output", "output_with_loss"))


def map_xtuner(record: Record, said: Said) -> list[Message]:
    said["format"] = NOTE
    messages: list[Message] = []
    extra: dict[str, None] = {}
    for field, turn in turns(record, "conversation", _EXAMPLE):
        if turn.get("system"):
            messages.append({"role": "system", "content": text(turn, "system", f"{field}.system")})
        # An empty input stays a user message: XTuner writes the user's tag for it too.
        messages.append({"role": "user", "content": text(turn, "input", f"{field}.input")})
        answer: Message = {"role": "assistant", "content": text(turn, "output", f"{field}.output")}
        if not _with_loss(turn, f"{field}.output_with_loss"):
            answer["loss"] = False
            said["loss"] = NO_LOSS
        messages.append(answer)
        left_out(turn, _KNOWN, extra)
    say_left_out(extra, said)
    return with_front(record, messages, said)


def _with_loss(turn: dict[str, Any], field: str) -> bool:
    flag = turn.get("output_with_loss")
    if flag is None:
        return True
    if flag in (True, False):  # 1 and 0 as well
        return bool(flag)
    raise wrong(field, flag, ". Write true or false.", "。请写 true 或 false。")
