-- Attachments: voice memos and photos of a record, sent in pieces by a phone that may lose its
-- network at any byte.

create or replace trigger tg_attachments__a_stamp before insert
  or update on crm.attachments for each row execute function crm.tg_record__stamp();
select crm.create_customer_child_policies('attachments', 'author_id');
create policy select_follow on crm.attachment_chunks for select to api_owner
  using (
    exists (
      select from crm.attachments a
      where a.store_id = attachment_chunks.store_id and a.id = attachment_chunks.attachment_id
    )
  );
create policy insert_author on crm.attachment_chunks for insert to api_owner
  with check (
    exists (
      select from crm.attachments a
      where a.store_id = attachment_chunks.store_id
        and a.id = attachment_chunks.attachment_id
        and a.author_id = (select crm.current_user_id())
    )
  );
create policy delete_author on crm.attachment_chunks for delete to api_owner
  using (
    exists (
      select from crm.attachments a
      where a.store_id = attachment_chunks.store_id
        and a.id = attachment_chunks.attachment_id
        and a.author_id = (select crm.current_user_id())
    )
  );
grant select on crm.attachments, crm.attachment_chunks to api_owner;
grant insert (
  store_id, id, customer_id, form, record_id, kind, mime, bytes, sha256, author_id, consented_at
),
  update (received, removed_at) on
  crm.attachments
to api_owner;
grant insert (store_id, attachment_id, at, data), delete on crm.attachment_chunks to api_owner;

-- Complete ones only, and with the rights of what they belong to: what a role may not read of a
-- conversation it may not hear either, and what a file field names only who reads that field. A
-- file that no field of its record names any more (another one took its place) is nobody's.
create or replace view api.attachments as
  select
    attachment.store_id,
    attachment.id,
    attachment.customer_id,
    attachment.form,
    attachment.record_id,
    attachment.kind,
    attachment.mime,
    attachment.bytes,
    attachment.author_id,
    attachment.consented_at,
    attachment.created_at,
    attachment.updated_at,
    attachment.version,
    attachment.change_no
  from crm.attachments attachment
  join crm.my_access(null) access
    on access.store_id = attachment.store_id and access.form = attachment.form
  cross join lateral (
    select coalesce(
      case attachment.form
        when 'customer' then
          (
            select customer.custom
            from crm.customers customer
            where customer.store_id = attachment.store_id and customer.id = attachment.record_id
          )
        when 'companion' then
          (
            select companion.custom
            from crm.companions companion
            where companion.store_id = attachment.store_id and companion.id = attachment.record_id
          )
        when 'vehicle' then
          (
            select vehicle.custom
            from crm.vehicles vehicle
            where vehicle.store_id = attachment.store_id and vehicle.id = attachment.record_id
          )
        when 'policy' then
          (
            select policy.custom
            from crm.policies policy
            where policy.store_id = attachment.store_id and policy.id = attachment.record_id
          )
        when 'deal' then
          (
            select deal.custom
            from crm.deals deal
            where deal.store_id = attachment.store_id and deal.id = attachment.record_id
          )
        when 'conversation' then
          (
            select conversation.custom
            from crm.conversations conversation
            where conversation.store_id = attachment.store_id
              and conversation.id = attachment.record_id
          )
      end,
      '{}'
    ) as custom
  ) as record
  cross join lateral (
    select array_agg(entry.key) as fields
    from jsonb_each_text(record.custom) entry
    where entry.value = attachment.id::text
  ) as named
  where attachment.removed_at is null
    and attachment.received = attachment.bytes
    and case
      when named.fields is null then attachment.form = 'conversation'
      else named.fields && access.readable
    end
    and (attachment.form <> 'conversation' or 'notes' = any (access.readable));
alter view api.attachments owner to api_owner;
grant select on api.attachments to authenticated;

-- What the first bytes of a file are: the types that may be claimed for them. A container such as
-- MP4 holds sound or pictures.
create or replace function crm.media_types(p_head bytea) returns text[]
  language plpgsql immutable parallel safe set search_path = '' as $$
declare
  v_brand bytea := substr(p_head, 9, 4);
begin
  return case
    when substr(p_head, 1, 3) = '\xffd8ff' then array['image/jpeg']
    when substr(p_head, 1, 8) = '\x89504e470d0a1a0a' then array['image/png']
    when substr(p_head, 1, 6) in ('GIF87a', 'GIF89a') then array['image/gif']
    when substr(p_head, 1, 4) = 'RIFF' and v_brand = 'WEBP' then array['image/webp']
    when substr(p_head, 1, 4) = 'RIFF' and v_brand = 'WAVE' then array['audio/wav']
    when substr(p_head, 1, 5) = '%PDF-' then array['application/pdf']
    when substr(p_head, 1, 4) = 'OggS' then array['audio/ogg']
    when substr(p_head, 1, 4) = '\x1a45dfa3'
      and position('webm'::bytea in substr(p_head, 1, 64)) > 0 then
      array['audio/webm', 'video/webm']
    when substr(p_head, 5, 4) = 'ftyp' then
      case
        when v_brand in ('heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1') then
          array['image/heic', 'image/heif']
        when v_brand = 'qt  ' then array['video/quicktime']
        when substr(v_brand, 1, 3) = '3gp' then array['audio/3gpp', 'video/3gpp']
        when v_brand in ('M4A ', 'M4B ') then array['audio/mp4']
        when v_brand in (
          'isom', 'iso2', 'iso4', 'iso5', 'iso6', 'mp41', 'mp42', 'avc1', 'dash', 'M4V ', 'MSNV'
        ) then
          array['audio/mp4', 'video/mp4']
        else '{}'
      end
    when substr(p_head, 1, 3) = 'ID3'
      or substr(p_head, 1, 2) in ('\xfffb', '\xfffa', '\xfff3', '\xfff2') then
      array['audio/mpeg']
    when substr(p_head, 1, 2) in ('\xfff1', '\xfff9') then array['audio/aac']
    else '{}'
  end;
end $$;
comment on function crm.media_types is
  'The media types whose files begin with these bytes; shared/domain/media.py says the same.';

-- Whether a file still fits. Counted over everybody's files, which the caller may not see: so it
-- belongs to the table owner and refuses or answers nothing. What is claimed counts, or a thousand
-- files of one byte each would be begun and kept open.
create or replace function crm.require_file_space(
  p_store uuid, p_record uuid, p_author uuid, p_bytes int
) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_files bigint;
  v_bytes bigint;
begin
  -- two at once would both fit
  perform pg_advisory_xact_lock(hashtextextended('crm.attachments:' || p_store, 0));
  select count(*) into v_files
  from crm.attachments attachment
  where attachment.store_id = p_store
    and attachment.record_id = p_record
    and attachment.removed_at is null;
  if v_files >= 50 then
    raise sqlstate 'PT422' using message = 'files_of_record', detail = 'bytes';
  end if;
  select count(*), coalesce(sum(attachment.bytes), 0) into v_files, v_bytes
  from crm.attachments attachment
  where attachment.store_id = p_store
    and attachment.author_id = p_author
    and attachment.created_at > now() - interval '1 day';
  if v_files >= 300 or v_bytes + p_bytes > 500::bigint * 1024 * 1024 then
    raise sqlstate 'PT422' using message = 'files_today', detail = 'bytes';
  end if;
  select coalesce(sum(attachment.bytes), 0) into v_bytes
  from crm.attachments attachment
  where attachment.store_id = p_store;
  if v_bytes + p_bytes > 100::bigint * 1024 * 1024 * 1024 then
    raise sqlstate 'PT422' using message = 'files_of_store', detail = 'bytes';
  end if;
end $$;
comment on function crm.require_file_space is
  'Refuses one more file of so many bytes. Errors: files_of_record (50 files), files_today (300 '
  'files or 500 MB an author in 24 hours), files_of_store (100 GB).';

create or replace function crm.attachment_verbs(p_form text) returns text[]
  language plpgsql immutable set search_path = '' as $$
begin
  return case p_form
    when 'customer' then array['save_customer', 'add_customer', 'log_conversation']
    when 'companion' then array['save_customer', 'add_customer']
    when 'vehicle' then array['save_vehicle']
    when 'policy' then array['save_policy']
    when 'deal' then array['save_deal', 'move_deal']
    else array['log_conversation']
  end;
end $$;
comment on function crm.attachment_verbs is
  'Who may write such a record may send its files: an assistant who receives visitors logs no '
  'conversation.';

create or replace function crm.read_attachment(p_store uuid, p_author uuid, p_attachment jsonb)
  returns crm.attachments
  language plpgsql stable set search_path = '' as $$
declare
  v_file crm.attachments;
begin
  v_file.store_id := p_store;
  v_file.author_id := p_author;
  v_file.id := crm.as_uuid(p_attachment ->> 'id');
  v_file.record_id := crm.as_uuid(p_attachment ->> 'record_id');
  v_file.form := p_attachment ->> 'form';
  v_file.kind := p_attachment ->> 'kind';
  v_file.mime := p_attachment ->> 'mime';
  v_file.sha256 := p_attachment ->> 'sha256';
  v_file.consented_at := crm.as_instant(p_attachment ->> 'consented_at');
  if v_file.id is null or v_file.record_id is null then
    raise sqlstate 'PT422' using message = 'invalid', detail = 'id';
  end if;
  if not exists (select from crm.form_tables form_table where form_table.form = v_file.form) then
    raise sqlstate 'PT422' using message = 'option', detail = 'form';
  end if;
  if coalesce(v_file.kind, '') not in ('voice', 'photo', 'file') then
    raise sqlstate 'PT422' using message = 'option', detail = 'kind';
  end if;
  if coalesce(v_file.sha256, '') !~ '^[0-9a-f]{64}$' then
    raise sqlstate 'PT422' using message = 'format', detail = 'sha256';
  end if;
  if coalesce(p_attachment ->> 'bytes', '') !~ '^\d{1,8}$' then
    raise sqlstate 'PT422' using message = 'range', detail = 'bytes';
  end if;
  v_file.bytes := (p_attachment ->> 'bytes')::int;
  if v_file.bytes not between 1 and 20971520 then
    raise sqlstate 'PT422' using message = 'range', detail = 'bytes';
  end if;
  return v_file;
end $$;
comment on function crm.read_attachment is
  'What a client says of a file, checked. Errors: invalid, option, format, range.';

create or replace function crm.begin_attachment(p_file crm.attachments) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_customer uuid;
begin
  -- under the caller's row rules: not there = not theirs
  execute format(
    'select %I from crm.%I r where r.store_id = $1 and r.id = $2 and r.removed_at is null',
    case p_file.form when 'customer' then 'id' else 'customer_id' end,
    (select form_table.relation from crm.form_tables form_table where form_table.form = p_file.form)
  ) into v_customer
  using p_file.store_id, p_file.record_id;
  if v_customer is null then
    raise sqlstate 'PT404' using message = 'not_found', detail = 'record_id';
  end if;
  if p_file.kind = 'voice' and p_file.consented_at is null then
    raise sqlstate 'PT422' using message = 'required', detail = 'consented_at';
  end if;
  if not isfinite(p_file.consented_at) or p_file.consented_at < now() - interval '400 days' then
    raise sqlstate 'PT422' using message = 'range', detail = 'consented_at';
  end if;
  perform crm.require_file_space(
    p_file.store_id, p_file.record_id, p_file.author_id, p_file.bytes
  );
  insert into crm.attachments (
    store_id, id, customer_id, form, record_id, kind, mime, bytes, sha256, author_id, consented_at
  )
  values (
    p_file.store_id,
    p_file.id,
    v_customer,
    p_file.form,
    p_file.record_id,
    p_file.kind,
    p_file.mime,
    p_file.bytes,
    p_file.sha256,
    p_file.author_id,
    least(p_file.consented_at, now())
  )
  on conflict (store_id, id) do nothing;
exception
  when check_violation or not_null_violation then
    raise sqlstate 'PT422' using message = 'file_type', detail = 'mime';
end $$;
comment on function crm.begin_attachment is
  'The row of a file of which nothing is here yet. Errors: not_found, required, range, file_type, '
  'files_of_record, files_today, files_of_store.';

create or replace function crm.decode_chunk(p_file crm.attachments, p_data text) returns bytea
  language plpgsql stable set search_path = '' as $$
declare
  v_chunk bytea;
begin
  begin
    v_chunk := decode(coalesce(p_data, ''), 'base64');
  exception
    when others then
      raise sqlstate 'PT422' using message = 'invalid', detail = 'data';
  end;
  if length(v_chunk) not between 1 and 262144
    -- a file of ten million pieces of two bytes would be ten million rows
    or p_file.received + length(v_chunk) > p_file.bytes
    or p_file.received + length(v_chunk) < p_file.bytes and length(v_chunk) < 4096
  then
    raise sqlstate 'PT422' using message = 'range', detail = 'data';
  end if;
  if p_file.received = 0 and p_file.mime <> all (crm.media_types(substr(v_chunk, 1, 64))) then
    raise sqlstate 'PT422' using message = 'file_type', detail = 'mime';
  end if;
  return v_chunk;
end $$;
comment on function crm.decode_chunk is
  'The next piece of a file, checked. Errors: invalid, range, file_type.';

create or replace function crm.append_chunk(p_file crm.attachments, p_chunk bytea) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_received int := p_file.received + length(p_chunk);
  v_whole text;
begin
  insert into crm.attachment_chunks (store_id, attachment_id, at, data)
  values (p_file.store_id, p_file.id, p_file.received, p_chunk);
  if v_received = p_file.bytes then
    select encode(sha256(string_agg(chunk.data, ''::bytea order by chunk.at)), 'hex') into v_whole
    from crm.attachment_chunks chunk
    where chunk.store_id = p_file.store_id and chunk.attachment_id = p_file.id;
    if v_whole <> p_file.sha256 then  -- a piece was damaged on its way: from the beginning
      delete
      from crm.attachment_chunks chunk
      where chunk.store_id = p_file.store_id and chunk.attachment_id = p_file.id;
      v_received := 0;
    end if;
  end if;
  update crm.attachments attachment
  set received = v_received
  where attachment.store_id = p_file.store_id and attachment.id = p_file.id;
  return v_received;
end $$;
comment on function crm.append_chunk is 'Keeps a piece and answers how many bytes are here.';

create or replace function crm.lock_attachment(p_store uuid, p_id uuid) returns crm.attachments
  language plpgsql volatile set search_path = '' as $$
declare
  v_file crm.attachments;
begin
  select * into v_file
  from crm.attachments x
  where x.store_id = p_store and x.id = p_id
  for update;
  return v_file;
end $$;

create or replace function crm.upload_attachment(
  p_store uuid, p_attachment jsonb, p_at int, p_data text
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
  v_claimed crm.attachments;
  v_file crm.attachments;
  v_verbs text[] := crm.attachment_verbs(p_attachment ->> 'form');
begin
  if not coalesce(v_caller.is_member and v_caller.verbs && v_verbs, false) then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if p_at is null or p_at < 0 then
    raise sqlstate 'PT422' using message = 'invalid', detail = 'id';
  end if;
  v_claimed := crm.read_attachment(p_store, v_caller.user_id, p_attachment);
  if crm.is_about_erased(p_store, p_attachment) then
    raise sqlstate 'PT404' using message = 'not_found', detail = 'record_id';
  end if;
  v_file := crm.lock_attachment(p_store, v_claimed.id);
  if v_file.id is null then
    perform crm.begin_attachment(v_claimed);
    v_file := crm.lock_attachment(p_store, v_claimed.id);
  end if;
  if v_file.id is null
    or (
      v_file.author_id, v_file.form, v_file.record_id, v_file.kind, v_file.mime, v_file.bytes,
      v_file.sha256
    ) is distinct from (
      v_claimed.author_id, v_claimed.form, v_claimed.record_id, v_claimed.kind, v_claimed.mime,
      v_claimed.bytes, v_claimed.sha256
    )
  then
    raise sqlstate 'PT409' using message = 'id_taken', detail = 'id';
  end if;
  if v_file.removed_at is not null
    or crm.record_is_gone(p_store, v_file.form, v_file.record_id)
  then
    raise sqlstate 'PT404' using message = 'not_found', detail = 'record_id';
  end if;
  -- any other place: the caller hears where to go on
  if p_at = v_file.received and v_file.received < v_file.bytes then
    v_file.received := crm.append_chunk(v_file, crm.decode_chunk(v_file, p_data));
  end if;
  return jsonb_build_object(
    'received', v_file.received, 'complete', v_file.received = v_file.bytes
  );
end $$;
comment on function crm.upload_attachment is
  'Takes one piece (base64, 4 to 256 KiB, the last may be shorter) of an attachment and answers '
  'how many bytes are here: {received, complete}. Sending a piece again is harmless. The first '
  'bytes must be those of the type that is claimed. A voice memo says when the customer agreed '
  '(consented_at). Errors: forbidden, not_found, id_taken, invalid, required, option, format, '
  'range, file_type, files_of_record, files_today, files_of_store.';

create or replace function crm.record_is_gone(p_store uuid, p_form text, p_record uuid)
  returns bool
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_is_there bool;
begin
  execute format(
    $q$
    select exists (
      select from crm.%I r
      where r.store_id = $1 and r.id = $2 and r.removed_at is null
    )
    $q$,
    (select t.relation from crm.form_tables t where t.form = p_form)
  ) into v_is_there
  using p_store, p_record;
  return not v_is_there;
end $$;
comment on function crm.record_is_gone is
  'Whether a record was removed, whoever may see it: its file gets no further bytes. Belongs to '
  'the table owner; answers yes or no.';

create or replace function crm.removed_records(p_store uuid, p_before timestamptz)
  returns table (form text, id uuid)
  language plpgsql stable set search_path = '' as $$
declare
  v_form crm.form_tables;
begin
  for v_form in select * from crm.form_tables loop
    return query execute format(
      'select %L::text, r.id from crm.%I r where r.store_id = $1 and r.removed_at < $2',
      v_form.form,
      v_form.relation
    ) using p_store, p_before;
  end loop;
end $$;

-- A phone that comes back later sends such a file from the beginning.
create or replace function crm.purge_attachments(p_store uuid, p_now timestamptz) returns int
  language plpgsql volatile set search_path = '' as $$
declare
  v_long_ago timestamptz := p_now - interval '30 days';
  v_count int;
begin
  with
    old as (
      select
        stored.id,
        stored.customer_id,
        stored.form,
        stored.record_id
      from crm.attachments stored
      where stored.store_id = p_store and stored.updated_at < v_long_ago
    ),
    dead as (select * from crm.removed_records(p_store, v_long_ago)),
    gone as (
      select stored.id
      from crm.attachments stored
      where stored.store_id = p_store
        and (
          stored.received < stored.bytes
          and stored.updated_at < p_now - interval '7 days'
          or stored.removed_at < v_long_ago
        )
      union
      select old.id
      from old
      join dead on dead.form = 'customer' and dead.id = old.customer_id
      union
      select old.id  -- a customer who was merged into another may be told apart again
      from old
      join dead on dead.form = old.form and dead.id = old.record_id
      where old.form <> 'customer'
    )
  delete
  from crm.attachments attachment
  using gone g
  where attachment.store_id = p_store and attachment.id = g.id;
  get diagnostics v_count = row_count;
  return v_count;
end $$;
comment on function crm.purge_attachments is
  'For the scheduler: deletes files that were begun and not sent on for 7 days, and those of '
  'records removed 30 days ago. Answers how many.';

create or replace function crm.download_attachment(p_store uuid, p_id uuid, p_at int) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_bytes int;
  v_mime text;
  piece bytea;
begin
  select attachment.bytes, attachment.mime into v_bytes, v_mime
  from api.attachments attachment
  where attachment.store_id = p_store and attachment.id = p_id;
  if v_bytes is null then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  select chunk.data into piece
  from crm.attachment_chunks chunk
  where chunk.store_id = p_store and chunk.attachment_id = p_id and chunk.at = coalesce(p_at, 0);
  return jsonb_build_object(
    'bytes', v_bytes,
    'mime', v_mime,
    'at', coalesce(p_at, 0),
    'next', coalesce(p_at, 0) + coalesce(length(piece), 0),
    'data', translate(encode(coalesce(piece, ''::bytea), 'base64'), e'\n', '')
  );
end $$;
comment on function crm.download_attachment is
  'The piece that begins at a byte: {bytes, mime, at, next, data (base64)}; mime is what its '
  'first bytes are; complete when next = bytes. Error: not_found.';
alter function crm.upload_attachment(uuid, jsonb, int, text) owner to api_owner;
alter function crm.download_attachment(uuid, uuid, int) owner to api_owner;

create or replace function api.upload_attachment(store_id uuid, attachment jsonb, at int, data text)
  returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.upload_attachment(store_id, attachment, at, data); end;

create or replace function api.download_attachment(store_id uuid, id uuid, at int default 0)
  returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.download_attachment(store_id, id, at); end;
grant execute on function
  crm.media_types(bytea),
  crm.require_file_space(uuid, uuid, uuid, int),
  crm.attachment_verbs(text),
  crm.read_attachment(uuid, uuid, jsonb),
  crm.begin_attachment(crm.attachments),
  crm.decode_chunk(crm.attachments, text),
  crm.append_chunk(crm.attachments, bytea),
  crm.lock_attachment(uuid, uuid),
  crm.record_is_gone(uuid, text, uuid)
to api_owner;
grant execute on function
  crm.upload_attachment(uuid, jsonb, int, text),
  crm.download_attachment(uuid, uuid, int),
  api.upload_attachment(uuid, jsonb, int, text),
  api.download_attachment(uuid, uuid, int)
to authenticated;
