-- The renewal engine's memory (First 9): a year follows a year, a lost one comes back, a delivered car begins one, an orphan is claimed.

grant create on schema crm, api to api_owner;

-- The year after: ours again, or one we lost and know who holds it. Null when it is written already.
create function crm.next_policy(p_policy crm.policies, p_id uuid, p_origin text, p_insurer text, p_premium bigint, p_expires date) returns uuid
  language plpgsql volatile set search_path = '' as $$
declare v_id uuid := coalesce(p_id, crm.new_id());
begin
  insert into crm.policies (store_id, id, customer_id, vehicle_id, insurer, kind, premium_fen, starts_on, expires_on, origin, renews_id)
  values (p_policy.store_id, v_id, p_policy.customer_id, p_policy.vehicle_id, p_insurer, p_policy.kind, p_premium,
    case when p_expires is null then p_policy.expires_on else (p_expires - interval '1 year')::date end + 1,
    coalesce(p_expires, (p_policy.expires_on + interval '1 year')::date), p_origin, p_policy.id) on conflict do nothing;
  return case when found then v_id end;
end $$;

-- Calls about this policy that are still open are answered by what became of it.
create function crm.end_policy(p_policy crm.policies, p_status text, p_reason text) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  update crm.policies x set status = p_status, lost_reason = p_reason where x.store_id = p_policy.store_id and x.id = p_policy.id;
  update crm.tasks t set removed_at = now() where t.store_id = p_policy.store_id and t.subject_id = p_policy.id and t.status = 'open' and t.removed_at is null;
end $$;

create function crm.lose_policy(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); y crm.policies; r crm.reasons; v_next date; v_id uuid;
begin
  perform crm.demand_verb(v_store, 'save_policy');
  select * into y from crm.policies x where x.store_id = v_store and x.id = crm.as_uuid(p ->> 'id') and x.removed_at is null for update;
  if y.id is null then perform crm.refuse('not_found', 'id'); end if;
  if y.status <> 'active' then perform crm.refuse('policy_closed', 'id'); end if;
  if p ->> 'reason' is null then perform crm.refuse('required', 'reason'); end if;
  select * into r from crm.reasons x where x.store_id = v_store and x.key = p ->> 'reason' and 'lost' = any (x.uses) and not x.retired;
  if r.key is null then perform crm.refuse('option', 'reason'); end if;
  if p ->> 'price_fen' is not null and (jsonb_typeof(p -> 'price_fen') <> 'number' or p ->> 'price_fen' !~ '^\d{1,12}$') then perform crm.refuse('type', 'price_fen'); end if;
  if length(p ->> 'insurer') > 80 then perform crm.refuse('length', 'insurer'); end if;
  if p ->> 'expires_on' is not null then
    v_next := crm.as_date(p -> 'expires_on');
    if v_next is null then perform crm.refuse('date', 'expires_on'); end if;
    if v_next <= y.expires_on or v_next > y.expires_on + 1100 then perform crm.refuse('range', 'expires_on'); end if;
  end if;
  perform crm.end_policy(y, 'lost', r.key);
  if r.returns then v_id := crm.next_policy(y, crm.as_uuid(p ->> 'next_id'), 'elsewhere', nullif(trim(p ->> 'insurer'), ''), (p ->> 'price_fen')::bigint, v_next); end if;
  return jsonb_strip_nulls(jsonb_build_object('status', 'applied', 'version', y.version + 1, 'next_id', v_id));
end $$;
comment on function crm.lose_policy is 'A renewal lost: reason, who has it now and at what price; it comes back by itself before the next expiry, unless the reason says it never will (F-35, F-37).';

create function crm.renew_policy(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare
  p jsonb := p_op -> 'payload'; v_store uuid := crm.as_uuid(p ->> 'store_id'); y crm.policies; saved jsonb;
begin
  perform crm.demand_verb(v_store, 'save_policy');
  select * into y from crm.policies x where x.store_id = v_store and x.id = crm.as_uuid(p ->> 'policy_id') and x.removed_at is null for update;
  if y.id is null then perform crm.refuse('not_found', 'policy_id'); end if;
  if y.status <> 'active' then perform crm.refuse('policy_closed', 'policy_id'); end if;
  saved := crm.save_record('policies', 'policy', p_op - 'base_version', jsonb_build_object('customer_id', y.customer_id, 'vehicle_id', y.vehicle_id, 'renews_id', y.id));
  perform crm.end_policy(y, 'renewed', null);
  return saved;
end $$;
comment on function crm.renew_policy is 'The next year of a policy, written into the same form; the old one is renewed.';

-- A talk or a deal said what becomes of this year: won writes the next, lost remembers who has it at what price (payload insurer, price_fen).
create function crm.renewal_answered(p_store uuid, p_policy uuid, p_effect text, p_reason text, p_premium bigint, p_payload jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
declare y crm.policies;
begin
  select * into y from crm.policies x where x.store_id = p_store and x.id = p_policy and x.removed_at is null and x.status = 'active' for update;
  if y.id is null then return; end if;
  if p_effect = 'won' then
    perform crm.end_policy(y, 'renewed', null), crm.next_policy(y, null, 'store', y.insurer, p_premium, null);
  else
    perform crm.end_policy(y, 'lost', p_reason);
    if (select r.returns from crm.reasons r where r.store_id = p_store and r.key = p_reason) then
      perform crm.next_policy(y, null, 'elsewhere', nullif(trim(left(p_payload ->> 'insurer', 80)), ''), case when p_payload ->> 'price_fen' ~ '^\d{1,12}$' then (p_payload ->> 'price_fen')::bigint end, null);
    end if;
  end if;
end $$;

-- What a closed deal leaves behind: a renewal's next year, or a delivered car's first policy (F-43).
create function crm.deal_closed(p_store uuid, p_deal uuid, p_payload jsonb) returns void
  language plpgsql volatile set search_path = '' as $$
declare d crm.deals; v_type text; v_today date;
begin
  select * into d from crm.deals x where x.store_id = p_store and x.id = p_deal;
  select s.type into v_type from crm.stages s where s.store_id = p_store and s.pipeline = d.pipeline and s.key = d.stage;
  if v_type = 'open' then return; end if;
  if d.policy_id is not null then
    perform crm.renewal_answered(p_store, d.policy_id, v_type, d.lost_reason, d.amount_fen, p_payload);
  elsif v_type = 'won' and d.vehicle_id is not null then
    select (now() at time zone s.time_zone)::date into v_today from crm.stores s where s.id = p_store;
    if not exists (select from crm.policies x where x.store_id = p_store and x.vehicle_id = d.vehicle_id and x.expires_on >= v_today and x.removed_at is null) then
      insert into crm.policies (store_id, id, customer_id, vehicle_id, starts_on, expires_on, origin)
      values (p_store, crm.new_id(), d.customer_id, d.vehicle_id, v_today, (v_today + interval '1 year')::date - 1, 'delivery');
    end if;
  end if;
end $$;

-- The nightly part: nobody said what became of it thirty days after its end. It is not forgotten (S-78): a later year of the same car
-- ends it, else it counts as lost and comes back next year.
create function crm.run_renewals(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare y crm.policies; ended int := 0; remembered int := 0;
begin
  for y in select * from crm.policies x where x.store_id = p_store and x.status = 'active' and x.removed_at is null and x.expires_on < p_day - 30 order by x.id loop
    if exists (select from crm.policies later where later.store_id = p_store and later.customer_id = y.customer_id and later.vehicle_id is not distinct from y.vehicle_id
               and later.expires_on > y.expires_on and later.removed_at is null) then
      perform crm.end_policy(y, 'ended', null);
      ended := ended + 1;
    else
      perform crm.end_policy(y, 'lost', null), crm.next_policy(y, null, 'elsewhere', null, null,      -- a list may be years old: the anniversary that is still to come, so that a second run finds nothing more
        (select min(d.day) from generate_series(1, 80) k cross join lateral (select (y.expires_on + make_interval(years => k))::date as day) d where d.day >= p_day - 30));
      remembered := remembered + 1;
    end if;
  end loop;
  return jsonb_build_object('policies_ended', ended, 'policies_remembered', remembered);
end $$;
comment on function crm.run_renewals is 'Policies thirty days past their end without an answer: ended by a later year, else lost and remembered.';

-- Orphans (F-34): policies that nobody renews -----------------------------------------------------------------------------------

create function crm.orphan_policies(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.me(p_store); a crm.caller_access; k crm.caller_access; v crm.caller_access;
begin
  if c.store_id is null or not c.verbs && array['claim_policy', 'reassign'] then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  select * into a from crm.my_access('policy') x where x.store_id = p_store;
  select * into k from crm.my_access('customer') x where x.store_id = p_store;
  select * into v from crm.my_access('vehicle') x where x.store_id = p_store;
  return jsonb_build_object('today', c.today, 'policies', (select coalesce(jsonb_agg(to_jsonb(q) order by q.sort_on, q.id), '[]') from (
    select y.id, y.customer_id, y.expires_on as sort_on, case when 'expires_on' = any (a.readable) then y.expires_on end as expires_on,
      case when 'insurer' = any (a.readable) then y.insurer end as insurer, case when 'premium_fen' = any (a.readable) then y.premium_fen end as premium_fen,
      case when 'name' = any (k.readable) then u.name end as name,
      case when 'plate' = any (v.readable) then x.plate when 'plate' = any (v.masked) then x.plate_masked end as plate
    from crm.policies y
    join crm.customers u on u.store_id = y.store_id and u.id = y.customer_id and u.removed_at is null
    left join crm.vehicles x on x.store_id = y.store_id and x.id = y.vehicle_id
    where y.store_id = p_store and y.status = 'active' and y.removed_at is null and y.expires_on >= c.today - 30
      and not exists (select from crm.members m where m.store_id = p_store and m.user_id = coalesce(u.renewal_owner_id, u.owner_id) and m.active)
    order by y.expires_on, y.id limit 200) q));
end $$;
comment on function crm.orphan_policies is 'Active policies whose customer has neither a renewal specialist nor an owner who still works here. Definer of the table owner: who claims sees no pool''s rows; it answers no number.';

create function crm.take_policy(p_store uuid, p_customer uuid) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare k crm.customers; v_who uuid := (select auth.uid());
begin
  select * into k from crm.customers x where x.store_id = p_store and x.id = p_customer and x.removed_at is null for update;
  if k.id is null or not exists (select from crm.policies y where y.store_id = p_store and y.customer_id = p_customer and y.status = 'active' and y.removed_at is null) then
    perform crm.refuse('not_found', 'customer_id');
  end if;
  if exists (select from crm.members m where m.store_id = p_store and m.user_id = coalesce(k.renewal_owner_id, k.owner_id) and m.active) then
    perform crm.refuse('not_found', 'customer_id');   -- a colleague's, or a colleague was quicker
  end if;
  update crm.customers set renewal_owner_id = v_who where store_id = p_store and id = p_customer;
end $$;

create function crm.claim_policy(p_op jsonb) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare v_store uuid := crm.as_uuid(p_op #>> '{payload,store_id}');
begin
  perform crm.demand_verb(v_store, 'claim_policy');
  perform crm.take_policy(v_store, crm.as_uuid(p_op #>> '{payload,customer_id}'));
  return jsonb_build_object('status', 'applied', 'version', 1);
end $$;

-- Two contacts before expiry (F-33, F-42): what is planned for the next ninety days, and what was kept for those that ended.
create function crm.renewal_report(p_store uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare c crm.caller := crm.me(p_store);
begin
  if c.store_id is null then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  return jsonb_build_object('today', c.today, 'members', (
    select coalesce(jsonb_agg(to_jsonb(q) order by q.name), '[]') from (
      select m.user_id, m.name,
        count(*) filter (where y.status = 'active' and y.expires_on >= c.today) as coming,
        count(*) filter (where y.status = 'active' and y.expires_on >= c.today and n.contacts >= 2) as coming_twice,
        count(*) filter (where y.status = 'active' and y.expires_on >= c.today and n.contacts + w.windows < 2) as coming_at_risk,
        count(*) filter (where y.expires_on < c.today or y.status <> 'active') as ended,
        count(*) filter (where (y.expires_on < c.today or y.status <> 'active') and n.contacts >= 2) as ended_twice,
        count(*) filter (where y.status = 'renewed') as renewed,
        count(*) filter (where y.status = 'lost') as lost
      from crm.policies y
      join crm.customers k on k.store_id = y.store_id and k.id = y.customer_id
      join crm.members m on m.store_id = y.store_id and m.user_id = coalesce(k.renewal_owner_id, k.owner_id)
      cross join lateral (select count(distinct v.occurred_at::date) as contacts from crm.conversations v
        where v.store_id = p_store and v.customer_id = y.customer_id and v.reached and v.removed_at is null and v.occurred_at > y.expires_on - interval '90 days' and v.occurred_at < y.expires_on + interval '1 day') n
      cross join lateral (select count(distinct d) as windows from crm.rules r, unnest(r.days) d where r.store_id = p_store and r.active and r.kind = 'policy_window' and y.expires_on - d >= c.today) w
      where y.store_id = p_store and y.removed_at is null and y.expires_on between c.today - 90 and c.today + 90
      group by m.user_id, m.name) q));
end $$;
comment on function crm.renewal_report is 'Per person who renews: policies ending within ninety days either way, contacted twice, at risk of fewer than two contacts, renewed, lost. Rows as the caller sees them.';

alter function crm.renewal_report(uuid) owner to api_owner;
create function api.orphan_policies(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.orphan_policies(store_id); end;
create function api.renewal_report(store_id uuid) returns jsonb
  language sql stable security invoker set search_path = '' begin atomic select crm.renewal_report(store_id); end;

grant execute on function crm.next_policy(crm.policies, uuid, text, text, bigint, date), crm.end_policy(crm.policies, text, text), crm.lose_policy(jsonb), crm.renew_policy(jsonb),
  crm.renewal_answered(uuid, uuid, text, text, bigint, jsonb), crm.deal_closed(uuid, uuid, jsonb), crm.take_policy(uuid, uuid), crm.claim_policy(jsonb) to api_owner;
grant execute on function crm.orphan_policies(uuid), crm.renewal_report(uuid), api.orphan_policies(uuid), api.renewal_report(uuid) to authenticated;

insert into crm.exits (name, function, call, on_demand) values
  ('orphan_policies', 'orphan_policies', 'orphan_policies({store})', false), ('renewal_report', 'renewal_report', 'renewal_report({store})', true);

revoke create on schema crm, api from api_owner;
