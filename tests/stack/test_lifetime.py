"""The embedded stack keeps its data, leaves nothing behind, and starts again after whatever ended
it."""

import json
import os
import signal
import socket
import time
from uuid import uuid4

import psutil
import psycopg
import pytest

from forecourt.settings import USUAL_PORTS, load_settings
from forecourt.stack import Stack, StackError, is_running
from tests.stack.conftest import Home, read_until
from tests.support.stack import embedded_only, family, still_alive


def add_group(stack: Stack) -> str:
    name = f"group {uuid4()}"
    with psycopg.connect(stack.db_url) as connection:
        connection.execute(
            "insert into crm.groups (id, name) values (gen_random_uuid(), %s)", (name,)
        )
    return name


def has_group(stack: Stack, name: str) -> bool:
    with psycopg.connect(stack.db_url) as connection:
        return (
            connection.execute("select from crm.groups where name = %s", (name,)).fetchone()
            is not None
        )


def test_a_second_start_is_quick_and_keeps_data_keys_and_ports(home: Home):
    with home.stack() as stack:
        name, settings = add_group(stack), stack.settings
    began = time.monotonic()
    with home.stack() as stack:
        assert time.monotonic() - began <= 10
        assert has_group(stack, name)
        assert stack.settings == settings


@pytest.mark.parametrize(
    "moment",
    [
        "making the database cluster",
        "making the auth schema",
        "migration config",
        "migrations applied",
        "up",
    ],
)
def test_kill_of_the_parent_leaves_no_process_and_a_cluster_that_starts(home: Home, moment: str):
    parent = home.parent()
    read_until(parent, moment)
    everyone = family(parent.pid)
    assert len(everyone) > 1
    parent.kill()
    with home.stack() as stack:  # at once: it waits for the dying one
        assert still_alive(everyone) == []
        assert has_group(stack, add_group(stack))


def test_kill_of_the_parent_keeps_what_was_committed(home: Home):
    with home.stack() as stack:
        name = add_group(stack)
    parent = home.parent()
    read_until(parent, "up")
    parent.kill()
    with home.stack() as stack:
        assert has_group(stack, name)


def test_power_cut(home: Home):
    """Every process gone at once: nobody had time to end anything in order."""
    parent = home.parent()
    read_until(parent, "up")
    everyone = family(parent.pid)
    for process in everyone:
        process.suspend()  # so that none of them can react to the death of another
    for process in everyone:
        process.kill()
    assert still_alive(everyone) == []
    with home.stack() as stack:
        assert has_group(stack, add_group(stack))


def test_a_killed_supervisor_is_swept_up_after(home: Home):
    with home.stack():
        supervisor = next(
            process for process in family(os.getpid()) if str(home.folder) in process.cmdline()
        )
        mine = [supervisor, *supervisor.children(recursive=True)]
        supervisor.kill()
    assert still_alive(mine) == []
    with home.stack() as again:
        assert has_group(again, add_group(again))


def test_a_postgres_that_was_left_behind_is_ended_by_the_next_start(home: Home):
    parent = home.parent()
    read_until(parent, "up")
    everyone = family(parent.pid)
    supervisor = next(
        process for process in everyone if "forecourt.supervisor" in process.cmdline()
    )
    parent.send_signal(signal.SIGSTOP)  # it must not sweep up itself
    supervisor.kill()
    parent.kill()
    said: list[str] = []
    stack = home.stack().start(say=said.append)
    try:
        assert "ending the Postgres that was left behind" in said
        assert still_alive(everyone) == []
    finally:
        stack.stop()


@pytest.mark.parametrize(
    "content", ["", "1\n/somewhere/else\n", "4194304\n"], ids=["empty", "another program", "nobody"]
)
def test_a_stale_pid_file_is_not_believed(home: Home, content: str):
    with home.stack() as stack:
        name = add_group(stack)
    (home.folder / "postgres" / "postmaster.pid").write_text(content)
    with home.stack() as stack:
        assert has_group(stack, name)


def test_half_a_cluster_is_made_again(home: Home):
    half = home.folder / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("17\n")
    with home.stack() as stack:
        assert not half.exists()
        assert has_group(stack, add_group(stack))


def test_term_ends_everything(home: Home):
    command = home.command("up")
    read_until(command, "DATABASE_URL")
    everyone = family(command.pid)
    command.send_signal(signal.SIGTERM)
    assert command.wait(timeout=30) == 130
    assert still_alive(everyone) == []


def test_one_owner_at_a_time(stack: Stack):
    embedded_only(stack)
    began = time.monotonic()
    with pytest.raises(StackError, match="another forecourt runs in"):
        Stack(stack.home).start()
    assert time.monotonic() - began < 5  # the owner lives: there is nothing to wait for
    assert is_running(stack.home)


def test_taken_ports_are_replaced_and_the_new_ones_remembered(home: Home):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in USUAL_PORTS]
    taken = [listener.getsockname()[1] for listener in sockets]
    (home.folder / "settings.json").write_text(
        json.dumps(dict(zip(USUAL_PORTS, taken, strict=True)))
    )
    try:
        with home.stack() as stack:
            found = [stack.settings.api_port, stack.settings.db_port, stack.settings.web_port]
            assert has_group(stack, add_group(stack))
    finally:
        for listener in sockets:
            listener.close()
    assert not set(found) & set(taken)
    assert len(set(found)) == 3
    again = load_settings(home.folder)
    assert [again.api_port, again.db_port, again.web_port] == found


def test_settings_are_for_the_owner_only(home: Home):
    load_settings(home.folder)
    assert (home.folder / "settings.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root has to give rights away"
)
def test_under_root_postgres_is_an_ordinary_user(stack: Stack):
    embedded_only(stack)
    port = f"--port={stack.settings.db_port}"
    postgres = next(process for process in psutil.process_iter() if port in process.cmdline())
    assert postgres.uids().effective != 0
