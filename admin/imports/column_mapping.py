"""Which column fills what, and what the words of the list mean."""

from dataclasses import dataclass, field
from typing import Any

import flet as ft

from admin.imports.open_file import OpenFile
from admin.imports.reader import Sheet
from admin.session import AdminSession
from shared.domain import imports
from shared.domain.imports import ImportMapping, Kind
from shared.gateway.imports import SavedMapping


@ft.observable
@dataclass(eq=False)
class ColumnMapping:
    """members: (id, name) of those who may be named as owners."""

    session: AdminSession
    file: OpenFile
    kind: Kind = "policies"
    mapping: ImportMapping = field(default_factory=ImportMapping)
    name: str = ""  # under which it is saved
    saved: list[SavedMapping] = field(default_factory=list)
    members: list[tuple[str, str]] = field(default_factory=list)

    # columns --------------------------------------------------------------------------------------

    def propose(self, sheet: Sheet) -> None:
        """A saved mapping whose columns are all here, else a guess by the headings."""
        fitting = self.fitting(sheet)
        if fitting:
            self.use(fitting[0], sheet)
            return
        config = self.session.config
        pipeline = config.pipelines[0].key if config else ""
        guessed = self.guess(sheet)
        self.name, self.mapping = "", guessed.model_copy(update={"pipeline": pipeline})

    def guess(self, sheet: Sheet) -> ImportMapping:
        guessed = imports.guess(self.kind, sheet.headings, self.session.config)
        above = [line.text for line in sheet.left if line.kind == "above"]
        return imports.fit_mapping(guessed, sheet.rows, above)

    def use(self, saved: SavedMapping, sheet: Sheet) -> None:
        """The saved mapping; columns that its list did not have are guessed."""
        self.name = saved.name
        self.mapping = imports.extend_mapping(saved.mapping, self.guess(sheet))

    def fitting(self, sheet: Sheet) -> list[SavedMapping]:
        """Saved mappings of this kind whose columns are all in the file; the fullest first."""
        found = [
            s
            for s in self.saved
            if s.kind == self.kind and set(s.mapping.columns.values()) <= set(sheet.headings)
        ]
        return sorted(found, key=lambda s: -len(s.mapping.columns))

    def choose(self, name: str) -> None:
        found = next((s for s in self.saved if s.kind == self.kind and s.name == name), None)
        if found is not None and self.file.sheet is not None:
            self.use(found, self.file.sheet)

    def rename(self, name: str) -> None:
        self.name = name

    def change(self, **changes: Any) -> None:
        self.mapping = self.mapping.model_copy(update=changes)

    def map_column(self, target: str, heading: str) -> None:
        columns = {k: v for k, v in self.mapping.columns.items() if k != target}
        if heading:
            columns[target] = heading
        self.change(columns=columns)

    def set_default(self, target: str, text: str) -> None:
        """What an empty cell of that column stands for; empty takes the choice back."""
        defaults = {**self.mapping.defaults, target: text}
        self.change(defaults={k: v for k, v in defaults.items() if v})

    @property
    def missing(self) -> tuple[str, ...]:
        return imports.missing_targets(self.kind, self.mapping)

    @property
    def unmatched(self) -> list[str]:
        """The columns of the file that fill nothing."""
        sheet = self.file.sheet
        return imports.unmatched(sheet.headings, self.mapping) if sheet else []

    def region_to_ask(self) -> str:
        """The country most numbers seem to be of, when it is not the chosen one."""
        sheet = self.file.sheet
        return imports.region_to_ask(self.mapping, sheet.rows) if sheet else ""

    # words ----------------------------------------------------------------------------------------

    def map_value(self, target: str, text: str, key: str | None) -> None:
        """What a word of the list means: a key of ours, "" to leave it out, None for not
        decided."""
        of_target = {**self.mapping.values.get(target, {}), text: key}
        kept = {k: v for k, v in of_target.items() if v is not None}
        self.change(values={**self.mapping.values, target: kept})

    def map_others(self, target: str, key: str | None) -> None:
        """What all words mean that nobody decided about one by one."""
        others = {**self.mapping.others, target: key}
        self.change(others={k: v for k, v in others.items() if v is not None})

    @property
    def owners(self) -> dict[str, str]:
        return {name: member for member, name in self.members}

    def stage_values(self) -> list[str]:
        heading, sheet = self.mapping.columns.get("deal.stage"), self.file.sheet
        if sheet is None or not heading or self.kind != "deals":
            return []
        return list(imports.distinct_values(sheet.rows, heading))

    def unknown_words(self) -> list[tuple[str, dict[str, int]]]:
        """Mapped columns of a choice, each with the words the store does not have and in how many
        rows each stands: (target, {text: rows})."""
        config, sheet = self.session.config, self.file.sheet
        if config is None or sheet is None:
            return []
        found = [
            (t, imports.unknown_words(config, self.mapping, sheet.rows, self.owners, t))
            for t in imports.targets(self.kind, config)
            if t in self.mapping.columns and t != "deal.stage"
        ]
        return [(target, texts) for target, texts in found if texts]

    def undecided(self) -> int:
        """Words of choices about which nobody said yet what becomes of them."""
        return sum(
            1
            for target, texts in self.unknown_words()
            if target not in self.mapping.others
            for text in texts
            if text not in self.mapping.values.get(target, {})
        )
