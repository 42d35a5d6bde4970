"""Where the system weighs its labels, the share of the loss, the table and the heatmap go by weight."""

from dataclasses import replace

import numpy as np

import glm4viz
from glm4viz.figures.tokens import TRAINED, cell_names, kinds_of
from glm4viz.reading.verdict import shares

TALK = [{"role": role, "content": role} for role in ("user", "assistant", "user", "assistant")]


def weighed() -> glm4viz.LabelledSample:
    """The first answer counts half, the second not at all."""
    sample = glm4viz.label(TALK)
    return replace(sample, label_weights=np.where(sample.owner == 1, 0.5, 0).astype(np.float32))


def test_shares_go_by_weight() -> None:
    assert [share.weight for share in shares(glm4viz.label(TALK))] == [share.trained for share in shares(glm4viz.label(TALK))]
    found = shares(weighed())
    assert found[1].weight == found[1].trained / 2 > 0
    assert found[3].weight == 0 < found[3].trained


def test_the_table_has_weights_only_where_the_system_weighs() -> None:
    assert "weight" not in glm4viz.label(TALK).table()
    assert weighed().table()["weight"].tolist() == weighed().weights.tolist()


def test_the_heatmap_shows_what_counts_and_says_how_much() -> None:
    sample, plain = weighed(), glm4viz.label(TALK)
    assert ((kinds_of(sample) == TRAINED) == (sample.weights > 0)).all()
    assert ((kinds_of(plain) == TRAINED) == plain.trained).all()
    names = cell_names(sample, lambda key, **_: key)
    assert all(name.endswith("× 0.5") == (weight > 0) for name, weight in zip(names, sample.weights, strict=True))
