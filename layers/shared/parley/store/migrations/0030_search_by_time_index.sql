-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- The index of 0029 beside the traffic, then the function that looks there, then the index it looked in before goes. What
-- failed half-way is made anew.

-- What is not sorted in yet is read through for each thirty days that are asked for, so that is kept shorter than before.
drop index concurrently if exists message_words_marked;
create index concurrently message_words_marked on message_words using gin (search_marked(tenant_id, occurred_at, words))
  with (gin_pending_list_limit = 256);
-- Nothing could be learnt from what is under a mark of its own everywhere.
alter index message_words_marked alter column 1 set statistics 0;

-- As 0016 made it: the newest messages that a query finds, of those this transaction's tenant and reader may see. It goes
-- back in time by steps and ends with the one that has enough. First it walks, twice as far each time, as long as one in
-- thirty-two fits; then it asks the index, thirty days at a time and soon more, as many as promise to be enough. Of several
-- words it asks for the rare ones there, since every place of a common one would have to be gathered to be of use. Where
-- few and short conversations are asked for, or are all that the reader may see, it reads those instead.
create or replace function search_messages(
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
  threads uuid[];
  oldest timestamptz;
  -- The step: later than low (null: all that is left), up to high.
  low timestamptz;
  high timestamptz := coalesce(least(before, until_at), 'infinity');
  stride int := 1000;
  -- The step's question to the index; null: it walks. How many times thirty days were asked for and how many are next.
  marked tsquery[];
  rare tsquery := asked;
  passed int := 0;
  ahead int := 1;
  days int;
  many int := 0;
  more int;
begin
  if asked is null or tenant is null then
    return;
  end if;
  if restricted then
    seen := sight_of(tenant, current_viewer());
    restricted := not seen.everything;
  end if;
  if conversation is not null then
    threads := array[conversation];
  elsif restricted then
    -- What they may see at most; in_sight decides.
    select coalesce(array_agg(c.id), '{}') into threads
    from (
      select c.id, c.last_number from conversations c
      where c.tenant_id = tenant
        and (c.assignee_id = seen.viewer or (seen.unassigned and c.assignee_id is null)
          or c.integration_id = any (seen.integrations))
      limit 1001
    ) c having count(*) <= 1000 and coalesce(sum(c.last_number), 0) <= 50000;
  end if;
  oldest := greatest(since, from_at, (
    select w.occurred_at from message_words w where w.tenant_id = tenant order by w.occurred_at limit 1));
  loop
    if marked is not null then
      -- On from the newest that is left: months in which nobody wrote are not asked for.
      days := search_days((
        select w.occurred_at from message_words w
        where w.tenant_id = tenant and w.occurred_at <= high and w.occurred_at >= oldest
        order by w.occurred_at desc limit 1));
      exit when days is null;
      ahead := least(ahead, days - search_days(oldest) + 1);
      marked := search_marked_query(tenant, days - ahead + 1, days, rare);
      low := to_timestamp((days - ahead + 1) * 2592000::float8) - interval '1 microsecond';
    elsif threads is null then
      select case when count(*) = stride then min(n.at) end into low
      from (
        select w.occurred_at as at from message_words w
        where w.tenant_id = tenant and w.occurred_at <= high and w.occurred_at >= oldest
        order by w.occurred_at desc limit stride
      ) n;
    end if;
    return query
    select f.message_id, f.occurred_at, (ts_rank('{0.1, 0.2, 0.2, 1.0}', f.words, asked, 1) * 10000)::int
    from (
      select w.message_id, w.occurred_at, w.words
      from (
        -- One of three, the others are never begun. `offset 0`: the index of the words alone, or all the step's rows would
        -- be looked up too, to leave out few.
        select * from message_words p
        where marked is null and threads is null and p.tenant_id = tenant and p.occurred_at <= high
          and (low is null or p.occurred_at > low)
        union all
        (select * from message_words p
          where search_marked(p.tenant_id, p.occurred_at, p.words) @@ any (marked) offset 0)
        union all
        select p.* from messages m join message_words p on p.tenant_id = tenant and p.message_id = m.id
        where m.tenant_id = tenant and m.conversation_id = any (threads)
      ) w
      where w.tenant_id = tenant and w.words @@ asked
        and w.occurred_at <= high and (low is null or w.occurred_at > low)
        and (since is null or w.occurred_at >= since) and (before is null or w.occurred_at < before)
        and (integration is null or w.integration_id = integration)
        and (until_at is null or (w.occurred_at, w.message_id) <= (until_at, until_id))
        and (until_at is null or inclusive or w.message_id <> until_id)
        and (from_at is null or (w.occurred_at, w.message_id) >= (from_at, from_id))
        and (not restricted or exists (
          select from conversations c
          where c.tenant_id = tenant and c.id = w.conversation_id and in_sight(seen, c.integration_id, c.assignee_id)))
      order by w.occurred_at desc, w.message_id desc
      limit at_most - many
    ) f;
    get diagnostics more = row_count;
    many := many + more;
    exit when many >= at_most or low is null;
    high := low;
    if marked is not null then
      passed := passed + ahead;
      ahead := least(64, greatest(2 * ahead, passed * (at_most - many) / (many + 1)));
    elsif more < stride / 32 then
      marked := '{}';
      if asked::text like '% & %' then
        with newest as materialized (
          select w.words from message_words w
          where w.tenant_id = tenant and w.occurred_at <= high and w.occurred_at >= oldest
          order by w.occurred_at desc limit 1000
        ), terms as (
          select t.term, (select count(*) from newest n where n.words @@ t.term) as said
          from (select piece::tsquery as term from unnest(string_to_array(asked::text, ' & ')) piece offset 0) t
        )
        select string_agg('(' || t.term::text || ')', ' & ')::tsquery into rare
        from terms t where t.said <= greatest(31, 2 * (select min(o.said) from terms o));
      end if;
    else
      stride := 2 * stride;
    end if;
  end loop;
end $$;

drop index concurrently if exists message_words_found;
