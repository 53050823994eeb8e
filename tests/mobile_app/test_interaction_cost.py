"""Cases A and B of docs/developers/interaction.md: the acts are played on the real screens, their
taps counted, and the page's table must say the same.

The model is the page's: 0.8 s a tap, 1.2 s for each screen or choice a person has to take in, 1.0 s
a Chinese character typed, 6 s for twenty of them dictated, 0.8 s for a server that is waited for.
"Own cost" leaves out the words.
"""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from forecourt.settings import ROOT
from shared.domain import presets
from tests.support.phone_screen import LocalData, phone

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
WORDS = "周末带家人来看车,要七座,预算二十五万左右"[:20]
TAP, CHOICE, CHARACTER, DICTATED = 0.8, 1.2, 1.0, 6.0
# the floor of the best imaginable: taps and seconds of own cost; ours must not be above
FLOOR = {
    "A, from home": (5, 8),
    "A, after a call from the app": (3, 5),
    "B, reached": (4, 6),
    "B, not reached": (2, 3),
    "B, cancel request": (3, 5),
}


def table() -> dict[str, tuple[int, int, float, float, float]]:
    """The rows of docs/developers/interaction.md that are ours: taps, choices, own cost, typed,
    dictated."""
    found = {}
    for line in (
        (ROOT / "docs" / "developers" / "interaction.md").read_text(encoding="utf8").splitlines()
    ):
        if match := re.fullmatch(
            r"\| \*\*Forecourt: (.+?)\*\* \| (\d+) \| (\d+) "
            r"\| ([\d.]+) \| ([\d.–]+) \| ([\d.–]+) \|",
            line,
        ):
            found[match[1]] = (
                int(match[2]),
                int(match[3]),
                float(match[4]),
                *(float(x) if x != "–" else 0.0 for x in (match[5], match[6])),
            )
    return found


async def play(folder, name: str) -> tuple[int, int, int, bool]:
    """(taps, screens and choices, characters, was the network asked for by a screen)."""
    local_data = LocalData(TODAY)
    for n in range(3):
        customer = local_data.customer(f"客户{n}", level="near")
        local_data.task(customer, f"客户{n}", due=-n)
        local_data.log_conversation(customer, f"客户{n}")
    async with phone(folder, presets.load("three_levels"), "advisor", local_data) as p:
        s, choices = p.screen, 0

        async def tap(identifier: str, *, choice: bool = True) -> None:
            nonlocal choices
            await s.tap(identifier)
            choices += choice

        if name == "A, from home":
            await tap("log-any", choice=False)
            await s.settle(until=lambda: s.has("recent-0"))
            await tap("recent-0")
            await s.settle(until=lambda: s.has("method-call") and s.has("save-conversation"))
            await tap("outcome-interested")
            await s.type("notes", WORDS)
            await tap("save-conversation")
            s.taps += 1  # into the words
        elif (
            name == "A, after a call from the app"
        ):  # the sheet is open already; dialling is the dialler's cost, for everybody
            await s.tap("dial")
            s.taps = 0
            await tap("outcome-interested")
            await s.type("notes", WORDS)
            await tap("save-conversation")
            s.taps += 1
        elif name == "B, reached":
            await tap("dial", choice=False)
            await tap("outcome-interested")
            await s.type("notes", WORDS)
            await tap("save-conversation")
            s.taps += 1
        elif name == "B, not reached":
            await tap("dial", choice=False)
            await tap("outcome-no-answer")
        else:
            await tap("start-cancel", choice=False)
            await tap("reason-unreachable")
            await tap("send-cancel")
        sent = [op["verb"] for op in await p.sent()]
        assert sent == (["request_cancellation"] if "cancel" in name else ["log_conversation"])
        asked = {path.rsplit("/", 1)[-1] for path in p.network.asked} - {
            "sync_pull",
            "sync_push",
            "token",
        }
        return s.taps, choices, s.keys, bool(asked)


@pytest.mark.parametrize("name", FLOOR)
async def test_the_table_says_what_a_person_does(tmp_path, name):
    taps, choices, characters, asked = await play(tmp_path, name)
    own = taps * TAP + choices * CHOICE
    typed, dictated = own + characters * CHARACTER, own + DICTATED if characters else 0.0
    said = table()[name]
    assert said == (
        taps,
        choices,
        round(own, 1),
        round(typed, 1) if characters else 0.0,
        round(dictated, 1),
    ), (taps, choices, own, typed, dictated)
    most_taps, most_seconds = FLOOR[name]
    assert taps <= most_taps and round(own) <= most_seconds and not asked
