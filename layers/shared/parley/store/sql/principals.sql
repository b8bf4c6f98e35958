-- name: user
-- A person by issuer and subject, as the token names them; `restricted`: an agent of a company that hides something.
select u.id, u.name, u.role, u.rights_version, u.status, u.disabled_at is not null as disabled,
  u.role = 'agent' and coalesce(t.settings ->> 'agentsSee', 'everything') <> 'everything' as restricted
from users u
join tenants t on t.id = u.tenant_id
where u.tenant_id = %(tenant_id)s and u.issuer = %(issuer)s and u.subject = %(subject)s

-- name: find_subject
-- The companies in which this subject is known, or invited by an address that its issuer has checked.
select tenant_id from find_subject(%(issuer)s, %(subject)s, %(email)s)

-- name: accept_invitation
-- Somebody who was invited comes in for the first time.
update users set issuer = %(issuer)s, subject = %(subject)s, updated_at = now()
where tenant_id = %(tenant_id)s and subject is null and disabled_at is null and lower(email) = lower(%(email)s)
  and id = (
    select i.id from users i
    where i.tenant_id = %(tenant_id)s and i.subject is null and lower(i.email) = lower(%(email)s)
    order by i.created_at, i.id limit 1)
returning id

-- name: provision
-- Add somebody whom nobody has added, where the company wants that.
insert into users (tenant_id, id, issuer, subject, name, email, role)
select t.id, %(id)s, %(issuer)s, %(subject)s, %(name)s, %(email)s, %(role)s
from tenants t
where t.id = %(tenant_id)s and coalesce((t.settings ->> 'provisionAutomatically')::boolean, false)
on conflict on constraint users_subject do nothing
returning id

-- name: api_key
-- An API key by its id; whether it has ended is told by the database's clock. `previous_hash`: the secret before a
-- rotation, while it is still good. `unnoticed`: its last use is not of this hour.
select id, name, secret_hash, case when previous_until > now() then previous_hash end as previous_hash, scopes, per_minute,
  revoked_at is not null or coalesce(expires_at <= now(), false) as ended,
  coalesce(last_used_at < now() - interval '1 hour', true) as unnoticed
from api_keys
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: note_use
-- The key is in use; written once an hour.
update api_keys set last_used_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and coalesce(last_used_at < now() - interval '1 hour', true)

-- name: keep_issuer_keys
-- Keep the issuer's keys for functions that start while it is down.
select keep_issuer_keys(%(url)s, %(document)s)

-- name: kept_issuer_keys
-- The issuer's keys as they were last kept.
select kept_issuer_keys(%(url)s) as document
