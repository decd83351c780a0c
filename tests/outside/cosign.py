"""Signs and verifies a file with a real cosign, and sees it refuse what must be refused."""

import argparse
import base64
import json
import os
import subprocess
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service import Service, check, issuer_of, main

IDENTITY = "dev@chancery.test"
# Without the ledger, cosign does not ask for the timestamp either.
WITHOUT_LEDGER = "--insecure-ignore-tlog"
PREDICATE = "https://chancery.test/predicate/v1"


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--cosign", required=True)
    parser.add_argument("--hour-behind", action="store_true", help="the service's clock is so")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chancery-cosign-") as folder:
        flow = Flow(Service(arguments.url), arguments.cosign, Path(folder))
        flow.run_late() if arguments.hour_behind else flow.run()


class Flow:
    def __init__(self, service, cosign, folder):
        self.service = service
        self.program = cosign
        self.folder = folder

    def run(self):
        self.prepare()
        token = self.service.token(IDENTITY)
        before = self.service.tree_size()
        self.expect_success("sign-blob", self.sign(token))
        after = self.service.tree_size()
        check(after == before + 1, f"signing took the log from {before} to {after} entries")
        self.expect_success("verify-blob", self.verify())
        self.expect_success("attest-blob", self.attest(self.service.token(IDENTITY)))
        self.expect_success("verify-blob-attestation", self.verify_attestation())
        self.write("unstamped_root.json", self.with_another_timestamp_chain())
        self.expect_refusal(
            "a timestamp by an unknown authority", self.verify(root="unstamped_root.json")
        )
        self.write("unlogged_root.json", self.with_another_ledger_key())
        self.expect_refusal("an entry of an unknown ledger", self.verify(root="unlogged_root.json"))

        self.expect_refusal("a changed file", self.verify(blob="other"))
        self.expect_refusal("another identity", self.verify(identity="other@chancery.test"))
        self.expect_refusal("an attestation of a changed file", self.verify_attestation("other"))
        self.expect_refusal("another issuer", self.verify(issuer="https://issuer.test"))
        self.write("other_root.json", self.with_another_log_key())
        self.expect_refusal("an SCT by an unknown log", self.verify(root="other_root.json"))
        self.expect_refused_token(token)

    def expect_success(self, what, result):
        check(result.returncode == 0, f"cosign: {what} ended with {result.returncode}:\n{result.stderr}")
        print(f"cosign: {what}: ok")

    def expect_refusal(self, what, result):
        check(result.returncode != 0, f"cosign accepted {what}")
        print(f"cosign: {what}: refused: {last_line(result.stderr)}")

    def expect_refused_token(self, token):
        """Cosign shows its user the service's own words."""
        head, payload, signature = token.split(".")
        first = "B" if signature[0] == "A" else "A"
        result = self.sign(f"{head}.{payload}.{first}{signature[1:]}")
        self.expect_refusal("a token with a broken signature", result)
        sentence = "There was an error processing the identity token"
        check(sentence in result.stderr, f"cosign does not show our reason:\n{result.stderr}")

    def sign(self, token):
        self.write("token", token.encode())
        return self.cosign(
            "sign-blob", "--yes",
            "--signing-config", "signing_config.json",
            "--trusted-root", "trusted_root.json",
            "--identity-token", "token",
            "--bundle", "blob.sigstore.json",
            "blob",
        )

    def prepare(self):
        self.issuer = issuer_of(self.service.token(IDENTITY))
        self.write("signing_config.json", self.service.get("/signing_config.v0.2.json"))
        self.write("trusted_root.json", self.service.get("/trusted_root.json"))
        self.write("blob", b"a file to sign\n")
        self.write("other", b"another file\n")

    def run_late(self):
        """The service is an hour behind: the certificate has ended, and only the timestamp says that it
        had not when the signature was made."""
        self.prepare()
        self.expect_success("sign-blob", self.sign(self.service.token(IDENTITY)))
        self.expect_refusal("a certificate that has ended", self.verify(more=[WITHOUT_LEDGER]))
        self.expect_success("verify-blob, as of the timestamp", self.verify())

    def verify(
        self, blob="blob", identity=IDENTITY, issuer=None, root="trusted_root.json", more=(),
    ):
        return self.cosign(
            "verify-blob",
            "--trusted-root", root,
            "--bundle", "blob.sigstore.json",
            "--certificate-identity", identity,
            "--certificate-oidc-issuer", issuer or self.issuer,
            *more,
            blob,
        )

    def attest(self, token):
        self.write("token", token.encode())
        self.write("predicate.json", b'{"built": "here"}')
        return self.cosign(
            "attest-blob", "--yes",
            "--signing-config", "signing_config.json",
            "--trusted-root", "trusted_root.json",
            "--identity-token", "token",
            "--predicate", "predicate.json",
            "--type", PREDICATE,
            "--bundle", "attestation.sigstore.json",
            "blob",
        )

    def verify_attestation(self, blob="blob"):
        return self.cosign(
            "verify-blob-attestation",
            "--trusted-root", "trusted_root.json",
            "--bundle", "attestation.sigstore.json",
            "--certificate-identity", IDENTITY,
            "--certificate-oidc-issuer", self.issuer,
            "--type", PREDICATE,
            blob,
        )

    def cosign(self, *arguments):
        # An empty home: no trust root, token or configuration of the person who runs this.
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return subprocess.run(
            [self.program, *arguments],
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )

    def with_another_log_key(self):
        """Returns the trusted root with a new key under the log's old id."""
        root = json.loads((self.folder / "trusted_root.json").read_bytes())
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        root["ctlogs"][0]["publicKey"]["rawBytes"] = base64.b64encode(spki).decode()
        return json.dumps(root).encode()

    def with_another_ledger_key(self):
        """Returns the trusted root with a new key under the ledger's id."""
        root = json.loads((self.folder / "trusted_root.json").read_bytes())
        key = ed25519.Ed25519PrivateKey.generate().public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        root["tlogs"][0]["publicKey"]["rawBytes"] = base64.b64encode(spki).decode()
        return json.dumps(root).encode()

    def with_another_timestamp_chain(self):
        """Returns the trusted root with the CA's chain in place of the timestamp authority's."""
        root = json.loads((self.folder / "trusted_root.json").read_bytes())
        [authority] = root["certificateAuthorities"]
        root["timestampAuthorities"][0]["certChain"] = authority["certChain"]
        return json.dumps(root).encode()

    def write(self, name, content):
        (self.folder / name).write_bytes(content)


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1][:160] if lines else "(no word)"


if __name__ == "__main__":
    main(run)
