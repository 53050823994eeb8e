-- Schemas, the owner of doors, and the small pure functions everything else uses.
-- crm is private: tables, policies, helpers, verbs. api is exposed: views to read, functions to act.

create schema crm;
create schema api;

do $$ begin
  if not exists (select from pg_roles where rolname = 'api_owner') then create role api_owner nologin; end if;
end $$;
comment on role api_owner is 'Owns the views and doors of api and the definer verbs of crm; owns no table, never bypasses row security.';
grant api_owner to current_user;                      -- handing over ownership needs membership
grant usage, create on schema crm, api to api_owner;  -- create is needed only while ownership changes hands; the last migration of a release takes it back
grant usage on schema auth to api_owner;
grant execute on function auth.uid() to api_owner;
grant usage on schema api to authenticated;           -- and none on crm, ever
alter default privileges revoke execute on functions from public;

-- Pure text and value helpers ------------------------------------------------------------------------------------------
-- plpgsql, although they are one expression each: a function in sql with a search_path is never inlined, and is planned again
-- for every statement that meets it, a generated column among them: with sql an imported lead took twice as long.

create function crm.mask_text(v text, rule text) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case when v is null then null
    when rule = 'phone' and length(v) = 11 then left(v, 3) || '****' || right(v, 4)
    when rule = 'plate' and length(v) >= 7 then left(v, 2) || '****' || right(v, 1)
    when rule = 'tail4' and length(v) > 8 then '****' || right(v, 4)
    else '****' end;
end $$;
comment on function crm.mask_text is 'What a role with the right "masked" sees: 138****8000, 沪A****8, ****1234, ****.';

create function crm.digits(v text) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$ begin return regexp_replace(v, '\D', '', 'g'); end $$;
comment on function crm.digits is 'The digits of a phone number, for tails and duplicates.';

create function crm.is_date(s text) returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case when s is null or s !~ '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$' or left(s, 4) = '0000' then false
    else substr(s, 9, 2)::int <= date_part('day', (substr(s, 1, 8) || '01')::date + interval '1 month' - interval '1 day') end;
end $$;
comment on function crm.is_date is 'True for a real day written 2026-11-24; never raises, since a cast error prints the value.';

create function crm.as_number(v jsonb) returns float8
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case when jsonb_typeof(v) = 'number' and v between '-1e15' and '1e15' then v::float8 end;
end $$;

create function crm.as_date(v jsonb) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case when crm.is_date(v #>> '{}') then (v #>> '{}')::date end;
end $$;

create function crm.as_uuid(s text) returns uuid
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case when s ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then s::uuid end;
end $$;
comment on function crm.as_uuid is 'Null for anything that is no uuid: a malformed id answers like one that is not there.';

create function crm.as_instant(s text) returns timestamptz
  language plpgsql stable parallel safe set search_path = '' as $$
begin
  return s::timestamptz;
exception when others then return null;               -- any client text; the verb answers "invalid"
end $$;

create function crm.change_no() returns bigint
  language plpgsql volatile set search_path = '' as $$ begin return pg_current_xact_id()::text::bigint; end $$;
comment on function crm.change_no is 'The change number of rows written now: the transaction id. sync_pull reads below the oldest running one, so a late commit is never missed.';

-- Refusals --------------------------------------------------------------------------------------------------------------

create function crm.refuse(p_code text, p_field text default null, p_errors jsonb default '[]') returns void
  language plpgsql volatile set search_path = '' as $$
begin
  raise sqlstate 'RFUSE' using message = jsonb_strip_nulls(jsonb_build_object(
    'status', 'rejected', 'code', p_code, 'field', coalesce(p_field, p_errors -> 0 ->> 'field'), 'errors', nullif(p_errors, '[]')))::text;
end $$;
comment on function crm.refuse is 'Ends a verb with one of the codes of supabase/error_codes.md; nothing it wrote stays.';

-- Pinyin: one reading per character is data, so that every writer (phone, importer, SQL) is found the same way ----------

create table crm.pinyin (
  hanzi text primary key check (length(hanzi) = 1),
  reading text not null check (reading ~ '^[a-z]+$'),
  surname_reading text check (surname_reading ~ '^[a-z]+$'));
comment on table crm.pinyin is 'Main reading of each hanzi, and the reading it has as a surname (单 shan, 曾 zeng).';
alter table crm.pinyin enable row level security;
create policy select_all on crm.pinyin for select to api_owner using (hanzi is not null);
grant select on crm.pinyin to api_owner;

create function crm.pinyin_of(p_name text, out full_text text, out initials text)
  language plpgsql stable set search_path = '' as $$
begin
  select lower(string_agg(r.reading, '' order by r.n)), lower(string_agg(left(r.reading, 1), '' order by r.n)) into full_text, initials
  from (select c.n, coalesce(                           -- a scalar subquery, so that each letter enters the index: a join hashes all 20,902
      (select case when c.n = 1 then coalesce(p.surname_reading, p.reading) else p.reading end from crm.pinyin p where p.hanzi = c.letter),
      case when c.letter ~ '[A-Za-z0-9]' then c.letter end, '') as reading
    from string_to_table(left(p_name, 24), null) with ordinality as c (letter, n)) r;
end $$;
comment on function crm.pinyin_of is '张三 → zhangsan and its initials zs; Latin letters and digits stay.';
