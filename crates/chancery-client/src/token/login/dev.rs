//! Tokens for any e-mail address, from the test issuer that `chancery dev` runs.

use ::http::{Request, StatusCode, header};
use chancery_log::causes;
use serde::Deserialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::http::{Http, HttpError};
use super::{require_safe, short};
use crate::token::{IdentityToken, TokenError};

/// The grant by which the test issuer gives a token to whoever asks.
const GRANT: &str = "urn:chancery:dev-identity";

/// Why the test issuer gave no token.
#[derive(Debug, thiserror::Error)]
pub enum DevTokenError {
    /// Tokens must not go where anybody on the way could read them.
    #[error("{0} is no place to get a token from: it wants https, or http on this machine itself")]
    Insecure(String),
    /// It cannot be asked, or its answer cannot be read.
    #[error("the test issuer {issuer} cannot be asked: {why}; is `chancery dev` running?")]
    Unreachable {
        /// Which issuer.
        issuer: String,
        /// What happened.
        why: String,
    },
    /// It answered, and gave no token.
    #[error("{issuer} answered {status} and no token")]
    Refused {
        /// Which issuer.
        issuer: String,
        /// The status of its answer.
        status: StatusCode,
    },
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Has the test issuer of `chancery dev` make a token for an e-mail address.
///
/// # Errors
/// [`DevTokenError`] says whether it must not be asked, could not be, or gave none.
pub async fn dev_token(issuer: &str, email: &str) -> Result<IdentityToken, DevTokenError> {
    require_safe(issuer).map_err(|_| DevTokenError::Insecure(short(issuer)))?;
    let unreachable = |why: String| DevTokenError::Unreachable {
        issuer: short(issuer),
        why: short(&why),
    };
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", GRANT)
        .append_pair("email", email)
        .finish();
    let request = Request::post(format!("{issuer}/token"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.into_bytes())
        .map_err(|error| unreachable(causes(&error)))?;
    let http = Http::new().map_err(|error| unreachable(causes(&error)))?;
    let answer = http.send(request).await;
    let answer = answer.map_err(|error: HttpError| unreachable(causes(&error)))?;
    let status = answer.status();
    let body = Zeroizing::new(answer.into_body());
    match serde_json::from_slice::<Answer>(&body) {
        Ok(Answer { id_token }) => Ok(IdentityToken::parse(&Zeroizing::new(id_token))?),
        // Why it is no answer would be told with what is in it.
        Err(_) => Err(DevTokenError::Refused {
            issuer: short(issuer),
            status,
        }),
    }
}

#[derive(Deserialize)]
struct Answer {
    id_token: String,
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_issuer_elsewhere_is_not_asked_in_clear() {
        for issuer in ["http://issuer.example/dev-oidc", "file:///dev-oidc"] {
            let refused = dev_token(issuer, "ada@example.com").await.unwrap_err();
            assert!(matches!(refused, DevTokenError::Insecure(_)), "{refused}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_not_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"email=ada%40example.com") {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 X\r\n\r\n").await.unwrap();
            // Until whoever asked has had enough.
            while stream.write_all(&[b'a'; 1 << 16]).await.is_ok() {}
        });
        let refused = dev_token(&issuer, "ada@example.com").await.unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("has more than 1048576 bytes"), "{said}");
        answering.await.unwrap();
    }
}
