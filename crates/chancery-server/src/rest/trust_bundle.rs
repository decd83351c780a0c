//! `GET /api/v2/trustBundle`: the chain that certificates are issued under.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::chain;
use crate::state::AppState;

/// `TrustBundle`: one chain, the issuing certificate first, the root last.
#[derive(Serialize)]
pub(crate) struct TrustBundle {
    chains: [Chain; 1],
}

#[derive(Serialize)]
struct Chain {
    /// PEM, each with a final newline, as Fulcio has it here and nowhere else.
    certificates: Vec<String>,
}

/// Answers the authority's chain.
pub(crate) async fn get(State(app): State<AppState>) -> Json<TrustBundle> {
    let certificates = chain::trust_bundle(&app);
    Json(TrustBundle {
        chains: [Chain { certificates }],
    })
}
