-- The verbs of sync_push. Each refuses by code, checks rights before conflicts, and writes nothing when it refuses.

-- Whether a field is required of a record: always, for a method of the conversation, or under its condition; never while not shown.
create function crm.is_required(p_field jsonb, p_record jsonb) returns bool
  language plpgsql immutable set search_path = '' as $$
begin
  return (coalesce((p_field ->> 'required')::bool, false)
      or coalesce(p_field -> 'methods' ? (p_record ->> 'method'), false)
      or p_field ? 'require' and crm.is_true(crm.logic(p_field -> 'require', p_record)))
    and (not p_field ? 'show' or crm.is_true(crm.logic(p_field -> 'show', p_record)));
end $$;

-- p_record: the record before the patch with its custom values, and what conditions may look at beside ("method" of a conversation).
create function crm.problems(p_store uuid, p_fields jsonb, p_patch jsonb, p_record jsonb, p_writable text[], p_required text[], p_create bool) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare k text; v jsonb; d jsonb; found jsonb := '[]'; s text; t text; code text; after jsonb := p_record || p_patch; chosen text;
begin
  for k, v in select key, value from jsonb_each(p_patch) loop
    d := p_fields -> k; s := v #>> '{}'; t := d ->> 'type'; code := null;
    if d is null or k <> all (p_writable) then code := 'forbidden';                -- unknown, hidden, masked, read only: one answer
    elsif jsonb_typeof(v) = 'null' or (jsonb_typeof(v) = 'string' and trim(s) = '') then
      if k = any (p_required) and crm.is_required(d, after) then code := 'required'; end if;
    elsif d ? 'mask' and position('****' in s) > 0 then code := 'masked';          -- an old masked copy, whoever sends it
    elsif t in ('number', 'money') then
      if jsonb_typeof(v) <> 'number' then code := 'type';
      elsif v < coalesce(d -> 'min', case t when 'money' then '0' else '-1e15' end::jsonb) or v > coalesce(d -> 'max', case t when 'money' then '1e13' else '1e15' end::jsonb) then code := 'range';
      elsif t = 'money' and s !~ '^\d+$' then code := 'type'; end if;              -- 分 are whole
    elsif t = 'bool' then if jsonb_typeof(v) <> 'boolean' then code := 'type'; end if;
    elsif t = 'multi' then
      if jsonb_typeof(v) <> 'array' then code := 'type';
      elsif exists (select from jsonb_array_elements(v) x where not coalesce(d -> 'options', '[]') @> jsonb_build_array(jsonb_build_object('key', x))) then code := 'option'; end if;
    elsif jsonb_typeof(v) <> 'string' then code := 'type';
    elsif t = 'select' then if not coalesce(d -> 'options', '[]') @> jsonb_build_array(jsonb_build_object('key', s)) then code := 'option'; end if;
    elsif t = 'level' then if not exists (select from crm.levels l where l.store_id = p_store and l.key = s and not l.retired) then code := 'option'; end if;
    elsif t = 'person' then if not exists (select from crm.members m where m.store_id = p_store and m.user_id = crm.as_uuid(s)) then code := 'option'; end if;
    elsif t = 'date' then if not crm.is_date(s) then code := 'date'; end if;
    elsif t = 'time' then if s !~ '^([01]\d|2[0-3]):[0-5]\d$' then code := 'format'; end if;
    elsif length(s) > coalesce((d ->> 'length')::int, case t when 'long_text' then 2000 else 80 end) then code := 'length';   -- length before pattern
    elsif t = 'phone' and s !~ '^\+?[0-9]{5,15}$' then code := 'format';
    elsif t = 'plate' and s !~ '^[^\s]{4,12}$' then code := 'format';
    elsif t = 'vin' and s !~ '^[A-Za-z0-9]{6,20}$' then code := 'format';
    elsif d ? 'pattern' and s !~ (d ->> 'pattern') then code := 'format'; end if;
    if code is null and jsonb_typeof(v) <> 'null' and s <> '' then
      if d ? 'show' and not crm.is_true(crm.logic(d -> 'show', after)) then code := 'not_shown';
      elsif d ? 'options_when' then
        for chosen in select x from jsonb_array_elements_text(case jsonb_typeof(v) when 'array' then v else jsonb_build_array(v) end) x loop
          if d -> 'options_when' ? chosen and not crm.is_true(crm.logic(d -> 'options_when' -> chosen, after)) then code := 'option'; end if;
        end loop;
      end if;
    end if;
    if code is not null then found := found || jsonb_build_object('field', k, 'code', code); end if;
  end loop;
  -- what is missing: of a new record all, of a changed one what this change made required
  select found || coalesce(jsonb_agg(jsonb_build_object('field', k1, 'code', 'required')), '[]') into found from unnest(p_required) k1
  where not p_patch ? k1 and crm.is_required(p_fields -> k1, after)
    and (p_create or coalesce(p_record -> k1, 'null') in ('null', '""') and not crm.is_required(p_fields -> k1, p_record));
  return found;
end $$;
comment on function crm.problems is 'Every problem of a patch, by field: forbidden, required, masked, type, range, option, date, length, format, not_shown.';

-- A phone one or two versions behind saves what its form allowed (S-56): a field removed since is kept under its key, an option
-- removed since stays an answer, a field required since is not demanded. A right taken away acts at once all the same.
create function crm.form_then(p_store uuid, p_op jsonb, p_form text, p_role text) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare v_now int; v_then int := case when p_op ->> 'config_version' ~ '^\d{1,9}$' then (p_op ->> 'config_version')::int end; answer jsonb;
begin
  select s.config_version into v_now from crm.stores s where s.id = p_store;
  if v_then is null or v_then >= v_now or v_then < v_now - 2 then return null; end if;
  select coalesce(jsonb_object_agg(x ->> 'key', x || jsonb_build_object('writable', coalesce(r -> 'rights' -> p_form ->> (x ->> 'key'), '') = 'write')), '{}') into answer
  from crm.config_versions v
  cross join lateral jsonb_array_elements(v.document -> 'forms' -> p_form -> 'fields') x
  left join lateral (select y as r from jsonb_array_elements(v.document -> 'roles') y where y ->> 'key' = p_role) role on true
  where v.store_id = p_store and v.version = v_then;
  return answer;
end $$;
comment on function crm.form_then is 'The fields of a form in the version an operation was filled under, when that is one or two behind; else null. Definer: the documents are the admins''.';

create function crm.forgiven(p_store uuid, p_errors jsonb, p_patch jsonb, p_then jsonb, p_fields jsonb, p_form text) returns jsonb
  language sql stable set search_path = '' as $$
  select case when p_then is null then p_errors else (
    select coalesce(jsonb_agg(e), '[]') from jsonb_array_elements(p_errors) e
    where not case e ->> 'code'
      when 'required' then coalesce(not (p_then -> (e ->> 'field') ->> 'required')::bool, true)
      when 'option' then p_then -> (e ->> 'field') -> 'options' @> case jsonb_typeof(p_patch -> (e ->> 'field'))
        when 'array' then (select coalesce(jsonb_agg(jsonb_build_object('key', o)), '[]') from jsonb_array_elements(p_patch -> (e ->> 'field')) o)
        else jsonb_build_array(jsonb_build_object('key', p_patch -> (e ->> 'field'))) end
      when 'not_shown' then not coalesce(p_then -> (e ->> 'field') ? 'show', false)
      when 'forbidden' then not p_fields ? (e ->> 'field') and (p_then -> (e ->> 'field') ->> 'writable')::bool
        and not exists (select from crm.base_fields b where b.form = p_form and b.key = e ->> 'field')
        and crm.problems(p_store, jsonb_build_object(e ->> 'field', p_then -> (e ->> 'field') || jsonb_strip_nulls(jsonb_build_object('length', p_then -> (e ->> 'field') -> 'max_length'))),
          jsonb_build_object(e ->> 'field', p_patch -> (e ->> 'field')), '{}', array[e ->> 'field'], '{}', false) = '[]'   -- by the rules of then
      else false end) end $$;

create function crm.demand_verb(p_store uuid, p_verb text) returns crm.caller
  language plpgsql stable set search_path = '' as $$
declare c crm.caller := crm.me(p_store);
begin
  if c.store_id is null or p_verb <> all (c.verbs) then perform crm.refuse('forbidden'); end if;
  return c;
end $$;
comment on function crm.demand_verb is 'The caller, or the refusal "forbidden": for verbs of sync_push.';

-- Saving a record of any form: create with base_version null, else change. p_links are columns our own code decides.
create function crm.save_record(p_table text, p_form text, p_op jsonb, p_links jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  a crm.caller_access; f crm.forms; shown jsonb; stored jsonb := '{}'; patch jsonb; base_part jsonb; mine jsonb; errors jsonb; now_version int; columns text; n int; form_then jsonb;
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}'); v_id uuid := crm.as_uuid(p_op #>> '{payload,id}');
  given jsonb := coalesce(p_op #> '{payload,set}', '{}'); base int := (p_op ->> 'base_version')::int; v_customer uuid;
begin
  if v_id is null or jsonb_typeof(given) <> 'object' then perform crm.refuse('invalid', 'id'); end if;
  select * into a from crm.my_access(p_form) x where x.store_id = v_store;
  select * into f from crm.forms x where x.store_id = v_store and x.form = p_form;
  if a.store_id is null or f.form is null then perform crm.refuse('forbidden'); end if;
  form_then := crm.form_then(v_store, p_op, p_form, (crm.me(v_store)).role);
  if form_then is not null then                       -- filled in as another type
    select coalesce(jsonb_object_agg(key, case when f.fields -> key ->> 'type' <> coalesce(form_then -> key ->> 'type', f.fields -> key ->> 'type')
      then coalesce(crm.converted(value, f.fields -> key ->> 'type', f.fields -> key -> 'options'), value) else value end), '{}') into given from jsonb_each(given);
  end if;
  if base is null then
    if p_form <> 'customer' and p_links ->> 'customer_id' is null then perform crm.refuse('required', 'customer_id'); end if;
    select coalesce(jsonb_object_agg(key, value), '{}') into patch from jsonb_each(given) where jsonb_typeof(value) <> 'null' and value <> '""';
    errors := crm.forgiven(v_store, crm.problems(v_store, f.fields, patch, p_links, a.writable, a.required, true), patch, form_then, f.fields, p_form);
    if errors <> '[]' then perform crm.refuse('invalid', null, errors); end if;
  else
    execute format('select (to_jsonb(v) - ''custom'') || v.custom from api.%I v where v.store_id = $1 and v.id = $2', p_table) into shown using v_store, v_id;
    if shown is null then perform crm.refuse('not_found'); end if;                 -- not there = not yours
    execute format('select (to_jsonb(t) - ''custom'') || t.custom from crm.%I t where t.store_id = $1 and t.id = $2 for update', p_table) into stored using v_store, v_id;
    -- compare with what this caller is shown: a masked value sent back is no write, a stripped key is no delete
    execute format('select (to_jsonb(v) - ''custom'') || v.custom from api.%I v where v.store_id = $1 and v.id = $2', p_table) into shown using v_store, v_id;
    select coalesce(jsonb_object_agg(key, value), '{}') into patch
    from (select key, case when value = '""' then 'null' else value end as value from jsonb_each(given)) g
    where value is distinct from coalesce(shown -> key, 'null');
    if patch = '{}' then return jsonb_build_object('status', 'applied', 'version', shown -> 'version'); end if;
    errors := crm.forgiven(v_store, crm.problems(v_store, f.fields, patch, stored, a.writable, a.required, false), patch, form_then, f.fields, p_form);
    if errors <> '[]' then perform crm.refuse('invalid', null, errors); end if;    -- rights first, conflict after: no signal from a hidden field
    v_customer := case p_form when 'customer' then v_id else (shown ->> 'customer_id')::uuid end;
    if exists (select from crm.events e where e.store_id = v_store and e.customer_id = v_customer and e.subject_id = v_id
               and e.version > base and patch ? e.field) then
      return jsonb_build_object('status', 'conflict', 'row', shown);
    end if;
  end if;
  select coalesce(jsonb_object_agg(key, value) filter (where f.fields -> key ? 'base'), '{}'),
    coalesce(jsonb_object_agg(key, value) filter (where not coalesce(f.fields -> key ? 'base', false)), '{}') into base_part, mine from jsonb_each(patch);
  if base is null then
    base_part := base_part || p_links || jsonb_build_object('store_id', v_store, 'id', v_id, 'custom', mine);
    select string_agg(format('%I', key), ', ') into columns from jsonb_object_keys(base_part) key;   -- base fields and our own links only
    execute format('insert into crm.%1$I (%2$s) select %2$s from jsonb_populate_record(null::crm.%1$I, $1) on conflict (store_id, id) do nothing', p_table, columns)
      using base_part;
    get diagnostics n = row_count;
    if n = 0 then perform crm.refuse('id_taken'); end if;                          -- the same answer for a visible and an invisible row
    return jsonb_build_object('status', 'applied', 'version', 1);
  end if;
  select coalesce(string_agg(format('%1$I = r.%1$I', key), ', ') || ', ', '') into columns from jsonb_object_keys(base_part) key;
  execute format('update crm.%1$I t set %2$s custom = (t.custom || $3) - array(select key from jsonb_each($3) where jsonb_typeof(value) = ''null'')
    from jsonb_populate_record(null::crm.%1$I, $4) r where t.store_id = $1 and t.id = $2 returning t.version', p_table, columns)
    into now_version using v_store, v_id, mine, base_part;
  return jsonb_build_object('status', 'applied', 'version', now_version);
end $$;

create function crm.save_customer(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
  c crm.caller := crm.demand_verb(v_store, case when p_op ->> 'base_version' is null then 'add_customer' else 'save_customer' end);
  v_owner uuid; v_pool text := p_op #>> '{payload,pool}'; links jsonb;
begin
  if p_op ->> 'base_version' is not null then
    if crm.must_ask(v_store, 'level_down', c) and exists (
      select from crm.customers k join crm.levels here on here.store_id = k.store_id and here.key = k.level
      join crm.levels there on there.store_id = k.store_id and there.key = p_op #>> '{payload,set,level}' and there.rank < here.rank
      where k.store_id = v_store and k.id = crm.as_uuid(p_op #>> '{payload,id}')) then
      perform crm.refuse('needs_approval', 'level');  -- a talk asks for it; a form does not
    end if;
    return crm.save_record('customers', 'customer', p_op, '{}');
  end if;
  v_owner := case when v_pool is null then coalesce(crm.as_uuid(p_op #>> '{payload,owner_id}'), c.user_id) end;
  if v_owner is distinct from c.user_id and 'assign_customer' <> all (c.verbs) then perform crm.refuse('forbidden', 'owner_id'); end if;   -- S-13
  if v_owner is not null and not exists (select from crm.members m where m.store_id = v_store and m.user_id = v_owner and m.active) then
    perform crm.refuse('option', 'owner_id');
  end if;
  if v_pool is not null and not exists (select from crm.pools p where p.store_id = v_store and p.key = v_pool and not p.retired) then
    perform crm.refuse('option', 'pool');
  end if;
  links := jsonb_build_object('owner_id', v_owner, 'pool', v_pool, 'created_by', c.user_id);
  return crm.save_record('customers', 'customer', p_op, links);
end $$;

-- A link of a new record: it must be visible, and hang on the same customer.
create function crm.link_of(p_op jsonb, p_table text, p_key text, p_customer uuid) returns uuid
  language plpgsql stable set search_path = '' as $$
declare v uuid; found bool; v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
begin
  if p_op #> array['payload', p_key] is null or p_op #>> array['payload', p_key] is null then return null; end if;
  v := crm.as_uuid(p_op #>> array['payload', p_key]);
  execute format('select exists (select from api.%I t where t.store_id = $1 and t.id = $2 and ($3 is null or t.%I = $3))',
    p_table, case p_table when 'customers' then 'id' else 'customer_id' end) into found using v_store, v, p_customer;
  if not found then perform crm.refuse('not_found', p_key); end if;
  return v;
end $$;

create function crm.save_companion(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  perform crm.demand_verb(crm.as_uuid(p_op #>> '{payload,store_id}'), 'save_customer');
  return crm.save_record('companions', 'companion', p_op, jsonb_build_object('customer_id', crm.link_of(p_op, 'customers', 'customer_id', null)));
end $$;

create function crm.save_vehicle(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
begin
  perform crm.demand_verb(crm.as_uuid(p_op #>> '{payload,store_id}'), 'save_vehicle');
  return crm.save_record('vehicles', 'vehicle', p_op, jsonb_build_object('customer_id', crm.link_of(p_op, 'customers', 'customer_id', null)));
end $$;

create function crm.save_policy(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare v_customer uuid;
begin
  perform crm.demand_verb(crm.as_uuid(p_op #>> '{payload,store_id}'), 'save_policy');
  v_customer := crm.link_of(p_op, 'customers', 'customer_id', null);
  return crm.save_record('policies', 'policy', p_op, jsonb_build_object('customer_id', v_customer, 'vehicle_id', crm.link_of(p_op, 'vehicles', 'vehicle_id', v_customer)));
end $$;

create function crm.save_deal(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}'); c crm.caller := crm.demand_verb(v_store, 'save_deal'); v_customer uuid;
  v_pipeline text := p_op #>> '{payload,pipeline}'; v_stage text;
begin
  v_customer := crm.link_of(p_op, 'customers', 'customer_id', null);
  if p_op ->> 'base_version' is null then             -- a new deal begins at the pipeline's first open stage; further by move_deal
    select s.key into v_stage from crm.stages s where s.store_id = v_store and s.pipeline = v_pipeline and s.type = 'open' and not s.retired order by s.position limit 1;
    if v_stage is null then perform crm.refuse('option', 'pipeline'); end if;
  end if;
  return crm.save_record('deals', 'deal', p_op, jsonb_build_object('customer_id', v_customer, 'owner_id', c.user_id, 'pipeline', v_pipeline, 'stage', v_stage,
    'vehicle_id', crm.link_of(p_op, 'vehicles', 'vehicle_id', v_customer), 'policy_id', crm.link_of(p_op, 'policies', 'policy_id', v_customer)));
end $$;

-- Logging a conversation (S-04, S-20, S-21, S-92, S-101): one transaction = talk, level, next date, task cleared, next task.
create function crm.log_conversation(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'log_conversation');
  v_id uuid := crm.as_uuid(p ->> 'id'); v_customer uuid := crm.as_uuid(p ->> 'customer_id'); v_task uuid := crm.as_uuid(p ->> 'task_id');
  a crm.caller_access; ac crm.caller_access; f crm.forms; o crm.outcomes; k crm.customers; t crm.tasks; l crm.levels;
  v_words text := nullif(trim(p ->> 'words'), ''); v_level text; v_next date; v_at timestamptz := coalesce(crm.as_instant(p ->> 'occurred_at'), now());
  answers jsonb := coalesce(p -> 'set', '{}'); errors jsonb := '[]'; v_due timestamptz; next_task uuid; new_tries int; n int; form_then jsonb; saved jsonb; settings jsonb; v_asked text;
  v_companions uuid[] := array(select crm.as_uuid(x) from jsonb_array_elements_text(case jsonb_typeof(p -> 'companions') when 'array' then p -> 'companions' else '[]' end) x);
  v_promises jsonb := case jsonb_typeof(p -> 'promises') when 'array' then p -> 'promises' else '[]' end;
begin
  if v_id is null then perform crm.refuse('invalid', 'id'); end if;
  select * into a from crm.my_access('conversation') x where x.store_id = v_store;
  select * into ac from crm.my_access('customer') x where x.store_id = v_store;
  select * into f from crm.forms x where x.store_id = v_store and x.form = 'conversation';
  select * into k from crm.customers x where x.store_id = v_store and x.id = v_customer and x.removed_at is null for update;
  if k.id is null then perform crm.refuse('not_found', 'customer_id'); end if;
  form_then := crm.form_then(v_store, p_op, 'conversation', c.role);
  select * into o from crm.outcomes x where x.store_id = v_store and x.key = p ->> 'outcome' and (not x.retired or form_then is not null);
  if p ->> 'outcome' is null then errors := errors || '{"field": "outcome", "code": "required"}'::jsonb;
  elsif o.key is null or (o.roles <> '{}' and c.role <> all (o.roles)) then errors := errors || '{"field": "outcome", "code": "option"}'::jsonb;
  elsif coalesce(p ->> 'method', 'call') <> all (o.methods) then errors := errors || '{"field": "method", "code": "option"}'::jsonb;
  elsif o.needs_words and v_words is null then errors := errors || '{"field": "words", "code": "required"}'::jsonb; end if;
  if 'level' = any (ac.writable) then
    v_level := p ->> 'level';
    if v_level is null then errors := errors || '{"field": "level", "code": "required"}'::jsonb; end if;
  else v_level := k.level; end if;                    -- who may not grade keeps the level, explicitly
  select * into l from crm.levels x where x.store_id = v_store and x.key = v_level and (not x.retired or x.key = k.level or form_then is not null);
  if l.rank < (select x.rank from crm.levels x where x.store_id = v_store and x.key = k.level) and crm.must_ask(v_store, 'level_down', c) then
    v_asked := l.key; v_level := k.level;             -- the talk is kept, the level waits for the manager (F-44)
    select * into l from crm.levels x where x.store_id = v_store and x.key = v_level;
  end if;
  if v_level is not null and l.key is null then errors := errors || '{"field": "level", "code": "option"}'::jsonb; end if;
  if p ->> 'next_contact_on' is not null then
    v_next := crm.as_date(p -> 'next_contact_on');
    if v_next is null then errors := errors || '{"field": "next_contact_on", "code": "date"}'::jsonb;
    elsif v_next < (v_at at time zone c.time_zone)::date or v_next > c.today + 730 then errors := errors || '{"field": "next_contact_on", "code": "range"}'::jsonb; end if;
  elsif not p ? 'next_contact_on' and o.reached then v_next := c.today + l.cadence_days;   -- not said: the level's cadence
  end if;
  if o.effect = 'lost' and not exists (select from crm.reasons r where r.store_id = v_store and r.key = p ->> 'reason' and 'lost' = any (r.uses) and (not r.retired or form_then is not null)) then
    errors := errors || jsonb_build_object('field', 'reason', 'code', case when p ->> 'reason' is null then 'required' else 'option' end);   -- F-37
  end if;
  if exists (select from unnest(v_companions) x where not exists (select from crm.companions y where y.store_id = v_store and y.id = x and y.customer_id = v_customer)) then
    errors := errors || '{"field": "companions", "code": "option"}'::jsonb;
  end if;
  errors := errors || crm.promise_problems(v_promises, (v_at at time zone c.time_zone)::date, o.reached);
  select least(v_next, min(crm.as_date(x -> 'due_on'))) into v_next from jsonb_array_elements(v_promises) x where errors = '[]';   -- what was promised is not forgotten
  if v_at > now() + interval '10 minutes' then v_at := now(); end if;              -- a phone whose clock runs ahead
  answers := case when v_words is null then answers else answers || jsonb_build_object('words', v_words) end;
  errors := errors || crm.forgiven(v_store, crm.problems(v_store, f.fields, answers, jsonb_build_object('method', coalesce(p ->> 'method', 'call'), 'outcome', o.key, 'level', v_level),
    a.writable, case when o.reached then a.required else '{}' end, true), answers, form_then, f.fields, 'conversation');   -- required of a real talk only
  if errors <> '[]' then perform crm.refuse('invalid', null, errors); end if;

  if p ->> 'task_id' is not null then
    select * into t from crm.tasks x where x.store_id = v_store and x.id = v_task and x.removed_at is null for update;
    if t.id is null or t.customer_id <> v_customer then perform crm.refuse('not_found', 'task_id'); end if;
    if t.assignee_id <> c.user_id and c.scope = 'own' then perform crm.refuse('forbidden', 'task_id'); end if;
    if t.status not in ('open', 'cancel_requested') then perform crm.refuse('task_closed', 'task_id'); end if;
  end if;

  insert into crm.conversations (store_id, id, customer_id, author_id, task_id, deal_id, method, outcome, reached, words, level_before, level_after,
    next_contact_on, occurred_at, dialled_at, away_seconds, reason, companions, influences, custom)
  values (v_store, v_id, v_customer, c.user_id, t.id, crm.link_of(p_op, 'deals', 'deal_id', v_customer), coalesce(p ->> 'method', 'call'), o.key, o.reached, v_words, k.level, v_level,
    v_next, v_at, crm.as_instant(p ->> 'dialled_at'), case when p ->> 'away_seconds' ~ '^\d{1,5}$' then least((p ->> 'away_seconds')::int, 86400) end,
    case when o.effect = 'lost' then p ->> 'reason' end, v_companions,
    (select coalesce(jsonb_object_agg(m.id, m.influence), '{}') from crm.companions m where m.store_id = v_store and m.id = any (v_companions) and m.influence is not null), answers - 'words')
  on conflict (store_id, id) do nothing;
  get diagnostics n = row_count;
  if n = 0 then perform crm.refuse('id_taken'); end if;

  if t.subject_form = 'policy' and o.effect in ('lost', 'won') then perform crm.renewal_answered(v_store, t.subject_id, o.effect, p ->> 'reason', null, p); end if;   -- First 9
  if v_asked is not null then perform crm.ask_approval(v_store, p, 'level_down', v_customer, null, null, jsonb_build_object('level', v_asked, 'from', k.level)); end if;
  if t.id is not null then
    if t.status = 'cancel_requested' then
      update crm.approvals set status = 'withdrawn' where store_id = v_store and task_id = t.id and status = 'pending';
    end if;
    update crm.tasks set status = 'done', conversation_id = v_id, closed_at = now(), tries = tries + 1 where store_id = v_store and id = t.id;
  end if;
  if o.reached then                                   -- default e: any contact counts; the customer's other follow-ups are answered by it
    update crm.tasks set status = 'done', conversation_id = v_id, closed_at = now()
    where store_id = v_store and customer_id = v_customer and subject_id = v_customer and status = 'open' and removed_at is null
      and assignee_id is not distinct from c.user_id  -- with "=" the planner walks the whole queue of the member
      and why in ('cadence', 'next_contact', 'retry', 'first_contact') and subject_form = 'customer' and id is distinct from t.id;
  end if;
  update crm.customers set level = v_level, next_contact_on = case when o.reached or v_next is not null then v_next else next_contact_on end,
    last_contact_at = case when o.reached then greatest(v_at, last_contact_at) else last_contact_at end,
    complaint_at = case when o.effect = 'complaint' then coalesce(complaint_at, v_at) when o.reached then null else complaint_at end,
    do_not_call = do_not_call or o.effect is not distinct from 'do_not_call'
  where store_id = v_store and id = v_customer;
  if coalesce(p -> 'facts', '{}') <> '{}' then        -- what was asked on the way, once (First 8)
    select x.version into n from crm.customers x where x.store_id = v_store and x.id = v_customer;
    saved := crm.save_record('customers', 'customer', p_op || jsonb_build_object('payload', jsonb_build_object('store_id', v_store, 'id', v_customer, 'set', p -> 'facts'), 'base_version', n), '{}');
  end if;
  insert into crm.promises (store_id, id, customer_id, author_id, conversation_id, words, due_on)
  select v_store, crm.as_uuid(x ->> 'id'), v_customer, c.user_id, v_id, trim(x ->> 'words'), crm.as_date(x -> 'due_on') from jsonb_array_elements(v_promises) x;
  if o.effect = 'do_not_call' then                    -- F-23: nobody calls him again
    k.do_not_call := true;
    update crm.tasks set removed_at = now() where store_id = v_store and customer_id = v_customer and status = 'open' and removed_at is null;
  elsif o.effect = 'complaint' then
    perform crm.raise_flag(v_store, 'complaint', c.user_id, v_customer, t.id);
  end if;
  if coalesce(p ->> 'method', 'call') = 'call' and p ->> 'dialled_at' is null then perform crm.watch_for_bursts(v_store, c.user_id, v_at); end if;   -- First 1

  new_tries := case when t.id is null then 1 else t.tries + 1 end;
  if not o.reached and v_next is null and o.retry_hours is not null and new_tries >= coalesce(o.retry_max, 3) then
    if o.after_last = 'manager' then perform crm.raise_flag(v_store, 'unreachable', c.user_id, v_customer, t.id); end if;
  elsif not o.reached and v_next is null and o.retry_hours is not null and not k.do_not_call and k.consent_withdrawn_at is null then
    select s.settings into settings from crm.stores s where s.id = v_store;
    v_due := crm.next_try(now() + make_interval(hours => o.retry_hours), c.time_zone, settings -> 'day_parts', crm.parts_tried(v_store, v_customer, c.time_zone, settings -> 'day_parts'), k.preferred_time);
    insert into crm.tasks (store_id, customer_id, assignee_id, why, subject_form, subject_id, due_on, due_at, expires_on, tries)
    values (v_store, v_customer, c.user_id, 'retry', coalesce(t.subject_form, 'customer'), coalesce(t.subject_id, v_customer),
      (v_due at time zone c.time_zone)::date, v_due, t.expires_on, new_tries) returning id into next_task;
  elsif v_next is not null and not k.do_not_call and k.consent_withdrawn_at is null then
    insert into crm.tasks (store_id, customer_id, assignee_id, why, subject_id, due_on, due_at, expires_on)    -- at the hour he prefers (F-04)
    values (v_store, v_customer, c.user_id, 'next_contact', v_customer, v_next,
      (select (v_next + q.start) at time zone c.time_zone from crm.day_parts((select s.settings -> 'day_parts' from crm.stores s where s.id = v_store)) q where q.key = k.preferred_time),
      t.expires_on) returning id into next_task;
  end if;
  return jsonb_strip_nulls(jsonb_build_object('status', 'applied', 'version', 1, 'task_id', next_task));
end $$;

create function crm.request_cancel(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'request_cancel');
  t crm.tasks; v_id uuid := crm.as_uuid(p ->> 'id');
begin
  if v_id is null then perform crm.refuse('invalid', 'id'); end if;
  select * into t from crm.tasks x where x.store_id = v_store and x.id = crm.as_uuid(p ->> 'task_id') and x.removed_at is null for update;
  if t.id is null then perform crm.refuse('not_found', 'task_id'); end if;
  if t.assignee_id <> c.user_id and c.scope = 'own' then perform crm.refuse('forbidden', 'task_id'); end if;
  if t.status <> 'open' then perform crm.refuse('task_closed', 'task_id'); end if;
  if p ->> 'reason' is null then perform crm.refuse('required', 'reason'); end if;                 -- S-07
  if not exists (select from crm.reasons r where r.store_id = v_store and r.key = p ->> 'reason' and 'cancel' = any (r.uses)
                 and (not r.retired or crm.form_then(v_store, p_op, 'customer', c.role) is not null)) then
    perform crm.refuse('option', 'reason');
  end if;
  insert into crm.approvals (store_id, id, task_id, customer_id, requester_id, reason, words)
  values (v_store, v_id, t.id, t.customer_id, c.user_id, p ->> 'reason', nullif(trim(left(p ->> 'words', 500)), '')) on conflict (store_id, id) do nothing;
  if not found then perform crm.refuse('id_taken'); end if;
  update crm.tasks set status = 'cancel_requested' where store_id = v_store and id = t.id;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

create function crm.decide_approval(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'decide_approval');
  a crm.approvals; v_remark text := nullif(trim(left(p ->> 'remark', 500)), '');
begin
  select * into a from crm.approvals x where x.store_id = v_store and x.id = crm.as_uuid(p ->> 'id') and x.removed_at is null for update;   -- the second of two managers waits here
  if a.id is null then perform crm.refuse('not_found', 'id'); end if;
  if a.requester_id = c.user_id then perform crm.refuse('own_request', 'id'); end if;
  if a.status <> 'pending' then
    return jsonb_build_object('status', 'rejected', 'code', 'already_decided', 'field', 'id', 'decision', a.status, 'decided_by', a.decided_by, 'decided_at', a.decided_at);
  end if;
  if coalesce(p ->> 'decision', '') not in ('approve', 'reject') then perform crm.refuse('option', 'decision'); end if;
  if p ->> 'decision' = 'reject' and v_remark is null then perform crm.refuse('required', 'remark'); end if;
  update crm.approvals set status = case p ->> 'decision' when 'approve' then 'approved' else 'rejected' end, decided_by = c.user_id, decided_at = now(), remark = v_remark
  where store_id = v_store and id = a.id;
  if a.kind <> 'task_cancel' then
    perform crm.carry_out(a, p ->> 'decision', v_remark);
  elsif p ->> 'decision' = 'approve' then             -- S-08: excused, never counted as a call
    update crm.tasks set status = 'excused', closed_at = now(), remark = v_remark where store_id = v_store and id = a.task_id;
  else                                                -- S-09: open again, first in the queue, due today
    update crm.tasks set status = 'open', due_on = c.today, due_at = null, rank = 0, remark = v_remark where store_id = v_store and id = a.task_id;
  end if;
  return jsonb_build_object('status', 'applied', 'version', a.version + 1);
end $$;

create function crm.move_deal(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'move_deal'); v_id uuid := crm.as_uuid(p ->> 'id');
  d crm.deals; s crm.stages; here crm.stages; a crm.caller_access; f crm.forms; shown jsonb; patch jsonb := coalesce(p -> 'set', '{}'); errors jsonb; checks text[];
  base int := (p_op ->> 'base_version')::int; saved jsonb;
begin
  select * into d from crm.deals x where x.store_id = v_store and x.id = v_id and x.removed_at is null for update;
  if d.id is null then perform crm.refuse('not_found', 'id'); end if;
  select * into here from crm.stages x where x.store_id = v_store and x.pipeline = d.pipeline and x.key = d.stage;
  select * into s from crm.stages x where x.store_id = v_store and x.pipeline = d.pipeline and x.key = p ->> 'stage' and not x.retired;
  if s.key is null then perform crm.refuse('option', 'stage'); end if;
  if s.key = d.stage then return jsonb_build_object('status', 'applied', 'version', d.version); end if;
  if here.moves is not null and s.key <> all (here.moves) then perform crm.refuse('move_not_allowed', 'stage'); end if;
  select * into a from crm.my_access('deal') x where x.store_id = v_store;
  select * into f from crm.forms x where x.store_id = v_store and x.form = 'deal';
  select to_jsonb(v) || v.custom into shown from api.deals v where v.store_id = v_store and v.id = v_id;
  checks := d.checked || array(select jsonb_array_elements_text(case when jsonb_typeof(p -> 'checked') = 'array' then p -> 'checked' else '[]' end));
  errors := crm.problems(v_store, f.fields, patch, to_jsonb(d) || d.custom, a.writable, '{}', false);
  select errors || coalesce(jsonb_agg(jsonb_build_object('field', r, 'code', 'required')), '[]') into errors      -- S-86: the list of what is missing
  from unnest(s.required) r where coalesce(patch -> r, (to_jsonb(d) || d.custom) -> r, 'null') in ('null', '""');
  select errors || coalesce(jsonb_agg(jsonb_build_object('field', 'checked.' || (x ->> 'key'), 'code', 'unchecked')), '[]') into errors
  from jsonb_array_elements(s.checklist) x where x ->> 'key' <> all (checks);
  if s.type = 'lost' and not exists (select from crm.reasons r where r.store_id = v_store and r.key = p ->> 'lost_reason' and 'lost' = any (r.uses) and not r.retired) then
    errors := errors || jsonb_build_object('field', 'lost_reason', 'code', case when p ->> 'lost_reason' is null then 'required' else 'option' end);
  end if;
  if errors <> '[]' then perform crm.refuse('invalid', null, errors); end if;
  if base is not null and exists (select from crm.events e where e.store_id = v_store and e.customer_id = d.customer_id and e.subject_id = v_id and e.version > base and e.field = 'stage') then
    return jsonb_build_object('status', 'conflict', 'row', shown);
  end if;
  if p ->> 'vehicle_id' is not null then              -- the car that is handed over
    update crm.deals x set vehicle_id = crm.link_of(p_op, 'vehicles', 'vehicle_id', d.customer_id) where x.store_id = v_store and x.id = v_id returning x.version into d.version;
  end if;
  if patch <> '{}' then
    saved := crm.save_record('deals', 'deal', jsonb_build_object('payload', jsonb_build_object('store_id', v_store, 'id', v_id, 'set', patch), 'base_version', d.version), '{}');
  end if;
  if s.type = 'lost' and crm.must_ask(v_store, 'lost', c) then          -- F-45: what was filled in is saved, the move waits
    perform crm.ask_approval(v_store, p, 'lost', d.customer_id, v_id, p ->> 'lost_reason', jsonb_build_object('stage', s.key, 'checked', checks));
    return jsonb_build_object('status', 'applied', 'version', (select x.version from crm.deals x where x.store_id = v_store and x.id = v_id), 'asked', 'lost');
  end if;
  update crm.deals x set stage = s.key, stage_at = now(), closed_at = case when s.type = 'open' then null else now() end,
    lost_reason = case when s.type = 'lost' then p ->> 'lost_reason' end, checked = array(select distinct unnest(checks))
  where x.store_id = v_store and x.id = v_id returning x.version into base;
  perform crm.deal_closed(v_store, v_id, p);          -- what a won or lost deal leaves behind (First 9)
  return jsonb_build_object('status', 'applied', 'version', base);
end $$;

create function crm.snooze_task(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'snooze_task');
  t crm.tasks; v_until date := crm.as_date(p -> 'until'); v_limit int;
begin
  select * into t from crm.tasks x where x.store_id = v_store and x.id = crm.as_uuid(p ->> 'task_id') and x.removed_at is null for update;
  if t.id is null then perform crm.refuse('not_found', 'task_id'); end if;
  if t.assignee_id <> c.user_id and c.scope = 'own' then perform crm.refuse('forbidden', 'task_id'); end if;
  if t.status <> 'open' then perform crm.refuse('task_closed', 'task_id'); end if;
  if t.rank = 0 then perform crm.refuse('due_today', 'task_id'); end if;           -- S-09: what the manager sent back is done today
  if v_until is null then perform crm.refuse('date', 'until'); end if;
  if v_until <= c.today or v_until > c.today + 30 or v_until > coalesce(t.expires_on, v_until) then perform crm.refuse('range', 'until'); end if;
  select coalesce((s.settings ->> 'snooze_limit')::int, 3) into v_limit from crm.stores s where s.id = v_store;
  if t.snoozes >= v_limit then perform crm.refuse('snooze_limit', 'task_id'); end if;
  update crm.tasks set due_on = v_until, due_at = null, snoozes = snoozes + 1 where store_id = v_store and id = t.id;
  return jsonb_build_object('status', 'applied', 'version', t.version + 1);
end $$;

-- Undo (F-21): one's own operation, within ten minutes, while nobody has touched the same values since. History tells what
-- to put back, so every verb can be undone by the same few lines; a decision on someone else's request cannot.
create function crm.undo(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}'); c crm.caller := crm.demand_verb(v_store, 'undo'); v_target uuid := crm.as_uuid(p_op #>> '{payload,op_id}');
  o crm.ops; s record; columns text; v_table text; tables jsonb := '{"customer": "customers", "companion": "companions", "vehicle": "vehicles", "policy": "policies",
    "deal": "deals", "task": "tasks", "approval": "approvals", "conversation": "conversations", "promise": "promises", "link": "links", "reception": "receptions"}';
begin
  select * into o from crm.ops x where x.store_id = v_store and x.op_id = v_target for update;
  if o.op_id is null or o.result ->> 'status' is distinct from 'applied' then perform crm.refuse('not_found', 'op_id'); end if;
  if o.undone_by is not null then return jsonb_build_object('status', 'applied', 'version', 1); end if;
  if o.verb in ('undo', 'decide_approval', 'claim_customer', 'reassign', 'accept_handover', 'claim_policy', 'request_customer', 'save_consent') then perform crm.refuse('not_undoable', 'op_id'); end if;
  if o.applied_at < now() - interval '10 minutes' then perform crm.refuse('too_late', 'op_id'); end if;
  if exists (select from crm.events e join crm.events later on later.store_id = e.store_id and later.customer_id = e.customer_id
               and later.id > e.id and later.op_id is distinct from e.op_id
               and (later.subject_id = e.subject_id and (later.field = e.field or e.kind = 'created') or e.form = 'customer' and e.kind = 'created')
             where e.store_id = v_store and e.op_id = v_target) then
    perform crm.refuse('changed_since', 'op_id');
  end if;
  for s in
    select e.form, e.subject_id, bool_or(e.kind = 'created') as created,
      coalesce(jsonb_object_agg(e.field, e.old) filter (where e.kind = 'changed' and not (e.is_field and b.key is null)), '{}') as base_part,
      coalesce(jsonb_object_agg(e.field, e.old) filter (where e.is_field and b.key is null), '{}') as custom_part
    from (select distinct on (x.subject_id, x.field) x.* from crm.events x where x.store_id = v_store and x.op_id = v_target order by x.subject_id, x.field, x.id) e
    left join crm.base_fields b on b.form = e.form and b.key = e.field
    group by e.form, e.subject_id
  loop
    v_table := tables ->> s.form;
    if s.created then
      execute format('update crm.%I set removed_at = now() where store_id = $1 and id = $2', v_table) using v_store, s.subject_id;
    else
      select coalesce(string_agg(format('%1$I = r.%1$I', key), ', '), '') into columns from jsonb_object_keys(s.base_part) key;
      if s.custom_part <> '{}' then
        columns := concat_ws(', ', nullif(columns, ''), 'custom = (t.custom || $3) - array(select key from jsonb_each($3) where jsonb_typeof(value) = ''null'')');
      end if;
      execute format('update crm.%1$I t set %2$s from jsonb_populate_record(null::crm.%1$I, $4) r where t.store_id = $1 and t.id = $2 and $3 is not null', v_table, columns)
        using v_store, s.subject_id, s.custom_part, s.base_part;
    end if;
  end loop;
  perform crm.drop_flags(v_store, v_target);
  update crm.ops set undone_by = crm.as_uuid(p_op ->> 'op_id') where store_id = v_store and op_id = v_target;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

-- A phone whose clock is wrong says by its own clock when it sends: what it says about the past is moved by the difference (T10).
create function crm.by_our_clock(p_op jsonb) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare skew interval := now() - crm.as_instant(p_op ->> 'sent_at'); k text; t timestamptz;
begin
  foreach k in array array['occurred_at', 'dialled_at'] loop
    continue when jsonb_typeof(p_op #> array['payload', k]) is distinct from 'string';
    t := crm.as_instant(p_op #>> array['payload', k]);
    if abs(extract(epoch from skew)) > 120 then t := t + skew; end if;
    if t is null or t > now() + interval '10 minutes' or t < now() - interval '400 days' then t := now(); end if;
    p_op := jsonb_set(p_op, array['payload', k], to_jsonb(t));
  end loop;
  return p_op;
end $$;
comment on function crm.by_our_clock is 'The operation with its times in the server''s clock; a time nobody can mean is now.';

create function crm.sync_push(p_device uuid, p_ops jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare op jsonb; r jsonb; answers jsonb := '[]'; c crm.caller; v_store uuid; v_op uuid; me uuid := (select auth.uid()); held text;
begin
  if jsonb_typeof(p_ops) is distinct from 'array' or p_device is null then raise sqlstate 'PT400' using message = 'ops_malformed'; end if;
  if jsonb_array_length(p_ops) > 200 then raise sqlstate 'PT413' using message = 'ops_too_many'; end if;
  if me is null then raise sqlstate 'PT401' using message = 'signed_out'; end if;
  for op in select value from jsonb_array_elements(p_ops) loop
    v_op := crm.as_uuid(op ->> 'op_id'); v_store := crm.as_uuid(op #>> '{payload,store_id}');
    if v_op is null or coalesce(op ->> 'seq', '') !~ '^\d{1,15}$' or coalesce(op ->> 'base_version', '0') !~ '^\d{1,9}$'
      or coalesce(op ->> 'config_version', '0') !~ '^\d{1,9}$' then
      answers := answers || jsonb_build_object('op_id', op -> 'op_id', 'status', 'rejected', 'code', 'invalid', 'field', 'op_id'); continue;
    end if;
    c := crm.me(v_store); held := null;
    if c.is_member is distinct from true then          -- through a group role one reads and shapes; records are worked on by members
      if c.store_id is not null or not crm.was_member(v_store) then
        answers := answers || jsonb_build_object('op_id', v_op, 'status', 'rejected', 'code', 'forbidden'); continue;
      end if;
      held := 'disabled';
    end if;
    insert into crm.ops (op_id, store_id, user_id, device_id, seq, verb, config_version)
    values (v_op, v_store, me, p_device, (op ->> 'seq')::bigint, left(coalesce(op ->> 'verb', ''), 40), (op ->> 'config_version')::int) on conflict (store_id, op_id) do nothing;
    if not found then                                 -- a concurrent copy was waited for
      select o.result into r from crm.ops o where o.store_id = v_store and o.op_id = v_op and o.user_id = me;
      answers := answers || case when found then jsonb_build_object('op_id', v_op, 'status', 'duplicate', 'first', r)
        else jsonb_build_object('op_id', v_op, 'status', 'rejected', 'code', 'id_taken') end;
      continue;
    end if;
    perform set_config('crm.op_id', v_op::text, true);
    op := crm.by_our_clock(op);
    begin
      if held is not null then perform crm.refuse('forbidden'); end if;
      case op ->> 'verb'
        when 'save_customer' then r := crm.save_customer(op);
        when 'save_companion' then r := crm.save_companion(op);
        when 'save_vehicle' then r := crm.save_vehicle(op);
        when 'save_policy' then r := crm.save_policy(op);
        when 'save_deal' then r := crm.save_deal(op);
        when 'log_conversation' then r := crm.log_conversation(op);
        when 'request_cancel' then r := crm.request_cancel(op);
        when 'decide_approval' then r := crm.decide_approval(op);
        when 'move_deal' then r := crm.move_deal(op);
        when 'claim_customer' then r := crm.claim_customer(op);
        when 'reassign' then r := crm.reassign(op);
        when 'accept_handover' then r := crm.accept_handover(op);
        when 'renew_policy' then r := crm.renew_policy(op);
        when 'lose_policy' then r := crm.lose_policy(op);
        when 'claim_policy' then r := crm.claim_policy(op);
        when 'save_link' then r := crm.save_link(op);
        when 'save_consent' then r := crm.save_consent(op);
        when 'receive' then r := crm.receive(op);
        when 'request_customer' then r := crm.request_customer(op);
        when 'snooze_task' then r := crm.snooze_task(op);
        when 'end_promise' then r := crm.end_promise(op);
        when 'see_flag' then r := crm.see_flag(op);
        when 'undo' then r := crm.undo(op);
        else perform crm.refuse('unknown_verb');
      end case;
    exception                                         -- a built-in error's text never reaches the caller
      when sqlstate 'RFUSE' then r := sqlerrm::jsonb;
      when insufficient_privilege then r := jsonb_build_object('status', 'rejected', 'code', 'forbidden');
      when serialization_failure or deadlock_detected or lock_not_available then raise sqlstate 'PT503' using message = 'busy';
      when others then
        raise log 'op % failed: % %', v_op, sqlstate, sqlerrm;
        r := jsonb_build_object('status', 'rejected', 'code', 'unexpected');
    end;
    if r ->> 'code' in ('not_found', 'forbidden') then  -- refused because his standing changed while he was away: kept for a manager
      held := coalesce(held, case when crm.handed_over(op) is not null then 'handed_over' end);
      if held is not null then
        begin
          r := crm.hold(op || jsonb_build_object('device_id', p_device), held);
        exception when others then                    -- his standing may change again at this very moment: the refusal stands, the words stay with him
          raise log 'op % not held: % %', v_op, sqlstate, sqlerrm;
        end;
      end if;
    end if;
    r := r || jsonb_build_object('change_no', crm.change_no());   -- a pull complete up to a higher number holds what this operation did
    update crm.ops o set result = r - 'row' where o.store_id = v_store and o.op_id = v_op;
    answers := answers || (jsonb_build_object('op_id', v_op) || r);
  end loop;
  perform set_config('crm.op_id', '', true);
  return answers;
end $$;
comment on function crm.sync_push is 'Applies operations in order, each all or nothing; answers applied, duplicate, rejected, conflict or held per operation.';
alter function crm.sync_push(uuid, jsonb) set plan_cache_mode = force_generic_plan;   -- planning under row rules costs more than running; see the screens
alter function crm.sync_push(uuid, jsonb) owner to api_owner;

create function api.sync_push(device_id uuid, ops jsonb) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.sync_push(device_id, ops); end;

grant execute on function crm.is_required(jsonb, jsonb), crm.problems(uuid, jsonb, jsonb, jsonb, text[], text[], bool), crm.form_then(uuid, jsonb, text, text),
  crm.forgiven(uuid, jsonb, jsonb, jsonb, jsonb, text), crm.converted(jsonb, text, jsonb), crm.demand_verb(uuid, text), crm.save_record(text, text, jsonb, jsonb),
  crm.save_customer(jsonb), crm.link_of(jsonb, text, text, uuid), crm.save_companion(jsonb), crm.save_vehicle(jsonb), crm.save_policy(jsonb), crm.save_deal(jsonb),
  crm.log_conversation(jsonb), crm.request_cancel(jsonb), crm.decide_approval(jsonb), crm.move_deal(jsonb), crm.snooze_task(jsonb), crm.undo(jsonb), crm.by_our_clock(jsonb) to api_owner;
grant execute on function crm.sync_push(uuid, jsonb), api.sync_push(uuid, jsonb) to authenticated;
