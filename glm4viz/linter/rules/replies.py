"""Rules on an answer as a reply to what was asked: in which language it is, and whether it says anything at all."""

import re
from collections.abc import Iterator

from glm4viz.linter.case import Case, Passage, answers_of, is_call, question_before
from glm4viz.linter.findings import Hit, hit_in, rule
from glm4viz.linter.prose import language_of, prose
from glm4viz.texts import both

_OTHER_LANGUAGE_WANTED = re.compile(
    r"translat|\bin(?:to)? (?:the )?(?:chinese|english|french|german|spanish|italian|japanese|korean|russian|portuguese|latin|arabic|dutch|mandarin|hindi|"
    r"turkish|vietnamese|thai|greek|polish|swedish|\w+ese)\b|\b(?:chinese|english|french|german|spanish|italian|japanese|korean|russian|portuguese|"
    r"arabic|dutch|mandarin)\b|language|翻译|译[成为]|译文|[中英法德日韩俄意]文|[英汉法德日韩俄]语|西班牙语|葡萄牙语|阿拉伯语|意大利语|语言|单词|词汇|双语|"
    r"外语|口语|traduc|übersetz|anglais|inglés|englisch|diálogo|日本語|英語|中国語|한국어|영어|拼音|pinyin|poem|lyrics|quote|caption|title|slogan|"
    r"邮件|标题|歌词|名字|变量|代码|\bcode\b|regex|正则|命令|command|\bsql\b|python|java|json|程序|函数|脚本|公式|abstract|email",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(
    r"[\[(<（【\"']*(?:n/?a|null|none|nan|nil|undefined|\(?empty\)?|blank|no (?:answer|response|output|reply|comment|input|content|data)(?: (?:provided|available|given|needed))?|"
    r"<?no ?input>?|not (?:available|applicable|provided)|error|unknown|output|response|answer|\.{1,6}|…+|。{1,6}|-{1,3}|—+|_+|\?+|？+|#+|\*+|/|\\|"
    r"无|暂无|空|无内容|无答案|没有回答|无回答|无输出|略|（?略）?|暂无(?:答案|回答|数据|内容)|无法生成|未提供|未知|待定|省略|此处省略|错误|回答|答案)[\])>）】\"']*[.。!！]?",
    re.IGNORECASE,
)
_CHOICE = re.compile(
    r"\bnone\b|\bnull\b|\bn/?a\b|\bnan\b|\bundefined\b|\bnil\b|\bempty\b|unknown|classif|label|extract|\boutput\b|\breturn|\bprint|type|\bor\b|keyword|只回答|"
    r"分类|判断|提取|抽取|是否|有无|返回|输出|标签|哪些|类型|没有|填空|选择|[?？]\s*$",
    re.IGNORECASE,
)
_BARE = re.compile(r"[\W_]*")
_THOUGHT_ONLY = re.compile(r"\s*<think(?:ing)?>.*</think(?:ing)?>\s*", re.DOTALL)
_ASKS = re.compile(
    r"(?:^|[.!。！\n] ?)(?:can|could|would|will) you\b|^(?:what|how|why|who|where|when|which|is|are|do|does|please|tell me|write|explain|give me|list|help me|"
    r"describe|translate|summari[sz]e|I (?:want|need|would like)|I['’]d like)\b|^(?:请|帮我|怎么|如何|为什么|什么是|能不能|可以|给我|我想|我要|麻烦|写一|介绍一下|解释|推荐)",
    re.IGNORECASE,
)
_ANSWERS = re.compile(
    r"(?:sure|certainly|of course|absolutely|here (?:is|are|['’]s)|here['’]s|great question|yes,|no,|you(?:['’]re| are) welcome|I['’]d be happy|glad to|I can help|"
    r"to (?:answer|solve|fix|do) (?:this|that|your)|thank you for (?:your|reaching|asking))|(?:当然|好的|没问题|可以的|以下是|下面是|您好！|很高兴|根据您|不客气|感谢您|这个问题|首先|答案是)",
    re.IGNORECASE,
)


@rule(
    "other-language",
    "info",
    title=both("An answer in another language than the question", "回答与提问的语言不同"),
    harm=both(
        "The question doesn't ask for another language. The model is taught to leave the language that it is spoken to in.",
        "提问并没有要求换一种语言。模型会学着不用对方的语言回答。",
    ),
    mend=both("Translate the answer, or ask for that language in the question.", "请翻译回答，或在提问里说明要用的语言。"),
)
def other_language(case: Case) -> Iterator[Hit]:
    for passage in answers_of(case):
        question = question_before(case, passage.message)
        if not question or (asked := language_of(prose(question[:2000]))) == "":
            continue
        given = language_of(prose(passage.text[:2000]))
        if given and given != asked and not _takes_up(question, passage.text) and not _wants_another(case, passage.message):
            yield hit_in(passage, 0, len(passage.text), f"{asked} → {given}")


def _takes_up(question: str, answer: str) -> bool:
    """Whether the answer speaks of a foreign word that stands in the question."""
    words = set() if question.isascii() else set(re.findall("[a-z]{3,}", question))
    return any(word in answer for word in words)


def _wants_another(case: Case, m: int) -> bool:
    """Whether anything said before speaks of languages, or of something that is often written in another."""
    before = [text for n, text in case.texts if n < m]
    return any(_OTHER_LANGUAGE_WANTED.search(text) for text in before)


@rule(
    "says-nothing",
    "info",
    title=both("An answer that says nothing", "没有内容的回答"),
    harm=both(
        "The answer is a word such as N/A or null that stands for a missing one, or only signs: the model is taught to give it.",
        "回答只是 N/A、null 之类代表缺失的词，或只有符号：模型会学着这样回答。",
    ),
    mend=both("Write the answer, or remove the record.", "请补上回答，或删去这条记录。"),
)
def says_nothing(case: Case) -> Iterator[Hit]:
    for passage in answers_of(case):
        text = passage.text.strip()
        if not text or len(text) > 40:
            continue
        bare = bool(_BARE.fullmatch(text)) and text.isascii()
        if _SAYS_NOTHING.fullmatch(text) and (bare or not _CHOICE.search(question_before(case, passage.message))):
            yield hit_in(passage, 0, len(passage.text))


@rule(
    "echo",
    "warning",
    title=both("An answer repeats the question", "回答照抄了提问"),
    harm=both(
        "The answer is the question again, so the model is taught to say back what it is told.",
        "回答就是提问本身，模型会学着把话原样说回去。",
    ),
    mend=both("Write the answer, or remove the record.", "请补上回答，或删去这条记录。"),
)
def echo(case: Case) -> Iterator[Hit]:
    for passage in answers_of(case):
        question, answer = (" ".join(text.split()) for text in (question_before(case, passage.message), passage.text))
        if len(question.encode()) < 15 or not answer.startswith(question):
            continue
        if len(answer) <= len(question) + 3:
            yield hit_in(passage, 0, len(passage.text))
        elif len(question.encode()) >= 30 and question[-1] in "?？.。":
            yield hit_in(passage, 0, min(len(question), len(passage.text)), severity="info")


@rule(
    "thought-without-answer",
    "warning",
    title=both("A thought without an answer", "只有思考，没有回答"),
    harm=both(
        "Nothing follows the thought: the model is taught to think and then to say nothing.",
        "思考之后没有内容：模型会学着想完就什么也不说。",
    ),
    mend=both("Write the answer after the thought, or remove the record.", "请在思考之后写上回答，或删去这条记录。"),
)
def thought_without_answer(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        if message["role"] != "assistant" or is_call(message):
            continue
        content, thought = message.get("content") or "", message.get("reasoning_content")
        before_call = m + 1 < len(case.messages) and is_call(case.messages[m + 1])
        if "<think" in content:
            if _THOUGHT_ONLY.fullmatch(content) and not before_call:
                yield hit_in(Passage(m, content), 0, len(content), repr(content[-40:]))
        elif isinstance(thought, str) and thought.strip() and not content.strip() and not before_call:
            yield hit_in(Passage(m, thought, "reasoning_content"), 0, len(thought), repr(thought[-40:]))


@rule(
    "turns-swapped",
    "info",
    title=both("Question and answer may have changed places", "提问与回答可能对调了"),
    harm=both(
        "The user's message reads like an answer, and the assistant's asks: the model is taught the user's part.",
        "user 的话像是回答，assistant 的话却在提问：模型学的是用户的角色。",
    ),
    mend=both("Look at the roles, and change them back.", "请检查角色并换回来。"),
)
def turns_swapped(case: Case) -> Iterator[Hit]:
    turns = [m for m in case.written if case.messages[m]["role"] != "system"]
    if len(turns) < 2 or [case.messages[m]["role"] for m in turns[:2]] != ["user", "assistant"]:
        return
    said, reply = ((case.messages[m].get("content") or "").strip() for m in turns[:2])
    if said and reply and looks_swapped(said, reply):
        whole = case.messages[turns[1]]["content"]
        yield hit_in(Passage(turns[1], whole), 0, len(whole), repr(reply[:40]))


def looks_swapped(said: str, reply: str) -> bool:
    """Whether what the user said reads like an answer, and the reply like a question."""
    asked, told = reply.endswith(("?", "？")), bool(_ANSWERS.match(said))
    if not asked and not told:
        return False
    if said.endswith(("?", "？")) or _ASKS.search(said) or len(reply) > 300 or not _ASKS.search(reply):
        return False
    much_longer = len(said) > 2 * len(reply)
    return (told and (asked or much_longer)) or (asked and much_longer and said.endswith((".", "。", "！", "!")))


RULES = (other_language, says_nothing, echo, thought_without_answer, turns_swapped)
