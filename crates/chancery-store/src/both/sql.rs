//! The statements that are the same in both databases.

/// A log's head.
pub(crate) const HEAD: &str = "\
    SELECT tree_size, root_hash, timestamp_ms
      FROM log_head
     WHERE log = $1";

/// A range of entries, with their places, so that a gap shows.
pub(crate) const ENTRIES: &str = "\
    SELECT leaf_index, tile_leaf
      FROM log_entry
     WHERE log = $1 AND leaf_index >= $2 AND leaf_index < $3
     ORDER BY leaf_index";

/// How many of the first entries are stored elsewhere only.
pub(crate) const PRUNED_BELOW: &str = "\
    SELECT pruned_below
      FROM log
     WHERE log = $1";

/// Records that first entries are stored elsewhere only. Changes no row if more of them are.
pub(crate) const SET_PRUNED_BELOW: &str = "\
    UPDATE log
       SET pruned_below = $2
     WHERE log = $1 AND pruned_below < $2";

/// Deletes a range of entries.
pub(crate) const DELETE_ENTRIES: &str = "\
    DELETE FROM log_entry
     WHERE log = $1 AND leaf_index >= $2 AND leaf_index < $3";

/// An issuer certificate.
pub(crate) const ISSUER: &str = "\
    SELECT der
      FROM log_issuer
     WHERE log = $1 AND fingerprint = $2";

/// Every issuer certificate of a log.
pub(crate) const ISSUERS: &str = "\
    SELECT fingerprint, der
      FROM log_issuer
     WHERE log = $1
     ORDER BY fingerprint";

/// What was handed out for a range of entries.
pub(crate) const DELIVERIES: &str = "\
    SELECT leaf_index, sha256, body
      FROM log_delivery
     WHERE log = $1 AND leaf_index >= $2 AND leaf_index < $3
     ORDER BY leaf_index";

/// A stretch of the index.
pub(crate) const TERMS: &str = "\
    SELECT name, value, leaf_index
      FROM log_term
     WHERE log = $1 AND (name, value, leaf_index) > ($2, $3, $4)
     ORDER BY name, value, leaf_index
     LIMIT $5";

/// The entries that a term finds.
pub(crate) const FIND: &str = "\
    SELECT leaf_index
      FROM log_term
     WHERE log = $1 AND name = $2 AND value = $3
     ORDER BY leaf_index
     LIMIT $4";

/// Entries beyond the end of a tree.
pub(crate) const ENTRIES_BEYOND: &str = "\
    SELECT leaf_index
      FROM log_entry
     WHERE log = $1 AND leaf_index >= $2
     ORDER BY leaf_index
     LIMIT 1000";

/// Deliveries beyond the end of a tree.
pub(crate) const DELIVERIES_BEYOND: &str = "\
    SELECT leaf_index
      FROM log_delivery
     WHERE log = $1 AND (leaf_index >= $2 OR leaf_index < 0)
     ORDER BY leaf_index
     LIMIT 1000";

/// Hash tiles beyond the right edge of a tree, by the number of tiles that each level has.
pub(crate) const TILES_BEYOND: &str = "\
    SELECT level, tile_index
      FROM log_tile
     WHERE log = $1
       AND (level = 0 AND tile_index >= $2
         OR level = 1 AND tile_index >= $3
         OR level = 2 AND tile_index >= $4
         OR level = 3 AND tile_index >= $5
         OR level = 4 AND tile_index >= $6
         OR level = 5 AND tile_index >= $7
         OR level > 5)
     ORDER BY level, tile_index
     LIMIT 1000";

/// Claims the database for an installation: changes no row if it has one.
pub(crate) const INSERT_INSTANCE: &str = "\
    INSERT INTO instance (id, purpose, created_ms, guard_id, url)
    VALUES (1, $1, $2, $3, $4)
        ON CONFLICT (id) DO NOTHING";

/// One certificate of the CA chain.
pub(crate) const INSERT_AUTHORITY: &str = "\
    INSERT INTO authority (position, fingerprint, der)
    VALUES ($1, $2, $3)";

/// A log.
pub(crate) const INSERT_LOG: &str = "\
    INSERT INTO log (log, name, origin, log_id, public_key, witness_key, readers, created_ms,
                     begins_ms, guard_id, kind)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// A log's first head.
pub(crate) const INSERT_HEAD: &str = "\
    INSERT INTO log_head (log, tree_size, root_hash, timestamp_ms)
    VALUES ($1, $2, $3, $4)";

/// A certificate that entries will name in their chains.
pub(crate) const INSERT_ISSUER: &str = "\
    INSERT INTO log_issuer (log, fingerprint, der)
    VALUES ($1, $2, $3)
        ON CONFLICT (log, fingerprint) DO NOTHING";

/// The installation.
pub(crate) const INSTANCE: &str = "\
    SELECT purpose, created_ms, guard_id, url
      FROM instance
     WHERE id = 1";

/// The CA chain, issuing certificate first.
pub(crate) const AUTHORITIES: &str = "\
    SELECT der
      FROM authority
     ORDER BY position";

/// A new guard.
pub(crate) const INSERT_GUARD: &str = "\
    INSERT INTO chancery_guard (id, tree_size, root_hash, checksum)
    VALUES ($1, $2, $3, $4)";

/// Where a guard stands.
pub(crate) const GUARD: &str = "\
    SELECT tree_size, root_hash, checksum
      FROM chancery_guard
     WHERE id = $1";

/// A guard's compare-and-swap: changes no row if it stands elsewhere.
pub(crate) const MOVE_GUARD: &str = "\
    UPDATE chancery_guard
       SET tree_size = $5, root_hash = $6, checksum = $7
     WHERE id = $1 AND tree_size = $2 AND root_hash = $3 AND checksum = $4";

/// All logs.
pub(crate) const LOGS: &str = "\
    SELECT log.log, name, origin, log_id, public_key, witness_key, readers, created_ms, begins_ms,
           ends_ms, retired_ms, binding, guard_id, final_checkpoint, kind
      FROM log
      JOIN log_head ON log_head.log = log.log
     ORDER BY log.log";

/// What kind of copy the database is.
pub(crate) const COPY: &str = "\
    SELECT state, begun_ms
      FROM database_copy
     WHERE id = 1";

/// Marks the database as a copy.
pub(crate) const INSERT_COPY: &str = "\
    INSERT INTO database_copy (id, state, begun_ms)
    VALUES (1, $1, $2)";

/// Says that a backup has all that it should.
pub(crate) const FINISH_BACKUP: &str = "\
    UPDATE database_copy
       SET state = 'backup'
     WHERE state = 'unfinished backup'";

/// Makes a restored database the installation's own.
pub(crate) const FINISH_RESTORE: &str = "\
    DELETE FROM database_copy
     WHERE state = 'unfinished restore'";

/// Takes a log out of use. Changes no row if it is already.
pub(crate) const RETIRE_LOG: &str = "\
    UPDATE log
       SET retired_ms = $2
     WHERE log = $1 AND retired_ms IS NULL";

/// Keeps the last checkpoint of a retired log. Changes no row if there is one already.
pub(crate) const PUT_FINAL_CHECKPOINT: &str = "\
    UPDATE log
       SET final_checkpoint = $2
     WHERE log = $1 AND retired_ms IS NOT NULL AND final_checkpoint IS NULL";

/// How many logs up to `$1` have, or may yet get, entries of a time from `$2` on. One that was retired
/// before it began has none.
pub(crate) const LOGS_BEYOND: &str = "\
    SELECT COUNT(*)
      FROM log
      JOIN log_head ON log_head.log = log.log
     WHERE log.log <= $1 AND kind = 'issuance'
       AND (retired_ms IS NULL AND (begins_ms >= $2 OR ends_ms > $2)
         OR retired_ms IS NOT NULL AND begins_ms >= $2 AND tree_size > 0)";

/// Gives a log its end. Changes no row if it has one, or has entries of that time.
pub(crate) const END_LOG: &str = "\
    UPDATE log_head
       SET ends_ms = $2
     WHERE log = $1 AND ends_ms IS NULL AND timestamp_ms < $2";

/// Gives a ledger its end. Changes no row if it has one, or has entries of that time.
pub(crate) const END_LEDGER: &str = "\
    UPDATE log_head
       SET ends_ms = $2
     WHERE log = $1 AND ends_ms IS NULL AND timestamp_ms < $2
       AND EXISTS (SELECT 1
                     FROM log
                    WHERE log.log = $1 AND kind = 'ledger')";

/// Lets a log's entries name the issuers that another's may.
pub(crate) const COPY_ISSUERS: &str = "\
    INSERT INTO log_issuer (log, fingerprint, der)
    SELECT $1, fingerprint, der
      FROM log_issuer
     WHERE log = $2";

/// The log that was made last, of those that follow one another.
pub(crate) const NEWEST_LOG: &str = "\
    SELECT MAX(log)
      FROM log
     WHERE kind = 'issuance'";

/// The number that the next log of any kind gets.
pub(crate) const NEXT_LOG: &str = "\
    SELECT COALESCE(MAX(log), 0) + 1
      FROM log";

/// Puts another guard in the place of the instance's, for a log that has none of its own.
pub(crate) const REPLACE_GUARD: &str = "\
    UPDATE instance
       SET guard_id = $3
     WHERE id = 1 AND guard_id = $2
       AND EXISTS (SELECT 1
                     FROM log
                    WHERE log = $1 AND log.guard_id IS NULL)";

/// Puts another guard in the place of a log's own.
pub(crate) const REPLACE_LOG_GUARD: &str = "\
    UPDATE log
       SET guard_id = $3
     WHERE log = $1 AND guard_id = $2";

/// Tells every process of a log that what it is bound to has changed.
pub(crate) const REBIND: &str = "\
    UPDATE log_head
       SET binding = binding + 1
     WHERE log = $1";

/// Tells the processes of each log that has the instance's guard.
pub(crate) const REBIND_GUARDED: &str = "\
    UPDATE log_head
       SET binding = binding + 1
     WHERE log IN (SELECT log.log
                     FROM log
                    WHERE guard_id IS NULL)";

/// A stretch of the used tokens.
pub(crate) const USED_TOKENS: &str = "\
    SELECT digest, expires_ms
      FROM used_token
     WHERE digest > $1
     ORDER BY digest
     LIMIT $2";

/// Records the use of a token that another database knows of.
pub(crate) const INSERT_USED_TOKEN: &str = "\
    INSERT INTO used_token (digest, expires_ms)
    VALUES ($1, $2)
        ON CONFLICT (digest) DO NOTHING";

/// The newest timestamp; one row, NULL if nothing was published.
pub(crate) const NEWEST_TRUST: &str = "\
    SELECT MAX(version)
      FROM trust_metadata
     WHERE role = 'timestamp'";

/// Every root, and the newest of the other roles.
pub(crate) const TRUST_METADATA: &str = "\
    SELECT role, version, content
      FROM trust_metadata AS any_version
     WHERE role = 'root'
        OR version = (SELECT MAX(version)
                        FROM trust_metadata
                       WHERE role = any_version.role)
     ORDER BY role, version";

/// Every document.
pub(crate) const TRUST_DOCUMENTS: &str = "\
    SELECT sha256, content
      FROM trust_document";

/// Adds metadata, unless another version of timestamp than this is the newest; nor the same version
/// again.
pub(crate) const INSERT_TRUST_METADATA: &str = "\
    INSERT INTO trust_metadata (role, version, content)
    SELECT $1, $2, $3
     WHERE COALESCE((SELECT MAX(version)
                       FROM trust_metadata
                      WHERE role = 'timestamp'), 0) = $4
        ON CONFLICT (role, version) DO NOTHING";

/// Adds a document, which may be there.
pub(crate) const INSERT_TRUST_DOCUMENT: &str = "\
    INSERT INTO trust_document (sha256, content)
    VALUES ($1, $2)
        ON CONFLICT (sha256) DO NOTHING";

/// All metadata, of every version.
pub(crate) const TRUST_HISTORY: &str = "\
    SELECT role, version, content
      FROM trust_metadata
     ORDER BY role, version";

/// Adds metadata that another database has.
pub(crate) const COPY_TRUST_METADATA: &str = "\
    INSERT INTO trust_metadata (role, version, content)
    VALUES ($1, $2, $3)
        ON CONFLICT (role, version) DO NOTHING";

/// Every chain of the timestamp authority, those known longest first.
pub(crate) const TIMESTAMP_CHAINS: &str = "\
    SELECT certificates, recorded_ms, begins_ms, ends_ms
      FROM timestamp_chain
     ORDER BY recorded_ms, fingerprint";

/// Adds a chain, which may be there.
pub(crate) const INSERT_TIMESTAMP_CHAIN: &str = "\
    INSERT INTO timestamp_chain (fingerprint, certificates, recorded_ms, begins_ms, ends_ms)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (fingerprint) DO NOTHING";

/// Makes a chain the one in use.
pub(crate) const BEGIN_TIMESTAMP_CHAIN: &str = "\
    UPDATE timestamp_chain
       SET begins_ms = $2
     WHERE fingerprint = $1 AND begins_ms IS NULL AND ends_ms IS NULL";

/// Gives a chain an end, or an earlier one.
pub(crate) const END_TIMESTAMP_CHAIN: &str = "\
    UPDATE timestamp_chain
       SET ends_ms = $2
     WHERE fingerprint = $1 AND (ends_ms IS NULL OR ends_ms > $2)";

/// Lets one transaction at a time change which timestamp chains there are, or what clients trust.
/// Nothing is changed by this.
pub(crate) const LOCK_INSTANCE: &str = "\
    UPDATE instance
       SET id = id
     WHERE id = 1";
