"""A demo dealer group, made from a seed number with days relative to today: two stores, eight
people, some 300 customers.

Everything that has a verb goes through the verb, as the person who would have done it, so that the
history is honest.
"""

import json
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import psycopg
from psycopg.types.json import Jsonb

from forecourt.claims import as_member
from forecourt.settings import ROOT
from forecourt.stack import secret_key_of
from shared.gateway.session import login_email

PASSWORD = "zhanting-2026"
PRESET = ROOT / "shared" / "presets" / "three_levels.json"
ZONE = ZoneInfo("Asia/Shanghai")

# by frequency
SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾肖田董"
    "潘袁蔡蒋余于杜叶程苏魏吕丁任沈姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯"
    "邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃武莫孔向汤单"
)
DOUBLE_SURNAMES = ["欧阳", "上官", "司马", "诸葛"]
COMPANIES = [
    "申通物流",
    "海纳科技",
    "恒远建设工程",
    "锦程商务服务",
    "东方电气设备",
    "新城物业管理",
    "瑞康医疗器械",
]
GIVEN = [
    "伟",
    "芳",
    "娜",
    "敏",
    "静",
    "丽",
    "强",
    "磊",
    "军",
    "洋",
    "勇",
    "艳",
    "杰",
    "娟",
    "涛",
    "明",
    "超",
    "秀英",
    "霞",
    "平",
    "刚",
    "桂英",
    "子涵",
    "宇轩",
    "浩然",
    "雨桐",
    "欣怡",
    "梓萱",
    "俊杰",
    "思远",
    "晓燕",
    "建国",
    "志强",
    "海燕",
    "文博",
    "佳怡",
    "天宇",
    "诗涵",
    "雅静",
    "国庆",
]
CARS = [
    ("比亚迪", ["汉", "唐", "宋PLUS", "海豹", "秦PLUS"]),
    ("大众", ["帕萨特", "途观L", "朗逸", "ID.4 X"]),
    ("丰田", ["凯美瑞", "RAV4荣放", "汉兰达"]),
    ("奥迪", ["A4L", "A6L", "Q5L"]),
    ("吉利", ["星越L", "银河L7"]),
    ("理想", ["L7", "L8"]),
    ("红旗", ["H5", "HS5"]),
]
INSURERS = ["人保财险", "平安产险", "太平洋产险", "国寿财险", "中华联合"]
NEEDS = [
    "接送孩子，看重空间和安全",
    "通勤用，关注续航和充电",
    "换车，旧车置换",
    "预算有限，等优惠",
    "家里二胎，要七座",
    "公司用车，需对公开票",
    "比较过竞品，看重保值率",
]
WORDS = {
    "interested": [
        "对车型感兴趣，周末约到店看车",
        "询问了落地价，已发报价单",
        "想了解置换补贴，约试驾",
    ],
    "follow_up": ["在开会，晚点再联系", "要和家人商量，下周再聊", "还在对比两款车型"],
    "not_now": ["年底前不考虑，保持联系", "刚换了工作，暂缓购车"],
    "received": ["一家三口到店，看了两款车", "到店看车，介绍了金融方案"],
    "test_driven": ["试驾后满意，关注后排空间", "试驾体验好，等老婆一起来定"],
}


@dataclass(frozen=True)
class DemoUser:
    email: str
    password: str
    role: str
    store: str
    name: str
    user_id: UUID


PEOPLE = [
    ("lin@forecourt.example", "advisor", 0, "林晓"),
    ("chen@forecourt.example", "advisor", 0, "陈思远"),
    ("zhou@forecourt.example", "renewal", 0, "周敏"),
    ("wu@forecourt.example", "market", 0, "吴静"),
    ("xu@forecourt.example", "assistant", 0, "徐佳怡"),
    ("he@forecourt.example", "manager", 0, "何建国"),
    ("admin@forecourt.example", "store_admin", 0, "梁文博"),
    ("west@forecourt.example", "store_admin", 1, "秦海燕"),
]
STORES = ["沪东展厅", "沪西展厅"]
GROUP = "申城汽车集团"


def sign_up(
    supabase_url: str,
    publishable_key: str,
    identifier: str,
    password: str = PASSWORD,
) -> UUID:
    """A user of Supabase Auth, made by the operator without an invitation; one who exists already
    signs in.

    Needs the project's secret key (`secret_key_of`). Raises RuntimeError when there is no account
    in the end.
    """
    body = {"email": login_email(identifier), "password": password}
    secret = secret_key_of(supabase_url)
    answer = None
    for path, key in (("admin/users", secret), ("token?grant_type=password", publishable_key)):
        if key is None:
            continue
        headers = {"apikey": key} | ({"Authorization": f"Bearer {key}"} if key == secret else {})
        answer = httpx.post(
            f"{supabase_url}/auth/v1/{path}",
            json=body | ({"email_confirm": True} if key == secret else {}),
            headers=headers,
            timeout=30,
            trust_env=False,
        )
        if answer.status_code == 200:
            user = answer.json()
            return UUID(user.get("user", user)["id"])
    raise RuntimeError(
        f"{identifier}: no account"
        + (f" (answer {answer.status_code})" if answer is not None else "")
    )


def seed(
    db_url: str,
    supabase_url: str,
    publishable_key: str,
    *,
    number: int = 2026,
    say=print,
) -> list[DemoUser]:
    """Make the demo group unless it is there. Returns its people; takes some seconds."""
    users = [
        DemoUser(
            email,
            PASSWORD,
            role,
            STORES[store],
            name,
            sign_up(supabase_url, publishable_key, email),
        )
        for email, role, store, name in PEOPLE
    ]
    with psycopg.connect(db_url) as connection:
        if not connection.execute("select 1 from crm.groups where name = %s", (GROUP,)).fetchone():
            say("making the demo store")
            _Maker(connection, random.Random(number), users).make()
    return users


DAYS = 30  # of history before today
LAST_DAYS = {
    "renewal": 0.05,
    "market": 0.1,
    "manager": 0.05,
}  # share of the queue worked off on each of the last five days


class _Maker:
    """Plays the store day by day: people meet customers, the nightly rules run, the queue is worked
    off, some of it is left."""

    def __init__(
        self, connection: psycopg.Connection, dice: random.Random, users: list[DemoUser]
    ) -> None:
        self.connection, self.dice, self.users = connection, dice, users
        self.today = datetime.now(ZONE).date()
        self.seq = 0
        self.device = self._id(datetime.now(UTC))
        self.stores: list[UUID] = []
        self.cadence = {"near": 7, "intent": 30}
        self.pending: list[UUID] = []
        self.deals: dict[
            str, list[str]
        ] = {}  # customer → their deal and the stages it went through

    def person(self, role: str, nth: int = 0, store: int = 0) -> UUID:
        return [u.user_id for u in self.users if u.role == role and u.store == STORES[store]][nth]

    def _id(self, at: datetime) -> UUID:
        """A UUIDv7 of that moment, from the dice: the same number makes the same ids on the same
        day, and an id tells when."""
        head = int(at.timestamp() * 1000) << 80 | 7 << 76 | self.dice.getrandbits(12) << 64
        return UUID(int=head | 2 << 62 | self.dice.getrandbits(62))

    def act(
        self,
        who: UUID,
        verb: str,
        at: datetime,
        payload: dict[str, Any],
        *,
        store: int = 0,
        base_version: int | None = None,
    ) -> None:
        """One verb as one person; a refusal here is a mistake of ours."""
        self.seq += 1
        op = {
            "op_id": str(self._id(at)),
            "seq": self.seq,
            "verb": verb,
            "base_version": base_version,
            "client_time": at.isoformat(),
            "payload": {"store_id": str(self.stores[store]), **payload},
        }
        with as_member(self.connection, who):
            answer = self.connection.execute(
                "select api.sync_push(%s, %s)", (self.device, Jsonb([op]))
            ).fetchone()[0][0]  # type: ignore[index]
        if answer["status"] != "applied":
            raise RuntimeError(f"{verb}: {answer}")

    def make(self) -> None:
        # history is backdated: what happened weeks ago is stored as given
        self.connection.execute("select set_config('crm.rehearsal', 'on', false)")
        self._make_stores()
        meetings = [(self.person("advisor", n % 2), 0, f"advisor{n % 2}") for n in range(150)]
        meetings += [(self.person("manager"), 0, "fleet")] * 20 + [
            (self.person("store_admin", 0, 1), 1, "west")
        ] * 16
        met = [
            (self.dice.choices([-DAYS, self.dice.randrange(1 - DAYS, 0)], [5, 5])[0], *meeting)
            for meeting in meetings
        ]
        for n in range(110):
            self._policy_holder(n)
        for _ in range(34):
            self._pooled()
        for offset in range(-DAYS, 0):
            day = self.today + timedelta(days=offset)
            for n, (when, owner, store, kind) in enumerate(met):
                if when == offset:
                    self._prospect(owner, store, self._moment(day), kind, n)
            self._night(day)
            self._work(day, offset)
        self._night(self.today)
        self._requests()
        self._transfers()
        self._tell_the_time()
        self.connection.commit()
        self.connection.execute(
            "analyze"
        )  # the first search after a demo starts should not wait for autovacuum to learn sizes
        self.connection.commit()

    def _make_stores(self) -> None:
        document = json.loads(PRESET.read_text(encoding="utf8"))
        opened = self._moment(self.today - timedelta(days=200))
        group = self._id(opened)
        self.connection.execute("insert into crm.groups (id, name) values (%s, %s)", (group, GROUP))
        for name in STORES:
            store = self._id(opened)
            self.connection.execute(
                "select crm.create_store(%s, %s, %s, %s)", (group, store, name, Jsonb(document))
            )
            self.stores.append(store)
        for user in self.users:
            self.connection.execute(
                "insert into crm.members (store_id, user_id, role, name, joined_at) values (%s, "
                "%s, %s, %s, %s)",
                (self.stores[STORES.index(user.store)], user.user_id, user.role, user.name, opened),
            )

    # People and cars ------------------------------------------------------------------------------

    def _moment(self, day: date) -> datetime:
        return datetime.combine(
            day,
            time(9 + self.dice.randrange(10), self.dice.randrange(60), self.dice.randrange(60)),
            ZONE,
        )

    def _name(self) -> str:
        surname = self.dice.choices(
            [*SURNAMES, *DOUBLE_SURNAMES],
            [1 / (n + 6) for n in range(len(SURNAMES))] + [0.004] * len(DOUBLE_SURNAMES),
        )[0]
        given = self.dice.choice(GIVEN)
        return (
            surname
            + given
            + (self.dice.choice("轩宁然琪") if len(given) == 1 and self.dice.random() < 0.4 else "")
        )

    def _company(self) -> str:
        town = self.dice.choice(["上海", "苏州", "昆山"])
        company = self.dice.choice(COMPANIES)
        return town + company + self.dice.choice(["有限公司", "股份有限公司（车辆采购部）"])

    def _phone(self) -> str:
        return (
            self.dice.choice(["138", "139", "136", "150", "158", "186", "188", "177", "199"])
            + f"{self.dice.randrange(10**8):08d}"
        )

    def _plate(self) -> str:
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
        return (
            "沪"
            + self.dice.choice("ABCDEFGHJK")
            + "".join(self.dice.choice("0123456789" * 3 + letters) for _ in range(5))
        )

    def _customer(
        self, who: UUID, at: datetime, fields: dict[str, Any], store: int = 0, **columns: Any
    ) -> str:
        customer = str(self._id(at))
        self.act(who, "save_customer", at, {"id": customer, "set": fields, **columns}, store=store)
        return customer

    def _prospect(self, owner: UUID, store: int, at: datetime, kind: str, n: int) -> None:
        dice = self.dice
        level = dice.choices(["near", "intent"], [4, 6])[0]
        brand, series = dice.choice(CARS)
        name = self._company() if kind == "fleet" else self._name()
        fields = {
            "name": name,
            "phone": self._phone(),
            "source": dice.choices(["walk_in", "phone", "online"], [5, 2, 3])[0],
            "level": level,
            "gender": dice.choice(["male", "female"]),
            "need": dice.choice(NEEDS),
            "interested_series": f"{brand} {dice.choice(series)}",
            "budget_fen": dice.randrange(8, 45) * 1_000_000,
            "next_contact_on": self._next(at.date(), level).isoformat(),
        }
        customer = self._customer(owner, at, fields, store)
        if dice.random() < 0.3 and kind != "fleet":
            self._companion(owner, store, at, customer)
        if n % 2 == 0 or kind == "fleet":
            self._first_deal(owner, store, at, customer, fields["interested_series"])
        if fields["source"] == "walk_in":
            self._first_visit(owner, store, at, customer, level)
        if at.date() == self.today - timedelta(days=DAYS):  # those met long ago are further on
            for _ in range(dice.randrange(4)):
                self._advance(owner, customer, at, store)
        if n % 25 == 3:
            self._no_more_calls(owner, store, at, customer)

    def _companion(self, owner: UUID, store: int, at: datetime, customer: str) -> None:
        companion = {
            "name": self.dice.choice(["爱人", "父亲", "朋友小李", "母亲"]),
            "relation": self.dice.choice(["spouse", "parent", "friend"]),
            "influence": self.dice.choice(["decides", "advises", "present"]),
        }
        self.act(
            owner,
            "save_companion",
            at,
            {"id": str(self._id(at)), "customer_id": customer, "set": companion},
            store=store,
        )

    def _first_deal(self, owner: UUID, store: int, at: datetime, customer: str, title: str) -> None:
        deal = str(self._id(at))
        self.act(
            owner,
            "save_deal",
            at,
            {
                "id": deal,
                "customer_id": customer,
                "pipeline": "new_car",
                "set": {"title": title},
            },
            store=store,
        )
        self.deals[customer] = [deal, "lead"]

    def _first_visit(
        self, owner: UUID, store: int, at: datetime, customer: str, level: str
    ) -> None:
        self._log_conversation(
            owner,
            customer,
            level,
            at,
            store,
            method="visit",
            outcome="received",
            next_on=self._next(at.date(), level),
        )
        self._advance(owner, customer, at, store, "visited")

    def _no_more_calls(self, owner: UUID, store: int, at: datetime, customer: str) -> None:
        version = self.connection.execute(
            "select version from crm.customers where id = %s", (customer,)
        ).fetchone()[0]  # type: ignore[index]
        self.act(
            owner,
            "save_customer",
            at,
            {"id": customer, "set": {"do_not_call": True}},
            store=store,
            base_version=version,
        )

    def _policy_holder(self, n: int) -> None:
        manager, renewal, dice = self.person("manager"), self.person("renewal"), self.dice
        at = self._moment(self.today - timedelta(days=DAYS + 1 + n % 60))
        fields = {
            "name": self._name(),
            "phone": self._phone(),
            "source": "walk_in",
            "level": "potential",
        }
        customer = self._customer(manager, at, fields, pool="retained")
        self.connection.execute(
            "update crm.customers set renewal_owner_id = %s where id = %s", (renewal, customer)
        )  # handing over has no verb yet
        brand, series = dice.choice(CARS)
        vehicle = str(self._id(at))
        car = {
            "plate": self._plate(),
            "brand": brand,
            "series": dice.choice(series),
            "model_year": 2017 + dice.randrange(9),
        }
        self.act(renewal, "save_vehicle", at, {"id": vehicle, "customer_id": customer, "set": car})
        expires = self.today + timedelta(
            days=1 + n * 3 // 2 if n < 50 else 90 + dice.randrange(275)
        )
        for years_ago in (1, 0) if n % 3 == 0 else (0,):  # history: one row a year
            ends = expires - timedelta(days=365 * years_ago)
            policy = {
                "insurer": dice.choice(INSURERS),
                "policy_number": f"PDAA{dice.randrange(10**10):010d}",
                "kind": "both",
                "premium_fen": dice.randrange(2200, 9800) * 100,
                "starts_on": (ends - timedelta(days=364)).isoformat(),
                "expires_on": ends.isoformat(),
            }
            self.act(
                renewal,
                "save_policy",
                at,
                {
                    "id": str(self._id(at)),
                    "customer_id": customer,
                    "vehicle_id": vehicle,
                    "set": policy,
                },
            )

    def _pooled(self) -> None:
        """Someone the market team looks after: it has talked to them and will again."""
        at = self._moment(self.today - timedelta(days=self.dice.randrange(8, DAYS)))
        fields = {
            "name": self._name(),
            "phone": self._phone(),
            "source": "online",
            "level": "potential",
            "need": self.dice.choice(NEEDS),
        }
        customer = self._customer(self.person("manager"), at, fields, pool="market")
        again = self.today + timedelta(days=self.dice.randrange(-4, 6))
        self._log_conversation(
            self.person("market"),
            customer,
            "potential",
            at + timedelta(hours=1),
            0,
            outcome="follow_up",
            next_on=again,
        )

    # Days -----------------------------------------------------------------------------------------

    def _next(self, day: date, level: str) -> date:
        return day + timedelta(days=max(1, self.cadence.get(level, 30) - self.dice.randrange(4)))

    def _night(self, day: date) -> None:
        """The rules of that morning; what they made was made then."""
        for store in self.stores:
            self.connection.execute("select crm.run_rules(%s, %s)", (store, day))
        early = datetime.combine(day, time(6), ZONE)
        self.connection.execute(
            "update crm.tasks set created_at = %s where created_at = now() and rule is not null",
            (early,),
        )
        self.connection.execute(
            "update crm.events set created_at = %s where created_at = now() and op_id is null",
            (early,),
        )

    def _work(self, day: date, offset: int) -> None:
        """Everyone's queue of that day; the last days leave something for today."""
        for user in self.users:
            rows = self.connection.execute(
                "select t.id, t.customer_id, k.level, t.kind from crm.tasks t join crm.customers k "
                "on k.store_id = t.store_id and k.id = t.customer_id"
                " where t.assignee_id = %s and t.status = 'open' and t.removed_at is null and "
                "t.due_on <= %s order by t.due_on, t.customer_id",
                (user.user_id, day),
            ).fetchall()
            for task, customer, level, kind in rows:
                if self.dice.random() < (0.96 if offset < -5 else LAST_DAYS.get(user.role, 0.35)):
                    self._call(user, str(task), str(customer), level, kind, self._moment(day))

    def _call(
        self, user: DemoUser, task: str, customer: str, level: str, kind: str, at: datetime
    ) -> None:
        store, dice = STORES.index(user.store), self.dice
        outcome = dice.choices(
            ["interested", "follow_up", "not_now", "no_answer"], [50, 20, 8, 22]
        )[0]
        if outcome == "not_now" and level in self.cadence and dice.random() < 0.5:
            level = "potential"  # the next night hands them to the market team
        if outcome == "no_answer":
            next_on = at.date() + timedelta(days=1)
        else:
            next_on = (
                None
                if kind == "policy_window" or level not in self.cadence
                else self._next(at.date(), level)
            )
        self._log_conversation(
            user.user_id, customer, level, at, store, outcome=outcome, next_on=next_on, task_id=task
        )
        if outcome == "interested" and level in self.cadence:
            self._advance(user.user_id, customer, at, store)
        elif outcome == "interested" and kind == "policy_window" and customer not in self.deals:
            self._renewal(user.user_id, customer, at)

    def _log_conversation(
        self,
        who: UUID,
        customer: str,
        level: str,
        at: datetime,
        store: int,
        *,
        outcome: str,
        next_on: date | None,
        **columns: Any,
    ) -> None:
        conversation = {
            "id": str(self._id(at)),
            "customer_id": customer,
            "method": "call",
            "outcome": outcome,
            "level": level,
            "occurred_at": at.isoformat(),
            "next_contact_on": next_on.isoformat() if next_on else None,
            **columns,
        }
        if (
            conversation["method"] == "call"
        ):  # without a press of "dial" the manager would be told of a burst
            pressed = at - timedelta(seconds=self.dice.randrange(40, 400))
            conversation["dialled_at"] = pressed.isoformat()
        if outcome in WORDS:
            conversation["notes"] = self.dice.choice(WORDS[outcome])
        self.act(who, "log_conversation", at, conversation, store=store)

    def _advance(
        self, who: UUID, customer: str, at: datetime, store: int, to: str | None = None
    ) -> None:
        """A step further in the pipeline, now and then a lost one."""
        path = ["lead", "visited", "test_drive", "quoted", "ordered", "delivered"]
        if (
            customer not in self.deals
            or self.deals[customer][-1] not in path[:-1]
            or (to is None and self.dice.random() < 0.15)
        ):
            return
        deal, *_, here = self.deals[customer]
        stage = to or path[path.index(here) + 1]
        extra: dict[str, Any] = {}
        if to is None and self.dice.random() < 0.1:
            stage, extra = (
                "lost",
                {"lost_reason": self.dice.choice(["price", "bought_elsewhere", "gave_up"])},
            )
        elif stage == "quoted":
            extra = {"set": {"amount_fen": self.dice.randrange(90, 420) * 100_000}}
        elif stage == "ordered":
            close = at.date() + timedelta(days=self.dice.randrange(10, 50))
            extra = {"set": {"expected_close_on": close.isoformat()}, "checked": ["deposit"]}
        self.act(
            who,
            "move_deal",
            at + timedelta(minutes=2),
            {"id": deal, "stage": stage, **extra},
            store=store,
        )
        self.deals[customer].append(stage)

    def _renewal(self, who: UUID, customer: str, at: datetime) -> None:
        row = self.connection.execute(
            "select id, premium_fen from crm.policies where customer_id = %s order by expires_on "
            "desc limit 1",
            (customer,),
        ).fetchone()
        assert row is not None
        deal = str(self._id(at))
        self.act(
            who,
            "save_deal",
            at,
            {
                "id": deal,
                "customer_id": customer,
                "policy_id": str(row[0]),
                "pipeline": "renewal",
                "set": {"title": "续保"},
            },
        )
        self.deals[customer] = [deal, "to_contact"]
        for stage in ["quoted", "promised", "renewed"][
            : self.dice.choices(range(4), [3, 4, 2, 1])[0]
        ]:
            extra = (
                {"set": {"amount_fen": row[1] * self.dice.randrange(90, 110) // 100}}
                if stage == "quoted"
                else {}
            )
            self.act(
                who, "move_deal", at + timedelta(minutes=3), {"id": deal, "stage": stage, **extra}
            )
            self.deals[customer].append(stage)

    def _requests(self) -> None:
        """Two cancel requests wait for the manager; a third was sent back with a remark."""
        store, manager, now = self.stores[0], self.person("manager"), datetime.now(UTC)
        words = {
            "unreachable": "上午下午各打两次都没人接",
            "travelling": "客户出国，月底才回来",
            "sold_car": "客户说车已经卖了",
        }
        for who, reasons in (
            (self.person("advisor", 0), ["unreachable", "travelling"]),
            (self.person("renewal"), ["sold_car"]),
        ):
            tasks = self.connection.execute(
                "select id from crm.tasks where store_id = %s and assignee_id = %s and status = "
                "'open' and removed_at is null and due_on <= %s"
                " order by due_on, customer_id limit %s",
                (store, who, self.today, len(reasons)),
            ).fetchall()
            for (task,), reason in zip(tasks, reasons, strict=True):
                request = str(self._id(now))
                self.act(
                    who,
                    "request_cancellation",
                    now,
                    {"id": request, "task_id": str(task), "reason": reason, "notes": words[reason]},
                )
                if reason == "travelling":
                    self.act(
                        manager,
                        "decide_approval",
                        now,
                        {
                            "id": request,
                            "decision": "reject",
                            "remark": "微信也联系一下，今天给我结果",
                        },
                    )

    def _transfers(self) -> None:
        """What a manager's morning finds: customers to claim, one handed on, two policies nobody
        renews, three past their days."""
        manager, now = self.person("manager"), datetime.now(ZONE)
        for n in range(8):
            fields = {
                "name": self._name(),
                "phone": self._phone(),
                "source": "online",
                "level": "intent",
                "need": NEEDS[n % len(NEEDS)],
            }
            self._customer(manager, now, fields, pool="open")
        for n in range(2):
            customer = self._customer(
                manager,
                now,
                {
                    "name": self._name(),
                    "phone": self._phone(),
                    "source": "phone",
                    "level": "potential",
                },
                pool="retained",
            )
            expires = (self.today + timedelta(days=18 + n)).isoformat()
            self.act(
                manager,
                "save_policy",
                now,
                {
                    "id": str(self._id(now)),
                    "customer_id": customer,
                    "set": {"insurer": INSURERS[n], "kind": "both", "expires_on": expires},
                },
            )
        theirs = self.connection.execute(
            "select id from crm.customers where store_id = %s and owner_id = %s and removed_at is "
            "null order by id limit 4",
            (self.stores[0], self.person("advisor", 1)),
        ).fetchall()
        self.act(
            manager,
            "reassign",
            now,
            {
                "customer_ids": [str(theirs[0][0])],
                "owner_id": str(self.person("advisor", 0)),
                "notes": "陈思远休假，试驾已约周末",
            },
        )
        self.pending = [x[0] for x in theirs[1:]]

    def _tell_the_time(self) -> None:
        """The verbs stamped everything with this minute; put back when it happened, which the ids
        of records and operations tell."""
        tables = (
            "customers",
            "companions",
            "vehicles",
            "policies",
            "deals",
            "conversations",
            "tasks",
        )
        for table in tables:
            self.connection.execute(
                f"alter table crm.{table} disable trigger user".encode()
            )  # putting a clock right is no event
        for statement in BACKDATE:
            self.connection.execute(
                statement.encode(), {"stores": self.stores, "pending": self.pending}
            )
        for table in tables:
            self.connection.execute(f"alter table crm.{table} enable trigger user".encode())


def _when(column: str) -> str:
    return (
        f"to_timestamp(('x' || left(replace({column}::text, '-', ''), 12))::bit(48)::bigint / "
        "1000.0)"
    )


BACKDATE = [
    *(
        f"update crm.{table} set created_at = {_when('id')}, updated_at = {_when('id')} where "
        "store_id = any (%(stores)s)"
        for table in ("customers", "companions", "vehicles", "policies", "deals", "conversations")
    ),
    f"update crm.operations set applied_at = {_when('op_id')} where store_id = any (%(stores)s)",
    f"update crm.events set created_at = {_when('op_id')} where store_id = any (%(stores)s) "
    "and op_id is not null",
    "update crm.events set new = to_jsonb(created_at) where store_id = any (%(stores)s) "
    "and field in ('stage_at', 'closed_at', 'level_at') and new <> 'null'",
    "update crm.customers c set level_at = coalesce((select max(e.created_at) from "
    "crm.events e where e.store_id = c.store_id and e.customer_id = c.id"
    " and e.subject_id = c.id and e.field = 'level'), c.created_at), updated_at = "
    "greatest(c.created_at, c.last_contact_at) where store_id = any (%(stores)s)",
    "update crm.deals d set stage_at = e.at, closed_at = case when d.closed_at is not null "
    "then e.at end, updated_at = e.at from (select x.store_id, x.subject_id,"
    " max(x.created_at) as at from crm.events x where x.form = 'deal' and (x.field = "
    "'stage' or x.kind = 'created') group by 1, 2) e"
    " where d.store_id = any (%(stores)s) and e.store_id = d.store_id and e.subject_id = d.id",
    "update crm.tasks t set created_at = e.created_at from crm.events e where t.store_id = "
    "any (%(stores)s) and t.rule is null and e.store_id = t.store_id"
    " and e.customer_id = t.customer_id and e.subject_id = t.id and e.kind = 'created'",
    "update crm.tasks t set closed_at = c.occurred_at, updated_at = c.occurred_at from "
    "crm.conversations c"
    " where t.store_id = any (%(stores)s) and c.store_id = t.store_id and c.id = t.conversation_id",
    # who entered their level three months ago stands on the manager's list
    "update crm.customers set level_at = now() - interval '97 days' where store_id = any "
    "(%(stores)s) and id = any (%(pending)s)",
]
