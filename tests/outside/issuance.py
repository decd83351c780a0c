"""Gets a certificate as a plain REST client does, and reads what it says."""

import base64
import json
import urllib.error
import urllib.request

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service import check

# What differs from one issuance, and from one CA, to another.
OF_THE_CA = {
    "2.5.29.14": "subject key identifier",
    "2.5.29.35": "authority key identifier",
    "1.3.6.1.4.1.11129.2.4.2": "SCT list",
}


def certify(url, token, signs):
    """Returns the chain in PEM, the leaf first."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = jwt.decode(token, options={"verify_signature": False})[signs]
    proof = key.sign(name.encode(), ec.ECDSA(hashes.SHA256()))
    spki = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = {
        "credentials": {"oidcIdentityToken": token},
        "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": spki.decode()},
            "proofOfPossession": base64.b64encode(proof).decode(),
        },
    }
    request = urllib.request.Request(
        f"{url}/api/v2/signingCert", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            (certificate,) = json.load(answer).values()
    except urllib.error.HTTPError as refusal:
        check(False, f"{url} answered {refusal.code}: {refusal.read()[:500]!r}")
    return [pem.strip() + "\n" for pem in certificate["chain"]["certificates"]]


def extensions(pem):
    """Returns OID, criticality and value of each extension that the identity decides, in order."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return [
        (extension.oid.dotted_string, extension.critical, extension.value.public_bytes().hex())
        for extension in certificate.extensions
        if extension.oid.dotted_string not in OF_THE_CA
    ]
