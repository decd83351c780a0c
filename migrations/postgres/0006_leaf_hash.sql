-- Every entry is found by the first half of its leaf hash, too.

-- As many entries as there are take their time.
SET LOCAL statement_timeout = 0;

-- A process of an older version would go on writing entries without that term. Bound anew, it
-- writes nothing; and the rows stay locked until all terms are there.
UPDATE log_head SET binding = binding + 1;

INSERT INTO log_term (log, name, value, leaf_index)
SELECT t.log, 'leaf-hash', encode(substr(t.hashes, n * 32 + 1, 16), 'hex'), t.tile_index * 256 + n
  FROM log_tile AS t
  JOIN log_head AS h
    ON h.log = t.log
 CROSS JOIN generate_series(0, 255) AS n
 WHERE t.level = 0 AND t.tile_index * 256 + n < h.tree_size AND n * 32 < length(t.hashes);
