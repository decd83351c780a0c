//! HTTP as all of this crate speaks it: no redirections, no proxy to this machine itself, limits on
//! time, and bodies that are read up to a bound.

use std::time::Duration;

use crate::loopback::is_here;

/// How a server is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// Whatever proxy the environment names.
    Direct,
    /// By the environment's proxy, if it names one.
    Environment,
}

impl Route {
    /// Chooses the way to a URL.
    pub(crate) fn to(url: &str) -> Self {
        match is_here(url) {
            true => Self::Direct,
            false => Self::Environment,
        }
    }
}

/// How long a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Until there is a connection.
    pub(crate) connecting: Duration,
    /// All of it, with the answer's body.
    pub(crate) whole: Duration,
}

/// Makes a client. It follows no redirection, which could take secrets elsewhere.
///
/// # Errors
/// If this machine's certificates or proxy cannot be used.
pub(crate) fn client(route: Route, limits: Limits) -> Result<reqwest::Client, reqwest::Error> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(limits.connecting)
        .timeout(limits.whole);
    match route {
        Route::Direct => client.no_proxy().build(),
        Route::Environment => client.build(),
    }
}

/// A client for this machine itself, and one for all others.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    here: reqwest::Client,
    elsewhere: reqwest::Client,
}

impl Clients {
    /// Makes both.
    ///
    /// # Errors
    /// As [`client`].
    pub(crate) fn new(limits: Limits) -> Result<Self, reqwest::Error> {
        Ok(Self {
            here: client(Route::Direct, limits)?,
            elsewhere: client(Route::Environment, limits)?,
        })
    }

    /// Returns the one that asks this URL.
    pub(crate) fn to(&self, url: &str) -> &reqwest::Client {
        match Route::to(url) {
            Route::Direct => &self.here,
            Route::Environment => &self.elsewhere,
        }
    }
}

/// Why the body of an answer could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The connection broke off, or was too slow.
    #[error("the answer broke off")]
    BrokenOff(#[from] reqwest::Error),
    /// It is longer than what was to be read.
    #[error("the answer has more than {most} bytes")]
    TooLong {
        /// How many were to be read.
        most: usize,
    },
}

/// Reads the body of an answer, of at most so many bytes.
///
/// # Errors
/// [`BodyError`] tells a body that is too long from one that broke off.
pub(crate) async fn read_body(
    mut answer: reqwest::Response,
    most: usize,
) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > most {
            return Err(BodyError::TooLong { most });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

#[cfg(test)]
pub(crate) mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    const LIMITS: Limits = Limits {
        connecting: Duration::from_secs(5),
        whole: Duration::from_secs(5),
    };

    /// Answers one request with all that is given, and returns the head of the request.
    pub(crate) async fn answer_once(answer: impl Into<String>) -> (String, JoinHandle<String>) {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answered = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            // Whoever has read enough hangs up.
            let _ = stream.write_all(answer.as_bytes()).await;
            String::from_utf8(request).unwrap()
        });
        (url, answered)
    }

    async fn get(answer: &str) -> reqwest::Response {
        let (url, _answered) = answer_once(answer).await;
        let client = client(Route::to(&url), LIMITS).unwrap();
        client.get(&url).send().await.unwrap()
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_bound_and_not_beyond() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfour";
        assert_eq!(read_body(get(answer).await, 4).await.unwrap(), b"four");
        let error = read_body(get(answer).await, 3).await.unwrap_err();
        assert!(matches!(error, BodyError::TooLong { most: 3 }), "{error}");
    }

    #[tokio::test]
    async fn a_body_that_broke_off_is_not_too_long() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour";
        let error = read_body(get(answer).await, 4).await.unwrap_err();
        assert!(matches!(error, BodyError::BrokenOff(_)), "{error}");
    }
}
