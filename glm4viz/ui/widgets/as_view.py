"""A labelled sample as the token view takes it."""

from typing import Any

import numpy as np

from glm4viz.layout import PARTS
from glm4viz.reading.reasons import ORDER, REASONS, reasons
from glm4viz.recipe import LabelledSample
from glm4viz.ui.i18n import language, t
from glm4viz.ui.web.token_view import TEXTS, TokenView


def as_view(sample: LabelledSample, **more: Any) -> TokenView:
    """What the token view shows of a sample; `more` are its optional fields, such as values that colour the tokens."""
    roles = [str(message["role"]) for message in sample.messages]
    # Labels may name ids that stand nowhere in the input, and these need a name too.
    special = set(sample.tokenizer.named_ids.values()) & {int(i) for ids in (sample.input_ids, sample.labels) for i in np.unique(ids)}
    return TokenView(
        token_bytes=b"".join(sample.token_bytes),
        sizes=sample.tokenizer.token_sizes(sample.input_ids),
        ids=sample.input_ids,
        labels=sample.labels,
        parts=sample.part_codes,
        messages=sample.message_index,
        owners=sample.owner,
        reasons=reasons(sample),
        weights=None if sample.label_weights is None else sample.weights,
        part_names=list(PARTS),
        part_texts=[t(f"part.{part}") for part in PARTS],
        reason_texts=[REASONS[name][language()] for name in ORDER],
        roles=roles,
        role_texts={role: t(f"role.{role}") for role in ("", *set(roles))},
        names={i: sample.tokenizer.token_bytes(i).decode() for i in special},
        texts=TEXTS[language()],
        language=language(),
        **more,
    )
