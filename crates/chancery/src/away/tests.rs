//! Each variant, by who is at fault.

use std::path::PathBuf;

use chancery_tlog::TreeHead;

use super::*;

fn store_away() -> StoreError {
    StoreError::Unavailable("no answer".into())
}

fn store_wrong() -> StoreError {
    StoreError::Inconsistent("two heads".to_owned())
}

fn guard_away() -> GuardError {
    GuardError::Unavailable(io::Error::other("no answer"))
}

fn guard_wrong() -> GuardError {
    GuardError::Damaged("no readable slot".to_owned())
}

fn sign_away() -> SignError {
    let reason = "no answer".to_owned();
    SignError::Unavailable { reason }
}

fn sign_wrong() -> SignError {
    let reason = "broken".to_owned();
    SignError::Failed { reason }
}

fn refused(source: StoreError) -> ConnectError {
    let url = "postgres://localhost/a".to_owned();
    ConnectError::Refused { url, source }
}

fn file(kind: io::ErrorKind) -> ConnectError {
    ConnectError::File(PathBuf::from("a.db"), kind.into())
}

fn assert_sorted<E: Away>(away: &[E], wrong: &[E]) {
    for error in away {
        assert!(error.is_away(), "{error:?}");
    }
    for error in wrong {
        assert!(!error.is_away(), "{error:?}");
    }
}

#[test]
fn a_log_waits_for_database_guard_and_key_and_for_nothing_else() {
    let publish = |error: PublishError| OpenLogError::Publish(error);
    let damage = String::new();
    let stored = TreeHead::EMPTY;
    assert_sorted(
        &[
            OpenLogError::Guard(guard_away()),
            OpenLogError::Store(store_away()),
            publish(PublishError::Guard(guard_away())),
            publish(PublishError::Read(ReadError::Store(store_away()))),
            publish(PublishError::Read(ReadError::Unpublished(String::new()))),
            publish(PublishError::Sign(sign_away())),
        ],
        &[
            OpenLogError::Damaged { stored, damage },
            OpenLogError::Guard(guard_wrong()),
            OpenLogError::Store(store_wrong()),
            publish(PublishError::Encode(String::new())),
            publish(PublishError::Guard(guard_wrong())),
            publish(PublishError::Halted(String::new())),
            publish(PublishError::Read(ReadError::Inconsistent(String::new()))),
            publish(PublishError::Read(ReadError::Store(store_wrong()))),
            publish(PublishError::Sign(sign_wrong())),
        ],
    );
}

#[test]
fn a_database_that_does_not_answer_is_no_fault_of_the_configuration() {
    assert_sorted(
        &[
            refused(store_away()),
            ConnectError::InUse(PathBuf::new()),
            file(io::ErrorKind::StorageFull),
        ],
        &[
            refused(store_wrong()),
            ConnectError::Missing(PathBuf::new()),
            file(io::ErrorKind::PermissionDenied),
        ],
    );
    assert_sorted(
        &[SchemaError::Store(store_away())],
        &[
            SchemaError::Store(store_wrong()),
            SchemaError::Missing,
            SchemaError::Altered(1),
            SchemaError::Unfinished(1),
            SchemaError::Older { found: 1, known: 2 },
            SchemaError::Newer { found: 2, known: 1 },
        ],
    );
    let setting = DurabilityError::Setting {
        name: "fsync",
        value: "off".to_owned(),
        wanted: "on",
    };
    assert_sorted(
        &[DurabilityError::Store(store_away())],
        &[
            DurabilityError::Store(store_wrong()),
            DurabilityError::Standby,
            setting,
        ],
    );
}

#[test]
fn a_guard_that_does_not_answer_is_no_fault_of_the_configuration() {
    let database = |error: GuardDatabaseError| OpenDatabaseGuardError::Database(error);
    assert_sorted(
        &[
            database(refused(store_away()).into()),
            database(DurabilityError::Store(store_away()).into()),
            database(SchemaError::Store(store_away()).into()),
            database(store_away().into()),
        ],
        &[
            database(refused(store_wrong()).into()),
            database(DurabilityError::Standby.into()),
            database(SchemaError::Missing.into()),
            database(store_wrong().into()),
            database(GuardDatabaseError::Guarded(String::new())),
            OpenDatabaseGuardError::Damaged(guard_wrong()),
            OpenDatabaseGuardError::Unknown {
                id: String::new(),
                url: String::new(),
            },
        ],
    );
    let (name, reason) = (String::new(), String::new());
    assert_sorted(
        &[ObjectGuardError::Unavailable { name, reason }],
        &[
            ObjectGuardError::Damaged(String::new()),
            ObjectGuardError::Unconditional(String::new()),
        ],
    );
    let opened = |kind: io::ErrorKind| OpenGuardError::Io(PathBuf::new(), kind.into());
    assert_sorted(
        &[opened(io::ErrorKind::TimedOut)],
        &[
            opened(io::ErrorKind::NotFound),
            OpenGuardError::Damaged(PathBuf::new()),
        ],
    );
}
