//! Reads documents back that are to be signed: exactly as they are written here, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CLIENT_TRUST_CONFIG, CertificateAuthority, SIGNING_CONFIG, SigningConfig, TRUSTED_ROOT,
    TransparencyLog, TrustDocuments, TrustedRoot, both,
};

impl TrustDocuments {
    /// Refuses documents by name that are not all three, or not as Chancery writes them: a member
    /// that is not known here, or one that is there twice, would be signed unseen.
    pub(crate) fn check(named: &BTreeMap<String, String>) -> Result<(), &'static str> {
        let text = |name| named.get(name).map(String::as_bytes);
        let (Some(root), Some(config), Some(in_one), 3) = (
            text(TRUSTED_ROOT),
            text(SIGNING_CONFIG),
            text(CLIENT_TRUST_CONFIG),
            named.len(),
        ) else {
            return Err("its documents are not the three that clients ask for");
        };
        let trusted_root = TrustedRoot::parse(root).map_err(|_| "its trusted root is none")?;
        let signing_config: SigningConfig =
            serde_json::from_slice(config).map_err(|_| "its signing configuration is none")?;
        let written = both(&trusted_root, &signing_config)
            .map_err(|_| "its documents have a time that cannot be said")?;
        if written.trusted_root != root
            || written.signing_config != config
            || written.client_trust_config != in_one
        {
            return Err(
                "its documents are not written as this version of Chancery writes them, or say \
                 different things",
            );
        }
        if has_twice(&trusted_root) {
            return Err("its trusted root has a log or a chain twice");
        }
        Ok(())
    }
}

fn has_twice(root: &TrustedRoot) -> bool {
    let logs = |logs: &[TransparencyLog]| {
        let keys: BTreeSet<_> = logs.iter().map(|log| &log.public_key.raw_bytes.0).collect();
        let names = logs.iter().filter_map(|log| log.log_id.as_ref());
        let names: Vec<_> = names.map(|name| &name.key_id.0).collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        keys.len() < logs.len() || distinct.len() < names.len()
    };
    let chains = |chains: &[CertificateAuthority]| {
        let distinct: BTreeSet<Vec<&[u8]>> = chains
            .iter()
            .map(|chain| chain.certificates().collect())
            .collect();
        distinct.len() < chains.len()
    };
    logs(&root.ctlogs)
        || logs(&root.tlogs)
        || chains(&root.certificate_authorities)
        || chains(&root.timestamp_authorities)
}
