-- Several logs, one after another: each takes the entries of a stretch of time.

ALTER TABLE log ADD COLUMN begins_ms INTEGER NOT NULL DEFAULT 0; -- from when it takes entries, in milliseconds since the Unix epoch
ALTER TABLE log ADD COLUMN guard_id TEXT; -- the id of the rollback guard of its own; NULL: the instance's
ALTER TABLE log ADD COLUMN final_checkpoint BLOB; -- the last checkpoint of a log that is retired, as it was signed
UPDATE log SET begins_ms = created_ms;

-- In the row that is locked for each batch: whoever waited for the lock sees it as it is then.
ALTER TABLE log_head ADD COLUMN ends_ms INTEGER; -- the times of its entries are all earlier; NULL: no end is known
