-- name: record
-- One row a webhook and day; a repetition raises the counter and tells how it ended this time.
insert into ledger as l (
  tenant_id, day, id, integration_id, provider, body_hash, headers, body, pointer, state, reason, message_ids,
  contact_ids, correlation_id, received_at
)
select
  %(tenant_id)s, (w.received_at at time zone 'UTC')::date, w.id, w.integration_id, w.provider, decode(w.hash, 'hex'),
  w.headers, decode(w.body, 'base64'), w.pointer, w.state, w.reason, w.message_ids, w.contact_ids, w.correlation_id,
  w.received_at
from jsonb_to_recordset(%(entries)s) as w(
  id uuid, integration_id uuid, provider text, hash text, headers jsonb, body text, pointer text, state text,
  reason text, message_ids uuid[], contact_ids uuid[], correlation_id uuid, received_at timestamptz
)
order by w.received_at::date, w.integration_id, w.hash
on conflict on constraint ledger_body do update
set repetitions = l.repetitions + 1, state = excluded.state, reason = excluded.reason, processed_at = now(),
  message_ids = excluded.message_ids, contact_ids = excluded.contact_ids

-- name: record_stray
-- A webhook that names no tenant.
select record_stray(
  %(id)s, %(provider)s, %(integration_id)s, %(hash)s, %(headers)s, %(body)s, %(pointer)s, %(reason)s,
  %(correlation_id)s, %(received_at)s
)
