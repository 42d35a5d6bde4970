"""Rules on single labels of an answer: those that are missing inside it, and the one that ends a call."""

from collections.abc import Iterator

import numpy as np

from glm4viz.linter.case import Case, is_call
from glm4viz.linter.findings import Hit, rule
from glm4viz.texts import both

OBSERVATION = "<|observation|>"


@rule(
    "answer-edge-not-trained",
    "warning",
    title=both("The start or the end of an answer isn't trained", "回答的开头或结尾没有参与训练"),
    harm=both(
        "The answer is trained, but its text loses labels at an end: the model isn't taught to begin or to close it. Axolotl before 0.19.0 "
        "does so where an answer begins with [[ or ends with ]], as its dummy [[dummy_message]] does.",
        "回答参与训练，但文本的一端丢失了标签：模型学不到怎样开头或收尾。0.19.0 之前的 Axolotl 会这样对待以 [[ 开头或以 ]] 结尾的回答，"
        "因为它的占位文本是 [[dummy_message]]。",
    ),
    mend=both(
        "Look at the conversation under this recipe. With Axolotl, use 0.19.0 or later, or write the answer without these brackets at its ends.",
        "请用这个配方查看这段对话。使用 Axolotl 时请升级到 0.19.0 或更高，或让回答的两端不出现这些括号。",
    ),
    labelled=True,
)
def answer_edge_not_trained(case: Case) -> Iterator[Hit]:
    for sample, turn in case.turns:
        held = np.flatnonzero((sample.message_index == turn.message) & (sample.spans[:, 0] >= 0))
        taught = held[sample.trained[held]]
        if turn.state != "whole" or not len(taught):
            continue
        for lost in (held[held < taught[0]], held[held > taught[-1]]):
            if len(lost):
                text = b"".join(sample.token_bytes[at] for at in lost).decode("utf-8", "replace")
                yield Hit(turn.message, repr(text[:40]), tokens=(int(lost[0]), int(lost[-1]) + 1))


@rule(
    "call-ends-turn",
    "error",
    title=both("A call is taught to end the turn", "调用被教成结束这一轮"),
    harm=both(
        "The result of this call follows, and <|observation|> stands there, but another label is trained in its place: the model is taught to "
        "end its turn where it should wait for the result, and a program that waits for <|observation|> never runs the function. "
        "LLaMA-Factory does so with <|endoftext|>.",
        "这个调用后面就是结果，那里写着 <|observation|>，训练的标签却是别的 token：模型会学着结束这一轮，而不是等待结果；"
        "等待 <|observation|> 的程序就不会去执行函数。LLaMA-Factory 用的是 <|endoftext|>。",
    ),
    mend=both(
        "Train calls with a recipe that keeps <|observation|> as the label there, such as GLM-4's own script or ms-swift, or let the program "
        "run the call at the other token as well.",
        "请用在那里保留 <|observation|> 标签的配方训练调用，例如 GLM-4 自己的脚本或 ms-swift；或让程序遇到那个 token 时也去执行调用。",
    ),
    evidence=("LLaMA-Factory #7454",),
    labelled=True,
)
def call_ends_turn(case: Case) -> Iterator[Hit]:
    for sample, turn in case.turns:
        message = sample.messages[turn.message]
        if turn.stop is None or not turn.stop_trained or not (is_call(message) or message.get("tool_calls")):
            continue
        stands = sample.tokenizer.token_bytes(int(sample.input_ids[turn.stop])).decode("utf-8", "replace")
        if stands == OBSERVATION != turn.stop_name:
            yield Hit(turn.message, turn.stop_name, tokens=(turn.stop, turn.stop + 1))


RULES = (answer_edge_not_trained, call_ends_turn)
