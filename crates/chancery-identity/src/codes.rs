//! The stable codes of refusals, for documentation and for those who handle them.

/// All codes that [`AuthenticateError::code`](crate::AuthenticateError::code) can return, in
/// alphabetical order, each with what it means.
pub const CODES: &[(&str, &str)] = &[
    (
        "algorithm-refused",
        "the token is signed with an algorithm that is not one of the issuer's keys",
    ),
    (
        "audience-mismatch",
        "the token is for another audience than those of the issuer's configuration",
    ),
    (
        "claim-missing",
        "a claim that the certificate is for is missing or empty",
    ),
    (
        "claim-refused",
        "a claim is no text, is too long, or holds control characters",
    ),
    (
        "email-malformed",
        "the e-mail address is none of a dotted domain in plain ASCII",
    ),
    ("email-missing", "the token has no e-mail address"),
    (
        "email-not-verified",
        "the issuer does not say that it has verified the e-mail address",
    ),
    ("issuer-missing", "the token does not name its issuer"),
    (
        "issuer-unavailable",
        "the issuer's keys cannot be had at the moment; try again",
    ),
    ("issuer-unknown", "the token's issuer is not configured"),
    (
        "key-unknown",
        "the issuer does not publish the key that signed the token",
    ),
    ("name-refused", "the name cannot stand in a certificate"),
    (
        "rate-limited",
        "the identity, or the issuer, has asked for too many certificates; try again later",
    ),
    (
        "rule-denied",
        "a deny rule of the operator's matches the token",
    ),
    (
        "rule-not-allowed",
        "no allow rule of the operator's matches the token",
    ),
    (
        "signature-invalid",
        "the token's signature was not made with the issuer's key",
    ),
    (
        "subject-foreign",
        "the subject is of a domain that the issuer does not speak for",
    ),
    (
        "subject-is-email",
        "the subject is an e-mail address, which issuers of this type do not certify",
    ),
    (
        "subject-malformed",
        "the subject is not of the form that the issuer's type demands",
    ),
    ("subject-missing", "the token has no subject"),
    (
        "template-failed",
        "a template of the operator's cannot be rendered from the token's claims",
    ),
    (
        "token-claim-case",
        "a registered claim is written in another case",
    ),
    (
        "token-duplicate-claim",
        "one object of the token has a member twice",
    ),
    ("token-expired", "the token is no longer valid"),
    (
        "token-expiry-missing",
        "the token does not say when it expires",
    ),
    (
        "token-header-refused",
        "the token's header asks for a treatment that is not given",
    ),
    (
        "token-id-missing",
        "the token has no identifier, and the issuer's may be used once only",
    ),
    (
        "token-issued-at-missing",
        "the token does not say when it was issued, and the age of the issuer's is limited",
    ),
    (
        "token-issued-in-future",
        "the token was issued in the future",
    ),
    ("token-malformed", "the text has not the form of a token"),
    ("token-missing", "no token was sent"),
    ("token-not-yet-valid", "the token is not valid yet"),
    (
        "token-time-malformed",
        "a time in the token is not a number of seconds",
    ),
    ("token-too-large", "the token has more than 16 KiB"),
    (
        "token-too-old",
        "the token was issued longer ago than the operator accepts",
    ),
    (
        "token-type-refused",
        "the header says that the token is not an identity token",
    ),
    (
        "token-whitespace",
        "the token begins or ends with white space",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every file in which a `code` of an error is written.
    const SOURCES: [&str; 6] = [
        include_str!("error.rs"),
        include_str!("kind/error.rs"),
        include_str!("rules.rs"),
        include_str!("signature.rs"),
        include_str!("token.rs"),
        include_str!("token/claims.rs"),
    ];

    #[test]
    fn the_list_has_the_codes_that_the_errors_have_and_no_others() {
        let mut written = BTreeSet::new();
        for source in SOURCES {
            let (_, body) = source
                .split_once("fn code(&self) -> &'static str {")
                .unwrap();
            let (body, _) = body.split_once("\n    }\n").unwrap();
            // Texts of patterns, such as `claim: "email"`, come before the arrow.
            let answers = body.lines().map(|line| {
                let (_, answer) = line.split_once("=>").unwrap_or(("", line));
                answer
            });
            written.extend(answers.filter_map(|answer| answer.split('"').nth(1)));
        }
        let listed: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(listed, written.into_iter().collect::<Vec<_>>());
    }
}
