"""Signs and verifies with sigstore-go, -js, -java and gitsign over TLS, and exchanges bundles with cosign.

The instance is one that `chancery init` made. What a client cannot do is tried, too, and has to fail:
the table in docs/clients.md says the same.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import ssl
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from instructions import Shown
from issuers import KINDS, Issuers
from processes import production_ca
from service import check, main

KIND = "email"
IDENTITY = KINDS[KIND].claims["email"]
PREDICATE = "https://chancery.test/predicate/v1"
STATEMENT = "https://in-toto.io/Statement/v1"


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chancery", required=True)
    parser.add_argument("--cosign", required=True)
    clients = parser.add_mutually_exclusive_group(required=True)
    for name in ("go", "js", "java", "gitsign"):
        clients.add_argument(f"--{name}", type=Path)
    arguments = parser.parse_args()
    issuers = Issuers()
    with tempfile.TemporaryDirectory(prefix="chancery-libraries-") as name:
        folder = Path(name)
        configuration = folder / "identity.yaml"
        # `serve` wants it said aloud that the issuers are on plain HTTP.
        configuration.write_text(issuers.configuration(**{"allow-http": True}))
        init = ["--ledger", "localhost"]
        with production_ca(arguments.chancery, folder, configuration, [], init) as (url, _, root):
            instance = Instance(url, root, issuers, folder / "work")
            if arguments.gitsign:
                commit_with_gitsign(instance, arguments.gitsign)
                return
            made = {"go": go, "js": js, "java": java}
            [client] = [
                make(instance, getattr(arguments, name))
                for name, make in made.items() if getattr(arguments, name)
            ]
            Exchange(instance, cosign(instance, arguments.cosign), client).run()
            if arguments.js:
                js_command_line(instance, arguments.js)


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
        for name in ("trusted_root.json", "signing_config.v0.2.json", "tuf/root.json"):
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
        cannot={
            # It enters attestations as entries of kind dsse 0.0.2, which Go's clients do not know …
            "cosign verifies its attestation": "new-bundle-format",
            # … and does not know those of kind hashedrekord, as which they enter theirs.
            "verify cosign's attestation": "TLOG_BODY_ERROR",
        },
        environment={"CLIENT_PACKAGES": str(packages)},
    )


def js_command_line(instance, packages):
    """What the landing page says to type for sigstore-js: its command line knows Rekor v1 only."""
    shown = Shown()
    shown.feed(instance.get("/").decode())
    script = shown.texts["sigstore-js"]
    for place, name in (
        ("STATEMENT.json", "statement.json"), ("TOKEN-FILE", "token"), ("FILE", "typed"),
        ("WHO", shlex.quote(re.escape(IDENTITY))), ("ISSUER", instance.issuer),
    ):
        script = script.replace(place, name)
    path = f"{packages}/node_modules/.bin:{os.environ['PATH']}"
    result = instance.run(["sh", "-eu", "-c", script], PATH=path)
    check(result.returncode == 0, f"sigstore-js, typed: {result.returncode}:\n{result.stdout}")
    print("sigstore-js: attest and verify on the command line, without the ledger: ok")


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
        # As sigstore-js.
        cannot={
            "cosign verifies its attestation": "new-bundle-format",
            "verify cosign's attestation": "",
        },
    )


class Exchange:
    """A client and cosign, each with the other's bundles."""

    def __init__(self, instance, cosign, client):
        self.instance = instance
        self.cosign = cosign
        self.client = client

    def run(self):
        before = self.instance.sizes()
        self.expect("sign", self.client, self.client.sign, "own.json")
        after = self.instance.sizes()
        grown = tuple(a - b for a, b in zip(after, before))
        check(grown == (1, 1), f"log and ledger grew by {grown}")
        self.expect("verify", self.client, self.client.verify, "own.json")
        self.expect("cosign verifies its bundle", self.cosign, self.cosign.verify, "own.json")
        self.expect("cosign signs", self.cosign, self.cosign.sign, "cosign.json")
        self.expect("verify cosign's bundle", self.client, self.client.verify, "cosign.json")
        self.expect_refusal("a changed file", self.client.verify, "cosign.json", "other")
        self.attestations()

    def attestations(self):
        self.expect("attest", self.client, self.client.attest, "own.att.json")
        verify = self.client.verify_attestation
        self.expect("verify attestation", self.client, verify, "own.att.json")
        self.expect(
            "cosign verifies its attestation", self.cosign, self.cosign.verify_attestation,
            "own.att.json",
        )
        self.expect("cosign attests", self.cosign, self.cosign.attest, "cosign.att.json")
        self.expect("verify cosign's attestation", self.client, verify, "cosign.att.json")

    def expect(self, what, client, command, bundle):
        result = self.call(client, command, bundle, "blob")
        unable = self.client.cannot.get(what)
        if unable is None:
            check(result.returncode == 0, f"{what}: {result.returncode}:\n{result.stdout}")
            print(f"{self.client.name}: {what}: ok")
            return
        check(result.returncode != 0, f"{what}: it can, now")
        check(unable in result.stdout, f"{what}: it fails in another way:\n{result.stdout}")
        print(f"{self.client.name}: {what}: cannot: {last_line(result.stdout)}")

    def expect_refusal(self, what, command, bundle, blob):
        result = self.call(self.client, command, bundle, blob)
        check(result.returncode != 0, f"{self.client.name} accepted {what}:\n{result.stdout}")
        print(f"{self.client.name}: {what}: refused: {last_line(result.stdout)}")

    def call(self, client, command, bundle, file):
        names = {"BUNDLE": bundle, "FILE": file}
        command = [names.get(part, part) if isinstance(part, str) else part for part in command]
        return self.instance.run(command, **client.environment)


def commit_with_gitsign(instance, gitsign):
    """Its releases enter every signature in Rekor v1: it gets its certificate, and no further."""
    # git shows nothing of what it says.
    log = instance.folder / "gitsign.log"
    settings = {
        "gpg.x509.program": str(gitsign), "gpg.format": "x509", "commit.gpgsign": "true",
        "user.name": "Sam", "user.email": IDENTITY,
        "gitsign.fulcio": instance.url, "gitsign.issuer": instance.issuer,
        "gitsign.rekor": instance.url, "gitsign.rekorMode": "offline",
        "gitsign.timestampServerURL": f"{instance.url}/api/v1/timestamp",
        "gitsign.logPath": str(log),
    }
    for command in (["init"], *(["config", *pair] for pair in settings.items())):
        made = instance.run(["git", *command])
        check(made.returncode == 0, f"git {command}: {made.stdout}")
    before = instance.sizes()
    # Without them it asks the public Sigstore's TUF repository before anything else.
    trust = {
        "SIGSTORE_REKOR_PUBLIC_KEY": pem_of(instance, "tlogs"),
        "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": pem_of(instance, "ctlogs"),
    }
    commit = instance.run(
        ["git", "commit", "--allow-empty", "-m", "signed"],
        SIGSTORE_ID_TOKEN=instance.issuers.token(KIND), **trust,
    )
    grown = tuple(a - b for a, b in zip(instance.sizes(), before))
    said = log.read_text() if log.exists() else ""
    check(grown[0] == 1, f"gitsign got no certificate:\n{said}")
    check(commit.returncode != 0 and grown[1] == 0, f"gitsign knows Rekor v2, now:\n{said}")
    check("/api/v1/log/entries" in said, f"it fails in another way:\n{said}{commit.stdout}")
    print("gitsign: a certificate: ok; the signature's entry: it asks for Rekor v1")


def pem_of(instance, kind):
    """Writes the key of the first log of a kind, and returns the path."""
    root = json.loads((instance.folder / "trusted_root.json").read_bytes())
    path = instance.folder / f"{kind}.pem"
    text = root[kind][0]["publicKey"]["rawBytes"]
    path.write_text(f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    return str(path)


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1][:160] if lines else "(no word)"


if __name__ == "__main__":
    main(run)
