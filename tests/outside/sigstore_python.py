"""Lets a real sigstore-python sign, as far as it gets where there is no ledger yet.

It refuses a signing configuration without a ledger, so here, and only here, it is given one on a
loopback port where nothing listens. What it must do, in this order: obtain a certificate, verify
its SCT, fail to reach the ledger.
"""

import argparse
import base64
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service import Service, check, main

SCT_VERIFIED = "Successfully verified SCT"


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    arguments = parser.parse_args()
    service = Service(arguments.url)
    # Bound but not listening: connections are refused, and nobody else can take the port.
    with socket.socket() as closed, tempfile.TemporaryDirectory(prefix="chancery-py-") as folder:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        config = with_ledger(service.get_json("/client_trust_config.json"), port)
        stops_at_the_ledger(service, config, port, Path(folder))
        stops_at_the_sct(service, config, port, Path(folder))


def stops_at_the_ledger(service, config, port, folder):
    before = service.tree_size()
    output = sign(service, config, folder)
    after = service.tree_size()
    check(after == before + 1, f"the log went from {before} to {after} entries:\n{output}")
    verified = output.find(SCT_VERIFIED)
    check(verified >= 0, f"sigstore-python did not verify the SCT:\n{output}")
    refused = output.find("Connection refused", verified)
    check(refused >= 0, f"sigstore-python did not go on to the ledger:\n{output}")
    check(f"port={port}" in output[verified:], f"it failed at another port than {port}:\n{output}")
    print("sigstore-python: certificate obtained, SCT verified, ledger not reached: as it must be")


def stops_at_the_sct(service, config, port, folder):
    """The same with another key for the log: proof that the check above checks something."""
    spki = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    log = config["trustedRoot"]["ctlogs"][0]
    log["publicKey"]["rawBytes"] = base64.b64encode(spki).decode()
    log["logId"]["keyId"] = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    output = sign(service, config, folder)
    check("SCT verify failed" in output, f"an SCT by an unknown log was not refused:\n{output}")
    check(SCT_VERIFIED not in output, f"an SCT by an unknown log was accepted:\n{output}")
    check(f"port={port}" not in output, f"it went on to the ledger all the same:\n{output}")
    print("sigstore-python: SCT by an unknown log: refused")


def sign(service, config, folder):
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "blob").write_bytes(b"a file to sign\n")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SIGSTORE_IDENTITY_TOKEN": service.token("dev@chancery.test"),
        "SIGSTORE_LOGLEVEL": "DEBUG",
        # Wide enough that no message is folded.
        "COLUMNS": "100000",
    }
    command = [sys.executable, "-m", "sigstore", "--trust-config", "config.json", "sign"]
    result = subprocess.run(
        [*command, "--overwrite", "--bundle", "blob.sigstore.json", "blob"],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )
    check(result.returncode != 0, f"sigstore-python signed without a ledger:\n{result.stdout}")
    return result.stdout


def with_ledger(config, port):
    """Adds a ledger on the closed port, as a copy of what describes the CA."""
    signing = config["signingConfig"]
    ledger = dict(signing["caUrls"][0], url=f"http://127.0.0.1:{port}", majorApiVersion=2)
    signing["rekorTlogUrls"] = [ledger]
    signing["rekorTlogConfig"] = {"selector": "ANY"}
    return config


main(run)
