//! Whose word counts when this machine signs or verifies: an instance that was set up, or a file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use chancery_client::instances::{Instances, SetupError, Trust, TrustError, UpdateError};
use chancery_trust::documents::TrustedRoot;

use crate::cli::{ClientTrustArgs, HomeArgs};
use crate::failure::{Causes, Failure};
use crate::reading;

/// The most bytes of a document that is read from a file.
const MOST: u64 = 16 << 20;

/// What is trusted, and whom signers ask.
#[derive(Debug)]
pub(crate) struct ClientTrust {
    /// Whose certificates, receipts, entries and timestamps count.
    pub(crate) trusted_root: TrustedRoot,
    /// `signing_config.v0.2.json`; `None` if nothing says whom to ask.
    pub(crate) signing_config: Option<Vec<u8>>,
    /// Where this comes from, in words.
    pub(crate) from: String,
    /// The instance's base URL; `None` of a file.
    pub(crate) url: Option<String>,
}

/// Finds what is trusted, and refreshes it if it is an instance's that was not asked for hours.
pub(crate) async fn obtain(args: &ClientTrustArgs) -> Result<ClientTrust, Failure> {
    if let Some(path) = &args.trusted_root {
        return from_files(path, args.signing_config.as_deref());
    }
    let trust = instances(&args.home)?.trust(args.instance.as_ref()).await;
    let trust = trust.map_err(trust_failure)?;
    warn_if_stale(&trust);
    let instance = trust.instance();
    Ok(ClientTrust {
        trusted_root: trust.trusted_root().clone(),
        signing_config: trust.signing_config().map(<[u8]>::to_vec),
        from: format!("instance {}", instance.name),
        url: Some(instance.url.to_string()),
    })
}

fn from_files(root: &Path, config: Option<&Path>) -> Result<ClientTrust, Failure> {
    let read = |path: &Path| {
        reading::read_bounded(path, MOST).map_err(|error| reading::named(path, &error))
    };
    Ok(ClientTrust {
        trusted_root: parse(&read(root)?, root.display())?,
        signing_config: config.map(read).transpose()?,
        from: root.display().to_string(),
        url: None,
    })
}

fn parse(bytes: &[u8], whose: impl std::fmt::Display) -> Result<TrustedRoot, Failure> {
    TrustedRoot::parse(bytes)
        .map_err(|wrong| Failure::configuration(format!("{whose}: {}", Causes(&wrong))))
}

/// Says that something older is used.
pub(crate) fn warn_if_stale(trust: &Trust) {
    if let Some(stale) = trust.stale() {
        let name = &trust.instance().name;
        let until = crate::report::said_time(trust.expires());
        crate::report::tell(format_args!(
            "chancery: what {name} trusts could not be refreshed, and is good until {until}: {}",
            stale.why
        ));
    }
}

/// Opens the folder in which the instances are kept.
pub(crate) fn instances(args: &HomeArgs) -> Result<Instances, Failure> {
    if let Some(home) = &args.home {
        return Ok(Instances::in_folder(home));
    }
    let config = config_folder(|name| std::env::var_os(name)).ok_or_else(|| {
        Failure::configuration(
            "there is no home here: say with --home or CHANCERY_HOME where instances are kept, or \
             name a file with --trusted-root",
        )
    })?;
    Ok(Instances::in_folder(config.join("chancery")))
}

/// Returns where programs keep their settings, by the XDG Base Directory Specification: a relative
/// `XDG_CONFIG_HOME` does not count.
fn config_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let config = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    config.filter(|path| path.is_absolute()).or_else(|| {
        let home = variable("HOME").filter(|home| !home.is_empty())?;
        Some(PathBuf::from(home).join(".config"))
    })
}

/// Tells by the exit code who is at fault.
pub(crate) fn trust_failure(error: TrustError) -> Failure {
    let said = Causes(&error);
    match &error {
        TrustError::NothingSetUp | TrustError::NoDefault { .. } | TrustError::Unknown { .. } => {
            Failure::configuration(said)
        }
        TrustError::Update(UpdateError::Refused { .. }) | TrustError::RefusedOffline { .. } => {
            Failure::verification(said)
        }
        TrustError::ExpiredOffline { .. } | TrustError::Folder(_) | TrustError::Update(_) => {
            Failure::failed(said)
        }
    }
}

/// Tells by the exit code who is at fault.
pub(crate) fn setup_failure(error: SetupError) -> Failure {
    let said = Causes(&error);
    match &error {
        SetupError::Taken { .. } => Failure::configuration(said),
        SetupError::NoName(_) => Failure::usage(said),
        SetupError::OtherRoot { .. }
        | SetupError::OtherInstance { .. }
        | SetupError::Update(UpdateError::Refused { .. }) => Failure::verification(said),
        SetupError::NoRoot { .. } | SetupError::Folder(_) | SetupError::Update(_) => {
            Failure::failed(said)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_folder_for_settings_does_not_count() {
        let folder = |config: Option<&'static str>, home: Option<&'static str>| {
            config_folder(|name| match name {
                "XDG_CONFIG_HOME" => config.map(OsString::from),
                _ => home.map(OsString::from),
            })
        };
        let home = Some("/home/ada");
        assert_eq!(folder(Some("/etc/ada"), home), Some("/etc/ada".into()));
        for config in [None, Some(""), Some("settings"), Some("./settings")] {
            assert_eq!(folder(config, home), Some("/home/ada/.config".into()));
            assert_eq!(folder(config, Some("")), None);
        }
    }
}
