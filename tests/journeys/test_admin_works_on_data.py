"""The panel's rooms for data, as an admin uses them: a dry run before publishing, a merge and its
undo, an export with its log, the audit, an import and its way back."""

import csv
import hashlib
import io
import re

import pytest
from playwright.sync_api import expect
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from forecourt.claims import as_member
from tests.support.browser import DESKTOP

pytestmark = pytest.mark.journey


@pytest.fixture
def panel(visit):
    def open_page(name: str):
        app = visit("admin", "/admin/", **DESKTOP)
        app.see_id("sign-out")
        app.page.goto(f"{app.base}/admin/{name}")
        app.ready()
        return app

    return open_page


@pytest.fixture
def store(operator, people):
    return operator.execute(
        "select store_id from crm.members where user_id = %s", (people["admin"].user_id,)
    ).fetchone()[0]


def test_a_rule_is_tried_on_the_last_ninety_days_before_it_is_published(panel, operator, store):
    app = panel("rules")
    count = "select count(*) from crm.tasks"
    before = operator.execute(count).fetchone()
    app.tap("dry-run")
    expect(app.id("dry-run-facts").first).to_be_attached(timeout=120_000)
    first = app.id("dry-run-facts").inner_text()
    assert re.search(r"90 天共 \d+ 个任务", first)
    app.see("林晓")
    app.scroll_to("rule-open-renewal-windows")
    app.tap("rule-open-renewal-windows")
    app.type("rule-days-renewal-windows", "90、75、60、45、30、15、7")
    app.scroll_to("dry-run", up=True)
    app.see("规则已修改")
    app.tap("dry-run")
    expect(app.id("dry-run-facts")).not_to_have_text(first, timeout=120_000)
    assert operator.execute(count).fetchone() == before
    assert operator.execute(
        "select days from crm.rules where store_id = %s and key = 'renewal_windows'", (store,)
    ).fetchone() == ([90, 60, 30, 15, 7],)  # nothing is published yet
    app.tap("undo")


def test_two_of_one_person_become_one_and_two_again(panel, operator, people, store):
    lin, chen = people["lin"].user_id, people["chen"].user_id
    for owner, name in ((lin, "重复一号"), (chen, "重复先生")):
        operator.execute(
            "insert into crm.customers (store_id, id, owner_id, name, phone, source, level) "
            "values (%s, gen_random_uuid(), %s, %s, '13755550001', 'walk_in', 'near')",
            (store, owner, name),
        )
    app = panel("duplicates")
    app.tap("pair-0")  # the newest pair stands first
    app.tap("take-name-two")
    app.tap("merge")
    app.see_id("undo-merge")
    look = (
        "select name, removed_at is not null from crm.customers where phone = '13755550001' "
        "order by created_at, id"
    )
    assert (
        sorted(operator.execute(look).fetchall())[0][1]
        != sorted(operator.execute(look).fetchall())[1][1]
    )
    assert operator.execute(
        "select count(*) from crm.merges where undone_at is null"
    ).fetchone() == (1,)
    app.tap("undo-merge")
    app.see("已撤销")
    assert [removed for _name, removed in operator.execute(look).fetchall()] == [False, False]
    assert {name for name, _removed in operator.execute(look).fetchall()} == {
        "重复一号",
        "重复先生",
    }
    operator.execute("update crm.customers set removed_at = now() where phone = '13755550001'")


def test_a_list_leaves_with_a_reason_and_stands_in_the_log_and_the_audit(
    panel, operator, people, store
):
    operator.execute(
        "insert into crm.customers (store_id, id, owner_id, name, phone, source, level, need) "
        "values (%s, gen_random_uuid(), %s, '公式客户', '13755550002', 'walk_in', 'near', "
        "'=HYPERLINK(\"http://x\")')",
        (store, people["lin"].user_id),
    )
    app = panel("export")
    app.tap("export-kind-csv")
    app.tap("make-export")
    app.see("请填写")  # a reason is asked for first
    app.type("export-reason", "月度盘点")
    app.tap("make-export")
    app.see_id("export-facts")
    with app.page.expect_download() as saved:
        app.tap("download-export")
    data = saved.value.path().read_bytes()
    lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    mine = next(line for line in lines if line[0] == "公式客户")
    assert "13755550002" in mine and '\'=HYPERLINK("http://x")' in mine
    assert not any(cell[:1] in tuple("=+-@\t\r＝＋－＠") for line in lines for cell in line if cell)
    rows, reason, digest = operator.execute(
        "select rows, reason, sha256 from crm.exports where store_id = %s order by created_at "
        "desc limit 1",
        (store,),
    ).fetchone()
    assert (rows, reason, digest) == (len(lines) - 1, "月度盘点", hashlib.sha256(data).hexdigest())
    app.page.goto(f"{app.base}/admin/audit")
    app.ready()
    app.tap("audit-what-audit-events")
    app.see("导出名单")
    app.see("月度盘点")


LIST = "\n".join(
    [
        "客户编号,客户姓名,手机号,客户来源,意向级别,备注",
        *(f"R{n},撤回{n}号,1366000{n:04d},社区巡展,准购买,想看{n}号车" for n in range(1, 6)),
    ]
)


def test_an_import_is_taken_back_and_who_was_worked_on_stays(
    panel, operator, people, store, tmp_path
):
    file = tmp_path / "展会名单.csv"
    file.write_bytes(LIST.encode("utf-16"))
    app = panel("imports")
    app.tap("kind-customers")
    with app.page.expect_file_chooser() as chooser:
        app.tap("pick-file")
    chooser.value.set_files(str(file))
    app.see("5 行")
    # A word that is in no list of the store, and that no other test gives a meaning: mappings are
    # remembered for lists with the same headings.
    app.choose("value-customer-source-0", "到店")
    app.scroll_to("preview", up=True)
    app.tap("preview")
    app.see_id("commit")
    app.tap("commit")
    app.see_id("import-result")
    named = (
        "select count(*) from crm.customers where store_id = %s and name like '撤回%%号' and "
        "removed_at is null"
    )
    assert operator.execute(named, (store,)).fetchone() == (5,)
    with operator.transaction():
        kept = operator.execute(
            "select id, version from crm.customers where store_id = %s and name = '撤回3号'",
            (store,),
        ).fetchone()
        with as_member(operator, people["admin"].user_id):
            op = {
                "op_id": str(uuid7()),
                "seq": 1,
                "verb": "save_customer",
                "base_version": kept[1],
                "payload": {"store_id": str(store), "id": str(kept[0]), "set": {"need": "已联系"}},
            }
            assert (
                operator.execute(
                    "select api.sync_push(gen_random_uuid(), %s)", (Jsonb([op]),)
                ).fetchone()[0][0]["status"]
                == "applied"
            )
    app.tap("revert-0")
    app.tap("revert-yes")
    expect(app.id("revert-result")).to_contain_text("撤回3号")
    assert operator.execute(named, (store,)).fetchone() == (1,)
