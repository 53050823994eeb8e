"""Choosing columns, writing the file, and the log of what left (F-82)."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import flet as ft
import xlsxwriter

from admin.browser import in_background
from admin.session import AdminSession
from shared.domain import exports
from shared.domain.exports import Column
from shared.domain.problems import Problem, Rejected
from shared.domain.values.text import escape_formula
from shared.gateway import exports as remote
from shared.gateway import members as remote_members
from shared.gateway.exports import ExportRun, Layout

MAX_ROWS = 100_000


def as_xlsx(headings: Sequence[str], table: Sequence[Sequence[Any]]) -> bytes:
    """A workbook in constant memory; text is text: no formula, no link."""
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(
        out,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "in_memory": True,
        },
    )
    sheet = workbook.add_worksheet()
    bold = workbook.add_format({"bold": True})
    day = workbook.add_format({"num_format": "yyyy-mm-dd"})
    moment = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    for column, heading in enumerate(headings):
        sheet.write_string(0, column, escape_formula(heading), bold)
    for number, row in enumerate(table, 1):
        for column, value in enumerate(row):
            if isinstance(value, int | float) and not isinstance(value, bool):
                sheet.write_number(number, column, value)
            elif isinstance(value, datetime):
                sheet.write_datetime(number, column, value, moment)
            elif isinstance(value, date):
                sheet.write_datetime(number, column, datetime.combine(value, time()), day)
            else:
                sheet.write_string(number, column, str(value))
    workbook.close()
    return out.getvalue()


@ft.observable
@dataclass(eq=False)
class Export:
    session: AdminSession
    form: str = "customer"
    columns: list[Column] = field(default_factory=list)
    kind: str = "xlsx"
    reason: str = ""
    layout_name: str = ""
    layouts: list[Layout] = field(default_factory=list)
    runs: list[ExportRun] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    loaded: bool = False
    busy: bool = False
    count: int = 0
    problem: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    file: bytes = b""
    file_name: str = ""

    async def load(self) -> None:
        gateway, store = self.session.services.gateway, self.session.store_id
        try:
            self.layouts, self.runs = (
                await remote.layouts(gateway, store),
                await remote.runs(gateway, store),
            )
            self.names = {
                str(m.user_id): m.name for m in await remote_members.members(gateway, store)
            }
            self.problem = ""
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        if not self.columns:
            self.choose_form(self.form)
        self.loaded = True

    def offered(self) -> list[str]:
        return exports.offered(self.session.config, self.form) if self.session.config else []

    def choose_form(self, form: str) -> None:
        self.form = form
        plain = exports.PLAIN.get(form, ())
        self.columns = [
            Column(key=k)
            for k in self.offered()
            if k not in plain
            and (
                form == "customer"
                or not k.startswith("customer.")
                or k in ("customer.name", "customer.phone")
            )
        ]
        self.file, self.problem, self.problems = b"", "", {}

    def choose_layout(self, name: str) -> None:
        layout = next((x for x in self.layouts if x.form == self.form and x.name == name), None)
        if layout is not None:
            offered = self.offered()
            self.columns, self.layout_name = [c for c in layout.columns if c.key in offered], name

    def flip(self, key: str) -> None:
        """In or out; a new one comes last."""
        kept = [c for c in self.columns if c.key != key]
        self.columns = kept if len(kept) < len(self.columns) else [*self.columns, Column(key=key)]
        self.file = b""

    def move(self, index: int, step: int) -> None:
        other = index + step
        if 0 <= other < len(self.columns):
            columns = list(self.columns)
            columns[index], columns[other] = columns[other], columns[index]
            self.columns = columns

    def rename(self, key: str, heading: str) -> None:
        self.columns = [
            c.model_copy(update={"heading": heading[:80]}) if c.key == key else c
            for c in self.columns
        ]

    def set_value(self, key: str, value: str) -> None:
        setattr(self, key, value)
        self.problems = {k: v for k, v in self.problems.items() if k != key}

    async def save_layout(self) -> None:
        if not self.layout_name.strip():
            self.problems = {**self.problems, "layout_name": "required"}
            return
        gateway, store = self.session.services.gateway, self.session.store_id
        await remote.save_layout(
            gateway, store, self.form, self.layout_name.strip()[:80], self.columns
        )
        self.layouts = await remote.layouts(gateway, store)

    async def make(self, heading_of: dict[str, str], yes: str, no: str, title: str) -> None:
        """All pages, then the file; the server has counted every row before one is written."""
        if self.busy or self.session.config is None:
            return
        if not self.reason.strip():
            self.problems = {"reason": "required"}
            return
        if not self.columns:
            self.problem = "required"
            return
        self.busy, self.problem, self.problems, self.count, self.file = True, "", {}, 0, b""
        gateway, store, export_id = (
            self.session.services.gateway,
            self.session.store_id,
            self.session.services.new_id(),
        )
        keys = [c.key for c in self.columns]
        cell = exports.reader(
            self.session.config,
            self.form,
            self.names,
            self.session.language,
            {"yes": yes, "no": no},
            has_dates=self.kind == "xlsx",
        )
        table: list[list[Any]] = []
        try:
            async for rows in remote.pages(
                gateway, store, export_id, self.form, keys, self.reason.strip()
            ):
                table += exports.cells(keys, rows, cell)
                self.count = len(table)
                if len(table) > MAX_ROWS:
                    raise Rejected("too_many_rows")
            headings = [c.heading or heading_of.get(c.key, c.key) for c in self.columns]
            write = exports.as_csv if self.kind == "csv" else as_xlsx
            data = await in_background(write, headings, table)
            today = self.session.local(self.session.services.now())
            name = f"{title}-{today:%Y%m%d}.{self.kind}"
            await remote.finish(gateway, store, export_id, name, hashlib.sha256(data).hexdigest())
            self.file, self.file_name = data, name
            self.runs = await remote.runs(gateway, store)
        except Rejected as refused:
            if refused.field == "reason":
                self.problems = {"reason": refused.code}
            else:
                self.problem = refused.code
        except Problem as problem:
            self.session.guard(problem)
            self.problem = problem.code
        finally:
            self.busy = False
