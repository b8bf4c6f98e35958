-- name: conversation
-- Whether this person may see a conversation; null: there is none.
select in_sight(sight_of(c.tenant_id, %(viewer)s), c.integration_id, c.assignee_id) as seen
from conversations c where c.tenant_id = %(tenant_id)s and c.id = %(id)s

-- name: message
-- Whether this person may see a message; null: there is none.
select in_sight(sight_of(c.tenant_id, %(viewer)s), c.integration_id, c.assignee_id) as seen
from messages m join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
where m.tenant_id = %(tenant_id)s and m.id = %(id)s

-- name: contacts_out_of_sight
-- Of these people and contacts, who may not see which.
select user_id, contact_id from contacts_out_of_sight(%(people)s::uuid[], %(contacts)s::uuid[])

-- name: out_of_sight
-- Of these people and conversations, who may not see which, and whether they would if nobody had it.
select user_id, conversation_id, if_unassigned from out_of_sight(%(people)s::uuid[], %(conversations)s::uuid[])
