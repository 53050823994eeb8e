-- Conversations: call, visit, WeChat, SMS, test drive …; the only thing that clears a task.

select crm.create_record_triggers('conversations', 'conversation', array['removed_at']);
-- not the author: their access ends with the customer (F-48)
select crm.create_customer_child_policies('conversations');
grant select on crm.conversations to api_owner;
grant insert (
  store_id, id, customer_id, author_id, task_id, deal_id, method, outcome, reached, notes,
  level_before, level_after, next_contact_on, occurred_at, dialled_at, dial_credible, away_seconds,
  reason, companions, influences, custom
),
  update (burst, removed_at) on
  crm.conversations
to api_owner;

-- As crm.create_masked_view writes them; by hand, because of the customer's fields in it.
create or replace view api.conversations as
  select
    conversation.store_id,
    conversation.id,
    conversation.customer_id,
    conversation.author_id,
    conversation.task_id,
    conversation.deal_id,
    conversation.method,
    conversation.outcome,
    conversation.reached,
    -- copies of the customer's fields, under the customer's rights
    case
      when 'level' = any (customer_access.readable) then conversation.level_before
    end as level_before,
    case
      when 'level' = any (customer_access.readable) then conversation.level_after
    end as level_after,
    case
      when 'next_contact_on' = any (customer_access.readable) then conversation.next_contact_on
    end as next_contact_on,
    conversation.occurred_at,
    conversation.dialled_at,
    conversation.away_seconds,
    conversation.reason,
    conversation.companions,
    conversation.burst,
    case
      when exists (
        select from crm.my_access('companion') companion_access
        where companion_access.store_id = conversation.store_id
          and 'influence' = any (companion_access.readable)
      ) then
        conversation.influences
      else '{}'
    end as influences,
    conversation.created_at,
    conversation.updated_at,
    conversation.version,
    conversation.change_no,
    case when 'notes' = any (access.readable) then conversation.notes end as notes,
    (
      conversation.custom - array(
        select jsonb_object_keys(conversation.custom - coalesce(access.readable, '{}'))
      )
    )
    || (
      conversation.custom_masked - array(
        select jsonb_object_keys(conversation.custom_masked - coalesce(access.masked, '{}'))
      )
    ) as custom
  from crm.conversations conversation
  join crm.my_access('conversation') access on access.store_id = conversation.store_id
  join crm.my_access('customer') customer_access on customer_access.store_id = conversation.store_id
  where conversation.removed_at is null;
alter view api.conversations owner to api_owner;
grant select on api.conversations to authenticated;
