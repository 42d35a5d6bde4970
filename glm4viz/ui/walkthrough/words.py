"""What happens at a step, in short sentences."""

from glm4viz.layout import PARTS
from glm4viz.recipe import IGNORE
from glm4viz.ui.i18n import language, t
from glm4viz.ui.walkthrough.chips import chip, first_token
from glm4viz.walkthrough.steps import Step, boundaries, mask_before_shift
from glm4viz.walkthrough.training import PADS_RIGHT


def title(step: Step) -> str:
    """The step's name in the menu and over its words."""
    if step.kind == "predict":
        return t(f"walk.name.predict_{step.question}", tag=first_token(step))
    if step.kind == "message":
        return _message_name(step)
    return t(f"walk.name.{step.kind}")


def _message_name(step: Step) -> str:
    if step.message < 0:
        return t("walk.name.outside")
    return t("walk.name.message", message=step.message, role=t(f"role.{step.sample.messages[step.message]['role']}"))


def words(step: Step) -> str:
    """The sentences, as Markdown. Names of tokens stand in code, so that nothing in them is read as Markdown."""
    sample, tokens = step.sample, len(step.sample)
    match step.kind:
        case "predict":
            return t(f"walk.ask.{step.question}", tag=_code(first_token(step)))
        case "message":
            return _message_words(step)
        case "mask":
            tag = max((i for i, token in enumerate(sample.input_ids) if token == sample.tokenizer.special_ids["<|assistant|>"]), default=0)
            return t("walk.text.mask", position=tag, trained=int(mask_before_shift(sample)[: step.stop].sum()))
        case "end":
            return t("walk.text.end", tag=_code(first_token(step)), ids=tokens, masks=tokens - 1)
        case "shift":
            where = t("walk.text.shift_tokens" if sample.recipe.remask else "walk.text.shift_messages")
            return f"{t('walk.text.shift', tokens=tokens, before=tokens - 1)}\n\n{where}"
        case "append":
            return t("walk.text.append", tokens=tokens)
        case "labels":
            return t("walk.text.labels", trained=int(sample.trained.sum()), tokens=tokens)
        case "cut":
            return _cut_words(step)
        case "padding":
            return t(f"walk.text.padding_{'right' if sample.recipe.id in PADS_RIGHT else 'left'}")
        case "inside" | "entropy":
            return t(
                f"walk.text.{step.kind}", trained=int((sample.labels[1:] != IGNORE).sum()), masked=int((sample.labels[1:] == IGNORE).sum())
            )
    return t(f"walk.text.{step.kind}")


def _message_words(step: Step) -> str:
    sample = step.sample
    role = str(sample.messages[step.message]["role"]) if step.message >= 0 else ""
    if step.why == "nothing":
        empty = step.message >= 0 and not sample.messages[step.message]["content"]
        return t(f"walk.text.{'empty' if empty else 'dropped'}", role=role)
    written = t("walk.text.written", count=step.stop - step.start)
    if step.why == "outside":
        written = ""
    why = step.why
    if why == "answer":
        why = "answer_shifts" if sample.recipe.shift else "answer_stays"
    if why == "mixed":
        return f"{written} {t('walk.text.mixed')}"
    return f"{written} {t(f'walk.text.{why}', role=role, tag=_code(first_token(step)))}".strip()


def _cut_words(step: Step) -> str:
    sample = step.sample
    lost = sample.full_length - len(sample)
    if not lost:
        return t("walk.text.cut_fits", tokens=len(sample))
    return t("walk.text.cut_cuts", kept=len(sample), full=sample.full_length, lost=lost)


def boundary_words(step: Step, most: int = 6) -> str:
    """A line for each token whose mask the shift changes: where, how, and why it is right."""
    sample, lines = step.sample, []
    found = boundaries(sample)
    for boundary in found[:most]:
        tag = _code(str(chip(sample.tokenizer, int(sample.input_ids[boundary.position]))["text"]))
        before = "–" if boundary.before is None else "T" if boundary.before else "F"
        part = PARTS[sample.part_codes[boundary.position]]
        kind = ("end" if part == "stop" else "in") if boundary.after else "out" if part == "role_tag" else "out_first"
        lines.append(f"- {t(f'walk.boundary.{kind}', tag=tag, position=boundary.position, before=before)}")
    if found[most:]:
        lines.append(f"- {t('walk.boundary.more', count=len(found) - most)}")
    return "\n".join(lines)


def why_the_tag(step: Step) -> str:
    """Why the tag after an answer is trained, if one is here."""
    sample = step.sample
    names = [chip(sample.tokenizer, int(sample.input_ids[b.position]))["text"] for b in boundaries(sample) if b.after]
    tag = next((name for name in names if name in ("<|user|>", "<|observation|>")), None)
    return t("walk.why_user", tag=_code(str(tag))) if tag else ""


def rule(step: Step) -> str:
    """The recipe's rule in one sentence, its tags in code."""
    text = step.sample.recipe.rule[language()]
    for name in ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>", "<|endoftext|>", "</s>"):
        text = text.replace(name, _code(name))
    return text


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"
