-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- Indexes for the housekeeper, made beside the traffic. One that failed half-way is made anew.

alter table timeline validate constraint timeline_kind_check;

-- Sends of which nobody knows whether they left, and nobody was told: few among many.
drop index concurrently if exists messages_unsaid_unknowns;
create index concurrently messages_unsaid_unknowns on messages (updated_at) where status = 'unknown' and error is null;
