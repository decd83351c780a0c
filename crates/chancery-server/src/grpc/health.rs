//! `grpc.health.v1.Health`: that the process answers.

use chancery_proto::grpc_health_v1::health_check_response::ServingStatus;
use chancery_proto::grpc_health_v1::health_server::Health as Service;
use chancery_proto::grpc_health_v1::{HealthCheckRequest, HealthCheckResponse};
use tonic::{Request, Response, Status};

/// Says, as `/healthz` does, that the process answers, whatever the state of log and database.
#[derive(Clone)]
pub(super) struct Health;

#[tonic::async_trait]
impl Service for Health {
    /// Answers `SERVING` for any service, as Fulcio does.
    async fn check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse {
            status: ServingStatus::Serving.into(),
        }))
    }
}
