"""What the stack writes is for its user only, and no file that another reads holds a secret."""

import contextlib
import json
import os
import stat
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from forecourt.settings import PASSWORDS
from tests.stack.conftest import Home, read_until

NUMBER = "13912345678"


def open_paths(home: Path) -> list[str]:
    """Files and folders that somebody else could enter, read or write."""
    return [
        f"{path.relative_to(home)} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in (home, *home.rglob("*"))
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]


@pytest.fixture
def demo(home: Home):
    """A running demo in a folder that was open to everybody before, under an open umask; and its
    facts."""
    for folder in ("logs", "devices/someone", "webroot"):
        (home.folder / folder).mkdir(parents=True, mode=0o777)
    for name in ("logs/api.log", "devices/someone/store.sqlite", "demo.json"):
        (home.folder / name).write_text("")
        (home.folder / name).chmod(0o666)
    home.folder.chmod(0o755)
    before = os.umask(0)
    try:
        process = home.command("demo")
    finally:
        os.umask(before)
    read_until(process, "Ctrl-C")
    return json.loads((home.folder / "demo.json").read_text()), process


def test_a_demo_is_private_and_tells_no_secret(home: Home, demo):
    facts, process = demo
    assert "db_url" not in facts
    provoke(home, facts)
    assert open_paths(home.folder) == []
    settings = json.loads((home.folder / "settings.json").read_text())
    secrets = {
        k: v for k, v in settings.items() if k in (*PASSWORDS.values(), "jwt_secret", "secret_key")
    }
    assert len(set(secrets.values())) == 5
    for path in home.folder.rglob("*"):
        if (
            path.is_symlink()
            or path.is_dir()
            or "postgres" in path.parts
            or path.name == "settings.json"
        ):
            continue
        content = path.read_bytes()
        assert not [name for name, value in secrets.items() if value.encode() in content], path
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            shown, environment = " ".join(child.cmdline()), child.environ()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue  # a backend that has just ended shows nothing to anybody
        assert not [name for name, value in secrets.items() if value in shown], shown
        if "server.mjs" in shown:
            for name in ("superuser_password", "db_password"):
                assert settings[name] not in " ".join(environment.values())


def provoke(home: Home, facts: dict) -> None:
    """Everything that once put a code, a link, a token or a number into a log."""
    url, key = facts["supabase_url"], facts["publishable_key"]
    user = facts["users"][0]
    with httpx.Client(base_url=url, headers={"apikey": key}, trust_env=False, timeout=30) as api:
        session = api.post(
            "/auth/v1/token?grant_type=password",
            json={"email": user["email"], "password": user["password"]},
        ).json()
        bearer = {
            "Authorization": f"Bearer {session['access_token']}",
            "Accept-Profile": "api",
            "Content-Profile": "api",
        }
        for path in ("recover", "otp", "magiclink", "resend", "signup"):
            body = {"email": user["email"], "type": "signup", "password": "marked-secret-1"}
            api.post(f"/auth/v1/{path}", json=body)
        api.post(
            "/auth/v1/signup",
            json={
                "email": f"{NUMBER}@phone.forecourt.invalid",
                "password": "marked-secret-1",
                "data": {"invitation_code": "MARKEDCODE"},
            },
        )
        api.put("/auth/v1/user", json={"email": f"{NUMBER}@x.example"}, headers=bearer)
        api.post(
            "/auth/v1/token?grant_type=refresh_token", json={"refresh_token": "marked-refresh"}
        )
        for query in (
            "select=phone::int",
            f"phone=eq.{NUMBER}&id=eq.{NUMBER}",
            f"level_at=gt.{NUMBER}",
            f"order={NUMBER}",
            f"limit={NUMBER}9999999",
        ):
            api.get(f"/rest/v1/customers?{query}", headers=bearer)
        for arguments in (
            {"code": "MARKEDCODE"},
            {"store_id": NUMBER, "text": NUMBER},
            {"operations": [{"op_id": NUMBER}], "device_id": NUMBER},
        ):
            for function in ("accept_invitation", "search_customers", "sync_push", "reveal_field"):
                api.post(f"/rest/v1/rpc/{function}", json=arguments, headers=bearer)
    settings = json.loads((home.folder / "settings.json").read_text())
    address = (
        f"postgresql://postgres:{settings['db_password']}@127.0.0.1:{settings['db_port']}/forecourt"
    )
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in (
            f"select '{NUMBER}x'::int",
            f"select 1/0 -- {NUMBER}",
            f"do $$ begin raise warning '{NUMBER}'; end $$",
            f"do $$ begin raise exception '{NUMBER}' using detail = '{NUMBER}'; end $$",
            f"nonsense {NUMBER}",
        ):
            try:
                connection.execute(statement.encode())
            except psycopg.Error:
                continue
        with contextlib.suppress(psycopg.Error):
            connection.execute("select %s::int", (f"{NUMBER}y",))
    for log in (home.folder / "logs").iterdir():
        text = log.read_text(encoding="utf8", errors="replace")
        found = [
            mark
            for mark in (
                NUMBER,
                "MARKEDCODE",
                "marked-secret",
                "marked-refresh",
                session["access_token"],
                session["refresh_token"],
                "/auth/v1/verify",
                user["email"],
                user["password"],
            )
            if mark in text
        ]
        assert found == [], (log.name, found)


def test_each_role_has_a_password_of_its_own(stack):
    addresses = {role: stack.settings.db_url(role) for role in PASSWORDS}
    for role, address in addresses.items():
        with psycopg.connect(address) as connection:
            assert connection.execute("select current_user").fetchone() == (role,)
        for other in set(PASSWORDS) - {role}:
            mine = getattr(stack.settings, PASSWORDS[role])
            theirs = getattr(stack.settings, PASSWORDS[other])
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(address.replace(mine, theirs))


def test_a_home_of_one_password_gets_three(home: Home):
    """What an earlier version made goes on: its one password was the superuser's."""
    with home.stack() as stack:
        old = stack.settings.superuser_password
    file = home.folder / "settings.json"
    known = json.loads(file.read_text())
    file.write_text(
        json.dumps(
            {k: v for k, v in known.items() if k not in PASSWORDS.values()} | {"db_password": old}
        )
    )
    with home.stack() as stack:
        assert stack.settings.superuser_password == old
        assert stack.settings.db_password != old
        psycopg.connect(stack.db_url).close()
