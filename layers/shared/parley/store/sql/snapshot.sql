-- name: newest_open
-- The open conversations with the newest messages.
select id from conversations
where tenant_id = %(tenant_id)s and status = 'open'
order by last_message_at desc, id desc
limit %(limit)s

-- name: counts
-- The counters of the inbox, of open conversations.
select
  count(*) as open,
  count(*) filter (where assignee_id = %(user_id)s) as mine,
  count(*) filter (where assignee_id is null) as unassigned,
  count(*) filter (where unread_count > 0) as unread
from conversations
where tenant_id = %(tenant_id)s and status = 'open'
