//! The TLS certificate, put in force while serving.

use std::path::PathBuf;

use chancery_server::{Reloaded, Tls};

use crate::config::Config;
use crate::failure::{Causes, Failure};
use crate::reload::Part;
use crate::report::said_time;

/// The certificate that new connections get.
pub(crate) struct TlsPart {
    files: Vec<PathBuf>,
    tls: Tls,
}

impl TlsPart {
    /// Watches the files that `config` names; `tls` was loaded from them.
    pub(crate) fn new(config: &Config, tls: Tls) -> Self {
        let files = config.tls.iter();
        let files = files.flat_map(|tls| [tls.certificate.clone(), tls.key.clone()]);
        Self {
            files: files.collect(),
            tls,
        }
    }
}

impl Part for TlsPart {
    fn name(&self) -> &'static str {
        "tls"
    }

    fn files(&self) -> Vec<PathBuf> {
        self.files.clone()
    }

    fn reload(&mut self) -> Result<Option<String>, Failure> {
        match self.tls.reload() {
            Ok(Reloaded::Unchanged) => Ok(None),
            Ok(Reloaded::Changed { not_after }) => Ok(Some(format!(
                "a certificate that is valid until {}",
                said_time(not_after)
            ))),
            Err(error) => Err(Failure::configuration(Causes(&error))),
        }
    }
}
