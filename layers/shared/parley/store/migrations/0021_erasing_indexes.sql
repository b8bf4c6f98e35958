-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
-- Whether somebody else has the same file: asked before an object goes from the bucket. Made beside the traffic; one that
-- failed half-way is made anew.

drop index concurrently if exists attachments_by_object;
create index concurrently attachments_by_object on attachments (tenant_id, object_key) where object_key is not null;
