-- Copies of an installation's database, and logs that take no more entries.

CREATE TABLE database_copy (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), -- always 1; no row: this is the installation's own database
    state    TEXT    NOT NULL CHECK (state IN ('backup', 'unfinished backup', 'unfinished restore')), -- what kind of copy; nobody may write to a log in one
    begun_ms INTEGER NOT NULL  -- when the copying began, in milliseconds since the Unix epoch
) STRICT;

ALTER TABLE log ADD COLUMN retired_ms INTEGER; -- since when it takes no entries, in milliseconds since the Unix epoch
