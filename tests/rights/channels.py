"""T2's endpoints: every road by which a value could reach someone, as questions about one field of
one form.

A channel is alive: to a reader of the field its answer changes with the value. To everybody else it
must not: the same question in two worlds that differ in nothing but the value gets the same answer,
error text included. That holds for filters, sorts and counts as well as for what is printed, and it
needs no list of words to look for.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.rights.scene import File, Scene, literal

RELATIONS = {
    "customer": "customers",
    "companion": "companions",
    "vehicle": "vehicles",
    "policy": "policies",
    "deal": "deals",
    "conversation": "conversations",
}
SAVE_VERBS = {
    "customer": "save_customer",
    "companion": "save_companion",
    "vehicle": "save_vehicle",
    "policy": "save_policy",
    "deal": "save_deal",
}
OP, FRESH = "01900000-0000-7000-8000-0000000000aa", "01900000-0000-7000-8000-0000000000bb"


@dataclass(frozen=True)
class Field:
    """A field of a form; `value` is what the asked file holds, known to the attacker, who wants it
    confirmed."""

    form: str
    key: str
    type: str
    base: bool
    value: Any

    @property
    def view(self) -> str:
        return f"api.{RELATIONS[self.form]}"

    @property
    def column(self) -> str:
        """The value as text."""
        return f"v.{self.key}::text" if self.base else f"(v.custom ->> '{self.key}')"

    @property
    def text(self) -> str:
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)

    @property
    def quoted(self) -> str:
        return "'" + self.text.replace("'", "''") + "'"

    @property
    def inner(self) -> str:
        """A part no mask shows."""
        return self.text[3:7] if len(self.text) > 8 else self.text


Ask = Callable[[Scene, Field, File], str | None]
CHANNELS: dict[str, Ask] = {}


def channel(name: str) -> Callable[[Ask], Ask]:
    """A named question; null = this field has no such road."""

    def add(ask: Ask) -> Ask:
        CHANNELS[name] = ask
        return ask

    return add


CLAUSES: set[str] = set()  # the channels that are clauses of one view


def of_view(name: str, sql: str) -> None:
    """A question to the form's view: {v} the view, {c} the value as text, {q} the value to confirm,
    {i} its inner part, {k} the key."""
    CLAUSES.add(name)
    CHANNELS[name] = lambda scene, f, file: sql.format(
        id=getattr(file, f.form),
        v=f.view,
        c=f.column,
        q=f.quoted,
        i=f.inner.replace("'", "''"),
        k=f.key,
        json=json.dumps(f.value, ensure_ascii=False, default=str).replace("'", "''"),
    )


of_view("select", "select jsonb_agg({c} order by v.id) from {v} v")
of_view("select *", "select jsonb_agg(to_jsonb(v) order by v.id) from {v} v")
of_view(
    "embed",
    "select jsonb_agg(jsonb_build_object('task', t.id, 'rows', (select "
    "jsonb_agg(to_jsonb(v)) from {v} v where to_jsonb(v) ->> 'customer_id' = "
    "t.customer_id::text or v.id = t.customer_id)) order by t.id) from api.tasks t",
)
of_view("eq", "select count(*) from {v} v where {c} = {q}")
of_view("neq", "select count(*) from {v} v where {c} <> {q}")
of_view("like", "select count(*) from {v} v where {c} ilike '%{i}%'")
of_view("regex", "select count(*) from {v} v where {c} ~ '^.*{i}'")
of_view("gt", "select count(*) from {v} v where {c} > {q}")
of_view("lt", "select count(*) from {v} v where {c} < {q}")
of_view("in", "select count(*) from {v} v where {c} in ({q}, 'another')")
of_view(
    "is",
    "select jsonb_build_array(count(*) filter (where {c} is null), count(*) filter (where "
    "{c} is not distinct from {q})) from {v} v",
)
of_view(
    "fts",
    "select count(*) from {v} v where to_tsvector('simple', coalesce({c}, '')) @@ "
    "plainto_tsquery('simple', {q})",
)
of_view(
    "order",
    "select jsonb_agg(x.id) from (select v.id from {v} v order by {c} desc nulls last, v.id) x",
)
of_view(
    "order by whether", "select v.id from {v} v order by ({c} = {q}) desc nulls last, v.id limit 1"
)
of_view(
    "group",
    "select jsonb_agg(x) from (select {c} as g, count(*) from {v} v group by 1 order by 1) x",
)
of_view(
    "aggregate",
    "select jsonb_build_array(min({c}), max({c}), count(distinct {c}), string_agg({c}, ',' "
    "order by v.id)) from {v} v",
)
of_view("count", "select count({c}) from {v} v")
of_view(
    "or, and",
    "select count(*) from {v} v where ({c} = {q} and v.store_id is not null) or v.id is "
    "null or not ({c} <> {q})",
)
of_view(
    "->>",
    "select jsonb_agg(jsonb_build_array(to_jsonb(v) ->> '{k}', v.custom -> '{k}', v.custom "
    "#>> '{{{k}}}') order by v.id) from {v} v",
)
of_view(
    "contains",
    "select jsonb_build_array(count(*) filter (where v.custom @> '{{\"{k}\": {json}}}'), "
    "count(*) filter (where v.custom ? '{k}')) from {v} v",
)
of_view(
    "jsonpath",
    "select count(*) from {v} v where to_jsonb(v) @? '$.** ? (@ == {json})' or to_jsonb(v) "
    "@@ '$.custom.{k} > 0'",
)
of_view("join", "select count(*) from {v} v join {v} w on {c} = {q} and w.id = v.id")
of_view("error text", "select ('#' || {c})::int from {v} v where v.id = '{id}'")
of_view(
    "error by whether",
    "select 1 / (case when {c} = {q} then 0 else 1 end) from {v} v where v.id = '{id}'",
)
of_view("returning", "update {v} v set store_id = store_id where {c} = {q} returning to_jsonb(v)")


@channel("search words")
def _search(scene: Scene, f: Field, file: File) -> str:
    store = scene.values(file)["store"]
    return (
        "select jsonb_build_array("
        + ", ".join(
            f"(select jsonb_agg(to_jsonb(x)) from api.search_customers({store}, '{w}') x)"
            for w in dict.fromkeys((f.text, f.inner, f.text[-5:]))
        )
        + ")"
    )


@channel("search sort")
def _sort(scene: Scene, f: Field, file: File) -> str:
    return f"select jsonb_agg(x.id) from api.search_customers({scene.values(file)['store']}) x"


@channel("brief")
def _brief(scene: Scene, f: Field, file: File) -> str:
    return "select api.customer_brief({store}, {customer})".format(**scene.values(file))


@channel("today")
def _today(scene: Scene, f: Field, file: File) -> str:
    return "select api.today({store}, {owner})".format(**scene.values(file))


@channel("funnel report")
def _funnel(scene: Scene, f: Field, file: File) -> str:
    return (
        "select jsonb_build_array(api.funnel_report({store}), api.funnel_report({store}, null, "
        "{owner}))"
    ).format(**scene.values(file))


@channel("member work")
def _member_work(scene: Scene, f: Field, file: File) -> str:
    return (
        "select jsonb_build_array(api.member_work({store}), api.member_work({store}, {owner}))"
    ).format(**scene.values(file))


@channel("meeting sheet")
def _meeting_sheet(scene: Scene, f: Field, file: File) -> str:
    return "select api.meeting_sheet({store})".format(**scene.values(file))


@channel("metric rows")
def _metric_rows(scene: Scene, f: Field, file: File) -> str:
    """Of the metric that rests on the field; a refused one would hide the answers of others."""
    resting = {
        "level": "prospects",
        "next_contact_on": "next_day_tasks",
        "amount_fen": "amount_won",
    }
    metric = resting.get(f.key, "contacts")
    return f"select api.metric_rows({{store}}, '{metric}')".format(**scene.values(file))


@channel("renewal rates")
def _renewal_rates(scene: Scene, f: Field, file: File) -> str:
    """Of the month in which the policies of the scene end."""
    return (
        "select jsonb_build_array(api.renewal_rates({store}, '2031-06-01'), "
        "api.renewal_rate_rows({store}, '2031-06-01', 'all', '', 'due'))"
    ).format(**scene.values(file))


@channel("approvals")
def _approvals(scene: Scene, f: Field, file: File) -> str:
    return "select api.pending_approvals({store})".format(**scene.values(file))


@channel("history")
def _history(scene: Scene, f: Field, file: File) -> str:
    return "select jsonb_agg(to_jsonb(t) order by t.id) from api.timeline t"


@channel("history filter")
def _history_filter(scene: Scene, f: Field, file: File) -> str:
    return f"""select jsonb_build_array(
        count(*),
        count(*) filter (where t.field = '{f.key}'),
        count(*) filter (where t.new #>> '{{}}' = {f.quoted} or t.old #>> '{{}}' = {f.quoted})
      ) from api.timeline t"""


@channel("pull")
def _pull(scene: Scene, f: Field, file: File) -> str:
    return "select api.sync_pull({store})".format(**scene.values(file))


@channel("config")
def _config(scene: Scene, f: Field, file: File) -> str:
    return "select document from api.config where store_id = {store}".format(**scene.values(file))


@channel("effective access")
def _access(scene: Scene, f: Field, file: File) -> str:
    return (
        "select api.effective_access({store}, (current_setting('request.jwt.claims')::json ->> "
        "'sub')::uuid, {customer})"
    ).format(**scene.values(file))


@channel("duplicates")
def _duplicates(scene: Scene, f: Field, file: File) -> str | None:
    store = scene.values(file)["store"]
    if f.type == "phone":
        return f"select api.find_duplicates({store}, {f.quoted})"
    return f"select api.find_duplicates({store}, null, {f.quoted})" if f.type == "plate" else None


def _import(scene: Scene, f: Field, file: File, call: str) -> str | None:
    if f.form not in ("customer", "vehicle", "policy"):
        return None
    row = {"row": 2, "key": file.paper, "customer": {}, f.form: {f.key: f.value}}
    by_plate = {
        "row": 3,
        "key": "another",
        "customer": {"name": file.name, "phone": f.text if f.type == "phone" else file.phone},
        "vehicle": {"plate": f.text if f.type == "plate" else file.plate},
    }
    return (
        f"select api.{call} "
        f"{literal({'pool': 'market', 'level': 'near', 'source': 'walk_in'})}, "
        f"{literal([row, by_plate])})"
    )


@channel("import preview")
def _preview(scene: Scene, f: Field, file: File) -> str | None:
    return _import(scene, f, file, f"preview_import({scene.values(file)['store']}, 'customers',")


@channel("import echo")
def _echo(scene: Scene, f: Field, file: File) -> str | None:
    return _import(
        scene,
        f,
        file,
        f"commit_import({scene.values(file)['store']}, '{FRESH}', 'customers', 'list.csv',",
    )


def _push(scene: Scene, file: File, verb: str, payload: dict[str, Any], base: int | None) -> str:
    return scene.operation(verb, payload, file.store, base, op_id=OP)


@channel("write back")
def _write_back(scene: Scene, f: Field, file: File) -> str | None:
    if f.form not in SAVE_VERBS:
        return None
    return _push(
        scene, file, SAVE_VERBS[f.form], {"id": getattr(file, f.form), "set": {f.key: f.value}}, 1
    )


@channel("conflict")
def _conflict(scene: Scene, f: Field, file: File) -> str | None:
    """A change made on an old version is answered with the row."""
    if f.form not in ("customer", "deal"):
        return None
    return _push(
        scene,
        file,
        SAVE_VERBS[f.form],
        {
            "id": getattr(file, f.form),
            "set": {"need" if f.form == "customer" else "title": "另一个", f.key: f.value},
        },
        0,
    )


@channel("new record")
def _new_record(scene: Scene, f: Field, file: File) -> str | None:
    if f.form not in SAVE_VERBS or f.key in ("name", "source", "level"):
        return None
    payload = {
        "id": FRESH,
        "customer_id": file.customer,
        "pipeline": "new_car",
        "set": {"name": "新", "source": "walk_in", "level": "near"} if f.form == "customer" else {},
    }
    payload["set"] = {**payload["set"], f.key: f.value}
    return _push(scene, file, SAVE_VERBS[f.form], payload, None)


@channel("undo")
def _undo(scene: Scene, f: Field, file: File) -> str:
    return _push(scene, file, "undo", {"op_id": file.op}, None)


@channel("moving a deal")
def _move(scene: Scene, f: Field, file: File) -> str | None:
    return (
        _push(
            scene,
            file,
            "move_deal",
            {"id": file.deal, "stage": "visited", "set": {f.key: f.value}},
            0,
        )
        if f.form == "deal"
        else None
    )


@channel("logging a conversation")
def _log(scene: Scene, f: Field, file: File) -> str | None:
    if f.form != "conversation":
        return None
    return _push(
        scene,
        file,
        "log_conversation",
        {
            "id": FRESH,
            "customer_id": file.customer,
            "outcome": "interested",
            "notes": "聊",
            "level": "near",
            "set": {f.key: f.value},
        },
        None,
    )


@channel("find by value")
def _find(scene: Scene, f: Field, file: File) -> str | None:
    if f.form != "customer":
        return None
    asked = [
        {"key": f.key, "op": op, "value": f.value}
        for op in ("eq", "min", "max", "contains", "starts")
    ]
    return (
        "select jsonb_build_array("
        + ", ".join(
            f"(select jsonb_agg(x.id) from api.find_customers({scene.values(file)['store']}, "
            f"{literal([a])}) x)"
            for a in asked
        )
        + ")"
    )


@channel("find, at least")
def _find_min(scene: Scene, f: Field, file: File) -> str | None:
    return (
        f"select jsonb_agg(x.id) from api.find_customers({scene.values(file)['store']}, "
        f"{literal([{'key': f.key, 'op': 'min', 'value': f.value}])}) x"
        if f.form == "customer"
        else None
    )


@channel("find sort")
def _find_sort(scene: Scene, f: Field, file: File) -> str | None:
    return (
        f"select jsonb_agg(x.id) from api.find_customers({scene.values(file)['store']}, '[]', "
        f"'{f.key}') x"
        if f.form == "customer"
        else None
    )


@channel("export")
def _export(scene: Scene, f: Field, file: File) -> str:
    return (
        f"select api.export_rows({scene.values(file)['store']}, '{FRESH}', '{f.form}', "
        f"'[\"id\", \"{f.key}\"]', 'because')"
    )


@channel("export beside")
def _export_beside(scene: Scene, f: Field, file: File) -> str | None:
    """A customer's field as a column of their deals."""
    return (
        f"select api.export_rows({scene.values(file)['store']}, '{FRESH}', 'deal', '[\"id\", "
        f"\"customer.{f.key}\"]', 'because')"
        if f.form == "customer"
        else None
    )


@channel("audit")
def _audit(scene: Scene, f: Field, file: File) -> str:
    about = json.dumps({"form": f.form, "field": f.key})
    return f"select api.audit_log({scene.values(file)['store']}, '{about}', null, 200)"


@channel("duplicate pairs")
def _pairs(scene: Scene, f: Field, file: File) -> str:
    return f"select api.duplicate_pairs({scene.values(file)['store']})"


@channel("merges")
def _merges(scene: Scene, f: Field, file: File) -> str:
    return "select jsonb_agg(to_jsonb(m) order by m.id) from api.merges m"


@channel("alerts and quarantined operations")
def _flags(scene: Scene, f: Field, file: File) -> str:
    return (
        "select jsonb_build_array((select jsonb_agg(to_jsonb(m) order by m.id) from api.alerts "
        "m), (select jsonb_agg(to_jsonb(m) order by m.op_id) from api.quarantined_operations m))"
    )


@channel("check of a document")
def _check(scene: Scene, f: Field, file: File) -> str | None:
    """Another type that no value fits, which the check counts and, to a reader, names."""
    if f.key != "secret_text" or f.form != "customer":
        return None
    changed = json.loads(json.dumps(scene.document))
    next(x for x in changed["forms"]["customer"]["fields"] if x["key"] == f.key)["type"] = "bool"
    return (
        f"select jsonb_path_query_array(api.check_config({scene.values(file)['store']}, "
        f"{literal(changed)}), '$[*] ? (@.kind == \"type_changed\")')"
    )
