"""What a list can fill, and the headings people and programs write over it: dealer systems,
insurers, and the address books of Google, Outlook and Thunderbird, in simplified and traditional
Chinese and in English."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal

from shared.domain.config import StoreConfig

Kind = Literal["customers", "policies", "deals"]
_CUSTOMER = (
    "customer.name",
    "customer.family_name",
    "customer.phone",
    "customer.wechat",
    "customer.gender",
    "customer.source",
    "customer.level",
    "customer.need",
)
_PEOPLE = ("customer.owner", "customer.renewal_owner", "customer.pool")
_VEHICLE = (
    "vehicle.plate",
    "vehicle.vin",
    "vehicle.brand",
    "vehicle.series",
    "vehicle.model_year",
)
# What a list of each kind can fill, as "form.field"; the parts of a customer's name may come in two
# columns. A store's own fields come after these (see targets).
TARGETS: dict[Kind, tuple[str, ...]] = {
    "customers": ("key", *_CUSTOMER, *_VEHICLE, *_PEOPLE),
    "policies": (
        "key",
        *_CUSTOMER,
        *_VEHICLE,
        "policy.insurer",
        "policy.policy_number",
        "policy.kind",
        "policy.premium_fen",
        "policy.starts_on",
        "policy.expires_on",
        *_PEOPLE,
    ),
    "deals": (
        "key",
        *_CUSTOMER,
        "deal.key",
        "deal.title",
        "deal.stage",
        "deal.owner",
        "deal.amount_fen",
        "deal.stage_on",
        "deal.expected_close_on",
    ),
}
FORMS: dict[Kind, tuple[str, ...]] = {
    "customers": ("customer", "vehicle"),
    "policies": ("customer", "vehicle", "policy"),
    "deals": ("customer", "deal"),
}
REQUIRED_TARGETS: dict[Kind, tuple[str, ...]] = {
    "customers": ("customer.name",),
    "policies": ("customer.name", "policy.expires_on"),
    "deals": ("customer.name", "deal.stage"),
}
ASSIGNED = ("owner", "renewal_owner", "pool")  # not of the form: who has the customer
UNREADABLE = ("file", "formula", "person")  # types of fields no cell can fill

# Headings as `normalized` leaves them, in order of trust: without spaces, brackets and stars, in
# small letters and simplified hanzi.
HEADINGS: dict[str, tuple[str, ...]] = {
    "key": (
        r"^(编号|(客户|潜客|线索|顾客|用户)(编号|编码|代码|号|id)|id|customer(id|no|number)|clientid|leadid|账号"
        r"|会员(编)?号|会员卡号|档案(编)?号)$",
    ),
    "customer.name": (
        r"^(客户|车主|顾客|用户|会员|潜客)?(姓名|名称|名字|全称)$",
        r"^(车主|客户|顾客)$",
        r"姓名",
        r"客户名",
        r"车主",
        r"显示名称?|^displayname$|^fileas$",
        r"被保险人(名称|姓名)?$",
        r"投保人(名称|姓名)?$",
        r"联系人(姓名|名称)?$",
        r"^备注名(称)?$",
        r"^(fullname|name|contactname|customername|clientname)$",
        r"^(firstname|givenname|名)$",
        r"firstname|givenname",
        r"^account$",
        r"company",
        r"client$",
        r"insured",
    ),
    "customer.family_name": (
        r"^(姓|姓氏|lastname|surname|familyname)$",
        r"lastname|surname|familyname",
    ),
    "customer.phone": (
        r"^(客户|车主|联系人?)?(手机|移动电话|行动电话)(号码?|电话)?$",
        r"手机|移动电话|行动电话|^(mobile|cell)|mobile(phone|number)?$|cellphone",
        r"^(客户|车主|联系|联络|被保险人|投保人)?(人)?(电话|联系方式|联络方式|联系号码|联络号码|号码)(号码)?$",
        r"联系方式|联系电话|联络电话|联系号码|联络号码",
        r"phone1-?value|^(primary)?phone(number)?$",
        r"电话",
        r"phone|tel$|telephone|^tel",
    ),
    "customer.wechat": (r"微信|wechat|weixin",),
    "customer.gender": (r"性别|gender|^sex$",),
    "customer.source": (r"来源", r"渠道", r"leadsource|source", r"channel"),
    "customer.level": (r"级别|等级|意向度|level",),
    "customer.need": (r"需求", r"备注|注释|备忘", r"note|remark|comment|memo"),
    "customer.next_contact_on": (
        r"下次(联系|跟进|回访|沟通|接触|联络)|nextcontact|nextfollow-?up|followupdate",
    ),
    "customer.owner": (
        r"^(销售|专属|所属|归属|跟进|当前|客户)?(顾问|负责人|跟进人|归属人|维护人|所有者|所属销售|销售人员|销售员"
        r"|owner|advisor|salesrep)(姓名)?$",
    ),
    "customer.renewal_owner": (r"^续保(专员|负责人|顾问|人员)(姓名)?$|^renewalowner$",),
    "customer.pool": (r"^(所属)?(公海|客户池|pool)$",),
    "vehicle.plate": (r"车牌|号牌|牌照|plate|reg(istration)?(n|num)|licen[cs]eplate",),
    "vehicle.vin": (r"车架|^vin|vin$|chassis|识别代|底盘号",),
    "vehicle.brand": (r"品牌|brand|^make$",),
    "vehicle.series": (r"车系", r"车型", r"series", r"model$"),
    "vehicle.model_year": (
        r"年款|车款年份|出厂年|matriculation|modelyear|yearofmanufacture|registrationyear",
    ),
    "policy.insurer": (r"保险公司|承保公司|承保|insurer|insurancecompany",),
    "policy.policy_number": (r"保单号|保险单号|保单编号|policyn(o|um)",),
    "policy.kind": (r"险种|险别|policytype|producttype",),
    "policy.premium_fen": (
        r"(总|合计)保费|保费(合计|总计|总额|总)|(签单|实收|应收|含税)保费|totalpremium",
        r"保费|保险费|premium",
    ),
    "policy.starts_on": (
        r"起保",
        r"生效|起期|保险(开始|起始)",
        r"effective",
        r"lastrenewal",
        r"startdate",
    ),
    "policy.expires_on": (
        r"(保险|保单|商业险?)(到期|终止|终期|止期|截止|结束)",  # who renews goes by it
        r"交强险?(到期|终止|终期|止期|截止|结束)",
        r"到期",
        r"终保|止期|终期|截止",
        r"expir",
        r"nextrenewal",
        r"enddate",
        r"renewaldate",
    ),
    "deal.key": (r"(商机|订单|合同)(编)?号|opportunityid|dealid|order(no|id)",),
    "deal.title": (r"产品", r"商品", r"product", r"title", r"意向车"),
    "deal.stage": (r"阶段", r"状态", r"stage", r"status"),
    "deal.owner": (r"销售", r"顾问", r"负责人", r"agent", r"owner", r"salesrep", r"advisor"),
    "deal.amount_fen": (r"金额", r"成交价", r"value", r"amount", r"price"),
    "deal.stage_on": (r"成交日", r"关闭", r"closedate", r"engage"),
    "deal.expected_close_on": (r"预计|expected",),
}
_COLLEAGUE = r"顾问|销售|经办|业务员|接待|专员|跟进|负责|sales|agent|advisor|dealer"
_ANOTHER = r"紧急|推荐|介绍|配偶|家属|代理人|referr|emergency|spouse|assistant|manager"
_WISHED = r"意向|关注|拟购|欲购|目标|试驾|对比|竞品|置换|interest|desired|wish"
# What a column is not, although its heading contains one of the words above.
NOT: dict[str, str] = {
    "customer.name": (
        rf"{_COLLEAGUE}|{_ANOTHER}|保险公司|电话|手机|号|证|地址|性别|生日|年龄|邮|类型|类别|性质|来源|级别|"
        r"phone|mobile|tel|mail|address|id$|number|gender|birth|拼音|昵称|品牌|车型|产品|phonetic|"
        r"middle|nick|日期|时间|需求|备注|yomi|category|type"
    ),
    "customer.phone": (
        rf"{_COLLEAGUE}|{_ANOTHER}|传真|fax|报案|客服|救援|投诉|服务热线|门店|4s|type$|类型|品牌|型号|次数|时间|归属地"
    ),
    "customer.level": r"会员|驾|车辆|油|event|sen",
    "customer.source": r"车源|code$",
    "customer.need": r"需求日|来源",
    "customer.wechat": r"昵称|备注",
    "vehicle.plate": r"颜色|类型|日期|有无",
    "vehicle.brand": _WISHED + r"|手机",
    "vehicle.series": _WISHED,
    "policy.insurer": r"电话",
    "policy.expires_on": (
        r"年检|年审|驾照|驾驶证|合同|质保|会员|证件|身份证|保修|延保|保养|分期|贷款"
        r"|card|licen|warranty"
    ),
    "policy.starts_on": r"驾照|licen",
    "policy.premium_fen": r"上年|去年|上期|last",
    "policy.kind": r"数量",
}
_SIMPLE = str.maketrans(
    "車電話號碼險聯絡繫戶稱備註來級別識產單費終訂關係顧問銷權歲屬齡舊價預計廠約證領齊數據資類項機訊業務員經營"
    "續負責買賣顏區縣郵寫實際額總會員編檔態階級記錄錄過舊時間開結發動裝購買對競試駕換鑑態傳真",
    "车电话号码险联络系户称备注来级别识产单费终订关系顾问销权岁属龄旧价预计厂约证领齐数据资类项机讯业务员经营"
    "续负责买卖颜区县邮写实际额总会员编档态阶级记录录过旧时间开结发动装购买对竞试驾换鉴态传真",
)
# One person of several in a row: name and number are looked for under the same word.
_ROLES = ("被保险人", "投保人", "车主", "联系人", "客户", "insured", "owner", "contact")
# Whose numbers of an address book come first.
_LATE_PHONES = (
    r"家庭|住宅|工作|办公|单位|商务|公司|其他|其它|备用|home|work|business|other|company|第二|2"
)


def normalized(heading: str) -> str:
    """A heading as HEADINGS has it: 手 机 号 (必填) * → 手机号, Phone 1 - Value → phone1-value."""
    text = unicodedata.normalize("NFKC", heading).lower().translate(_SIMPLE)
    text = re.sub(r"[(\[【<《].*?[)\]】>》]", "", text)
    return re.sub(r"[\s_*:：'\"./\\、]|(?<![0-9])-|-(?![a-z])", "", text)


def targets(kind: Kind, config: StoreConfig) -> tuple[str, ...]:
    """What a list can fill in this store: what every store has, then its other fields that a cell
    can fill and the importer may write."""
    listed = [t for t in TARGETS[kind] if "." not in t or _is_there(config, t)]
    for form in FORMS[kind]:
        if form not in config.forms:
            continue
        writable = config.rights(form).writable
        listed += [
            f"{form}.{f.key}"
            for f in config.forms[form].fields
            if f"{form}.{f.key}" not in listed
            and f.type_in(form) not in UNREADABLE
            and (not writable or f.key in writable)
        ]
    return tuple(listed)


def _is_there(config: StoreConfig, target: str) -> bool:
    form, _dot, key = target.partition(".")
    special = (*ASSIGNED, "family_name", "key", "stage", "stage_on", "owner")
    return key in special or form not in config.forms or config.forms[form].field(key) is not None


def _patterns(target: str, config: StoreConfig | None) -> tuple[str, ...]:
    """The headings of a target, after the store's own label of its field."""
    form, _dot, key = target.partition(".")
    definition = config.forms[form].field(key) if config and form in config.forms else None
    labels = {re.escape(normalized(x)) for x in definition.label.values()} if definition else ()
    own = tuple(f"^{label}$" for label in sorted(labels) if label)
    return (
        *own,
        *HEADINGS.get(target, ()),
        *((r"意向车[型系]?|interestedin",) if key.startswith("interested") else ()),
    )


def guess_columns(
    kind: Kind, headings: Sequence[str], config: StoreConfig | None = None
) -> dict[str, str]:
    """Which column fills what, by the headings; each column is used once."""
    plain = {heading: normalized(heading) for heading in headings}
    columns: dict[str, str] = {}
    wanted = targets(kind, config) if config else TARGETS[kind]
    own = [t for t in wanted if t not in TARGETS[kind]]
    # a store's own field 意向车型 is asked before the car that a customer has
    for target in (*own, *wanted[: len(wanted) - len(own)]):
        if heading := _found(target, plain, set(columns.values()), config):
            columns[target] = heading
    _same_person(columns, plain)
    _parts_of_name(columns, plain)
    return {t: columns[t] for t in wanted if t in columns}


def _found(
    target: str, plain: Mapping[str, str], used: set[str], config: StoreConfig | None
) -> str | None:
    unlike = NOT.get(target)
    for pattern in _patterns(target, config):
        free = [
            heading
            for heading, words in plain.items()
            if heading not in used
            and re.search(pattern, words)
            and not (unlike and re.search(unlike, words) and not pattern.startswith("^"))
        ]
        if target == "customer.phone":
            free.sort(key=lambda h: bool(re.search(_LATE_PHONES, plain[h])))
        if free:
            return free[0]
    return None


def _same_person(columns: dict[str, str], plain: Mapping[str, str]) -> None:
    """被保险人电话 beside 投保人姓名 and 被保险人名称: the name of whom the number is."""
    phone, name = columns.get("customer.phone"), columns.get("customer.name")
    role = next((r for r in _ROLES if phone and r in plain[phone]), None)
    if not role or not name or role in plain[name]:
        return
    for heading, words in plain.items():
        if (
            re.fullmatch(rf"{role}(名称|姓名|名字|name)?", words)
            and heading not in columns.values()
        ):
            columns["customer.name"] = heading


def _parts_of_name(columns: dict[str, str], plain: Mapping[str, str]) -> None:
    """First name and family name belong together; a whole name needs no family name."""
    name = columns.get("customer.name")
    part = re.compile(r"^(名|名字|firstname|givenname)$")
    first = next((h for h, words in plain.items() if part.fullmatch(words)), None)
    if "customer.family_name" not in columns:
        return
    if first and name != first and (name is None or re.search(r"显示|display|fileas", plain[name])):
        columns["customer.name"] = first
    elif name and not re.search(r"firstname|givenname|^名字?$", plain[name]):
        del columns["customer.family_name"]


def is_heading(text: str) -> bool:
    """Whether a cell is the heading of what is below it."""
    words = normalized(text)
    if not words or len(words) > 24 or re.fullmatch(r"[\d.,%-]+", words):
        return False
    return any(re.search(p, words) for patterns in HEADINGS.values() for p in patterns)
