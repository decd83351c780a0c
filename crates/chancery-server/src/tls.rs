//! TLS on a listener: a certificate that can be changed while it is in use.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use chancery_keys::{SecretFileError, read_shared_secret};
use der::Decode as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_cert::Certificate;

/// What is spoken over TLS: HTTP/2 rather than HTTP/1.1.
const ALPN: [&[u8]; 2] = [HTTP_2, b"http/1.1"];

/// HTTP/2's name in ALPN (RFC 9113, section 3.2).
pub(crate) const HTTP_2: &[u8] = b"h2";

/// The most bytes of a certificate file or key file that are read.
const LARGEST: usize = 256 * 1024;

/// A server certificate, its key, and the files they came from.
///
/// TLS 1.2 and 1.3 with aws-lc's cipher suites, HTTP/2 and HTTP/1.1 by ALPN; no client certificates,
/// no early data. Clones share the certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    files: Arc<Files>,
}

/// Where certificate and key are.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What handshakes that begin now are answered with.
#[derive(Debug)]
struct Current(ArcSwap<Loaded>);

#[derive(Debug)]
struct Loaded {
    certified: Arc<CertifiedKey>,
    not_after: SystemTime,
}

/// What came of a [`Tls::reload`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reloaded {
    /// New connections get another certificate from now on.
    Changed {
        /// When it expires.
        not_after: SystemTime,
    },
    /// The files hold what is in use already.
    Unchanged,
}

/// Why a certificate is not used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file cannot be read.
    #[error("{path} cannot be read", path = path.display())]
    CertificateFile {
        /// The file, as it was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key file cannot be read, or others can read it, too.
    #[error("the key of the TLS certificate")]
    KeyFile(#[source] SecretFileError),
    /// The key and the first certificate are not each other's.
    #[error(
        "{} is not the key of the first certificate in {}: if both were just replaced, load them \
         again",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The certificate file holds no certificate.
    #[error("{path} holds no certificate in PEM", path = path.display())]
    NoCertificate {
        /// The file, as it was named.
        path: PathBuf,
    },
    /// The key file holds no key.
    #[error("{path} holds no unencrypted private key in PEM", path = path.display())]
    NoKey {
        /// The file, as it was named.
        path: PathBuf,
    },
    /// The certificate is not valid at this time, so no client would go on.
    #[error(
        "the certificate in {path} is valid from {from} until {until}, not now",
        path = path.display(),
        from = said(*not_before),
        until = said(*not_after)
    )]
    NotValid {
        /// The file, as it was named.
        path: PathBuf,
        /// When its validity begins.
        not_before: SystemTime,
        /// When it ends.
        not_after: SystemTime,
    },
    /// rustls does not take certificate or key.
    #[error("{path} cannot be used for TLS", path = path.display())]
    Unusable {
        /// The file at fault, as it was named.
        path: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
}

impl Tls {
    /// Loads a certificate, followed by its issuers, and its key: both in PEM, the key unencrypted.
    ///
    /// The key's file may be readable for its group, since it is often another program that renews
    /// certificates; for nobody else.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be used, if they do not belong together, and if the certificate is
    /// not valid now.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let current = Arc::new(Current(ArcSwap::from_pointee(files.load()?)));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|source| TlsError::Unusable {
                path: certificate.to_owned(),
                source,
            })?;
        let mut config = config
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            current,
            files: Arc::new(files),
        })
    }

    /// Loads the files again. Connections that are open stay as they are.
    ///
    /// # Errors
    ///
    /// As [`Tls::load`]; then the certificate in use stays in use.
    pub fn reload(&self) -> Result<Reloaded, TlsError> {
        let loaded = self.files.load()?;
        if loaded.certified.cert == self.current.0.load().certified.cert {
            return Ok(Reloaded::Unchanged);
        }
        let not_after = loaded.not_after;
        self.current.0.store(Arc::new(loaded));
        Ok(Reloaded::Changed { not_after })
    }

    /// Returns when the certificate in use expires.
    pub fn not_after(&self) -> SystemTime {
        self.current.0.load().not_after
    }

    /// Shakes hands. The caller bounds the time.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().certified))
    }
}

impl Files {
    fn load(&self) -> Result<Loaded, TlsError> {
        let chain = self.chain()?;
        let not_after = self.valid_now(chain.first())?;
        let key = self.private_key()?;
        let certified = CertifiedKey::from_der(chain, key, &default_provider());
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::Mismatch {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
            },
            source => TlsError::Unusable {
                path: self.key.clone(),
                source,
            },
        })?;
        Ok(Loaded {
            certified: Arc::new(certified),
            not_after,
        })
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let path = || self.certificate.clone();
        let mut pem = Vec::new();
        File::open(&self.certificate)
            .and_then(|file| file.take(LARGEST as u64).read_to_end(&mut pem))
            .map_err(|source| TlsError::CertificateFile {
                path: path(),
                source,
            })?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match chain {
            Ok(chain) if !chain.is_empty() => Ok(chain),
            _ => Err(TlsError::NoCertificate { path: path() }),
        }
    }

    /// Returns when the certificate expires, if it is valid now.
    fn valid_now(&self, leaf: Option<&CertificateDer<'_>>) -> Result<SystemTime, TlsError> {
        let path = || self.certificate.clone();
        let leaf = leaf.and_then(|leaf| Certificate::from_der(leaf).ok());
        let leaf = leaf.ok_or_else(|| TlsError::NoCertificate { path: path() })?;
        let validity = leaf.tbs_certificate().validity();
        let not_before = validity.not_before.to_system_time();
        let not_after = validity.not_after.to_system_time();
        if (not_before..=not_after).contains(&SystemTime::now()) {
            return Ok(not_after);
        }
        Err(TlsError::NotValid {
            path: path(),
            not_before,
            not_after,
        })
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let pem = read_shared_secret(&self.key, LARGEST).map_err(TlsError::KeyFile)?;
        PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::NoKey {
            path: self.key.clone(),
        })
    }
}

fn said(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time).format(&Rfc3339);
    time.unwrap_or_default()
}
