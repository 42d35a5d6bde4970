"""Rules on calls in OpenAI's form: lost, left open, or of a shape that the template can't write."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from glm4viz.layout import PARTS
from glm4viz.linter.case import Case, calls_of, is_call, is_result, tokens_of
from glm4viz.linter.findings import Hit, rule
from glm4viz.linter.probe import reads_arguments
from glm4viz.linter.rules.calls import declared_functions
from glm4viz.linter.rules.text import SPECIALS, alive_specials
from glm4viz.texts import both

_OF_CALLS = [PARTS.index("tool_call"), PARTS.index("arguments")]


@rule(
    "call-lost",
    "error",
    title=both("A call is lost on the way", "调用在途中丢失"),
    harm=both(
        "The message calls a function, and the sample doesn't: the model is taught an answer without the call, and then shown its result.",
        "消息里有函数调用，样本里却没有：模型学到的是没有调用的回答，接着却看到它的结果。",
    ),
    mend=both(
        "Tell the framework to hand tool_calls on (Axolotl: message_property_mappings with tool_calls: tool_calls), or use another recipe.",
        "请让框架把 tool_calls 传下去（Axolotl：在 message_property_mappings 里写 tool_calls: tool_calls），或换一个配方。",
    ),
    evidence=("axolotl PR #2115", "axolotl #3824"),
    labelled=True,
    forms=("openai",),
)
def call_lost(case: Case) -> Iterator[Hit]:
    for sample, turn in case.turns:
        calls = calls_of(case.messages[turn.message])
        if turn.state != "whole" or not calls:
            continue
        if not np.isin(sample.part_codes[sample.message_index == turn.message], _OF_CALLS).any():
            yield Hit(turn.message, ", ".join(name for name, _ in calls)[:80], tokens=tokens_of(sample, turn.message))


@rule(
    "call-not-closed",
    "error",
    title=both("A call without its closing tag", "调用没有结束标签"),
    harm=both(
        "The sample opens a call with <tool_call> and never writes </tool_call>: the model is taught calls that a server's parser can't read.",
        "样本以 <tool_call> 开始调用，却没有写出 </tool_call>：模型学到的调用，服务端的解析器读不出来。",
    ),
    mend=both(
        "Use a recipe that renders calls with the model's own template.",
        "请使用以模型自带模板写出调用的配方。",
    ),
    evidence=("LLaMA-Factory PR #10770",),
    labelled=True,
    forms=("openai",),
)
def call_not_closed(case: Case) -> Iterator[Hit]:
    for sample, turn in case.turns:
        opener, closer = (sample.tokenizer.special_ids.get(name) for name in ("<tool_call>", "</tool_call>"))
        if turn.state != "whole" or opener is None or closer is None or not is_call(case.messages[turn.message]):
            continue
        own = sample.message_index == turn.message
        opened = np.flatnonzero(own & (sample.input_ids == opener)).tolist()
        missing = len(opened) - int((own & (sample.input_ids == closer)).sum())
        if missing > 0:
            at = opened[-1]
            yield Hit(turn.message, both(f"{missing} left open", f"{missing} 个没有结束"), tokens=(at, at + 1))


@rule(
    "calls-without-tools",
    "warning",
    title=both("Calls, but no tools", "有调用，却没有 tools"),
    harm=both(
        "The model is taught to call functions that it isn't shown, nor how a call is written: it learns to make them up.",
        "模型学着调用没有给它看过的函数，也没有看过调用的写法：它会学着编造。",
    ),
    mend=both(
        "Give the conversation its tools: beside the messages in the record, or as tools= in Python.",
        "请给这段对话写上 tools：在记录里与 messages 并列，或在 Python 里用 tools=。",
    ),
    forms=("openai",),
)
def calls_without_tools(case: Case) -> Iterator[Hit]:
    if declared_functions(case):
        return
    instructions = "\n".join(content for m, content in case.texts if case.messages[m]["role"] == "system")
    for m, message in enumerate(case.messages):
        # Who declares none may describe them in words.
        if unknown := [name for name, _ in calls_of(message) if name not in instructions]:
            yield Hit(m, unknown[0][:40])
            return


@rule(
    "arguments-form",
    "error",
    title=both("Arguments of a kind that the template can't write", "参数的类型模板写不出"),
    harm=both(
        "GLM-4.5's template goes through the items of an object, and OpenAI's servers send a text that holds JSON. Given the wrong one of "
        "the two, the script stops, or writes something else than the call.",
        "GLM-4.5 的模板逐项写出一个对象，而 OpenAI 的服务端发送的是 JSON 文本。给错了类型，脚本会中止，或写出的不是这个调用。",
    ),
    mend=both(
        "Turn the one into the other, with json.loads or json.dumps; --fix does the former.",
        "请用 json.loads 或 json.dumps 转换；前一种 --fix 可以代劳。",
    ),
    evidence=("GLM-5 #158", "vLLM #46328", "Qwen3-Coder #444"),
    forms=("openai",),
)
def arguments_form(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        for name, arguments in calls_of(message):
            kind = dict if isinstance(arguments, Mapping) else str
            if not reads_arguments(case.recipe, kind):
                is_text = kind is str
                en = f"{name[:40]} has {'a text' if is_text else 'an object'}, this recipe takes {'an object' if is_text else 'a text'}"
                zh = f"{name[:40]} 的是{'文本' if is_text else '对象'}，这个配方需要{'对象' if is_text else '文本'}"
                yield Hit(m, both(en, zh))
                break


@rule(
    "null-beside-calls",
    "info",
    title=both("A null content beside calls", "调用旁边的 content 为 null"),
    harm=both(
        "transformers before 5.23 hands the null to the template, which writes the word None in front of the call, and it is trained.",
        "transformers 5.23 之前会把 null 交给模板，模板在调用前写出 None 这个词，并参与训练。",
    ),
    mend=both('Write an empty text (""), or leave the key out.', '请写成空文本（""），或删去这个键。'),
    evidence=("axolotl #3824", "LLaMA-Factory #4249"),
    forms=("openai",),
)
def null_beside_calls(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        if is_call(message) and message.get("content", "") is None:
            yield Hit(m)


@rule(
    "special-token-in-result",
    "error",
    title=both("A special token inside a tool's result", "工具结果里的特殊 token"),
    harm=both(
        "What a tool gives back comes from elsewhere, and here its text becomes a token that ends the result or opens a turn: the model "
        "learns to obey whatever a page or a file says.",
        "工具返回的内容来自别处，而这里它的文本变成了会结束结果或开始新一轮的 token：模型会学着听从网页或文件里写的任何话。",
    ),
    mend=both("Remove it, or break it up, for example with a space.", "请删去，或用空格等拆开。"),
    evidence=("transformers PR #47853",),
    labelled=True,
    forms=("openai",),
)
def special_token_in_result(case: Case) -> Iterator[Hit]:
    for m, tokens in alive_specials(case).items():
        if is_result(case.messages[m]):
            content = case.messages[m].get("content") or ""
            yield Hit(m, next((name for name in SPECIALS["openai"] if name in content), ""), tokens=tokens)


@rule(
    "results-out-of-order",
    "error",
    title=both("Results in another order than their calls", "结果的顺序与调用不同"),
    harm=both(
        "tool_call_id says which call a result belongs to, but the template doesn't write it: the model sees each result in the place of "
        "another call's.",
        "tool_call_id 说明结果属于哪个调用，但模板不会写出它：模型看到的结果错位到了别的调用上。",
    ),
    mend=both("Put the results into the order of their calls.", "请按调用的顺序排列结果。"),
    labelled=True,
    forms=("openai",),
)
def results_out_of_order(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        calls: list[Any] = [call.get("id") for call in message.get("tool_calls") or ()]
        results = _results_after(case, m)
        given: list[Any] = [case.messages[r].get("tool_call_id") for r in results]
        named = all(isinstance(id, str) for id in (*calls, *given)) and len(set(calls)) == len(calls)
        wrong = named and given != calls and sorted(given) == sorted(calls)
        # A system may put them in order itself: what counts is how they stand in the sample.
        for sample in case.samples if wrong else ():
            first = [int(np.argmax(sample.message_index == r)) for r in results if (sample.message_index == r).any()]
            if first == sorted(first):
                yield Hit(results[0], ", ".join(str(id)[:20] for id in given[:4]))
                break


def _results_after(case: Case, m: int) -> list[int]:
    results: list[int] = []
    while (following := m + 1 + len(results)) < len(case.messages) and is_result(case.messages[following]):
        results.append(following)
    return results


RULES = (
    call_lost,
    call_not_closed,
    calls_without_tools,
    arguments_form,
    null_beside_calls,
    results_out_of_order,
    special_token_in_result,
)
