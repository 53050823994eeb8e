-- Vehicles and insurance policies of a customer; history by year is one policy row a year.

create table crm.vehicles (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  plate text collate "C" check (length(plate) between 4 and 12),
  vin text check (length(vin) between 6 and 20),
  brand text check (length(brand) <= 80), series text check (length(series) <= 80), model_year int check (model_year between 1950 and 2100),
  plate_masked text generated always as (crm.mask_text(plate, 'plate')) stored,
  vin_masked text generated always as (crm.mask_text(vin, 'tail4')) stored,
  plate_reversed text collate "C" generated always as (reverse(plate)) stored,
  custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768),
  custom_masked jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade);
comment on table crm.vehicles is 'A car a customer has: plate (capitals, no spaces), VIN, brand and series.';
create index on crm.vehicles (store_id, customer_id);
create index on crm.vehicles (store_id, plate);
create index on crm.vehicles (store_id, vin) where vin is not null;   -- an import asks for plate or VIN of every row
create index on crm.vehicles (store_id, plate_reversed);   -- any tail of a plate is a prefix of its reverse

create table crm.policies (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  vehicle_id uuid,
  insurer text check (length(insurer) <= 80),
  policy_number text check (length(policy_number) <= 60),
  kind text,
  premium_fen bigint check (premium_fen between 0 and 1e13),
  starts_on date,
  expires_on date not null,
  status text not null default 'active' check (status in ('active', 'renewed', 'lost', 'ended')),
  origin text not null default 'store' check (origin in ('store', 'elsewhere', 'delivery')),
  renews_id uuid,
  lost_reason text,
  policy_number_masked text generated always as (crm.mask_text(policy_number, 'tail4')) stored,
  custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768),
  custom_masked jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, vehicle_id) references crm.vehicles on delete restrict,
  foreign key (store_id, renews_id) references crm.policies on delete restrict,
  foreign key (store_id, lost_reason) references crm.reasons (store_id, key) on delete restrict);
comment on table crm.policies is 'An insurance policy, premium in 分; expires_on is its last day in store-local days. origin elsewhere: a colleague of the trade holds it, known from the renewal we lost; renews_id: the year before.';
create index on crm.policies (store_id, customer_id);
create index on crm.policies (store_id, vehicle_id);
create index on crm.policies (store_id, expires_on) where status = 'active';
create unique index on crm.policies (store_id, renews_id) where renews_id is not null and removed_at is null;   -- a year follows once
create index on crm.policies (store_id, renews_id);

create trigger tg_vehicles__a_stamp before insert or update on crm.vehicles for each row execute function crm.tg_record__stamp();
create trigger tg_vehicles__b_custom before insert or update on crm.vehicles for each row execute function crm.tg_record__custom('vehicle');
create trigger tg_vehicles__born after insert on crm.vehicles referencing new table as after_rows for each statement execute function crm.tg_record__born('vehicle');
create trigger tg_vehicles__values after insert or update of custom, removed_at on crm.vehicles for each row execute function crm.tg_record__values('vehicle');
create trigger tg_vehicles__history after update on crm.vehicles for each row execute function crm.tg_record__history('vehicle', 'removed_at');
create trigger tg_policies__a_stamp before insert or update on crm.policies for each row execute function crm.tg_record__stamp();
create trigger tg_policies__b_custom before insert or update on crm.policies for each row execute function crm.tg_record__custom('policy');
create trigger tg_policies__born after insert on crm.policies referencing new table as after_rows for each statement execute function crm.tg_record__born('policy');
create trigger tg_policies__values after insert or update of custom, removed_at on crm.policies for each row execute function crm.tg_record__values('policy');
create trigger tg_policies__history after update on crm.policies for each row execute function crm.tg_record__history('policy', 'status', 'lost_reason', 'vehicle_id', 'removed_at');

alter table crm.vehicles enable row level security;
alter table crm.policies enable row level security;
select crm.rows_follow_customer('vehicles');
select crm.rows_follow_customer('policies');
grant select on crm.vehicles, crm.policies to api_owner;
grant insert (store_id, id, customer_id, plate, vin, brand, series, model_year, custom), update (plate, vin, brand, series, model_year, custom, removed_at)
  on crm.vehicles to api_owner;
grant insert (store_id, id, customer_id, vehicle_id, insurer, policy_number, kind, premium_fen, starts_on, expires_on, custom, origin, renews_id),
  update (insurer, policy_number, kind, premium_fen, starts_on, expires_on, status, lost_reason, custom, removed_at) on crm.policies to api_owner;

create view api.vehicles as
select v.store_id, v.id, v.customer_id, v.created_at, v.updated_at, v.version, v.change_no,
  case when 'plate' = any (a.readable) then v.plate when 'plate' = any (a.masked) then v.plate_masked end as plate,
  case when 'vin' = any (a.readable) then v.vin when 'vin' = any (a.masked) then v.vin_masked end as vin,
  case when 'brand' = any (a.readable) then v.brand end as brand,
  case when 'series' = any (a.readable) then v.series end as series,
  case when 'model_year' = any (a.readable) then v.model_year end as model_year,
  (v.custom - array(select jsonb_object_keys(v.custom - coalesce(a.readable, '{}'))))
    || (v.custom_masked - array(select jsonb_object_keys(v.custom_masked - coalesce(a.masked, '{}')))) as custom
from crm.vehicles v join crm.my_access('vehicle') a on a.store_id = v.store_id
where v.removed_at is null;

create view api.policies as
select p.store_id, p.id, p.customer_id, p.vehicle_id, p.status, p.origin, p.renews_id, p.lost_reason, p.created_at, p.updated_at, p.version, p.change_no,
  case when 'insurer' = any (a.readable) then p.insurer end as insurer,
  case when 'policy_number' = any (a.readable) then p.policy_number when 'policy_number' = any (a.masked) then p.policy_number_masked end as policy_number,
  case when 'kind' = any (a.readable) then p.kind end as kind,
  case when 'premium_fen' = any (a.readable) then p.premium_fen end as premium_fen,
  case when 'starts_on' = any (a.readable) then p.starts_on end as starts_on,
  case when 'expires_on' = any (a.readable) then p.expires_on end as expires_on,
  (p.custom - array(select jsonb_object_keys(p.custom - coalesce(a.readable, '{}'))))
    || (p.custom_masked - array(select jsonb_object_keys(p.custom_masked - coalesce(a.masked, '{}')))) as custom
from crm.policies p join crm.my_access('policy') a on a.store_id = p.store_id
where p.removed_at is null;

alter view api.vehicles owner to api_owner;
alter view api.policies owner to api_owner;
grant select on api.vehicles, api.policies to authenticated;
