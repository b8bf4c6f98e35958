-- The health of integrations: what came and went in each quarter of an hour, and what that means.

-- Why the account's state is what it is, in Parley's own word (`credential_expired` …); null where a gateway gave none.
alter table integrations add column state_code text;

-- What became of what came in (by when it was received) and of what was sent (by when it was tried), in one quarter of an
-- hour. delivered, undelivered, failed: how the sends stood when there had been time enough to deliver them.
create table integration_quarters (
  tenant_id uuid not null,
  integration_id uuid not null,
  quarter timestamptz not null,
  received int not null default 0,
  processed int not null default 0,
  ignored int not null default 0,
  rejected int not null default 0,
  parked int not null default 0,
  delivered int not null default 0,
  undelivered int not null default 0,
  failed int not null default 0,
  media_stored int not null default 0,
  media_failed int not null default 0,
  constraint integration_quarters_pkey primary key (tenant_id, integration_id, quarter),
  constraint integration_quarters_integration
    foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
create index integration_quarters_by_age on integration_quarters (quarter);
call protect_tenant_table('integration_quarters');
call open_to_definer('integration_quarters', true);

-- What the last look said. looked_at: of the look that wrote it; an older look writes nothing.
create table integration_health (
  tenant_id uuid not null,
  integration_id uuid not null,
  state text not null default 'ok',
  reason text,
  since timestamptz not null default now(),
  looked_at timestamptz not null default '-infinity',
  last_received_at timestamptz,
  last_sent_at timestamptz,
  constraint integration_health_pkey primary key (tenant_id, integration_id),
  constraint integration_health_integration
    foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('integration_health');
call open_to_definer('integration_health', true);

-- How far each source was counted. It belongs to the deployment, so it is reached through functions only. What was there
-- before this table is counted bit by bit, so that there is a history from the first day on.
create table health_cursors (
  source text not null check (source in ('received', 'sent', 'media')),
  counted_to timestamptz not null,
  constraint health_cursors_pkey primary key (source)
);
insert into health_cursors (source, counted_to)
select source, now() - interval '28 days' from unnest(array['received', 'sent', 'media']) source;
alter table health_cursors enable row level security;
alter table health_cursors force row level security;
create policy operator on health_cursors using (false) with check (false);
call open_to_definer('health_cursors', true);

call open_to_definer('ledger');
call open_to_definer('attempts');

-- The quarter of an hour that a moment is in; on a fast clock the quarters are shorter.
create function quarter_of(moment timestamptz, quarter interval) returns timestamptz
language sql stable parallel safe
  return to_timestamp(floor(extract(epoch from moment) / extract(epoch from quarter)) * extract(epoch from quarter));

-- The least id that can be made in a moment: ids begin with the milliseconds since 1970.
create function first_id(moment timestamptz) returns uuid
language sql stable parallel safe
  return (lpad(to_hex(floor(extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- Counts the webhooks whose rows were made since the last time, up to `lag` ago: by then whoever made one has committed.
-- An id is made once and never changes, so a row counts once, however late its webhook came and however often it comes
-- again. Two at once take turns at the cursor. Answers how many, and whether there may be more.
create function count_received(lag interval, step interval, quarter_length interval)
returns table (counted bigint, more boolean)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  low timestamptz;
  high timestamptz;
begin
  select c.counted_to into low from health_cursors c where c.source = 'received' for update;
  high := least(low + step, now() - lag);
  more := low + step < now() - lag;
  if high <= low then
    counted := 0;
    return next;
    return;
  end if;
  with found as (
    select l.tenant_id, l.integration_id, quarter_of(l.received_at, quarter_length) as quarter, count(*) as received,
      count(*) filter (where l.state = 'processed') as processed, count(*) filter (where l.state = 'ignored') as ignored,
      count(*) filter (where l.state = 'rejected') as rejected, count(*) filter (where l.state = 'parked') as parked,
      max(l.received_at) as last_at
    from (select distinct i.tenant_id from integrations i) t
    cross join lateral (
      -- A webhook may have waited in the queue for two weeks.
      select e.tenant_id, e.integration_id, e.received_at, e.state from ledger e
      where e.tenant_id = t.tenant_id
        and e.day between (low at time zone 'UTC')::date - 15 and (high at time zone 'UTC')::date + 1
        and e.id >= first_id(low) and e.id < first_id(high)
    ) l
    join integrations i on i.tenant_id = l.tenant_id and i.id = l.integration_id
    group by 1, 2, 3
  ), added as (
    insert into integration_quarters as q (
      tenant_id, integration_id, quarter, received, processed, ignored, rejected, parked)
    select f.tenant_id, f.integration_id, f.quarter, f.received, f.processed, f.ignored, f.rejected, f.parked
    from found f order by 1, 2, 3
    on conflict on constraint integration_quarters_pkey do update
    set received = q.received + excluded.received, processed = q.processed + excluded.processed,
      ignored = q.ignored + excluded.ignored, rejected = q.rejected + excluded.rejected, parked = q.parked + excluded.parked
  ), seen as (
    insert into integration_health as h (tenant_id, integration_id, last_received_at)
    select f.tenant_id, f.integration_id, max(f.last_at) from found f group by 1, 2 order by 1, 2
    on conflict on constraint integration_health_pkey do update
    set last_received_at = greatest(h.last_received_at, excluded.last_received_at)
  )
  select coalesce(sum(f.received), 0) into counted from found f;
  update health_cursors c set counted_to = high where c.source = 'received';
  return next;
end $$;

-- Counts what was sent, once there was time enough to deliver it (`lag`), by what became of it until then. Of a message
-- that was tried several times the last try counts.
create function count_sent(lag interval, step interval, quarter_length interval)
returns table (counted bigint, more boolean)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  low timestamptz;
  high timestamptz;
begin
  select c.counted_to into low from health_cursors c where c.source = 'sent' for update;
  high := least(low + step, now() - lag);
  more := low + step < now() - lag;
  if high <= low then
    counted := 0;
    return next;
    return;
  end if;
  with found as (
    select m.tenant_id, m.integration_id, quarter_of(a.claimed_at, quarter_length) as quarter,
      count(*) filter (where m.status in ('delivered', 'read', 'played')) as delivered,
      count(*) filter (where m.status in ('sent', 'unknown')) as undelivered,
      count(*) filter (where m.status = 'failed') as failed,
      max(a.claimed_at) filter (where m.status <> 'failed') as last_at
    from (select distinct i.tenant_id from integrations i) t
    cross join lateral (
      select e.tenant_id, e.id, e.message_id, e.claimed_at from attempts e
      where e.tenant_id = t.tenant_id and e.id >= first_id(low) and e.id < first_id(high)
        and e.claimed_at between low - interval '1 day' and high + interval '1 day'
    ) a
    join messages m on m.tenant_id = a.tenant_id and m.id = a.message_id and m.attempt_id = a.id
    where m.status in ('sent', 'unknown', 'delivered', 'read', 'played', 'failed')
    group by 1, 2, 3
  ), added as (
    insert into integration_quarters as q (tenant_id, integration_id, quarter, delivered, undelivered, failed)
    select f.tenant_id, f.integration_id, f.quarter, f.delivered, f.undelivered, f.failed from found f order by 1, 2, 3
    on conflict on constraint integration_quarters_pkey do update
    set delivered = q.delivered + excluded.delivered, undelivered = q.undelivered + excluded.undelivered,
      failed = q.failed + excluded.failed
  ), seen as (
    insert into integration_health as h (tenant_id, integration_id, last_sent_at)
    select f.tenant_id, f.integration_id, max(f.last_at) from found f
    where f.last_at is not null group by 1, 2 order by 1, 2
    on conflict on constraint integration_health_pkey do update
    set last_sent_at = greatest(h.last_sent_at, excluded.last_sent_at)
  )
  select coalesce(sum(f.delivered + f.undelivered + f.failed), 0) into counted from found f;
  update health_cursors c set counted_to = high where c.source = 'sent';
  return next;
end $$;

-- Counts the files of received messages, and of those typed on the company's phone, by how fetching them ended.
create function count_media(lag interval, step interval, quarter_length interval)
returns table (counted bigint, more boolean)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  low timestamptz;
  high timestamptz;
begin
  select c.counted_to into low from health_cursors c where c.source = 'media' for update;
  high := least(low + step, now() - lag);
  more := low + step < now() - lag;
  if high <= low then
    counted := 0;
    return next;
    return;
  end if;
  with found as (
    select a.tenant_id, a.integration_id, quarter_of(a.updated_at, quarter_length) as quarter,
      count(*) filter (where a.state = 'stored') as stored, count(*) filter (where a.state = 'failed') as failed
    from attachments a
    join messages m on m.tenant_id = a.tenant_id and m.id = a.message_id and m.sender_kind in ('contact', 'device')
    join integrations i on i.tenant_id = a.tenant_id and i.id = a.integration_id
    where a.updated_at >= low and a.updated_at < high and a.state in ('stored', 'failed') and a.message_id is not null
    group by 1, 2, 3
  ), added as (
    insert into integration_quarters as q (tenant_id, integration_id, quarter, media_stored, media_failed)
    select f.tenant_id, f.integration_id, f.quarter, f.stored, f.failed from found f order by 1, 2, 3
    on conflict on constraint integration_quarters_pkey do update
    set media_stored = q.media_stored + excluded.media_stored, media_failed = q.media_failed + excluded.media_failed
  )
  select coalesce(sum(f.stored + f.failed), 0) into counted from found f;
  update health_cursors c set counted_to = high where c.source = 'media';
  return next;
end $$;

-- What is known of each connected account, of all tenants or of one: one query, however many there are. The expensive
-- questions begin with the condition under which they matter, so they are asked of few: what usually comes, of those from
-- whom nothing has come for `quiet`; what is usually delivered, of those of whom several messages were not; what is still
-- parked or rejected, of those of whom something was.
create function integration_figures(of_tenant uuid, of_integration uuid, quarter_length interval, quiet interval)
returns table (
  tenant_id uuid, integration_id uuid, provider text, account_state text, account_code text, account_reason text,
  account_since timestamptz, held boolean, now timestamptz, hour_from timestamptz, counted_to timestamptz,
  last_received_at timestamptz, last_sent_at timestamptz, received int, processed int, ignored int, rejected int, parked int,
  delivered int, undelivered int, failed int, media_stored int, media_failed int, usually_delivered bigint,
  usually_undelivered bigint, usual_weeks int, usual_low bigint, usual_high bigint, told_state text, told_since timestamptz
)
language sql stable security definer set search_path = public, pg_temp
as $$
  with clock as (
    select now() as now, quarter_of(now() - 4 * quarter_length, quarter_length) as hour_from, 672 * quarter_length as week,
      (select c.counted_to from health_cursors c where c.source = 'received') as counted_to
  )
  select i.tenant_id, i.id, i.provider, i.state, i.state_code, i.state_reason, i.state_at, i.held_at is not null, k.now,
    k.hour_from, k.counted_to, h.last_received_at, h.last_sent_at, r.received::int,
    (r.received - r.ignored - o.rejected - o.parked)::int, r.ignored::int, o.rejected::int, o.parked::int,
    r.delivered::int, r.undelivered::int, r.failed::int, r.media_stored::int, r.media_failed::int, u.delivered,
    u.undelivered, w.weeks::int, w.low, w.high,
    coalesce(h.state, 'ok'), h.since
  from integrations i
  cross join clock k
  left join integration_health h on h.tenant_id = i.tenant_id and h.integration_id = i.id
  cross join lateral (
    select coalesce(sum(q.received), 0) as received, coalesce(sum(q.ignored), 0) as ignored,
      coalesce(sum(q.rejected), 0) as rejected, coalesce(sum(q.parked), 0) as parked,
      coalesce(sum(q.delivered), 0) as delivered, coalesce(sum(q.undelivered), 0) as undelivered,
      coalesce(sum(q.failed), 0) as failed, coalesce(sum(q.media_stored), 0) as media_stored,
      coalesce(sum(q.media_failed), 0) as media_failed
    from integration_quarters q
    where q.tenant_id = i.tenant_id and q.integration_id = i.id and q.quarter >= k.hour_from
  ) r
  cross join lateral (
    -- Replayed since, they are parked no more.
    select least(r.rejected, count(*) filter (where e.state = 'rejected')) as rejected,
      least(r.parked, count(*) filter (where e.state = 'parked')) as parked
    from (
      select l.state from ledger l
      where r.rejected + r.parked > 0 and l.tenant_id = i.tenant_id and l.integration_id = i.id
        and l.state in ('rejected', 'parked')
        and l.received_at >= k.hour_from and l.day >= (k.hour_from at time zone 'UTC')::date
      limit 10000
    ) e
  ) o
  cross join lateral (
    select coalesce(sum(q.delivered), 0) as delivered, coalesce(sum(q.undelivered + q.failed), 0) as undelivered
    from integration_quarters q
    where r.undelivered + r.failed >= 5 and q.tenant_id = i.tenant_id and q.integration_id = i.id
      and q.quarter < k.hour_from
  ) u
  cross join lateral (
    select count(*) as weeks, min(s.received) as low, max(s.received) as high
    from (
      -- The whole quarters since it went quiet, of the last day at most.
      select quarter_of(greatest(h.last_received_at, k.counted_to - 96 * quarter_length), quarter_length) + quarter_length
          as low, quarter_of(k.counted_to, quarter_length) as high,
        (
          select q.quarter from integration_quarters q
          where q.tenant_id = i.tenant_id and q.integration_id = i.id order by q.quarter limit 1
        ) as known_from
      where h.last_received_at < k.counted_to - quiet
    ) b
    cross join generate_series(1, 4) n
    cross join lateral (
      select coalesce(sum(q.received), 0) as received from integration_quarters q
      where q.tenant_id = i.tenant_id and q.integration_id = i.id and q.quarter >= b.low - n * k.week
        and q.quarter < b.high - n * k.week
    ) s
    where b.known_from <= b.low - n * k.week
  ) w
  where i.removed_at is null and (of_tenant is null or i.tenant_id = of_tenant)
    and (of_integration is null or i.id = of_integration)
  order by i.tenant_id, i.id
$$;

-- Drops what is older than the longest look back needs.
create function forget_quarters(older_than interval, at_most int) returns bigint
language sql security definer set search_path = public, pg_temp
as $$
  with old as (
    select q.tenant_id, q.integration_id, q.quarter from integration_quarters q
    where q.quarter < now() - older_than order by q.quarter limit at_most for update skip locked
  ), gone as (
    delete from integration_quarters q using old o
    where q.tenant_id = o.tenant_id and q.integration_id = o.integration_id and q.quarter = o.quarter
    returning 1
  )
  select count(*) from gone
$$;

grant create on schema public to parley_definer;
alter function count_received(interval, interval, interval) owner to parley_definer;
alter function count_sent(interval, interval, interval) owner to parley_definer;
alter function count_media(interval, interval, interval) owner to parley_definer;
alter function integration_figures(uuid, uuid, interval, interval) owner to parley_definer;
alter function forget_quarters(interval, int) owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function count_received(interval, interval, interval) from public;
revoke all on function count_sent(interval, interval, interval) from public;
revoke all on function count_media(interval, interval, interval) from public;
revoke all on function integration_figures(uuid, uuid, interval, interval) from public;
revoke all on function forget_quarters(interval, int) from public;
grant execute on function count_received(interval, interval, interval) to parley_runtime;
grant execute on function count_sent(interval, interval, interval) to parley_runtime;
grant execute on function count_media(interval, interval, interval) to parley_runtime;
grant execute on function integration_figures(uuid, uuid, interval, interval) to parley_runtime;
grant execute on function forget_quarters(interval, int) to parley_runtime;
