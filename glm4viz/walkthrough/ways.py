"""The ways to train a conversation side by side: what each makes of it, and what it loses."""

from collections.abc import Sequence
from dataclasses import dataclass

from glm4viz.conversation import Conversation
from glm4viz.errors import RecipeRejects
from glm4viz.labelling.single import label_all
from glm4viz.layout import PARTS, Message
from glm4viz.reading.verdict import verdict
from glm4viz.recipe import MaxLength
from glm4viz.walkthrough.steps import check_size

# What a class compares; the walk can take the other versions of finetune.py as well.
WAYS = ("glm4", "glm4-combine@dfe4601", "glm4v@dfe4601", "chatglm3", "xtuner", "xtuner-last-turn", "xtuner-split")


@dataclass(frozen=True, slots=True)
class Way:
    """What one recipe makes of the conversation. tokens: read in all sequences together. answers: not those of empty content.

    unused: answers of which nothing is trained. stops: answers that should end in a stop token; stops_trained: those that do.
    tags_trained: `<|assistant|>` tags that a program would have put there. rejected: why the script refuses the conversation.
    """

    recipe: str
    sequences: int = 0
    tokens: int = 0
    trained: int = 0
    answers: int = 0
    unused: int = 0
    stops: int = 0
    stops_trained: int = 0
    tags_trained: int = 0
    rejected: RecipeRejects | None = None


def ways(messages: Conversation | Sequence[Message], max_length: MaxLength = 1025) -> list[Way]:
    """The same conversation under each of WAYS."""
    return [_way(messages, recipe, max_length) for recipe in WAYS]


def _way(messages: Conversation | Sequence[Message], recipe: str, max_length: MaxLength) -> Way:
    try:
        check_size(messages, recipe)
        samples = label_all(messages, recipe, max_length=max_length)
    except RecipeRejects as error:
        return Way(recipe, rejected=error)
    turns = [[turn for turn in verdict(one).turns if turn.state != "empty"] for one in samples]
    # The last sample of a conversation has every answer; a turn counts as trained if any sample trains it.
    answers = {turn.message for row in turns for turn in row}
    due = {turn.message for turn in turns[-1] if not turn.hands_over}
    used = {turn.message for row in turns for turn in row if turn.trained}
    stopped = {turn.message for row in turns for turn in row if turn.stop_trained and turn.trained}
    tags = sum(
        int(
            (
                one.trained & (one.part_codes == PARTS.index("role_tag")) & (one.roles == "assistant") & (one.owner == one.message_index)
            ).sum()
        )
        for one in samples
    )
    return Way(
        recipe=recipe,
        sequences=len(samples),
        tokens=sum(map(len, samples)),
        trained=sum(int(one.trained.sum()) for one in samples),
        answers=len(answers),
        unused=len(answers - used),
        stops=len(due),
        stops_trained=len(due & stopped),
        tags_trained=tags,
    )
