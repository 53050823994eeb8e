"""Commands that act as a member of a store: $FORECOURT_EMAIL and $FORECOURT_PASSWORD, else the
demo's admin. They can do nothing a browser could not."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from forecourt.settings import home_folder
from forecourt.stack import supabase_from_environment
from shared.domain.problems import Offline, Rejected, SignedOut
from shared.gateway import members
from shared.gateway.client import Gateway, make_http

Act = Callable[[Gateway, UUID, argparse.Namespace], Awaitable[int]]


def perform(arguments: argparse.Namespace) -> None:
    """Do `arguments.perform` as that person in that store. Raises SystemExit with its answer, or
    with a sentence when it cannot."""
    try:
        raise SystemExit(asyncio.run(_signed_in(arguments)))
    except ValidationError as error:
        raise SystemExit(
            "not a configuration:\n"
            + "\n".join(
                f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:20]
            )
        ) from None
    except (OSError, json.JSONDecodeError, KeyError) as error:
        raise SystemExit(f"cannot read it: {error}") from None


async def _signed_in(arguments: argparse.Namespace) -> int:
    url, key, email, password = _whom()
    async with make_http() as http:
        gateway = Gateway(url, key, http=http)
        try:
            await gateway.auth_session.sign_in(email, password)
            mine = [
                m
                for m in await members.whoami(gateway)
                if arguments.store in (None, m.store_name, str(m.store_id))
            ]
            if len(mine) != 1:
                raise SystemExit(
                    "choose one with --store: " + ", ".join(m.store_name for m in mine)
                    if mine
                    else "no such store"
                )
            return await arguments.perform(gateway, mine[0].store_id, arguments)
        except Rejected as refused:
            print(
                f"refused: {refused.code}{f' ({refused.field})' if refused.field else ''}",
                file=sys.stderr,
            )
            return 1
        except SignedOut:
            print("wrong e-mail or password", file=sys.stderr)
            return 1
        except Offline as offline:
            print(f"no answer from {url}: {offline}", file=sys.stderr)
            return 1
        finally:
            await gateway.auth_session.sign_out()


def _whom() -> tuple[str, str, str, str]:
    """(url, publishable key, e-mail, password) from the environment, else the running demo's store
    admin."""
    facts: dict[str, Any] = {}
    demo_file = home_folder() / "demo.json"
    if demo_file.exists():
        facts = json.loads(demo_file.read_text())
    elsewhere = supabase_from_environment()
    url, key = elsewhere or (facts.get("supabase_url"), facts.get("publishable_key"))
    admin = (
        next((u for u in facts.get("users", ()) if u["role"] == "store_admin"), {})
        if not elsewhere
        else {}
    )
    email, password = (
        os.environ.get("FORECOURT_EMAIL", admin.get("email")),
        os.environ.get("FORECOURT_PASSWORD", admin.get("password")),
    )
    if not (url and key and email and password):
        raise SystemExit(
            "set SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, FORECOURT_EMAIL and FORECOURT_PASSWORD, "
            "or start `make demo`"
        )
    return url, key, email, password
