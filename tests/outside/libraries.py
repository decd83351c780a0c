"""Signs and verifies with sigstore-go, -js, -java, -rust and gitsign over TLS, and exchanges with cosign.

The instance is one that `chancery init` made. What a client cannot do is tried, too, and has to fail:
the table in docs/clients.md says the same.
"""

import argparse
import json
import os
import re
import shlex
import tempfile
from pathlib import Path

from instructions import Shown
from issuers import Issuers
from processes import production_ca
from service import check, main
from signing_clients import IDENTITY, KIND, Instance, cosign, go, java, js, last_line, rust


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chancery", required=True)
    parser.add_argument("--cosign", required=True)
    clients = parser.add_mutually_exclusive_group(required=True)
    for name in ("go", "js", "java", "rust", "gitsign"):
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
            made = {"go": go, "js": js, "java": java, "rust": rust}
            [client] = [
                make(instance, getattr(arguments, name))
                for name, make in made.items() if getattr(arguments, name)
            ]
            Exchange(instance, cosign(instance, arguments.cosign), client).run()
            if arguments.js:
                js_command_line(instance, arguments.js)


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
        result = client.call(self.instance, command, bundle, "blob")
        unable = self.client.cannot.get(what)
        if unable is None:
            check(result.returncode == 0, f"{what}: {result.returncode}:\n{result.stdout}")
            print(f"{self.client.name}: {what}: ok")
            return
        check(result.returncode != 0, f"{what}: it can, now")
        check(unable in result.stdout, f"{what}: it fails in another way:\n{result.stdout}")
        print(f"{self.client.name}: {what}: cannot: {last_line(result.stdout)}")

    def expect_refusal(self, what, command, bundle, blob):
        result = self.client.call(self.instance, command, bundle, blob)
        check(result.returncode != 0, f"{self.client.name} accepted {what}:\n{result.stdout}")
        print(f"{self.client.name}: {what}: refused: {last_line(result.stdout)}")


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


if __name__ == "__main__":
    main(run)
