"""Text in two languages: {"en": …, "zh": …}, written beside what it is about."""

import unicodedata
from collections.abc import Sequence

Text = dict[str, str]


def both(en: str, zh: str) -> Text:
    """The text in English and in Chinese."""
    return {"en": en, "zh": zh}


class Worded:
    """What says something in both languages: `text` is the English sentence, `sentence("zh")` the Chinese one."""

    __slots__ = ()
    said: Text

    @property
    def text(self) -> str:
        return self.said["en"]

    def sentence(self, language: str = "en") -> str:
        """The sentence in `language` ("en" or "zh")."""
        return self.said.get(language, self.text)


def fill(text: Text, /, **values: object) -> Text:
    """The text with `{name}` replaced by a value, as str.format does; a value that is itself a Text goes in in its own language."""

    def in_language(language: str) -> dict[str, object]:
        return {name: value[language] if isinstance(value, dict) else value for name, value in values.items()}

    return {language: template.format(**in_language(language)) for language, template in text.items()}


_COMMA, _AND = both(", ", "、"), both(" and ", " 和 ")


def listed(items: Sequence[Text | str]) -> Text:
    """a, b and c."""

    def joined(language: str) -> str:
        words = [item if isinstance(item, str) else item[language] for item in items]
        return _AND[language].join([_COMMA[language].join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)

    return both(joined("en"), joined("zh"))


def printable(text: str) -> str:
    """The text with whatever doesn't show, or steers a terminal, escaped: it comes from the data. Wide spaces are spaces."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines, which stay lines."""
    return "\n".join(map(printable, text.split("\n")))
