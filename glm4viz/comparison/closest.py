"""Which recipe a captured sample is held against, unless the reader says."""

from glm4viz.recipe import LabelledSample
from glm4viz.systems.registry import DEFAULT

NEWER = "trl-glm4.5"


def closest_recipe(fed: LabelledSample) -> str:
    """The id of GLM's recipe for messages as these were found: GLM-4.5's where its tokenizer's tags show that form, else GLM-4's."""
    return NEWER if fed.recipe.form == "openai" and "[gMASK]" in fed.tokenizer.special_ids else DEFAULT
