"""Docs lead somewhere: links resolve, decision records are complete, both languages say the
same."""

import re
import subprocess

import pytest

from forecourt.settings import ROOT

PAGES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    if (ROOT / name).exists()
]
RECORDS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(text: str) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_resolve(page):
    broken = []
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (
            fragment and fragment not in anchors(target.read_text(encoding="utf8"))
        ):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("record", RECORDS, ids=lambda p: p.name)
def test_a_decision_record_is_complete(record):
    text = record.read_text(encoding="utf8")
    assert text.startswith(f"# {record.name[:4]} · "), "the title is: # 00NN · Title"
    assert re.search(r"^- \*\*Date:\*\* \d{4}-\d\d-\d\d$", text, re.M)
    assert re.search(r"^- \*\*Status:\*\* (accepted|proposed|superseded by \d{4})$", text, re.M)
    sections = re.findall(r"^## (.+)$", text, re.M)
    order = ["Context", "Decision", "Alternatives", "Figures"]
    assert [s for s in order if s in sections] == sections, "sections, in the template's order"
    assert {"Context", "Decision", "Alternatives"} <= set(sections)


def test_the_index_lists_every_record():
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf8")
    assert set(re.findall(r"\]\((0\d{3}-[\w-]+\.md)\)", index)) == {r.name for r in RECORDS}


def test_every_role_has_a_guide_in_both_languages():
    guides = {p.name for p in (ROOT / "docs" / "users").glob("*.md")}
    roles = {"advisor", "renewal", "manager", "admin", "assistant", "market", "head-office"}
    assert guides == {f"{role}.{language}.md" for role in roles for language in ("zh", "en")} | {
        "README.md"
    }


def test_every_test_named_in_the_security_page_exists():
    """And no cell names a test in a form that is not checked."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf8")
    named = re.findall(r"(tests/[\w/]+\.py)::(test_\w+)", page)
    assert named and page.count("::test_") == len(named)
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (ROOT / file).exists()
        or not re.search(
            rf"^(?:async )?def {test}\(", (ROOT / file).read_text(encoding="utf8"), re.M
        )
    ]
    assert missing == []
