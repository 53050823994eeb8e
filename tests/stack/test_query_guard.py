"""What may be asked over HTTP: no regular expression of a caller reaches Postgres
(docs/decisions/0025)."""

import subprocess
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest

from forecourt.settings import ROOT
from tests.support.stack import embedded_only

LOCAL = ROOT / "supabase" / "local"
NODE = ROOT / ".venv" / "bin" / "node"
REGEX = quote(r"^(.+)(.+)(.+)(.+)\4\3\2\1$")


def test_the_guard_says_what_may_be_asked():
    node = str(NODE) if Path(NODE).exists() else "node"
    ran = subprocess.run(
        [node, "--test", "query_guard.test.mjs"], cwd=LOCAL, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]


@pytest.mark.parametrize("operator", ["match", "imatch", "not.match", "match(any)"])
def test_a_regular_expression_is_refused_over_http(stack, people, operator):
    embedded_only(stack)
    address = f"{stack.supabase_url}/rest/v1/customers?need={operator}.{REGEX}"
    answer = httpx.get(address, headers={"apikey": stack.publishable_key}, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["code"] == "PGRST100"


def test_a_slow_statement_of_a_caller_ends_by_itself(db):
    """Where the guard is not (hosted Supabase), the roles' own timeout is the wall."""
    known = db.execute("select rolconfig from pg_roles where rolname = 'authenticated'").fetchone()[
        0
    ]
    found = dict(x.split("=", 1) for x in known or ())
    assert "statement_timeout" in found
    db.execute("select set_config('statement_timeout', %s, false)", (found["statement_timeout"],))
    db.execute("set local statement_timeout = '200ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        db.execute(r"select repeat('ab', 200) ~ '^(.+)(.+)(.+)(.+)\4\3\2\1$'")
