//! The tree, the checkpoint and the keys of the log.

use chancery_tlog::ct::{DigitallySigned, LogId, TileLeaf};
use chancery_tlog::{
    AddCheckpoint, Checkpoint, Cosignature, Hash, NoteSignature, Origin, Rfc6962NoteSignature,
    RightEdge, SignedNote, TileHashes, TileId, TreeHead, VerifierKey, consistency_proof,
    inclusion_proof, rfc6962_key_id, rfc6962_signature_input, verify_consistency, verify_inclusion,
};

const CHECKPOINT: &[u8] = include_bytes!("../vectors/checkpoint");
const DATA_TILE: &[u8] = include_bytes!("../vectors/data-tile");
const HASH_TILE: &[u8] = include_bytes!("../vectors/hash-tile");
const LOG_KEY: &[u8] = include_bytes!("../vectors/log-key.spki.der");
const SIGNATURE_INPUT: &[u8] = include_bytes!("../vectors/tree-head-signature-input");
const SIGNATURE: &[u8] = include_bytes!("../vectors/tree-head-signature.der");
const ADD_CHECKPOINT: &[u8] = include_bytes!("../vectors/add-checkpoint");
const WITNESS_KEY: &str =
    "witness.chancery.test+14635a29+BH5BRY0I8LuDk8K11HAkSItr+KKBvuFzBVDZCyLZeg3R";
const VERIFIER_KEY: &str = include_str!("../vectors/verifier-key");

const ORIGIN: &str = "ctlog.chancery.test/2026h2";
const ROOT: &str = "aa6b4747a78295096af63d1846c9e65f1b8446e0f2eadd9ddd75bd207bd2a159";
const SIGNED_AT_MS: u64 = 1_793_534_401_000;

fn signed_checkpoint() -> (SignedNote, Checkpoint) {
    let note = SignedNote::parse(CHECKPOINT).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    (note, checkpoint)
}

#[test]
fn the_entries_lead_to_the_hash_tile_and_to_the_root_in_the_checkpoint() {
    let leaves = TileLeaf::parse_all(DATA_TILE).unwrap();
    let leaf_hashes: Vec<_> = leaves.iter().map(TileLeaf::leaf_hash).collect();
    let mut edge = RightEdge::empty();
    let writes = edge.append(&leaf_hashes);
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].id(), TileId { level: 0, index: 0 });
    assert_eq!(writes[0].hashes, HASH_TILE);
    assert_eq!(edge.tree_head().root_hash.to_string(), ROOT);
    let (_, checkpoint) = signed_checkpoint();
    assert_eq!(edge.tree_head(), checkpoint.head);
    let stored = RightEdge::from_tiles(2, |_| Some(HASH_TILE)).unwrap();
    assert_eq!(stored.tree_head(), checkpoint.head);
}

#[test]
fn the_checkpoint_is_written_byte_for_byte() {
    let (note, checkpoint) = signed_checkpoint();
    assert_eq!(checkpoint.origin.as_str(), ORIGIN);
    assert_eq!(checkpoint.head.tree_size, 2);

    let log_id = LogId::of_spki(LOG_KEY);
    let signature = Rfc6962NoteSignature {
        timestamp_ms: SIGNED_AT_MS,
        signature: DigitallySigned::sha256_ecdsa(SIGNATURE.to_vec()).unwrap(),
    };
    let own = signature.to_note_signature(&checkpoint.origin, &log_id);
    let witness = note.signatures()[1].clone();
    let rebuilt = SignedNote::new(checkpoint.body(), vec![own, witness]).unwrap();
    assert_eq!(rebuilt.encode().as_bytes(), CHECKPOINT);
}

#[test]
fn the_logs_signature_is_found_and_its_input_rebuilt() {
    let (note, checkpoint) = signed_checkpoint();
    let origin = &checkpoint.origin;
    let key_id = rfc6962_key_id(origin, &LogId::of_spki(LOG_KEY));
    assert_eq!(key_id, [0x49, 0xff, 0xaa, 0x69]);
    let line = note.signature_by(origin.key_name(), key_id).unwrap();
    let signature = Rfc6962NoteSignature::parse(&line.signature).unwrap();
    assert_eq!(signature.timestamp_ms, SIGNED_AT_MS);
    assert_eq!(signature.signature.signature_der(), SIGNATURE);
    let input = rfc6962_signature_input(&checkpoint.head, signature.timestamp_ms);
    assert_eq!(input, SIGNATURE_INPUT);
}

#[test]
fn verifier_keys_are_written_as_other_implementations_write_them() {
    let name = Origin::parse(ORIGIN).unwrap().key_name().clone();
    let key = VerifierKey::Rfc6962 {
        name,
        spki_der: LOG_KEY.to_vec(),
    };
    assert_eq!(key.to_string(), VERIFIER_KEY.trim_end());
    assert_eq!(VerifierKey::parse(VERIFIER_KEY.trim_end()), Ok(key));

    let ed25519 = "rekor.chancery.test+ba17660d+AQHOxG3u9s2IfjnyiUx3IvU0a/f033pENKmY+ygcsGe3";
    let public_key = "01cec46deef6cd887e39f2894c7722f5346bf7f4df7a4434a998fb281cb067b7";
    let key = VerifierKey::Ed25519 {
        name: Origin::parse("rekor.chancery.test")
            .unwrap()
            .key_name()
            .clone(),
        public_key: hex::decode(public_key).unwrap().try_into().unwrap(),
    };
    assert_eq!(key.to_string(), ed25519);
}

#[test]
fn proofs_are_made_from_the_hash_tile() {
    let (_, checkpoint) = signed_checkpoint();
    let mut tiles = TileHashes::new(2);
    tiles
        .insert(TileId { level: 0, index: 0 }, HASH_TILE)
        .unwrap();
    let hash = |position: usize| Hash::try_from(&HASH_TILE[position * 32..][..32]).unwrap();

    let proof = inclusion_proof(1, 2, &tiles).unwrap();
    assert_eq!(proof, [hash(0)]);
    verify_inclusion(1, 2, &hash(1), &proof, &checkpoint.head.root_hash).unwrap();

    let proof = consistency_proof(1, 2, &tiles).unwrap();
    assert_eq!(
        proof,
        [hash(1)],
        "as in the request that the witness answered"
    );
    let first = TreeHead {
        tree_size: 1,
        root_hash: hash(0),
    };
    verify_consistency(&first, &checkpoint.head, &proof).unwrap();
}

#[test]
fn the_witnesss_key_and_line_are_read_and_written() {
    let key = VerifierKey::parse(WITNESS_KEY).unwrap();
    assert_eq!(key.to_string(), WITNESS_KEY);
    let VerifierKey::Cosignature { name, public_key } = &key else {
        panic!("{key:?}");
    };
    let (note, checkpoint) = signed_checkpoint();
    let line = note.signature_by(name, key.key_id()).unwrap();
    let cosignature = Cosignature::parse(&line.signature).unwrap();
    assert_eq!(cosignature.timestamp_s, SIGNED_AT_MS / 1000);
    assert_eq!(&cosignature.to_note_signature(name, public_key), line);
    let message = Cosignature::message(note.text(), cosignature.timestamp_s);
    let expected = format!("cosignature/v1\ntime 1793534401\n{}", checkpoint.body());
    assert_eq!(message, expected.as_bytes());

    let answer = [line.to_string(), "\n".to_owned()].concat();
    assert_eq!(
        NoteSignature::parse_lines(answer.as_bytes()).unwrap(),
        std::slice::from_ref(line)
    );
}

#[test]
fn the_request_to_the_witness_is_written_byte_for_byte() {
    let (note, _) = signed_checkpoint();
    let own = note.signatures()[..1].to_vec();
    let request = AddCheckpoint {
        old_size: 1,
        proof: vec![Hash::try_from(&HASH_TILE[32..]).unwrap()],
        checkpoint: SignedNote::new(note.text().to_owned(), own).unwrap(),
    };
    assert_eq!(request.encode().as_bytes(), ADD_CHECKPOINT);
    assert_eq!(AddCheckpoint::parse(ADD_CHECKPOINT), Ok(request));
}
