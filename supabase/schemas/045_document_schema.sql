-- What a document may hold: every path, type and range. The schema is that of StoreConfig
-- (shared/domain/config.py) as `forecourt.configure.schema_sql` writes it;
-- tests/stack/test_configure.py compares the two.

create or replace function crm.document_schema() returns jsonb
  language sql immutable parallel safe set search_path = '' as $function$
  select $schema${"$defs": {
    "Ask": {"additionalProperties": false, "properties": {"levels": {"items":
      {"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "type": "array"},
      "stages": {"items": {"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"},
      "type": "array"}}, "type": "object"},
    "BurstThreshold": {"additionalProperties": false, "properties": {"seconds":
      {"maximum": 86400, "minimum": 10, "type": "integer"}, "times": {"maximum":
      1000, "minimum": 2, "type": "integer"}}, "type": "object"},
    "CareDate": {"additionalProperties": false, "properties": {"every_months":
      {"maximum": 120, "minimum": 1, "type": "integer"}, "field": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "form": {"enum": ["customer",
      "vehicle", "policy", "deal"], "type": "string"}, "times": {"anyOf":
      [{"maximum": 50, "minimum": 1, "type": "integer"}, {"type": "null"}]}},
      "required": ["form", "field"], "type": "object"},
    "CheckItem": {"additionalProperties": false, "properties": {"key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}}, "required": ["key", "label"], "type":
      "object"},
    "ConsentPurpose": {"additionalProperties": false, "properties": {"key":
      {"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label":
      {"additionalProperties": {"type": "string"}, "type": "object"},
      "needed_for_calls": {"type": "boolean"}}, "required": ["key", "label"], "type":
      "object"},
    "DayPart": {"additionalProperties": false, "properties": {"end": {"pattern":
      "^([01]\\d|2[0-3]):[0-5]\\d$", "type": "string"}, "key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "start": {"pattern":
      "^([01]\\d|2[0-3]):[0-5]\\d$", "type": "string"}}, "required": ["key", "start",
      "end"], "type": "object"},
    "EscalationStep": {"additionalProperties": false, "properties": {"action":
      {"enum": ["remind", "manager", "pool"], "type": "string"}, "after": {"maximum":
      100000, "minimum": 1, "type": "integer"}, "pool": {"anyOf": [{"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, {"type": "null"}]}, "role":
      {"anyOf": [{"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, {"type":
      "null"}]}}, "required": ["after", "action"], "type": "object"},
    "FieldDefinition": {"additionalProperties": false, "properties": {"ask":
      {"anyOf": [{"$ref": "#/$defs/Ask"}, {"type": "null"}]}, "decimals": {"maximum":
      6, "minimum": 0, "type": "integer"}, "formula": {}, "hint": {"anyOf":
      [{"additionalProperties": {"type": "string"}, "type": "object"}, {"type":
      "null"}]}, "key": {"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"},
      "label": {"additionalProperties": {"type": "string"}, "type": "object"},
      "mask": {"anyOf": [{"enum": ["phone", "plate", "tail4", "all"], "type":
      "string"}, {"type": "null"}]}, "max": {"anyOf": [{"maximum":
      1000000000000000.0, "minimum": -1000000000000000.0, "type": "number"}, {"type":
      "null"}]}, "max_length": {"anyOf": [{"maximum": 2000, "minimum": 1, "type":
      "integer"}, {"type": "null"}]}, "min": {"anyOf": [{"maximum":
      1000000000000000.0, "minimum": -1000000000000000.0, "type": "number"}, {"type":
      "null"}]}, "on_list": {"type": "boolean"}, "options": {"anyOf": [{"items":
      {"$ref": "#/$defs/Option"}, "type": "array"}, {"type": "null"}]},
      "options_when": {"additionalProperties": true, "type": "object"}, "pattern":
      {}, "require": {}, "required": {"type": "boolean"}, "required_methods":
      {"items": {"type": "string"}, "type": "array"}, "searchable": {"type":
      "boolean"}, "section": {"anyOf": [{"pattern": "^[a-z][a-z0-9_]{0,40}$", "type":
      "string"}, {"type": "null"}]}, "show": {}, "type": {"anyOf": [{"enum": ["text",
      "long_text", "phone", "plate", "vin", "number", "money", "bool", "date",
      "time", "select", "multi", "level", "person", "file", "formula"], "type":
      "string"}, {"type": "null"}]}, "unique": {"type": "boolean"}}, "required":
      ["key", "label"], "type": "object"},
    "FieldRights": {"additionalProperties": false, "properties": {"masked": {"items":
      {"type": "string"}, "type": "array"}, "readable": {"items": {"type": "string"},
      "type": "array"}, "required": {"items": {"type": "string"}, "type": "array"},
      "writable": {"items": {"type": "string"}, "type": "array"}}, "type": "object"},
    "Form": {"additionalProperties": false, "properties": {"fields": {"items":
      {"$ref": "#/$defs/FieldDefinition"}, "type": "array"}, "label":
      {"additionalProperties": {"type": "string"}, "type": "object"}, "sections":
      {"items": {"$ref": "#/$defs/Section"}, "maxItems": 30, "type": "array"}},
      "required": ["label", "fields"], "type": "object"},
    "Level": {"additionalProperties": false, "properties": {"cadence_days": {"anyOf":
      [{"maximum": 365, "minimum": 1, "type": "integer"}, {"type": "null"}]},
      "definition": {"additionalProperties": {"type": "string"}, "type": "object"},
      "demote_after_days": {"anyOf": [{"maximum": 3650, "minimum": 1, "type":
      "integer"}, {"type": "null"}]}, "demote_to": {"anyOf": [{"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, {"type": "null"}]},
      "horizon_days": {"anyOf": [{"maximum": 1000000000, "minimum": -1000000000,
      "type": "integer"}, {"type": "null"}]}, "key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}, "pool": {"anyOf": [{"type": "string"},
      {"type": "null"}]}, "rank": {"maximum": 1000000000, "minimum": -1000000000,
      "type": "integer"}, "reassign_after_days": {"anyOf": [{"maximum": 3650,
      "minimum": 1, "type": "integer"}, {"type": "null"}]}}, "required": ["key",
      "label", "rank"], "type": "object"},
    "Option": {"additionalProperties": false, "properties": {"key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}}, "required": ["key", "label"], "type":
      "object"},
    "Outcome": {"additionalProperties": false, "properties": {"after_last": {"anyOf":
      [{"enum": ["manager", "message"], "type": "string"}, {"type": "null"}]},
      "effect": {"anyOf": [{"enum": ["complaint", "do_not_call", "lost",
      "test_drive", "won"], "type": "string"}, {"type": "null"}]}, "key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}, "level": {"anyOf": [{"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, {"type": "null"}]}, "methods":
      {"items": {"type": "string"}, "type": "array"}, "next_days": {"anyOf":
      [{"maximum": 365, "minimum": 0, "type": "integer"}, {"type": "null"}]},
      "notes_required": {"type": "boolean"}, "reached": {"type": "boolean"},
      "retry_hours": {"anyOf": [{"maximum": 720, "minimum": 1, "type": "integer"},
      {"type": "null"}]}, "retry_max": {"anyOf": [{"maximum": 20, "minimum": 1,
      "type": "integer"}, {"type": "null"}]}, "roles": {"items": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "type": "array"}, "stage":
      {"anyOf": [{"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, {"type":
      "null"}]}}, "required": ["key", "label", "methods", "reached"], "type":
      "object"},
    "Phrase": {"additionalProperties": false, "properties": {"outcome": {"anyOf":
      [{"type": "string"}, {"type": "null"}]}, "promise_days": {"anyOf": [{"maximum":
      365, "minimum": 0, "type": "integer"}, {"type": "null"}]}, "text":
      {"additionalProperties": {"type": "string"}, "type": "object"}}, "required":
      ["text"], "type": "object"},
    "Pipeline": {"additionalProperties": false, "properties": {"key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}, "stages": {"items": {"$ref":
      "#/$defs/Stage"}, "type": "array"}}, "required": ["key", "label", "stages"],
      "type": "object"},
    "Pool": {"additionalProperties": false, "properties": {"claims_per_day":
      {"maximum": 1000, "minimum": 0, "type": "integer"}, "contact_hours":
      {"maximum": 720, "minimum": 1, "type": "integer"}, "ex_owner_days": {"maximum":
      3650, "minimum": 0, "type": "integer"}, "key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}}, "required": ["key", "label"], "type":
      "object"},
    "QueueOrder": {"additionalProperties": false, "properties": {"complaint":
      {"maximum": 100000, "minimum": 0, "type": "integer"}, "expiry": {"maximum":
      100000, "minimum": 0, "type": "integer"}, "expiry_days": {"maximum": 365,
      "minimum": 1, "type": "integer"}, "overdue": {"maximum": 1000, "minimum": 0,
      "type": "integer"}, "overdue_cap": {"maximum": 100000, "minimum": 0, "type":
      "integer"}, "promise": {"maximum": 100000, "minimum": 0, "type": "integer"},
      "sent_back": {"maximum": 100000, "minimum": 0, "type": "integer"},
      "test_drive": {"maximum": 100000, "minimum": 0, "type": "integer"}, "value":
      {"maximum": 1000, "minimum": 0, "type": "integer"}, "value_cap": {"maximum":
      100000, "minimum": 0, "type": "integer"}}, "type": "object"},
    "Reason": {"additionalProperties": false, "properties": {"key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}, "parent": {"anyOf": [{"type": "string"},
      {"type": "null"}]}, "returns": {"type": "boolean"}, "uses": {"items": {"enum":
      ["cancel", "lost", "contact"], "type": "string"}, "type": "array"}},
      "required": ["key", "label", "uses"], "type": "object"},
    "Replacements": {"additionalProperties": false, "properties": {"levels":
      {"additionalProperties": {"type": "string"}, "type": "object"}, "pools":
      {"additionalProperties": {"type": "string"}, "type": "object"}, "reasons":
      {"additionalProperties": {"type": "string"}, "type": "object"}, "stages":
      {"additionalProperties": {"type": "string"}, "type": "object"}}, "type":
      "object"},
    "Role": {"additionalProperties": false, "properties": {"key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}, "pipeline": {"anyOf": [{"type":
      "string"}, {"type": "null"}]}, "pools": {"items": {"type": "string"}, "type":
      "array"}, "rights": {"additionalProperties": {"additionalProperties": {"enum":
      ["hidden", "masked", "read", "write"], "type": "string"}, "type": "object"},
      "type": "object"}, "scope": {"enum": ["own", "team", "store", "group"], "type":
      "string"}, "screens": {"items": {"type": "string"}, "type": "array"}, "verbs":
      {"items": {"type": "string"}, "type": "array"}}, "required": ["key", "label"],
      "type": "object"},
    "RoleName": {"additionalProperties": false, "properties": {"key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}}, "required": ["key", "label"], "type":
      "object"},
    "Rule": {"additionalProperties": false, "properties": {"active": {"type":
      "boolean"}, "date": {"anyOf": [{"$ref": "#/$defs/CareDate"}, {"type":
      "null"}]}, "days": {"items": {"maximum": 3650, "minimum": -3650, "type":
      "integer"}, "type": "array"}, "key": {"pattern": "^[a-z][a-z0-9_]{0,40}$",
      "type": "string"}, "kind": {"enum": ["cadence", "policy_window", "care",
      "first_response", "no_contact"], "type": "string"}, "label":
      {"additionalProperties": {"type": "string"}, "type": "object"}, "levels":
      {"items": {"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "type":
      "array"}, "quiet_from": {"anyOf": [{"pattern": "^([01]\\d|2[0-3]):[0-5]\\d$",
      "type": "string"}, {"type": "null"}]}, "quiet_to": {"anyOf": [{"pattern":
      "^([01]\\d|2[0-3]):[0-5]\\d$", "type": "string"}, {"type": "null"}]},
      "sources": {"items": {"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"},
      "type": "array"}, "steps": {"items": {"$ref": "#/$defs/EscalationStep"},
      "maxItems": 5, "type": "array"}}, "required": ["key", "label", "kind"], "type":
      "object"},
    "Script": {"additionalProperties": false, "properties": {"key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}, "levels": {"items": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "type": "array"}, "outcomes":
      {"items": {"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "type":
      "array"}, "task_kinds": {"items": {"type": "string"}, "type": "array"}, "text":
      {"additionalProperties": {"type": "string"}, "type": "object"}, "within_days":
      {"anyOf": [{"maximum": 365, "minimum": 0, "type": "integer"}, {"type":
      "null"}]}}, "required": ["key", "label", "text"], "type": "object"},
    "Section": {"additionalProperties": false, "properties": {"key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label": {"additionalProperties":
      {"type": "string"}, "type": "object"}}, "required": ["key", "label"], "type":
      "object"},
    "Stage": {"additionalProperties": false, "properties": {"checklist": {"items":
      {"$ref": "#/$defs/CheckItem"}, "type": "array"}, "color": {"type": "string"},
      "key": {"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "label":
      {"additionalProperties": {"type": "string"}, "type": "object"}, "moves":
      {"anyOf": [{"items": {"type": "string"}, "type": "array"}, {"type": "null"}]},
      "required": {"items": {"type": "string"}, "type": "array"}, "type": {"enum":
      ["open", "won", "lost"], "type": "string"}}, "required": ["key", "label",
      "type"], "type": "object"},
    "StoreCalendar": {"additionalProperties": false, "properties": {"closed_days":
      {"additionalProperties": {"additionalProperties": {"type": "string"}, "type":
      "object"}, "type": "object"}, "makeup_days": {"additionalProperties":
      {"additionalProperties": {"type": "string"}, "type": "object"}, "type":
      "object"}, "weekdays": {"items": {"maximum": 7, "minimum": 1, "type":
      "integer"}, "maxItems": 7, "minItems": 1, "type": "array"}}, "type": "object"},
    "StoreSettings": {"additionalProperties": false, "properties": {"languages":
      {"items": {"type": "string"}, "type": "array"}, "time_zone": {"type":
      "string"}}, "type": "object"},
    "Template": {"additionalProperties": false, "properties": {"key": {"pattern":
      "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "kind": {"enum": ["quote",
      "message"], "type": "string"}, "label": {"additionalProperties": {"type":
      "string"}, "type": "object"}, "text": {"additionalProperties": {"type":
      "string"}, "type": "object"}}, "required": ["key", "label", "kind", "text"],
      "type": "object"},
    "VisitForm": {"additionalProperties": false, "properties": {"fields": {"items":
      {"pattern": "^[a-z][a-z0-9_]{0,40}$", "type": "string"}, "maxItems": 12,
      "type": "array"}, "required": {"items": {"pattern": "^[a-z][a-z0-9_]{0,40}$",
      "type": "string"}, "maxItems": 12, "type": "array"}}, "type": "object"}},
  "additionalProperties": false, "properties": {"access": {"additionalProperties":
    {"$ref": "#/$defs/FieldRights"}, "type": "object"}, "burst": {"$ref":
    "#/$defs/BurstThreshold"}, "calendar": {"$ref": "#/$defs/StoreCalendar"},
    "consents": {"items": {"$ref": "#/$defs/ConsentPurpose"}, "type": "array"},
    "day_parts": {"items": {"$ref": "#/$defs/DayPart"}, "type": "array"}, "forms":
    {"additionalProperties": false, "properties": {"companion": {"$ref":
    "#/$defs/Form"}, "conversation": {"$ref": "#/$defs/Form"}, "customer": {"$ref":
    "#/$defs/Form"}, "deal": {"$ref": "#/$defs/Form"}, "policy": {"$ref":
    "#/$defs/Form"}, "vehicle": {"$ref": "#/$defs/Form"}}, "type": "object"},
    "levels": {"items": {"$ref": "#/$defs/Level"}, "type": "array"}, "outcomes":
    {"items": {"$ref": "#/$defs/Outcome"}, "type": "array"}, "phrases": {"items":
    {"$ref": "#/$defs/Phrase"}, "type": "array"}, "pipelines": {"items": {"$ref":
    "#/$defs/Pipeline"}, "type": "array"}, "pools": {"items": {"$ref":
    "#/$defs/Pool"}, "type": "array"}, "queue": {"$ref": "#/$defs/QueueOrder"},
    "reasons": {"items": {"$ref": "#/$defs/Reason"}, "type": "array"},
    "replacements": {"$ref": "#/$defs/Replacements"}, "retired":
    {"additionalProperties": {"items": {"$ref": "#/$defs/Option"}, "type": "array"},
    "type": "object"}, "roles": {"items": {"anyOf": [{"$ref": "#/$defs/Role"},
    {"$ref": "#/$defs/RoleName"}]}, "type": "array"}, "rules": {"items": {"$ref":
    "#/$defs/Rule"}, "type": "array"}, "schema": {"const": 1, "type": "integer"},
    "scripts": {"items": {"$ref": "#/$defs/Script"}, "type": "array"}, "settings":
    {"additionalProperties": {"anyOf": [{"maximum": 1000000000, "minimum":
    -1000000000, "type": "integer"}, {"type": "boolean"}, {"maxLength": 200, "type":
    "string"}]}, "properties": {"clear_seconds": {"maximum": 3600, "minimum": 0,
    "type": "integer"}, "cut_off": {"pattern": "^([01]\\d|2[0-3]):[0-5]\\d$", "type":
    "string"}, "duplicate_shows": {"maxLength": 40, "type": "string"}, "log_seconds":
    {"maximum": 3600, "minimum": 0, "type": "integer"}, "snooze_limit": {"maximum":
    100, "minimum": 0, "type": "integer"}}, "type": "object"}, "store": {"$ref":
    "#/$defs/StoreSettings"}, "templates": {"items": {"$ref": "#/$defs/Template"},
    "type": "array"}, "visit": {"$ref": "#/$defs/VisitForm"}}, "required": ["roles",
    "forms", "pipelines", "levels", "outcomes"], "type": "object"}$schema$::jsonb
$function$;
comment on function crm.document_schema is 'The JSON Schema of a store''s document.';

-- Of JSON Schema as much as the one above uses: $ref, anyOf, type, const, enum, properties,
-- required, additionalProperties, items, minItems, maxItems, maxLength, pattern, minimum, maximum.
-- Stricter in two ways: a whole number is written without a point and fits an int, and any other
-- number fits a float. Longer than a screen: one keyword after another; a call for each would be
-- one more for every value of a document.
create or replace function crm.schema_problem(
  p_value jsonb, p_schema jsonb, p_definitions jsonb, p_path text
) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_kind text := jsonb_typeof(p_value);
  v_text text := p_value #>> '{}';
  v_key text;
  v_value jsonb;
  v_position bigint;
  v_problem text;
begin
  if p_schema ? '$ref' then
    return crm.schema_problem(
      p_value,
      p_definitions -> split_part(p_schema ->> '$ref', '/', 3),
      p_definitions,
      p_path
    );
  end if;
  if p_schema ? 'anyOf' then
    for v_value in select value from jsonb_array_elements(p_schema -> 'anyOf') loop
      v_key := crm.schema_problem(p_value, v_value, p_definitions, p_path);
      if v_key is null then
        return null;
      end if;
      -- the one that was read furthest says most
      v_problem := coalesce(nullif(v_problem, p_path), v_key);
    end loop;
    return v_problem;
  end if;
  if p_schema ? 'type'
    and not (
      case p_schema ->> 'type'
      when 'integer' then v_kind = 'number' and v_text ~ '^-?[0-9]{1,10}$'
      when 'number' then crm.is_number(p_value)
      else v_kind = p_schema ->> 'type'
    end
    ) then
    return p_path;
  end if;
  if p_schema ? 'const' and p_value <> p_schema -> 'const'
    or p_schema ? 'enum' and not p_schema -> 'enum' @> jsonb_build_array(p_value)
  then
    return p_path;
  end if;
  if v_kind = 'number' then
    if p_value < coalesce(p_schema -> 'minimum', p_value)
      or p_value > coalesce(p_schema -> 'maximum', p_value)
    then
      return p_path;
    end if;
  elsif v_kind = 'string' then
    if length(v_text) > coalesce((p_schema ->> 'maxLength')::int, 20000)
      or p_schema ? 'pattern' and v_text !~ (p_schema ->> 'pattern')
    then
      return p_path;
    end if;
  elsif v_kind = 'array' and p_schema ? 'items' then
    if jsonb_array_length(p_value) not between coalesce(
      (p_schema ->> 'minItems')::int,
      0
    ) and coalesce(
      (p_schema ->> 'maxItems')::int,
      5000
    ) then
      return p_path;
    end if;
    for v_value, v_position in
      select value, ordinality - 1 from jsonb_array_elements(p_value) with ordinality
    loop
      v_problem := crm.schema_problem(
        v_value, p_schema -> 'items', p_definitions, p_path || '.' || v_position
      );
      if v_problem is not null then
        return v_problem;
      end if;
    end loop;
  elsif v_kind = 'object' and p_schema ->> 'type' = 'object' then
    for v_key in select jsonb_array_elements_text(coalesce(p_schema -> 'required', '[]')) loop
      if not p_value ? v_key then
        return p_path || '.' || v_key;
      end if;
    end loop;
    for v_key, v_value in select key, value from jsonb_each(p_value) loop
      v_problem := p_path || '.' || left(v_key, 80);
      if p_schema -> 'properties' ? v_key then
        v_problem := crm.schema_problem(
          v_value, p_schema -> 'properties' -> v_key, p_definitions, v_problem
        );
      elsif jsonb_typeof(p_schema -> 'additionalProperties') = 'object' then
        v_problem := crm.schema_problem(
          v_value, p_schema -> 'additionalProperties', p_definitions, v_problem
        );
      elsif coalesce((p_schema ->> 'additionalProperties')::bool, true) then
        v_problem := null;
      end if;
      if v_problem is not null then
        return v_problem;
      end if;
    end loop;
  end if;
  return null;
end $$;
comment on function crm.schema_problem is
  'Where a value does not fit a schema first (.levels.0.rank), or null.';

create or replace function crm.document_problem(p_document jsonb) returns text
  language plpgsql stable set search_path = '' as $$
declare
  v_schema jsonb := crm.document_schema();
  v_problem text := ltrim(crm.schema_problem(p_document, v_schema, v_schema -> '$defs', ''), '.');
begin
  v_problem := coalesce(
    v_problem, 'calendar.' || crm.calendar_problem(p_document -> 'calendar')
  );
  if v_problem is not null or p_document #>> '{store,time_zone}' is null then
    return v_problem;
  end if;
  perform now() at time zone (p_document #>> '{store,time_zone}');
  return null;
exception
  when invalid_parameter_value then
    return 'store.time_zone';
end $$;
comment on function crm.document_problem is
  'The first path of a document that holds what no verb could work with, or null.';
