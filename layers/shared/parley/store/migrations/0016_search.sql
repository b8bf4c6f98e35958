-- Search: the words of messages and contacts, kept beside them, and the functions that look in there.
--
-- The words are in tables of their own: a message's row is written anew at every status, and every index on it with it;
-- its words only where its text changes. Row-level security keeps `@@` and `like` from their indexes (their functions are
-- not leakproof), so these tables are the definer's alone, and its functions say themselves whose rows they read.

create extension if not exists pg_trgm;
create extension if not exists unaccent;
create extension if not exists btree_gin;

create table message_words (
  tenant_id uuid not null,
  message_id uuid not null,
  conversation_id uuid not null,
  integration_id uuid not null,
  occurred_at timestamptz not null,
  words tsvector not null,
  constraint message_words_pkey primary key (tenant_id, message_id)
);
create index message_words_by_time on message_words (tenant_id, occurred_at desc, message_id desc);
alter table message_words enable row level security;
alter table message_words force row level security;
call open_to_definer('message_words', true);

-- words: everything a contact is found by, with a space before each word and after the last; name: the name alone.
create table contact_words (
  tenant_id uuid not null,
  contact_id uuid not null,
  name text not null,
  words text not null,
  constraint contact_words_pkey primary key (tenant_id, contact_id)
);
alter table contact_words enable row level security;
alter table contact_words force row level security;
call open_to_definer('contact_words', true);

call open_to_definer('contacts');
call open_to_definer('contact_aliases');
call open_to_definer('integration_members');

-- What is written in many ways in one: no accents, no capitals, no width or ligature of its own; far more than a gateway
-- takes is cut off, since a tsvector has an end.
create function search_plain(given text) returns text language sql stable parallel safe
  return left(lower(unaccent(normalize(left(given, 20000), nfkc))), 20000);

-- Plain text as words with single spaces between them.
create function search_fold(plain text) returns text language sql stable parallel safe
  return btrim(regexp_replace(plain, '[^[:alnum:]]+', ' ', 'g'));

-- Plurals that Postgres' Portuguese stemmer leaves apart, or tells by the accents that are gone: cartões is cartão,
-- mensagens mensagem, and informação gets its accents back.
create function search_singular(folded text) returns text language plpgsql stable parallel safe as $$
begin
  if folded !~ '(oes|aes|ais|eis|ens|cao)\M' then
    return folded;
  end if;
  folded := regexp_replace(folded, '(\w\w)(o|a)es\M', '\1ao', 'g');
  folded := regexp_replace(folded, '(\w\w)(a|e)is\M', '\1\2l', 'g');
  folded := regexp_replace(folded, '(\w)ens\M', '\1em', 'g');
  return regexp_replace(folded, '(\w)cao\M', '\1ção', 'g');
end $$;

-- Numbers from each of their digits on, however they are parted by dots and dashes: so any part of one is the beginning
-- of something. The mark keeps them apart from words.
create function search_numbers(plain text) returns text[] language sql stable parallel safe as $$
  select coalesce(array_agg(distinct '#' || substr(n.digits, place)), '{}')
  from (
    select regexp_replace(found[1], '[^0-9]', '', 'g') as digits
    from regexp_matches(plain, '([0-9](?:[ .,()/-]{0,2}[0-9]){2,59})', 'g') found
    limit 10
  ) n, generate_series(1, length(n.digits) - 2) place
$$;

-- The words of a text: as they stand (A), by their Portuguese (B) and their English (C) stem, and its numbers.
create function search_words(given text) returns tsvector language plpgsql stable parallel safe as $$
declare
  plain text := search_plain(given);
  folded text := search_fold(plain);
  found tsvector;
begin
  found := setweight(to_tsvector('pg_catalog.simple', folded), 'A')
    || setweight(to_tsvector('pg_catalog.portuguese', search_singular(folded)), 'B')
    || setweight(to_tsvector('pg_catalog.english', folded), 'C');
  if plain ~ '[0-9]' then
    found := found || array_to_tsvector(search_numbers(plain));
  end if;
  return found;
end $$;

-- What one folded word asks for: itself, what begins with it (from three letters on, or half of everything would), its
-- stems, and any number that it is a part of.
create function search_term(word text) returns tsquery language sql stable parallel safe
  return array_to_string(
    array[quote_literal(word) || case when length(word) >= 3 then ':*' else '' end]
      || case when word ~ '^[0-9]{3,}$' then quote_literal('#' || word) || ':*' end
      || (select array_agg(quote_literal(s)) from unnest(
        ts_lexize('pg_catalog.portuguese_stem', search_singular(word)) || ts_lexize('pg_catalog.english_stem', word)) s),
    ' | ')::tsquery;

-- What a person asks for: all of the words; what stands in quotes as it stands there. Words that say nothing (de, the)
-- count where there is nothing else. Null: nothing was asked.
create function search_query(given text) returns tsquery language plpgsql stable parallel safe as $$
declare
  part text[];
  word text;
  folded text;
  term tsquery;
  asked tsquery;
  idle tsquery;
  many int := 0;
begin
  for part in select regexp_matches(search_plain(left(given, 256)), '"([^"]*)"|([^"]+)', 'g') loop
    folded := search_fold(coalesce(part[1], part[2]));
    if part[1] is not null and folded <> '' then
      -- Of the words as they stand, or the last of them and the first stem would be neighbours.
      term := (select string_agg(quote_literal(w) || ':A', ' <-> ' order by place)
        from unnest(string_to_array(folded, ' ')) with ordinality as u(w, place))::tsquery;
      asked := coalesce(asked && term, term);
      continue;
    end if;
    foreach word in array string_to_array(folded, ' ') loop
      exit when many = 16;
      many := many + 1;
      term := search_term(word);
      if ts_lexize('pg_catalog.portuguese_stem', word) = '{}' or ts_lexize('pg_catalog.english_stem', word) = '{}' then
        idle := coalesce(idle && term, term);
      else
        asked := coalesce(asked && term, term);
      end if;
    end loop;
  end loop;
  return coalesce(asked, idle);
end $$;

-- Of these words, those that a query is about, to show why something was found.
create function search_hits(given text, words text[]) returns setof text language sql stable parallel safe as $$
  with terms as materialized (
    select search_term(term) as asked
    from regexp_split_to_table(search_fold(search_plain(left(given, 256))), ' ') term where term <> ''
  )
  select w.word from unnest(words) w(word)
  cross join lateral (select search_words(w.word) as vector offset 0) v
  where exists (select from terms t where v.vector @@ t.asked)
$$;

create function keep_new_message_words() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into message_words (tenant_id, message_id, conversation_id, integration_id, occurred_at, words)
  select n.tenant_id, n.id, n.conversation_id, n.integration_id, n.occurred_at, search_words(n.body)
  from fresh n where n.body <> '' and n.deleted_at is null;
  return null;
end $$;

create function keep_message_words() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if tg_op = 'DELETE' or new.body is null or new.body = '' or new.deleted_at is not null then
    delete from message_words where tenant_id = old.tenant_id and message_id = old.id;
    return null;
  end if;
  if old.body is not distinct from new.body and old.deleted_at is null then
    update message_words set conversation_id = new.conversation_id, occurred_at = new.occurred_at
    where tenant_id = new.tenant_id and message_id = new.id;
    return null;
  end if;
  insert into message_words (tenant_id, message_id, conversation_id, integration_id, occurred_at, words)
  values (new.tenant_id, new.id, new.conversation_id, new.integration_id, new.occurred_at, search_words(new.body))
  on conflict on constraint message_words_pkey do update
  set conversation_id = excluded.conversation_id, occurred_at = excluded.occurred_at, words = excluded.words;
  return null;
end $$;

create trigger messages_words_in after insert on messages
  referencing new table as fresh for each statement execute function keep_new_message_words();
create trigger messages_words_on after update of body, deleted_at, conversation_id, occurred_at on messages
  for each row when (
    (old.body, old.deleted_at is null, old.conversation_id, old.occurred_at)
      is distinct from (new.body, new.deleted_at is null, new.conversation_id, new.occurred_at))
  execute function keep_message_words();
create trigger messages_words_out after delete on messages for each row execute function keep_message_words();

-- Write anew what these contacts are found by: name, every address (Brazilian mobile numbers with and without their
-- ninth digit), and what people noted of them. Who was joined to another is not found any more.
create function write_contact_words(tenant uuid, contacts_wanted uuid[]) returns void
language sql security definer set search_path = public, pg_temp as $$
  delete from contact_words w
  where w.tenant_id = tenant and w.contact_id = any (contacts_wanted) and not exists (
    select from contacts p where p.tenant_id = tenant and p.id = w.contact_id and p.merged_into is null);
  insert into contact_words (tenant_id, contact_id, name, words)
  select p.tenant_id, p.id, n.name, ' ' || search_fold(search_plain(concat_ws(' ', n.name, a.written, t.written))) || ' '
  from contacts p
  cross join lateral (select coalesce(search_fold(search_plain(left(p.name, 500))), '') as name) n
  left join lateral (
    select string_agg(concat_ws(' ', a.address, a.value,
      case when a.kind = 'phone' then regexp_replace(a.value, '^(55\d\d)9?([6-9]\d{7})$', '\1\2 \19\2') end), ' ') as written
    from contact_aliases a where a.tenant_id = p.tenant_id and a.contact_id = p.id
  ) a on true
  left join lateral (
    select left(string_agg(v #>> '{}', ' '), 5000) as written
    from jsonb_path_query(p.attributes, 'strict $.** ? (@.type() == "string" || @.type() == "number")') v
  ) t on true
  where p.tenant_id = tenant and p.id = any (contacts_wanted) and p.merged_into is null
  order by p.id
  on conflict on constraint contact_words_pkey do update set name = excluded.name, words = excluded.words
  where (contact_words.name, contact_words.words) is distinct from (excluded.name, excluded.words)
$$;

create function keep_new_contact_words() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform write_contact_words(n.tenant_id, array_agg(n.id)) from fresh n group by n.tenant_id;
  return null;
end $$;

create function keep_contact_words() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform write_contact_words(old.tenant_id, array[old.id]);
  return null;
end $$;

create function keep_new_alias_words() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform write_contact_words(n.tenant_id, array_agg(distinct n.contact_id)) from fresh n group by n.tenant_id;
  return null;
end $$;

create function keep_alias_words() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform write_contact_words(
    old.tenant_id, case tg_op when 'DELETE' then array[old.contact_id] else array[old.contact_id, new.contact_id] end);
  return null;
end $$;

create trigger contacts_words_in after insert on contacts
  referencing new table as fresh for each statement execute function keep_new_contact_words();
create trigger contacts_words_on after update of name, attributes, merged_into on contacts
  for each row when (
    (old.name, old.attributes, old.merged_into) is distinct from (new.name, new.attributes, new.merged_into))
  execute function keep_contact_words();
create trigger contacts_words_out after delete on contacts for each row execute function keep_contact_words();
create trigger contact_aliases_words_in after insert on contact_aliases
  referencing new table as fresh for each statement execute function keep_new_alias_words();
create trigger contact_aliases_words_on after update of contact_id, address, value on contact_aliases
  for each row when (
    (old.contact_id, old.address, old.value) is distinct from (new.contact_id, new.address, new.value))
  execute function keep_alias_words();
create trigger contact_aliases_words_out after delete on contact_aliases
  for each row execute function keep_alias_words();

-- The newest messages that a query finds, with how well it fits, of those this transaction's tenant and reader may see.
-- until_*: from this place of time on backwards, itself only if `inclusive`; from_*: back to this place.
-- Planned for what is asked each time: what is said often is found by walking back in time, what is rare by its words.
create function search_messages(
  given text, since timestamptz, before timestamptz, integration uuid, conversation uuid,
  until_at timestamptz, until_id uuid, inclusive boolean, from_at timestamptz, from_id uuid, at_most int)
returns table (id uuid, occurred_at timestamptz, score int)
language plpgsql stable security definer set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan set max_parallel_workers_per_gather = 0 set work_mem = '32MB' set jit = off
as $$
declare
  tenant uuid := current_tenant();
  asked tsquery := search_query(given);
  restricted boolean := current_viewer() is not null;
  seen sight;
  thread uuid[];
begin
  if asked is null or tenant is null then
    return;
  end if;
  if restricted then
    seen := sight_of(tenant, current_viewer());
    restricted := not seen.everything;
  end if;
  if conversation is not null then
    -- A thread is short beside everything that was ever written.
    thread := array(select m.id from messages m where m.tenant_id = tenant and m.conversation_id = conversation);
  end if;
  return query
  select f.message_id, f.occurred_at, (ts_rank('{0.1, 0.2, 0.2, 1.0}', f.words, asked, 1) * 10000)::int
  from (
    select w.message_id, w.occurred_at, w.words
    from message_words w
    where w.tenant_id = tenant and w.words @@ asked
      and (thread is null or w.message_id = any (thread))
      and (since is null or w.occurred_at >= since) and (before is null or w.occurred_at < before)
      and (integration is null or w.integration_id = integration)
      and (until_at is null or (w.occurred_at, w.message_id) <= (until_at, until_id))
      and (until_at is null or inclusive or w.message_id <> until_id)
      and (from_at is null or (w.occurred_at, w.message_id) >= (from_at, from_id))
      and (not restricted or exists (
        select from conversations c
        where c.tenant_id = tenant and c.id = w.conversation_id and in_sight(seen, c.integration_id, c.assignee_id)))
    order by w.occurred_at desc, w.message_id desc
    limit at_most
  ) f;
end $$;

-- Contacts by any part of a name, a number or a note, the best fit first; numbers as people write them.
create function search_contacts(given text, integration uuid, after_score int, after_id uuid, at_most int)
returns table (id uuid, score int)
language plpgsql stable security definer set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan set max_parallel_workers_per_gather = 0 set jit = off
as $$
declare
  tenant uuid := current_tenant();
  plain text := search_plain(left(given, 256));
  folded text := case when plain ~ '[[:alpha:]]' then search_fold(plain) else regexp_replace(plain, '[^0-9]', '', 'g') end;
  patterns text[];
  longest text;
begin
  if folded = '' or tenant is null then
    return;
  end if;
  patterns := array(
    select case when length(t.term) >= 3 then '%' else '% ' end || t.term || '%'
    from unnest(string_to_array(folded, ' ')) t(term) order by length(t.term) desc limit 16);
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
  ) f
  where after_score is null or (f.fit, f.contact_id) < (after_score, after_id)
  order by f.fit desc, f.contact_id desc
  limit at_most;
end $$;

grant create on schema public to parley_definer;
alter function keep_new_message_words() owner to parley_definer;
alter function keep_message_words() owner to parley_definer;
alter function write_contact_words(uuid, uuid[]) owner to parley_definer;
alter function keep_new_contact_words() owner to parley_definer;
alter function keep_contact_words() owner to parley_definer;
alter function keep_new_alias_words() owner to parley_definer;
alter function keep_alias_words() owner to parley_definer;
alter function search_messages(
  text, timestamptz, timestamptz, uuid, uuid, timestamptz, uuid, boolean, timestamptz, uuid, int) owner to parley_definer;
alter function search_contacts(text, uuid, int, uuid, int) owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function keep_new_message_words() from public;
revoke all on function keep_message_words() from public;
revoke all on function write_contact_words(uuid, uuid[]) from public;
revoke all on function keep_new_contact_words() from public;
revoke all on function keep_contact_words() from public;
revoke all on function keep_new_alias_words() from public;
revoke all on function keep_alias_words() from public;
revoke all on function search_messages(
  text, timestamptz, timestamptz, uuid, uuid, timestamptz, uuid, boolean, timestamptz, uuid, int) from public;
revoke all on function search_contacts(text, uuid, int, uuid, int) from public;
grant execute on function search_messages(
  text, timestamptz, timestamptz, uuid, uuid, timestamptz, uuid, boolean, timestamptz, uuid, int) to parley_runtime;
grant execute on function search_contacts(text, uuid, int, uuid, int) to parley_runtime;
