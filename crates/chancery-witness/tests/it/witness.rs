//! The witness itself: statuses, what it remembers, and what it never says.

use std::fs;
use std::sync::Arc;

use chancery_keys::Signer as _;
use chancery_log::consistency_proof;
use chancery_tlog::{
    AddCheckpoint, Checkpoint, NoteSignature, SignatureType, SignedNote, TreeHead, key_id,
};
use chancery_witness::{OpenStateError, Refusal, Witness, WitnessState, verify_cosignature};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use crate::world::{OneWitness, World};

/// Signs a head with the log's Ed25519 key.
fn signed(world: &World, head: &TreeHead) -> SignedNote {
    let body = Checkpoint {
        origin: world.origin.clone(),
        head: *head,
    }
    .body();
    let name = world.origin.key_name();
    let public_key = world.witness_key.public_key().subject_public_key();
    let line = NoteSignature {
        name: name.clone(),
        key_id: key_id(name, SignatureType::Ed25519, public_key),
        signature: world.witness_key.sign_now(body.as_bytes()).unwrap(),
    };
    SignedNote::new(body, vec![line]).unwrap()
}

/// A log of some entries, and all heads that it ever had.
struct History {
    world: World,
    one: OneWitness,
    heads: Vec<TreeHead>,
}

impl History {
    async fn of(size: usize) -> Self {
        let world = World::new();
        let log = world.open(None).await.unwrap();
        let mut heads = vec![TreeHead::EMPTY];
        for _ in 0..size {
            world.append(&log).await.unwrap();
            heads.push(world.reader().head().await.unwrap().tree);
        }
        let one = world.witness("one.example");
        Self { world, one, heads }
    }

    async fn request(&self, old: usize, new: usize) -> AddCheckpoint {
        let reader = self.world.reader();
        AddCheckpoint {
            old_size: old as u64,
            proof: consistency_proof(&*reader, old as u64, new as u64)
                .await
                .unwrap(),
            checkpoint: signed(&self.world, &self.heads[new]),
        }
    }

    async fn add(&self, witness: &Arc<Witness>, old: usize, new: usize) -> Result<String, Refusal> {
        let request = self.request(old, new).await;
        let answer = witness.add_checkpoint(request.encode().as_bytes()).await?;
        let lines = NoteSignature::parse_lines(answer.as_bytes()).unwrap();
        let text = request.checkpoint.text();
        verify_cosignature(text, &lines[0], &self.one.key()).unwrap();
        Ok(answer)
    }
}

fn hash_of_origin() -> String {
    hex::encode(Sha256::digest(crate::world::ORIGIN.as_bytes()))
}

#[tokio::test]
async fn it_cosigns_what_extends_the_latest_and_remembers_over_restarts() {
    let history = History::of(9).await;
    let witness = history.one.open();
    assert_eq!(witness.latest(&hash_of_origin()).await, None);
    history.add(&witness, 0, 3).await.unwrap();
    history.add(&witness, 3, 7).await.unwrap();
    history.add(&witness, 7, 7).await.unwrap();
    assert!(matches!(
        history.add(&witness, 0, 9).await,
        Err(Refusal::Conflict { latest: 7 })
    ));
    let latest = witness.latest(&hash_of_origin()).await.unwrap();
    let note = SignedNote::parse(latest.as_bytes()).unwrap();
    assert_eq!(
        Checkpoint::parse(note.text()).unwrap().head,
        history.heads[7]
    );
    assert_eq!(note.signatures().len(), 2);
    assert_eq!(witness.latest("00").await, None);
    drop(witness);

    let again = history.one.open();
    assert_eq!(again.latest(&hash_of_origin()).await, Some(latest));
    assert!(matches!(
        history.add(&again, 3, 9).await,
        Err(Refusal::Conflict { latest: 7 })
    ));
    history.add(&again, 7, 9).await.unwrap();
}

#[tokio::test]
async fn each_refusal_is_the_one_of_the_protocol() {
    let history = History::of(9).await;
    let witness = history.one.open();
    history.add(&witness, 0, 5).await.unwrap();
    let add = |request: AddCheckpoint| {
        let witness = Arc::clone(&witness);
        async move {
            witness
                .add_checkpoint(request.encode().as_bytes())
                .await
                .unwrap_err()
        }
    };

    let malformed = witness
        .add_checkpoint(b"old 5\n\nnot a note")
        .await
        .unwrap_err();
    assert!(matches!(malformed, Refusal::Malformed(_)), "{malformed}");
    let mut beyond = history.request(5, 5).await;
    beyond.old_size = 6;
    assert!(matches!(
        add(beyond).await,
        Refusal::OldSize {
            old_size: 6,
            size: 5
        }
    ));

    let other = History::of(9).await;
    let foreign = add(other.request(0, 9).await).await;
    assert!(
        matches!(foreign, Refusal::NotSigned),
        "another key: {foreign}"
    );
    let mut damaged = history.request(5, 9).await;
    let mut line = damaged.checkpoint.signatures()[0].clone();
    line.signature[20] ^= 1;
    damaged.checkpoint.push(line);
    let damaged = add(damaged).await;
    assert!(
        matches!(damaged, Refusal::NotSigned),
        "one good, one bad: {damaged}"
    );

    let mut renamed = history.request(5, 9).await;
    let text = renamed
        .checkpoint
        .text()
        .replace("log.example", "other.example");
    renamed.checkpoint = SignedNote::new(text, renamed.checkpoint.signatures().to_vec()).unwrap();
    assert!(matches!(add(renamed).await, Refusal::UnknownLog));

    let mut unproven = history.request(5, 9).await;
    unproven.proof[0] = history.heads[1].root_hash;
    assert!(matches!(add(unproven).await, Refusal::Inconsistent(_)));
    let mut longer = history.request(5, 9).await;
    longer.proof.push(history.heads[1].root_hash);
    assert!(matches!(add(longer).await, Refusal::Inconsistent(_)));
    let fork = TreeHead {
        tree_size: 5,
        root_hash: history.heads[4].root_hash,
    };
    let mut other_root = history.request(5, 5).await;
    other_root.checkpoint = signed(&history.world, &fork);
    assert!(matches!(add(other_root).await, Refusal::Inconsistent(_)));
    let mut not_empty = history.request(0, 0).await;
    not_empty.checkpoint = signed(
        &history.world,
        &TreeHead {
            tree_size: 0,
            root_hash: history.heads[4].root_hash,
        },
    );
    assert!(matches!(add(not_empty).await, Refusal::Inconsistent(_)));
    // None of this has moved it.
    history.add(&witness, 5, 9).await.unwrap();
}

#[tokio::test]
async fn racing_requests_make_one_line_of_checkpoints() {
    let history = Arc::new(History::of(40).await);
    let witness = history.one.open();
    let mut racers = JoinSet::new();
    for racer in 0..8_usize {
        let (history, witness) = (Arc::clone(&history), Arc::clone(&witness));
        racers.spawn(async move {
            let (mut at, mut cosigned) = (0, Vec::new());
            while at < 40 {
                let to = (at + 1 + racer % 3).min(40);
                match history.add(&witness, at, to).await {
                    Ok(_) => {
                        cosigned.push((at, to));
                        at = to;
                    }
                    Err(Refusal::Conflict { latest }) => at = usize::try_from(latest).unwrap(),
                    Err(e) => panic!("{e}"),
                }
            }
            cosigned
        });
    }
    let mut steps = racers.join_all().await.concat();
    steps.retain(|(from, to)| from != to);
    steps.sort_unstable();
    let mut at = 0;
    for (from, to) in steps {
        assert_eq!(from, at, "two checkpoints from one size");
        at = to;
    }
    assert_eq!(at, 40);
}

#[tokio::test]
async fn a_damaged_or_foreign_file_and_a_second_process_are_refused() {
    let history = History::of(3).await;
    let witness = history.one.open();
    history.add(&witness, 0, 3).await.unwrap();
    let in_use = history.one.try_open().unwrap_err();
    assert!(matches!(in_use, OpenStateError::InUse(_)), "{in_use}");
    drop(witness);

    let path = history
        .one
        .folder
        .path()
        .join(format!("{}.checkpoint", hash_of_origin()));
    let whole = fs::read(&path).unwrap();
    for (place, replaced) in [(0, b'x'), (21, b'9'), (whole.len() - 8, b'/')] {
        let mut damaged = whole.clone();
        damaged[place] = replaced;
        fs::write(&path, damaged).unwrap();
        let refused = history.one.try_open().unwrap_err();
        assert!(
            matches!(refused, OpenStateError::Damaged { .. }),
            "{place}: {refused}"
        );
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(history.one.try_open().is_err());
    // A write that was cut short leaves the file of before.
    fs::write(&path, &whole).unwrap();
    fs::write(path.with_extension("new"), &whole[..40]).unwrap();
    let again = history.one.open();
    history.add(&again, 3, 3).await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_made_durable_is_not_answered() {
    let history = History::of(3).await;
    let witness = history.one.open();
    history.add(&witness, 0, 2).await.unwrap();
    // A folder in the place of the file that is written first.
    let path = history
        .one
        .folder
        .path()
        .join(format!("{}.new", hash_of_origin()));
    fs::create_dir(&path).unwrap();
    let refused = history.add(&witness, 2, 3).await.unwrap_err();
    assert!(matches!(refused, Refusal::State(_)), "{refused}");
    fs::remove_dir(&path).unwrap();
    history.add(&witness, 2, 3).await.unwrap();
}

/// Returns what is no honest request, made from a good one that leads from 5 entries to 9.
fn hostile(good: &str) -> Vec<(&'static str, Vec<u8>)> {
    let hash = good.lines().nth(1).unwrap();
    let note = good.split_once("\n\n").unwrap().1;
    let old = |old: &str| good.replacen("old 5", &format!("old {old}"), 1);
    let line = note.lines().last().unwrap();
    let claims = |size: &str| {
        let head = format!("{}\n{size}\n", crate::world::ORIGIN);
        format!("old 5\n\n{head}{hash}\n\n{line}\n")
    };
    vec![
        ("nothing", Vec::new()),
        ("no text", vec![0xff; 20_000]),
        ("newlines", vec![b'\n'; 30_000]),
        (
            "a proof of 10^6 lines",
            format!("old 5\n{}\n{note}", format!("{hash}\n").repeat(1_000_000)).into(),
        ),
        (
            "a proof of 64 lines",
            format!("old 5\n{}\n{note}", format!("{hash}\n").repeat(64)).into(),
        ),
        ("an old size of 2^64", old("18446744073709551616").into()),
        ("an old size with a sign", old("-5").into()),
        ("an old size with a zero before", old("05").into()),
        ("an old size beyond", old("18446744073709551615").into()),
        (
            "an old size twice",
            good.replacen("old 5", "old 5\nold 5", 1).into(),
        ),
        ("a size of 2^64", claims("18446744073709551616").into()),
        ("a size of 2^64 - 1", claims("18446744073709551615").into()),
        ("a size with a sign", claims("+9").into()),
        ("another line ending", good.replace('\n', "\r\n").into()),
        (
            "an origin in capitals",
            good.replacen("log.example", "LOG.example", 1).into(),
        ),
        (
            "an origin and a space",
            good.replacen("2027\n", "2027 \n", 1).into(),
        ),
        (
            "an origin with a path up",
            good.replacen("2027\n", "../2027\n", 1).into(),
        ),
        (
            "an empty origin",
            good.replacen(crate::world::ORIGIN, "", 1).into(),
        ),
        (
            "an extension",
            good.replacen("\n\n\u{2014}", "\nmore\n\n\u{2014}", 1)
                .into(),
        ),
        (
            "a huge note",
            format!("old 5\n\n{}\n\n{line}\n", "A".repeat(2_000_000)).into(),
        ),
        ("the line twice", format!("{good}{line}\n").into()),
        (
            "the line a hundred times",
            format!("{good}{}", format!("{line}\n").repeat(99)).into(),
        ),
        (
            "the line a thousand times",
            format!("{good}{}", format!("{line}\n").repeat(999)).into(),
        ),
    ]
}

#[tokio::test]
async fn what_a_hostile_log_or_anybody_sends_is_refused_and_leaves_no_trace() {
    let history = History::of(9).await;
    let witness = history.one.open();
    history.add(&witness, 0, 5).await.unwrap();
    let before = witness.latest(&hash_of_origin()).await;
    let bodies = hostile(&history.request(5, 9).await.encode());
    for (name, body) in bodies {
        let refusal = witness.add_checkpoint(&body).await.unwrap_err();
        let theirs = matches!(
            refusal,
            Refusal::Malformed(_)
                | Refusal::OldSize { .. }
                | Refusal::NotSigned
                | Refusal::UnknownLog
        );
        let said = refusal.to_string();
        assert!(
            theirs && !said.is_empty() && said.len() < 300,
            "{name}: {refusal}"
        );
        assert_eq!(witness.latest(&hash_of_origin()).await, before, "{name}");
    }
    history.add(&witness, 5, 9).await.unwrap();
    drop(witness);
    history.one.open();
}

#[tokio::test]
async fn lines_by_others_are_not_kept() {
    let history = History::of(3).await;
    let witness = history.one.open();
    let mut request = history.request(0, 3).await;
    for number in 0..99 {
        let other = history.world.witness(&format!("other-{number}.example"));
        request
            .checkpoint
            .push(other.sign(request.checkpoint.text(), 1));
    }
    witness
        .add_checkpoint(request.encode().as_bytes())
        .await
        .unwrap();
    let latest = witness.latest(&hash_of_origin()).await.unwrap();
    assert_eq!(
        SignedNote::parse(latest.as_bytes())
            .unwrap()
            .signatures()
            .len(),
        2
    );
    drop(witness);
    history.one.open();
}

#[tokio::test]
async fn who_hangs_up_while_he_waits_leaves_nothing_and_who_hangs_up_after_leaves_it_whole() {
    let history = Arc::new(History::of(3).await);
    let witness = history.one.open();
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (history, witness) = (Arc::clone(&history), Arc::clone(&witness));
        callers.spawn(async move { history.add(&witness, 0, 3).await.map(drop) });
    }
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    callers.shutdown().await;
    // Whatever came of it: memory and file are at one.
    let latest = witness.latest(&hash_of_origin()).await;
    let at = if latest.is_some() { 3 } else { 0 };
    history.add(&witness, at, 3).await.unwrap();
    let latest = witness.latest(&hash_of_origin()).await;
    drop(witness);
    assert_eq!(history.one.open().latest(&hash_of_origin()).await, latest);
}

#[test]
fn a_folder_is_made_with_all_that_is_above_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("a/b/state");
    WitnessState::open(&state).unwrap();
    WitnessState::open(&state).unwrap();
    let open = WitnessState::open(&state).unwrap();
    assert!(matches!(
        WitnessState::open(&state),
        Err(OpenStateError::InUse(_))
    ));
    drop(open);
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(
        WitnessState::open(&file),
        Err(OpenStateError::Io(_))
    ));
}
