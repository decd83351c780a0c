-- The first entries of a log can be kept elsewhere, as published files only.

ALTER TABLE log ADD COLUMN pruned_below INTEGER NOT NULL DEFAULT 0; -- entries before this place were published and deleted here; a multiple of 256
