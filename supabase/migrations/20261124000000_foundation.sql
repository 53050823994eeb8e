create schema crm;
create schema api;

do $$
begin
  if not exists (select from pg_roles where rolname = 'api_owner') then
    create role api_owner nologin;
  end if;
end $$;
comment on role api_owner is
  'Owns the views and doors of api and the definer verbs of crm; owns no table, never bypasses '
  'row security.';
grant api_owner to current_user;  -- handing over ownership needs membership

-- create is needed only while ownership changes hands; the last migration of a release takes it
-- back
grant usage, create on schema crm, api to api_owner;
grant usage on schema api to authenticated;  -- and none on crm, ever
alter default privileges revoke execute on functions from public;

-- What a caller may cost. PostgREST sets these for each request; hosted Supabase has the first two
-- already, a self-hosted one may not.
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticated set lock_timeout = '8s';
alter role authenticated set idle_in_transaction_session_timeout = '30s';

-- Nothing here rests on schema auth: hosted Supabase's postgres cannot grant its usage to
-- api_owner, so every write failed there although the grant had only warned; and Lite's auth.uid()
-- reads a setting that PostgREST 14 and newer no longer sets.
create function crm.current_user_id() returns uuid
  language plpgsql stable parallel safe set search_path = '' as $$
declare
  v_sub text := nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
begin
  -- crm.as_uuid says the same, but callers may not execute it, and a view of api asks this in the
  -- caller's name
  return case when v_sub ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then v_sub::uuid end;
end $$;
comment on function crm.current_user_id is
  'The person whose token the API confirmed for this request; null for a stranger.';

create function crm.mask_text(v text, rule text) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case
    when v is null then null
    when rule = 'phone' and length(v) = 11 then left(v, 3) || '****' || right(v, 4)
    when rule = 'plate' and length(v) >= 7 then left(v, 2) || '****' || right(v, 1)
    when rule = 'tail4' and length(v) > 8 then '****' || right(v, 4)
    else '****'
  end;
end $$;
comment on function crm.mask_text is
  'What a role with the right "masked" sees: 138****8000, 沪A****8, ****1234, ****.';

-- a session that kept some back would hand them out late
create sequence crm.change_numbers cache 1;

create table crm.pinyin (
  hanzi text primary key check (length(hanzi) = 1),
  reading text not null check (reading ~ '^[a-z]+$'),
  surname_reading text check (surname_reading ~ '^[a-z]+$'),
  other_reading text check (other_reading ~ '^[a-z]+$')
);
comment on table crm.pinyin is
  'Main reading of each hanzi, the reading it has as a surname (单 shan, 曾 zeng), and another one '
  'that names have (晟 sheng).';
alter table crm.pinyin enable row level security;
