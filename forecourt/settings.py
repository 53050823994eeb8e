"""Where things lie and how to reach them: read once from the environment and the home folder."""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
USUAL_PORTS = {"api_port": 54321, "db_port": 54322, "web_port": 8550}


def home_folder() -> Path:
    """The folder of the cluster, logs and built web files: $FORECOURT_HOME or .forecourt beside the code."""
    return Path(os.environ.get("FORECOURT_HOME") or ROOT / ".forecourt").resolve()


@dataclass(frozen=True)
class Settings:
    """Ports and secrets of one embedded stack, made once and kept in settings.json (mode 600)."""

    api_port: int
    db_port: int
    web_port: int
    db_password: str
    jwt_secret: str
    publishable_key: str
    secret_key: str

    @property
    def supabase_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def db_url(self, role: str = "postgres", database: str = "forecourt") -> str:
        return f"postgresql://{role}:{self.db_password}@127.0.0.1:{self.db_port}/{database}"


def load_settings(home: Path, *, usual_ports: bool = True) -> Settings:
    """Read the settings of `home`, making them first when there are none; a port taken by someone else is replaced.

    Throw-away stacks pass usual_ports=False: two that start in the same second would both find 54321 free.
    """
    file = home / "settings.json"
    home.mkdir(parents=True, exist_ok=True)
    known = json.loads(file.read_text()) if file.exists() else {}
    made = {
        "db_password": secrets.token_hex(16),
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
    aside.touch(mode=0o600)
    aside.write_text(json.dumps(asdict(settings), indent=2))
    aside.replace(file)
    return settings


def read_settings(home: Path) -> Settings:
    """The settings as they are, without looking for free ports: for `status` and for commands beside a running stack."""
    return Settings(**json.loads((home / "settings.json").read_text()))


def _free_port(wanted: int, taken: set[int]) -> int:
    for port in (wanted, 0, 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found = probe.getsockname()[1]
        if found not in taken:
            return found
    raise OSError("no free port on 127.0.0.1")
