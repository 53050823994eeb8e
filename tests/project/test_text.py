"""Catalogues are complete: gettext itself never complains about a missing text."""

import re

import pytest

from forecourt.text import catalogue_file, load, template
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
            assert sorted(re.findall(r"%\(\w+\)[ds]", message.id)) == sorted(re.findall(r"%\(\w+\)[ds]", str(message.string))), message.id


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
    simplified, traditional = ({_one(m.id): m.string for m in load(x) if m.id} for x in ("zh_CN", "zh_TW"))
    assert sum(simplified[k] != traditional.get(k) for k in simplified) > len(simplified) / 2
