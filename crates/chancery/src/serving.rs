//! Serving an open instance until a signal says to stop.

use std::net::SocketAddr;
use std::sync::Arc;

use chancery_server::{
    AdminState, AppState, Metrics, ServeLimits, admin_router, public_router, serve,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::opening::Opened;

/// Binds an address, or says why not.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|e| Failure::failed(format!("cannot listen on {address}: {e}")))
}

/// Serves until `stop`, then finishes what is in flight and closes the instance.
pub(crate) async fn run(
    opened: Opened,
    app: AppState,
    public: TcpListener,
    admin: Option<TcpListener>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let limits = ServeLimits::default();
    let draining = stop.child_token();
    let mut servers = JoinSet::new();
    if let Some(admin) = admin {
        let state = AdminState {
            authority: Arc::clone(&app.authority),
            metrics: Arc::clone(&app.metrics),
            draining: draining.clone(),
        };
        servers.spawn(serve(
            admin,
            admin_router(state),
            limits.clone(),
            stop.clone(),
        ));
    }
    servers.spawn(serve(public, public_router(app), limits, stop.clone()));

    let mut outcome = Ok(());
    while let Some(ended) = servers.join_next().await {
        // A listener that ends by itself takes the others with it.
        stop.cancel();
        if let Err(e) = ended.map_err(std::io::Error::other).flatten() {
            outcome = Err(Failure::failed(format!("a listener ended: {e}")));
        }
    }
    opened.close().await;
    outcome
}

/// Returns a token that the first SIGTERM or SIGINT cancels; the second ends the process at once.
pub(crate) fn stop_on_signal() -> Result<CancellationToken, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::from_error)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::from_error)?;
    let stop = CancellationToken::new();
    let first = stop.clone();
    tokio::spawn(async move {
        for round in 0.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if round > 0 {
                std::process::exit(1);
            }
            tracing::info!("stopping: finishing what is in flight; a second signal ends at once");
            first.cancel();
        }
    });
    Ok(stop)
}

/// Returns metrics that name this build.
pub(crate) fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")))
}
