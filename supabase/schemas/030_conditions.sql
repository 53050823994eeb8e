-- Conditions and formulas of a document: trees of the JSONLogic form, judged here and in
-- shared/domain/conditions.py alike. A subset, and strict: values of different types are never
-- equal, only numbers compare with numbers and texts with texts.

create or replace function crm.is_true(v jsonb) returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return v is not null and v not in ('null', 'false', '0', '""', '[]');
end $$;

create or replace function crm.compare_values(p_op text, p_left jsonb, p_right jsonb)
  returns jsonb
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_type text := jsonb_typeof(p_left);
begin
  if v_type <> jsonb_typeof(p_right) or v_type not in ('number', 'string') then
    return 'false';
  end if;
  if v_type = 'string' then  -- by code point, as Python does and as ISO days want it
    return to_jsonb(
      case p_op
        when '<' then (p_left #>> '{}') collate "C" < (p_right #>> '{}')
        when '<=' then (p_left #>> '{}') collate "C" <= (p_right #>> '{}')
        when '>' then (p_left #>> '{}') collate "C" > (p_right #>> '{}')
        else (p_left #>> '{}') collate "C" >= (p_right #>> '{}')
      end
    );
  end if;
  return to_jsonb(
    case p_op
      when '<' then p_left::numeric < p_right::numeric
      when '<=' then p_left::numeric <= p_right::numeric
      when '>' then p_left::numeric > p_right::numeric
      else p_left::numeric >= p_right::numeric
    end
  );
end $$;

create or replace function crm.calculate(p_op text, p_left jsonb, p_right jsonb) returns jsonb
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_left numeric;
  v_right numeric;
  v_result numeric;
begin
  if jsonb_typeof(p_left) <> 'number' or jsonb_typeof(p_right) <> 'number' then
    return null;
  end if;
  v_left := p_left::numeric;
  v_right := p_right::numeric;
  if p_op = '/' and v_right = 0 then
    return null;
  end if;
  v_result := round(
    case p_op
      when '+' then v_left + v_right
      when '-' then v_left - v_right
      when '*' then v_left * v_right
      else v_left / v_right
    end,
    6
  );
  return case when abs(v_result) <= 1e15 then to_jsonb(trim_scale(v_result)) end;
end $$;

create or replace function crm.evaluate_condition(p_tree jsonb, p_record jsonb) returns jsonb
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_op text;
  v_arguments jsonb;
  v_left jsonb;
  v_right jsonb;
begin
  if jsonb_typeof(p_tree) is distinct from 'object' then
    return p_tree;
  end if;
  select key, value into v_op, v_arguments
  from jsonb_each(p_tree)
  limit 1;
  if v_op = 'var' then
    return nullif(coalesce(p_record -> (v_arguments #>> '{}'), 'null'), '""');
  end if;
  if v_op in ('and', 'or') then
    for v_left in select value from jsonb_array_elements(v_arguments) loop
      if crm.is_true(crm.evaluate_condition(v_left, p_record)) <> (v_op = 'and') then
        return to_jsonb(v_op = 'or');
      end if;
    end loop;
    return to_jsonb(v_op = 'and');
  end if;
  if v_op in ('!', '!!') then
    if jsonb_typeof(v_arguments) = 'array' then
      v_arguments := v_arguments -> 0;
    end if;
    return to_jsonb(crm.is_true(crm.evaluate_condition(v_arguments, p_record)) = (v_op = '!!'));
  end if;
  v_left := coalesce(crm.evaluate_condition(v_arguments -> 0, p_record), 'null');
  v_right := coalesce(crm.evaluate_condition(v_arguments -> 1, p_record), 'null');
  return case
    when v_op = '==' then to_jsonb(v_left = v_right)
    when v_op = '!=' then to_jsonb(v_left <> v_right)
    when v_op = 'in' then
      to_jsonb(
        jsonb_typeof(v_right) = 'array'
        and jsonb_typeof(v_left) <> 'array'
        and v_right @> jsonb_build_array(v_left)
      )
    when v_op in ('<', '<=', '>', '>=') then crm.compare_values(v_op, v_left, v_right)
    when v_op in ('+', '-', '*', '/') then crm.calculate(v_op, v_left, v_right)
  end;
end $$;
comment on function crm.evaluate_condition is
  'What a tree answers for a record: var and or ! !! == != < <= > >= in + - * /. Anything else '
  'answers null; publishing refuses it.';

create or replace function crm.operand_error(p_operator text, p_operands jsonb) returns text
  language sql immutable set search_path = '' as $$
  select case
    when p_operator not in (
      'and', 'or', '!', '!!', '==', '!=', '<', '<=', '>', '>=', 'in', '+', '-', '*', '/'
    ) then
      'unknown_operator'
    when jsonb_typeof(p_operands) <> 'array' then
      case when p_operator not in ('!', '!!') then 'shape' end
    when jsonb_array_length(p_operands) > 20
      or jsonb_array_length(p_operands) <> (
        case
          when p_operator in ('!', '!!') then 1
          when p_operator in ('and', 'or') then greatest(jsonb_array_length(p_operands), 1)
          else 2
        end
      )
    then 'shape'
  end
$$;
comment on function crm.operand_error is
  'Whether an operator is known and has as many operands as it takes: a list, or the one of "not".';

create or replace function crm.condition_error(p_tree jsonb, p_known text[], p_depth int default 0)
  returns text
  language plpgsql immutable set search_path = '' as $$
declare
  v_operator text;
  v_operands jsonb;
  v_operand jsonb;
  v_error text;
begin
  if p_depth > 8 then
    return 'too_deep';
  end if;
  if jsonb_typeof(p_tree) = 'number' and not crm.is_number(p_tree) then
    return 'number';
  end if;
  if jsonb_typeof(p_tree) in ('string', 'number', 'boolean', 'null') then
    return null;
  end if;
  if jsonb_typeof(p_tree) = 'array' then  -- a list of plain values, for "in"
    return case
      when jsonb_array_length(p_tree) > 200
        or exists (
          select from jsonb_array_elements(p_tree) item
          where jsonb_typeof(item) in ('object', 'array')
            or jsonb_typeof(item) = 'number' and not crm.is_number(item)
        ) then
        'list'
    end;
  end if;
  if (select count(*) from jsonb_object_keys(p_tree)) <> 1 then
    return 'shape';
  end if;
  select key, value into v_operator, v_operands from jsonb_each(p_tree);
  if v_operator = 'var' then
    return case
      when jsonb_typeof(v_operands) is distinct from 'string'
        or (v_operands #>> '{}') <> all (p_known) then
        'unknown_field'
    end;
  end if;
  v_error := crm.operand_error(v_operator, v_operands);
  if v_error is not null then
    return v_error;
  end if;
  if jsonb_typeof(v_operands) <> 'array' then
    v_operands := jsonb_build_array(v_operands);
  end if;
  for v_operand in select value from jsonb_array_elements(v_operands) loop
    v_error := crm.condition_error(v_operand, p_known, p_depth + 1);
    exit when v_error is not null;
  end loop;
  return v_error;
end $$;
comment on function crm.condition_error is
  'Why a tree cannot be published: too_deep, number, shape, list, unknown_field, '
  'unknown_operator; null when it can.';

create or replace function crm.condition_fields(p_tree jsonb) returns text[]
  language sql immutable set search_path = ''
  begin atomic
    select coalesce(array_agg(distinct v #>> '{}'), '{}')
    from jsonb_path_query(p_tree, 'strict $.**.var') v
    where jsonb_typeof(v) = 'string';
  end;
comment on function crm.condition_fields is 'The fields a tree looks at.';

-- Patterns of text fields: the subset of docs/admins/patterns.md, read here and in
-- shared/domain/patterns.py alike. It has no repeated group and no backreference, so that neither
-- engine can be made to run away by what somebody types.

create or replace function crm.pattern_escape(p_rest text, out taken int, out code int)
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  sign text := substr(p_rest, 2, 1);
begin
  if sign in ('d', 'w', 's') then
    taken := 2;
  elsif sign = 'u' and substr(p_rest, 3, 4) ~ '^[0-9A-Fa-f]{4}$' then
    code := ('x' || lpad(substr(p_rest, 3, 4), 8, '0'))::bit(32)::int;
    taken := case when code < 32 or code = 127 or code between 55296 and 57343 then null else 6 end;
  elsif ascii(sign) between 33 and 126 and sign !~ '[A-Za-z0-9]' collate "C" then
    taken := 2;
    code := ascii(sign);
  end if;
end $$;
comment on function crm.pattern_escape is
  'What a backslash begins: how many characters it takes (null: no escape of the subset) and its '
  'code point (null: \d, \w, \s).';

create or replace function crm.pattern_class(p_rest text, out problem text, out taken int)
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_rest text := substr(p_rest, case when left(p_rest, 2) = '[^' then 3 else 2 end);
  v_sign text;
  v_is_first bool := true;
  v_is_end bool := false;  -- of a range
  v_from int;
  v_length int;
  v_code int;
begin
  while left(v_rest, 1) <> ']' or v_is_end loop
    v_sign := left(v_rest, 1);
    if v_sign = '\' then
      select escape.taken, escape.code into v_length, v_code from crm.pattern_escape(v_rest) escape;
      if v_length is null then
        problem := 'escape';
        return;
      end if;
    elsif v_sign in ('', '[', ']')
      or v_sign = '^' and v_is_first
      or v_sign = '-' and (v_is_end or not (v_is_first or substr(v_rest, 2, 1) = ']'))
    then
      problem := 'class';
      return;
    else
      v_length := 1;
      v_code := ascii(v_sign);
    end if;
    v_rest := substr(v_rest, v_length + 1);
    if v_is_end then
      if v_from is null or v_code is null or v_from > v_code then
        problem := 'class';
        return;
      end if;
      v_is_end := false;
    elsif left(v_rest, 1) = '-' and substr(v_rest, 2, 1) not in (']', '') then
      v_from := v_code;
      v_is_end := true;
      v_rest := substr(v_rest, 2);
    end if;
    v_is_first := false;
  end loop;
  if v_is_first then  -- nothing in it
    problem := 'class';
  end if;
  taken := length(p_rest) - length(v_rest) + 1;
end $$;
comment on function crm.pattern_class is
  'A class of characters: how many characters of the pattern it takes, or what is wrong with it.';

create or replace function crm.pattern_quantifier(
  p_rest text, out problem text, out taken int, out most int
)
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_parts text[];
  v_low int;
  v_high int;
begin
  taken := 0;
  most := 1;
  if left(p_rest, 1) in ('*', '+', '?') then
    taken := 1;
  elsif left(p_rest, 1) = '{' then
    v_parts := regexp_match(p_rest, '^\{([0-9]{1,3})(,([0-9]{1,3})?)?\}');
    if v_parts is null then
      problem := 'quantifier';
      return;
    end if;
    v_low := v_parts[1]::int;
    v_high := case when v_parts[2] is null then v_low else v_parts[3]::int end;
    if greatest(v_low, v_high) > 200 then
      problem := 'too_large';
      return;
    end if;
    if v_high = 0 or v_high < v_low then
      problem := 'quantifier';
      return;
    end if;
    taken := position('}' in p_rest);
    most := coalesce(v_high, greatest(v_low, 1));
  end if;
  if taken > 0 and substr(p_rest, taken + 1, 1) in ('*', '+', '?', '{') then
    problem := 'quantifier';
  end if;
end $$;
comment on function crm.pattern_quantifier is
  'How often a part may come: how many characters of the pattern say so (0: none, once), and how '
  'often at the most that counts.';

-- One character, or a class of them.
create or replace function crm.pattern_part(p_rest text, out problem text, out taken int)
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_sign text := left(p_rest, 1);
begin
  taken := 1;
  if v_sign = '\' then
    taken := (crm.pattern_escape(p_rest)).taken;
    if taken is null then
      problem := 'escape';
    end if;
  elsif v_sign = '[' then
    select c.problem, c.taken into problem, taken from crm.pattern_class(p_rest) c;
  elsif position(v_sign in '^$](){}*+?') > 0 then
    problem := 'syntax';
  end if;  -- "." and every other sign are themselves
end $$;

-- Longer than a screen: one pass with five flags that every branch reads or sets.
create or replace function crm.pattern_problem(p_pattern text) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_rest text := p_pattern;
  v_sign text;
  v_part record;
  v_total int := 0;
  v_groups int := 0;
  v_may_start bool := true;
  v_has_part bool := false;
  v_ended bool := false;
  v_in_group bool := false;
begin
  if coalesce(p_pattern, '') = '' then
    return 'empty';
  end if;
  if length(p_pattern) > 200 then
    return 'too_long';
  end if;
  if p_pattern ~ '[\u0001-\u001f\u007f]' then
    return 'character';
  end if;
  while v_rest <> '' loop
    v_sign := left(v_rest, 1);
    if v_ended and v_sign <> '|' then
      return 'syntax';
    end if;
    if v_sign = '|' or v_sign = '$' and not v_in_group or v_sign = ')' and v_in_group then
      if not v_has_part then
        return 'empty';
      end if;
    end if;

    if v_sign = '|' then
      v_rest := substr(v_rest, 2);
      v_has_part := false;
      v_ended := false;
      v_may_start := not v_in_group;
      continue;
    elsif v_sign = '^' and v_may_start then
      v_rest := substr(v_rest, 2);
      v_may_start := false;
      continue;
    elsif v_sign = '$' and not v_in_group then
      v_rest := substr(v_rest, 2);
      v_ended := true;
      continue;
    elsif v_sign = '(' then
      v_groups := v_groups + 1;
      if v_in_group or v_groups <= 4 and substr(v_rest, 2, 1) = '?' then
        return 'group';
      end if;
      if v_groups > 4 then
        return 'too_large';
      end if;
      v_rest := substr(v_rest, 2);
      v_in_group := true;
      v_may_start := false;
      v_has_part := false;
      continue;
    elsif v_sign = ')' and v_in_group then
      v_rest := substr(v_rest, 2);
      v_in_group := false;
      if left(v_rest, 1) in ('*', '+', '?', '{') then
        return 'group';
      end if;
      continue;
    end if;

    v_may_start := false;
    v_has_part := true;
    v_part := crm.pattern_part(v_rest);
    if v_part.problem is not null then
      return v_part.problem;
    end if;
    v_rest := substr(v_rest, v_part.taken + 1);
    v_part := crm.pattern_quantifier(v_rest);
    if v_part.problem is not null then
      return v_part.problem;
    end if;
    v_rest := substr(v_rest, v_part.taken + 1);
    v_total := v_total + v_part.most;
    if v_total > 250 then
      return 'too_large';
    end if;
  end loop;
  if not v_has_part then
    return 'empty';
  end if;
  return case when v_in_group then 'syntax' end;
end $$;
comment on function crm.pattern_problem is
  'Why a pattern cannot be published: empty, too_long, character, syntax, escape, class, '
  'quantifier, group, too_large; null when it can.';

create or replace function crm.fits_pattern(p_value text, p_pattern text) returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  -- so that \d, \w and \s are ASCII, whatever the database's locale
  return length(p_value) <= 200
    and crm.pattern_problem(p_pattern) is null
    and p_value ~ p_pattern collate "C";
end $$;
comment on function crm.fits_pattern is
  'Whether a value fits a field''s pattern. A pattern outside the subset fits nothing, so that '
  'none is ever run.';

-- A value as a choice of a list: by its key or by one of its labels.
create or replace function crm.convert_choice(p_value jsonb, p_options jsonb) returns jsonb
  language plpgsql immutable set search_path = '' as $$
begin
  if jsonb_typeof(p_value) = 'array' then
    return case
      when jsonb_array_length(p_value) = 1 then crm.convert_value(p_value -> 0, 'select', p_options)
    end;
  end if;
  return (
    select to_jsonb(choice ->> 'key')
    from jsonb_array_elements(coalesce(p_options, '[]')) choice
    where choice ->> 'key' = p_value #>> '{}'
      or exists (
        select from jsonb_each_text(choice -> 'label') label where label.value = p_value #>> '{}'
      )
    limit 1
  );
end $$;

create or replace function crm.convert_choices(p_value jsonb, p_options jsonb) returns jsonb
  language plpgsql immutable set search_path = '' as $$
declare
  v_choice jsonb;
begin
  if jsonb_typeof(p_value) = 'array' then
    return case
      when not exists (
        select from jsonb_array_elements(p_value) e
        where crm.convert_value(e, 'select', p_options) is null
      ) then
        p_value
    end;
  end if;
  v_choice := crm.convert_value(p_value, 'select', p_options);
  return case when v_choice is not null then jsonb_build_array(v_choice) end;
end $$;

create or replace function crm.convert_number(p_value jsonb, p_type text) returns jsonb
  language plpgsql immutable set search_path = '' as $$
declare
  v_text text := p_value #>> '{}';
begin
  if jsonb_typeof(p_value) = 'string' and v_text ~ '^\s*-?\d{1,15}(\.\d{1,6})?\s*$' then
    p_value := to_jsonb(trim_scale(trim(v_text)::numeric));
  end if;
  return case
    when jsonb_typeof(p_value) = 'number'
      and (p_type = 'number' or (p_value #>> '{}') ~ '^\d+$') then
      p_value
  end;
end $$;

-- The value as the other type, null when it cannot be one: a field's type changes only when every
-- value converts (F-72).
create or replace function crm.convert_value(p_value jsonb, p_type text, p_options jsonb)
  returns jsonb
  language plpgsql immutable set search_path = '' as $$
declare
  v_text text := p_value #>> '{}';
  v_kind text := jsonb_typeof(p_value);
begin
  if v_kind = 'null' then
    return p_value;
  end if;
  if p_type in ('text', 'long_text') then
    if v_kind = 'array' then
      v_text := array_to_string(array(select jsonb_array_elements_text(p_value)), ',');
    end if;
    return case
      when length(v_text) <= case p_type when 'text' then 80 else 2000 end then to_jsonb(v_text)
    end;
  end if;
  return case p_type
    when 'number' then crm.convert_number(p_value, p_type)
    when 'money' then crm.convert_number(p_value, p_type)
    when 'bool' then
      case
        when v_kind = 'boolean' then p_value
        when v_text in ('true', 'false') then to_jsonb(v_text::bool)
      end
    when 'date' then case when crm.is_date(v_text) then p_value end
    when 'time' then case when v_text ~ '^([01]\d|2[0-3]):[0-5]\d$' then p_value end
    when 'select' then crm.convert_choice(p_value, p_options)
    when 'multi' then crm.convert_choices(p_value, p_options)
    when 'phone' then case when v_text ~ '^\+?[0-9]{5,15}$' then to_jsonb(v_text) end
    when 'plate' then case when v_text ~ '^[^\s]{4,12}$' then to_jsonb(v_text) end
    when 'vin' then case when v_text ~ '^[A-Za-z0-9]{6,20}$' then to_jsonb(v_text) end
  end;
end $$;

grant execute on function
  crm.is_true(jsonb),
  crm.compare_values(text, jsonb, jsonb),
  crm.calculate(text, jsonb, jsonb),
  crm.evaluate_condition(jsonb, jsonb),
  crm.pattern_escape(text),
  crm.pattern_class(text),
  crm.pattern_quantifier(text),
  crm.pattern_part(text),
  crm.pattern_problem(text),
  crm.fits_pattern(text, text)
to api_owner;
