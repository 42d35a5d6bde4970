"""Alpaca: columns `instruction`, `input`, `output`, with `history`, `system` and `tools` if there are any, as LLaMA-Factory reads them."""

from glm4viz.readers.fields import Message, Record, Said, column, needed_column, pairs, with_front
from glm4viz.texts import Text

NOTE: Text = {
    "en": "Read as Alpaca: instruction and input, joined by a line break as LLaMA-Factory does, became the user's message, output the answer.",
    "zh": "按 Alpaca 读取：instruction 和 input 用换行连接（与 LLaMA-Factory 相同）成为 user 消息，output 成为回答。",
}


def map_alpaca(record: Record, said: Said) -> list[Message]:
    said["format"] = NOTE
    question = "\n".join(part for key in ("instruction", "input") if (part := column(record, key)))
    answer = needed_column(record, "output")
    messages = [*pairs(record), {"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return with_front(record, messages, said)
