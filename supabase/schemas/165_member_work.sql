-- What a member sells and said, for whoever may see it (S-06): a manager opens any advisor's deals
-- and conversations. Row and field rights are those of the views.

create or replace function crm.member_work(p_store uuid, p_member uuid, p_pipeline text)
  returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_caller crm.caller := crm.current_member(p_store);
begin
  if v_caller.store_id is null then
    raise sqlstate 'PT403' using message = 'forbidden';
  end if;
  return jsonb_build_object(
    'today', v_caller.today,
    'deals', (
      select coalesce(jsonb_agg(to_jsonb(x) order by x.stage_at, x.id), '[]')
      from (
        select deal.*, customer.name as customer_name
        from api.deals deal
        join api.customers customer
          on customer.store_id = deal.store_id and customer.id = deal.customer_id
        where deal.store_id = p_store
          and (p_member is null or deal.owner_id = p_member)
          and (p_pipeline is null or deal.pipeline = p_pipeline)
          and (deal.closed_at is null or deal.closed_at > now() - interval '90 days')
        order by deal.stage_at desc nulls last, deal.id
        limit 300
      ) x
    ),
    'conversations', (
      select coalesce(jsonb_agg(to_jsonb(x) order by x.occurred_at desc, x.id), '[]')
      from (
        select conversation.*, customer.name as customer_name
        from api.conversations conversation
        join api.customers customer
          on customer.store_id = conversation.store_id and customer.id = conversation.customer_id
        where conversation.store_id = p_store and conversation.author_id = p_member
        order by conversation.occurred_at desc, conversation.id
        limit 50
      ) x
    )
  );
end $$;
comment on function crm.member_work is
  'Deals of a member (of everybody, when null), open or closed within 90 days, at most 300, '
  'and the member''s last 50 conversations, each with the customer''s name (S-06).';

alter function crm.member_work(uuid, uuid, text) set plan_cache_mode = force_generic_plan;
alter function crm.member_work(uuid, uuid, text) owner to api_owner;

create or replace function api.member_work(
  store_id uuid,
  member_id uuid default null,
  pipeline text default null
) returns jsonb
  language sql stable security invoker set search_path = ''
  begin atomic select crm.member_work(store_id, member_id, pipeline); end;

grant execute on function
  crm.member_work(uuid, uuid, text),
  api.member_work(uuid, uuid, text)
to authenticated;

insert into crm.endpoints (name, function, call, on_demand)
values ('member_work', 'member_work', 'member_work({store})', false);
