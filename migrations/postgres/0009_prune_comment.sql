-- What the column of 0008 means.

COMMENT ON COLUMN log.pruned_below IS 'entries before this place were published and deleted here; a multiple of 256';
