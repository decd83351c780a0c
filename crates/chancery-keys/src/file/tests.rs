//! The hygiene of key and passphrase files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::{KeyType, Signer};

struct KeyFile {
    directory: tempfile::TempDir,
    path: PathBuf,
    key: LocalKey,
    passphrase: Passphrase,
}

impl KeyFile {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let key = LocalKey::generate(KeyType::P256).unwrap();
        let passphrase = Passphrase::from_bytes(b"correct horse battery staple").unwrap();
        create(&path, &key, &passphrase).unwrap();
        Self {
            directory,
            path,
            key,
            passphrase,
        }
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn load(&self, path: &Path) -> Result<LocalKey, LoadKeyError> {
        load(path, &self.passphrase)
    }

    /// Loads a file of mode 0600 with this content.
    fn load_content(&self, content: impl AsRef<[u8]>) -> Result<LocalKey, LoadKeyError> {
        let path = self.beside("content.pem");
        write(&path, content.as_ref(), 0o600);
        self.load(&path)
    }

    #[track_caller]
    fn fault(&self, content: impl AsRef<[u8]>) -> KeyFileFault {
        match self.load_content(content) {
            Err(LoadKeyError::Content { path, fault }) => {
                assert_eq!(path, self.beside("content.pem"));
                fault
            }
            other => panic!("not refused for its content: {other:?}"),
        }
    }
}

fn write(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    set_mode(path, mode);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn pem(label: &str, der: &[u8]) -> String {
    pem::encode_string(label, LineEnding::LF, der).unwrap()
}

#[test]
fn a_new_key_file_is_encrypted_and_its_owners_alone() {
    let file = KeyFile::new();
    let metadata = fs::metadata(&file.path).unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o600);
    let pem = fs::read_to_string(&file.path).unwrap();
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let (_, der) = pem::decode_vec(pem.as_bytes()).unwrap();
    let secret = file.key.to_pkcs8_der().unwrap();
    assert!(!contains(&der, &secret[secret.len() - 32..]));
}

#[test]
fn two_files_of_one_key_have_nothing_in_common() {
    let file = KeyFile::new();
    let other = file.beside("other.pem");
    create(&other, &file.key, &file.passphrase).unwrap();
    let ciphertext = |path: &Path| {
        let (_, der) = pem::decode_vec(&fs::read(path).unwrap()).unwrap();
        der[der.len() - 64..].to_vec()
    };
    assert_ne!(ciphertext(&file.path), ciphertext(&other));
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let file = KeyFile::new();
    let before = fs::read(&file.path).unwrap();
    let error = create(&file.path, &file.key, &file.passphrase).unwrap_err();
    assert!(matches!(error, CreateKeyError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&file.path).unwrap(), before);

    let dangling = file.beside("dangling.pem");
    symlink(file.beside("nowhere.pem"), &dangling).unwrap();
    let error = create(&dangling, &file.key, &file.passphrase).unwrap_err();
    assert!(matches!(error, CreateKeyError::Exists { .. }), "{error}");
    assert!(!file.beside("nowhere.pem").exists());
}

#[test]
fn a_file_in_a_missing_directory_is_not_created() {
    let file = KeyFile::new();
    let path = file.beside("missing").join("ca.pem");
    let error = create(&path, &file.key, &file.passphrase).unwrap_err();
    assert!(matches!(error, CreateKeyError::Write { .. }), "{error}");
}

#[test]
fn a_file_that_others_can_read_or_write_is_refused() {
    let file = KeyFile::new();
    for mode in [
        0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666, 0o777,
    ] {
        set_mode(&file.path, mode);
        match file.load(&file.path) {
            Err(LoadKeyError::File(SecretFileError::Exposed { mode: found, .. })) => {
                assert_eq!(found, mode);
            }
            other => panic!("{mode:04o}: {other:?}"),
        }
    }
    for mode in [0o600, 0o400] {
        set_mode(&file.path, mode);
        file.load(&file.path).unwrap();
    }
}

#[test]
fn the_mode_that_counts_is_that_of_a_links_target() {
    let file = KeyFile::new();
    let link = file.beside("link.pem");
    symlink(&file.path, &link).unwrap();
    let loaded = file.load(&link).unwrap();
    assert_eq!(loaded.public_key(), file.key.public_key());
    set_mode(&file.path, 0o644);
    let error = file.load(&link).unwrap_err();
    let LoadKeyError::File(SecretFileError::Exposed { .. }) = error else {
        panic!("{error}");
    };
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn what_is_not_a_file_of_a_keys_size_is_refused() {
    let file = KeyFile::new();
    for path in [file.directory.path(), Path::new("/dev/null")] {
        let error = file.load(path).unwrap_err();
        let LoadKeyError::File(SecretFileError::NotAFile { .. }) = error else {
            panic!("{error}");
        };
    }
    let missing = file.load(&file.beside("missing.pem")).unwrap_err();
    assert!(matches!(
        missing,
        LoadKeyError::File(SecretFileError::Open { .. })
    ));
    let large = file
        .load_content(vec![b'-'; KEY_FILE_LIMIT + 1])
        .unwrap_err();
    assert!(matches!(
        large,
        LoadKeyError::File(SecretFileError::TooLarge { .. })
    ));
    let largest = file.fault(vec![b'-'; KEY_FILE_LIMIT]);
    assert_eq!(largest, KeyFileFault::NotPem);
}

#[test]
fn a_pipe_is_refused_without_waiting_for_its_writer() {
    let file = KeyFile::new();
    let fifo = file.beside("fifo");
    make_fifo(&fifo);
    let error = file.load(&fifo).unwrap_err();
    assert!(matches!(
        error,
        LoadKeyError::File(SecretFileError::NotAFile { .. })
    ));
}

fn make_fifo(path: &Path) {
    let status = std::process::Command::new("mkfifo")
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_wrong_passphrase_is_called_one() {
    let file = KeyFile::new();
    let wrong = Passphrase::from_bytes(b"sesame").unwrap();
    let error = load(&file.path, &wrong).unwrap_err();
    let LoadKeyError::Content { fault, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(fault, &KeyFileFault::WrongPassphrase);
    assert!(!format!("{error} {error:?}").contains("sesame"));
}

#[test]
fn a_wrong_passphrase_whose_padding_fits_is_still_called_one() {
    let file = KeyFile::new();
    let sealed = encrypt(b"by chance no PrivateKeyInfo", &file.passphrase).unwrap();
    let fault = file.fault(pem(LABEL, &sealed));
    assert_eq!(fault, KeyFileFault::WrongPassphrase);
}

#[test]
fn keys_in_other_formats_are_told_apart_and_how_to_convert_them() {
    let file = KeyFile::new();
    let secret = file.key.to_pkcs8_der().unwrap();
    let legacy = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                  DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n\
                  -----END EC PRIVATE KEY-----\n";
    for (content, expected) in [
        (pem("PRIVATE KEY", &secret), KeyFileFault::NotEncrypted),
        (
            pem("EC PRIVATE KEY", &secret),
            KeyFileFault::TraditionalFormat,
        ),
        (
            pem("RSA PRIVATE KEY", &secret),
            KeyFileFault::TraditionalFormat,
        ),
        (legacy.to_owned(), KeyFileFault::LegacyEncryption),
        (legacy.replace('\n', "\r\n"), KeyFileFault::LegacyEncryption),
    ] {
        let fault = file.fault(&content);
        assert_eq!(fault, expected);
        assert!(fault.to_string().contains("openssl pkcs8 -topk8 -scrypt"));
    }
    assert_eq!(file.fault(&secret[..]), KeyFileFault::NotPem);
    assert_eq!(file.fault(""), KeyFileFault::NotPem);
    assert_eq!(file.fault("\0\0\0"), KeyFileFault::NotPem);
    let certificate = file.fault(pem("CERTIFICATE", b"whatever"));
    assert!(certificate.to_string().contains("`CERTIFICATE`"));
    let openssh = file.fault(pem("OPENSSH PRIVATE KEY", b"whatever"));
    assert!(matches!(openssh, KeyFileFault::OtherLabel { .. }));
}

#[test]
fn a_damaged_file_is_refused_wherever_it_is_cut() {
    let file = KeyFile::new();
    let good = fs::read(&file.path).unwrap();
    for length in 0..good.len() - 1 {
        match file.fault(&good[..length]) {
            KeyFileFault::Damaged | KeyFileFault::NotPem => {}
            other => panic!("cut to {length}: {other}"),
        }
    }
    let (_, der) = pem::decode_vec(&good).unwrap();
    for damaged in [&der[..der.len() - 16], &[&der[..], &[0]].concat(), b""] {
        assert_eq!(file.fault(pem(LABEL, damaged)), KeyFileFault::Damaged);
    }
    let twice = [&good[..], &good[..]].concat();
    assert_eq!(file.fault(twice), KeyFileFault::Damaged);
}

#[test]
fn a_file_from_another_platform_is_read() {
    let file = KeyFile::new();
    let good = fs::read_to_string(&file.path).unwrap();
    for content in [
        good.replace('\n', "\r\n"),
        format!("Bag Attributes\n    friendlyName: ca\n{good}"),
        format!("{good}\n\n"),
    ] {
        let loaded = file.load_content(&content).unwrap();
        assert_eq!(loaded.public_key(), file.key.public_key(), "{content}");
    }
}

#[test]
fn a_key_whose_halves_differ_is_refused() {
    let file = KeyFile::new();
    let other = LocalKey::generate(KeyType::P256).unwrap();
    let mut secret = file.key.to_pkcs8_der().unwrap();
    let point = secret.len() - 65;
    secret[point..].copy_from_slice(other.public_key().subject_public_key());
    let sealed = encrypt(&secret, &file.passphrase).unwrap();
    assert_eq!(file.fault(pem(LABEL, &sealed)), KeyFileFault::InvalidKey);
}

#[test]
fn a_passphrase_comes_from_a_private_file_or_a_pipe() {
    let file = KeyFile::new();
    let path = file.beside("passphrase");
    write(&path, b"hunter2\n", 0o600);
    assert_eq!(read_passphrase_file(&path).unwrap().as_bytes(), b"hunter2");
    for mode in [0o644, 0o640] {
        set_mode(&path, mode);
        let error = read_passphrase_file(&path).unwrap_err();
        assert!(matches!(
            error,
            ReadPassphraseError::File(SecretFileError::Exposed { .. })
        ));
    }

    let fifo = file.beside("fifo");
    make_fifo(&fifo);
    set_mode(&fifo, 0o644);
    let writer = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::write(fifo, b"from a pipe\n").unwrap()
    });
    let passphrase = read_passphrase_file(&fifo).unwrap();
    writer.join().unwrap();
    assert_eq!(passphrase.as_bytes(), b"from a pipe");
}

#[test]
fn a_passphrase_comes_from_an_inherited_descriptor() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"from a descriptor\n").unwrap();
    drop(writer);
    let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
    let passphrase = read_passphrase_file(&path).unwrap();
    assert_eq!(passphrase.as_bytes(), b"from a descriptor");
}

#[test]
fn files_without_a_usable_passphrase_are_refused() {
    let file = KeyFile::new();
    let path = file.beside("passphrase");
    for empty in [&b""[..], b"\n"] {
        write(&path, empty, 0o600);
        let error = read_passphrase_file(&path).unwrap_err();
        assert!(
            matches!(error, ReadPassphraseError::Content { .. }),
            "{error}"
        );
    }
    let error = read_passphrase_file(Path::new("/dev/null")).unwrap_err();
    assert!(
        matches!(error, ReadPassphraseError::Content { .. }),
        "{error}"
    );
    write(&path, &vec![b'x'; PASSPHRASE_FILE_LIMIT + 1], 0o600);
    for (path, limit) in [(path.as_path(), true), (file.directory.path(), false)] {
        match read_passphrase_file(path).unwrap_err() {
            ReadPassphraseError::File(SecretFileError::TooLarge { .. }) => assert!(limit),
            ReadPassphraseError::File(SecretFileError::NotAFile { .. }) => assert!(!limit),
            other => panic!("{other}"),
        }
    }
    // A stream without an end is not read to it.
    let endless = read_passphrase_file(Path::new("/dev/zero")).unwrap_err();
    assert!(matches!(
        endless,
        ReadPassphraseError::File(SecretFileError::TooLarge { .. })
    ));
}
