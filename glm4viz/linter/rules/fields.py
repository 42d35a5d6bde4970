"""Rules on the fields of a message: empty, null, or not read by the recipe."""

from collections.abc import Iterator

from glm4viz.errors import RecipeRejects
from glm4viz.labelling.single import label_all
from glm4viz.layout import PARTS, Message
from glm4viz.linter.case import Case, around, label_case
from glm4viz.linter.findings import Hit, Severity, rule
from glm4viz.recipe import Recipe
from glm4viz.texts import Text, both


def _declares_tools(message: Message) -> bool:
    return message["role"] == "system" and bool(message.get("tools"))


@rule(
    "null-content",
    "error",
    title=both("Content is null", "content 为 null"),
    harm=both(
        "A null is no text, and every system makes something else of it: nothing at all, so that the turn vanishes, an older text, or a crash.",
        "null 不是文本，每个系统的处理都不一样：什么都不写（这一轮就此消失）、写出更早的文本，或者崩溃。",
    ),
    mend=both("Write the text, or remove the message.", "请写上文本，或删去这条消息。"),
    evidence=("FederatedScope PR #625",),
    refines=True,
)
def null_content(case: Case) -> Iterator[Hit]:
    nulls = [m for m, message in enumerate(case.messages) if message["content"] is None]
    refusal = _refused_for_nulls(case) if nulls else None
    for m in nulls:
        role, own = case.messages[m]["role"], refusal or _written_for_null(case, m)
        yield Hit(m, both(f"{role}; {own['en']}", f"{role}；{own['zh']}") if own else role)


def _refused_for_nulls(case: Case) -> Text | None:
    """The recipe's reason for refusing these messages, if it takes them with a text in place of each null."""
    if case.refusal is None:
        return None
    # Empty braces are a text and a call's arguments both.
    with_texts = [{**message, "content": "{}"} if message["content"] is None else message for message in case.messages]
    if label_case(with_texts, case.recipe, None, None).refusal is not None:
        return None
    return both(case.refusal.sentence("en").rstrip("."), case.refusal.sentence("zh").rstrip("。"))


def _written_for_null(case: Case, m: int) -> Text | None:
    """What the recipe writes for this message, whose content is null. None if there is no sample, or not one of whole conversations."""
    if len(case.samples) != 1 or len(case.samples[0].messages) != len(case.messages):
        return None
    sample, name = case.samples[0], case.recipe.id
    own = sample.message_index == m
    if not own.any():
        return both(f"{name} writes nothing for it, not even its tag", f"{name} 什么都不写，连标签也没有")
    texts = (sample.token_bytes[at] for at in (own & (sample.part_codes == PARTS.index("content"))).nonzero()[0])
    text = b"".join(texts).decode("utf-8", "replace")[:40]
    if not text:
        return both(f"{name} writes its tag without a text", f"{name} 只写出标签，没有文本")
    return both(f"{name} writes {text!r} in its place", f"{name} 在这里写出 {text!r}")


@rule(
    "empty-content",
    "warning",
    title=both("Content is empty", "content 为空"),
    harm=both(
        "GLM-4 writes nothing for an empty content, so the turn vanishes; other systems train an answer of no words.",
        "content 为空时 GLM-4 什么都不写，这一轮就消失了；别的系统则会训练出空回答。",
    ),
    mend=both("Write the text, or remove the message and its counterpart.", "请写上文本，或把这条消息连同它的另一半一起删去。"),
    evidence=("FederatedScope PR #625",),
)
def empty_content(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        # A system message that declares tools has to be empty, says GLM-4's README.
        if message["content"] == "" and not _declares_tools(message):
            yield Hit(m, message["role"], severity=_worse_for_answers(message))


@rule(
    "blank-content",
    "warning",
    title=both("Content is only white space", "content 只有空白"),
    harm=both(
        "An answer of white space teaches the model to say nothing; a blank question teaches it to answer nothing.",
        "只有空白的回答会教模型什么也不说；空白的提问会教模型凭空作答。",
    ),
    mend=both("Write the text, or remove the turn.", "请写上文本，或删去这一轮。"),
)
def blank_content(case: Case) -> Iterator[Hit]:
    for m in case.written:
        message = case.messages[m]
        if message["content"].isspace():
            yield Hit(m, message["role"], span=(0, len(message["content"].encode())), severity=_worse_for_answers(message))


def _worse_for_answers(message: Message) -> Severity:
    return "error" if message["role"] == "assistant" else "warning"


@rule(
    "null-metadata",
    "error",
    title=both("Metadata is null", "metadata 为 null"),
    harm=both(
        "GLM-4 writes a null metadata as the word None behind the role tag, and trains it in answers; its chat template does so with "
        "transformers up to 5.22, while 5.23.0 and later drop null keys. Tables and Arrow fill such nulls in.",
        "GLM-4 会把为 null 的 metadata 写成 None 这个词，接在角色标记后面，在回答里还会参与训练；用对话模板时，transformers 5.22 及更早如此，"
        "5.23.0 起会丢弃值为 null 的键。表格和 Arrow 会自动补出这种 null。",
    ),
    mend=both("Remove the key where there is no function name; --fix does it.", "没有函数名的地方请删去这个键；--fix 可以代劳。"),
    evidence=("datasets #7617",),
    refines=True,
)
def null_metadata(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        if "metadata" in message and message["metadata"] is None:
            found = None
            for sample in case.samples:
                header = (sample.message_index == m) & (sample.part_codes == PARTS.index("metadata"))
                found = found or around(header.nonzero()[0].tolist())
            # Some recipes drop a null; then it only waits for the next script.
            yield Hit(m, tokens=found, severity="error" if found or not case.samples else "warning")


@rule(
    "null-tools",
    "error",
    title=both("Tools is null", "tools 为 null"),
    harm=both(
        "On a system message a null tools stops GLM-4's script with a TypeError. With transformers up to 5.22 so does one on any message where "
        "the template is given all of them (combine); 5.23.0 and later drop null keys. Tables and Arrow fill such nulls in.",
        "system 消息上的 tools 为 null 会让 GLM-4 的脚本以 TypeError 中止。在把整段对话交给模板的脚本里（combine），transformers 5.22 及更早的版本遇到"
        "任何消息上的都会中止；5.23.0 起会丢弃值为 null 的键。表格和 Arrow 会自动补出这种 null。",
    ),
    mend=both("Remove the key where there are no tools; --fix does it.", "没有工具的地方请删去这个键；--fix 可以代劳。"),
    evidence=("GLM-4 #546", "datasets #7617"),
)
def null_tools(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        if "tools" in message and message["tools"] is None:
            yield Hit(m, severity="error" if message["role"] == "system" else "warning")


@rule(
    "metadata-not-text",
    "error",
    title=both("Metadata is not a text", "metadata 不是文本"),
    harm=both(
        "It is written as Python prints it, and the model learns that in place of a function name.",
        "它会按 Python 打印的样子写出，模型学到的就不是函数名。",
    ),
    mend=both("Put only the function's name there, as a text.", "这里只写函数名，用文本。"),
)
def metadata_not_text(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        if not isinstance(message.get("metadata"), str | None):
            yield Hit(m, type(message["metadata"]).__name__)


@rule(
    "loss-ignored",
    "warning",
    title=both("A loss flag that this recipe doesn't read", "这个配方不看 loss 标志"),
    harm=both(
        "The recipe doesn't read a message's loss flag: what it should switch off is trained, and what it should switch on isn't.",
        "这个配方不看消息的 loss 标志：想关掉的照样训练，想打开的照样不训练。",
    ),
    mend=both(
        "Train with a script that reads it (XTuner, ms-swift, ChatGLM3's of 2023), or split the conversation.",
        "请改用会读取它的脚本（XTuner、ms-swift、ChatGLM3 2023 年的脚本），或拆开对话。",
    ),
    evidence=("GLM-4 #46", "LLaMA-Factory #3615"),
)
def loss_ignored(case: Case) -> Iterator[Hit]:
    if all(message.get("loss") is None for message in case.messages) or reads_loss(case.recipe):
        return
    for m, message in enumerate(case.messages):
        flag = message.get("loss")
        # A flag that asks for what happens anyway does no harm.
        if flag is not None and bool(flag) != (message["role"] == "assistant"):
            yield Hit(m, f"loss: {str(flag).lower()[:20]}")


_reads_loss: dict[str, bool] = {}


def reads_loss(recipe: Recipe) -> bool:
    """Whether the recipe trains less of an answer that says `loss: false`: asked of the recipe itself, once, on a probe."""
    if recipe.id not in _reads_loss:
        _reads_loss[recipe.id] = _trains_less_without_loss(recipe)
    return _reads_loss[recipe.id]


def _trains_less_without_loss(recipe: Recipe) -> bool:
    question = {"role": "user", "content": "?"}
    counts = []
    for answer in ({"role": "assistant", "content": "!"}, {"role": "assistant", "content": "!", "loss": False}):
        try:
            counts.append(sum(int(sample.trained.sum()) for sample in label_all([question, answer], recipe)))
        except RecipeRejects:
            counts.append(0)
    return counts[1] < counts[0]


RULES = (null_content, empty_content, blank_content, null_metadata, null_tools, metadata_not_text, loss_ignored)
