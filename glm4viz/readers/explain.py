"""What is wrong with a piece of text that isn't JSON, and what to do about it, as a sentence in English and one in Chinese."""

import json
import re

from glm4viz.conversation import shown
from glm4viz.texts import Text, both

STRAY = both(
    "A comma or bracket stands where a record should. Remove it: JSON Lines has nothing between its lines, an array one pair of [ ].",
    "这里应是一条记录，却是多余的逗号或括号。请删去：JSON Lines 的行之间没有符号，数组只有一对 [ ]。",
)
STRAY_WORDS = both(
    "This is no record. A record starts with { or [, and its texts are in double quotes.",
    "这不是一条记录。记录以 { 或 [ 开头，文本用双引号。",
)
TRAILING_COMMA = both("There is a comma after the last item. Remove it.", "最后一项后面多了一个逗号。请删去。")
MISSING_COMMA = both("A comma is missing before this. Add it.", "这里前面少了一个逗号。请补上。")
UNCLOSED_ARRAY = both(
    "The array that begins here is never closed: the file may be cut off. Add the missing ], or write the file again.",
    "从这里开始的数组没有结束，文件可能被截断。请补上 ]，或重新写出文件。",
)
TOO_DEEP = both(
    "This is nested too deeply to be read. Flatten it: a conversation needs only a few levels.",
    "嵌套太深，无法读取。请减少层数：一条对话只需要几层。",
)
_TOO_LONG_NUMBER = both("A number here has too many digits. Write it as a text, in quotes.", "这里的数字位数太多。请加引号写成文本。")
_PYTHON = both(
    "This is a Python literal (single quotes, None, True, False), not JSON. Write the file with json.dumps.",
    "这是 Python 字面量（单引号、None、True、False），不是 JSON。请用 json.dumps 写出文件。",
)
_COMMENT = both("There is a comment here, which JSON doesn't have. Remove it.", "这里有注释，JSON 不支持注释。请删去。")
_OPEN_TEXT = both(
    'A text opens with " and is not closed on its line. Close it, and write a line break in it as \\n; or the file is cut off here.',
    '文本以 " 开始，但在这一行没有结束。请补上引号，文本中的换行写成 \\n；也可能是文件在此被截断。',
)
_BACKSLASH = both(
    "A backslash in a text starts an escape that JSON doesn't have. Write one backslash as \\\\.",
    "文本中的反斜杠构成了 JSON 没有的转义。一个反斜杠请写成 \\\\。",
)
_MISSING_COLON = both("A colon is missing between a key and its value. Add it.", "键和值之间少了冒号。请补上。")
_BARE_QUOTE = both(
    'A quote inside a text ends it too early, or a comma is missing. Write a quote inside a text as \\".',
    '文本里的引号使它提前结束，或少了逗号。文本里的引号请写成 \\"。',
)

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_PYTHON_WORD = re.compile(r"(?:None|True|False)\b")
_CURLY = "“”„‟‘’＂＇"
_WIDE = "，：；｛｝［］【】、"
_TOKENS = re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*(?P<closed>"?)|[\[\]{}]')


def explain(text: str, end: int, error: Exception) -> tuple[int, Text]:
    """Where the value that `text` starts with goes wrong, and what is wrong in words. It is skipped up to `end`; `error`: the parser's."""
    if isinstance(error, RecursionError):
        return 0, TOO_DEEP
    if not isinstance(error, json.JSONDecodeError):
        return 0, _TOO_LONG_NUMBER  # the only other ValueError
    body = text[:end].rstrip(" \t\r\n\ufeff,")
    at = min(error.pos, len(body))
    if (opening := _open_text(text, at)) >= 0:
        return opening, _OPEN_TEXT
    if at == len(body) and (missing := _unclosed(body)):
        return at, both(
            f"This record ends before it is closed. Add the missing {missing} here, or write it again if it was cut off.",
            f"记录没有结束。请在这里补上 {missing}；如果是被截断的，请重新写出。",
        )
    at = min(error.pos, end)
    return at, _words(text, at, error.msg)


def _words(text: str, at: int, message: str) -> Text:
    char, before = text[at : at + 1], text[:at].rstrip()[-1:]
    if char == "'" or _PYTHON_WORD.match(text, at):
        return _PYTHON
    if char and char in _CURLY:
        return both(
            f'Curly quotes ({char}) are used where JSON needs straight ones. Write " instead.',
            f'这里用了弯引号（{char}），JSON 需要直引号。请改成 "。',
        )
    if char and char in _WIDE:
        return both(
            f"A full-width {char} is used where JSON needs the plain one. Write it half-width.",
            f"这里用了全角的 {char}，JSON 需要半角符号。请改成半角。",
        )
    if char == "#" or text.startswith(("//", "/*"), at):
        return _COMMENT
    if message.startswith("Unterminated string") or (message.startswith("Invalid control") and char in "\r\n"):
        return _OPEN_TEXT
    if message.startswith("Invalid control"):
        escape = json.dumps(char)[1:-1]
        return both(f"A text has a control character in it. Write it as {escape}.", f"文本中有控制字符。请写成 {escape}。")
    if message.startswith("Invalid \\"):
        return _BACKSLASH
    if (before == "," and char in ("]", "}")) or message.startswith("Illegal trailing comma"):
        return TRAILING_COMMA
    if "':'" in message:
        return _MISSING_COLON
    if "','" in message:
        return _no_comma(text[:at], char)
    if found := _IDENTIFIER.match(text, at):
        name = shown(found[0], 20)
        if message.startswith("Expecting property name"):
            return both(f"The key {name} has no quotes. Write it in double quotes.", f"键 {name} 没有引号。请加上双引号。")
        if at > 0:
            return both(f"{name} is no JSON value. Write a text in double quotes.", f"{name} 不是 JSON 的值。文本请加双引号。")
    found_text = shown(text[at:].split("\n", 1)[0] or "\n")
    return both(
        f"This is not JSON: found {found_text}. A record starts with {{ or [, and its texts are in double quotes.",
        f"这不是 JSON：此处是 {found_text}。记录以 {{ 或 [ 开头，文本用双引号。",
    )


def _no_comma(read: str, char: str) -> Text:
    if char in ("]", "}"):
        missing = _unclosed(read)[:1]
        if not missing or missing == char:
            return STRAY
        return both(f"A {missing} is missing before this {char}. Add it.", f"这个 {char} 前面少了 {missing}。请补上。")
    return MISSING_COMMA if char in ('"', "{", "[") else _BARE_QUOTE


def _open_text(text: str, at: int) -> int:
    """Where the text begins that is cut off at `at` by the end of its line or of everything; -1 if there is none."""
    if text[at : at + 1] not in ("", "\n", "\r", ","):
        return -1
    tokens = _TOKENS.finditer(text, text.rfind("\n", 0, at) + 1, at)
    return next((token.start() for token in tokens if token.end() == at and token[0][0] == '"' and not token["closed"]), -1)


def _unclosed(text: str) -> str:
    """The closing brackets that the text still needs, in their order."""
    needed: list[str] = []
    for token in _TOKENS.finditer(text):
        if token[0] in ("{", "["):
            needed.append("}" if token[0] == "{" else "]")
        elif needed and token[0] == needed[-1]:
            needed.pop()
    return "".join(reversed(needed))[:10]


def explain_bytes(text: str, start: int, end: int) -> tuple[int, Text]:
    """The same for a record in which some bytes are not UTF-8 (read with `surrogateescape`)."""
    at = next(at for at in range(start, end) if "\udc80" <= text[at] <= "\udcff")
    line = text[text.rfind("\n", 0, at) + 1 : at]
    number = len(line.encode("utf-8", "surrogateescape")) + 1
    value = f"0x{ord(text[at]) - 0xDC00:02X}"
    try:
        text[start:end].encode("utf-8", "surrogateescape").decode("gb18030")
    except UnicodeDecodeError:
        hint = both("Save the file as UTF-8.", "请把文件另存为 UTF-8。")
    else:
        hint = both(
            "It may be GB18030 (GBK): convert it, for example with iconv -f GB18030 -t UTF-8.",
            "它可能是 GB18030（GBK）：请转换，例如 iconv -f GB18030 -t UTF-8。",
        )
    return at, both(
        f"This is not UTF-8: byte {number} of the line is {value}. {hint['en']}",
        f"这不是 UTF-8：该行第 {number} 个字节是 {value}。{hint['zh']}",
    )


def skipped_lines(first: int, last: int) -> Text:
    """What to say after an error because of which these lines were not read."""
    return both(f" Lines {first} to {last} were skipped.", f"已跳过第 {first} 到 {last} 行。")
