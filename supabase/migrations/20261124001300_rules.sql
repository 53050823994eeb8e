-- The nightly rules: tasks by cadence and by policy window, and the hand-over of levels that belong to a pool.

create function crm.run_rules(p_store uuid, p_day date) returns jsonb
  language plpgsql volatile set search_path = '' as $$
declare made_cadence int := 0; made_windows int := 0; levels jsonb; renewals jsonb; more jsonb := '{}'; r crm.rules;
begin
  perform pg_advisory_xact_lock(hashtextextended('crm.run_rules:' || p_store, 0));   -- two schedulers at once: one after the other

  levels := crm.run_levels(p_store, p_day);           -- claims that go back, levels that fall, levels that belong to a pool (F-24, S-20, S-26)

  renewals := crm.run_renewals(p_store, p_day);       -- a policy nobody renewed is remembered for next year (F-35)

  for r in select * from crm.rules x where x.store_id = p_store and x.active order by x.position loop
    if r.kind = 'cadence' then
      insert into crm.tasks (store_id, customer_id, assignee_id, why, rule, subject_id, due_on, rule_on)
      select p_store, k.id, k.owner_id, case when k.last_contact_at is null then 'first_contact' else 'cadence' end, r.key, k.id, k.next_contact_on, k.next_contact_on
      from crm.customers k
      where k.store_id = p_store and k.next_contact_on <= p_day and k.owner_id is not null and not k.do_not_call and k.consent_withdrawn_at is null and k.removed_at is null
        and not exists (select from crm.tasks t where t.store_id = p_store and t.subject_id = k.id and t.why <> 'escalation' and t.status in ('open', 'cancel_requested') and t.removed_at is null)
      on conflict do nothing;
      get diagnostics made_cadence = row_count;
    elsif r.kind = 'policy_window' then
      -- the window reached last; a window passed while an earlier call is still open makes no second one
      insert into crm.tasks (store_id, customer_id, assignee_id, why, rule, subject_form, subject_id, due_on, rule_on, expires_on)
      select p_store, p.customer_id, coalesce(k.renewal_owner_id, k.owner_id), 'policy_window', r.key, 'policy', p.id, p.expires_on - w.days, p.expires_on - w.days, p.expires_on
      from crm.policies p
      join crm.customers k on k.store_id = p_store and k.id = p.customer_id and k.removed_at is null and not k.do_not_call and k.consent_withdrawn_at is null
      cross join lateral (select min(d) as days from unnest(r.days) d where p.expires_on - d <= p_day) w
      where p.store_id = p_store and p.status = 'active' and p.removed_at is null and w.days is not null
        and p.expires_on >= p_day and p.expires_on <= p_day + (select max(d) from unnest(r.days) d)
        and coalesce(k.renewal_owner_id, k.owner_id) is not null
        and not exists (select from crm.tasks t where t.store_id = p_store and t.subject_id = p.id and t.status in ('open', 'cancel_requested') and t.removed_at is null)
      on conflict do nothing;
      get diagnostics made_windows = row_count;
    else
      more := more || crm.run_care_and_ladders(p_store, p_day, r);
    end if;
  end loop;
  return jsonb_build_object('store_id', p_store, 'day', p_day, 'cadence', made_cadence, 'policy_window', made_windows) || levels || renewals || more;
end $$;
comment on function crm.run_rules is 'Makes the tasks the rules imply for a store-local day; running it twice adds none (S-03). For the scheduler only.';

revoke create on schema crm, api from api_owner;      -- it was needed while ownership changed hands; a later migration asks for it again
