"""The stage of the rights batteries: people of every kind, a file of records for each target, and a
probe that asks thousands of questions.

One transaction holds it all and is rolled back. Every attempt is undone by the probe itself, inside
the database, so that one round trip carries a whole batch and no attempt sees what another did.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from forecourt.claims import as_member
from tests.rights.permissions import IDENTITIES, TARGETS
from tests.support.people import World, new_id, preset
from tests.support.present import dynamic, one

STORES = {"east": "east", "west": "east", "far": "far", "away": "far"}  # store → group
COLLEAGUES = {"east": "chen", "west": "ma", "far": "fang", "away": "an"}
NEW_OWNERS = {"east": "gao", "west": "qin", "far": "yan", "away": "an"}
INVITERS = {"east": "liang", "west": "qin", "far": "yan", "away": "bao"}
SISTER = {"east": "west", "west": "east", "far": "away", "away": "far"}
ABROAD = {"east": "far", "west": "far", "far": "east", "away": "east"}

# Fields a store added to its forms: on each one that nobody but the leaders sees, and one that
# others see masked.
EXTRA = [
    {"key": "secret_text", "type": "text", "searchable": True, "label": {"zh_CN": "内部备注"}},
    {"key": "secret_number", "type": "number", "searchable": True, "label": {"zh_CN": "底价"}},
    {
        "key": "card",
        "type": "text",
        "mask": "tail4",
        "searchable": True,
        "label": {"zh_CN": "卡号"},
    },
]
LEADING = {"manager", "store_admin"}


def document() -> dict[str, Any]:
    """The shipped preset with three more fields on every form and two roles of the store's own."""
    d = json.loads(preset())
    roles = {r["key"]: r for r in d["roles"]}
    inspector = json.loads(json.dumps(roles["manager"]))
    inspector |= {
        "key": "inspector",
        "label": {"zh_CN": "巡店员"},
        "verbs": ["import_rows", "export_rows", "merge_customers", "read_audit", "reveal_field"],
        "pools": [],
    }
    inspector["rights"] = {
        form: {
            k: "masked" if k in ("phone", "wechat", "plate", "vin", "policy_number") else "read"
            for k in rights
        }
        for form, rights in inspector["rights"].items()
    }
    lead = json.loads(json.dumps(roles["advisor"]))
    lead |= {
        "key": "team_lead",
        "label": {"zh_CN": "组长"},
        "scope": "team",
        "verbs": [*lead["verbs"], "decide_approval", "export_rows"],
    }
    d["roles"] += [inspector, lead]
    for name, form in d["forms"].items():
        form["fields"] += [dict(f) for f in EXTRA]
        for role in d["roles"]:
            if role["rights"]:
                own = role["rights"].setdefault(name, {})
                own |= (
                    dict.fromkeys((f["key"] for f in EXTRA), "write")
                    if role["key"] in LEADING
                    else {"card": "masked"}
                )
    d["forms"]["customer"]["fields"] += [
        {"key": "bottom_fen", "type": "money", "label": {"zh_CN": "底价金额"}, "searchable": True}
    ]
    for role in d["roles"]:
        if role["key"] in LEADING:
            role["rights"]["customer"]["bottom_fen"] = "write"
    return d


@dataclass
class File:
    """The records of one customer, and the ids, words and numbers by which they are asked for."""

    key: str
    store: str
    owner: str
    customer: str
    companion: str
    vehicle: str
    policy: str
    deal: str
    conversation: str
    task: str
    asked_task: str
    approval: str
    op: str
    attachment: str
    held: str
    promise: str
    alert: str
    invitation: str
    new_owner: str
    twin: str
    merge: str
    export: str
    list: str
    pool: str | None
    name: str
    mark: str
    paper: str
    phone: str
    plate: str
    code: str
    version: int = 2
    seen_by_owner: str = ""
    transfer: str = ""
    relative: str = ""


PROBE = """
create schema probe;
create table probe.journal (relation text, store_id uuid);
create function probe.note() returns trigger language plpgsql security definer
  set search_path = '' as $$
begin
  insert into probe.journal
    values (tg_table_name, coalesce(to_jsonb(new) ->> 'store_id', to_jsonb(old) ->> 'store_id',
    to_jsonb(new) ->> 'id')::uuid);
  return null;
end $$;
create function probe.touched() returns jsonb language sql security definer
  set search_path = '' as $$
  select coalesce(jsonb_agg(distinct jsonb_build_array(j.relation, j.store_id)), '[]')
    from probe.journal j $$;
create function probe.digest() returns text language plpgsql security definer
  set search_path = '' as $$
declare t text; part text; answer text := '';
begin
  for t in select relname from pg_catalog.pg_class where relnamespace = 'crm'::regnamespace
    and relkind = 'r' and relname not in ('pinyin', 'operations') order by 1 loop
    execute format(
      'select md5(coalesce(string_agg(x::text, ''|'' order by x::text), '''')) from crm.%I x', t
    ) into part;
    answer := answer || t || ':' || part || ' ';
  end loop;
  return answer;
end $$;
-- Change numbers count whatever anybody writes: each question finds them as the one before did, so
-- that answers can be compared.
create function probe.same_numbers() returns void language plpgsql security definer
  set search_path = '' as $$
begin
  perform setval('crm.change_numbers', 1000000), set_config('crm.change_no', '', true);
end $$;
-- Each question in its own subtransaction, undone whatever came of it: [state, answer, message +
-- detail + hint, what was written].
create function probe.ask(questions text[]) returns jsonb language plpgsql
  set search_path = '' as $$
declare q text; answer text; written jsonb; state text; told text; told_detail text; told_hint
  text; answers jsonb[] := '{}';
begin
  foreach q in array questions loop
    answer := null; written := '[]'; state := 'ok'; told := ''; told_detail := ''; told_hint := '';
    begin
      perform probe.same_numbers();
      execute q into answer;
      written := probe.touched();
      raise sqlstate 'BACK0';
    exception
      when sqlstate 'BACK0' then null;
      when others then get stacked diagnostics state = returned_sqlstate, told = message_text,
        told_detail = pg_exception_detail, told_hint = pg_exception_hint;
    end;
    answers := answers || jsonb_build_array(state, answer,
      concat_ws(' ', told, told_detail, told_hint), written);
  end loop;
  return to_jsonb(answers);
end $$;
grant usage on schema probe to anon, authenticated, api_owner;
grant execute on all functions in schema probe to anon, authenticated, api_owner;
"""


@dataclass(frozen=True)
class Answer:
    """What came of one question."""

    state: str
    text: str
    told: str
    written: frozenset[tuple[str, str | None]]

    @property
    def value(self) -> Any:
        """The answer of a function that answers json."""
        return json.loads(self.text) if self.text else None

    @property
    def heard(self) -> tuple[str, str, str]:
        """What the caller can compare with another answer."""
        return self.state, self.text, self.told

    @property
    def everything(self) -> str:
        """All that reached the caller."""
        return f"{self.text} {self.told}"


class Scene(World):
    """People, files and the probe. `ask_many` is the only way the batteries ask."""

    def __init__(
        self,
        connection: psycopg.Connection,
        *,
        each: int = 1,
        users: dict[str, UUID] | None = None,
        probed: bool = True,
    ) -> None:
        """`each`: how many files everyone has of their own; one without a second has nothing to
        sort. `probed` false: to be committed, for HTTP."""
        super().__init__(connection, users)
        self.attempts = 0
        self._rows: dict[tuple[str, str], Any] = {}
        self.document = document()
        self._document = literal(self.document)
        self._add_stores()
        self._add_people()
        self.files: dict[str, File] = {}
        for identity in IDENTITIES:
            if identity not in ("anon", "stranger"):
                for n in range(each):
                    self._add_file(
                        identity if n == 0 else f"{identity}_{n + 1}", self.home(identity), identity
                    )
        for store in STORES:
            self._add_file(COLLEAGUES[store], store, COLLEAGUES[store])
            self._add_file(f"pool_{store}", store, COLLEAGUES[store], pool="market")
        self._age()
        if probed:
            self._add_probe()

    def home(self, identity: str) -> str:
        return (IDENTITIES[identity] or ("east", None))[0]

    def stores_of(self, identity: str) -> set[str]:
        """Ids of the stores a person may write to by their own doing."""
        if identity in ("anon", "stranger", "former"):
            return set()
        names = {self.home(identity)} | (
            {"west"} if identity in ("two_stores", "group_admin") else set()
        )
        return {str(self.stores[n]) for n in names}

    def _add_stores(self) -> None:
        self.groups = {
            n: self.row("select group_id from crm.stores where id = %s", self.stores[n])
            for n in ("east", "far")
        }
        self.stores["away"] = UUID(new_id())
        self.db.execute(
            "select crm.create_store(%s, %s, 'away', %s)",
            (self.groups["far"], self.stores["away"], Jsonb(self.document)),
        )
        for store in STORES:
            self.db.execute(
                "select crm.apply_config(%s, %s)", (self.stores[store], Jsonb(self.document))
            )
            self.db.execute(
                "insert into crm.config_versions (store_id, version, document) values (%s, 2, %s)",
                (self.stores[store], Jsonb(self.document)),
            )
            self.db.execute(
                "update crm.stores set config_version = 2 where id = %s", (self.stores[store],)
            )
            self.db.execute(
                "insert into crm.access_checks (store_id, role, fingerprint) values (%s, "
                "'advisor', 'x') "
                "on conflict do nothing",
                (self.stores[store],),
            )
            self._insert(
                "retired_choices",
                store_id=self.stores[store],
                list="levels",
                key="lukewarm",
                label={"zh_CN": "观望"},
            )

    def _add_people(self) -> None:
        for name, at in IDENTITIES.items():
            if at and at[1]:
                self.join(name, at[0], at[1])
        self.join_group("group_admin", "east", is_admin=True)
        self.join_group("second_group_admin", "east", is_admin=True)  # the last one stays
        self.join("fang", "far", "advisor")
        self.join("an", "away", "advisor")
        self.join("bao", "away", "store_admin")
        self.db.execute(
            "insert into crm.members (store_id, user_id, role, name) values (%s, %s, 'manager', "
            "'two_stores')",
            (self.stores["west"], self.users["two_stores"]),
        )
        self.db.execute(
            "update crm.members set active = false where user_id = %s", (self.users["former"],)
        )
        for name, team in (("chen", "a"), ("team_lead", "a"), ("other_lead", "b")):
            self.db.execute(
                "update crm.members set team = %s where user_id = %s", (team, self.users[name])
            )

    def _insert(self, table: str, **values: Any) -> str:
        names = ", ".join(values)
        self.db.execute(
            dynamic(
                f"insert into crm.{table} ({names}) values ({', '.join(['%s'] * len(values))})"
            ),
            [Jsonb(v) if isinstance(v, dict) else v for v in values.values()],
        )
        return str(values.get("id", ""))

    def _add_file(self, key: str, store: str, owner: str, pool: str | None = None) -> None:
        """Records as the operator writes them, every field of every form filled with words and
        numbers that occur nowhere else."""
        n, s, who = len(self.files) + 1, self.stores[store], self.users[owner]
        mark, paper, renews = f"zq{n:02d}x", f"paper{n:02d}x", owner == "renewal"
        custom = {
            "secret_text": f"{mark}secret",
            "secret_number": 7_300_000 + n * 101,
            "card": f"6222{mark}{n:02d}88{n:02d}",
        }
        on = {"store_id": s, "customer_id": new_id()}
        customer = self._insert(
            "customers",
            store_id=s,
            id=on["customer_id"],
            created_at=datetime.now(UTC) - timedelta(days=2 * n),
            owner_id=None if pool or renews else who,
            renewal_owner_id=who if renews else None,
            pool=pool or ("retained" if renews else None),
            name=f"{mark}客户",
            phone=f"13{n:02d}7{n:02d}45{n:02d}",
            wechat=f"{mark}wechat",
            gender=("male", "female")[n % 2],
            source="walk_in",
            level="near",
            need=f"{mark}need",
            preferred_time="noon",
            next_contact_on="2031-03-04",
            custom={
                **custom,
                "interested_series": f"{mark}series",
                "budget_fen": 8_800_000 + n * 103,
                "bottom_fen": 9_100_000 + n * 107,
            },
        )
        companion = self._insert(
            "companions",
            **on,
            id=new_id(),
            name=f"{mark}同行",
            relation="friend",
            influence="advises",
            phone=f"15{n:02d}6{n:02d}35{n:02d}",
            custom=custom,
        )
        vehicle = self._insert(
            "vehicles",
            **on,
            id=new_id(),
            plate=f"沪A{n:02d}{n:02d}Q",
            vin=f"LSV{n:02d}4182E21{n:02d}Q",
            brand=f"{mark}brand",
            series=f"{mark}model",
            model_year=1951 + n,
            custom=custom,
        )
        policy = self._insert(
            "policies",
            **on,
            id=new_id(),
            vehicle_id=vehicle,
            insurer=f"{mark}insurer",
            policy_number=f"PN{mark}77{n:02d}",
            kind="both",
            premium_fen=6_600_000 + n * 109,
            starts_on="2030-06-07",
            expires_on="2031-06-06",
            custom=custom,
        )
        deal = self._insert(
            "deals",
            **on,
            id=new_id(),
            owner_id=who,
            vehicle_id=vehicle,
            policy_id=policy,
            pipeline="new_car",
            stage="lead",
            title=f"{mark}deal",
            amount_fen=5_500_000 + n * 113,
            expected_close_on="2031-08-09",
            custom=custom,
        )
        conversation = self._insert(
            "conversations",
            **on,
            id=new_id(),
            author_id=who,
            deal_id=deal,
            method="call",
            outcome="interested",
            reached=True,
            notes=f"{mark}words",
            level_after="near",
            level_before="potential",
            occurred_at="2026-11-01 10:00+08",
            custom=custom,
        )
        task, asked = [
            self._insert(
                "tasks",
                **on,
                id=new_id(),
                assignee_id=who,
                kind="manual",
                subject_id=customer,
                due_on="2026-11-01",
                remark=f"{mark}task",
                status=status,
            )
            for status in ("open", "cancel_requested")
        ]
        approval = self._insert(
            "approvals",
            **on,
            id=new_id(),
            task_id=asked,
            requester_id=who,
            reason="unreachable",
            notes=f"{mark}asks",
        )
        for table in ("customers", "deals"):  # something for the history
            self.db.execute(
                f"update crm.{table} set custom = custom || jsonb_build_object('secret_text', "
                "%s::text) where store_id = %s and id in (%s, %s)",
                (f"{mark}newsecret", s, customer, deal),
            )
            self.db.execute(
                f"update crm.{table} set version = 1 where store_id = %s and id in (%s, %s)",
                (s, customer, deal),
            )
        author = who if not pool else UUID(new_id())
        invitation = self._insert(
            "invitations",
            store_id=s,
            id=new_id(),
            code_hash=new_id().encode(),
            name=paper,
            contact="someone",
            role="advisor",
            invited_by=who,
        )
        (colleague,) = one(
            self.db.execute(
                "select user_id from crm.members where store_id = %s and user_id <> %s limit 1",
                (s, who),
            )
        )
        self._insert(  # over: it moves no task
            "queue_loans",
            store_id=s,
            id=new_id(),
            lender_id=who,
            borrower_id=colleague,
            lent_by_id=self.users[INVITERS[store]],
            first_on="2026-11-01",
            last_on="2026-11-02",
            ended_at="2026-11-03 10:00+08",
        )
        code = f"CODE{n:02d}ABCDEFGH"
        self.db.execute(
            "insert into crm.invitations (store_id, code_hash, name, contact, role, invited_by) "
            "values (%s, sha256(convert_to(%s, 'utf8')), 'fresh', 'someone', 'advisor', %s)",
            (s, code, self.users[INVITERS[store]]),
        )
        version = 10 + n
        self._insert(
            "config_versions", store_id=s, version=version, document={}, author_id=who, note=paper
        )
        if not key.endswith(("_2", "_3")):
            self._insert(
                "config_drafts",
                store_id=s,
                author_id=author,
                document={"note": paper},
                base_version=1,
            )
        list_ = self._insert(
            "imports", store_id=s, id=new_id(), kind="customers", file_name=paper, author_id=who
        )
        self._insert(
            "import_keys",
            store_id=s,
            kind="customers",
            form="customer",
            key=paper,
            record_id=customer,
            import_id=new_id(),
            made=True,
        )
        self._insert(
            "import_mappings", store_id=s, kind="customers", name=paper, mapping={}, author_id=who
        )
        self._insert(
            "visibility_changes", store_id=s, user_id=author, form="customer", subject_id=customer
        )
        self._insert(
            "unique_values",
            store_id=s,
            form="customer",
            key="name",
            value=mark,
            subject_id=customer,
        )
        op = (
            self._insert(
                "operations",
                store_id=s,
                op_id=new_id(),
                user_id=author,
                device_id=UUID(int=9),
                seq=n,
                verb="save_companion",
                result={"status": "applied", "version": 1},
            )
            or ""
        )
        op = str(
            self.row(
                "select op_id from crm.operations where store_id = %s and user_id = %s and seq = "
                "%s",
                s,
                author,
                n,
            )
        )
        twin = self._insert(
            "customers",
            store_id=s,
            id=new_id(),
            owner_id=None if pool or renews else who,
            renewal_owner_id=who if renews else None,
            pool=pool or ("retained" if renews else None),
            name=f"{mark}双",
            phone=f"13{n:02d}7{n:02d}45{n:02d}",
            source="walk_in",
            level="near",
            created_at=datetime.now(UTC) - timedelta(days=2 * n + 1),
        )
        merge = self._insert(
            "merges",
            store_id=s,
            id=new_id(),
            winner_id=customer,
            loser_id=twin,
            moved={},
            author_id=who,
        )
        export = self._insert(
            "exports",
            store_id=s,
            id=new_id(),
            form="customer",
            columns=["id"],
            reason=paper,
            author_id=who,
        )
        self._insert(
            "export_layouts",
            store_id=s,
            form="customer",
            name=paper,
            columns=Jsonb([]),
            author_id=who,
        )
        if (
            seen := self.row(
                "select user_id from crm.members where store_id = %s and user_id <> %s order by "
                "user_id limit 1",
                s,
                author,
            )
        ) is not None:
            self._insert(
                "view_as_sessions", store_id=s, id=new_id(), author_id=author, member_id=seen
            )
        self._insert("audit_events", store_id=s, kind="merged", actor_id=who, subject_id=customer)
        promise = self._insert(
            "promises",
            **on,
            id=new_id(),
            author_id=who,
            conversation_id=conversation,
            notes=f"{mark}promise",
            due_on="2031-01-01",
        )
        alert = self._insert("alerts", **on, id=new_id(), kind="complaint", member_id=who)
        attachment = self._insert(
            "attachments",
            **on,
            id=new_id(),
            form="conversation",
            record_id=conversation,
            kind="voice",
            mime="audio/wav",
            bytes=4,
            received=4,
            sha256="0" * 64,
            author_id=author,
            consented_at="2026-11-01",
        )
        self._insert(
            "attachment_chunks", store_id=s, attachment_id=attachment, at=0, data=mark.encode()[:4]
        )
        held = new_id()
        self._insert(
            "quarantined_operations",
            store_id=s,
            op_id=held,
            user_id=author,
            customer_id=customer,
            reason="transferred",
            operation={"verb": "log_conversation", "payload": {"notes": f"{mark}held"}},
        )
        relative = self._insert(
            "customers",
            store_id=s,
            id=new_id(),
            owner_id=None if pool or renews else who,
            renewal_owner_id=who if renews else None,
            pool=pool or ("retained" if renews else None),
            name=f"{mark}亲戚",
            source="walk_in",
            level="near",
            next_contact_on="2031-03-04",
            created_at=datetime.now(UTC) - timedelta(days=200 + n),
        )
        transfer = self._insert(
            "transfers",
            **on,
            id=new_id(),
            kind="reassign",
            notes=f"{mark}handed",
            **({"to_pool": pool or "retained"} if pool or renews else {"to_id": who}),
        )
        self._insert("relationships", **on, id=new_id(), other_id=relative, relation="friend")
        self._insert(
            "consents",
            **on,
            id=new_id(),
            purpose="marketing",
            channel="sms",
            granted=True,
            source=f"{mark}said",
            noted_by=author,
        )
        self._insert(
            "visits",
            **on,
            id=new_id(),
            received_by=author,
            notes=f"{mark}came",
            arrived_at="2026-11-01 10:00+08",
            recorded_at="2026-11-01 10:04+08",
        )
        self.files[key] = File(
            key,
            store,
            str(who),
            customer,
            companion,
            vehicle,
            policy,
            deal,
            conversation,
            task,
            asked,
            approval,
            op,
            attachment,
            held,
            promise,
            alert,
            invitation,
            str(self.users[NEW_OWNERS[store]]),
            twin,
            merge,
            export,
            list_,
            pool,
            f"{mark}客户",
            mark,
            paper,
            f"13{n:02d}7{n:02d}45{n:02d}",
            f"沪A{n:02d}{n:02d}Q",
            code,
            transfer=transfer,
            relative=relative,
        )

    def _age(self) -> None:
        """Rows as old as if they had been there for long: sync_pull shows what was committed, and
        this transaction never is."""
        for (table,) in self.db.execute(
            "select table_name from information_schema.columns where table_schema = 'crm' and "
            "column_name = 'change_no'"
        ).fetchall():
            self.db.execute(dynamic(f"alter table crm.{table} disable trigger user"))
            self.db.execute(dynamic(f"update crm.{table} set change_no = 0"))
            self.db.execute(dynamic(f"alter table crm.{table} enable trigger user"))

    def _add_probe(self) -> None:
        self.db.execute(PROBE)
        for (table,) in self.db.execute(
            "select relname from pg_class where relnamespace = 'crm'::regnamespace and relkind = "
            "'r'"
        ).fetchall():
            self.db.execute(
                dynamic(
                    f"create trigger zz_probe after insert or update or delete on crm.{table} for "
                    "each row execute function probe.note()"
                )
            )

    def is_mate(self, identity: str, file: File) -> bool:
        """Whether a file of the same store falls under "colleague's" for that person: with scope
        "team" only their team's."""
        teams = dict(
            self.db.execute(
                "select user_id::text, team from crm.members where store_id = %s",
                (self.stores[file.store],),
            ).fetchall()
        )
        is_lead = (IDENTITIES[identity] or ("", ""))[1] == "team_lead"
        return not is_lead or teams.get(file.owner) == teams[str(self.users[identity])]

    # Asking ---------------------------------------------------------------------------------------

    def target(self, identity: str, letter: str) -> File:
        """The file a letter of the table means for that person."""
        home = self.home(identity)
        if letter == "o":
            return self.files.get(identity) or self.files[COLLEAGUES[home]]
        return self.files[
            {
                "c": COLLEAGUES[home],
                "p": f"pool_{home}",
                "s": COLLEAGUES[SISTER[home]],
                "g": COLLEAGUES[ABROAD[home]],
            }[letter]
        ]

    def targets(self, identity: str) -> Iterator[tuple[str, File]]:
        for letter in TARGETS:
            yield letter, self.target(identity, letter)

    def values(self, file: File) -> dict[str, str]:
        """A file's ids and words as SQL literals, and what calls need beside."""
        found = {
            k: "null" if v is None else f"'{v}'" for k, v in asdict(file).items() if k != "version"
        }
        return {
            **found,
            "store": f"'{self.stores[file.store]}'",
            "group": f"'{self.groups[STORES[file.store]]}'",
            "document": self._document,
            "version": "2",
            "fresh": "gen_random_uuid()",
        }

    def fill(self, payload: Any, file: File) -> Any:
        """A payload with a target's values put in; a value that is none is left out."""
        if isinstance(payload, dict):
            return {
                k: v
                for k, v in ((k, self.fill(v, file)) for k, v in payload.items())
                if v is not None
            }
        if not isinstance(payload, str) or not payload.startswith("{"):
            return payload
        known = {
            **asdict(file),
            "fresh": new_id(),
            "tomorrow": str((datetime.now(UTC) + timedelta(days=2)).date()),
        }
        if payload == "{owner}" and file.pool:
            return None
        return known[payload[1:-1]]

    def operation(
        self,
        verb: str,
        payload: dict[str, Any],
        store: str,
        base: int | None = None,
        *,
        op_id: str | None = None,
    ) -> str:
        """One operation as a question."""
        op = {
            "op_id": op_id or new_id(),
            "seq": 1,
            "verb": verb,
            "base_version": base,
            "payload": {**payload, "store_id": str(self.stores[store])},
        }
        return "select api.sync_push('00000000-0000-0000-0000-000000000007', " + literal([op]) + ")"

    @contextmanager
    def as_(self, identity: str | None, role: str | None = None) -> Iterator[None]:
        """As that person, through PostgREST's role, or as api_owner acting for them."""
        user = None if identity in (None, "anon") else self.users[identity]
        with as_member(self.db, user, role or ("authenticated" if user else "anon")):
            yield

    def ask_many(
        self, identity: str, questions: Iterable[str], role: str | None = None
    ) -> list[Answer]:
        """Ask them all as that person, each once; nothing stays."""
        questions = list(questions)
        once = list(dict.fromkeys(questions))
        self.attempts += len(once)
        with self.as_(identity, role):
            row = self.db.execute("select probe.ask(%s)", (once,)).fetchone()
        assert row is not None
        answers = [
            Answer(state, text or "", told, frozenset((t, s) for t, s in written))
            for state, text, told, written in row[0] or []
        ]
        found = dict(zip(once, answers, strict=True))
        return [found[q] for q in questions]

    def row_of(self, table: str, at: str) -> dict[str, Any] | None:
        """A target's row as the operator sees it."""
        if (table, at) not in self._rows:
            self._rows[table, at] = self.row(
                f"select to_jsonb(whole) from crm.{table} whole where {at.replace('%', '%%')} "
                "limit 1"
            )
        return self._rows[table, at]

    @cached_property
    def column_rights(self) -> dict[str, dict[str, list[str]]]:
        """Per table of crm: its columns, and those api_owner may insert or update."""
        rows = self.db.execute("""select c.relname, a.attname,
          has_column_privilege('api_owner', c.oid, a.attnum, 'insert'),
          has_column_privilege('api_owner', c.oid, a.attnum, 'update')
            from pg_class c join pg_attribute a on a.attrelid = c.oid
              where c.relnamespace = 'crm'::regnamespace and c.relkind = 'r' and a.attnum > 0
              and not a.attisdropped order by 1, a.attnum""").fetchall()
        found: dict[str, dict[str, list[str]]] = {}
        for table, column, insert, update in rows:
            of = found.setdefault(table, {"all": [], "insert": [], "update": []})
            of["all"].append(column)
            of["insert"] += [column] * insert
            of["update"] += [column] * update
        return found

    def full_digest(self) -> str:
        return str(self.row("select probe.digest()"))


def literal(value: Any) -> str:
    """A json value as an SQL literal."""
    return "'" + json.dumps(value, ensure_ascii=False).replace("'", "''") + "'::jsonb"
