-- Deals in pipelines, and counters per stage so that a funnel never scans.

create table crm.deals (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  owner_id uuid,
  vehicle_id uuid,
  policy_id uuid,
  pipeline text not null,
  stage text not null,
  stage_at timestamptz not null default now(),
  title text check (length(title) <= 120),
  amount_fen bigint check (amount_fen between 0 and 1e13),
  expected_close_on date,
  lost_reason text,
  checked text[] not null default '{}',
  closed_at timestamptz,
  custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768),
  custom_masked jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, owner_id) references crm.members (store_id, user_id) on delete restrict,
  foreign key (store_id, vehicle_id) references crm.vehicles on delete restrict,
  foreign key (store_id, policy_id) references crm.policies on delete restrict,
  foreign key (store_id, pipeline, stage) references crm.stages on delete restrict,
  foreign key (store_id, lost_reason) references crm.reasons (store_id, key) on delete restrict
) with (fillfactor = 85);
comment on table crm.deals is 'A purchase intention or a renewal in a pipeline; amount in 分; checked = the stage checklist''s ticked items.';
create index on crm.deals (store_id, customer_id);
create index on crm.deals (store_id, owner_id, pipeline, stage);
create index on crm.deals (store_id, pipeline, stage, stage_at);
create index on crm.deals (store_id, vehicle_id) where vehicle_id is not null;
create index on crm.deals (store_id, policy_id) where policy_id is not null;

create table crm.funnel_counts (
  store_id uuid not null references crm.stores on delete cascade,
  pipeline text not null,
  stage text not null,
  owner_id uuid not null,                             -- the nil uuid stands for deals of pooled customers
  deals int not null,
  amount_fen bigint not null,
  primary key (store_id, pipeline, stage, owner_id));
comment on table crm.funnel_counts is 'Deals and 分 per stage and owner, kept by trigger and proved equal to the scan by a test.';

-- Per statement, so that an import of ten thousand deals touches each counter once. Rows in key order: no deadlock.
create function crm.tg_deals__count() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.funnel_counts as c (store_id, pipeline, stage, owner_id, deals, amount_fen)
  select x.store_id, x.pipeline, x.stage, x.owner_id, sum(x.n), sum(x.amount) from (
    select a.store_id, a.pipeline, a.stage, coalesce(a.owner_id, '00000000-0000-0000-0000-000000000000') as owner_id, 1 as n, coalesce(a.amount_fen, 0) as amount
    from after_rows a where a.removed_at is null
    union all
    select b.store_id, b.pipeline, b.stage, coalesce(b.owner_id, '00000000-0000-0000-0000-000000000000'), -1, -coalesce(b.amount_fen, 0)
    from before_rows b where b.removed_at is null) x
  group by 1, 2, 3, 4 having sum(x.n) <> 0 or sum(x.amount) <> 0
  order by 1, 2, 3, 4
  on conflict (store_id, pipeline, stage, owner_id) do update
    set deals = c.deals + excluded.deals, amount_fen = c.amount_fen + excluded.amount_fen;
  return null;
end $$;
create function crm.tg_deals__count_new() returns trigger
  language plpgsql volatile security definer set search_path = '' as $$
begin
  insert into crm.funnel_counts as c (store_id, pipeline, stage, owner_id, deals, amount_fen)
  select a.store_id, a.pipeline, a.stage, coalesce(a.owner_id, '00000000-0000-0000-0000-000000000000'), count(*), coalesce(sum(a.amount_fen), 0)
  from after_rows a where a.removed_at is null group by 1, 2, 3, 4 order by 1, 2, 3, 4
  on conflict (store_id, pipeline, stage, owner_id) do update
    set deals = c.deals + excluded.deals, amount_fen = c.amount_fen + excluded.amount_fen;
  return null;
end $$;

create trigger tg_deals__a_stamp before insert or update on crm.deals for each row execute function crm.tg_record__stamp();
create trigger tg_deals__b_custom before insert or update on crm.deals for each row execute function crm.tg_record__custom('deal');
create trigger tg_deals__born after insert on crm.deals referencing new table as after_rows for each statement execute function crm.tg_record__born('deal');
create trigger tg_deals__values after insert or update of custom, removed_at on crm.deals for each row execute function crm.tg_record__values('deal');
create trigger tg_deals__history after update on crm.deals for each row
  execute function crm.tg_record__history('deal', 'owner_id', 'vehicle_id', 'pipeline', 'stage', 'stage_at', 'closed_at', 'checked', 'lost_reason', 'removed_at');
create trigger tg_deals__count_insert after insert on crm.deals referencing new table as after_rows
  for each statement execute function crm.tg_deals__count_new();
create trigger tg_deals__count_update after update on crm.deals referencing old table as before_rows new table as after_rows
  for each statement execute function crm.tg_deals__count();

alter table crm.deals enable row level security;
alter table crm.funnel_counts enable row level security;
select crm.rows_follow_customer('deals', 'owner_id');
create policy select_member on crm.funnel_counts for select to api_owner using (
  case when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
    when owner_id = (select auth.uid()) then store_id = any ((select crm.my_store_ids(null))::uuid[])
    else (store_id, owner_id) in (select t.store_id, t.user_id from crm.my_team() t) end);
grant select on crm.deals, crm.funnel_counts to api_owner;
grant insert (store_id, id, customer_id, owner_id, vehicle_id, policy_id, pipeline, stage, title, amount_fen, expected_close_on, custom),
  update (vehicle_id, policy_id, stage, stage_at, title, amount_fen, expected_close_on, lost_reason, checked, closed_at, custom, removed_at) on crm.deals to api_owner;

create view api.deals as
select d.store_id, d.id, d.customer_id, d.owner_id, d.vehicle_id, d.policy_id, d.pipeline, d.stage, d.stage_at, d.lost_reason, d.checked, d.closed_at,
  d.created_at, d.updated_at, d.version, d.change_no,
  case when 'title' = any (a.readable) then d.title end as title,
  case when 'amount_fen' = any (a.readable) then d.amount_fen end as amount_fen,
  case when 'expected_close_on' = any (a.readable) then d.expected_close_on end as expected_close_on,
  (d.custom - array(select jsonb_object_keys(d.custom - coalesce(a.readable, '{}'))))
    || (d.custom_masked - array(select jsonb_object_keys(d.custom_masked - coalesce(a.masked, '{}')))) as custom
from crm.deals d join crm.my_access('deal') a on a.store_id = d.store_id
where d.removed_at is null;
alter view api.deals owner to api_owner;
grant select on api.deals to authenticated;
