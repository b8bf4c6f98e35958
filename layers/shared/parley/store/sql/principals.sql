-- name: user
-- A person by issuer and subject, as the token names them.
select id, name, role, rights_version, disabled_at is not null as disabled
from users
where tenant_id = %(tenant_id)s and issuer = %(issuer)s and subject = %(subject)s

-- name: api_key
-- An API key by its id; whether it has ended is told by the database's clock.
select id, name, secret_hash, scopes, revoked_at is not null or coalesce(expires_at <= now(), false) as ended
from api_keys
where tenant_id = %(tenant_id)s and id = %(id)s
