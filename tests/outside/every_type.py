"""Gets a certificate of every issuer type, lints it, and lets each ecosystem's parser read it.

zlint and pkilint must find no error. OpenSSL, Go, Python, Java and Node must read it, and find the
name where their verifiers will look for it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography import x509

from issuance import certify
from issuers import KINDS, Issuers
from processes import development_ca
from service import check, main

PKILINT = str(Path(sys.executable).parent / "lint_pkix_cert")

def run():
    parser = argparse.ArgumentParser(description=__doc__)
    for program in ("chancery", "zlint", "go-parser"):
        parser.add_argument(f"--{program}", required=True)
    arguments = parser.parse_args()
    issuers = Issuers()
    with tempfile.TemporaryDirectory(prefix="chancery-types-") as name:
        folder = Path(name)
        configuration = folder / "identity.yaml"
        configuration.write_text(issuers.configuration())
        with development_ca(arguments.chancery, folder, configuration) as url:
            for number, (kind_name, kind) in enumerate(KINDS.items()):
                leaf, issuer, *_ = certify(url, issuers.token(kind_name), kind.signs)
                certificate = folder / f"{number}.pem"
                certificate.write_text(leaf)
                (folder / "issuer.pem").write_text(issuer)
                lint(arguments, kind_name, certificate)
                read(arguments, kind_name, certificate)
                print(f"every-type: {kind_name}: lints and parsers agree")


def lint(arguments, name, certificate):
    zlint = json.loads(output([arguments.zlint, "-pretty", str(certificate)]))
    bad = sorted(
        lint for lint, found in zlint.items()
        if found["result"] in ("error", "fatal")
    )
    check(not bad, f"{name}: zlint finds {', '.join(bad)}")
    pkilint = subprocess.run(
        [PKILINT, "lint", "-s", "ERROR", "-f", "JSON", str(certificate)],
        capture_output=True, text=True, timeout=120, check=False,
    )
    check(pkilint.stdout, f"{name}: pkilint failed:\n{pkilint.stderr}")
    findings = [
        f"{finding['code']}: {finding.get('message')}"
        for result in json.loads(pkilint.stdout)["results"]
        for finding in result["finding_descriptions"]
        if not is_pkilints_own(finding)
    ]
    check(not findings, f"{name}: pkilint finds {'; '.join(findings)}")


def is_pkilints_own(finding):
    """Its check of URIs knows the web's schemes and dotted host names only."""
    unknown = ('"spiffe://', '"http://localhost')
    return finding["code"] == "pkix.invalid_uri_syntax" and any(
        uri in finding["message"] for uri in unknown
    )


def read(arguments, name, certificate):
    """The SAN's value as Python finds it must be what each of the others prints."""
    parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    san = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (general_name,) = san
    path = str(certificate)
    openssl = output(["openssl", "x509", "-in", path, "-noout", "-text"])
    java = output(["keytool", "-printcert", "-v", "-file", path])
    node = output(["node", "-e", NODE, path])
    go = output([arguments.go_parser, path])
    if isinstance(general_name, x509.OtherName):
        # The name is no string for these: that they read the certificate is all they can do.
        readers = {"openssl": openssl}
        value = "1.3.6.1.4.1.57264.1.7"
    else:
        readers = {"openssl": openssl, "java": java, "node": node, "go": go}
        value = general_name.value
    for reader, text in readers.items():
        check(value in text, f"{name}: {reader} does not find {value!r} in:\n{text[:3000]}")


NODE = """
const { X509Certificate } = require("node:crypto");
const certificate = new X509Certificate(require("node:fs").readFileSync(process.argv[1]));
console.log(certificate.subjectAltName, certificate.serialNumber);
"""


def output(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    check(done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


main(run)
