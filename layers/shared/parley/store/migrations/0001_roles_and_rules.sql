-- The roles, and the rule that every tenant table follows.
--
-- parley_runtime is what the functions may do; the login role of a database (parley_app) is a member of it.
-- parley_definer owns the few functions that look across tenants; it can log in nowhere.
-- Roles belong to the whole server, so another database may have made them already.

do $$
begin
  create role parley_runtime nologin;
exception when duplicate_object or unique_violation then null;
end $$;

do $$
begin
  create role parley_definer nologin;
exception when duplicate_object or unique_violation then null;
end $$;

do $$
begin
  execute format('grant parley_definer to %I', current_user);
exception when others then
  if not pg_has_role(current_user, 'parley_definer', 'member') then raise; end if;
end $$;

grant usage on schema public to parley_runtime, parley_definer;

-- The tenant this transaction works for; null when none is set (a transaction-local setting reads '' afterwards).
create function current_tenant() returns uuid language sql stable parallel safe
  return nullif(current_setting('parley.tenant', true), '')::uuid;

-- Puts one table under the rule: forced row-level security by tenant, and the functions' grants.
-- `(select …)` makes the policy's setting an init plan, evaluated once a statement.
create procedure protect_tenant_table(protected regclass, tenant_column text default 'tenant_id')
language plpgsql as $$
begin
  execute format('alter table %s enable row level security', protected);
  execute format('alter table %s force row level security', protected);
  execute format(
    'create policy tenant on %s using (%2$I = (select current_tenant())) with check (%2$I = (select current_tenant()))',
    protected, tenant_column);
  execute format('grant select, insert, update, delete on %s to parley_runtime', protected);
end $$;

-- Lets the cross-tenant functions see one table, and change it where `writes` says so.
create procedure open_to_definer(opened regclass, writes boolean default false)
language plpgsql as $$
begin
  execute format('create policy definer on %s to parley_definer using (true) with check (true)', opened);
  execute format('grant select on %s to parley_definer', opened);
  if writes then
    execute format('grant insert, update, delete on %s to parley_definer', opened);
  end if;
end $$;

-- The order in which evidence moves a status up: domain/status.py says why.
create function status_rank(status text) returns int language sql immutable parallel safe
  return case status
    when 'scheduled' then 0 when 'queued' then 1 when 'sending' then 2 when 'unknown' then 3 when 'sent' then 4
    when 'failed' then 5 when 'delivered' then 6 when 'read' then 7 when 'played' then 8 end;
