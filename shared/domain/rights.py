"""What a role may see and do with the fields of a form, as publishing compiles it
(crm.compile_access)."""

from collections.abc import Mapping
from typing import Any

from shared.domain.config import Access, FieldDefinition, FieldRights, Role, StoreConfig

ACCESS: tuple[Access, ...] = ("hidden", "masked", "read", "write")
BASE_MASKS = {
    "customer": {"phone": "phone", "wechat": "all"},
    "companion": {"phone": "phone"},
    "vehicle": {"plate": "plate", "vin": "tail4"},
    "policy": {"policy_number": "tail4"},
}  # crm.base_fields holds the same; a test compares them
# Whoever sees a customer may call them, so the wish not to be called is hidden from no role.
ALWAYS_READABLE = frozenset({("customer", "do_not_call")})


def mask_of(form: str, field: FieldDefinition) -> str | None:
    """How a field is masked; None: it cannot be, and "masked" then means hidden."""
    return BASE_MASKS.get(form, {}).get(field.key) or field.mask


def effective(form: str, field: FieldDefinition, granted: str | None) -> Access:
    """What a right comes to: no right is hidden, a mask needs a mask, nobody writes a formula,
    and some fields are always readable."""
    granted = at_least_readable(form, field.key, granted)
    if granted == "masked" and mask_of(form, field) is None:
        return "hidden"
    if granted == "write" and field.type_in(form) == "formula":
        return "read"
    return granted if granted in ("masked", "read", "write") else "hidden"


def at_least_readable(form: str, key: str, granted: str | None) -> str | None:
    """`granted`, or "read" for a field that cannot be hidden."""
    if (form, key) in ALWAYS_READABLE and granted != "write":
        return "read"
    return granted


def rights_of(config: StoreConfig, role: Role, form: str) -> FieldRights:
    """A role's compiled rights on a form."""
    access = {
        f.key: effective(form, f, role.rights.get(form, {}).get(f.key))
        for f in config.forms[form].fields
    }
    required = [
        f.key
        for f in config.forms[form].fields
        if access[f.key] == "write" and (f.required or f.require is not None or f.required_methods)
    ]
    return FieldRights(
        readable=tuple(k for k, a in access.items() if a in ("read", "write")),
        masked=tuple(k for k, a in access.items() if a == "masked"),
        writable=tuple(k for k, a in access.items() if a == "write"),
        required=tuple(required),
    )


def as_role(config: StoreConfig, key: str) -> StoreConfig:
    """The document as someone of a role is served it."""
    role = next(r for r in config.roles if isinstance(r, Role) and r.key == key)
    access = {form: rights_of(config, role, form) for form in config.forms}
    forms = {
        name: form.model_copy(
            update={
                "fields": tuple(
                    f
                    for f in form.fields
                    if f.key in (*access[name].readable, *access[name].masked)
                )
            }
        )
        for name, form in config.forms.items()
    }
    return config.model_copy(update={"forms": forms, "access": access})


def same_rights(document: Mapping[str, Any], form: str, key: str, model: str) -> dict[str, Any]:
    """The document with every role's right on one field as on another of the same form."""
    roles: list[dict[str, Any]] = []
    for role in document["roles"]:
        rights = {k: dict(v) for k, v in role.get("rights", {}).items()}
        found = rights.setdefault(form, {})
        found.pop(key, None)
        if model in found:
            found[key] = found[model]
        roles.append({**role, "rights": rights})
    return {**document, "roles": roles}
