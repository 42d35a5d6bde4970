"""glm4viz loss --against: what changed from another model to this one, record by record and in all."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from glm4viz.cli.choice import Choice
from glm4viz.cli.options import say
from glm4viz.cli.records import show_error
from glm4viz.conversation import Conversation
from glm4viz.errors import Glm4vizError, ReadError
from glm4viz.labelling.single import label_all
from glm4viz.texts import both, fill, printable

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel, LossDifference, StopChance

RECORD = both(
    "record {number} · training loss {before} → {after} · probability to stop {stops}",
    "记录 {number} · 训练损失 {before} → {after} · 停下的概率 {stops}",
)
NO_STOPS = both("–", "–")
TITLE = both("{base} → {tuned} · records: {records}", "{base} → {tuned} · 记录数：{records}")
OUTSIDE = both("outside", "消息之外")
HEADINGS = {"en": ("role", "tokens", "before", "after", "change"), "zh": ("角色", "token 数", "之前", "之后", "变化")}
UNTRAINED = both("{role}, not trained", "{role}，不参与训练")


@dataclass(slots=True)
class Sums:
    """What is added up: by role and whether trained, [tokens, nats before, nats after]; the chances to stop."""

    records: int = 0
    roles: dict[tuple[str, bool], list[float]] = field(default_factory=dict)
    before: list["StopChance"] = field(default_factory=list)
    after: list["StopChance"] = field(default_factory=list)

    def add(self, difference: "LossDifference") -> None:
        for group in difference.roles:
            held = self.roles.setdefault((group.name, group.trained), [0.0, 0.0, 0.0])
            for place, amount in enumerate((1.0, group.base, group.tuned)):
                held[place] += amount * group.tokens
        self.before += difference.base_stops
        self.after += difference.tuned_stops


def compare_losses(
    records: Iterable[Conversation | ReadError],
    models: tuple["AnyModel", "AnyModel"],
    names: tuple[str, str],
    chosen: Choice,
    as_json: bool,
    lang: str,
) -> NoReturn:
    """Shows it and ends the command: with 1 if a record failed. models, names: the other one first."""
    from glm4viz.loss import loss_difference, token_losses, training_loss

    console, sums, failed = Console(highlight=False, soft_wrap=True), Sums(), False
    for number, record in enumerate(records):
        try:
            if isinstance(record, ReadError):
                raise record
            for sample in label_all(record, chosen.recipe_for(record), max_length=chosen.max_length):
                base, tuned = (token_losses(model, sample) for model in models)
                difference = loss_difference(sample, base, tuned)
                sums.add(difference)
                losses = (training_loss(base), training_loss(tuned))
                if as_json:
                    say({"record": number} | _as_dict(difference, losses))
                else:
                    stops = ", ".join(
                        f"{a.probability:.1%} → {b.probability:.1%}"
                        for a, b in zip(difference.base_stops, difference.tuned_stops, strict=True)
                    )
                    told = fill(RECORD, number=number, before=_number(losses[0]), after=_number(losses[1]), stops=stops or NO_STOPS)
                    console.print(escape(told[lang]))
            sums.records += 1
        except Glm4vizError as error:
            failed = True
            show_error(error, number, record.line, as_json, lang)
    _show_sums(console, sums, names, as_json, lang)
    raise typer.Exit(int(failed))


# ---------------------------------------------------------------------------------------------------------------------


def _as_dict(difference: "LossDifference", losses: tuple[float, float]) -> dict[str, Any]:
    """JSON has no nan: where nothing is known there is null."""
    return {
        "training_loss": [_plain(loss) for loss in losses],
        "nll_difference": [_plain(value) for value in difference.nll.tolist()],
        **{by: [asdict(group) for group in getattr(difference, by)] for by in ("roles", "messages", "parts")},
        "base_stops": [asdict(stop) for stop in difference.base_stops],
        "tuned_stops": [asdict(stop) for stop in difference.tuned_stops],
    }


def _show_sums(console: Console, sums: Sums, names: tuple[str, str], as_json: bool, lang: str) -> None:
    from glm4viz.loss.difference import about_stopping

    if not sums.records:
        return
    sentences = [text[lang] for text in about_stopping(sums.before, sums.after, *names)]
    rows = [(role, trained, int(count), before / count, after / count) for (role, trained), (count, before, after) in sums.roles.items()]
    if as_json:
        columns = ("role", "trained", "tokens", "base", "tuned")
        say({"summary": {"records": sums.records, "roles": [dict(zip(columns, row, strict=True)) for row in rows], "sentences": sentences}})
        return
    title = fill(TITLE, records=sums.records, base=names[0], tuned=names[1])[lang]
    table = Table(title=f"[bold]{escape(title)}[/]", title_justify="left", box=None, pad_edge=False)
    for column, heading in enumerate(HEADINGS[lang]):
        table.add_column(heading, justify="right" if column else "left")
    for role, trained, count, before, after in rows:
        name = printable(role) or OUTSIDE[lang]
        named = name if trained else fill(UNTRAINED, role=name)[lang]
        table.add_row(escape(named), f"{count:,}", _number(before), _number(after), f"{after - before:+.3f}")
    console.print(table)
    for sentence in sentences:
        console.print(escape(sentence))


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
