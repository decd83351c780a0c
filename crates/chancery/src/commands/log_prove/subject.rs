//! Which entry of which log is to be proven.

use std::path::Path;
use std::sync::Arc;

use chancery_log::LogStore;
use chancery_store::{RecordedLog, Store};
use chancery_tlog::ct::SignedCertificateTimestamp;
use url::Url;

use crate::cli::LogProveArgs;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::connecting;
use crate::failure::Failure;
use crate::logged_certificate::LoggedCertificate;

/// An entry, and where its log is.
pub(super) struct Subject {
    /// The log's URL: its monitoring prefix.
    pub(super) url: Url,
    /// The log in the instance's database, if that was asked.
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
            // As the index has it: whole octets, and no leading zero octets.
            (true, 1..=40) => {
                let padded = format!(
                    "{digits:0>width$}",
                    width = digits.len().next_multiple_of(2)
                );
                let leading = padded.bytes().take_while(|c| *c == b'0').count();
                Ok(Self::Serial(padded.split_at(leading & !1).1.to_owned()))
            }
            _ => Err(Failure::usage(format!(
                "{entry:?} is neither a file with a certificate, nor an index, nor a serial number \
                 in hexadecimal"
            ))),
        }
    }
}

impl Subject {
    pub(super) async fn find(args: &LogProveArgs) -> Result<Self, Failure> {
        let named = Named::parse(&args.entry)?;
        let is_certificate = matches!(named, Named::Certificate(_));
        if let Some(url) = &args.url
            && let Some(index) = published_index(&named)?
        {
            return Ok(Self {
                url: url.clone(),
                stored: None,
                index,
                is_certificate,
            });
        }
        let mut config = Config::load(&args.instance.config)?;
        put_database(&mut config, args.instance.database.clone())?;
        let store = connecting::to_read(&connecting::database_url(&config)?).await?;
        let (log, index) = find_in(&store, &config, &named).await?;
        let own = format!("{}/ct/{}", config.url, log.name);
        let own = Url::parse(&own).map_err(Failure::from_error)?;
        Ok(Self {
            url: args.url.clone().unwrap_or(own),
            stored: Some(store.log_store(log.log)),
            index,
            is_certificate,
        })
    }
}

/// Returns the index, if it takes no database to know it.
fn published_index(named: &Named) -> Result<Option<u64>, Failure> {
    match named {
        Named::Index(index) => Ok(Some(*index)),
        Named::Certificate(certificate) => match &*certificate.scts {
            [sct] => sct_index(sct).map(Some),
            scts => Err(Failure::usage(format!(
                "the certificate has {} SCTs; name the entry by its index instead",
                scts.len()
            ))),
        },
        Named::Serial(_) => Ok(None),
    }
}

fn sct_index(sct: &SignedCertificateTimestamp) -> Result<u64, Failure> {
    let index = sct.leaf_index();
    let index = index.map_err(|e| Failure::failed(format!("the certificate's SCT: {e}")))?;
    Ok(index.get())
}

/// Finds the entry among the instance's logs.
async fn find_in(
    store: &Store,
    config: &Config,
    named: &Named,
) -> Result<(RecordedLog, u64), Failure> {
    let instance = connecting::recorded(store).await?;
    match named {
        Named::Index(index) => {
            let log = connecting::log_of(config, &instance)?;
            Ok((log.clone(), *index))
        }
        Named::Certificate(certificate) => {
            let logs = instance.logs.iter();
            let found = logs.flat_map(|log| {
                let scts = certificate.scts.iter();
                let own = scts.filter(|sct| *sct.log_id().as_bytes() == log.log_id);
                own.map(move |sct| (log, sct))
            });
            let Some((log, sct)) = found.into_iter().next() else {
                return Err(Failure::failed(
                    "the certificate has no SCT by a log of this instance",
                ));
            };
            Ok((log.clone(), sct_index(sct)?))
        }
        Named::Serial(serial) => {
            for log in &instance.logs {
                let found = store.log_store(log.log).find("serial", serial, 1).await;
                if let [index] = &*found.map_err(Failure::from_error)? {
                    return Ok((log.clone(), *index));
                }
            }
            Err(Failure::failed(format!(
                "no log of this instance has a certificate with the serial number {serial}"
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
