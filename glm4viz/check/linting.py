"""What `lint` finds in each record of a piece, got with as little work as possible: labelled in one batch, and whatever isn't plainly clean held
against the rules.
"""

from collections.abc import Sequence

from glm4viz.check.glance import MESSAGE_RULES, can_be_judged, count_answers, suspects, trains_as_it_should
from glm4viz.check.items import Item, messages_of
from glm4viz.check.measure import UNWRITABLE, count_trained, label_each
from glm4viz.conversation import Conversation
from glm4viz.errors import ReadError
from glm4viz.labelling.batch import Batch, label_batch
from glm4viz.layout import Message
from glm4viz.linter import Finding, lint
from glm4viz.linter.case import Case
from glm4viz.linter.rules.order import RULES as ORDER_RULES
from glm4viz.linter.rules.text import merges_newlines
from glm4viz.linter.run import rank, tokens_of_hit
from glm4viz.recipe import LabelledSample, MaxLength, Recipe
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import get_recipe, load_tokenizer


class _Samples:
    """The sample of the nth conversation of a batch, for conversations that became one row."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.rows = {source: row for row, source in enumerate(batch.source.tolist())}

    def __getitem__(self, nth: int) -> LabelledSample:
        return self.batch[self.rows[nth]]


class Linter:
    """The findings of the nth of the records that could be read: the same as `lint` has, got with as little work as possible."""

    def __init__(self, items: Sequence[Item], recipe: str, max_length: MaxLength, by_hand: bool) -> None:
        self.read = [(item.record, item.clean) for item in items if not isinstance(item.record, ReadError)]
        self.max_length, self.by_hand = max_length, by_hand
        self.recipe: Recipe = get_recipe(recipe)
        self.merges = merges_newlines(self.recipe)
        self.trained_well, self.trained = self._judge()

    def _judge(self) -> tuple[list[bool], list[int]]:
        """Of each conversation: whether it is plainly trained as it should be, and how many of its tokens are trained."""
        limit, given = self.max_length, [record for record, _ in self.read]
        if can_be_judged(self.recipe) and not isinstance(limit, tuple) and given:
            messages = [messages_of(record) for record in given]
            try:
                batch = label_batch(messages, self.recipe)
            except UNWRITABLE:
                pass  # one record holds what the recipe can't write; each is looked at by itself then
            else:
                self.samples = _Samples(batch)
                good: list[bool] = trains_as_it_should(batch, map(count_answers, messages), limit, load_tokenizer()).tolist()
                return good, self._as_fed(given, count_trained([(0, batch)], len(given), limit).tolist())
        return [False] * len(given), self._as_fed(given, count_trained(label_each(given, self.recipe, limit), len(given)).tolist())

    def _as_fed(self, given: Sequence[Conversation | Sequence[Message]], trained: list[int]) -> list[int]:
        """The same, but of a record that a run fed what it trained, unless a recipe was asked for."""
        for nth, record in enumerate(given):
            if isinstance(record, Conversation) and record.captured is not None and not self.by_hand:
                trained[nth] = int(count_trained(label_each([record], CAPTURED, self.max_length), 1)[0])
        return trained

    def __call__(self, nth: int) -> list[Finding]:
        record, clean = self.read[nth]
        if isinstance(record, Conversation) and record.captured is not None:
            return lint(record, self.recipe if self.by_hand else CAPTURED, self.max_length)
        if self.recipe.form == "openai":
            return lint(record, self.recipe, self.max_length)
        messages = messages_of(record)
        if not self.trained_well[nth] or self._hides_something(messages, clean):
            return lint(messages, self.recipe, self.max_length)
        # Trained as it should be, so only the messages can be at fault; the sample is needed only to say which tokens that is about.
        rules = suspects(messages) if clean else MESSAGE_RULES
        case = Case(messages, self.recipe)
        hits = [(rule, hit) for rule in rules for hit in rule.find(case)]
        if any(rule in ORDER_RULES for rule, _ in hits):  # an answer may end in a tag at which the model doesn't stop
            return lint(messages, self.recipe, self.max_length)
        if any(rule.refines or hit.span is not None for rule, hit in hits):
            case, told = Case(messages, self.recipe, (self.samples[nth],)), {rule.id for rule, _ in hits}
            hits = [(rule, hit) for rule in rules if rule.refines or rule.id in told for hit in rule.find(case)]
        return sorted((rule.finding(hit, tokens_of_hit(case, hit)) for rule, hit in hits), key=rank)

    def _hides_something(self, messages: Sequence[Message], clean: bool) -> bool:
        """Whether a text may become other tokens than it seems to, and still be trained as it should be."""
        if clean and not self.merges:
            return False
        texts = [message["content"] for message in messages if message["content"]]
        return any((self.merges and text[0].isspace()) or "[MASK]" in text for text in texts)
