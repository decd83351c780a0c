"""Reads the log with ctclient, Google's client of RFC 6962: heads, roots, entries and proofs."""

import argparse
import base64
import re
import subprocess
import tempfile
from pathlib import Path

from cryptography import x509

from issuance import certify
from service import Service, check, main
from static_ct import Log, embedded_sct


class Client:
    """Runs ctclient, which must find the log's key good wherever something is signed."""

    def __init__(self, program, log_uri, key):
        self.common = ["--log_uri", log_uri, "--pub_key", key]
        self.program = program

    def run(self, command, *arguments, code=0):
        result = subprocess.run(
            [self.program, command, *self.common, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
        )
        check(
            (result.returncode == 0) == (code == 0),
            f"ctclient {command} {arguments} ended with {result.returncode}:\n{result.stdout}",
        )
        return result.stdout


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--ctclient", required=True)
    arguments = parser.parse_args()
    service = Service(arguments.url)
    described = service.issuance_log()
    log = Log(
        lambda path: service.get(f"{described.path}/{path}"), described.origin, described.spki
    )
    checkpoint = log.checkpoint()
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "log.pem"
        encoded = base64.encodebytes(described.spki).decode()
        key.write_text(f"-----BEGIN PUBLIC KEY-----\n{encoded}-----END PUBLIC KEY-----\n")
        client = Client(arguments.ctclient, described.base_url, key)
        check_head(client, checkpoint)
        check_roots(client, service)
        check_entries(client, checkpoint.size)
        check_inclusion(client, log, checkpoint.size)
        check_consistency(client, log, checkpoint)
        check_certificate(client, service, folder)
    print(f"ctclient: {checkpoint.size} entries, head, roots, entries and proofs read and verified")


def check_head(client, checkpoint):
    said = client.run("get-sth")
    check(f"size={checkpoint.size}" in said, f"get-sth knows another size:\n{said}")
    check(checkpoint.root.hex() in said, f"get-sth knows another root:\n{said}")


def check_roots(client, service):
    chain = service.get_json("/api/v2/trustBundle")["chains"][0]["certificates"]
    said = client.run("get-roots", "--text=false")
    check(said.count("BEGIN CERTIFICATE") == 1, f"get-roots shows other roots:\n{said}")
    check(chain[-1].strip() in said, f"get-roots shows another root:\n{said}")


def check_entries(client, size):
    for first, last, expected in [
        (0, 39, 40),
        (250, 300, 6),
        (65_536, 65_791, 256),
        (size - 3, size + 100, 3),
    ]:
        said = client.run("get-entries", f"--first={first}", f"--last={last}", "--text=false")
        found = said.count("Index=")
        check(found == expected, f"entries {first} to {last} are {found}, not {expected}:\n{said}")
    client.run("get-entries", f"--first={size}", f"--last={size}", code=1)


def check_inclusion(client, log, size):
    for index in [0, 1, 39, 255, 256, 32_767, 65_535, 65_536, size - 1]:
        leaf_hash = f"--leaf_hash={log.entry(index, size).leaf_hash().hex()}"
        said = client.run("get-inclusion-proof", leaf_hash)
        check("Verified that hash" in said, f"the proof of entry {index} was not verified:\n{said}")
        # At other sizes it only shows the proof.
        for at in [index + 1, (index + size + 1) // 2]:
            said = client.run("get-inclusion-proof", leaf_hash, f"--size={at}")
            found = f"Inclusion proof for index {index} in tree of size {at}:"
            check(found in said, f"there is no proof of entry {index} at {at}:\n{said}")
    client.run("get-inclusion-proof", f"--leaf_hash={bytes(32).hex()}", code=1)


def check_consistency(client, log, checkpoint):
    size = checkpoint.size
    roots = {at: log.root(at, size) for at in [1, 39, 256, 257, 65_535, 65_536, 65_537, size - 1]}
    check(log.root(size, size) == checkpoint.root, "the tiles are not the checkpoint's")
    roots[size] = checkpoint.root
    for smaller, smaller_root in roots.items():
        for larger, larger_root in roots.items():
            if smaller < larger:
                client.run("get-consistency-proof", *between(smaller, smaller_root, larger, larger_root))
    wrong = between(256, roots[257], size, checkpoint.root)
    client.run("get-consistency-proof", *wrong, code=1)


def between(smaller, smaller_root, larger, larger_root):
    return [
        f"--prev_size={smaller}", f"--prev_hash={smaller_root.hex()}",
        f"--size={larger}", f"--tree_hash={larger_root.hex()}",
    ]


def check_certificate(client, service, folder):
    """Finds a new certificate's entry, and proves the precertificate that stands there."""
    pems = certify(service.url, service.token("ctclient@chancery.test"), "email")
    sct = embedded_sct(x509.load_pem_x509_certificate(pems[0].encode()))
    index = sct.leaf_index
    entry = client.run(
        "get-entries", f"--first={index}", f"--last={index}", "--chain", "--text=false"
    )
    found = re.findall(r"-----BEGIN CERT.*?-----END CERT[^\n]*\n", entry, re.DOTALL)
    check(len(found) == 3, f"the entry has a chain of {len(found)}:\n{entry}")
    check([pem.strip() for pem in found[1:]] == [pem.strip() for pem in pems[1:]], "another chain")
    chain = Path(folder) / "chain.pem"
    chain.write_text("".join(found))
    said = client.run(
        "get-inclusion-proof", f"--cert_chain={chain}", f"--timestamp={sct.timestamp}",
        f"--extensions={sct.extensions.hex()}",
    )
    check("Verified that hash" in said, f"the certificate's entry was not verified:\n{said}")


main(run)
