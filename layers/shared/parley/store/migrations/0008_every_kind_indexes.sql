-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- Indexes and checks of tables that were there before 0007, made beside the traffic. An index that failed half-way is
-- made anew.

alter table conversations validate constraint conversations_group;
alter table conversations validate constraint conversations_of_one;

-- One unresolved conversation for each contact and each group on an integration.
drop index concurrently if exists conversations_one_unresolved;
create unique index concurrently conversations_one_unresolved on conversations (tenant_id, integration_id, owner_id)
  where status <> 'resolved';

drop index concurrently if exists conversations_by_contact;
drop index concurrently if exists conversations_by_owner;
create index concurrently conversations_by_owner
  on conversations (tenant_id, owner_id, integration_id, created_at desc);

drop index concurrently if exists messages_resends;
create index concurrently messages_resends on messages (tenant_id, resend_of) where resend_of is not null;
