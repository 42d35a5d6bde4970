"""Wrong uses of the command line, each told in one sentence, and the one way in which anything that goes wrong is shown."""

from collections.abc import Sequence
from itertools import pairwise

import typer
from rich.console import Console
from rich.markup import escape

from glm4viz.errors import Glm4vizError
from glm4viz.texts import Text, printable, printable_lines

# Of click, or of the copy that newer versions of typer carry; only its children have public names there.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]

# What typer itself finds out. `name`: the option or argument; what isn't here is said as typer says it, in English.
_FOUND_BY_TYPER: dict[str, Text] = {
    "NoSuchOption": {"en": "There is no option {name}.", "zh": "没有选项 {name}。"},
    "MissingParameter": {"en": "{name} is missing.", "zh": "缺少 {name}。"},
    "BadOptionUsage": {"en": "{name} needs a value, or was given one and takes none.", "zh": "{name} 缺少值，或给了它不接受的值。"},
    "UsageError": {"en": "These are too many arguments; see --help.", "zh": "参数太多；请看 --help。"},
}


class Misuse(typer.BadParameter):
    """Ends the command with status 2. option: which one is at fault, "" for an argument; then the sentence in both languages."""

    def __init__(self, option: str, en: str, zh: str) -> None:
        super().__init__(en, param_hint=option)
        self.option, self.text = option, Text(en=en, zh=zh)

    @classmethod
    def because(cls, option: str, error: Glm4vizError | OSError) -> "Misuse":
        if isinstance(error, OSError):
            return cls(option, f"{error.strerror or error}.", f"{error.strerror or error}。")
        return cls(option, error.sentence("en"), error.sentence("zh"))


class Interrupted(typer.Abort):
    """Ends a command that Ctrl-C has stopped, with a sentence on what is kept."""

    def __init__(self, said: Text) -> None:
        super().__init__()
        self.said = said


def words_of(error: Exception, language: str) -> tuple[str, str]:
    """The option at fault, or "", and the sentence, as `complain` takes them."""
    if isinstance(error, Misuse):
        return f"{error.option}:" if error.option else "", error.text[language]
    text = _FOUND_BY_TYPER.get(type(error).__name__)
    if text is None:
        return "", str(getattr(error, "message", error))
    param = getattr(error, "param", None)
    name = getattr(error, "option_name", None) or (max(param.opts, key=len) if param else "")
    return "", text[language].format(name=name if name.startswith("-") else name.upper())


def asked_language(args: Sequence[str]) -> str:
    """The language that a command line asks for, told before it is parsed, which may fail."""
    asked = [value for option, value in pairwise(args) if option == "--lang"]
    asked += [arg.removeprefix("--lang=") for arg in args if arg.startswith("--lang=")]
    return "zh" if "zh" in asked else "en"


def complain(place: str, sentence: str) -> None:
    """On standard error: where it went wrong, then what and what to do about it."""
    where = f" {escape(printable(place))}" if place else ""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]✗{where}[/] {escape(printable_lines(sentence))}")
