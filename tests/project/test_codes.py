"""The codes in the SQL, in error_codes.md and in the sentences a person reads are the same."""

import re

from forecourt.migrate import code
from forecourt.settings import ROOT
from shared.ui.text import Texts, problem_text

PAGE = (ROOT / "supabase" / "error_codes.md").read_text(encoding="utf8")
LISTED = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.M))


def codes_in_sql() -> set[str]:
    text = re.sub(r"\(\s+", "(", re.sub(r"\s+", " ", code()))  # as if on one line
    found = set(re.findall(r"crm\.reject\('(\w+)'", text)) | set(
        re.findall(r"sqlstate 'PT\d+' using message = '(\w+)'", text)
    )
    found |= (
        set(re.findall(r"\"code\": \"(\w+)\"", text))
        | set(re.findall(r"'code', '(\w+)'", text))
        | set(re.findall(r"code := '(\w+)'", text))
    )
    found |= set(re.findall(r"'kind', '(\w+)', 'level', 'refused'", text))
    found |= set(re.findall(r"crm\.config_error\('(\w+)'", text))
    found |= set(re.findall(r"then '(\w+)' else '(\w+)' end\)", text) and {"required", "option"})
    return found | {"conflict"}


def test_every_code_of_the_database_is_on_the_page():
    assert codes_in_sql() - LISTED == set()


def test_nothing_on_the_page_is_made_up():
    assert LISTED - codes_in_sql() - {"unexpected", "item_unchecked"} == set()


def test_every_code_has_its_own_sentence_in_every_language():
    for language in ("zh_CN", "zh_TW", "en"):
        _ = Texts(language)
        fallback = problem_text(_, "no such code")
        for listed in LISTED - {"unexpected"}:
            sentence = problem_text(_, listed)
            assert sentence != fallback, (language, listed)
            assert sentence in PAGE, (language, listed)
