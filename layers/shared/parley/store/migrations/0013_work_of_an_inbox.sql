-- The work of an inbox: what happened to a conversation, counters, labels, canned replies, followers, members of groups,
-- messages for later, and who gets the next conversation.

-- What was done to a conversation, by whom: its status, assignee, labels and priority. What was written is in messages.
create table timeline (
  tenant_id uuid not null,
  id uuid not null,
  conversation_id uuid not null,
  kind text not null check (kind in ('status', 'assigned', 'labels', 'priority')),
  detail jsonb not null,
  actor_kind text not null check (actor_kind in ('contact', 'user', 'bot', 'device', 'system')),
  actor_id uuid,
  occurred_at timestamptz not null default clock_timestamp(),
  constraint timeline_pkey primary key (tenant_id, id),
  constraint timeline_conversation foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index timeline_by_conversation on timeline (tenant_id, conversation_id, id desc);
call protect_tenant_table('timeline');

-- The catalogue; conversations hold the names.
create table labels (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  name text not null check (name <> ''),
  color text,
  description text,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint labels_pkey primary key (tenant_id, id),
  constraint labels_name unique (tenant_id, name)
);
call protect_tenant_table('labels');

create table canned_replies (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  shortcut text not null check (shortcut <> ''),
  body text not null,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint canned_replies_pkey primary key (tenant_id, id),
  constraint canned_replies_shortcut unique (tenant_id, shortcut)
);
call protect_tenant_table('canned_replies');

create table followers (
  tenant_id uuid not null,
  conversation_id uuid not null,
  user_id uuid not null,
  created_at timestamptz not null default now(),
  constraint followers_pkey primary key (tenant_id, conversation_id, user_id),
  constraint followers_conversation foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
  constraint followers_user foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index followers_by_user on followers (tenant_id, user_id);
call protect_tenant_table('followers');

-- Who was seen in a group.
create table group_members (
  tenant_id uuid not null,
  group_id uuid not null,
  contact_id uuid not null,
  seen_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint group_members_pkey primary key (tenant_id, group_id, contact_id),
  constraint group_members_group foreign key (tenant_id, group_id) references groups (tenant_id, id),
  constraint group_members_contact foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
);
create index group_members_by_contact on group_members (tenant_id, contact_id);
call protect_tenant_table('group_members');

-- How many open conversations there are, and unread ones among them, by account and assignee, so that whoever may see
-- the conversations may see their sum. Each change adds a row, since a row that all writers changed would hold them up;
-- compact_conversation_counts() makes few of many. The counts are the sums.
create table conversation_counts (
  tenant_id uuid not null,
  ordinal bigint generated always as identity,
  integration_id uuid not null,
  assignee_id uuid,
  open bigint not null,
  unread bigint not null,
  constraint conversation_counts_pkey primary key (tenant_id, ordinal)
);

create function count_conversation() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into conversation_counts (tenant_id, integration_id, assignee_id, open, unread)
  select w.tenant_id, w.integration_id, w.assignee_id, sum(w.sign), sum(case when w.unread_count > 0 then w.sign else 0 end)
  from (
    values
      (-1, old.tenant_id, old.integration_id, old.assignee_id, old.status, old.unread_count),
      (1, new.tenant_id, new.integration_id, new.assignee_id, new.status, new.unread_count)
  ) as w(sign, tenant_id, integration_id, assignee_id, status, unread_count)
  where w.status = 'open'
  group by w.tenant_id, w.integration_id, w.assignee_id
  having sum(w.sign) <> 0 or sum(case when w.unread_count > 0 then w.sign else 0 end) <> 0;
  return null;
end $$;

create trigger conversations_counted_in after insert on conversations
  for each row when (new.status = 'open') execute function count_conversation();
create trigger conversations_counted_on after update on conversations
  for each row when (
    (old.status = 'open' or new.status = 'open')
    and (old.status, old.assignee_id, old.unread_count > 0, old.integration_id)
      is distinct from (new.status, new.assignee_id, new.unread_count > 0, new.integration_id))
  execute function count_conversation();
create trigger conversations_counted_out after delete on conversations
  for each row when (old.status = 'open') execute function count_conversation();

-- What is there already; the migration role sees all tenants only without the rule that binds owners too.
alter table conversations no force row level security;
insert into conversation_counts (tenant_id, integration_id, assignee_id, open, unread)
select tenant_id, integration_id, assignee_id, count(*), count(*) filter (where unread_count > 0)
from conversations where status = 'open' group by tenant_id, integration_id, assignee_id;
alter table conversations force row level security;
call protect_tenant_table('conversation_counts');
call open_to_definer('conversation_counts', true);

-- One row for each account and assignee instead of many; whoever reads meanwhile sees the many or the one.
create function compact_conversation_counts(at_most int) returns bigint
language sql security definer set search_path = public, pg_temp
as $$
  with gone as (
    delete from conversation_counts c
    where (c.tenant_id, c.ordinal) in (
      select o.tenant_id, o.ordinal from conversation_counts o limit at_most for update skip locked)
    returning c.tenant_id, c.integration_id, c.assignee_id, c.open, c.unread
  ),
  kept as (
    insert into conversation_counts (tenant_id, integration_id, assignee_id, open, unread)
    select tenant_id, integration_id, assignee_id, sum(open), sum(unread) from gone
    group by tenant_id, integration_id, assignee_id
    having sum(open) <> 0 or sum(unread) <> 0
    returning 1
  )
  select (select count(*) from gone) - (select count(*) from kept)
$$;

-- How many open conversations the automatic assignment gives a person at most; null: as the settings say.
alter table users add column capacity int;
alter table users add constraint users_capacity check (capacity >= 0) not valid;

-- auto_assigned_at: the conversation was given to its assignee by the automatic assignment then.
alter table conversations add column auto_assigned_at timestamptz;

-- When each person was last given a conversation: the longest ago comes first. gone_at: since when nobody has seen them.
create table assignment_turns (
  tenant_id uuid not null,
  user_id uuid not null,
  assigned_at timestamptz not null,
  gone_at timestamptz,
  constraint assignment_turns_pkey primary key (tenant_id, user_id),
  constraint assignment_turns_user foreign key (tenant_id, user_id) references users (tenant_id, id)
);
call protect_tenant_table('assignment_turns');

drop policy if exists definer on conversations;
call open_to_definer('conversations');
drop policy if exists definer on tenants;
call open_to_definer('tenants');

-- Whether a conversation's customer or group goes by such a name, or the customer by such a number.
create function goes_by(tenant uuid, contact uuid, of_group uuid, name_like text, digits_like text) returns boolean
language sql stable as $$
  select exists (
      select from contacts p where p.tenant_id = tenant and p.id = contact and p.name ilike name_like)
    or exists (select from groups g where g.tenant_id = tenant and g.id = of_group and g.name ilike name_like)
    or exists (
      select from contact_aliases a
      where a.tenant_id = tenant and a.contact_id = contact and a.kind = 'phone' and a.value like digits_like)
$$;

-- Conversations whose snooze is over.
create function find_due_snoozes(at_most int) returns table (tenant_id uuid, conversation_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  select c.tenant_id, c.id from conversations c
  where c.status = 'snoozed' and c.snoozed_until <= now()
  order by c.snoozed_until limit at_most
$$;

-- Messages for later that somebody should be told of: due soon and not hinted at, or due for so long that the hint was
-- lost.
create function find_due_messages(within interval, overdue interval, at_most int)
returns table (tenant_id uuid, integration_id uuid, conversation_id uuid, message_id uuid, due_in interval)
language sql stable security definer set search_path = public, pg_temp
as $$
  select m.tenant_id, m.integration_id, m.conversation_id, m.id, m.not_before - now()
  from messages m
  where m.status = 'scheduled' and m.deleted_at is null and m.not_before <= now() + within
    and (m.hinted_for is distinct from m.not_before or m.not_before <= now() - overdue)
  order by m.not_before limit at_most
$$;

-- Tenants that let conversations be assigned by turns, as a whole or on an account.
create function find_assigning_tenants() returns table (tenant_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  select t.id from tenants t
  where t.settings #>> '{autoAssignment,mode}' = 'round_robin'
    or exists (
      select from integrations i
      where i.tenant_id = t.id and i.settings #>> '{autoAssignment,mode}' = 'round_robin')
$$;

grant create on schema public to parley_definer;
alter function count_conversation() owner to parley_definer;
alter function compact_conversation_counts(int) owner to parley_definer;
alter function find_due_snoozes(int) owner to parley_definer;
alter function find_due_messages(interval, interval, int) owner to parley_definer;
alter function find_assigning_tenants() owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function count_conversation() from public;
revoke all on function compact_conversation_counts(int) from public;
revoke all on function find_due_snoozes(int) from public;
revoke all on function find_due_messages(interval, interval, int) from public;
revoke all on function find_assigning_tenants() from public;
grant execute on function compact_conversation_counts(int) to parley_runtime;
grant execute on function find_due_snoozes(int) to parley_runtime;
grant execute on function find_due_messages(interval, interval, int) to parley_runtime;
grant execute on function find_assigning_tenants() to parley_runtime;
