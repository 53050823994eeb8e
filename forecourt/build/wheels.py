"""The Python packages of both apps for the browser: chosen from requirements.lock, fetched once.

The browser runs CPython 3.14 for `pyemscripten_2026_0_wasm32` (Pyodide). Compiled packages publish
wheels for that platform on the package index; their hashes are in requirements.lock like all
others.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from forecourt.settings import ROOT

PLATFORM = "pyemscripten_2026_0_wasm32"
MARKERS = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_python_implementation": "CPython",
    "platform_system": "Emscripten",
    "python_full_version": "3.14.2",
    "python_version": "3.14",
    "sys_platform": "emscripten",
}
# httpx asks for these, and never imports them in a browser: sockets, TLS and HTTP/2 belong to
# fetch.
LEFT_OUT = frozenset({"certifi", "httpcore", "h11", "h2", "hpack", "hyperframe"})


class NoWheel(RuntimeError):
    """A dependency of an app has no wheel that a browser can run."""


def phone_packages() -> list[str]:
    """Canonical names of all packages the phone app needs in a browser, sorted."""
    return sorted(_with_dependencies(_pyproject()["project"]["dependencies"]))


def panel_packages() -> list[str]:
    """Those that only the admin panel needs, sorted."""
    found = _with_dependencies(_pyproject()["dependency-groups"]["admin"])
    return sorted(found.difference(phone_packages()))


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))


def _with_dependencies(requirements: list[str]) -> set[str]:
    found: set[str] = set()
    todo = [Requirement(text) for text in requirements]
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in found or name in LEFT_OUT:
            continue
        found.add(name)
        todo += _needed_by(name, requirement.extras)
    return found


def _needed_by(name: str, extras: set[str]) -> Iterator[Requirement]:
    for text in requires(name) or []:
        requirement = Requirement(text)
        chosen = ["", *extras]
        if requirement.marker is None or any(
            requirement.marker.evaluate({**MARKERS, "extra": extra}) for extra in chosen
        ):
            yield requirement


def locked(names: list[str]) -> str:
    """The part of requirements.lock that pins these packages, with their hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf8")
    blocks: dict[str, str] = {
        canonicalize_name(block.split("==")[0]): block
        for block in re.split(r"\n(?=[a-zA-Z0-9])", text)
        if "==" in block
    }
    if missing := [name for name in names if name not in blocks]:
        raise NoWheel(f"not in requirements.lock: {', '.join(missing)}; run `make lock`")
    # A marker was written for the machine that locked; here the browser is the machine.
    return "\n".join(re.sub(r" ; [^\\\n]*", " ", blocks[name]).strip() for name in names) + "\n"


def fetch_wheels(cache: Path) -> Path:
    """The folder with exactly the wheels of the lock file, downloaded once.

    Raises NoWheel, naming the package that has none for the browser.
    """
    pins = locked([*phone_packages(), *panel_packages()])
    folder = cache / "wheels" / hashlib.sha256(pins.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    unfinished = folder.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    (unfinished / "pins.txt").write_text(pins, encoding="utf8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--python-version", "3.14", "--implementation", "cp"]
    command += ["--abi", "cp314", "--abi", "none", "--platform", PLATFORM, "--platform", "any"]
    command += ["--requirement", str(unfinished / "pins.txt"), "--dest", str(unfinished)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise NoWheel("\n".join(errors) or done.stderr[-2000:])
    unfinished.rename(folder)
    return folder
