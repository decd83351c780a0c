//! What an instance is, as its trust documents say it.

use std::collections::BTreeMap;

use chancery_log::clock::from_unix_ms;
use chancery_store::{Instance, RecordedTimestampChain};
use chancery_trust::documents::{
    Authority, CtLog, Instance as Documented, Ledger, LoginIssuer, TimestampAuthority,
    TrustDocuments, Window,
};
use chancery_trust::plan::Wanted;
use chancery_trust::tuf::{Repository, Role, RoleKeys};
use url::Url;

use crate::config::{Config, parse_url};
use crate::failure::{Causes, Failure};
use crate::stamping::TrustedChains;
use crate::{ledgers, shards};

/// Where timestamps are asked for. Clients post to the URL that they are told, as it is.
const TSA_PATH: &str = "/api/v1/timestamp";

/// What is the same whatever logs there are.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    url: Url,
    organization: String,
    chain: Vec<Vec<u8>>,
    window: Window,
    stamping: Url,
    timestamps: TrustedChains,
    ledgers: Vec<Ledger>,
    login: Vec<LoginIssuer>,
}

impl Described {
    /// Takes it from the configuration and the record; `login` are issuers besides the configured.
    pub(crate) fn of(
        config: &Config,
        instance: &Instance,
        login: &[String],
    ) -> Result<Self, Failure> {
        let window = Window::between(from_unix_ms(instance.created_ms), None);
        let configured = config.trust.iter().flat_map(|trust| &trust.login);
        let login = login.iter().chain(configured).map(|issuer| {
            let issuer = LoginIssuer::at(issuer, window);
            issuer.map_err(|e| Failure::configuration(format!("trust.login: {}", Causes(&e))))
        });
        let url = parse_url(&config.url)?;
        let stamping = url.join(TSA_PATH).map_err(Failure::from_error)?;
        Ok(Self {
            stamping,
            timestamps: TrustedChains::configured(config)?,
            ledgers: ledgers::trusted(config, instance)?,
            url,
            organization: config.organization.clone(),
            chain: instance.chain.clone(),
            window,
            login: login.collect::<Result<_, _>>()?,
        })
    }

    /// Writes the documents for some logs, and these chains of the timestamp authority besides the
    /// configured ones.
    pub(crate) fn documents(
        &self,
        logs: &[CtLog],
        chains: &[RecordedTimestampChain],
    ) -> Result<TrustDocuments, Failure> {
        let stamped = self.timestamps.with(chains)?.into_iter();
        let timestamp_authorities = stamped.map(|trusted| TimestampAuthority {
            url: self.stamping.clone(),
            chain: trusted.chain.ders().to_vec(),
            window: Window::between(trusted.chain.not_before(), trusted.ends),
        });
        let documents = TrustDocuments::of(&Documented {
            organization: self.organization.clone(),
            operator: self.url.host_str().unwrap_or_default().to_owned(),
            authorities: vec![Authority {
                url: self.url.clone(),
                chain: self.chain.clone(),
                window: self.window,
            }],
            logs: logs.to_vec(),
            ledgers: self.ledgers.clone(),
            timestamp_authorities: timestamp_authorities.collect(),
            stamps: self.timestamps.stamps(),
            login: self.login.clone(),
        });
        documents.map_err(|e| Failure::configuration(Causes(&e)))
    }

    /// Writes the documents for the logs that are recorded.
    pub(crate) fn recorded(
        config: &Config,
        instance: &Instance,
    ) -> Result<TrustDocuments, Failure> {
        let logs = shards::trusted(config, instance)?;
        Self::of(config, instance, &[])?.documents(&logs, &instance.timestamp_chains)
    }
}

/// Says what clients are to trust: these documents, by the keys of the published root, or by others
/// where some are named.
pub(crate) fn wanted(
    current: Option<&Repository>,
    documents: TrustDocuments,
    others: Option<&BTreeMap<Role, RoleKeys>>,
) -> Wanted {
    let mut keys = BTreeMap::new();
    if let Some(current) = current {
        let root = current.root().content();
        keys.extend(Role::ALL.map(|role| (role, root.keys(role))));
    }
    keys.extend(others.cloned().unwrap_or_default());
    Wanted { keys, documents }
}
