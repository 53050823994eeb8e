"""The phone app and the admin panel as one folder of static files that any web server can serve.

Everything whose content can change stands in a folder whose name carries a hash of it, and may be
kept for ever; only the page, the service worker, the manifest, icons and config.json have fixed
names. The same inputs give the same bytes.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from forecourt.build import compress, fonts, python_code
from forecourt.build.wheels import fetch_wheels
from forecourt.settings import ROOT

SOURCES = ROOT / "web_client"
OUR_PAGES = ROOT / "assets" / "web"
CANVASKIT = (
    "skwasm.js",
    "skwasm.wasm",
    "canvaskit.js",
    "canvaskit.wasm",
)
# The page's own policy. Which Supabase it talks to is known only from config.json; a host that
# sends headers names it there (docs/operators/operations.md).
PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob: https: http://127.0.0.1:* http://localhost:*; "
    "worker-src 'self' blob:; media-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'"
)
# SQLite syncs by fdatasync, which Emscripten answers with "done" and does nothing. A commit must
# reach the disk before "saved" is shown.
FDATASYNC = (
    "function ___syscall_fdatasync(fd){try{var stream=SYSCALLS.getStreamFromFD(fd);return 0}",
    "function ___syscall_fdatasync(fd){try{var stream=SYSCALLS.getStreamFromFD(fd);"
    "return stream.stream_ops?.fsync?.(stream)??0}",
)
# Flet's client carries the player of Rive animations, which asks a CDN for its engine at every
# start. The app shows none: the address is replaced, in place, by one that nobody serves.
RIVE = b"https://cdn.jsdelivr.net/npm/@rive-app/flutter-native-wasm@44.0.0/"
NO_RIVE = b"/no-rive/"
HASH_DIGITS = 12
KEPT_BUILDS = 4


def cache_folder() -> Path:
    """Where wheels, compiled code, compressed twins and finished builds are kept."""
    return Path(os.environ.get("FORECOURT_BUILD") or ROOT / ".forecourt" / "build").resolve()


def ensure_web_apps(say=print) -> Path:
    """The folder of the build of this source; about two minutes the first time, then seconds."""
    cache = cache_folder()
    with _one_at_a_time(cache):
        out = cache / "apps" / _inputs()
        if not out.is_dir():
            say("building the apps (about two minutes the first time)")
            unfinished = cache / "apps.new"
            build(unfinished, cache)
            out.parent.mkdir(parents=True, exist_ok=True)
            unfinished.rename(out)
            made = sorted(out.parent.iterdir(), key=lambda folder: folder.stat().st_ctime)
            for old in made[:-KEPT_BUILDS]:  # later ones may be being served
                shutil.rmtree(old)
    return out


@contextlib.contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _inputs() -> str:
    """A hash of everything the build is made of."""
    parts = [version("flet-web"), version("brotli"), version("fonttools")]
    parts.append(hashlib.sha256((ROOT / "requirements.lock").read_bytes()).hexdigest())
    folders = [SOURCES, ROOT / "forecourt" / "build", OUR_PAGES, ROOT / "mobile_app"]
    folders += [ROOT / "shared", ROOT / "admin"]
    files = [ROOT / "main.py", ROOT / "assets" / "icon.svg"]
    for folder in folders:
        files += [f for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    parts += [
        f"{file.relative_to(ROOT)} {hashlib.sha256(file.read_bytes()).hexdigest()}"
        for file in sorted(files)
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def build(out: Path, cache: Path) -> None:
    """Make the whole folder again. Raises NoWheel, or RuntimeError when a patched file changed."""
    import flet_web

    web = Path(flet_web.__file__).parent / "web"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    folders = {
        "pyodide": _pyodide(out, web),
        "python": None,
        "app": None,
        "panel": None,
        "flutter": _flutter(out, web),
        "canvaskit": _canvaskit(out, web),
        "assets": _assets(out, web, cache),
        "fonts": _fonts(out, web),
    }
    folders["python"], folders["app"], folders["panel"] = _python(out, web, cache)
    folders["client"] = out / "client"
    folders["client"].mkdir()
    for name in _client_files():
        shutil.copyfile(SOURCES / name, folders["client"] / name)
    compress.compress_all(out, cache)
    hashed = {name: name_by_content(folder) for name, folder in folders.items() if folder}
    write_root_files(out, hashed)
    compress.compress_all(out, cache)


def name_by_content(folder: Path) -> Path:
    plain = [p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".br", ".gz")]
    whole = hashlib.sha256()
    for file in sorted(plain):
        whole.update(f"{file.relative_to(folder).as_posix()}\0".encode())
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return folder.rename(f"{folder}-{whole.hexdigest()[:HASH_DIGITS]}")


def _client_files() -> list[str]:
    """Every script of the page and its workers; the service worker has a fixed address instead."""
    return sorted(f.name for f in SOURCES.glob("*.js") if f.name != "service_worker.js")


def _replace(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf8")
    if before not in text:
        raise RuntimeError(f"{file.name} changed: find the new place of {before[:60]!r}")
    file.write_text(text.replace(before, after), encoding="utf8")


def _copy(names: tuple[str, ...], source: Path, target: Path) -> Path:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    return target


def _pyodide(out: Path, web: Path) -> Path:
    names = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm")
    folder = _copy(names, web / "pyodide", out / "pyodide")
    _replace(folder / "pyodide.asm.mjs", *FDATASYNC)
    return folder


def _python(out: Path, web: Path, cache: Path) -> tuple[Path, Path, Path]:
    sources, pyodide = cache / "sources", web / "pyodide"
    python_code.collect(fetch_wheels(cache), pyodide, sources)
    packages, app, panel = out / "python", out / "app", out / "panel"
    shutil.copytree(sources / "native", packages / "native")
    app.mkdir()
    panel.mkdir()
    for folder, prefix, target in (
        ("stdlib", "/lib/python314.zip/", packages / "stdlib.zip"),
        ("lib", "/lib.zip/", packages / "lib.zip"),
        ("app", "/app/", app / "app.zip"),
        ("panel", "/app/", panel / "panel.zip"),
    ):
        compiled = python_code.compile_part(pyodide, sources / folder, prefix, cache)
        shutil.copyfile(compiled, target)
    return packages, app, panel


def _flutter(out: Path, web: Path) -> Path:
    names = ("flutter_bootstrap.js", "main.dart.js", "main.dart.mjs", "main.dart.wasm")
    folder = _copy(names, web, out / "flutter")
    for name in ("main.dart.js", "main.dart.wasm"):
        data = (folder / name).read_bytes()
        if RIVE not in data:
            raise RuntimeError(f"{name} changed: find the new address of the Rive engine")
        same_length = NO_RIVE.ljust(len(RIVE), b"/")
        (folder / name).write_bytes(data.replace(RIVE, same_length))
    bootstrap = folder / "flutter_bootstrap.js"
    # The multi-threaded engine shows a blank page under COOP/COEP (flutter#184843).
    single = "multiViewEnabled: flet.multiView, forceSingleThreadedSkwasm: true,"
    single += " canvasKitVariant: flet.canvasKitVariant,"  # one variant for all other browsers
    _replace(bootstrap, "multiViewEnabled: flet.multiView,", single)
    text = bootstrap.read_text(encoding="utf8")
    without = re.sub(r"    serviceWorkerSettings: \{.*?\},\n", "", text, flags=re.DOTALL)
    if text == without:
        raise RuntimeError("flutter_bootstrap.js changed: serviceWorkerSettings is not there")
    bootstrap.write_text(without.replace("//# sourceMappingURL=flutter.js.map\n", ""), "utf8")
    return folder


def _canvaskit(out: Path, web: Path) -> Path:
    return _copy(CANVASKIT, web / "canvaskit", out / "canvaskit")


def _assets(out: Path, web: Path, cache: Path) -> Path:
    folder = out / "assets"  # Flutter asks for "assets/…" below the address it is given
    ignored = shutil.ignore_patterns("NOTICES", "katex_fonts", "flutter_map", "media_kit")
    shutil.copytree(web / "assets", folder / "assets", ignore=ignored)
    manifest = folder / "assets" / "FontManifest.json"
    families = json.loads(manifest.read_text(encoding="utf8"))
    families = [family for family in families if "KaTeX" not in family["family"]]
    families.append({"family": "Roboto", "fonts": [{"asset": "fonts/roboto.woff2"}]})
    manifest.write_text(json.dumps(families), encoding="utf8")
    roboto = fonts.merged_roboto(web / "assets" / "fonts" / "roboto.woff2", cache)
    shutil.copyfile(roboto, folder / "assets" / "fonts" / "roboto.woff2")
    return folder


def _fonts(out: Path, web: Path) -> Path:
    folder = out / "fonts"
    folder.mkdir()
    fonts.place_fonts(folder, web / "main.dart.js", web / "assets" / "fonts" / "roboto.woff2")
    return folder


def write_root_files(out: Path, folders: dict[str, Path]) -> None:
    shutil.copytree(OUR_PAGES / "icons", out / "icons")
    shutil.copyfile(OUR_PAGES / "favicon.png", out / "favicon.png")
    shutil.copyfile(OUR_PAGES / "manifest.json", out / "manifest.json")
    (out / "config.json").write_text("{}\n", encoding="utf8")
    addresses = {name: f"/{folder.name}/" for name, folder in sorted(folders.items())}

    def files(name: str, only: str = r".") -> list[list]:
        folder = folders[name]
        return [
            _described(out, file)
            for file in sorted(folder.rglob("*"))
            if file.is_file()
            and file.suffix not in (".br", ".gz")
            and re.search(only, file.relative_to(folder).as_posix())
        ]

    needed_assets = r"Manifest|fonts/|\.frag$"
    lists = {
        "python": files("client") + files("pyodide") + files("python"),
        "flutter": {
            "common": files("flutter", "bootstrap")
            + files("assets", needed_assets)
            + files("fonts", r"^(blank|roboto)\.woff2$"),
            "skwasm": files("flutter", r"dart\.(wasm|mjs)$") + files("canvaskit", r"^skwasm\."),
            "canvaskit": files("flutter", r"dart\.js$") + files("canvaskit", r"^canvaskit\."),
        },
    }
    lists["python"] += files("app")
    lists["panel"] = files("panel")
    slices = [path for path, *_ in files("fonts")]
    policy = {"policy": PAGE_POLICY, "client": addresses["client"], "logo": _logo()}
    build = {"folders": addresses, "files": lists}
    page = (SOURCES / "index.html").read_text(encoding="utf8")
    worker = (SOURCES / "service_worker.js").read_text(encoding="utf8")
    whole = json.dumps([build, slices, page, worker, policy], sort_keys=True)
    build["id"] = hashlib.sha256(whole.encode()).hexdigest()[:HASH_DIGITS]
    for key, value in {**policy, "build": json.dumps(build)}.items():
        page = page.replace("{{" + key + "}}", value)
    (out / "index.html").write_text(page, encoding="utf8")
    icons = [f"icons/{file.name}" for file in sorted((out / "icons").iterdir())]
    root = {
        f"/{name}": hashlib.sha256((out / name).read_bytes()).hexdigest()
        for name in ("index.html", "manifest.json", "favicon.png", *icons)
    }
    everything = json.dumps({**build, "fonts": slices, "root": root})
    (out / "service_worker.js").write_text(worker.replace("{{build}}", everything), "utf8")


def _described(out: Path, file: Path) -> list:
    data = file.read_bytes()
    twin = file.with_name(file.name + ".br")
    wire = twin.stat().st_size if twin.exists() else len(data)
    address = "/" + file.relative_to(out).as_posix()
    return [address, len(data), wire, hashlib.sha256(data).hexdigest()]


def _logo() -> str:
    """The icon, inside the page: it is there with the first byte painted."""
    text = (ROOT / "assets" / "icon.svg").read_text(encoding="utf8")
    return re.sub(r"<\?xml.*?\?>|<!--.*?-->|\n\s*", "", text, flags=re.DOTALL).strip()
