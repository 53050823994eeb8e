"""Where things lie and how to reach them: read once from the environment and the home folder."""

import json
import os
import random
import secrets
import socket
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Each database role has its own password: a leaked API password gives no superuser rights.
PASSWORDS = {
    "supabase_admin": "superuser_password",
    "postgres": "db_password",
    "supabase_lite": "api_db_password",
}
# Below what systems lend to outgoing connections: one of those took a port that was free a second
# before, and the stack could not start.
FREE_PORTS = range(15000, 32000)
USUAL_PORTS = {"api_port": 54321, "db_port": 54322, "web_port": 8550}


def home_folder() -> Path:
    """The folder of the cluster, logs and built web files: $FORECOURT_HOME or .forecourt beside the
    code."""
    return Path(os.environ.get("FORECOURT_HOME") or ROOT / ".forecourt").resolve()


class SettingsError(RuntimeError):
    """settings.json cannot be read; the message says what to do."""


@dataclass(frozen=True)
class Settings:
    """Ports and secrets of one embedded stack, made once and kept in settings.json (mode 600)."""

    api_port: int
    db_port: int
    web_port: int
    superuser_password: str
    db_password: str
    api_db_password: str
    jwt_secret: str
    publishable_key: str
    secret_key: str

    @property
    def supabase_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def db_url(self, role: str = "postgres", database: str = "forecourt") -> str:
        """The address of the database as one of the roles of PASSWORDS."""
        password = getattr(self, PASSWORDS[role])
        return f"postgresql://{role}:{password}@127.0.0.1:{self.db_port}/{database}"


def load_settings(home: Path, *, usual_ports: bool = True) -> Settings:
    """Read the settings of `home`, making them first when there are none; a port taken by someone
    else is replaced.

    Throw-away stacks pass usual_ports=False: two that start in the same second would both find
    54321 free.
    """
    file = home / "settings.json"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    known = _read(file) if file.exists() else {}
    if "db_password" in known and "superuser_password" not in known:
        # a cluster of the time when the roles shared one password
        known["superuser_password"] = known.pop("db_password")
    made = {
        **{name: secrets.token_hex(16) for name in PASSWORDS.values()},
        "jwt_secret": secrets.token_hex(32),
        "publishable_key": f"sb_publishable_{secrets.token_hex(12)}",
        "secret_key": f"sb_secret_{secrets.token_hex(24)}",
    }
    values = {**made, **known}
    taken: set[int] = set()
    for name, usual in USUAL_PORTS.items():
        values[name] = _free_port(values.get(name, usual if usual_ports else 0), taken)
        taken.add(values[name])
    settings = Settings(**values)
    # written aside and renamed: a kill in between never leaves half a file
    aside = file.with_suffix(".new")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    aside.write_text(json.dumps(asdict(settings), indent=2))
    aside.replace(file)
    return settings


def read_settings(home: Path) -> Settings:
    """The settings as they are, without looking for free ports: for `status` and for commands
    beside a running stack."""
    return Settings(**_read(home / "settings.json"))


def _read(file: Path) -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(file.read_text())
        known.keys()  # a list or a number is damage too
        return {name: known[name] for name in Settings.__dataclass_fields__ if name in known}
    except (ValueError, AttributeError):
        raise SettingsError(
            f"{file} is damaged: put it back from a copy; without one, delete it and run "
            "`forecourt reset`"
        ) from None


def keep_private(home: Path) -> None:
    """Take from everybody else what an earlier version or another umask gave them of `home`.

    Links are not followed, and Postgres looks after its own folder.
    """
    home.chmod(0o700)
    for folder, folders, files in os.walk(home):
        folders[:] = [x for x in folders if x != "postgres"] if folder == str(home) else folders
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if not stat.S_ISLNK(mode) and mode & 0o077:
                os.chmod(path, stat.S_IMODE(mode) & 0o700)


def _free_port(wanted: int, taken: set[int]) -> int:
    """`wanted` if nobody has it, else one at random; 0 wants none in particular."""
    preferred = [wanted] if wanted else []
    for port in (*preferred, *random.sample(FREE_PORTS, 20)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in taken:
            return port
    raise OSError("no free port on 127.0.0.1")
