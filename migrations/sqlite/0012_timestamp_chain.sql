-- The timestamp authority's chains. Rows are added only; what is said of one only gets stricter.

CREATE TABLE timestamp_chain (
    fingerprint  BLOB    NOT NULL PRIMARY KEY CHECK (length(fingerprint) = 32), -- SHA-256 of the certificates
    certificates BLOB    NOT NULL, -- a DER sequence of them, the one that signs first, the root last
    recorded_ms  INTEGER NOT NULL, -- when it came to be known
    begins_ms    INTEGER, -- since when the installation stamps with it; NULL if it did not yet
    ends_ms      INTEGER  -- timestamps of a later time do not count
) STRICT, WITHOUT ROWID;

-- The installation stamps with one chain at a time.
CREATE UNIQUE INDEX timestamp_chain_in_use ON timestamp_chain ((ends_ms IS NULL))
    WHERE begins_ms IS NOT NULL AND ends_ms IS NULL;
