//! `chancery token explain`: whether and as what a token would be certified. Never shows the token.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use chancery_identity::Reach;
use serde_json::Value;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::cli::{Format, TokenExplainArgs};
use crate::config::Config;
use crate::failure::Failure;
use crate::identity::IdentitySource;
use crate::report::{Report, Status, say, tell, text};

/// The most bytes of a file that is to hold a token; tokens have up to 16 KiB.
const MOST: u64 = 64 << 10;

/// How long a server is waited for. It may have to ask the token's issuer.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(args: &TokenExplainArgs) -> Result<(), Failure> {
    let token = read_token(&args.token)?;
    let explanation = match &args.server {
        Some(server) => ask(server, &token).await?,
        None => explain_here(args, &token).await?,
    };
    match args.format {
        Format::Text => say(format_args!("{}", said(&explanation))),
        Format::Json => say(format_args!("{explanation:#}\n")),
    }
    match explanation["verdict"].as_str().unwrap_or_default() {
        "accepted" => Ok(()),
        "undecided" if args.offline => Ok(()),
        "undecided" => Err(Failure::failed("nobody can say whether the token is good")),
        _ => Err(Failure::verification("the token would be refused")),
    }
}

async fn explain_here(args: &TokenExplainArgs, token: &str) -> Result<Value, Failure> {
    let source = match &args.identity_config {
        Some(path) => IdentitySource {
            development: true,
            ..IdentitySource::file(path, Vec::new())
        },
        None => IdentitySource::of(&Config::load(&args.config)?),
    };
    let issuers = source.issuers(source.read()?.config)?;
    let reach = if args.offline {
        Reach::Offline
    } else {
        Reach::Online
    };
    let explanation = issuers.explain(token, SystemTime::now(), reach).await;
    serde_json::to_value(explanation).map_err(Failure::from_error)
}

/// Lets an instance judge.
async fn ask(server: &str, token: &str) -> Result<Value, Failure> {
    let url = Url::parse(server)
        .and_then(|url| url.join("/api/chancery/v1/token/explain"))
        .map_err(|e| Failure::usage(format!("--server {server:?}: {e}")))?;
    if url.scheme() != "https" && !is_loopback(&url) {
        return Err(Failure::usage(
            "--server takes an https URL: whoever reads the token on its way can use it",
        ));
    }
    let http = reqwest::Client::builder()
        // A redirect could lead the token elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(Failure::from_error)?;
    let request = http.post(url.clone()).bearer_auth(token).body("{}");
    let response = request.send().await.map_err(Failure::from_error)?;
    let status = response.status();
    let body = response.bytes().await.map_err(Failure::from_error)?;
    let answer: Option<Value> = serde_json::from_slice(&body).ok();
    match answer {
        Some(answer) if answer.get("verdict").is_some() => Ok(answer),
        Some(answer) if answer["message"].is_string() => Err(Failure::failed(format!(
            "{url} answered {status}: {}",
            text(&answer["message"])
        ))),
        _ => Err(Failure::failed(format!(
            "{url} answered {status} and no explanation; is it a Chancery?"
        ))),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Reads the token from a file, or from standard input.
fn read_token(path: &Path) -> Result<Zeroizing<String>, Failure> {
    if path == Path::new("-") {
        let stdin = io::stdin().lock();
        if stdin.is_terminal() {
            tell(format_args!(
                "Paste the token, then press Ctrl-D on a line of its own."
            ));
        }
        return read_to_end(stdin).map_err(|e| Failure::failed(format!("standard input: {e}")));
    }
    match File::open(path).and_then(read_to_end) {
        Ok(token) => Ok(token),
        Err(_) if looks_like_token(path) => Err(Failure::usage(
            "that argument looks like a token, and every process can read arguments; write it to a \
             file, or to standard input",
        )),
        Err(error) => Err(Failure::usage(format!("{}: {error}", path.display()))),
    }
}

fn read_to_end(from: impl Read) -> io::Result<Zeroizing<String>> {
    let mut token = Zeroizing::new(String::new());
    from.take(MOST + 1).read_to_string(&mut token)?;
    if token.len() as u64 > MOST {
        return Err(io::Error::other("it is too large for a token"));
    }
    Ok(Zeroizing::new(token.trim().to_owned()))
}

/// Tells a token from the name of a file: three parts, the first the beginning of a JSON object.
fn looks_like_token(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.starts_with("eyJ") && name.matches('.').count() >= 2
}

/// Says an explanation to people.
fn said(explanation: &Value) -> String {
    let mut report = Report::default();
    for step in explanation["steps"].as_array().into_iter().flatten() {
        let status = match step["outcome"].as_str() {
            Some("passed") => Status::Passed,
            Some("failed") => Status::Failed,
            _ => Status::Skipped,
        };
        let mut detail = text(&step["detail"]);
        if let Some(code) = step["code"].as_str() {
            // A failure to write to memory is none of ours.
            let _ = write!(detail, " [{code}]");
        }
        report.add(&text(&step["name"]), status, detail);
    }
    let certificate = &explanation["certificate"];
    let verdict = match (explanation["verdict"].as_str(), certificate.is_object()) {
        (Some("accepted"), _) => "The token would be certified",
        (Some("undecided"), true) => "If its issuer signed it, the token would be certified",
        (Some("undecided"), false) => "Nobody can say whether the token is good",
        (_, true) => "The token would be refused; but for that, it would be certified",
        (_, false) => "The token would be refused",
    };
    let mut said = format!("{report}\n{verdict}");
    if certificate.is_object() {
        said.push_str(&said_certificate(certificate));
    }
    said + "\n"
}

fn said_certificate(certificate: &Value) -> String {
    let mut rows = vec![(text(&certificate["nameType"]), text(&certificate["name"]))];
    for extension in certificate["extensions"].as_array().into_iter().flatten() {
        rows.push((text(&extension["name"]), text(&extension["value"])));
    }
    rows.push(("proof over".to_owned(), text(&certificate["proofOver"])));
    if !certificate["lifetimeS"].is_null() {
        let lifetime = format!("{} s", certificate["lifetimeS"]);
        rows.push(("lifetime".to_owned(), lifetime));
    }
    if certificate["onceOnly"] == true {
        rows.push(("once only".to_owned(), "one certificate a token".to_owned()));
    }
    let names = rows.iter().map(|(name, _)| name.chars().count());
    let width = names.max().unwrap_or_default();
    let rows = rows.into_iter();
    let rows = rows.map(|(name, value)| format!("\n  {name:width$}  {value}"));
    format!(" as{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_a_file() {
        assert!(looks_like_token(Path::new("eyJhbGciOiJSUzI1NiJ9.e30.c2ln")));
        for file in ["token", "token.jwt", "/tmp/a.b.c", "eyJ"] {
            assert!(!looks_like_token(Path::new(file)), "{file}");
        }
    }

    #[test]
    fn a_token_goes_over_plain_http_on_this_machine_only() {
        let loopback = |url| is_loopback(&Url::parse(url).unwrap());
        for url in ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"] {
            assert!(loopback(url), "{url}");
        }
        for url in ["http://localhost.example:1", "http://10.0.0.1"] {
            assert!(!loopback(url), "{url}");
        }
    }
}
