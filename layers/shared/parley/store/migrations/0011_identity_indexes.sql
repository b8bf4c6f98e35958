-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- Indexes of tables that were there before 0010, made beside the traffic. One that failed half-way is made anew.

-- Whose account is this? Asked before the tenant is known.
drop index concurrently if exists integrations_by_account;
create index concurrently integrations_by_account on integrations (provider, account_id);
drop index concurrently if exists integrations_by_business;
create index concurrently integrations_by_business on integrations (provider, (settings ->> 'wabaId'))
  where settings ->> 'wabaId' is not null;

-- What a contact that is joined or told apart leaves behind.
drop index concurrently if exists contacts_merged;
create index concurrently contacts_merged on contacts (tenant_id, merged_into) where merged_into is not null;
drop index concurrently if exists merges_by_kept;
create index concurrently merges_by_kept on merges (tenant_id, kept_id, ordinal desc) where undone_at is null;
drop index concurrently if exists merges_by_merged;
create index concurrently merges_by_merged on merges (tenant_id, merged_id, ordinal desc) where undone_at is null;
drop index concurrently if exists reactions_by_contact;
create index concurrently reactions_by_contact on reactions (tenant_id, contact_id) where contact_id is not null;
