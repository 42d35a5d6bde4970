"""From messages to findings: the faults that stop the library, then the rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from glm4viz.conversation import Chat, Conversation, MessageError, check_message
from glm4viz.errors import ConversationError, Glm4vizError
from glm4viz.forms import Given, check_chat_message, is_glm4_form
from glm4viz.linter.case import Case, label_case, tokens_at, tokens_of_field
from glm4viz.linter.findings import SEVERITIES, Finding, Hit, Rule
from glm4viz.linter.registry import ORDER, RULES
from glm4viz.linter.rules.conversation import CONTENT_NOT_TEXT, MALFORMED, REFUSED, UNKNOWN_ROLE
from glm4viz.recipe import Form, LabelledSample, MaxLength, Recipe, check_max_length
from glm4viz.systems.registry import DEFAULT, get_recipe
from glm4viz.tokenizer import Tokenizer

# Rules that say why a script refuses; with one of them the refusal itself is no news.
_EXPLAIN_REFUSAL = {"tools-readme-form", "tools-malformed", "null-tools", "metadata-not-text", "arguments-form"}


def lint(
    messages: Given | LabelledSample,
    recipe: str | Recipe = DEFAULT,
    max_length: MaxLength = None,
    tokenizer: Tokenizer | None = None,
    *,
    tools: Sequence[Any] | None = None,
) -> list[Finding]:
    """What would ruin training on this conversation, the worst first; an empty list for a clean one. It is given as to `label`, or as the
    sample that was made of it or fed by a run, which is then looked at as it is.

    Never raises for a conversation: what `label` raises on is a finding. An unknown recipe or limit raises as it does in `label`.
    `message_index` counts in the messages as the recipe takes them, which are the sample's.
    """
    if isinstance(messages, LabelledSample):
        return sorted(findings_of(Case(messages.messages, messages.recipe, [messages], tools=messages.tools), RULES.values()), key=rank)
    found = get_recipe(recipe)
    check_max_length(found, max_length)
    try:
        case = label_case(messages, found, tokenizer, max_length, tools)
    except ConversationError as error:
        return list(find_faults(messages, found.form)) or [MALFORMED.about(error)]
    findings = list(findings_of(case, RULES.values()))
    if case.refusal is not None and not any(_explains(finding, case.refusal) for finding in findings):
        findings.append((MALFORMED if isinstance(case.refusal, ConversationError) else REFUSED).about(case.refusal))
    return sorted(findings, key=rank)


def _explains(finding: Finding, refusal: Glm4vizError) -> bool:
    return finding.rule in _EXPLAIN_REFUSAL or refusal.sentence("en") in finding.text


def findings_of(case: Case, rules: Iterable[Rule]) -> Iterator[Finding]:
    """What these rules find, with the tokens that each span of text became."""
    for rule in rules:
        if case.form not in rule.forms:
            continue
        for hit in rule.find(case):
            yield rule.finding(hit, tokens_of_hit(case, hit))


def rank(finding: Finding) -> tuple[int, int, int]:
    """The order of findings: by severity, then as the rules stand, then by message."""
    return SEVERITIES.index(finding.severity), ORDER[finding.rule], -1 if finding.message_index is None else finding.message_index


# ---------------------------------------------------------------------------------------------------------------------


def find_faults(given: object, form: Form) -> Iterator[Finding]:
    """The faults of single messages for which no recipe of this form can be run, each message's first one."""
    messages = _bare(given, form)
    if not isinstance(messages, list | tuple):
        return
    check = check_message if form == "glm4" or is_glm4_form(messages) else check_chat_message
    for index, message in enumerate(messages):
        try:
            check(index, message)
        except MessageError as error:
            yield _rule_of(error, message).about(error, index)


def _bare(given: object, form: Form) -> object:
    """The messages of whatever holds them."""
    if isinstance(given, Conversation):
        given = (given.chat if form == "openai" else None) or given.messages
    if isinstance(given, Chat):
        return given.messages
    return given["messages"] if isinstance(given, Mapping) and "messages" in given else given


def _rule_of(error: MessageError, message: object) -> Rule:
    if error.field.endswith(".role"):
        return UNKNOWN_ROLE
    if error.field.endswith(".content") and isinstance(message, dict) and not isinstance(message.get("content"), str):
        return CONTENT_NOT_TEXT
    return MALFORMED


def tokens_of_hit(case: Case, hit: Hit) -> tuple[int, int] | None:
    """The tokens that the text a hit is about became; None if it is about none, or they were cut off."""
    if hit.tokens or hit.span is None or hit.message is None:
        return hit.tokens
    if hit.field == "content":
        ranges = (tokens_at(sample, hit.message, hit.span) for sample in case.samples)
    else:
        ranges = (tokens_of_field(sample, hit.message, hit.field) for sample in case.samples)
    return next((found for found in ranges if found), None)
