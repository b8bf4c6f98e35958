-- name: page
-- The keys that are not revoked, in the order in which they were made.
select id, name, scopes, per_minute, expires_at, previous_until, last_used_at, created_at
from api_keys
where tenant_id = %(tenant_id)s and revoked_at is null and (%(after)s::uuid is null or id > %(after)s)
order by id limit %(limit)s

-- name: one
-- One key that is not revoked.
select id, name, scopes, per_minute, expires_at, previous_until, last_used_at, created_at
from api_keys where tenant_id = %(tenant_id)s and id = %(id)s and revoked_at is null

-- name: insert
-- A key, by the hash of its secret.
insert into api_keys (tenant_id, id, name, secret_hash, scopes, per_minute, expires_at, created_by)
values (%(tenant_id)s, %(id)s, %(name)s, %(secret_hash)s, %(scopes)s, %(per_minute)s, %(expires_at)s, %(created_by)s)

-- name: rotate
-- Another secret; the one before stays good for a while.
update api_keys set previous_hash = secret_hash, previous_until = now() + %(overlap)s, secret_hash = %(secret_hash)s
where tenant_id = %(tenant_id)s and id = %(id)s and revoked_at is null and coalesce(expires_at > now(), true)
returning id

-- name: revoke
-- The key is good no more.
update api_keys set revoked_at = now(), previous_hash = null, previous_until = null
where tenant_id = %(tenant_id)s and id = %(id)s and revoked_at is null
returning id
