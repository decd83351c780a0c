"""Sees that the first checkpoint fetched after an answer already covers the certificate's entry.

Everything is verified as an outsider would, with keys from trusted_root.json: the chain, the SCT,
the checkpoint, the entry in the data tile and its inclusion.
"""

import argparse
import base64
import json
from concurrent.futures import ThreadPoolExecutor

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service import Service, check, main
from static_ct import Log, embedded_sct, load_certificates, verify_entry_is_of

IDENTITY = "dev@chancery.test"


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--clients", type=int, default=4)
    arguments = parser.parse_args()

    per_client = [arguments.rounds // arguments.clients] * arguments.clients
    per_client[0] += arguments.rounds % arguments.clients
    # Several at once, so that a certificate often shares its batch with others.
    with ThreadPoolExecutor(arguments.clients) as pool:
        covered = sum(pool.map(lambda rounds: client(arguments.url, rounds), per_client))
    print(f"merge delay: {covered} of {arguments.rounds} certificates were covered at once")
    check(covered == arguments.rounds, f"{arguments.rounds - covered} were not covered")


def client(url, rounds):
    """Requests certificates one after the other and returns how many were covered."""
    service = Service(url)
    described = service.issuance_log()
    log = Log(lambda path: service.get(f"{described.path}/{path}"), described.origin, described.spki)
    check(log.log_id == described.log_id, "trusted_root.json gives the log another id")
    trusted = trusted_chain(service)
    covered = 0
    for _ in range(rounds):
        token = service.token(IDENTITY)
        chain = request_certificate(service, token)
        # The very next request after the answer, on the same connection.
        checkpoint = log.checkpoint()
        covered += covers(log, checkpoint, chain, trusted)
    return covered


def covers(log, checkpoint, chain, trusted):
    check(chain[1:] == trusted, "the answered chain is not the one in trusted_root.json")
    sct = embedded_sct(chain[0])
    if sct.leaf_index >= checkpoint.size:
        return False
    check(sct.timestamp <= checkpoint.timestamp, "the SCT is younger than its checkpoint")
    entry = log.entry(sct.leaf_index, checkpoint.size)
    verify_entry_is_of(entry, chain[0], chain[1])
    log.verify_sct(sct, entry)
    log.verify_inclusion(sct.leaf_index, entry, checkpoint)
    return True


def trusted_chain(service):
    authorities = service.get_json("/trusted_root.json")["certificateAuthorities"]
    check(len(authorities) == 1, "trusted_root.json names more than one authority")
    certificates = authorities[0]["certChain"]["certificates"]
    return [x509.load_der_x509_certificate(base64.b64decode(c["rawBytes"])) for c in certificates]


def request_certificate(service, token):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    proof = key.sign(IDENTITY.encode(), ec.ECDSA(SHA256()))
    body = {
        "credentials": {"oidcIdentityToken": token},
        "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": pem.decode()},
            "proofOfPossession": base64.b64encode(proof).decode(),
        },
    }
    headers = {"Content-Type": "application/json"}
    status, answer = service.request("POST", "/api/v2/signingCert", json.dumps(body), headers)
    check(status == 200, f"POST /api/v2/signingCert answered {status}: {answer[:300]!r}")
    chain = load_certificates(
        json.loads(answer)["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    )
    check(chain[0].public_key() == key.public_key(), "the certificate is for another key")
    return chain


main(run)
