//! The clients themselves, built or installed once for each version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::outside;
use crate::process::{run, run_quietly};
use crate::workspace;

const SIGSTORE_VERSION: &str = "4.5.1";
const MOTO_VERSION: &str = "5.2.5";

/// Names the folder with ctfsck's source, if it is not beside the workspace.
const CTFSCK_VARIABLE: &str = "CHANCERY_CTFSCK";

/// A program that Go builds from a module's release.
pub(crate) struct GoProgram {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
    pub(super) version: &'static str,
}

/// The client that most people sign with.
pub(crate) const COSIGN: GoProgram = GoProgram {
    name: "cosign",
    package: "github.com/sigstore/cosign/v3/cmd/cosign",
    version: "v3.1.3",
};

/// The most used client of RFC 6962's reads.
pub(super) const CTCLIENT: GoProgram = GoProgram {
    name: "ctclient",
    package: "github.com/google/certificate-transparency-go/client/ctclient",
    version: "v1.4.0",
};

/// The peer whose place Chancery takes.
pub(crate) const FULCIO: GoProgram = GoProgram {
    name: "fulcio",
    package: "github.com/sigstore/fulcio",
    version: "v1.8.8",
};

/// A gRPC client that knows nothing of our code.
pub(super) const GRPCURL: GoProgram = GoProgram {
    name: "grpcurl",
    package: "github.com/fullstorydev/grpcurl/cmd/grpcurl",
    version: "v1.9.4",
};

/// Conformance tests of HTTP/2.
pub(super) const H2SPEC: GoProgram = GoProgram {
    name: "h2spec",
    package: "github.com/summerwind/h2spec/cmd/h2spec",
    version: "v2.2.1+incompatible",
};

/// The library of Go's clients, as the program that its own conformance tests call.
pub(super) const SIGSTORE_GO: GoProgram = GoProgram {
    name: "conformance",
    package: "github.com/sigstore/sigstore-go/test/conformance",
    version: "v1.2.2",
};

/// Signs commits.
const GITSIGN: GoProgram = GoProgram {
    name: "gitsign",
    package: "github.com/sigstore/gitsign",
    version: "v0.16.1",
};

/// A witness of logs.
const LITEWITNESS: GoProgram = GoProgram {
    name: "litewitness",
    package: "filippo.io/torchwood/cmd/litewitness",
    version: "v0.10.0",
};

/// Writes a log of tiles into a folder, as most logs of them are written.
pub(super) const TESSERA: GoProgram = GoProgram {
    name: "posix-oneshot",
    package: "github.com/transparency-dev/tessera/cmd/examples/posix-oneshot",
    version: "v1.0.4",
};

/// The ledger whose place ours takes, on files.
pub(crate) const REKOR_TILES: GoProgram = GoProgram {
    name: "posix",
    package: "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix",
    version: "v2.3.0",
};

/// The timestamp authority whose place ours takes.
const TIMESTAMP_SERVER: GoProgram = GoProgram {
    name: "timestamp-server",
    package: "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server",
    version: "v2.1.5",
};

/// A linter of certificates.
pub(super) const ZLINT: GoProgram = GoProgram {
    name: "zlint",
    package: "github.com/zmap/zlint/v3/cmd/zlint",
    version: "v3.6.8",
};

impl GoProgram {
    /// Returns the program, built if it has not been yet.
    pub(crate) fn get(&self) -> Result<PathBuf> {
        self.get_with(None)
    }

    fn get_with(&self, toolchain: Option<&str>) -> Result<PathBuf> {
        let folder = clients().join(format!("{}-{}", self.name, self.version));
        let program = folder.join(self.name);
        if !program.is_file() {
            println!("building {} {}", self.name, self.version);
            let mut go = Command::new("go");
            go.arg("install")
                .arg(format!("{}@{}", self.package, self.version))
                .env("GOBIN", &folder);
            if let Some(toolchain) = toolchain {
                go.env("GOTOOLCHAIN", toolchain);
            }
            run_quietly(&mut go)
                .with_context(|| format!("{} cannot be built; it needs Go", self.name))?;
        }
        Ok(program)
    }
}

/// Returns litewitness, which wants a newer Go than others do; Go fetches that itself.
pub(super) fn litewitness() -> Result<PathBuf> {
    LITEWITNESS.get_with(Some("go1.27.0"))
}

/// Returns gitsign, built from its own module: with the versions of its dependencies that it names.
pub(super) fn gitsign() -> Result<PathBuf> {
    let module = format!("{}@{}", GITSIGN.package, GITSIGN.version);
    run_quietly(Command::new("go").args(["mod", "download", &module]))?;
    let cache = run_quietly(Command::new("go").args(["env", "GOMODCACHE"]))?;
    build_go("gitsign", &Path::new(cache.trim()).join(module))
}

/// Returns the folder with sigstore-js's packages.
pub(super) fn sigstore_js() -> Result<PathBuf> {
    let folder = clients().join("sigstore-js");
    fs::create_dir_all(&folder)?;
    fs::copy(
        outside().join("js/package.json"),
        folder.join("package.json"),
    )?;
    let mut npm = Command::new("npm");
    run_quietly(
        npm.args(["install", "--no-audit", "--no-fund"])
            .current_dir(&folder),
    )
    .context("sigstore-js cannot be installed; it needs npm")?;
    Ok(folder)
}

/// Returns the folder with sigstore-java's libraries.
pub(super) fn sigstore_java() -> Result<PathBuf> {
    let folder = clients().join("sigstore-java");
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "dependency:copy-dependencies", "-f"]);
    maven.arg(outside().join("java/pom.xml"));
    maven.arg(format!("-DoutputDirectory={}", folder.display()));
    run_quietly(&mut maven).context("sigstore-java cannot be had; it needs Maven and a JDK")?;
    Ok(folder)
}

/// Returns Sigstore's timestamp authority, which wants that Go, too.
pub(crate) fn timestamp_server() -> Result<PathBuf> {
    TIMESTAMP_SERVER.get_with(Some("go1.27.0"))
}

/// Returns ctfsck's program, built from its source at every run (a second, if nothing changed).
pub(super) fn ctfsck() -> Result<PathBuf> {
    let source = match std::env::var_os(CTFSCK_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => workspace::root().join("../shared/ctfsck"),
    };
    if !source.join("main.go").is_file() {
        bail!(
            "no source of ctfsck in {}; set {CTFSCK_VARIABLE}",
            source.display()
        );
    }
    build_go("ctfsck", &source)
}

/// Returns the program that reads a certificate as Go does.
pub(super) fn certparse() -> Result<PathBuf> {
    build_go("certparse", &outside().join("certparse"))
}

/// Returns a program of sigstore-rust's libraries.
pub(super) fn sigstore_rust() -> Result<PathBuf> {
    let target = clients().join("sigstore-rust");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--locked", "--target-dir"])
        .arg(&target)
        .current_dir(outside().join("rust"));
    run_quietly(&mut cargo).context("sigstore-rust cannot be built; it needs crates.io")?;
    Ok(target.join("debug/sigstore-rust-client"))
}

fn build_go(name: &str, source: &Path) -> Result<PathBuf> {
    let program = clients().join(name);
    let mut go = Command::new("go");
    go.args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(source);
    run_quietly(&mut go).with_context(|| format!("{name} cannot be built; it needs Go"))?;
    Ok(program)
}

/// A Python with packages of its own.
pub(super) struct Python {
    program: PathBuf,
}

impl Python {
    /// With sigstore-python, and with the `cryptography` that our own scripts use.
    pub(super) fn with_sigstore() -> Result<Self> {
        Self::with(&format!("sigstore-{SIGSTORE_VERSION}"), "requirements.txt")
    }

    /// With moto, which speaks S3.
    pub(super) fn with_moto() -> Result<Self> {
        Self::with(&format!("moto-{MOTO_VERSION}"), "moto-requirements.txt")
    }

    /// With Playwright, which drives a browser.
    pub(super) fn with_playwright() -> Result<Self> {
        Self::with("playwright", "login-requirements.txt")
    }

    /// Makes the virtual environment, or finds it finished.
    fn with(name: &str, requirements: &str) -> Result<Self> {
        let folder = clients().join(name);
        let requirements = outside().join(requirements);
        let wanted = fs::read(&requirements).context("cannot read the Python requirements")?;
        let installed = folder.join("installed.txt");
        let program = folder.join("bin/python");
        if fs::read(&installed).ok().as_ref() != Some(&wanted) {
            println!("installing {name}");
            make_environment(&folder, &requirements)
                .with_context(|| format!("{name} cannot be installed; it needs Python 3.10"))?;
            // Written last: without it the environment counts as unfinished.
            fs::write(&installed, wanted)?;
        }
        Ok(Self { program })
    }

    /// Returns the path of a program that a package brought along.
    pub(super) fn sibling(&self, name: &str) -> PathBuf {
        self.program.with_file_name(name)
    }

    /// Returns a command that runs a script.
    pub(super) fn script(&self, script: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-B").arg(script);
        command
    }
}

fn make_environment(folder: &Path, requirements: &Path) -> Result<()> {
    let mut venv = Command::new("python3");
    run_quietly(venv.args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    run(pip.arg(requirements))
}

fn clients() -> PathBuf {
    workspace::target().join("clients")
}
