-- name: insert_tenant
-- A company, with its event stream.
with tenant as (
  insert into tenants (id, name) values (%(tenant_id)s, %(name)s)
  returning id
)
insert into streams (tenant_id, epoch) select id, %(epoch)s from tenant

-- name: insert_user
-- A person of the tenant, found later by issuer and subject.
insert into users (tenant_id, id, issuer, subject, name, email, role)
values (%(tenant_id)s, %(id)s, %(issuer)s, %(subject)s, %(name)s, %(email)s, %(role)s)

-- name: insert_integration
-- A connected account; its credentials come sealed.
insert into integrations (tenant_id, id, provider, channel, name, account_id, phone, settings, credentials)
values (%(tenant_id)s, %(id)s, %(provider)s, %(channel)s, %(name)s, %(account_id)s, %(phone)s, %(settings)s, %(credentials)s)

-- name: insert_api_key
-- A key for an integrator, by the hash of its secret.
insert into api_keys (tenant_id, id, name, secret_hash, scopes, expires_at)
values (%(tenant_id)s, %(id)s, %(name)s, %(secret_hash)s, %(scopes)s, %(expires_at)s)

-- name: put_on_app
-- The operator's word that an account is in their own app, under this business account.
update integrations set app_business = %(business_id)s, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and app_business is distinct from %(business_id)s

-- name: set_integration_settings
-- What the operator chose for an account.
update integrations set settings = %(settings)s, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and settings is distinct from %(settings)s
