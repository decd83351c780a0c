//! A guard in an object store, on a server that speaks S3.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::service::free_port;
use super::tools::Python;
use crate::process::run;
use crate::workspace;

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Lets the tests that need S3 have a server, and demands that they use it.
pub(super) fn check() -> Result<()> {
    let python = Python::with_moto()?;
    let server = Moto::start(&python.sibling("moto_server"))?;
    for (package, tests) in [("chancery-objects", "s3"), ("chancery", "guards::")] {
        let mut cargo = workspace::cargo("test");
        cargo
            .args(["--locked", "--package", package, "--test", "it", tests])
            .env("CHANCERY_TEST_S3", format!("http://{}", server.address))
            .env("CHANCERY_REQUIRE_S3", "1");
        run(&mut cargo)?;
    }
    Ok(())
}

/// A running moto; dropping it ends it.
struct Moto {
    child: Child,
    address: SocketAddr,
}

impl Moto {
    fn start(program: &Path) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start moto")?;
        let mut server = Self { child, address };
        let start = Instant::now();
        while start.elapsed() < START_TIMEOUT {
            if let Some(status) = server.child.try_wait()? {
                bail!("moto ended with {status}");
            }
            if TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
            sleep(Duration::from_millis(50));
        }
        bail!("moto did not answer")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Nothing of it is kept, so nobody asks how it ends.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
