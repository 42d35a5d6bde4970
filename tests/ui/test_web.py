"""What runs in the browser: that it parses, makes no markup of text, and has each colour and each helper once."""

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from glm4viz.figures.palette import PALETTES
from glm4viz.ui.web import COMPONENTS, FOLDER

SOURCES = sorted(path for ending in ("js", "css") for path in FOLDER.rglob(f"*.{ending}"))
SCRIPTS = [path for path in SOURCES if path.suffix == ".js"]
MARKUP_OR_CODE = re.compile(
    r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|DOMParser|createContextualFragment|document\.write|eval|Function|import)\b *[(=.+]"
)


def find_node() -> str:
    """The path of Node.js; without it the test is skipped, or fails where CI is set."""
    found = shutil.which("node")
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Node.js found; install nodejs")
    return str(found)


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_script_parses_as_the_module_that_streamlit_loads(name: str) -> None:
    done = subprocess.run(
        [find_node(), "--input-type=module", "--check"], input=COMPONENTS[name].script, capture_output=True, text=True, encoding="utf-8"
    )
    assert not done.returncode, done.stderr


def test_every_file_belongs_to_a_component() -> None:
    used = {
        FOLDER / f"{name}{ending}"
        for files in COMPONENTS.values()
        for ending, names in ((".js", files.js), (".css", files.css))
        for name in names
    }
    assert used | {FOLDER / "base.js", FOLDER / "base.css"} == set(SOURCES)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_text_never_becomes_markup_or_code(path: Path) -> None:
    assert not MARKUP_OR_CODE.findall(path.read_text("utf-8"))


def test_a_function_stands_in_one_file() -> None:
    declared = (re.findall(r"^(?:function|class|const|let) +(\w+)", path.read_text("utf-8"), re.MULTILINE) for path in SCRIPTS)
    counts = Counter(name for names in declared for name in names)
    assert counts["element"] == 1
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_colour_comes_from_the_palette(name: str) -> None:
    files = COMPONENTS[name]
    known = {colour for palette in PALETTES.values() for colour in re.findall(r"#\w{6}", repr(palette))}
    assert set(re.findall(r"#[\da-fA-F]{3,8}\b", files.style)) == known
    used = set(re.findall(r"var\(--([\w-]+)", files.style))
    set_here = set(re.findall(r"^ +--([\w-]+):", files.style, re.MULTILINE)) | set(re.findall(r'setProperty\("--([\w-]+)"', files.script))
    assert {variable for variable in used - set_here if not variable.startswith("st-")} == set()


def test_dark_has_the_variables_of_light() -> None:
    light, dark = re.findall(r"^\.glm4viz(?:\.dark)? \{\n((?:  --[\w-]+: .+;\n)+)\}", COMPONENTS["chips"].style, re.MULTILINE)
    assert f"--role-user: {PALETTES['light'].roles['user']};" in light
    assert f"--role-user: {PALETTES['dark'].roles['user']};" in dark
    assert re.findall(r"--([\w-]+):", light) == re.findall(r"--([\w-]+):", dark)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_no_file_is_too_long_to_read(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 350


def test_the_browser_knows_every_role_that_has_a_colour() -> None:
    (known,) = re.findall(r"const known = \[(.+)\];", (FOLDER / "base.js").read_text("utf-8"))
    for palette in PALETTES.values():
        assert {role or "none" for role in palette.roles} == set(re.findall(r"\w+", known))
