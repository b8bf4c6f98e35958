-- name: insert_events
-- Write events in the given order; whoever reads first will number them.
insert into events (
  tenant_id, id, type, conversation_id, message_id, contact_id, topics, delta, actor, causation_id, correlation_id
)
select %(tenant_id)s, e.id, e.type, e.conversation_id, e.message_id, e.contact_id, e.topics, e.delta, e.actor,
  e.causation_id, e.correlation_id
from rows from (
  jsonb_to_recordset(%(events)s) as (
    id uuid, type text, conversation_id uuid, message_id uuid, contact_id uuid, topics text[], delta jsonb,
    actor jsonb, causation_id uuid, correlation_id uuid
  )
) with ordinality as e(
  id, type, conversation_id, message_id, contact_id, topics, delta, actor, causation_id, correlation_id, position
)
order by e.position

-- name: anything_unnumbered
-- Whether any event waits for its number; the partial index answers this alone.
select exists (select from events where tenant_id = %(tenant_id)s and seq is null) as found

-- name: lock_stream
-- The last number given, locked: one reader numbers at a time.
select last_seq from streams where tenant_id = %(tenant_id)s for update

-- name: number_visible
-- Number what is visible now. A statement of its own, after lock_stream: its snapshot must be younger than the lock.
-- Joined by place (ctid): by ordinal, a tenant unknown to the statistics gets a plan that is quadratic in its backlog.
-- Nobody else ever updates an event, so none moves meanwhile.
with fresh as materialized (
  select ctid as place, row_number() over (order by ordinal) as position
  from events where tenant_id = %(tenant_id)s and seq is null
), numbered as (
  update events e set seq = %(last_seq)s::bigint + f.position
  from fresh f
  where e.tenant_id = %(tenant_id)s and e.ctid = f.place
  returning e.seq
)
update streams set last_seq = %(last_seq)s::bigint + (select count(*) from numbered)
where tenant_id = %(tenant_id)s

-- name: stream
-- The head of the log and the lowest event it still holds.
select s.epoch, s.last_seq,
  exists (select from events e where e.tenant_id = %(tenant_id)s and e.seq is null) as unnumbered,
  (select min(e.seq) from events e where e.tenant_id = %(tenant_id)s) as lowest_seq
from streams s where s.tenant_id = %(tenant_id)s

-- name: read_events
-- Numbered events above a position.
select seq, id, type, conversation_id, message_id, contact_id, topics, delta, actor, occurred_at
from events
where tenant_id = %(tenant_id)s and seq > %(above)s
order by seq
limit %(limit)s
