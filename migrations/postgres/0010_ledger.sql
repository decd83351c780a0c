-- A log is of a kind: of issued certificates, or a ledger of signatures (c2sp.org/tlog-tiles).

ALTER TABLE log ADD COLUMN kind TEXT NOT NULL DEFAULT 'issuance' CHECK (kind IN ('issuance', 'ledger')); -- what its entries are, which never changes

COMMENT ON COLUMN log.kind IS 'what its entries are, which never changes';
