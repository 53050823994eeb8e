"""Catalogues are complete: gettext itself never complains about a missing text."""

import ast
import re

import pytest

from forecourt.settings import ROOT
from forecourt.text import SOURCES, catalogue_file, load, template
from shared.ui.text import LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_of_the_code_is_translated(language):
    catalogue = load(language)
    for message in template():
        if message.id:
            found = catalogue.get(message.id)
            assert found is not None, f"run `make text`: {message.id!r}"
            texts = found.string if isinstance(found.string, tuple) else (found.string,)
            assert all(texts), f"{language}: {message.id!r} has no translation"


@pytest.mark.parametrize("language", LANGUAGES)
def test_places_are_the_same_in_every_language(language):
    for message in load(language):
        if message.id and isinstance(message.id, str):
            assert sorted(re.findall(r"%\(\w+\)[ds]", message.id)) == sorted(
                re.findall(r"%\(\w+\)[ds]", str(message.string))
            ), message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_runs_is_what_was_compiled(language, tmp_path):
    from babel.messages.mofile import read_mo

    with catalogue_file(language).with_suffix(".mo").open("rb") as stream:
        compiled = {_one(m.id): _one(m.string) for m in read_mo(stream) if m.id}
    assert compiled == {_one(m.id): _one(m.string) for m in load(language) if m.id and m.string}


def _one(text):
    """A phrase that counts stands as a pair."""
    return text if isinstance(text, str) else tuple(text)


def test_traditional_chinese_is_no_copy_of_simplified():
    simplified, traditional = (
        {_one(m.id): m.string for m in load(x) if m.id} for x in ("zh_CN", "zh_TW")
    )
    assert sum(simplified[k] != traditional.get(k) for k in simplified) > len(simplified) / 2


def test_no_phrase_hides_where_the_extractor_does_not_look():
    """Babel does not look into f-strings: a phrase said only there would stay English for
    everybody."""
    known = {
        message.id if isinstance(message.id, str) else message.id[0]
        for message in template()
        if message.id
    }
    said = {
        (str(file.relative_to(ROOT)), node.args[0].value)
        for source in SOURCES
        for file in (ROOT / source).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("_", "N_")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert {(file, phrase) for file, phrase in said if phrase not in known} == set()


def test_every_placeholder_of_a_phrase_gets_its_value():
    """Neither gettext nor pyright looks: a value under another name is a KeyError on the screen.
    (The panel could not publish rights for that reason.)"""
    missing = [
        (str(file.relative_to(ROOT)), node.lineno, name)
        for source in SOURCES
        for file in (ROOT / source).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf8")))
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Mod)
        and isinstance(node.right, ast.Dict)
        and None not in node.right.keys  # {**others}: nobody can tell from here
        for name in _placeholders(node.left) - _keys(node.right)
    ]
    assert missing == []


def _placeholders(phrase: ast.expr) -> set[str]:
    texts = [x.value for x in ast.walk(phrase) if isinstance(x, ast.Constant)]
    return {name for text in texts for name in re.findall(r"%\((\w+)\)", str(text))}


def _keys(values: ast.Dict) -> set[str]:
    return {str(key.value) for key in values.keys if isinstance(key, ast.Constant)}
