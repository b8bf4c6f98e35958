-- The narrow functions that look across tenants: whose connection is this, and where is something due.

-- Whose is this connection? Asked by every frame, which names no tenant.
create function find_connection(wanted text) returns table (tenant_id uuid, user_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$ select c.tenant_id, c.user_id from connections c where c.id = wanted $$;

-- Conversations with a message on its way that nobody looks after: one claimed by a sender who died, or the oldest queued
-- one, due, where nothing is on its way. Each conversation is here once, however long its queue is.
create function find_stuck_sends(older_than interval, at_most int)
returns table (tenant_id uuid, integration_id uuid, conversation_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  select m.tenant_id, m.integration_id, m.conversation_id
  from messages m
  where m.status in ('queued', 'sending') and m.updated_at < now() - older_than
    and case m.status
      when 'sending' then m.lease_until < now()
      else coalesce(m.not_before, m.created_at) <= now() - older_than
        and not exists (
          select from messages e
          where e.tenant_id = m.tenant_id and e.conversation_id = m.conversation_id and e.status = 'sending')
        and not exists (
          select from messages e
          where e.tenant_id = m.tenant_id and e.conversation_id = m.conversation_id and e.status = 'queued'
            and e.number < m.number)
    end
  order by m.updated_at
  limit at_most
$$;

-- Tenants with listeners that lag behind the log.
create function find_lagging_tenants(older_than interval) returns table (tenant_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  select distinct c.tenant_id from connections c
  where c.state = 'active' and (
    exists (
      select from events e
      where e.tenant_id = c.tenant_id and e.seq is null and e.occurred_at < now() - older_than)
    or exists (
      select from events e
      where e.tenant_id = c.tenant_id and e.seq > greatest(c.sent_seq, c.eval_seq)
        and e.occurred_at < now() - older_than))
$$;

-- Tenants with connections that have been silent for too long.
create function find_silent_connections(silent_for interval) returns table (tenant_id uuid, id text)
language sql stable security definer set search_path = public, pg_temp
as $$ select c.tenant_id, c.id from connections c where c.seen_at < now() - silent_for or c.expires_at < now() $$;

grant create on schema public to parley_definer;
alter function find_integrations(uuid[]) owner to parley_definer;
alter function record_stray(uuid, text, text, bytea, jsonb, bytea, text, text, uuid, timestamptz) owner to parley_definer;
alter function find_connection(text) owner to parley_definer;
alter function find_stuck_sends(interval, int) owner to parley_definer;
alter function find_lagging_tenants(interval) owner to parley_definer;
alter function find_silent_connections(interval) owner to parley_definer;
revoke create on schema public from parley_definer;

revoke all on function record_stray(uuid, text, text, bytea, jsonb, bytea, text, text, uuid, timestamptz) from public;
revoke all on function find_connection(text) from public;
revoke all on function find_stuck_sends(interval, int) from public;
revoke all on function find_lagging_tenants(interval) from public;
revoke all on function find_silent_connections(interval) from public;
grant execute on function record_stray(uuid, text, text, bytea, jsonb, bytea, text, text, uuid, timestamptz) to parley_runtime;
grant execute on function find_connection(text) to parley_runtime;
grant execute on function find_stuck_sends(interval, int) to parley_runtime;
grant execute on function find_lagging_tenants(interval) to parley_runtime;
grant execute on function find_silent_connections(interval) to parley_runtime;
revoke all on procedure protect_tenant_table(regclass, text) from public;
revoke all on procedure open_to_definer(regclass, boolean) from public;
