"""The static apps: what goes into them, and that the same source always gives the same files."""

import json
import os
import re
import zipfile
from pathlib import Path

import pytest

from forecourt.build import web_apps, wheels
from forecourt.build.fonts import own_characters
from forecourt.settings import ROOT
from tests.support.present import present

RUNS_IN_A_BROWSER = re.compile(rf"-(py3|py2\.py3)-none-any\.whl$|-{wheels.PLATFORM}\.whl$")


@pytest.fixture(scope="module")
def files() -> Path:
    return web_apps.ensure_web_apps(say=lambda line: None)


def plain_files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_every_package_of_both_apps_has_a_wheel_for_the_browser(files):
    folder = wheels.fetch_wheels(web_apps.cache_folder())
    names = {wheel.name.split("-")[0].replace("_", "-").lower() for wheel in folder.glob("*.whl")}
    assert names == {*wheels.phone_packages(), *wheels.panel_packages()}
    assert [w.name for w in folder.glob("*.whl") if not RUNS_IN_A_BROWSER.search(w.name)] == []
    pinned = (ROOT / "requirements.lock").read_text(encoding="utf8")
    for wheel in folder.glob("*.whl"):
        name, version = wheel.name.split("-")[:2]
        assert re.search(rf"(?m)^{name.replace('_', '-')}=={re.escape(version)}\b", pinned), wheel


def test_a_package_without_such_a_wheel_stops_the_build_and_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(wheels, "phone_packages", lambda: ["psycopg-binary"])
    with pytest.raises(wheels.NoWheel, match="psycopg-binary"):
        wheels.fetch_wheels(tmp_path)
    monkeypatch.setattr(wheels, "phone_packages", lambda: ["not-locked-at-all"])
    with pytest.raises(wheels.NoWheel, match="not-locked-at-all"):
        wheels.fetch_wheels(tmp_path)


def test_two_builds_are_the_same_byte_for_byte_and_the_second_needs_no_network(
    files, tmp_path, monkeypatch
):
    """Code is compiled and fonts are merged again; wheels and compressed twins are kept by
    content."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    cache = tmp_path / "cache"
    cache.mkdir()
    for kept in ("wheels", "compressed"):
        os.symlink(web_apps.cache_folder() / kept, cache / kept)
    web_apps.build(tmp_path / "again", cache)
    first, second = plain_files(files), plain_files(tmp_path / "again")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_nothing_personal_and_no_path_of_a_machine_is_in_the_build(files):
    forbidden = [b"sb_secret_", b"sb_publishable_", b"service_role", str(ROOT).encode()]
    forbidden.append(str(Path.home() / "x").encode()[:-2] + b"/.")
    for name, data in plain_files(files).items():
        if name.endswith((".br", ".gz")):
            continue
        assert [word for word in forbidden if word in data] == [], name
    assert (files / "config.json").read_text() == "{}\n"


def test_only_code_and_texts_of_the_app_are_in_it(files):
    [app] = files.glob("app-*/app.zip")
    with zipfile.ZipFile(app) as archive:
        names = archive.namelist()
    ours = {name.split("/")[0] for name in names} - {"flet", "pypinyin"}
    assert ours == {"main.pyc", "mobile_app", "shared"}
    assert [n for n in names if n.endswith((".py", ".po"))] == []


def test_the_panel_brings_only_what_the_phone_does_not_have(files):
    """Its compiled modules lie beside its code, for no other Python than the browser's."""
    [panel] = files.glob("panel-*/panel.zip")
    with zipfile.ZipFile(panel) as archive:
        names = archive.namelist()
    packages = {name.split("/")[0] for name in names if "/" in name}
    assert packages >= {"admin", "python_calamine", "charset_normalizer", "xlsxwriter", "segno"}
    assert packages.isdisjoint({"shared", "mobile_app", "flet", "pydantic", "httpx"})
    native = [name for name in names if name.endswith(".so")]
    assert native and all("wasm32-emscripten" in name for name in native)
    page = (files / "index.html").read_text(encoding="utf8")
    build = json.loads(present(re.search(r'id="build">(.*?)</script>', page))[1])
    assert [path.rsplit("/", 1)[-1] for path, *_ in build["files"]["panel"]] == ["panel.zip"]


def test_whatever_may_be_kept_for_ever_is_named_by_its_content(files):
    fixed = {p.name for p in files.iterdir() if not re.search(r"-[0-9a-f]{12}$", p.name)}
    plain = {name for name in fixed if not name.endswith((".br", ".gz"))}
    assert plain == {
        "config.json",
        "favicon.png",
        "icons",
        "index.html",
        "manifest.json",
        "service_worker.js",
    }


def test_no_address_of_another_origin_is_asked_by_the_page(files):
    page = (files / "index.html").read_text(encoding="utf8")
    assert re.findall(r'(?:src|href)="(?!/)[^"]*"', page) == []
    for engine in files.glob("flutter-*/main.dart.*"):
        assert b"flutter-native-wasm" not in engine.read_bytes(), engine.name


def test_the_first_font_draws_every_word_of_the_app(files):
    from fontTools.ttLib import TTFont

    [font] = files.glob("assets-*/assets/fonts/roboto.woff2")
    drawn = set(present(TTFont(font)["cmap"].getBestCmap()))
    missing = {chr(code) for code in own_characters() - drawn}
    assert {c for c in missing if not 0x3000 <= ord(c) <= 0x301F} == set()


def test_the_first_visit_stays_small(files):
    """At most 14 MB on the wire in a browser that runs the wasm engine."""
    page = (files / "index.html").read_text(encoding="utf8")
    build = json.loads(present(re.search(r'id="build">(.*?)</script>', page))[1])
    lists = build["files"]
    needed = [*lists["python"], *lists["flutter"]["common"], *lists["flutter"]["skwasm"]]
    assert sum(wire for _, _, wire, _ in needed) <= 14_000_000
