"""No line of SQL is longer than 100 columns; ruff holds Python to the same."""

import subprocess

from forecourt.settings import ROOT

COLUMNS = 100


def test_no_line_is_too_long():
    listed = subprocess.run(
        ["git", "ls-files", "*.sql"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = [
        f"{name}:{n}"
        for name in listed.stdout.splitlines()
        for n, line in enumerate((ROOT / name).read_text(encoding="utf8").splitlines(), 1)
        if len(line) > COLUMNS
    ]
    assert found == []
