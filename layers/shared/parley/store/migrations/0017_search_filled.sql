-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- The words of what was there before 0016, in pieces beside the traffic, and then the indexes over all of them. What failed
-- half-way begins anew and passes over what is done.

-- One piece: what comes after this key, in the order of the keys; answers the last one.
create or replace function fill_message_words(last_tenant uuid, last_id uuid, at_most int)
returns table (tenant_id uuid, id uuid)
language sql security definer set search_path = public, pg_temp as $$
  with piece as (
    select * from messages m where (m.tenant_id, m.id) > (last_tenant, last_id) order by m.tenant_id, m.id limit at_most
  ), written as (
    insert into message_words (tenant_id, message_id, conversation_id, integration_id, occurred_at, words)
    select m.tenant_id, m.id, m.conversation_id, m.integration_id, m.occurred_at, search_words(m.body)
    from piece m where m.body <> '' and m.deleted_at is null
    on conflict on constraint message_words_pkey do nothing
  )
  select p.tenant_id, p.id from piece p order by p.tenant_id desc, p.id desc limit 1
$$;

create or replace function fill_contact_words(last_tenant uuid, last_id uuid, at_most int)
returns table (tenant_id uuid, id uuid)
language sql security definer set search_path = public, pg_temp as $$
  with piece as materialized (
    select p.tenant_id, p.id from contacts p
    where (p.tenant_id, p.id) > (last_tenant, last_id) order by p.tenant_id, p.id limit at_most
  ), written as materialized (
    select write_contact_words(p.tenant_id, array_agg(p.id)) from piece p group by p.tenant_id
  )
  select p.tenant_id, p.id from piece p
  where (select count(*) from written) > 0 order by p.tenant_id desc, p.id desc limit 1
$$;

revoke all on function fill_message_words(uuid, uuid, int) from public;
revoke all on function fill_contact_words(uuid, uuid, int) from public;
grant create on schema public to parley_definer;
alter function fill_message_words(uuid, uuid, int) owner to parley_definer;
alter function fill_contact_words(uuid, uuid, int) owner to parley_definer;
revoke create on schema public from parley_definer;

do $$
declare
  place record;
  last record;
begin
  for place in select unnest(array['fill_contact_words', 'fill_message_words']) as name loop
    select '00000000-0000-0000-0000-000000000000'::uuid as tenant_id, '00000000-0000-0000-0000-000000000000'::uuid as id
      into last;
    loop
      execute format('select * from %I($1, $2, 2000)', place.name) into last using last.tenant_id, last.id;
      exit when last.id is null;
      commit;
    end loop;
  end loop;
end $$;

-- squawk-ignore ban-drop-function
drop function fill_message_words(uuid, uuid, int);
-- squawk-ignore ban-drop-function
drop function fill_contact_words(uuid, uuid, int);

-- With the tenant in them, since a company looks among its own only. Whoever writes waits for what is not sorted in yet,
-- so that is kept short.
drop index concurrently if exists message_words_found;
create index concurrently message_words_found on message_words using gin (tenant_id, words)
  with (gin_pending_list_limit = 1024);
drop index concurrently if exists contact_words_found;
create index concurrently contact_words_found on contact_words using gin (tenant_id, words gin_trgm_ops)
  with (gin_pending_list_limit = 1024);
