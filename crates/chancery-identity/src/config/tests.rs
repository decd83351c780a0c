//! Tests of what is read from a configuration, and of what is refused before the first token.

use super::*;
use crate::{HttpPolicy, IssuerAddress, Issuers, IssuersOptions};

fn load(document: &str) -> Result<Issuers, ConfigError> {
    load_with(document, HttpPolicy::Refuse)
}

fn load_with(document: &str, allow_http: HttpPolicy) -> Result<Issuers, ConfigError> {
    let options = IssuersOptions {
        allow_http,
        ..IssuersOptions::default()
    };
    Issuers::new(
        IdentityConfig::parse(document.as_bytes(), "issuers.yaml")?,
        options,
    )
}

fn message(document: &str) -> String {
    load(document)
        .err()
        .map_or_else(String::new, |error| error.to_string())
}

/// One issuer of that URL, with these members.
fn one(url: &str, members: &str) -> String {
    format!("oidc-issuers:\n  {url}:\n    issuer-url: {url}\n    {{}}\n").replace("{}", members)
}

const EMAIL: &str = "client-id: sigstore\n    type: email";

#[test]
fn a_yaml_file_of_fulcios_is_read_with_anchors_merges_and_unknown_keys() {
    let issuers = load(
        "define:
  - &people
    client-id: sigstore
    type: email
    contact: somebody@example.test
oidc-issuers:
  https://a.example.test:
    <<: *people
    issuer-url: https://a.example.test
  https://b.example.test:
    <<: *people
    issuer-url: https://b.example.test
    client-id: other
    challenge-claim: sub
    new-key-of-fulcios: 1
meta-issuers:
  https://kubernetes.*.example.test/id/*:
    client-id: sigstore
    type: kubernetes
ci-issuer-metadata:
  github-workflow:
    subject-alternative-name-template: x
    extension-templates: {issuer: x}
",
    )
    .unwrap();
    let configured = issuers.configured();
    let [a, b, meta] = &configured[..] else {
        panic!("three issuers")
    };
    assert_eq!(
        a.address,
        IssuerAddress::Url("https://a.example.test".into())
    );
    assert_eq!(
        (a.audience.as_str(), a.challenge_claim.as_str()),
        ("sigstore", "email")
    );
    assert_eq!(
        (b.audience.as_str(), b.challenge_claim.as_str()),
        ("other", "sub")
    );
    let pattern = "https://kubernetes.*.example.test/id/*".to_owned();
    assert_eq!(meta.address, IssuerAddress::Wildcard(pattern));
    assert_eq!(
        (meta.issuer_type, meta.challenge_claim.as_str()),
        ("kubernetes", "sub")
    );
}

#[test]
fn a_json_file_of_fulcios_is_read_in_any_case() {
    for (issuers, url, client) in [
        ("OIDCIssuers", "IssuerURL", "ClientID"),
        ("oidcIssuers", "issuerUrl", "clientid"),
    ] {
        let document = format!(
            r#"{{"{issuers}": {{"https://a.test": {{"{url}": "https://a.test",
                "{client}": "sigstore", "Type": "email", "Description": "x"}}}}}}"#
        );
        assert_eq!(load(&document).unwrap().configured().len(), 1, "{issuers}");
    }
}

#[test]
fn files_that_are_no_configuration_are_refused_with_the_place() {
    assert!(message("oidc-issuers: [").starts_with("issuers.yaml is not"));
    assert!(message("oidc-issuers: 5").contains("issuers.yaml"));
    assert!(message("{\"OIDCIssuers\": {}").contains("JSON"));
    assert!(message("{\"OIDCIssuers\": {}, \"OIDCIssuers\": {}}").contains("twice"));
    for empty in ["", "{}", "oidc-issuers:", "other: 1"] {
        assert!(!message(empty).is_empty(), "{empty}");
    }
    let twice = one("https://a.test", EMAIL) + "    type: uri\n";
    assert!(message(&twice).contains("twice"), "{}", message(&twice));
}

#[test]
fn a_type_that_is_misspelt_is_refused() {
    for kind in ["e-mail", "Email", "\"\""] {
        let said = message(&one(
            "https://a.test",
            &format!("client-id: x\n    type: {kind}"),
        ));
        assert!(said.contains("the type is unknown"), "{said}");
    }
    assert!(message(&one("https://a.test", "client-id: x")).contains("the type is unknown"));
}

#[test]
fn entries_that_would_refuse_every_token_are_refused() {
    for (members, part) in [
        ("type: email", "client-id is empty"),
        ("client-id: ''\n    type: email", "client-id is empty"),
        (
            "client-id: x\n    type: email\n    issuer-claim: $.a[*]",
            "is not a JSONPath to one claim",
        ),
        (
            "client-id: x\n    type: kubernetes\n    issuer-claim: $.a",
            "only be used with",
        ),
        ("client-id: x\n    type: spiffe", "spiffe-trust-domain"),
        ("client-id: x\n    type: uri", "subject-domain"),
        ("client-id: x\n    type: username", "subject-domain"),
        (
            "client-id: x\n    type: email\n    ca-cert: nonsense",
            "ca-cert",
        ),
    ] {
        let said = message(&one("https://a.test", members));
        assert!(
            said.contains(part) && said.contains("https://a.test"),
            "{members}: {said}"
        );
    }
    let differs =
        "oidc-issuers: {https://a.test: {issuer-url: https://a.test/, client-id: x, type: email}}";
    assert!(message(differs).contains("must be the same"));
}

#[test]
fn urls_that_could_lead_elsewhere_are_refused() {
    for url in [
        "ftp://a.test",
        "a.test",
        "https://",
        "https://u@a.test",
        "https://a.test?x",
        "https://a.test#x",
        "https://a.test/ü",
        "https://*.a.test",
    ] {
        assert!(load(&one(&format!("'{url}'"), EMAIL)).is_err(), "{url}");
    }
}

#[test]
fn plain_http_needs_consent() {
    let http = one("http://a.test", EMAIL);
    assert!(message(&http).contains("allow-http: true"));
    assert!(load_with(&http, HttpPolicy::Allow).is_ok());
    assert!(load(&(http + "    allow-http: true\n")).is_ok());
}

#[test]
fn spiffe_needs_an_issuer_by_name() {
    let meta = "meta-issuers: {'https://*.a.example.test/x': {client-id: x, type: spiffe, \
                spiffe-trust-domain: example.test}}";
    assert!(message(meta).contains("cannot be used with wildcards"));
}

#[test]
fn an_entry_may_have_several_audiences_with_or_without_a_client_id() {
    for (members, audiences) in [
        ("audiences: [a, b]", vec!["a", "b"]),
        ("client-id: c\n    audiences: [a, c]", vec!["c", "a"]),
        ("client-id: ''\n    audiences: [a]", vec!["a"]),
    ] {
        let issuers = load(&one(
            "https://a.test",
            &format!("{members}\n    type: email"),
        ))
        .unwrap();
        assert_eq!(issuers.configured()[0].audiences, audiences);
        assert_eq!(issuers.configured()[0].audience, audiences[0]);
    }
    let empty = message(&one(
        "https://a.test",
        "audiences: [a, ' ']\n    type: email",
    ));
    assert!(empty.contains("one of its audiences is empty"), "{empty}");
    let none = message(&one("https://a.test", "audiences: []\n    type: email"));
    assert!(none.contains("client-id is empty"), "{none}");
}

#[test]
fn an_issuer_may_have_several_entries_if_no_audience_is_in_two() {
    let list = |second: &str| {
        format!(
            "oidc-issuers:\n  https://a.test:\n    - {{client-id: a, type: email}}\n    \
             - {second}\nmeta-issuers:\n  https://a.test/*:\n    - {{client-id: a, type: email}}\n    \
             - {second}\n"
        )
    };
    let issuers = load(&list("{audiences: [b, c], type: email}")).unwrap();
    assert_eq!(issuers.configured().len(), 4);
    let twice = message(&list("{audiences: [b, a], type: email}"));
    assert!(
        twice.contains("the audience \"a\" is in two entries"),
        "{twice}"
    );
    let second = message(&list("{audiences: [b], type: e-mail}"));
    assert!(second.contains("https://a.test (entry 2 of 2)"), "{second}");
    let empty = message("oidc-issuers: {https://a.test: []}");
    assert!(empty.contains("neither an entry nor a list"), "{empty}");
    let json = r#"{"OIDCIssuers": {"https://a.test": [{"ClientId": "a", "TYPE": "email"}]}}"#;
    assert_eq!(load(json).unwrap().configured().len(), 1);
}

#[test]
fn a_key_that_is_nearly_ours_is_refused_and_another_unknown_key_is_a_warning() {
    for (found, meant) in [
        ("audience", "audiences"),
        ("Audiences", "audiences"),
        ("allow_http", "allow-http"),
        ("allowhttp", "allow-http"),
        ("alow-htpt", "allow-http"),
    ] {
        let said = message(&one("https://a.test", &format!("{EMAIL}\n    {found}: x")));
        for part in [&format!("did you mean `{meant}`"), "https://a.test", found] {
            assert!(said.contains(part), "{said}");
        }
    }
    let members = "CONTACT: x\n    new: 1\n    challange-claim: sub";
    let document = one("https://a.test", &format!("{EMAIL}\n    {members}")) + "oidc_issuers: {}\n";
    let config = IdentityConfig::parse(document.as_bytes(), "f").unwrap();
    assert_eq!(
        config.warnings(),
        [
            "the key \"oidc_issuers\" is not read; did you mean `oidc-issuers`?",
            "f: issuer https://a.test: the key \"challange-claim\" is not read; did you mean \
             `challenge-claim`?",
            "f: issuer https://a.test: the key \"new\" is not read",
        ]
    );
}

#[test]
fn merges_take_the_first_and_an_entrys_own_keys_win() {
    let document = "define:
  - &a {client-id: a, type: email}
  - &b {client-id: b, issuer-url: https://a.test}
oidc-issuers:
  https://a.test: {<<: [*a, *b], type: kubernetes}
";
    let issuers = load(document).unwrap();
    let found = &issuers.configured()[0];
    assert_eq!(
        (found.audience.as_str(), found.issuer_type),
        ("a", "kubernetes")
    );
    let scalar = document.replace("[*a, *b]", "1");
    assert!(
        message(&scalar).contains("not a mapping"),
        "{}",
        message(&scalar)
    );
}

#[test]
fn an_alias_may_stand_for_a_text_on_either_side_of_a_colon() {
    let document = "define:
  - &kind email
  - &url https://a.test
oidc-issuers:
  *url : {client-id: a, type: *kind, issuer-url: *url}
ci-issuer-metadata:
  *kind :
    extension-templates: {}
";
    let issuers = load(document).unwrap();
    assert_eq!(issuers.configured()[0].issuer_type, "email");
}

#[test]
fn a_document_that_grows_as_it_is_read_is_refused() {
    let mut bomb = format!("a0: &a0 {}\n", "x".repeat(1000));
    for level in 1..9 {
        let last = format!("*a{}, ", level - 1).repeat(9);
        bomb += &format!("a{level}: &a{level} [{last}]\n");
    }
    bomb += &one("https://a.test", EMAIL);
    let long = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(20_000),
        "*a, ".repeat(1000)
    );
    for (document, part) in [
        (bomb, "repetition limit"),
        (long, "aliases"),
        ("#".repeat((1 << 20) + 1), "more than 1048576 octets"),
        ("[".repeat(1 << 20), "brackets open"),
        ("{".repeat(1 << 20), ""),
        ("- ".repeat(1 << 19), ""),
        ("? ".repeat(1 << 19), ""),
        (format!("x: &x [*x]\n{}", one("https://a.test", EMAIL)), ""),
    ] {
        let said = message(&document);
        assert!(!said.is_empty() && said.contains(part), "{said}");
        assert!(said.len() < 500, "{said}");
    }
}

#[test]
fn a_member_in_two_cases_is_refused() {
    let json = r#"{"OIDCIssuers": {"https://a.test": {"ClientID": "a", "clientid": "b"}}}"#;
    assert!(message(json).contains("in two cases"), "{}", message(json));
}

/// One issuer of type `ci-provider`, and what it is described by.
fn described(provider: &str, metadata: &str) -> String {
    format!(
        "oidc-issuers: {{https://a.test: {{client-id: x, type: ci-provider{provider}}}}}\n\
         ci-issuer-metadata: {metadata}"
    )
}

#[test]
fn providers_that_could_not_be_used_are_refused_with_issuer_and_provider() {
    let name = "subject-alternative-name-template: 'https://x.test/{{.sub}}'";
    for (provider, metadata, parts) in [
        (
            "",
            format!("{{github: {{{name}}}}}"),
            &["https://a.test", "ci-provider is missing"][..],
        ),
        (
            ", ci-provider: githup",
            format!("{{github: {{{name}}}, x: {{{name}}}}}"),
            &["https://a.test", "githup", "nearest", "\"github\""],
        ),
        (
            ", ci-provider: github",
            "{}".into(),
            &["https://a.test", "\"github\"", "nearest"],
        ),
        (
            ", ci-provider: github",
            "{github: {extension-templates: {build-trigger: x}}}".into(),
            &[
                "https://a.test",
                "\"github\"",
                "no subject-alternative-name-template",
            ],
        ),
        (
            ", ci-provider: github",
            "{github: null}".into(),
            &["no subject-alternative-name-template"],
        ),
    ] {
        let said = message(&described(provider, &metadata));
        for part in parts {
            assert!(said.contains(part), "{provider} {metadata}: {said}");
        }
    }
    assert_eq!(
        message(&described(
            ", ci-provider: github",
            &format!("{{github: {{{name}}}}}")
        )),
        ""
    );
    let own = ", ci-provider: github, subject-alternative-name-template: 'https://{{.sub}}'";
    assert_eq!(message(&described(own, "{github: {}}")), "");
}

#[test]
fn templates_that_do_not_parse_are_refused_with_issuer_provider_key_and_reason() {
    let extension = |key: &str, value: &str| {
        format!(
            "{{github: {{subject-alternative-name-template: 'https://x.test/{{{{.sub}}}}', \
             extension-templates: {{{key}: '{value}'}}}}}}"
        )
    };
    for (provider, metadata, parts) in [
        (
            ", ci-provider: github",
            extension("build-trigger", "{{.a"),
            &[
                "https://a.test",
                "github",
                "extension-templates.build-trigger",
                "line 1",
            ][..],
        ),
        (
            ", ci-provider: github",
            extension("build-trigger", "{{upper .a}}"),
            &["build-trigger", "no function \"upper\""],
        ),
        (
            ", ci-provider: github",
            extension("build-triger", "a"),
            &[
                "https://a.test",
                "build-triger",
                "nearest",
                "\"build-trigger\"",
            ],
        ),
        (
            ", ci-provider: github",
            "{github: {subject-alternative-name-template: '{{if}}'}}".into(),
            &[
                "https://a.test",
                "github",
                "subject-alternative-name-template",
            ],
        ),
        // One that nobody uses yet is read, too.
        (
            "",
            extension("build-trigger", "{{.a"),
            &["github", "build-trigger"],
        ),
        (
            ", ci-provider: x",
            "{x: {default-template-values: {a: 1.50}}}".into(),
            &["quotation"],
        ),
        (
            ", ci-provider: x",
            "{x: {default-template-values: {a: [b]}}}".into(),
            &["a text"],
        ),
    ] {
        let said = message(&described(provider, &metadata));
        for part in parts {
            assert!(said.contains(part), "{provider} {metadata}: {said}");
        }
    }
}

#[test]
fn a_json_file_describes_providers_by_gos_names() {
    let document = r#"{
        "OIDCIssuers": {"https://a.test": {
            "ClientID": "x", "Type": "ci-provider", "ciprovider": "github"}},
        "MetaIssuers": {"https://*.a.example.test": {
            "ClientID": "x", "Type": "ci-provider", "CIProvider": "github"}},
        "CIIssuerMetadata": {"github": {
            "DefaultTemplateValues": {"URL": "https://x.test"},
            "extensiontemplates": {"BuildSignerURI": "sub", "githubWorkflowSHA": "{{.URL}}"},
            "SubjectAlternativeNameTemplate": "{{.URL}}/{{.sub}}"}}}"#;
    let issuers = load(document).unwrap();
    let configured = issuers.configured();
    let types = configured.iter().map(|issuer| issuer.issuer_type);
    assert_eq!(types.collect::<Vec<_>>(), ["ci-provider", "ci-provider"]);
    let said = message(&document.replace("githubWorkflowSHA", "githubWorkflowSHAx"));
    assert!(said.contains("github-workflow-sha"), "{said}");
    let twice = message(&document.replace(
        "\"BuildSignerURI\"",
        "\"build-signer-uri\": \"a\", \"BuildSignerURI\"",
    ));
    assert!(twice.contains("twice"), "{twice}");
}

#[test]
fn texts_and_truth_values_are_read_as_fulcio_reads_them() {
    let entry = |members: &str| {
        let text = format!("oidc-issuers: {{https://a.test: {{type: email, {members}}}}}");
        let config = IdentityConfig::parse(text.as_bytes(), "f.yaml");
        config.map(|config| config.issuers["https://a.test"][0].clone())
    };
    for (written, read) in [
        ("123", Some("123")),
        ("true", Some("true")),
        ("yes", Some("yes")),
        ("'1.50'", Some("1.50")),
        ("0o7x", Some("0o7x")),
        ("~", None),
    ] {
        let entry = entry(&format!("client-id: {written}, audiences: [x, 7]")).unwrap();
        assert_eq!(entry.client_id.as_deref(), read, "{written}");
        assert_eq!(entry.audiences.unwrap(), ["x", "7"]);
    }
    for (written, read) in [
        ("true", true),
        ("yes", true),
        ("ON", true),
        ("'y'", true),
        ("False", false),
        ("no", false),
        ("off", false),
        ("", false),
    ] {
        let key = "skip-email-verification";
        let entry = entry(&format!("client-id: x, {key}: {written}")).unwrap();
        assert_eq!(entry.skip_email_verification, read, "{written}");
    }
    for members in [
        "client-id: 1.5",
        "client-id: [x]",
        "skip-email-verification: 'true'",
        "skip-email-verification: 1",
        "once-only: oN",
    ] {
        assert!(entry(members).is_err(), "{members}");
    }
}
