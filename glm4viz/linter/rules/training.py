"""Rules on what the recipe makes of a conversation: what is trained, what isn't, and how answers end."""

from collections.abc import Iterator, Sequence

import numpy as np

from glm4viz.linter.case import RESULT_ROLES, Case, around, tokens_of
from glm4viz.linter.findings import Hit, rule
from glm4viz.linter.probe import reads_loss
from glm4viz.recipe import LabelledSample
from glm4viz.texts import Text, both


@rule(
    "no-trained-token",
    "error",
    title=both("No token is trained", "没有一个 token 参与训练"),
    harm=both(
        "The sample costs time and teaches nothing; its loss shows as 0 or NaN.",
        "这条样本只花时间，什么也教不了；它的 loss 显示为 0 或 NaN。",
    ),
    mend=both(
        "Add an answer, or raise max_length if the answer was cut off.",
        "请补上回答；如果回答被截掉了，请调大 max_length。",
    ),
    evidence=("GLM-4 #261", "unsloth #2900", "TRL #6668", "LLaMA-Factory #5146"),
    labelled=True,
)
def no_trained_token(case: Case) -> Iterator[Hit]:
    if not case.samples and case.refusal is None:
        yield Hit()  # the recipe made no sample at all
    for sample in case.samples:
        if not sample.trained.any():
            yield Hit(tokens=(0, len(sample)) if len(sample) else None)


@rule(
    "answer-lost",
    "error",
    title=both("An answer is lost to max_length", "回答被 max_length 整个截掉"),
    harm=both(
        "The whole answer lies behind the cut: the model never sees it.",
        "整个回答都在截断点之后：模型看不到它。",
    ),
    mend=both("Raise max_length, or split the conversation.", "请调大 max_length，或拆分对话。"),
    evidence=("TRL #3927", "MiniCPM-V #662", "FederatedScope PR #625"),
    labelled=True,
)
def answer_lost(case: Case) -> Iterator[Hit]:
    for sample, turn in case.turns:
        if turn.state == "lost":
            yield Hit(turn.message, _lengths(sample))


@rule(
    "answer-cut",
    "error",
    title=both("An answer is cut by max_length", "回答被 max_length 截断"),
    harm=both(
        "The answer is cut in the middle: its end and its stop token are never trained, so the model learns to begin and not to finish.",
        "回答在中间被截断：结尾和停止 token 都没有训练，模型学会了开头，学不到结束。",
    ),
    mend=both("Raise max_length, or split the conversation.", "请调大 max_length，或拆分对话。"),
    evidence=("ChatGLM3 #980", "MedicalGPT #157", "torchtune #2792"),
    labelled=True,
)
def answer_cut(case: Case) -> Iterator[Hit]:
    for sample, turn in case.turns:
        if turn.state == "cut":
            yield Hit(turn.message, _lengths(sample), tokens=tokens_of(sample, turn.message))


@rule(
    "stop-cut",
    "error",
    title=both("The stop token is cut by max_length", "停止 token 被 max_length 截掉"),
    harm=both(
        "The answer is whole, but the token that ends it lies behind the cut: the model isn't taught to stop there.",
        "回答是完整的，但结束它的 token 在截断点之后：模型学不到在这里停下。",
    ),
    mend=both("Raise max_length.", "请调大 max_length。"),
    evidence=("ChatGLM3 #980", "MedicalGPT #157"),
    labelled=True,
)
def stop_cut(case: Case) -> Iterator[Hit]:
    for sample, turn in case.turns:
        if turn.state == "whole" and turn.stop is None and sample.full_length > len(sample):
            yield Hit(turn.message, _lengths(sample))


@rule(
    "over-long",
    "warning",
    title=both("Longer than max_length", "超过 max_length"),
    harm=both(
        "The end of the sample is cut off. No answer is hurt, but context is lost.",
        "样本的末尾被截掉。没有伤到回答，但丢失了上下文。",
    ),
    mend=both("Raise max_length, or shorten the conversation.", "请调大 max_length，或缩短对话。"),
    evidence=("TRL #3927",),
    labelled=True,
)
def over_long(case: Case) -> Iterator[Hit]:
    hurt = {id(sample) for sample, turn in case.turns if turn.state in ("lost", "cut") or (turn.state == "whole" and turn.stop is None)}
    for sample in case.samples:
        if sample.full_length > len(sample) and id(sample) not in hurt:
            yield Hit(None, _lengths(sample))


_NO_STOP = both("no token stands behind the answer", "回答之后没有 token")


@rule(
    "stop-not-trained",
    "error",
    title=both("The stop token isn't trained", "停止 token 没有训练"),
    harm=both(
        "The answer is trained, but not the token that ends it: a model that never learns to stop runs on until the limit.",
        "回答参与训练，结束它的 token 却没有：学不到停止的模型会一直写到长度上限。",
    ),
    mend=both(
        "Use a recipe that trains the tag after an answer; in GLM-4 that tag is the stop.",
        "请使用会训练回答之后那个标记的配方；在 GLM-4 里，那个标记就是停止信号。",
    ),
    evidence=("TRL PR #5988", "axolotl #3754", "slime #514", "ms-swift #4732", "PrimeIntellect renderers #66", "tinker-cookbook #932"),
    labelled=True,
)
def stop_not_trained(case: Case) -> Iterator[Hit]:
    for sample, turn in case.turns:
        whole = turn.state == "whole" and turn.trained > 0 and not turn.hands_over
        cut_off = turn.stop is None and sample.full_length > len(sample)
        if whole and not turn.stop_trained and not cut_off:
            yield Hit(turn.message, turn.stop_name or _NO_STOP, tokens=None if turn.stop is None else (turn.stop, turn.stop + 1))


@rule(
    "wrong-stop",
    "error",
    title=both("The trained stop isn't one of GLM-4's", "训练的停止 token 不是 GLM-4 的"),
    harm=both(
        "The answer is taught to end in a token at which GLM-4 doesn't stop generating; it stops at <|endoftext|>, <|user|> and "
        "<|observation|>.",
        "回答学着以 GLM-4 并不会停止的 token 结束；它只在 <|endoftext|>、<|user|> 和 <|observation|> 处停止。",
    ),
    mend=both(
        "Use a recipe that ends answers in one of these, or add the token to the stop list of whoever runs the model.",
        "请使用以其中之一结束回答的配方，或把这个 token 加入推理时的停止列表。",
    ),
    evidence=("LLaMA-Factory #7454", "Fireworks cookbook PR #400"),
    labelled=True,
)
def wrong_stop(case: Case) -> Iterator[Hit]:
    for _, turn in case.turns:
        if turn.stop is not None and turn.stop_trained and not turn.generation_stops and not turn.hands_over:
            yield Hit(turn.message, turn.stop_name, tokens=(turn.stop, turn.stop + 1))


def _trained_text(roles: Sequence[str], case: Case) -> Iterator[Hit]:
    """The first message of one of these roles whose own tokens are trained, in each sample."""
    for sample in case.samples:
        wanted = np.array([*(message["role"] in roles for message in sample.messages), False])
        # A tag right after an answer is that answer's stop: it counts by its owner.
        found = np.flatnonzero(sample.trained & wanted[sample.owner] & wanted[sample.message_index])
        if len(found):
            m = int(sample.message_index[found[0]])
            yield Hit(
                m,
                both(f"{len(found)} tokens", f"{len(found)} 个 token"),
                tokens=around(found[sample.message_index[found] == m].tolist()),
            )


@rule(
    "tool-output-trained",
    "error",
    title=both("Tool output is trained", "工具输出参与了训练"),
    harm=both(
        "The model learns to write tool results itself instead of waiting for them, that is, to make them up.",
        "模型会学着自己写出工具结果，而不是等待结果，也就是学会编造。",
    ),
    mend=both("Use a recipe that masks observations.", "请使用会屏蔽 observation 的配方。"),
    evidence=("GLM-4 #49", "ARPO #9", "LLaMA-Factory #6390"),
    labelled=True,
)
def tool_output_trained(case: Case) -> Iterator[Hit]:
    yield from _trained_text(RESULT_ROLES, case)


@rule(
    "user-text-trained",
    "error",
    title=both("The user's text is trained", "用户的话参与了训练"),
    harm=both(
        "The model learns to write the user's part as well, and to go on in the user's name.",
        "模型会把用户的话也学进去，以后会替用户往下说。",
    ),
    mend=both(
        "Use a recipe that masks user messages; with combine, let the conversation end with an answer.",
        "请使用会屏蔽 user 消息的配方；用 combine 时，请让对话以回答结尾。",
    ),
    evidence=("open-r1 #517", "TRL #3279", "axolotl #1761"),
    labelled=True,
)
def user_text_trained(case: Case) -> Iterator[Hit]:
    yield from _trained_text(("user",), case)


@rule(
    "system-text-trained",
    "error",
    title=both("System text is trained", "system 文本参与了训练"),
    harm=both(
        "The model learns to recite its instructions, and the same text in every sample outweighs the answers.",
        "模型会学着背诵指令，而且每条样本里相同的文本会盖过回答。",
    ),
    mend=both("Use a recipe that masks system messages.", "请使用会屏蔽 system 消息的配方。"),
    evidence=("TRL #3279", "axolotl #1761"),
    labelled=True,
)
def system_text_trained(case: Case) -> Iterator[Hit]:
    yield from _trained_text(("system",), case)


@rule(
    "only-last-answer-trained",
    "warning",
    title=both("Only the last answer is trained", "只训练了最后一个回答"),
    harm=both(
        "All answers but the last are read and not learned, though the conversation has several.",
        "对话里有多个回答，但除最后一个之外都只读不学。",
    ),
    mend=both(
        "Use a recipe that trains every answer (for GLM-4: combine: False), or split the conversation, if that isn't what you want.",
        "如果这不是你想要的，请使用训练每个回答的配方（GLM-4：combine: False），或拆分对话。",
    ),
    evidence=("GLM-4 PR #803", "LLaMA-Factory #3615", "GLM-4 #46"),
    labelled=True,
)
def only_last_answer_trained(case: Case) -> Iterator[Hit]:
    if (untaught := _untaught(case)) and _is_all_but_last(case, untaught):
        yield Hit(untaught[0], ", ".join(map(str, untaught[:8])))


@rule(
    "answer-not-trained",
    "warning",
    title=both("An answer isn't trained", "有回答没有参与训练"),
    harm=both(
        "The recipe's rule leaves this answer out, though others of the conversation are trained.",
        "配方的规则漏掉了这个回答，而同一段对话的其他回答参与了训练。",
    ),
    mend=both(
        "Look at the conversation under this recipe; often a call, or white space at the start of the content, is why.",
        "请用这个配方查看这段对话；原因常常是工具调用，或 content 开头的空白。",
    ),
    evidence=("unsloth #3198", "unsloth #1128"),
    labelled=True,
)
def answer_not_trained(case: Case) -> Iterator[Hit]:
    if (untaught := _untaught(case)) and not _is_all_but_last(case, untaught):
        for m in untaught:
            yield Hit(m, tokens=next((found for sample in case.samples if (found := tokens_of(sample, m))), None))


def _untaught(case: Case) -> list[int]:
    """Answers that stand in a sample and are trained in none, while others are. What `loss: false` switched off doesn't count."""
    taught = {turn.message for _, turn in case.turns if turn.trained}
    there = {turn.message for _, turn in case.turns if turn.state == "whole"}
    if not taught:
        return []  # then no token is trained at all, and another rule says so
    left = sorted(there - taught)
    if left and reads_loss(case.recipe):
        left = [m for m in left if case.messages[m].get("loss", True)]
    return left


def _is_all_but_last(case: Case, untaught: list[int]) -> bool:
    answers = [m for m in case.written if case.messages[m]["role"] == "assistant"]
    return untaught == answers[:-1]


def _lengths(sample: LabelledSample) -> Text:
    whole, kept = sample.full_length, len(sample)
    return both(f"{whole} tokens, cut to {kept}", f"{whole} 个 token，截到 {kept} 个")


RULES = (
    no_trained_token,
    answer_lost,
    answer_cut,
    stop_cut,
    over_long,
    stop_not_trained,
    wrong_stop,
    tool_output_trained,
    user_text_trained,
    system_text_trained,
    only_last_answer_trained,
    answer_not_trained,
)
