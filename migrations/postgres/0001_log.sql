-- The same tables and columns as in SQLite. A migration that has landed is never edited.

CREATE TABLE instance (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    purpose    TEXT   NOT NULL CHECK (purpose IN ('production', 'development')),
    created_ms BIGINT NOT NULL,
    guard_id   TEXT   NOT NULL,
    url        TEXT   NOT NULL
);
COMMENT ON COLUMN instance.id IS 'always 1: a database belongs to one installation';
COMMENT ON COLUMN instance.purpose IS 'what it may be used for';
COMMENT ON COLUMN instance.created_ms IS 'when it was created, in milliseconds since the Unix epoch';
COMMENT ON COLUMN instance.guard_id IS 'the id of the rollback guard that belongs to this database';
COMMENT ON COLUMN instance.url IS 'where its clients reach it';

CREATE TABLE authority (
    position    BIGINT NOT NULL PRIMARY KEY,
    fingerprint BYTEA  NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
    der         BYTEA  NOT NULL
);
COMMENT ON COLUMN authority.position IS 'place in the chain: 0 is the issuing certificate, the last is the root';
COMMENT ON COLUMN authority.fingerprint IS 'SHA-256 of der';
COMMENT ON COLUMN authority.der IS 'the CA certificate';

CREATE TABLE log (
    log        BIGINT NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    origin     TEXT   NOT NULL UNIQUE,
    log_id     BYTEA  NOT NULL UNIQUE CHECK (length(log_id) = 32),
    public_key BYTEA  NOT NULL,
    witness_key BYTEA NOT NULL,
    readers    TEXT   NOT NULL CHECK (readers IN ('open', 'restricted')),
    created_ms BIGINT NOT NULL
);
COMMENT ON COLUMN log.log IS 'the log''s number in this database';
COMMENT ON COLUMN log.name IS 'its segment in URL paths';
COMMENT ON COLUMN log.origin IS 'its checkpoint origin, fixed for ever';
COMMENT ON COLUMN log.log_id IS 'SHA-256 of public_key';
COMMENT ON COLUMN log.public_key IS 'its key, as a DER SubjectPublicKeyInfo';
COMMENT ON COLUMN log.witness_key IS 'the key of its checkpoint''s line for witnesses, as a DER SubjectPublicKeyInfo';
COMMENT ON COLUMN log.readers IS 'who may read entries, chosen when it was created';
COMMENT ON COLUMN log.created_ms IS 'when it was created, in milliseconds since the Unix epoch';

CREATE TABLE log_head (
    log          BIGINT NOT NULL PRIMARY KEY REFERENCES log (log),
    tree_size    BIGINT NOT NULL CHECK (tree_size >= 0),
    root_hash    BYTEA  NOT NULL CHECK (length(root_hash) = 32),
    timestamp_ms BIGINT NOT NULL CHECK (timestamp_ms >= 0)
);
COMMENT ON COLUMN log_head.log IS 'the log';
COMMENT ON COLUMN log_head.tree_size IS 'how many entries it has';
COMMENT ON COLUMN log_head.root_hash IS 'the root of the tree of that size';
COMMENT ON COLUMN log_head.timestamp_ms IS 'when it had this head, in milliseconds since the Unix epoch';

-- The tables below are written with every batch, only under the lock of the log's head: they have no
-- foreign keys, whose check of every row would cost more than the row.

-- Compressing an entry, or moving it out of its row, costs more than all else about it: with this
-- target an entry stays as it is up to a page. So does a hash tile.
CREATE TABLE log_entry (
    log        BIGINT NOT NULL,
    leaf_index BIGINT NOT NULL CHECK (leaf_index >= 0),
    tile_leaf  BYTEA  NOT NULL,
    PRIMARY KEY (log, leaf_index)
) WITH (toast_tuple_target = 8160);
COMMENT ON COLUMN log_entry.log IS 'the log';
COMMENT ON COLUMN log_entry.leaf_index IS 'the entry''s place, from 0';
COMMENT ON COLUMN log_entry.tile_leaf IS 'the entry as a data tile holds it';

CREATE TABLE log_tile (
    log        BIGINT NOT NULL,
    level      BIGINT NOT NULL CHECK (level >= 0),
    tile_index BIGINT NOT NULL CHECK (tile_index >= 0),
    hashes     BYTEA  NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (log, level, tile_index)
) WITH (toast_tuple_target = 8160);
COMMENT ON COLUMN log_tile.log IS 'the log';
COMMENT ON COLUMN log_tile.level IS 'the tile''s level, 0 for leaf hashes';
COMMENT ON COLUMN log_tile.tile_index IS 'the tile''s place in its level, from 0';
COMMENT ON COLUMN log_tile.hashes IS '1 to 256 hashes of 32 bytes';

CREATE TABLE log_term (
    log        BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    leaf_index BIGINT NOT NULL,
    PRIMARY KEY (log, name, value, leaf_index)
);
COMMENT ON COLUMN log_term.log IS 'the log';
COMMENT ON COLUMN log_term.name IS 'the kind of term, such as serial';
COMMENT ON COLUMN log_term.value IS 'what to search for; a long value stands as its digest';
COMMENT ON COLUMN log_term.leaf_index IS 'an entry that it finds';

CREATE TABLE log_delivery (
    log        BIGINT NOT NULL,
    leaf_index BIGINT NOT NULL,
    sha256     BYTEA  NOT NULL CHECK (length(sha256) = 32),
    body       BYTEA  NOT NULL,
    PRIMARY KEY (log, leaf_index)
);
COMMENT ON COLUMN log_delivery.log IS 'the log';
COMMENT ON COLUMN log_delivery.leaf_index IS 'the entry';
COMMENT ON COLUMN log_delivery.sha256 IS 'SHA-256 of body';
COMMENT ON COLUMN log_delivery.body IS 'what was handed out for the entry: the final certificate';

CREATE TABLE log_issuer (
    log         BIGINT NOT NULL REFERENCES log (log),
    fingerprint BYTEA  NOT NULL CHECK (length(fingerprint) = 32),
    der         BYTEA  NOT NULL,
    PRIMARY KEY (log, fingerprint)
);
COMMENT ON COLUMN log_issuer.log IS 'the log';
COMMENT ON COLUMN log_issuer.fingerprint IS 'SHA-256 of der, as entries name it';
COMMENT ON COLUMN log_issuer.der IS 'a certificate of the chains that entries name';
