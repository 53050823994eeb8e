-- From hand to hand: claiming from a pool, reassigning, the card the heir accepts, levels that fall, and requests others decide.

grant create on schema crm, api to api_owner;

create table crm.handovers (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  why text not null check (why in ('claim', 'reassign', 'request', 'claim_returned', 'level_pool', 'member_left', 'ladder')),
  from_id uuid, from_pool text,
  to_id uuid, to_pool text,
  by_id uuid,
  words text check (length(words) <= 500),
  contact_due_at timestamptz,
  accepted_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, to_id) references crm.members (store_id, user_id) on delete restrict,
  constraint to_someone_or_a_pool check ((to_id is null) <> (to_pool is null)));
comment on table crm.handovers is 'A customer passed on, with everything that hangs on him (First 3). by_id null = the rules. contact_due_at: a claim without a contact by then goes back.';
create index on crm.handovers (store_id, customer_id, created_at desc);
create index on crm.handovers (store_id, to_id, created_at) where to_id is not null;
create index on crm.handovers (store_id, contact_due_at) where contact_due_at is not null;
create trigger tg_handovers__a_stamp before insert or update on crm.handovers for each row execute function crm.tg_record__stamp();
create trigger tg_handovers__born after insert on crm.handovers referencing new table as after_rows for each statement execute function crm.tg_record__born('handover');

alter table crm.handovers enable row level security;
select crm.rows_follow_customer('handovers', 'to_id');
grant select on crm.handovers to api_owner;
grant update (accepted_at) on crm.handovers to api_owner;

create view api.handovers as
select h.store_id, h.id, h.customer_id, h.why, h.from_id, f.name as from_name, h.from_pool, h.to_id, h.to_pool, h.by_id, b.name as by_name, h.words,
  h.contact_due_at, h.accepted_at, h.created_at, h.updated_at, h.version, h.change_no
from crm.handovers h
left join crm.members f on f.store_id = h.store_id and f.user_id = h.from_id
left join crm.members b on b.store_id = h.store_id and b.user_id = h.by_id
where h.removed_at is null;
alter view api.handovers owner to api_owner;
grant select on api.handovers to authenticated;

-- The one way an owner changes. Belongs to the table owner: owner and pool are writable by nobody else. Everything moves in this
-- transaction: open deals, open tasks, the plan; stage, links, level and its clock stay untouched (default c).
create function crm.hand_over(p_store uuid, p_customer uuid, p_owner uuid, p_pool text, p_by uuid, p_why text, p_words text, p_due timestamptz default null) returns uuid
  language plpgsql volatile security definer set search_path = '' as $$
declare k crm.customers; v_today date; v_id uuid := crm.new_id();
begin
  select * into k from crm.customers x where x.store_id = p_store and x.id = p_customer and x.removed_at is null for update;
  if k.id is null then perform crm.refuse('not_found', 'customer_id'); end if;
  if (p_owner is null) = (p_pool is null) then perform crm.refuse('required', 'owner_id'); end if;
  if p_owner is not null and not exists (select from crm.members m where m.store_id = p_store and m.user_id = p_owner and m.active) then
    perform crm.refuse('option', 'owner_id');
  end if;
  if p_pool is not null and not exists (select from crm.pools x where x.store_id = p_store and x.key = p_pool and not x.retired) then
    perform crm.refuse('option', 'pool');
  end if;
  if k.owner_id is not distinct from p_owner and k.pool is not distinct from p_pool then return null; end if;   -- he has it already
  select (now() at time zone s.time_zone)::date into v_today from crm.stores s where s.id = p_store;

  update crm.customers set owner_id = p_owner, pool = p_pool,
    next_contact_on = case when p_owner is null then null when do_not_call then next_contact_on else coalesce(next_contact_on, v_today) end
  where store_id = p_store and id = p_customer;
  update crm.deals d set owner_id = p_owner from crm.stages s
  where d.store_id = p_store and d.customer_id = p_customer and d.owner_id is not distinct from k.owner_id and d.removed_at is null
    and s.store_id = d.store_id and s.pipeline = d.pipeline and s.key = d.stage and s.type = 'open';
  if p_owner is null then                             -- his follow-ups end with him; what others have planned stays
    update crm.tasks t set removed_at = now()
    where t.store_id = p_store and t.customer_id = p_customer and t.assignee_id is not distinct from k.owner_id and t.status = 'open' and t.removed_at is null
      and t.subject_form = 'customer';
  else                                                -- all open work comes along, except the renewal specialist's own
    update crm.tasks t set assignee_id = p_owner
    where t.store_id = p_store and t.customer_id = p_customer and t.assignee_id <> p_owner and t.assignee_id is distinct from k.renewal_owner_id
      and t.status in ('open', 'cancel_requested') and t.removed_at is null;
    if not k.do_not_call and k.consent_withdrawn_at is null and not exists (select from crm.tasks t where t.store_id = p_store and t.customer_id = p_customer and t.subject_form = 'customer'
        and t.assignee_id = p_owner and t.status in ('open', 'cancel_requested') and t.removed_at is null)
      and (k.pool is not null or coalesce(k.next_contact_on, v_today) <= v_today) then
      insert into crm.tasks (store_id, customer_id, assignee_id, why, subject_id, due_on)       -- S-24: a lead handed out gets its first call
      values (p_store, p_customer, p_owner, 'first_contact', p_customer, v_today);
    end if;
  end if;
  insert into crm.handovers (store_id, id, customer_id, why, from_id, from_pool, to_id, to_pool, by_id, words, contact_due_at, accepted_at)
  values (p_store, v_id, p_customer, p_why, k.owner_id, k.pool, p_owner, p_pool, p_by, nullif(trim(left(p_words, 500)), ''), p_due,
    case when p_owner is null or p_owner is not distinct from p_by then now() end);
  return v_id;
end $$;
comment on function crm.hand_over is 'Passes a customer on with all that hangs on him, and keeps a card for the heir (First 3). Trusts its caller: claim, reassign, decisions, rules.';

-- Claiming (F-24) -----------------------------------------------------------------------------------------------------------

-- Belongs to the table owner: the pool's customers are invisible to those who may help themselves, so that nobody reads a pool's
-- numbers without claiming. Every limit is looked at under a lock of the person, so that two claims at once count as two.
create function crm.claim(p_store uuid, p_customer uuid) returns uuid
  language plpgsql volatile security definer set search_path = '' as $$
declare c crm.caller := crm.me(p_store); k crm.customers; o crm.pools; n int;
begin
  perform pg_advisory_xact_lock(hashtextextended('crm.claim:' || p_store || c.user_id, 0));
  select * into k from crm.customers x where x.store_id = p_store and x.id = p_customer and x.removed_at is null for update;
  select * into o from crm.pools x where x.store_id = p_store and x.key = k.pool;
  if k.id is null then perform crm.refuse('not_found', 'customer_id'); end if;
  if k.owner_id is not null and exists (select from crm.handovers h where h.store_id = p_store and h.customer_id = p_customer and h.why = 'claim' and h.created_at > now() - interval '1 day') then
    perform crm.refuse('claim_gone', 'customer_id');  -- a colleague was quicker; of anyone else's customer nothing is said
  end if;
  if k.owner_id is not null or o.claims_per_day = 0 or o.retired then perform crm.refuse('not_found', 'customer_id'); end if;
  select count(*) into n from crm.handovers h
  where h.store_id = p_store and h.to_id = c.user_id and h.why = 'claim' and h.created_at >= c.today::timestamp at time zone c.time_zone;
  if n >= o.claims_per_day then perform crm.refuse('claim_limit', 'customer_id'); end if;
  if exists (select from crm.handovers h where h.store_id = p_store and h.customer_id = p_customer and h.from_id = c.user_id
             and h.created_at > now() - make_interval(days => o.ex_owner_days)) then
    perform crm.refuse('claim_again', 'customer_id');
  end if;
  return crm.hand_over(p_store, p_customer, c.user_id, null, c.user_id, 'claim', null, now() + make_interval(hours => o.contact_hours));
end $$;

create function crm.claim_customer(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
begin
  perform crm.demand_verb(v_store, 'claim_customer');
  return jsonb_build_object('status', 'applied', 'version', 1, 'handover_id', crm.claim(v_store, crm.as_uuid(p_op #>> '{payload,customer_id}')));
end $$;

-- What a pool holds. Who may claim sees names and needs, never a number; who hands out sees his rows as always.
create function crm.pool_list(p_store uuid, p_pool text, p_limit int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.me(p_store); a crm.caller_access; pools jsonb; rows jsonb; v_pool text;
begin
  if c.store_id is null or not c.verbs && array['claim_customer', 'reassign'] then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  select * into a from crm.my_access('customer') x where x.store_id = p_store;
  select coalesce(jsonb_agg(jsonb_build_object('key', o.key, 'label', o.label, 'customers', n.customers, 'contact_hours', o.contact_hours,
      'left', case when 'claim_customer' = any (c.verbs) and o.claims_per_day > 0 then greatest(o.claims_per_day - (select count(*)::int from crm.handovers h
        where h.store_id = p_store and h.to_id = c.user_id and h.why = 'claim' and h.created_at >= c.today::timestamp at time zone c.time_zone), 0) end) order by o.position), '[]') into pools
  from crm.pools o
  cross join lateral (select count(*)::int as customers from crm.customers k where k.store_id = p_store and k.pool = o.key and k.removed_at is null) n
  where o.store_id = p_store and not o.retired
    and ('reassign' = any (c.verbs) and (c.scope = 'store' or o.key = any (c.pools)) or 'claim_customer' = any (c.verbs) and o.claims_per_day > 0);
  v_pool := coalesce(p_pool, pools -> 0 ->> 'key');
  if not exists (select from jsonb_array_elements(pools) x where x ->> 'key' = v_pool) then v_pool := null; end if;
  select coalesce(jsonb_agg(to_jsonb(q) order by q.rank desc, q.waiting_since, q.id), '[]') into rows from (
    select k.id, l.rank, case when 'name' = any (a.readable) then k.name end as name, case when 'level' = any (a.readable) then k.level end as level,
      case when 'need' = any (a.readable) then k.need end as need, case when 'source' = any (a.readable) then k.source end as source, k.last_contact_at,
      coalesce((select max(h.created_at) from crm.handovers h where h.store_id = p_store and h.customer_id = k.id and h.to_pool = v_pool), k.created_at) as waiting_since
    from crm.customers k join crm.levels l on l.store_id = k.store_id and l.key = k.level
    where k.store_id = p_store and k.pool = v_pool and k.removed_at is null
    order by l.rank desc, k.created_at desc limit least(greatest(coalesce(p_limit, 50), 1), 200)) q;
  return jsonb_build_object('today', c.today, 'pool', v_pool, 'pools', pools, 'customers', rows);
end $$;
comment on function crm.pool_list is 'Pools the caller may claim or hand out from, and the customers of one: level, need and how long they wait; never a phone number. Definer of the table owner: claimers see no pool''s rows.';

-- Reassigning (S-25…S-27, F-47, F-48) ----------------------------------------------------------------------------------------

create function crm.reassign(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); c crm.caller := crm.demand_verb(v_store, 'reassign');
  given jsonb := case jsonb_typeof(p -> 'customer_ids') when 'array' then p -> 'customer_ids' else jsonb_build_array(p -> 'customer_id') end; ids uuid[]; v uuid; moved jsonb := '[]'; h uuid;
begin
  if p ->> 'owner_id' is not null and crm.as_uuid(p ->> 'owner_id') is null then perform crm.refuse('option', 'owner_id'); end if;
  ids := array(select k.id from crm.customers k where k.store_id = v_store and k.removed_at is null
    and k.id in (select crm.as_uuid(x) from jsonb_array_elements_text(given) x) order by k.id);     -- in one order: two managers wait, none deadlocks
  if cardinality(ids) = 0 or cardinality(ids) < jsonb_array_length(given) then perform crm.refuse('not_found', 'customer_ids'); end if;
  if cardinality(ids) > 500 then perform crm.refuse('range', 'customer_ids'); end if;
  foreach v in array ids loop
    h := crm.hand_over(v_store, v, crm.as_uuid(p ->> 'owner_id'), p ->> 'pool', c.user_id, 'reassign', p ->> 'words');
    if h is not null then moved := moved || to_jsonb(h); end if;
  end loop;
  return jsonb_build_object('status', 'applied', 'version', 1, 'moved', moved);
end $$;

create function crm.accept_handover(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}'); c crm.caller := crm.me(v_store); v_version int;
begin
  update crm.handovers h set accepted_at = coalesce(h.accepted_at, now())
  where h.store_id = v_store and h.id = crm.as_uuid(p_op #>> '{payload,id}') and h.to_id = c.user_id returning h.version into v_version;
  if v_version is null then perform crm.refuse('not_found', 'id'); end if;
  return jsonb_build_object('status', 'applied', 'version', v_version);
end $$;

-- Days at a level without a deal, one clock: it starts when the customer entered the level, reassignment does not reset it (default c).
create function crm.level_days(p_customer crm.customers, p_day date, p_zone text) returns int
  language sql immutable set search_path = '' as $$ select p_day - (p_customer.level_at at time zone p_zone)::date $$;

create function crm.reassign_list(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'reassign');
begin
  return jsonb_build_object('today', c.today, 'me', c.user_id,
    'customers', (select coalesce(jsonb_agg(to_jsonb(q) order by q.days desc, q.id), '[]') from (
      select v.id, v.name, v.level, v.owner_id, m.name as owner_name, m.role as owner_role, crm.level_days(k, c.today, c.time_zone) as days, l.demote_after_days, v.need, v.last_contact_at,
        (select to_jsonb(t) from (select t.occurred_at, t.outcome, t.words from api.conversations t where t.store_id = p_store and t.customer_id = k.id order by t.occurred_at desc limit 1) t) as last
      from crm.customers k
      join crm.levels l on l.store_id = k.store_id and l.key = k.level
      join api.customers v on v.store_id = k.store_id and v.id = k.id
      join crm.members m on m.store_id = k.store_id and m.user_id = k.owner_id
      where k.store_id = p_store and k.removed_at is null and crm.level_days(k, c.today, c.time_zone) > l.reassign_after_days
        and not exists (select from crm.deals d join crm.stages s on s.store_id = d.store_id and s.pipeline = d.pipeline and s.key = d.stage
                        where d.store_id = p_store and d.customer_id = k.id and d.removed_at is null and s.type = 'won' and d.closed_at >= k.level_at)
        and not exists (select from crm.handovers h where h.store_id = p_store and h.customer_id = k.id and h.why in ('reassign', 'request')
                        and (h.created_at at time zone c.time_zone)::date - (k.level_at at time zone c.time_zone)::date > l.reassign_after_days)
      order by days desc, k.id limit 200) q),
    'members', crm.heirs(p_store));
end $$;
comment on function crm.reassign_list is 'Customers past their level''s days without a deal and not yet passed on for it (S-25, S-27), and who could take them.';

-- Who could be an heir: members who log conversations, with deals won of those decided in half a year, and how many they look after.
create function crm.heirs(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.demand(p_store, 'reassign');
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('user_id', m.user_id, 'name', m.name, 'role', m.role, 'won', n.won, 'decided', n.decided,
      'customers', (select count(*) from crm.customers k where k.store_id = p_store and k.owner_id = m.user_id and k.removed_at is null)) order by r.position, m.joined_at), '[]')
    from crm.members m join crm.roles r on r.store_id = m.store_id and r.key = m.role
    cross join lateral (select count(*) filter (where s.type = 'won') as won, count(*) as decided from crm.deals d
      join crm.stages s on s.store_id = d.store_id and s.pipeline = d.pipeline and s.key = d.stage and s.type in ('won', 'lost')
      where d.store_id = p_store and d.owner_id = m.user_id and d.removed_at is null and d.closed_at > now() - interval '180 days') n
    where m.store_id = p_store and m.active and 'log_conversation' = any (r.verbs));
end $$;

-- Requests that others decide (F-44, F-45) -----------------------------------------------------------------------------------

create function crm.must_ask(p_store uuid, p_kind text, p_caller crm.caller) returns bool
  language plpgsql stable set search_path = '' as $$
begin
  return 'decide_approval' <> all (p_caller.verbs)
    and coalesce((select s.settings -> ('approve_' || p_kind) = 'true' from crm.stores s where s.id = p_store), false);
end $$;
comment on function crm.must_ask is 'Whether the store wants such an act approved (settings approve_lost, approve_level_down) and the caller is none who approves.';

create function crm.ask_approval(p_store uuid, p_payload jsonb, p_kind text, p_customer uuid, p_deal uuid, p_reason text, p_asked jsonb) returns uuid
  language plpgsql volatile set search_path = '' as $$
declare v_id uuid := coalesce(crm.as_uuid(p_payload ->> 'approval_id'), crm.new_id());
begin
  insert into crm.approvals (store_id, id, kind, deal_id, customer_id, requester_id, reason, words, asked)
  values (p_store, v_id, p_kind, p_deal, p_customer, (select auth.uid()), p_reason, nullif(trim(left(p_payload ->> 'words', 500)), ''), p_asked) on conflict do nothing;
  if not found and p_kind <> 'level_down' then perform crm.refuse('already_asked'); end if;          -- a level asked twice waits once
  return v_id;
end $$;

-- Someone stands before me whom a colleague looks after: ask for him by the number he gave. Belongs to the table owner, since the
-- row is invisible to the caller; it answers nothing about it.
create function crm.find_other(p_store uuid, p_phone text, p_plate text) returns uuid
  language sql stable security definer set search_path = '' as $$
  select k.id from crm.customers k
  where k.store_id = p_store and p_store = any (crm.my_store_ids(null)) and k.removed_at is null and k.owner_id is distinct from (select auth.uid())
    and ((k.phone_tail = right(p_phone, 4) and k.phone = p_phone)
      or k.id in (select v.customer_id from crm.vehicles v where v.store_id = p_store and v.plate = p_plate and v.removed_at is null))
  order by coalesce(k.last_contact_at, k.created_at) desc limit 1 $$;

-- Definer of the table owner, since a row that must not be seen is joined to.
create function crm.put_request(p_store uuid, p_id uuid, p_customer uuid, p_words text) returns bool
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.approvals (store_id, id, kind, customer_id, requester_id, words, asked)
  values (p_store, p_id, 'reassign', p_customer, (select auth.uid()), nullif(trim(left(p_words, 500)), ''), jsonb_build_object('owner_id', (select auth.uid()))) on conflict do nothing;
  return found;
end $$;

create function crm.request_customer(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); v_id uuid := crm.as_uuid(p ->> 'id'); v_other uuid;
begin
  perform crm.demand_verb(v_store, 'save_customer');
  if v_id is null then perform crm.refuse('invalid', 'id'); end if;
  v_other := crm.find_other(v_store, case when crm.may_write(v_store, 'customer', 'phone') then p ->> 'phone' end,
    case when crm.may_write(v_store, 'vehicle', 'plate') then upper(p ->> 'plate') end);
  if v_other is null then perform crm.refuse('not_found', 'phone'); end if;
  if not crm.put_request(v_store, v_id, v_other, p ->> 'words') then perform crm.refuse('already_asked'); end if;
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;
comment on function crm.request_customer is 'Join instead of a block (F-15): a request to take over a colleague''s customer, which a decider judges; the words stay on the customer''s timeline.';

create function crm.carry_out(a crm.approvals, p_decision text, p_remark text) returns void
  language plpgsql volatile set search_path = '' as $$
declare c crm.caller := crm.me(a.store_id);
begin
  if p_decision = 'approve' then
    if a.kind = 'lost' then
      update crm.deals d set stage = a.asked ->> 'stage', stage_at = now(), closed_at = now(), lost_reason = a.reason,
        checked = array(select jsonb_array_elements_text(coalesce(a.asked -> 'checked', '[]')))
      from crm.stages s where d.store_id = a.store_id and d.id = a.deal_id and d.removed_at is null and s.store_id = d.store_id and s.pipeline = d.pipeline
        and s.key = a.asked ->> 'stage' and s.type = 'lost' and not s.retired;
      if not found then perform crm.refuse('changed_since', 'id'); end if;
      perform crm.deal_closed(a.store_id, a.deal_id, a.asked);
    elsif a.kind = 'level_down' then
      update crm.customers k set level = a.asked ->> 'level' where k.store_id = a.store_id and k.id = a.customer_id and k.level = a.asked ->> 'from';
    else
      perform crm.hand_over(a.store_id, a.customer_id, a.requester_id, null, c.user_id, 'request', a.words);
    end if;
  elsif a.kind <> 'reassign' then                     -- S-09: what is sent back is due today, with the remark; a request for another's customer only answers
    insert into crm.tasks (store_id, customer_id, assignee_id, why, subject_form, subject_id, due_on, rank, remark)
    values (a.store_id, a.customer_id, a.requester_id, 'manual', case a.kind when 'lost' then 'deal' else 'customer' end, coalesce(a.deal_id, a.customer_id), c.today, 0, p_remark);
  end if;
end $$;

-- The nightly part ---------------------------------------------------------------------------------------------------------

create function crm.run_levels(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare v_zone text; k record; returned int := 0; demoted int := 0; moved int := 0;
begin
  select s.time_zone into v_zone from crm.stores s where s.id = p_store;
  -- F-24: a claim is followed by a contact or goes back where it came from
  for k in
    select h.id, h.customer_id, h.from_pool from crm.handovers h join crm.customers c on c.store_id = h.store_id and c.id = h.customer_id and c.owner_id = h.to_id and c.removed_at is null
    where h.store_id = p_store and h.why = 'claim' and h.contact_due_at <= greatest(now(), p_day::timestamp at time zone v_zone)
      and not exists (select from crm.conversations t where t.store_id = p_store and t.customer_id = h.customer_id and t.author_id = h.to_id and t.reached
                      and t.removed_at is null and t.occurred_at >= h.created_at)
      and not exists (select from crm.handovers later where later.store_id = p_store and later.customer_id = h.customer_id and later.created_at > h.created_at)
    order by h.customer_id
  loop
    perform crm.hand_over(p_store, k.customer_id, null, k.from_pool, null, 'claim_returned', null);
    returned := returned + 1;
  end loop;

  -- S-26: the second failure; the same clock, a deal won meanwhile stops it
  update crm.customers c set level = l.demote_to
  from crm.levels l
  where c.store_id = p_store and l.store_id = p_store and l.key = c.level and l.demote_after_days is not null and c.owner_id is not null and c.removed_at is null
    and p_day - (c.level_at at time zone v_zone)::date > l.demote_after_days
    and exists (select from crm.levels t where t.store_id = p_store and t.key = l.demote_to)
    and not exists (select from crm.deals d join crm.stages s on s.store_id = d.store_id and s.pipeline = d.pipeline and s.key = d.stage
                    where d.store_id = p_store and d.customer_id = c.id and d.removed_at is null and s.type = 'won' and d.closed_at >= c.level_at);
  get diagnostics demoted = row_count;

  -- S-20: a level that names a pool belongs there (潜在 → the market team)
  for k in
    select c.id, l.pool from crm.customers c join crm.levels l on l.store_id = c.store_id and l.key = c.level
    where c.store_id = p_store and l.pool is not null and c.owner_id is not null and c.removed_at is null order by c.id
  loop
    perform crm.hand_over(p_store, k.id, null, k.pool, null, 'level_pool', null);
    moved := moved + 1;
  end loop;
  return jsonb_build_object('claims_returned', returned, 'demoted', demoted, 'moved_to_pool', moved);
end $$;
comment on function crm.run_levels is 'Claims that go back, levels that fall after their days (S-26), customers whose level belongs to a pool (S-20); each leaves an event and a handover.';

alter function crm.pool_list(uuid, text, int) set plan_cache_mode = force_generic_plan;
alter function crm.reassign_list(uuid) owner to api_owner;
alter function crm.heirs(uuid) owner to api_owner;
create function api.pool_list(store_id uuid, pool text default null, page_size int default 50) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.pool_list(store_id, pool, page_size); end;
create function api.reassign_list(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.reassign_list(store_id); end;
create function api.heirs(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.heirs(store_id); end;

grant execute on function crm.new_id(), crm.hand_over(uuid, uuid, uuid, text, uuid, text, text, timestamptz), crm.claim(uuid, uuid), crm.claim_customer(jsonb), crm.reassign(jsonb),
  crm.accept_handover(jsonb), crm.level_days(crm.customers, date, text), crm.must_ask(uuid, text, crm.caller), crm.ask_approval(uuid, jsonb, text, uuid, uuid, text, jsonb),
  crm.find_other(uuid, text, text), crm.put_request(uuid, uuid, uuid, text), crm.request_customer(jsonb), crm.carry_out(crm.approvals, text, text) to api_owner;
grant execute on function crm.pool_list(uuid, text, int), crm.reassign_list(uuid), crm.heirs(uuid), api.pool_list(uuid, text, int), api.reassign_list(uuid), api.heirs(uuid) to authenticated;

insert into crm.exits (name, function, call, on_demand) values
  ('pool_list', 'pool_list', 'pool_list({store}, {pool})', false), ('reassign_list', 'reassign_list', 'reassign_list({store})', true), ('heirs', 'heirs', 'heirs({store})', false);

revoke create on schema crm, api from api_owner;
