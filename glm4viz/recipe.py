"""A recipe, how one training script turns a conversation into input_ids and labels, and what comes out: a labelled sample."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.layout import PARTS, Message, Writer
from glm4viz.texts import Text
from glm4viz.tokenizer import GLM_TAGS, Ids, Offsets, Tokenizer

if TYPE_CHECKING:
    import pandas

IGNORE = -100
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
MaxLength = int | tuple[int, int] | None
Strings = npt.NDArray[np.str_]
Form = Literal["glm4", "openai"]
Served = Literal["", "glm4", "glm4.5", "glm4.7"]
# generation_config.json of glm-4-9b-chat and of GLM-4.5: generation ends at these.
GENERATION_STOPS = ("<|endoftext|>", "<|user|>", "<|observation|>")


class Source(NamedTuple):
    """Where the recipe was read: a public repository, the file, the commit and its date."""

    repository: str
    path: str
    commit: str
    date: str


class Rows(NamedTuple):
    """Encoded samples, one after the other. ids int32 [N], mask bool [N], offsets int64 [rows + 1]."""

    ids: Ids
    mask: Mask
    offsets: Offsets


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """`layout` writes the pieces with their masks. `remask`, if given, makes the mask from the encoded tokens instead.

    shift: labels take the mask of the token before, `[False, *loss_masks]`; a label then teaches the message at i - 1.
    max_length_pair: the limit is two numbers, for the question and for the answer.
    independent: every message is written without regard to the others, so a batch may write each kind once.
    fit: cuts an encoded sample to max_length or refuses it (RecipeRejects), called for None too; by default the tail goes.
    evaluate: the script's `process_batch_eval`, where glm4viz follows it.
    form: how its messages are written. glm4: GLM-4's `metadata`, role observation, tools in a message; openai: `tool_calls`,
    `reasoning_content`, role tool, and `Writer.tools`. vocabulary: the bundled one it is shown with.
    served: the template that a server feeds the trained model with, "" where that one isn't built in. glm-4-9b-chat's own isn't, and
    against GLM-4-9B-0414's every conversation with tools would differ, so recipes of GLM-4 have none.
    stops: the tokens at which the model it trains stops generating. stand_ins: special tokens of other families that it writes, by name,
    each with an id of its own beyond GLM-4's embedding (from 151,552 on; `systems/registry.py` refuses an id that another name has).
    needs: special tokens that a tokenizer must have for it; none, for a recipe that takes any.
    """

    id: str
    system: str
    source: Source
    rule: Text
    max_length: Text
    layout: Callable[[Sequence[Message], Writer], None]
    remask: Callable[[Rows, dict[str, int]], Mask] | None = None
    shift: bool = False
    independent: bool = False
    max_length_pair: bool = False
    fit: Callable[["LabelledSample", Any], "LabelledSample"] | None = None
    evaluate: Callable[[Sequence[Message], "LabelledSample", int, int], list[tuple[Ids, Ids]]] | None = None
    form: Form = "glm4"
    vocabulary: Literal["glm-4", "glm-4.5"] = "glm-4"
    served: Served = ""
    stops: tuple[str, ...] = GENERATION_STOPS
    stand_ins: Mapping[str, int] = field(default_factory=dict)
    needs: tuple[str, ...] = GLM_TAGS
    quirks: tuple[Text, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelledSample:
    """All arrays have one entry per token, T in all; never padded.

    input_ids, labels int32 [T]: aligned; a label is the target for the token at its own position, IGNORE (-100) means no loss.
    message_index int32 [T]: the message a token sits in, -1 outside any.
    owner int32 [T]: the message whose generation the label teaches, -1 where masked.
    part_codes uint8 [T]: index in layout.PARTS; a token over two parts has that of its first byte.
    spans int32 [T, 2]: bytes start … stop - 1 of the message's content that the token holds, (-1, -1) where it holds none.

    `owner`: a <|user|> that ends an answer stands in message 2, but it is message 1 that learns to stop there.

    >>> import glm4viz
    >>> talk = [("user", "Hi"), ("assistant", "你好！"), ("user", "Bye"), ("assistant", "👋")]
    >>> sample = glm4viz.label([{"role": role, "content": content} for role, content in talk])
    >>> stop = 9
    >>> sample.token_bytes[stop], int(sample.message_index[stop]), int(sample.owner[stop])
    (b'<|user|>', 2, 1)

    `spans`: the emoji has four bytes in three tokens, none of which is a character.

    >>> sample.spans[15:18].tolist()
    [[0, 2], [2, 3], [3, 4]]
    >>> "👋".encode()[0:2] == sample.token_bytes[15]
    True
    """

    recipe: Recipe
    tokenizer: Tokenizer
    messages: Sequence[Message]
    input_ids: Ids
    labels: Ids
    message_index: Ids
    owner: Ids
    part_codes: npt.NDArray[np.uint8]
    spans: Ids
    pieces: Ids  # int32 [T]: tokens with the same number were encoded together
    full_sizes: Ids  # int32 [messages + 1]: tokens of each message before max_length cut; last: those outside messages
    tools: Sequence[Any] | None = None  # the conversation's, where its form has them there
    label_weights: Floats | None = None  # float32 [T]: see weights; None: every label counts 1
    notes: tuple[Text, ...] = ()  # what was mapped before the recipe saw it, or what the system does with the sample afterwards

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def full_length(self) -> int:
        """Tokens before max_length cut the tail off."""
        return int(self.full_sizes.sum())

    @property
    def trained(self) -> Mask:
        """bool [T]: does the token carry a label?"""
        return np.not_equal(self.labels, IGNORE)

    @property
    def weights(self) -> Floats:
        """float32 [T]: a label's weight in the loss; 1 where trained and 0 where masked, unless the system weighs."""
        given = np.float32(1) if self.label_weights is None else self.label_weights
        return np.where(self.trained, given, np.float32(0)).astype(np.float32)

    @property
    def targets(self) -> Ids:
        """int32 [T]: labels shifted left by one, what each position is trained to predict. The last is IGNORE."""
        return np.append(self.labels[1:], np.int32(IGNORE)).astype(np.int32)

    @property
    def roles(self) -> Strings:
        """str [T]: the role of the message a token sits in, "" outside."""
        return np.array([*(str(m["role"]) for m in self.messages), ""])[self.message_index]

    @property
    def parts(self) -> Strings:
        """str [T]: one of layout.PARTS."""
        return np.array(PARTS)[self.part_codes]

    @property
    def warnings(self) -> list[str]:
        """What the system would say at set-up, and the notes on this sample."""
        return [*self.recipe.warnings, *(note["en"] for note in self.notes)]

    def take(self, positions: npt.NDArray[np.integer[Any]]) -> "LabelledSample":
        """The sample with only the tokens at `positions`, in that order."""
        columns = ("input_ids", "labels", "message_index", "owner", "part_codes", "spans", "pieces")
        weights = None if self.label_weights is None else self.label_weights[positions]
        return replace(self, label_weights=weights, **{name: getattr(self, name)[positions] for name in columns})

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """The bytes of each token; joined they are the text that was rendered."""
        return self.tokenizer.all_bytes(self.input_ids)

    def table(self) -> "pandas.DataFrame":
        """One row per token: position, id, token, bytes, role, message, part, trained, label, target, owner; weight, if the system weighs."""
        import pandas as pd

        # Far fewer different tokens than tokens: each is decoded once.
        ids, which = np.unique(self.input_ids, return_inverse=True)
        known = self.tokenizer.all_bytes(ids)
        texts = pd.Series([b.decode("utf-8", "backslashreplace") for b in known], dtype="str")
        hexes = pd.Series([b.hex(" ") for b in known], dtype="str")
        return pd.DataFrame(
            {
                "position": np.arange(len(self)),
                "id": self.input_ids,
                "token": texts.array.take(which),
                "bytes": hexes.array.take(which),
                "role": pd.Series([*(str(m["role"]) for m in self.messages), ""], dtype="str").array.take(
                    self.message_index % (len(self.messages) + 1)
                ),
                "message": self.message_index,
                "part": pd.Series(PARTS, dtype="str").array.take(self.part_codes),
                "trained": self.trained,
                "label": self.labels,
                "target": self.targets,
                "owner": self.owner,
            }
            | ({} if self.label_weights is None else {"weight": self.weights})
        )


def default_limit(recipe: Recipe) -> int | tuple[int, int]:
    """The limit of a check or a page for which nobody names one: GLM-4's lora.yaml has max_input_length and max_output_length of 512."""
    return (512, 512) if recipe.max_length_pair else 1025


def check_max_length(recipe: Recipe, max_length: Any) -> None:
    """Raise ValueError unless this is what the recipe's limit is: None, a positive whole number, or for some a pair of them."""
    numbers = (max_length,) if not recipe.max_length_pair else max_length
    if max_length is None or (
        isinstance(numbers, tuple | list) and len(numbers) == 1 + recipe.max_length_pair and all(map(_is_count, numbers))
    ):
        return
    wanted = "a pair of positive whole numbers" if recipe.max_length_pair else "a positive whole number"
    raise ValueError(f"max_length of {recipe.id} must be {wanted} or None, not {max_length!r}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 1
