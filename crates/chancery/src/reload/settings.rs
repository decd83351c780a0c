//! What cannot change while serving: the settings of `chancery.yaml` itself.

use std::path::PathBuf;

use crate::config::Config;
use crate::failure::Failure;
use crate::reload::{not_read_again, stream_among};

/// `chancery.yaml` as it was at the start.
pub(crate) struct Settings {
    pub(crate) path: PathBuf,
    pub(crate) at_start: Config,
}

impl Settings {
    /// Holds the file against what it was at the start, and says what needs a restart. Returns
    /// whether the next start would take the file.
    pub(crate) fn compare(&self) -> bool {
        match self.changed() {
            Ok(changed) if changed.is_empty() => true,
            Ok(changed) => {
                let changed = changed.join(", ");
                tracing::warn!(
                    "{}: {changed}: changed, and needs a restart to come into force",
                    self.path.display()
                );
                true
            }
            Err(failure) => {
                tracing::error!("refused, and the next start would refuse it, too: {failure}");
                false
            }
        }
    }

    fn changed(&self) -> Result<Vec<String>, Failure> {
        if let Some(stream) = stream_among(std::slice::from_ref(&self.path)) {
            return Err(Failure::configuration(not_read_again(&stream)));
        }
        let now = Config::load(&self.path)?.settings()?;
        let start = self.at_start.settings()?;
        let mut names: Vec<_> = start.keys().chain(now.keys()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| start.get(*name) != now.get(*name));
        Ok(names.into_iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../../config/chancery.example.yaml");

    #[test]
    fn what_differs_from_the_start_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chancery.yaml");
        std::fs::write(&path, EXAMPLE).unwrap();
        let at_start = Config::load(&path).unwrap();
        let settings = Settings { path, at_start };
        assert!(settings.changed().unwrap().is_empty());
        let edited = EXAMPLE
            .replace("lifetime-s: 600", "lifetime-s: 300")
            .replace("listen: 127.0.0.1:5555", "listen: 127.0.0.1:5556")
            .replace("any-owner: []", "any-owner: [https://gitlab.com]");
        std::fs::write(&settings.path, edited).unwrap();
        assert_eq!(
            settings.changed().unwrap(),
            ["any-owner", "ca.certificate-lifetime-s", "listen"]
        );
        std::fs::write(&settings.path, "url: [").unwrap();
        assert!(settings.changed().is_err());
        assert!(!settings.compare());
    }
}
