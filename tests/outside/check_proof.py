"""Checks a proof that `chancery log prove` wrote, from the specifications alone.

    check_proof.py entry-5.tlog-proof trusted_root.json [certificate.pem]

c2sp.org/tlog-proof, c2sp.org/static-ct-api, RFC 6962. Needs `cryptography`, and nothing of Chancery.
"""

import base64
import hashlib
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def read_proof(text):
    """Returns leaf, index, path and checkpoint."""
    head, checkpoint = text.split("\n\n", 1)
    magic, extra, index, *path = head.split("\n")
    assert magic == "c2sp.org/tlog-proof@v1", "it is no proof"
    leaf = base64.b64decode(extra.removeprefix("extra "), validate=True)
    path = [base64.b64decode(line, validate=True) for line in path]
    return leaf, int(index.removeprefix("index ")), path, checkpoint


def root_of(leaf, index, size, path):
    """Walks from a leaf to the root of its tree (RFC 9162, section 2.1.3.2)."""
    assert index < size, "the tree has no such entry"
    node, last = sha256(b"\x00", leaf), size - 1
    for sibling in path:
        assert last > 0, "the proof is too long"
        if index % 2 == 1 or index == last:
            node = sha256(b"\x01", sibling, node)
            while index % 2 == 0 and index > 0:
                index, last = index >> 1, last >> 1
        else:
            node = sha256(b"\x01", node, sibling)
        index, last = index >> 1, last >> 1
    assert last == 0, "the proof is too short"
    return node


def verify_checkpoint(checkpoint, logs):
    """Returns size and root, if a log of the trust root has signed them."""
    body, signatures = checkpoint.split("\n\n", 1)
    origin, size, root = body.split("\n")
    size, root = int(size), base64.b64decode(root, validate=True)
    for log in logs:
        spki = base64.b64decode(log["publicKey"]["rawBytes"])
        key_id = sha256(origin.encode(), b"\n\x05", sha256(spki))[:4]
        for line in signatures.splitlines():
            name, encoded = line.removeprefix("\u2014 ").split(" ")
            signature = base64.b64decode(encoded, validate=True)
            if name == origin and signature[:4] == key_id:
                time = signature[4:12]
                assert signature[12:14] == b"\x04\x03", "it is not ECDSA with SHA-256"
                signed = b"\x00\x01" + time + size.to_bytes(8, "big") + root
                key = load_der_public_key(spki)
                key.verify(signature[16:], signed, ec.ECDSA(SHA256()))
                return size, root, spki
    sys.exit("no log of the trust root has signed the checkpoint")


def verify_certificate(pem, leaf):
    """Sees that the leaf, which is of a precertificate, is the certificate's."""
    certificate = x509.load_pem_x509_certificate(pem)
    assert leaf[10:12] == b"\x00\x01", "the entry is not of a precertificate"
    length = int.from_bytes(leaf[44:47], "big")
    assert leaf[47 : 47 + length] == certificate.tbs_precertificate_bytes, "it is another's entry"
    return certificate.serial_number


def main(proof, trusted_root, certificate=None):
    with open(proof, encoding="utf-8") as file:
        leaf, index, path, checkpoint = read_proof(file.read())
    with open(trusted_root, encoding="utf-8") as file:
        logs = json.load(file)["ctlogs"]
    size, root, _ = verify_checkpoint(checkpoint, logs)
    assert root_of(leaf, index, size, path) == root, "the entry is not in the checkpoint's tree"
    print(f"entry {index} is in a tree of {size} entries that the log has signed")
    if certificate:
        with open(certificate, "rb") as file:
            print(f"it is that of the certificate {verify_certificate(file.read(), leaf):x}")


main(*sys.argv[1:])
