-- Deals in pipelines, and counters per stage so that a funnel never scans.

create or replace function crm.furthest_of(p_store uuid, p_pipeline text, p_stages text[])
  returns text
  language sql stable set search_path = '' as $$
  select stage.key
  from crm.stages stage
  where stage.store_id = p_store
    and stage.pipeline = p_pipeline
    and (
      stage.key = any (p_stages) and stage.type <> 'lost'
      or stage.type = 'open' and not stage.retired
    )
  order by
    stage.key = any (p_stages) desc,
    case when stage.key = any (p_stages) then -stage.position else stage.position end
  limit 1
$$;
comment on function crm.furthest_of is
  'The furthest of some stages of a pipeline; its first open one when none of them is on the way. '
  'As shared.domain.funnel.furthest.';

-- How far a deal has come: where it stands, unless it was further before. A lost one stays where it
-- was lost. Definer, like the counters: whoever moves a deal need not see the lists.
create or replace function crm.tg_deals__keep_furthest() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  new.furthest_stage := crm.furthest_of(
    new.store_id,
    new.pipeline,
    array_remove(array[new.stage, new.furthest_stage], null)
  );
  return new;
end $$;

-- Per statement, so that an import of ten thousand deals touches each counter once. Rows in key
-- order: no deadlock.
create or replace function crm.tg_deals__update_counts() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.funnel_counts as counted (
    store_id, pipeline, stage, owner_id, deals, amount_fen, furthest_deals
  )
  select
    x.store_id,
    x.pipeline,
    place.stage,
    coalesce(x.owner_id, '00000000-0000-0000-0000-000000000000') as owner_id,
    sum(x.n * place.here) as deals,
    sum(x.n * place.here * coalesce(x.amount_fen, 0)) as amount_fen,
    sum(x.n * place.furthest) as furthest_deals
  from (
    select
      after_rows.store_id, after_rows.pipeline, after_rows.stage, after_rows.furthest_stage,
      after_rows.owner_id, after_rows.amount_fen, 1 as n
    from after_rows
    where after_rows.removed_at is null
    union all
    select
      before_rows.store_id, before_rows.pipeline, before_rows.stage, before_rows.furthest_stage,
      before_rows.owner_id, before_rows.amount_fen, -1
    from before_rows
    where before_rows.removed_at is null
  ) x
  cross join lateral (values (x.stage, 1, 0), (x.furthest_stage, 0, 1)) place (
    stage, here, furthest
  )
  group by 1, 2, 3, 4
  having
    sum(x.n * place.here) <> 0
    or sum(x.n * place.here * coalesce(x.amount_fen, 0)) <> 0
    or sum(x.n * place.furthest) <> 0
  order by 1, 2, 3, 4
  on conflict (store_id, pipeline, stage, owner_id) do update set deals = counted.deals
    + excluded.deals,
    amount_fen = counted.amount_fen + excluded.amount_fen,
    furthest_deals = counted.furthest_deals + excluded.furthest_deals;
  return null;
end $$;

create or replace function crm.tg_deals__insert_counts() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.funnel_counts as c (
    store_id, pipeline, stage, owner_id, deals, amount_fen, furthest_deals
  )
  select
    a.store_id,
    a.pipeline,
    place.stage,
    coalesce(a.owner_id, '00000000-0000-0000-0000-000000000000'),
    sum(place.here),
    coalesce(sum(place.here * a.amount_fen), 0),
    sum(place.furthest)
  from after_rows a
  cross join lateral (values (a.stage, 1, 0), (a.furthest_stage, 0, 1)) place (
    stage, here, furthest
  )
  where a.removed_at is null
  group by 1, 2, 3, 4
  order by 1, 2, 3, 4
  on conflict (store_id, pipeline, stage, owner_id) do update set deals = c.deals
    + excluded.deals,
    amount_fen = c.amount_fen + excluded.amount_fen,
    furthest_deals = c.furthest_deals + excluded.furthest_deals;
  return null;
end $$;

select crm.create_record_triggers(
  'deals',
  'deal',
  array[
    'owner_id', 'vehicle_id', 'pipeline', 'stage', 'furthest_stage', 'stage_at', 'closed_at',
    'checked', 'lost_reason', 'removed_at'
  ]
);

create or replace trigger tg_deals__keep_furthest
  before insert or update of pipeline, stage on crm.deals
  for each row execute function crm.tg_deals__keep_furthest();

create or replace trigger tg_deals__count_insert after insert on crm.deals
  referencing new table as after_rows
  for each statement execute function crm.tg_deals__insert_counts();

create or replace trigger tg_deals__count_update after update on crm.deals
  referencing old table as before_rows
  new table as after_rows for each statement execute function crm.tg_deals__update_counts();
select crm.create_customer_child_policies('deals', 'owner_id');
create policy select_member on crm.funnel_counts for select to api_owner
  using (
    case
      when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
      when owner_id = (select crm.current_user_id()) then
        store_id = any ((select crm.my_store_ids(null))::uuid[])
      else (store_id, owner_id) in (select t.store_id, t.user_id from crm.my_team() t)
    end
  );
grant select on crm.deals, crm.funnel_counts to api_owner;
grant insert (
  store_id, id, customer_id, owner_id, vehicle_id, policy_id, pipeline, stage, title, amount_fen,
  expected_close_on, custom
),
  update (
    vehicle_id, policy_id, stage, furthest_stage, stage_at, title, amount_fen, expected_close_on,
    lost_reason, checked, closed_at, custom, removed_at
  ) on
  crm.deals
to api_owner;

select crm.create_masked_view(
  'deals',
  'deal',
  array[
    'store_id', 'id', 'customer_id', 'owner_id', 'vehicle_id', 'policy_id', 'pipeline', 'stage',
    'furthest_stage', 'stage_at', 'lost_reason', 'checked', 'closed_at', 'created_at', 'updated_at',
    'version', 'change_no'
  ],
  array['title', 'amount_fen', 'expected_close_on']
);
