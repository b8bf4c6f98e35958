-- name: set_state
-- The account's connection as the gateway told it last; the same state again changes nothing.
update integrations i
set state = case when i.state = 'paused' and %(state)s = 'disconnected' then i.state else %(state)s end,
  state_reason = %(reason)s, state_code = %(code)s, state_at = %(received_at)s, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and (state_at is null or state_at < %(received_at)s)
  and (state, coalesce(state_reason, ''), coalesce(state_code, ''))
    is distinct from (%(state)s, coalesce(%(reason)s, ''), coalesce(%(code)s, ''))
returning id, provider, channel, name, account_id, state, state_reason

-- name: add_notice
-- Something an operator should know; told once a webhook, however often that comes.
with notice as (
  insert into integration_notices (tenant_id, id, integration_id, kind, detail, received_at)
  values (%(tenant_id)s, %(notice_id)s, %(id)s, %(kind)s, %(detail)s, %(received_at)s)
  on conflict on constraint integration_notices_pkey do nothing
  returning integration_id
)
select i.id, i.provider, i.channel, i.name, i.account_id, i.state, i.state_reason
from integrations i join notice n on n.integration_id = i.id
where i.tenant_id = %(tenant_id)s

-- name: freshen_contact
-- A name or picture told without a message, for a contact that exists.
update contacts c
set name = case when %(name)s::text is not null and coalesce(c.name_at, '-infinity') < %(told_at)s then %(name)s else c.name end,
  name_at = case when %(name)s::text is not null then greatest(c.name_at, %(told_at)s) else c.name_at end,
  avatar_url = case when %(avatar_url)s::text is not null and coalesce(c.avatar_at, '-infinity') < %(told_at)s
    then %(avatar_url)s else c.avatar_url end,
  avatar_at = case when %(avatar_url)s::text is not null then greatest(c.avatar_at, %(told_at)s) else c.avatar_at end,
  version = c.version + 1, updated_at = now()
from contact_aliases a
where a.tenant_id = %(tenant_id)s and a.scope = %(scope)s and a.kind = %(kind)s and a.value = %(value)s
  and c.tenant_id = a.tenant_id and c.id = a.contact_id
  and ((%(name)s::text is not null and c.name is distinct from %(name)s and coalesce(c.name_at, '-infinity') < %(told_at)s)
    or (%(avatar_url)s::text is not null and c.avatar_url is distinct from %(avatar_url)s
      and coalesce(c.avatar_at, '-infinity') < %(told_at)s))
returning c.id

-- name: rename_group
-- A group's name told without a message, for a group that exists; its conversations show it.
with renamed as (
  update groups g set name = %(name)s, name_at = %(told_at)s
  from groups o
  where g.tenant_id = %(tenant_id)s and g.integration_id = %(integration_id)s and g.address = %(address)s
    and o.tenant_id = g.tenant_id and o.id = g.id
    and (g.name_at is null or (%(told_at)s, %(name)s) > (g.name_at, g.name))
  returning g.id, o.name as before
)
update conversations c set version = c.version + 1, updated_at = now()
from renamed r
where c.tenant_id = %(tenant_id)s and c.group_id = r.id and r.before is distinct from %(name)s
returning c.id
