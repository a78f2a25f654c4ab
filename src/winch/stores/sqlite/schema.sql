-- A winch store in one file: the newest schema, for a new file. Older files get there through migrations/.
-- Times are milliseconds since the epoch, spans milliseconds; 0 is "no such moment".

-- What the next call must know: time that never goes back, and counters whose numbers never come back.
CREATE TABLE meta (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    now     INTEGER NOT NULL DEFAULT 0, -- the latest time that anybody has seen here
    wall    INTEGER NOT NULL DEFAULT 0, -- what the machine's clock said then
    token   INTEGER NOT NULL DEFAULT 0, -- of the last claim
    back    INTEGER NOT NULL DEFAULT 0, -- the last place at the back of a queue, counting up
    front   INTEGER NOT NULL DEFAULT 0, -- the last place at the front, counting down
    jobs    INTEGER NOT NULL DEFAULT 0, -- the number of the last job
    sampled INTEGER NOT NULL DEFAULT 0, -- the minute of the last sample of depths
    suspects INTEGER NOT NULL DEFAULT 0, -- 1: there may be suspects; 0: there are none, and nobody looks for them
    cron    INTEGER NOT NULL DEFAULT 0  -- the version of the cron table
);
INSERT INTO meta (one) VALUES (1);

-- What a turn changes comes first and is short, what may be long comes last. A job pays for nothing that it does not use:
-- `features` (features.py) tells which of the side tables have rows of it. `{queued}` and the like are the numbers of the
-- states (codes.py); here and in the indexes no IN (...), for SQLite builds its list anew for every statement.
CREATE TABLE jobs (
    number      INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    queue       TEXT    NOT NULL,
    state       INTEGER NOT NULL CHECK (state BETWEEN {scheduled} AND {stopped}),
    reason      TEXT    NOT NULL DEFAULT '',
    features    INTEGER NOT NULL DEFAULT 0,
    priority    INTEGER NOT NULL DEFAULT 0,
    score       INTEGER NOT NULL DEFAULT 0, -- the place in the queue, kept while it is held
    fails       INTEGER NOT NULL DEFAULT 0,
    crashes     INTEGER NOT NULL DEFAULT 0,
    max_crashes INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    repeats     INTEGER NOT NULL DEFAULT 0,
    suspect     INTEGER NOT NULL DEFAULT 0 CHECK (suspect BETWEEN 0 AND 1),
    begun       INTEGER NOT NULL DEFAULT 0 CHECK (begun BETWEEN 0 AND 1),
    created_at  INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL DEFAULT 0,
    started_at  INTEGER NOT NULL DEFAULT 0,
    ended_at    INTEGER NOT NULL DEFAULT 0,
    due_at      INTEGER NOT NULL DEFAULT 0,
    expires_at  INTEGER NOT NULL DEFAULT 0, -- 2**62 for an ended job that is kept without end
    ttl         INTEGER NOT NULL,
    result_ttl  INTEGER NOT NULL,
    failure_ttl INTEGER NOT NULL,
    pending     INTEGER NOT NULL DEFAULT 0,
    on_failure  TEXT    NOT NULL DEFAULT 'cancel' 
                CHECK (on_failure = 'cancel' OR on_failure = 'wait' OR on_failure = 'run'),
    token       INTEGER NOT NULL DEFAULT 0,
    executor    INTEGER, -- executors.number of the holder
    worker      TEXT    NOT NULL DEFAULT '',
    payload     BLOB    NOT NULL,
    meta        BLOB    NOT NULL DEFAULT x'',
    progress    BLOB    NOT NULL DEFAULT x'', -- how far it says it has come
    result      BLOB    NOT NULL DEFAULT x'',
    CHECK ((state = {started}) = (token > 0)),
    CHECK ((state = {started}) = (executor IS NOT NULL)),
    CHECK (state = {started} OR NOT begun),
    CHECK ((state >= {finished}) = (expires_at > 0)),
    CHECK (state <> {scheduled} OR due_at > 0)
);

-- One partial index per group of states: a job is in exactly one of them.
CREATE INDEX queued    ON jobs (queue, suspect DESC, score) WHERE state = {queued};
CREATE INDEX held      ON jobs (executor, token)            WHERE state = {started};
CREATE INDEX scheduled ON jobs (queue, due_at)              WHERE state = {scheduled};
CREATE INDEX waiting   ON jobs (queue, state)               WHERE state BETWEEN {deferred} AND {blocked};
CREATE INDEX ended     ON jobs (queue, state, expires_at)   WHERE state >= {finished};

-- Large payloads (payloads.py), written once.
CREATE TABLE payloads (
    job     INTEGER PRIMARY KEY,
    payload BLOB NOT NULL
);

-- Ended runs, the newest ten. The run that finished a job has no row: the job's own row says it all.
CREATE TABLE attempts (
    job        INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    outcome    TEXT    NOT NULL CHECK (outcome IN ('finished', 'failed', 'retry', 'returned', 'stopped')),
    reason     TEXT    NOT NULL,
    worker     TEXT    NOT NULL,
    detail     BLOB    NOT NULL,
    PRIMARY KEY (job, number)
) WITHOUT ROWID;

CREATE TABLE callbacks (
    job     INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    event   TEXT    NOT NULL CHECK (event IN ('success', 'failure', 'stopped')),
    each    INTEGER NOT NULL CHECK (each IN (0, 1)), -- also after an attempt that is retried
    payload BLOB    NOT NULL,
    PRIMARY KEY (job, place)
) WITHOUT ROWID;

-- A callback's parent as it was then.
CREATE TABLE snapshots (
    job    INTEGER PRIMARY KEY,
    record BLOB NOT NULL
);

-- Who waits for whom: one row per unmet parent of a deferred job. A parent is known by its id, for a new job of that id
-- inherits the children. `place` is the order of firing and never comes back.
CREATE TABLE children (
    place  INTEGER PRIMARY KEY AUTOINCREMENT,
    parent TEXT    NOT NULL,
    child  INTEGER NOT NULL,
    UNIQUE (child, parent)
);
CREATE INDEX families ON children (parent, place);

-- The limits of jobs, in the order of `place`, and what each is to its job: nothing (0); what it waits for (1); what it
-- waited for, until it is claimed (2); something of which it holds a slot (3).
CREATE TABLE limits (
    job         INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    queue       TEXT    NOT NULL, -- the job's
    key         TEXT    NOT NULL,
    concurrency INTEGER NOT NULL,
    rate        INTEGER NOT NULL,
    per         INTEGER NOT NULL,
    burst       INTEGER NOT NULL,
    role        INTEGER NOT NULL DEFAULT 0 CHECK (role BETWEEN 0 AND 3),
    score       INTEGER NOT NULL DEFAULT 0, -- the job's, while it waits
    PRIMARY KEY (job, place)
) WITHOUT ROWID;
CREATE INDEX waiters  ON limits (key, queue, score) WHERE role = 1;
CREATE INDEX released ON limits (key, queue)        WHERE role = 2;
CREATE INDEX slots    ON limits (key)               WHERE role = 3;

-- What goes with a job. Not as foreign keys: they search each of these tables for every job that is deleted, which takes
-- longer than the deletion itself.
CREATE TRIGGER sides AFTER DELETE ON jobs WHEN old.features > 0
BEGIN
    DELETE FROM payloads WHERE job = old.number;
    DELETE FROM attempts WHERE job = old.number;
    DELETE FROM callbacks WHERE job = old.number;
    DELETE FROM snapshots WHERE job = old.number;
    DELETE FROM children WHERE child = old.number;
    DELETE FROM limits WHERE job = old.number;
    DELETE FROM members WHERE job = old.number;
END;

-- Ends of parents whose children have still to hear of it: those up to the place `upto`.
CREATE TABLE firing (
    number INTEGER PRIMARY KEY,
    parent TEXT    NOT NULL,
    upto   INTEGER NOT NULL,
    met    INTEGER NOT NULL CHECK (met IN (0, 1)),
    gone   INTEGER NOT NULL CHECK (gone IN (0, 1))
);

-- When the bucket of a key is full again, in microseconds since the epoch. Upkeep removes those that are.
CREATE TABLE buckets (
    key     TEXT PRIMARY KEY,
    full_at INTEGER NOT NULL
) WITHOUT ROWID;

-- When the next token comes of a key that jobs of a queue wait for.
CREATE TABLE refills (
    key   TEXT    NOT NULL,
    queue TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (key, queue)
) WITHOUT ROWID;
CREATE INDEX refills_of ON refills (queue, at);
CREATE INDEX refills_at ON refills (at);

-- How many jobs each queue has in each state, save `started` (few, and indexed). A queue has rows until it is forgotten.
CREATE TABLE counts (
    queue TEXT    NOT NULL,
    state INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (queue, state)
) WITHOUT ROWID;

-- What happens to every job is counted by its steps, a batch at a time (`Transaction.count`): it is created, claimed,
-- finished. All else is counted here.
CREATE TRIGGER moves AFTER UPDATE OF state ON jobs
WHEN NOT (new.state = {started} OR old.state = {started} AND new.state = {finished})
BEGIN
    INSERT INTO counts (queue, state, count) SELECT old.queue, old.state, -1 WHERE old.state <> {started}
    ON CONFLICT DO UPDATE SET count = count - 1;
    INSERT INTO counts (queue, state, count) VALUES (new.queue, new.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER removals AFTER DELETE ON jobs WHEN old.state <> {started}
BEGIN
    INSERT INTO counts (queue, state, count) VALUES (old.queue, old.state, -1) ON CONFLICT DO UPDATE SET count = count - 1;
END;

CREATE TABLE paused (
    name TEXT PRIMARY KEY, -- `*` is all of them
    ends INTEGER NOT NULL  -- 0 is without end
) WITHOUT ROWID;

-- The cron table. Schedule and template are opaque.
CREATE TABLE entries (
    name       TEXT    PRIMARY KEY,
    source     TEXT    NOT NULL,
    version    INTEGER NOT NULL, -- of the source's set
    schedule   BLOB    NOT NULL,
    template   BLOB    NOT NULL,
    revision   INTEGER NOT NULL, -- the table's version that last changed it
    paused     INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    created_at INTEGER NOT NULL,
    since      INTEGER NOT NULL, -- slots up to this time do not count
    last_slot  INTEGER NOT NULL DEFAULT 0,
    last_job   TEXT    NOT NULL DEFAULT ''
);

-- Jobs that belong together, counted as they end. A group that takes the id of another is another row.
CREATE TABLE groups (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    completed_at INTEGER NOT NULL DEFAULT 0,
    expires_at   INTEGER NOT NULL DEFAULT 0,
    ttl          INTEGER NOT NULL,
    queue        TEXT    NOT NULL,
    payload      BLOB    NOT NULL,
    holds        INTEGER NOT NULL DEFAULT 0 CHECK (holds >= 0),
    completions  INTEGER NOT NULL DEFAULT 0,
    total        INTEGER NOT NULL DEFAULT 0,
    pending      INTEGER NOT NULL DEFAULT 0 CHECK (pending >= 0),
    finished     INTEGER NOT NULL DEFAULT 0,
    failed       INTEGER NOT NULL DEFAULT 0,
    canceled     INTEGER NOT NULL DEFAULT 0,
    stopped      INTEGER NOT NULL DEFAULT 0,
    deleted      INTEGER NOT NULL DEFAULT 0,
    CHECK (total = pending + finished + failed + canceled + stopped + deleted),
    CHECK (NOT pending OR (completed_at = 0 AND expires_at = 0))
);
CREATE INDEX closing ON groups (expires_at) WHERE expires_at > 0;

-- Which job joined which group. The row of the group may be gone, and a row of another group have its id.
CREATE TABLE members (
    job    INTEGER PRIMARY KEY,
    number INTEGER NOT NULL, -- groups.number
    name   TEXT    NOT NULL  -- groups.id
);
CREATE INDEX circles ON members (number, job);

CREATE TABLE workers (
    number     INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    host       TEXT    NOT NULL,
    boot       TEXT    NOT NULL,
    pid        INTEGER NOT NULL,
    pid_start  INTEGER NOT NULL,
    queues     TEXT    NOT NULL, -- a JSON array
    version    TEXT    NOT NULL,
    ttl        INTEGER NOT NULL,
    interval   INTEGER NOT NULL,
    processes  INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    beat_at    INTEGER NOT NULL,
    since      INTEGER NOT NULL, -- it has beaten without a gap from here on
    commands   INTEGER NOT NULL DEFAULT 0,
    finished   INTEGER NOT NULL DEFAULT 0,
    failed     INTEGER NOT NULL DEFAULT 0,
    run_ms     INTEGER NOT NULL DEFAULT 0,
    quiet      INTEGER NOT NULL DEFAULT 0 CHECK (quiet BETWEEN 0 AND 1)
);

CREATE TABLE executors (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id     TEXT    NOT NULL UNIQUE,
    worker INTEGER NOT NULL REFERENCES workers ON DELETE CASCADE
);
CREATE INDEX crews ON executors (worker);

-- Workers that are gone: for an hour nobody comes back under their id, and what they have not done is kept.
CREATE TABLE former_workers (
    id       TEXT    PRIMARY KEY,
    at       INTEGER NOT NULL,
    commands TEXT    NOT NULL -- the names, a JSON array
) WITHOUT ROWID;

CREATE TABLE commands (
    worker INTEGER NOT NULL REFERENCES workers ON DELETE CASCADE,
    number INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    token  INTEGER NOT NULL,
    job    TEXT    NOT NULL,
    PRIMARY KEY (worker, number)
) WITHOUT ROWID;

-- The last call of each channel and what it was answered (JSON), for an hour.
CREATE TABLE calls (
    channel TEXT PRIMARY KEY,
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    answer  TEXT    NOT NULL
) WITHOUT ROWID;

CREATE TABLE metrics (
    hours    INTEGER NOT NULL CHECK (hours IN (0, 1)),
    at       INTEGER NOT NULL,
    queue    TEXT    NOT NULL,
    function TEXT    NOT NULL,
    series   TEXT    NOT NULL,
    bucket   INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (hours, at, queue, function, series, bucket)
) WITHOUT ROWID;
