"""The peers: which package is asked about which recipes, what it imports, and what had to take the place of something."""

from dataclasses import dataclass

# Every peer gets the same: what a fast tokenizer and a chat template need.
COMMON = ("transformers==5.23.0", "tokenizers==0.23.3", "jinja2", "numpy", "setuptools<81")
TORCH = ("torch==2.13.0", "accelerate", "datasets")


@dataclass(frozen=True, slots=True)
class Peer:
    """A system whose own code answers.

    package: its name in the package index, "" if it isn't there. version: the one the recipes are pinned to. needs: installed beside it,
    with what these need; the package itself comes without its dependencies. root: where in a checkout its modules are. commit: what the
    recipes are pinned to where that is no release. replaced: what stands in the place of an original, in words.
    """

    name: str
    recipes: tuple[str, ...]
    package: str = ""
    version: str = ""
    needs: tuple[str, ...] = ()
    root: str = "."
    commit: str = ""
    replaced: str = "nothing"

    @property
    def driver(self) -> str:
        """The module that its Python runs."""
        return f"benchmarks.cross_check.drivers.{self.name.replace('-', '_')}"


PEERS = (
    Peer(
        name="trl",
        recipes=("trl-glm4.5",),
        package="trl",
        version="1.16.0",
        needs=("datasets", "pyarrow", "packaging"),
        replaced="the trainer isn't started: its tokenising call with its training template, and its comparison",
    ),
    Peer(
        name="renderers",
        recipes=("renderers-glm4.5",),
        package="renderers",
        version="0.1.12",
        needs=("prime-pydantic-config>=0.3.0.dev83", "openai>=1.108.1", "openai-harmony", "tiktoken", "httpx"),
    ),
    Peer(
        name="axolotl",
        recipes=("axolotl-glm4.5", "axolotl-glm4.7"),
        package="axolotl",
        version="0.19.0",
        needs=(*TORCH, "addict", "colorama", "pydantic"),
        replaced="transformers 5.23.0 where it pins 5.16.1",
    ),
    Peer(
        name="ms-swift",
        recipes=(
            *("ms-swift-glm4.5", "ms-swift-glm4.5-last-round", "ms-swift-glm4.5-ignore-empty-think"),
            *("ms-swift-glm4.7", "ms-swift-glm4.7-last-round", "ms-swift-glm4.7-ignore-empty-think"),
        ),
        package="ms-swift",
        version="4.6.0",
        needs=(*TORCH, "peft", "modelscope", "pillow", "json-repair", "requests", "tqdm", "addict", "aiohttp"),
        replaced="the list of models and a model's configuration; rows don't go through Arrow; transformers 5.23.0 where it wants < 5.20",
    ),
    Peer(
        name="llamafactory",
        recipes=("llamafactory-glm4.5", "llamafactory-glm4.5-openai", "llamafactory-glm4.7", "llamafactory-glmz1"),
        package="llamafactory",
        version="0.9.5",
        needs=(*TORCH, "peft", "omegaconf", "pillow"),
        root="src",
        commit="ff6d4d12eeb035d6ce06805a5733dd7b29f2ac30",
        replaced="torchaudio is an empty module; rows don't go through Arrow; transformers 5.23.0 where it wants <= 5.6.0",
    ),
    Peer(
        name="slime",
        recipes=("slime-glm4.5", "slime-glm4.7"),
        commit="624b824a898ab0ec1fcb4d373004c7f3852bf515",
    ),
    Peer(
        name="verl",
        recipes=("verl-glm4.5", "verl-glm4.5-ignore-mismatch"),
        package="verl",
        version="0.9.1",
        needs=("torch==2.13.0", "pandas", "omegaconf"),
        commit="b178a3cd56f58b2d502255daba591e92833930a7",
        replaced="its __init__ files, its modules for images, remote files, metrics and nested tensors; a data frame instead of a Parquet file; transformers 5.23.0 where it wants < 5.11",
    ),
)
