"""The three methods of XTuner's dataset_format.md, written out list by list; the first two on GLM-4's layout."""

from collections.abc import Sequence

from glm4viz.layout import Message
from glm4viz.recipe import IGNORE
from glm4viz.systems.glm4_messages import process_message
from glm4viz.systems.xtuner import ROLE_TAGS
from glm4viz.tokenizer import Tokenizer
from glm4viz.walkthrough.plain.glm4 import Lists, old_message


def all_answers(
    messages: Sequence[Message],
    tokenizer: Tokenizer,
    max_length: int | None = None,
) -> Lists:
    """Method 3: all answers in one sequence."""
    special = tokenizer.special_ids
    input_ids: list[int] = []
    loss_masks: list[bool] = []
    system = asked = ""
    while messages[0]["role"] == "assistant":  # step: no assistant
        messages = messages[1:]  # step: no assistant

    for message in messages:
        content = message["content"]
        if message["role"] == "system":
            system = f"<|system|>\n{content}" if content else ""  # step: system, no system
        elif message["role"] == "user":
            asked += content  # step: user, no user
        else:
            before = f"{system}<|user|>\n{asked}<|assistant|>\n"  # step: message, outside
            prompt = [special["[gMASK]"], special["<sop>"]]  # step: prefix, outside
            prompt += encode(before, tokenizer)  # step: message, outside
            input_ids += prompt  # step: prefix, message, outside
            loss_masks += [False] * len(prompt)  # step: prefix, message, outside

            answer = encode(content, tokenizer)  # step: assistant
            answer += [special["<|endoftext|>"]]  # step: assistant
            input_ids += answer  # step: assistant
            loss_masks += [with_loss(message)] * len(answer)  # step: assistant

            input_ids += tokenizer.encode("\n")  # step: assistant
            loss_masks += [False]  # step: assistant
            system = asked = ""

    labels: list[int] = []
    for id, mask in zip(input_ids, loss_masks, strict=True):  # step: labels
        labels += [id if mask else IGNORE]  # step: labels
    return input_ids[:max_length], labels[:max_length]  # step: cut


def encode(text: str, tokenizer: Tokenizer) -> list[int]:
    """Role tags in the text become special tokens, all else stays text."""
    special, ids = tokenizer.special_ids, list[int]()
    for is_tag, part in tokenizer.split_specials(text, frozenset(ROLE_TAGS)):
        ids += [special[part]] if is_tag else tokenizer.encode(part)
    return ids


def with_loss(message: Message) -> bool:
    """Trained unless its `loss` prints as something else."""
    loss = message.get("loss", True)  # step: assistant
    return str(loss).lower() == "true"  # step: assistant


def last_answer(
    messages: Sequence[Message],
    tokenizer: Tokenizer,
    max_length: int | None = None,
) -> Lists:
    """Method 1: only the last answer is marked."""
    for m, message in enumerate(messages):
        if message["role"] == "assistant":  # step: message, nothing
            answer = m  # step: message, nothing
    return one_answer(messages, answer, tokenizer, max_length)


def each_answer(
    messages: Sequence[Message],
    tokenizer: Tokenizer,
    max_length: int | None = None,
) -> list[Lists]:
    """Method 2: a sample for every answer, up to it."""
    samples: list[Lists] = []
    for m, message in enumerate(messages):
        if message["role"] == "assistant":  # step: message, nothing
            seen = messages[: m + 1]  # step: message, nothing
            samples += [one_answer(seen, m, tokenizer, max_length)]
    return samples


def one_answer(
    messages: Sequence[Message],
    answer: int,
    tokenizer: Tokenizer,
    max_length: int | None,
) -> Lists:
    """GLM-4's process_batch with a single message marked."""
    special = tokenizer.special_ids
    input_ids = [special["[gMASK]"], special["<sop>"]]  # step: prefix
    loss_masks = [False, False]  # step: prefix

    for m, message in enumerate(messages):
        message = process_message(message)  # step: message, nothing
        new_input_ids = old_message(message, tokenizer)  # step: message, nothing
        input_ids += new_input_ids  # step: message
        loss_masks += [m == answer] * len(new_input_ids)  # step: message

    input_ids += [special["<|endoftext|>"]]  # step: end
    loss_masks = [False, *loss_masks]  # step: shift

    labels: list[int] = []
    for id, mask in zip(input_ids, loss_masks, strict=True):  # step: labels
        labels += [id if mask else IGNORE]  # step: labels
    return input_ids[:max_length], labels[:max_length]  # step: cut
