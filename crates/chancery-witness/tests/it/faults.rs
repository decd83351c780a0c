//! Witnesses that are away, lie or drag their feet: never a line of theirs, never a release without a
//! quorum, and no hand needed afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chancery_log::{AppendError, Log, PublishedLog as _, WitnessStanding};
use chancery_witness::Insistence::{Required, WithoutIfNeeded};
use chancery_witness::Witness;
use tokio::sync::Semaphore;

use crate::server::{Behaviour, Server};
use crate::world::{
    OneWitness, World, append_until_released, cosigners, patient_cosigners, published,
};

fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

fn status(line: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {line}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

const DAY_S: u64 = 24 * 60 * 60;

fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_secs()
}

const LINE: &str = "\u{2014} faulty.example AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";

/// Everything that a server in the place of a witness may do, by name.
fn faults(world: &World, own: &OneWitness) -> Vec<(&'static str, Behaviour)> {
    faults_of(world, own, own.open())
}

/// Returns a witness, and what it does with the fault in that place: it is the one of both.
fn of_one_witness(world: &World, witness: &OneWitness, place: usize) -> (Arc<Witness>, Behaviour) {
    let honest = witness.open();
    let mut faults = faults_of(world, witness, Arc::clone(&honest));
    (honest, faults.swap_remove(place).1)
}

fn faults_of(
    world: &World,
    own: &OneWitness,
    honest: Arc<Witness>,
) -> Vec<(&'static str, Behaviour)> {
    use Behaviour::{Changed, Drips, Endless, Says, Silent};
    let other = {
        // The same name, another key.
        let other = world.witness(&own.name);
        other.open()
    };
    let open_end = b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n\xe2\x80\x94 f ".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\nA".to_vec();
    let mut all = vec![
        ("another key", Changed(other, |line| line)),
        (
            "a changed signature",
            Changed(honest, |line| change_last(&line)),
        ),
        ("a drip", Drips(open_end)),
        ("a flood", Endless(chunked)),
        ("silence", Silent),
    ];
    let says: [(&str, Vec<u8>); 17] = [
        ("nothing", Vec::new()),
        ("no HTTP", b"\xff\xfe garbage\r\n\r\n".to_vec()),
        ("an empty answer", ok("")),
        ("a line that is none", ok("witnessed!\n")),
        ("a line that is not ended", ok(LINE.trim_end())),
        ("a line of another length", ok(LINE)),
        (
            "a line by nobody known",
            ok(&LINE.replace("faulty", "nobody")),
        ),
        ("bytes that are no text", ok("\u{0}\u{1}\u{2}")),
        (
            "an answer cut short",
            b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n\xe2".to_vec(),
        ),
        (
            "a redirection",
            status("302 Found\r\nlocation: http://127.0.0.1:1/", ""),
        ),
        ("an unknown log", status("404 Not Found", "who?")),
        ("a refusal", status("403 Forbidden", "no")),
        (
            "its own trouble",
            status("500 Internal Server Error", "oops"),
        ),
        ("a size that is none", status("409 Conflict", "many\n")),
        ("the same size again", status("409 Conflict", "0\n")),
        (
            "an immense size",
            status("409 Conflict", "18446744073709551615\n"),
        ),
        (
            "a contradiction",
            status("422 Unprocessable Entity", "it does not verify"),
        ),
    ];
    all.extend(says.map(|(name, bytes)| (name, Says(bytes))));
    all.extend(hostile(own));
    all
}

/// What somebody does who has the witness's key, or means to fill this process's memory.
fn hostile(own: &OneWitness) -> Vec<(&'static str, Behaviour)> {
    use Behaviour::{Drips, Endless, Says, Signs};
    vec![
        (
            "a cosignature of another head",
            Signs(own.clone(), now_s(), |text| text.replacen('\n', "\n1", 1)),
        ),
        (
            "a cosignature of no time",
            Signs(own.clone(), 0, str::to_owned),
        ),
        (
            "a cosignature of two days ago",
            Signs(own.clone(), now_s() - 2 * DAY_S, str::to_owned),
        ),
        (
            "a cosignature of the day after tomorrow",
            Signs(own.clone(), now_s() + 2 * DAY_S, str::to_owned),
        ),
        (
            "a cosignature of the end of time",
            Signs(own.clone(), u64::MAX, str::to_owned),
        ),
        (
            "a header without an end",
            Endless(b"HTTP/1.1 200 OK\r\nx-more: A".to_vec()),
        ),
        (
            "headers without an end",
            Endless(
                [
                    &b"HTTP/1.1 200 OK\r\n"[..],
                    &b"a:b\r\n".repeat(20_000),
                    b"a",
                ]
                .concat(),
            ),
        ),
        (
            "an announcement again and again",
            Drips(b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(2_000)),
        ),
        ("thousands of lines", Says(ok(&LINE.repeat(4_000)))),
        (
            "more lines than a note has",
            Says(ok(&LINE.replace("faulty", "nobody").repeat(300))),
        ),
    ]
}

/// Changes the signature in a line, which stays well-formed.
fn change_last(line: &str) -> String {
    let at = line.len() - 10;
    let other = if &line[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &line[..at], &line[at + 1..])
}

#[tokio::test]
async fn where_a_witness_is_required_no_fault_releases_anything_and_its_end_needs_no_hand() {
    let names = faults(&World::new(), &World::new().witness("faulty.example"));
    for (place, (name, _)) in names.iter().enumerate() {
        let world = World::new();
        let witness = world.witness("faulty.example");
        let (honest, fault) = of_one_witness(&world, &witness, place);
        let server = Server::start(Behaviour::Honest(Arc::clone(&honest))).await;
        let witnesses = cosigners(&world, &[(&witness, &server.url)], "all", Required);
        let log = world.open(Some(witnesses)).await.unwrap();
        world.append(&log).await.unwrap();

        server.turn_into(fault);
        for _ in 0..2 {
            let refusal = world.append(&log).await.unwrap_err();
            assert!(
                matches!(refusal, AppendError::Unavailable(_)),
                "{name}: {refusal}"
            );
        }
        let (head, names) = published(&log, &[&witness]).await;
        assert_eq!((head.tree_size, names.len()), (1, 1), "{name}");
        assert!(log.probe().await.is_err(), "{name}");

        server.turn_into(Behaviour::Honest(honest));
        append_until_released(&world, &log).await;
        let (head, names) = published(&log, &[&witness]).await;
        assert_eq!((head.tree_size, names.len()), (3, 1), "{name}");
        assert_eq!(log.status().halted, None, "{name}");
    }
}

#[tokio::test]
async fn with_a_quorum_of_others_a_faulty_witness_is_left_out_and_its_lines_with_it() {
    let world = World::new();
    let good = world.witness("good.example");
    let good_server = Server::start(Behaviour::Honest(good.open())).await;
    let faulty = world.witness("faulty.example");
    for (name, fault) in faults(&world, &faulty) {
        let server = Server::start(fault).await;
        let asked = [(&faulty, &*server.url), (&good, &*good_server.url)];
        let witnesses = cosigners(&world, &asked, "any", Required);
        let log = world.open(Some(witnesses)).await.unwrap();
        for _ in 0..3 {
            world.append(&log).await.unwrap();
            let (_, names) = published(&log, &[&good, &faulty]).await;
            assert_eq!(names, ["good.example"], "{name}");
        }
        log.close().await;
    }
}

#[tokio::test]
async fn a_witness_that_is_not_required_is_not_waited_for_for_ever() {
    let world = World::new();
    let witness = world.witness("faulty.example");
    let server = Server::start(Behaviour::Silent).await;
    let witnesses = cosigners(&world, &[(&witness, &server.url)], "all", WithoutIfNeeded);
    let log = world.open(Some(witnesses)).await.unwrap();
    world.append_many(&log, 3).await;
    let (head, names) = published(&log, &[&witness]).await;
    assert_eq!((head.tree_size, names.len()), (3, 0));

    server.turn_into(Behaviour::Honest(witness.open()));
    for _ in 0..400 {
        world.append(&log).await.unwrap();
        if published(&log, &[&witness]).await.1.len() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the witness is back and is not asked");
}

#[tokio::test]
async fn all_who_answer_are_in_the_checkpoint_in_the_order_of_the_policy() {
    let world = World::new();
    let witnesses = ["c", "a", "b"].map(|name| world.witness(&format!("{name}.example")));
    let mut servers = Vec::new();
    for witness in &witnesses {
        servers.push(Server::start(Behaviour::Honest(witness.open())).await);
    }
    let asked: Vec<_> = witnesses
        .iter()
        .zip(&servers)
        .map(|(w, s)| (w, &*s.url))
        .collect();
    let first = cosigners(&world, &asked, "all", Required);
    let log = world.open(Some(first)).await.unwrap();
    world.append_many(&log, 5).await;
    let all: Vec<_> = witnesses.iter().collect();
    let (head, names) = published(&log, &all).await;
    assert_eq!(head.tree_size, 5);
    assert_eq!(names, ["c.example", "a.example", "b.example"]);

    // Another process, which knows nothing of where the witnesses stand.
    let again = cosigners(&world, &asked, "all", Required);
    let other = world.open(Some(again)).await.unwrap();
    assert_eq!(published(&other, &all).await.1.len(), 3);
}

#[tokio::test]
async fn a_database_that_went_back_releases_nothing_new_and_both_sizes_are_said() {
    let world = World::new();
    let witness = world.witness("one.example");
    let server = Server::start(Behaviour::Honest(witness.open())).await;
    let asked = [(&witness, &*server.url)];
    let log = world
        .open(Some(cosigners(&world, &asked, "all", Required)))
        .await
        .unwrap();
    world.append_many(&log, 2).await;
    let backup = world.memory.state().clone();
    world.append_many(&log, 3).await;
    log.close().await;
    *world.memory.state() = backup;

    // The guard went back with the database: only the witness knows.
    let path = world.folder.path().join("guard-2");
    let stands = world.reader().head().await.unwrap().tree;
    let guard = chancery_log::guard::FileGuard::create_at(&path, &stands).unwrap();
    let witnesses = cosigners(&world, &asked, "all", Required);
    let log = world
        .open_with(Arc::new(guard), Some(witnesses))
        .await
        .unwrap();
    let refusal = world.append(&log).await.unwrap_err().to_string();
    assert!(
        refusal.contains("seen 5 entries") && refusal.contains("holds 2"),
        "{refusal}"
    );
    assert!(log.checkpoint().await.is_err());
}

/// Waits until a log's first witness stands as it should.
async fn until_first(log: &Log, stands: impl Fn(&WitnessStanding) -> bool) {
    let begun = Instant::now();
    while !stands(&log.status().witnesses[0]) {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{:?}",
            log.status()
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_later_than_the_quorum_is_no_failure_and_says_where_the_witness_stands() {
    let world = World::new();
    let (late, good) = (world.witness("late.example"), world.witness("good.example"));
    let permits = Arc::new(Semaphore::new(0));
    let late_server = Server::start(Behaviour::Held(late.open(), Arc::clone(&permits))).await;
    let good_server = Server::start(Behaviour::Honest(good.open())).await;
    let asked = [(&late, &*late_server.url), (&good, &*good_server.url)];
    let witnesses = patient_cosigners(&world, &asked, "any", Required);
    let log = world.open(Some(witnesses)).await.unwrap();
    // The first is on its way when the others come, and nobody else asks the witness meanwhile.
    for size in 1..4 {
        world.append(&log).await.unwrap();
        let (head, names) = published(&log, &[&late, &good]).await;
        assert_eq!(
            (head.tree_size, &*names),
            (size, &["good.example".to_owned()][..])
        );
    }
    assert_eq!(log.status().witnesses[0].failures, 0);
    assert_eq!(log.status().witnesses[0].cosigned_at, None);

    permits.add_permits(1);
    until_first(&log, |late| late.cosigned_at.is_some()).await;
    // One question of one request: it is asked from where it stands.
    permits.add_permits(1);
    world.append(&log).await.unwrap();
    let (head, names) = published(&log, &[&late, &good]).await;
    assert_eq!((head.tree_size, names.len()), (4, 2));
    let standing = &log.status().witnesses[0];
    assert_eq!((standing.size, standing.failures), (4, 0));
}

#[tokio::test]
async fn the_last_head_waits_for_all_who_answer_in_time() {
    let world = World::new();
    let (late, good) = (world.witness("late.example"), world.witness("good.example"));
    let permits = Arc::new(Semaphore::new(0));
    let late_server = Server::start(Behaviour::Held(late.open(), Arc::clone(&permits))).await;
    let good_server = Server::start(Behaviour::Honest(good.open())).await;
    let asked = [(&late, &*late_server.url), (&good, &*good_server.url)];
    let witnesses = patient_cosigners(&world, &asked, "any", Required);
    let log = world.open(Some(witnesses)).await.unwrap();
    world.append(&log).await.unwrap();
    let (_, names) = published(&log, &[&late, &good]).await;
    assert_eq!(names, ["good.example"]);

    let mut last = Box::pin(log.last());
    let grace = tokio::time::timeout(Duration::from_secs(1), &mut last).await;
    grace.expect_err("the last head goes without a witness that may still answer");
    permits.add_permits(10);
    let (last, late_first) = (last.await.unwrap(), ["late.example", "good.example"]);
    assert_eq!((last.quorum, last.signed.head.tree.tree_size), (true, 1));
    assert_eq!(published(&log, &[&late, &good]).await.1, late_first);
}

#[tokio::test]
async fn each_cell_of_the_table_in_the_documents_is_as_it_says() {
    let ahead = |size| Behaviour::Says(status("409 Conflict", size));
    let cells = [
        ("down", Behaviour::Silent, "did not answer in time"),
        ("lies", Behaviour::Says(ok(LINE)), "no cosignature"),
        ("ahead", ahead("9\n"), "seen 9 entries"),
        ("immense", ahead("18446744073709551615\n"), "holds"),
    ];
    for (name, fault, said) in cells {
        for insistence in [Required, WithoutIfNeeded] {
            let world = World::new();
            let witness = world.witness("faulty.example");
            let server = Server::start(Behaviour::Honest(witness.open())).await;
            let asked = [(&witness, &*server.url)];
            let witnesses = cosigners(&world, &asked, "all", insistence);
            let log = world.open(Some(witnesses)).await.unwrap();
            world.append(&log).await.unwrap();
            server.turn_into(fault.clone());
            let outcome = world.append(&log).await;
            let (head, lines) = published(&log, &[&witness]).await;
            match insistence {
                Required => {
                    let refusal = outcome.unwrap_err().to_string();
                    assert!(refusal.contains(said), "{name}: {refusal}");
                    assert_eq!((head.tree_size, lines.len()), (1, 1), "{name}");
                }
                WithoutIfNeeded => {
                    outcome.unwrap();
                    assert_eq!((head.tree_size, lines.len()), (2, 0), "{name}");
                }
            }
            // Whatever it did, it is left alone for a while.
            let standing = &log.status().witnesses[0];
            assert!(standing.failures >= 1, "{name}: {standing:?}");
            assert_eq!(standing.size, 1, "{name}");
            if insistence == Required {
                // The first pauses are short.
                let mut tries = 0..10;
                let left_alone = |refusal: AppendError| refusal.to_string().contains("again soon");
                while !left_alone(world.append(&log).await.unwrap_err()) {
                    assert!(tries.next().is_some(), "{name}: it is asked each time");
                }
            }
            log.close().await;
        }
    }
}
