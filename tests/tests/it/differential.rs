//! Against Cloudflare's crates, which share no code with ours: what a log of ours publishes they read
//! and verify alike, and what they write we do.

use std::collections::HashMap;
use std::sync::Arc;

use chancery_keys::{KeyType, LocalKey, PublicKey, Signer as _};
use chancery_log::clock::{SystemClock, unix_ms};
use chancery_log::guard::FileGuard;
use chancery_log::memory::MemoryStore;
use chancery_log::published_files::verify_checkpoint;
use chancery_log::{Log, LogKeys, LogParts, PoolLimits, PublishedLog as _, Snapshot};
use chancery_tlog::ct::{PrecertEntry, TileLeaf};
use chancery_tlog::{Origin, TilePath};
use ed25519_dalek_2::pkcs8::DecodePublicKey as _;
use p256_0_13::pkcs8::EncodePublicKey as _;
use rand_0_8::rngs::StdRng;
use rand_0_8::{Rng as _, SeedableRng as _};
use signed_note::Note;
use static_ct_api::{LogEntry, TileIterator, TreeWithTimestamp, open_checkpoint, tile_path};
use tlog_tiles::{Hash, HashReader as _, Tile, TileHashReader, TileReader};

const ORIGIN: &str = "ct.example.org/2027";

/// A log, and the keys that it signs with.
struct World {
    log: Log,
    key: Arc<LocalKey>,
    witness_key: Arc<LocalKey>,
    _guard: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Arc::new(LocalKey::generate(KeyType::P256).unwrap());
        let witness_key = Arc::new(LocalKey::generate(KeyType::Ed25519).unwrap());
        let log = Log::open(LogParts {
            name: "2027".to_owned(),
            origin: Origin::parse(ORIGIN).unwrap(),
            store: Arc::new(MemoryStore::default()),
            guard: Arc::new(FileGuard::create(&folder.path().join("guard")).unwrap()),
            keys: LogKeys::Issuance {
                signer: Arc::<LocalKey>::clone(&key),
                witness_signer: Arc::<LocalKey>::clone(&witness_key),
            },
            witnesses: None,
            clock: Arc::new(SystemClock),
            limits: PoolLimits::default(),
            begins_ms: 0,
        });
        Self {
            log: log.await.unwrap(),
            key,
            witness_key,
            _guard: folder,
        }
    }

    /// Appends entries of many lengths.
    async fn append(&self, count: u64) {
        let appends = (0..count).map(|number| {
            let tbs = vec![7; 1 + usize::try_from(number * 37 % 3_000).unwrap()];
            let chain = vec![[9; 32]; usize::try_from(number % 4).unwrap()];
            let leaf = PrecertEntry::new([number.to_le_bytes()[0]; 32], tbs.clone(), tbs, chain);
            self.log.append(Box::new(leaf.unwrap()), Vec::new())
        });
        for append in appends.collect::<Vec<_>>() {
            append.await.unwrap();
        }
    }

    /// Opens the newest checkpoint as they do, and compares what it says with ours.
    async fn check_checkpoint(&self) -> (Snapshot, Hash) {
        let newest = self.log.newest().await.unwrap();
        let now = unix_ms(std::time::SystemTime::now()) + 10_000;
        let key = p256_0_13::ecdsa::VerifyingKey::from_public_key_der(spki(&self.key)).unwrap();
        let witness_key = spki(&self.witness_key);
        let witness_key = ed25519_dalek_2::VerifyingKey::from_public_key_der(witness_key).unwrap();
        let opened = open_checkpoint(ORIGIN, &key, &witness_key, now, newest.checkpoint());
        let (theirs, time) = opened.unwrap();
        let ours = newest.head();
        assert_eq!(
            (theirs.size(), time),
            (ours.tree.tree_size, ours.timestamp_ms)
        );
        assert_eq!(theirs.hash().0, *ours.tree.root_hash.as_bytes());
        let note = Note::from_bytes(newest.checkpoint()).unwrap();
        assert_eq!(note.to_bytes(), **newest.checkpoint());

        let mut changed = newest.checkpoint().to_vec();
        let digit = changed.iter().position(u8::is_ascii_digit).unwrap();
        changed[digit] ^= 1;
        assert!(open_checkpoint(ORIGIN, &key, &witness_key, now, &changed).is_err());
        let root = *theirs.hash();
        (newest, root)
    }
}

fn spki(key: &LocalKey) -> &[u8] {
    key.public_key().spki_der()
}

/// All tiles of a log, by the paths that they give them.
struct Tiles(HashMap<String, Vec<u8>>);

impl Tiles {
    /// Fetches each tile that they say a log of that size has.
    async fn of(log: &Snapshot) -> Self {
        let mut tiles = HashMap::new();
        for tile in Tile::new_tiles(8, 0, log.head().tree.tree_size) {
            let mut data = tile;
            data.set_is_data();
            let with_data = if tile.level() == 0 {
                vec![tile, data]
            } else {
                vec![tile]
            };
            for tile in with_data {
                let path = tile_path(&tile);
                let parsed = TilePath::parse(path.strip_prefix("tile/").unwrap()).unwrap();
                assert_eq!(format!("tile/{parsed}"), path);
                let bytes = log.tile(parsed).await.unwrap().unwrap();
                tiles.insert(path, bytes.to_vec());
            }
        }
        Self(tiles)
    }

    /// Returns the entries of every data tile as they read them, in order.
    fn entries(&self, size: u64) -> Vec<LogEntry> {
        let mut entries = Vec::new();
        for index in 0..size.div_ceil(256) {
            let width = u32::try_from((size - index * 256).min(256)).unwrap();
            let bytes = self.0[&tile_path(&Tile::new(8, 0, index, width, true))].clone();
            let read = TileIterator::new(bytes, width as usize);
            entries.extend(read.map(Result::unwrap));
        }
        entries
    }
}

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = tiles.iter().map(|tile| self.0[&tile_path(tile)].clone());
        Ok(read.collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[tokio::test]
async fn every_checkpoint_tile_and_proof_of_a_log_of_thousands_is_read_alike() {
    let world = World::new().await;
    let mut rng = StdRng::seed_from_u64(1);
    let mut before = None;
    for more in [1, 1, 253, 1, 1, 700, 1_600, 3] {
        world.append(more).await;
        let (log, root) = world.check_checkpoint().await;
        let size = log.head().tree.tree_size;
        let tiles = Tiles::of(&log).await;
        let hashes = TileHashReader::new(size, root, &tiles);
        assert_eq!(tlog_tiles::tree_hash(size, &hashes).unwrap(), root);
        check_entries(&log, &tiles, &hashes).await;

        for index in [
            0,
            size / 2,
            size - 1,
            rng.gen_range(0..size),
            rng.gen_range(0..size),
        ] {
            let theirs = tlog_tiles::prove_record(size, index, &hashes).unwrap();
            let ours = log.inclusion_proof(index, size).await.unwrap().unwrap();
            assert_eq!(bytes_of(&theirs), ours, "{index} in {size}");
        }
        if let Some((smaller, smaller_root)) = before {
            let theirs = tlog_tiles::prove_tree(size, smaller, &hashes).unwrap();
            let ours = log.consistency_proof(smaller, size).await.unwrap().unwrap();
            assert_eq!(bytes_of(&theirs), ours, "{smaller} to {size}");
            tlog_tiles::check_tree(&theirs, size, root, smaller, smaller_root).unwrap();
        }
        before = Some((size, root));
    }
    assert_eq!(before.unwrap().0, 2_560);
}

fn bytes_of(proof: &[Hash]) -> Vec<chancery_tlog::Hash> {
    let hashes = proof.iter();
    hashes
        .map(|hash| chancery_tlog::Hash::from_bytes(hash.0))
        .collect()
}

/// Compares every entry, read by them and by us, and written by them.
async fn check_entries(log: &Snapshot, tiles: &Tiles, hashes: &TileHashReader<'_>) {
    let size = log.head().tree.tree_size;
    let theirs = tiles.entries(size);
    let ours = log.entries(0..size).await.unwrap();
    assert_eq!(theirs.len(), ours.len());
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(theirs.leaf_index, ours.leaf_index().get());
        assert_eq!(theirs.timestamp, ours.timestamp_ms());
        assert_eq!(theirs.chain_fingerprints, ours.chain_fingerprints());
        assert_eq!(theirs.merkle_tree_leaf(), ours.merkle_tree_leaf());
        assert_eq!(theirs.tile_leaf(), ours.encode());
        let hash = tlog_tiles::record_hash(&theirs.merkle_tree_leaf());
        assert_eq!(hash.0, *ours.leaf_hash().as_bytes());
    }
    let last = tlog_tiles::stored_hash_index(0, size - 1);
    let read = hashes.read_hashes(&[last]).unwrap();
    assert_eq!(read[0].0, *ours.last().unwrap().leaf_hash().as_bytes());
}

#[test]
fn what_they_write_is_read_by_us() {
    let mut rng = StdRng::seed_from_u64(2);
    let key = p256_0_13::ecdsa::SigningKey::random(&mut rng);
    let witness_key = ed25519_dalek_2::SigningKey::from_bytes(&rng.r#gen());
    let spki = key.verifying_key().to_public_key_der().unwrap();
    let spki = PublicKey::from_spki_der(spki.as_bytes()).unwrap();
    let origin = Origin::parse(ORIGIN).unwrap();
    for _ in 0..50 {
        let (size, time) = (rng.gen_range(1..1 << 40), rng.gen_range(0..1 << 45));
        let hash = Hash(rng.r#gen());
        let tree = TreeWithTimestamp::new(size, hash, time);
        let note = tree.sign(ORIGIN, &key, &witness_key, &mut rng).unwrap();
        let (_, head) = verify_checkpoint(&note, &spki, Some(&origin)).unwrap();
        assert_eq!((head.tree.tree_size, head.timestamp_ms), (size, time));
        assert_eq!(*head.tree.root_hash.as_bytes(), hash.0);
    }
    for _ in 0..200 {
        let entry = random_entry(&mut rng);
        let written = entry.tile_leaf();
        let (read, rest) = TileLeaf::parse(&written).unwrap();
        assert!(rest.is_empty());
        assert_eq!(read.encode(), written);
        assert_eq!(read.merkle_tree_leaf(), entry.merkle_tree_leaf());
        assert_eq!(read.leaf_index().get(), entry.leaf_index);
        assert_eq!(read.timestamp_ms(), entry.timestamp);
        assert_eq!(read.chain_fingerprints(), entry.chain_fingerprints);
    }
}

fn random_entry(rng: &mut StdRng) -> LogEntry {
    let is_precert = rng.r#gen();
    let bytes = |rng: &mut StdRng| (0..rng.gen_range(1..3_000)).map(|_| rng.r#gen()).collect();
    let chain = 0..rng.gen_range(0..6);
    LogEntry {
        certificate: bytes(rng),
        is_precert,
        issuer_key_hash: if is_precert { rng.r#gen() } else { [0; 32] },
        chain_fingerprints: chain.map(|_| rng.r#gen()).collect(),
        pre_certificate: if is_precert { bytes(rng) } else { Vec::new() },
        leaf_index: rng.gen_range(0..1 << 40),
        timestamp: rng.r#gen(),
    }
}
