-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- Indexes of tables that were there before 0013, made beside the traffic. One that failed half-way is made anew.

alter table users validate constraint users_capacity;

-- Messages for later: when the next is due, and those of one conversation.
drop index concurrently if exists messages_due;
create index concurrently messages_due on messages (not_before) where status = 'scheduled' and deleted_at is null;
drop index concurrently if exists messages_scheduled;
create index concurrently messages_scheduled on messages (tenant_id, conversation_id, not_before)
  where status = 'scheduled' and deleted_at is null;

-- What a person should look after: few among many.
drop index concurrently if exists messages_unsettled;
create index concurrently messages_unsettled on messages (tenant_id, id desc)
  where status in ('scheduled', 'queued', 'sending', 'failed', 'unknown');

drop index concurrently if exists conversations_snoozed;
create index concurrently conversations_snoozed on conversations (snoozed_until)
  where status = 'snoozed' and snoozed_until is not null;

-- One person's conversations, and those that wait for one.
drop index concurrently if exists conversations_by_assignee;
create index concurrently conversations_by_assignee on conversations (tenant_id, assignee_id, last_message_at desc, id desc)
  where assignee_id is not null;
drop index concurrently if exists conversations_waiting;
create index concurrently conversations_waiting on conversations (tenant_id, last_message_at)
  where status = 'open' and assignee_id is null;
