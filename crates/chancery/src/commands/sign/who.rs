//! Whose signature it is: where the identity token comes from.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use chancery_client::sign::SigningServices;
use chancery_client::token::{
    self, AmbientSource, DevTokenError, DevicePrompt, IdentityToken, LoginError, LoginProvider,
    Places,
};
use zeroize::Zeroizing;

use super::progress::Progress;
use crate::cli::{LoginMethod, WhoArgs};
use crate::failure::{Causes, Failure};
use crate::report::tell;

/// The most bytes of a file that is to hold a token.
const MOST: u64 = 64 << 10;

/// Returns a token, in words where it is from, and the audience that it has to be for.
pub(super) async fn token(
    args: &WhoArgs,
    services: &SigningServices,
    progress: &Progress,
) -> Result<(IdentityToken, String, String), Failure> {
    let audience = args.audience.as_deref();
    let usual = audience.unwrap_or(IdentityToken::AUDIENCE);
    if let Some((token, from)) = without_login(args, services, usual).await? {
        return Ok((token, from, usual.to_owned()));
    }
    let how = match (args.login, std::io::stderr().is_terminal()) {
        (Some(how), _) => how,
        (None, true) => LoginMethod::Browser,
        (None, false) => return Err(nobody()),
    };
    let (token, from) = log_in(args, services, how, progress).await?;
    // A provider makes tokens for the client that asks.
    Ok((
        token,
        from,
        audience.unwrap_or(&args.oidc_client_id).to_owned(),
    ))
}

/// Returns a token that is there already, or that a machine can have made.
async fn without_login(
    args: &WhoArgs,
    services: &SigningServices,
    audience: &str,
) -> Result<Option<(IdentityToken, String)>, Failure> {
    if let Some(path) = &args.identity_token {
        let token = read(path)?;
        return Ok(Some((token, "the given token".to_owned())));
    }
    if let Some(email) = &args.as_email {
        return dev_token(services, email).await.map(Some);
    }
    let variable = |name: &str| std::env::var_os(name);
    match args.login {
        Some(_) => Ok(None),
        None => ambient(&variable, audience).await,
    }
}

/// Lets somebody log in.
async fn log_in(
    args: &WhoArgs,
    services: &SigningServices,
    how: LoginMethod,
    progress: &Progress,
) -> Result<(IdentityToken, String), Failure> {
    let issuer = args.oidc_issuer.as_ref().or(services.login.as_ref());
    let issuer = issuer.ok_or_else(|| {
        Failure::configuration(
            "this instance does not say where people log in: name the issuer with --oidc-issuer URL",
        )
    })?;
    let provider = LoginProvider::discover(issuer, &args.oidc_client_id).await;
    let provider = provider.map_err(login_failure)?;
    let token = match how {
        LoginMethod::Browser => {
            let login = provider.begin_in_browser().await.map_err(login_failure)?;
            progress.aside(&format!(
                "Log in with a browser on this machine:\n  {}",
                login.page()
            ));
            open_browser(login.page().as_str());
            login.finish().await
        }
        LoginMethod::Device => {
            let show = |prompt: &DevicePrompt| {
                let DevicePrompt { page, code, .. } = prompt;
                progress.aside(&format!(
                    "Open {page} in any browser, and type the code {code}"
                ));
                if let Some(page) = &prompt.page_with_code {
                    progress.aside(&format!("or open {page}"));
                }
            };
            provider.by_device(show).await
        }
    };
    Ok((token.map_err(login_failure)?, issuer.clone()))
}

/// Opens a page, if this machine has a way to. The page's address was printed anyway.
fn open_browser(page: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut command = Command::new(program);
    let quiet = command.arg(page).stdin(Stdio::null()).stdout(Stdio::null());
    // Without a desktop there is none, or it fails.
    let _ = quiet.stderr(Stdio::null()).spawn();
}

fn login_failure(error: LoginError) -> Failure {
    let said = Causes(&error);
    match &error {
        LoginError::Insecure(_) | LoginError::Discovery { .. } | LoginError::Unsupported { .. } => {
            Failure::configuration(said)
        }
        LoginError::Foreign { .. } => Failure::verification(said),
        _ => Failure::failed(said),
    }
}

/// Asks the place that this machine is in.
async fn ambient(
    variable: &dyn Fn(&str) -> Option<OsString>,
    audience: &str,
) -> Result<Option<(IdentityToken, String)>, Failure> {
    let places = Places::usual(variable);
    let found = AmbientSource::detect(&places);
    let found = found.map_err(|error| Failure::configuration(Causes(&error)))?;
    let Some(source) = found else {
        return Ok(None);
    };
    let token = source.token(&places, audience).await;
    let token = token.map_err(|error| Failure::failed(Causes(&error)))?;
    Ok(Some((token, source.name().to_owned())))
}

/// Has a token made by the test issuer of `chancery dev`.
async fn dev_token(
    services: &SigningServices,
    email: &str,
) -> Result<(IdentityToken, String), Failure> {
    let issuer = services.login.iter().find(|url| url.ends_with("/dev-oidc"));
    let issuer = issuer.ok_or_else(|| {
        Failure::usage(
            "--as is for the test issuer of `chancery dev`, and this instance has none: leave it out \
             to log in, or give --identity-token FILE",
        )
    })?;
    let token = token::dev_token(issuer, email).await;
    let token = token.map_err(|error| match &error {
        DevTokenError::Insecure(_) => Failure::configuration(Causes(&error)),
        _ => Failure::failed(Causes(&error)),
    })?;
    Ok((token, issuer.clone()))
}

/// Reads a token from a file, or from standard input.
fn read(path: &Path) -> Result<IdentityToken, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = if path == Path::new("-") {
        let stdin = std::io::stdin().lock();
        if stdin.is_terminal() {
            tell(format_args!(
                "Paste the token, then press Ctrl-D on a line of its own."
            ));
        }
        stdin.take(MOST).read_to_string(&mut text)
    } else {
        let name = path.to_string_lossy();
        if name.starts_with("eyJ") && name.matches('.').count() >= 2 {
            return Err(Failure::usage(
                "--identity-token names a file: every process can read arguments, so write the token \
                 to a file, or to standard input and type --identity-token -",
            ));
        }
        std::fs::File::open(path).and_then(|file| file.take(MOST).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    parsed(&text)
}

fn parsed(text: &str) -> Result<IdentityToken, Failure> {
    IdentityToken::parse(text).map_err(|error| Failure::usage(Causes(&error)))
}

fn nobody() -> Failure {
    Failure::usage(
        "nobody says who signs: give --identity-token FILE, set SIGSTORE_ID_TOKEN, or log in with \
         --login browser or --login device",
    )
}
