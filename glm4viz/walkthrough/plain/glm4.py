"""GLM-4's finetune.py, with its combine mode and the vision script, written out list by list."""

from collections.abc import Callable, Sequence

from glm4viz.layout import Message, Writer
from glm4viz.recipe import IGNORE
from glm4viz.systems import glm4
from glm4viz.systems.glm4 import process_message
from glm4viz.tokenizer import Tokenizer

Lists = tuple[list[int], list[int]]  # input_ids and labels of one sample


def old_message(message: Message, tokenizer: Tokenizer) -> list[int]:
    """One message alone, June 2024: tag, header and content are encoded apart."""
    special, encode = tokenizer.special_ids, tokenizer.encode
    new_input_ids: list[int] = []
    if message.get("tools"):  # step: tools
        new_input_ids += [special["<|system|>"], *encode("\n")]  # step: tools
        new_input_ids += encode(tools_text(message, tokenizer, glm4.old_builder))  # step: tools
    if message["content"]:  # step: content, nothing
        new_input_ids += [special[f"<|{message['role']}|>"]]  # step: content
        new_input_ids += encode(f"{message.get('metadata', '')}\n")  # step: content
        new_input_ids += encode(message["content"])  # step: content
    return new_input_ids


def jinja_message(message: Message, tokenizer: Tokenizer) -> list[int]:
    """One message alone, by the chat template: header and content are one string, in which special tokens count as such."""
    special = tokenizer.special_ids
    new_input_ids: list[int] = []
    if "tools" in message:  # step: tools
        text = "\n" + tools_text(message, tokenizer, glm4.jinja_builder)  # step: tools
        new_input_ids += [special["<|system|>"], *tokenizer.encode(text, specials=True)]  # step: tools
    if message["content"]:  # step: content, nothing
        text = f"{message.get('metadata', '')}\n{message['content']}"  # step: content
        new_input_ids += [special[f"<|{message['role']}|>"]]  # step: content
        new_input_ids += tokenizer.encode(text, specials=True)  # step: content
    return new_input_ids


def tools_text(message: Message, tokenizer: Tokenizer, builder: glm4.Builder) -> str:
    """The text that introduces the tools: long, and the recipe's own."""
    writer = Writer(tokenizer)
    builder(writer, 0, {**message, "content": ""}, False)
    return "".join(segment.text for piece in writer.rows[0] for segment in piece.segments if segment.part == "tools")


def process_batch(
    messages: Sequence[Message],
    tokenizer: Tokenizer,
    max_length: int | None = None,
    *,
    masked: Sequence[str] = ("system", "user", "observation"),
    end: str = "<|endoftext|>",
    write: Callable[[Message, Tokenizer], list[int]] = old_message,
) -> Lists:
    """Every message alone, with one mask for all its tokens; one more token; the shift."""
    special = tokenizer.special_ids
    input_ids = [special["[gMASK]"], special["<sop>"]]  # step: prefix
    loss_masks = [False, False]  # step: prefix

    for message in messages:
        loss_mask = message["role"] not in masked  # step: message
        new_input_ids = write(process_message(message), tokenizer)  # step: message, nothing
        input_ids += new_input_ids  # step: message
        loss_masks += [loss_mask] * len(new_input_ids)  # step: message

    input_ids += [special[end]]  # step: end
    loss_masks = [False, *loss_masks]  # step: shift
    labels = [token if mask else IGNORE for token, mask in zip(input_ids, loss_masks, strict=True)]  # step: labels
    return input_ids[:max_length], labels[:max_length]  # step: cut


def process_combined(messages: Sequence[Message], tokenizer: Tokenizer, max_length: int | None = None) -> Lists:
    """combine: first all tokens, then a mask that is made of them."""
    special = tokenizer.special_ids
    input_ids = [special["[gMASK]"], special["<sop>"]]  # step: prefix
    for message in messages:
        input_ids += jinja_message(message, tokenizer)  # step: message, nothing

    tags = [i for i, token in enumerate(input_ids) if token == special["<|assistant|>"]]  # step: mask
    loss_masks = [i > tags[-1] for i in range(len(input_ids))]  # step: mask

    input_ids += [special["<|user|>"]]  # step: end
    loss_masks = [False, *loss_masks]  # step: shift
    labels = [token if mask else IGNORE for token, mask in zip(input_ids, loss_masks, strict=True)]  # step: labels
    return input_ids[:max_length], labels[:max_length]  # step: cut


def process_vision(messages: Sequence[Message], tokenizer: Tokenizer, max_length: int | None = None) -> Lists:
    """finetune_vision.py on text: the mask isn't shifted."""
    special = tokenizer.special_ids
    input_ids = [special["[gMASK]"], special["<sop>"]]  # step: prefix
    loss_masks = [False, False]  # step: prefix

    for message in messages:
        loss_mask = message["role"] == "assistant"  # step: message
        new_input_ids = jinja_message(message, tokenizer)  # step: message, nothing
        input_ids += new_input_ids  # step: message
        loss_masks += [loss_mask] * len(new_input_ids)  # step: message

    input_ids += [special["<|user|>"]]  # step: end
    loss_masks += [False]  # step: append
    labels = [token if mask else IGNORE for token, mask in zip(input_ids, loss_masks, strict=True)]  # step: labels
    return input_ids[:max_length], labels[:max_length]  # step: cut
