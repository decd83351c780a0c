//! `GET /api/v2/trustBundle`: the chain that certificates are issued under.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

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
    let pems = app.authority.trust_bundle().pems().iter();
    let certificates = pems.map(|pem| format!("{pem}\n")).collect();
    Json(TrustBundle {
        chains: [Chain { certificates }],
    })
}
