"""A demo dealer group, made from a seed number with days relative to today: two stores, eight people, some 300 customers.

Everything that has a verb goes through the verb, as the person who would have done it, so that the history is honest.
"""

import json
import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import psycopg
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from forecourt.acting import acting_as
from forecourt.settings import ROOT
from shared.gateway.session import sign_in_name

PASSWORD = "zhanting-2026"
PRESET = ROOT / "shared" / "presets" / "three_levels.json"
ZONE = ZoneInfo("Asia/Shanghai")

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程苏魏吕丁任沈姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃武戴莫孔向汤单"
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
    "接送孩子,看重空间和安全",
    "通勤用,关注续航和充电",
    "换车,旧车置换",
    "预算有限,等优惠",
    "家里二胎,要七座",
    "公司用车,需对公开票",
    "比较过竞品,看重保值率",
]
WORDS = {
    "interested": ["对车型感兴趣,周末约到店看车", "询问了落地价,已发报价单", "想了解置换补贴,约试驾"],
    "follow_up": ["在开会,晚点再联系", "要和家人商量,下周再聊", "还在对比两款车型"],
    "not_now": ["年底前不考虑,保持联系", "刚换了工作,暂缓购车"],
    "received": ["一家三口到店,看了两款车", "到店看车,介绍了金融方案"],
    "test_driven": ["试驾后满意,关注后排空间", "试驾体验好,等老婆一起来定"],
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
    ("lin@forecourt.example", "advisor", 0, "林晓"), ("chen@forecourt.example", "advisor", 0, "陈思远"), ("zhou@forecourt.example", "renewal", 0, "周敏"),
    ("wu@forecourt.example", "market", 0, "吴静"), ("xu@forecourt.example", "assistant", 0, "徐佳怡"), ("he@forecourt.example", "manager", 0, "何建国"),
    ("admin@forecourt.example", "store_admin", 0, "梁文博"), ("west@forecourt.example", "store_admin", 1, "秦海燕"),
]  # fmt: skip
STORES = ["沪东展厅", "沪西展厅"]
GROUP = "申城汽车集团"


def sign_up(supabase_url: str, publishable_key: str, identifier: str, password: str = PASSWORD) -> UUID:
    """A user of Supabase Auth; one who exists already signs in."""
    body = {"email": sign_in_name(identifier), "password": password}
    for path in ("signup", "token?grant_type=password"):
        answer = httpx.post(f"{supabase_url}/auth/v1/{path}", json=body, headers={"apikey": publishable_key}, timeout=30, trust_env=False)
        if answer.status_code == 200 and "user" in answer.json():
            return UUID(answer.json()["user"]["id"])
    raise RuntimeError(f"{identifier}: sign-up answered {answer.status_code}")


def seed(db_url: str, supabase_url: str, publishable_key: str, *, number: int = 2026, say=print) -> list[DemoUser]:
    """Make the demo group unless it is there. Returns its people; takes some seconds."""
    users = [
        DemoUser(email, PASSWORD, role, STORES[store], name, sign_up(supabase_url, publishable_key, email)) for email, role, store, name in PEOPLE
    ]
    with psycopg.connect(db_url) as connection:
        if not connection.execute("select 1 from crm.groups where name = %s", (GROUP,)).fetchone():
            say("making the demo store")
            _Maker(connection, random.Random(number), users).make()
    return users


class _Maker:
    def __init__(self, connection: psycopg.Connection, dice: random.Random, users: list[DemoUser]) -> None:
        self.connection, self.dice, self.users = connection, dice, users
        self.today = datetime.now(ZONE).date()
        self.seq = 0
        self.device = uuid7()
        self.stores: list[UUID] = []

    def person(self, role: str, nth: int = 0, store: int = 0) -> UUID:
        return [u.user_id for u in self.users if u.role == role and u.store == STORES[store]][nth]

    def act(self, who: UUID, verb: str, payload: dict[str, Any], store: int = 0, base_version: int | None = None) -> dict[str, Any]:
        """One verb as one person; a refusal here is a mistake of ours."""
        self.seq += 1
        op = {
            "op_id": str(uuid7()),
            "seq": self.seq,
            "verb": verb,
            "base_version": base_version,
            "payload": {"store_id": str(self.stores[store]), **payload},
        }
        with acting_as(self.connection, who):
            answer = self.connection.execute("select api.sync_push(%s, %s)", (self.device, Jsonb([op]))).fetchone()[0][0]  # type: ignore[index]
        if answer["status"] != "applied":
            raise RuntimeError(f"{verb}: {answer}")
        return {**answer, "op_id": op["op_id"]}

    def make(self) -> None:
        document = json.loads(PRESET.read_text(encoding="utf8"))
        group = uuid7()
        self.connection.execute("insert into crm.groups (id, name) values (%s, %s)", (group, GROUP))
        for name in STORES:
            store = uuid7()
            self.connection.execute("select crm.create_store(%s, %s, %s, %s)", (group, store, name, Jsonb(document)))
            self.stores.append(store)
        for user in self.users:
            store = self.stores[STORES.index(user.store)]
            self.connection.execute(
                "insert into crm.members (store_id, user_id, role, name) values (%s, %s, %s, %s)", (store, user.user_id, user.role, user.name)
            )
        for n in range(150):
            self._prospect(self.person("advisor", n % 2), n)
        for n in range(110):
            self._policy_holder(n)
        for n in range(20):
            self._pooled(n)
        for n in range(12):
            self._prospect(self.person("store_admin", 0, 1), n, store=1)
        # what the talks of the past cleared was cleared then, not while this demo was made
        self.connection.execute(
            "update crm.tasks t set closed_at = c.occurred_at from crm.conversations c where c.store_id = t.store_id and c.id = t.conversation_id"
        )
        for store in self.stores:
            for back in range(3, -1, -1):
                self.connection.execute("select crm.run_rules(%s, %s)", (store, self.today - timedelta(days=back)))
        self._requests()
        self.connection.commit()

    def _customer(self, who: UUID, fields: dict[str, Any], store: int = 0, **links: Any) -> str:
        customer = str(uuid7())
        self.act(who, "save_customer", {"id": customer, "set": fields, **links}, store)
        return customer

    def _name(self) -> str:
        return self.dice.choice(SURNAMES) + self.dice.choice(GIVEN)

    def _phone(self) -> str:
        return self.dice.choice(["138", "139", "136", "150", "158", "186", "188", "177", "199"]) + f"{self.dice.randrange(10**8):08d}"

    def _plate(self) -> str:
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
        return "沪" + self.dice.choice("ABCDEFGHJK") + "".join(self.dice.choice("0123456789" * 3 + letters) for _ in range(5))

    def _prospect(self, owner: UUID, n: int, store: int = 0) -> None:
        dice = self.dice
        long_name = "上海申通地铁资产经营管理有限公司(车辆采购部)" if n == 7 else "欧阳娜娜" if n == 11 else self._name()
        level = dice.choices(["near", "intent"], [4, 6])[0]
        brand, series = dice.choice(CARS)
        met = self.today - timedelta(days=dice.randrange(1, 30))
        fields = {
            "name": long_name,
            "phone": self._phone(),
            "source": dice.choices(["walk_in", "phone", "online"], [5, 2, 3])[0],
            "level": level,
            "gender": dice.choice(["male", "female"]),
            "need": dice.choice(NEEDS),
            "interested_series": f"{brand} {dice.choice(series)}",
            "budget_fen": dice.randrange(8, 45) * 1_000_000,
        }
        customer = self._customer(owner, fields, store)
        if dice.random() < 0.3:
            companion = {
                "name": dice.choice(["爱人", "父亲", "朋友小李", "母亲"]),
                "relation": dice.choice(["spouse", "parent", "friend"]),
                "influence": dice.choice(["decides", "advises", "present"]),
            }
            self.act(owner, "save_companion", {"id": str(uuid7()), "customer_id": customer, "set": companion}, store)
        outcomes = [("visit", "received"), ("call", "interested"), ("call", "follow_up"), ("call", "no_answer"), ("test_drive", "test_driven")]
        for step in range(dice.randrange(0, 4)):
            method, outcome = outcomes[0] if step == 0 and fields["source"] == "walk_in" else dice.choice(outcomes[1:])
            at = datetime.combine(
                min(met + timedelta(days=step * 5), self.today - timedelta(days=1)), time(9 + dice.randrange(9), dice.randrange(60)), ZONE
            )
            talk = {"id": str(uuid7()), "customer_id": customer, "method": method, "outcome": outcome, "level": level, "occurred_at": at.isoformat()}
            if outcome in WORDS:
                talk["words"] = dice.choice(WORDS[outcome])
            self.act(owner, "log_conversation", talk, store)
        # the plan the talks of the past would have left: spread over last week and the next two
        self.connection.execute("update crm.tasks set removed_at = now() where customer_id = %s and status = 'open'", (customer,))
        planned = self.today + timedelta(days=dice.choices(range(-4, 14), [2, 2, 2, 4, 6, *[3] * 13])[0])
        self.connection.execute("update crm.customers set next_contact_on = %s where id = %s", (planned, customer))
        if n % 25 == 3:
            self.act(owner, "save_customer", {"id": customer, "set": {"do_not_call": True}}, store, base_version=self._version("customers", customer))
        if n % 2 == 0:
            self._deal(owner, customer, fields["interested_series"], int(fields["budget_fen"]), store)

    def _version(self, table: str, record: str) -> int:
        return self.connection.execute(f"select version from crm.{table} where id = %s", (record,)).fetchone()[0]  # type: ignore[index]

    def _deal(self, owner: UUID, customer: str, title: str, amount: int, store: int) -> None:
        deal = str(uuid7())
        self.act(owner, "save_deal", {"id": deal, "customer_id": customer, "pipeline": "new_car", "set": {"title": title}}, store)
        close = (self.today + timedelta(days=self.dice.randrange(5, 60))).isoformat()
        path = ["visited", "test_drive", "quoted", "ordered", "delivered"][: self.dice.choices(range(6), [5, 6, 5, 4, 2, 2])[0]]
        for stage in path:
            extra = {"quoted": {"set": {"amount_fen": amount}}, "ordered": {"set": {"expected_close_on": close}, "checked": ["deposit"]}}.get(
                stage, {}
            )
            self.act(owner, "move_deal", {"id": deal, "stage": stage, **extra}, store)
        if not path and self.dice.random() < 0.3:
            self.act(
                owner, "move_deal", {"id": deal, "stage": "lost", "lost_reason": self.dice.choice(["price", "bought_elsewhere", "gave_up"])}, store
            )

    def _policy_holder(self, n: int) -> None:
        manager, renewal, dice = self.person("manager"), self.person("renewal"), self.dice
        customer = self._customer(manager, {"name": self._name(), "phone": self._phone(), "source": "walk_in", "level": "potential"}, pool="retained")
        self.connection.execute("update crm.customers set renewal_owner_id = %s where id = %s", (renewal, customer))
        brand, series = dice.choice(CARS)
        vehicle = str(uuid7())
        self.act(
            renewal,
            "save_vehicle",
            {
                "id": vehicle,
                "customer_id": customer,
                "set": {"plate": self._plate(), "brand": brand, "series": dice.choice(series), "model_year": 2017 + dice.randrange(9)},
            },
        )
        due_in = dice.choice([2, 5, 7, 9, 12, 15, 18, 25, 30]) if n < 22 else 40 + dice.randrange(300)
        expires: date = self.today + timedelta(days=due_in)
        policy = {
            "insurer": dice.choice(INSURERS),
            "policy_number": f"PDAA{dice.randrange(10**10):010d}",
            "kind": "both",
            "premium_fen": dice.randrange(2200, 9800) * 100,
            "starts_on": (expires - timedelta(days=364)).isoformat(),
            "expires_on": expires.isoformat(),
        }
        self.act(renewal, "save_policy", {"id": str(uuid7()), "customer_id": customer, "vehicle_id": vehicle, "set": policy})

    def _pooled(self, n: int) -> None:
        fields = {"name": self._name(), "phone": self._phone(), "source": "online", "level": "potential", "need": self.dice.choice(NEEDS)}
        self._customer(self.person("manager"), fields, pool="market")

    def _requests(self) -> None:
        """Two cancel requests wait for the manager; a third was sent back with a remark."""
        store, manager = self.stores[0], self.person("manager")
        for who, reasons in ((self.person("advisor", 0), ["unreachable", "travelling"]), (self.person("renewal"), ["sold_car"])):
            tasks = self.connection.execute(
                "select id from crm.tasks where store_id = %s and assignee_id = %s and status = 'open' and removed_at is null and due_on <= %s order by due_on, id limit %s",
                (store, who, self.today, len(reasons)),
            ).fetchall()
            for (task,), reason in zip(tasks, reasons, strict=False):
                request = str(uuid7())
                words = {"unreachable": "上午下午各打两次都没人接", "travelling": "客户出国,月底才回来", "sold_car": "客户说车已经卖了"}[reason]
                self.act(who, "request_cancel", {"id": request, "task_id": str(task), "reason": reason, "words": words})
                if reason == "travelling":
                    self.act(manager, "decide_approval", {"id": request, "decision": "reject", "remark": "微信也联系一下,今天给我结果"})
