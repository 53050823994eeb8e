"""A hundred thousand good rows in a minute and half a gigabyte, through the panel's own state, over
HTTP, into a fresh store (T13)."""

import resource
import time

import pytest

from tests.admin.test_import_real_lists import ask, panel, stack  # noqa: F401 - fixtures

pytestmark = pytest.mark.long
ROWS = 100_000


async def test_a_hundred_thousand_rows(panel, stack, tmp_path):  # noqa: F811
    state, store, _renewal = panel
    file = tmp_path / "大名单.csv"
    with file.open("w", encoding="gb18030") as out:
        out.write("客户编号,车主姓名,手机号,车牌号,品牌,保险公司,保费,保险到期日\n")
        for n in range(ROWS):
            out.write(
                f"N{n},客户{n},139{n:08d},沪A{n:05d},大众,人保财险,{3000 + n % 2000}.50,"
                f"2027-{n % 12 + 1:02d}-{n % 28 + 1:02d}\n"
            )
    start = time.monotonic()
    await state.open(file.read_bytes(), file.name)
    assert (state.problem, len(state.file.sheet.rows)) == ("", ROWS)
    read = time.monotonic()
    state.options.set_value("pool", "retained")
    await state.preview()
    assert (state.problem, state.rows.good, state.rows.problems) == ("", ROWS, [])
    checked = time.monotonic()
    await state.commit()
    done = time.monotonic()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"\nread {read - start:.1f} s, checked {checked - read:.1f} s, imported "
        f"{done - checked:.1f} s ({ROWS / (done - checked):.0f} rows/s), {megabytes} MB"
    )
    assert (state.problem, state.rows.counts["created"]) == ("", ROWS)
    assert ask(stack, "select count(*) from crm.policies where store_id = %s", store) == [(ROWS,)]
    assert megabytes <= 512
