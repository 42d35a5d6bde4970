"""What is said of the sequences of a batch, in words: in a terminal and in the report."""

from collections.abc import Iterator, Sequence

from glm4viz.linter.batch import EVERYTHING, BatchFinding
from glm4viz.linter.registry import RULES
from glm4viz.reading.verdict import verdict
from glm4viz.recipe import LabelledSample
from glm4viz.report.document import SEVERITY_WORDS
from glm4viz.run.sample import CapturedSample
from glm4viz.texts import Text, both, fill, printable

_COUNTS = both(
    "{sequences:,} sequences, {tokens:,} tokens, {trained:,} of them trained ({share:.1%})",
    "共 {sequences:,} 条序列、{tokens:,} 个 token，其中 {trained:,} 个参与训练（{share:.1%}）",
)
_ONE = both(
    "1 sequence, {tokens:,} tokens, {trained:,} of them trained ({share:.1%})",
    "共 1 条序列、{tokens:,} 个 token，其中 {trained:,} 个参与训练（{share:.1%}）",
)
_ANSWERS = both("; {stops} of {answers} answers learn to stop", "；{answers} 个回答中有 {stops} 个学到停止")
_NO_ROLES = both("; no role tags were found", "；没有找到角色标签")
_PADDING = both("; {padding:,} tokens of padding beside them", "；另有 {padding:,} 个填充 token")
_END = both(".", "。")
_EVERYTHING_TITLE = both("Everything is trained", "所有内容都参与训练")
_WHERE = both("sequences {numbers}", "序列 {numbers}")
_FEW = 8


def counts(samples: Sequence[LabelledSample]) -> Text:
    """How many sequences and tokens there are, what of them is trained, and whether the answers learn to stop. One sentence."""
    tokens, trained = sum(map(len, samples)), sum(int(sample.trained.sum()) for sample in samples)
    turns = [turn for sample in samples for turn in verdict(sample).turns]
    padding = sum(sum(sample.padding) for sample in samples if isinstance(sample, CapturedSample))
    said = fill(
        _ONE if len(samples) == 1 else _COUNTS, sequences=len(samples), tokens=tokens, trained=trained, share=trained / max(tokens, 1)
    )
    parts = [said]
    if turns:
        parts.append(fill(_ANSWERS, stops=sum(turn.stop_trained for turn in turns), answers=len(turns)))
    elif not any(sample.messages for sample in samples):
        parts.append(_NO_ROLES)
    if padding:
        parts.append(fill(_PADDING, padding=padding))
    return {language: "".join(part[language] for part in (*parts, _END)) for language in ("en", "zh")}


def title_of(rule: str) -> Text:
    """A rule's title."""
    return _EVERYTHING_TITLE if rule == EVERYTHING else RULES[rule].title


def where(finding: BatchFinding) -> Text:
    """The sequences that a finding is about, by number."""
    more = ", …" if len(finding.sequences) > _FEW else ""
    return fill(_WHERE, numbers=", ".join(map(str, finding.sequences[:_FEW])) + more)


def lines(samples: Sequence[LabelledSample], findings: Sequence[BatchFinding], language: str) -> Iterator[str]:
    """The verdict for a terminal, a line each; nothing in it steers the terminal."""
    yield counts(samples)[language]
    for finding in findings:
        yield printable(
            f"{SEVERITY_WORDS[finding.severity][language]} · {title_of(finding.rule)[language]} · {where(finding)[language]}: "
            f"{finding.sentence(language)}"
        )
