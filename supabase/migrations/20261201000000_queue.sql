-- The few customers with an open complaint or a wish for a test drive: a queue looks each of its
-- tasks up here, instead of reading every customer.
create index on crm.customers (store_id, id)
  where complaint_at is not null or test_drive_asked_at is not null;
