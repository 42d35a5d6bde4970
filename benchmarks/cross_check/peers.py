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
)
