//! Generated protobuf and gRPC types of the Sigstore APIs.
//!
//! `proto/` is written from the field numbers of the public APIs; what a field means stands there.
//! Clients and servers come without a transport.

/// The packages, nested as the generated code refers from one to another.
mod packages {
    pub mod dev {
        pub mod sigstore {
            pub mod common {
                /// `dev.sigstore.common.v1`: what the ledger's messages share with others.
                pub mod v1 {
                    tonic::include_proto!("dev.sigstore.common.v1");
                }
            }

            pub mod rekor {
                /// `dev.sigstore.rekor.v1`: entries as they are answered.
                pub mod v1 {
                    tonic::include_proto!("dev.sigstore.rekor.v1");
                }

                /// `dev.sigstore.rekor.v2`: the ledger.
                pub mod v2 {
                    tonic::include_proto!("dev.sigstore.rekor.v2");
                }
            }

            pub mod fulcio {
                /// `dev.sigstore.fulcio.v1beta`: the certificate authority as it was before.
                pub mod v1beta {
                    tonic::include_proto!("dev.sigstore.fulcio.v1beta");
                }

                /// `dev.sigstore.fulcio.v2`: the certificate authority.
                pub mod v2 {
                    tonic::include_proto!("dev.sigstore.fulcio.v2");
                }
            }
        }
    }

    pub mod google {
        /// `google.api`: answers that are not protobuf.
        pub mod api {
            tonic::include_proto!("google.api");
        }
    }

    pub mod io {
        /// `io.intoto`: DSSE envelopes.
        pub mod intoto {
            tonic::include_proto!("io.intoto");
        }
    }

    pub mod grpc {
        pub mod health {
            /// `grpc.health.v1`: health checks.
            pub mod v1 {
                tonic::include_proto!("grpc.health.v1");
            }
        }
    }
}

pub use packages::dev::sigstore::common::v1 as common_v1;
pub use packages::dev::sigstore::fulcio::{v1beta as fulcio_v1beta, v2 as fulcio_v2};
pub use packages::dev::sigstore::rekor::{v1 as rekor_v1, v2 as rekor_v2};
pub use packages::google::api as google_api;
pub use packages::grpc::health::v1 as grpc_health_v1;
pub use packages::io::intoto;
