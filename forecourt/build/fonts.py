"""One font with every character of the app's own words, so that no first screen shows empty boxes.

Flutter draws with Roboto and fetches slices of Noto Sans for what Roboto lacks, after it has drawn
a box. The characters of our own texts are therefore merged into Roboto itself, which is read before
the first frame; slices are needed only for people's data.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from forecourt.settings import ROOT

FONTSOURCE = ROOT / "assets" / "fonts" / "node_modules" / "@fontsource"
TEXTS = ("shared/ui/locale/**/*.po", "shared/presets/*.json", "mobile_app/**/*.py", "admin/**/*.py")
SYMBOLS_ORDER = (
    "braille",
    "math",
    "mayan-numerals",
    "symbols",
    "latin-ext",
    "latin",
)  # the engine's


def own_characters() -> set[int]:
    """Code points of all texts of the app that Roboto does not draw well enough: beyond U+2E80."""
    text = "".join(
        file.read_text(encoding="utf8") for pattern in TEXTS for file in sorted(ROOT.glob(pattern))
    )
    digits_and_marks = "".join(map(chr, [*range(0x3000, 0x3020), *range(0xFF01, 0xFF5F)]))
    return {ord(character) for character in text + digits_and_marks if ord(character) >= 0x2E80}


def merged_roboto(roboto: Path, cache: Path) -> Path:
    """Roboto with our own Chinese characters, as woff2; the same bytes for the same inputs."""
    wanted = own_characters()
    key = hashlib.sha256(roboto.read_bytes() + Path(__file__).read_bytes())
    key.update(repr(sorted(wanted)).encode())
    out = cache / "fonts" / f"roboto-{key.hexdigest()[:16]}.woff2"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = out.with_suffix(".new")
        _merge(roboto, wanted, unfinished)
        unfinished.rename(out)
    return out


def _merge(roboto: Path, wanted: set[int], out: Path) -> None:
    from fontTools.merge import Merger, Options
    from fontTools.subset import Options as SubsetOptions
    from fontTools.subset import Subsetter
    from fontTools.ttLib import TTFont
    from fontTools.ttLib.scaleUpem import scale_upem

    base: Any = TTFont(roboto)  # its tables have no declared fields
    for table in ("hdmx", "GDEF", "GPOS", "GSUB", "fpgm", "prep", "cvt ", "gasp"):
        if table in base:
            del base[table]
    parts, left = [base], set(wanted)
    slices = sorted((FONTSOURCE / "noto-sans-sc" / "files").glob("*-400-normal.woff2"))
    slices += sorted((FONTSOURCE / "noto-sans-tc" / "files").glob("*-400-normal.woff2"))
    for file in slices:
        if not left:
            break
        font: Any = TTFont(file)
        here = left & set(font["cmap"].getBestCmap())
        if not here:
            continue
        left -= here
        options = SubsetOptions(layout_features=[], notdef_outline=True, hinting=False)
        options.drop_tables += ["vhea", "vmtx", "BASE", "STAT", "GPOS", "GSUB", "GDEF", "prep"]
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=here)
        subsetter.subset(font)
        scale_upem(font, base["head"].unitsPerEm)
        parts.append(font)
    folder = out.parent / f"{out.name}.parts"
    folder.mkdir(exist_ok=True)
    files = []
    for number, font in enumerate(parts):
        files.append(str(folder / f"{number:03d}.ttf"))
        font.flavor = None
        font.save(files[-1])
    merged: Any = Merger(Options(drop_tables=["gasp", "DSIG"])).merge(files)
    merged["hhea"] = base["hhea"]  # lines keep Roboto's height
    merged["hhea"].numberOfHMetrics = len(merged.getGlyphOrder())
    for name in ("sTypoAscender", "sTypoDescender", "sTypoLineGap", "usWinAscent", "usWinDescent"):
        setattr(merged["OS/2"], name, getattr(base["OS/2"], name))
    merged["head"].created = merged["head"].modified = base["head"].created
    merged.recalcTimestamp = False
    merged.flavor = "woff2"
    merged.save(out)
    for name in files:
        Path(name).unlink()
    folder.rmdir()


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
