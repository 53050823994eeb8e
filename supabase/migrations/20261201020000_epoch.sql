-- A store's data that went back in time, or came from another project, must not be read on by a
-- cursor of before.

-- the nil uuid: stores that were never restored
alter table crm.stores
add column epoch uuid not null default '00000000-0000-0000-0000-000000000000';
alter table crm.stores alter column epoch set default gen_random_uuid();
comment on column crm.stores.epoch is
  'Another one after each restore (docs/decisions/0043): cursors of an earlier epoch start a full '
  'round, and phones tell again what they sent. Not part of a backup.';
