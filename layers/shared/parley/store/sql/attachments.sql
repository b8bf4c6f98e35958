-- name: claim
-- Take a file that is due: the try counts from now on, whatever becomes of it.
update attachments a
set tries = a.tries + 1, due_at = now() + %(lease)s, updated_at = now()
from integrations i
where a.tenant_id = %(tenant_id)s and a.id = %(id)s and a.state = 'pending' and a.message_id is not null
  and a.due_at <= now() and a.tries < %(most)s
  and i.tenant_id = a.tenant_id and i.id = a.integration_id
returning a.id, a.message_id, a.integration_id, a.kind, a.mime_type, a.file_name, a.size, a.sha256, a.source, a.tries,
  i.provider, i.account_id, i.settings, i.credentials

-- name: find_waiting
-- What a file that could not be claimed waits for.
select id, integration_id, state, tries, due_at > now() as waits, due_at - now() as wait
from attachments where tenant_id = %(tenant_id)s and id = %(id)s

-- name: keep_claim
-- The fetcher is alive: its claim goes on, if it is still its own.
update attachments set due_at = now() + %(lease)s
where tenant_id = %(tenant_id)s and id = %(id)s and state = 'pending' and tries = %(tries)s

-- name: put_off
-- This try failed; the next may be after a pause. A try that never got to ask the gateway does not count.
update attachments
set due_at = now() + %(pause)s, tries = tries - case when %(counts)s then 0 else 1 end, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and state = 'pending' and tries = %(tries)s

-- name: store
-- The file is in the bucket.
update attachments
set state = 'stored', reason = null, object_key = %(object_key)s, thumbnail_key = %(thumbnail_key)s, size = %(size)s,
  sha256 = %(sha256)s, mime_type = %(mime_type)s, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and state = 'pending'
  and (%(tries)s::int is null or tries = %(tries)s)
returning message_id

-- name: fail
-- The file will not come, and why.
update attachments set state = 'failed', reason = %(reason)s, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and state = 'pending'
  and (%(tries)s::int is null or tries = %(tries)s)
returning message_id

-- name: touch_message
-- A message whose file changed is a new version of itself.
update messages m set version = m.version + 1, updated_at = now()
from conversations c
where m.tenant_id = %(tenant_id)s and m.id = %(message_id)s and c.tenant_id = m.tenant_id and c.id = m.conversation_id
returning m.id, m.conversation_id, m.correlation_id, c.last_message_id = m.id as is_last

-- name: insert_upload
-- A file of the company's own, not of a message yet.
insert into attachments (tenant_id, id, kind, mime_type, file_name, size, sha256)
values (%(tenant_id)s, %(id)s, %(kind)s, %(mime_type)s, %(file_name)s, %(size)s, %(sha256)s)

-- name: insert_fetched
-- A file that was fetched for the company from an address, not of a message yet.
insert into attachments (
  tenant_id, id, kind, state, mime_type, file_name, size, sha256, object_key, thumbnail_key
)
values (
  %(tenant_id)s, %(id)s, %(kind)s, 'stored', %(mime_type)s, %(file_name)s, %(size)s, %(sha256)s, %(object_key)s,
  %(thumbnail_key)s
)

-- name: find
-- One file, as it is.
select id, message_id, kind, state, reason, mime_type, file_name, size, sha256, voice, object_key, thumbnail_key
from attachments where tenant_id = %(tenant_id)s and id = %(id)s

-- name: claim_upload
-- Give a stored upload to the message that sends it; one file goes with one message.
update attachments
set message_id = %(message_id)s, kind = coalesce(%(kind)s, kind), voice = %(voice)s, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and message_id is null and state = 'stored'
returning id, message_id, kind, state, reason, mime_type, file_name, size, sha256, voice, object_key, thumbnail_key

-- name: of_message
-- The stored files of a message.
select id, message_id, kind, state, reason, mime_type, file_name, size, sha256, voice, object_key, thumbnail_key
from attachments where tenant_id = %(tenant_id)s and message_id = %(message_id)s and state = 'stored'
order by position, id

-- name: find_stuck
-- Files that nobody fetches.
select tenant_id, integration_id, attachment_id from find_stuck_media(%(older_than)s, %(at_most)s)

-- name: find_unused
-- Uploads that no message took.
select tenant_id, attachment_id from find_unused_uploads(%(older_than)s, %(at_most)s)

-- name: delete_unused
-- Forget them, unless a message took one meanwhile.
delete from attachments where tenant_id = %(tenant_id)s and id = any (%(ids)s) and message_id is null
