"""GLM-4's finetune.py, with its combine mode and the vision script, written out list by list."""

from collections.abc import Callable, Sequence

from glm4viz.layout import Message, Writer
from glm4viz.recipe import IGNORE
from glm4viz.systems.glm4 import Builder
from glm4viz.systems.glm4_messages import jinja_builder, old_builder, process_message
from glm4viz.tokenizer import Tokenizer

Lists = tuple[list[int], list[int]]  # input_ids and labels of one sample
Write = Callable[[Message, Tokenizer], list[int]]


def old_message(message: Message, tokenizer: Tokenizer) -> list[int]:
    """June 2024: tag, header and content encoded apart."""
    special, encode = tokenizer.special_ids, tokenizer.encode
    new_input_ids: list[int] = []
    if message.get("tools"):  # step: tools
        text = tools_text(message, tokenizer, old_builder)  # step: tools
        new_input_ids += [special["<|system|>"]]  # step: tools
        new_input_ids += encode("\n") + encode(text)  # step: tools
    if message["content"]:  # step: content, nothing
        name = message.get("metadata", "")  # step: content
        new_input_ids += [special[f"<|{message['role']}|>"]]  # step: content
        new_input_ids += encode(f"{name}\n")  # step: content
        new_input_ids += encode(message["content"])  # step: content
    return new_input_ids


def jinja_message(message: Message, tokenizer: Tokenizer) -> list[int]:
    """By the chat template: header and content are one string."""
    special = tokenizer.special_ids
    new_input_ids: list[int] = []
    if "tools" in message:  # step: tools
        text = tools_text(message, tokenizer, jinja_builder)  # step: tools
        new_input_ids += [special["<|system|>"]]  # step: tools
        new_input_ids += tokenizer.encode(f"\n{text}", specials=True)  # step: tools
    if message["content"]:  # step: content, nothing
        name = message.get("metadata", "")  # step: content
        text = f"{name}\n{message['content']}"  # step: content
        new_input_ids += [special[f"<|{message['role']}|>"]]  # step: content
        new_input_ids += tokenizer.encode(text, specials=True)  # step: content
    return new_input_ids


def tools_text(message: Message, tokenizer: Tokenizer, builder: Builder) -> str:
    """The text that introduces the tools: long, and the recipe's own."""
    writer = Writer(tokenizer)
    builder(writer, 0, {**message, "content": ""}, False)
    return "".join(segment.text for piece in writer.rows[0] for segment in piece.segments if segment.part == "tools")


def process_batch(
    messages: Sequence[Message],
    tokenizer: Tokenizer,
    max_length: int | None = None,
    *,
    trained: Sequence[str] = ("assistant",),
    end: str = "<|endoftext|>",
    write: Write = old_message,
) -> Lists:
    """Every message alone, with one mask by its role."""
    special = tokenizer.special_ids
    input_ids = [special["[gMASK]"], special["<sop>"]]  # step: prefix
    loss_masks = [False, False]  # step: prefix

    for message in messages:
        message = process_message(message)  # step: message, nothing
        new_input_ids = write(message, tokenizer)  # step: message, nothing
        loss_mask = message["role"] in trained  # step: message
        input_ids += new_input_ids  # step: message
        loss_masks += [loss_mask] * len(new_input_ids)  # step: message

    input_ids += [special[end]]  # step: end
    loss_masks = [False, *loss_masks]  # step: shift

    labels: list[int] = []
    for id, mask in zip(input_ids, loss_masks, strict=True):  # step: labels
        labels += [id if mask else IGNORE]  # step: labels
    return input_ids[:max_length], labels[:max_length]  # step: cut


def process_combined(
    messages: Sequence[Message],
    tokenizer: Tokenizer,
    max_length: int | None = None,
) -> Lists:
    """combine: first all tokens, then a mask made of them."""
    special = tokenizer.special_ids
    input_ids = [special["[gMASK]"], special["<sop>"]]  # step: prefix
    for message in messages:
        input_ids += jinja_message(message, tokenizer)  # step: message, nothing

    last = 0
    for i, id in enumerate(input_ids):
        if id == special["<|assistant|>"]:  # step: mask
            last = i  # step: mask
    loss_masks = [i > last for i in range(len(input_ids))]  # step: mask

    input_ids += [special["<|user|>"]]  # step: end
    loss_masks = [False, *loss_masks]  # step: shift

    labels: list[int] = []
    for id, mask in zip(input_ids, loss_masks, strict=True):  # step: labels
        labels += [id if mask else IGNORE]  # step: labels
    return input_ids[:max_length], labels[:max_length]  # step: cut


def process_vision(
    messages: Sequence[Message],
    tokenizer: Tokenizer,
    max_length: int | None = None,
) -> Lists:
    """finetune_vision.py on text: the mask isn't shifted."""
    special = tokenizer.special_ids
    input_ids = [special["[gMASK]"], special["<sop>"]]  # step: prefix
    loss_masks = [False, False]  # step: prefix

    for message in messages:
        new_input_ids = jinja_message(message, tokenizer)  # step: message, nothing
        loss_mask = message["role"] == "assistant"  # step: message
        input_ids += new_input_ids  # step: message
        loss_masks += [loss_mask] * len(new_input_ids)  # step: message

    input_ids += [special["<|user|>"]]  # step: end
    loss_masks += [False]  # step: append

    labels: list[int] = []
    for id, mask in zip(input_ids, loss_masks, strict=True):  # step: labels
        labels += [id if mask else IGNORE]  # step: labels
    return input_ids[:max_length], labels[:max_length]  # step: cut
