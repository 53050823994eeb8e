"""Two hundred files that want to hurt: each is read or refused in our own words, within 30 seconds
and 512 MB (T13)."""

import csv
import io
import multiprocessing
import random
import resource
import time
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path

import pytest
import xlsxwriter

from admin.imports.reader import MAX_COLUMNS, MAX_ROWS, read
from shared.domain import imports
from shared.domain.exports import as_csv, cells
from shared.domain.problems import Rejected
from shared.domain.values.day import parse_day

WORDS = ["file_too_large", "file_unreadable", "too_many_rows", "too_many_columns", "file_empty"]
HEAD = "客户姓名,手机号,备注"
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1+1",
    "＋1",
    "－1",
    "＠x",
    '=HYPERLINK("http://x","y")',
    "=cmd|' /C calc'!A0",
    '=IMPORTXML("http://x")',
    "%0A=1",
    "\n=1",
    " =1",
]


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def sheet_xml(cells: str, extra: str = "", head: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<worksheet '
        f'xmlns="{MAIN}"><sheetData>{cells}</sheetData>{extra}</worksheet>'
    )


def workbook(
    cells: str,
    extra: str = "",
    head: str = "",
    more: dict[str, bytes] | None = None,
    date1904: bool = False,
) -> bytes:
    out, since = io.BytesIO(), '<workbookPr date1904="1"/>' if date1904 else ""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(
            "[Content_Types].xml",
            '<?xml version="1.0"?><Types '
            'xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default '
            'Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override '
            'PartName="/xl/workbook.xml" '
            'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"'
            "/></Types>",
        )
        z.writestr(
            "_rels/.rels",
            '<?xml version="1.0"?><Relationships '
            'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
            f'Id="r1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        z.writestr(
            "xl/workbook.xml",
            '<?xml version="1.0"?><workbook '
            f'xmlns="{MAIN}" xmlns:r="{RELATIONS}">{since}'
            '<sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        z.writestr(
            "xl/_rels/workbook.xml.rels",
            '<?xml version="1.0"?><Relationships '
            'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
            f'Id="r1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
            "</Relationships>",
        )
        z.writestr("xl/worksheets/sheet1.xml", sheet_xml(cells, extra, head))
        for name, data in (more or {}).items():
            z.writestr(name, data)
    return out.getvalue()


def cell(ref: str, text: str = "x") -> str:
    return f'<c r="{ref}" t="inlineStr"><is><t>{text}</t></is></c>'


def far_corners() -> Iterator[tuple[str, bytes]]:
    for a, b in (
        ("A1", "XFD1048576"),
        ("A1", "GR100001"),
        ("A1", "A1048576"),
        ("A1", "XFD1"),
        ("GR1", "A100001"),
        ("A1", "ZZZZ9"),
        ("A1", "A999999999999"),
        ("a1", "xfd1048576"),
        ("A1", "AN100000"),
        ("A1", "A0"),
        ("A1", "A4294967296"),
    ):
        yield (
            f"corners-{a}-{b}.xlsx",
            workbook(f'<row r="1">{cell(a)}</row><row r="2">{cell(b)}</row>'),
        )
        yield (
            f"corners-swapped-{a}-{b}.xlsx",
            workbook(f'<row r="1">{cell(b)}</row><row r="1">{cell(a)}</row>'),
        )


def bombs() -> Iterator[tuple[str, bytes]]:
    for megabytes in (50, 250, 1_000):
        out = io.BytesIO()
        with (
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z,
            z.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as f,
        ):
            for _ in range(megabytes):
                f.write(b"0" * 1_000_000)
        yield f"bomb-{megabytes}.xlsx", out.getvalue()
    nested = workbook(
        f'<row r="1">{cell("A1")}</row>',
        more={f"xl/media/{n}.zip": b"0" * 900_000 for n in range(40)},
    )
    yield "nested.xlsx", nested
    yield "cut.xlsx", nested[: len(nested) // 2]
    yield "twice.xlsx", nested + nested
    yield (
        "many-parts.xlsx",
        workbook(
            f'<row r="1">{cell("A1")}</row>', more={f"xl/p{n}.xml": b"x" for n in range(3_000)}
        ),
    )
    for n in (8, 9, 12):
        entities = (
            "<!DOCTYPE x [<!ENTITY a 'lol'>"
            + "".join(f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(n))
            + "]>"
        )
        yield (
            f"entities-{n}.xlsx",
            workbook(
                f'<row r="1">{cell("A1", f"&{chr(97 + n)};")}</row><row r="2">{cell("A2")}</row>',
                head=entities,
            ),
        )
    yield (
        "external.xlsx",
        workbook(
            f'<row r="1">{cell("A1", "&x;")}</row><row r="2">{cell("A2")}</row>',
            head="<!DOCTYPE x [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
        ),
    )
    yield (
        "merged.xlsx",
        workbook(
            f'<row r="1">{cell("A1")}</row><row r="2">{cell("A2")}</row>',
            extra="<mergeCells>" + "<mergeCell ref='A1:XFD1048576'/>" * 100_000 + "</mergeCells>",
        ),
    )
    yield "deep.xlsx", workbook("<row>" * 50_000 + "</row>" * 50_000)
    yield "rows-without-numbers.xlsx", workbook("<row><c><v>1</v></c></row>" * (MAX_ROWS + 50))
    yield (
        "wide-without-names.xlsx",
        workbook("<row>" + "<c><v>1</v></c>" * 16_384 + "</row><row><c><v>1</v></c></row>"),
    )
    yield (
        "strings-missing.xlsx",
        workbook(
            '<row r="1"><c r="A1" t="s"><v>99999999</v></c></row><row r="2"><c r="A2" '
            't="s"><v>-1</v></c></row>'
        ),
    )
    yield (
        "numbers.xlsx",
        workbook(
            "".join(
                f'<row r="{n}"><c r="A{n}"><v>{v}</v></c></row>'
                for n, v in enumerate(["1e999", "NaN", "-inf", "1" * 400, "0x1", ""], 1)
            )
        ),
    )
    for n in range(12):
        yield (
            f"path-{n}.xlsx",
            workbook(
                f'<row r="1">{cell("A1")}</row>',
                more={"../" * n + "etc/passwd": b"x", f"C:\\{n}": b"y"},
            ),
        )


def texts() -> Iterator[tuple[str, bytes]]:
    body = HEAD + "\n" + "\n".join(f"张{n},1380000{n:04d},备注{n}" for n in range(40))
    for encoding in (
        "utf-8",
        "utf-8-sig",
        "gb18030",
        "gbk",
        "gb2312",
        "big5hkscs",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-7",
        "euc-kr",
        "shift_jis",
        "cp1252",
        "latin-1",
        "cp437",
    ):
        yield f"{encoding}.csv", body.encode(encoding, errors="replace")
    for mark in (",", ";", "\t", "|", "::", "\x1f"):
        yield f"mark-{ord(mark[0])}.csv", body.replace(",", mark).encode()
    for end in ("\r", "\r\n", "\n\r", "\u2028", "\x0b"):
        yield f"ends-{ord(end[0])}.csv", body.replace("\n", end).encode()
    for n, formula in enumerate(FORMULAS):
        quoted = formula.replace('"', '""')
        yield f"formula-{n}.csv", f'{HEAD}\n"{quoted}",13800000000,"{quoted}"'.encode()
    yield "quote-never-ends.csv", (HEAD + '\n"' + "x" * 3_000_000).encode()
    yield "one-long-cell.csv", (HEAD + "\n" + "x" * 900_000 + ",1,2").encode()
    yield "one-too-long-cell.csv", (HEAD + "\n" + "x" * 2_000_000 + ",1,2").encode()
    yield "only-commas.csv", (b"," * 199 + b"\n") * 99_000
    yield "only-ends.csv", b"\n" * 19_000_000
    yield "only-quotes.csv", b'"' * 5_000_001
    yield "only-nulls.csv", bytes(5_000_000)
    yield "nulls-inside.csv", body.replace("1", "\x00").encode()
    yield "wide.csv", (",".join(f"c{n}" for n in range(16_384)) + "\n1").encode()
    yield (
        "as-wide-as-allowed.csv",
        (
            ",".join(f"c{n}" for n in range(MAX_COLUMNS))
            + "\n"
            + ",".join("1" for _ in range(MAX_COLUMNS))
        ).encode(),
    )
    yield "same-headings.csv", (",".join(["名"] * 150) + "\n" + ",".join(["1"] * 150)).encode()
    yield "ragged.csv", (HEAD + "\n1\n1,2,3,4,5,6,7\n,,,,\n").encode()
    yield "long.csv", (HEAD + "\n" + "a,b,c\n" * (MAX_ROWS + 1)).encode()
    yield "emoji.csv", f"{HEAD}\n{'👨‍👩‍👧‍👦' * 500},1,{'‮' * 90}".encode()
    yield "surrogates.csv", (HEAD + "\n").encode() + b"\xed\xa0\x80,\xff\xfe,\xc0\xaf"


def dates() -> Iterator[tuple[str, bytes]]:
    for n, written in enumerate(
        [
            "2026-02-30",
            "0000-00-00",
            "1900-02-29",
            "31/12/9999",
            "1/1/0001",
            "2026年13月1日",
            "60",
            "-1",
            "2958466",
            "昨天",
            "2026-11-24T25:61:61",
            "٢٠٢٦-١١-٢٤",
            "２０２６-１１-２４",
        ]
    ):
        yield f"date-{n}.csv", f"客户姓名,保险到期日\n张三,{written}".encode()
    for is_1904 in (False, True):
        for serial in (
            "0",
            "60",
            "1462",
            "45000.999999",
            "2958465",
            "2958466",
            "-1",
            "99999999999",
        ):
            styles = (
                f'<?xml version="1.0"?><styleSheet xmlns="{MAIN}"><cellXfs><xf/>'
                '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>'
            ).encode()
            yield (
                f"serial-{is_1904}-{serial}.xlsx",
                workbook(
                    f'<row r="1">{cell("A1", "日期")}</row><row r="2"><c r="A2" '
                    f's="1"><v>{serial}</v></c></row>',
                    date1904=is_1904,
                    more={"xl/styles.xml": styles},
                ),
            )


def noise(dice: random.Random) -> Iterator[tuple[str, bytes]]:
    good = workbook(
        "".join(
            f'<row r="{n}">{cell(f"A{n}", "张三")}{cell(f"B{n}", "=1+1")}</row>'
            for n in range(1, 30)
        )
    )
    for n in range(60):
        data = bytearray(good)
        for _ in range(dice.choice((1, 4, 40))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        yield f"flipped-{n}.xlsx", bytes(data)
    for n in range(20):
        yield f"noise-{n}.csv", dice.randbytes(dice.choice((10, 1_000, 100_000)))
        yield f"noise-{n}.xlsx", b"PK\x03\x04" + dice.randbytes(dice.choice((10, 1_000, 50_000)))


def files() -> Iterator[tuple[str, bytes]]:
    yield from far_corners()
    yield from bombs()
    yield from texts()
    yield from dates()
    yield from noise(random.Random(13))


def _read_all(folder: str, answers) -> None:
    """In a process of its own: what it takes at most in memory is known when it is done."""
    for name, data in files():
        file = Path(folder) / "file"
        file.write_bytes(data)
        start = time.monotonic()
        try:
            answer = f"{len(read(file.read_bytes()).rows)} rows"
        except Rejected as refusal:
            answer = refusal.code
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"[:200]
        answers.put((name, answer, time.monotonic() - start))
    answers.put(("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, 0.0))


def test_two_hundred_hostile_files_are_read_or_refused_in_time_and_in_memory(tmp_path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=_read_all, args=(str(tmp_path), answers))
    child.start()
    found: dict[str, tuple[str, float]] = {}
    megabytes = None
    while megabytes is None:
        name, answer, seconds = answers.get(
            timeout=120
        )  # a child that was killed would never answer
        if name == "memory":
            megabytes = answer
        else:
            found[name] = (answer, seconds)
    child.join()
    slowest = max(found, key=lambda name: found[name][1])
    print(
        f"\n{len(found)} files, {megabytes} MB at most, slowest {slowest} {found[slowest][1]:.1f} s"
    )
    assert len(found) >= 200
    assert {
        n: a for n, (a, _s) in found.items() if not a.endswith(" rows") and a not in WORDS
    } == {}
    assert {n: s for n, (_a, s) in found.items() if s > 30} == {}
    assert megabytes <= 512
    for name in (
        "corners-A1-XFD1048576.xlsx",
        "corners-A1-GR100001.xlsx",
        "bomb-1000.xlsx",
        "only-commas.csv",
        "wide.csv",
        "long.csv",
        "bomb-250.xlsx",
    ):
        assert not found[name][0].endswith(" rows"), name
    for name in (
        "utf-8.csv",
        "gb18030.csv",
        "utf-16.csv",
        "mark-9.csv",
        "ends-13.csv",
        "as-wide-as-allowed.csv",
    ):
        assert found[name][0].endswith(" rows"), name


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_formula_leaves_alive(formula):
    table = list(cells(["a"], [{"a": formula}], lambda key, value: value))
    assert table[0][0][:1] not in tuple("=+-@\t\r＝＋－＠")
    written = list(
        csv.reader(io.StringIO(as_csv([formula], table).decode("utf-8-sig"), newline=""))
    )
    assert [
        cell for line in written for cell in line if cell.lstrip()[:1] in tuple("=+-@＝＋－＠")
    ] == []
    assert list(
        cells(["a"], [{"a": None}, {"a": ""}, {"a": "2026-11-24"}], lambda key, value: value or "")
    ) == [[""], [""], ["2026-11-24"]]


def test_a_workbook_holds_text_where_a_formula_was_written():
    from admin.export.state import as_xlsx

    data = as_xlsx(FORMULAS, [[f] for f in FORMULAS])
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        assert b"<f>" not in z.read("xl/worksheets/sheet1.xml")
        assert b"hyperlink" not in z.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1900-02-29", None),
        ("2026-02-30", None),
        ("24.11.2026", "2026-11-24"),
        ("20261124", "2026-11-24"),
        ("99999999", None),
    ],
)
def test_days_written_as_text(text, expected):
    found = parse_day(text).value
    assert (found.isoformat() if found else None) == expected


def test_1904_and_1900_mean_the_same_day(tmp_path):
    for is_1904 in (False, True):
        out = io.BytesIO()
        workbook = xlsxwriter.Workbook(out, {"date_1904": is_1904})
        sheet = workbook.add_worksheet()
        sheet.write(0, 0, "日期")
        sheet.write_datetime(
            1,
            0,
            datetime.combine(date(2026, 11, 24), clock()),
            workbook.add_format({"num_format": "yyyy-mm-dd"}),
        )
        workbook.close()
        file = tmp_path / f"{is_1904}.xlsx"
        file.write_bytes(out.getvalue())
        found = read(file.read_bytes()).rows[0]["日期"]
        assert imports.cell_text(found) == "2026-11-24"
