"""Lets Chancery and other clients verify each other's signatures: blobs and attestations, both ways.

The instance is one that `chancery init` made, over TLS. Prints a table; what a client cannot do is
tried, too, and has to fail: docs/clients.md says the same.
"""

import argparse
import tempfile
from pathlib import Path

from issuers import Issuers
from processes import production_ca
from service import check, main
from signing_clients import Instance, chancery, cosign, go, java, js, python, rust

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


# What cannot work, with how the reason begins that is given then.
CANNOT = {
    # It does not know entries of kind hashedrekord for attestations.
    ("sigstore-java", "ours attestation"): "Expecting type dsse:0.0.2",
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
        signed = signer.call(self.instance, sign, bundle, "blob")
        what = f"{signer.name} signs a {kind}"
        check(signed.returncode == 0, f"{what}: {signed.returncode}:\n{signed.stdout}")
        verified = verifier.call(self.instance, verify, bundle, "blob")
        what = f"{verifier.name} verifies {signer.name}'s {kind}"
        whose = "ours" if signer is self.own else "theirs"
        unable = CANNOT.get((self.other.name, f"{whose} {kind}"))
        if unable is not None:
            check(verified.returncode != 0, f"{what}: it can, now")
            check(unable in verified.stdout, f"{what}: it fails in another way:\n{verified.stdout}")
            said = verified.stdout[verified.stdout.index(unable):].splitlines()[0]
            print(f"{what}: cannot: {said}")
            return f"no: {said}"
        check(verified.returncode == 0, f"{what}: {verified.returncode}:\n{verified.stdout}")
        changed = verifier.call(self.instance, verify, bundle, "other")
        if kind == "attestation" and not verifier.compares_subjects:
            check(changed.returncode == 0, f"{what} of a changed file: it compares subjects, now")
            print(f"{what}: ok; it does not look at the file")
            return "yes, without the file"
        check(changed.returncode != 0, f"{what} of a changed file:\n{changed.stdout}")
        if verifier is self.own:
            check(changed.returncode == 4, f"{what}: exit code {changed.returncode}, not 4")
        print(f"{what}: ok; a changed file: refused")
        return "yes"


if __name__ == "__main__":
    main(run)
