-- What processes are bound to can change while they run: each finds out under the lock of the head.

ALTER TABLE log_head ADD COLUMN binding BIGINT NOT NULL DEFAULT 0;
COMMENT ON COLUMN log_head.binding IS 'how often the guard was replaced or the log retired; a process that knows another number writes nothing';
