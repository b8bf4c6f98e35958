-- name: take
-- One more request: how far ahead of the clock its subject is afterwards (seconds), and whether it was granted. One
-- statement, so that requests at the same moment count one after the other. apart: between two requests at the rate;
-- burst: how far ahead a subject may be.
with taken as (
  insert into rate_limits as r (tenant_id, subject, tat)
  values (%(tenant_id)s, %(subject)s, clock_timestamp() + %(apart)s)
  on conflict on constraint rate_limits_pkey do update
  set tat = greatest(r.tat, clock_timestamp()) + %(apart)s
  where greatest(r.tat, clock_timestamp()) + %(apart)s <= clock_timestamp() + %(burst)s
  returning tat
)
select t.tat is not null as granted,
  greatest(extract(epoch from coalesce(
    t.tat, (select r.tat from rate_limits r where r.tenant_id = %(tenant_id)s and r.subject = %(subject)s),
    clock_timestamp() + %(burst)s
  ) - clock_timestamp())::float, 0) as ahead
from (select max(tat) as tat from taken) t
