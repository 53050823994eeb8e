"""Catalogues of the user interface: extract what the code says, fill in what is translated,
compile.

python -m forecourt.text extract            update forecourt.po of every language from the code
python -m forecourt.text fill FILE.json     {phrase: {"zh_CN": …, "zh_TW": …}} into the catalogues;
English is the phrase itself
python -m forecourt.text compile            write the .mo files that run
"""

import io
import json
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from forecourt.settings import ROOT
from shared.ui.text import LANGUAGES, LOCALE

SOURCES = ("shared/ui", "mobile_app", "admin")
KEYWORDS = {"_": None, "N_": None, "many": (1, 2)}


def template() -> Catalog:
    """Every phrase of the code, without line numbers: moving a line changes no catalogue."""
    catalogue = Catalog(project="Forecourt", charset="utf-8")
    for source in SOURCES:
        for file, _line, message, comments, context in extract_from_dir(
            str(ROOT / source), method_map=[("**.py", "python")], keywords=KEYWORDS
        ):
            catalogue.add(
                message, None, [(f"{source}/{file}", 0)], auto_comments=comments, context=context
            )
    return catalogue


def catalogue_file(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "forecourt.po"


def load(language: str) -> Catalog:
    file = catalogue_file(language)
    if not file.exists():
        return Catalog(locale=language, charset="utf-8")
    with file.open("rb") as stream:
        return read_po(stream, locale=language)


def save(language: str, catalogue: Catalog) -> None:
    file = catalogue_file(language)
    file.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    write_po(
        buffer,
        catalogue,
        omit_header=False,
        sort_output=True,
        no_location=True,
        ignore_obsolete=True,
    )
    kept = [
        line
        for line in buffer.getvalue().splitlines(keepends=True)
        if not line.startswith((b'"POT-Creation', b'"PO-Revision', b'"Generated-By'))
    ]
    file.write_bytes(b"".join(kept))


def extract() -> None:
    new = template()
    for language in LANGUAGES:
        catalogue = load(language)
        catalogue.update(new, no_fuzzy_matching=True)
        for message in catalogue:
            if language == "en" and message.id:
                message.string = message.id
        save(language, catalogue)


def fill(file: str) -> list[str]:
    """Answers the phrases that are still without a translation."""
    extract()
    translations = json.loads(Path(file).read_text(encoding="utf8"))
    missing = []
    for language in ("zh_CN", "zh_TW"):
        catalogue = load(language)
        for message in catalogue:
            if not message.id:
                continue
            key = message.id if isinstance(message.id, str) else message.id[0]
            if key in translations:
                text = translations[key][language]
                message.string = (
                    text if isinstance(message.id, str) else tuple([text] * catalogue.num_plurals)
                )
            if not all(message.string if isinstance(message.string, tuple) else [message.string]):
                missing.append(key)
        save(language, catalogue)
    compile_all()
    return sorted(set(missing))


def compile_all() -> None:
    for language in LANGUAGES:
        with catalogue_file(language).with_suffix(".mo").open("wb") as stream:
            write_mo(stream, load(language))


def main() -> None:
    match sys.argv[1:]:
        case ["extract"]:
            extract()
        case ["fill", file]:
            for phrase in fill(file):
                print(phrase)
        case ["compile"]:
            compile_all()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
