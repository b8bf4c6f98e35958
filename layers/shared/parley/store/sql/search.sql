-- name: messages
-- The newest messages that fit, newest first; the function keeps tenant and reader apart itself.
select id, occurred_at, score from search_messages(
  %(given)s, %(since)s::timestamptz, %(before)s::timestamptz, %(integration_id)s::uuid, %(conversation_id)s::uuid,
  %(until_at)s::timestamptz, %(until_id)s::uuid, %(inclusive)s::boolean, %(from_at)s::timestamptz, %(from_id)s::uuid,
  %(limit)s::int)

-- name: contacts
-- The contacts that fit, the best first.
select id, score from search_contacts(%(given)s, %(integration_id)s::uuid, %(after_score)s::int, %(after_id)s::uuid, %(limit)s::int)

-- name: hits
-- Of these words, those that the query is about.
select word from search_hits(%(given)s, %(words)s::text[]) as word
