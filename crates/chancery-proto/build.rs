//! Generates the types from `proto/`, without protoc: protox reads the files.

use std::error::Error;

const FILES: [&str; 4] = [
    "dev/sigstore/fulcio/v1beta/fulcio_legacy.proto",
    "dev/sigstore/fulcio/v2/fulcio.proto",
    "dev/sigstore/rekor/v2/rekor_service.proto",
    "grpc/health/v1/health.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        // Connections are the caller's business: neither side brings a transport of its own.
        .build_transport(false)
        .compile_fds(files)?;
    Ok(())
}
