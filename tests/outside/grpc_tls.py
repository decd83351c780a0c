"""Gets a certificate with grpcurl over TLS, on the port where REST is, and lets h2spec judge HTTP/2.

grpcurl is given the messages by the project's own .proto files, and nothing else of its code.
"""

import argparse
import base64
import json
import ssl
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from issuers import KINDS, Issuers
from processes import production_ca
from service import check, main

# How often a case is tried again that h2spec found fault with.
RETRIES = 4

CA = "dev.sigstore.fulcio.v2.CA"
FULCIO = "dev/sigstore/fulcio/v2/fulcio.proto"
HEALTH = "grpc/health/v1/health.proto"


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    for program in ("chancery", "grpcurl", "h2spec", "protos"):
        parser.add_argument(f"--{program}", required=True)
    arguments = parser.parse_args()
    issuers = Issuers()
    with tempfile.TemporaryDirectory(prefix="chancery-grpc-") as folder:
        configuration = Path(folder) / "identity.yaml"
        # `serve` wants it said aloud that the issuers are on plain HTTP.
        configuration.write_text(issuers.configuration(**{"allow-http": True}))
        with production_ca(arguments.chancery, folder, configuration, []) as (url, port, root):
            grpc = Grpc(arguments, port, root)
            certified_over_grpc(grpc, issuers)
            refused_over_grpc(grpc)
            healthy(grpc)
            rest_is_there_too(url, root)
            h2spec(arguments.h2spec, port, folder)


class Grpc:
    def __init__(self, arguments, port, root):
        self.command = [
            arguments.grpcurl, "-cacert", str(root), "-import-path", arguments.protos,
        ]
        self.address = f"localhost:{port}"

    def call(self, proto, method, message, *options):
        return subprocess.run(
            [*self.command, "-proto", proto, *options, "-d", "@", self.address, method],
            input=json.dumps(message), capture_output=True, text=True, timeout=30, check=False,
        )


def certified_over_grpc(grpc, issuers):
    for name in ("email", "ci/github"):
        done = grpc.call(FULCIO, f"{CA}/CreateSigningCertificate", request(issuers, name))
        check(done.returncode == 0, f"grpcurl: {name}: {done.stderr}")
        chain = json.loads(done.stdout)["signedCertificateEmbeddedSct"]["chain"]["certificates"]
        leaf, issuer = (x509.load_pem_x509_certificate(pem.encode()) for pem in chain[:2])
        leaf.verify_directly_issued_by(issuer)
        print(f"grpcurl: {name}: certified over TLS")


def request(issuers, name):
    key = ec.generate_private_key(ec.SECP256R1())
    proof = key.sign(KINDS[name].claims[KINDS[name].signs].encode(), ec.ECDSA(hashes.SHA256()))
    spki = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "credentials": {"oidcIdentityToken": issuers.token(name)},
        "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": spki.decode()},
            "proofOfPossession": base64.b64encode(proof).decode(),
        },
    }


def refused_over_grpc(grpc):
    done = grpc.call(FULCIO, f"{CA}/CreateSigningCertificate", {})
    check(done.returncode != 0, "grpcurl: a request without a token was certified")
    check("InvalidArgument" in done.stderr, f"grpcurl: another refusal: {done.stderr}")
    check("[token-missing]" in done.stderr, f"grpcurl: a refusal without its code: {done.stderr}")
    print("grpcurl: no token: refused with its code")


def healthy(grpc):
    done = grpc.call(HEALTH, "grpc.health.v1.Health/Check", {})
    check(done.returncode == 0 and "SERVING" in done.stdout, f"grpcurl: health: {done.stderr}")
    bundle = grpc.call(FULCIO, f"{CA}/GetTrustBundle", {})
    check("BEGIN CERTIFICATE" in bundle.stdout, f"grpcurl: trust bundle: {bundle.stderr}")
    print("grpcurl: health and trust bundle: ok")


def rest_is_there_too(url, root):
    trust = ssl.create_default_context(cafile=str(root))
    with urllib.request.urlopen(f"{url}/api/v1/rootCert", timeout=10, context=trust) as answer:
        check(b"BEGIN CERTIFICATE" in answer.read(), "REST over TLS: no root certificate")
    print("REST on the same port: ok")


def h2spec(program, port, folder):
    report = Path(folder) / "h2spec.xml"
    cases = judged(program, port, report)
    check(len(cases) > 100, f"h2spec told of {len(cases)} cases only")
    # It asks with GET, which is answered at once. In a case where the client goes on to break the
    # rules of a stream, the answer may be on its way before the server has seen that; h2spec then
    # takes it for the server's reaction. What the server really does wrong, it does each time.
    failed = {case: why for case, why in cases.items() if why}
    for _ in range(RETRIES):
        again = {case: judged(program, port, report, case).values() for case in failed}
        check(all(len(said) == 1 for said in again.values()), "h2spec ran other cases than it was told")
        failed = {case: why for case, said in again.items() for why in said if why}
    for case, why in failed.items():
        print(f"h2spec: {case} {why}")
    check(not failed, f"h2spec found failures, {1 + RETRIES} times each: {sorted(failed)}")
    print(f"h2spec: {len(cases)} cases: ok")


def judged(program, port, report, *only):
    """Runs h2spec, and returns what it says against each case: nothing, if it passed.

    Cases are named as h2spec takes them, but one that is run alone is called the first.
    """
    done = subprocess.run(
        [
            program, "--tls", "--insecure", "--host", "localhost", "--port", str(port),
            # A path whose answer waits for the body: others may answer before they have seen that
            # it is longer than it should be.
            "--path", "/api/v2/signingCert", "--timeout", "5", "--junit-report", str(report), *only,
        ],
        capture_output=True, text=True, timeout=300, check=False,
    )
    check(report.exists(), f"h2spec said nothing of its tests:\n{done.stdout[-2000:]}{done.stderr}")
    cases = {}
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        for number, case in enumerate(suite.iter("testcase"), start=1):
            found = case.find("failure")
            found = case.find("error") if found is None else found
            said = "" if found is None else f"{case.get('classname')}: {found.text}"
            cases[f"{suite.get('package')}/{number}"] = said
    report.unlink()
    return cases


main(run)
