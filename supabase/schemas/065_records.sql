-- What every table of records has: triggers, row policies, a view that masks. Said once here, and
-- called by the files below.

create or replace function crm.create_record_triggers(
  p_table text, p_form text, p_history text[] default null
) returns void
  language plpgsql volatile set search_path = '' as $$
begin
  execute format(
    'create trigger tg_%1$s__a_stamp before insert or update on crm.%1$I'
    ' for each row execute function crm.tg_record__stamp()',
    p_table
  );
  execute format(
    'create trigger tg_%1$s__born after insert on crm.%1$I'
    ' referencing new table as after_rows'
    ' for each statement execute function crm.tg_record__created(%2$L)',
    p_table,
    p_form
  );
  if p_history is not null then
    execute format(
      'create trigger tg_%1$s__history after update on crm.%1$I'
      ' for each row execute function crm.tg_record__history(%2$s)',
      p_table,
      (select string_agg(quote_literal(item), ', ') from unnest(p_form || p_history) item)
    );
  end if;
  if exists (
    select from crm.form_tables form_table
    where form_table.form = p_form and form_table.relation = p_table
  ) then
    execute format(
      'create trigger tg_%1$s__b_custom before insert or update on crm.%1$I'
      ' for each row execute function crm.tg_record__custom(%2$L)',
      p_table,
      p_form
    );
    execute format(
      'create trigger tg_%1$s__values after insert or update of custom, removed_at on crm.%1$I'
      ' for each row execute function crm.tg_record__index_values(%2$L)',
      p_table,
      p_form
    );
  end if;
end $$;
comment on function crm.create_record_triggers is
  'For the files below: the triggers of a table of records. p_history: the columns beside its '
  'fields whose changes are kept (null: none are). A table of a form also checks and indexes the '
  'store''s own fields.';

-- Rows that hang on a customer are seen by whoever sees the customer. p_own_column: a member
-- whose own a row is.
create or replace function crm.create_customer_child_policies(
  p_table text, p_own_column text default null
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_own text := case
    when p_own_column is null then ''
    else format('%I = (select crm.current_user_id()) or ', p_own_column)
  end;
  v_condition text := format(
    $c$
    case
      when store_id = any ((select crm.my_store_ids('store'))::uuid[]) then true
      when store_id = any ((select crm.my_store_ids(null))::uuid[]) then
        %2$s exists (
          select from crm.customers c
          where c.store_id = %1$I.store_id and c.id = %1$I.customer_id
        )
      else false
    end
    $c$,
    p_table,
    v_own
  );
begin
  execute format(
    'create policy select_member on crm.%I for select to api_owner using (%s)',
    p_table,
    v_condition
  );
  execute format(
    'create policy insert_member on crm.%I for insert to api_owner with check (%s)',
    p_table,
    v_condition
  );
  execute format(
    'create policy update_member on crm.%I for update to api_owner using (%s)',
    p_table,
    v_condition
  );
end $$;
comment on function crm.create_customer_child_policies is
  'For the files below: the row policies of a table whose rows hang on a customer.';

-- Masked views: a field is shown to who may read it, its masked copy (column …_masked) to who may
-- see that. Of the store's own fields the strip takes away what is left after taking away what may
-- be read. No security_barrier: it would keep a filter of the caller's from the indexes.
create or replace function crm.create_masked_view(
  p_table text, p_form text, p_columns text[], p_fields text[]
) returns void
  language plpgsql volatile set search_path = '' as $$
declare
  v_columns text := (select string_agg(format('r.%I', item), ', ') from unnest(p_columns) item);
  v_fields text := (
    select string_agg(
      format(
        case
          when exists (
            select from pg_catalog.pg_attribute a
            where a.attrelid = format('crm.%I', p_table)::regclass
              and a.attname = item.field || '_masked'
          ) then
            'case when %1$L = any (a.readable) then r.%1$I'
            ' when %1$L = any (a.masked) then r.%2$I end as %1$I'
          else 'case when %1$L = any (a.readable) then r.%1$I end as %1$I'
        end,
        item.field,
        item.field || '_masked'
      ),
      ', ' order by item.n
    )
    from unnest(p_fields) with ordinality item (field, n)
  );
begin
  execute format(
    $q$
    create view api.%1$I as
      select
        %3$s,
        %4$s,
        (r.custom - array(select jsonb_object_keys(r.custom - coalesce(a.readable, '{}'))))
        || (
          r.custom_masked
          - array(select jsonb_object_keys(r.custom_masked - coalesce(a.masked, '{}')))
        ) as custom
      from crm.%1$I r
      join crm.my_access(%2$L) a on a.store_id = r.store_id
      where r.removed_at is null
    $q$,
    p_table,
    p_form,
    v_columns,
    v_fields
  );
  execute format('alter view api.%I owner to api_owner', p_table);
  execute format('grant select on api.%I to authenticated', p_table);
end $$;
comment on function crm.create_masked_view is
  'The view of a form''s table. p_columns: seen by whoever sees the row; p_fields: under the '
  'caller''s field rights.';
