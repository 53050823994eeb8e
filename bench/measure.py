"""Clocks: wall time of one request as its client sees it, and the processor time its servers spent
on it."""

import base64
import hashlib
import hmac
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from bench.operations import Call, Operation, Row, claims
from forecourt.demo import sign_up


def cpu_ms(pids: list[int]) -> float:
    """Processor milliseconds these processes have used so far; exact where the kernel keeps
    schedstat, else in ticks of 10 ms."""
    total = 0.0
    for pid in pids:
        running = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        if running == 0:
            times = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(times[11]) + int(times[12])) * 10
        else:
            total += running / 1e6
    return total


@dataclass
class Sample:
    """Times of one way of doing one operation in one database."""

    milliseconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        ordered = sorted(self.milliseconds)
        return {
            "p50_ms": round(ordered[len(ordered) // 2], 3),
            "p95_ms": round(ordered[int(len(ordered) * 0.95)], 3),
            "cpu_ms": round(mean(self.cpu), 3),
            "count": len(ordered),
        }


class Way(ABC):
    """One way of doing operations: `run` does it once and `pids` are the servers that worked for
    it."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self.pids = pids

    @abstractmethod
    def run(self, operation: Operation, subject: Row) -> Any: ...

    def timed(self, operation: Operation, subject: Row, into: Sample | None) -> None:
        """Do it once; the answer is checked outside the clock, so that a refusal can never count as
        a fast answer."""
        pids = self.pids()
        cpu = cpu_ms(pids)
        started = time.perf_counter()
        answer = self.run(operation, subject)
        took = (time.perf_counter() - started) * 1000
        spent = cpu_ms(pids) - cpu
        self.check(operation, answer)
        if into is not None:
            into.milliseconds.append(took)
            into.cpu.append(spent)

    def check(self, operation: Operation, answer: Any) -> None:
        if operation.writes and answer[0]["status"] != "applied":
            raise RuntimeError(f"operation {operation.key} was not applied: {answer}")


class Floor(Way):
    """The hand-written statement, as the tables' owner past row security; `bare` also lets triggers
    and foreign keys rest."""

    def __init__(self, url: str, database: str, bare: bool = False) -> None:
        self.db = psycopg.connect(make_conninfo(url, dbname=database), autocommit=True)
        self.bare = bare
        if bare:
            self.db.execute("set session_replication_role = replica")
        super().__init__(lambda: [self.db.info.backend_pid])

    def run(self, operation: Operation, subject: Row) -> Any:
        statement = operation.bare if self.bare and operation.bare else operation.floor
        cursor = self.db.execute(statement.encode(), subject, prepare=True)
        return cursor.fetchall() if cursor.description else cursor.rowcount

    def check(self, operation: Operation, answer: Any) -> None:
        if operation.writes and not answer:
            raise RuntimeError(f"the floor of {operation.key} wrote nothing")


class OurSql(Way):
    """Our function as `authenticated`, in the four steps in which PostgREST does it: begin, claims
    and role, the call, commit."""

    def __init__(self, url: str, database: str) -> None:
        self.db = psycopg.connect(make_conninfo(url, dbname=database), autocommit=True)
        super().__init__(lambda: [self.db.info.backend_pid])

    def run(self, operation: Operation, subject: Row) -> Any:
        call = operation.call(subject)
        arguments = {
            k: Jsonb(v) if isinstance(v, list | dict) else v for k, v in call.arguments.items()
        }
        statement = (
            f"select * from api.{call.function}({', '.join(f'{k} => %({k})s' for k in arguments)})"
        )
        self.db.execute("begin")
        try:
            self.db.execute(
                "select set_config('role', 'authenticated', true), "
                "set_config('request.jwt.claims', %s, true)",
                (claims(subject),),
                prepare=True,
            )
            rows = self.db.execute(statement.encode(), arguments, prepare=True).fetchall()
        except psycopg.Error:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")
        return rows[0][0] if operation.writes else rows


class OurHttp(Way):
    """The same over the embedded API, with a signed token, on one kept connection."""

    def __init__(
        self,
        url: str,
        publishable_key: str,
        sign: Callable[[str], str],
        pids: Callable[[], list[int]],
    ) -> None:
        self.client = httpx.Client(
            base_url=url, headers={"apikey": publishable_key, "content-profile": "api"}, timeout=20
        )
        self.sign = sign
        super().__init__(pids)

    def run(self, operation: Operation, subject: Row) -> Any:
        call: Call = operation.call(subject)
        token = self.sign(subject.get("caller_id") or subject["user_id"])
        answer = self.client.post(
            f"/rest/v1/rpc/{call.function}",
            json=call.arguments,
            headers={"authorization": f"Bearer {token}"},
        )
        answer.raise_for_status()
        return answer.json()


def signer(url: str, publishable_key: str, jwt_secret: str) -> Callable[[str], str]:
    """Makes an account and signs in once, to learn what a real token says, and answers a function
    that makes the same for anyone."""
    with httpx.Client(base_url=url, headers={"apikey": publishable_key}, timeout=20) as client:
        person = {"email": "bench@forecourt.example", "password": "bench-Passw0rd-1"}
        sign_up(url, publishable_key, person["email"], person["password"])
        session = (
            client.post("/auth/v1/token", params={"grant_type": "password"}, json=person)
            .raise_for_status()
            .json()
        )
    head, body, _ = session["access_token"].split(".")
    known = json.loads(base64.urlsafe_b64decode(body + "=="))
    cache: dict[str, str] = {}

    def sign(user_id: str) -> str:
        if user_id not in cache:
            text = f"{head}.{_base64(json.dumps({**known, 'sub': user_id}).encode())}"
            signature = hmac.new(jwt_secret.encode(), text.encode(), hashlib.sha256).digest()
            cache[user_id] = f"{text}.{_base64(signature)}"
        return cache[user_id]

    return sign


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def resident_mb(pid: int) -> float:
    """Memory a process holds, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * 4096 / 1e6, 1)
