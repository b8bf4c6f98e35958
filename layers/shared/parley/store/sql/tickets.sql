-- name: insert_ticket
-- A ticket, by its hash.
insert into tickets (tenant_id, hash, user_id, expires_at, session_until)
values (%(tenant_id)s, %(hash)s, %(user_id)s, now() + %(term)s, %(session_until)s)

-- name: consume_ticket
-- Use a ticket up, and say whose it was if that person may still come in.
with used as (
  delete from tickets where tenant_id = %(tenant_id)s and hash = %(hash)s
  returning user_id, expires_at, session_until
)
select u.id, u.name, u.role, u.rights_version, used.session_until
from used
join users u on u.tenant_id = %(tenant_id)s and u.id = used.user_id
where used.expires_at > now() and u.disabled_at is null
