"""The tokens of a sample as HTML: what is trained is bold, underlined and amber, what is masked is plain and in its role's colour."""

from collections.abc import Iterator
from html import escape

from glm4viz.recipe import IGNORE, LabelledSample

HEAD, TAIL = 1000, 300  # tokens of a long sample that are shown
_LONGEST = 12  # tokens that may hold one character together; then their bytes are shown
CLASSES = {"system": "s", "user": "u", "assistant": "a", "observation": "o", "tool": "o", "": "n"}


def gap(sample: LabelledSample) -> tuple[int, int]:
    """The tokens start … stop - 1 that are left out of a long sample; (0, 0) if none are."""
    return (HEAD, len(sample) - TAIL) if len(sample) > HEAD + TAIL else (0, 0)


def tokens(sample: LabelledSample, start: int, stop: int) -> str:
    """The tokens start … stop - 1; hovering one shows its position, id and label. Tokens that share a character stand together."""
    return "".join(_groups(sample, start, stop))


def _groups(sample: LabelledSample, start: int, stop: int) -> Iterator[str]:
    known, roles, trained = sample.tokenizer.all_bytes(sample.input_ids[start:stop]), sample.roles[start:stop].tolist(), sample.trained
    labels, ids = sample.labels.tolist(), sample.input_ids.tolist()
    at = 0
    while at < stop - start:
        size, text = _character(known[at:], trained[start + at : stop].tolist())
        places = range(start + at, start + at + size)
        own = bool(trained[places[0]])
        said = " · ".join(f"{i}: {ids[i]}" + (f" → {labels[i]}" if labels[i] not in (IGNORE, ids[i]) else "") for i in places)
        tag, name = ("b" if own else "i"), CLASSES.get(roles[at], "x")
        other = " d" if any(labels[i] not in (IGNORE, ids[i]) for i in places) else ""
        yield f'<{tag} class="{name}{other}" title="{said}">{_shown(text)}</{tag}>'
        at += size


def _character(known: list[bytes], trained: list[bool]) -> tuple[int, str]:
    """How many tokens from the first on make whole characters, all trained or all masked; or one, with its bytes as escapes."""
    held = b""
    for size, (piece, state) in enumerate(zip(known[:_LONGEST], trained, strict=False), 1):
        if state != trained[0]:
            break
        held += piece
        try:
            return size, held.decode("utf-8")
        except UnicodeDecodeError:
            continue
    return 1, known[0].decode("utf-8", "backslashreplace")


def _shown(text: str) -> str:
    """White space is marked where it would not be seen; a character that doesn't show is written as its escape."""
    out = "".join(
        "⏎\n" if c == "\n" else "⇥" if c == "\t" else c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return escape(out) or "∅"
