-- Promises to customers, when to try again, and what a manager should look at: what a logged conversation leaves behind.

grant create on schema crm, api to api_owner;

create table crm.promises (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  author_id uuid not null,
  conversation_id uuid not null,
  words text not null check (length(trim(words)) between 1 and 200),
  due_on date not null,
  status text not null default 'open' check (status in ('open', 'kept', 'dropped')),
  ended_at timestamptz,
  ended_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, conversation_id) references crm.conversations on delete cascade,
  constraint ended check ((status = 'open') = (ended_at is null)));
comment on table crm.promises is 'What a customer was promised, by a day; it stays in the brief until it is kept or dropped (reserve 15).';
create index on crm.promises (store_id, customer_id, due_on) where status = 'open' and removed_at is null;
create index on crm.promises (store_id, conversation_id);

create table crm.flags (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null default gen_random_uuid(),
  kind text not null check (kind in ('burst', 'unreachable', 'complaint')),
  member_id uuid not null,
  customer_id uuid,
  task_id uuid,
  times int not null default 1 check (times > 0),
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now(),
  seen_by uuid,
  seen_at timestamptz,
  op_id uuid,
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, member_id) references crm.members (store_id, user_id) on delete cascade,
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, task_id) references crm.tasks on delete cascade);
comment on table crm.flags is 'What a decider should look at, one line each: a burst of outcomes without a dial press (First 1), somebody who cannot be reached, a complaint. No approval hangs on it.';
create index on crm.flags (store_id, last_at) where seen_at is null and removed_at is null;
create index on crm.flags (store_id, member_id, kind, last_at);
create index on crm.flags (store_id, customer_id) where customer_id is not null;
create index on crm.flags (store_id, task_id) where task_id is not null;
create index on crm.flags (store_id, op_id) where op_id is not null;

create trigger tg_promises__a_stamp before insert or update on crm.promises for each row execute function crm.tg_record__stamp();
create trigger tg_promises__born after insert on crm.promises referencing new table as after_rows for each statement execute function crm.tg_record__born('promise');
create trigger tg_promises__history after update on crm.promises for each row
  execute function crm.tg_record__history('promise', 'status', 'ended_at', 'ended_by', 'removed_at');

-- When to try again ---------------------------------------------------------------------------------------------------------------

create function crm.day_parts(p_parts jsonb) returns table (key text, start time, "end" time, n bigint)
  language sql immutable set search_path = '' as $$
  select x ->> 'key', (x ->> 'start')::time, (x ->> 'end')::time, n
  from jsonb_array_elements(case when jsonb_array_length(coalesce(p_parts, '[]')) > 0 then p_parts else
    '[{"key": "morning", "start": "09:00", "end": "12:00"}, {"key": "noon", "start": "12:00", "end": "14:00"},
      {"key": "afternoon", "start": "14:00", "end": "18:00"}, {"key": "evening", "start": "18:00", "end": "20:00"}]'::jsonb end) with ordinality as t (x, n) $$;
comment on function crm.day_parts is 'The parts of a day in which people are called, as the store cuts it; else ours.';

create function crm.next_try(p_from timestamptz, p_zone text, p_parts jsonb, p_tried text[], p_preferred text) returns timestamptz
  language sql stable set search_path = '' as $$
  with open_parts as (
    select q.key, greatest((d.day + q.start) at time zone p_zone, p_from) as at, (d.day + q."end") at time zone p_zone as until
    from crm.day_parts(p_parts) q, lateral (select (p_from at time zone p_zone)::date + g as day from generate_series(0, 7) g) d)
  select o.at from open_parts o where o.at < o.until
  order by not (o.key is not distinct from p_preferred and not o.key = any (p_tried)),   -- the hour he likes, unless it was tried
    o.key = any (p_tried), o.at limit 1 $$;
comment on function crm.next_try is 'The first moment from p_from on in a part of the day that was not tried yet, the one the customer prefers before all; when all were tried, the first of any (F-31).';

create function crm.parts_tried(p_store uuid, p_customer uuid, p_zone text, p_parts jsonb) returns text[]
  language sql stable set search_path = '' as $$
  select coalesce(array_agg(distinct q.key), '{}')
  from crm.conversations v join crm.day_parts(p_parts) q on (v.occurred_at at time zone p_zone)::time >= q.start and (v.occurred_at at time zone p_zone)::time < q."end"
  where v.store_id = p_store and v.customer_id = p_customer and not v.reached and v.method = 'call' and v.removed_at is null
    and v.occurred_at > greatest(now() - interval '14 days', (select max(y.occurred_at) from crm.conversations y
      where y.store_id = p_store and y.customer_id = p_customer and y.reached and y.removed_at is null)) $$;
comment on function crm.parts_tried is 'In which parts of the day this customer was called in vain, since he was last reached and within two weeks.';

-- Flags ---------------------------------------------------------------------------------------------------------------------------
-- Written by the table owner: nobody may raise or hide a flag by himself. One open line per kind, member and customer.

create function crm.raise_flag(p_store uuid, p_kind text, p_member uuid, p_customer uuid, p_task uuid) returns void
  language plpgsql volatile security definer set search_path = '' as $$
begin
  if p_store <> all (crm.my_store_ids(null)) then perform crm.refuse('forbidden'); end if;
  update crm.flags f set times = f.times + 1, last_at = now()
  where f.store_id = p_store and f.kind = p_kind and f.member_id = p_member and f.customer_id is not distinct from p_customer and f.seen_at is null and f.removed_at is null;
  if not found then
    insert into crm.flags (store_id, kind, member_id, customer_id, task_id, op_id)
    values (p_store, p_kind, p_member, p_customer, p_task, nullif(current_setting('crm.op_id', true), '')::uuid);
  end if;
end $$;

create function crm.watch_for_bursts(p_store uuid, p_author uuid, p_at timestamptz) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare most int; seconds int; found_ids uuid[];
begin
  if p_author is distinct from (select auth.uid()) then perform crm.refuse('forbidden'); end if;
  select coalesce((s.settings #>> '{burst,times}')::int, 10), coalesce((s.settings #>> '{burst,seconds}')::int, 300) into most, seconds from crm.stores s where s.id = p_store;
  found_ids := array(select v.id from crm.conversations v
    where v.store_id = p_store and v.author_id = p_author and v.method = 'call' and v.dialled_at is null and v.removed_at is null
      and v.occurred_at between p_at - make_interval(secs => seconds) and p_at + make_interval(secs => seconds) limit 1000);
  if cardinality(found_ids) < most then return; end if;
  update crm.conversations v set burst = true where v.store_id = p_store and v.id = any (found_ids) and not v.burst;   -- also those before the threshold
  update crm.flags f set times = greatest(f.times, cardinality(found_ids)), last_at = greatest(f.last_at, p_at)
  where f.store_id = p_store and f.kind = 'burst' and f.member_id = p_author and f.seen_at is null and f.removed_at is null;
  if not found then
    insert into crm.flags (store_id, kind, member_id, times, first_at, last_at) values (p_store, 'burst', p_author, cardinality(found_ids), p_at, p_at);
  end if;
end $$;
comment on function crm.watch_for_bursts is 'Many outcomes of calls in a few minutes without one dial press: each is marked, the manager gets one line (First 1). burst.times and burst.seconds are the store''s.';

create function crm.drop_flags(p_store uuid, p_op uuid) returns void
  language sql volatile security definer set search_path = '' as $$
  update crm.flags f set removed_at = now() where f.store_id = p_store and f.op_id = p_op and f.member_id = (select auth.uid()) and f.seen_at is null and f.removed_at is null $$;
comment on function crm.drop_flags is 'What an operation that its author takes back has raised; what a manager has seen stays.';

-- Rows and verbs ------------------------------------------------------------------------------------------------------------------

alter table crm.promises enable row level security;
alter table crm.flags enable row level security;
select crm.rows_follow_customer('promises', 'author_id');
create policy select_decider on crm.flags for select to api_owner using (store_id = any ((select crm.my_store_ids('store'))::uuid[]));
create policy update_decider on crm.flags for update to api_owner using (store_id = any ((select crm.my_store_ids(null))::uuid[]));
grant select on crm.promises, crm.flags to api_owner;
grant insert (store_id, id, customer_id, author_id, conversation_id, words, due_on), update (status, ended_at, ended_by, removed_at) on crm.promises to api_owner;
grant update (seen_by, seen_at, removed_at) on crm.flags to api_owner;

create view api.promises as
select p.store_id, p.id, p.customer_id, p.author_id, p.conversation_id, p.due_on, p.status, p.ended_at, p.created_at, p.updated_at, p.version, p.change_no,
  case when 'words' = any (a.readable) then p.words end as words   -- said in a talk: under the talk's right
from crm.promises p left join crm.my_access('conversation') a on a.store_id = p.store_id
where p.removed_at is null;
create view api.flags as
select f.store_id, f.id, f.kind, f.member_id, m.name as member_name, f.customer_id, k.name, f.task_id, f.times, f.first_at, f.last_at, f.seen_by, f.seen_at
from crm.flags f
join crm.members m on m.store_id = f.store_id and m.user_id = f.member_id
left join api.customers k on k.store_id = f.store_id and k.id = f.customer_id
where f.removed_at is null and crm.may(f.store_id, 'decide_approval');
alter view api.promises owner to api_owner;
alter view api.flags owner to api_owner;
grant select on api.promises, api.flags to authenticated;

create function crm.promise_problems(p_promises jsonb, p_today date, p_reached bool) returns jsonb
  language plpgsql immutable set search_path = '' as $$
begin
  if p_promises = '[]' then return '[]'; end if;
  if jsonb_array_length(p_promises) > 10 or not coalesce(p_reached, false) then return '[{"field": "promises", "code": "range"}]'; end if;
  return (select coalesce(jsonb_agg(distinct jsonb_build_object('field', 'promises', 'code', x.code)), '[]') from (
    select case when crm.as_uuid(e ->> 'id') is null or length(trim(coalesce(e ->> 'words', ''))) not between 1 and 200 then 'required'
      when crm.as_date(e -> 'due_on') is null then 'date' when crm.as_date(e -> 'due_on') not between p_today and p_today + 730 then 'range' end as code
    from jsonb_array_elements(p_promises) e) x where x.code is not null);
end $$;

create function crm.end_promise(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'log_conversation'); m crm.promises;
begin
  select * into m from crm.promises x where x.store_id = v_store and x.id = crm.as_uuid(p ->> 'id') and x.removed_at is null for update;
  if m.id is null or not exists (select from crm.customers k where k.store_id = v_store and k.id = m.customer_id) then perform crm.refuse('not_found', 'id'); end if;
  if coalesce(p ->> 'status', '') not in ('kept', 'dropped') then perform crm.refuse('option', 'status'); end if;
  if m.status <> 'open' then perform crm.refuse('task_closed', 'id'); end if;
  update crm.promises set status = p ->> 'status', ended_at = now(), ended_by = c.user_id where store_id = v_store and id = m.id;
  return jsonb_build_object('status', 'applied', 'version', m.version + 1);
end $$;
comment on function crm.end_promise is 'A promise was kept, or dropped because nobody wants it any more; whoever may log conversations with the customer.';

create function crm.see_flag(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'decide_approval'); f crm.flags;
begin
  select * into f from crm.flags x where x.store_id = v_store and x.id = crm.as_uuid(p ->> 'id') and x.removed_at is null for update;
  if f.id is null then perform crm.refuse('not_found', 'id'); end if;
  if f.member_id = c.user_id then perform crm.refuse('own_request', 'id'); end if;   -- nobody waves through what is about himself
  update crm.flags set seen_by = c.user_id, seen_at = now() where store_id = v_store and id = f.id and seen_at is null;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

grant execute on function crm.day_parts(jsonb), crm.next_try(timestamptz, text, jsonb, text[], text), crm.parts_tried(uuid, uuid, text, jsonb),
  crm.raise_flag(uuid, text, uuid, uuid, uuid), crm.watch_for_bursts(uuid, uuid, timestamptz), crm.drop_flags(uuid, uuid), crm.promise_problems(jsonb, date, bool), crm.end_promise(jsonb), crm.see_flag(jsonb) to api_owner;

revoke create on schema crm, api from api_owner;
