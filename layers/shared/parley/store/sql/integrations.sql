-- name: find_integrations
-- The integrations of these ids, of whatever tenant: a webhook's URL names the integration alone.
select tenant_id, id, provider, channel, account_id, settings, state, token_generation, credentials
from find_integrations(%(ids)s)

-- name: find_account_owners
-- Whose accounts are these? A webhook of a whole app names nothing but accounts.
select tenant_id, id, provider, channel, account_id, settings, state, token_generation, credentials, app_business
from find_account_owners(%(provider)s, %(names)s)

-- name: of_business
-- The tenant's integrations that belong to a business account.
select tenant_id, id, provider, channel, account_id, settings, state, token_generation, credentials
from integrations
where tenant_id = %(tenant_id)s and provider = %(provider)s and %(business_id)s in (settings ->> 'wabaId', app_business)
order by id

-- name: by_account
-- The tenant's integration for a gateway's account.
select tenant_id, id, provider, channel, account_id, settings, state, token_generation, credentials
from integrations
where tenant_id = %(tenant_id)s and provider = %(provider)s and account_id = %(account_id)s

-- name: by_id
-- One integration of the tenant.
select tenant_id, id, provider, channel, account_id, settings, state, token_generation, credentials
from integrations
where tenant_id = %(tenant_id)s and id = %(id)s
