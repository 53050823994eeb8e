-- Deals in pipelines, and counters per stage so that a funnel never scans.

-- Per statement, so that an import of ten thousand deals touches each counter once. Rows in key
-- order: no deadlock.
create or replace function crm.tg_deals__update_counts() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.funnel_counts as counted (store_id, pipeline, stage, owner_id, deals, amount_fen)
  select x.store_id, x.pipeline, x.stage, x.owner_id, sum(x.n), sum(x.amount)
  from (
    select
      after_rows.store_id,
      after_rows.pipeline,
      after_rows.stage,
      coalesce(after_rows.owner_id, '00000000-0000-0000-0000-000000000000') as owner_id,
      1 as n,
      coalesce(after_rows.amount_fen, 0) as amount
    from after_rows
    where after_rows.removed_at is null
    union all
    select
      before_rows.store_id,
      before_rows.pipeline,
      before_rows.stage,
      coalesce(before_rows.owner_id, '00000000-0000-0000-0000-000000000000'),
      -1,
      -coalesce(before_rows.amount_fen, 0)
    from before_rows
    where before_rows.removed_at is null
  ) x
  group by 1, 2, 3, 4
  having sum(x.n) <> 0 or sum(x.amount) <> 0
  order by 1, 2, 3, 4
  on conflict (store_id, pipeline, stage, owner_id) do update set deals = counted.deals
    + excluded.deals,
    amount_fen = counted.amount_fen + excluded.amount_fen;
  return null;
end $$;

create or replace function crm.tg_deals__insert_counts() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.funnel_counts as c (store_id, pipeline, stage, owner_id, deals, amount_fen)
  select
    a.store_id,
    a.pipeline,
    a.stage,
    coalesce(a.owner_id, '00000000-0000-0000-0000-000000000000'),
    count(*),
    coalesce(sum(a.amount_fen), 0)
  from after_rows a
  where a.removed_at is null
  group by 1, 2, 3, 4
  order by 1, 2, 3, 4
  on conflict (store_id, pipeline, stage, owner_id) do update set deals = c.deals
    + excluded.deals,
    amount_fen = c.amount_fen + excluded.amount_fen;
  return null;
end $$;

select crm.create_record_triggers(
  'deals',
  'deal',
  array[
    'owner_id', 'vehicle_id', 'pipeline', 'stage', 'stage_at', 'closed_at', 'checked',
    'lost_reason', 'removed_at'
  ]
);

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
    vehicle_id, policy_id, stage, stage_at, title, amount_fen, expected_close_on, lost_reason,
    checked, closed_at, custom, removed_at
  ) on
  crm.deals
to api_owner;

select crm.create_masked_view(
  'deals',
  'deal',
  array[
    'store_id', 'id', 'customer_id', 'owner_id', 'vehicle_id', 'policy_id', 'pipeline', 'stage',
    'stage_at', 'lost_reason', 'checked', 'closed_at', 'created_at', 'updated_at', 'version',
    'change_no'
  ],
  array['title', 'amount_fen', 'expected_close_on']
);
