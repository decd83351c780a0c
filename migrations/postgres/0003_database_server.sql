-- The server that held this database when a process last opened it.

CREATE TABLE database_server (
    id                BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    system_identifier TEXT   NOT NULL,
    timeline          BIGINT NOT NULL CHECK (timeline > 0)
);
COMMENT ON COLUMN database_server.id IS 'always 1';
COMMENT ON COLUMN database_server.system_identifier IS 'the PostgreSQL cluster''s system identifier';
COMMENT ON COLUMN database_server.timeline IS 'its WAL timeline: a restore or a promotion begins a new one';
