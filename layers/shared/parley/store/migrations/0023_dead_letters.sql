-- Dead letters: what left its queue after too many tries, as rows of the tenant that the payload names.

-- What a letter is, is what it says: the same payload once more is the same row. The table was never written before.
-- squawk-ignore adding-required-field
alter table dead_letters add column fingerprint bytea not null;
-- squawk-ignore disallowed-unique-constraint, constraint-missing-not-valid
alter table dead_letters add constraint dead_letters_payload unique (tenant_id, queue, fingerprint);
-- squawk-ignore require-concurrent-index-creation
create index dead_letters_by_queue on dead_letters (tenant_id, queue, id desc);
call open_to_definer('dead_letters');

-- Why each message that was put off failed the last time, until it is of no interest any more. It belongs to the
-- deployment, because a message may fail before anybody knows whose it is; it is reached through functions only, and may
-- vanish with a crash. An error is a code and a sentence of ours, never what a person wrote.
create unlogged table last_errors (
  queue text not null,
  fingerprint bytea not null,
  error text not null,
  failure_count int not null default 1,
  first_failed_at timestamptz not null default now(),
  last_failed_at timestamptz not null default now(),
  constraint last_errors_pkey primary key (queue, fingerprint)
);
-- squawk-ignore require-concurrent-index-creation
create index last_errors_by_time on last_errors (last_failed_at);
alter table last_errors enable row level security;
alter table last_errors force row level security;
create policy operator on last_errors using (false) with check (false);
call open_to_definer('last_errors', true);

create function note_error(of_queue text, of_message bytea, said text) returns void
language sql security definer set search_path = public, pg_temp
as $$
  insert into last_errors as e (queue, fingerprint, error) values (of_queue, of_message, said)
  on conflict on constraint last_errors_pkey do update
  set error = excluded.error, failure_count = e.failure_count + 1, last_failed_at = now()
$$;

create function find_error(of_queue text, of_message bytea)
returns table (error text, failure_count int, first_failed_at timestamptz)
language sql stable security definer set search_path = public, pg_temp
as $$
  select e.error, e.failure_count, e.first_failed_at from last_errors e
  where e.queue = of_queue and e.fingerprint = of_message
$$;

-- What has not failed for so long either came through or died.
create function forget_errors(older_than interval, at_most int) returns bigint
language sql security definer set search_path = public, pg_temp
as $$
  with old as (
    select e.queue, e.fingerprint from last_errors e where e.last_failed_at < now() - older_than
    order by e.last_failed_at limit at_most for update skip locked
  ), gone as (
    delete from last_errors e using old where e.queue = old.queue and e.fingerprint = old.fingerprint returning 1
  )
  select count(*) from gone
$$;

-- How many lie there, of all tenants: for the alarm.
create function count_dead_letters() returns table (queue text, letters bigint)
language sql stable security definer set search_path = public, pg_temp
as $$ select d.queue, count(*) from dead_letters d group by d.queue $$;

grant create on schema public to parley_definer;
alter function note_error(text, bytea, text) owner to parley_definer;
alter function find_error(text, bytea) owner to parley_definer;
alter function forget_errors(interval, int) owner to parley_definer;
alter function count_dead_letters() owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function note_error(text, bytea, text) from public;
revoke all on function find_error(text, bytea) from public;
revoke all on function forget_errors(interval, int) from public;
revoke all on function count_dead_letters() from public;
grant execute on function note_error(text, bytea, text) to parley_runtime;
grant execute on function find_error(text, bytea) to parley_runtime;
grant execute on function forget_errors(interval, int) to parley_runtime;
grant execute on function count_dead_letters() to parley_runtime;
