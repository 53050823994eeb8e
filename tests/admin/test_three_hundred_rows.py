"""Three hundred rows with a hundred seeded mistakes through the panel's own state: every mistake is
refused with row and reason, or corrected and told; the database holds what the file says, and
nothing else."""

from tests.admin.test_import_real_lists import ask, panel, stack  # noqa: F401 - fixtures

ROWS = 300
HEADINGS = ["姓名", "手机", "车牌号", "车架号", "年款", "预算", "性别", "备注"]
# (column, what stands there, "refused" or the value that is stored, code)
MISTAKES = [
    ("手机", "1.38E+10", "refused", "scientific"),
    ("手机", "138****1111", "refused", "masked"),
    ("手机", "13800002O34", "refused", "format"),
    ("手机", "00000000000", "refused", "format"),
    ("手机", "2027-03-05", "refused", "format"),
    ("手机", "1380000999", "refused", "format"),
    ("手机", "#N/A", "refused", "error_cell"),
    ("手机", "{phone}/021-58881234", "{phone}", "phone_several"),
    ("手机", "{phone}(太太)", "{phone}", "phone_words"),
    ("手机", "021-5888{n:04}转801", "0215888{n:04}", "phone_extension"),
    ("车牌号", "浙苏H6F681", "refused", "plate_shape"),
    ("车牌号", "沪A12O45", "refused", "plate_shape"),
    ("车牌号", "沪A**345", "refused", "masked"),
    ("车架号", "LSVAA4182E212345O", "refused", "vin_letters"),
    ("车架号", "1.23E+16", "refused", "scientific"),
    ("车架号", "LSVAA4182E2123456", "LSVAA4182E2123456", "vin_check"),
    ("年款", "2999", "refused", "range"),
    ("年款", "明年", "refused", "type"),
    ("年款", "24款", 2024, "year_short"),
    ("预算", "3-5万", "refused", "type"),
    ("预算", "$5000", "refused", "currency"),
    ("预算", "-5000", "refused", "range"),
    ("预算", "5000.005", 500000, "money_rounded"),
    ("性别", "不男不女", "refused", "option"),
    ("备注", "#REF!", "refused", "error_cell"),
    ("姓名", "", "refused", "required"),
    ("姓名", "长" * 81, "refused", "length"),
]


def clean(n: int) -> dict[str, str]:
    return {
        "姓名": f"客户{n:03}",
        "手机": f"139{n:08}",
        "车牌号": f"沪A{n:05}",
        "车架号": "",
        "年款": "2024款",
        "预算": "12.5万",
        "性别": "女",
        "备注": f"第{n}位，要白色",
    }


async def test_every_mistake_is_told_and_nothing_else_changes(panel, stack, tmp_path):  # noqa: F811
    state, store, _renewal = panel
    rows = {number: clean(number) for number in range(2, ROWS + 2)}
    seeded = {}
    for n, number in enumerate(range(3, ROWS + 2, 3)):
        column, value, stored, code = MISTAKES[n % len(MISTAKES)]
        phone = rows[number]["手机"]
        rows[number][column] = value.format(phone=phone, n=number)
        stored = stored.format(phone=phone, n=number) if isinstance(stored, str) else stored
        seeded[number] = (column, stored, code)
    assert len(seeded) == 100
    file = tmp_path / "三百行.csv"
    lines = [",".join(HEADINGS), *(",".join(row.values()) for row in rows.values())]
    file.write_text("\n".join(lines), encoding="gb18030")
    state.choose_kind("customers")
    await state.open(file.read_bytes(), file.name)
    await state.preview()
    assert (state.problem, state.step) == ("", "preview")
    refused = {number: code for number, (_c, stored, code) in seeded.items() if stored == "refused"}
    doubted = {number: code for number, (_c, stored, code) in seeded.items() if stored != "refused"}
    assert {p.row: p.code for p in state.rows.problems} == refused
    assert {w.row: w.code for w in state.rows.warnings} == doubted
    assert {e.row for e in state.rows.effects if e.made == ("customer", "vehicle")} == set(
        rows
    ) - set(refused)
    await state.commit()
    assert (state.problem, state.step) == ("", "done")
    expected = set()
    for number in set(rows) - set(refused):
        row = {**rows[number], "年款": 2024, "预算": 12_500_000, "性别": "female"}
        if number in seeded:
            row[seeded[number][0]] = seeded[number][1]
        expected.add(tuple(value or None for value in row.values()))
    stored = ask(
        stack,
        "select c.name, c.phone, v.plate, v.vin, v.model_year, (c.custom ->> "
        "'budget_fen')::bigint, "
        "c.gender, c.need from crm.customers c left join crm.vehicles v on v.store_id = c.store_id "
        "and v.customer_id = c.id where c.store_id = %s",
        store,
    )
    assert len(stored) == len(expected) and set(stored) == expected
