-- In a database apart from the one that is guarded. The same table and columns as in PostgreSQL. A
-- migration that has landed is never edited.

CREATE TABLE chancery_guard (
    id        TEXT    NOT NULL PRIMARY KEY, -- the guard's id: several instances may have theirs here
    tree_size INTEGER NOT NULL CHECK (tree_size >= 0), -- the size of the highest tree ever released
    root_hash BLOB    NOT NULL CHECK (length(root_hash) = 32), -- the root of that tree
    checksum  BLOB    NOT NULL CHECK (length(checksum) = 8) -- over the columns before: a changed row is no guard
) STRICT;
