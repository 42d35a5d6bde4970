"""Rules on parity: whether an answer is trained under the prompt that a server will feed before it."""

from collections.abc import Iterator

import numpy as np

from glm4viz.inference.parity import Kind, Parity
from glm4viz.inference.prompts import OPENERS
from glm4viz.layout import PARTS
from glm4viz.linter.case import Case
from glm4viz.linter.findings import Hit, rule
from glm4viz.recipe import LabelledSample
from glm4viz.texts import Text, both


@rule(
    "history-rewritten",
    "error",
    title=both("An answer is trained after another history than the server feeds", "回答所接的历史与服务端输入的不同"),
    harm=both(
        "What stands before the answer isn't what the chat template makes of the same messages, so the answer is learned in a context that "
        "the model will not meet when it is used.",
        "这个回答之前的内容不是聊天模板对同样的消息写出的内容，模型在使用时不会遇到训练时的上下文。",
    ),
    mend=both(
        "Use a recipe that renders with the served template. Where it is an earlier thought that differs, split the conversation so that "
        "each answer with a thought stands last, or train the last answer only.",
        "请使用以服务端模板渲染的配方。如果不同的是较早的思考，请拆分对话，让每个带思考的回答都在末尾，或只训练最后一个回答。",
    ),
    evidence=("LLaMA-Factory PR #10770", "NeMo Automodel PR #2349", "verl #6854", "tinker-cookbook #932"),
    labelled=True,
)
def history_rewritten(case: Case) -> Iterator[Hit]:
    yield from _leaving(case, "rewritten")


@rule(
    "prefill-differs",
    "warning",
    title=both("An answer begins otherwise than the server has it begin", "回答的开头与服务端预填的不同"),
    harm=both(
        "The server writes the first tokens of each answer itself, and in training something else stands there.",
        "服务端会自己写出每个回答的前几个 token，而训练时那里是别的内容。",
    ),
    mend=both(
        "Use a recipe of the version that is served, and give the answer its thought; or turn thinking off where the model is served.",
        "请使用与服务端版本一致的配方，并为回答补上思考；或在部署时关闭思考。",
    ),
    evidence=("LLaMA-Factory PR #10770", "ms-swift PR #7173"),
    labelled=True,
)
def prefill_differs(case: Case) -> Iterator[Hit]:
    yield from _leaving(case, "prefill")


def _leaving(case: Case, kind: Kind) -> Iterator[Hit]:
    """A hit for each place where answers leave the server's prompt, at the first answer that does it there."""
    places: dict[tuple[int, int], tuple[LabelledSample, list[Parity]]] = {}
    for sample, found in case.parities:
        ends_there = found.position == len(sample) < sample.full_length  # cut off, which other rules say
        if found.kind == kind and not ends_there:
            places.setdefault((id(sample), found.position), (sample, []))[1].append(found)
    for sample, group in places.values():
        at = group[0].position
        yield Hit(group[0].message_index, _said(sample, group), tokens=(at, at + 1) if at < len(sample) else None)


def _said(sample: LabelledSample, group: list[Parity]) -> Text:
    at, answers = group[0].position, ", ".join(str(found.message_index) for found in group)
    m, part = (int(sample.message_index[at]), PARTS[sample.part_codes[at]]) if at < len(sample) else (-1, "")
    where = f" (messages[{m}], {part})" if m >= 0 else f" ({part})" if part else ""
    return {
        "en": f"answers {answers}: {group[0].said['en']}{where}",
        "zh": f"回答 {answers}：{group[0].said['zh']}{where}",
    }


@rule(
    "opener-trained",
    "warning",
    title=both("What the server writes is trained", "服务端预填的内容参与了训练"),
    harm=both(
        "The server begins every answer with <think> itself, so the model is never asked for that token; its loss only hides that of what "
        "the model has to write.",
        "服务端会自己以 <think> 开始每个回答，模型从不需要写这个 token；它的损失只会掩盖模型真正要写的内容的损失。",
    ),
    mend=both("Use a recipe that masks the generation prompt.", "请使用会屏蔽生成提示的配方。"),
    evidence=("tinker-cookbook #932", "NeMo Automodel PR #3739", "Fireworks cookbook #384"),
    labelled=True,
)
def opener_trained(case: Case) -> Iterator[Hit]:
    opener = OPENERS.get(case.recipe.served, "").encode()
    for sample in case.samples if opener else ():
        think = sample.part_codes == PARTS.index("think")
        _, first = np.unique(sample.message_index[think], return_index=True)
        begins = np.flatnonzero(think)[first]
        trained = [at for at in begins.tolist() if sample.trained[at] and sample.token_bytes[at] == opener]
        if trained:
            answers = [int(sample.message_index[at]) for at in trained]
            yield Hit(answers[0], f"<think>: {', '.join(map(str, answers))}", tokens=(trained[0], trained[0] + 1))


RULES = (history_rewritten, prefill_differs, opener_trained)
