-- name: labels
-- A page of the labels, by name.
select id, name, color, description, created_at, updated_at, version from labels
where tenant_id = %(tenant_id)s and (%(after)s::text is null or name > %(after)s)
order by name limit %(limit)s

-- name: label
-- One label, locked to be changed.
select id, name, color, description, created_at, updated_at, version from labels
where tenant_id = %(tenant_id)s and id = %(id)s
for update

-- name: insert_label
-- A label of this name, which must be new.
insert into labels (tenant_id, id, name, color, description)
values (%(tenant_id)s, %(id)s, %(name)s, %(color)s, %(description)s)
returning id, name, color, description, created_at, updated_at, version

-- name: add_labels
-- Labels that conversations have are in the catalogue.
insert into labels (tenant_id, id, name)
select %(tenant_id)s, l.id, l.name from jsonb_to_recordset(%(labels)s) as l(id uuid, name text) order by l.name
on conflict on constraint labels_name do nothing

-- name: update_label
-- A label's name, colour and description.
update labels set name = %(name)s, color = %(color)s, description = %(description)s, version = version + 1,
  updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s
returning id, name, color, description, created_at, updated_at, version

-- name: delete_label
-- A label less in the catalogue.
delete from labels where tenant_id = %(tenant_id)s and id = %(id)s

-- name: rename_on_conversations
-- The conversations that had the label have it under its new name, or (null) no more.
update conversations
set labels = case when %(new)s::text is null then array_remove(labels, %(old)s) else array_replace(labels, %(old)s, %(new)s) end,
  version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id in (
  select c.id from conversations c
  where c.tenant_id = %(tenant_id)s and %(old)s = any (c.labels)
  order by c.id for no key update
)
returning id

-- name: canned_replies
-- A page of the canned replies, by shortcut.
select id, shortcut, body, created_at, updated_at, version from canned_replies
where tenant_id = %(tenant_id)s and (%(after)s::text is null or shortcut > %(after)s)
order by shortcut limit %(limit)s

-- name: insert_canned_reply
-- A canned reply under this shortcut, which must be new.
insert into canned_replies (tenant_id, id, shortcut, body) values (%(tenant_id)s, %(id)s, %(shortcut)s, %(body)s)
returning id, shortcut, body, created_at, updated_at, version

-- name: update_canned_reply
-- What is given (not null) of a canned reply.
update canned_replies set shortcut = coalesce(%(shortcut)s, shortcut), body = coalesce(%(body)s, body),
  version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s
returning id, shortcut, body, created_at, updated_at, version

-- name: delete_canned_reply
-- A canned reply less.
delete from canned_replies where tenant_id = %(tenant_id)s and id = %(id)s
returning id, shortcut, body, created_at, updated_at, version
