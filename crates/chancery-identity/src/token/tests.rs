//! Tests of the token's form, its header and the claims that need no keys.

use std::time::{Duration, UNIX_EPOCH};

use super::*;

const HEADER: &str = r#"{"alg":"RS256"}"#;
const NOW: u64 = 1_790_000_000;

fn b64(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn token(header: &str, payload: &str) -> String {
    format!("{}.{}.{}", b64(header), b64(payload), b64("signature"))
}

fn refusal(text: &str) -> &'static str {
    match UnverifiedToken::parse(text) {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}

#[test]
fn what_has_not_the_form_of_a_token_is_refused() {
    let good = token(HEADER, "{}");
    for (text, code) in [
        (good.clone(), "accepted"),
        (String::new(), "token-missing"),
        ("abc".into(), "token-malformed"),
        ("a.b".into(), "token-malformed"),
        ("..".into(), "token-malformed"),
        (format!("{good}."), "token-malformed"),
        (format!("{good}.a.b"), "token-malformed"),
        (".".repeat(MAX_TOKEN), "token-malformed"),
        (".".repeat(MAX_TOKEN + 1), "token-too-large"),
        ("a".repeat(5 << 20), "token-too-large"),
        (format!(" {good}"), "token-whitespace"),
        (format!("{good}\n"), "token-whitespace"),
        (format!("{good}\u{a0}"), "token-whitespace"),
        (" . . ".into(), "token-whitespace"),
        (good.replacen('.', "\n.", 1), "token-malformed"),
        (good.replacen('.', "=.", 1), "token-malformed"),
        (format!("Bearer {good}"), "token-malformed"),
        (format!("{good}="), "token-malformed"),
        (good.replace('.', "+."), "token-malformed"),
        (
            format!("{}.{}.é", b64(HEADER), b64("{}")),
            "token-malformed",
        ),
        (
            r#"{"payload":"","protected":"","signature":""}"#.into(),
            "token-malformed",
        ),
    ] {
        assert_eq!(refusal(&text), code, "{}", quoted(&text));
    }
}

#[test]
fn base64_with_bits_left_over_is_refused() {
    let parts = |signature: &str| format!("{}.{}.{signature}", b64(HEADER), b64("{}"));
    assert_eq!(refusal(&parts("AA")), "accepted");
    assert_eq!(refusal(&parts("AB")), "token-malformed");
}

#[test]
fn payloads_that_could_be_read_in_two_ways_are_refused() {
    for (payload, code) in [
        (r#"{"iss":"a","iss":"b"}"#, "token-duplicate-claim"),
        (r#"{"iss":"a","is\u0073":"b"}"#, "token-duplicate-claim"),
        (r#"{"x":{"y":1,"y":2}}"#, "token-duplicate-claim"),
        (r#"{"x":[{"y":1,"y":2}]}"#, "token-duplicate-claim"),
        (r#"{"ISS":"a"}"#, "token-claim-case"),
        (r#"{"iss":"a","Iss":"b"}"#, "token-claim-case"),
        (r#"{"ſub":"a"}"#, "token-claim-case"),
        (r#"{"\u212aubernetes.io":{}}"#, "token-claim-case"),
        (r#"{"Email_Verified":true}"#, "token-claim-case"),
        (r#"{"EXP":1}"#, "token-claim-case"),
        (r#"{"name":"a","Name":"b"}"#, "accepted"),
        (r#"{"x":{"ISS":"a"}}"#, "accepted"),
        ("[]", "token-malformed"),
        ("null", "token-malformed"),
        ("\"a\"", "token-malformed"),
        ("", "token-malformed"),
        ("{", "token-malformed"),
        ("{}{}", "token-malformed"),
        ("\u{feff}{}", "token-malformed"),
        (r#"{"exp":1e400}"#, "token-malformed"),
    ] {
        assert_eq!(refusal(&token(HEADER, payload)), code, "{payload}");
    }
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(refusal(&token(HEADER, &deep)), "token-malformed");
    let invalid = format!("{}.{}.AA", b64(HEADER), b64(b"{\"a\":\"\xff\"}"));
    assert_eq!(refusal(&invalid), "token-malformed");
}

#[test]
fn headers_that_ask_for_another_reading_are_refused() {
    for (members, code) in [
        (r#""alg":"RS256","kid":null,"typ":"JWT""#, "accepted"),
        (r#""alg":"RS256","typ":"jose""#, "accepted"),
        (
            r#""alg":"RS256","jku":"https://evil.test","jwk":{},"x5c":[],"x5u":"a""#,
            "accepted",
        ),
        (r#""alg":"HS256""#, "accepted"), // refused later, with the issuer's own algorithms
        (r#""typ":"JWT""#, "token-malformed"),
        (r#""alg":null"#, "token-malformed"),
        (r#""alg":256"#, "token-malformed"),
        (r#""alg":["RS256"]"#, "token-malformed"),
        (r#""alg":"RS256","kid":1"#, "token-malformed"),
        (r#""alg":"RS256","typ":1"#, "token-malformed"),
        (r#""alg":"RS256","alg":"none""#, "token-duplicate-claim"),
        (
            r#""alg":"RS256","kid":"a","kid":"b""#,
            "token-duplicate-claim",
        ),
        (r#""alg":"RS256","Alg":"none""#, "token-claim-case"),
        (r#""alg":"RS256","KID":"a""#, "token-claim-case"),
        (r#""alg":"RS256","crit":[]"#, "token-header-refused"),
        (
            r#""alg":"RS256","crit":["exp"],"exp":1"#,
            "token-header-refused",
        ),
        (r#""alg":"RS256","b64":false"#, "token-header-refused"),
        (r#""alg":"RS256","zip":"DEF""#, "token-header-refused"),
        (r#""alg":"RS256","cty":"JWT""#, "token-header-refused"),
        (r#""alg":"RS256","typ":"at+jwt""#, "accepted"),
        (r#""alg":"RS256","typ":"application/at+jwt""#, "accepted"),
        (
            r#""alg":"RS256","typ":"application/LOGOUT+JWT""#,
            "token-type-refused",
        ),
        (r#""alg":"RS256","typ":"logout+jwt""#, "token-type-refused"),
        (r#""alg":"RS256","typ":"dpop+jwt""#, "token-type-refused"),
    ] {
        assert_eq!(
            refusal(&token(&format!("{{{members}}}"), "{}")),
            code,
            "{members}"
        );
    }
    let deep = format!("{{\"alg\":\"RS256\",\"x\":{}}}", "[".repeat(9000));
    assert_eq!(refusal(&token(&deep, "{}")), "token-malformed");
}

#[test]
fn only_asymmetric_algorithms_have_a_name() {
    let algorithm = |name: &str| {
        let text = token(&format!(r#"{{"alg":"{name}"}}"#), "{}");
        UnverifiedToken::parse(&text).unwrap().header.algorithm
    };
    for name in [
        "RS256", "RS512", "PS384", "ES256", "ES384", "ES512", "EdDSA",
    ] {
        assert_eq!(algorithm(name).unwrap().name(), name);
    }
    for name in [
        "none", "None", "nOnE", "", "HS256", "HS512", "rs256", "RS256 ", "ES256K",
    ] {
        assert!(algorithm(name).is_err(), "{name}");
    }
}

#[test]
fn an_audience_must_be_named_to_the_letter() {
    let code = |aud: &str| {
        let text = token(HEADER, &format!("{{{aud}}}"));
        let claims = UnverifiedToken::parse(&text).unwrap().claims;
        match claims.is_for(["sigstore"].into_iter()) {
            Ok(true) => "accepted",
            Ok(false) => claims.for_others(["sigstore"].into_iter()).code(),
            Err(error) => error.code(),
        }
    };
    for aud in [r#""aud":"sigstore""#, r#""aud":["x","sigstore"]"#] {
        assert_eq!(code(aud), "accepted", "{aud}");
    }
    for aud in [
        "",
        r#""aud":null"#,
        r#""aud":"""#,
        r#""aud":[]"#,
        r#""aud":[1]"#,
        r#""aud":["sigstore",1]"#,
        r#""aud":3"#,
        r#""aud":{"sigstore":"sigstore"}"#,
        r#""aud":[["sigstore"]]"#,
        r#""aud":"Sigstore""#,
        r#""aud":"sigstore2""#,
        r#""aud":"x sigstore""#,
    ] {
        assert_eq!(code(aud), "audience-mismatch", "{aud}");
    }
    let many = format!(r#""aud":["sigstore"{}]"#, r#","x""#.repeat(MAX_TOKEN / 8));
    assert_eq!(code(&many), "audience-mismatch");
}

#[test]
fn a_refused_audience_is_told_with_the_expected_one() {
    let text = token(HEADER, r#"{"aud":["a\nb","other"]}"#);
    let token = UnverifiedToken::parse(&text).unwrap();
    let expected = ["sigstore", "second"].into_iter();
    let message = token.claims.for_others(expected).to_string();
    for part in [r#""a\nb", "other""#, r#""sigstore" or "second""#] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn times_are_read_strictly() {
    let code = |members: String| {
        let text = token(HEADER, &format!("{{{members}}}"));
        let token = UnverifiedToken::parse(&text).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        token
            .claims
            .require_time(now)
            .map_or_else(|error| error.code(), |()| "accepted")
    };
    for (exp, expected) in [
        (format!("{}", NOW + 1), "accepted"),
        (format!("{NOW}.5"), "accepted"),
        ("99999999999.5".into(), "accepted"),
        ("253402300799".into(), "accepted"),
        (format!("{NOW}"), "token-expired"),
        (format!("{}", NOW - 1), "token-expired"),
        ("0".into(), "token-expired"),
        ("253402300800".into(), "token-time-malformed"),
        ("-1".into(), "token-time-malformed"),
        ("9223372036854775807".into(), "token-time-malformed"),
        ("18446744073709551617".into(), "token-time-malformed"),
        ("1e300".into(), "token-time-malformed"),
        ("-1e300".into(), "token-time-malformed"),
        (format!("\"{}\"", NOW + 1), "accepted"),
        (format!("\" {}\"", NOW + 1), "token-time-malformed"),
        ("\"soon\"".into(), "token-time-malformed"),
        ("true".into(), "token-time-malformed"),
        ("[]".into(), "token-time-malformed"),
        ("null".into(), "token-expiry-missing"),
    ] {
        assert_eq!(code(format!("\"exp\":{exp}")), expected, "{exp}");
    }
    assert_eq!(code(String::new()), "token-expiry-missing");
    for (nbf, expected) in [
        ("null".into(), "accepted"),
        (format!("{}", NOW + 300), "accepted"),
        (format!("{}", NOW + 301), "token-not-yet-valid"),
        (format!("{}", NOW + 3600), "token-not-yet-valid"),
        ("9223372036854775807".into(), "token-time-malformed"),
        (format!("\"{NOW}\""), "accepted"),
        (format!("\"{}\"", NOW + 301), "token-not-yet-valid"),
        ("\"-\"".into(), "token-time-malformed"),
    ] {
        assert_eq!(
            code(format!("\"exp\":{},\"nbf\":{nbf}", NOW + 9)),
            expected,
            "{nbf}"
        );
    }
    for (iat, expected) in [
        (format!("{}", NOW + 3600), "accepted"),
        ("-1".into(), "accepted"),
        ("null".into(), "accepted"),
        ("\"1\"".into(), "accepted"),
        ("\"never\"".into(), "token-time-malformed"),
        ("[1]".into(), "token-time-malformed"),
        ("{}".into(), "token-time-malformed"),
        ("true".into(), "token-time-malformed"),
    ] {
        assert_eq!(
            code(format!("\"exp\":{},\"iat\":{iat}", NOW + 9)),
            expected,
            "{iat}"
        );
    }
}

#[test]
fn an_expired_token_says_for_how_long() {
    let text = token(HEADER, &format!("{{\"exp\":{}}}", NOW - 90));
    let token = UnverifiedToken::parse(&text).unwrap();
    let error = token
        .claims
        .require_time(UNIX_EPOCH + Duration::from_secs(NOW))
        .unwrap_err();
    assert!(error.to_string().contains("90 s ago"), "{error}");
}
