"""The rules of docs/developers/architecture.md and the traps of the framework, kept by reading the
source."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from forecourt.settings import ROOT

UI = [
    *ROOT.glob("mobile_app/**/*.py"),
    *ROOT.glob("admin/**/*.py"),
    *ROOT.glob("shared/ui/**/*.py"),
]


def calls(file: Path) -> list[str]:
    """Dotted names of everything called in a file."""
    return [
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf8")))
        if isinstance(node, ast.Call)
    ]


def test_import_directions():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("file", UI, ids=lambda f: str(f.relative_to(ROOT)))
def test_nothing_blocks_the_one_loop(file):
    """One event loop serves everybody: a sleep in a handler delays another person's tap."""
    assert (
        not {"time.sleep", "requests.get", "sqlite3.connect", "urllib.request.urlopen"}
        & set(calls(file))
        or file.name == "database.py"
    )


@pytest.mark.parametrize(
    "file", [f for f in UI if f.name != "view.py"], ids=lambda f: str(f.relative_to(ROOT))
)
def test_views_and_components_are_made_in_one_place(file):
    """ft.View freezes after a dropped connection, ft.component has no error boundary
    (shared/ui/view.py has both cures)."""
    text = file.read_text(encoding="utf8")
    assert "ft.View(" not in text
    assert text.count("@ft.component") == (
        1 if file.name == "app.py" else 0
    )  # the root that provides the contexts


def test_pickers_are_read_in_one_place():
    assert [f for f in UI if "control.value.date()" in f.read_text(encoding="utf8")] == []


def test_a_long_list_is_cut():
    """Flet keeps and compares every row of a tree: 10,000 cost five seconds of CPU."""
    from mobile_app.offline.replica import PAGE
    from shared.ui.widgets import MAX_ROWS

    assert PAGE <= 50
    assert MAX_ROWS <= 200


def test_no_secret_is_near_a_client():
    for file in [*UI, *ROOT.glob("shared/**/*.py"), ROOT / "main.py"]:
        text = file.read_text(encoding="utf8")
        assert "sb_secret_" not in text, file
        assert "service_role" not in text, file


def test_the_phone_ships_only_what_it_needs():
    """Everything at the root goes onto the phone unless it is excluded; compiled packages there are
    counted by name."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
    excluded = set(settings["tool"]["flet"]["app"]["exclude"])
    shipped = {p.name for p in ROOT.iterdir() if not p.name.startswith(".")} - excluded
    assert shipped <= {
        "assets",
        "main.py",
        "mobile_app",
        "shared",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "build",
        "dist",
    }
    names = {d.split("=")[0].split(">")[0] for d in settings["project"]["dependencies"]}
    assert names == {
        "flet",
        "flet-audio",
        "flet-audio-recorder",
        "flet-charts",
        "httpx",
        "postgrest",
        "pydantic",
        "pydantic-core",
        "phonenumberslite",
        "pypinyin",
        "tzdata",
        "uuid6",
    }


def test_no_path_of_one_machine_is_committed():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for name in listed:
        if (
            name.endswith((".py", ".md", ".sql", ".toml", ".mjs", ".json", "Makefile"))
            and (ROOT / name).exists()
        ):
            text = (ROOT / name).read_text(encoding="utf8")
            assert "/wor" + "k/" not in text, name


def test_every_exposed_name_is_documented():
    from tests.database.test_surface import FUNCTIONS, VIEWS

    page = (ROOT / "docs" / "developers" / "api.md").read_text(encoding="utf8")
    assert {name for name in VIEWS | FUNCTIONS if f"`{name}" not in page} == set()
