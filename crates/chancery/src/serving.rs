//! Serving an open instance until a signal says to stop.

use std::net::SocketAddr;
use std::sync::Arc;

use chancery_server::{
    AdminState, AppState, Metrics, ServeLimits, Tls, admin_router, public_routers, serve,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::opening::Closing;
use crate::reload::{Hangup, Reloader};
use crate::shards::Rotation;

/// Binds an address, or says why not.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|e| Failure::failed(format!("cannot listen on {address}: {e}")))
}

/// Where an instance is reached.
pub(crate) struct Listeners {
    pub(crate) public: TcpListener,
    /// For gRPC alone.
    pub(crate) grpc: Option<TcpListener>,
    /// For both of these.
    pub(crate) tls: Option<Tls>,
    pub(crate) admin: Option<TcpListener>,
}

/// What watches a process while it serves.
pub(crate) struct Watch {
    pub(crate) reloader: Reloader,
    pub(crate) hangup: Hangup,
    pub(crate) stop: CancellationToken,
}

/// Serves until told to stop, then finishes what is in flight and closes the instance.
pub(crate) async fn run(
    closing: Closing,
    app: AppState,
    listeners: Listeners,
    watch: Watch,
    rotation: Rotation,
) -> Result<(), Failure> {
    let Listeners {
        public,
        grpc,
        tls,
        admin,
    } = listeners;
    let Watch {
        reloader,
        hangup,
        stop,
    } = watch;
    tokio::spawn(reloader.run(hangup, stop.clone()));
    let rotation = {
        let stop = stop.clone();
        // However it ends: without it, logs and trust metadata go stale, and nothing says so.
        let ends = stop.clone().drop_guard();
        tokio::spawn(async move {
            let _ends = ends;
            rotation.run(stop).await;
        })
    };
    let limits = ServeLimits::default();
    // Probes and metrics stay until all is closed: `/readyz` says that no more is taken.
    let closed = CancellationToken::new();
    let admin = admin.map(|listener| {
        let state = AdminState {
            authority: Arc::clone(&app.authority),
            timestamps: app.timestamps.clone(),
            documents: Arc::clone(&app.documents),
            ledgers: app.ledgers.clone(),
            metrics: Arc::clone(&app.metrics),
            draining: stop.clone(),
        };
        tokio::spawn(serve(
            listener,
            admin_router(state),
            limits.clone(),
            None,
            closed.clone(),
        ))
    });
    let routers = public_routers(app);
    let grpc = grpc.map(|listener| {
        tokio::spawn(serve(
            listener,
            routers.grpc,
            limits.clone(),
            tls.clone(),
            stop.clone(),
        ))
    });
    let served = serve(public, routers.all, limits, tls, stop.clone()).await;
    // Should this listener have failed, the other would go on for ever.
    stop.cancel();
    let grpc = match grpc {
        Some(grpc) => grpc.await.map_err(Failure::from_error)?,
        None => Ok(()),
    };
    // Nobody retires a log while it is being closed.
    let rotation = rotation.await;
    closing.close().await;

    closed.cancel();
    if let Some(admin) = admin {
        admin
            .await
            .map_err(Failure::from_error)?
            .map_err(Failure::from_error)?;
    }
    rotation.map_err(|e| Failure::failed(format!("what follows the logs ended: {e}")))?;
    grpc.map_err(|e| Failure::failed(format!("the gRPC listener ended: {e}")))?;
    served.map_err(|e| Failure::failed(format!("the public listener ended: {e}")))
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
pub(crate) fn metrics(fulcio_names: bool) -> Arc<Metrics> {
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    Arc::new(if fulcio_names {
        Metrics::with_fulcio_names(VERSION)
    } else {
        Metrics::new(VERSION)
    })
}
