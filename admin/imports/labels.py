"""What the import page calls kinds, columns, choices and effects."""

from collections.abc import Sequence

from shared.domain.imports import cell_text
from shared.domain.labels import label_text, money_text
from shared.gateway.imports import FieldChange
from shared.ui.text import Texts

Members = Sequence[tuple[str, str]]


def kind_name(_: Texts, kind: str) -> str:
    return {
        "customers": _("Customers"),
        "policies": _("Policies with customers"),
        "deals": _("Deals with customers"),
    }[kind]


def target_name(_: Texts, config, target: str) -> str:
    """What a column fills, in the store's own words."""
    form, _dot, key = target.partition(".")
    special = {
        "key": _("Number in the file"),
        "row": _("Row"),
        "customer.family_name": _("Family name"),
        "customer.owner": _("Owner"),
        "customer.renewal_owner": _("Renewal owner"),
        "customer.pool": _("Pool"),
        "deal.key": _("Deal number"),
        "deal.stage": _("Stage"),
        "deal.owner": _("Owner"),
        "deal.stage_on": _("Stage date"),
    }
    definition = config.forms[form].field(key) if form in config.forms else None
    return special.get(target) or (
        f"{label_text(config.forms[form].label, _.language)} · {_.label(definition.label)}"
        if definition
        else target
    )


def counts_text(_: Texts, counts: dict[str, int]) -> str:
    return " · ".join(
        [
            _("%(n)d new") % {"n": counts.get("created", 0)},
            _("%(n)d changed") % {"n": counts.get("updated", 0)},
            _("%(n)d unchanged") % {"n": counts.get("unchanged", 0)},
            _("%(n)d rejected") % {"n": counts.get("refused", 0)},
        ]
    )


def choice_name(_: Texts, config, members: Members, target: str, key: str) -> str:
    """A choice as people read it; members: (id, name)."""
    form, _dot, field = target.partition(".")
    if field in ("owner", "renewal_owner"):
        return next((name for member, name in members if member == key), key)
    if field == "pool":
        return _.named(config.labels("pools"), key)
    if key in ("yes", "no"):
        return _("Yes") if key == "yes" else _("No")
    return _.named(config.option_labels(form, field), key)


def effect_text(_: Texts, config, change: FieldChange) -> str:
    """手机: 138… → 139…, or what the row says and the store keeps."""
    name = target_name(_, config, f"{change.form}.{change.field}")
    values = {
        "field": name,
        "old": value_text(_, config, change, change.old),
        "new": value_text(_, config, change, change.new),
    }
    if change.kept:
        return _("%(field)s stays %(old)s (in the list: %(new)s)") % values
    return _("%(field)s: %(old)s → %(new)s") % values


def value_text(_: Texts, config, change: FieldChange, value) -> str:
    if value in (None, "", []):
        return "–"
    if isinstance(value, list):
        return "、".join(value_text(_, config, change, x) for x in value)
    if change.field == "pool":
        return _.named(config.labels("pools"), value)
    definition = (
        config.forms[change.form].field(change.field) if change.form in config.forms else None
    )
    kind = definition.type_in(change.form) if definition else "text"
    if kind == "money" and isinstance(value, int):
        return money_text(value, _.language)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return _.label(config.option_labels(change.form, change.field).get(value)) or cell_text(value)
