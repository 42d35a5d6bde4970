"""Rules on what a run really fed: what no recipe writes, but a collator, a template or a packer may."""

from collections.abc import Iterator

import numpy as np

from glm4viz.layout import PART_CODES
from glm4viz.linter.case import Case, around
from glm4viz.linter.findings import Hit, rule
from glm4viz.systems.captured import CAPTURED
from glm4viz.texts import both


@rule(
    "roles-unknown",
    "warning",
    title=both("Who speaks can't be told", "无法判断谁在说话"),
    harm=both(
        "No role tags that are known stand in this sequence, so nobody can say from it whether answers are trained, whether they learn to stop, "
        "and whether a prompt is trained with them.",
        "这条序列里没有已知的角色标签，因此无法从中判断回答是否参与训练、是否学会停止、提示是否也被训练。",
    ),
    mend=both(
        "Look at the trained tokens yourself. If this should be a chat, check that the chat template was used, and that this is the tokenizer of the run.",
        "请自己查看被训练的 token。如果这本应是对话，请检查是否用了对话模板，以及这是不是该次训练的分词器。",
    ),
    labelled=True,
)
def roles_unknown(case: Case) -> Iterator[Hit]:
    if case.recipe.id == CAPTURED.id and case.samples and not case.messages:
        yield Hit()


@rule(
    "trained-outside-messages",
    "warning",
    title=both("Tokens outside any message are trained", "消息之外的 token 参与了训练"),
    harm=both(
        "These tokens carry labels, and it can't be told whose they are: text before the first role tag, as at a row that begins in the middle of a "
        "conversation, behind an end, or of a role that isn't known.",
        "这些 token 带有标签，却无法判断属于谁：可能在第一个角色标签之前（例如从对话中间开始的行）、在结束标记之后，或属于未知的角色。",
    ),
    mend=both(
        "Look at them. A prefix need not be trained; a row that is cut at its beginning should lose the rest of that answer.",
        "请查看它们。前缀不需要训练；开头被截断的行应当丢掉那个回答余下的部分。",
    ),
    labelled=True,
)
def trained_outside(case: Case) -> Iterator[Hit]:
    for sample in case.samples:
        outside = sample.trained & (sample.owner < 0) & (sample.part_codes != PART_CODES["padding"])
        if case.recipe.id == CAPTURED.id and case.messages and outside.any():
            found = np.flatnonzero(outside)
            yield Hit(None, both(f"{len(found)} tokens", f"{len(found)} 个 token"), tokens=around(found.tolist()))


@rule(
    "padding-trained",
    "error",
    title=both("Padding is trained", "填充参与了训练"),
    harm=both(
        "Padding carries labels: the model learns to write it, and it takes its share of the loss.",
        "填充带有标签：模型会学着写出填充，填充也占去一部分 loss。",
    ),
    mend=both(
        "Let the collator give padding the label -100, by the attention mask and not by the pad token, which may be the end token as well.",
        "请让整理函数给填充 -100 的标签；应按 attention_mask 判断，而不是按 pad token，因为它可能同时是结束 token。",
    ),
    evidence=("TRL #1623", "alignment-handbook #127"),
    labelled=True,
)
def padding_trained(case: Case) -> Iterator[Hit]:
    for sample in case.samples:
        found = np.flatnonzero(sample.trained & (sample.part_codes == PART_CODES["padding"]))
        if len(found):
            yield Hit(None, both(f"{len(found)} tokens", f"{len(found)} 个 token"), tokens=around(found.tolist()))


@rule(
    "prefix-doubled",
    "error",
    title=both("The prefix stands there twice", "前缀写了两遍"),
    harm=both(
        "The sequence begins with its prefix twice: the template wrote it, and the tokenizer once more. A server feeds it once, so every "
        "answer is learned behind a beginning that it will never see.",
        "序列开头的前缀出现了两遍：模板写了一遍，分词器又加了一遍。服务端只输入一遍，因此每个回答都是在它以后见不到的开头之后学的。",
    ),
    mend=both(
        "Tokenize the rendered text with add_special_tokens=False.",
        "请用 add_special_tokens=False 对渲染好的文本分词。",
    ),
    evidence=("GLM-4 #25", "OpenRLHF #393", "LLaMA-Factory #4289"),
    labelled=True,
)
def prefix_doubled(case: Case) -> Iterator[Hit]:
    for sample in case.samples if case.recipe.id == CAPTURED.id else ():
        other = np.flatnonzero(sample.part_codes != PART_CODES["prefix"])
        stop = int(other[0]) if len(other) else len(sample)
        begins = sample.input_ids[:stop].tolist()
        if len(set(begins)) < len(begins):
            yield Hit(None, " ".join(b.decode("utf-8", "replace") for b in sample.token_bytes[:stop][:8]), tokens=(0, stop))


@rule(
    "packing-unmarked",
    "warning",
    title=both("Several conversations in one sequence, not marked", "一条序列里有多段对话，却没有标出边界"),
    harm=both(
        "A prefix or a system message stands behind an answer, but neither positions nor sequence lengths begin anew there: every conversation "
        "attends to those before it, unless the trainer divides them in a way that the batch doesn't show.",
        "回答之后又出现了前缀或 system 消息，但位置编号和序列长度都没有在那里重新开始：后面的对话会看到前面的对话，除非训练器用批次里看不到的方式隔开它们。",
    ),
    mend=both(
        "If this row is packed, use a packing that gives position_ids or cu_seq_lens for each conversation (padding_free, FlashAttention), or keep it "
        "if you accept that they see each other.",
        "如果这一行是打包的，请使用为每段对话给出 position_ids 或 cu_seq_lens 的打包方式（padding_free、FlashAttention）；如果接受它们互相可见，也可以不改。",
    ),
    labelled=True,
)
def packing_unmarked(case: Case) -> Iterator[Hit]:
    for sample in case.samples if case.recipe.id == CAPTURED.id else ():
        inside = np.flatnonzero(sample.message_index >= 0)
        prefix = np.flatnonzero(sample.part_codes == PART_CODES["prefix"])
        again = prefix[prefix > inside[0]] if len(inside) else prefix[:0]
        roles = [message["role"] for message in case.messages]
        late = [m for m in range(1, len(roles)) if roles[m] == "system" and roles[m - 1] == "assistant"]
        if len(again):
            yield Hit(None, tokens=(int(again[0]), int(again[0]) + 1))
        elif late:
            yield Hit(late[0], tokens=around(np.flatnonzero(sample.message_index == late[0]).tolist()))


RULES = (roles_unknown, trained_outside, padding_trained, prefix_doubled, packing_unmarked)
