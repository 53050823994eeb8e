"""Lists from outside: guessing columns, mapping them, turning a row into records or into problems (S-02, S-69, F-40, F-81)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import phonenumbers
from pydantic import BaseModel, ConfigDict

from shared.domain.config import StoreConfig
from shared.domain.labels import plate_text

Kind = Literal["customers", "policies", "deals"]
# What a list of each kind can fill, as "form.field"; the parts of a customer's name may come in two columns.
TARGETS: dict[Kind, tuple[str, ...]] = {
    "customers": ("key", "customer.name", "customer.family_name", "customer.phone", "customer.wechat", "customer.gender", "customer.source", "customer.level", "customer.need", "vehicle.plate", "vehicle.vin", "vehicle.brand", "vehicle.series", "vehicle.model_year"),
    "policies": ("key", "customer.name", "customer.family_name", "customer.phone", "customer.gender", "vehicle.plate", "vehicle.vin", "vehicle.brand", "vehicle.series", "vehicle.model_year", "policy.insurer", "policy.policy_number", "policy.kind", "policy.premium_fen", "policy.starts_on", "policy.expires_on"),
    "deals": ("key", "customer.name", "customer.phone", "deal.key", "deal.title", "deal.stage", "deal.owner", "deal.amount_fen", "deal.stage_on", "deal.expected_close_on"),
}  # fmt: skip
NEEDED: dict[Kind, tuple[str, ...]] = {
    "customers": ("customer.name",),
    "policies": ("customer.name", "policy.expires_on"),
    "deals": ("customer.name", "deal.stage"),
}
# Headings people use, in order of trust; the words of other lists than the ones this was written with are found by the same few stems.
HEADINGS: dict[str, tuple[str, ...]] = {
    "key": (r"^(编号|客户编号|客户id|id|customer.?id|client.?id|账号|会员号|档案号)$",),
    "customer.name": (
        r"姓名",
        r"客户名",
        r"车主",
        r"投保人",
        r"被保险人",
        r"联系人",
        r"^名称$",
        r"^(full.?)?name$",
        r"first.?name",
        r"^account$",
        r"company",
        r"client$",
        r"customer.?name",
        r"insured",
    ),
    "customer.family_name": (r"^姓$", r"last.?name", r"surname", r"family.?name"),
    "customer.phone": (r"手机", r"电话", r"联系方式", r"phone", r"mobile", r"tel\b", r"telephone", r"cell"),
    "customer.wechat": (r"微信", r"wechat"),
    "customer.gender": (r"性别", r"gender", r"^sex$"),
    "customer.source": (r"来源", r"渠道", r"source", r"channel"),
    "customer.level": (r"级别", r"等级", r"level"),
    "customer.need": (r"需求", r"备注", r"note", r"remark", r"comment"),
    "vehicle.plate": (r"车牌", r"号牌", r"plate", r"registration.?n", r"licen[cs]e.?plate"),
    "vehicle.vin": (r"车架", r"vin\b", r"chassis", r"识别代"),
    "vehicle.brand": (r"品牌", r"brand", r"^make$"),
    "vehicle.series": (r"车系", r"车型", r"series", r"model$"),
    "vehicle.model_year": (r"年款", r"出厂年", r"matriculation", r"model.?year", r"year.?of.?manufacture", r"registration.?year"),
    "policy.insurer": (r"保险公司", r"承保", r"insurer"),
    "policy.policy_number": (r"保单号", r"policy.?n(o|um)"),
    "policy.kind": (r"险种", r"policy.?type", r"product.?type"),
    "policy.premium_fen": (r"保费", r"premium"),
    "policy.starts_on": (r"起保", r"生效", r"effective", r"last.?renewal", r"start.?date"),
    "policy.expires_on": (r"到期", r"终保", r"止期", r"expir", r"next.?renewal", r"end.?date", r"renewal.?date"),
    "deal.key": (r"商机编号", r"订单号", r"opportunity.?id", r"deal.?id", r"order.?(no|id)"),
    "deal.title": (r"产品", r"商品", r"product", r"title", r"意向车"),
    "deal.stage": (r"阶段", r"状态", r"stage", r"status"),
    "deal.owner": (r"销售", r"顾问", r"负责人", r"agent", r"owner", r"sales.?rep", r"advisor"),
    "deal.amount_fen": (r"金额", r"成交价", r"value", r"amount", r"price"),
    "deal.stage_on": (r"成交日", r"关闭", r"close.?date", r"engage"),
    "deal.expected_close_on": (r"预计", r"expected"),
}


class ImportMapping(BaseModel):
    """Which column fills what, what its values mean, and how this list writes phones, days and money. Saved per store and kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    columns: dict[str, str] = {}  # target → heading
    values: dict[str, dict[str, str]] = {}  # target → {text in the list: key of ours}
    defaults: dict[str, str] = {}  # target → what an empty cell stands for
    phone_region: str = "CN"
    day_first: bool = False
    amount_in_fen: bool = False
    pipeline: str = ""


class RowProblem(BaseModel):
    """A row that cannot be taken: `row` counts as the person's spreadsheet does, the heading being row 1."""

    model_config = ConfigDict(frozen=True)
    row: int
    field: str
    code: str
    value: str = ""


def guess(kind: Kind, headings: Sequence[str]) -> ImportMapping:
    """A first mapping by the headings; each column is used once."""
    columns: dict[str, str] = {}
    plain = {heading: heading.strip().lower().replace("_", " ").replace("-", " ") for heading in headings}
    for target in TARGETS[kind]:
        for pattern in HEADINGS[target]:
            free = (heading for heading in headings if heading not in columns.values() and re.search(pattern, plain[heading]))
            if heading := next(free, None):
                columns[target] = heading
                break
    return ImportMapping(columns=columns)


REGIONS = ("CN", "TW", "HK", "AU", "US", "GB")  # those the panel offers


def guess_region(texts: Iterable[str]) -> str:
    """The country whose rules most of these phone numbers obey; China when none stands out."""
    sample = [t for t in texts if t][:200]
    scores = {region: sum(1 for t in sample if _is_valid(t, region)) for region in REGIONS}
    return max(REGIONS, key=lambda region: scores[region])  # the first of equals


def _is_valid(text: str, region: str) -> bool:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number) and phonenumbers.region_code_for_number(number) == region


def guess_day_first(texts: Iterable[str]) -> bool:
    """True when days like 24/11/2026 stand there and none like 11/24/2026."""
    pairs = [m.groups() for t in texts if (m := re.match(r"(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}", t.strip()))]
    return any(int(a) > 12 for a, _b in pairs) and not any(int(b) > 12 for _a, b in pairs)


def tuned(mapping: ImportMapping, rows: Sequence[Mapping[str, Any]]) -> ImportMapping:
    """The mapping with country and order of days taken from the first thousand rows."""
    texts = {target: [cell_text(row.get(heading)) for row in rows[:1000]] for target, heading in mapping.columns.items()}
    days = [t for target in ("policy.starts_on", "policy.expires_on", "deal.stage_on", "deal.expected_close_on") for t in texts.get(target, ())]
    return mapping.model_copy(update={"phone_region": guess_region(texts.get("customer.phone", ())), "day_first": guess_day_first(days)})


def missing_targets(kind: Kind, mapping: ImportMapping) -> tuple[str, ...]:
    return tuple(t for t in NEEDED[kind] if t not in mapping.columns)


def distinct_values(rows: Iterable[Mapping[str, Any]], heading: str, limit: int = 60) -> list[str]:
    """The different texts of a column, for a value map."""
    found: dict[str, None] = {}
    for row in rows:
        text = cell_text(row.get(heading))
        if text:
            found.setdefault(text)
        if len(found) >= limit:
            break
    return list(found)


def known_words(config: StoreConfig, form: str, key: str) -> set[str]:
    """The texts of a choice that need no value map: keys and labels, and the usual words for gender."""
    if key == "level":
        return {w for x in config.levels for w in (x.key, *x.label.values())}
    definition = config.forms[form].field(key) if form in config.forms else None
    words = {w for o in (definition.options if definition else None) or () for w in (o.key, *o.label.values())}
    return words | (set(GENDERS) if key == "gender" else set())


def prepare_all(
    kind: Kind, mapping: ImportMapping, config: StoreConfig, rows: Iterable[tuple[int, Mapping[str, Any]]], owners: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[RowProblem]]:
    """Every row as `import_commit` takes it, and the problems of the others; a row that says again what an earlier one said is one of them."""
    good: list[dict[str, Any]] = []
    bad: list[RowProblem] = []
    first: dict[str, int] = {}
    for number, row in rows:
        prepared, found = prepare(kind, mapping, config, number, row, owners)
        bad += found
        if prepared is None:
            continue
        identity = _identity(kind, prepared)
        if identity in first:
            bad.append(RowProblem(row=number, field="key", code="duplicate_in_file", value=str(first[identity])))
        else:
            first[identity] = number
            good.append(prepared)
    return good, bad


def _identity(kind: Kind, prepared: Mapping[str, Any]) -> str:
    if kind == "deals":
        return prepared["deal_key"]
    if kind == "customers":
        return prepared["key"]
    car, policy = prepared.get("vehicle", {}), prepared["policy"]
    return policy.get("policy_number") or "/".join(
        str(x)
        for x in (
            car.get("plate") or car.get("vin") or prepared["key"],
            car.get("brand"),
            car.get("series"),
            policy.get("kind"),
            policy["expires_on"][:4],
        )
    )


def prepare(
    kind: Kind, mapping: ImportMapping, config: StoreConfig, number: int, row: Mapping[str, Any], owners: Mapping[str, str]
) -> tuple[dict[str, Any] | None, list[RowProblem]]:
    """One row as `import_commit` takes it, or its problems. `owners` maps a name of the list to a member's id."""
    parts: dict[str, dict[str, Any]] = {"customer": {}, "vehicle": {}, "policy": {}, "deal": {}}
    found: list[RowProblem] = []
    written = {target: cell_text(row.get(heading)) for target, heading in mapping.columns.items() if target in TARGETS[kind]}
    texts = {**written, **{target: text for target, text in mapping.defaults.items() if text and not written.get(target) and target in TARGETS[kind]}}
    for target, text in texts.items():
        form, _, field = target.partition(".")
        if not text or form == "key" or field in ("family_name", "key", "owner", "stage"):
            continue
        value, code = _value(config, mapping, target, form, field, text, row.get(mapping.columns.get(target, "")) if written.get(target) else None)
        if code:
            found.append(RowProblem(row=number, field=target, code=code, value=text[:80]))
        elif value is not None:
            parts[form][field] = value
    name = full_name(texts.get("customer.name", ""), texts.get("customer.family_name", ""))
    if not name:
        found.append(RowProblem(row=number, field="customer.name", code="required"))
    parts["customer"]["name"] = name[:80]
    if kind == "policies" and "expires_on" not in parts["policy"] and not any(p.field == "policy.expires_on" for p in found):
        found.append(RowProblem(row=number, field="policy.expires_on", code="required"))
    if kind == "deals":
        found += _deal(mapping, config, number, texts, owners, parts["deal"])
    if found:
        return None, found
    unnamed = texts.get("deal.key") if not written.get("customer.name") and not parts["customer"].get("phone") else None  # strangers stay apart
    key = (
        texts.get("key")
        or unnamed
        or parts["policy"].get("policy_number")
        or parts["vehicle"].get("plate")
        or parts["vehicle"].get("vin")
        or f"{name}/{parts['customer'].get('phone', '')}"
    )
    prepared: dict[str, Any] = {"row": number, "key": str(key)[:200], "customer": parts["customer"]}
    prepared |= {form: parts[form] for form in ("vehicle", "policy") if parts[form]}
    if kind == "deals":
        prepared["deal"] = parts["deal"]
        prepared["deal_key"] = (texts.get("deal.key") or f"{key}/{parts['deal'].get('title', '')}/{parts['deal'].get('stage_on', '')}")[:200]
    return prepared, []


def _deal(
    mapping: ImportMapping, config: StoreConfig, number: int, texts: Mapping[str, str], owners: Mapping[str, str], deal: dict[str, Any]
) -> list[RowProblem]:
    pipeline = config.pipeline(mapping.pipeline) or config.pipelines[0]
    written = texts.get("deal.stage", "")
    stage = mapping.values.get("deal.stage", {}).get(written) or next(
        (s.key for s in pipeline.stages if written and written in (s.key, *s.label.values())), None
    )
    deal |= {"pipeline": pipeline.key, "stage": stage}
    found = [] if stage else [RowProblem(row=number, field="deal.stage", code="option" if written else "required", value=written[:80])]
    if owner := texts.get("deal.owner"):
        member = owners.get(mapping.values.get("deal.owner", {}).get(owner, owner))
        if member:
            deal["owner_id"] = member
        elif "deal.owner" in mapping.values:
            found.append(RowProblem(row=number, field="deal.owner", code="option", value=owner[:80]))
    return found


def _value(config: StoreConfig, mapping: ImportMapping, target: str, form: str, field: str, text: str, raw: Any) -> tuple[Any, str | None]:
    """A cell as the field wants it, or the code of what is wrong."""
    if (mapped := mapping.values.get(target, {}).get(text)) is not None:
        return mapped or None, None
    definition = config.forms[form].field(field) if form in config.forms else None
    kind = definition.type_in(form) if definition else "date" if field == "stage_on" else "text"
    if kind == "phone":
        phone = phone_in(text, mapping.phone_region)
        return phone, None if phone else "format"
    if kind == "plate":
        return plate_text(text), None
    if kind == "vin":
        return re.sub(r"[^A-Za-z0-9]", "", text).upper() or None, None
    if kind == "date":
        day = day_in(raw if isinstance(raw, date) else text, day_first=mapping.day_first)
        return (day.isoformat(), None) if day else (None, "date")
    if kind in ("money", "number"):
        amount = number_in(text)
        if amount is None:
            return None, "type"
        return round(amount * (1 if kind == "number" or mapping.amount_in_fen else 100)), None
    if kind == "level":
        return next(
            (x.key for x in config.levels if text in (x.key, *x.label.values())), None
        ), None  # a level we do not know is left out, as an option is
    if kind == "select":
        options = {o.key: o for o in (definition.options if definition else None) or ()}
        known = next((o.key for o in options.values() if text in (o.key, *o.label.values())), None)
        if known is None and field == "gender":
            known = GENDERS.get(text.lower())
        return known, None  # an option we do not know is left out; a value map can name it
    return text[:2000], None


GENDERS = {"m": "male", "f": "female", "男": "male", "女": "female", "male": "male", "female": "female", "先生": "male", "女士": "female"}


def full_name(given: str, family: str) -> str:
    """Two columns of a name as one: 三丰 + 张 → 张三丰, Jose + Fritz → Jose Fritz."""
    if not (given and family):
        return (given or family).strip()
    return f"{family}{given}" if re.fullmatch(r"[\u4e00-\u9fff·]+", family + given) else f"{given} {family}"


def cell_text(value: Any) -> str:
    """A cell as text: whole numbers without .0, days as 2026-11-24."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def phone_in(text: str, region: str) -> str | None:
    """A number in any of a dozen spellings; a local one without its area code is kept as its digits."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    says_country = text.strip().startswith(("+", "＋", "00"))
    if number is not None and (phonenumbers.is_valid_number(number) or (says_country and phonenumbers.is_possible_number(number))):
        national = str(number.national_number)
        return national if number.country_code == 86 else f"+{number.country_code}{national}"
    digits = re.sub(r"\D", "", text)
    return digits if 5 <= len(digits) <= 15 else None


def day_in(value: date | str, *, day_first: bool) -> date | None:
    """2026-11-24, 2026/11/24, 2026年11月24日, 20261124, 24.11.2026, 11/24/2026, with or without a time."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = re.sub(r"[T ]\d{1,2}:.*$", "", value.strip())
    if match := re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", text) or re.fullmatch(r"(\d{4})(\d{2})(\d{2})", text):
        year, month, day = (int(x) for x in match.groups())
    elif match := re.fullmatch(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})", text):
        first, second, year = (int(x) for x in match.groups())
        month, day = (second, first) if day_first or first > 12 else (first, second)
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def number_in(text: str) -> float | None:
    """12,500.50, ¥12500, 1.25万."""
    cleaned = re.sub(r"[\s,,¥¥$元]", "", text)
    factor = 10_000 if cleaned.endswith("万") else 1
    try:
        return float(cleaned.removesuffix("万")) * factor
    except ValueError:
        return None


def neutral(text: str) -> str:
    """A cell no spreadsheet will run: formulas begin with = + - @, also full width, tab or return (ASVS 1.2.10)."""
    first = text.lstrip(" \n\u00a0\u3000")[:1]
    return f"'{text}" if first and first in "=+-@\t\r＝＋－＠" else text
