"""What holds for the project as a whole: its files, its documents, and that they agree with each other."""

import hashlib
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import glm4viz

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, PACKAGE_DATA = PYPROJECT["project"], PYPROJECT["tool"]["setuptools"]["package-data"]["*"]
MOST_LINES = {".py": 300, ".js": 350, ".css": 350}
BINARY = (".safetensors", ".png", ".gz")
# Absolute paths of one machine, and paths that lead out of the repository.
ELSEWHERE = re.compile(r"(?<![\w.-])/(?:work|root|home|Users|tmp|opt)/|\.\./share[d]")
LEADS_OUT = {".ci/run": 1}  # published ids to compare with, used if they are there


def tracked() -> list[Path]:
    # The owner of a checkout in a container is another user: git wants to be told that this is right.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).exists()]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("suffix", MOST_LINES)
def test_files_are_short(suffix: str) -> None:
    lines = {name(path): len(path.read_text("utf-8").splitlines()) for path in tracked() if path.suffix == suffix}
    assert lines
    assert {path: count for path, count in lines.items() if count > MOST_LINES[suffix]} == {}


def test_nothing_points_to_another_machine() -> None:
    texts = {name(path): path.read_text("utf-8") for path in tracked() if path.suffix not in BINARY}
    found = {path: len(ELSEWHERE.findall(text)) for path, text in texts.items()}
    assert {path: count for path, count in found.items() if count} == LEADS_OUT


@pytest.mark.parametrize(
    "path",
    [
        *("README.md", "NOTICE", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "glm4viz/py.typed"),
        *(".github/workflows/ci.yml", ".pre-commit-config.yaml", "docs/architecture.md", "docs/adding-a-system.md"),
    ],
)
def test_required_files(path: str) -> None:
    assert (ROOT / path).is_file()


def test_the_licence_is_apache_2_word_for_word() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8").encode()  # line ends of any checkout become \n
    assert hashlib.sha256(text).hexdigest() == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    assert PROJECT["license"] == "Apache-2.0"
    assert all((ROOT / file).is_file() for file in PROJECT["license-files"])


def test_a_wheel_has_every_file_of_the_package() -> None:
    for path in tracked():
        if ROOT / "glm4viz" not in path.parents or path.suffix == ".py":
            continue
        package = next(parent for parent in path.parents if (parent / "__init__.py").exists())
        inner = path.relative_to(package)
        assert any(inner.match(glob) and len(inner.parts) == glob.count("/") + 1 for glob in PACKAGE_DATA), inner


def test_one_version() -> None:
    assert PROJECT["version"] == glm4viz.__version__
    assert f"\n## [{glm4viz.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_notice_names_every_source() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    named = {tuple(line.split()) for line in notice.splitlines() if re.match(r"  \S+/\S+ +\S+ +\d{4}-", line)}
    sources = (recipe.source for recipe in glm4viz.recipes().values())
    assert named == {(source.repository, source.commit, source.date, source.path) for source in sources}


# Documents ------------------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The fragments that GitHub gives a Markdown file's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(path: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if re.match(r"\w+:", link):
            continue
        file, _, fragment = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (fragment and fragment not in anchors(target)):
            yield link


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    assert list(dead_links(path)) == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "NOTICE"])
def test_files_that_are_named_exist(document: str) -> None:
    # Two spaces stand before a file of another repository in the notice's table.
    places = r"(?<![\w./-])(?<!  )((?:glm4viz|pages|tests|docs|benchmarks|sample_data|\.ci|\.github)/[\w./*-]*\w)"
    named = set(re.findall(places, (ROOT / document).read_text("utf-8")))
    assert {path for path in named if not list(ROOT.glob(path))} == set()
