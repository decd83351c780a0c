//! Key files, several at once: each costs a tenth of a second of scrypt.

use std::path::{Path, PathBuf};
use std::thread;

use chancery_keys::{KeyType, LocalKey, Passphrase, file};

use crate::failure::{Causes, Failure};

/// Loads keys that share a passphrase.
pub(crate) fn load<const N: usize>(
    paths: [&Path; N],
    passphrase: &Passphrase,
) -> Result<[LocalKey; N], Failure> {
    at_once(paths, |path| {
        file::load(path, passphrase).map_err(|e| Failure::configuration(Causes(&e)))
    })
}

/// Makes keys, each with its passphrase. A file that exists is not overwritten.
pub(crate) fn make<const N: usize>(
    wanted: [(PathBuf, KeyType, &Passphrase); N],
) -> Result<[LocalKey; N], Failure> {
    at_once(wanted, |(path, key_type, passphrase)| {
        let key = LocalKey::generate(key_type).map_err(Failure::from_error)?;
        file::create(&path, &key, passphrase).map_err(Failure::from_error)?;
        Ok(key)
    })
}

fn at_once<T: Send, const N: usize>(
    items: [T; N],
    act: impl Fn(T) -> Result<LocalKey, Failure> + Sync,
) -> Result<[LocalKey; N], Failure> {
    let ended = thread::scope(|scope| {
        let act = &act;
        items
            .map(|item| scope.spawn(move || act(item)))
            .map(thread::ScopedJoinHandle::join)
    });
    let mut keys = Vec::with_capacity(N);
    for key in ended {
        keys.push(key.map_err(|_| Failure::failed("a thread that works on keys ended"))??);
    }
    keys.try_into()
        .map_err(|_| Failure::failed("a key is missing"))
}
