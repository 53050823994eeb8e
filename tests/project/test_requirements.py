"""Requirement codes lead somewhere: docs/requirements.toml says what each one means."""

from tests.support.requirements import PAGE, citations, codes_in, meanings


def test_every_cited_code_is_explained():
    known = {code for entries in meanings().values() for code in entries}
    unknown = {code: files[:3] for code, files in citations().items() if code not in known}
    assert unknown == {}


def test_the_page_says_what_the_source_says():
    """Where a code is cited changes daily and is not compared: `make requirements` refreshes it."""
    page = PAGE.read_text(encoding="utf8")
    for entries in meanings().values():
        for code, meaning in entries.items():
            assert f"| {code} | {meaning} |" in page, f"run `make requirements`: {code}"


def test_codes_are_recognised():
    text = "S-04, F-77; T9r. First 3) default c, reserve 15, S-25 … S-27; not T-90, PT404 or TF-1"
    assert codes_in(text) == {
        "S-04",
        "F-77",
        "T9r",
        "First 3",
        "default c",
        "reserve 15",
        "S-25",
        "S-26",
        "S-27",
    }
