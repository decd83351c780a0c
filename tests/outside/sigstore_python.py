"""Signs and verifies a file with a real sigstore-python, and exchanges bundles with cosign."""

import argparse
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service import Service, check, issuer_of, main

IDENTITY = "dev@chancery.test"
SCT_VERIFIED = "Successfully verified SCT"


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--cosign", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chancery-py-") as folder:
        Flow(Service(arguments.url), arguments.cosign, Path(folder)).run()


class Flow:
    def __init__(self, service, cosign, folder):
        self.service = service
        self.program = cosign
        self.folder = folder
        self.issuer = issuer_of(service.token(IDENTITY))

    def run(self):
        (self.folder / "blob").write_bytes(b"a file to sign\n")
        (self.folder / "other").write_bytes(b"another file\n")
        config = self.service.get_json("/client_trust_config.json")
        self.write("config.json", config)
        self.write("trusted_root.json", config["trustedRoot"])
        self.write("signing_config.json", config["signingConfig"])

        before = self.service.tree_size()
        signed = self.sign("config.json", "python.sigstore.json")
        self.expect("sign", signed)
        check(SCT_VERIFIED in signed.stdout, f"it did not verify the SCT:\n{signed.stdout}")
        check(self.service.tree_size() == before + 1, "the log did not grow by one entry")
        self.expect("verify", self.verify("python.sigstore.json"))
        self.expect("cosign verifies its bundle", self.cosign_verifies("python.sigstore.json"))
        self.expect("cosign signs", self.cosign_signs("cosign.sigstore.json"))
        self.expect("verify cosign's bundle", self.verify("cosign.sigstore.json"))

        self.expect_refusal("a changed file", self.verify("python.sigstore.json", blob="other"))
        wrong = self.verify("python.sigstore.json", identity="other@chancery.test")
        self.expect_refusal("another identity", wrong)
        self.refuses_an_unknown_log(config)

    def refuses_an_unknown_log(self, config):
        """With another key for the log it stops before it asks the ledger for anything."""
        spki = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        log = config["trustedRoot"]["ctlogs"][0]
        log["publicKey"]["rawBytes"] = base64.b64encode(spki).decode()
        log["logId"]["keyId"] = base64.b64encode(hashlib.sha256(spki).digest()).decode()
        self.write("other.json", config)
        refused = self.sign("other.json", "other.sigstore.json")
        self.expect_refusal("an SCT by an unknown log", refused)
        check("SCT verify failed" in refused.stdout, f"it says nothing of it:\n{refused.stdout}")

    def sign(self, config, bundle):
        token = self.service.token(IDENTITY)
        return self.sigstore(
            config, "sign", "--overwrite", "--bundle", bundle, "blob", SIGSTORE_IDENTITY_TOKEN=token
        )

    def verify(self, bundle, blob="blob", identity=IDENTITY):
        return self.sigstore(
            "config.json", "verify", "identity", "--bundle", bundle,
            "--cert-identity", identity, "--cert-oidc-issuer", self.issuer, blob,
        )

    def cosign_signs(self, bundle):
        (self.folder / "token").write_text(self.service.token(IDENTITY))
        return self.run_in_folder(
            [
                self.program, "sign-blob", "--yes", "--signing-config", "signing_config.json",
                "--trusted-root", "trusted_root.json", "--identity-token", "token",
                "--bundle", bundle, "blob",
            ]
        )

    def cosign_verifies(self, bundle):
        return self.run_in_folder(
            [
                self.program, "verify-blob", "--trusted-root", "trusted_root.json",
                "--bundle", bundle, "--certificate-identity", IDENTITY,
                "--certificate-oidc-issuer", self.issuer, "blob",
            ]
        )

    def sigstore(self, config, *arguments, **environment):
        # Wide enough that no message is folded.
        environment |= {"SIGSTORE_LOGLEVEL": "DEBUG", "COLUMNS": "100000"}
        command = [sys.executable, "-m", "sigstore", "--trust-config", config, *arguments]
        return self.run_in_folder(command, **environment)

    def run_in_folder(self, command, **environment):
        # An empty home: no trust root, token or configuration of the person who runs this.
        environment |= {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return subprocess.run(
            command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )

    def write(self, name, document):
        (self.folder / name).write_text(json.dumps(document))

    def expect(self, what, result):
        check(result.returncode == 0, f"{what} ended with {result.returncode}:\n{result.stdout}")
        print(f"sigstore-python: {what}: ok")

    def expect_refusal(self, what, result):
        check(result.returncode != 0, f"sigstore-python accepted {what}:\n{result.stdout}")
        print(f"sigstore-python: {what}: refused")


if __name__ == "__main__":
    main(run)
