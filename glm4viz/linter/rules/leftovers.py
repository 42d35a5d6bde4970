"""Rules on what a text brought along from where it was: another encoding, a web page, another template, a form nobody filled in."""

import re
from collections.abc import Callable, Iterator

from glm4viz.linter.case import Case
from glm4viz.linter.encodings import find_misread
from glm4viz.linter.findings import Hit, hit_in, rule
from glm4viz.linter.prose import prose
from glm4viz.texts import both

_TAG = re.compile(
    r"</?(?:p|br|div|span|b|i|u|em|strong|a|li|ul|ol|table|tr|td|th|h[1-6]|font|img|blockquote|center|hr|sup|sub|body|html|section|article|"
    r"small|label|nbsp|script|style|iframe|button)(?:\s+[\w:-]+\s*=\s*[\"'][^<>]*|\s*)/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"&(?:nbsp|amp|lt|gt|quot|apos|ldquo|rdquo|lsquo|rsquo|mdash|ndash|hellip|middot|copy|bull|times|#\d{2,6}|#x[0-9a-f]{2,5});",
    re.IGNORECASE,
)
_ABOUT_MARKUP = re.compile(
    r"html|xml|\btags?\b|markup|web ?page|website|\bcss\b|javascript|\bjs\b|svg|escap|entit|markdown|react|\bvue\b|jsx|\bdom\b|browser|"
    r"网页|标签|前端|转义|实体|网站|富文本|浏览器|代码|\bcode\b|elements?\b|regex|正则|\blink\b|\bsnippet",
    re.IGNORECASE,
)

_FOREIGN_TAG = re.compile(
    r"\[/?INST\]|<</?SYS>>|<\|(?:im_start|im_end|im_sep|eot_id|start_header_id|end_header_id|begin_of_text|end_of_text|end|endofturn|eom_id|"
    r"START_OF_TURN_TOKEN|END_OF_TURN_TOKEN|CHATBOT_TOKEN|USER_TOKEN|python_tag)\|>|</?(?:start|end)_of_turn>|<(?:start|end)_of_turn>|"
    r"</s>|(?:^|\s)<s>(?=\s|\[|\w)|<eos>|<bos>|<pad>|\[PAD\]|\[EOS\]|\[BOS\]|<｜(?:User|Assistant|end▁of▁sentence|begin▁of▁sentence)｜>|"
    r"\[Round \d+\]|<reserved_10[67]>|<eoh>|<eoa>|<TOKENS_UNUSED_[12]>"
)
_STRIKE = re.compile(r"<s>[^<]{1,200}</s>")  # HTML for struck-out text
_ABOUT_TEMPLATES = re.compile(
    r"token|template|tokeniz|llama|mistral|\bchatml\b|prompt format|special|vocab|标记|模板|分词|词元|特殊符|词表|padding|填充|序列",
    re.IGNORECASE,
)

_LABEL = re.compile(
    r"(?:^|\n)[ \t]*(?:\*\*)?(?P<label>#{2,3} ?(?:Response|Instruction|Input|Human|Assistant|User|回答|指令|输入|问题|用户|助手)|"
    r"(?:User|Human|USER|HUMAN|Assistant|ASSISTANT|ChatGPT|GPT|Bot|AI|System|SYSTEM|Q|A|用户|助手|人类|客户问|问|答|提问者|机器人|系统|ChatGLM|Claude|模型))"
    r"(?:\*\*)? ?[:：](?:\*\*)?(?=\s|\S)"
)
_TURN_IN_LINE = re.compile(r"(?<=[.!?。！？\n]) *(?P<label>(?:User|Human|Assistant|ASSISTANT|USER|用户|助手|人类))[:：] ?\S")
_ABOUT_DIALOGUE = re.compile(
    r"dialog|conversation|script|transcript|chat|interview|\bplay\b|scene|role|\bfaq\b|q ?& ?a|questions and answers|story|screenplay|customer|"
    r"对话|剧本|访谈|问答|聊天|台词|采访|脚本|角色|情景|场景|相声|小品|故事",
    re.IGNORECASE,
)

_PLACEHOLDER = re.compile(
    r"\[(?:your|insert|enter|add|fill|company|name|date|recipient|city|address|product|customer|sender|placeholder|todo|tbd|link|position|"
    r"phone|email|number|title|school|university|hiring)[^\[\]\n()]{0,48}\](?!\()"
    r"|\{\{\s*[\w.\s|-]{1,40}\s*\}\}|\$\{[a-z_]+\}|<(?:your|insert|enter|placeholder|fill|todo)[ _-]?[^<>\n]{0,40}>"
    r"|\blorem ipsum\b|\bTODO\b|\bFIXME\b|\bTBD\b|\bTBA\b|\bXXX+\b|\bx{3,}\b|\bplaceholder text\b|_{5,}"
    r"|(?:此处|这里|在此)(?:填写|插入|输入|添加|补充|填入|待补充|省略|放置|写)[^，。\n]{0,12}|待(?:补充|填写|完善|定稿|添加)|(?:占位符|占位文本)"
    r"|[\[【<（(](?:你的|您的|请填|填写|插入|输入|公司|姓名|日期|客户|产品|地址|电话|学校|职位|收件人|某某)[^\[\]【】<>（）()\n]{0,16}[\]】>）)]"
    r"|(?<![A-Za-z0-9])[xX]{2,}(?=[\u4e00-\u9fff]|$)|[×Ｘ]{2,}|某{2,}|(?<=[\u4e00-\u9fff])(?:XX|xx|××|\*\*\*)(?=[\u4e00-\u9fff，。])",
    re.IGNORECASE,
)
_LOUD = re.compile(r"\bTODO\b|\bFIXME\b|\bTBD\b|\bTBA\b|XX")  # words only in capitals
_QUIET = re.compile(r"todo|fixme|tbd|tba")
_WANTS_BLANKS = re.compile(
    r"template|placeholder|blank|fill[- ]in|\bform\b|draft|\bletters?\b|email|e-mail|\bcv\b|resume|contract|agenda|invitation|worksheet|jinja|"
    r"handlebars|mustache|github actions|ansible|helm|\bvue\b|angular|django|latex|to-?do|roman|模板|范文|占位|填空|表格|格式|邮件|信函|合同|简历|通知|"
    r"请柬|邀请函|待办|协议|申请书|书信|横线|\bcode\b|代码|函数|脚本|script|variable|变量|comment|注释",
    re.IGNORECASE,
)


@rule(
    "wrong-encoding",
    "warning",
    title=both("Text read in the wrong encoding", "用错误编码读出的文本"),
    harm=both(
        "UTF-8 was read as Latin-1, cp1252 or GBK somewhere on the way: the model is taught to write the garbled characters.",
        "某一步把 UTF-8 当成 Latin-1、cp1252 或 GBK 读取了：模型会学着写出这些乱码。",
    ),
    mend=both("Read the source again as UTF-8; don't just remove the characters.", "请按 UTF-8 重新读取原文件，不要只是删去这些字符。"),
)
def wrong_encoding(case: Case) -> Iterator[Hit]:
    for passage in case.passages:
        if found := next(find_misread(passage.text), None):
            wrong = passage.text[found.start : found.stop][:20]
            yield hit_in(passage, found.start, found.stop, repr(wrong) + (f" = {found.right[:20]!r}" if found.right else ""))


@rule(
    "html-left",
    "info",
    title=both("HTML left in the text", "文本里残留 HTML"),
    harm=both(
        "Tags or entities of a web page stand in text that isn't about HTML: the model is taught to write them into its answers.",
        "文本谈的不是 HTML，却带着网页的标签或实体：模型会学着把它们写进回答。",
    ),
    mend=both("Turn the page into text: strip the tags and unescape the entities.", "请把网页转成纯文本：去掉标签，还原实体。"),
)
def html_left(case: Case) -> Iterator[Hit]:
    yield from _unless_about(case, _html, _ABOUT_MARKUP)


def _html(text: str) -> re.Match[str] | None:
    return _TAG.search(text) or _ENTITY.search(text) if "<" in text or "&" in text else None


@rule(
    "other-template",
    "warning",
    title=both("Tags of another model's template", "别的模型的模板标记"),
    harm=both(
        "The text was rendered for another model before. For GLM-4 these tags are plain text, and the model is taught to write them.",
        "这段文本之前按别的模型的模板渲染过。对 GLM-4 来说这些标记只是普通文本，模型会学着写出它们。",
    ),
    mend=both("Take the messages from before that template, or remove the tags.", "请使用套模板之前的消息，或删去这些标记。"),
)
def other_template(case: Case) -> Iterator[Hit]:
    yield from _unless_about(case, _foreign_tag, _ABOUT_TEMPLATES)


def _foreign_tag(text: str) -> re.Match[str] | None:
    if "<" not in text and "[" not in text:
        return None
    struck = [found.span() for found in _STRIKE.finditer(text)] if "</s>" in text else []
    return next((found for found in _FOREIGN_TAG.finditer(text) if not any(a <= found.start() < b for a, b in struck)), None)


@rule(
    "role-label",
    "info",
    title=both("A role's label in the text", "文本里写有角色名"),
    harm=both(
        "The answer carries the label of a turn, such as User: or ### Response:. Often a second turn went into it as well, and the model is "
        "taught to play both sides.",
        "回答里带着一轮的标签，例如“用户：”或 ### Response:。常常连下一轮也混了进来，模型会学着自问自答。",
    ),
    mend=both("Split the text into messages with roles, and remove the labels.", "请把文本拆成带角色的消息，并删去标签。"),
)
def role_label(case: Case) -> Iterator[Hit]:
    for passage in case.passages:
        if passage.field == "tool_calls" or case.messages[passage.message]["role"] not in ("user", "assistant"):
            continue
        text = passage.text
        if not _SIGNS.search(text):
            continue
        found = _label_in(prose(text))
        answered = re.match(
            r"\s*(?:Q|问|A|答)\d* ?[:：]", text if case.messages[passage.message]["role"] == "user" else _asked(case, passage.message)
        )
        if found and not answered and not _said_before(case, passage.message, _ABOUT_DIALOGUE):
            yield hit_in(passage, *found.span("label"))


def _label_in(text: str) -> re.Match[str] | None:
    labels = list(_LABEL.finditer(text))
    strong = [found for found in labels if len(found["label"]) > 4 or found["label"] in ("User", "用户", "助手", "人类", "Bot")]
    if strong:
        return strong[0]
    if labels and labels[0].start() == 0 and labels[0]["label"] in ("A", "AI", "GPT", "答", "机器人", "模型", "系统"):
        return labels[0]
    return _TURN_IN_LINE.search(text)


@rule(
    "placeholder",
    "info",
    title=both("A placeholder that nobody filled in", "没有填写的占位内容"),
    harm=both(
        "The text stops at a gap such as [Your Name], TODO or {{name}}: the model is taught to leave gaps.",
        "文本里留着 [你的名字]、TODO、{{name}} 之类的空缺：模型会学着留空。",
    ),
    mend=both("Fill it in, or remove the record.", "请填写，或删去这条记录。"),
)
def placeholder(case: Case) -> Iterator[Hit]:
    for hit in _unless_about(case, _gap, _WANTS_BLANKS):
        if not (hit.message is not None and "____" in str(hit.seen) and "__" in _asked(case, hit.message + 1)):
            yield hit


def _gap(text: str) -> re.Match[str] | None:
    if not _SIGNS.search(text):
        return None
    for found in _PLACEHOLDER.finditer(text):
        if not (_QUIET.fullmatch(found[0].lower()) and not _LOUD.fullmatch(found[0])):
            return found
    return None


# ---------------------------------------------------------------------------------------------------------------------


def _unless_about(case: Case, find: Callable[[str], re.Match[str] | None], about: re.Pattern[str]) -> Iterator[Hit]:
    """What stands in a user's or an answer's words, unless something said up to there is about such things."""
    for passage in case.passages:
        role = case.messages[passage.message]["role"]
        if role not in ("user", "assistant") or passage.field == "tool_calls":
            continue
        found = find(passage.text)
        if found is not None and (found := find(prose(passage.text))) and not _said_before(case, passage.message, about):
            yield hit_in(passage, *found.span())


def _asked(case: Case, m: int) -> str:
    """The last thing a user said before a message."""
    return next((text for n, text in reversed(case.texts) if n < m and case.messages[n]["role"] == "user"), "")


def _said_before(case: Case, m: int, about: re.Pattern[str]) -> bool:
    """Whether a question up to this message, or the system message, is about it."""
    return any(about.search(text) for n, text in case.texts if n <= m and case.messages[n]["role"] in ("user", "system"))


# What these rules find, wrong encodings apart, holds one of these; only with it is a text worth a look.
SIGNS = (
    *(
        "<",
        "&",
        "[",
        "{{",
        "${",
        "lorem",
        "Lorem",
        "LOREM",
        "todo",
        "Todo",
        "TODO",
        "TBD",
        "TBA",
        "FIXME",
        "XX",
        "xx",
        "Xx",
        "laceholder",
        "_____",
    ),
    *(
        "此处",
        "这里",
        "在此",
        "待补",
        "待填",
        "待完",
        "待定",
        "待添",
        "占位",
        "【",
        "（",
        "某某",
        "××",
        "ＸＸ",
        "***",
        "(你",
        "(您",
        "(请",
        "(姓",
        "(公",
    ),
    *(
        "##",
        "User",
        "USER",
        "Human",
        "HUMAN",
        "Assistant",
        "ASSISTANT",
        "GPT",
        "Bot",
        "AI:",
        "AI：",
        "System",
        "SYSTEM",
        "A:",
        "A：",
        "ChatGLM",
    ),
    *("用户", "助手", "人类", "客户问", "答：", "答:", "问：", "问:", "提问者", "机器人", "系统", "Claude", "模型"),
)
_SIGNS = re.compile("|".join(map(re.escape, SIGNS)))

RULES = (wrong_encoding, html_left, other_template, role_label, placeholder)
