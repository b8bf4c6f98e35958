-- name: count_received
-- Count the webhooks of the next stretch of time.
select counted, more from count_received(%(lag)s, %(step)s, %(quarter)s)

-- name: count_sent
-- Count the sends of the next stretch of time.
select counted, more from count_sent(%(lag)s, %(step)s, %(quarter)s)

-- name: count_media
-- Count the files of the next stretch of time.
select counted, more from count_media(%(lag)s, %(step)s, %(quarter)s)

-- name: figures
-- What is known of every connected account, or of one tenant's, or of one.
select tenant_id, integration_id, provider, account_state, account_code, account_reason, account_since, held, now, hour_from,
  counted_to, last_received_at, last_sent_at, received, processed, ignored, rejected, parked, delivered, undelivered, failed,
  media_stored, media_failed, usually_delivered, usually_undelivered, usual_weeks, usual_low, usual_high, told_state,
  told_since
from integration_figures(%(of_tenant)s, %(of_integration)s, %(quarter)s, %(quiet)s)

-- name: tell
-- Write what a look found where it says something else than before; an older look writes nothing.
insert into integration_health as h (tenant_id, integration_id, state, reason, since, looked_at)
select %(tenant_id)s, w.integration_id, w.state, w.reason, coalesce(w.since, w.looked_at), w.looked_at
from jsonb_to_recordset(%(found)s) as w(
  integration_id uuid, state text, reason text, since timestamptz, looked_at timestamptz
)
order by w.integration_id
on conflict on constraint integration_health_pkey do update
set state = excluded.state, reason = excluded.reason, since = excluded.since, looked_at = excluded.looked_at
where h.looked_at < excluded.looked_at and h.state <> excluded.state
returning h.integration_id

-- name: accounts
-- Accounts as their events show them.
select id, provider, channel, name, account_id, state, state_reason
from integrations where tenant_id = %(tenant_id)s and id = any (%(ids)s) and removed_at is null order by id

-- name: told
-- What the last look said of these accounts.
select integration_id, state, reason, since from integration_health
where tenant_id = %(tenant_id)s and integration_id = any (%(ids)s)

-- name: day
-- What was counted of an account since a day ago.
select coalesce(sum(received), 0) as received, coalesce(sum(processed), 0) as processed, coalesce(sum(ignored), 0) as ignored,
  coalesce(sum(rejected), 0) as rejected, coalesce(sum(parked), 0) as parked, coalesce(sum(delivered), 0) as delivered,
  coalesce(sum(undelivered), 0) as undelivered, coalesce(sum(failed), 0) as failed,
  coalesce(sum(media_stored), 0) as media_stored, coalesce(sum(media_failed), 0) as media_failed,
  quarter_of(now() - 96 * %(quarter)s::interval, %(quarter)s) as counted_from
from integration_quarters
where tenant_id = %(tenant_id)s and integration_id = %(id)s
  and quarter >= quarter_of(now() - 96 * %(quarter)s::interval, %(quarter)s)

-- name: expected
-- What came in the hour now ago one, two, three and four weeks, as far as the account's history goes back.
select count(*) as weeks, min(s.received) as low, max(s.received) as high
from (select quarter_of(now(), %(quarter)s) as until, 672 * %(quarter)s::interval as week) c
cross join generate_series(1, 4) n
cross join lateral (
  select coalesce(sum(q.received), 0) as received from integration_quarters q
  where q.tenant_id = %(tenant_id)s and q.integration_id = %(id)s and q.quarter < c.until - n * c.week
    and q.quarter >= c.until - n * c.week - 4 * %(quarter)s::interval
) s
where (
  select min(q.quarter) from integration_quarters q where q.tenant_id = %(tenant_id)s and q.integration_id = %(id)s
) <= c.until - n * c.week - 4 * %(quarter)s::interval

-- name: waiting
-- Sends that are on their way to being delivered: too young to be judged.
select count(*) as waiting, max(a.claimed_at) as last_at
from attempts a
join messages m on m.tenant_id = a.tenant_id and m.id = a.message_id and m.attempt_id = a.id
where a.tenant_id = %(tenant_id)s and a.claimed_at >= now() - %(patience)s::interval
  and a.id >= first_id(now() - %(patience)s::interval) and m.integration_id = %(id)s
  and m.status in ('sent', 'unknown', 'delivered', 'read', 'played')

-- name: forget
-- Drop what is too old for any look back.
select forget_quarters(%(older_than)s, %(at_most)s)
