-- name: insert
-- What somebody did.
insert into audit (tenant_id, id, action, actor_kind, actor_id, actor_name, subject_kind, subject_id, detail, correlation_id)
values (%(tenant_id)s, %(id)s, %(action)s, %(actor_kind)s, %(actor_id)s, %(actor_name)s, %(subject_kind)s, %(subject_id)s,
  %(detail)s, %(correlation_id)s)

-- name: page
-- What was done, the newest first.
select id, action, actor_kind, actor_id, actor_name, subject_kind, subject_id, detail, correlation_id, occurred_at
from audit
where tenant_id = %(tenant_id)s and (%(after)s::uuid is null or id < %(after)s)
  and (%(action)s::text is null or action = %(action)s)
  and (%(since)s::timestamptz is null or occurred_at >= %(since)s)
  and (%(until)s::timestamptz is null or occurred_at < %(until)s)
order by id desc limit %(limit)s
