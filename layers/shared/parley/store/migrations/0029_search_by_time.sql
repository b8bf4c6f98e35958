-- Search that costs what it finds, however much was ever written: the words of a message in the index under whose they are
-- and the thirty days they are of, so that a question is put to the newest days first and goes back as far as it must.

-- Thirty days of Postgres' epoch, by their number.
create function search_days(at timestamptz) returns int language sql immutable parallel safe
  return floor(extract(epoch from at) / 2592000)::int;

-- What stands before each word of a company's thirty days in the index. Should two companies' be the same one day, that
-- costs time and shows nothing: the tenant is asked for besides.
create function search_mark(tenant uuid, days int) returns text language sql immutable parallel safe
  return right(tenant::text, 6) || to_hex(days) || '.';

-- Words as the index has them. It is for the index alone, hence its price: no plan should work it out for a row. Written
-- without a loop, since every message pays for it; words longer than anybody asks for are cut, or the mark would be too much
-- for a word to hold.
create function search_marked(tenant uuid, at timestamptz, words tsvector) returns tsvector
language plpgsql immutable parallel safe cost 100000 as $$
declare
  -- With their schema: an index is made and looked after where no path is set.
  mark text := public.search_mark(tenant, public.search_days(at));
  joined text := array_to_string(tsvector_to_array(words), ' ' || mark);
begin
  if octet_length(joined) > 2000 then
    return array_to_tsvector(array(select mark || left(word, 400) from unnest(tsvector_to_array(words)) word));
  end if;
  return array_to_tsvector(string_to_array(mark || joined, ' '));
end $$;

-- A question as the index understands it, for each of these thirty days: neighbours are words that are both there, and
-- what was found is held against the question itself.
create function search_marked_query(tenant uuid, first_days int, last_days int, asked tsquery) returns tsquery[]
language sql immutable parallel safe as $$
  select array_agg(regexp_replace(
    replace(asked::text, '<->', '&'), '''([^'']+)''(:A)?', '''' || search_mark(tenant, days) || '\1''', 'g')::tsquery)
  from generate_series(first_days, last_days) days
$$;
