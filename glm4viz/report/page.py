"""The report of a batch: its verdict, what is wrong with it, and its tokens. Both languages are in it; no script switches them."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from glm4viz.figures.palette import PALETTES, Palette
from glm4viz.linter.batch import BatchFinding
from glm4viz.reading.verdict import shares
from glm4viz.recipe import LabelledSample
from glm4viz.report.document import SEVERITY_WORDS, document, row
from glm4viz.report.tokens import CLASSES, gap, tokens
from glm4viz.report.words import counts, title_of, where
from glm4viz.run.sample import CapturedSample
from glm4viz.texts import Text, both, fill

SHOWN = 24  # sequences; all are counted

_TITLE = both("What the run is taught", "这次训练教了什么")
_CLEAN = both("Nothing was found that would ruin the run.", "没有发现会毁掉训练的问题。")
_LEGEND = both(
    "Bold and underlined on amber: trained. Plain: masked, in the colour of its role. Framed: the label differs from the token. Hovering shows "
    "position, id and label.",
    "琥珀色底、加粗并带下划线：参与训练。普通字体：被屏蔽，颜色表示角色。带框：标签与 token 不同。悬停可看位置、编号和标签。",
)
_SEQUENCE = both("Sequence {number}", "序列 {number}")
_PLACE = both("row {row}, part {segment}, {padding:,} tokens of padding", "第 {row} 行第 {segment} 段，填充 {padding:,} 个 token")
_COUNT = both("{tokens:,} tokens, {trained:,} trained", "{tokens:,} 个 token，训练 {trained:,} 个")
_ROLE, _TOKENS, _TRAINED = both("Role", "角色"), both("Tokens", "token 数"), both("Trained", "训练")
_SHARE = both("Share of the loss", "占 loss 的比例")
_OUTSIDE = both("outside messages", "消息之外")
_LEFT_OUT = both("… {count:,} tokens are left out here; the capture has them …", "…… 此处略去 {count:,} 个 token；捕获文件里都有 ……")
_MORE = both("{count:,} more sequences are left out here; the capture has them.", "此处略去另外 {count:,} 条序列；捕获文件里都有。")


class Batch(NamedTuple):
    """The sequences of one batch: where they are from (such as the file's name), and what lint_batch found."""

    name: str
    samples: Sequence[LabelledSample]
    findings: Sequence[BatchFinding]


def report(batch: Batch, language: str = "en") -> str:
    """One HTML file, bounded in size: long sequences show head and tail, and of many only the first are shown. language: shown at first."""
    return document(_TITLE[language], "\n".join(_body(batch, language)), language, _style())


# ---------------------------------------------------------------------------------------------------------------------


def _body(batch: Batch, language: str) -> Iterator[str]:
    for code, name in (("en", "English"), ("zh", "中文")):
        chosen = " checked" if code == language else ""
        yield f'<input type="radio" name="language" id="{code}"{chosen}><label for="{code}">{name}</label>'
    yield f"<h1>{_said(_TITLE)}</h1><p><code>{escape(batch.name)}</code></p>"
    yield f"<p><strong>{_said(counts(batch.samples))}</strong></p>"
    yield _findings(batch.findings)
    for note in {note["en"]: note for sample in batch.samples for note in sample.notes}.values():
        yield f'<p class="info">{_said(note)}</p>'
    yield _roles(batch.samples)
    yield f"<p>{_said(_LEGEND)}</p>"
    for number, sample in enumerate(batch.samples[:SHOWN]):
        yield _sequence(number, sample)
    if len(batch.samples) > SHOWN:
        yield f"<p>{_said(fill(_MORE, count=len(batch.samples) - SHOWN))}</p>"


def _findings(findings: Sequence[BatchFinding]) -> str:
    if not findings:
        return f"<p>✓ {_said(_CLEAN)}</p>"
    rows = (
        row(
            "td",
            f'<span class="{finding.severity}">{_said(SEVERITY_WORDS[finding.severity])}</span>',
            f"<strong>{_said(title_of(finding.rule))}</strong> <code>{finding.rule}</code><br>{_said(where(finding))}",
            _said(finding.said),
        )
        for finding in findings
    )
    return f"<table>{''.join(rows)}</table>"


def _roles(samples: Sequence[LabelledSample]) -> str:
    totals: dict[str, list[float]] = {}
    for sample in samples:
        for share in shares(sample):
            total = totals.setdefault(share.role, [0, 0, 0])
            total[:] = [total[0] + share.tokens, total[1] + share.trained, total[2] + share.weight]
    weight = sum(total[2] for total in totals.values()) or 1
    rows = (
        row("td", _said(_OUTSIDE) if not role else escape(role), f"{tokens:,}", f"{trained:,}", f"{own / weight:.1%}")
        for role, (tokens, trained, own) in totals.items()
        if tokens or trained
    )
    return "<table>" + row("th", *map(_said, (_ROLE, _TOKENS, _TRAINED, _SHARE))) + "".join(rows) + "</table>"


def _sequence(number: int, sample: LabelledSample) -> str:
    place = ""
    if isinstance(sample, CapturedSample):
        place = " · " + _said(fill(_PLACE, row=sample.row, segment=sample.segment, padding=sum(sample.padding)))
    said = _said(fill(_COUNT, tokens=len(sample), trained=int(sample.trained.sum())))
    first, second = gap(sample)
    shown = tokens(sample, 0, first or len(sample))
    if first:
        shown += f"</pre><p>{_said(fill(_LEFT_OUT, count=second - first))}</p><pre>" + tokens(sample, second, len(sample))
    opened = " open" if number < 4 else ""
    return f"<details{opened}><summary>{_said(fill(_SEQUENCE, number=number))} · {said}{place}</summary><pre>{shown}</pre></details>"


def _said(text: Text) -> str:
    """Both languages; the style sheet shows one."""
    return f'<span lang="en">{escape(text["en"])}</span><span lang="zh">{escape(text["zh"])}</span>'


def _style() -> str:
    light, dark = _colours(PALETTES["light"]), _colours(PALETTES["dark"])
    return f"""
input{{margin:0 .3rem 0 1rem}}
body:has(#en:checked) [lang=zh],body:has(#zh:checked) [lang=en]{{display:none}}
pre{{white-space:pre-wrap;overflow-wrap:anywhere;font:.9rem/1.7 ui-monospace,monospace;border-left:3px solid #8886;padding-left:1rem}}
pre i{{font-style:normal;color:var(--n)}}
pre b{{background:var(--tint);color:var(--ink);text-decoration:underline 2px var(--trained);text-underline-offset:.2em}}
pre .d{{outline:1px dashed var(--unlike)}}
{"".join(f"pre i.{name}{{color:var(--{name})}}" for name in sorted({*CLASSES.values(), "x"}))}
:root{{{light}}}
@media (prefers-color-scheme:dark){{:root{{{dark}}}}}
body{{background:var(--ground);color:var(--ink)}}
"""


def _colours(palette: Palette) -> str:
    named = {"ground": palette.ground, "ink": palette.ink, "tint": palette.tint, "trained": palette.trained, "unlike": palette.problem}
    roles = {name: palette.roles[role] for role, name in CLASSES.items()}
    return "".join(f"--{name}:{colour};" for name, colour in (named | roles | {"x": palette.other}).items())
