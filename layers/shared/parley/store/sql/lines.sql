-- name: page
-- The connected accounts, in the order in which they were connected.
select i.id, i.provider, i.channel, i.name, i.account_id, i.phone, i.state, i.state_reason, i.settings, i.held_at, i.version,
  i.created_at, i.updated_at, h.state as health, h.reason as health_reason, h.since as health_since
from integrations i
left join integration_health h on h.tenant_id = i.tenant_id and h.integration_id = i.id
where i.tenant_id = %(tenant_id)s and i.removed_at is null and (%(after)s::uuid is null or i.id > %(after)s)
order by i.id limit %(limit)s

-- name: one
-- One connected account.
select i.id, i.provider, i.channel, i.name, i.account_id, i.phone, i.state, i.state_reason, i.settings, i.held_at, i.version,
  i.created_at, i.updated_at, i.checked_at, i.credentials, i.token_generation, h.state as health, h.reason as health_reason,
  h.since as health_since
from integrations i
left join integration_health h on h.tenant_id = i.tenant_id and h.integration_id = i.id
where i.tenant_id = %(tenant_id)s and i.id = %(id)s and i.removed_at is null

-- name: lock
-- One connected account, locked to be changed.
select i.id, i.provider, i.channel, i.name, i.account_id, i.phone, i.state, i.state_reason, i.settings, i.held_at, i.version,
  i.created_at, i.updated_at, i.checked_at, i.credentials, i.token_generation, h.state as health, h.reason as health_reason,
  h.since as health_since
from integrations i
left join integration_health h on h.tenant_id = i.tenant_id and h.integration_id = i.id
where i.tenant_id = %(tenant_id)s and i.id = %(id)s and i.removed_at is null
for update of i

-- name: removed
-- The account as it was once connected, locked.
select id, token_generation from integrations
where tenant_id = %(tenant_id)s and provider = %(provider)s and account_id = %(account_id)s and removed_at is not null
for update

-- name: take_up
-- An account that was disconnected is connected again, and so are its conversations.
update integrations set
  name = %(name)s, phone = %(phone)s, settings = %(settings)s, credentials = %(credentials)s, state = 'connected',
  state_reason = null, state_code = null, state_at = now(), removed_at = null, held_at = null,
  version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: change
-- What the company chose for an account.
update integrations set
  name = %(name)s, phone = %(phone)s, settings = %(settings)s,
  held_at = case when %(held)s then coalesce(held_at, now()) end, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: rotate
-- Other credentials, or another address for its webhooks.
update integrations set
  credentials = %(credentials)s, token_generation = %(token_generation)s, checked_at = null, version = version + 1,
  updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: remove
-- Nothing comes in or goes out any more; the credentials are gone.
update integrations set
  state = 'disconnected', state_reason = %(reason)s, state_code = null, state_at = now(), removed_at = now(),
  held_at = coalesce(held_at, now()), credentials = %(credentials)s, token_generation = token_generation + 1,
  version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s
