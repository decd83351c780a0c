//! Which entry of which log is to be proven.

use std::path::Path;
use std::sync::Arc;

use chancery_log::LogStore;
use chancery_store::RecordedLog;
use chancery_tlog::ct::{LogId, MerkleTreeLeaf, SignedCertificateTimestamp, TileLeaf};
use url::Url;

use super::Published;
use crate::cli::LogProveArgs;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::failure::Failure;
use crate::logged_certificate::LoggedCertificate;
use crate::{connecting, exporting};

/// How many entries of one serial number are looked at: anybody's CA may have used it.
const SAME_SERIAL: u32 = 100;

/// An entry, and its log.
pub(super) struct Subject {
    /// The log as it is published.
    pub(super) published: Published,
    /// The log in the instance's database, with what was pruned from it, if that was asked.
    pub(super) stored: Option<Arc<dyn LogStore>>,
    /// The entry's place.
    pub(super) index: u64,
    /// Whether it was named by its certificate.
    pub(super) is_certificate: bool,
}

/// How an entry is named.
enum Named {
    Certificate(LoggedCertificate),
    Index(u64),
    Serial(String),
}

impl Named {
    /// A file's name is a certificate; up to 19 decimal digits are an index; and hexadecimal digits
    /// are a serial number, with or without colons between them.
    fn parse(entry: &str) -> Result<Self, Failure> {
        let path = Path::new(entry);
        if path.is_file() {
            return LoggedCertificate::read(path).map(Self::Certificate);
        }
        let decimal = entry.bytes().all(|c| c.is_ascii_digit());
        if let (true, 1..=19, Ok(index)) = (decimal, entry.len(), entry.parse()) {
            return Ok(Self::Index(index));
        }
        let digits = entry.replace(':', "").to_lowercase();
        let hexadecimal = digits.bytes().all(|c| c.is_ascii_hexdigit());
        match (hexadecimal, digits.len()) {
            (true, 1..=40) => Ok(Self::Serial(serial_term(&digits))),
            _ => Err(Failure::usage(format!(
                "{entry:?} is neither a file with a certificate, nor an index, nor a serial number \
                 in hexadecimal"
            ))),
        }
    }
}

/// Returns a serial number as the index has it: whole octets, and no leading zero octets.
fn serial_term(digits: &str) -> String {
    let digits = digits.replace(':', "").to_lowercase();
    let width = digits.len().next_multiple_of(2);
    let padded = format!("{digits:0>width$}");
    let leading = padded.bytes().take_while(|c| *c == b'0').count();
    padded.split_at(leading & !1).1.to_owned()
}

impl Subject {
    pub(super) async fn find(args: &LogProveArgs) -> Result<Self, Failure> {
        let named = Named::parse(&args.entry)?;
        let is_certificate = matches!(named, Named::Certificate(_));
        let tls_root = args.tls_root.as_deref();
        let given = match &args.url {
            Some(url) => Some(Published::fetch(url, tls_root).await?),
            None => None,
        };
        let index = match (&given, &args.log) {
            (Some(published), None) => published_index(&named, published)?,
            _ => None,
        };
        let given = match (given, index) {
            (Some(published), Some(index)) => {
                return Ok(Self {
                    published,
                    stored: None,
                    index,
                    is_certificate,
                });
            }
            (given, _) => given,
        };
        let mut config = Config::load(&args.instance.config)?;
        put_database(&mut config, args.instance.database.clone())?;
        let store = connecting::to_read(&connecting::database_url(&config)?).await?;
        let instance = connecting::recorded(&store).await?;
        let mut logs = Vec::new();
        for log in connecting::logs_named(&instance, args.log.as_deref(), true)? {
            let stored = exporting::tiered(&config, log, store.log_store(log.log))?;
            logs.push(Stored { log, stored });
        }
        let (Stored { log, stored }, index) = find_in(&logs, &named, &args.entry).await?;
        let published = match given {
            Some(published) => published,
            None => {
                let own = format!("{}/ct/{}", config.url, log.name);
                let own = Url::parse(&own).map_err(Failure::from_error)?;
                Published::fetch(&own, tls_root).await?
            }
        };
        if !published.is_of(&LogId::of_spki(&log.public_key)) {
            return Err(Failure::failed(format!(
                "the entry is number {index} of the log {:?}, and what is at {} is another log",
                log.name, published.url
            )));
        }
        Ok(Self {
            published,
            stored: Some(Arc::clone(stored)),
            index,
            is_certificate,
        })
    }
}

/// A log of the instance.
struct Stored<'i> {
    log: &'i RecordedLog,
    stored: Arc<dyn LogStore>,
}

/// Returns the index, if it takes no database to know it.
fn published_index(named: &Named, published: &Published) -> Result<Option<u64>, Failure> {
    match named {
        Named::Index(index) => Ok(Some(*index)),
        Named::Certificate(certificate) => {
            let mut scts = certificate.scts.iter();
            let own = scts.find(|sct| published.is_of(sct.log_id()));
            own.map(sct_index).transpose()
        }
        Named::Serial(_) => Ok(None),
    }
}

fn sct_index(sct: &SignedCertificateTimestamp) -> Result<u64, Failure> {
    let index = sct.leaf_index();
    let index = index.map_err(|e| Failure::failed(format!("the certificate's SCT: {e}")))?;
    Ok(index.get())
}

/// Finds the entry in one of the logs.
async fn find_in<'l, 'i>(
    logs: &'l [Stored<'i>],
    named: &Named,
    entry: &str,
) -> Result<(&'l Stored<'i>, u64), Failure> {
    let mut found = Vec::new();
    match named {
        Named::Index(index) => {
            for log in logs {
                let head = log.stored.head().await.map_err(Failure::from_error)?;
                if *index < head.tree.tree_size {
                    found.push((log, *index));
                }
            }
        }
        Named::Certificate(certificate) => {
            for log in logs {
                let id = LogId::of_spki(&log.log.public_key);
                let own = certificate.scts.iter().find(|sct| *sct.log_id() == id);
                found.extend(own.map(sct_index).transpose()?.map(|index| (log, index)));
            }
            // Its SCT may be an external log's alone: the entry is in the instance's log as well.
            if found.is_empty() {
                let serial = serial_term(&certificate.serial);
                for (log, index) in with_serial(logs, &serial).await? {
                    if is_entry_of(certificate, log, index).await? {
                        found.push((log, index));
                    }
                }
            }
        }
        Named::Serial(serial) => found = with_serial(logs, serial).await?,
    }
    one_of(found, entry)
}

/// Returns all entries with a serial number.
async fn with_serial<'l, 'i>(
    logs: &'l [Stored<'i>],
    serial: &str,
) -> Result<Vec<(&'l Stored<'i>, u64)>, Failure> {
    let mut found = Vec::new();
    for log in logs {
        let indexes = log.stored.find("serial", serial, SAME_SERIAL).await;
        let indexes = indexes.map_err(Failure::from_error)?;
        found.extend(indexes.into_iter().map(|index| (log, index)));
    }
    Ok(found)
}

async fn is_entry_of(
    certificate: &LoggedCertificate,
    log: &Stored<'_>,
    index: u64,
) -> Result<bool, Failure> {
    let entries = log.stored.entries(index..index + 1).await;
    let entries = entries.map_err(Failure::from_error)?;
    let leaf = entries.first().map(|bytes| TileLeaf::parse(bytes));
    let Some(Ok((leaf, _))) = leaf else {
        return Ok(false);
    };
    let leaf = MerkleTreeLeaf::parse(&leaf.merkle_tree_leaf());
    Ok(leaf.is_ok_and(|leaf| certificate.is_in(&leaf.signed_entry)))
}

/// Requires that what was found is one entry.
fn one_of<'l, 'i>(
    found: Vec<(&'l Stored<'i>, u64)>,
    entry: &str,
) -> Result<(&'l Stored<'i>, u64), Failure> {
    match &*found {
        [] => Err(Failure::failed(format!(
            "no log of this instance has the entry {entry}; all that were named were looked at"
        ))),
        [one] => Ok(*one),
        several => {
            let places = several.iter().take(5);
            let places: Vec<_> = places
                .map(|(log, index)| format!("--log {} {index}", log.log.name))
                .collect();
            Err(Failure::usage(format!(
                "there are {} such entries; say which: {}",
                several.len(),
                places.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_named_by_its_index_or_its_serial_number() {
        let index = |text: &str| match Named::parse(text) {
            Ok(Named::Index(index)) => Some(index),
            _ => None,
        };
        assert_eq!(index("0"), Some(0));
        assert_eq!(index("0042"), Some(42));
        assert_eq!(
            index("1234567890123456789"),
            Some(1_234_567_890_123_456_789)
        );
        assert_eq!(index("12345678901234567890"), None);
        let serial = |text: &str| match Named::parse(text) {
            Ok(Named::Serial(serial)) => Some(serial),
            _ => None,
        };
        assert_eq!(serial("0A:bc:01").as_deref(), Some("0abc01"));
        assert_eq!(serial("abc").as_deref(), Some("0abc"));
        assert_eq!(serial("0000abc0").as_deref(), Some("abc0"));
        assert_eq!(
            serial("12345678901234567890").as_deref(),
            Some("12345678901234567890")
        );
        for wrong in ["", "x", "0x12", "no/such/file.pem", &"a".repeat(41)] {
            assert!(Named::parse(wrong).is_err(), "{wrong}");
        }
    }
}
