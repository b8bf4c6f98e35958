-- name: patterns
-- What a person looks for among customers and groups.
select owner_patterns(%(given)s) as patterns

-- name: find_owners
-- Whose conversations are looked for, at most so many of them.
select id from find_owners(%(patterns)s::text[], %(at_most)s::int) as f(id)

-- name: plan_each_time
-- What is looked for decides how it is best found: by the few it fits, or by walking where it fits many.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- name: newest_conversations
-- A page of the inbox, the latest activity first. A conversation without a message stands before all others. settled and
-- head: what this snapshot has surely seen, and what it surely has not (see changed_conversations).
select c.id, c.last_message_at, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as settled,
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint as head, clock_timestamp() + interval '1 minute' as began
from conversations c
where c.tenant_id = %(tenant_id)s
  and (%(status)s::text is null or c.status = %(status)s)
  and (not %(unassigned)s or c.assignee_id is null)
  and (%(assignee)s::uuid is null or c.assignee_id = %(assignee)s)
  and (%(integration_id)s::uuid is null or c.integration_id = %(integration_id)s)
  and (%(label)s::text is null or %(label)s = any (c.labels))
  and (%(unread)s::boolean is null or (c.unread_count > 0) = %(unread)s)
  and (%(owners)s::uuid[] is null or c.owner_id = any (%(owners)s))
  and (%(patterns)s::text[] is null or is_owner(%(patterns)s, c.contact_id, c.group_id))
  and (%(follower)s::uuid is null or exists (
    select from followers f
    where f.tenant_id = c.tenant_id and f.conversation_id = c.id and f.user_id = %(follower)s))
  and (%(before)s::timestamptz is null or c.last_message_at < %(before)s)
  and (
    not %(resumes)s
    or (%(after_at)s::timestamptz is not null and (c.last_message_at, c.id) < (%(after_at)s, %(after_id)s::uuid))
    or (%(after_at)s::timestamptz is null and (c.last_message_at is not null or c.id < %(after_id)s::uuid))
  )
order by c.last_message_at desc, c.id desc
limit %(limit)s

-- name: oldest_conversations
-- A page of the inbox, the longest silence first: the reverse of newest_conversations. In two parts, because "after this
-- position or without a message" would read the index from its beginning. What changed since the first page comes at the
-- end (changed_conversations), else a busy inbox would move on before its reader for ever.
with matching as not materialized (
  select c.id, c.last_message_at
  from conversations c
  where c.tenant_id = %(tenant_id)s
    and (%(status)s::text is null or c.status = %(status)s)
    and (not %(unassigned)s or c.assignee_id is null)
    and (%(assignee)s::uuid is null or c.assignee_id = %(assignee)s)
    and (%(integration_id)s::uuid is null or c.integration_id = %(integration_id)s)
    and (%(label)s::text is null or %(label)s = any (c.labels))
    and (%(unread)s::boolean is null or (c.unread_count > 0) = %(unread)s)
    and (%(owners)s::uuid[] is null or c.owner_id = any (%(owners)s))
    and (%(patterns)s::text[] is null or is_owner(%(patterns)s, c.contact_id, c.group_id))
    and (%(follower)s::uuid is null or exists (
      select from followers f
      where f.tenant_id = c.tenant_id and f.conversation_id = c.id and f.user_id = %(follower)s))
    and (%(before)s::timestamptz is null or c.last_message_at < %(before)s)
    and (not %(resumes)s or ((c.xmin::text::bigint - %(head)s::bigint) & 4294967295) >= 2147483648)
),
spoken as (
  select id, last_message_at from matching
  where not %(resumes)s and last_message_at is not null
    or %(after_at)s::timestamptz is not null and (last_message_at, id) > (%(after_at)s, %(after_id)s::uuid)
  order by last_message_at, id
  limit %(limit)s
),
silent as (
  select id, last_message_at from matching
  where last_message_at is null
    and (not %(resumes)s or %(after_at)s::timestamptz is not null or id > %(after_id)s::uuid)
  order by id
  limit %(limit)s
),
both_parts as (
  select id, last_message_at from spoken
  union all
  select id, last_message_at from silent
)
select id, last_message_at, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as settled,
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint as head, clock_timestamp() + interval '1 minute' as began
from both_parts
order by last_message_at, id
limit %(limit)s

-- name: changed_conversations
-- The end of a walk through the inbox: what changed since its first page, since that may have moved past the reader. A
-- row's xmin is the transaction that wrote it last, 32 bits that wrap around; below `settled` all had ended when the first
-- page was read, from `head` on none had begun. In the order of ids, which never change, so that the walk ends.
select c.id, c.last_message_at
from conversations c
where c.tenant_id = %(tenant_id)s
  and (%(status)s::text is null or c.status = %(status)s)
  and (not %(unassigned)s or c.assignee_id is null)
  and (%(assignee)s::uuid is null or c.assignee_id = %(assignee)s)
  and (%(integration_id)s::uuid is null or c.integration_id = %(integration_id)s)
  and (%(label)s::text is null or %(label)s = any (c.labels))
  and (%(unread)s::boolean is null or (c.unread_count > 0) = %(unread)s)
  and (%(owners)s::uuid[] is null or c.owner_id = any (%(owners)s))
  and (%(patterns)s::text[] is null or is_owner(%(patterns)s, c.contact_id, c.group_id))
  and (%(follower)s::uuid is null or exists (
    select from followers f
    where f.tenant_id = c.tenant_id and f.conversation_id = c.id and f.user_id = %(follower)s))
  and (%(before)s::timestamptz is null or c.last_message_at < %(before)s)
  and (
    ((c.xmin::text::bigint - %(settled)s::bigint) & 4294967295) < 2147483648
    or ((c.xmin::text::bigint - %(head)s::bigint) & 4294967295) < 2147483648
  )
  and c.created_at <= %(began)s
  and (%(after_id)s::uuid is null or c.id > %(after_id)s)
  and not c.id = any (%(shown)s::uuid[])
order by c.id
limit %(limit)s

-- name: thread
-- A page of a thread, the newest first; a message no gateway has named yet stands before those of its instant.
select m.id, m.occurred_at, m.provider_message_id
from messages m
where m.tenant_id = %(tenant_id)s and m.conversation_id = %(conversation_id)s
  and (
    not %(resumes)s
    or (
      m.occurred_at <= %(after_at)s::timestamptz
      and (
        m.occurred_at < %(after_at)s
        or (%(after_key)s::text is not null and m.provider_message_id < %(after_key)s)
        or (%(after_key)s::text is null and m.provider_message_id is not null)
        or (m.provider_message_id is not distinct from %(after_key)s and m.id < %(after_id)s::uuid)
      )
    )
  )
order by m.occurred_at desc, m.provider_message_id desc, m.id desc
limit %(limit)s

-- name: has_conversation
-- Whether the tenant has this conversation.
select exists (
  select from conversations c
  left join contacts p on p.tenant_id = c.tenant_id and p.id = c.contact_id
  where c.tenant_id = %(tenant_id)s and c.id = %(id)s and p.erased_at is null
) as found

-- name: reachable
-- Whether the database answers.
select 1 as reachable
