-- name: conversations
-- Conversations with all that their view shows, by ids.
select
  c.id, c.integration_id, i.channel, i.provider, c.status, c.snoozed_until, c.labels, c.priority, c.unread_count,
  c.last_number, c.window_expires_at, c.window_expires_at > now() as window_open, c.created_at, c.updated_at, c.version,
  c.contact_id, c.group_id, g.name as group_name, p.name as contact_name, p.avatar_url,
  (
    select a.address from contact_aliases a
    where a.tenant_id = c.tenant_id and a.contact_id = c.contact_id and a.kind = 'phone'
    order by a.created_at, a.value limit 1
  ) as contact_phone,
  u.id as assignee_id, u.name as assignee_name, (
    select jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name) order by f.created_at, o.id)
    from followers f
    join users o on o.tenant_id = f.tenant_id and o.id = f.user_id
    where f.tenant_id = c.tenant_id and f.conversation_id = c.id and o.disabled_at is null
  ) as followers,
  m.id as last_id, m.body as last_body, m.kind as last_kind, m.direction as last_direction, m.status as last_status,
  m.occurred_at as last_occurred_at, m.deleted_at as last_deleted_at
from conversations c
join integrations i on i.tenant_id = c.tenant_id and i.id = c.integration_id
left join contacts p on p.tenant_id = c.tenant_id and p.id = c.contact_id
left join groups g on g.tenant_id = c.tenant_id and g.id = c.group_id
left join users u on u.tenant_id = c.tenant_id and u.id = c.assignee_id
left join messages m on m.tenant_id = c.tenant_id and m.id = c.last_message_id
where c.tenant_id = %(tenant_id)s and c.id = any (%(ids)s) and p.erased_at is null

-- name: messages
-- Messages with all that their view shows, by ids.
select
  m.id, m.conversation_id, m.number, m.direction, m.kind, m.body, m.content, m.metadata, m.provider_message_id,
  m.occurred_at, m.status, m.error, m.sender_kind, coalesce(p.id, m.sender_id) as sender_id, m.client_key,
  m.not_before, m.resend_of, m.edited_at,
  m.deleted_at, m.version, m.created_at,
  coalesce(p.name, u.name, k.name) as sender_name,
  r.id as reply_id, r.body as reply_body, r.kind as reply_kind, (
    select jsonb_agg(jsonb_build_object(
      'id', a.id, 'kind', a.kind, 'mimeType', a.mime_type, 'fileName', a.file_name, 'size', a.size, 'sha256', a.sha256,
      'voice', a.voice, 'state', a.state, 'reason', a.reason, 'thumbnail', a.thumbnail_key is not null
    ) order by a.position, a.id)
    from attachments a where a.tenant_id = m.tenant_id and a.message_id = m.id
  ) as attachments, (
    select jsonb_agg(jsonb_build_object(
      'emoji', x.emoji, 'by', jsonb_build_object(
        'kind', case when x.contact_id is not null then 'contact' else coalesce(x.sender_kind, 'device') end,
        'id', coalesce(x.contact_id, x.sender_id), 'name', coalesce(y.name, z.name, b.name))
    ) order by x.occurred_at, x.actor)
    from reactions x
    left join contacts y on y.tenant_id = x.tenant_id and y.id = x.contact_id
    left join users z on x.sender_kind = 'user' and z.tenant_id = x.tenant_id and z.id = x.sender_id
    left join api_keys b on x.sender_kind = 'bot' and b.tenant_id = x.tenant_id and b.id = x.sender_id
    where x.tenant_id = m.tenant_id and x.integration_id = m.integration_id
      and x.provider_message_id = m.provider_message_id and x.emoji is not null
  ) as reactions
from messages m
-- As sender_contact says it, in joins: this runs for every message that is told.
left join contact_aliases f on f.tenant_id = m.tenant_id and f.kind = m.from_kind and f.value = m.from_key
  and f.scope = case m.from_kind when 'phone' then '00000000-0000-0000-0000-000000000000' else m.integration_id end
left join contacts s on m.sender_kind = 'contact' and s.tenant_id = m.tenant_id and s.id = m.sender_id
-- By a row of its own (`offset 0`): looked up by an id made of two optional rows, every contact of the company is read.
left join lateral (select coalesce(f.contact_id, s.merged_into, s.id) as id offset 0) w on true
left join contacts p on m.sender_kind = 'contact' and p.tenant_id = m.tenant_id and p.id = w.id
left join users u on m.sender_kind = 'user' and u.tenant_id = m.tenant_id and u.id = m.sender_id
left join api_keys k on m.sender_kind = 'bot' and k.tenant_id = m.tenant_id and k.id = m.sender_id
left join messages r on r.tenant_id = m.tenant_id and r.integration_id = m.integration_id
  and r.provider_message_id = m.reply_to
where m.tenant_id = %(tenant_id)s and m.id = any (%(ids)s)

-- name: contacts
-- Contacts with all that their view shows, by ids.
select
  p.id, p.name, p.avatar_url, p.attributes, p.blocked, p.created_at, p.updated_at, p.version,
  coalesce(
    (
      select jsonb_agg(
        jsonb_build_object(
          'kind', a.kind, 'value', a.address, 'integrationId', nullif(a.scope, '00000000-0000-0000-0000-000000000000')
        )
        order by a.created_at, a.value
      )
      from contact_aliases a where a.tenant_id = p.tenant_id and a.contact_id = p.id
    ), '[]'
  ) as aliases
from contacts p
where p.tenant_id = %(tenant_id)s and p.id = any (%(ids)s) and p.erased_at is null

-- name: names
-- The names of people and of keys, by ids.
select u.id, u.name from users u where u.tenant_id = %(tenant_id)s and u.id = any (%(ids)s::uuid[])
union all
select k.id, k.name from api_keys k where k.tenant_id = %(tenant_id)s and k.id = any (%(ids)s::uuid[])
