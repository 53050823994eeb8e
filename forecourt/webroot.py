"""Builds the web root both apps are served from: Flet's web client without any CDN, with Chinese
font slices, compressed.

What it does and why (each was seen to break without it):
  * leaves out Pyodide, maps and KaTeX: 50 MB nobody asks for;
  * puts the font slices where the engine asks for them, and a blank font for the rest: a 404
    makes it retry for ever and
    never lay out the text again;
  * single-threaded skwasm: the multi-threaded one is a blank page under Flet's own COOP/COEP
    headers (flutter#184843);
  * compressed twins: Flet serves 9.6 MB of main.dart.js raw; brotli makes it 2.2.
"""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from forecourt.settings import ROOT

FONTSOURCE = ROOT / "assets" / "fonts" / "node_modules" / "@fontsource"
OUR_PAGES = ROOT / "assets" / "web"
SKIPPED = (
    "pyodide",
    "*.symbols",
    "*.map",
    "NOTICES",
    "katex_fonts",
    "experimental_webparagraph",
    "wimp.*",
)
SYMBOLS_ORDER = (
    "braille",
    "math",
    "mayan-numerals",
    "symbols",
    "latin-ext",
    "latin",
)  # the engine's
COMPRESSED = {".js", ".mjs", ".wasm", ".json", ".otf", ".ttf", ".html"}
PATCHED_WHEN_SERVED = {"index.html", "manifest.json", "FontManifest.json"}  # Flet rewrites these


def stamp() -> str:
    """Changes whenever the built files would."""
    parts = [version("flet-web"), version("brotli"), Path(__file__).read_text(encoding="utf8")]
    parts += [
        p.name + hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(OUR_PAGES.rglob("*"))
        if p.is_file()
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def ensure_webroot(home: Path, say=print) -> Path:
    """The built web root of this version; some ten seconds the first time."""
    out = home / "webroot" / stamp()
    if not (out / "built").exists():
        say("building the web files (about 10 s, once)")
        shutil.rmtree(home / "webroot", ignore_errors=True)
        half_made = home / "webroot.new"
        _build(half_made)
        (half_made / "built").touch()
        out.parent.mkdir(parents=True, exist_ok=True)
        half_made.rename(out)
    return out


def _build(out: Path) -> None:
    import brotli
    import flet_web

    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(
        Path(flet_web.__file__).parent / "web", out, ignore=shutil.ignore_patterns(*SKIPPED)
    )
    engine, fonts = out / "main.dart.js", out / "assets" / "fonts"
    place_fonts(fonts, engine, fonts / "roboto.woff2")
    manifest = out / "assets" / "FontManifest.json"
    manifest.write_text(
        json.dumps([f for f in json.loads(manifest.read_text()) if "KaTeX" not in f["family"]])
    )
    bootstrap = out / "flutter_bootstrap.js"
    before = bootstrap.read_text()
    after = before.replace(
        "multiViewEnabled: flet.multiView,",
        "multiViewEnabled: flet.multiView, forceSingleThreadedSkwasm: true,",
    )
    if before == after:
        raise RuntimeError(
            "flutter_bootstrap.js changed: find the new place for forceSingleThreadedSkwasm"
        )
    bootstrap.write_text(after)
    shutil.copytree(OUR_PAGES, out, dirs_exist_ok=True)
    _dress_index(out / "index.html")
    for file in list(out.rglob("*")):
        if (
            file.suffix in COMPRESSED
            and file.name not in PATCHED_WHEN_SERVED
            and file.stat().st_size > 1400
        ):
            data = file.read_bytes()
            file.with_name(file.name + ".br").write_bytes(brotli.compress(data, quality=9))
            file.with_name(file.name + ".gz").write_bytes(gzip.compress(data, 6))


INDEX_CHANGES = {
    "<html>": '<html lang="zh-CN">',
    '<meta charset="UTF-8">': '<meta charset="UTF-8">\n  <meta name="viewport" '
    'content="width=device-width, initial-scale=1">\n  <meta name="theme-color" content="#1F5FA8">',
    '<script src="python.js"></script>': '<script src="return.js"></script><script '
    'src="semantics.js"></script>',
    "background: #ffffff;": "background: #F7F9FC;",
    "background: #222222;": "background: #101418;",
}


def _dress_index(index: Path) -> None:
    """Language, viewport, colours; Pyodide's script out, the panel's return and the semantics
    switch in. Names are set by the server for each app."""
    text = index.read_text(encoding="utf8")
    for before, after in INDEX_CHANGES.items():
        if before not in text:
            raise RuntimeError(f"index.html changed: {before} is not there any more")
        text = text.replace(before, after)
    index.write_text(text, encoding="utf8")


def place_fonts(fonts: Path, engine: Path, roboto: Path) -> None:
    """Slices at the very addresses of the engine's own table; fontsource's files carry the same
    numbers as Google's. Raises RuntimeError when the table is not found."""
    table = engine.read_text(encoding="utf8")

    def copy_font(address: str, source: Path) -> int:
        if not source.exists():
            return 0
        (fonts / address).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, fonts / address)
        return 1

    placed = 0
    for family, package in (("SC", "noto-sans-sc"), ("TC", "noto-sans-tc")):
        for address in re.findall(rf'A\.z\("Noto Sans {family} \d+","([^"]+)"\)', table):
            if number := re.search(r"\.(\d+)\.woff2$", address):
                placed += copy_font(
                    address,
                    FONTSOURCE / package / "files" / f"{package}-{number[1]}-400-normal.woff2",
                )
    for k, address in re.findall(r'A\.z\("Noto Sans Symbols 2 (\d+)","([^"]+)"\)', table):
        placed += copy_font(
            address,
            FONTSOURCE
            / "noto-sans-symbols-2"
            / "files"
            / f"noto-sans-symbols-2-{SYMBOLS_ORDER[int(k)]}-400-normal.woff2",
        )
    if placed < 150:
        raise RuntimeError(
            f"only {placed} font slices placed: did the engine's table change, or is `make env` "
            "incomplete?"
        )
    subsetter = Path(sys.executable).parent / "pyftsubset"
    command = [
        str(subsetter),
        str(roboto),
        "--unicodes=U+0020",
        "--flavor=woff2",
        f"--output-file={fonts / 'blank.woff2'}",
    ]
    subprocess.run(command, check=True, capture_output=True)
