-- Copies of an installation's database, and logs that take no more entries.

CREATE TABLE database_copy (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    state    TEXT   NOT NULL CHECK (state IN ('backup', 'unfinished backup', 'unfinished restore')),
    begun_ms BIGINT NOT NULL
);
COMMENT ON COLUMN database_copy.id IS 'always 1; no row: this is the installation''s own database';
COMMENT ON COLUMN database_copy.state IS 'what kind of copy; nobody may write to a log in one';
COMMENT ON COLUMN database_copy.begun_ms IS 'when the copying began, in milliseconds since the Unix epoch';

ALTER TABLE log ADD COLUMN retired_ms BIGINT;
COMMENT ON COLUMN log.retired_ms IS 'since when it takes no entries, in milliseconds since the Unix epoch';
