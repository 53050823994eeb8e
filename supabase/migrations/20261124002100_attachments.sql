-- Attachments: voice memos and photos of a record, sent in pieces by a phone that may lose its network at any byte.

grant create on schema crm, api to api_owner;         -- taken back at the end

create table crm.attachments (
  store_id uuid not null references crm.stores on delete cascade,
  id uuid not null,                                   -- made by the phone: a piece sent twice is one piece
  customer_id uuid not null,
  form text not null check (form in ('customer', 'companion', 'vehicle', 'policy', 'deal', 'conversation')),
  record_id uuid not null,
  kind text not null check (kind in ('voice', 'photo', 'file')),
  mime text not null check (mime ~ '^[a-z]+/[a-z0-9.+-]{1,60}$'),
  bytes int not null check (bytes between 1 and 20971520),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  received int not null default 0 check (received between 0 and bytes),
  author_id uuid not null,
  consented_at timestamptz,                           -- when the customer said yes to a recording; who asked him is the author
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  change_no bigint not null default crm.change_no(),
  removed_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, customer_id) references crm.customers on delete cascade,
  constraint recorded_with_consent check (kind <> 'voice' or consented_at is not null));
comment on table crm.attachments is 'A voice memo, photo or file of a record; complete when received = bytes. Rights are those of its record. In Postgres on purpose: docs/decisions/0008.';
create index on crm.attachments (store_id, customer_id);

create table crm.attachment_chunks (
  store_id uuid not null,
  attachment_id uuid not null,
  at int not null check (at >= 0),
  data bytea not null check (length(data) between 1 and 262144),
  primary key (store_id, attachment_id, at),
  foreign key (store_id, attachment_id) references crm.attachments on delete cascade);
comment on table crm.attachment_chunks is 'The bytes of an attachment, piece by piece; at = the place of its first byte.';
alter table crm.attachment_chunks alter column data set storage external;   -- sound and pictures are compressed already

create trigger tg_attachments__a_stamp before insert or update on crm.attachments for each row execute function crm.tg_record__stamp();

alter table crm.attachments enable row level security;
alter table crm.attachment_chunks enable row level security;
select crm.rows_follow_customer('attachments', 'author_id');
create policy select_follow on crm.attachment_chunks for select to api_owner
  using (exists (select from crm.attachments a where a.store_id = attachment_chunks.store_id and a.id = attachment_chunks.attachment_id));
create policy insert_author on crm.attachment_chunks for insert to api_owner
  with check (exists (select from crm.attachments a where a.store_id = attachment_chunks.store_id and a.id = attachment_chunks.attachment_id and a.author_id = (select auth.uid())));
create policy delete_author on crm.attachment_chunks for delete to api_owner
  using (exists (select from crm.attachments a where a.store_id = attachment_chunks.store_id and a.id = attachment_chunks.attachment_id and a.author_id = (select auth.uid())));
grant select on crm.attachments, crm.attachment_chunks to api_owner;
grant insert (store_id, id, customer_id, form, record_id, kind, mime, bytes, sha256, author_id, consented_at), update (received, removed_at) on crm.attachments to api_owner;
grant insert (store_id, attachment_id, at, data), delete on crm.attachment_chunks to api_owner;

-- Complete ones only, and with the rights of what they belong to: what a role may not read of a conversation it may not hear either, and what a
-- file field names only who reads that field. A file that no field of its record names any more (another one took its place) is nobody's.
create view api.attachments as
select t.store_id, t.id, t.customer_id, t.form, t.record_id, t.kind, t.mime, t.bytes, t.author_id, t.consented_at, t.created_at, t.updated_at, t.version, t.change_no
from crm.attachments t join crm.my_access(null) a on a.store_id = t.store_id and a.form = t.form
cross join lateral (
  select coalesce(case t.form
    when 'customer' then (select r.custom from crm.customers r where r.store_id = t.store_id and r.id = t.record_id)
    when 'companion' then (select r.custom from crm.companions r where r.store_id = t.store_id and r.id = t.record_id)
    when 'vehicle' then (select r.custom from crm.vehicles r where r.store_id = t.store_id and r.id = t.record_id)
    when 'policy' then (select r.custom from crm.policies r where r.store_id = t.store_id and r.id = t.record_id)
    when 'deal' then (select r.custom from crm.deals r where r.store_id = t.store_id and r.id = t.record_id)
    when 'conversation' then (select r.custom from crm.conversations r where r.store_id = t.store_id and r.id = t.record_id)
  end, '{}') as custom) as record
cross join lateral (
  select array_agg(e.key) as fields from jsonb_each_text(record.custom) e where e.value = t.id::text) as named
where t.removed_at is null and t.received = t.bytes
  and case when named.fields is null then t.form = 'conversation' else named.fields && a.readable end
  and (t.form <> 'conversation' or 'words' = any (a.readable));
alter view api.attachments owner to api_owner;
grant select on api.attachments to authenticated;

create function crm.put_attachment(p_store uuid, p_attachment jsonb, p_at int, p_data text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.me(p_store); t crm.attachments; v_id uuid := crm.as_uuid(p_attachment ->> 'id'); v_record uuid := crm.as_uuid(p_attachment ->> 'record_id');
  v_form text := p_attachment ->> 'form'; v_customer uuid; piece bytea; whole text; v_table text;
  -- who may write such a record may send its files: an assistant who receives visitors logs no conversation
  v_verbs text[] := case v_form when 'customer' then array['save_customer', 'add_customer', 'log_conversation'] when 'companion' then array['save_customer', 'add_customer']
    when 'vehicle' then array['save_vehicle'] when 'policy' then array['save_policy'] when 'deal' then array['save_deal', 'move_deal'] else array['log_conversation'] end;
begin
  if not coalesce(c.is_member and c.verbs && v_verbs, false) then raise sqlstate 'PT403' using message = 'forbidden'; end if;
  if v_id is null or v_record is null or p_at is null or p_at < 0 then raise sqlstate 'PT422' using message = 'invalid', detail = 'id'; end if;
  select * into t from crm.attachments x where x.store_id = p_store and x.id = v_id for update;
  if t.id is null then
    v_table := case v_form when 'customer' then 'customers' when 'companion' then 'companions' when 'vehicle' then 'vehicles' when 'policy' then 'policies'
      when 'deal' then 'deals' when 'conversation' then 'conversations' end;
    if v_table is null then raise sqlstate 'PT422' using message = 'option', detail = 'form'; end if;
    execute format('select %I from crm.%I r where r.store_id = $1 and r.id = $2 and r.removed_at is null', case v_table when 'customers' then 'id' else 'customer_id' end, v_table)
      into v_customer using p_store, v_record;         -- under the caller's row rules: not there = not yours
    if v_customer is null then raise sqlstate 'PT404' using message = 'not_found', detail = 'record_id'; end if;
    if coalesce(p_attachment ->> 'kind', '') not in ('voice', 'photo', 'file') then raise sqlstate 'PT422' using message = 'option', detail = 'kind'; end if;
    if p_attachment ->> 'kind' = 'voice' and crm.as_instant(p_attachment ->> 'consented_at') is null then raise sqlstate 'PT422' using message = 'required', detail = 'consented_at'; end if;
    if coalesce(p_attachment ->> 'mime', '') !~ '^[a-z]+/[a-z0-9.+-]{1,60}$' then raise sqlstate 'PT422' using message = 'format', detail = 'mime'; end if;
    if coalesce(p_attachment ->> 'sha256', '') !~ '^[0-9a-f]{64}$' then raise sqlstate 'PT422' using message = 'format', detail = 'sha256'; end if;
    if coalesce(p_attachment ->> 'bytes', '') !~ '^\d{1,8}$' or (p_attachment ->> 'bytes')::int not between 1 and 20971520 then
      raise sqlstate 'PT422' using message = 'range', detail = 'bytes';
    end if;
    insert into crm.attachments (store_id, id, customer_id, form, record_id, kind, mime, bytes, sha256, author_id, consented_at)
    values (p_store, v_id, v_customer, v_form, v_record, p_attachment ->> 'kind', p_attachment ->> 'mime', (p_attachment ->> 'bytes')::int, p_attachment ->> 'sha256', c.user_id,
      least(crm.as_instant(p_attachment ->> 'consented_at'), now()))
    on conflict (store_id, id) do nothing;
    select * into t from crm.attachments x where x.store_id = p_store and x.id = v_id for update;
  end if;
  if t.id is null or t.author_id <> c.user_id or t.record_id <> v_record then raise sqlstate 'PT409' using message = 'id_taken', detail = 'id'; end if;
  if p_at = t.received and t.received < t.bytes then  -- any other place: the caller hears where to go on
    begin
      piece := decode(coalesce(p_data, ''), 'base64');
    exception when others then raise sqlstate 'PT422' using message = 'invalid', detail = 'data'; end;
    if length(piece) not between 1 and 262144 or t.received + length(piece) > t.bytes then raise sqlstate 'PT422' using message = 'range', detail = 'data'; end if;
    insert into crm.attachment_chunks (store_id, attachment_id, at, data) values (p_store, v_id, p_at, piece);
    t.received := t.received + length(piece);
    if t.received = t.bytes then
      select encode(sha256(string_agg(x.data, ''::bytea order by x.at)), 'hex') into whole from crm.attachment_chunks x where x.store_id = p_store and x.attachment_id = v_id;
      if whole <> t.sha256 then                       -- a piece was damaged on its way: from the beginning
        delete from crm.attachment_chunks x where x.store_id = p_store and x.attachment_id = v_id;
        t.received := 0;
      end if;
    end if;
    update crm.attachments x set received = t.received where x.store_id = p_store and x.id = v_id;
  end if;
  return jsonb_build_object('received', t.received, 'complete', t.received = t.bytes);
end $$;
comment on function crm.put_attachment is 'Takes one piece (base64, up to 256 KiB) of an attachment and answers how many bytes are here: {received, complete}. Sending a piece again is harmless. A voice memo says when the customer agreed (consented_at). Errors: not_found, id_taken, invalid, required, option, format, range.';

create function crm.get_attachment(p_store uuid, p_id uuid, p_at int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare v_bytes int; piece bytea;
begin
  select v.bytes into v_bytes from api.attachments v where v.store_id = p_store and v.id = p_id;
  if v_bytes is null then raise sqlstate 'PT404' using message = 'not_found'; end if;
  select x.data into piece from crm.attachment_chunks x where x.store_id = p_store and x.attachment_id = p_id and x.at = coalesce(p_at, 0);
  return jsonb_build_object('bytes', v_bytes, 'at', coalesce(p_at, 0), 'next', coalesce(p_at, 0) + coalesce(length(piece), 0),
    'data', translate(encode(coalesce(piece, ''::bytea), 'base64'), e'\n', ''));
end $$;
comment on function crm.get_attachment is 'The piece that begins at a byte: {bytes, at, next, data (base64)}; complete when next = bytes. Error: not_found.';
alter function crm.put_attachment(uuid, jsonb, int, text) owner to api_owner;
alter function crm.get_attachment(uuid, uuid, int) owner to api_owner;

create function api.put_attachment(store_id uuid, attachment jsonb, at int, data text) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.put_attachment(store_id, attachment, at, data); end;
create function api.get_attachment(store_id uuid, id uuid, at int default 0) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.get_attachment(store_id, id, at); end;
grant execute on function crm.put_attachment(uuid, jsonb, int, text), crm.get_attachment(uuid, uuid, int),
  api.put_attachment(uuid, jsonb, int, text), api.get_attachment(uuid, uuid, int) to authenticated;
revoke create on schema crm, api from api_owner;
