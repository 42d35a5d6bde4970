"""The sentences that tell recipes apart, in English and Chinese, and the words that go into them."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from glm4viz.texts import Text, fill, listed, printable

# [one|several]: the verb as the number of recipes has it.
SENTENCES: dict[str, Text] = {
    "all_equal": {
        "en": "On this conversation all {total} recipes have equal masks: the same text, headers, thoughts, calls and stop positions are trained.",
        "zh": "在这段对话上，这 {total} 个配方的掩码相同：训练同样的正文、头部、思考、调用和停止位置。",
    },
    "equal": {
        "en": "{names} have equal masks here: the same text, headers, thoughts, calls and stop positions are trained.",
        "zh": "{names} 在这里的掩码相同：训练同样的正文、头部、思考、调用和停止位置。",
    },
    "no_answer": {"en": "{name} [trains|train] no answer, {first} {theirs}.", "zh": "{name} 不训练任何回答，{first} {theirs}。"},
    "last_answer": {
        "en": "{name} [trains|train] only the last answer, {first} {theirs}.",
        "zh": "{name} 只训练最后一个回答，{first} {theirs}。",
    },
    "answers": {"en": "{name} [trains|train] {ours}, {first} {theirs}.", "zh": "{name} {ours}，{first} {theirs}。"},
    "other_stop": {
        "en": "{name} [teaches|teach] {ours} where {first} teaches {theirs}.",
        "zh": "{name} 教的停止 token 是 {ours}，{first} 在同样的位置教的是 {theirs}。",
    },
    "no_stop": {
        "en": "{name} [doesn't|don't] teach {answers} to stop; {first} teaches {theirs} there.",
        "zh": "{name} 不教{answers}停下；{first} 在那里教的是 {theirs}。",
    },
    "more_stop": {
        "en": "{name} [teaches|teach] {answers} to stop with {ours}, {first} doesn't.",
        "zh": "{name} 教{answers}以 {ours} 停下，{first} 不教。",
    },
    "leaked_stop": {
        "en": "{name} [trains|train] the stop of {answers}, though not the text.",
        "zh": "{name} 训练了{answers}的停止 token，却不训练其正文。",
    },
    "foreign_stop": {
        "en": "{name} [teaches|teach] {ours} as a stop, but GLM-4 doesn't stop generating at it.",
        "zh": "{name} 把 {ours} 当作停止 token 来教，但 GLM-4 生成时不会停在它上面。",
    },
    "trains_text": {"en": "{name} [trains|train] {what}, {first} doesn't.", "zh": "{name} 训练{what}，{first} 不训练。"},
    "leaves_text": {"en": "{first} trains {what}, {name} [doesn't|don't].", "zh": "{first} 训练{what}，{name} 不训练。"},
    "own_tag": {
        "en": "{name} [trains|train] the answer's own tag {tag}, which the program supplies when the model is used; {first} doesn't.",
        "zh": "{name} 训练回答自己的标签 {tag}，而使用模型时它由程序给出；{first} 不训练。",
    },
    "no_header": {
        "en": "{name} [doesn't|don't] train the header between tag and answer (the newline, or a function's name); {first} does.",
        "zh": "{name} 不训练标签与回答之间的头部（换行或函数名）；{first} 训练。",
    },
    "part_header": {
        "en": "{name} [trains|train] only part of an answer's header: its first token is masked.",
        "zh": "{name} 只训练回答头部的一部分：第一个 token 被屏蔽。",
    },
    "trains_thoughts": {
        "en": "{name} [trains|train] the thought of {answers}, {first} doesn't.",
        "zh": "{name} 训练{answers}的思考，{first} 不训练。",
    },
    "leaves_thoughts": {
        "en": "{first} trains the thought of {answers}, {name} [doesn't|don't].",
        "zh": "{first} 训练{answers}的思考，{name} 不训练。",
    },
    "trains_opener": {
        "en": "{name} [trains|train] the tag `<think>` that opens a thought, {first} doesn't.",
        "zh": "{name} 训练思考开头的标签 `<think>`，{first} 不训练。",
    },
    "leaves_opener": {
        "en": "{first} trains the tag `<think>` that opens a thought, {name} [doesn't|don't].",
        "zh": "{first} 训练思考开头的标签 `<think>`，{name} 不训练。",
    },
    "drops_thoughts": {
        "en": "{name} [drops|drop] the thought of {answers} and [writes|write] an empty one in its place.",
        "zh": "{name} 丢掉{answers}的思考，换成空思考。",
    },
    "lacks_thoughts": {"en": "{name} [leaves|leave] out the thought of {answers}.", "zh": "{name} 不写出{answers}的思考。"},
    "empty_thoughts": {"en": "{name} [trains|train] an empty thought in {answers}.", "zh": "{name} 在{answers}里训练空思考。"},
    "trains_calls": {
        "en": "{name} [trains|train] the calls of {answers}, {first} doesn't.",
        "zh": "{name} 训练{answers}的工具调用，{first} 不训练。",
    },
    "leaves_calls": {
        "en": "{first} trains the calls of {answers}, {name} [doesn't|don't].",
        "zh": "{first} 训练{answers}的工具调用，{name} 不训练。",
    },
    "loses_calls": {
        "en": "{name} [loses|lose] the calls of {answers}: nothing of them is written.",
        "zh": "{name} 丢失了{answers}的工具调用：完全没有写出。",
    },
    "rewritten": {
        "en": "{name} [trains|train] {answers} behind a text that the server never feeds: from token {position} on it feeds {expected}, the sample has {got}.",
        "zh": "{name} 训练{answers}时，前面的文本是服务端不会输入的：从第 {position} 个 token 起服务端输入 {expected}，样本里是 {got}。",
    },
    "prefill": {
        "en": "Before {answers} of {name}, only the opener that the server prefills is another one: {expected}, where the sample has {got}.",
        "zh": "{name} 的{answers}前面，只有服务端预填的开头不同：服务端是 {expected}，样本里是 {got}。",
    },
    "strips": {
        "en": "{name} [strips|strip] {bytes} of white space from {where}.",
        "zh": "{name} 从 {where} 去掉 {bytes}的空白。",
    },
    "leaves_out": {"en": "{name} [leaves|leave] out {where}.", "zh": "{name} 不写出 {where}。"},
    "tools_instead": {
        "en": "{name} [writes|write] the tools in place of the text of {where}.",
        "zh": "{name} 用工具说明取代了 {where} 的文本。",
    },
    "rewrites_call": {"en": "{name} [rewrites|rewrite] the call's arguments in {where}.", "zh": "{name} 改写了 {where} 里的调用参数。"},
    "rewrites": {"en": "{name} [rewrites|rewrite] {where}.", "zh": "{name} 改写了 {where}。"},
    "drops": {"en": "{name} [drops|drop] {bytes} of {where}.", "zh": "{name} 丢掉了 {where} 的 {bytes}。"},
    "drops_tools": {"en": "{name} [drops|drop] the tools block of {where}.", "zh": "{name} 丢掉了 {where} 的工具说明。"},
    "drops_name": {"en": "{name} [drops|drop] the function's name of {where}.", "zh": "{name} 丢掉了 {where} 的函数名。"},
    "own_system": {
        "en": "{name} [begins|begin] with a system text of its own ({tokens} tokens).",
        "zh": "{name} 在开头加上自己的一段 system 文本（{tokens} 个 token）。",
    },
    "several": {"en": "{name} [makes|make] {samples} samples of this conversation.", "zh": "{name} 把这段对话变成 {samples} 条样本。"},
    "other_vocabulary": {
        "en": "{name} has the vocabulary of {tokenizer}, the recipes GLM's own: texts are aligned by their bytes, and ids differ.",
        "zh": "{name} 用的是 {tokenizer} 的词表，配方用的是 GLM 自己的：文本按字节对齐，编号不同。",
    },
    "cut": {
        "en": "{name} [loses|lose] {lost} of {full} tokens to the length limit.",
        "zh": "{name} 因长度上限丢掉 {full} 个 token 中的 {lost} 个。",
    },
    "warns": {"en": "{name} [warns|warn]: {warning}", "zh": "{name} 会警告：{warning}"},
}
TERMS: dict[str, Text] = {
    "all": {"en": "all {total} answers", "zh": "训练全部 {total} 个回答"},
    "none": {"en": "none", "zh": "一个也不训练"},
    "last": {"en": "only the last answer", "zh": "只训练最后一个回答"},
    "some": {"en": "answers {numbers} of {total}", "zh": "训练 {total} 个回答中的第 {numbers} 个"},
    "some_of": {"en": "{count} of {total} answers", "zh": "训练 {total} 个回答中的 {count} 个"},
    "every_answer": {"en": "any answer", "zh": "任何回答"},
    "the_answer": {"en": "the answer", "zh": "这个回答"},
    "one_answer": {"en": "answer {numbers}", "zh": "第 {numbers} 个回答"},
    "more_answers": {"en": "answers {numbers}", "zh": "第 {numbers} 个回答"},
    "many_answers": {"en": "{count} answers", "zh": "{count} 个回答"},
    "last_answer": {"en": "the last answer", "zh": "最后一个回答"},
    "observation": {"en": "the tool results (observation)", "zh": "工具结果（observation）"},
    "tool": {"en": "the tool results (tool)", "zh": "工具结果（tool）"},
    "user": {"en": "the questions (user)", "zh": "提问（user）"},
    "system": {"en": "the system text", "zh": "system 文本"},
    "assistant": {"en": "answers", "zh": "回答"},
    "byte": {"en": "1 byte", "zh": "1 个字节"},
    "bytes": {"en": "{count} bytes", "zh": "{count} 个字节"},
    "and_more": {"en": "{count} more", "zh": "另外 {count} 条"},
}
SHOWN = 4  # numbers and messages named one by one


class Fact(NamedTuple):
    """A sentence to be: its key, the recipe it is about, and what goes into its places."""

    key: str
    id: str
    values: dict[str, object]


def code(text: str) -> str:
    """Text of a token between backticks, more of them than it has in a row, its control characters written as escapes."""
    shown = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    pad = " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def say(key: str, count: int = 1, **values: object) -> Text:
    """The sentence in both languages; a value that is itself a Text goes in in its own. `count`: how many it is about."""
    chosen = {language: re.sub(r"\[(.*?)\|(.*?)\]", r"\1" if count == 1 else r"\2", text) for language, text in SENTENCES[key].items()}
    return fill(chosen, **values)


def term(key: str, **values: object) -> Text:
    return fill(TERMS[key], **values)


def places(messages: Sequence[int]) -> Text:
    named: list[Text | str] = [f"`messages[{m}]`" for m in messages[:SHOWN]]
    return listed([*named, term("and_more", count=len(messages) - SHOWN)] if messages[SHOWN:] else named)


def tokens(names: Iterable[str]) -> Text:
    return listed([code(name) for name in dict.fromkeys(names)])


def size(count: int) -> Text:
    return term("byte" if count == 1 else "bytes", count=count)
