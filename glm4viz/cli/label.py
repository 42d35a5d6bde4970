"""glm4viz label: which tokens of a file's conversations are trained."""

from typing import Any

from rich.console import Console
from rich.text import Text

from glm4viz.cli.choice import choose
from glm4viz.cli.files import must_be_there
from glm4viz.cli.options import ConfigOption, FileArgument, Json, Language, MaxLengthOption, RecipeOption, say
from glm4viz.cli.records import each_record
from glm4viz.conversation import Conversation
from glm4viz.inference.parity import Parity, served_parity
from glm4viz.labelling.single import label_all
from glm4viz.recipe import LabelledSample
from glm4viz.texts import Text as Words
from glm4viz.texts import fill, printable, printable_lines

_LEAVES: Words = {
    "en": "messages[{message}] leaves the prompt of {template}: {said}",
    "zh": "messages[{message}] 偏离 {template} 的提示：{said}",
}


def command(
    file: FileArgument,
    recipe: RecipeOption = None,
    max_length: MaxLengthOption = None,
    config: ConfigOption = None,
    as_json: Json = False,
    lang: Language = "en",
) -> None:
    """Show which tokens are trained. Trained text is green and in [ brackets ]; masked text is dim."""
    chosen = choose(recipe, max_length, config, lang)
    must_be_there([file])
    console = Console(highlight=False, soft_wrap=True)

    def show(number: int, conversation: Conversation) -> bool:
        for sample in label_all(conversation, chosen.recipe_for(conversation), max_length=chosen.max_length):
            if as_json:
                told = [finding.sentence(lang) for finding in chosen.findings]
                say({"record": number} | _as_dict(sample) | {"warnings": [*sample.warnings, *told]})
            else:
                _show_sample(console, number, sample, lang)
        return True

    each_record(file, show, as_json, lang)


# ---------------------------------------------------------------------------------------------------------------------


def _as_dict(sample: LabelledSample) -> dict[str, Any]:
    return {
        "recipe": sample.recipe.id,
        "input_ids": sample.input_ids.tolist(),
        "labels": sample.labels.tolist(),
        "message_index": sample.message_index.tolist(),
        "owner": sample.owner.tolist(),
        "parts": sample.parts.tolist(),
        "warnings": sample.warnings,
        "parity": parity_as_dicts(served_parity(sample)),
    }


def parity_as_dicts(answers: list[Parity] | None) -> list[dict[str, Any]] | None:
    """Each answer beside what a server would feed before it; None where nobody knows the server's template."""
    return None if answers is None else [answer._asdict() for answer in answers]


def _show_sample(console: Console, number: int, sample: LabelledSample, lang: str) -> None:
    trained = sample.trained
    console.print(f"[bold]record {number}[/] · {sample.recipe.id} · {len(sample)} tokens, {int(trained.sum())} trained")
    text, start = Text(), 0
    # Runs of equal state, so that a character split over tokens is decoded whole wherever its tokens agree.
    for stop in [*(int(i) + 1 for i in (trained[1:] != trained[:-1]).nonzero()[0]), len(sample)]:
        part = printable_lines(b"".join(sample.token_bytes[start:stop]).decode("utf-8", "backslashreplace"))
        text.append(f"[{part}]" if trained[start] else part, style="bold green" if trained[start] else "dim")
        start = stop
    console.print(text)
    for answer in served_parity(sample) or ():
        if not answer.same:
            # What the server would have from there on; such texts come from the data.
            said = fill(_LEAVES, template=sample.recipe.served, message=answer.message_index, said=answer.said)[lang]
            console.print(Text(printable(f"≠ {said}"), style="yellow"))
    console.print()
