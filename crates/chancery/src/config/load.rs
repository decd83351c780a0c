//! Reading `chancery.yaml` from its file.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use chancery_certs::ProfileConfig;
use chancery_store::DatabaseUrl;
use serde_json::Value;
use url::Url;

use super::Config;
use crate::failure::Failure;

impl Config {
    /// Reads a configuration and makes its paths absolute.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = read_text(path).map_err(|e| {
            Failure::configuration(format!(
                "cannot read the configuration {}: {e}; `chancery init` makes one, --config names \
                 another",
                path.display()
            ))
        })?;
        let mut config: Self = yaml_serde::from_str(&text).map_err(|e| {
            Failure::configuration(format!("{}: {}", path.display(), explain(&e.to_string())))
        })?;
        config.url.truncate(config.url.trim_end_matches('/').len());
        let has_password =
            |url: &String| DatabaseUrl::parse(url).is_ok_and(|url| url.has_password());
        if config.database.as_ref().is_some_and(has_password) {
            return Err(Failure::configuration(format!(
                "{}: a database URL with a password belongs into a file of mode 0600: say \
                 database-file",
                path.display()
            )));
        }
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        config.resolve(folder);
        Ok(config)
    }

    /// Writes a configuration as YAML, without what it leaves open.
    pub(crate) fn to_yaml(&self) -> Result<String, Failure> {
        let mut tree = yaml_serde::to_value(self).map_err(Failure::from_error)?;
        leave_out_empty(&mut tree);
        yaml_serde::to_string(&tree).map_err(Failure::from_error)
    }

    /// Returns each setting by the name that operators know it by, such as `ca.chain`.
    pub(crate) fn settings(&self) -> Result<BTreeMap<String, Value>, Failure> {
        let tree = serde_json::to_value(self).map_err(Failure::from_error)?;
        Ok(flat(tree))
    }

    /// Refuses two listeners that would be in each other's way.
    pub(crate) fn check_listeners(&self) -> Result<(), Failure> {
        let listeners = [
            ("listen", Some(self.listen)),
            ("admin-listen", Some(self.admin_listen)),
            ("grpc-listen", self.grpc_listen),
        ];
        let mut found: Vec<(&str, SocketAddr)> = Vec::new();
        for (name, address) in listeners {
            let Some(address) = address else { continue };
            let other = found.iter().find(|(_, other)| overlap(*other, address));
            if let Some((other, _)) = other {
                let hint = match name {
                    "grpc-listen" if *other == "listen" => {
                        "; leave grpc-listen out: listen serves gRPC in any case"
                    }
                    _ => "",
                };
                return Err(Failure::configuration(format!(
                    "{other} and {name} are the same address, {address}{hint}"
                )));
            }
            found.push((name, address));
        }
        Ok(())
    }

    /// Returns how long certificates live.
    pub(crate) fn lifetimes(&self) -> ProfileConfig {
        let lifetime = Duration::from_secs(self.ca.certificate_lifetime_s);
        let max = self.ca.max_certificate_lifetime_s.map(Duration::from_secs);
        ProfileConfig {
            lifetime,
            max_lifetime: max.unwrap_or(lifetime),
        }
    }

    /// Makes its paths those of files in `folder`.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        let paths = [
            &mut self.identity_config,
            &mut self.ca.chain,
            &mut self.ca.key,
            &mut self.log.key,
            &mut self.log.witness_key,
            &mut self.logs,
        ];
        let optional = [
            &mut self.database_file,
            &mut self.passphrase_file,
            &mut self.key_block_list,
        ];
        let tls = self.tls.iter_mut();
        let tls = tls.flat_map(|tls| [&mut tls.certificate, &mut tls.key]);
        let policy = self.log.witnesses.iter_mut().map(|w| &mut w.policy);
        let submissions = self.log.submissions.iter_mut().map(|s| &mut s.roots);
        let external = self.ca.external_log.iter_mut();
        let external = external.map(|log| &mut log.public_key);
        let ledger = self.ledger.iter_mut().flat_map(|ledger| {
            let former = ledger.former.iter_mut().map(|former| &mut former.key);
            let policy = ledger.witnesses.iter_mut().map(|w| &mut w.policy);
            former.chain(policy).chain([&mut ledger.key])
        });
        for path in paths
            .into_iter()
            .chain(optional.into_iter().flatten())
            .chain(tls)
            .chain(policy)
            .chain(submissions)
            .chain(external)
            .chain(ledger)
        {
            *path = folder.join(&*path);
        }
        self.guard.place.resolve(folder);
        if let Some(ledger) = &mut self.ledger {
            ledger.guard.place.resolve(folder);
            for former in &mut ledger.former {
                former.guard.place.resolve(folder);
            }
        }
        self.folder = folder.to_owned();
        if let Some(export) = &mut self.export {
            export.resolve(folder);
        }
        if let Some(timestamps) = &mut self.timestamps {
            timestamps.resolve(folder);
        }
        if let Some(trust) = &mut self.trust {
            trust.resolve(folder);
        }
        if let Some(relative) = self.database.as_deref().and_then(relative_sqlite) {
            self.database = Some(format!("sqlite:{}", folder.join(relative).display()));
        }
    }
}

/// Port 0 is whichever is free.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (everywhere || one.ip() == other.ip())
}

/// Takes the URL under which everybody reaches an instance.
pub(crate) fn parse_url(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).map_err(|e| Failure::configuration(format!("url {text:?}: {e}")))?;
    let plain = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.port() != Some(0);
    if !matches!(url.scheme(), "http" | "https") || !plain || url.host_str().is_none() {
        return Err(Failure::configuration(format!(
            "url {text:?}: clients need the CA at the root of a host, such as https://ca.example.org"
        )));
    }
    Ok(url)
}

/// Reads a text file of a size that a person might write.
pub(crate) fn read_text(path: &Path) -> std::io::Result<String> {
    read_text_of(path, 1)
}

/// Reads a text file of up to so many MiB.
pub(crate) fn read_text_of(path: &Path, mebibytes: u64) -> std::io::Result<String> {
    let most = mebibytes << 20;
    let mut text = String::new();
    let read = std::fs::File::open(path)?
        .take(most + 1)
        .read_to_string(&mut text)?;
    if read as u64 > most {
        let message = format!("it is larger than {mebibytes} MiB");
        return Err(std::io::Error::other(message));
    }
    Ok(text)
}

/// Leaves out what is null, false or an empty list.
fn leave_out_empty(tree: &mut yaml_serde::Value) {
    let Some(tree) = tree.as_mapping_mut() else {
        return;
    };
    tree.retain(|_, value| {
        leave_out_empty(value);
        let empty = value.as_sequence().is_some_and(Vec::is_empty);
        !(value.is_null() || empty || *value == false)
    });
}

/// Names the members of a configuration and of its sections.
pub(crate) fn flat(tree: Value) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    let Value::Object(sections) = tree else {
        return flat;
    };
    for (name, value) in sections {
        match value {
            Value::Object(section) => {
                let named = |(key, value)| (format!("{name}.{key}"), value);
                flat.extend(section.into_iter().map(named));
            }
            value => {
                flat.insert(name, value);
            }
        }
    }
    flat
}

/// Returns the path of a SQLite URL that names a relative one.
pub(super) fn relative_sqlite(url: &str) -> Option<&Path> {
    let path = Path::new(url.strip_prefix("sqlite:")?);
    (!path.is_absolute()).then_some(path)
}

/// Adds the nearest known key to a message about an unknown one.
fn explain(message: &str) -> String {
    let mut words = message.split('`').skip(1).step_by(2);
    let nearest = message
        .contains("unknown field")
        .then(|| words.next())
        .flatten()
        .and_then(|unknown| {
            words
                .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
                .filter(|(distance, known)| *distance <= known.len().div_ceil(3))
                .min()
        });
    match nearest {
        Some((_, known)) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GuardPlace;

    fn load(text: &str) -> Result<Config, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chancery.yaml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    #[test]
    fn the_annotated_example_is_a_configuration() {
        load(include_str!("../../../../config/chancery.example.yaml")).unwrap();
    }

    #[test]
    fn a_misspelt_key_is_refused_with_the_nearest_one() {
        let text = include_str!("../../../../config/chancery.example.yaml");
        let failure = load(&text.replace("admin-listen:", "admin-lisen:")).unwrap_err();
        assert!(
            failure
                .to_string()
                .ends_with("did you mean `admin-listen`?"),
            "{failure}"
        );
    }

    #[test]
    fn listeners_in_each_others_way_are_refused() {
        let mut config = load(include_str!("../../../../config/chancery.example.yaml")).unwrap();
        let mut refusal = |listen: &str, admin: &str, grpc: &str| {
            config.listen = listen.parse().unwrap();
            config.admin_listen = admin.parse().unwrap();
            config.grpc_listen = Some(grpc.parse().unwrap());
            config.check_listeners().err().map(|e| e.to_string())
        };
        for (listen, admin, grpc) in [
            ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"),
            ("127.0.0.1:1", "127.0.0.2:1", "127.0.0.1:3"),
            ("0.0.0.0:0", "0.0.0.0:0", "0.0.0.0:0"),
        ] {
            assert_eq!(refusal(listen, admin, grpc), None);
        }
        let refused = refusal("127.0.0.1:1", "0.0.0.0:2", "[::]:1").unwrap();
        assert!(
            refused.ends_with("listen serves gRPC in any case"),
            "{refused}"
        );
        let refused = refusal("0.0.0.0:1", "127.0.0.1:1", "[::]:3").unwrap();
        assert!(refused.contains("listen and admin-listen"), "{refused}");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = load(include_str!("../../../../config/chancery.example.yaml")).unwrap();
        assert!(config.ca.chain.is_absolute());
        assert!(matches!(&config.guard.place, GuardPlace::File(path) if path.is_absolute()));
    }
}
