-- Who may: invitations, keys that are rotated and limited, what agents see, and the record of what was done.

-- An invited person has no subject until the first sign-in with the invited address.
-- squawk-ignore ban-drop-not-null
alter table users alter column issuer drop not null;
-- squawk-ignore ban-drop-not-null
alter table users alter column subject drop not null;
alter table users add column updated_at timestamptz not null default now();

-- previous_hash: the secret before the last rotation, good until previous_until. per_minute: a limit of the key's own.
alter table api_keys add column previous_hash bytea;
alter table api_keys add column previous_until timestamptz;
alter table api_keys add column per_minute int;
alter table api_keys add constraint api_keys_per_minute check (per_minute > 0) not valid;
-- Within the hour: a request must not cost a write each time.
alter table api_keys add column last_used_at timestamptz;
alter table api_keys add column created_by uuid;

-- removed_at: disconnected by hand. Its conversations stay; connecting the account again takes it up where it was.
alter table integrations add column removed_at timestamptz;

-- Which agents see an integration, where the company's agents see theirs only.
create table integration_members (
  tenant_id uuid not null,
  integration_id uuid not null,
  user_id uuid not null,
  created_at timestamptz not null default now(),
  constraint integration_members_pkey primary key (tenant_id, integration_id, user_id),
  constraint integration_members_integration
    foreign key (tenant_id, integration_id) references integrations (tenant_id, id),
  constraint integration_members_user foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index integration_members_by_user on integration_members (tenant_id, user_id);
call protect_tenant_table('integration_members');

-- Who changed keys, credentials, roles and settings. detail never holds a secret.
create table audit (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  action text not null,
  actor_kind text not null check (actor_kind in ('user', 'bot', 'system')),
  actor_id uuid,
  actor_name text,
  subject_kind text not null,
  subject_id uuid,
  detail jsonb not null default '{}',
  correlation_id uuid,
  occurred_at timestamptz not null default clock_timestamp(),
  constraint audit_pkey primary key (tenant_id, id)
);
create index audit_by_action on audit (tenant_id, action, id desc);
call protect_tenant_table('audit');
-- What was written down stays as it was written.
revoke update, delete on audit from parley_runtime;

-- The signing keys of the issuer of people's tokens as they were last read: where the issuer is down, a function that
-- starts just then goes on with these.
create table issuer_keys (
  url text not null,
  document text not null,
  read_at timestamptz not null default now(),
  constraint issuer_keys_pkey primary key (url)
);
alter table issuer_keys enable row level security;
alter table issuer_keys force row level security;
call open_to_definer('issuer_keys', true);

create function keep_issuer_keys(issuer_url text, issuer_document text) returns void
language sql security definer set search_path = public, pg_temp
as $$
  insert into issuer_keys (url, document) values (issuer_url, issuer_document)
  on conflict on constraint issuer_keys_pkey do update set document = excluded.document, read_at = now()
  where issuer_keys.document <> excluded.document
$$;

create function kept_issuer_keys(issuer_url text) returns text
language sql stable security definer set search_path = public, pg_temp
as $$ select k.document from issuer_keys k where k.url = issuer_url $$;

-- Whose is a token that names no company? The people its issuer knows under this subject, and whoever was invited under
-- its address.
create function find_subject(wanted_issuer text, wanted_subject text, wanted_email text)
returns table (tenant_id uuid, user_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  select u.tenant_id, u.id from users u where u.issuer = wanted_issuer and u.subject = wanted_subject
  union
  select u.tenant_id, u.id from users u
  where wanted_email is not null and u.subject is null and lower(u.email) = lower(wanted_email)
  limit 2
$$;
-- People are few: made in no time.
-- squawk-ignore require-concurrent-index-creation
create index users_by_subject on users (issuer, subject);
-- squawk-ignore require-concurrent-index-creation
create index users_invited on users (lower(email)) where subject is null;

-- What one person may see of the inbox: everything, or the conversations assigned to them, those assigned to nobody
-- (`unassigned`), and those of some integrations.
create type sight as (everything boolean, viewer uuid, unassigned boolean, integrations uuid[]);

-- The person for whom this transaction reads, where what they see is restricted; null: no restriction.
create function current_viewer() returns uuid language sql stable parallel safe
  return nullif(current_setting('parley.user', true), '')::uuid;

-- What a person sees. Nobody: nothing.
create function sight_of(tenant uuid, person uuid) returns sight
language plpgsql stable as $$
declare
  person_role text;
  rule text;
begin
  select u.role, coalesce(t.settings ->> 'agentsSee', 'everything') into person_role, rule
  from users u join tenants t on t.id = u.tenant_id
  where u.tenant_id = tenant and u.id = person and u.disabled_at is null;
  if not found then
    return row(false, null, false, '{}'::uuid[])::sight;
  elsif person_role in ('owner', 'admin') or rule = 'everything' then
    return row(true, person, true, '{}'::uuid[])::sight;
  elsif rule = 'integrations' then
    return row(false, person, false, array(
      select m.integration_id from integration_members m where m.tenant_id = tenant and m.user_id = person))::sight;
  end if;
  return row(false, person, true, '{}'::uuid[])::sight;
end $$;

-- Whether a conversation of this integration with this assignee is in sight. This one function decides, for what is read
-- and for what is pushed.
create function in_sight(sight sight, integration uuid, assignee uuid) returns boolean
language plpgsql immutable parallel safe as $$
begin
  return coalesce(
    sight.everything or assignee = sight.viewer or (sight.unassigned and assignee is null)
      or integration = any (sight.integrations),
    false);
end $$;

-- Whether the transaction's reader may see a conversation or the one of a message; the policy of conversations decides.
create function conversation_in_sight(conversation uuid) returns boolean language plpgsql stable as $$
begin
  return exists (select from conversations c where c.tenant_id = current_tenant() and c.id = conversation);
end $$;

create function message_in_sight(message uuid) returns boolean language plpgsql stable as $$
begin
  return exists (select from messages m where m.tenant_id = current_tenant() and m.id = message);
end $$;

-- Restrictive: on top of the tenant's rule, for the functions' role alone. `(select …)` is evaluated once a statement, so
-- without a viewer the rest costs nothing.
create policy viewer on conversations as restrictive to parley_runtime
  using (
    (select current_viewer() is null)
    or in_sight((select sight_of(current_tenant(), current_viewer())), integration_id, assignee_id))
  with check (true);
create policy viewer on conversation_counts as restrictive to parley_runtime
  using (
    (select current_viewer() is null)
    or in_sight((select sight_of(current_tenant(), current_viewer())), integration_id, assignee_id))
  with check (true);
create policy viewer on messages as restrictive to parley_runtime
  using ((select current_viewer() is null) or conversation_in_sight(conversation_id)) with check (true);
create policy viewer on timeline as restrictive to parley_runtime
  using ((select current_viewer() is null) or conversation_in_sight(conversation_id)) with check (true);
create policy viewer on followers as restrictive to parley_runtime
  using ((select current_viewer() is null) or conversation_in_sight(conversation_id)) with check (true);
create policy viewer on attachments as restrictive to parley_runtime
  using ((select current_viewer() is null) or message_id is null or message_in_sight(message_id)) with check (true);

-- Of these people and conversations, who may not see which, and whether they would while nobody has it. No row where the
-- company's agents see everything.
create function out_of_sight(people uuid[], wanted uuid[])
returns table (user_id uuid, conversation_id uuid, if_unassigned boolean)
language sql stable as $$
  select v.id, c.id, in_sight(v.sight, c.integration_id, null)
  from (
    select u.id, sight_of(u.tenant_id, u.id) as sight
    from tenants t join users u on u.tenant_id = t.id
    where t.id = current_tenant() and coalesce(t.settings ->> 'agentsSee', 'everything') <> 'everything'
      and u.id = any (people) and u.role = 'agent'
  ) v
  join conversations c on c.tenant_id = current_tenant() and c.id = any (wanted)
  where not in_sight(v.sight, c.integration_id, c.assignee_id)
$$;

grant create on schema public to parley_definer;
alter function keep_issuer_keys(text, text) owner to parley_definer;
alter function kept_issuer_keys(text) owner to parley_definer;
alter function find_subject(text, text, text) owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function keep_issuer_keys(text, text) from public;
revoke all on function kept_issuer_keys(text) from public;
revoke all on function find_subject(text, text, text) from public;
grant execute on function keep_issuer_keys(text, text) to parley_runtime;
grant execute on function kept_issuer_keys(text) to parley_runtime;
grant execute on function find_subject(text, text, text) to parley_runtime;
