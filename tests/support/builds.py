"""A second build of the phone app, made from the first in a moment: only the app's own code
differs."""

import shutil
import zipfile
from pathlib import Path

from forecourt.build.web_apps import name_by_content, write_root_files


def next_build(
    first: Path, out: Path, marker: str = "the next build", *, scripts: bool = False
) -> Path:
    """A copy whose app folder has other content, hence another name, and a page that names it; with
    `scripts` also the scripts of the page."""
    shutil.copytree(first, out)
    folders = {p.name.split("-")[0]: p for p in out.iterdir() if p.is_dir() and "-" in p.name}
    app = folders["app"].rename(out / "app")
    for twin in (*app.glob("*.br"), *app.glob("*.gz")):
        twin.unlink()
    with zipfile.ZipFile(app / "app.zip", "a") as archive:
        archive.writestr(zipfile.ZipInfo("marker.txt", (2026, 1, 1, 0, 0, 0)), marker)
    folders["app"] = name_by_content(app)
    if scripts:
        client = folders["client"].rename(out / "client")
        for twin in (*client.glob("*.br"), *client.glob("*.gz")):
            twin.unlink()
        with open(client / "start.js", "a", encoding="utf8") as script:
            script.write(f"// {marker}\n")
        folders["client"] = name_by_content(client)
    shutil.rmtree(out / "icons")
    for twin in (*out.glob("*.br"), *out.glob("*.gz")):
        twin.unlink()
    write_root_files(out, folders)
    return out
