//! Random histories of faults, restarts, replicas and clock steps: whatever happens, the log stays
//! one log and keeps what it has answered.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use chancery_log::Delivery;
use chancery_log::PublishedLog as _;
use chancery_log::memory::Fault::{self, CommittedUnknown, LostUnknown, NotCommitted};
use proptest::prelude::*;

use crate::faulty::GuardFault::{self, AnswerLost, Unreachable};
use crate::world::{Kind, TestLog, World};

#[derive(Clone, Debug)]
enum Step {
    /// Appends so many at once through one of the two processes.
    Append(bool, usize),
    CommitFault(Fault),
    GuardFault(bool, GuardFault),
    KeyFault(bool),
    /// Moves the clock, in milliseconds.
    Tick(i64),
    Read(bool),
    Restart(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let commit_fault = prop::sample::select(vec![NotCommitted, CommittedUnknown, LostUnknown]);
    let guard_fault = prop::sample::select(vec![Unreachable, AnswerLost]);
    let size = prop_oneof![8 => 1..4_usize, 1 => 1..300_usize];
    prop_oneof![
        6 => (any::<bool>(), size).prop_map(|(on, size)| Step::Append(on, size)),
        2 => commit_fault.prop_map(Step::CommitFault),
        2 => (any::<bool>(), guard_fault).prop_map(|(on, fault)| Step::GuardFault(on, fault)),
        1 => any::<bool>().prop_map(Step::KeyFault),
        1 => (-1_500..5_000_i64).prop_map(Step::Tick),
        2 => any::<bool>().prop_map(Step::Read),
        1 => any::<bool>().prop_map(Step::Restart),
    ]
}

/// Two processes on one log, and the places that were delivered for.
struct History {
    logs: [TestLog; 2],
    delivered: BTreeSet<u64>,
}

impl History {
    async fn take(&mut self, step: Step) {
        let world = self.logs[0].world.clone();
        match step {
            Step::Append(on, count) => self.append(on, count).await,
            Step::CommitFault(fault) => world.memory.fail_next(&[fault]),
            Step::GuardFault(on, fault) => self.logs[usize::from(on)].guard.fail_next(&[fault]),
            Step::KeyFault(on) => self.logs[usize::from(on)].signer.failing.store(1, SeqCst),
            Step::Tick(ms) if ms < 0 => world.tick_back(Duration::from_millis(ms.unsigned_abs())),
            Step::Tick(ms) => world.tick(Duration::from_millis(ms.unsigned_abs())),
            Step::Read(on) => {
                let _ = self.logs[usize::from(on)].checkpoint().await;
            }
            Step::Restart(on) => {
                let log = &mut self.logs[usize::from(on)];
                log.close().await;
                *log = world.open().await.unwrap();
            }
        }
        assert!(self.logs.iter().all(|log| log.status().halted.is_none()));
    }

    async fn append(&mut self, on: bool, count: usize) {
        let log = &self.logs[usize::from(on)];
        let appends: Vec<_> = (0..count).map(|_| log.spawn_append()).collect();
        for append in appends {
            if let Ok(sequenced) = append.await.unwrap() {
                let leaf_index = sequenced.leaf_index().get();
                log.deliver(Delivery {
                    leaf_index,
                    body: Bytes::new(),
                    sha256: [0; 32],
                });
                self.delivered.insert(leaf_index);
            }
        }
    }

    /// Ends all faults and checks that everything is as it was promised.
    async fn end(self) {
        let world = self.logs[0].world.clone();
        world.memory.heal();
        world.tick(Duration::from_secs(10));
        for log in &self.logs {
            log.guard.heal();
            log.signer.failing.store(0, SeqCst);
            log.append_one().await.unwrap();
            log.check_log().await;
        }
        for log in &self.logs {
            log.close().await;
        }
        let recorded = world.memory.state().deliveries.keys().copied().collect();
        assert_eq!(self.delivered, recorded);
        world.open().await.unwrap().check_log().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_history_of_faults_forks_the_log_or_loses_an_answer(
        kind in prop::sample::select(vec![Kind::Issuance, Kind::Ledger]),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::of(kind);
            let logs = [world.open().await.unwrap(), world.open().await.unwrap()];
            let mut history = History { logs, delivered: BTreeSet::new() };
            for step in steps {
                history.take(step).await;
            }
            history.end().await;
        });
    }
}
