"""Functions stay small enough to be read at once: at most 60 lines and 7 parameters."""

import ast

import pytest

from forecourt.settings import ROOT

FOLDERS = ("admin", "forecourt", "mobile_app", "shared")
LINES, PARAMETERS = 60, 7
LARGER = {  # place → why it may be
    "shared/ui/widgets.py chip": "each parameter is one independent look of the control",
}


def functions(folder: str):
    """Place, lines and parameters of every function; what a method is called on does not count."""
    for file in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                counted = [a for a in arguments if a.arg not in ("self", "cls")]
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{file.relative_to(ROOT)} {node.name}", lines, len(counted)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_function_is_too_large(folder):
    found = {
        place: (lines, parameters)
        for place, lines, parameters in functions(folder)
        if (lines > LINES or parameters > PARAMETERS) and place not in LARGER
    }
    assert found == {}


def test_the_exceptions_are_still_needed():
    large = {
        place
        for folder in FOLDERS
        for place, lines, parameters in functions(folder)
        if lines > LINES or parameters > PARAMETERS
    }
    assert set(LARGER) <= large
