"""Proves a certificate's entry, and lets Chancery, a page of Python and openssl check it offline."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from issuance import certify
from service import Service, check, main

HERE = Path(__file__).parent


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--chancery", required=True)
    arguments = parser.parse_args()
    service = Service(arguments.url)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(5):
            pems = certify(service.url, service.token(f"{number}@chancery.test"), "email")
            (folder / "certificate.pem").write_text(pems[0])
        (folder / "trusted_root.json").write_bytes(service.get("/trusted_root.json"))
        prove = [arguments.chancery, "log", "prove", "certificate.pem", "--to", "good"]
        execute(folder, [*prove, "--url", service.issuance_log().base_url], 0)
        change(folder / "good.tlog-proof", folder / "bad.tlog-proof", "index 4", "index 3")
        leaf_index = ('"leaf_index": 4', '"leaf_index": 3')
        change(folder / "good.rfc6962.json", folder / "bad.rfc6962.json", *leaf_index)
        for name, code, chancery_code in [("good", 0, 0), ("bad", 1, 4)]:
            for checker, expected in checkers(arguments.chancery, name, code, chancery_code):
                execute(folder, checker, expected)
    print("offline proofs: checked by chancery, Python and openssl; changed ones refused by each")


def checkers(chancery, name, code, chancery_code):
    proof, rfc6962, root = f"{name}.tlog-proof", f"{name}.rfc6962.json", "trusted_root.json"
    own = [chancery, "log", "check", proof, "--trusted-root", root]
    yield [*own, "--certificate", "certificate.pem"], chancery_code
    yield [sys.executable, HERE / "check_proof.py", proof, root, "certificate.pem"], code
    yield ["bash", HERE / "check_proof.sh", rfc6962, root], code


def change(good, bad, old, new):
    text = good.read_text()
    check(old in text, f"{good.name} does not have {old}")
    bad.write_text(text.replace(old, new, 1))


def execute(folder, command, code):
    result = subprocess.run(
        command, cwd=folder, timeout=60, check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    check(
        result.returncode == code,
        f"{command} ended with {result.returncode} instead of {code}:\n{result.stdout}",
    )


main(run)
