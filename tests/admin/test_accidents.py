"""Accidents of other systems, replayed (features.md §5, 11…14): each is refused, or undone, with a
sentence that says what to do."""

import pytest
from psycopg.types.json import Jsonb

from admin.publish.labels import impact_text, unfinished_text
from shared.domain.config import StoreConfig
from shared.domain.draft_merge import GONE, part, set_path
from shared.domain.impact import Impact
from shared.domain.incomplete import unfinished
from shared.ui.text import LANGUAGES, Texts
from tests.database.test_config_life import document, publish, refusal, save


def told(world, doc: dict, language: str = "zh_CN", level: str = "refused") -> str:
    """What the publish page says in red."""
    now = StoreConfig.model_validate(document()).document()
    found = [
        Impact.model_validate(x)
        for x in world.ask(
            "liang", "select api.check_config(%s, %s)", world.stores["east"], Jsonb(doc)
        )[0][0]
    ]
    return "\n".join(impact_text(Texts(language), x, now, doc) for x in found if x.level == level)


def test_a_field_every_log_needs_is_not_hidden_from_those_who_log(world):
    """CordysCRM #3264: an admin hid a required field, and every phone log failed with HTTP 500."""
    doc = set_path(document(), ("roles", "advisor", "rights", "customer", "name"), GONE)
    assert "手机上每次保存都会失败。请让该角色可写，或收回它的新建权限" in told(world, doc)
    assert refusal(world, doc) == "PT422 role_cannot_write"
    assert save(world)["status"] == "applied"  # nothing happened to the phones


def test_taking_the_field_off_the_form_is_refused_too(world):
    doc = set_path(document(), ("forms", "customer", "fields", "name"), GONE)
    for role in doc["roles"]:
        role["rights"].get("customer", {}).pop("name", None)
    assert "请把它放回表单" in told(world, doc)
    assert refusal(world, doc).startswith("PT422")


def test_an_all_switch_that_takes_everything_away_is_taken_back_in_one_click(world):
    """twenty #25324: a bulk "All" toggle, a role without records, stuck until everything was
    wiped."""
    doc = document()
    renewal = next(r for r in doc["roles"] if r["key"] == "renewal")
    renewal["rights"], renewal["verbs"] = {}, []
    assert "续保专员" in told(world, doc, level="warning")  # said before: who loses what
    publish(world, doc)
    assert world.ask(
        "zhou", "select document -> 'access' -> 'customer' -> 'readable' from api.config"
    ) == [(["do_not_call"],)]  # what no role is without
    world.ask("liang", "select api.restore_config(%s, 1, 2, '')", world.stores["east"])
    assert (
        "name"
        in world.ask(
            "zhou", "select document -> 'access' -> 'customer' -> 'readable' from api.config"
        )[0][0]
    )


def test_an_admin_does_not_lock_everybody_out(world):
    doc = document()
    for role in doc["roles"]:
        role["verbs"] = [v for v in role["verbs"] if v != "publish_config"]
    assert "请把这两项权限留给一个有在职成员的角色" in told(world, doc)
    assert refusal(world, doc) == "PT422 last_admin"


def test_a_form_that_is_deleted_is_refused_and_an_old_one_restored(world):
    """frappe/crm #422: the quick-entry layout deleted, then no deal could be made."""
    doc = set_path(document(), ("forms", "deal"), GONE)
    publish_or_refused = told(world, doc)
    if (
        not publish_or_refused
    ):  # no field of a deal is needed by the server: it may go, and comes back
        publish(world, doc)
        world.ask("liang", "select api.restore_config(%s, 1, 2, '')", world.stores["east"])
    deal = {
        "id": str(world.users["stranger"]),
        "customer_id": world.customer(),
        "pipeline": "new_car",
        "set": {"amount_fen": 1},
    }
    assert world.push("lin", "save_deal", deal)["status"] == "applied"


def test_stages_may_be_called_anything(world):
    """frappe/crm #1027: statuses renamed, and logic still wanted "Lost" and "Won"."""
    doc = document()
    for i, stage in enumerate(doc["pipelines"][0]["stages"]):
        stage["label"] = {"zh_CN": f"甲{i}"}
    assert told(world, doc) == ""
    publish(world, doc)
    customer = world.customer()
    deal = {
        "id": str(world.users["stranger"]),
        "customer_id": customer,
        "pipeline": "new_car",
        "set": {"amount_fen": 1},
    }
    world.done("lin", "save_deal", deal)
    answer = world.push("lin", "move_deal", {"id": deal["id"], "stage": "lost"})
    assert answer["errors"] == [{"field": "lost_reason", "code": "required"}]  # by its type


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_impact_is_a_sentence_in_every_language(world, language):
    """No key, no place left open: whatever the check may answer."""
    kinds = [
        "field_removed",
        "option_removed",
        "type_changed",
        "now_required",
        "stage_removed",
        "stage_moved",
        "reason_merged",
        "level_merged",
        "pool_merged",
        "level_removed",
        "pool_removed",
        "moves_barred",
        "role_removed",
        "role_changed",
        "rights_changed",
        "role_cannot_write",
        "invalid_condition",
        "condition_reads_hidden",
        "base_field_missing",
        "rule_field_missing",
        "tasks_today",
        "values_not_unique",
        "last_admin",
        "leaks",
        "too_many",
        "no_open_stage",
        "unknown_field",
        "stage_in_use",
        "bad_replacement",
        "invalid_config",
    ]
    doc = document()
    for kind in kinds:
        for level in ("refused", "info"):
            item = Impact(
                kind=kind,
                level=level,
                form="customer",
                key="gender",
                pipeline="new_car",
                role="advisor",
                hidden="name",
                count=2,
                options=("male",),
                after="new_car.quoted" if kind == "stage_moved" else None,
            )
            text = impact_text(Texts(language), item, doc, doc)
            assert text and "%(" not in text and "_" not in text, (kind, text)
            assert language == "en" or any("一" <= c <= "鿿" for c in text), (kind, text)


def test_what_is_unfinished_is_said_before_any_check(world):
    doc = set_path(
        document(),
        ("forms", "customer", "fields", "x"),
        {"key": "x", "label": {"zh_CN": "车色"}, "type": "select"},
    )
    assert [unfinished_text(Texts("zh_CN"), x, doc) for x in unfinished(doc)] == [
        "表单「客户」「车色」还没有选项，请添加。"
    ]
    assert part(doc, ("forms", "customer", "fields", "x", "type")) == "select"
