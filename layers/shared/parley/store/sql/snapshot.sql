-- name: newest_open
-- The open conversations with the newest messages.
select id from conversations
where tenant_id = %(tenant_id)s and status = 'open'
order by last_message_at desc, id desc
limit %(limit)s

-- name: counts
-- The counters of the inbox, of open conversations: sums of what conversations added and took away.
select
  coalesce(sum(open), 0)::bigint as open,
  coalesce(sum(open) filter (where assignee_id = %(user_id)s), 0)::bigint as mine,
  coalesce(sum(open) filter (where assignee_id is null), 0)::bigint as unassigned,
  coalesce(sum(unread), 0)::bigint as unread
from conversation_counts
where tenant_id = %(tenant_id)s
