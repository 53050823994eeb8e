"""An import that is stopped, or cut off, goes on where it was, as the same import; and it belongs
to the store it began in (S-57, F-81)."""

import asyncio
import csv
import io

import pytest

from admin.imports.state import ImportList
from shared.gateway import imports as remote
from shared.ui.text import Texts, problem_text
from tests.support.panel_screen import panel
from tests.support.present import present

ROWS = 1400  # three batches


def rows_of(first: int) -> str:
    lines = [f"S{first}-{n},停走{first}-{n}号,137{first:02}{n:06},展会" for n in range(ROWS)]
    lines[700] = f"S{first}-700,,13700000000,展会"  # no name: cannot be taken
    return "\n".join(["客户编号,客户姓名,手机号,备注", *lines])


@pytest.fixture
async def p(stack, people):
    async with panel(stack, people["admin"].email) as opened:
        yield opened


async def ready(p, tmp_path, first: int) -> ImportList:
    state = ImportList(p.session)
    await state.load()
    state.choose_kind("customers")
    file = tmp_path / "名单.csv"
    file.write_text(rows_of(first), encoding="utf8")
    await state.open(file.read_bytes(), "名单.csv")
    await state.preview()
    assert (state.step, state.rows.good, len(state.rows.problems)) == ("preview", ROWS - 1, 1)
    return state


async def test_stopped_and_gone_on_with_it_is_one_import(p, tmp_path):
    state = await ready(p, tmp_path, 11)
    going = asyncio.create_task(state.commit())
    await p.screen.settle(until=lambda: state.rows.done > 0, seconds=60)
    state.rows.stop()
    await going
    assert state.step == "stopped" and 0 < state.rows.done < state.rows.good
    part = state.rows.counts["created"]
    assert (state.runs[0].created, part) == (
        part,
        state.rows.done,
    )  # what came in stands among the imports and can be taken back
    await state.commit()
    assert (state.step, state.rows.counts["created"]) == ("done", ROWS - 1)
    assert [r.created for r in state.runs if r.file_name == "名单.csv"] == [
        ROWS - 1
    ]  # the same one, not two
    state.ask_revert(state.runs[0].id)
    await state.revert()
    assert state.reverted is not None and state.reverted.taken >= ROWS - 1
    assert state.step == "preview"  # the file is still here


async def test_a_cut_on_the_way_is_told_and_nothing_comes_twice(p, tmp_path, monkeypatch):
    monkeypatch.setattr("admin.imports.checked_rows.PAUSE", 0.01)
    state = await ready(p, tmp_path, 12)
    going = asyncio.create_task(state.commit())
    await p.screen.settle(until=lambda: state.rows.done > 0, seconds=60)
    p.wire.cut = True
    await going
    assert (state.step, state.problem) == ("stopped", "offline")
    p.wire.cut = False
    await state.commit()
    assert (state.step, state.problem, state.rows.counts["created"]) == ("done", "", ROWS - 1)
    state.ask_revert(state.runs[0].id)
    await state.revert()


async def test_rows_go_to_the_store_the_import_began_in(p, tmp_path):
    state = await ready(p, tmp_path, 13)
    here = p.session.store_id
    going = asyncio.create_task(state.commit())
    await p.screen.settle(until=lambda: state.rows.done > 0, seconds=60)
    p.session.me = p.session.me.model_copy(
        update={"store_id": p.session.services.new_id()}
    )  # another store was chosen above
    await going
    assert (state.step, state.problem, state.rows.counts["created"]) == ("done", "", ROWS - 1)
    runs = await remote.runs(p.session.services.gateway, here)
    assert runs[0].created == ROWS - 1
    state.ask_revert(runs[0].id)
    await state.revert()


async def test_the_error_file_speaks_the_readers_language(p, tmp_path):
    state = await ready(p, tmp_path, 14)
    _ = Texts("zh_CN")
    text = state.rows.error_file(
        present(state.file.sheet),
        ("行", "字段", "问题", "值"),
        {"customer.name": "客户 · 姓名"}.__getitem__,
        lambda code: problem_text(_, code),
    )
    lines = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    assert lines[0][:4] == ["行", "字段", "问题", "值"]
    assert lines[1] == ["702", "客户 · 姓名", "请填写。", "", "S14-700", "", "13700000000", "展会"]


async def test_rows_checked_as_one_kind_are_never_imported_as_another(p, tmp_path):
    state = await ready(p, tmp_path, 15)
    state.choose_kind("policies")
    assert (state.step, state.rows.good, state.rows.problems) == (
        "map",
        0,
        [],
    )  # its columns are asked for again
    state.choose_kind("customers")
    await state.preview()
    going = asyncio.create_task(state.commit())
    await p.screen.settle(until=lambda: state.rows.done > 0, seconds=60)
    state.choose_kind("deals")  # while it runs nothing happens
    await going
    assert (state.columns.kind, state.step) == ("customers", "done")
    assert state.rows.counts["created"] == ROWS - 1
    state.ask_revert(state.runs[0].id)
    await state.revert()
