//! Bodies that are no request, or far more than one.

use serde_json::{Value, json};

use super::{EMAIL, Either, Expect, Hostile, Issued, Refused, World};

type Row = (&'static str, Vec<u8>, Expect);

fn honest(world: &World) -> Value {
    json!({
        "credentials": { "oidcIdentityToken": world.token(&json!({})) },
        "publicKeyRequest": world.public_key_request(EMAIL),
    })
}

async fn judge(world: &World, rows: Vec<Row>) {
    let rows = rows.into_iter();
    let rows = rows.map(|(name, body, expect)| Hostile::new(name, body, expect));
    world.judge(rows.collect()).await;
}

#[tokio::test]
async fn bodies_that_are_no_request_are_refused() {
    let world = World::start().await;
    let text = honest(&world).to_string();
    let open = text.strip_suffix('}').unwrap();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let rows: Vec<Row> = vec![
        ("honest", text.clone().into(), Issued),
        ("nothing", Vec::new(), Refused),
        ("white space", b" \n".to_vec(), Refused),
        ("an array", b"[]".to_vec(), Refused),
        ("null", b"null".to_vec(), Refused),
        ("a number", b"1".to_vec(), Refused),
        ("a text", b"\"x\"".to_vec(), Refused),
        ("an empty object", b"{}".to_vec(), Refused),
        ("cut off", open.into(), Refused),
        ("XML", b"<a/>".to_vec(), Refused),
        ("a form", b"credentials=x".to_vec(), Refused),
        ("UTF-16", utf16, Refused),
        (
            "a byte order mark",
            format!("\u{feff}{text}").into(),
            Refused,
        ),
        (
            "not UTF-8",
            [open.as_bytes(), b",\"x\":\"\xff\"}"].concat(),
            Refused,
        ),
        (
            "a member twice",
            format!(r#"{open},"credentials":{{}}}}"#).into(),
            Refused,
        ),
    ];
    judge(&world, rows).await;
}

#[tokio::test]
async fn bodies_without_measure_are_refused() {
    let world = World::start().await;
    let text = honest(&world).to_string();
    let open = text.strip_suffix('}').unwrap();
    let deep = format!(r#"{open},"x":{}"#, "[".repeat(50_000));
    let long_number = format!(r#"{open},"x":{}}}"#, "9".repeat(200_000));
    let members: Vec<String> = (0..10_000).map(|n| format!("\"m{n}\":{n}")).collect();
    let many_members = format!("{open},{}}}", members.join(","));
    let rows: Vec<Row> = vec![
        ("100,000 arrays", b"[".repeat(100_000), Refused),
        ("40,000 objects", b"{\"a\":".repeat(40_000), Refused),
        ("arrays in an unknown member", deep.into(), Refused),
        ("200 KB of one number", long_number.into(), Either),
        ("10,000 members", many_members.into(), Either),
        ("300 KB", vec![b' '; 300_000], Refused),
        ("5 MB", vec![b'a'; 5 << 20], Refused),
        ("50 MB", vec![b'a'; 50 << 20], Refused),
    ];
    judge(&world, rows).await;
}

#[tokio::test]
async fn members_of_another_type_are_refused() {
    let world = World::start().await;
    let honest = honest(&world);
    let with = |pointer: &str, value: Value| {
        let mut body = honest.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body.to_string().into_bytes()
    };
    let token = "/credentials/oidcIdentityToken";
    let content = "/publicKeyRequest/publicKey/content";
    let proof = "/publicKeyRequest/proofOfPossession";
    let rows: Vec<Row> = vec![
        ("a token that is a number", with(token, json!(1)), Refused),
        ("a token in an array", with(token, json!(["x"])), Refused),
        (
            "a key that is a boolean",
            with(content, json!(true)),
            Refused,
        ),
        ("a key that is an object", with(content, json!({})), Refused),
        ("a proof that is a number", with(proof, json!(5)), Refused),
        (
            "a proof that is no base64",
            with(proof, json!("!?")),
            Refused,
        ),
        (
            "credentials that are a text",
            with("/credentials", json!("x")),
            Refused,
        ),
        (
            "credentials that are null",
            with("/credentials", json!(null)),
            Refused,
        ),
        (
            "a request that is an array",
            with("/publicKeyRequest", json!([])),
            Refused,
        ),
        (
            "a request that is null",
            with("/publicKeyRequest", json!(null)),
            Refused,
        ),
    ];
    judge(&world, rows).await;
}

#[tokio::test]
async fn what_a_body_is_said_to_be_does_not_matter_but_it_is_never_unpacked() {
    let world = World::start().await;
    let text = honest(&world).to_string();
    let packed = [&[0x1f, 0x8b, 8, 0][..], &[0; 1000]].concat();
    let mut rows = Vec::new();
    for encoding in ["gzip", "br", "deflate", "zstd"] {
        let row = Hostile::new(encoding, packed.clone(), Refused);
        rows.push(row.with_header("content-encoding", encoding));
    }
    for kind in [
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "a/b; charset=x",
        "",
    ] {
        let row = Hostile::new(kind, text.clone(), Issued);
        rows.push(row.with_header("content-type", kind));
    }
    world.judge(rows).await;
}
