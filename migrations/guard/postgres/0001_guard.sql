-- In a database apart from the one that is guarded. The same table and columns as in SQLite. A
-- migration that has landed is never edited.

CREATE TABLE chancery_guard (
    id        TEXT   NOT NULL PRIMARY KEY,
    tree_size BIGINT NOT NULL CHECK (tree_size >= 0),
    root_hash BYTEA  NOT NULL CHECK (length(root_hash) = 32),
    checksum  BYTEA  NOT NULL CHECK (length(checksum) = 8)
);
COMMENT ON TABLE chancery_guard IS 'Guards against rollback of Chancery databases elsewhere. Never restore it from a backup';
COMMENT ON COLUMN chancery_guard.id IS 'the guard''s id: several instances may have theirs here';
COMMENT ON COLUMN chancery_guard.tree_size IS 'the size of the highest tree ever released';
COMMENT ON COLUMN chancery_guard.root_hash IS 'the root of that tree';
COMMENT ON COLUMN chancery_guard.checksum IS 'over the columns before: a changed row is no guard';
