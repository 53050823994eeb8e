-- Conditions and formulas of a document: trees of the JSONLogic form, judged here and in shared/domain/conditions.py alike.
-- A subset, and strict: values of different types are never equal, only numbers compare with numbers and texts with texts.

create function crm.is_true(v jsonb) returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return v is not null and v not in ('null', 'false', '0', '""', '[]');
end $$;

create function crm.logic(p_tree jsonb, p_record jsonb) returns jsonb
  language plpgsql immutable parallel safe set search_path = '' as $$
declare op text; x jsonb; a jsonb; b jsonb; n numeric; m numeric;
begin
  if jsonb_typeof(p_tree) is distinct from 'object' then return p_tree; end if;
  select key, value into op, x from jsonb_each(p_tree) limit 1;
  if op = 'var' then return nullif(coalesce(p_record -> (x #>> '{}'), 'null'), '""'); end if;
  if op in ('and', 'or') then
    for a in select value from jsonb_array_elements(x) loop
      if crm.is_true(crm.logic(a, p_record)) <> (op = 'and') then return to_jsonb(op = 'or'); end if;
    end loop;
    return to_jsonb(op = 'and');
  end if;
  if op in ('!', '!!') then
    return to_jsonb(crm.is_true(crm.logic(case when jsonb_typeof(x) = 'array' then x -> 0 else x end, p_record)) = (op = '!!'));
  end if;
  a := coalesce(crm.logic(x -> 0, p_record), 'null'); b := coalesce(crm.logic(x -> 1, p_record), 'null');
  if op = '==' then return to_jsonb(a = b); end if;
  if op = '!=' then return to_jsonb(a <> b); end if;
  if op = 'in' then return to_jsonb(jsonb_typeof(b) = 'array' and jsonb_typeof(a) <> 'array' and b @> jsonb_build_array(a)); end if;
  if op in ('<', '<=', '>', '>=') then
    if jsonb_typeof(a) <> jsonb_typeof(b) or jsonb_typeof(a) not in ('number', 'string') then return 'false'; end if;
    if jsonb_typeof(a) = 'string' then                 -- by code point, as Python does and as ISO days want it
      return to_jsonb(case op when '<' then (a #>> '{}') collate "C" < (b #>> '{}') when '<=' then (a #>> '{}') collate "C" <= (b #>> '{}')
        when '>' then (a #>> '{}') collate "C" > (b #>> '{}') else (a #>> '{}') collate "C" >= (b #>> '{}') end);
    end if;
    n := a::numeric; m := b::numeric;
    return to_jsonb(case op when '<' then n < m when '<=' then n <= m when '>' then n > m else n >= m end);
  end if;
  if op in ('+', '-', '*', '/') then
    if jsonb_typeof(a) <> 'number' or jsonb_typeof(b) <> 'number' then return null; end if;
    n := a::numeric; m := b::numeric;
    if op = '/' and m = 0 then return null; end if;
    n := round(case op when '+' then n + m when '-' then n - m when '*' then n * m else n / m end, 6);
    return case when abs(n) <= 1e15 then to_jsonb(trim_scale(n)) end;
  end if;
  return null;
end $$;
comment on function crm.logic is 'What a tree answers for a record: var and or ! !! == != < <= > >= in + - * /. Anything else answers null; publishing refuses it.';

create function crm.tree_problem(p_tree jsonb, p_known text[], p_depth int default 0) returns text
  language plpgsql immutable set search_path = '' as $$
declare op text; x jsonb; a jsonb; found text;
begin
  if p_depth > 8 then return 'too_deep'; end if;
  if jsonb_typeof(p_tree) in ('string', 'number', 'boolean', 'null') then return null; end if;
  if jsonb_typeof(p_tree) = 'array' then               -- a list of plain values, for "in"
    return case when jsonb_array_length(p_tree) > 200 or exists (select from jsonb_array_elements(p_tree) e where jsonb_typeof(e) in ('object', 'array')) then 'list' end;
  end if;
  if (select count(*) from jsonb_object_keys(p_tree)) <> 1 then return 'shape'; end if;
  select key, value into op, x from jsonb_each(p_tree);
  if op = 'var' then return case when jsonb_typeof(x) is distinct from 'string' or (x #>> '{}') <> all (p_known) then 'unknown_field' end; end if;
  if op not in ('and', 'or', '!', '!!', '==', '!=', '<', '<=', '>', '>=', 'in', '+', '-', '*', '/') then return 'unknown_operator'; end if;
  if op in ('!', '!!') and jsonb_typeof(x) <> 'array' then return crm.tree_problem(x, p_known, p_depth + 1); end if;
  if jsonb_typeof(x) <> 'array' or jsonb_array_length(x) > 20
    or jsonb_array_length(x) <> (case when op in ('!', '!!') then 1 when op in ('and', 'or') then greatest(jsonb_array_length(x), 1) else 2 end) then return 'shape'; end if;
  for a in select value from jsonb_array_elements(x) loop
    found := crm.tree_problem(a, p_known, p_depth + 1);
    if found is not null then return found; end if;
  end loop;
  return null;
end $$;
comment on function crm.tree_problem is 'Why a tree cannot be published: too_deep, shape, list, unknown_field, unknown_operator; null when it can.';

create function crm.tree_vars(p_tree jsonb) returns text[]
  language sql immutable set search_path = ''
  begin atomic select coalesce(array_agg(distinct v #>> '{}'), '{}') from jsonb_path_query(p_tree, 'strict $.**.var') v where jsonb_typeof(v) = 'string'; end;
comment on function crm.tree_vars is 'The fields a tree looks at.';

-- The value as the other type, null when it cannot be one: a field's type changes only when every value converts (F-72).
create function crm.converted(p_value jsonb, p_type text, p_options jsonb) returns jsonb
  language plpgsql immutable set search_path = '' as $$
declare s text := p_value #>> '{}'; kind text := jsonb_typeof(p_value);
begin
  if kind = 'null' then return p_value; end if;
  if p_type in ('text', 'long_text') then
    if kind = 'array' then s := array_to_string(array(select jsonb_array_elements_text(p_value)), ','); end if;
    return case when length(s) <= case p_type when 'text' then 80 else 2000 end then to_jsonb(s) end;
  elsif p_type in ('number', 'money') then
    if kind = 'string' and s ~ '^\s*-?\d{1,15}(\.\d{1,6})?\s*$' then p_value := to_jsonb(trim_scale(trim(s)::numeric)); kind := 'number'; end if;
    return case when kind = 'number' and (p_type = 'number' or (p_value #>> '{}') ~ '^\d+$') then p_value end;
  elsif p_type = 'bool' then return case when kind = 'boolean' then p_value when s in ('true', 'false') then to_jsonb(s::bool) end;
  elsif p_type = 'date' then return case when crm.is_date(s) then p_value end;
  elsif p_type = 'time' then return case when s ~ '^([01]\d|2[0-3]):[0-5]\d$' then p_value end;
  elsif p_type = 'select' then
    if kind = 'array' then return case when jsonb_array_length(p_value) = 1 then crm.converted(p_value -> 0, p_type, p_options) end; end if;
    return (select to_jsonb(o ->> 'key') from jsonb_array_elements(coalesce(p_options, '[]')) o
            where o ->> 'key' = s or exists (select from jsonb_each_text(o -> 'label') l where l.value = s) limit 1);
  elsif p_type = 'multi' then
    if kind = 'array' then return case when not exists (select from jsonb_array_elements(p_value) e where crm.converted(e, 'select', p_options) is null) then p_value end; end if;
    p_value := crm.converted(p_value, 'select', p_options);
    return case when p_value is not null then jsonb_build_array(p_value) end;
  elsif p_type = 'phone' then return case when s ~ '^\+?[0-9]{5,15}$' then to_jsonb(s) end;
  elsif p_type = 'plate' then return case when s ~ '^[^\s]{4,12}$' then to_jsonb(s) end;
  elsif p_type = 'vin' then return case when s ~ '^[A-Za-z0-9]{6,20}$' then to_jsonb(s) end;
  end if;
  return null;
end $$;

grant execute on function crm.is_true(jsonb), crm.logic(jsonb, jsonb) to api_owner;
