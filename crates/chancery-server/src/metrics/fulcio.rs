//! The same counts under Fulcio's names.
//!
//! Fulcio's gRPC counters count its REST API, too, because that is a gateway to gRPC; ours do the
//! same, by route. Where Fulcio's library writes a counter without `_total`, `OpenMetrics` would
//! add it and dashboards would miss the name, so that one says of itself that its type is unknown.

use std::time::Duration;

use axum::extract::Request;
use http::Method;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::error::ApiError;
use crate::grpc;

const V1: &str = "dev.sigstore.fulcio.v1beta.CA";
const V2: &str = "dev.sigstore.fulcio.v2.CA";

/// REST's routes, and the gRPC methods that they lead to with Fulcio.
const GATEWAY: [(&str, &str, &str); 6] = [
    ("/api/v1/rootCert", V1, "GetRootCertificate"),
    ("/api/v1/signingCert", V1, "CreateSigningCertificate"),
    ("/api/v2/configuration", V2, "GetConfiguration"),
    ("/api/v2/signingCert", V2, "CreateSigningCertificate"),
    ("/api/v2/trustBundle", V2, "GetTrustBundle"),
    ("/healthz", "grpc.health.v1.Health", "Check"),
];

/// What is counted under Fulcio's names.
#[derive(Debug)]
pub(crate) struct FulcioMetrics {
    new_certs: NewCerts,
    api_latency: Family<HttpLabels, Histogram, fn() -> Histogram>,
    http_requests: Family<HttpLabels, Counter>,
    started: Family<MethodLabels, Counter>,
    handled: Family<HandledLabels, Counter>,
    received: Family<MethodLabels, Counter>,
    sent: Family<MethodLabels, Counter>,
}

/// A counter whose name is exactly its own.
#[derive(Clone, Debug, Default)]
struct NewCerts(Counter);

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct HttpLabels {
    code: u16,
    method: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct MethodLabels {
    grpc_method: String,
    grpc_service: String,
    grpc_type: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct HandledLabels {
    grpc_code: String,
    grpc_method: String,
    grpc_service: String,
    grpc_type: &'static str,
}

/// A request that is being worked on.
#[derive(Debug)]
pub(crate) struct Begun {
    /// The HTTP method; with Fulcio, gRPC has a server of its own, where none is counted.
    http: Option<&'static str>,
    method: Option<MethodLabels>,
}

impl FulcioMetrics {
    pub(super) fn new(version: &str, registry: &mut Registry) -> Self {
        // The bounds that Prometheus' Go library has by default.
        const SECONDS: [f64; 11] = [
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ];
        let metrics = Self {
            new_certs: NewCerts::default(),
            api_latency: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            http_requests: Family::default(),
            started: Family::default(),
            handled: Family::default(),
            received: Family::default(),
            sent: Family::default(),
        };
        let unknown = || "unknown".to_owned();
        let build = Info::new(vec![
            ("version", version.to_owned()),
            ("revision", unknown()),
            ("build_date", unknown()),
            ("goversion", unknown()),
        ]);
        registry.register("fulcio_build", "What is running", build);
        registry.register(
            "fulcio_new_certs",
            "Certificates issued",
            metrics.new_certs.clone(),
        );
        registry.register(
            "fulcio_api_latency",
            "Seconds to answer an HTTP request",
            metrics.api_latency.clone(),
        );
        registry.register(
            "http_requests",
            "HTTP requests",
            metrics.http_requests.clone(),
        );
        registry.register("grpc_server_started", "Calls", metrics.started.clone());
        registry.register(
            "grpc_server_handled",
            "Calls answered",
            metrics.handled.clone(),
        );
        registry.register(
            "grpc_server_msg_received",
            "Messages received",
            metrics.received.clone(),
        );
        registry.register(
            "grpc_server_msg_sent",
            "Messages sent",
            metrics.sent.clone(),
        );
        metrics
    }

    /// Counts an issued certificate.
    pub(super) fn issued(&self) {
        self.new_certs.0.inc();
    }

    /// Counts a request that has come in.
    pub(crate) fn begun(&self, route: &str, request: &Request) -> Begun {
        let is_grpc = grpc::is_grpc(request);
        let method = method(route).map(|(service, method)| MethodLabels {
            grpc_method: method.to_owned(),
            grpc_service: service.to_owned(),
            grpc_type: "unary",
        });
        if let Some(labels) = &method {
            self.started.get_or_create(labels).inc();
            self.received.get_or_create(labels).inc();
        }
        Begun {
            http: (!is_grpc).then(|| label(request.method())),
            method,
        }
    }

    /// Counts its answer.
    pub(crate) fn answered(
        &self,
        begun: &Begun,
        code: u16,
        refusal: Option<&ApiError>,
        took: Duration,
    ) {
        if let Some(method) = begun.http {
            let labels = HttpLabels { code, method };
            self.http_requests.get_or_create(&labels).inc();
            let latency = self.api_latency.get_or_create(&labels);
            latency.observe(took.as_secs_f64());
        }
        let Some(labels) = &begun.method else { return };
        let grpc_code = match refusal {
            Some(error) => format!("{:?}", error.code()),
            None => {
                self.sent.get_or_create(labels).inc();
                "OK".to_owned()
            }
        };
        let MethodLabels {
            grpc_method,
            grpc_service,
            grpc_type,
        } = labels.clone();
        let labels = HandledLabels {
            grpc_code,
            grpc_method,
            grpc_service,
            grpc_type,
        };
        self.handled.get_or_create(&labels).inc();
    }
}

impl EncodeMetric for NewCerts {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.encode_gauge(&self.0.get())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Unknown
    }
}

/// Returns the gRPC service and method of a route, if it has one.
fn method(route: &str) -> Option<(&str, &str)> {
    let gateway = GATEWAY.iter().find(|(rest, ..)| *rest == route);
    match gateway {
        Some((_, service, method)) => Some((service, method)),
        None => grpc::method(route),
    }
}

/// Method names as Prometheus' Go library writes them.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::CONNECT => "connect",
        Method::DELETE => "delete",
        Method::GET => "get",
        Method::HEAD => "head",
        Method::OPTIONS => "options",
        Method::PATCH => "patch",
        Method::POST => "post",
        Method::PUT => "put",
        Method::TRACE => "trace",
        _ => "unknown",
    }
}
