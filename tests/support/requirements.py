"""`make requirements`: writes docs/requirements.md from docs/requirements.toml and the citations in
the tree."""

import re
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path

from forecourt.settings import ROOT

SOURCE = ROOT / "docs" / "requirements.toml"
PAGE = ROOT / "docs" / "requirements.md"
HEADINGS = {
    "S": "What dealers ask for",
    "F": "Features",
    "T": "Test batteries",
    "First": "What no compared product has",
    "default": "Defaults of the store settings",
    "reserve": "Reserve list",
}
CODES = re.compile(
    r"\b(?:[SF]-\d{2,3}|T(?:\d{1,2})[mr]?(?=[\s:,;.)'\"’(])"
    r"|First \d+|default [a-f]\b|reserve \d+)\b"
)
RANGE = re.compile(r"\b([SF])-(\d{2,3}) ?[–…] ?(?:[SF]-)?(\d{2,3})\b")
SUFFIXES = {".py", ".sql", ".md", ".toml", ".mjs"}
INTRO = """# Requirements

<!-- written by `make requirements` from docs/requirements.toml; do not edit -->

The codes that code, tests and docs cite, what each means, and where it is cited.
"""


def meanings() -> dict[str, dict[str, str]]:
    """Code → meaning, by kind of code."""
    return tomllib.loads(SOURCE.read_text(encoding="utf8"))


def codes_in(text: str) -> set[str]:
    """The codes a text cites; a range such as S-25 … S-27 cites its ends and what lies between."""
    codes = set(CODES.findall(text))
    for kind, first, last in RANGE.findall(text):
        codes |= {f"{kind}-{n:02d}" for n in range(int(first), int(last) + 1)}
    return codes


def citations() -> dict[str, list[str]]:
    """Code → the tracked files that cite it."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(listed):
        file = ROOT / name
        if file.suffix in SUFFIXES and file not in (SOURCE, PAGE, Path(__file__)) and file.exists():
            for code in codes_in(file.read_text(encoding="utf8")):
                found[code].append(name)
    return found


def page() -> str:
    """The whole page, as `make requirements` writes it."""
    cited = citations()
    lines = [INTRO]
    for kind, entries in meanings().items():
        lines += [f"## {HEADINGS[kind]}", "", "| code | meaning | cited in |", "|---|---|---|"]
        for code, meaning in entries.items():
            where = ", ".join(f"`{name}`" for name in cited.get(code, []))
            lines.append(f"| {code} | {meaning} | {where or 'nothing yet'} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf8")
