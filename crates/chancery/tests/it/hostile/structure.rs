//! Tokens whose form is wrong, or can be read in two ways.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_tests::issuer::signing_input;
use serde_json::{Value, json};

use super::{Either, Expect, Hostile, Issued, Refused, World};

#[tokio::test]
async fn tokens_of_a_wrong_form_are_refused() {
    let world = World::start().await;
    let honest = world.token(&json!({}));
    let (input, signature) = honest.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let deep = |depth: usize| "[".repeat(depth);
    let rows: Vec<(&str, String, Expect)> = vec![
        ("honest", honest.clone(), Issued),
        ("empty", String::new(), Refused),
        ("one part", header.to_owned(), Refused),
        ("two parts", input.to_owned(), Refused),
        ("four parts", format!("{honest}.x"), Refused),
        (
            "five parts, as an encrypted token",
            format!("{honest}.x.y"),
            Refused,
        ),
        ("only dots", "..".to_owned(), Refused),
        ("100,000 dots", ".".repeat(100_000), Refused),
        ("3,000,000 dots", ".".repeat(3_000_000), Refused),
        ("4.7 MB", "a".repeat(4_700_000), Refused),
        ("padded", format!("{honest}=="), Refused),
        ("a space before", format!(" {honest}"), Either),
        ("a newline after", format!("{honest}\n"), Either),
        (
            "a newline inside",
            format!("{header}.\n{payload}.{signature}"),
            Refused,
        ),
        (
            "a newline in a part",
            format!("{input}.{}", insert(signature, 7, "\n")),
            Refused,
        ),
        ("the word Bearer", format!("Bearer {honest}"), Refused),
        ("no signature", format!("{input}."), Refused),
        (
            "a shorter signature",
            honest[..honest.len() - 4].to_owned(),
            Refused,
        ),
        ("a longer signature", format!("{honest}AAAA"), Refused),
        ("no header", format!(".{payload}.{signature}"), Refused),
        ("no payload", format!("{header}..{signature}"), Refused),
        ("a null character", format!("{honest}\0"), Refused),
        (
            "letters that are not ASCII",
            honest.replace('e', "é"),
            Refused,
        ),
        (
            "JSON serialization",
            json!({ "protected": header, "payload": payload, "signature": signature }).to_string(),
            Refused,
        ),
        ("standard alphabet", in_standard_alphabet(&world), Refused),
        (
            "trailing bits in the signature",
            with_trailing_bits(&honest),
            Refused,
        ),
        (
            "a payload of 20,000 arrays",
            world.token_of(deep(20_000)),
            Refused,
        ),
        (
            "a payload of 8,000 arrays",
            world.token_of(deep(8000)),
            Refused,
        ),
        (
            "a claim of 5,000 arrays",
            world.token_of(nested_claim(&world, 5000)),
            Refused,
        ),
    ];
    world.judge(world.with_tokens(rows)).await;
}

#[tokio::test]
async fn signatures_of_other_contents_are_refused() {
    let world = World::start().await;
    let honest = world.token(&json!({}));
    let mallory = world.token(&json!({ "email": "mallory@example.test" }));
    let (input, signature) = honest.rsplit_once('.').unwrap();
    let (_, others) = mallory.rsplit_once('.').unwrap();
    let mut rows = vec![(
        "another token's signature".to_owned(),
        format!("{input}.{others}"),
        Refused,
    )];
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for bit in [0, 7, 1023, 2047] {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(flipped));
        rows.push((format!("bit {bit} of the signature"), token, Refused));
    }
    world.judge(world.with_tokens(rows)).await;
}

#[tokio::test]
async fn payloads_that_are_no_set_of_claims_are_refused() {
    let world = World::start().await;
    let honest = Value::Object(world.claims(&json!({}))).to_string();
    let open = honest.strip_suffix('}').unwrap();
    let rows = [
        ("an array", b"[]".to_vec()),
        ("null", b"null".to_vec()),
        ("a text", b"\"x\"".to_vec()),
        ("a number", b"1".to_vec()),
        ("nothing", Vec::new()),
        ("no JSON", b"iss=x".to_vec()),
        ("cut off", open.into()),
        ("a byte order mark", format!("\u{feff}{honest}").into()),
        ("a second object", format!("{honest}{{}}").into()),
        ("text after", format!("{honest}x").into()),
        (
            "a number out of range",
            format!("{open},\"x\":1e400}}").into(),
        ),
        ("not UTF-8", [open.as_bytes(), b",\"x\":\"\xff\"}"].concat()),
        (
            "half a surrogate pair",
            format!("{open},\"x\":\"\\ud800\"}}").into(),
        ),
        ("a comma too many", format!("{open},}}").into()),
        ("single quotes", honest.replace('"', "'").into()),
        ("a comment", format!("{open}/**/}}").into()),
    ];
    let rows = rows.map(|(name, payload)| (name, world.token_of(payload), Refused));
    let null_in_name = world.token_of(format!("{open},\"a\\u0000b\":1}}"));
    let rows = rows
        .into_iter()
        .chain([("a null character in a name", null_in_name, Either)]);
    world.judge(world.with_tokens(rows)).await;
}

#[tokio::test]
async fn claims_that_can_be_read_in_two_ways_are_refused() {
    let world = World::start().await;
    let honest = Value::Object(world.claims(&json!({}))).to_string();
    let (open, close) = (
        honest.strip_suffix('}').unwrap(),
        honest.strip_prefix('{').unwrap(),
    );
    let far = u64::from(u32::MAX);
    let mut rows: Vec<(String, String, Expect)> = Vec::new();
    let twice = [
        ("iss", json!("http://evil.test")),
        ("aud", json!("evil")),
        ("email", json!("mallory@example.test")),
        ("email_verified", json!(false)),
        ("exp", json!(far)),
        ("sub", json!("mallory")),
    ];
    for (claim, evil) in twice {
        let first = format!("{{\"{claim}\":{evil},{close}");
        let last = format!("{open},\"{claim}\":{evil}}}");
        rows.push((
            format!("{claim} twice, evil first"),
            world.token_of(first),
            Refused,
        ));
        rows.push((
            format!("{claim} twice, evil last"),
            world.token_of(last),
            Refused,
        ));
    }
    // The same name, spelled with an escape.
    let escaped = format!("{open},\"\\u0065mail\":\"mallory@example.test\"}}");
    rows.push((
        "an escaped email".to_owned(),
        world.token_of(escaped),
        Refused,
    ));
    let variants = [
        ("email", "EMAIL"),
        ("iss", "ISS"),
        ("aud", "AUD"),
        ("exp", "EXP"),
        ("email_verified", "Email_Verified"),
        ("sub", "Sub"),
    ];
    for (name, variant) in variants {
        let instead = honest.replace(&format!("\"{name}\":"), &format!("\"{variant}\":"));
        let value = &world.claims(&json!({}))[name];
        let beside = format!("{open},\"{variant}\":{value}}}");
        rows.push((
            format!("{variant} in place"),
            world.token_of(instead),
            Refused,
        ));
        rows.push((format!("{variant} beside"), world.token_of(beside), Refused));
    }
    // U+017F folds to s.
    let long_s = format!("{open},\"\u{17f}ub\":\"mallory\"}}");
    rows.push(("a long s".to_owned(), world.token_of(long_s), Either));
    let nested = format!("{open},\"x\":{{\"a\":1,\"a\":2}}}}");
    rows.push((
        "a name twice further in".to_owned(),
        world.token_of(nested),
        Either,
    ));
    world.judge(world.with_tokens(rows)).await;
}

#[tokio::test]
async fn tokens_in_two_places_are_not_mixed_up() {
    let world = World::start().await;
    let honest = world.token(&json!({}));
    let bearer = |token: &str| format!("Bearer {token}");
    let mut rows = world.with_tokens([
        ("the body's counts", honest.clone(), Issued),
        (
            "the header does not make the body's good",
            "x.y.z".to_owned(),
            Refused,
        ),
        ("two headers beside the body", honest.clone(), Either),
    ]);
    rows[0].headers.push(("authorization", bearer("x.y.z")));
    rows[1].headers.push(("authorization", bearer(&honest)));
    for token in ["x.y.z", &honest] {
        rows[2].headers.push(("authorization", bearer(token)));
    }
    let without = json!({ "publicKeyRequest": world.public_key_request(super::EMAIL) });
    let header = |name: &str, value: String, expect| {
        Hostile::new(name, without.to_string(), expect).with_header("authorization", value)
    };
    rows.extend([
        header("only the header", bearer(&honest), Issued),
        header(
            "two in one header",
            format!("{}, {}", bearer(&honest), bearer(&honest)),
            Refused,
        ),
        header("another scheme", format!("Negotiate {honest}"), Refused),
        header("nothing after the scheme", "Bearer ".to_owned(), Refused),
        header("two headers, the first evil", bearer("x.y.z"), Refused)
            .with_header("authorization", bearer(&honest)),
        header("two headers, the last evil", bearer(&honest), Either)
            .with_header("authorization", bearer("x.y.z")),
    ]);
    // One token may be used again as long as it is valid, and each time costs the same.
    rows.extend(world.with_tokens((0..20).map(|n| (format!("use {n}"), honest.clone(), Issued))));
    world.judge(rows).await;
}

fn insert(text: &str, at: usize, what: &str) -> String {
    let (before, after) = text.split_at(at);
    format!("{before}{what}{after}")
}

/// Returns an honest token's payload with a claim of nested arrays.
fn nested_claim(world: &World, depth: usize) -> String {
    let honest = Value::Object(world.claims(&json!({}))).to_string();
    let open = honest.strip_suffix('}').unwrap();
    format!("{open},\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth))
}

/// Writes an honest token's signature in the alphabet that is not for URLs.
fn in_standard_alphabet(world: &World) -> String {
    let header = json!({ "alg": "RS256", "kid": "rs256" }).to_string();
    for n in 0.. {
        let payload = Value::Object(world.claims(&json!({ "n": n }))).to_string();
        let token = world
            .issuer
            .jws("rs256", &header, payload.as_bytes())
            .unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        if signature.contains(['-', '_']) {
            assert_eq!(input, signing_input(&header, payload.as_bytes()));
            return format!("{input}.{}", signature.replace('-', "+").replace('_', "/"));
        }
    }
    unreachable!("some signature has one of them")
}

/// Changes the bits of the last letter that carry nothing (RFC 4648, 3.5): the same octets for a
/// lenient reader, another text for a log or a cache.
fn with_trailing_bits(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = token.chars().next_back().unwrap();
    let value = ALPHABET.find(last).unwrap();
    // 256 octets end in a letter of which two bits count.
    assert_eq!(value % 16, 0);
    let other = ALPHABET.chars().nth(value + 1).unwrap();
    format!("{}{other}", &token[..token.len() - 1])
}
