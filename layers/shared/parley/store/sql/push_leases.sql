-- name: wake
-- One more wake-up; and the lease, where it is free. A dead pusher's lease runs out by itself.
insert into push_leases as l (tenant_id, chunk, wanted, lease, lease_until)
values (%(tenant_id)s, %(chunk)s, 1, %(lease)s, clock_timestamp() + %(term)s)
on conflict on constraint push_leases_pkey do update set
  wanted = l.wanted + 1,
  lease = case when coalesce(l.lease_until, '-infinity') < clock_timestamp() then excluded.lease else l.lease end,
  lease_until = case
    when coalesce(l.lease_until, '-infinity') < clock_timestamp() then excluded.lease_until else l.lease_until end
returning l.wanted, l.lease = %(lease)s as held, (
  select count(*) from connections c where c.tenant_id = %(tenant_id)s and c.state = 'active'
) as listeners

-- name: let_go
-- Let go, unless somebody wanted a push since `wanted` was read: looking first and releasing then loses that wake-up.
update push_leases set lease = null, lease_until = null
where tenant_id = %(tenant_id)s and chunk = %(chunk)s and lease = %(lease)s and wanted = %(wanted)s

-- name: go_on
-- Keep the lease for another round; what is wanted is read before the round looks at the log.
update push_leases set lease_until = clock_timestamp() + %(term)s
where tenant_id = %(tenant_id)s and chunk = %(chunk)s and lease = %(lease)s
returning wanted, (
  select count(*) from connections c where c.tenant_id = %(tenant_id)s and c.state = 'active'
) as listeners

-- name: hand_over
-- Let go whatever is wanted: the queue carries it on.
update push_leases set lease = null, lease_until = null
where tenant_id = %(tenant_id)s and chunk = %(chunk)s and lease = %(lease)s

-- name: chunk_ends
-- The id of every so-manieth connection that is pushed to, in order: where a large audience is cut.
select id from (
  select c.id, row_number() over (order by c.id) as place, count(*) over () as many
  from connections c where c.tenant_id = %(tenant_id)s and c.state = 'active'
) numbered
where place %% %(size)s = 0 and place < many
order by id
