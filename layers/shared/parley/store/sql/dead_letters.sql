-- name: keep
-- One row a payload; dying once more raises the counter and tells the latest error. firstFailedAt stays the earliest.
insert into dead_letters as d (
  tenant_id, id, queue, fingerprint, payload, error, failure_count, correlation_id, first_failed_at
) values (
  %(tenant_id)s, %(id)s, %(queue)s, %(fingerprint)s, %(payload)s, %(error)s, %(failure_count)s, %(correlation_id)s,
  %(first_failed_at)s
)
on conflict on constraint dead_letters_payload do update
set error = excluded.error, failure_count = greatest(d.failure_count + 1, excluded.failure_count),
  first_failed_at = least(d.first_failed_at, excluded.first_failed_at)

-- name: count
-- How many lie there, by queue.
select queue, count(*) as letters from dead_letters where tenant_id = %(tenant_id)s group by queue

-- name: count_all
-- How many lie there of all tenants, by queue.
select queue, letters from count_dead_letters()

-- name: page
-- The latest first. A webhook's body is left out where it is long: it is read alone.
select id, queue, correlation_id, error, failure_count, first_failed_at, length(payload ->> 'body') as body_length,
  case when queue = 'inbound' and length(payload ->> 'body') > %(longest_body)s then payload - 'body' else payload end
    as payload
from dead_letters
where tenant_id = %(tenant_id)s and queue = %(queue)s and (%(after)s::uuid is null or id < %(after)s)
order by id desc limit %(limit)s

-- name: find
-- These, whole.
select id, queue, correlation_id, error, failure_count, first_failed_at, length(payload ->> 'body') as body_length,
  payload
from dead_letters
where tenant_id = %(tenant_id)s and queue = %(queue)s and id = any(%(ids)s)
order by id

-- name: oldest
-- The ids of those that lie there longest.
select id from dead_letters where tenant_id = %(tenant_id)s and queue = %(queue)s order by id limit %(limit)s

-- name: remove
-- They were sent again, or are wanted no more.
delete from dead_letters where tenant_id = %(tenant_id)s and queue = %(queue)s and id = any(%(ids)s)

-- name: has_conversation
-- Whether it is the tenant's own.
select exists (select from conversations where tenant_id = %(tenant_id)s and id = %(id)s)

-- name: has_attachment
-- Whether it is the tenant's own.
select exists (select from attachments where tenant_id = %(tenant_id)s and id = %(id)s)

-- name: keep_stray
-- What names no tenant, as it came.
select record_stray(
  %(id)s, 'none', 'none', %(fingerprint)s, '{}'::jsonb, %(body)s, null, %(reason)s, %(id)s, %(sent_at)s
)

-- name: note_error
-- Why a message was put off just now.
select note_error(%(queue)s, %(fingerprint)s, %(error)s)

-- name: find_error
-- Why a message failed the last time, how often it did, and since when.
select error, failure_count, first_failed_at from find_error(%(queue)s, %(fingerprint)s)

-- name: forget_errors
-- What has not failed for so long is of no interest.
select forget_errors(%(older_than)s, %(at_most)s)
