-- Which queues nobody is to take from, since when and why. It belongs to the deployment, not to a tenant, so it is reached
-- through functions only. The row decides; the event source on AWS, or the pump of the local stack, follows it.
-- probing: taken from again, on trial. by_hand: a person said so, and no clock ends it.
create table queue_pauses (
  queue text not null,
  since timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  reason text not null,
  by_hand boolean not null,
  probing boolean not null default false,
  constraint queue_pauses_pkey primary key (queue)
);
alter table queue_pauses enable row level security;
alter table queue_pauses force row level security;
create policy operator on queue_pauses using (false) with check (false);
call open_to_definer('queue_pauses', true);

create function read_queue_pauses() returns setof queue_pauses
language sql stable security definer set search_path = public, pg_temp
as $$ select p.* from queue_pauses p order by p.queue $$;

-- Answers whether that changed anything: it was not paused, was on trial, or a person now means it.
create function pause_queue(paused text, reason text, by_hand boolean) returns boolean
language sql security definer set search_path = public, pg_temp
as $$
  with changed as (
    insert into queue_pauses as p (queue, reason, by_hand) values (paused, $2, $3)
    on conflict on constraint queue_pauses_pkey do update
      set changed_at = now(), reason = excluded.reason, by_hand = excluded.by_hand, probing = false
      where p.probing or (excluded.by_hand and not p.by_hand)
    returning 1)
  select exists (select from changed)
$$;

-- Takes from a queue on trial; answers whether it was paused.
create function probe_queue(probed text) returns boolean
language sql security definer set search_path = public, pg_temp
as $$
  with changed as (
    update queue_pauses p set probing = true, changed_at = now() where p.queue = probed and not p.probing returning 1)
  select exists (select from changed)
$$;

-- What the breaker paused so long ago is on trial now.
create function probe_paused_queues(paused_for interval) returns setof text
language sql security definer set search_path = public, pg_temp
as $$
  update queue_pauses p set probing = true, changed_at = now()
  where not p.probing and not p.by_hand and p.changed_at < now() - paused_for
  returning p.queue
$$;

-- A trial that went well for so long ends the pause.
create function end_queue_trials(tried_for interval) returns setof text
language sql security definer set search_path = public, pg_temp
as $$ delete from queue_pauses p where p.probing and p.changed_at < now() - tried_for returning p.queue $$;

grant create on schema public to parley_definer;
alter function read_queue_pauses() owner to parley_definer;
alter function pause_queue(text, text, boolean) owner to parley_definer;
alter function probe_queue(text) owner to parley_definer;
alter function probe_paused_queues(interval) owner to parley_definer;
alter function end_queue_trials(interval) owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function read_queue_pauses() from public;
revoke all on function pause_queue(text, text, boolean) from public;
revoke all on function probe_queue(text) from public;
revoke all on function probe_paused_queues(interval) from public;
revoke all on function end_queue_trials(interval) from public;
grant execute on function read_queue_pauses() to parley_runtime;
grant execute on function pause_queue(text, text, boolean) to parley_runtime;
grant execute on function probe_queue(text) to parley_runtime;
grant execute on function probe_paused_queues(interval) to parley_runtime;
grant execute on function end_queue_trials(interval) to parley_runtime;
