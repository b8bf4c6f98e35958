-- name: page
-- The people of a company, in the order in which they came.
select u.id, u.name, u.email, u.role, u.capacity, u.issuer, u.subject, u.disabled_at, u.created_at, u.updated_at,
  array(
    select m.integration_id from integration_members m
    where m.tenant_id = u.tenant_id and m.user_id = u.id order by m.integration_id
  ) as integrations
from users u
where u.tenant_id = %(tenant_id)s and (%(after)s::uuid is null or u.id > %(after)s)
  and (
    %(status)s::text is null
    or %(status)s = case when u.disabled_at is not null then 'disabled' when u.subject is null then 'invited' else 'active' end)
order by u.id limit %(limit)s

-- name: lock
-- One person, locked to be changed. Owners are counted under their rows' locks, so that the last one stays.
select id, role, disabled_at from users where tenant_id = %(tenant_id)s and (id = %(id)s or role = 'owner')
order by id for update

-- name: one
-- One person.
select u.id, u.name, u.email, u.role, u.capacity, u.issuer, u.subject, u.disabled_at, u.created_at, u.updated_at,
  array(
    select m.integration_id from integration_members m
    where m.tenant_id = u.tenant_id and m.user_id = u.id order by m.integration_id
  ) as integrations
from users u where u.tenant_id = %(tenant_id)s and u.id = %(id)s

-- name: insert
-- A person to come: by subject, or invited under an address.
insert into users (tenant_id, id, issuer, subject, name, email, role, capacity)
values (%(tenant_id)s, %(id)s, %(issuer)s, %(subject)s, %(name)s, %(email)s, %(role)s, %(capacity)s)

-- name: is_invited
-- Whether this address is invited already.
select exists (
  select from users
  where tenant_id = %(tenant_id)s and subject is null and disabled_at is null and lower(email) = lower(%(email)s)
) as found

-- name: update
-- What is known of a person, and what they may. Rights that change are known by their version: sockets end.
update users set
  name = %(name)s, email = %(email)s, role = %(role)s, capacity = %(capacity)s,
  disabled_at = case when %(disabled)s then coalesce(disabled_at, now()) end,
  rights_version = rights_version
    + (role is distinct from %(role)s or (disabled_at is not null) is distinct from %(disabled)s)::int,
  updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: set_integrations
-- The integrations that a person sees; whether anything changed.
with gone as (
  delete from integration_members
  where tenant_id = %(tenant_id)s and user_id = %(id)s and not integration_id = any (%(integrations)s::uuid[])
  returning 1
),
come as (
  insert into integration_members (tenant_id, integration_id, user_id)
  select %(tenant_id)s, i, %(id)s from unnest(%(integrations)s::uuid[]) i
  on conflict on constraint integration_members_pkey do nothing
  returning 1
)
select exists (select from gone union all select from come) as changed

-- name: raise_rights
-- What these people (null: all agents) see is another: their sockets begin anew.
update users set rights_version = rights_version + 1
where tenant_id = %(tenant_id)s and case when %(ids)s::uuid[] is null then role = 'agent' else id = any (%(ids)s) end

-- name: settings
-- What the company has chosen, locked to be changed.
select settings from tenants where id = %(tenant_id)s for no key update

-- name: set_settings
-- What the company chooses.
update tenants set settings = %(settings)s where id = %(tenant_id)s
