-- Around a customer: his family, his consent, his visits, and his whole story.

grant create on schema crm, api to api_owner;

create table crm.links (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  other_id uuid not null,
  relation text not null check (length(relation) between 1 and 40),
  created_by uuid default auth.uid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, other_id) references crm.customers on delete cascade,
  check (customer_id <> other_id));
comment on table crm.links is 'Family and household: other_id is to customer_id what relation says (an option of the companions'' relation). One row each way (S-64).';
create unique index on crm.links (store_id, customer_id, other_id) where removed_at is null;
create index on crm.links (store_id, other_id);
create trigger tg_links__a_stamp before insert or update on crm.links for each row execute function crm.tg_record__stamp();
create trigger tg_links__born after insert on crm.links referencing new table as after_rows for each statement execute function crm.tg_record__born('link');
create trigger tg_links__history after update on crm.links for each row execute function crm.tg_record__history('link', 'relation', 'removed_at');

create table crm.consents (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  purpose text not null check (length(purpose) between 1 and 40),
  channel text not null check (channel in ('any', 'call', 'wechat', 'sms', 'visit')),
  given bool not null,
  source text check (length(source) <= 200),
  said_at timestamptz not null default now(),
  noted_by uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade);
comment on table crm.consents is 'What a customer allowed or took back: purpose, channel, how he said it and when. Appended, never changed; the last word of a purpose and channel counts (S-67, S-76).';
create index on crm.consents (store_id, customer_id, said_at desc);
create trigger tg_consents__a_stamp before insert or update on crm.consents for each row execute function crm.tg_record__stamp();
create trigger tg_consents__born after insert on crm.consents referencing new table as after_rows for each statement execute function crm.tg_record__born('consent');

create table crm.receptions (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  received_by uuid not null,
  owner_id uuid,
  nameless bool not null default false,
  party int not null default 1 check (party between 1 and 99),
  words text check (length(words) <= 2000),
  arrived_at timestamptz not null,
  recorded_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade);
comment on table crm.receptions is 'Someone came in: when, who wrote it down and how long after (S-18), for which advisor (S-13). nameless: he left nothing to find him by; the customer behind is the same row when he does (F-12).';
create index on crm.receptions (store_id, customer_id, arrived_at desc);
create index on crm.receptions (store_id, arrived_at);
create trigger tg_receptions__a_stamp before insert or update on crm.receptions for each row execute function crm.tg_record__stamp();
create trigger tg_receptions__born after insert on crm.receptions referencing new table as after_rows for each statement execute function crm.tg_record__born('reception');
create trigger tg_receptions__history after update on crm.receptions for each row execute function crm.tg_record__history('reception', 'removed_at');

do $$ declare t text; begin
  foreach t in array array['links', 'consents', 'receptions'] loop
    execute format('alter table crm.%I enable row level security', t);
    perform crm.rows_follow_customer(t);
    execute format('grant select on crm.%I to api_owner', t);
  end loop;
end $$;
grant insert (store_id, id, customer_id, other_id, relation), update (relation, removed_at) on crm.links to api_owner;
grant insert (store_id, id, customer_id, purpose, channel, given, source, said_at, noted_by) on crm.consents to api_owner;
grant insert (store_id, id, customer_id, received_by, owner_id, nameless, party, words, arrived_at, recorded_at), update (removed_at) on crm.receptions to api_owner;
grant update (consent_withdrawn_at) on crm.customers to api_owner;

-- The other one's name only to who sees him.
create view api.links as
select l.store_id, l.id, l.customer_id, l.other_id, l.relation, l.created_at, l.updated_at, l.version, l.change_no,
  (select v.name from api.customers v where v.store_id = l.store_id and v.id = l.other_id) as other_name
from crm.links l where l.removed_at is null;
create view api.consents as
select c.store_id, c.id, c.customer_id, c.purpose, c.channel, c.given, c.source, c.said_at, c.noted_by, c.created_at, c.updated_at, c.version, c.change_no
from crm.consents c where c.removed_at is null;
create view api.receptions as
select r.store_id, r.id, r.customer_id, r.received_by, m.name as received_by_name, r.owner_id, r.nameless, r.party, r.words, r.arrived_at, r.recorded_at, r.created_at, r.updated_at, r.version, r.change_no
from crm.receptions r left join crm.members m on m.store_id = r.store_id and m.user_id = r.received_by where r.removed_at is null;
alter view api.links owner to api_owner;
alter view api.consents owner to api_owner;
alter view api.receptions owner to api_owner;
grant select on api.links, api.consents, api.receptions to authenticated;

-- Both ways at once; relation null takes the link away.
create function crm.save_link(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); v_one uuid; v_other uuid; v_relation text := p ->> 'relation'; v_back text := coalesce(p ->> 'back', p ->> 'relation');
  v_options jsonb; a crm.caller_access;
begin
  perform crm.demand_verb(v_store, 'save_customer');
  v_one := crm.link_of(p_op, 'customers', 'customer_id', null); v_other := crm.link_of(p_op, 'customers', 'other_id', null);
  if v_one is null or v_other is null or v_one = v_other then perform crm.refuse('required', 'other_id'); end if;
  if v_relation is null then
    update crm.links set removed_at = now() where store_id = v_store and removed_at is null and (customer_id, other_id) in ((v_one, v_other), (v_other, v_one));
    return jsonb_build_object('status', 'applied', 'version', 1);
  end if;
  select * into a from crm.my_access('companion') x where x.store_id = v_store;
  if 'relation' <> all (a.writable) then perform crm.refuse('forbidden', 'relation'); end if;
  select f.fields -> 'relation' -> 'options' into v_options from crm.forms f where f.store_id = v_store and f.form = 'companion';
  if not coalesce(v_options, '[]') @> jsonb_build_array(jsonb_build_object('key', v_relation)) then perform crm.refuse('option', 'relation'); end if;
  if not coalesce(v_options, '[]') @> jsonb_build_array(jsonb_build_object('key', v_back)) then perform crm.refuse('option', 'back'); end if;
  insert into crm.links as l (store_id, id, customer_id, other_id, relation)
  values (v_store, coalesce(crm.as_uuid(p ->> 'id'), crm.new_id()), v_one, v_other, v_relation), (v_store, crm.new_id(), v_other, v_one, v_back)
  on conflict (store_id, customer_id, other_id) where removed_at is null do update set relation = excluded.relation;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;
comment on function crm.save_link is 'Two customers of one family: other_id is the relation of customer_id, and back the other way round (S-64). Null takes it away.';

-- Consent (S-67): the last word counts. One taken back for calls, in a purpose the store needs for its calls, stops every call task.
create function crm.save_consent(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'save_customer'); v_customer uuid; v_purposes jsonb; v_stopped timestamptz;
begin
  v_customer := crm.link_of(p_op, 'customers', 'customer_id', null);
  if v_customer is null or crm.as_uuid(p ->> 'id') is null then perform crm.refuse('required', 'customer_id'); end if;
  select coalesce(v.document -> 'consents', '[]') into v_purposes from crm.config_versions v join crm.stores s on s.id = v.store_id and s.config_version = v.version where v.store_id = v_store;
  if not v_purposes @> jsonb_build_array(jsonb_build_object('key', p ->> 'purpose')) then perform crm.refuse('option', 'purpose'); end if;
  if coalesce(p ->> 'channel', '') not in ('any', 'call', 'wechat', 'sms', 'visit') then perform crm.refuse('option', 'channel'); end if;
  if coalesce(jsonb_typeof(p -> 'given'), '') <> 'boolean' then perform crm.refuse('required', 'given'); end if;
  insert into crm.consents (store_id, id, customer_id, purpose, channel, given, source, said_at, noted_by)
  values (v_store, crm.as_uuid(p ->> 'id'), v_customer, p ->> 'purpose', p ->> 'channel', (p ->> 'given')::bool, nullif(trim(left(p ->> 'source', 200)), ''),
    least(coalesce(crm.as_instant(p ->> 'said_at'), now()), now()), c.user_id) on conflict (store_id, id) do nothing;
  if not found then perform crm.refuse('id_taken'); end if;
  select min(x.said_at) into v_stopped from (
    select distinct on (k.purpose) k.purpose, k.given, k.said_at from crm.consents k
    where k.store_id = v_store and k.customer_id = v_customer and k.channel in ('any', 'call') and k.removed_at is null order by k.purpose, k.said_at desc, k.id desc) x
  where not x.given and exists (select from jsonb_array_elements(v_purposes) u where u ->> 'key' = x.purpose and (u ->> 'needed_for_calls')::bool);
  update crm.customers k set consent_withdrawn_at = v_stopped where k.store_id = v_store and k.id = v_customer and k.consent_withdrawn_at is distinct from v_stopped;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

-- Who must not be called has no open call: the rules make none, and what they made before goes.
create function crm.tg_customers__silence() returns trigger
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.tasks t set removed_at = now()
  where t.store_id = new.store_id and t.customer_id = new.id and t.status = 'open' and t.removed_at is null and t.why <> 'manual';
  return null;
end $$;
create trigger tg_customers__silence after update of do_not_call, consent_withdrawn_at on crm.customers for each row
  when (new.do_not_call and not old.do_not_call or new.consent_withdrawn_at is not null and old.consent_withdrawn_at is null)
  execute function crm.tg_customers__silence();

-- Reception (S-13…S-15, S-18, S-63, F-11, F-12) ----------------------------------------------------------------------------------

create function crm.receive(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'save_customer');
  v_id uuid := crm.as_uuid(p ->> 'id'); v_customer uuid := crm.as_uuid(p ->> 'customer_id'); k crm.customers; known bool; given jsonb := coalesce(p -> 'set', '{}');
  v_nameless bool := coalesce(p -> 'nameless' = 'true', false); errors jsonb; x jsonb; n int; v_at timestamptz; v_recorded timestamptz; r jsonb;
begin
  if v_id is null or v_customer is null or jsonb_typeof(given) <> 'object' then perform crm.refuse('invalid', 'id'); end if;
  v_recorded := least(coalesce(crm.as_instant(p ->> 'recorded_at'), now()), now());
  v_at := least(coalesce(crm.as_instant(p ->> 'arrived_at'), v_recorded), v_recorded);
  if v_at < v_recorded - interval '30 days' then perform crm.refuse('range', 'arrived_at'); end if;
  select exists (select from crm.customers t where t.store_id = v_store and t.id = v_customer and t.removed_at is null) into known;
  if not known then
    if not v_nameless then                            -- what the store asks of every visitor, of those who may write it
      select coalesce(jsonb_agg(jsonb_build_object('field', q.key, 'code', 'required')), '[]') into errors
      from crm.config_versions v join crm.stores s on s.id = v.store_id and s.config_version = v.version
      cross join lateral jsonb_array_elements_text(coalesce(v.document #> '{reception,required}', '["name", "source", "level"]')) q (key)
      join crm.my_access('customer') a on a.store_id = v_store and q.key = any (a.writable)
      where v.store_id = v_store and coalesce(trim(given ->> q.key), '') = '';
      if errors <> '[]' then perform crm.refuse('invalid', null, errors); end if;
    end if;
    r := crm.save_customer(jsonb_build_object('config_version', p_op -> 'config_version', 'payload',
      jsonb_build_object('store_id', v_store, 'id', v_customer, 'owner_id', p -> 'owner_id', 'set', given)));
  elsif given <> '{}' then
    r := crm.save_record('customers', 'customer', jsonb_build_object('base_version', (select t.version from crm.customers t where t.store_id = v_store and t.id = v_customer),
      'payload', jsonb_build_object('store_id', v_store, 'id', v_customer, 'set', given)), '{}');
  end if;
  for x in select value from jsonb_array_elements(case jsonb_typeof(p -> 'companions') when 'array' then p -> 'companions' else '[]' end) limit 20 loop
    r := crm.save_companion(jsonb_build_object('payload', jsonb_build_object('store_id', v_store, 'id', x -> 'id', 'customer_id', v_customer, 'set', x -> 'set')));
  end loop;
  select * into k from crm.customers t where t.store_id = v_store and t.id = v_customer;
  insert into crm.receptions (store_id, id, customer_id, received_by, owner_id, nameless, party, words, arrived_at, recorded_at)
  values (v_store, v_id, v_customer, c.user_id, k.owner_id, v_nameless, case when p ->> 'party' ~ '^\d{1,2}$' then greatest((p ->> 'party')::int, 1) else 1 end,
    nullif(trim(left(p ->> 'words', 2000)), ''), v_at, v_recorded) on conflict (store_id, id) do nothing;
  get diagnostics n = row_count;
  if n = 0 then perform crm.refuse('id_taken'); end if;
  if k.owner_id is not null and not k.do_not_call and k.consent_withdrawn_at is null      -- S-63: within a day of leaving the showroom
    and not exists (select from crm.tasks t where t.store_id = v_store and t.customer_id = v_customer and t.status in ('open', 'cancel_requested') and t.removed_at is null and t.subject_form = 'customer') then
    insert into crm.tasks (store_id, customer_id, assignee_id, why, subject_id, due_on) values (v_store, v_customer, k.owner_id, 'first_contact', v_customer, c.today + 1);
  end if;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;
comment on function crm.receive is 'Someone came in: the customer (new, or one who comes again), who came along, the visit, and a call by tomorrow, in one act. nameless: the required answers are not demanded.';

-- Visits of the last thirty days: how many, without a plan (must be 0, S-63), nameless (F-12), median seconds until recorded (S-18).
create function crm.visit_report(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.me(p_store);
begin
  if c.store_id is null then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  return (select jsonb_build_object('visits', count(*), 'nameless', count(*) filter (where r.nameless), 'named_since', count(*) filter (where r.nameless and k.phone is not null),
      'median_seconds', percentile_cont(0.5) within group (order by extract(epoch from r.recorded_at - r.arrived_at))::int,
      'without_plan', count(*) filter (where k.owner_id is not null and not k.do_not_call and k.consent_withdrawn_at is null and k.next_contact_on is null
        and not exists (select from crm.tasks t where t.store_id = p_store and t.customer_id = k.id and t.status in ('open', 'cancel_requested') and t.removed_at is null)
        and not exists (select from crm.deals d join crm.stages s on s.store_id = d.store_id and s.pipeline = d.pipeline and s.key = d.stage
          where d.store_id = p_store and d.customer_id = k.id and d.removed_at is null and s.type = 'won' and d.closed_at >= r.arrived_at)))
    from crm.receptions r join crm.customers k on k.store_id = r.store_id and k.id = r.customer_id and k.removed_at is null
    where r.store_id = p_store and r.removed_at is null and r.arrived_at > now() - interval '30 days');
end $$;

-- The story, newest first, page by page; old values under today's rights come from api.timeline (F-17).
create function crm.customer_timeline(p_store uuid, p_customer uuid, p_before bigint, p_limit int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  if not exists (select from api.customers v where v.store_id = p_store and v.id = p_customer) then raise sqlstate 'PT404' using message = 'not_found'; end if;
  return (select coalesce(jsonb_agg(to_jsonb(q) order by q.id desc), '[]') from (
    select t.id, t.form, t.subject_id, t.kind, t.field, t.old, t.new, t.created_at, m.name as actor_name, t.actor_id is null as by_system,
      case when t.form = 'conversation' and t.kind = 'created' then (select to_jsonb(v) from api.conversations v where v.store_id = p_store and v.id = t.subject_id) end as conversation
    from api.timeline t left join crm.members m on m.store_id = t.store_id and m.user_id = t.actor_id
    where t.store_id = p_store and t.customer_id = p_customer and (p_before is null or t.id < p_before)
    order by t.id desc limit least(greatest(coalesce(p_limit, 50), 1), 200)) q);
end $$;
comment on function crm.customer_timeline is 'A page of a customer''s history before an event id: who did what, old and new under today''s rights.';

alter function crm.visit_report(uuid) owner to api_owner;
alter function crm.customer_timeline(uuid, uuid, bigint, int) owner to api_owner;
create function api.visit_report(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.visit_report(store_id); end;
create function api.customer_timeline(store_id uuid, customer_id uuid, before_id bigint default null, page_size int default 50) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.customer_timeline(store_id, customer_id, before_id, page_size); end;

grant execute on function crm.save_link(jsonb), crm.save_consent(jsonb), crm.receive(jsonb), crm.tg_customers__silence() to api_owner;
grant execute on function crm.visit_report(uuid), crm.customer_timeline(uuid, uuid, bigint, int), api.visit_report(uuid), api.customer_timeline(uuid, uuid, bigint, int) to authenticated;

insert into crm.exits (name, function, call) values
  ('customer_timeline', 'customer_timeline', 'customer_timeline({store}, {customer})'), ('visit_report', 'visit_report', 'visit_report({store})');

revoke create on schema crm, api from api_owner;
