"""The reader takes what stores have, and refuses what is meant to hurt, cleanly and soon (T13)."""

import io
import time
import zipfile

import pytest
import xlsxwriter

from admin.imports.reader import MAX_ROWS, read
from shared.domain.problems import Rejected

TEXT = "姓名,电话,到期日\n张三,13800138000,2026-12-01\n李四,13900139000,2026-12-02\n"


def workbook(rows, **options) -> bytes:
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, {"in_memory": True, **options})
    sheet = workbook.add_worksheet()
    for (row, column), value in rows.items():
        sheet.write(row, column, value)
    workbook.close()
    return out.getvalue()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters_are_found(tmp_path, encoding, delimiter):
    sheet = read(TEXT.replace(",", delimiter).encode(encoding))
    assert sheet.headings == ["姓名", "电话", "到期日"]
    assert sheet.rows[1] == {"姓名": "李四", "电话": "13900139000", "到期日": "2026-12-02"}


def test_rows_keep_the_numbers_the_spreadsheet_shows(tmp_path):
    assert read(b"\na,b\n\n1,2\n,\n3,4\n").numbered() == [
        (4, {"a": "1", "b": "2"}),
        (6, {"a": "3", "b": "4"}),
    ]
    sheet = read(workbook({(2, 0): "a", (2, 1): "b", (4, 0): "1", (7, 1): "2"}))
    assert sheet.numbers == [5, 8]


def test_cells_of_a_workbook_stay_what_they_are(tmp_path):
    sheet = read(
        workbook(
            {
                (0, 0): "name",
                (0, 1): "money",
                (0, 2): "name",
                (1, 0): "=1+1",
                (1, 1): 902.5,
                (1, 2): "@x",
            },
            strings_to_formulas=False,
        )
    )
    assert sheet.headings == ["name", "money", "name (3)"]
    assert sheet.rows == [{"name": "=1+1", "money": 902.5, "name (3)": "@x"}]


def refused(data) -> str:
    start = time.monotonic()
    with pytest.raises(Rejected) as caught:
        read(data)
    assert time.monotonic() - start < 10
    return caught.value.code


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(12):
            archive.writestr(f"xl/worksheets/sheet{n}.xml", b"0" * 20_000_000)
    assert len(out.getvalue()) < 400_000
    assert refused(out.getvalue()) == "file_too_large"


def test_a_zip_whose_sizes_lie_is_refused(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 5_000_000)
    honest = (5_000_000).to_bytes(4, "little")
    assert out.getvalue().count(honest) == 2
    assert (
        refused(out.getvalue().replace(honest, (1_000).to_bytes(4, "little"))) == "file_unreadable"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 and no more",
        b"PK" + bytes(1000),
        bytes(1000),
        b"\xd0\xcf\x11\xe0" + bytes(2000),
        b"%PDF-1.7\x00\x00",
    ],
)
def test_what_is_no_list_is_refused(data):
    assert refused(data) in ("file_unreadable", "file_empty")


def test_entity_expansion_finds_no_parser(tmp_path):
    good = workbook({(0, 0): "a", (1, 0): "b"})
    lol = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "lol">'
        + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
        + "]><sst><si><t>&j;</t></si></sst>"
    )
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(good)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for item in old.infolist():
            new.writestr(
                item.filename,
                lol if item.filename.endswith("sharedStrings.xml") else old.read(item),
            )
    start = time.monotonic()
    cells, code = 0, None
    try:
        sheet = read(out.getvalue())
        cells = sum(len(str(cell)) for row in sheet.rows for cell in row.values())
    except Rejected as refusal:
        code = refusal.code
    assert code in (None, "file_unreadable", "file_empty")
    assert cells < 10_000
    assert time.monotonic() - start < 5


def test_limits_of_rows_and_columns(tmp_path):
    assert refused(workbook({(0, 0): "a", (0, 16_383): "z", (1, 0): 1})) == "too_many_columns"
    assert refused(workbook({(0, 0): "a", (1_048_575, 0): 1})) == "too_many_rows"
    assert refused(("a," * 16_000 + "\n1\n").encode()) == "too_many_columns"
    assert refused(b"a\n" + b"1\n" * (MAX_ROWS + 1)) == "too_many_rows"
    assert refused(b"x" * 20_000_001) == "file_too_large"
    assert refused(b"a,b\n") == "file_empty"
    assert refused(b"") == "file_empty"
