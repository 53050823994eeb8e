"""`forecourt config` as the supervisor of a store's document uses it: out to a file, edited,
checked, published, taken back."""

import json
import os
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest

from forecourt.configure import schema_sql, schema_text
from forecourt.demo import sign_up
from forecourt.migrate import SCHEMAS
from forecourt.settings import ROOT
from tests.support.people import World

PASSWORD = "zhanting-2026"


@pytest.fixture
def admin(stack):
    """The environment of a fresh store admin."""
    email = f"{uuid4().hex[:10]}@forecourt.example"
    user = sign_up(stack.supabase_url, stack.publishable_key, email)
    with psycopg.connect(stack.db_url) as connection:
        world = World(connection)
        world.users["me"] = user
        world.join("me", "east", "store_admin")
        connection.commit()
    return {
        **os.environ,
        "SUPABASE_URL": stack.supabase_url,
        "SUPABASE_PUBLISHABLE_KEY": stack.publishable_key,
        "FORECOURT_EMAIL": email,
        "FORECOURT_PASSWORD": PASSWORD,
        "FORECOURT_HOME": str(stack.home),
    }


def forecourt(environment: dict, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "forecourt.cli", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def config(environment: dict, *words: str) -> tuple[int, str]:
    return forecourt(environment, "config", *words)


def test_a_document_goes_out_is_edited_and_comes_back(admin, tmp_path):
    file = tmp_path / "store.json"
    assert config(admin, "export", str(file)) == (0, "")
    code, said = config(admin, "check", str(file))
    assert (code, said) == (0, "nothing that people or records would notice\n")
    document = json.loads(file.read_text(encoding="utf8"))
    document["forms"]["conversation"]["fields"].append(
        {"key": "car_seen", "type": "text", "label": {"zh_CN": "看的车"}, "required": True}
    )
    document["roles"][0]["rights"]["conversation"]["car_seen"] = "write"
    file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf8")
    code, said = config(admin, "check", str(file))
    assert code == 0
    assert "now required  conversation.car_seen" in said or "rights changed" in said
    assert "price of logging  advisor: 5 taps" in said
    assert "→ 6 taps" in said
    assert config(admin, "publish", str(file), "--note", "看的车") == (
        0,
        "version 2 is published\n",
    )
    assert "+ forms.conversation.fields.car_seen" in config(admin, "diff", "1", "2")[1]
    assert "看的车" in config(admin, "versions")[1]
    assert config(admin, "restore", "1") == (0, "version 1 is published again as 3\n")
    assert config(admin, "diff", "1", "3") == (0, "")
    assert config(admin, "check", "preset:four_levels")[0] == 0


def test_what_cannot_be_is_said_in_a_line(admin, tmp_path):
    file = tmp_path / "bad.json"
    file.write_text("{}")
    code, said = config(admin, "publish", str(file))
    assert (code, "not a configuration" in said and "roles" in said) == (1, True)
    document = json.loads((ROOT / "shared/presets/three_levels.json").read_text(encoding="utf8"))
    for role in document["roles"]:
        role["verbs"] = [v for v in role["verbs"] if v != "publish_config"]
    file.write_text(json.dumps(document), encoding="utf8")
    assert config(admin, "check", str(file))[0] == 2
    assert config(admin, "publish", str(file)) == (1, "refused: last_admin\n")
    assert config(admin, "restore", "77")[1] == "refused: not_found\n"
    assert (
        "invalid_credentials"
        in config({**admin, "FORECOURT_PASSWORD": "nothing-like-it"}, "show")[1]
    )


def test_the_proof_is_a_table_and_its_colour_the_exit_code(admin, stack):
    code, said = forecourt(admin, "prove")
    assert code == 0 and said.strip().endswith("0 leaks: green"), said
    with psycopg.connect(stack.db_url) as connection:
        connection.execute(
            "create view api.leaky as select c.store_id, c.id as customer_id, c.phone from "
            "crm.customers c"
        )
        connection.commit()
        code, said = forecourt(admin, "prove")
        connection.execute("drop view api.leaky")
        connection.commit()
    assert (
        code == 1
        and "RED leaky: as market, customer.phone shown" in said
        and said.strip().endswith("red")
    ), said


def test_the_schema_in_docs_is_the_models():
    assert (ROOT / "docs" / "developers" / "store-config.schema.json").read_text(
        encoding="utf8"
    ) == schema_text()


def test_the_schema_the_database_asks_is_the_models():
    """Else: write schema_sql() into the function document_schema, between $schema$ and $schema$."""
    file = SCHEMAS / "045_document_schema.sql"
    assert file.read_text(encoding="utf8").split("$schema$")[1] == schema_sql()
