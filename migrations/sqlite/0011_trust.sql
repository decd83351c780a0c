-- What clients trust: signed elsewhere, and verified whenever it is read. Rows are added only.

CREATE TABLE trust_metadata (
    role    TEXT    NOT NULL CHECK (role IN ('root', 'targets', 'snapshot', 'timestamp')), -- the TUF role
    version INTEGER NOT NULL CHECK (version > 0), -- counted for each role from 1
    content BLOB    NOT NULL, -- the file, as it is served
    PRIMARY KEY (role, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE trust_document (
    sha256  BLOB NOT NULL PRIMARY KEY CHECK (length(sha256) = 32), -- of the content
    content BLOB NOT NULL -- a TUF target, as it is served
) STRICT, WITHOUT ROWID;
