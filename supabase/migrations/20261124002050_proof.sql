-- The proof of a store's rights: every exit is asked, as every role, for every value the role may not see (first 4, S-55).

create table crm.exits (
  name text primary key,
  function text not null,
  call text,
  by_value bool not null default false,
  on_demand bool not null default false,
  why_not text,
  check ((call is null) <> (why_not is null)));
comment on table crm.exits is 'How the proof asks a function of api: call with {store}, {customer}, {member}, {pool}, {id} filled in; by_value: once with each value it must not find ({value}, {json}, of the field {key}). on_demand: it reads a whole store through views that are asked, or tells no values; publishing does not wait for it. why_not: what it cannot tell. A function that is not here is red.';
alter table crm.exits enable row level security;
create policy select_all on crm.exits for select to api_owner using (name is not null);
grant select on crm.exits to api_owner;

insert into crm.exits (name, function, call, by_value) values
  ('today', 'today', 'today({store})', false),
  ('customer_brief', 'customer_brief', 'customer_brief({store}, {customer})', false),
  ('customers listed', 'search_customers', 'search_customers({store}, '''')', false),
  ('customers found', 'search_customers', 'search_customers({store}, {value})', true),
  ('customers filtered', 'find_customers', 'find_customers({store}, jsonb_build_array(jsonb_build_object(''key'', {key}, ''op'', ''eq'', ''value'', {json})))', true),
  ('customers sorted', 'find_customers', 'find_customers({store}, ''[]'', {key})', true),
  ('duplicates by phone', 'find_duplicates', 'find_duplicates({store}, {value}, null)', true),
  ('duplicates by plate', 'find_duplicates', 'find_duplicates({store}, null, {value})', true),
  ('funnel_report', 'funnel_report', 'funnel_report({store})', false),
  ('pending_approvals', 'pending_approvals', 'pending_approvals({store})', false),
  ('a conflict', 'sync_push', 'sync_push({id}, jsonb_build_array(jsonb_build_object(''op_id'', {id}, ''seq'', 1, ''verb'', ''save_customer'', ''base_version'', 0, ''payload'', jsonb_build_object(''store_id'', {store}, ''id'', {customer}, ''set'', jsonb_build_object(''name'', ''x'', ''need'', ''x'')))))', false),
  ('an import', 'import_preview', 'import_preview({store}, ''customers'', ''{"pool": "market", "level": "near", "source": "walk_in"}'', jsonb_build_array(jsonb_build_object(''row'', 1, ''key'', ''k'', ''customer'', jsonb_build_object(''name'', ''x'', ''phone'', {value}))))', true);
insert into crm.exits (name, function, call, on_demand) values
  ('sync_pull', 'sync_pull', 'sync_pull({store})', true),          -- whole books, through the views that are asked themselves
  ('rights', 'effective_access', 'effective_access({store}, {member}, {customer})', true);   -- it tells of fields, never of values
insert into crm.exits (name, function, why_not) values
  ('accept_invitation', 'accept_invitation', 'answers a store id'), ('invite_member', 'invite_member', 'answers a code'),
  ('save_config_draft', 'save_config_draft', 'answers a time'), ('check_config', 'check_config', 'for who may see the whole document'),
  ('publish_config', 'publish_config', 'answers a number'), ('restore_config', 'restore_config', 'answers a number'),
  ('import_commit', 'import_commit', 'answers as import_preview does'), ('save_import_mapping', 'save_import_mapping', 'answers nothing'),
  ('prove_access', 'prove_access', 'names fields, never values; for who may see the whole document');

-- Marked values. A number n stands in each, so that an answer tells which were in it; no phone, day or amount of this world looks so.
create function crm.marked_value(p_type text, p_n int) returns jsonb
  language sql immutable set search_path = '' as $$
  select case
    when p_type in ('number', 'money') then to_jsonb(10075310000 + p_n)
    when p_type = 'phone' then to_jsonb('1007531' || lpad(p_n::text, 4, '0'))
    when p_type = 'date' then to_jsonb(date '1800-01-01' + p_n)
    when p_type = 'time' then '"03:07"' when p_type = 'bool' then 'true'
    when p_type = 'plate' then to_jsonb('CNRY' || lpad(p_n::text, 4, '0'))
    when p_type = 'multi' then jsonb_build_array('cnry' || lpad(p_n::text, 4, '0'))
    else to_jsonb('cnry' || lpad(p_n::text, 4, '0')) end $$;

-- Words are cut out, ten times as fast as matched; a number may stand by chance in an id, so what is before it counts too.
create function crm.marks_in(p_answer text) returns int[]
  language sql immutable set search_path = '' as $$
  select coalesce(array_agg(distinct n), '{}')
  from (
    select left(x, 4)::int as n from string_to_table(lower(p_answer), 'cnry') with ordinality w (x, place) where place > 1 and left(x, 5) ~ '^\d{4}([^0-9a-f-]|$)'
    union all
    select coalesce(m[1]::int, m[2]::date - date '1800-01-01') from regexp_matches(p_answer, '(?<![0-9a-f-])1007531(\d{4})(?![0-9a-f-])|(18[0-2]\d-[01]\d-[0-3]\d)', 'g') m) found $$;

create type crm.marked_field as (n int, form text, key text, type text, base bool);

-- One record of every form with a marked value in every field; p_twice: then another in its place, so that history holds both.
create function crm.insert_marked(p_store uuid, p_owner uuid, p_customer uuid, p_fields crm.marked_field[], p_offset int, p_twice bool) returns void
  language plpgsql volatile set search_path = '' as $$
declare f crm.form_tables; s crm.stages; v_level text; v_outcome text; links jsonb; marked jsonb; columns text;
begin
  select l.key into v_level from crm.levels l where l.store_id = p_store and not l.retired order by l.position limit 1;
  select o.key into v_outcome from crm.outcomes o where o.store_id = p_store order by o.retired, o.position limit 1;
  select * into s from crm.stages x where x.store_id = p_store and not x.retired order by x.type = 'open' desc, x.position limit 1;
  for f in select * from crm.form_tables t order by t.form <> 'customer', t.form loop
    if f.form = 'conversation' and v_outcome is null then continue; end if;
    links := jsonb_build_object('store_id', p_store, 'id', case f.form when 'customer' then p_customer else gen_random_uuid() end) || case f.form
      when 'customer' then jsonb_build_object('owner_id', p_owner)
      when 'deal' then jsonb_build_object('customer_id', p_customer, 'owner_id', p_owner, 'pipeline', s.pipeline, 'stage', s.key)
      when 'conversation' then jsonb_build_object('customer_id', p_customer, 'author_id', p_owner, 'method', 'call', 'outcome', v_outcome, 'reached', true, 'level_after', v_level, 'occurred_at', now())
      else jsonb_build_object('customer_id', p_customer) end;
    for i in 0..p_twice::int loop
      select coalesce(jsonb_object_agg(x.key, case when x.type = 'level' then to_jsonb(v_level) when x.key = 'model_year' then to_jsonb(2000 + i)
          else crm.marked_value(x.type, x.n + p_offset + 2000 * i) end) filter (where x.base), '{}')
        || jsonb_build_object('custom', coalesce(jsonb_object_agg(x.key, crm.marked_value(x.type, x.n + p_offset + 2000 * i)) filter (where not x.base), '{}')) into marked
      from unnest(p_fields) x where x.form = f.form and x.type <> 'formula';
      if i = 0 then
        select string_agg(format('%I', key), ', ') into columns from jsonb_object_keys(links || marked) key;
        execute format('insert into crm.%1$I (%2$s) select %2$s from jsonb_populate_record(null::crm.%1$I, $1)', f.relation, columns) using links || marked;
      else
        select string_agg(format('%1$I = r.%1$I', key), ', ') into columns from jsonb_object_keys(marked) key;
        execute format('update crm.%1$I t set %2$s from jsonb_populate_record(null::crm.%1$I, $1) r where t.store_id = r.store_id and t.id = r.id', f.relation, columns) using links || marked;
      end if;
    end loop;
  end loop;
end $$;

create type crm.proof_question as (exit text, form text, by_value bool, asked text);

create function crm.as_query(p_call text) returns text
  language sql immutable set search_path = '' as $$ select 'select coalesce(jsonb_agg(to_jsonb(q)), ''[]'') from (select * from ' || p_call || ' limit 200) q' $$;

-- Prepares a call under the session's name proof_<n> and answers how to ask it: planned for every role anew, a call costs twice its answer.
create function crm.prepared(p_n int, p_call text) returns text
  language plpgsql volatile set search_path = '' as $$
declare v_name text := 'proof_' || p_n;
begin
  if exists (select from pg_catalog.pg_prepared_statements where name = v_name) then execute format('deallocate %I', v_name); end if;   -- an earlier proof's
  execute format('prepare %I as %s', v_name, crm.as_query(p_call));
  return format('execute %I', v_name);
exception when others then return crm.as_query(p_call);   -- what cannot be planned fails when it is asked, and is told there
end $$;

-- The answer of a query as text, a json array; of one that is refused, all that the refusal says. What it wrote does not stay.
create function crm.answer_of(p_query text) returns text
  language plpgsql volatile set search_path = '' as $$
declare answer text; a text; b text; c text;
begin
  execute p_query into answer;
  raise sqlstate 'GIVEN' using message = answer;
exception
  when sqlstate 'GIVEN' then return answer;
  when others then
    get stacked diagnostics a = message_text, b = pg_exception_detail, c = pg_exception_hint;
    return case when sqlstate like 'PT%' then 'refused ' else 'failed ' end || sqlstate || concat_ws(' ', '', a, b, c);
end $$;

create function crm.asking_for(p_call text, p_field crm.marked_field, p_n int) returns text
  language sql immutable set search_path = '' as $$
  select replace(replace(replace(p_call, '{key}', quote_literal(p_field.key)), '{json}', quote_literal(crm.marked_value(p_field.type, p_n)) || '::jsonb'),
    '{value}', quote_literal(crm.marked_value(p_field.type, p_n) #>> '{}')) $$;

-- What an answer gives away: marks of p_forbidden in it; a call that fails may do so only for whom it would have shown something.
create function crm.given_away(p_answer text, p_fields crm.marked_field[], p_forbidden int[]) returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(distinct jsonb_build_object('form', k.form, 'key', k.key, 'how', 'shown')), '[]')
    || case when p_answer like 'failed %' then jsonb_build_object('how', 'failed', 'code', substr(p_answer, 8, 5)) else '[]' end
  from (select unnest(crm.marks_in(p_answer)) intersect select unnest(p_forbidden)) i (n) join unnest(p_fields) k on k.n = i.n % 2000 $$;

-- p_roles null: all. p_whole: everything; else what publishing waits for: the views of records and the functions that answer without
-- being asked by value, as a guesser would.
create function crm.prove(p_store uuid, p_roles text[], p_whole bool) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  prober uuid := gen_random_uuid(); colleague uuid := gen_random_uuid(); mine uuid := gen_random_uuid(); theirs uuid := gen_random_uuid(); nobodys uuid := gen_random_uuid(); v_pool text;
  fields crm.marked_field[]; restricted crm.marked_field[]; forbidden int[]; shown text[]; cells jsonb := '[]'; leaks jsonb; asked int;
  r crm.roles; questions crm.proof_question[]; q crm.proof_question; x crm.marked_field; first_role text; answer text;
  claims text := current_setting('request.jwt.claims', true); sub text := current_setting('request.jwt.claim.sub', true);
begin
  fields := array(select (row_number() over (order by k.form, k.key), k.form, k.key, k.type, k.is_base)::crm.marked_field from crm.fields k where k.store_id = p_store limit 1998);
  select o.key into v_pool from crm.pools o where o.store_id = p_store and not o.retired order by o.claims_per_day > 0 desc, o.position limit 1;
  questions := array(
    select (c.relname, t.form, false, format('api.%I z where ' || case when t.form = 'customer' then 'z.store_id = %2$L and z.id in (%3$L, %4$L)' when b.by_customer then 'z.store_id = %2$L and z.customer_id in (%3$L, %4$L)'
        when c.relname = 'stores' then 'z.id = %2$L' else 'z.store_id = %2$L' end, c.relname, p_store, mine, theirs))::crm.proof_question
    from pg_catalog.pg_class c left join crm.form_tables t on t.relation = c.relname
    cross join lateral (select exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attname = 'customer_id') as by_customer) b
    where c.relnamespace = 'api'::regnamespace and c.relkind in ('v', 'r', 'm', 'f', 'p') and (p_whole or t.form is not null or b.by_customer) order by c.relname);
  questions := questions || array(                    -- a function that is not in crm.exits has nothing to be asked by
    select (coalesce(e.name, '?'), null, e.by_value,
      'api.' || replace(replace(replace(replace(replace(e.call, '{store}', quote_literal(p_store)), '{customer}', quote_literal(mine)), '{member}', quote_literal(prober)), '{pool}', quote_nullable(v_pool)), '{id}', quote_literal(gen_random_uuid())))::crm.proof_question
    from pg_catalog.pg_proc p left join crm.exits e on e.function = p.proname
    where p.pronamespace = 'api'::regnamespace and (e.name is null or e.call is not null and (p_whole or not e.by_value and not e.on_demand)) order by p.proname, e.name);
  begin
    select o.key into first_role from crm.roles o where o.store_id = p_store and not o.retired order by o.position limit 1;
    insert into crm.members (store_id, user_id, role, name) values (p_store, prober, first_role, 'proof'), (p_store, colleague, first_role, 'proof');
    perform crm.insert_marked(p_store, prober, mine, fields, 0, true);
    perform crm.insert_marked(p_store, colleague, theirs, fields, 4000, true);
    -- one without an owner, whose policy runs out: the lists of such show it past the row rules, so of its fields only those out of reach are forbidden
    perform crm.insert_marked(p_store, colleague, nobodys, fields, 8000, false);
    update crm.customers k set owner_id = null, pool = v_pool where k.store_id = p_store and k.id = nobodys;
    update crm.policies y set expires_on = current_date where y.store_id = p_store and y.customer_id = nobodys;
    for n in 1 .. cardinality(questions) loop
      if not questions[n].by_value then questions[n].asked := crm.prepared(n, questions[n].asked); end if;
    end loop;
    perform set_config('request.jwt.claims', jsonb_build_object('sub', prober, 'role', 'authenticated')::text, true), set_config('request.jwt.claim.sub', prober::text, true);
    for r in select * from crm.roles o where o.store_id = p_store and not o.retired and (p_roles is null or o.key = any (p_roles)) order by o.position loop
      update crm.members m set role = r.key where m.store_id = p_store and m.user_id = prober;
      -- what must not show: fields out of reach, in both sets; and of a colleague whose rows are out of reach, everything
      restricted := array(select k from unnest(fields) k left join crm.access a on a.store_id = p_store and a.role = r.key and a.form = k.form where k.key <> all (coalesce(a.readable, '{}')));
      forbidden := array(select k.n + o from unnest(restricted) k cross join unnest(array[0, 2000, 4000, 6000, 8000]) o)
        || case when r.scope in ('own', 'team') then array(select k.n + o from unnest(fields) k cross join unnest(array[4000, 6000]) o) end;
      foreach q in array questions loop
        leaks := '[]'; asked := 0;
        if q.asked is null then
          leaks := '[{"how": "not_asked"}]';
        elsif q.by_value then
          for x in select * from unnest(restricted) k where k.type not in ('bool', 'time', 'level', 'formula') loop
            answer := crm.answer_of(crm.as_query(crm.asking_for(q.asked, x, x.n + 2000)));
            asked := asked + 1;
            if answer <> crm.answer_of(crm.as_query(crm.asking_for(q.asked, x, 9999))) then   -- must be answered like a value that is nowhere
              leaks := leaks || jsonb_build_object('form', x.form, 'key', x.key, 'how', 'found');
            end if;
            leaks := leaks || crm.given_away(answer, fields, forbidden);
          end loop;
        else
          answer := crm.answer_of(q.asked);
          asked := cardinality(restricted);
          leaks := crm.given_away(answer, fields, forbidden);
          if q.form is not null and answer like '[%' then      -- a field without a mark (yes or no, a level) gives itself away by its key
            shown := array(select distinct jsonb_object_keys(jsonb_strip_nulls((z - 'custom') || (z -> 'custom'))) from jsonb_array_elements(answer::jsonb) z);
            select leaks || coalesce(jsonb_agg(jsonb_build_object('form', k.form, 'key', k.key, 'how', 'named')), '[]') into leaks
            from unnest(restricted) k left join crm.access a on a.store_id = p_store and a.role = r.key and a.form = k.form
            where k.form = q.form and k.key = any (shown) and k.key <> all (coalesce(a.masked, '{}'));
          end if;
        end if;
        cells := cells || jsonb_build_object('role', r.key, 'exit', q.exit, 'asked', asked, 'leaks', leaks);
      end loop;
    end loop;
    raise sqlstate 'GIVEN';
  exception when sqlstate 'GIVEN' then null;
  end;
  perform set_config('request.jwt.claims', coalesce(claims, ''), true), set_config('request.jwt.claim.sub', coalesce(sub, ''), true);
  return cells;
end $$;
comment on function crm.prove is 'Puts a prober of each role before records whose every value is marked, asks every view of api and every function as crm.exits says, and looks for marks he may not see; nothing it writes stays. Answers cells {role, exit, asked, leaks: [{form, key, how: shown, named, found, not_asked, failed}]}.';

-- Publishing asks for the proof of what is new: a role that was proved with these rights under the code that runs now is not asked again.
create table crm.proofs (
  store_id uuid not null,
  role text not null,
  fingerprint text not null,
  proved_at timestamptz not null default now(),
  primary key (store_id, role),
  foreign key (store_id, role) references crm.roles (store_id, key) on delete cascade);
comment on table crm.proofs is 'What was proved of a role: its scope, pools and verbs, the fields it is shown, and the code of every view, function and policy, as one fingerprint.';
alter table crm.proofs enable row level security;
create policy select_member on crm.proofs for select to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
grant select on crm.proofs to api_owner;

create function crm.code_fingerprint() returns text
  language sql stable set search_path = '' as $$
  select md5(concat(
    (select string_agg(concat_ws(' ', c.relname, c.relowner, r.ev_action), E'\n' order by c.oid) from pg_catalog.pg_class c join pg_catalog.pg_rewrite r on r.ev_class = c.oid
      where c.relnamespace in ('api'::regnamespace, 'crm'::regnamespace)),
    (select string_agg(concat_ws(' ', p.proname, p.proowner, p.prosecdef, p.prosrc, p.prosqlbody), E'\n' order by p.oid) from pg_catalog.pg_proc p
      where p.pronamespace in ('api'::regnamespace, 'crm'::regnamespace)),
    (select string_agg(concat_ws(' ', o.polname, o.polrelid, o.polqual, o.polwithcheck), E'\n' order by o.oid) from pg_catalog.pg_policy o),
    (select string_agg(concat_ws(' ', x.name, x.call, x.why_not), E'\n' order by x.name) from crm.exits x))) $$;

create function crm.demand_proof(p_store uuid) returns void
  language plpgsql volatile set search_path = '' as $$
declare code text := crm.code_fingerprint(); unproved crm.proofs[]; leak jsonb;
begin
  -- roles that differ by name alone are one question; of the fields those it is shown: what it is not shown is shut by the code, whatever it is called
  unproved := array(
    select u from (
      select (p_store, r.key, md5(concat_ws(E'\n', code, r.scope, r.pools, r.verbs, a.rights)), now())::crm.proofs as u
      from crm.roles r
      cross join lateral (
        select string_agg(concat_ws(' ', k.form, k.key, k.type, k.mask, k.key = any (x.masked)), E'\n' order by k.form, k.key) as rights
        from crm.access x join crm.fields k on k.store_id = p_store and k.form = x.form and k.key = any (x.readable || x.masked)
        where x.store_id = p_store and x.role = r.key) a
      where r.store_id = p_store and not r.retired) x
    where not exists (select from crm.proofs p where p.store_id = p_store and p.role = (x.u).role and p.fingerprint = (x.u).fingerprint));
  if unproved = '{}' then return; end if;
  select cell || l into leak
  from jsonb_array_elements(crm.prove(p_store, array(select min(u.role) from unnest(unproved) u group by u.fingerprint), false)) cell cross join jsonb_array_elements(cell -> 'leaks') l limit 1;
  if leak is not null then
    raise sqlstate 'PT422' using message = 'leaks', detail = concat_ws(' ', leak ->> 'role', leak ->> 'exit', concat_ws('.', leak ->> 'form', leak ->> 'key'), leak ->> 'how');
  end if;
  insert into crm.proofs select * from unnest(unproved)
  on conflict (store_id, role) do update set fingerprint = excluded.fingerprint, proved_at = excluded.proved_at;
end $$;
comment on function crm.demand_proof is 'Ends publishing with "leaks" (role, exit, field) when a role that is not proved yet sees what it may not.';

create function crm.prove_access(p_store uuid, p_roles text[]) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'publish_config'); cells jsonb := crm.prove(p_store, p_roles, true);
begin
  return jsonb_build_object('version', (select s.config_version from crm.stores s where s.id = p_store), 'cells', cells,
    'asked', (select sum((x ->> 'asked')::int) from jsonb_array_elements(cells) x), 'leaks', (select sum(jsonb_array_length(x -> 'leaks')) from jsonb_array_elements(cells) x));
end $$;
comment on function crm.prove_access is 'The proof of the published rights, for who may publish; roles null: of all (with many fields, ask role by role). Error: forbidden.';
create function api.prove_access(store_id uuid, roles text[] default null) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.prove_access(store_id, roles); end;
grant execute on function crm.prove_access(uuid, text[]), api.prove_access(uuid, text[]) to authenticated;
