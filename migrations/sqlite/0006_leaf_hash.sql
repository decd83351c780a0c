-- Every entry is found by the first half of its leaf hash, too.

INSERT INTO log_term (log, name, value, leaf_index)
  WITH RECURSIVE place (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n < 255)
SELECT t.log, 'leaf-hash', lower(hex(substr(t.hashes, n * 32 + 1, 16))), t.tile_index * 256 + n
  FROM log_tile AS t
  JOIN log_head AS h
    ON h.log = t.log
 CROSS JOIN place
 WHERE t.level = 0 AND t.tile_index * 256 + n < h.tree_size AND n * 32 < length(t.hashes);
