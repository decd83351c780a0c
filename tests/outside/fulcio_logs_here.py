"""A real Fulcio uses Chancery as its CT log, and a Chancery uses another Chancery as its CT log.

Cosign signs with either and verifies the SCT. The log is stopped and started again in between:
without it Fulcio issues nothing, and a Chancery does as it is configured.
"""

import argparse
import base64
import contextlib
import datetime
import json
import os
import re
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption, Encoding, PrivateFormat, PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from issuance import certify
from issuers import Issuers
from processes import free_port, running
from service import Failure, Service, check, issuer_of, main

IDENTITY = "Sam.O'Neil+x@acme.test"
SCT_LIST = "1.3.6.1.4.1.11129.2.4.2"


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    for program in ("chancery", "fulcio", "cosign"):
        parser.add_argument(f"--{program}", required=True)
    programs = parser.parse_args()
    issuers = Issuers()
    with tempfile.TemporaryDirectory(prefix="chancery-submissions-") as folder:
        folder = Path(folder)
        fulcio_logs_here(programs, issuers, folder)
        chancery_logs_elsewhere(programs, issuers, folder)


def fulcio_logs_here(programs, issuers, folder):
    authority = FulcioAuthority(folder)
    log = Chancery(programs.chancery, folder / "log", issuers)
    log.set("log", f"  submissions: {{roots: {authority.root_path}}}")
    configuration = folder / "fulcio.yaml"
    configuration.write_text(issuers.configuration())
    with log.serving():
        key = log.write_log_key(folder / "log.pub")
        trusted_root = authority.trusted_root(log.trusted_root())
    # Fulcio goes on while its log comes and goes.
    with log.serving(), fulcio(programs.fulcio, folder, configuration, authority, log, key) as url:
        cosign = Cosign(programs.cosign, folder / "cosign", url, trusted_root)
        for _ in range(3):
            cosign.sign_and_verify(issuers.token("email"))
        check(log.tree_size() == 3, f"the log has {log.tree_size()} entries instead of 3")
        log.check_holds(cosign.certificate())
        submit_again(log, cosign.certificate(), authority)
        print("fulcio-logs-here: three certificates of Fulcio are in the data tile, with good SCTs")
        log.stop()
        refused = cosign.sign(issuers.token("email"))
        check(refused.returncode != 0, "Fulcio issued a certificate without its log")
        print("fulcio-logs-here: without the log Fulcio issues nothing")
        log.start()
        cosign.sign_and_verify(issuers.token("email"))
        log.check_holds(cosign.certificate())
        print("fulcio-logs-here: started again, the log takes Fulcio's entries again")
        size = log.tree_size()
        check(size == 5, f"the log has {size} entries instead of 5")
    log.verify()
    print("fulcio-logs-here: `log verify` finds nothing wrong")


def submit_again(log, certificate, authority):
    """The same chain again, root left out, and one of nobody known."""
    chain = [certificate, authority.intermediate]
    first, second = (log.add_chain(chain) for _ in range(2))
    check(first[0] == second[0] == 200, f"add-chain answered {first} and {second}")
    first, second = (json.loads(answer[1]) for answer in (first, second))
    same = ("sct_version", "id", "timestamp", "extensions")
    check(all(first[name] == second[name] for name in same), f"{first}\n{second}")
    status, body = log.add_chain([FulcioAuthority.unknown()])
    check(status == 400 and "chain-refused" in body, f"an unknown root: {status} {body}")
    with_root, _ = log.add_chain([*chain, authority.root])
    check(with_root == 200, f"with the root, add-chain answered {with_root}")


def chancery_logs_elsewhere(programs, issuers, folder):
    log = Chancery(programs.chancery, folder / "elsewhere", issuers)
    ours = Chancery(programs.chancery, folder / "ours", issuers)
    with log.serving(submissions_of=ours):
        key = log.write_log_key(folder / "elsewhere.pub")
        external = f"  external-log: {{url: {log.log_url()}, public-key: {key}, timeout-ms: 3000%s}}"
        ours.set("ca", external % "")
        ours.update_trust()
        with ours.serving():
            trusted_root = ours.trusted_root()
            check(len(trusted_root["ctlogs"]) == 2, "trusted_root.json does not name both logs")
            cosign = Cosign(programs.cosign, folder / "elsewhere-cosign", ours.url, trusted_root)
            cosign.sign_and_verify(issuers.token("email"))
            check(cosign.log_id() == log.log_id(), "the SCT is not the external log's")
            sizes = (ours.tree_size(), log.tree_size())
            check(sizes == (1, 1), f"the logs have {sizes} entries instead of one each")
            log.check_holds(cosign.certificate())
            ours.check_holds(cosign.certificate())
            print("fulcio-logs-here: a Chancery's certificate has the SCT of another as its log")
            log.stop()
            said = refusal(ours.url, issuers.token("email"))
            check("answered 503" in said and "[external-log-unavailable]" in said, said)
            check(ours.tree_size() == 2, "our own log did not get the entry first")
            print("fulcio-logs-here: without the external log nothing is handed out, and it is said")
        ours.unset("external-log")
        ours.set("ca", external % ", when-away: own-sct")
        with ours.serving():
            cosign.sign_and_verify(issuers.token("email"))
            check(cosign.log_id() == ours.log_id(), "the SCT is not our own log's")
            log.start()
            cosign.sign_and_verify(issuers.token("email"))
            check(cosign.log_id() == log.log_id(), "the SCT is not the external log's again")
            print("fulcio-logs-here: with when-away: own-sct, our own log's SCT stands in meanwhile")
        ours.verify()


def refusal(url, token):
    """Returns what a client is told that gets no certificate."""
    try:
        certify(url, token, "email")
    except Failure as failure:
        return str(failure)
    return "a certificate was handed out"


class FulcioAuthority:
    """Root and intermediate of a Fulcio, as files."""

    def __init__(self, folder):
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root_name, name = (named(f"Fulcio test {kind}") for kind in ("root", "intermediate"))
        root = ca_builder(root_name, root_name, root_key, root_key).sign(root_key, hashes.SHA256())
        intermediate = (
            ca_builder(name, root_name, key, root_key)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        self.root, self.intermediate = (
            one.public_bytes(Encoding.DER) for one in (root, intermediate)
        )
        pems = [one.public_bytes(Encoding.PEM) for one in (intermediate, root)]
        self.root_path = folder / "fulcio-root.pem"
        self.root_path.write_bytes(pems[1])
        self.chain_path = folder / "fulcio-chain.pem"
        self.chain_path.write_bytes(b"".join(pems))
        self.key_path = folder / "fulcio-key.pem"
        self.key_path.write_bytes(key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
        ))

    @staticmethod
    def unknown():
        key = ec.generate_private_key(ec.SECP256R1())
        name = named("nobody")
        return ca_builder(name, name, key, key).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

    def trusted_root(self, trusted_root):
        """Returns a log's trusted root with Fulcio's chain in the place of its own authority's."""
        (authority,) = trusted_root["certificateAuthorities"]
        authority["certChain"]["certificates"] = [
            {"rawBytes": base64.b64encode(der).decode()} for der in (self.intermediate, self.root)
        ]
        authority["validFor"]["start"] = "2020-01-01T00:00:00Z"
        return trusted_root


def named(name):
    return x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "acme.test"),
        x509.NameAttribute(NameOID.COMMON_NAME, name),
    ])


def ca_builder(subject, issuer, key, issuer_key):
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = dict.fromkeys((
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "encipher_only", "decipher_only",
    ), False)
    return (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


@contextlib.contextmanager
def fulcio(program, folder, configuration, authority, log, key):
    """Runs a Fulcio that logs to a Chancery, and yields its URL."""
    port = free_port()
    command = [
        program, "serve", "--ca", "fileca",
        "--fileca-cert", str(authority.chain_path), "--fileca-key", str(authority.key_path),
        "--fileca-key-passwd", "password", "--fileca-watch=false",
        "--ct-log-url", log.log_url(), "--ct-log-public-key-path", str(key),
        "--host", "127.0.0.1", "--port", str(port),
        "--grpc-host", "127.0.0.1", "--grpc-port", str(free_port()),
        "--metrics-port", str(free_port()), "--config-path", str(configuration),
    ]
    url = f"http://localhost:{port}"
    with running(command, folder, f"{url}/healthz"):
        yield url


class Chancery:
    """An instance on plain HTTP that can be stopped and started again."""

    def __init__(self, program, home, issuers):
        self.program, self.home = program, home
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self._process = None
        subprocess.run(
            [program, "init", "--url", self.url, "--dir", str(home), "--log-read", "open"],
            check=True, capture_output=True, timeout=60,
        )
        (home / "identity.yaml").write_text(issuers.configuration(**{"allow-http": True}))

    def set(self, section, line):
        """Adds a line to a section of the configuration."""
        path = self.home / "chancery.yaml"
        text = path.read_text()
        check(f"\n{section}:\n" in text, f"chancery.yaml has no section {section}")
        path.write_text(text.replace(f"\n{section}:\n", f"\n{section}:\n{line}\n", 1))

    def update_trust(self):
        """Publishes what clients are to trust anew: the configuration names another log."""
        offline = self.home / "offline"
        keys = ("--key", str(offline / "tuf-targets.key.pem"),
                "--passphrase-file", str(offline / "root.passphrase"))
        self.run("trust", "update", *keys)

    def unset(self, key):
        path = self.home / "chancery.yaml"
        path.write_text(re.sub(rf"\n  {key}:.*", "", path.read_text()))

    def start(self):
        command = [
            self.program, "serve", "--config", str(self.home / "chancery.yaml"),
            "--listen", f"127.0.0.1:{self.port}", "--admin-listen", f"127.0.0.1:{free_port()}",
        ]
        self._process = contextlib.ExitStack()
        self._process.enter_context(running(command, self.home, f"{self.url}/healthz"))

    def stop(self):
        self._process.close()

    @contextlib.contextmanager
    def serving(self, submissions_of=None):
        if submissions_of:
            root = submissions_of.home / "root.pem"
            chain = (submissions_of.home / "ca" / "chain.pem").read_text()
            root.write_text("-----BEGIN" + chain.split("-----BEGIN")[-1])
            self.set("log", f"  submissions: {{roots: {root}}}")
        self.start()
        try:
            yield
        finally:
            self.stop()

    def trusted_root(self):
        return json.loads(self.get("/trusted_root.json"))

    def own_log(self):
        return self.trusted_root()["ctlogs"][0]

    def log_url(self):
        return self._cached("_log_url", lambda: self.own_log()["baseUrl"])

    def log_id(self):
        return self._cached("_log_id", lambda: base64.b64decode(self.own_log()["logId"]["keyId"]))

    def _cached(self, name, read):
        """Remembers what does not change, for when the instance is down."""
        if name not in self.__dict__:
            self.__dict__[name] = read()
        return self.__dict__[name]

    def write_log_key(self, path):
        self.log_url(), self.log_id()
        der = base64.b64decode(self.own_log()["publicKey"]["rawBytes"])
        text = base64.encodebytes(der).decode()
        path.write_text(f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n")
        return path

    def get(self, path):
        return Service(self.url).get(path)

    def below_log(self, path):
        return self.get(self.log_url().removeprefix(self.url) + path)

    def tree_size(self):
        return int(self.below_log("/checkpoint").decode().split("\n")[1])

    def check_holds(self, certificate):
        """Finds the certificate's key in the data tile, and its issuers where entries name them."""
        tile = self.below_log(f"/tile/data/000.p/{self.tree_size()}")
        parsed = x509.load_der_x509_certificate(certificate)
        spki = parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        check(spki in tile, "the certificate is not in the data tile")
        issuer = tile[-64:-32].hex()
        check(len(self.below_log(f"/issuer/{issuer}")) > 100, "the issuer is not served")

    def add_chain(self, ders):
        body = json.dumps({"chain": [base64.b64encode(der).decode() for der in ders]}).encode()
        request = urllib.request.Request(f"{self.log_url()}/ct/v1/add-chain", body)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def verify(self):
        self.run("log", "verify")

    def run(self, *command):
        result = subprocess.run(
            [self.program, *command, "--config", str(self.home / "chancery.yaml")],
            capture_output=True, text=True, timeout=60, check=False,
        )
        said = f"{' '.join(command)}: {result.stdout}{result.stderr}"
        check(result.returncode == 0, said)


class Cosign:
    """Signs with one CA and verifies with one trusted root."""

    def __init__(self, program, folder, url, trusted_root):
        self.program, self.folder = program, folder
        folder.mkdir()
        window = {"start": "2020-01-01T00:00:00Z"}
        signing = {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [
                {"url": url, "majorApiVersion": 1, "validFor": window, "operator": "acme.test"}
            ],
        }
        self.write("signing_config.json", json.dumps(signing).encode())
        self.write("trusted_root.json", json.dumps(trusted_root).encode())
        self.write("blob", b"a file to sign\n")

    def sign(self, token):
        self.issuer = issuer_of(token)
        self.write("token", token.encode())
        return self.cosign(
            "sign-blob", "--yes", "--signing-config", "signing_config.json",
            "--trusted-root", "trusted_root.json", "--identity-token", "token",
            "--bundle", "blob.sigstore.json", "blob",
        )

    def sign_and_verify(self, token):
        signed = self.sign(token)
        check(signed.returncode == 0, f"cosign sign-blob:\n{signed.stderr}")
        verified = self.cosign(
            "verify-blob", "--trusted-root", "trusted_root.json", "--bundle", "blob.sigstore.json",
            "--certificate-identity", IDENTITY, "--certificate-oidc-issuer", self.issuer,
            "--insecure-ignore-tlog", "blob",
        )
        check(verified.returncode == 0, f"cosign verify-blob:\n{verified.stderr}")

    def certificate(self):
        """Returns the certificate of the last signature, in DER."""
        bundle = json.loads((self.folder / "blob.sigstore.json").read_bytes())
        return base64.b64decode(bundle["verificationMaterial"]["certificate"]["rawBytes"])

    def log_id(self):
        """Returns the log of the one SCT that the certificate holds."""
        certificate = x509.load_der_x509_certificate(self.certificate())
        oid = x509.ObjectIdentifier(SCT_LIST)
        (sct,) = certificate.extensions.get_extension_for_oid(oid).value
        return sct.log_id

    def cosign(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return subprocess.run(
            [self.program, *arguments],
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )

    def write(self, name, content):
        (self.folder / name).write_bytes(content)


main(run)
