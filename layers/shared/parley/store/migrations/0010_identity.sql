-- Whose account is this, where a webhook's URL is a whole app's; and people who are joined or told apart, however much
-- they wrote.

-- The accounts of these names on a gateway, of whatever tenant: by their id, or by the business account they belong to.
-- Who connected first comes first.
create function find_account_owners(of_provider text, names text[]) returns setof integrations
language sql stable security definer set search_path = public, pg_temp
as $$
  select i.* from integrations i
  where i.provider = of_provider and (i.account_id = any (names) or i.settings ->> 'wabaId' = any (names))
  order by i.created_at, i.id
$$;

-- The address a customer wrote from: its canonical key, and as the gateway wrote it where that differs. Who wrote is
-- whoever has that address now, so that joining two contacts, or telling them apart, touches no message.
alter table messages add column from_kind text;
alter table messages add column from_key text;
alter table messages add column from_address text;

-- Whose message is it? Whoever has the address it came from now; of one that kept none, whoever wrote it, or that
-- contact's other self.
create function sender_contact(tenant uuid, integration uuid, of_kind text, of_key text, wrote uuid) returns uuid
language sql stable as $$
  select coalesce(
    (
      select a.contact_id from contact_aliases a
      where a.tenant_id = tenant and a.kind = of_kind and a.value = of_key
        and a.scope = case of_kind when 'phone' then '00000000-0000-0000-0000-000000000000' else integration end
    ),
    (select coalesce(c.merged_into, c.id) from contacts c where c.tenant_id = tenant and c.id = wrote)
  )
$$;

-- Joins are undone from the last one back. The table is young and small, so writing it anew costs nothing.
-- squawk-ignore adding-field-with-default, adding-serial-primary-key-field
alter table merges add column ordinal bigint generated always as identity;

-- Messages on their way from one conversation to another, because two contacts became one or two again: those numbered
-- above `low` and up to `high`, whose number grows by `shift`; or those of message_ids, numbered from `shift` on. The new
-- numbers were set aside before, so that nobody waits for a move.
create table moves (
  tenant_id uuid not null,
  id uuid not null,
  merge_id uuid not null,
  from_id uuid not null,
  into_id uuid not null,
  low bigint not null,
  high bigint not null,
  shift bigint not null,
  message_ids uuid[],
  ordinal bigint generated always as identity,
  created_at timestamptz not null default now(),
  done_at timestamptz,
  constraint moves_pkey primary key (tenant_id, id),
  constraint moves_merge foreign key (tenant_id, merge_id) references merges (tenant_id, id),
  constraint moves_from foreign key (tenant_id, from_id) references conversations (tenant_id, id),
  constraint moves_into foreign key (tenant_id, into_id) references conversations (tenant_id, id)
);
create index moves_open on moves (ordinal) where done_at is null;
create index moves_from on moves (tenant_id, from_id) where done_at is null;
create index moves_into on moves (tenant_id, into_id) where done_at is null;
call protect_tenant_table('moves');
call open_to_definer('moves');

-- The messages of a conversation once every move is over: those in it that do not leave, and those on their way to it.
create function messages_of(tenant uuid, conversation uuid) returns setof messages language sql stable as $$
  select m.* from messages m
  where m.tenant_id = tenant and m.conversation_id = conversation
    and not exists (
      select from moves v
      where v.tenant_id = tenant and v.from_id = conversation and v.done_at is null
        and v.message_ids is null and m.number > v.low and m.number <= v.high
    )
    and m.id not in (
      select unnest(v.message_ids) from moves v
      where v.tenant_id = tenant and v.from_id = conversation and v.done_at is null and v.message_ids is not null
    )
  union all
  select m.* from moves v
  join messages m on m.tenant_id = tenant and m.conversation_id = v.from_id and m.number > v.low and m.number <= v.high
  where v.tenant_id = tenant and v.into_id = conversation and v.done_at is null and v.message_ids is null
  union all
  select m.* from moves v
  cross join unnest(v.message_ids) as w(id)
  join messages m on m.tenant_id = tenant and m.id = w.id and m.conversation_id = v.from_id
  where v.tenant_id = tenant and v.into_id = conversation and v.done_at is null
$$;

-- Moves that are not over, the oldest first.
create function find_moves(at_most int) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$ select m.tenant_id, m.id from moves m where m.done_at is null order by m.ordinal limit at_most $$;

grant create on schema public to parley_definer;
alter function find_account_owners(text, text[]) owner to parley_definer;
alter function find_moves(int) owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function find_account_owners(text, text[]) from public;
revoke all on function find_moves(int) from public;
grant execute on function find_account_owners(text, text[]) to parley_runtime;
grant execute on function find_moves(int) to parley_runtime;
