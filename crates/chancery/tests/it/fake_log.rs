//! A log that a test makes up, with whatever in it, behind a web server.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use chancery_keys::{KeyType, LocalKey, PublicKey, Signer as _};
use chancery_tlog::ct::{DigitallySigned, Entry, LeafIndex, LogId, TileLeaf, X509Entry};
use chancery_tlog::{
    Checkpoint, Origin, Rfc6962NoteSignature, RightEdge, SignedNote, TreeHead,
    rfc6962_signature_input,
};

/// When every entry and every head was signed, in milliseconds since the Unix epoch.
const TIME_MS: u64 = 1_700_000_000_000;

/// Files by their names.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The key and the name of a log.
pub(crate) struct FakeLog {
    key: LocalKey,
    origin: Origin,
}

impl FakeLog {
    pub(crate) fn new() -> Self {
        Self {
            key: LocalKey::generate(KeyType::P256).unwrap(),
            origin: Origin::parse("log.example.org/fake").unwrap(),
        }
    }

    pub(crate) fn key(&self) -> PublicKey {
        PublicKey::from_spki_der(self.key.public_key().spki_der()).unwrap()
    }

    /// Writes the key into a file.
    pub(crate) fn write_key(&self, path: &Path) {
        std::fs::write(path, self.key().spki_der()).unwrap();
    }

    /// Signs a tree, `later` milliseconds after the first.
    pub(crate) fn checkpoint(&self, head: TreeHead, later: u64) -> Vec<u8> {
        let timestamp_ms = TIME_MS + later;
        let signed = rfc6962_signature_input(&head, timestamp_ms);
        let signature = self.key.sign_now(&signed).unwrap();
        let signature = Rfc6962NoteSignature {
            timestamp_ms,
            signature: DigitallySigned::sha256_ecdsa(signature).unwrap(),
        };
        let log_id = LogId::of_spki(self.key().spki_der());
        let body = Checkpoint {
            origin: self.origin.clone(),
            head,
        };
        let line = signature.to_note_signature(&self.origin, &log_id);
        let note = SignedNote::new(body.body(), vec![line]).unwrap();
        note.encode().into_bytes()
    }

    /// Makes a log of tiles, of each of whose entries `certificate` tells the certificate.
    pub(crate) fn files(&self, size: u64, certificate: impl Fn(u64) -> Vec<u8>) -> Files {
        let mut files = Files::new();
        let mut edge = RightEdge::empty();
        for first in (0..size).step_by(256) {
            let mut data = Vec::new();
            let mut hashes = Vec::new();
            for place in first..size.min(first + 256) {
                let entry = Entry::X509(X509Entry::new(certificate(place), Vec::new()).unwrap());
                let leaf = entry.tile_leaf(LeafIndex::new(place).unwrap(), TIME_MS);
                hashes.push(TileLeaf::parse(&leaf).unwrap().0.leaf_hash());
                data.extend(leaf);
            }
            let suffix = suffix(hashes.len());
            files.insert(format!("tile/data/{:03}{suffix}", first / 256), data);
            for write in edge.append(&hashes) {
                let width = self::suffix(write.hashes.len() / 32);
                let id = write.id();
                let name = format!("tile/{}/{:03}{width}", id.level, id.index);
                files.insert(name, write.hashes);
            }
        }
        let head = edge.tree_head();
        files.insert("checkpoint".to_owned(), self.checkpoint(head, size));
        files
    }
}

fn suffix(width: usize) -> String {
    match width {
        256 => String::new(),
        width => format!(".p/{width}"),
    }
}

/// A web server for files, which can be changed meanwhile. It ends with the test.
pub(crate) struct Served {
    pub(crate) url: String,
    pub(crate) files: Arc<Mutex<Arc<Files>>>,
}

impl Served {
    pub(crate) fn begin(files: Files) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let files = Arc::new(Mutex::new(Arc::new(files)));
        let served = Arc::clone(&files);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let files = Arc::clone(&served.lock().unwrap());
                thread::spawn(move || answer(stream, &files));
            }
        });
        Self { url, files }
    }

    pub(crate) fn replace(&self, files: Files) {
        *self.files.lock().unwrap() = Arc::new(files);
    }
}

fn answer(mut stream: TcpStream, files: &Files) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let line = str::from_utf8(&request).ok()?.split(' ').nth(1)?;
    let (status, body) = match files.get(line.trim_start_matches('/')) {
        Some(body) => ("200 OK", &body[..]),
        None => ("404 Not Found", &b""[..]),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()
}
