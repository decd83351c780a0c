-- The same tables and columns as in PostgreSQL. A migration that has landed is never edited.

CREATE TABLE instance (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), -- always 1: a database belongs to one installation
    purpose    TEXT    NOT NULL CHECK (purpose IN ('production', 'development')), -- what it may be used for
    created_ms INTEGER NOT NULL, -- when it was created, in milliseconds since the Unix epoch
    guard_id   TEXT    NOT NULL, -- the id of the rollback guard that belongs to this database
    url        TEXT    NOT NULL  -- where its clients reach it
) STRICT;

CREATE TABLE authority (
    position    INTEGER NOT NULL PRIMARY KEY, -- place in the chain: 0 is the issuing certificate, the last is the root
    fingerprint BLOB    NOT NULL UNIQUE CHECK (length(fingerprint) = 32), -- SHA-256 of der
    der         BLOB    NOT NULL -- the CA certificate
) STRICT;

CREATE TABLE log (
    log        INTEGER NOT NULL PRIMARY KEY, -- the log's number in this database
    name       TEXT    NOT NULL UNIQUE, -- its segment in URL paths
    origin     TEXT    NOT NULL UNIQUE, -- its checkpoint origin, fixed for ever
    log_id     BLOB    NOT NULL UNIQUE CHECK (length(log_id) = 32), -- SHA-256 of public_key
    public_key BLOB    NOT NULL, -- its key, as a DER SubjectPublicKeyInfo
    witness_key BLOB   NOT NULL, -- the key of its checkpoint's line for witnesses, as a DER SubjectPublicKeyInfo
    readers    TEXT    NOT NULL CHECK (readers IN ('open', 'restricted')), -- who may read entries, chosen when it was created
    created_ms INTEGER NOT NULL  -- when it was created, in milliseconds since the Unix epoch
) STRICT;

CREATE TABLE log_head (
    log          INTEGER NOT NULL PRIMARY KEY REFERENCES log (log), -- the log
    tree_size    INTEGER NOT NULL CHECK (tree_size >= 0), -- how many entries it has
    root_hash    BLOB    NOT NULL CHECK (length(root_hash) = 32), -- the root of the tree of that size
    timestamp_ms INTEGER NOT NULL CHECK (timestamp_ms >= 0) -- when it had this head, in milliseconds since the Unix epoch
) STRICT;

-- The tables below are written with every batch, only under the lock of the log's head: they have no
-- foreign keys, whose check of every row would cost more than the row.

-- With a rowid: an entry is too wide for the pages of an index.
CREATE TABLE log_entry (
    log        INTEGER NOT NULL, -- the log
    leaf_index INTEGER NOT NULL CHECK (leaf_index >= 0), -- the entry's place, from 0
    tile_leaf  BLOB    NOT NULL, -- the entry as a data tile holds it
    PRIMARY KEY (log, leaf_index)
) STRICT;

CREATE TABLE log_tile (
    log        INTEGER NOT NULL, -- the log
    level      INTEGER NOT NULL CHECK (level >= 0), -- the tile's level, 0 for leaf hashes
    tile_index INTEGER NOT NULL CHECK (tile_index >= 0), -- the tile's place in its level, from 0
    hashes     BLOB    NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192), -- 1 to 256 hashes of 32 bytes
    PRIMARY KEY (log, level, tile_index)
) STRICT;

CREATE TABLE log_term (
    log        INTEGER NOT NULL, -- the log
    name       TEXT    NOT NULL, -- the kind of term, such as serial
    value      TEXT    NOT NULL, -- what to search for; a long value stands as its digest
    leaf_index INTEGER NOT NULL, -- an entry that it finds
    PRIMARY KEY (log, name, value, leaf_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_delivery (
    log        INTEGER NOT NULL, -- the log
    leaf_index INTEGER NOT NULL, -- the entry
    sha256     BLOB    NOT NULL CHECK (length(sha256) = 32), -- SHA-256 of body
    body       BLOB    NOT NULL, -- what was handed out for the entry: the final certificate
    PRIMARY KEY (log, leaf_index)
) STRICT;

CREATE TABLE log_issuer (
    log         INTEGER NOT NULL REFERENCES log (log), -- the log
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32), -- SHA-256 of der, as entries name it
    der         BLOB    NOT NULL, -- a certificate of the chains that entries name
    PRIMARY KEY (log, fingerprint)
) STRICT;
