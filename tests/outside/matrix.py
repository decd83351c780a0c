"""Lets Chancery and other clients verify each other's signatures: blobs and attestations, both ways.

The instance is one that `chancery init` made, over TLS. Prints a table; what a client cannot do is
tried, too, and has to fail: docs/clients.md says the same.
"""

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

from issuers import Issuers
from libraries import (
    IDENTITY, PREDICATE, TOKEN, Client, Instance, cosign, go, java, js, last_line,
)
from processes import production_ca
from service import check, main

SLSA = "https://slsa.dev/provenance/v1"
OTHERS = ("cosign", "python", "go", "js", "java", "rust")


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chancery", required=True)
    for name in OTHERS:
        parser.add_argument(f"--{name}", type=Path)
    arguments = parser.parse_args()
    issuers = Issuers()
    with tempfile.TemporaryDirectory(prefix="chancery-matrix-") as name:
        folder = Path(name)
        configuration = folder / "identity.yaml"
        configuration.write_text(issuers.configuration(**{"allow-http": True}))
        init = ["--ledger", "localhost"]
        with production_ca(arguments.chancery, folder, configuration, [], init) as (url, _, root):
            instance = Instance(url, root, issuers, folder / "work")
            write_more(instance)
            own = chancery(instance, arguments.chancery)
            made = {"cosign": cosign, "python": python, "go": go, "js": js, "java": java, "rust": rust}
            others = [
                make(instance, getattr(arguments, name))
                for name, make in made.items() if getattr(arguments, name)
            ]
            rows = [Pair(instance, own, other).run() for other in others]
    print("\n| client | its blobs here | ours there | its attestations here | ours there |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def write_more(instance):
    """Adds what only this script's clients ask for."""
    config = instance.get("/client_trust_config.json")
    (instance.folder / "client_trust_config.json").write_bytes(config)
    predicate = {
        "buildDefinition": {
            "buildType": PREDICATE, "externalParameters": {}, "internalParameters": {},
            "resolvedDependencies": [],
        },
        "runDetails": {"builder": {"id": PREDICATE}},
    }
    (instance.folder / "slsa.json").write_text(json.dumps(predicate))


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


def rust(instance, program):
    """sigstore-rust's verifier. Its signer is not run."""
    verify = [program, "BUNDLE", "FILE", IDENTITY, instance.issuer]
    return Client("sigstore-rust", sign=None, verify=verify, attest=None, verify_attestation=verify)


# What cannot work, with a word of what is said then.
CANNOT = {
    # They do not know the entries of kind hashedrekord, as which attestations are entered.
    ("sigstore-js", "ours attestation"): "TLOG_BODY_ERROR",
    ("sigstore-java", "ours attestation"): "",
    ("sigstore-rust", "ours attestation"): "",
}


class Pair:
    """Chancery and another client."""

    def __init__(self, instance, own, other):
        self.instance = instance
        self.own = own
        self.other = other

    def run(self):
        cells = [self.other.name]
        for kind in ("blob", "attestation"):
            cells.append(self.way(self.other, self.own, kind))
            cells.append(self.way(self.own, self.other, kind))
        return cells

    def way(self, signer, verifier, kind):
        """Returns what the table says of one's signature in the other's hands."""
        bundle = f"{signer.name}-{verifier.name}-{kind}.json"
        sign, verify = {
            "blob": (signer.sign, verifier.verify),
            "attestation": (signer.attest, verifier.verify_attestation),
        }[kind]
        if sign is None:
            return "not run"
        signed = self.call(signer, sign, bundle, "blob")
        what = f"{signer.name} signs a {kind}"
        check(signed.returncode == 0, f"{what}: {signed.returncode}:\n{signed.stdout}")
        verified = self.call(verifier, verify, bundle, "blob")
        what = f"{verifier.name} verifies {signer.name}'s {kind}"
        whose = "ours" if signer is self.own else "theirs"
        unable = CANNOT.get((self.other.name, f"{whose} {kind}"))
        if unable is not None:
            check(verified.returncode != 0, f"{what}: it can, now")
            check(unable in verified.stdout, f"{what}: it fails in another way:\n{verified.stdout}")
            print(f"{what}: cannot: {last_line(verified.stdout)}")
            return "no"
        check(verified.returncode == 0, f"{what}: {verified.returncode}:\n{verified.stdout}")
        changed = self.call(verifier, verify, bundle, "other")
        check(changed.returncode != 0, f"{what} of a changed file:\n{changed.stdout}")
        if verifier is self.own:
            check(changed.returncode == 4, f"{what}: exit code {changed.returncode}, not 4")
        print(f"{what}: ok; a changed file: refused")
        return "yes"

    def call(self, client, command, bundle, file):
        names = {"BUNDLE": bundle, "FILE": file}
        command = [names.get(part, part) if isinstance(part, str) else part for part in command]
        return self.instance.run(command, **client.environment)


if __name__ == "__main__":
    main(run)
