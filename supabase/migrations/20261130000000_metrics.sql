-- The catalogue of metrics and the frozen meeting sheets (S-23, S-110).

create table crm.metrics (
  key text primary key check (key ~ '^[a-z][a-z0-9_]{0,40}$'),
  label jsonb not null,
  definition jsonb not null,
  unit text not null check (unit in ('count', 'money', 'share')),
  grain text not null check (grain in ('day', 'end_of_day', 'thirty_days')),
  direction text check (direction in ('up', 'down')),
  by_level bool not null default false,
  rows_function text not null,
  form text,
  field text,
  position int not null,
  check ((form is null) = (field is null)),
  foreign key (form, field) references crm.base_fields (form, key) on delete restrict
);
comment on table crm.metrics is
  'Every number a manager is shown, defined once. rows_function: the function of crm that yields '
  'its rows; count: how many there are, money: the sum of their amounts in 分, share: the sum of '
  'their amounts (1 or 0) of how many there are. direction: which way is better. form, field: who '
  'may not read that field is not shown the number.';
create index on crm.metrics (form, field) where form is not null;

create type crm.metric_row as (
  member_id uuid, dimension text, record_id uuid, customer_id uuid, occurred_at timestamptz,
  due_on date, amount numeric, label jsonb
);
comment on type crm.metric_row is
  'A record that a number counts. member_id: whose number, the nil uuid when nobody''s; dimension: '
  'the level, or empty; occurred_at, due_on: when it was or is due; label: what it is.';

insert into crm.metrics (
  position, key, unit, grain, direction, by_level, rows_function, form, field, label, definition
)
values
  (
    1, 'visits', 'count', 'day', 'up', false, 'visits_on', null, null,
    '{"zh_CN": "接待", "zh_TW": "接待", "en": "Visits"}',
    '{
      "zh_CN": "当天到店的接待，计在客户的顾问名下；客户没有顾问时计在接待人名下。",
      "zh_TW": "當天到店的接待，計在客戶的顧問名下；客戶沒有顧問時計在接待人名下。",
      "en": "Visits that arrived on the day, for the customer''s advisor, or for who received them."
    }'
  ),
  (
    2, 'new_customers', 'count', 'day', 'up', false, 'new_customers_on', null, null,
    '{"zh_CN": "新建客户", "zh_TW": "新建客戶", "en": "New customers"}',
    '{
      "zh_CN": "当天建档的客户（包括导入），计在现在的顾问名下。",
      "zh_TW": "當天建檔的客戶（包括匯入），計在現在的顧問名下。",
      "en": "Customers entered or imported on the day, for the advisor who has them now."
    }'
  ),
  (
    3, 'contacts', 'count', 'day', 'up', false, 'contacts_on', null, null,
    '{"zh_CN": "有效沟通", "zh_TW": "有效溝通", "en": "Contacts"}',
    '{
      "zh_CN": "当天联系上客户的沟通记录，计在记录人名下。离线记录按沟通的时间计算。",
      "zh_TW": "當天聯繫上客戶的溝通記錄，計在記錄人名下。離線記錄按溝通的時間計算。",
      "en": "Conversations held on the day that reached the customer, for their author."
    }'
  ),
  (
    4, 'follow_ups_due', 'count', 'day', null, false, 'follow_ups_due_on', null, null,
    '{"zh_CN": "应回访", "zh_TW": "應回訪", "en": "Follow-ups due"}',
    '{
      "zh_CN": "截至当天到期、当天开始时还没有完成的任务，计在负责人名下。推迟的任务按新的日期计算，暂停的不计。",
      "zh_TW": "截至當天到期、當天開始時還沒有完成的任務，計在負責人名下。延後的任務按新的日期計算，暫停的不計。",
      "en": "Tasks due by the day and not cleared before it, for who has them; no suspended ones."
    }'
  ),
  (
    5, 'follow_ups_done', 'count', 'day', 'up', false, 'follow_ups_done_on', null, null,
    '{"zh_CN": "已回访", "zh_TW": "已回訪", "en": "Follow-ups done"}',
    '{
      "zh_CN": "由当天的沟通完成的任务，计在沟通记录人名下。",
      "zh_TW": "由當天的溝通完成的任務，計在溝通記錄人名下。",
      "en": "Tasks that a conversation of the day cleared, for the author of the conversation."
    }'
  ),
  (
    6, 'upgrades', 'count', 'day', 'up', false, 'upgrades_on', 'customer', 'level',
    '{"zh_CN": "级别提升", "zh_TW": "級別提升", "en": "Level upgrades"}',
    '{
      "zh_CN": "当天的沟通中客户级别比之前高，计在沟通记录人名下。",
      "zh_TW": "當天的溝通中客戶級別比之前高，計在溝通記錄人名下。",
      "en": "Conversations of the day that raised the customer''s level, for their author."
    }'
  ),
  (
    7, 'prospects', 'count', 'end_of_day', 'up', true, 'prospects_on', 'customer', 'level',
    '{"zh_CN": "意向客户", "zh_TW": "意向客戶", "en": "Prospects"}',
    '{
      "zh_CN": "当天结束时由顾问跟进的级别的客户，按级别和当时的顾问计算。",
      "zh_TW": "當天結束時由顧問跟進的級別的客戶，按級別和當時的顧問計算。",
      "en": "Customers at a level that advisors work when the day ended, by level and advisor."
    }'
  ),
  (
    8, 'potential', 'count', 'end_of_day', null, false, 'potential_on', 'customer', 'level',
    '{"zh_CN": "潜在客户", "zh_TW": "潛在客戶", "en": "Potential customers"}',
    '{
      "zh_CN": "当天结束时级别归属客户池的客户，计在当时的顾问名下。",
      "zh_TW": "當天結束時級別歸屬客戶池的客戶，計在當時的顧問名下。",
      "en": "Customers at a level that belongs to a pool when the day ended."
    }'
  ),
  (
    9, 'deals_won', 'count', 'day', 'up', false, 'deals_won_on', null, null,
    '{"zh_CN": "成交", "zh_TW": "成交", "en": "Deals won"}',
    '{
      "zh_CN": "当天成交的商机，计在商机的顾问名下。",
      "zh_TW": "當天成交的商機，計在商機的顧問名下。",
      "en": "Deals won on the day, for their owner."
    }'
  ),
  (
    10, 'amount_won', 'money', 'day', 'up', false, 'deals_won_on', 'deal', 'amount_fen',
    '{"zh_CN": "成交金额", "zh_TW": "成交金額", "en": "Amount won"}',
    '{
      "zh_CN": "当天成交商机的金额合计。",
      "zh_TW": "當天成交商機的金額合計。",
      "en": "The amounts of the deals won on the day."
    }'
  ),
  (
    11, 'conversion', 'share', 'thirty_days', 'up', false, 'decided_deals_on', null, null,
    '{"zh_CN": "成交率", "zh_TW": "成交率", "en": "Conversion"}',
    '{
      "zh_CN": "截至当天三十天内结束的商机中成交的比例，按商机的顾问计算。",
      "zh_TW": "截至當天三十天內結束的商機中成交的比例，按商機的顧問計算。",
      "en": "Of the deals won or lost in the thirty days up to the day, the share that was won."
    }'
  ),
  (
    12, 'next_day_tasks', 'count', 'end_of_day', null, false, 'next_day_tasks_on', 'customer',
    'next_contact_on',
    '{"zh_CN": "次日任务", "zh_TW": "次日任務", "en": "Tasks of the next day"}',
    '{
      "zh_CN": "第二天到期的任务，加上计划第二天联系、还没有生成任务的客户。",
      "zh_TW": "第二天到期的任務，加上計劃第二天聯繫、還沒有產生任務的客戶。",
      "en": "Tasks due on the next day, and customers planned for it who have no task yet."
    }'
  );
alter table crm.metrics enable row level security;

create table crm.meeting_sheets (
  store_id uuid not null references crm.stores on delete cascade,
  covers_on date not null,
  numbers jsonb not null check (jsonb_typeof(numbers) = 'array'),
  frozen_by uuid not null,
  frozen_at timestamptz not null default now(),
  primary key (store_id, covers_on)
);
comment on table crm.meeting_sheets is
  'What a meeting saw: the numbers of a store-local day, never changed afterwards. Holds every '
  'metric of every member; who reads it sees what their rights show them.';
alter table crm.meeting_sheets enable row level security;

-- One store, a range of days: what the indexes by member or customer do not serve.
create index on crm.deals (store_id, closed_at) where closed_at is not null;
create index on crm.tasks (store_id, conversation_id) where conversation_id is not null;
create index on crm.events (store_id, created_at)
  where form = 'customer' and field in ('level', 'owner_id');
