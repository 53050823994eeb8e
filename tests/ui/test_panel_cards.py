"""Every card of the panel can be drawn: each kind of field, each view of the rights, each list, an
import from its columns to its result. A part that fails shows a card instead of ending the page, so
only the log tells."""

import re

import pytest

from admin.imports.state import ImportList
from tests.support.panel_screen import panel

LIST = """客户编号,客户姓名,手机号,客户级别,归属人
CARD-1,卡片一号,13712340001,未知级别,某人
CARD-2,,13712340002,,
"""


@pytest.fixture
async def p(stack, people, caplog):
    async with panel(stack, people["admin"].email) as opened:
        await opened.screen.settle(until=lambda: opened.screen.has("invite"), seconds=60)
        yield opened
    failed = [r.getMessage() for r in caplog.records if "could not draw" in r.getMessage()]
    assert failed == []


async def tap_each(p, pattern: str) -> int:
    """Tap what is called so, each once."""
    found = [i for i in p.screen.all("") if re.fullmatch(pattern, i)]
    for identifier in found:
        await p.screen.tap(identifier)
    return len(found)


async def test_each_kind_of_field_has_its_properties(p):
    await p.go("forms", "phone-preview")
    fields = 0
    for form in ("customer", "policy", "deal", "conversation"):
        await p.screen.tap(f"form-{form}")
        fields += await tap_each(p, r"field-\d+")
    assert fields > 20


async def test_each_view_of_the_rights(p):
    await p.go("rights", "view-proof")
    await p.screen.tap("cell-0-advisor")
    await p.screen.tap("view-roles")
    assert await tap_each(p, r"role-(advisor|renewal|store-admin)") == 3
    await p.screen.tap("view-member")
    await p.screen.settle(until=lambda: p.screen.has("member-0"))
    await p.screen.tap("member-0")
    await p.screen.settle(until=lambda: p.screen.has("access"), seconds=30)
    await p.screen.tap("view-proof")
    assert p.screen.has("prove")


async def test_each_list_stage_and_rule(p):
    await p.go("lists", "add-entry")
    assert await tap_each(p, r"list-\w+") > 5
    await p.go("stages", "stage-name-0")
    assert await tap_each(p, r"stage-details-\d+") > 2
    await p.go("rules", "dry-run")
    assert await tap_each(p, r"rule-open-.*") > 2
    await p.go("settings", "setting-cut-off")


async def test_each_member(p):
    people = [i for i in p.screen.all("person-") if i.count("-") == 5]
    for person in people[:4]:
        await p.screen.tap(person)
        await p.screen.settle(until=lambda: p.screen.has("close-person"))
    if p.screen.has("leave-person"):
        await p.screen.tap("leave-person")
        assert p.screen.has("stay-person")


async def test_an_import_from_its_columns_to_its_rows(p, tmp_path, monkeypatch):
    made: list[ImportList] = []

    def make(session) -> ImportList:
        made.append(ImportList(session))
        return made[-1]

    monkeypatch.setattr("admin.imports.screen.ImportList", make)
    await p.go("imports", "pick-file")
    await p.screen.tap("kind-customers")
    await made[-1].open(LIST.encode(), "list.csv")
    await p.screen.settle(until=lambda: p.screen.has("preview"))
    assert p.screen.has("map-customer-phone")
    await p.screen.tap("match-plate")  # each part of the state draws its own part of the page
    assert not p.screen.find("match-plate").selected
    await p.screen.type("mapping-name", "卡片")
    assert made[-1].columns.name == "卡片"
    await p.screen.tap("preview")
    await p.screen.settle(until=lambda: p.screen.has("import-facts"), seconds=30)
    assert p.screen.has("error-file")
    await p.screen.tap("map-again")
    assert p.screen.has("preview") and not p.screen.has("import-facts")
