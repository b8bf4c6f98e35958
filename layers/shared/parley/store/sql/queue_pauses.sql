-- name: read
-- Every queue that is paused or on trial.
select queue, since, changed_at, reason, by_hand, probing from read_queue_pauses()

-- name: pause
-- Pause a queue; whether that changed anything.
select pause_queue(%(queue)s, %(reason)s, %(by_hand)s) as changed

-- name: probe
-- Take from a paused queue on trial; whether it was paused.
select probe_queue(%(queue)s) as changed

-- name: probe_due
-- Take on trial from what the breaker paused long enough ago.
select probe_paused_queues(%(paused_for)s) as queue

-- name: end_trials
-- End pauses whose trial went well for long enough.
select end_queue_trials(%(tried_for)s) as queue
