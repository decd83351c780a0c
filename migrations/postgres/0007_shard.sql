-- Several logs, one after another: each takes the entries of a stretch of time.

ALTER TABLE log
    ADD COLUMN begins_ms BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN guard_id TEXT,
    ADD COLUMN final_checkpoint BYTEA;
UPDATE log SET begins_ms = created_ms;
COMMENT ON COLUMN log.begins_ms IS 'from when it takes entries, in milliseconds since the Unix epoch';
COMMENT ON COLUMN log.guard_id IS 'the id of the rollback guard of its own; NULL: the instance''s';
COMMENT ON COLUMN log.final_checkpoint IS 'the last checkpoint of a log that is retired, as it was signed';

-- In the row that is locked for each batch: whoever waited for the lock sees it as it is then.
ALTER TABLE log_head ADD COLUMN ends_ms BIGINT;
COMMENT ON COLUMN log_head.ends_ms IS 'the times of its entries are all earlier; NULL: no end is known';
