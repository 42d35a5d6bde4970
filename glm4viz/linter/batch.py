"""What the linter says of the sequences of one batch: what is trained in them, each rule once, with the sequences it is about."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from glm4viz.linter.case import Case
from glm4viz.linter.findings import SEVERITIES, Finding, Severity
from glm4viz.linter.registry import ORDER
from glm4viz.linter.rules import captured, labels, training
from glm4viz.linter.run import findings_of
from glm4viz.reading.verdict import verdict
from glm4viz.recipe import LabelledSample
from glm4viz.texts import Text, Worded, both

_RULES = [rule for rule in (*training.RULES, *labels.RULES, *captured.RULES) if rule.labelled]
# One sequence without a label, or cut before its stop, is the data's; a whole batch of them is the set-up's.
_WHOLE_BATCH = ("no-trained-token", "stop-not-trained")

EVERYTHING = "everything-trained"
_EVERYTHING = both(
    "Every token is trained, and no role tags were found in it. That is right for plain text; in a conversation the questions would be trained "
    "as well.",
    "每个 token 都参与训练，其中也没有找到角色标签。对纯文本来说没有问题；如果是对话，提问也会参与训练。",
)


@dataclass(frozen=True, slots=True)
class BatchFinding(Worded):
    """One rule's finding in a batch. sequences: numbers of the sequences it is about, from 0; `said` is of the first."""

    rule: str
    severity: Severity
    sequences: tuple[int, ...]
    said: Text = field(hash=False)


def lint_batch(samples: Sequence[LabelledSample]) -> list[BatchFinding]:
    """What is wrong with what this batch trains, the worst first.

    A missing label or stop is an error where the whole batch lacks it, and a warning where only some of its sequences do.
    """
    found: dict[str, list[tuple[int, Finding]]] = {}
    for number, sample in enumerate(samples):
        for finding in findings_of(Case(sample.messages, sample.recipe, [sample], tools=sample.tools), _RULES):
            found.setdefault(finding.rule, []).append((number, finding))
    whole = {
        "no-trained-token": not any(s.trained.any() for s in samples),
        "stop-not-trained": not any(verdict(s).stops_trained for s in samples),
    }
    result = []
    for rule, hits in found.items():
        severity = min((finding.severity for _, finding in hits), key=SEVERITIES.index)
        if rule in _WHOLE_BATCH and not whole[rule]:
            severity = "warning"
        result.append(BatchFinding(rule, severity, tuple(dict.fromkeys(number for number, _ in hits)), hits[0][1].said))
    if bare := tuple(n for n, s in enumerate(samples) if len(s) and not s.messages and s.trained[1:].all() and s.trained.any()):
        result.append(BatchFinding(EVERYTHING, "warning", bare, _EVERYTHING))
    return sorted(result, key=lambda finding: (SEVERITIES.index(finding.severity), ORDER.get(finding.rule, len(ORDER))))
