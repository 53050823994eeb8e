-- The last file: the owner of the code can no longer create any, and PostgREST reads the schema
-- again.

revoke create on schema crm, api from api_owner;
notify pgrst, 'reload schema';
