"""Servers that a check starts for itself, on free loopback ports, and ends again."""

import contextlib
import datetime
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from service import check

START_TIMEOUT_S = 30


def free_port():
    """Returns a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, folder, probe_url, trust=None):
    """Runs a server until the block ends; it is up when the URL answers at all."""
    log_path = Path(folder) / f"{Path(command[0]).name}.log"
    with log_path.open("wb") as log:
        child = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            wait_until_up(child, probe_url, trust, log_path)
            yield
        finally:
            child.terminate()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def wait_until_up(child, url, trust, log_path):
    """Returns when the URL answers; fails with the server's last words."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        last_words = log_path.read_text(errors="replace")[-1500:]
        check(child.poll() is None, f"the server ended at once:\n{last_words}")
        try:
            urllib.request.urlopen(url, timeout=2, context=trust).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    check(False, f"{url} does not answer:\n{log_path.read_text(errors='replace')[-1500:]}")


@contextlib.contextmanager
def development_ca(program, folder, configuration):
    """Runs `chancery dev` with an identity configuration, and yields its URL."""
    port = free_port()
    command = [
        program, "dev", "--listen", f"127.0.0.1:{port}", "--data", str(Path(folder) / "dev"),
        "--identity-config", str(configuration),
    ]
    url = f"http://localhost:{port}"
    with running(command, folder, f"{url}/healthz"):
        yield url


@contextlib.contextmanager
def production_ca(program, folder, configuration, identity_options, init_options=()):
    """Runs `chancery init`, then `serve` over TLS; yields its URL, its port and the TLS root."""
    folder = Path(folder)
    port = free_port()
    url = f"https://localhost:{port}"
    home = folder / "production"
    subprocess.run(
        [program, "init", "--url", url, "--dir", str(home), "--log-read", "open", *init_options],
        check=True, capture_output=True, timeout=60,
    )
    (home / "identity.yaml").write_bytes(Path(configuration).read_bytes())
    certificate, key, root = tls_certificate(home)
    with (home / "chancery.yaml").open("a") as settings:
        settings.write(f"tls:\n  certificate: {certificate.name}\n  key: {key.name}\n")
    command = [
        program, "serve", "--config", str(home / "chancery.yaml"),
        "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{free_port()}",
        *identity_options,
    ]
    trust = ssl.create_default_context(cafile=str(root))
    with running(command, home, f"{url}/healthz", trust):
        yield url, port, root


def tls_certificate(folder):
    """Writes a certificate for localhost, its key and the root it leads to; returns the paths."""
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test root")])
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    root = tls_builder(root_name, root_name, root_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    ).sign(root_key, hashes.SHA256())
    leaf = tls_builder(leaf_name, root_name, leaf_key).add_extension(
        x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
    ).sign(root_key, hashes.SHA256())
    paths = [folder / name for name in ("tls.crt", "tls.key", "tls-root.crt")]
    paths[0].write_bytes(leaf.public_bytes(Encoding.PEM))
    paths[1].touch(mode=0o600)
    paths[1].write_bytes(
        leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    paths[2].write_bytes(root.public_bytes(Encoding.PEM))
    return paths


def tls_builder(subject, issuer, key):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
    )
