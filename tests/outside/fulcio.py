"""Gives the same tokens to a real Fulcio and to `chancery dev`, and compares the extensions.

Both read the same configuration. Left out are the key identifiers and the SCT, which differ from
one CA to another; order, criticality and bytes of all others must be the same.
"""

import argparse
import contextlib
import tempfile
from pathlib import Path

from issuance import certify, extensions
from issuers import KINDS, Issuers
from processes import development_ca, free_port, running
from service import check, main


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chancery", required=True)
    parser.add_argument("--fulcio", required=True)
    arguments = parser.parse_args()
    issuers = Issuers()
    with tempfile.TemporaryDirectory(prefix="chancery-fulcio-") as folder:
        configuration = Path(folder) / "identity.yaml"
        configuration.write_text(issuers.configuration())
        with (
            fulcio(arguments.fulcio, folder, configuration) as theirs,
            development_ca(arguments.chancery, folder, configuration) as ours,
        ):
            for name, kind in KINDS.items():
                compare(theirs, ours, issuers.token(name), name, kind.signs)
    print(f"fulcio: {len(KINDS)} issuers: the same extensions")


@contextlib.contextmanager
def fulcio(program, folder, configuration):
    """Runs a Fulcio with a CA in memory and without a CT log, and yields its URL."""
    port = free_port()
    command = [
        program, "serve", "--ca", "ephemeralca", "--ct-log-url", "",
        "--host", "127.0.0.1", "--port", str(port),
        "--grpc-host", "127.0.0.1", "--grpc-port", str(free_port()),
        "--metrics-port", str(free_port()), "--config-path", str(configuration),
    ]
    url = f"http://localhost:{port}"
    with running(command, folder, f"{url}/healthz"):
        yield url


def compare(theirs, ours, token, name, signs):
    expected = extensions(certify(theirs, token, signs)[0])
    found = extensions(certify(ours, token, signs)[0])
    check(
        found == expected,
        f"{name}: Fulcio and Chancery differ:\n{listed(expected)}\n--\n{listed(found)}",
    )
    print(f"fulcio: {name}: {len(found)} extensions: the same")


def listed(found):
    return "\n".join(f"  {oid} critical={critical} {readable(value)}" for oid, critical, value in found)


def readable(value):
    return bytes.fromhex(value).decode("latin-1").encode("unicode_escape").decode()


main(run)
