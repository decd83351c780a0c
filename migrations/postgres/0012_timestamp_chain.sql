-- The timestamp authority's chains. Rows are added only; what is said of one only gets stricter.

CREATE TABLE timestamp_chain (
    fingerprint  BYTEA  NOT NULL PRIMARY KEY CHECK (length(fingerprint) = 32),
    certificates BYTEA  NOT NULL,
    recorded_ms  BIGINT NOT NULL,
    begins_ms    BIGINT,
    ends_ms      BIGINT
);
COMMENT ON COLUMN timestamp_chain.fingerprint IS 'SHA-256 of the certificates';
COMMENT ON COLUMN timestamp_chain.certificates IS 'a DER sequence of them, the one that signs first, the root last';
COMMENT ON COLUMN timestamp_chain.recorded_ms IS 'when it came to be known';
COMMENT ON COLUMN timestamp_chain.begins_ms IS 'since when the installation stamps with it; NULL if it did not yet';
COMMENT ON COLUMN timestamp_chain.ends_ms IS 'timestamps of a later time do not count';

-- The installation stamps with one chain at a time.
CREATE UNIQUE INDEX timestamp_chain_in_use ON timestamp_chain ((ends_ms IS NULL))
    WHERE begins_ms IS NOT NULL AND ends_ms IS NULL;
