"""Sigstore's clients and Chancery's own, as each is called, and an instance for them to work with."""

import hashlib
import json
import os
import ssl
import subprocess
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from issuers import KINDS
from service import check

KIND = "email"
IDENTITY = KINDS[KIND].claims["email"]
PREDICATE = "https://chancery.test/predicate/v1"
STATEMENT = "https://in-toto.io/Statement/v1"
SLSA = "https://slsa.dev/provenance/v1"


class Instance:
    """A running instance, and a folder for somebody who works with it."""

    def __init__(self, url, root, issuers, folder):
        self.url = url
        self.root = root
        self.issuers = issuers
        self.issuer = f"{issuers.url}/{KIND}"
        self.folder = folder
        folder.mkdir()
        self._trust = ssl.create_default_context(cafile=str(root))
        documents = (
            "trusted_root.json", "signing_config.v0.2.json", "client_trust_config.json",
            "tuf/root.json",
        )
        for name in documents:
            (folder / Path(name).name).write_bytes(self.get(f"/{name}"))
        (folder / "blob").write_bytes(b"a file to sign\n")
        (folder / "other").write_bytes(b"another file\n")
        (folder / "predicate.json").write_text('{"built": "here"}')
        digest = hashlib.sha256(b"a file to sign\n").hexdigest()
        statement = {
            "_type": STATEMENT, "subject": [{"name": "blob", "digest": {"sha256": digest}}],
            "predicateType": PREDICATE, "predicate": {"built": "here"},
        }
        (folder / "statement.json").write_text(json.dumps(statement))
        provenance = {
            "buildDefinition": {
                "buildType": PREDICATE, "externalParameters": {}, "internalParameters": {},
                "resolvedDependencies": [],
            },
            "runDetails": {"builder": {"id": PREDICATE}},
        }
        (folder / "slsa.json").write_text(json.dumps(provenance))

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10, context=self._trust) as answer:
            return answer.read()

    def sizes(self):
        """Returns the sizes of the issuance log and of the ledger."""
        root = json.loads((self.folder / "trusted_root.json").read_bytes())
        path = root["ctlogs"][0]["baseUrl"].removeprefix(self.url)
        checkpoints = (self.get(f"{path}/checkpoint"), self.get("/api/v2/checkpoint"))
        return tuple(int(text.split(b"\n")[1]) for text in checkpoints)

    def run(self, command, **environment):
        """Runs a client with a fresh token, in an empty home."""
        token = self.issuers.token(KIND)
        (self.folder / "token").write_text(token)
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder),
            "SSL_CERT_FILE": str(self.root), "NODE_EXTRA_CA_CERTS": str(self.root),
            "CURL_CA_BUNDLE": str(self.root), **environment,
        }
        command = [token if part is TOKEN else str(part) for part in command]
        return subprocess.run(
            command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )


# Stands where a command takes the token itself.
TOKEN = object()


@dataclass
class Client:
    """How a client is called; a bundle's and a file's name are filled in."""

    name: str
    sign: list
    verify: list
    attest: list
    verify_attestation: list
    # What it cannot do, with a word of what it says then.
    cannot: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    # Whether it holds a statement's subjects against the file, or leaves that to its caller.
    compares_subjects: bool = True

    def call(self, instance, command, bundle, file):
        """Runs one of its commands."""
        names = {"BUNDLE": bundle, "FILE": file}
        command = [names.get(part, part) if isinstance(part, str) else part for part in command]
        return instance.run(command, **self.environment)


def chancery(instance, program):
    """Chancery's own command line, after the one line that trusts the instance."""
    checksum = hashlib.sha256((instance.folder / "root.json").read_bytes()).hexdigest()
    setup = [program, "client", "setup", instance.url, "--root-checksum", checksum]
    result = instance.run(setup)
    check(result.returncode == 0, f"client setup: {result.stdout}")
    by = ["--identity-token", "token", "--bundle", "BUNDLE"]
    who = ["--bundle", "BUNDLE", "--identity", IDENTITY, "--issuer", instance.issuer]
    predicate = ["--attest", "predicate.json", "--predicate-type", PREDICATE]
    verify = [program, "verify", *who, "FILE"]
    return Client(
        "chancery",
        sign=[program, "sign", *by, "FILE"],
        verify=verify,
        attest=[program, "sign", *by, *predicate, "FILE"],
        verify_attestation=verify,
    )


def cosign(instance, program):
    who = [
        "--certificate-identity", IDENTITY, "--certificate-oidc-issuer", instance.issuer,
        "--trusted-root", "trusted_root.json", "--bundle", "BUNDLE",
    ]
    by = [
        "--yes", "--signing-config", "signing_config.v0.2.json", "--trusted-root",
        "trusted_root.json", "--identity-token", "token", "--bundle", "BUNDLE",
    ]
    predicate = ["--type", PREDICATE]
    return Client(
        "cosign",
        sign=[program, "sign-blob", *by, "FILE"],
        verify=[program, "verify-blob", *who, "FILE"],
        attest=[
            program, "attest-blob", *by, *predicate, "--predicate", "predicate.json", "FILE",
        ],
        verify_attestation=[program, "verify-blob-attestation", *who, *predicate, "FILE"],
    )


def python(instance, program):
    """sigstore-python, which attests to SLSA's predicates only."""
    call = [program, "--trust-config", "client_trust_config.json"]
    verify = [
        *call, "verify", "identity", "--bundle", "BUNDLE", "--cert-identity", IDENTITY,
        "--cert-oidc-issuer", instance.issuer, "FILE",
    ]
    by = ["--identity-token", TOKEN, "--overwrite", "--bundle", "BUNDLE"]
    predicate = ["--predicate", "slsa.json", "--predicate-type", SLSA]
    return Client(
        "sigstore-python",
        sign=[*call, "sign", *by, "FILE"],
        verify=verify,
        attest=[*call, "attest", *by, *predicate, "FILE"],
        verify_attestation=verify,
        environment={"REQUESTS_CA_BUNDLE": str(instance.root)},
    )


def go(instance, program):
    """sigstore-go, as its conformance program calls it."""
    by = [
        "--identity-token", TOKEN, "--bundle", "BUNDLE", "--trusted-root", "trusted_root.json",
        "--signing-config", "signing_config.v0.2.json",
    ]
    verify = [
        program, "verify-bundle", "--bundle", "BUNDLE", "--certificate-identity", IDENTITY,
        "--certificate-oidc-issuer", instance.issuer, "--trusted-root", "trusted_root.json", "FILE",
    ]
    return Client(
        "sigstore-go",
        sign=[program, "sign-bundle", *by, "FILE"],
        verify=verify,
        attest=[program, "sign-bundle", *by, "--in-toto", "statement.json"],
        verify_attestation=verify,
    )


def js(instance, packages):
    """sigstore-js: its libraries, and its command line where that has a way."""
    script = Path(__file__).with_name("js") / "client.mjs"
    call = lambda what: [
        "node", script, what, f"{instance.url}/tuf", "BUNDLE", "FILE", IDENTITY, instance.issuer,
    ]
    return Client(
        "sigstore-js",
        sign=call("sign"),
        verify=call("verify"),
        attest=call("attest"),
        verify_attestation=call("verify"),
        # It enters attestations as entries of kind dsse 0.0.2, which Go's clients do not know.
        cannot={"cosign verifies its attestation": "new-bundle-format"},
        environment={"CLIENT_PACKAGES": str(packages)},
        compares_subjects=False,
    )


def java(instance, jars):
    """sigstore-java: a program of its libraries, which Java compiles as it starts."""
    store = instance.folder / "trust.jks"
    made = instance.run([
        "keytool", "-importcert", "-noprompt", "-alias", "root", "-file", instance.root,
        "-keystore", store, "-storepass", "changeit",
    ])
    check(made.returncode == 0, f"keytool: {made.stdout}")
    program = Path(__file__).with_name("java") / "Client.java"
    call = lambda what: [
        "java", f"-Djavax.net.ssl.trustStore={store}",
        "-Djavax.net.ssl.trustStorePassword=changeit", "-cp", f"{jars}/*", program, what,
        f"{instance.url}/tuf/", "BUNDLE", "FILE", IDENTITY, instance.issuer,
    ]
    return Client(
        "sigstore-java",
        sign=call("sign"),
        verify=call("verify"),
        attest=call("attest"),
        verify_attestation=call("verify"),
        cannot={
            # As sigstore-js's …
            "cosign verifies its attestation": "new-bundle-format",
            # … and it knows no others, where Go's clients enter theirs as hashedrekord.
            "verify cosign's attestation": "Expecting type dsse:0.0.2",
        },
    )


def rust(instance, program):
    """sigstore-rust: a program of its libraries."""
    call = lambda what: [program, what, "BUNDLE", "FILE", IDENTITY, instance.issuer]
    return Client(
        "sigstore-rust",
        sign=call("sign"),
        verify=call("verify"),
        attest=call("attest"),
        verify_attestation=call("verify"),
    )


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1][:160] if lines else "(no word)"
