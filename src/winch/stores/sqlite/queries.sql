-- The queries of the store. `{name}` stands for the number of a state (codes.py), or for the text of an earlier query.

-- ==== transactions ====

-- name: begin_reading
BEGIN

-- name: begin_writing
BEGIN IMMEDIATE

-- name: commit
COMMIT

-- name: data_version
PRAGMA data_version

-- name: now
SELECT now, wall FROM meta

-- name: meta
SELECT now, wall, token, back, front, jobs, sampled, suspects FROM meta

-- name: save_meta
UPDATE meta SET now = ?, wall = ?, token = ?, back = ?, front = ?, jobs = ?, sampled = ?, suspects = ? WHERE one = 1

-- name: count
INSERT INTO counts (queue, state, count) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count

-- name: last_call
SELECT number, answer FROM calls WHERE channel = ?

-- name: keep_call
INSERT INTO calls (channel, number, at, answer) VALUES (?, ?, ?, ?)
ON CONFLICT (channel) DO UPDATE SET number = excluded.number, at = excluded.at, answer = excluded.answer

-- name: forget_calls
DELETE FROM calls WHERE at < ?

-- ==== jobs, as the steps know them ====

-- name: header
number, id, queue, state, features, priority, fails, crashes, max_crashes, attempts, suspect, begun, created_at, started_at,
due_at, result_ttl, failure_ttl, on_failure, token, executor, worker

-- name: job_by_number
SELECT {header} FROM jobs WHERE number = ?

-- name: jobs_by_ids
SELECT {header} FROM jobs
WHERE id IN (SELECT value FROM json_each(?1)) AND (expires_at = 0 OR expires_at > ?2)

-- name: jobs_held
SELECT {header} FROM jobs WHERE executor = ? AND state = {started} ORDER BY token

-- name: jobs_held_by_worker
SELECT {header} FROM jobs
WHERE executor IN (SELECT executors.number FROM executors WHERE executors.worker = ?) AND state = {started} ORDER BY token

-- name: state_of
SELECT state FROM jobs WHERE id = ?

-- ==== steps into waiting ====

-- name: queue_job
UPDATE jobs
SET state = {queued}, score = ?, enqueued_at = ?, reason = '', due_at = 0, ended_at = 0, expires_at = 0, token = 0,
    executor = NULL, worker = '', begun = 0, features = features & ~16
WHERE number = ?

-- name: give_back_job
UPDATE jobs SET state = {queued}, suspect = ?, token = 0, executor = NULL, worker = '', begun = 0 WHERE number = ?

-- name: schedule_job
UPDATE jobs
SET state = {scheduled}, due_at = ?, token = 0, executor = NULL, worker = '', begun = 0, features = features | ?
WHERE number = ?

-- name: start_over
UPDATE jobs SET fails = 0, crashes = 0, repeats = 0, features = features | 256, result = x'' WHERE number = ?

-- name: due
SELECT due_at, id, number FROM jobs
WHERE queue = ? AND state = {scheduled} AND due_at <= ? ORDER BY due_at, id LIMIT ?

-- Of what waits for its time: scheduled jobs, and tokens.
-- name: earliest_due
SELECT min(at) FROM (
    SELECT min(due_at) AS at FROM jobs WHERE queue = ?1 AND state = {scheduled}
    UNION ALL SELECT min(at) FROM refills WHERE queue = ?1
)

-- From queue to queue, however many jobs each has.
-- name: with_timers
WITH RECURSIVE found (name) AS (
    SELECT min(queue) FROM jobs WHERE state = {scheduled}
    UNION ALL
    SELECT (SELECT min(queue) FROM jobs WHERE state = {scheduled} AND queue > name) FROM found WHERE name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL UNION SELECT queue FROM refills

-- name: listeners
SELECT id FROM workers WHERE EXISTS (SELECT 1 FROM json_each(workers.queues) WHERE value = ?)

-- ==== steps out of started ====

-- name: write_attempt
INSERT OR REPLACE INTO attempts (job, number, started_at, ended_at, outcome, reason, worker, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: write_attempt_of_finished
INSERT OR IGNORE INTO attempts (job, number, started_at, ended_at, outcome, reason, worker, detail)
SELECT number, attempts, started_at, ended_at, 'finished', reason, worker, x'' FROM jobs WHERE number = ?

-- name: trim_attempts
DELETE FROM attempts WHERE job = ? AND number <= ?

-- name: count_attempt
UPDATE jobs SET attempts = ?, started_at = ?, features = features | 256 WHERE number = ?

-- name: count_crash
UPDATE jobs SET crashes = crashes + 1 WHERE number = ?

-- name: count_command
UPDATE workers SET commands = commands + 1 WHERE number = ? RETURNING commands

-- name: write_command
INSERT INTO commands (worker, number, name, token, job) VALUES (?, ?, ?, ?, ?)

-- name: worker_of_executor
SELECT workers.number, workers.id FROM executors JOIN workers ON workers.number = executors.worker
WHERE executors.number = ?

-- ==== the end ====

-- name: end_job
UPDATE jobs
SET state = ?, reason = ?, ended_at = ?, expires_at = ?, result = ?, due_at = 0, token = 0, executor = NULL, begun = 0,
    suspect = 0, pending = 0
WHERE number = ?

-- name: delete_job
DELETE FROM jobs WHERE number = ?

-- name: delete_jobs
DELETE FROM jobs WHERE number IN (SELECT value FROM json_each(?))

-- name: callbacks_of
SELECT each, payload FROM callbacks WHERE job = ? AND event = ? ORDER BY place

-- name: delete_ended
DELETE FROM jobs WHERE id = ? AND expires_at > 0

-- name: make_job
INSERT OR IGNORE INTO jobs (number, id, queue, state, features, priority, score, max_crashes, created_at, enqueued_at, ttl, result_ttl,
                  failure_ttl, payload)
VALUES (:number, :id, :queue, {queued}, :features, :priority, :score, :max_crashes, :now, :now, 0, :result_ttl, :failure_ttl,
        :payload)

-- name: snapshot
SELECT record FROM snapshots WHERE job = ?

-- name: write_snapshot
INSERT INTO snapshots (job, record) VALUES (?, ?)

-- ==== limits ====

-- name: write_limit
INSERT INTO limits (job, place, queue, key, concurrency, rate, per, burst) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: limits_of
SELECT key, concurrency, rate, per, burst FROM limits WHERE job = ? ORDER BY place

-- name: roles_of
SELECT key, role FROM limits WHERE job = ?

-- name: free_limits
UPDATE limits SET role = 0 WHERE job = ? AND role > 0

-- name: hold_slots
UPDATE limits SET role = CASE WHEN concurrency > 0 THEN 3 ELSE 0 END WHERE job = ?

-- name: block_job
UPDATE jobs SET state = {blocked} WHERE number = ?

-- name: wait_for_limit
UPDATE limits SET role = 1, score = (SELECT score FROM jobs WHERE number = job) WHERE job = ? AND place = ?

-- name: first_waiter
SELECT job, concurrency, rate, per, burst FROM limits WHERE role = 1 AND key = ? AND queue = ? ORDER BY score LIMIT 1

-- name: next_waiting_queue
SELECT min(queue) FROM limits WHERE role = 1 AND key = ? AND queue > ?

-- name: release_limit
UPDATE limits SET role = 2 WHERE job = ? AND key = ?

-- name: release_job
UPDATE jobs SET state = {queued} WHERE number = ?

-- name: released_for
SELECT count(*) FROM limits WHERE role = 2 AND key = ? AND queue = ?

-- name: slots_held
SELECT count(*) FROM limits WHERE role = 3 AND key = ?

-- name: slots_held_up_to
SELECT count(*) FROM (SELECT 1 FROM limits WHERE role = 3 AND key = ? LIMIT ?)

-- name: waiters_of
SELECT count(*) FROM limits WHERE role = 1 AND key = ?

-- name: waited_keys
WITH RECURSIVE waited (key) AS (
    SELECT min(key) FROM limits WHERE role = 1
    UNION ALL SELECT (SELECT min(key) FROM limits WHERE role = 1 AND key > waited.key) FROM waited WHERE key IS NOT NULL
)
SELECT key FROM waited WHERE key IS NOT NULL LIMIT ?

-- name: full_at
SELECT full_at FROM buckets WHERE key = ?

-- name: fill_bucket
INSERT INTO buckets (key, full_at) VALUES (?, ?) ON CONFLICT DO UPDATE SET full_at = excluded.full_at

-- name: return_token
UPDATE buckets SET full_at = full_at - ? WHERE key = ?

-- name: forget_buckets
DELETE FROM buckets WHERE full_at <= ?

-- name: refill_at
SELECT at FROM refills WHERE queue = ? AND key = ?

-- name: refilled
SELECT key FROM refills WHERE at <= ? ORDER BY at LIMIT ?

-- name: note_refill
INSERT INTO refills (queue, key, at) VALUES (?, ?, ?)

-- name: forget_refill
DELETE FROM refills WHERE queue = ? AND key = ?

-- Where nobody waits any more.
-- name: forget_refills
DELETE FROM refills WHERE key = ?1 AND NOT EXISTS (
    SELECT 1 FROM limits WHERE role = 1 AND limits.key = ?1 AND limits.queue = refills.queue
)

-- ==== groups ====

-- name: count_end_in_group
UPDATE groups
SET pending = pending - 1, finished = finished + (?2 = 'finished'), failed = failed + (?2 = 'failed'),
    canceled = canceled + (?2 = 'canceled'), stopped = stopped + (?2 = 'stopped'), deleted = deleted + (?2 = 'deleted')
WHERE number = (SELECT members.number FROM members WHERE job = ?1) AND (expires_at = 0 OR expires_at > ?3)
RETURNING number, pending

-- name: take_end_back_in_group
UPDATE groups
SET pending = pending + 1, finished = finished - (?2 = 'finished'), failed = failed - (?2 = 'failed'),
    canceled = canceled - (?2 = 'canceled'), stopped = stopped - (?2 = 'stopped'), completed_at = 0, expires_at = 0
WHERE number = (SELECT members.number FROM members WHERE job = ?1) AND (expires_at = 0 OR expires_at > ?3)

-- name: group_number
SELECT number FROM groups WHERE id = ?1 AND (expires_at = 0 OR expires_at > ?2)

-- name: join_group
UPDATE groups SET total = total + 1, pending = pending + 1, completed_at = 0, expires_at = 0 WHERE number = ?

-- name: write_member
INSERT INTO members (job, number, name) VALUES (?, ?, ?)

-- name: joined
SELECT name FROM members WHERE job = ?

-- name: group_at_rest
UPDATE groups SET expires_at = CASE WHEN ttl < 0 THEN 0 ELSE ?2 + ttl END
WHERE number = ?1 AND pending = 0 RETURNING holds, completed_at

-- name: complete_group
UPDATE groups SET completed_at = ?2, completions = completions + 1
WHERE number = ?1 RETURNING id, created_at, completions, queue, payload

-- name: known_group
SELECT completed_at, expires_at, created_at FROM groups WHERE id = ?

-- name: delete_group
DELETE FROM groups WHERE id = ?

-- name: insert_group
INSERT INTO groups (id, created_at, expires_at, ttl, queue, payload) VALUES (?, ?, ?, ?, ?, ?)

-- name: hold_group
UPDATE groups SET holds = max(0, holds + ?2) WHERE id = ?1 AND (expires_at = 0 OR expires_at > ?3) RETURNING number

-- name: hold_number
UPDATE groups SET holds = holds + ? WHERE number = ?

-- name: group_records
SELECT id, created_at, completed_at, expires_at, ttl, queue, payload, holds, completions, total, pending, finished, failed,
       canceled, stopped, deleted
FROM groups WHERE id IN (SELECT value FROM json_each(?1)) AND (expires_at = 0 OR expires_at > ?2)

-- name: group_ids
SELECT id FROM groups WHERE expires_at = 0 OR expires_at > ? ORDER BY id

-- name: members
SELECT jobs.id FROM members JOIN jobs ON jobs.number = members.job
WHERE members.number = (SELECT groups.number FROM groups WHERE groups.id = ?1 AND (groups.expires_at = 0 OR groups.expires_at > ?2))
ORDER BY members.job LIMIT ?3 OFFSET ?4

-- name: forget_groups
DELETE FROM groups WHERE number IN (SELECT number FROM groups WHERE expires_at > 0 AND expires_at <= ? LIMIT 100)

-- ==== children and firing ====

-- name: fire_children
INSERT INTO firing (parent, upto, met, gone)
SELECT :parent, max(place), :met, 0 FROM children WHERE parent = :parent HAVING max(place) IS NOT NULL

-- name: parent_is_gone
UPDATE firing SET gone = 1 WHERE parent = ?

-- name: next_firing
SELECT number, parent, upto, met, gone FROM firing ORDER BY number LIMIT 1

-- name: end_firing
DELETE FROM firing WHERE number = ?

-- name: children_of
SELECT {header} FROM jobs JOIN (SELECT place, child FROM children WHERE parent = ? AND place <= ? ORDER BY place LIMIT ?)
ON number = child ORDER BY place

-- name: leave_parents
DELETE FROM children WHERE child = ?

-- name: leave_parent
DELETE FROM children WHERE child = ? AND parent = ?

-- name: count_down
UPDATE jobs SET pending = pending - 1 WHERE number = ? RETURNING pending

-- The new place is beyond those that any end until now concerns.
-- name: wait_on
INSERT OR REPLACE INTO children (child, parent) VALUES (?, ?)

-- name: mark_parent
UPDATE jobs SET features = features | 2 WHERE id = ?

-- name: is_firing
SELECT EXISTS (SELECT 1 FROM firing JOIN children ON children.parent = firing.parent AND children.place <= firing.upto)

-- ==== enqueue ====

-- Twice as fast as `known_jobs` for one id.
-- name: known_job
SELECT id, number, state, features, expires_at, created_at FROM jobs WHERE id = ?

-- name: known_jobs
SELECT id, number, state, features, expires_at, created_at FROM jobs WHERE id IN (SELECT value FROM json_each(?1))

-- name: insert_job
INSERT INTO jobs (number, id, queue, state, features, priority, score, max_crashes, created_at, enqueued_at, due_at, ttl,
                  result_ttl, failure_ttl, pending, on_failure, payload, meta)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: write_payload
INSERT INTO payloads (job, payload) VALUES (?, ?)

-- name: payload_of
SELECT payload FROM payloads WHERE job = ?

-- name: write_callback
INSERT INTO callbacks (job, place, event, each, payload) VALUES (?, ?, ?, ?, ?)

-- ==== turn ====

-- name: seat
SELECT executors.number, workers.number, workers.name FROM executors JOIN workers ON workers.number = executors.worker
WHERE executors.id = ?

-- name: claims_held
SELECT token, id, number, queue, features, result_ttl FROM jobs WHERE executor = ? AND state = {started}

-- The common end: runs that finished, of jobs that nobody waits for and that call nobody. A whole batch in one statement,
-- filled up with rows that are no job's.
-- name: finish_jobs
WITH done (number, reason, started_at, ended_at, expires_at, result) AS (VALUES {batch_of_six})
UPDATE jobs
SET state = {finished}, reason = done.reason, started_at = done.started_at, ended_at = done.ended_at,
    expires_at = done.expires_at, result = done.result, attempts = attempts + 1, token = 0, executor = NULL, begun = 0,
    suspect = 0
FROM done WHERE jobs.number = done.number

-- name: finish_job
UPDATE jobs
SET state = {finished}, reason = ?2, started_at = ?3, ended_at = ?4, expires_at = ?5, result = ?6, attempts = attempts + 1,
    token = 0, executor = NULL, begun = 0, suspect = 0
WHERE number = ?1

-- name: count_retry
UPDATE jobs SET fails = fails + ?, suspect = 0 WHERE number = ?

-- name: count_repeat
UPDATE jobs SET repeats = repeats + 1, fails = 0, crashes = 0, suspect = 0, result = ? WHERE number = ?

-- name: count_settled
UPDATE workers SET finished = finished + ?, failed = failed + ?, run_ms = run_ms + ? WHERE number = ?

-- name: begin_job
UPDATE jobs SET begun = 1, started_at = ? WHERE executor = ? AND token = ? AND id = ? AND state = {started}

-- name: count_metric
INSERT INTO metrics (hours, at, queue, function, series, bucket, count) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET count = count + excluded.count

-- name: paused
SELECT name FROM paused

-- name: holds_any
SELECT EXISTS (SELECT 1 FROM jobs WHERE executor = ? AND state = {started})

-- name: runs_suspect
SELECT EXISTS (
    SELECT 1 FROM jobs
    WHERE executor IN (SELECT number FROM executors WHERE worker = ?) AND state = {started} AND suspect = 1
)

-- A suspect is claimed by who holds nothing, and who holds one claims nothing: it is the only claim, or there is none.
-- name: holds_suspect
SELECT suspect FROM jobs WHERE executor = ? AND state = {started} ORDER BY token LIMIT 1

-- Among the jobs that are no longer queued, or not yet again.
-- name: may_be_suspect
SELECT EXISTS (SELECT 1 FROM jobs WHERE state = {started} AND suspect = 1)
    OR EXISTS (SELECT 1 FROM counts WHERE state = {blocked} AND count > 0)

-- name: has_suspect
SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = ? AND state = {queued} AND suspect = 1)

-- A row at a time: the queues in the order of the array, by the index the jobs in that of their scores. Who has enough looks
-- no further. An ORDER BY would first read them all. Each column of each row takes its time: what only some jobs have is asked
-- for apart.
-- name: claimable
SELECT number, features, key, iif(ttl > 0, enqueued_at + ttl <= ?1 AND fails + crashes + attempts = 0, 0),
       jobs.id, payload, meta, created_at, enqueued_at, priority
FROM json_each(?2) AS named CROSS JOIN jobs INDEXED BY queued
WHERE queue = named.value AND state = {queued} AND suspect = ?3

-- name: claimable_job
SELECT number, features, 0, iif(ttl > 0, enqueued_at + ttl <= ?1 AND fails + crashes + attempts = 0, 0),
       id, payload, meta, created_at, enqueued_at, priority
FROM jobs WHERE number = ?2

-- name: tried
SELECT fails, attempts, crashes, repeats FROM jobs WHERE number = ?

-- name: claimed
SELECT number, features, suspect, enqueued_at, token, id, queue, payload, meta, created_at, priority
FROM jobs WHERE executor = ? AND state = {started} AND token BETWEEN ? AND ? ORDER BY token

-- In one statement, for a statement per job takes nearly twice as long. Their tokens are consecutive.
-- name: claim_jobs
UPDATE jobs SET state = {started}, token = ?1 + place.key, executor = ?2, worker = ?3, started_at = ?4, begun = suspect
FROM json_each(?5) AS place WHERE number = place.value

-- name: is_waiting
state BETWEEN {deferred} AND {blocked}

-- name: has_blocked
SELECT EXISTS (SELECT 1 FROM jobs WHERE {is_waiting} AND queue = ? AND state = {blocked})

-- name: has_queued
SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = ? AND state = {queued})

-- A row at a time, in the order of the array: who has enough looks no further.
-- name: with_queued
SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM jobs WHERE queue = value AND state = {queued})

-- ==== waiting and reading ====

-- name: states_of
SELECT id, state FROM jobs WHERE id IN (SELECT value FROM json_each(?1)) AND (expires_at = 0 OR expires_at > ?2)

-- name: records
SELECT number, features, id, queue, state, payload, reason, priority, fails, crashes, max_crashes, attempts, suspect, begun,
       created_at, enqueued_at, started_at, ended_at, due_at, expires_at, ttl, result_ttl, failure_ttl, pending, on_failure,
       token, coalesce((SELECT executors.id FROM executors WHERE executors.number = executor), ''), worker, result, meta,
       progress, repeats
FROM jobs WHERE id IN (SELECT value FROM json_each(?1)) AND (expires_at = 0 OR expires_at > ?2)

-- name: attempts
SELECT job, number, started_at, ended_at, outcome, reason, worker, detail FROM attempts
WHERE job IN (SELECT value FROM json_each(?)) ORDER BY job, number

-- name: annotate
UPDATE jobs SET meta = ? WHERE number = ?

-- name: report
UPDATE jobs SET progress = ? WHERE id = ? AND token = ? AND state = {started}

-- Those behind the last end that has still to be told.
-- name: waiting_children
SELECT jobs.id FROM children JOIN jobs ON number = child
WHERE parent = ?1 AND place > coalesce((SELECT max(upto) FROM firing WHERE parent = ?1), 0) ORDER BY place

-- ==== workers ====

-- name: is_or_was_worker
SELECT EXISTS (SELECT 1 FROM workers WHERE id = ?1) OR EXISTS (SELECT 1 FROM former_workers WHERE id = ?1)

-- name: enlist_worker
INSERT INTO workers (id, name, host, boot, pid, pid_start, queues, version, ttl, interval, processes, started_at, beat_at, since)
VALUES (:id, :name, :host, :boot, :pid, :pid_start, :queues, :version, :ttl, :interval, :processes, :now, :now, :now)

-- name: enlist_executor
INSERT INTO executors (id, worker) VALUES (?, ?)

-- name: worker_ids
SELECT id FROM workers

-- name: worker
SELECT number, id, queues, ttl, interval, beat_at, since FROM workers WHERE id = ?

-- name: dead_workers
SELECT number, id, queues, ttl, interval, beat_at, since FROM workers WHERE ? - beat_at > ttl

-- name: clip_beats
UPDATE workers SET beat_at = ? WHERE beat_at > ?

-- name: beat
UPDATE workers SET beat_at = ?, since = ?, quiet = ? WHERE number = ?

-- name: crew
SELECT id FROM executors WHERE worker = ? ORDER BY number

-- name: commands
SELECT number, name, token, job FROM commands WHERE worker = ? ORDER BY number

-- name: count_commands
SELECT count(*) FROM commands WHERE worker = ?

-- name: last_command
SELECT max(number) FROM commands WHERE worker = ?

-- name: drop_commands
DELETE FROM commands WHERE worker = ? AND number <= ?

-- name: delete_worker
DELETE FROM workers WHERE number = ?

-- name: delete_executor
DELETE FROM executors WHERE number = ?

-- name: remember_worker
INSERT OR REPLACE INTO former_workers (id, at, commands) VALUES (?, ?, ?)

-- name: orders
SELECT name FROM commands WHERE worker = ? AND name <> 'lost' ORDER BY number

-- name: drop_orders
DELETE FROM commands WHERE worker = ? AND name <> 'lost'

-- name: former_orders
SELECT commands FROM former_workers WHERE id = ?

-- name: drop_former_orders
UPDATE former_workers SET commands = '[]' WHERE id = ?

-- name: forget_former_workers
DELETE FROM former_workers WHERE at < ?

-- name: seen_begun
UPDATE jobs SET begun = 1 WHERE executor = ? AND token = ? AND id = ? AND state = {started}

-- name: worker_records
SELECT number, started_at, beat_at, finished, failed, run_ms, queues, id, name, host, boot, pid, pid_start, version, ttl, interval,
       processes, quiet
FROM workers ORDER BY name, number

-- name: worker_holds
SELECT id FROM jobs
WHERE executor IN (SELECT executors.number FROM executors WHERE executors.worker = ?) AND state = {started}
ORDER BY begun DESC, token

-- name: dead_hold
SELECT EXISTS (
    SELECT 1 FROM workers
    JOIN executors ON executors.worker = workers.number
    JOIN jobs ON jobs.executor = executors.number AND jobs.state = {started}
    WHERE ?1 - workers.beat_at > workers.ttl AND jobs.queue IN (SELECT value FROM json_each(?2))
)

-- ==== upkeep ====

-- What the partial index of ended jobs asks for. `likely` keeps the planner from searching by this inequality: with it alone
-- it takes the range `state > 5` for better than `state = ?` with what follows, and reads all that ever ended.
-- name: is_ended
likely(state >= {finished})

-- name: expired
SELECT {header} FROM jobs WHERE {is_ended} AND queue = ? AND state = ? AND expires_at <= ? ORDER BY expires_at LIMIT ?

-- name: has_expired
SELECT EXISTS (SELECT 1 FROM jobs WHERE {is_ended} AND queue = ? AND state = ? AND expires_at <= ?)

-- Those whose time is over stay until they are removed.
-- name: count_ended
SELECT coalesce((SELECT count FROM counts WHERE queue = ?1 AND state = ?2), 0)
     - (SELECT count(*) FROM jobs WHERE {is_ended} AND queue = ?1 AND state = ?2 AND expires_at <= ?3)

-- name: oldest_ended
SELECT {header} FROM jobs WHERE {is_ended} AND queue = ? AND state = ? AND expires_at > ? ORDER BY expires_at, id LIMIT ?

-- name: depth
SELECT
    coalesce((SELECT count FROM counts WHERE queue = ?2 AND state = {queued}), 0),
    max(
        0,
        coalesce(?1 - (
            SELECT enqueued_at FROM jobs WHERE queue = ?2 AND state = {queued} AND suspect = 1 ORDER BY score LIMIT 1
        ), 0),
        coalesce(?1 - (
            SELECT enqueued_at FROM jobs WHERE queue = ?2 AND state = {queued} AND suspect = 0 ORDER BY score LIMIT 1
        ), 0)
    )

-- name: forget_metrics
DELETE FROM metrics WHERE hours = ? AND at < ?

-- ==== control ====

-- name: queues
SELECT DISTINCT queue FROM counts ORDER BY queue

-- name: list_queued
SELECT id FROM jobs WHERE queue = :queue AND state = {queued} ORDER BY suspect DESC, score LIMIT :limit OFFSET :offset

-- name: list_queued_newest
SELECT id FROM jobs WHERE queue = :queue AND state = {queued} ORDER BY suspect, score DESC LIMIT :limit OFFSET :offset

-- name: list_scheduled
SELECT id FROM jobs WHERE queue = :queue AND state = {scheduled} ORDER BY due_at, id LIMIT :limit OFFSET :offset

-- name: list_scheduled_newest
SELECT id FROM jobs WHERE queue = :queue AND state = {scheduled} ORDER BY due_at DESC, id DESC LIMIT :limit OFFSET :offset

-- name: list_started
SELECT id FROM jobs WHERE queue = :queue AND state = {started} ORDER BY token LIMIT :limit OFFSET :offset

-- name: list_started_newest
SELECT id FROM jobs WHERE queue = :queue AND state = {started} ORDER BY token DESC LIMIT :limit OFFSET :offset

-- name: list_blocked
SELECT id FROM jobs WHERE {is_waiting} AND queue = :queue AND state = :state ORDER BY score LIMIT :limit OFFSET :offset

-- name: list_blocked_newest
SELECT id FROM jobs WHERE {is_waiting} AND queue = :queue AND state = :state ORDER BY score DESC LIMIT :limit OFFSET :offset

-- name: list_waiting
SELECT id FROM jobs WHERE {is_waiting} AND queue = :queue AND state = :state ORDER BY number LIMIT :limit OFFSET :offset

-- name: list_waiting_newest
SELECT id FROM jobs WHERE {is_waiting} AND queue = :queue AND state = :state ORDER BY number DESC LIMIT :limit OFFSET :offset

-- name: list_ended
SELECT id FROM jobs WHERE {is_ended} AND queue = :queue AND state = :state AND expires_at > :now
ORDER BY expires_at, id LIMIT :limit OFFSET :offset

-- name: list_ended_newest
SELECT id FROM jobs WHERE {is_ended} AND queue = :queue AND state = :state AND expires_at > :now
ORDER BY expires_at DESC, id DESC LIMIT :limit OFFSET :offset

-- name: counts
SELECT state, count FROM counts WHERE queue = ? AND count > 0

-- name: with_ended
SELECT queue, state, count FROM counts WHERE state >= {finished} AND count > 0 ORDER BY queue, state

-- name: count_started
SELECT queue, count(*) FROM jobs WHERE state = {started} GROUP BY queue

-- name: position
SELECT (SELECT count(*) FROM jobs AS other
        WHERE other.queue = job.queue AND other.state = {queued} AND other.suspect > job.suspect)
     + (SELECT count(*) FROM jobs AS other
        WHERE other.queue = job.queue AND other.state = {queued} AND other.suspect = job.suspect AND other.score < job.score)
FROM jobs AS job WHERE id = ? AND state = {queued}

-- name: jobs_queued
SELECT {header} FROM jobs WHERE queue = ? AND state = {queued} ORDER BY suspect DESC, score LIMIT ?

-- name: holds_jobs
SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = :queue AND state = {queued})
    OR EXISTS (SELECT 1 FROM jobs WHERE queue = :queue AND state = {scheduled})
    OR EXISTS (SELECT 1 FROM jobs WHERE queue = :queue AND state = {started})
    OR EXISTS (SELECT 1 FROM jobs WHERE queue = :queue AND {is_waiting})
    OR EXISTS (SELECT 1 FROM jobs WHERE queue = :queue AND {is_ended})

-- name: forget_queue
DELETE FROM counts WHERE queue = ?

-- name: pauses
SELECT name, ends FROM paused WHERE ends = 0 OR ends > ? ORDER BY name

-- name: pause
INSERT OR REPLACE INTO paused (name, ends) VALUES (?, ?)

-- name: pauses_over
SELECT name FROM paused WHERE ends BETWEEN 1 AND ?

-- name: next_end_of_pause
SELECT min(ends) FROM paused WHERE ends > 0

-- name: resume
DELETE FROM paused WHERE name = ?

-- name: metrics
SELECT at, queue, function, series, bucket, count FROM metrics
WHERE hours = ? AND at >= ? ORDER BY at, queue, function, series, bucket

-- ==== the cron table ====

-- name: cron_version
SELECT cron FROM meta

-- name: set_cron_version
UPDATE meta SET cron = ? WHERE one = 1

-- name: entry_columns
name, source, version, schedule, template, revision, paused, created_at, since, last_slot, last_job

-- name: entries
SELECT {entry_columns} FROM entries ORDER BY name

-- name: entry
SELECT {entry_columns} FROM entries WHERE name = ?

-- name: entries_of_source
SELECT name, version FROM entries WHERE source = ?

-- name: write_entry
INSERT OR REPLACE INTO entries ({entry_columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: delete_entry
DELETE FROM entries WHERE name = ?

-- name: entry_fired
UPDATE entries SET last_slot = ?, last_job = ? WHERE name = ?
