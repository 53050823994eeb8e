"""No function of SQL is longer than one reads at a sight; the few that are say why."""

import re

import pytest

from forecourt.migrate import SCHEMAS

LINES = 60
LONGER = {
    "crm.document_schema": "one value: the JSON Schema that `forecourt.configure` writes",
    "crm.schema_problem": "one keyword after another; a call for each would be one more for every "
    "value of a document",
    "crm.pattern_problem": "one pass over a pattern; every branch reads or sets its flags",
}
FUNCTION = re.compile(
    r"""^\s*create\ (?:or\ replace\ )?(?:function|procedure)\ (?P<name>[\w.]+)
    .*?(?:
      (?P<quote>\$\w*\$).*?(?P=quote)[^;]*;
      |\bbegin\ atomic\ [^\n]*\bend;
      |\bbegin\ atomic$.*?^\s*end;
    )""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
HEAD = re.compile(r"^\s*create (?:or replace )?(?:function|procedure)\b", re.MULTILINE)


def functions() -> list[tuple[str, int]]:
    """Every function of the code, and how many lines it has."""
    return [
        (match["name"], match.group().strip("\n").count("\n") + 1)
        for file in sorted(SCHEMAS.glob("*.sql"))
        for match in FUNCTION.finditer(file.read_text(encoding="utf8"))
    ]


def test_every_function_fits_a_screen():
    assert {name: lines for name, lines in functions() if lines > LINES}.keys() == LONGER.keys()


@pytest.mark.parametrize("file", sorted(SCHEMAS.glob("*.sql")), ids=lambda file: file.stem)
def test_no_function_hides_in_another(file):
    """A body that the pattern reads past its end would hide the next function's length."""
    text = file.read_text(encoding="utf8")
    assert len(FUNCTION.findall(text)) == len(HEAD.findall(text))
