-- app_business: this number is in the operator's own app, under this business account. Only the operator says so: were
-- a tenant believed, it could have another's messages by naming their number.
alter table integrations add column app_business text;

create or replace function find_account_owners(of_provider text, names text[]) returns setof integrations
language sql stable security definer set search_path = public, pg_temp
as $$
  select i.* from integrations i
  where i.provider = of_provider and i.removed_at is null and i.app_business is not null
    and (i.account_id = any (names) or i.app_business = any (names))
  order by i.created_at, i.id
$$;
