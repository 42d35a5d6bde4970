"""The rules as a page of the documentation, made of the rules' own texts.

python -m glm4viz.linter.page      writes docs/rules.md and docs/rules.zh.md
"""

from collections.abc import Iterator
from pathlib import Path

from glm4viz.linter.findings import Rule
from glm4viz.linter.registry import GROUPS
from glm4viz.texts import Text

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"en": "rules.md", "zh": "rules.zh.md"}

_TITLE: Text = {"en": "The linter's rules", "zh": "检查规则"}
_INTRO: Text = {
    "en": "What `glm4viz.lint` and `glm4viz check` look for. An error ruins what is trained; a warning costs quality or hides a mistake; a "
    "hint is a guess worth a look. Results list the rules by severity, then by the share of trained tokens hurt, then by count; trained tokens "
    "hurt are all trained tokens of the records in which a rule found something. A rule that finds something in 95 % of 20 records or more is "
    "said once, of the whole file. Made from the texts of the rules by `python -m glm4viz.linter.page`: change them there.",
    "zh": "`glm4viz.lint` 和 `glm4viz check` 检查的内容。错误会毁掉训练；警告会影响质量或掩盖问题；提示是值得一看的猜测。"
    "结果先按级别、再按受影响的训练 token 占比、最后按次数排列；受影响的训练 token 指规则发现问题的记录里的全部训练 token。"
    "若不少于 20 条记录中有 95% 都被同一规则发现问题，就作为整个文件的问题只说一次。"
    "本页由 `python -m glm4viz.linter.page` 根据规则自身的文字生成，请在规则里修改。",
}
_SEVERITY: dict[str, Text] = {
    "error": {"en": "error", "zh": "错误"},
    "warning": {"en": "warning", "zh": "警告"},
    "info": {"en": "hint", "zh": "提示"},
}
_MEND: Text = {"en": "What to do: ", "zh": "改法："}
_OPTION: Text = {"en": "Looked for only with `{}`.", "zh": "只有加上 `{}` 才会检查。"}
_FORM: dict[str, Text] = {
    "glm4": {"en": "Only with recipes that take GLM-4's form of a conversation.", "zh": "只用于采用 GLM-4 写法的配方。"},
    "openai": {
        "en": "Only with recipes of GLM-4.5 and later, which take OpenAI's form.",
        "zh": "只用于 GLM-4.5 及更新版本的配方，它们采用 OpenAI 的写法。",
    },
}
_SEEN: Text = {"en": "Seen in: ", "zh": "见于："}


def page(language: str) -> str:
    """The page as Markdown."""
    return "\n".join(_lines(language))


def _lines(language: str) -> Iterator[str]:
    yield f"# {_TITLE[language]}"
    yield ""
    yield _INTRO[language]
    for heading, rules in GROUPS:
        yield ""
        yield f"## {heading[language]}"
        for rule in rules:
            yield from _entry(rule, language)
    yield ""


def _entry(rule: Rule, language: str) -> Iterator[str]:
    yield ""
    yield f"### `{rule.id}`"
    yield ""
    yield f"**{rule.title[language]}** · {_SEVERITY[rule.severity][language]}"
    yield ""
    # Angle brackets are tags of GLM-4, not of HTML; a `_` is none of Markdown's.
    yield _escaped(rule.harm[language])
    yield ""
    yield _MEND[language] + _escaped(rule.mend[language])
    if rule.option:
        yield ""
        yield _OPTION[language].format(rule.option)
    if len(rule.forms) == 1:
        yield ""
        yield _FORM[rule.forms[0]][language]
    if rule.evidence:
        yield ""
        yield _SEEN[language] + ("、" if language == "zh" else ", ").join(rule.evidence)


def _escaped(text: str) -> str:
    for char in "\\<>*_[]|":
        text = text.replace(char, f"\\{char}")
    return text


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    for language, name in PAGES.items():
        (DOCS / name).write_text(page(language), "utf-8")


if __name__ == "__main__":
    main()
