"""The panel's frame in process: what a page change sends, where a page begins, what is told when
the server is away."""

import pytest

from tests.support.panel_screen import panel
from tests.support.present import present

SIGNS = {
    "members": "invite",
    "stages": "stage-name-0",
    "forms": "phone-preview",
    "rights": "view-proof",
    "lists": "add-entry",
    "rules": "dry-run",
    "settings": "setting-cut-off",
    "publish": "impacts",
    "history": "versions",
    "imports": "pick-file",
    "export": "make-export",
    "audit": "audit-who",
}


@pytest.fixture
async def p(stack, people):
    async with panel(stack, people["admin"].email) as opened:
        await opened.screen.settle(until=lambda: opened.screen.has("invite"))
        yield opened


def frame(p) -> list[int]:
    """The identities of the frame's own controls: the client keeps what keeps its identity."""
    return [
        p.screen.find(x)._i for x in (*(f"nav-{page}" for page in SIGNS), "draft-state", "sign-out")
    ]


async def test_a_page_change_leaves_the_frame_alone(p):
    before = frame(p)
    for page, sign in SIGNS.items():
        if page != "members":
            await p.go(page, sign)
        assert frame(p) == before, page
    assert await p.go("members", "invite") < 40_000


async def test_another_page_begins_fresh(p):
    await p.go("rights", "view-proof")
    await p.screen.tap("view-proof")
    await p.screen.settle(until=lambda: p.screen.has("prove"))
    await p.go("stages", "stage-name-0")
    await p.go("rights", "view-proof")
    assert not p.screen.has("prove")


async def test_an_address_nobody_knows_leads_to_the_first_page(p):
    await p.screen.go("/no/such/page")
    await p.screen.settle(until=lambda: p.screen.has("invite"))
    await p.go("rules", "dry-run")


async def test_a_server_that_is_away_is_told_with_what_to_do_and_is_asked_again(p, monkeypatch):
    monkeypatch.setattr("admin.draft.AGAIN", 0.2)
    p.wire.cut = True
    await p.go("stages", "try-again")
    assert p.screen.sees("服务器没有响应。您填写的内容还在这里，请稍后重试。")
    await p.screen.type("stage-name-0", "断网时改的名字")
    await p.screen.settle(until=lambda: p.screen.sees("尚未保存：服务器没有响应"))
    p.wire.cut = False
    await p.screen.tap("try-again")
    await p.screen.settle(until=lambda: not p.screen.has("problem"))
    await p.screen.settle(until=lambda: p.session.draft.saved == "kept")  # by itself
    await p.screen.tap("undo")
    await p.screen.settle(until=lambda: p.session.draft.saved == "")


async def test_a_panel_opened_while_the_server_is_away_stays_signed_in(p):
    p.wire.cut = True
    await p.session.start()
    await p.screen.settle(until=lambda: p.screen.has("start-again"))
    assert not p.screen.has("password")
    p.wire.cut = False
    await p.screen.tap("start-again")
    await p.screen.settle(until=lambda: p.screen.has("invite"))


async def test_who_has_no_right_to_the_first_page_is_led_to_his_own(stack, people):
    async with panel(stack, people["he"].email) as he:
        await he.screen.settle(
            until=lambda: he.screen.has("nav-duplicates") and not he.screen.has("loading")
        )
        assert present(he.session.me).role == "manager"
        assert he.screen.all("nav-") == ["nav-duplicates", "nav-imports"]
        assert he.screen.session.page.route == "/duplicates"
        assert not he.screen.has("problem")
