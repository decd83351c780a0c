//! The log engine from outside: every test opens logs over a store, a guard and a key that can be
//! made to fail, and re-verifies the whole log from its published bytes after each step.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where one of these panics"
)]

/// Runs tests over a log of certificates and over a plain one, such as a ledger's.
macro_rules! over_both_kinds {
    ($(#[$attribute:meta] $test:ident),* $(,)?) => {
        mod of_certificates {
            $(#[$attribute] async fn $test() {
                super::$test(crate::world::Kind::Issuance).await;
            })*
        }

        mod of_a_ledger {
            $(#[$attribute] async fn $test() {
                super::$test(crate::world::Kind::Ledger).await;
            })*
        }
    };
}

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
