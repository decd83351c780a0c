-- What clients trust: signed elsewhere, and verified whenever it is read. Rows are added only.

CREATE TABLE trust_metadata (
    role    TEXT   NOT NULL CHECK (role IN ('root', 'targets', 'snapshot', 'timestamp')),
    version BIGINT NOT NULL CHECK (version > 0),
    content BYTEA  NOT NULL,
    PRIMARY KEY (role, version)
);
COMMENT ON COLUMN trust_metadata.role IS 'the TUF role';
COMMENT ON COLUMN trust_metadata.version IS 'counted for each role from 1';
COMMENT ON COLUMN trust_metadata.content IS 'the file, as it is served';

CREATE TABLE trust_document (
    sha256  BYTEA NOT NULL PRIMARY KEY CHECK (length(sha256) = 32),
    content BYTEA NOT NULL
);
COMMENT ON COLUMN trust_document.sha256 IS 'of the content';
COMMENT ON COLUMN trust_document.content IS 'a TUF target, as it is served';
