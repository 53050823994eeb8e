"""The real lists through the browser by mapping alone: upload, columns, check, import, error file,
and all of it taken back (S-02, S-57, F-81).

The head of each file runs always; the whole files are a long battery.
"""

import csv
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import expect

from forecourt.settings import ROOT
from tests.journeys.shops import Shop, panel

DATA = Path(os.environ.get("FORECOURT_DATA") or ROOT.parent / "shared" / "data")
pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(
        not DATA.exists(),
        reason=f"the real lists are not here ({DATA}); set FORECOURT_DATA to their folder",
    ),
]
STAGES = {"Won": "交车", "Lost": "战败", "Engaging": "报价", "Prospecting": "线索"}
LENGTHS = [60, pytest.param(None, marks=pytest.mark.long, id="whole")]


@pytest.fixture
def shop(operator, stack) -> Shop:
    found = Shop(operator, (stack.supabase_url, stack.publishable_key))
    found.create("名单展厅")
    return found


def digest(shop: Shop) -> list:
    """Everything of the store that people see, without clocks and versions."""
    parts = []
    for table in ("customers", "companions", "vehicles", "policies", "deals", "tasks"):
        found = shop.operator.execute(
            "select count(*), md5(coalesce(string_agg((to_jsonb(t) - array['version', "
            "'change_no', 'updated_at'])::text, '|' order by t.id), ''))"
            f" from crm.{table} t where t.store_id = %s and t.removed_at is null".encode(),
            (shop.id,),
        ).fetchone()
        parts.append(found)
    return [
        *parts,
        shop.operator.execute(
            "select coalesce(sum(deals), 0), coalesce(sum(amount_fen), 0) from crm.funnel_counts "
            "where store_id = %s",
            (shop.id,),
        ).fetchone(),
    ]


def some_of(name: str, lines: int | None, folder: Path) -> tuple[Path, list[dict[str, str]]]:
    """The first lines of a list as a file to upload, and what they say."""
    text = "\n".join((DATA / name).read_text(encoding="utf8").splitlines()[:lines])
    (folder / name).write_text(text, encoding="utf8")
    return folder / name, list(csv.DictReader(text.splitlines()))


def open_list(app, kind: str, file: Path, rows: int) -> None:
    app.tap("nav-imports")
    app.tap(f"kind-{kind}")
    with app.page.expect_file_chooser() as chooser:
        app.tap("pick-file")
    chooser.value.set_files(str(file))
    app.see(f"{rows} 行")


def leave_out(app, *targets: str) -> None:
    """The words of these columns that the store does not have: nothing is imported for them."""
    for target in targets:
        app.choose(f"others-{target}", "– 不导入 –")


def import_it(app, rows: int, bad: int) -> float:
    """Check, see what cannot be taken, keep the error file, import; answers seconds."""
    app.scroll_to("preview", up=True)
    began = time.monotonic()
    app.tap("preview")
    expect(app.id("import-facts")).to_contain_text(f"可导入 {rows - bad} 行", timeout=60_000)
    app.tap("commit")
    expect(app.id("import-result")).to_contain_text(f"新增 {rows - bad}", timeout=180_000)
    return time.monotonic() - began


def error_rows(app) -> set[int]:
    with app.page.expect_download() as saved:
        app.tap("error-file")
    lines = list(csv.reader(saved.value.path().read_text(encoding="utf-8-sig").splitlines()))
    return {int(line[0]) for line in lines[1:]}


def take_back(app) -> float:
    app.scroll_to("revert-0")
    app.tap("revert-0")
    began = time.monotonic()
    app.tap("revert-yes")
    # the list stands there again, checked: the result is above the past imports, below it
    expect(app.id("commit")).to_be_attached(timeout=120_000)
    took = time.monotonic() - began
    app.scroll_to("revert-result")
    expect(app.id("revert-result")).to_be_attached()
    return took


@pytest.mark.parametrize("lines", LENGTHS)
def test_policies_come_by_mapping_and_go_again(visit, shop, tmp_path, lines):
    admin = shop.person("梁文博", "store_admin")
    shop.person("周敏", "renewal")
    file, listed = some_of("motor_policies.csv", lines, tmp_path)
    app = panel(visit, admin)
    before = digest(shop)
    open_list(app, "policies", file, len(listed))
    expect(app.id("map-policy-expires-on").first).to_contain_text(
        "next_renewal_date"
    )  # proposed by the headings
    app.choose("map-vehicle-brand", "vehicle_fuel_type")  # anything can be mapped to anything
    leave_out(app, "customer-gender", "customer-source", "policy-kind")
    app.choose("import-renewal-owner", "周敏")
    app.choose("import-region", "澳大利亚")  # asked: many numbers are no Chinese ones
    took = import_it(app, len(listed), 0)
    stored = shop.operator.execute(
        "select expires_on::text from crm.policies where store_id = %s", (shop.id,)
    ).fetchall()
    assert Counter(x for (x,) in stored) == Counter(x["next_renewal_date"] for x in listed)
    fuels = shop.operator.execute(
        "select count(*) from crm.vehicles where store_id = %s and brand in ('P', 'D')", (shop.id,)
    ).fetchone()[0]
    assert fuels == sum(x["vehicle_fuel_type"] in ("P", "D") for x in listed)
    assert digest(shop) != before
    back = take_back(app)
    assert digest(shop) == before
    print(f"\n{len(listed)} policies in {took:.1f} s, taken back in {back:.1f} s")


@pytest.mark.parametrize("lines", LENGTHS)
def test_deals_come_by_mapping_and_go_again(visit, shop, tmp_path, lines):
    file, listed = some_of("crm_sales_pipeline.csv", lines, tmp_path)
    app = panel(visit, shop.person("梁文博", "store_admin"))
    before = digest(shop)
    open_list(app, "deals", file, len(listed))
    words = list(dict.fromkeys(x["deal_stage"] for x in listed))
    for place, word in enumerate(words):
        app.choose(f"stage-value-{place}", STAGES[word])
    leave_out(app, "deal-owner")  # nobody of this store sold them
    nameless = {number for number, x in enumerate(listed, 2) if not x["account"]}
    took = import_it(app, len(listed), len(nameless))
    assert error_rows(app) == nameless
    stages = shop.operator.execute(
        "select stage, count(*) from crm.deals where store_id = %s group by 1", (shop.id,)
    ).fetchall()
    keys = {"交车": "delivered", "战败": "lost", "报价": "quoted", "线索": "lead"}
    assert dict(stages) == Counter(keys[STAGES[x["deal_stage"]]] for x in listed if x["account"])
    back = take_back(app)
    assert digest(shop) == before
    print(f"\n{len(listed)} deals in {took:.1f} s, taken back in {back:.1f} s")
