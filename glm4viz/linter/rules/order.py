"""Rules on who speaks when."""

from collections.abc import Iterator

from glm4viz.linter.case import RESULT_ROLES, Case, is_call
from glm4viz.linter.findings import Hit, rule
from glm4viz.texts import both

# Threads on roles and their order as a whole: dropped, merged or crashed on, depending on the framework.
ORDER_ISSUES = ("LLaMA-Factory #2529", "LLaMA-Factory #9600", "LLaMA-Factory #9618")


def _speaks(case: Case, m: int) -> bool:
    """Whether a message takes a place in the order: one that only declares tools doesn't, nor does an empty one."""
    return m in case.written


@rule(
    "two-systems",
    "warning",
    title=both("More than one system message", "system 消息不止一条"),
    harm=both(
        "GLM-4 is used with one system message; a second one is a layout that the model never meets again.",
        "GLM-4 使用时只有一条 system 消息；出现第二条，就是模型以后不会再遇到的格式。",
    ),
    mend=both("Join them into one, at the start.", "请合并成一条，放在开头。"),
    evidence=ORDER_ISSUES,
)
def two_systems(case: Case) -> Iterator[Hit]:
    systems = [m for m in case.written if case.messages[m]["role"] == "system"]
    yield from (Hit(m) for m in systems[1:])


@rule(
    "system-not-first",
    "warning",
    title=both("A system message after the conversation began", "system 消息不在开头"),
    harm=both(
        "A system message in the middle is read as an instruction that came late, and other frameworks move it, merge it or refuse it.",
        "中间的 system 消息会被当成后来才出现的指令；别的框架会移动、合并或拒绝它。",
    ),
    mend=both("Move it to the start, or make it a part of the user's message.", "请移到开头，或并入 user 消息。"),
    evidence=ORDER_ISSUES,
)
def system_not_first(case: Case) -> Iterator[Hit]:
    begun = False
    for m, message in enumerate(case.messages):
        if message["role"] != "system":
            begun = begun or _speaks(case, m)
        elif begun and (_speaks(case, m) or message.get("tools")):
            yield Hit(m)


@rule(
    "starts-with-assistant",
    "warning",
    title=both("The assistant speaks first", "由 assistant 开头"),
    harm=both(
        "The first answer has no question before it: the model learns to speak out of nothing.",
        "第一个回答之前没有提问：模型会学着凭空说话。",
    ),
    mend=both("Add the user message it answers, or remove it.", "请补上它所回答的 user 消息，或删去它。"),
    evidence=ORDER_ISSUES,
)
def starts_with_assistant(case: Case) -> Iterator[Hit]:
    first = next((m for m in case.written if case.messages[m]["role"] != "system"), None)
    if first is not None and case.messages[first]["role"] == "assistant":
        yield Hit(first)


@rule(
    "ends-with-user",
    "warning",
    title=both("The last message isn't an answer", "最后一条不是回答"),
    harm=both(
        "What comes after the last answer teaches nothing, and GLM-4's shipped default (combine) trains it as if it were an answer.",
        "最后一个回答之后的内容不起作用，而 GLM-4 自带的默认配置（combine）会把它当作回答来训练。",
    ),
    mend=both("Add the missing answer, or remove the messages after the last one.", "请补上回答，或删去最后一个回答之后的消息。"),
    evidence=("GLM-4 PR #803", "LLaMA-Factory #9618"),
)
def ends_with_user(case: Case) -> Iterator[Hit]:
    if case.written and case.messages[case.written[-1]]["role"] in ("user", *RESULT_ROLES, "system"):
        yield Hit(case.written[-1], case.messages[case.written[-1]]["role"])


@rule(
    "users-in-a-row",
    "info",
    title=both("Two user messages in a row", "连续两条 user 消息"),
    harm=both(
        "Between two user messages nobody answers; frameworks join them, drop them or keep both, so the same data trains differently.",
        "两条 user 消息之间没有回答；各框架会合并、丢弃或都保留，同一份数据训练结果不同。",
    ),
    mend=both("Join them, or add the answer in between.", "请合并它们，或在中间补上回答。"),
    evidence=ORDER_ISSUES,
)
def users_in_a_row(case: Case) -> Iterator[Hit]:
    for before, m in zip(case.written, case.written[1:], strict=False):
        if case.messages[before]["role"] == case.messages[m]["role"] == "user":
            yield Hit(m)


@rule(
    "answers-in-a-row",
    "warning",
    title=both("Two answers in a row", "连续两个回答"),
    harm=both(
        "The first answer is taught to end in <|assistant|>, at which GLM-4 doesn't stop: it learns to go on talking.",
        "前一个回答会学着以 <|assistant|> 结束，而 GLM-4 遇到它并不停止：模型学到的是说个不停。",
    ),
    mend=both(
        "Join them. Only a thought before a tool call stands alone, and the call has its function name in metadata.",
        "请合并它们。只有工具调用前的思考可以单独成条，而且调用的函数名要写在 metadata 里。",
    ),
)
def answers_in_a_row(case: Case) -> Iterator[Hit]:
    for before, m in zip(case.written, case.written[1:], strict=False):
        first, second = case.messages[before], case.messages[m]
        if first["role"] == second["role"] == "assistant" and not is_call(first) and not is_call(second):
            yield Hit(m)


RULES = (two_systems, system_not_first, starts_with_assistant, ends_with_user, users_in_a_row, answers_in_a_row)
