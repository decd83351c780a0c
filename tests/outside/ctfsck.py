"""Runs ctfsck, an independent checker, over the whole log and compares its verdict."""

import argparse
import base64
import subprocess

from service import Service, check, main


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--ctfsck", required=True)
    parser.add_argument("--expect", choices=["clean", "broken"], required=True)
    arguments = parser.parse_args()
    service = Service(arguments.url)
    log = service.issuance_log()
    size = service.tree_size()
    result = subprocess.run(
        [
            arguments.ctfsck,
            "-url", service.url + log.path,
            "-origin", log.origin,
            "-key", base64.b64encode(log.spki).decode(),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )
    expected = 0 if arguments.expect == "clean" else 1
    check(
        result.returncode == expected,
        f"ctfsck ended with {result.returncode} instead of {expected}:\n{result.stdout}",
    )
    verdict = [line for line in result.stdout.splitlines() if line.startswith(("OK", "FAIL"))]
    check(len(verdict) == 1, f"ctfsck gave no verdict:\n{result.stdout}")
    print(f"ctfsck: {size} entries, {arguments.expect}, as expected: {verdict[0][:160]}")


main(run)
