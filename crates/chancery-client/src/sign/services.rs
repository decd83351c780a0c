//! Which services a signing configuration says to ask (`signing_config.v0.2.json`).

use std::time::SystemTime;

use chancery_trust::documents::Service;
use serde::Deserialize;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
/// Far more than any instance has.
const LONGEST: usize = 1 << 20;
const MOST_SERVICES: usize = 64;

/// The versions that are spoken here.
const CA: u32 = 1;
const LOGIN: u32 = 1;
const LEDGER: u32 = 2;
const TIMESTAMPS: u32 = 1;

/// Whom to ask for a signature: chosen once, for the time at which it was chosen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SigningServices {
    /// The base URL of the authority.
    pub authority: String,
    /// The ledgers that every signature is entered in; none where the instance has none.
    pub ledgers: Vec<String>,
    /// The timestamp authorities that stamp every signature, by their whole URLs.
    pub timestamps: Vec<String>,
    /// The issuer that people log in with.
    pub login: Option<String>,
}

/// Why a signing configuration does not say whom to ask.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SigningConfigError {
    /// It is none.
    #[error("the signing configuration cannot be read as {MEDIA_TYPE}: {0}")]
    Unreadable(String),
    /// It names no authority that can be asked now.
    #[error(
        "the signing configuration names no certificate authority (API version {CA}) that is to be \
         asked now; refresh it with `chancery client refresh`"
    )]
    NoAuthority,
    /// It names fewer services than it says are needed.
    #[error(
        "the signing configuration wants {wanted} of its {what}, and names {found} (API version \
         {version}) that can be asked now; refresh it with `chancery client refresh`"
    )]
    TooFew {
        /// Ledgers or timestamp authorities.
        what: &'static str,
        /// The version that is spoken here.
        version: u32,
        /// How many it wants.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: String,
    #[serde(default)]
    ca_urls: Vec<Service>,
    #[serde(default)]
    oidc_urls: Vec<Service>,
    #[serde(default)]
    rekor_tlog_urls: Vec<Service>,
    #[serde(default)]
    tsa_urls: Vec<Service>,
    #[serde(default)]
    rekor_tlog_config: Option<Configured>,
    #[serde(default)]
    tsa_config: Option<Configured>,
}

#[derive(Clone, Copy, Deserialize)]
struct Configured {
    selector: Selector,
    #[serde(default)]
    count: usize,
}

/// How many of a list are asked, as upstream has it.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Selector {
    All,
    Any,
    Exact,
}

impl SigningServices {
    /// Chooses from a signing configuration what is to be asked at `now`: services whose window holds
    /// it and whose version is spoken here, one of each operator, and of these as many as it says.
    ///
    /// # Errors
    /// [`SigningConfigError`] says what the configuration lacks.
    pub fn choose(config: &[u8], now: SystemTime) -> Result<Self, SigningConfigError> {
        let document = read(config)?;
        let authorities = current(&document.ca_urls, CA, now);
        let authority = authorities.first().ok_or(SigningConfigError::NoAuthority)?;
        let ledgers = several(
            "ledgers",
            &document.rekor_tlog_urls,
            document.rekor_tlog_config,
            LEDGER,
            now,
        )?;
        // Paths are appended to these two. The others are taken as they are: an issuer's name may end
        // with a slash.
        let base = |url: &String| url.trim_end_matches('/').to_owned();
        Ok(Self {
            authority: base(authority),
            ledgers: ledgers.iter().map(base).collect(),
            timestamps: several(
                "timestamp authorities",
                &document.tsa_urls,
                document.tsa_config,
                TIMESTAMPS,
                now,
            )?,
            login: current(&document.oidc_urls, LOGIN, now).into_iter().next(),
        })
    }
}

fn read(config: &[u8]) -> Result<Document, SigningConfigError> {
    let unreadable = |why: &str| SigningConfigError::Unreadable(why.to_owned());
    if config.len() > LONGEST {
        return Err(unreadable("it is longer than 1 MiB"));
    }
    let document: Document = serde_json::from_slice(config)
        .map_err(|error| SigningConfigError::Unreadable(error.to_string()))?;
    if document.media_type != MEDIA_TYPE {
        return Err(unreadable("its mediaType is another"));
    }
    let lists = [
        &document.ca_urls,
        &document.oidc_urls,
        &document.rekor_tlog_urls,
        &document.tsa_urls,
    ];
    if lists.iter().any(|list| list.len() > MOST_SERVICES) {
        return Err(unreadable("a list has more than 64 services"));
    }
    Ok(document)
}

/// Returns the URLs that can be asked: the first of each operator, in the order of the document.
fn current(services: &[Service], version: u32, now: SystemTime) -> Vec<String> {
    let mut operators: Vec<&str> = Vec::new();
    let mut urls = Vec::new();
    for service in services {
        let fits = service.major_api_version == version && service.valid_for.holds(now);
        if fits && !operators.contains(&&*service.operator) {
            operators.push(&service.operator);
            urls.push(service.url.clone());
        }
    }
    urls
}

fn several(
    what: &'static str,
    services: &[Service],
    configured: Option<Configured>,
    version: u32,
    now: SystemTime,
) -> Result<Vec<String>, SigningConfigError> {
    if services.is_empty() {
        return Ok(Vec::new());
    }
    // A list without its selector is against the specification. To ask nobody would leave out what
    // the instance has.
    let any = Configured {
        selector: Selector::Any,
        count: 0,
    };
    let configured = configured.unwrap_or(any);
    let mut urls = current(services, version, now);
    let found = urls.len();
    let wanted = match configured.selector {
        Selector::All => found.max(1),
        Selector::Any => 1,
        Selector::Exact => configured.count.max(1),
    };
    if found < wanted {
        return Err(SigningConfigError::TooFew {
            what,
            version,
            wanted,
            found,
        });
    }
    urls.truncate(wanted);
    Ok(urls)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;

    fn service(url: &str, version: u32, operator: &str) -> Value {
        json!({"url": url, "majorApiVersion": version, "operator": operator,
               "validFor": {"start": "2026-01-01T00:00:00Z"}})
    }

    fn config() -> Value {
        json!({
            "mediaType": MEDIA_TYPE,
            "caUrls": [service("https://ca/", 1, "a")],
            "oidcUrls": [service("https://login", 1, "a")],
            "rekorTlogUrls": [
                service("https://one", 1, "a"), service("https://two", 2, "a"),
                service("https://three", 2, "a"), service("https://four", 2, "b"),
            ],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [service("https://tsa", 1, "a")],
            "tsaConfig": {"selector": "ANY"},
        })
    }

    /// 2026-11-01
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_793_491_200)
    }

    fn choose(config: &Value) -> Result<SigningServices, SigningConfigError> {
        SigningServices::choose(config.to_string().as_bytes(), now())
    }

    #[test]
    fn one_of_each_operator_is_asked_and_as_many_as_the_selector_says() {
        let mut config = config();
        let chosen = choose(&config).unwrap();
        assert_eq!(chosen.authority, "https://ca");
        assert_eq!(chosen.ledgers, ["https://two"]);
        assert_eq!(chosen.timestamps, ["https://tsa"]);
        assert_eq!(chosen.login.as_deref(), Some("https://login"));

        for (selector, ledgers) in [
            (
                json!({"selector": "ALL"}),
                &["https://two", "https://four"][..],
            ),
            (json!({"selector": "EXACT", "count": 1}), &["https://two"]),
            (
                json!({"selector": "EXACT", "count": 2}),
                &["https://two", "https://four"],
            ),
        ] {
            config["rekorTlogConfig"] = selector;
            assert_eq!(choose(&config).unwrap().ledgers, ledgers);
        }
        config["rekorTlogConfig"] = json!({"selector": "EXACT", "count": 3});
        let error = choose(&config).unwrap_err();
        assert!(
            matches!(
                error,
                SigningConfigError::TooFew {
                    wanted: 3,
                    found: 2,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn an_issuer_keeps_the_slash_at_the_end_of_its_name() {
        let mut config = config();
        config["oidcUrls"][0]["url"] = json!("https://login/");
        config["tsaUrls"][0]["url"] = json!("https://tsa/stamp/");
        config["rekorTlogUrls"][1]["url"] = json!("https://two/");
        let chosen = choose(&config).unwrap();
        assert_eq!(chosen.login.as_deref(), Some("https://login/"));
        assert_eq!(chosen.timestamps, ["https://tsa/stamp/"]);
        assert_eq!(chosen.ledgers, ["https://two"]);
    }

    #[test]
    fn what_is_over_or_not_yet_begun_is_not_asked() {
        let mut config = config();
        config["rekorTlogUrls"][1]["validFor"]["end"] = json!("2026-10-01T00:00:00Z");
        config["rekorTlogUrls"][2]["validFor"]["start"] = json!("2026-12-01T00:00:00Z");
        assert_eq!(choose(&config).unwrap().ledgers, ["https://four"]);
        config["caUrls"][0]["validFor"]["end"] = json!("2026-10-01T00:00:00Z");
        let error = choose(&config).unwrap_err();
        assert!(matches!(error, SigningConfigError::NoAuthority), "{error}");
    }

    #[test]
    fn an_instance_may_have_neither_ledger_nor_timestamps() {
        let mut config = config();
        for name in ["rekorTlogUrls", "rekorTlogConfig", "tsaUrls", "tsaConfig"] {
            config.as_object_mut().unwrap().remove(name);
        }
        let chosen = choose(&config).unwrap();
        assert!(chosen.ledgers.is_empty() && chosen.timestamps.is_empty());
    }

    #[test]
    fn a_ledger_that_is_named_and_cannot_be_asked_is_not_left_out_silently() {
        let mut config = config();
        config["rekorTlogUrls"] = json!([service("https://one", 1, "a")]);
        for selector in ["ANY", "ALL"] {
            config["rekorTlogConfig"]["selector"] = json!(selector);
            let error = choose(&config).unwrap_err();
            assert!(
                matches!(error, SigningConfigError::TooFew { .. }),
                "{error}"
            );
        }
        config["mediaType"] = json!("other");
        let error = choose(&config).unwrap_err();
        assert!(
            matches!(error, SigningConfigError::Unreadable(_)),
            "{error}"
        );
    }
}
