-- Schemas, the owner of doors, and the small pure functions everything else uses. crm is private:
-- tables, policies, helpers, verbs. api is exposed: views to read, functions to act.

-- Who is asking -----------------------------------------------------------------------------------

grant execute on function crm.current_user_id() to api_owner, authenticated;

-- Pure text and value helpers ---------------------------------------------------------------------
-- plpgsql, although they are one expression each: a function in sql with a search_path is never
-- inlined, and is planned again for every statement that meets it, a generated column among them:
-- with sql an imported lead took twice as long.

create or replace function crm.digits(v text) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return regexp_replace(v, '\D', '', 'g');
end $$;
comment on function crm.digits is 'The digits of a phone number, for tails and duplicates.';

create or replace function crm.is_date(s text) returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case
    when s is null or s !~ '^(19|20|21)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$' then false
    else substr(s, 9, 2)::int <= date_part(
      'day',
      (substr(s, 1, 8) || '01')::date + interval '1 month' - interval '1 day'
    )
  end;
end $$;
comment on function crm.is_date is
  'True for a real day of 1900 to 2199 written 2026-11-24; never raises, since a cast error '
  'prints the value.';

create or replace function crm.is_number(v jsonb) returns bool
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return jsonb_typeof(v) = 'number'
    and v between '-1e15' and '1e15'
    and (v = '0' or v not between '-1e-15' and '1e-15')
    and length(v #>> '{}') <= 40;
end $$;
comment on function crm.is_number is
  'True for a number of at most 1e15 either way, no nearer to zero than 1e-15 and of at most 40 '
  'digits.';
grant execute on function crm.is_number(jsonb) to api_owner;

create or replace function crm.as_number(v jsonb) returns float8
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case when crm.is_number(v) then v::float8 end;
end $$;
comment on function crm.as_number is
  'Null for anything but a number that a float can hold: a cast error prints the value.';

create or replace function crm.as_date(v jsonb) returns date
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case when crm.is_date(v #>> '{}') then (v #>> '{}')::date end;
end $$;

create or replace function crm.as_uuid(s text) returns uuid
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return case
    when s ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then s::uuid
  end;
end $$;
comment on function crm.as_uuid is
  'Null for anything that is no uuid: a malformed id answers like one that is not there.';

create or replace function crm.as_instant(s text) returns timestamptz
  language plpgsql stable parallel safe set search_path = '' as $$
declare
  t timestamptz;
begin
  if s is null or length(s) > 40 or s !~ '^(19|20|21)\d\d-\d\d-\d\d([T ]|$)' then
    return null;  -- "infinity", "now" and "tomorrow" are instants to Postgres
  end if;
  t := s::timestamptz;
  return case when t >= '1970-01-01 00:00:00+00' and t < '2101-01-01 00:00:00+00' then t end;
exception
  when others then
    return null;  -- any client text; the verb answers "invalid"
end $$;
comment on function crm.as_instant is
  'Null for anything but an instant of 1970 to 2100: what is added to or taken from one must stay'
  ' a time.';

create or replace function crm.search_phone(p_text text) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_phone text := regexp_replace(
    normalize(
      regexp_replace(
        coalesce(p_text, ''),
        U&'[\00AD\200B-\200F\202A-\202E\2060-\2064\2066-\2069\FEFF]',
        '',
        'g'
      ),
      nfkc
    ),
    U&'[ \0009\000A\000D().·/\2010-\2015\2043\301C\FE63-]',
    '',
    'g'
  );
begin
  v_phone := regexp_replace(v_phone, '^(\+86(?=[0-9])|0086(?=[0-9]{5,}$))', '');
  v_phone := regexp_replace(
    v_phone,
    '^86(?=(1[3-9][0-9]{9}|(10|2[0-9])[0-9]{8}|[3-9][0-9]{2}[2-9][0-9]{6,7})$)',
    ''
  );
  v_phone := regexp_replace(v_phone, '^00(?=[1-9][0-9]{7,}$)', '+');  -- 0012 is the end of a number
  return case when v_phone ~ '^\+?[0-9]{3,20}$' then v_phone else '' end;
end $$;
comment on function crm.search_phone is
  'The digits of a number, or of a part of one, as they are looked for: in half width, without '
  'country code and separators; empty for anything else. As search_phone of the apps.';

create or replace function crm.search_plate(p_text text) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return upper(
    regexp_replace(
      normalize(coalesce(p_text, ''), nfkc),
      U&'[ \0009\000A\000D·•・‧∙⋅●․ㆍᐧ｡。．._:~''’`\200B-\200F\2010-\2015\2043\FEFF-]',
      '',
      'g'
    ) collate "C"
  );
end $$;
comment on function crm.search_plate is
  'A plate, or a part of one, as plates are stored: capitals in half width, without dots, spaces '
  'and '
  'dashes. As search_plate of the apps.';

create or replace function crm.search_name(p_text text) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return lower(
    regexp_replace(
      normalize(
        regexp_replace(normalize(coalesce(p_text, ''), nfkd), U&'[\0300-\036F]', '', 'g'),
        nfkc
      ),
      U&'[ \0009\000A\000D·•・‧∙⋅●․ㆍᐧ｡。．._''’`\200B-\200F\2010-\2015\2043\FEFF-]',
      '',
      'g'
    ) collate "C"
  );
end $$;
comment on function crm.search_name is
  'A name as it is looked for: small letters without accents in half width, no dots, spaces or '
  'dashes. As search_name of the apps.';
grant execute on function
  crm.search_phone(text),
  crm.search_plate(text),
  crm.search_name(text)
to api_owner;

-- Change numbers ----------------------------------------------------------------------------------
--
-- A phone asks "what is new since …" and must never miss a row whose transaction began earlier and
-- commits later (T11). So numbers come from a sequence, and whoever writes to a store first says,
-- in a lock that others can see until it ends, below which number nothing of its own will be. A
-- pull reads below the lowest of those: docs/decisions/0002.

comment on sequence crm.change_numbers is
  'Change numbers of all stores: one for each transaction and store it writes to.';
grant usage, select on sequence crm.change_numbers to api_owner;

create or replace function crm.change_no(p_store uuid) returns bigint
  language plpgsql volatile set search_path = '' as $$
declare
  -- "store number", until the transaction or savepoint ends
  v_setting text := current_setting('crm.change_no', true);
  v_number bigint;
begin
  if left(v_setting, 36) = p_store::text then
    return substr(v_setting, 38)::bigint;
  end if;
  -- the order matters: what is said first is a number already given, so whatever comes next is
  -- above it
  perform pg_advisory_xact_lock_shared(
    hashtext(p_store::text),
    crm.low_half(pg_sequence_last_value('crm.change_numbers'))
  );
  v_number := nextval('crm.change_numbers');
  perform set_config('crm.change_no', p_store::text || ' ' || v_number, true);
  return v_number;
end $$;
comment on function crm.change_no is
  'The change number of rows this transaction writes to a store. Ends with the savepoint it was '
  'taken in.';

create or replace function crm.low_half(p_number bigint) returns int
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return (coalesce(p_number, 0) & 4294967295)::bit(32)::int;
end $$;
comment on function crm.low_half is
  'The lower 32 bits of a number, as the second key of an advisory lock holds them.';

create or replace function crm.pull_ceiling(p_store uuid, out below bigint, out latest bigint)
  language plpgsql volatile set search_path = '' as $$
declare
  v_behind bigint;
begin
  -- first the last number, then who is writing
  latest := coalesce(pg_sequence_last_value('crm.change_numbers'), 0);
  -- more: that writer began after `given` was read
  select max(x.behind) into v_behind
  from (
    select (latest - l.objid::bigint) & 4294967295 as behind
    from pg_locks l
    where l.locktype = 'advisory'
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
      and l.classid::bigint = hashtext(p_store::text)::bigint & 4294967295
      and l.objsubid = 2
  ) x
  where x.behind < 2147483648;
  below := latest + 1 - coalesce(v_behind, 0);
end $$;
comment on function crm.pull_ceiling is
  'below: every change of the store with a lower number is seen by a statement that begins after '
  'this one. latest: the last number used.';
grant execute on function
  crm.change_no(uuid),
  crm.low_half(bigint),
  crm.pull_ceiling(uuid)
to api_owner;

-- Refusals ----------------------------------------------------------------------------------------

create or replace function crm.reject(
  p_code text,
  p_field text default null,
  p_errors jsonb default '[]'
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  raise sqlstate 'RFUSE' using message
    = jsonb_strip_nulls(
      jsonb_build_object(
        'status', 'rejected',
        'code', p_code,
        'field', coalesce(p_field, p_errors -> 0 ->> 'field'),
        'errors', nullif(p_errors, '[]')
      )
    )::text;
end $$;
comment on function crm.reject is
  'Ends a verb with one of the codes of supabase/error_codes.md; nothing it wrote stays.';

-- Pinyin ------------------------------------------------------------------------------------------
--
-- One reading per character is data, so that every writer (phone, importer, SQL) is found the same
-- way.

create policy select_all on crm.pinyin for select to api_owner
  using (hanzi is not null);
grant select on crm.pinyin to api_owner;

create or replace function crm.initials_of(p_readings text[]) returns text
  language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return (
    select string_agg(left(r.reading, 1), '' order by r.n)
    from unnest(p_readings) with ordinality r (reading, n)
  );
end $$;
grant execute on function crm.initials_of(text[]) to api_owner;

create or replace function crm.pinyin_of(p_name text, out full_text text, out initials text)
  language plpgsql stable set search_path = '' as $$
declare
  v_name text := normalize(
    regexp_replace(normalize(left(p_name, 24), nfkd), U&'[\0300-\036F]', '', 'g'),
    nfkc
  );
  v_usual text[];
  v_surnames text[];
  v_others text[];
  v_spelled text[];
  v_variant text[];
  v_reading text;
  v_seen text[];
begin
  -- scalar subqueries, so that each letter enters the index: a join hashes all 40,000
  select
    array_agg(
      coalesce((r.p).reading, substring(lower(r.letter) from '^[a-z0-9]$'), '') order by r.n
    ),
    array_agg((r.p).surname_reading order by r.n),
    array_agg((r.p).other_reading order by r.n) into v_usual,
    v_surnames,
    v_others
  from (
    select c.n, c.letter, (select p from crm.pinyin p where p.hanzi = c.letter) as p
    from string_to_table(v_name, null) with ordinality as c (letter, n)
  ) r;
  v_spelled := v_usual;
  if v_surnames[1] is not null then
    v_spelled[1] := v_surnames[1];
  end if;
  case left(v_name, 2)
    when '万俟', '萬俟' then v_spelled[1:2] := '{mo,qi}';
    when '单于', '單于' then v_spelled[1:2] := '{chan,yu}';
    when '长孙', '長孫' then v_spelled[1:2] := '{zhang,sun}';
    else null;
  end case;
  full_text := array_to_string(v_spelled, '');
  initials := crm.initials_of(v_spelled);
  v_seen := array[array_to_string(v_spelled, '|')];
  for i in 1..coalesce(array_length(v_usual, 1), 0) loop
    foreach v_reading in array array[v_usual[i], v_surnames[i], v_others[i]] loop
      v_variant := v_spelled;
      v_variant[i] := v_reading;
      if v_reading <> ''
        and array_to_string(v_variant, '|') <> all (v_seen)
        and array_length(v_seen, 1) <= 4
      then
        v_seen := v_seen || array_to_string(v_variant, '|');
        full_text := full_text || ' ' || array_to_string(v_variant, '');
        initials := initials || ' ' || crm.initials_of(v_variant);
      end if;
    end loop;
    if i > 1 and v_usual[i - 1] = '' and v_usual[i] <> '' then  -- behind a dot or a space
      full_text := full_text || ' ' || array_to_string(v_spelled[i:], '');
      initials := initials || ' ' || crm.initials_of(v_spelled[i:]);
    end if;
  end loop;
end $$;
comment on function crm.pinyin_of is
  '张三 → zhangsan and its initials zs; Latin letters and digits stay. Behind the first spelling '
  'stand those with another reading of one sign, and the parts behind a dot or a space: 乐毅 → yueyi '
  'leyi, 阿里·买买提 → alimaimaiti maimaiti.';

-- Readings of the hanzi of the basic block and the others that names hold (data: the Unihan
-- readings as published in pypinyin's dictionary, MIT), one row a reading. Surnames that are read
-- differently in names stand apart.
