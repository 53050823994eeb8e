"""Two assistants, one behaviour (S-01): swapping the configuration of the advisor and the renewal
specialist turns one app into the other."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from forecourt.settings import ROOT
from shared.domain import presets
from shared.domain.config import StoreConfig
from tests.support.phone_screen import LocalData, phone
from tests.support.present import present

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()


def swapped() -> StoreConfig:
    """The same document with the two roles' configuration exchanged, everything but their keys and
    names."""
    document = presets.load("three_levels").document()
    advisor, renewal = (
        next(r for r in document["roles"] if r["key"] == key) for key in ("advisor", "renewal")
    )
    kept = ("key", "label")
    a, b = ({k: v for k, v in role.items() if k not in kept} for role in (advisor, renewal))
    for role, new in ((advisor, b), (renewal, a)):
        for key in [k for k in role if k not in kept]:
            del role[key]
        role.update(new)
    other = {"advisor": "renewal", "renewal": "advisor"}
    for outcome in document["outcomes"]:
        outcome["roles"] = [other.get(r, r) for r in outcome.get("roles", [])]
    return StoreConfig.model_validate(document)


async def face(folder: Path, config: StoreConfig, role: str) -> dict[str, list[str]]:
    """What a person of that role finds: tabs, outcomes, what a call asks, the deals' pipeline, the
    fields of a new customer."""
    local_data = LocalData(TODAY)
    customer = local_data.customer("王先生", level="intent")
    policy = local_data.insert(
        "policies",
        "policy",
        customer_id=customer,
        insurer="人保",
        expires_on=TODAY + timedelta(days=9),
        premium_fen=300_000,
    )
    local_data.task(
        customer,
        "王",
        kind="policy_window",
        subject_form="policy",
        subject_id=policy,
        expires_on=TODAY + timedelta(days=9),
    )
    async with phone(folder, config, role, local_data) as p:
        s = p.screen
        found = {
            "card": sorted(s.all("")),
            "notes": [t for t in s.texts() if t != present(p.session.me).name],
        }
        await s.tap("outcome-interested")
        found["sheet"] = sorted(s.all(""))
        await s.go("/funnel")
        await s.settle()
        found["funnel"] = s.texts()
        await s.go("/customers/new")
        await s.settle()
        found["new"] = sorted(s.all(""))
    return found


async def test_swapping_the_configuration_turns_one_assistant_into_the_other(tmp_path):
    config = presets.load("three_levels")
    advisor, renewal = (
        await face(tmp_path / "a", config, "advisor"),
        await face(tmp_path / "r", config, "renewal"),
    )
    assert advisor != renewal
    assert "outcome-renewed" in renewal["card"] and "outcome-renewed" not in advisor["card"]
    assert (
        "level-near" in advisor["sheet"] and "level-near" not in renewal["sheet"]
    )  # who may not grade is not asked
    assert await face(tmp_path / "b", swapped(), "advisor") == renewal
    assert await face(tmp_path / "s", swapped(), "renewal") == advisor


def test_no_code_is_chosen_by_a_roles_or_an_outcomes_name():
    """Nowhere is a role, an outcome, a stage or a level compared with a name: stores invent their
    own."""
    compared = re.compile(
        r"\b(role|outcome|stage|level)(\.key|_key)?\s*(=|==|<>|!=)\s*['\"][a-z_]+['\"]"
    )
    for file in [
        *ROOT.glob("mobile_app/**/*.py"),
        *ROOT.glob("shared/**/*.py"),
        *ROOT.glob("supabase/*/*.sql"),
    ]:
        for line in file.read_text(encoding="utf8").splitlines():
            assert not compared.search(line) or "str =" in line, f"{file.name}: {line.strip()}"
