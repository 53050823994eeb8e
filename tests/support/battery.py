"""Counts of a battery: printed as a table, and kept as JSON when the long run is on, from which
docs/developers/reliability.md is made."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.support.phones import Phone

RESULTS = Path(__file__).parents[2] / "docs" / "developers" / "reliability"


@dataclass
class Battery:
    """`row(...)` per case; `finish()` prints, and writes docs/developers/reliability/<key>.json
    when FORECOURT_RELIABILITY is set."""

    key: str
    title: str
    seeds: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def row(self, **figures: Any) -> None:
        self.rows.append(figures)

    def finish(self) -> None:
        seconds = round(time.monotonic() - self.started, 1)
        columns = list(dict.fromkeys(k for row in self.rows for k in row))
        print(f"\n{self.key} {self.title}: {seconds} s, seeds {self.seeds or '-'}")
        print(" | ".join(columns))
        for row in self.rows:
            print(" | ".join(str(row.get(c, "")) for c in columns))
        if os.environ.get("FORECOURT_RELIABILITY"):
            RESULTS.mkdir(parents=True, exist_ok=True)
            told = {
                "battery": self.key,
                "title": self.title,
                "seeds": self.seeds,
                "seconds": seconds,
                "at": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()),
                "rows": self.rows,
            }
            (RESULTS / f"{self.key}.json").write_text(
                json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf8"
            )


@dataclass
class Verdict:
    """What a ledger found: all four must be nothing."""

    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    wrong_saved: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.stuck or self.wrong_saved)

    def figures(self) -> dict[str, int]:
        return {
            "lost": self.lost,
            "doubled": self.doubled,
            "stuck": self.stuck,
            "wrong saved": self.wrong_saved,
        }


async def judge(phone: Phone, promised: set[str], db: psycopg.Connection) -> Verdict:
    """Compare what the phone promised and believes with what Postgres did. `promised`: op ids for
    which a screen said saved.

    lost: promised, and neither on the phone nor at the server. doubled: one operation that made
    two records of a kind. stuck: still
    waiting. wrong saved: the phone says sent, the server did not apply it (nor hold it).
    """
    local = await phone.database.read(
        lambda c: {r[0]: r[1] for r in c.execute("select op_id, state from outbox")}
    )
    known = {
        str(op): status
        for op, status in db.execute(
            "select op_id, result ->> 'status' from crm.operations where user_id = %s",
            (phone.user_id,),
        ).fetchall()
    }
    made = db.execute(
        "select op_id, form, count(*) from crm.events where store_id = %s and actor_id = %s "
        "and kind = 'created' and op_id is not null group by 1, 2 having count(*) > 1",
        (phone.world.store_of(phone.name), phone.user_id),
    ).fetchall()
    db.rollback()
    return Verdict(
        lost=len([op for op in promised if op not in local and op not in known]),
        doubled=len(made),
        stuck=sum(state == "pending" for state in local.values()),
        wrong_saved=len(
            [
                op
                for op, state in local.items()
                if state == "sent" and known.get(op) not in ("applied", "quarantined")
            ]
        ),
    )
