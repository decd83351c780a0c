//! Keys that must not be certified: weak numbers, points off the curve, forms that hide something.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{EMAIL, Either, Expect, Hostile, Issued, KeyRefused, Refused, World};

#[derive(Deserialize)]
struct Weak {
    name: String,
    spki: String,
    proof: String,
}

/// Makes an honest request but for its key, whose content is given as it is sent, and its proof.
fn with_key(world: &World, name: &str, content: &str, proof: &[u8], expect: Expect) -> Hostile {
    let body = json!({
        "credentials": { "oidcIdentityToken": world.token(&json!({})) },
        "publicKeyRequest": {
            "publicKey": { "algorithm": "", "content": content },
            "proofOfPossession": STANDARD.encode(proof),
        },
    });
    Hostile::new(name, body.to_string(), expect)
}

fn armor(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der)).replace("\r\n", "\n")
}

/// Returns a good key and its proof.
fn p256_key() -> (Vec<u8>, Vec<u8>) {
    let key = SigningKey::from_bytes(&[7; 32].into()).unwrap();
    let proof: p256::ecdsa::Signature = key.sign(EMAIL.as_bytes());
    let point = key.verifying_key().to_sec1_point(false);
    (
        ec_spki(&P256_OID, point.as_bytes()),
        proof.to_der().as_bytes().to_vec(),
    )
}

fn with_der(world: &World, name: &str, der: &[u8], proof: &[u8], expect: Expect) -> Hostile {
    with_key(world, name, &armor("PUBLIC KEY", der), proof, expect)
}

#[tokio::test]
async fn weak_keys_are_refused_though_their_proofs_verify() {
    let world = World::start().await;
    let weak: Vec<Weak> = serde_json::from_str(include_str!("../../hostile/keys.json")).unwrap();
    let mut rows = Vec::new();
    for Weak { name, spki, proof } in weak {
        let (der, proof) = (
            STANDARD.decode(spki).unwrap(),
            STANDARD.decode(proof).unwrap(),
        );
        let expect = if name.starts_with("rsa-") {
            KeyRefused
        } else {
            Refused
        };
        rows.push(with_der(&world, &name, &der, &proof, expect));
    }
    let others: Value = serde_json::from_str(include_str!("../../parity/keys.json")).unwrap();
    for (name, key) in others.as_object().unwrap() {
        let text = |member: &str| key[member].as_str().unwrap();
        let proof = STANDARD.decode(text("proof")).unwrap();
        rows.push(with_key(&world, name, text("public"), &proof, KeyRefused));
    }
    world.judge(rows).await;
}

#[tokio::test]
async fn points_that_are_not_on_the_curve_are_refused() {
    let world = World::start().await;
    let (der, proof) = p256_key();
    let point = der[der.len() - 65..].to_vec();
    let (x, y) = (&point[1..33], &point[33..]);
    let mut off = point.clone();
    off[64] ^= 1;
    let parity = y[31] & 1;
    let points: Vec<(&str, Vec<u8>, Expect)> = vec![
        ("honest", point.clone(), Issued),
        ("off the curve", off, KeyRefused),
        ("infinity", vec![0], KeyRefused),
        ("(0, 0)", [&[4][..], &[0; 64]].concat(), KeyRefused),
        (
            "x beyond the field",
            [&[4][..], &[0xff; 32], y].concat(),
            KeyRefused,
        ),
        ("too short", point[..64].to_vec(), KeyRefused),
        ("too long", [&point[..], &[0]].concat(), KeyRefused),
        ("empty", Vec::new(), KeyRefused),
        ("compressed", [&[2 + parity], x].concat(), KeyRefused),
        ("hybrid", [&[6 + parity], x, y].concat(), KeyRefused),
        (
            "hybrid of the wrong parity",
            [&[7 - parity], x, y].concat(),
            KeyRefused,
        ),
        ("y negated", negated(&point), Refused),
    ];
    let mut rows: Vec<Hostile> = points
        .into_iter()
        .map(|(name, point, expect)| {
            let der = ec_spki(&P256_OID, &point);
            with_der(&world, name, &der, &proof, expect)
        })
        .collect();
    let parameters: [(&str, Vec<u8>); 5] = [
        ("no parameters", Vec::new()),
        ("NULL parameters", vec![0x05, 0x00]),
        ("the curve P-384", P384_OID.to_vec()),
        ("the curve secp256k1", SECP256K1_OID.to_vec()),
        (
            "explicit parameters (CVE-2020-0601)",
            explicit_curve(&point),
        ),
    ];
    for (name, parameters) in parameters {
        let der = ec_spki(&parameters, &point);
        rows.push(with_der(&world, name, &der, &proof, KeyRefused));
    }
    world.judge(rows).await;
}

#[tokio::test]
async fn ed25519_keys_that_anybody_can_sign_for_are_refused() {
    let world = World::start().await;
    let mut identity = [0; 32];
    identity[0] = 1;
    let forged = [
        [identity, [0; 32]].concat(), // R is the identity, S is 0
        vec![0; 64],
    ];
    let mut rows = Vec::new();
    for point in SMALL_ORDER_POINTS {
        let bytes = hex_octets(point);
        for proof in &forged {
            rows.push(with_der(
                &world,
                point,
                &ed25519_spki(&bytes),
                proof,
                KeyRefused,
            ));
        }
        let same = [bytes.clone(), vec![0; 32]].concat(); // R is the key
        rows.push(with_der(
            &world,
            point,
            &ed25519_spki(&bytes),
            &same,
            KeyRefused,
        ));
    }
    for (name, bytes, expect) in [
        ("31 octets", vec![1; 31], KeyRefused),
        ("33 octets", vec![1; 33], KeyRefused),
        ("none", Vec::new(), KeyRefused),
        // Nothing verifies with it, so it need not be found out before.
        ("not on the curve", [vec![2], vec![0; 31]].concat(), Refused),
    ] {
        rows.push(with_der(
            &world,
            name,
            &ed25519_spki(&bytes),
            &forged[0],
            expect,
        ));
    }
    world.judge(rows).await;
}

#[tokio::test]
async fn armor_that_hides_something_is_refused() {
    let world = World::start().await;
    let (der, proof) = p256_key();
    let honest = armor("PUBLIC KEY", &der);
    let other = armor("PUBLIC KEY", &ed25519_spki(&[9; 32]));
    let body = honest
        .lines()
        .filter(|l| !l.starts_with('-'))
        .collect::<String>();
    let texts: Vec<(&str, String, Expect)> = vec![
        ("honest", honest.clone(), Issued),
        (
            "one line",
            format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"),
            Issued,
        ),
        ("CRLF", honest.replace('\n', "\r\n"), Issued),
        ("text around", format!("hello\n{honest}goodbye\n"), Issued),
        ("two keys", format!("{honest}{other}"), Either),
        ("empty", String::new(), KeyRefused),
        ("white space", " \n".to_owned(), KeyRefused),
        ("words", "not a key".to_owned(), KeyRefused),
        (
            "a private key's label",
            honest.replace("PUBLIC", "PRIVATE"),
            KeyRefused,
        ),
        (
            "an RSA key's label",
            honest.replace("PUBLIC", "RSA PUBLIC"),
            KeyRefused,
        ),
        (
            "a certificate's label",
            honest.replace("PUBLIC KEY", "CERTIFICATE"),
            KeyRefused,
        ),
        (
            "labels that differ",
            honest.replace("END PUBLIC", "END PRIVATE"),
            KeyRefused,
        ),
        (
            "no end",
            honest.replace("-----END PUBLIC KEY-----", ""),
            KeyRefused,
        ),
        ("cut off", honest[..honest.len() / 2].to_owned(), KeyRefused),
        (
            "headers",
            honest.replacen("\n", "\nProc-Type: 4,ENCRYPTED\n\n", 1),
            Either,
        ),
        (
            "a null character inside",
            honest.replacen("MFkw", "MF\0kw", 1),
            KeyRefused,
        ),
        (
            "1 MB of text before",
            format!("{}\n{honest}", "x".repeat(1 << 20)),
            Refused,
        ),
        (
            "100 KB of key",
            armor("PUBLIC KEY", &vec![0x30; 100_000]),
            KeyRefused,
        ),
        (
            "200 begins",
            "-----BEGIN PUBLIC KEY-----\n".repeat(200),
            KeyRefused,
        ),
    ];
    let rows = texts
        .into_iter()
        .map(|(name, text, expect)| with_key(&world, name, &text, &proof, expect));
    world.judge(rows.collect()).await;
}

#[tokio::test]
async fn der_that_hides_something_is_refused() {
    let world = World::start().await;
    let (der, proof) = p256_key();
    let mut unused = der.clone();
    unused[25] = 1;
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("octets after", [&der[..], b"x"].concat()),
        (
            "an indefinite length",
            [&[0x30, 0x80], &der[2..], &[0, 0]].concat(),
        ),
        (
            "a length in more octets than it needs",
            [&[0x30, 0x81], &der[1..]].concat(),
        ),
        ("unused bits", unused),
        ("20,000 sequences", [0x30, 0x84, 0, 1, 0, 0].repeat(3000)),
        (
            "sequences of indefinite length",
            [0x30, 0x80].repeat(20_000),
        ),
        (
            "a length of 4 GiB",
            [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &der[2..]].concat(),
        ),
        (
            "a length of 2^64",
            [&[0x30, 0x88], &[0xff; 8][..], &der[2..]].concat(),
        ),
        ("nothing", Vec::new()),
        ("a SET", [&[0x31], &der[1..]].concat()),
    ];
    let rows = forms
        .into_iter()
        .map(|(name, der)| with_der(&world, name, &der, &proof, KeyRefused));
    world.judge(rows.collect()).await;
}

const P256_OID: [u8; 10] = [0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384_OID: [u8; 7] = [0x06, 5, 0x2b, 0x81, 4, 0, 0x22];
const SECP256K1_OID: [u8; 7] = [0x06, 5, 0x2b, 0x81, 4, 0, 0x0a];
const EC_PUBLIC_KEY_OID: [u8; 9] = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const ED25519_OID: [u8; 5] = [0x06, 3, 0x2b, 0x65, 0x70];

/// Every encoding that a lenient decoder reads as a point of small order on Ed25519's curve.
const SMALL_ORDER_POINTS: [&str; 12] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn hex_octets(text: &str) -> Vec<u8> {
    let octet = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(octet).collect()
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    let length = match length {
        0..=127 => vec![length as u8],
        128..=255 => vec![0x81, length as u8],
        _ => [&[0x82][..], &length.to_be_bytes()].concat(),
    };
    [&[tag][..], &length, value].concat()
}

fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let key = tlv(0x03, &[&[0], key].concat());
    tlv(0x30, &[tlv(0x30, algorithm), key].concat())
}

fn ec_spki(parameters: &[u8], point: &[u8]) -> Vec<u8> {
    spki(&[&EC_PUBLIC_KEY_OID[..], parameters].concat(), point)
}

fn ed25519_spki(point: &[u8]) -> Vec<u8> {
    spki(&ED25519_OID, point)
}

/// P-256 but for its generator, which is the key itself: whoever says so knows its private key, 1.
fn explicit_curve(point: &[u8]) -> Vec<u8> {
    let integer = |text: &str| tlv(0x02, &[vec![0], hex_octets(text)].concat());
    let octets = |text: &str| tlv(0x04, &hex_octets(text));
    let prime = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    let a = "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc";
    let b = "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b";
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let prime_field = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 1, 1];
    let parts = [
        vec![0x02, 1, 1],
        tlv(0x30, &[&prime_field[..], &integer(prime)].concat()),
        tlv(0x30, &[octets(a), octets(b)].concat()),
        tlv(0x04, point),
        integer(order),
    ];
    tlv(0x30, &parts.concat())
}

/// Returns the point with the other y: on the curve, and another key.
fn negated(point: &[u8]) -> Vec<u8> {
    let prime = hex_octets("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let mut negated = point.to_vec();
    let mut borrow = 0_i16;
    for index in (0..32).rev() {
        let mut digit = i16::from(prime[index]) - i16::from(point[33 + index]) - borrow;
        borrow = i16::from(digit < 0);
        digit += borrow << 8;
        negated[33 + index] = digit as u8;
    }
    negated
}
