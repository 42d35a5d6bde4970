"""Everything that can go wrong, each as a sentence a user can act on, in English and in Chinese.

`str(error)` is the English sentence; pages call `error.sentence(language)`.
"""

from glm4viz.texts import Text, Worded, both


class Glm4vizError(Worded, Exception):
    """Base of all errors that glm4viz raises on purpose: a sentence in English and one in Chinese, or both as one Text."""

    def __init__(self, en: str | Text, zh: str | None = None) -> None:
        self.said = both(en, zh or en) if isinstance(en, str) else en
        super().__init__(self.text)

    def __reduce__(self) -> tuple[type, tuple[Text], dict[str, object]]:
        # Errors cross process borders in batch work; the default would lose the second sentence.
        return type(self), (self.said,), self.__dict__


class ConversationError(Glm4vizError):
    """The conversation itself is malformed: no content, an unknown role, text that is not Unicode."""


class RecipeRejects(Glm4vizError):
    """The system behind the recipe would refuse, skip or crash on this conversation; says why."""


class SeveralSamples(Glm4vizError):
    """The recipe makes several samples of one conversation: use `label_all`."""


class TokenizerError(Glm4vizError):
    """A tokenizer can't be loaded, or is not one that GLM-4's layout can be written with."""


class BatchError(Glm4vizError):
    """What was given as a batch of a run isn't one: no input_ids, lengths that differ, values that can't be."""


class RunStopped(Glm4vizError):
    """A training run was stopped before its first step, as `fail_on` asks: its first batch teaches something wrong, or can't be judged."""


class ModelError(Glm4vizError):
    """A model can't be loaded or run."""


class VocabularyMismatch(Glm4vizError):
    """A token id that the model at hand does not have."""


class UnknownRecipe(Glm4vizError, ValueError):
    """No recipe has this id."""


class ReadError(Glm4vizError):
    """One record that can't be read. Readers yield it in place of the record, and go on.

    `file` is a name or "", `line` and `column` count from 1 (0: unknown), `field` is a path like `messages[2].content` or "".
    `raw`: the bytes that were left out because of it, as they stand in the source; b"" where that is all of it.
    """

    raw: bytes = b""

    def __init__(self, en: str | Text, zh: str | None = None, *, file: str = "", line: int = 0, column: int = 0, field: str = "") -> None:
        super().__init__(en, zh)
        self.file, self.line, self.column, self.field = file, line, column, field

    def where(self) -> str:
        """`file:line:column field`, as far as known."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return " ".join(part for part in (place, self.field) if part)
