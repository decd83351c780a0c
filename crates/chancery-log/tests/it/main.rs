//! The log engine from outside: every test opens logs over a store, a guard and a key that can be
//! made to fail, and re-verifies the whole log from its published bytes after each step.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where one of these panics"
)]

mod appends;
mod audit;
mod clock;
mod commit_faults;
mod copy;
mod damage;
mod deliveries;
mod export;
mod faulty;
mod file_guard;
mod find;
mod guard_faults;
mod histories;
mod pool;
mod proofs;
mod reading_place;
mod replicas;
mod rollback;
mod shards;
mod tiles;
mod verify;
mod witnesses;
mod world;
