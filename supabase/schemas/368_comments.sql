-- Comments on conversations: a manager writes one, its author sees it until they acknowledge it
-- (S-54). A comment changes nothing of the record and counts in no metric.

create policy select_nobody on crm.comments for select to api_owner
  using (false);

create or replace function crm.require_commentable(p_caller crm.caller, p_conversation uuid)
  returns void
  language plpgsql stable set search_path = '' as $$
begin
  if not exists (
    select from crm.conversations v
    join crm.customers k
      on k.store_id = v.store_id and k.id = v.customer_id and k.removed_at is null
    where v.store_id = p_caller.store_id
      and v.id = p_conversation
      and v.author_id <> p_caller.user_id
      and v.removed_at is null
  ) then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
end $$;

create or replace function crm.add_comment(
  p_store uuid, p_id uuid, p_conversation uuid, p_notes text
) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.require_permission(p_store, 'decide_approval');
  v_notes text := trim(coalesce(p_notes, ''));
begin
  if not crm.leads_meeting(c) then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  if p_id is null or v_notes = '' then
    raise sqlstate 'PT422' using message = 'required', detail = 'notes';
  end if;
  if length(v_notes) > 500 then
    raise sqlstate 'PT422' using message = 'length', detail = 'notes';
  end if;
  perform crm.require_commentable(c, p_conversation);
  insert into crm.comments (store_id, id, conversation_id, notes, author_id)
  values (p_store, p_id, p_conversation, v_notes, c.user_id)
  on conflict do nothing;
  -- sent again, because the first answer was lost; an id that another comment has is told
  if not exists (
    select from crm.comments n
    where n.store_id = p_store
      and n.id = p_id
      and n.conversation_id = p_conversation
      and n.author_id = c.user_id
      and n.notes = v_notes
  ) then
    raise sqlstate 'PT409' using message = 'id_taken';
  end if;
  return jsonb_build_object('id', p_id);
end $$;
comment on function crm.add_comment is
  'Says something about a colleague''s conversation to its author. p_id: made by the app; the same '
  'again changes nothing. Errors: forbidden, required, length, not_found (no such conversation, or '
  'one''s own), id_taken.';

create or replace function crm.shown_comments(p_caller crm.caller, p_customer uuid)
  returns jsonb
  language plpgsql stable set search_path = '' as $$
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(x) order by x.created_at, x.id), '[]')
    from (
      select
        n.id, n.conversation_id, n.notes, n.created_at, n.acknowledged_at, m.name as author,
        k.id as customer_id, k.name as customer_name, v.occurred_at
      from crm.comments n
      join crm.conversations v
        on v.store_id = n.store_id and v.id = n.conversation_id and v.removed_at is null
      join crm.members m on m.store_id = n.store_id and m.user_id = n.author_id
      left join api.customers k on k.store_id = v.store_id and k.id = v.customer_id
      where n.store_id = p_caller.store_id
        and case
          when p_customer is null then
            v.author_id = p_caller.user_id and n.acknowledged_at is null
          else
            v.customer_id = p_customer
            and (v.author_id = p_caller.user_id or crm.leads_meeting(p_caller))
        end
      order by n.created_at, n.id
      limit 100
    ) x
  );
end $$;

create or replace function crm.comments(p_store uuid, p_customer uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
begin
  if c.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  return crm.shown_comments(c, p_customer);
end $$;
comment on function crm.comments is
  'Comments on a customer''s conversations: the caller''s own conversations, or all for who leads '
  'the store. p_customer null: what the caller has not acknowledged yet, of all customers. At most '
  '100; the customer as the caller sees them. Error: forbidden.';

create or replace function crm.acknowledge_comment(p_store uuid, p_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  c crm.caller := crm.current_member(p_store);
begin
  if c.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  update crm.comments n
  set acknowledged_at = coalesce(n.acknowledged_at, now())
  from crm.conversations v
  where n.store_id = p_store
    and n.id = p_id
    and v.store_id = n.store_id
    and v.id = n.conversation_id
    and v.author_id = c.user_id;
  if not found then
    raise sqlstate 'PT404' using message = 'not_found';
  end if;
  return jsonb_build_object('id', p_id);
end $$;
comment on function crm.acknowledge_comment is
  'The author of the conversation has read the comment; a second time changes nothing. Errors: '
  'forbidden, not_found.';

create or replace function api.add_comment(
  store_id uuid, id uuid, conversation_id uuid, notes text
) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.add_comment(store_id, id, conversation_id, notes); end;

create or replace function api.comments(store_id uuid, customer_id uuid default null)
  returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.comments(store_id, customer_id); end;

create or replace function api.acknowledge_comment(store_id uuid, id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
  begin atomic select crm.acknowledge_comment(store_id, id); end;

grant execute on function
  crm.add_comment(uuid, uuid, uuid, text),
  crm.comments(uuid, uuid),
  crm.acknowledge_comment(uuid, uuid),
  api.add_comment(uuid, uuid, uuid, text),
  api.comments(uuid, uuid),
  api.acknowledge_comment(uuid, uuid)
to authenticated;
grant execute on function
  crm.comments(uuid, uuid),
  api.comments(uuid, uuid)
to api_owner;

insert into crm.endpoints (name, function, call, on_demand)
values ('comments', 'comments', 'comments({store})', true);
insert into crm.endpoints (name, function, skip_reason)
values
  ('add_comment', 'add_comment', 'answers what it was given'),
  ('acknowledge_comment', 'acknowledge_comment', 'answers what it was given');
