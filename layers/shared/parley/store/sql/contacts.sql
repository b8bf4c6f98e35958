-- name: page
-- A page of the contacts, the newest first; who was joined to another is not one any more.
select p.id from contacts p
where p.tenant_id = %(tenant_id)s and p.merged_into is null and p.erased_at is null
  and (%(after)s::uuid is null or p.id < %(after)s)
  and (%(blocked)s::boolean is null or p.blocked = %(blocked)s)
  and (%(phone)s::text is null or exists (
    select from contact_aliases a
    where a.tenant_id = p.tenant_id and a.contact_id = p.id and a.kind = 'phone' and a.value = %(phone)s))
order by p.id desc
limit %(limit)s

-- name: page_in_sight
-- The same for a reader who does not see all.
select id from contacts_in_sight(%(after)s::uuid, %(phone)s::text, %(blocked)s::boolean, %(limit)s::int) as f(id)

-- name: by_phone
-- Whose number is this?
select contact_id from contact_aliases
where tenant_id = %(tenant_id)s and scope = '00000000-0000-0000-0000-000000000000' and kind = 'phone'
  and value = %(phone)s

-- name: lock
-- A contact to change.
select id, name, attributes, blocked, version from contacts
where tenant_id = %(tenant_id)s and id = %(id)s and erased_at is null
for no key update

-- name: change
-- What people say of a contact. Names are told with a time, and the latest stays: one that a person gave is later than all
-- that gateways tell; without one the gateways' next will do.
update contacts
set name = %(name)s,
  name_at = case
    when name is not distinct from %(name)s then name_at
    when %(name)s::text is null then null
    else timestamptz '9999-01-01 00:00:00+00'
  end,
  attributes = %(attributes)s, blocked = %(blocked)s, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s
