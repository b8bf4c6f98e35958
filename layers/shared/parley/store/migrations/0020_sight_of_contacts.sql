-- What was missing around the inbox: contacts by sight, the inbox by the words of its customers, and conversations that
-- somebody put back.

-- put_back: somebody gave it back to nobody by hand, so nobody is given it by turns before it is resolved.
alter table conversations add column put_back boolean not null default false;

call open_to_definer('groups');
call open_to_definer('group_members');

-- Whether a contact is in sight: a conversation with them, or of a group they were seen in, is; or there is none at all.
-- It must see all conversations to say that there is none, so it is the definer's.
create function contact_in_sight(sight sight, contact uuid) returns boolean
language plpgsql stable security definer set search_path = public, pg_temp cost 1000
as $$
begin
  return (
    select coalesce(bool_or(in_sight(sight, c.integration_id, c.assignee_id)), true)
    from conversations c
    where c.tenant_id = current_tenant() and c.owner_id = any (
      contact || array(
        select m.group_id from group_members m where m.tenant_id = current_tenant() and m.contact_id = contact)));
end $$;

-- Restrictive, as on conversations (0015). `(select …)` is evaluated once a statement, and only where it is reached.
create policy viewer on contacts as restrictive to parley_runtime
  using (
    (select current_viewer() is null)
    or (select (sight_of(current_tenant(), current_viewer())).everything)
    or contact_in_sight((select sight_of(current_tenant(), current_viewer())), id))
  with check (true);
create policy viewer on contact_aliases as restrictive to parley_runtime
  using (
    (select current_viewer() is null)
    or (select (sight_of(current_tenant(), current_viewer())).everything)
    or contact_in_sight((select sight_of(current_tenant(), current_viewer())), contact_id))
  with check (true);

-- Of these people and contacts, who may not see which. No row where the company's agents see everything.
create function contacts_out_of_sight(people uuid[], wanted uuid[]) returns table (user_id uuid, contact_id uuid)
language sql stable as $$
  select v.id, w.id
  from (
    select u.id, sight_of(u.tenant_id, u.id) as sight
    from tenants t join users u on u.tenant_id = t.id
    where t.id = current_tenant() and coalesce(t.settings ->> 'agentsSee', 'everything') <> 'everything'
      and u.id = any (people) and u.role = 'agent'
  ) v
  cross join unnest(wanted) w(id)
  where not contact_in_sight(v.sight, w.id)
$$;

-- What to look for in contact_words, the rarest first: every word of the name, number or note that was asked for; numbers
-- as people write them. Nothing was asked: no patterns.
create function owner_patterns(given text) returns text[] language sql stable parallel safe as $$
  select array(
    select case when length(t.term) >= 3 then '%' else '% ' end || t.term || '%'
    from (select search_plain(left(given, 256)) as plain) p
    cross join lateral unnest(string_to_array(
      case when p.plain ~ '[[:alpha:]]' then search_fold(p.plain) else regexp_replace(p.plain, '[^0-9]', '', 'g') end, ' '
    )) t(term)
    where t.term <> ''
    order by length(t.term) desc, t.term limit 16)
$$;

-- Whose conversations a person asks for: contacts and groups that all patterns fit, as many as `at_most` of them.
create function find_owners(patterns text[], at_most int) returns setof uuid
language plpgsql stable security definer set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan set max_parallel_workers_per_gather = 0 set jit = off
as $$
declare
  tenant uuid := current_tenant();
  rarest text := patterns[1];
begin
  return query
  select f.id from (
    select w.contact_id as id from contact_words w
    where w.tenant_id = tenant and w.words like rarest and w.words like all (patterns)
    union all
    select g.id from groups g
    where g.tenant_id = tenant and ' ' || search_fold(search_plain(g.name)) || ' ' like all (patterns)
  ) f
  limit at_most;
end $$;

-- The same of one conversation, for a walk where too many fit.
create function is_owner(patterns text[], contact uuid, of_group uuid) returns boolean
language plpgsql stable security definer set search_path = public, pg_temp cost 1000
as $$
begin
  return case when of_group is not null then exists (
    select from groups g where g.tenant_id = current_tenant() and g.id = of_group
      and ' ' || search_fold(search_plain(g.name)) || ' ' like all (patterns))
  else exists (
    select from contact_words w where w.tenant_id = current_tenant() and w.contact_id = contact
      and w.words like all (patterns))
  end;
end $$;

grant create on schema public to parley_definer;
alter function contact_in_sight(sight, uuid) owner to parley_definer;
alter function find_owners(text[], int) owner to parley_definer;
alter function is_owner(text[], uuid, uuid) owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function contact_in_sight(sight, uuid) from public;
revoke all on function find_owners(text[], int) from public;
revoke all on function is_owner(text[], uuid, uuid) from public;
grant execute on function contact_in_sight(sight, uuid) to parley_runtime;
grant execute on function find_owners(text[], int) to parley_runtime;
grant execute on function is_owner(text[], uuid, uuid) to parley_runtime;

-- The next contacts that this transaction's reader may see, the newest first. The same as the policy would leave, for
-- whoever sees few among many: what is joined costs a twentieth of a function for each.
create function contacts_in_sight(after uuid, with_phone text, being_blocked boolean, at_most int) returns setof uuid
language plpgsql stable security definer set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan set max_parallel_workers_per_gather = 0 set jit = off
as $$
declare
  tenant uuid := current_tenant();
  seen sight := sight_of(tenant, current_viewer());
begin
  return query
  select p.id from contacts p
  where p.tenant_id = tenant and p.merged_into is null and p.erased_at is null
    and (after is null or p.id < after) and (being_blocked is null or p.blocked = being_blocked)
    and (with_phone is null or exists (
      select from contact_aliases a
      where a.tenant_id = tenant and a.contact_id = p.id and a.kind = 'phone' and a.value = with_phone))
    and (
      exists (
        select from conversations c
        where c.tenant_id = tenant and c.owner_id = p.id and in_sight(seen, c.integration_id, c.assignee_id))
      or exists (
        select from group_members m
        join conversations c on c.tenant_id = m.tenant_id and c.owner_id = m.group_id
        where m.tenant_id = tenant and m.contact_id = p.id and in_sight(seen, c.integration_id, c.assignee_id))
      or not exists (select from conversations c where c.tenant_id = tenant and c.owner_id = p.id)
      and not exists (
        select from group_members m
        join conversations c on c.tenant_id = m.tenant_id and c.owner_id = m.group_id
        where m.tenant_id = tenant and m.contact_id = p.id))
  order by p.id desc
  limit at_most;
end $$;

grant create on schema public to parley_definer;
alter function contacts_in_sight(uuid, text, boolean, int) owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function contacts_in_sight(uuid, text, boolean, int) from public;
grant execute on function contacts_in_sight(uuid, text, boolean, int) to parley_runtime;

-- As 0016 made it, and of the contacts only those that this transaction's reader may see.
create or replace function search_contacts(given text, integration uuid, after_score int, after_id uuid, at_most int)
returns table (id uuid, score int)
language plpgsql stable security definer set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan set max_parallel_workers_per_gather = 0 set jit = off
as $$
declare
  tenant uuid := current_tenant();
  plain text := search_plain(left(given, 256));
  folded text := case when plain ~ '[[:alpha:]]' then search_fold(plain) else regexp_replace(plain, '[^0-9]', '', 'g') end;
  restricted boolean := current_viewer() is not null;
  seen sight;
  patterns text[];
  longest text;
begin
  if folded = '' or tenant is null then
    return;
  end if;
  if restricted then
    seen := sight_of(tenant, current_viewer());
    restricted := not seen.everything;
  end if;
  patterns := owner_patterns(given);
  longest := patterns[1];
  return query
  select f.contact_id, f.fit
  from (
    select w.contact_id, (
      case
        when w.name = folded then 4000
        when w.name like folded || '%' then 3000
        when w.name like all (patterns) then 2000
        else 1000
      end + similarity(w.name, folded) * 100)::int as fit
    from contact_words w
    where w.tenant_id = tenant and w.words like longest and w.words like all (patterns)
      and (integration is null or exists (
        select from conversations c
        where c.tenant_id = tenant and c.owner_id = w.contact_id and c.integration_id = integration))
      and (not restricted or (
        exists (
          select from conversations c
          where c.tenant_id = tenant and c.owner_id = w.contact_id and in_sight(seen, c.integration_id, c.assignee_id))
        or exists (
          select from group_members m
          join conversations c on c.tenant_id = m.tenant_id and c.owner_id = m.group_id
          where m.tenant_id = tenant and m.contact_id = w.contact_id and in_sight(seen, c.integration_id, c.assignee_id))
        or not exists (select from conversations c where c.tenant_id = tenant and c.owner_id = w.contact_id)
        and not exists (
          select from group_members m
          join conversations c on c.tenant_id = m.tenant_id and c.owner_id = m.group_id
          where m.tenant_id = tenant and m.contact_id = w.contact_id)))
  ) f
  where after_score is null or (f.fit, f.contact_id) < (after_score, after_id)
  order by f.fit desc, f.contact_id desc
  limit at_most;
end $$;
