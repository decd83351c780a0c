//! Templates: one that can be read gives the same text each time, within the limits, and says before
//! which claims it wants.

use std::collections::BTreeMap;

use chancery_template::{MAX_OUTPUT, MAX_SOURCE, RenderError, Template};

/// Reads and renders a template. An input is its source; behind a NUL claims may follow, names and
/// values by turns, with NULs between.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let mut parts = text.split('\0');
    let source = parts.next().unwrap_or_default();
    let mut claims: BTreeMap<String, String> = CLAIMS.map(|(k, v)| (k.into(), v.into())).into();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        claims.insert(name.to_owned(), value.to_owned());
    }
    match Template::parse(source) {
        Ok(template) => rendered(&template, source, &claims),
        Err(error) => {
            let said = error.to_string();
            assert!(said.len() < 4096, "a refusal of {} octets", said.len());
            assert_eq!(Template::parse(source).err(), Some(error));
        }
    }
}

/// As Fulcio's providers have them, and others that are hard on functions.
const CLAIMS: [(&str, &str); 8] = [
    ("url", "https://ci.test"),
    ("ref", "main"),
    ("ref_type", "branch"),
    ("n", "7"),
    ("empty", ""),
    ("a/b", "slash"),
    ("html", "<a href=\"x\">&'</a>"),
    ("uni", "é漢字😀\n\u{200d}"),
];

fn rendered(template: &Template, source: &str, claims: &BTreeMap<String, String>) {
    let text = template.render(claims);
    assert_eq!(text, template.render(claims), "not the same twice");
    match &text {
        Ok(text) => assert!(text.len() <= MAX_OUTPUT),
        Err(RenderError::MissingKey { key, .. }) => assert!(!claims.contains_key(key)),
        Err(error) => assert!(error.to_string().len() < 4096),
    }
    // The names stand in the source, but for escapes in quotation marks; comments change nothing.
    assert!(
        template
            .keys()
            .all(|key| source.contains(key) || source.contains('\\'))
    );
    let commented = format!("{{{{/* */}}}}{source}");
    if commented.len() <= MAX_SOURCE {
        let again = Template::parse(&commented).expect("a comment is no fault");
        assert_eq!(
            again.render(claims).ok(),
            text.clone().ok(),
            "a comment counts"
        );
    }
    if let Ok(text) = text
        && source.len() < MAX_SOURCE
        && text.len() < MAX_OUTPUT
    {
        let longer = match Template::parse(&format!("{source}x")) {
            Ok(longer) => longer,
            // The whole is called "", and only one of it and a part of that name may hold anything.
            Err(_) if source.contains("define") || source.contains("block") => return,
            Err(error) => panic!("text may follow: {error}"),
        };
        match longer.render(claims) {
            Err(RenderError::TooMuch { .. }) => (),
            rendered => assert_eq!(rendered, Ok(format!("{text}x"))),
        }
    }
}
