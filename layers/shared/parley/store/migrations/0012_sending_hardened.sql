-- Sending: what may have left and is asked for again, and accounts that a person paused.

-- may_have_left: one of this message's tries may have reached the gateway, which sends nothing twice under one id, so it
-- is queued again; an echo or receipt may be its.
alter table messages add column may_have_left boolean not null default false;

-- held_at: since when a person wants nothing sent through this account. The gateway's own word about its connection does
-- not end that.
alter table integrations add column held_at timestamptz;

-- Conversations with a message on its way that nobody looks after: one claimed by a sender who died, or the oldest queued
-- one, due, where nothing is on its way. Each conversation is here once, however long its queue is. Of an account that
-- was lost only one: what waits there waits for the account. Of one that a person paused none.
create or replace function find_stuck_sends(older_than interval, at_most int)
returns table (tenant_id uuid, integration_id uuid, conversation_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  (
    select m.tenant_id, m.integration_id, m.conversation_id
    from messages m
    join integrations i on i.tenant_id = m.tenant_id and i.id = m.integration_id
    where m.status in ('queued', 'sending') and m.updated_at < now() - older_than
      and case m.status
        when 'sending' then m.lease_until < now()
        else i.state = 'connected' and i.held_at is null
          and coalesce(m.not_before, m.created_at) <= now() - older_than
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
  )
  union
  (
    select i.tenant_id, i.id, m.conversation_id
    from integrations i
    cross join lateral (
      select m.conversation_id from messages m
      where m.tenant_id = i.tenant_id and m.integration_id = i.id and m.status = 'queued'
      limit 1
    ) m
    where i.state <> 'connected' and i.held_at is null
    limit at_most
  )
$$;
