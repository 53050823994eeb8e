"""What lies around the database: the API, the static files, this machine."""

import json
import re
import shutil
import socket
import ssl
import stat
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from forecourt.doctor.database import CLOCK
from forecourt.doctor.finding import Finding, listed

ROOM = 2 << 30  # bytes that must be free
CERTIFICATE_DAYS = 14
# Keys that open everything: new ones by their beginning, old ones by the role in their middle part
# ("role":"service_role" in base64, at each of its three places), addresses with a password.
SECRETS = re.compile(
    rb"sb_secret_[A-Za-z0-9_-]{8,}|InJvbGUiOiJzZXJ2aWNlX3JvbGUi|yb2xlIjoic2VydmljZV9yb2xlI"
    rb"|cm9sZSI6InNlcnZpY2Vfcm9sZS|postgres(?:ql)?://[a-z_.]+:[^@\s\"'{}<>/]{8,}@"
)
TEXTS = {".js", ".mjs", ".json", ".html", ".css", ".txt", ".map", ".py", ".env", ".toml", ".zip"}


def examine_api(url: str, key: str, *, timeout: float = 10) -> list[Finding]:
    """Ask the API as a stranger with the publishable key."""
    found = _encryption(url)
    headers = {"apikey": key}
    try:
        with httpx.Client(base_url=url, timeout=timeout, trust_env=False) as client:
            table = client.get(
                "/rest/v1/customers?select=id&limit=1",
                headers={**headers, "Accept-Profile": "api"},
            )
            exposed = [
                schema
                for schema in ("crm", "public", "forecourt", "auth", "auth_hooks")
                if _is_exposed(client, headers, schema)
            ]
            auth = client.get("/auth/v1/settings", headers=headers)
    except httpx.HTTPError as error:
        return [
            *found,
            Finding(
                "api_away",
                f"{url} does not answer: {type(error).__name__}",
                "no phone can sync",
                "check the address and that the project is not paused",
            ),
        ]
    if table.status_code == 200:
        found.append(
            Finding(
                "strangers_read",
                "a stranger with the publishable key is answered by /rest/v1/customers",
                "the key is in every phone's app",
                "`revoke all on all tables in schema api from anon, public`; `forecourt migrate`",
            )
        )
    elif table.status_code >= 500 or table.status_code in (404, 406):
        found.append(
            Finding(
                "api_not_exposed",
                f"/rest/v1/customers answers {table.status_code} {_code(table)}",
                "the apps find nothing",
                "expose schema api, and let PostgREST read the schema again "
                "(`notify pgrst, 'reload schema'`)",
            )
        )
    if exposed:
        found.append(
            Finding(
                "exposed_schemas",
                f"the API exposes other schemas than api ({listed(exposed)})",
                "what is exposed is one grant away from everybody",
                "API settings: exposed schemas `api` only",
            )
        )
    return found + _auth_settings(auth) + _clock(table)


def _auth_settings(answer: httpx.Response) -> list[Finding]:
    """What GoTrue says of itself; the embedded API does not answer this."""
    try:
        said = answer.json() if answer.status_code == 200 else None
        external = said["external"] if said else {}
    except (ValueError, KeyError, TypeError):
        said, external = None, {}
    if not said:
        return []
    wrong = [
        sentence
        for is_wrong, sentence in (
            (said.get("disable_signup"), "sign-up is off: invited people cannot join"),
            (external.get("email") is False, "e-mail sign-in is off: nobody can sign in"),
            (
                said.get("mailer_autoconfirm") is False,
                "addresses must be confirmed: who joined by phone number cannot sign in",
            ),
            (external.get("anonymous_users"), "anonymous sign-in is on: strangers get a token"),
        )
        if is_wrong
    ]
    if not wrong:
        return []
    return [
        Finding(
            "auth_settings",
            "; ".join(wrong),
            "people come in by an invitation's code and nothing else (supabase/config.toml)",
            "Authentication: allow sign-ups, e-mail on without confirmation, anonymous off",
        )
    ]


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("code", ""))
    except (ValueError, AttributeError):
        return ""


def _is_exposed(client: httpx.Client, headers: dict[str, str], schema: str) -> bool:
    """PostgREST refuses an unknown schema with 406 PGRST106, before it looks for the table."""
    answer = client.get("/rest/v1/doctor", headers={**headers, "Accept-Profile": schema})
    return _code(answer) != "PGRST106" and answer.status_code not in (401, 406)


def _clock(answer: httpx.Response) -> list[Finding]:
    if "date" not in answer.headers:
        return []
    off = abs((parsedate_to_datetime(answer.headers["date"]) - datetime.now(UTC)).total_seconds())
    if off <= CLOCK:
        return []
    return [
        Finding(
            "clock",
            f"the API's clock differs from this machine's by {off:.0f} s",
            "tokens are refused as expired or as not valid yet",
            "let both follow a time server (chrony, systemd-timesyncd)",
        )
    ]


def _encryption(url: str) -> list[Finding]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return certificate(host, parts.port or 443)
    if host in ("127.0.0.1", "localhost", "::1"):
        return []
    return [
        Finding(
            "not_encrypted",
            f"{url} is not https",
            "passwords and customers' numbers are readable on the way",
            "put Caddy or nginx with a certificate in front",
        )
    ]


def certificate(host: str, port: int, context: ssl.SSLContext | None = None) -> list[Finding]:
    """Whether browsers accept the certificate, and for how long."""
    context = context or ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname=host) as wrapped,
        ):
            about = wrapped.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message
    except OSError:
        return []  # it does not answer, which is a finding of its own
    else:
        end = ssl.cert_time_to_seconds(str(about["notAfter"]))
        days = (end - datetime.now(UTC).timestamp()) / 86400
        if days >= CERTIFICATE_DAYS:
            return []
        why = f"ends in {days:.0f} days"
    return [
        Finding(
            "certificate",
            f"the certificate of {host}: {why}",
            "phones refuse to connect, and people learn to click warnings away",
            "renew it, and let it renew itself (ACME)",
        )
    ]


# Files and machine --------------------------------------------------------------------------------


def examine_files(folder: Path, secrets: tuple[str, ...] = ()) -> list[Finding]:
    """Look through static files for keys that open more than the publishable one. `secrets`: those
    of this set-up."""
    if not (folder / "index.html").exists():
        return []
    told = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix in TEXTS:
            data = file.read_bytes()
            if SECRETS.search(data) or any(secret.encode() in data for secret in secrets):
                told.append(str(file.relative_to(folder)))
    found = []
    if told:
        found.append(
            Finding(
                "secret_in_files",
                f"secrets in static files: {listed(told)}",
                "everybody who opens the page can read and change all stores",
                "replace those keys at once, then upload a clean build",
            )
        )
    config = folder / "config.json"
    if config.exists():
        try:
            complete = {"supabase_url", "publishable_key"} <= set(json.loads(config.read_bytes()))
        except (ValueError, TypeError):
            complete = False
        if not complete:
            found.append(
                Finding(
                    "config_json",
                    "config.json names no project",
                    "the apps do not know whom to ask",
                    '`{"supabase_url": "https://…", "publishable_key": "sb_publishable_…"}`',
                )
            )
    return found


def examine_home(home: Path) -> list[Finding]:
    """The folder of the embedded stack: who may read it, and how much room is left."""
    if not home.exists():
        return []
    found = []
    usage = shutil.disk_usage(home)
    if usage.free < ROOM:
        found.append(
            Finding(
                "disk",
                f"{usage.free >> 20} MB are left on the disk of {home}",
                "the database stops when it is full",
                "make room or move FORECOURT_HOME",
            )
        )
    shared = [
        str(path.relative_to(home)) or "."
        for path in (home, home / "settings.json", home / "demo.json", home / "logs")
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if shared:
        found.append(
            Finding(
                "readable_by_others",
                f"others on this machine may read: {listed(shared)}",
                "settings.json holds every key of the stack",
                f"`chmod -R go-rwx {home}`; the next start does it too",
            )
        )
    return found
