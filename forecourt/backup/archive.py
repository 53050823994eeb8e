"""The file: a zip of one COPY text per table and a manifest. Nothing of it is believed before all
of it was read once."""

import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from forecourt.backup.tables import Content, pieces, store_digest

FORMAT = "forecourt-store"
FORMAT_VERSION = 1
PIECE = 1 << 18  # bytes held of a file at one time
MANIFEST = "manifest.json"
ACCOUNTS = "accounts.json"


class BadFile(RuntimeError):
    """The file cannot be used; the message says why."""


def member(folder: str, table: str) -> str:
    return f"{folder}/{table}.copy"


@contextmanager
def new_archive(file: Path) -> Iterator[zipfile.ZipFile]:
    """A file that appears under its name once it is complete; readable by its owner only. Raises
    BadFile when there is one."""
    if file.exists():
        raise BadFile(f"{file} exists: a backup is never overwritten")
    part = file.with_name(f"{file.name}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadFile(
            f"{part} exists: another backup writes it, or one was ended; then delete it"
        ) from None
    try:
        with os.fdopen(handle, "wb") as raw:
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                yield archive
            raw.flush()
            os.fsync(raw.fileno())
        part.rename(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class Backup:
    """A file that was checked: `manifest`, and its tables piece by piece."""

    def __init__(self, file: Path) -> None:
        """Read all of it. Raises BadFile, or OSError when it cannot be opened."""
        self.file = file
        with open(file, "rb") as raw, _damage(file):
            with zipfile.ZipFile(raw) as archive:
                self.manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
                self._check_format()
                self._check_members(archive)
                self.accounts: list[dict[str, Any]] = json.loads(archive.read(ACCOUNTS))
            self.store_id = UUID(self.manifest["store"]["id"])
            self.group_id = UUID(self.manifest["store"]["group_id"])

    def _check_format(self) -> None:
        if self.manifest["format"] != FORMAT:
            raise BadFile(f"{self.file} is no backup of a store")
        if self.manifest["format_version"] > FORMAT_VERSION:
            raise BadFile(
                f"{self.file} was written by a newer version of Forecourt (format "
                f"{self.manifest['format_version']}, this one reads {FORMAT_VERSION})"
            )

    def _check_members(self, archive: zipfile.ZipFile) -> None:
        told = {MANIFEST, ACCOUNTS}
        for folder in ("store", "group"):
            for name, about in self.manifest[folder + "_tables"].items():
                told.add(member(folder, name))
                with archive.open(member(folder, name)) as stream:
                    found = _content(stream)
                if found != Content(about["rows"], about["sha256"]):
                    raise BadFile(f"{self.file} is damaged: {name} is not what was written")
        if {info.filename for info in archive.infolist()} != told:
            raise BadFile(f"{self.file} is damaged: it holds other parts than it says")
        accounts = hashlib.sha256(archive.read(ACCOUNTS)).hexdigest()
        if accounts != self.manifest["accounts_sha256"] or self.digest != store_digest(
            self.contents
        ):
            raise BadFile(f"{self.file} is damaged: its digest is another one")

    @property
    def digest(self) -> str:
        return self.manifest["digest"]

    @property
    def contents(self) -> dict[str, Content]:
        return {
            name: Content(about["rows"], about["sha256"])
            for name, about in self.manifest["store_tables"].items()
        }

    def columns(self, folder: str) -> dict[str, list[str]]:
        """By table."""
        return {n: about["columns"] for n, about in self.manifest[folder + "_tables"].items()}

    def send(self, folder: str, table: str, write: Callable[[bytes], object]) -> None:
        """Pass on the text of a table, which was whole a moment ago."""
        with zipfile.ZipFile(self.file) as archive, archive.open(member(folder, table)) as stream:
            for piece in pieces(PIECE, stream.read):
                write(piece)


@contextmanager
def _damage(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, BadFile):
            raise
        raise BadFile(f"{file} is damaged or cut short") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadFile(f"{file} is damaged, or no backup of a store") from None


def _content(stream: IO[bytes]) -> Content:
    digest, rows = hashlib.sha256(), 0
    for piece in pieces(PIECE, stream.read):
        digest.update(piece)
        rows += piece.count(b"\n")
    return Content(rows, digest.hexdigest())
