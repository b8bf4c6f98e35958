-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- Files whose fetching has ended, by when it did. Made beside the traffic; one that failed half-way is made anew.

drop index concurrently if exists attachments_settled;
create index concurrently attachments_settled on attachments (updated_at)
  where state in ('stored', 'failed') and message_id is not null;
