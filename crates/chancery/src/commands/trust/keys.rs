//! `chancery trust key`: a key for operators.

use std::path::PathBuf;

use chancery_keys::{KeyType, Signer as _, file};
use chancery_trust::tuf::KeyId;

use crate::cli::TrustKeyArgs;
use crate::failure::Failure;
use crate::founding::write_new;
use crate::report::say;
use crate::{keys, opening};

pub(crate) fn key(args: &TrustKeyArgs) -> Result<(), Failure> {
    let passphrase = file::read_passphrase_file(&args.passphrase_file);
    let passphrase = passphrase.map_err(opening::configuration)?;
    let [key] = keys::make([(args.file.clone(), KeyType::Ed25519, &passphrase)])?;
    let public = pem::Pem::new("PUBLIC KEY", key.public_key().spki_der());
    let mut path = args.file.clone().into_os_string();
    path.push(".pub");
    let path = PathBuf::from(path);
    write_new(&path, pem::encode(&public).as_bytes(), 0o644)?;
    let id = KeyId::of(key.public_key()).map_err(Failure::from_error)?;
    say(format_args!("key {id}\npublic half: {}\n", path.display()));
    Ok(())
}
