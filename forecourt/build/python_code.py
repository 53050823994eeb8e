"""What Python loads in the browser: the standard library, the packages and the app, compiled.

The compiler is the very interpreter that will run the code: Pyodide, started by node. Sources stay
at home, so every module is an item_unchecked .pyc, and asserts and docstrings are left out.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from packaging.utils import canonicalize_name

from forecourt.build.wheels import panel_packages
from forecourt.settings import ROOT

# Our own code by the archive it travels in. The panel is unpacked beside the phone app, and uses
# its packages and `shared`.
OURS = {"app": ("main.py", "mobile_app", "shared"), "panel": ("admin",)}
# Data files of packages that the app never reads.
UNUSED_FILES = re.compile(
    r"^phonenumbers/(geodata|carrierdata|tzdata)/"
    r"|^pypinyin/phrases_dict\.json$"  # single characters are enough: shared/domain/pinyin.py
    r"|^(flutter|flet/testing|flet/fastapi)/"  # Dart sources of Flet's extensions, servers, tests
    r"|\.pyi$|/py\.typed$|dist-info/(?!METADATA$)|/tests?/"
)
# Modules of the standard library that neither the app nor its packages import in a browser.
UNUSED_STDLIB = re.compile(
    r"^(idlelib|tkinter|turtledemo|lib2to3|ensurepip|venv|pydoc_data|test|curses|dbm|wsgiref|xmlrpc"
    r"|unittest|distutils|pyrepl|_pyrepl|multiprocessing)/"
    r"|^(turtle|pydoc|doctest|cProfile|profile|pstats|tabnanny|antigravity|this|mailbox|imaplib"
    r"|nntplib|smtplib|poplib|ftplib|socketserver|webbrowser|pickletools|_pydecimal|_pyio"
    r"|_pydatetime|pdb|bdb|trace|tracemalloc|zipapp|modulefinder|pyclbr)\.py$"
)
# Packages that read data beside their code by path cannot stay inside a zip file.
UNZIPPED = ("pypinyin", "flet")


def collect(wheels: Path, pyodide: Path, into: Path) -> None:
    """Lay out the sources: `lib` stays a zip file, `app` and `panel` are unpacked at start,
    `native` is the phone's wasm. The panel's own compiled modules stay beside its code: it is
    unpacked, so Python finds them there."""
    shutil.rmtree(into, ignore_errors=True)
    for name in ("lib", "app", "panel", "native", "stdlib"):
        (into / name).mkdir(parents=True)
    of_panel = panel_packages()
    for wheel in sorted(wheels.glob("*.whl")):
        part = "panel" if canonicalize_name(wheel.name.split("-")[0]) in of_panel else "lib"
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not UNUSED_FILES.search(name):
                    archive.extract(name, into / part)
    for native in sorted((into / "lib").rglob("*.so")):
        target = into / "native" / native.relative_to(into / "lib")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(native, target)
    for package in UNZIPPED:
        shutil.move(into / "lib" / package, into / "app" / package)
    ignored = shutil.ignore_patterns("__pycache__", "*.po", "*.pot")
    for part, name in [(part, name) for part, names in OURS.items() for name in names]:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, into / part / name, ignore=ignored)
        else:
            shutil.copyfile(source, into / part / name)
    with zipfile.ZipFile(pyodide / "python_stdlib.zip") as archive:
        for name in archive.namelist():
            if not name.endswith("/") and not UNUSED_STDLIB.search(name):
                archive.extract(name, into / "stdlib")


def digest(folder: Path) -> str:
    """A hash of all names and contents below a folder."""
    whole = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        whole.update(f"{file.relative_to(folder).as_posix()}\0".encode())
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def compile_part(pyodide: Path, folder: Path, prefix: str, cache: Path) -> Path:
    """A zip file of compiled modules; `prefix` is where they will lie, for tracebacks."""
    script = ROOT / "web_client" / "build" / "compile.mjs"
    key = hashlib.sha256()
    key.update(digest(folder).encode())
    key.update(script.read_bytes())
    key.update((pyodide / "pyodide.asm.wasm").read_bytes())
    out = cache / "compiled" / f"{folder.name}-{key.hexdigest()[:16]}.zip"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        node = Path(sys.executable).parent / "node"
        unfinished = out.with_suffix(".new")
        command = [str(node), str(script), str(pyodide), str(folder), prefix, str(unfinished)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"compiling {folder.name} failed: {done.stderr[-2000:]}")
        unfinished.rename(out)
    return out
