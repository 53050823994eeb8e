-- Saving a record of any form: validation by the store's fields and the caller's rights. Every verb of sync_push refuses by code,
-- checks rights before conflicts, and writes nothing when it refuses.

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
  fields jsonb := p_fields #> '{}';                   -- taken out of its storage once, not for every key
begin
  for k, v in select key, value from jsonb_each(p_patch) loop
    d := fields -> k; s := v #>> '{}'; t := d ->> 'type'; code := null;
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
    elsif t in ('select', 'level') then if not coalesce(d -> 'options', '[]') @> jsonb_build_array(jsonb_build_object('key', s)) then code := 'option'; end if;
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
  where not p_patch ? k1 and crm.is_required(fields -> k1, after)
    and (p_create or coalesce(p_record -> k1, 'null') in ('null', '""') and not crm.is_required(fields -> k1, p_record));
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
  language plpgsql stable set search_path = '' as $$
begin
  if p_then is null or p_errors = '[]' then return p_errors; end if;
  return (
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
      else false end);
end $$;

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
  f.fields := f.fields #> '{}';                       -- as crm.problems
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

grant execute on function crm.is_required(jsonb, jsonb), crm.problems(uuid, jsonb, jsonb, jsonb, text[], text[], bool), crm.form_then(uuid, jsonb, text, text),
  crm.forgiven(uuid, jsonb, jsonb, jsonb, jsonb, text), crm.converted(jsonb, text, jsonb), crm.demand_verb(uuid, text), crm.save_record(text, text, jsonb, jsonb),
  crm.save_customer(jsonb), crm.link_of(jsonb, text, text, uuid), crm.save_companion(jsonb), crm.save_vehicle(jsonb), crm.save_policy(jsonb), crm.save_deal(jsonb) to api_owner;
