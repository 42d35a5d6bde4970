"""Python literals (single quotes, None, True, False) where JSON should stand: what `print(record)` and `str(record)` write.

Only what can be nothing else is read, and nothing is run: every token is held against a list before Python's own parser, which gives up on
deep nesting, sees the text.
"""

import ast
import re
import warnings

from glm4viz.texts import both

LONGEST = 1_000_000  # characters; the parser takes some hundred bytes of memory for each
_DEEPEST = 100
_STRING = r"'(?:[^'\\\n]|\\.|\\\n)*'|\"(?:[^\"\\\n]|\\.|\\\n)*\""
_TOKEN = re.compile(rf"\s+|(?P<string>{_STRING})|(?P<word>None|True|False)\b|-?\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?(?!\w)|[\[\]{{}}(),:]")
PYTHON = both(
    "A Python literal (single quotes, None, True, False) was read. It isn't JSON, so training scripts refuse it: write the file again with "
    "check --fix or convert.",
    "读到的是 Python 字面量（单引号、None、True、False），已照其含义读取。它不是 JSON，训练脚本会拒绝：请用 check --fix 或 convert 重新写出。",
)


def python_literal(text: str) -> object:
    """The value of a list or dict that is written in Python's way. Raises ValueError for anything else, and for JSON with a slip in it."""
    if len(text) > LONGEST or not _is_python(text):
        raise ValueError("no Python literal")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a backslash that escapes nothing
            return _as_json_has_it(ast.literal_eval(text.strip()))
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError("no Python literal") from error


def _is_python(text: str) -> bool:
    position, depth, signs = 0, 0, False
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            return False
        signs = signs or token["word"] is not None or (token["string"] or "").startswith("'")
        depth += (token[0] in "[{(") - (token[0] in "]})")
        if not 0 <= depth <= _DEEPEST:
            return False
        position = token.end()
    return signs and depth == 0


def _as_json_has_it(value: object) -> object:
    """Tuples as lists. Raises TypeError for what JSON has no place for."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key that is no text")
        return {key: _as_json_has_it(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json_has_it(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(type(value).__name__)
