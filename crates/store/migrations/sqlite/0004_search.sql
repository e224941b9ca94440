-- What machines are searched by. A server that finds it empty, or made by other rules, makes it anew when it opens the
-- database: 100,000 machines take about half a minute, once.

-- The number of a machine in the index.
CREATE TABLE machine_numbers (
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE REFERENCES objects (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    last_run TEXT           -- what the last run came to; none while one is active
) STRICT;
CREATE INDEX machine_numbers_by_name ON machine_numbers (name);

-- Everything that a word by itself is looked for in, in small letters: a line each, with what it is before it (the
-- place of its field among those that are looked through). A server has all of it in memory.
CREATE TABLE machine_words (
    number INTEGER PRIMARY KEY REFERENCES machine_numbers (number) ON DELETE CASCADE,
    words  TEXT NOT NULL
) STRICT;

-- Which machines have a value under a field, 8192 numbers to a row. A value is a number or a text, or an empty blob:
-- there is one that nobody may see.
CREATE TABLE machine_index (
    field   INTEGER NOT NULL, -- the beginning of the SHA-256 of its name
    value   ANY     NOT NULL,
    chunk   INTEGER NOT NULL,
    members BLOB    NOT NULL,
    PRIMARY KEY (field, value, chunk)
) STRICT, WITHOUT ROWID;

ALTER TABLE runs ADD COLUMN stage TEXT; -- that an active run is in
