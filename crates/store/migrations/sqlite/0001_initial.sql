-- Times are nanoseconds since 1970 (UTC), ids are UUIDs as text, JSON is text.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE objects (
    id      TEXT PRIMARY KEY,
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    spec    TEXT NOT NULL, -- secrets in it are sealed
    status  TEXT NOT NULL,
    version INTEGER NOT NULL,
    source  TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (kind, name)
) STRICT;

CREATE INDEX bmcs_by_system ON objects (json_extract(status, '$.system_uuid'), name) WHERE kind = 'Bmc';

-- What objects name of each other. What is named need not be there.
CREATE TABLE object_references (
    by_id   TEXT NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    pointer TEXT NOT NULL, -- within the spec
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    PRIMARY KEY (by_id, pointer)
) STRICT, WITHOUT ROWID;
CREATE INDEX object_references_to ON object_references (kind, name);

-- What people wanted of an object, change by change; the newest of them only.
CREATE TABLE object_versions (
    id      TEXT NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    spec    TEXT NOT NULL, -- secrets in it are sealed
    PRIMARY KEY (id, version)
) STRICT, WITHOUT ROWID;

-- Which machine a network card belongs to: because its spec says so, or because it was seen in it.
CREATE TABLE machine_macs (
    mac      TEXT PRIMARY KEY,
    machine  TEXT NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    declared INTEGER NOT NULL
) STRICT;
CREATE INDEX machine_macs_of ON machine_macs (machine);

-- SMBIOS UUIDs are not unique in the field, so this is an index and not a rule.
CREATE TABLE machine_uuids (
    uuid     TEXT NOT NULL,
    machine  TEXT NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    declared INTEGER NOT NULL,
    PRIMARY KEY (uuid, machine)
) STRICT;
CREATE INDEX machine_uuids_of ON machine_uuids (machine);

-- AUTOINCREMENT: a place in the history is never given twice, whatever is removed.
CREATE TABLE events (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    machine TEXT,
    run     TEXT,
    actor   TEXT NOT NULL,
    data    TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_machine ON events (machine, seq) WHERE machine IS NOT NULL;

-- What changes often, in a small row; the run itself is in run_docs.
CREATE TABLE runs (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    machine     TEXT NOT NULL,
    workflow    TEXT NOT NULL,
    state       TEXT NOT NULL,
    format      INTEGER NOT NULL,
    began_at    INTEGER NOT NULL,           -- the place of its first entry in the history
    behind      INTEGER NOT NULL DEFAULT 0, -- the history may have entries that its document has not
    settled     INTEGER NOT NULL,           -- how it will end is decided
    epoch       INTEGER NOT NULL,           -- rises with every claim
    lease_until INTEGER,                    -- held by a server until then
    wake_at     INTEGER,                    -- nobody needs to look before
    wake_on     TEXT NOT NULL DEFAULT '[]', -- unless one of these kinds of event happens to the machine
    event_woke  INTEGER NOT NULL DEFAULT 0, -- one of them has
    created     INTEGER NOT NULL,
    ended       INTEGER
) STRICT;
CREATE UNIQUE INDEX runs_active ON runs (machine) WHERE ended IS NULL;
CREATE INDEX runs_of_machine ON runs (machine, seq);
CREATE INDEX runs_due ON runs (wake_at) WHERE ended IS NULL AND wake_at IS NOT NULL;
CREATE INDEX runs_held ON runs (lease_until) WHERE lease_until IS NOT NULL;

-- A run as it was after an entry of the history. What it is now, that entry and the run's later ones say.
CREATE TABLE run_docs (
    run  INTEGER PRIMARY KEY REFERENCES runs (seq),
    upto INTEGER NOT NULL,
    doc  TEXT NOT NULL
) STRICT;

CREATE TABLE run_commands (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    run     TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    command TEXT NOT NULL,
    at      INTEGER NOT NULL,
    done    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX run_commands_unread ON run_commands (run, seq) WHERE done = 0;

CREATE TABLE tasks (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    machine       TEXT NOT NULL,
    run           TEXT NOT NULL,
    work          TEXT NOT NULL, -- sealed: it may carry a token
    at_end        INTEGER NOT NULL, -- given when the run's outcome was already decided
    withdrawn     INTEGER NOT NULL DEFAULT 0,
    boot_id       TEXT,
    progress      TEXT,
    progressed    INTEGER, -- when progress was last put on record
    result        TEXT,
    given         INTEGER NOT NULL,
    started       INTEGER,
    finished      INTEGER
) STRICT;
CREATE INDEX tasks_open ON tasks (run, seq) WHERE finished IS NULL AND withdrawn = 0;

CREATE TABLE tokens (
    hash    BLOB PRIMARY KEY,
    grant_  TEXT NOT NULL,
    issued  INTEGER NOT NULL,
    expires INTEGER
) STRICT;
CREATE INDEX tokens_expiring ON tokens (expires) WHERE expires IS NOT NULL;

CREATE TABLE dhcp_leases (
    address   TEXT PRIMARY KEY,
    mac       TEXT NOT NULL,
    client_id TEXT, -- hexadecimal; where the subnet knows clients by it
    state     TEXT NOT NULL,
    since     INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    hostname  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX dhcp_leases_of_mac ON dhcp_leases (mac);
