"""What `glm4viz loss` says of a whole file: tables by role, part and turn, the worst records and tokens, and what the numbers are worth."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from glm4viz.cli.choice import Choice
from glm4viz.texts import Text, both, fill, printable

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel
    from glm4viz.loss.rows import Row
    from glm4viz.loss.sums import Sums
    from glm4viz.loss.totals import Totals

TITLE = both(
    "{file} · {recipe} · {model} · {records:,} records, {tokens:,} tokens, {trained:,} trained · training loss {loss}",
    "{file} · {recipe} · {model} · {records:,} 条记录，{tokens:,} 个 token，其中 {trained:,} 个参与训练 · 训练损失 {loss}",
)
LEFT_OUT = both(
    "{bad:,} records have no loss: {unread:,} can't be read, {refused:,} are refused by the recipe, {failed:,} by the model; see above.",
    "{bad:,} 条记录没有损失：{unread:,} 条无法读取，{refused:,} 条被配方拒绝，{failed:,} 条模型无法处理；见上。",
)
RATE = both("{rate:,.0f} tokens a second.", "每秒 {rate:,.0f} 个 token。")
NAMES = {
    "role": both("role", "角色"),
    "part": both("part", "部分"),
    "turn": both("turn", "轮次"),
    "trained": both("trained", "训练数"),
    "share": both("share of loss", "损失占比"),
    "mean": both("mean", "均值"),
    "text": both("text", "文本"),
    "perplexity": both("its perplexity", "文本困惑度"),
    "records": both("worst records", "损失最高的记录"),
    "tokens": both("worst tokens", "损失最高的 token"),
    "record": both("record", "记录"),
    "line": both("line", "行"),
    "loss": both("loss", "损失"),
    "position": both("position", "位置"),
    "all": both("tokens", "token 数"),
    "token": both("token, behind what stands before it", "token 及其前文"),
}
END = both("end of answer", "回答结尾")
SHOWN = 30  # characters before a worst token


def show_totals(console: Console, file: Path, model: "AnyModel", chosen: Choice, totals: "Totals", rate: float, lang: str) -> None:
    """Everything, what the numbers are worth last."""
    from glm4viz.loss.totals import BYS, in_order

    known = {"records": totals.records, "tokens": totals.tokens, "trained": totals.all.trained, "loss": _number(totals.all.mean)}
    title = fill(TITLE, file=printable(str(file)), recipe=chosen.recipe.id, model=printable(model.short_name), **known)
    console.print(f"[bold]{escape(title[lang])}[/]")
    for by in BYS:
        groups = in_order(totals.groups[by], by)
        if groups and not (by == "turn" and len(groups) < 2):
            _show_groups(console, by, groups, totals.all.loss, lang)
    _show_records(console, totals.worst_records, lang)
    _show_tokens(console, totals.worst_tokens, lang)
    for text in (*totals.warnings, *totals.faults()):
        console.print(f"[yellow]! {escape(text[lang])}[/]")
    for text in totals.notes:
        console.print(f"[dim]{escape(text[lang])}[/]")
    if totals.bad:
        left_out = fill(LEFT_OUT, bad=totals.bad, unread=totals.unread, refused=totals.refused, failed=totals.failed)
        console.print(f"[red]✗[/] {left_out[lang]}")
    console.print(f"[dim]{fill(RATE, rate=rate)[lang]}[/]")


def as_dict(file: Path, model: "AnyModel", chosen: Choice, totals: "Totals", rate: float, lang: str) -> dict[str, Any]:
    """JSON has no nan: where nothing was predicted or trained there is null. role, part, turn: as in the tables."""
    from glm4viz.loss.totals import BYS, in_order

    return {
        "file": str(file),
        "recipe": chosen.recipe.id,
        "max_length": chosen.max_length,
        "model": model.name,
        "records": totals.records,
        "unread": totals.unread,
        "refused": totals.refused,
        "failed": totals.failed,
        "samples": totals.samples,
        "tokens": totals.tokens,
        **_sums(totals.all, totals.all.loss),
        **{f"{by}s": [{by: name} | _sums(sums, totals.all.loss) for name, sums in in_order(totals.groups[by], by)] for by in BYS},
        "worst_records": totals.worst_records,
        "worst_tokens": totals.worst_tokens,
        "warnings": [text[lang] for text in totals.warnings],
        "spikes": [text[lang] for text in totals.faults()],
        "notes": [text[lang] for text in totals.notes],
        "tokens_per_second": round(rate, 1),
    }


# ---------------------------------------------------------------------------------------------------------------------


def _sums(sums: "Sums", total: float) -> dict[str, Any]:
    means = {"mean": sums.mean, "share": sums.share_of(total), "perplexity": sums.perplexity, "bits_per_byte": sums.bits_per_byte}
    known = {name: value for name, value in asdict(sums).items() if name in ("trained", "loss", "ordinary")}
    return known | {name: None if math.isnan(value) else value for name, value in means.items()}


def _table(console: Console, columns: list[Text], left: int, rows: list[list[str]], lang: str) -> None:
    """A table of which so many columns are words, the last one too if it is the longest; all else numbers."""
    table = Table(box=None, pad_edge=False)
    for nth, column in enumerate(columns):
        table.add_column(column[lang], justify="left" if nth < left or column is NAMES["token"] else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print()
    console.print(table)


def _show_groups(console: Console, by: str, groups: list[tuple[str, "Sums"]], total: float, lang: str) -> None:
    from glm4viz.loss.sums import END as ENDS
    from glm4viz.loss.totals import TURNS

    names = {ENDS: END[lang], str(TURNS): f"{TURNS}+"}
    rows = [
        [
            names.get(name, printable(name) or "–"),
            f"{sums.trained:,}",
            _share(sums.share_of(total)),
            _number(sums.mean),
            f"{sums.ordinary:,}",
            _number(sums.perplexity),
        ]
        for name, sums in groups
    ]
    _table(console, [NAMES[name] for name in (by, "trained", "share", "mean", "text", "perplexity")], 1, rows, lang)


def _show_records(console: Console, rows: list["Row"], lang: str) -> None:
    told = [
        [str(row["record"]), str(row["line"] or "–"), f"{row['tokens']:,}", f"{row['trained']:,}", _number(row["loss_mean"])]
        for row in rows
    ]
    if told:
        console.print(f"\n[bold]{NAMES['records'][lang]}[/]", end="")
        columns = [NAMES["record"], NAMES["line"], NAMES["all"], NAMES["trained"], NAMES["mean"]]
        _table(console, columns, 0, told, lang)


def _show_tokens(console: Console, rows: list["Row"], lang: str) -> None:
    told = [
        [
            str(row["record"]),
            str(row["line"] or "–"),
            str(row["worst_position"]),
            _number(row["loss_max"]),
            f"{row['worst_role']} {row['worst_part']}".strip(),
            f"{printable(row['worst_before'][-SHOWN:])}[{printable(row['worst_token'])}]",
        ]
        for row in rows
    ]
    if told:
        console.print(f"\n[bold]{NAMES['tokens'][lang]}[/]", end="")
        columns = [NAMES["record"], NAMES["line"], NAMES["position"], NAMES["loss"], NAMES["part"], NAMES["token"]]
        _table(console, columns, 0, told, lang)


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0%}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}" if abs(value) >= 1e4 else f"{value:.4f}"
