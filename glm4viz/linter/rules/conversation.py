"""Rules without a search of their own: the library refused a conversation, or a reader a record."""

from collections.abc import Iterator

from glm4viz.linter.case import Case
from glm4viz.linter.findings import Hit, rule
from glm4viz.texts import both


def found_elsewhere(case: Case) -> Iterator[Hit]:  # noqa: ARG001
    """For a rule that needs no search of its own in one conversation."""
    yield from ()


UNKNOWN_ROLE = rule(
    "unknown-role",
    "error",
    title=both("A role that GLM-4 doesn't have", "GLM-4 没有的角色"),
    harm=both(
        "GLM-4 knows system, user, assistant and observation; its tokenizer stops at any other, and other frameworks drop the message.",
        "GLM-4 只有 system、user、assistant 和 observation；遇到别的角色分词器会中止，别的框架会丢掉这条消息。",
    ),
    mend=both("Write one of the four.", "请改成这四个之一。"),
    evidence=("LLaMA-Factory #2529",),
)(found_elsewhere)

CONTENT_NOT_TEXT = rule(
    "content-not-text",
    "error",
    title=both("Content is missing or not a text", "content 缺失或不是文本"),
    harm=both(
        "The script stops here, or trains what Python prints for the value.",
        "脚本会在这里中止，或把 Python 打印的样子拿去训练。",
    ),
    mend=both("Write the content as one text.", "请把 content 写成一个文本。"),
    evidence=("LLaMA-Factory #4249",),
)(found_elsewhere)

MALFORMED = rule(
    "malformed",
    "error",
    title=both("Not a conversation", "不是对话"),
    harm=both(
        "No training script can read this as a conversation.",
        "没有训练脚本能把它当作对话读取。",
    ),
    mend=both(
        'Write it as [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}].',
        '请写成 [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]。',
    ),
    evidence=("GLM-4 #533",),
)(found_elsewhere)

REFUSED = rule(
    "recipe-refuses",
    "error",
    title=both("The training script refuses this", "训练脚本拒绝这段对话"),
    harm=both(
        "The script would stop at this conversation, or drop it.",
        "脚本遇到这段对话会中止，或把它丢掉。",
    ),
    mend=both("Change what it names, or choose another recipe.", "请按所说的原因修改，或换一个配方。"),
    evidence=("GLM-4 #546", "GLM-4 #199"),
)(found_elsewhere)

UNREADABLE = rule(
    "unreadable-record",
    "error",
    title=both("A record that can't be read", "无法读取的记录"),
    harm=both(
        "The loader stops at this record, or leaves it out.",
        "加载程序会在这条记录处中止，或跳过它。",
    ),
    mend=both("Mend the file at this place.", "请修改文件的这个位置。"),
    evidence=("GLM-4 #533",),
)(found_elsewhere)

RULES = (UNKNOWN_ROLE, CONTENT_NOT_TEXT, MALFORMED, REFUSED, UNREADABLE)
