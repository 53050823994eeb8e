-- Vehicles and insurance policies of a customer; history by year is one policy row a year.

select crm.create_record_triggers('vehicles', 'vehicle', array['removed_at']);
select crm.create_record_triggers(
  'policies',
  'policy',
  array['status', 'lost_reason', 'vehicle_id', 'removed_at']
);
select crm.create_customer_child_policies('vehicles');
select crm.create_customer_child_policies('policies');
grant select on crm.vehicles, crm.policies to api_owner;
grant insert (store_id, id, customer_id, plate, vin, brand, series, model_year, custom),
  update (plate, vin, brand, series, model_year, custom, removed_at) on
  crm.vehicles
to api_owner;
grant insert (
  store_id, id, customer_id, vehicle_id, insurer, policy_number, kind, premium_fen, starts_on,
  expires_on, custom, origin, renews_id
),
  update (
    insurer, policy_number, kind, premium_fen, starts_on, expires_on, status, lost_reason, custom,
    removed_at
  ) on
  crm.policies
to api_owner;

select crm.create_masked_view(
  'vehicles',
  'vehicle',
  array['store_id', 'id', 'customer_id', 'created_at', 'updated_at', 'version', 'change_no'],
  array['plate', 'vin', 'brand', 'series', 'model_year']
);

select crm.create_masked_view(
  'policies',
  'policy',
  array[
    'store_id', 'id', 'customer_id', 'vehicle_id', 'status', 'origin', 'renews_id', 'lost_reason',
    'created_at', 'updated_at', 'version', 'change_no'
  ],
  array['insurer', 'policy_number', 'kind', 'premium_fen', 'starts_on', 'expires_on']
);
