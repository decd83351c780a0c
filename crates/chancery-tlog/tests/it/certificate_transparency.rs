//! The entries of the log and the SCT of one of them.

use chancery_tlog::ct::{
    DigitallySigned, Entry, LeafIndex, LogId, ParseExtensionsError, ParseSctError,
    ParseTileLeafError, PrecertEntry, SctListError, SignedCertificateTimestamp, TileLeaf,
    X509Entry, extra_data, parse_sct_list, sct_list,
};
use proptest::prelude::*;

const DATA_TILE: &[u8] = include_bytes!("../vectors/data-tile");
const EXTRA_DATA_0: &[u8] = include_bytes!("../vectors/extra-data-0");
const EXTRA_DATA_1: &[u8] = include_bytes!("../vectors/extra-data-1");
const INTERMEDIATE: &[u8] = include_bytes!("../vectors/intermediate.der");
const LOG_KEY: &[u8] = include_bytes!("../vectors/log-key.spki.der");
const MERKLE_TREE_LEAF_1: &[u8] = include_bytes!("../vectors/merkle-tree-leaf-1");
const PRECERTIFICATE: &[u8] = include_bytes!("../vectors/precert.der");
const ROOT: &[u8] = include_bytes!("../vectors/root.der");
const SCT: &[u8] = include_bytes!("../vectors/sct");
const SCT_LIST: &[u8] = include_bytes!("../vectors/sct-list");
const SCT_SIGNATURE: &[u8] = include_bytes!("../vectors/sct-signature.der");
const X509_CERTIFICATE: &[u8] = include_bytes!("../vectors/x509entry.der");

const LOG_ID: &str = "3485ad07ef37d2426c5e59f14ed584f1429d39afda39dea46411b575fcacffda";
const ISSUER_KEY_HASH: &str = "7e1c39e29bb49bf268111de91173576f58111f980968e9b722640a50d01f33bd";
const CHAIN: [&str; 2] = [
    "c405988b7c8c2677c457b3404438fee8c5fe9815b5f8ae8288263d51658aef95",
    "4ba61bf9f23f65fef1c35fbe0ed8d4abb57a2a6d26a6cd7d8a30a6584b26da98",
];

fn digest(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn index(index: u64) -> LeafIndex {
    LeafIndex::new(index).unwrap()
}

fn chain() -> Vec<[u8; 32]> {
    CHAIN.map(digest).to_vec()
}

/// Entry 1, put together from its parts: the `TBSCertificate` lies in the Merkle tree leaf between
/// the 47 bytes before it and the 10 bytes of extensions.
fn precert_entry() -> PrecertEntry {
    let tbs = &MERKLE_TREE_LEAF_1[47..MERKLE_TREE_LEAF_1.len() - 10];
    PrecertEntry::new(
        digest(ISSUER_KEY_HASH),
        tbs.to_vec(),
        PRECERTIFICATE.to_vec(),
        chain(),
    )
    .unwrap()
}

#[test]
fn both_entries_are_encoded_byte_for_byte() {
    let x509 = Entry::X509(X509Entry::new(X509_CERTIFICATE.to_vec(), chain()).unwrap());
    let precert = precert_entry();
    let timestamp_ms = 1_793_534_400_456;
    assert_eq!(
        precert.merkle_tree_leaf(index(1), timestamp_ms),
        MERKLE_TREE_LEAF_1
    );
    let tile = [
        x509.tile_leaf(index(0), 1_793_534_400_123),
        precert.tile_leaf(index(1), timestamp_ms),
    ];
    assert_eq!([tile[0].len(), tile[1].len()], [618, 1115]);
    assert_eq!(tile.concat(), DATA_TILE);
}

#[test]
fn the_data_tile_is_parsed_and_encoded_again() {
    let leaves = TileLeaf::parse_all(DATA_TILE).unwrap();
    let [first, second] = &leaves[..] else {
        panic!("{leaves:?}")
    };
    assert_eq!(
        (first.timestamp_ms(), first.leaf_index()),
        (1_793_534_400_123, index(0))
    );
    assert_eq!(
        (second.timestamp_ms(), second.leaf_index()),
        (1_793_534_400_456, index(1))
    );
    assert_eq!(second.chain_fingerprints(), chain());
    let Entry::X509(x509) = first.entry() else {
        panic!("{first:?}")
    };
    assert_eq!(x509.certificate(), X509_CERTIFICATE);
    assert_eq!(second.entry(), &Entry::Precert(precert_entry()));
    assert_eq!(second.merkle_tree_leaf(), MERKLE_TREE_LEAF_1);
    assert_eq!([first.encode(), second.encode()].concat(), DATA_TILE);
}

#[test]
fn merkle_tree_leaves_agree_with_the_known_answers() {
    // The known answers have no extensions; ours always have the leaf index.
    let extensions = "00080000050000000007";
    let x509 = Entry::X509(X509Entry::new(b"certificate".to_vec(), vec![]).unwrap());
    let expected = "000000000000000004d2000000000b6365727469666963617465";
    assert_eq!(
        hex::encode(x509.merkle_tree_leaf(index(7), 1234)),
        [expected, extensions].concat()
    );

    let issuer_key_hash = *b"iamapublickeyshatwofivesixdigest";
    let precert = PrecertEntry::new(
        issuer_key_hash,
        b"tbs".to_vec(),
        b"precertificate".to_vec(),
        vec![],
    )
    .unwrap();
    let expected = "000000000000000004d2000169616d617075626c69636b657973686174776f66697665736978\
        646967657374000003746273";
    let leaf = precert.merkle_tree_leaf(index(7), 1234);
    assert_eq!(hex::encode(leaf), [expected, extensions].concat());
    let entry = Entry::Precert(precert.clone());
    assert_eq!(
        entry.merkle_tree_leaf(index(7), 1234),
        precert.merkle_tree_leaf(index(7), 1234)
    );
    assert_eq!(
        entry.tile_leaf(index(7), 1234),
        precert.tile_leaf(index(7), 1234)
    );
}

#[test]
fn extra_data_has_the_precertificate_and_the_chain() {
    let leaves = TileLeaf::parse_all(DATA_TILE).unwrap();
    let chain = [INTERMEDIATE, ROOT];
    assert_eq!(extra_data(leaves[0].entry(), &chain).unwrap(), EXTRA_DATA_0);
    assert_eq!(extra_data(leaves[1].entry(), &chain).unwrap(), EXTRA_DATA_1);
    assert!(extra_data(leaves[0].entry(), &[b""]).is_err());
}

#[test]
fn the_sct_is_encoded_byte_for_byte_and_parsed_again() {
    let log_id = LogId::of_spki(LOG_KEY);
    assert_eq!(log_id.to_string(), LOG_ID);
    let signature = DigitallySigned::sha256_ecdsa(SCT_SIGNATURE.to_vec()).unwrap();
    let sct = SignedCertificateTimestamp::new(log_id, 1_793_534_400_456, index(1), signature);
    assert_eq!(sct.encode(), SCT);
    assert_eq!(sct_list(&[&sct]).unwrap(), SCT_LIST);

    let parsed = SignedCertificateTimestamp::parse(SCT).unwrap();
    assert_eq!(parsed.leaf_index(), Ok(index(1)));
    assert_eq!(
        parsed.extensions(),
        hex::decode("0000050000000001").unwrap()
    );
    assert_eq!(
        (parsed.log_id(), parsed.timestamp_ms()),
        (&log_id, 1_793_534_400_456)
    );
    assert_eq!(parsed.signature().signature_der(), SCT_SIGNATURE);
    assert_eq!(parsed, sct);
    assert_eq!(parse_sct_list(SCT_LIST), Ok(vec![sct]));
}

#[test]
fn lists_of_scts_keep_their_order_and_are_never_empty() {
    let first = SignedCertificateTimestamp::parse(SCT).unwrap();
    let second =
        SignedCertificateTimestamp::new(*first.log_id(), 7, index(2), first.signature().clone());
    let list = sct_list(&[&first, &second]).unwrap();
    assert_eq!(parse_sct_list(&list), Ok(vec![first.clone(), second]));
    assert_eq!(sct_list(&[]), Err(SctListError::Empty));
    assert!(parse_sct_list(b"\0\0").is_err());

    let long = DigitallySigned::sha256_ecdsa(vec![0x30; 0xffff]).unwrap();
    let long = SignedCertificateTimestamp::new(*first.log_id(), 7, index(2), long);
    assert_eq!(sct_list(&[&long]), Err(SctListError::TooLong));
    let many = vec![&first; 520];
    assert_eq!(sct_list(&many), Err(SctListError::TooLong));
}

#[test]
fn structures_that_are_cut_off_or_go_on_are_refused() {
    let first_leaf = &DATA_TILE[..618];
    for length in 0..SCT.len() {
        assert!(
            SignedCertificateTimestamp::parse(&SCT[..length]).is_err(),
            "{length}"
        );
    }
    for length in 0..SCT_LIST.len() {
        assert!(parse_sct_list(&SCT_LIST[..length]).is_err(), "{length}");
    }
    for length in 0..first_leaf.len() {
        assert!(TileLeaf::parse(&first_leaf[..length]).is_err(), "{length}");
    }
    assert!(SignedCertificateTimestamp::parse(&[SCT, b"!"].concat()).is_err());
    assert!(parse_sct_list(&[SCT_LIST, b"!"].concat()).is_err());
    assert!(TileLeaf::parse_all(&[DATA_TILE, b"!"].concat()).is_err());
    let (_, rest) = TileLeaf::parse(DATA_TILE).unwrap();
    assert_eq!(rest.len(), 1115);
}

#[test]
fn structures_of_unknown_versions_and_types_are_refused() {
    let mut sct = SCT.to_vec();
    sct[0] = 1;
    let error = ParseSctError::Version { found: 1 };
    assert_eq!(SignedCertificateTimestamp::parse(&sct), Err(error));

    let mut leaf = DATA_TILE[..618].to_vec();
    leaf[9] = 2;
    let error = ParseTileLeafError::EntryType { found: 2 };
    assert_eq!(TileLeaf::parse(&leaf), Err(error));
}

#[test]
fn chain_fingerprints_of_another_length_than_32_are_refused() {
    // The last 66 bytes of the leaf are the length of its two fingerprints, and they.
    let (fingerprintless, _) = DATA_TILE[..618].split_at(618 - 66);
    let leaf = [fingerprintless, b"\0\x21", &[7; 33]].concat();
    let error = ParseTileLeafError::ChainFingerprints { found: 33 };
    assert_eq!(TileLeaf::parse(&leaf), Err(error));
}

#[test]
fn a_leaf_without_leaf_index_is_refused() {
    let leaf = [
        &hex::decode("000000000000000100000000016a").unwrap()[..],
        b"\x00\x00", // no extensions
        b"\x00\x00",
    ]
    .concat();
    let error = ParseTileLeafError::Extensions(ParseExtensionsError::Missing);
    assert_eq!(TileLeaf::parse(&leaf), Err(error));
}

#[test]
fn entries_that_do_not_fit_their_length_fields_are_refused() {
    let long = vec![0; 1 << 24];
    assert!(X509Entry::new(vec![], vec![]).is_err());
    assert!(X509Entry::new(long.clone(), vec![]).is_err());
    assert!(X509Entry::new(vec![1], vec![[0; 32]; 2048]).is_err());
    assert!(X509Entry::new(vec![1], vec![[0; 32]; 2047]).is_ok());
    assert!(PrecertEntry::new([0; 32], vec![1], long, vec![]).is_err());
    assert!(PrecertEntry::new([0; 32], vec![], vec![1], vec![]).is_err());
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..max)
}

proptest! {
    #[test]
    fn any_precertificate_survives_its_tile_leaf(
        (leaf_index, timestamp_ms) in (0..=LeafIndex::MAX.get(), any::<u64>()),
        (tbs, precertificate) in (bytes(600), bytes(600)),
        issuer_key_hash in any::<[u8; 32]>(),
        chain in prop::collection::vec(any::<[u8; 32]>(), 0..4),
        next in bytes(9),
    ) {
        let leaf_index = index(leaf_index);
        let entry = PrecertEntry::new(issuer_key_hash, tbs, precertificate, chain).unwrap();
        let tile = [entry.tile_leaf(leaf_index, timestamp_ms), next.clone()].concat();
        let (leaf, rest) = TileLeaf::parse(&tile).unwrap();
        prop_assert_eq!((leaf.leaf_index(), leaf.timestamp_ms()), (leaf_index, timestamp_ms));
        prop_assert_eq!(leaf.merkle_tree_leaf(), entry.merkle_tree_leaf(leaf_index, timestamp_ms));
        prop_assert_eq!((leaf.entry(), rest), (&Entry::Precert(entry), &next[..]));
    }

    #[test]
    fn what_is_parsed_of_changed_bytes_is_encoded_to_the_same_bytes(
        at in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let mut tile = DATA_TILE.to_vec();
        tile[at.index(DATA_TILE.len())] = value;
        if let Ok(leaves) = TileLeaf::parse_all(&tile) {
            let encoded: Vec<u8> = leaves.iter().flat_map(TileLeaf::encode).collect();
            prop_assert_eq!(encoded, tile);
        }
        let mut sct = SCT.to_vec();
        sct[at.index(SCT.len())] = value;
        if let Ok(parsed) = SignedCertificateTimestamp::parse(&sct) {
            prop_assert_eq!(parsed.encode(), sct);
        }
    }
}
