"""What the linter says, and what a rule is.

A rule is a small generator over one `Case`. It stands together with its texts, in English and in Chinese, so that the page, the command
line and the documentation all show the same words. Adding a rule means writing one function and naming it in its file's `RULES`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from glm4viz.errors import Glm4vizError
from glm4viz.linter.case import Case, Field, Passage, byte_span
from glm4viz.recipe import Form
from glm4viz.texts import Text, Worded, both, printable

Severity = Literal["error", "warning", "info"]
BOTH: tuple[Form, ...] = ("glm4", "openai")
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")  # the worst first


@dataclass(frozen=True, slots=True)
class Finding(Worded):
    """One thing wrong with one conversation: what goes wrong and how to mend it.

    message_index: the message it is about, None for the conversation as a whole.
    token_range: (start, stop) in the labelled sample, None if it isn't about tokens or they were cut off.
    """

    rule: str
    severity: Severity
    message_index: int | None
    token_range: tuple[int, int] | None
    said: Text = field(hash=False)


class Hit(NamedTuple):
    """Where a rule found something.

    seen: what was found there, short, the same in both languages or one text for each.
    tokens: the range in the sample; or span: bytes of the message's content, for which the tokens are looked up. In another field it is the
    whole field's tokens that are looked up.
    severity: if it isn't the rule's own.
    """

    message: int | None = None
    seen: str | Text = ""
    tokens: tuple[int, int] | None = None
    span: tuple[int, int] | None = None
    severity: Severity | None = None
    field: Field = "content"


def hit_in(passage: Passage, start: int, stop: int, seen: str | Text | None = None, severity: Severity | None = None) -> Hit:
    """A hit at some characters of a passage; what is seen there is these characters, if nothing else is said."""
    shown = repr(passage.text[start:stop][:40]) if seen is None else seen
    return Hit(passage.message, shown, span=byte_span(passage.text, start, stop), severity=severity, field=passage.field)


Find = Callable[[Case], Iterator[Hit]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """harm: what goes wrong in training. mend: what to do about it. evidence: public issues in which it happened.

    labelled: the rule looks at the labelled sample; else the messages are enough for it, though it may say more with a sample (refines).
    forms: the forms of a conversation for which it makes sense. option: of `glm4viz check`, without which it isn't looked for.
    """

    id: str
    severity: Severity
    title: Text
    harm: Text
    mend: Text
    find: Find
    evidence: tuple[str, ...] = ()
    labelled: bool = False
    refines: bool = False
    forms: tuple[Form, ...] = BOTH
    option: str = ""

    def explanation(self, language: str) -> str:
        """What goes wrong and how to mend it, whatever was found."""
        return self.harm[language] + (" " if language == "en" else "") + self.mend[language]

    def in_short(self, finding: Finding, language: str) -> str:
        """A finding's sentence with the title in place of the explanation, for where that is read already."""
        sentence = finding.sentence(language)
        own = sentence.removeprefix(self.explanation(language))
        return sentence if own == sentence else f"{self.title[language]}{'.' if language == 'en' else '。'}{own}"

    def finding(self, hit: Hit, token_range: tuple[int, int] | None) -> Finding:
        """The finding that a hit of this rule is."""
        seen = both(hit.seen, hit.seen) if isinstance(hit.seen, str) else hit.seen
        en, zh = printable(seen["en"]), printable(seen["zh"])
        return Finding(
            rule=self.id,
            severity=hit.severity or self.severity,
            message_index=hit.message,
            token_range=token_range,
            said=both(
                self.explanation("en") + (f" Found: {en}." if en else ""),
                self.explanation("zh") + (f"发现：{zh}。" if zh else ""),
            ),
        )

    def about(self, error: Glm4vizError, message: int | None = None) -> Finding:
        """The finding that an error is: it says itself what is wrong there and how to mend it."""
        said = both(f"{self.harm['en']} {error.said['en']}", self.harm["zh"] + error.said["zh"])
        return Finding(self.id, self.severity, message, None, said)


def rule(
    id: str,
    severity: Severity,
    *,
    title: Text,
    harm: Text,
    mend: Text,
    evidence: tuple[str, ...] = (),
    labelled: bool = False,
    refines: bool = False,
    forms: tuple[Form, ...] = BOTH,
    option: str = "",
) -> Callable[[Find], Rule]:
    """Makes the decorated generator a `Rule`."""

    def decorate(find: Find) -> Rule:
        return Rule(
            id=id,
            severity=severity,
            title=title,
            harm=harm,
            mend=mend,
            find=find,
            evidence=evidence,
            labelled=labelled,
            refines=refines,
            forms=forms,
            option=option,
        )

    return decorate
