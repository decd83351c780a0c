//! `cargo xtask clients`: real clients and independent checkers against `chancery dev`.
//!
//! A client that cannot be had is a failure here. What each check asserts is written in Python
//! under `tests/outside`; this side builds the clients and runs the service.

mod broken_log;
mod ctclient;
mod s3_guard;
mod service;
pub(crate) mod tools;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::postgres::{Binaries, Cluster};
use crate::process;
use crate::steps::{Step, Steps};
use crate::workspace;
use service::Service;
use tools::Python;

/// What `cargo xtask clients` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The checks to run; if none is named, all but those that want npm, Maven, a release build or much time
    checks: Vec<String>,
}

const CHECKS: &[Step] = &[
    ("cosign", cosign),
    ("sigstore-python", sigstore_python),
    ("instructions", instructions),
    ("matrix", matrix),
    ("merge-delay", merge_delay),
    ("every-type", every_type),
    ("fulcio", fulcio),
    ("fulcio-logs-here", fulcio_logs_here),
    ("grpc", grpc),
    ("ctclient", ctclient::check),
    ("offline-proofs", offline_proofs),
    ("tuf", tuf_client),
    ("s3-guard", s3_guard::check),
    ("litewitness", litewitness),
    ("rotation", rotation),
    ("rotation-replicas", rotation_replicas),
    ("ctfsck-sqlite", broken_log::on_sqlite),
    ("ctfsck-postgres", broken_log::on_postgres),
    ("export", broken_log::published),
    ("tessera", tessera),
];

/// Checks that run only where they are named: they want npm, Maven and a JDK, or much time.
const ON_DEMAND: &[Step] = &[
    ("sigstore-go", sigstore_go),
    ("sigstore-js", sigstore_js),
    ("sigstore-java", sigstore_java),
    ("sigstore-rust", sigstore_rust),
    ("gitsign", gitsign),
    ("matrix-all", matrix_all),
    ("login", login),
    ("hostile-bundles", hostile_bundles),
];

/// Runs the checks and prints their times.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let named = !arguments.checks.is_empty();
    let on_demand = ON_DEMAND.iter().filter(|_| named);
    let steps = CHECKS.iter().chain(on_demand).copied().collect();
    let checks = Steps::choose(steps, &arguments.checks)?;
    service::build()?;
    checks.run()
}

/// Runs every check, as a step of a longer run.
pub(crate) fn check_all() -> Result<()> {
    run(&Arguments { checks: Vec::new() })
}

/// Signs and verifies a file with cosign, and sees it refuse what it must.
fn cosign() -> Result<()> {
    let cosign = tools::COSIGN.get()?;
    let python = Python::with_sigstore()?;
    let service = Service::start()?;
    check(&python, "cosign.py", &service, |command| {
        command.arg("--cosign").arg(&cosign);
    })?;
    service.stop()?;
    let Some(behind) = Service::start_an_hour_behind()? else {
        println!("cosign an hour after signing: left out, there is no libfaketime");
        return Ok(());
    };
    check(&python, "cosign.py", &behind, |command| {
        command.arg("--hour-behind").arg("--cosign").arg(&cosign);
    })?;
    behind.stop()
}

/// Signs and verifies a file with sigstore-python, and exchanges bundles with cosign.
fn sigstore_python() -> Result<()> {
    let cosign = tools::COSIGN.get()?;
    let python = Python::with_sigstore()?;
    let service = Service::start()?;
    check(&python, "sigstore_python.py", &service, |command| {
        command.arg("--cosign").arg(&cosign);
    })?;
    service.stop()
}

/// Types what the landing page says to type, with chancery, cosign and sigstore-python.
fn instructions() -> Result<()> {
    let cosign = tools::COSIGN.get()?;
    let python = Python::with_sigstore()?;
    let service = Service::start()?;
    check(&python, "instructions.py", &service, |command| {
        command.arg("--chancery").arg(service::program("chancery"));
        command.arg("--cosign").arg(&cosign);
        command.arg("--sigstore").arg(python.sibling("sigstore"));
    })?;
    service.stop()
}

/// Lets Chancery and the clients that are built quickly verify each other's signatures.
fn matrix() -> Result<()> {
    check_alone("matrix.py", &quick_clients()?)
}

/// Likewise with every client.
fn matrix_all() -> Result<()> {
    let others = [
        ("--go", tools::SIGSTORE_GO.get()?),
        ("--js", tools::sigstore_js()?),
        ("--java", tools::sigstore_java()?),
        ("--rust", tools::sigstore_rust()?),
    ];
    check_alone("matrix.py", &[&quick_clients()?[..], &others].concat())
}

fn quick_clients() -> Result<[(&'static str, PathBuf); 2]> {
    let python = Python::with_sigstore()?;
    Ok([
        ("--cosign", tools::COSIGN.get()?),
        ("--python", python.sibling("sigstore")),
    ])
}

/// Sees that the first checkpoint after an answer covers the certificate.
fn merge_delay() -> Result<()> {
    let python = Python::with_sigstore()?;
    let service = Service::start()?;
    check(&python, "merge_delay.py", &service, |_| ())?;
    service.stop()
}

/// Proves an entry, and lets others check the proof offline.
fn offline_proofs() -> Result<()> {
    let python = Python::with_sigstore()?;
    let service = Service::start()?;
    check(&python, "offline_proofs.py", &service, |command| {
        command.arg("--chancery").arg(service::program("chancery"));
    })?;
    service.stop()
}

/// Updates from the repository of what clients trust, as TUF's reference client does.
fn tuf_client() -> Result<()> {
    let python = Python::with_sigstore()?;
    let service = Service::start()?;
    check(&python, "tuf_client.py", &service, |_| {})?;
    service.stop()
}

/// Lints a certificate of every issuer type, and lets other ecosystems' parsers read it.
fn every_type() -> Result<()> {
    let programs = [
        ("--zlint", tools::ZLINT.get()?),
        ("--go-parser", tools::certparse()?),
    ];
    check_alone("every_type.py", &programs)
}

/// Compares what a real Fulcio and Chancery make of the same tokens.
fn fulcio() -> Result<()> {
    check_alone("fulcio.py", &[("--fulcio", tools::FULCIO.get()?)])
}

/// Lets a real Fulcio log into Chancery, and a Chancery into another, and cosign verify the SCTs.
fn fulcio_logs_here() -> Result<()> {
    let programs = [
        ("--fulcio", tools::FULCIO.get()?),
        ("--cosign", tools::COSIGN.get()?),
    ];
    check_alone("fulcio_logs_here.py", &programs)
}

/// Gets a certificate over gRPC and TLS, and lets h2spec judge HTTP/2.
fn grpc() -> Result<()> {
    let protos = workspace::root().join("crates/chancery-proto/proto");
    let programs = [
        ("--grpcurl", tools::GRPCURL.get()?),
        ("--h2spec", tools::H2SPEC.get()?),
        ("--protos", protos),
    ];
    check_alone("grpc_tls.py", &programs)
}

/// Lets litewitness, and another Chancery, cosign what a log publishes; takes them away and back.
fn litewitness() -> Result<()> {
    check_alone(
        "litewitness.py",
        &[("--litewitness", tools::litewitness()?)],
    )
}

/// Mirrors a log that Tessera writes.
fn tessera() -> Result<()> {
    check_alone("tessera.py", &[("--tessera", tools::TESSERA.get()?)])
}

/// Signs and verifies with sigstore-go, and exchanges bundles with cosign.
fn sigstore_go() -> Result<()> {
    library(&[("--go", tools::SIGSTORE_GO.get()?)])
}

/// The same with sigstore-js's libraries.
fn sigstore_js() -> Result<()> {
    library(&[("--js", tools::sigstore_js()?)])
}

/// The same with sigstore-java, over gRPC.
fn sigstore_java() -> Result<()> {
    library(&[("--java", tools::sigstore_java()?)])
}

/// The same with sigstore-rust's libraries.
fn sigstore_rust() -> Result<()> {
    library(&[("--rust", tools::sigstore_rust()?)])
}

/// Logs in for `chancery sign` with headless Chromium, which has to be installed.
fn login() -> Result<()> {
    let python = Python::with_playwright()?;
    let service = Service::start()?;
    check(&python, "login.py", &service, |command| {
        command.arg("--chancery").arg(service::program("chancery"));
    })?;
    service.stop()
}

/// Measures what bundles cost that are made to cost much, with the program as it is released.
fn hostile_bundles() -> Result<()> {
    let python = Python::with_sigstore()?;
    let program = service::released()?;
    let service = Service::start()?;
    check(&python, "hostile_bundles.py", &service, |command| {
        command.arg("--chancery").arg(&program);
    })?;
    service.stop()
}

/// Signs a commit.
fn gitsign() -> Result<()> {
    library(&[("--gitsign", tools::gitsign()?)])
}

fn library(client: &[(&str, PathBuf)]) -> Result<()> {
    let cosign = [("--cosign", tools::COSIGN.get()?)];
    check_alone("libraries.py", &[&cosign[..], client].concat())
}

/// Begins a new log under load, and lets cosign verify across the change.
fn rotation() -> Result<()> {
    check_alone("rotation.py", &[("--cosign", tools::COSIGN.get()?)])
}

/// The same with two processes on one PostgreSQL database.
fn rotation_replicas() -> Result<()> {
    let binaries = Binaries::find_or_install()?;
    let cluster = Cluster::start(&binaries)?;
    cluster.psql(&binaries, "postgres", "CREATE DATABASE chancery")?;
    let arguments = [
        ("--cosign", tools::COSIGN.get()?),
        ("--database", cluster.url("chancery").into()),
    ];
    check_alone("rotation.py", &arguments)?;
    cluster.stop()
}

/// Runs a script of `tests/outside` that starts Chancery itself, with issuers of its own.
fn check_alone(script: &str, arguments: &[(&str, PathBuf)]) -> Result<()> {
    let mut command = Python::with_sigstore()?.script(&outside().join(script));
    command.arg("--chancery").arg(service::program("chancery"));
    for (name, path) in arguments {
        command.arg(name).arg(path);
    }
    process::run(&mut command)
}

/// Runs a script of `tests/outside` against a service.
fn check(
    python: &Python,
    script: &str,
    service: &Service,
    arguments: impl FnOnce(&mut Command),
) -> Result<()> {
    let mut command = python.script(&outside().join(script));
    command.args(["--url", service.url()]);
    arguments(&mut command);
    process::run(&mut command).with_context(|| service.log_tail())
}

fn outside() -> PathBuf {
    workspace::root().join("tests/outside")
}
