"""glm4viz loss: what a model's loss on a file's conversations is, and where it comes from."""

import math
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from glm4viz.cli.choice import choose
from glm4viz.cli.files import must_be_there
from glm4viz.cli.loss_file import Run, check_output, over_file
from glm4viz.cli.misuse import Misuse
from glm4viz.cli.options import ConfigOption, FileArgument, Json, Language, MaxLengthOption, RecipeOption, say
from glm4viz.cli.records import each_of, read
from glm4viz.conversation import Conversation
from glm4viz.errors import ModelError
from glm4viz.labelling.single import label_all
from glm4viz.recipe import LabelledSample
from glm4viz.texts import printable

if TYPE_CHECKING:
    from glm4viz.loss import LossSummary, TokenLosses

HEAD = 64  # records that are looked at to tell whether there is more than one conversation
HEADINGS = {
    "en": ("role", "trained", "loss", "share", "mean", "perplexity", "bits/byte"),
    "zh": ("角色", "训练数", "损失", "占比", "均值", "困惑度", "比特/字节"),
}
TITLE = {
    "en": "record {number} · {recipe} · {length} tokens, {trained} trained · training loss {loss}",
    "zh": "记录 {number} · {recipe} · {length} 个 token，其中 {trained} 个参与训练 · 训练损失 {loss}",
}


def command(
    file: FileArgument,
    model: Annotated[
        str,
        typer.Option(
            help="demo, demo-no-stop, a checkpoint directory or a hub id (safetensors only), or a server (http://…) that GLM4VIZ_SERVERS lists."
        ),
    ] = "demo",
    recipe: RecipeOption = None,
    max_length: MaxLengthOption = None,
    config: ConfigOption = None,
    adapter: Annotated[
        Path | None, typer.Option(help="A LoRA directory as peft saves it; of a server, the name it serves the LoRA by.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Also write a row for each record: .jsonl, .jsonl.gz or .parquet. A run that was stopped goes on where it was: OUT.parts "
            "has what is done.",
        ),
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="Show every record of a file as a single one is shown; with --json, all its tokens.")
    ] = False,
    as_json: Json = False,
    lang: Language = "en",
) -> None:
    """Show what a model's loss is, in nats, and where it comes from.

    Of a single conversation: the training loss, and per role its share, mean, perplexity and bits per byte. Of a file with more: totals
    by role, part and turn, the worst records and tokens; with --json a line for each record, then one with the summary.
    """
    chosen = choose(recipe, max_length, config, lang)
    must_be_there([file])
    check_output(out, file)
    if out is not None and each:
        raise Misuse(
            "--each",
            "Give either --each or -o: the output has a row for each record.",
            "--each 与 -o 请只给出一个：输出文件里每条记录一行。",
        )
    try:
        from glm4viz.loss import load_model, loss_summary, token_losses

        loaded = load_model(model, device, dtype, adapter)
    except (ModelError, OSError) as error:  # of --model, --adapter, --device or --dtype: the sentence names it
        raise Misuse.because("", error) from None
    records = read(file)
    head = list(islice(records, HEAD))
    single = len(head) < HEAD and sum(isinstance(record, Conversation) for record in head) < 2
    if out is not None or not (single or each):
        over_file(Run(file, chain(head, records), loaded, chosen, out, as_json, lang))
    console = Console(highlight=False, soft_wrap=True)

    def show(number: int, conversation: Conversation) -> bool:
        for sample in label_all(conversation, chosen.recipe_for(conversation), max_length=chosen.max_length):
            losses = token_losses(loaded, sample)
            summary = loss_summary(sample, losses)
            if as_json:
                say({"record": number} | _as_dict(sample, losses, summary, lang))
            else:
                _show_summary(console, number, sample, summary, lang)
                _show_worth(console, losses, summary, lang)
        return True

    each_of(chain(head, records), show, as_json, lang)


# ---------------------------------------------------------------------------------------------------------------------


def _as_dict(sample: LabelledSample, losses: "TokenLosses", summary: "LossSummary", lang: str) -> dict[str, Any]:
    """JSON has no nan: where nothing was predicted or trained there is null."""
    columns = {name: _plain(getattr(losses, name).tolist()) for name in ("nll", "label_nll", "entropy", "rank", "top_ids", "top_logprobs")}
    return {
        "recipe": sample.recipe.id,
        "training_loss": _plain(summary.training_loss),
        "trained": summary.trained,
        "mean": _plain(summary.mean),
        "uniform": summary.uniform,
        "warnings": [text[lang] for text in summary.warnings],
        "spikes": [
            {"kind": spike.kind, "count": spike.count, "worst": spike.worst, "position": spike.position, "sentence": spike.sentence(lang)}
            for spike in summary.spikes
        ],
        "notes": [text[lang] for text in losses.notes],
        "roles": [_plain(asdict(group)) for group in summary.roles],
        "messages": [_plain(asdict(group)) for group in summary.messages],
        "input_ids": sample.input_ids.tolist(),
        **columns,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _show_summary(console: Console, number: int, sample: LabelledSample, summary: "LossSummary", lang: str) -> None:
    title = TITLE[lang].format(
        number=number, recipe=sample.recipe.id, length=len(sample), trained=summary.trained, loss=_number(summary.training_loss)
    )
    table = Table(title=f"[bold]{escape(title)}[/]", title_justify="left", box=None, pad_edge=False)
    for column, heading in enumerate(HEADINGS[lang]):
        table.add_column(heading, justify="right" if column else "left")
    for group in summary.roles:
        share = "–" if math.isnan(group.share) else f"{group.share:.0%}"
        numbers = (_number(group.mean), _number(group.perplexity), _number(group.bits_per_byte))
        table.add_row(escape(printable(group.role)), str(group.trained), _number(group.loss), share, *numbers)
    console.print(table)


def _show_worth(console: Console, losses: "TokenLosses", summary: "LossSummary", lang: str) -> None:
    """What the numbers above are worth: reasons to distrust them, faults of the template, and what a server left out."""
    for text in summary.warnings:
        console.print(f"[yellow]! {escape(text[lang])}[/]")
    for spike in summary.spikes:
        console.print(f"[yellow]! {escape(spike.sentence(lang))}[/]")
    for text in losses.notes:
        console.print(f"[dim]{escape(text[lang])}[/]")
    console.print()


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}" if abs(value) >= 1e4 else f"{value:.4f}"
