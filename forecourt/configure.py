"""`forecourt config`: a store's document as a file, for people who keep it in version control or
move it to another store."""

import argparse
import json
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from forecourt.signed_in import Act
from shared.domain import presets
from shared.domain.config import BASE_TYPES, StoreConfig
from shared.domain.differences import differences
from shared.domain.impact import Impact, costs_changed
from shared.domain.problems import Rejected
from shared.gateway import config as remote
from shared.gateway.client import Gateway


def add_commands(parser: argparse.ArgumentParser) -> None:
    """config show | versions | export | check | publish | restore | diff | presets | schema."""
    commands = parser.add_subparsers(dest="act", required=True)

    def command(name: str, act: Act, text: str, *arguments: str, note: bool = False) -> None:
        found = commands.add_parser(name, help=text)
        for argument in arguments:
            found.add_argument(argument)
        if note:
            found.add_argument("--note", default="")
        found.add_argument("--store", help="name or id; needed when you belong to several")
        found.set_defaults(perform=act)

    command("show", show, "the published version and what it holds")
    command("versions", versions, "who published what, newest first")
    command("export", export, "write the published document to FILE (- for the screen)", "file")
    command("check", check, "what publishing FILE would do; writes nothing", "file")
    command("publish", publish, "publish FILE: a document, or preset:KEY", "file", note=True)
    command("restore", restore, "publish an earlier VERSION again", "version", note=True)
    command(
        "diff",
        diff,
        "what differs between two of: a version number, a file, preset:KEY",
        "old",
        "new",
    )
    commands.add_parser("presets", help="documents to begin with").set_defaults(run=list_presets)
    commands.add_parser("schema", help="the JSON Schema of a document").set_defaults(
        run=lambda: print(schema_text(), end="")
    )


async def _document(gateway: Gateway, store: UUID, name: str) -> StoreConfig:
    """A version number, preset:KEY, - or a file."""
    if name.startswith("preset:"):
        return presets.load(name.removeprefix("preset:"))
    if name.isdigit():
        found = next(
            (v for v in await remote.versions(gateway, store) if v.version == int(name)), None
        )
        if found is None:
            raise Rejected("not_found")
        return StoreConfig.model_validate(found.document)
    return StoreConfig.model_validate_json(_read(name))


def _read(name: str) -> str:
    return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf8")


def _write(name: str, text: str) -> None:
    if name == "-":
        print(text, end="")
    else:
        Path(name).write_text(text, encoding="utf8")


async def show(gateway: Gateway, store: UUID, arguments: argparse.Namespace) -> int:
    found = await remote.get(gateway, store)
    document = found.document
    fields = ", ".join(f"{form} {len(x.fields)}" for form, x in document.forms.items())
    print(f"version {found.version}  digest {document.digest()[:16]}")
    print(
        f"fields: {fields}\nroles: {', '.join(r.key for r in document.roles)}\nstages: "
        + "; ".join(f"{p.key}: {', '.join(s.key for s in p.stages)}" for p in document.pipelines)
    )
    return 0


async def versions(gateway: Gateway, store: UUID, arguments: argparse.Namespace) -> int:
    for v in await remote.versions(gateway, store):
        print(f"{v.version:>4}  {v.published_at:%Y-%m-%d %H:%M}  {v.author_name or '–'}  {v.note}")
    return 0


async def export(gateway: Gateway, store: UUID, arguments: argparse.Namespace) -> int:
    _write(
        arguments.file,
        json.dumps(
            (await remote.get(gateway, store)).document.document(), ensure_ascii=False, indent=2
        )
        + "\n",
    )
    return 0


async def check(gateway: Gateway, store: UUID, arguments: argparse.Namespace) -> int:
    """0 when it can be published, 2 when it would be refused."""
    now, then = (
        (await remote.get(gateway, store)).document,
        await _document(gateway, store, arguments.file),
    )
    found = await remote.check(gateway, store, then.document())
    for line in sorted(found, key=lambda x: ("refused", "warning", "info").index(x.level)):
        print(impact_line(line))
    for role, before, after in costs_changed(now, then):
        print(
            f"info     price of logging  {role}: {before.taps} taps, {before.seconds} s → "
            f"{after.taps} taps, {after.seconds} s"
        )
    if not found:
        print("nothing that people or records would notice")
    return 2 if any(x.level == "refused" for x in found) else 0


def impact_line(item: Impact) -> str:
    """One consequence on one line, for the terminal."""
    where = ".".join(x for x in (item.form, item.pipeline, item.key) if x) or item.subject or ""
    details = [
        item.role or "",
        f"{item.count} records" if item.count else "",
        f"options {', '.join(item.options)}" if item.options else "",
        item.problem or "",
        f"reads {item.hidden}" if item.hidden else "",
    ]
    details += [
        f"{'.'.join(x for x in (c.form, c.key or c.what) if x)}: {c.before} → {c.after}"
        if c.after is not None or c.before is not None
        else f"{c.form}.{c.key}"
        for c in item.changes[:10]
    ]
    details += (
        [f"{item.before} → {item.after}"]
        if item.before is not None or item.after is not None
        else []
    )
    return (
        f"{item.level:<8} {item.kind.replace('_', ' ')}  {where}  "
        f"{'; '.join(x for x in details if x)}"
    ).rstrip()


async def publish(gateway: Gateway, store: UUID, arguments: argparse.Namespace) -> int:
    now = await remote.get(gateway, store)
    version = await remote.publish(
        gateway,
        store,
        await _document(gateway, store, arguments.file),
        base_version=now.version,
        note=arguments.note,
    )
    print(f"version {version} is published")
    return 0


async def restore(gateway: Gateway, store: UUID, arguments: argparse.Namespace) -> int:
    now = await remote.get(gateway, store)
    version = await remote.restore(
        gateway, store, int(arguments.version), base_version=now.version, note=arguments.note
    )
    print(f"version {arguments.version} is published again as {version}")
    return 0


async def diff(gateway: Gateway, store: UUID, arguments: argparse.Namespace) -> int:
    old, new = (
        await _document(gateway, store, arguments.old),
        await _document(gateway, store, arguments.new),
    )
    for line in difference_lines(old, new):
        print(line)
    return 0


def difference_lines(old: StoreConfig, new: StoreConfig) -> Iterable[str]:
    sign = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}
    for d in differences(old.document(), new.document()):
        values = {
            "added": f" {_short(d.after)}",
            "removed": f" {_short(d.before)}",
            "changed": f" {_short(d.before)} → {_short(d.after)}",
            "moved": "",
        }
        yield f"{sign[d.kind]} {'.'.join(d.path)}{values[d.kind]}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:99] + "…"


def list_presets() -> None:
    for key in presets.KEYS:
        print(f"preset:{key:<14} {presets.label(key)['zh_CN']}")


def schema_text() -> str:
    """The JSON Schema of StoreConfig, as docs/developers/store-config.schema.json holds it."""
    return (
        json.dumps(StoreConfig.model_json_schema(by_alias=True), ensure_ascii=False, indent=2)
        + "\n"
    )


def schema_sql() -> str:
    """The same as the function of the database that publishing asks, without titles and words
    (supabase/schemas/045_document_schema.sql).

    Lengths of lists are left out where publishing has a sentence of its own for them (too_many,
    no_open_stage).
    """
    schema = _bare(StoreConfig.model_json_schema(by_alias=True))
    for part, name in (
        (schema, "roles"),
        (schema["$defs"]["Form"], "fields"),
        (schema["$defs"]["Pipeline"], "stages"),
    ):
        for limit in ("minItems", "maxItems"):
            part["properties"][name].pop(limit, None)
    schema["$defs"]["FieldDefinition"]["properties"]["pattern"] = {}  # bad_pattern says why
    form = schema["properties"]["forms"]["additionalProperties"]
    schema["properties"]["forms"] = {
        "type": "object",
        "properties": dict.fromkeys(BASE_TYPES, form),
        "additionalProperties": False,
    }
    definitions = [
        _wrapped(f"{json.dumps(name)}: {json.dumps(part, ensure_ascii=False, sort_keys=True)}", 4)
        for name, part in sorted(schema.pop("$defs").items())
    ]
    rest = json.dumps(schema, ensure_ascii=False, sort_keys=True).removeprefix("{")
    return '{"$defs": {\n' + ",\n".join(definitions) + "},\n" + _wrapped(rest, 2)


def _wrapped(text: str, indent: int) -> str:
    """JSON in lines of 100 columns less what closes the last one; no string in it has a space."""
    return textwrap.fill(
        text,
        width=100 - len("$schema$::jsonb"),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _bare(schema: Any) -> Any:
    """A schema without what only people read; a property may be called "title" all the same."""
    if isinstance(schema, list):
        return [_bare(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: {name: _bare(part) for name, part in value.items()}
        if key in ("properties", "$defs")
        else _bare(value)
        for key, value in schema.items()
        if key not in ("title", "description", "default", "discriminator")
    }
    return found
