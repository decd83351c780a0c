-- The server that held this database when a process last opened it. SQLite has none: no rows here.

CREATE TABLE database_server (
    id                INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), -- always 1
    system_identifier TEXT    NOT NULL, -- the PostgreSQL cluster's system identifier
    timeline          INTEGER NOT NULL CHECK (timeline > 0) -- its WAL timeline: a restore or a promotion begins a new one
) STRICT;
