-- Conversations: call, visit, WeChat, SMS, test drive …; the only thing that clears a task.

create table crm.conversations (
  store_id uuid not null,
  id uuid not null,
  customer_id uuid not null,
  author_id uuid not null,
  task_id uuid, deal_id uuid,
  method text not null check (method in ('call', 'visit', 'wechat', 'sms', 'test_drive', 'quote', 'order', 'delivery')),
  outcome text not null,
  reached bool not null,
  words text check (length(words) <= 4000),
  level_before text, level_after text not null,
  next_contact_on date,
  occurred_at timestamptz not null,
  dialled_at timestamptz,
  away_seconds int check (away_seconds between 0 and 86400),
  reason text,
  companions uuid[] not null default '{}' check (cardinality(companions) <= 20),
  influences jsonb not null default '{}',
  burst bool not null default false,
  custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object' and pg_column_size(custom) < 32768),
  custom_masked jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  foreign key (store_id, outcome) references crm.outcomes (store_id, key) on delete restrict,
  foreign key (store_id, reason) references crm.reasons (store_id, key) on delete restrict,
  foreign key (store_id, level_after) references crm.levels (store_id, key) on delete restrict,
  constraint reached_has_words check (not reached or length(trim(words)) > 0));                      -- S-04
comment on table crm.conversations is 'A talk with a customer. dialled_at and away_seconds are evidence of an attempt, never proof of a call. reason: why it ended a deal or renewal (F-37); companions present, with the influence each had that day (S-15); burst: one of many in a few minutes without a dial press (First 1).';
create index on crm.conversations (store_id, customer_id, occurred_at desc);
create index on crm.conversations (store_id, author_id, occurred_at desc);
create index on crm.conversations (store_id, reason) where reason is not null;

create trigger tg_conversations__a_stamp before insert or update on crm.conversations for each row execute function crm.tg_record__stamp();
create trigger tg_conversations__b_custom before insert or update on crm.conversations for each row execute function crm.tg_record__custom('conversation');
create trigger tg_conversations__born after insert on crm.conversations referencing new table as after_rows for each statement execute function crm.tg_record__born('conversation');
create trigger tg_conversations__values after insert or update of custom, removed_at on crm.conversations for each row execute function crm.tg_record__values('conversation');
create trigger tg_conversations__history after update on crm.conversations for each row
  execute function crm.tg_record__history('conversation', 'removed_at');

alter table crm.conversations enable row level security;
select crm.rows_follow_customer('conversations');          -- not the author: his access ends with the customer (F-48)
grant select on crm.conversations to api_owner;
grant insert (store_id, id, customer_id, author_id, task_id, deal_id, method, outcome, reached, words, level_before, level_after, next_contact_on, occurred_at,
    dialled_at, away_seconds, reason, companions, influences, custom), update (burst, removed_at) on crm.conversations to api_owner;

create view api.conversations as
select v.store_id, v.id, v.customer_id, v.author_id, v.task_id, v.deal_id, v.method, v.outcome, v.reached,
  case when 'level' = any (ac.readable) then v.level_before end as level_before,       -- copies of the customer's fields, under the customer's rights
  case when 'level' = any (ac.readable) then v.level_after end as level_after,
  case when 'next_contact_on' = any (ac.readable) then v.next_contact_on end as next_contact_on,
  v.occurred_at, v.dialled_at, v.away_seconds, v.reason, v.companions, v.burst,
  case when exists (select from crm.my_access('companion') k where k.store_id = v.store_id and 'influence' = any (k.readable)) then v.influences else '{}' end as influences,
  v.created_at, v.updated_at, v.version, v.change_no,
  case when 'words' = any (a.readable) then v.words end as words,
  (v.custom - array(select jsonb_object_keys(v.custom - coalesce(a.readable, '{}'))))
    || (v.custom_masked - array(select jsonb_object_keys(v.custom_masked - coalesce(a.masked, '{}')))) as custom
from crm.conversations v join crm.my_access('conversation') a on a.store_id = v.store_id join crm.my_access('customer') ac on ac.store_id = v.store_id
where v.removed_at is null;
alter view api.conversations owner to api_owner;
grant select on api.conversations to authenticated;
