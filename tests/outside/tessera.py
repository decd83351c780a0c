"""Mirrors a tlog-tiles log that Tessera wrote and signed, in steps, and from a server that lies."""

import argparse
import base64
import functools
import hashlib
import os
import pathlib
import subprocess
import tempfile

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service import check, main
from web import served

ORIGIN = "tessera.example.org/log"
# Its first bytes are of no note's key, but of the name and the kind of one.
ED25519 = b"\x01"


class Tessera:
    """A log in a folder."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.tiles, self.entries = folder / "tiles", folder / "entries"
        self.entries.mkdir()
        key = Ed25519PrivateKey.generate()
        public = ED25519 + key.public_key().public_bytes_raw()
        key_id = hashlib.sha256(ORIGIN.encode() + b"\n" + public).digest()[:4].hex()
        private = ED25519 + key.private_bytes_raw()
        self.private = folder / "log.private"
        self.private.write_text(
            f"PRIVATE+KEY+{ORIGIN}+{key_id}+{base64.b64encode(private).decode()}"
        )
        self.verifier = folder / "log.vkey"
        self.verifier.write_text(f"{ORIGIN}+{key_id}+{base64.b64encode(public).decode()}\n")
        self.size = 0

    def grow(self, count):
        """Adds entries, of lengths of all kinds."""
        for old in self.entries.iterdir():
            old.unlink()
        for number in range(self.size, self.size + count):
            (self.entries / f"{number:06}").write_bytes(f"entry {number} ".encode() * (number % 40))
        run([
            self.program, "--storage_dir", self.tiles, "--entries", f"{self.entries}/*",
            "--private_key", self.private,
        ])
        self.size = int((self.tiles / "checkpoint").read_text().split("\n")[1])


def run(command):
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=120, check=False,
    )
    check(done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}")


def mirror(chancery, log, url, folder, code, words):
    done = subprocess.run(
        [
            chancery, "log", "mirror", url, "--key", str(log.verifier), "--to", str(folder),
            "--once",
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        env=dict(os.environ, RUST_LOG="off"),
    )
    check(
        done.returncode == code and words in done.stdout,
        f"log mirror ended with {done.returncode}: {done.stdout}",
    )


def same(log, copy):
    """Compares every file that the newest checkpoint is about."""
    names = ["checkpoint"]
    for folder in ("tile/0", "tile/1", "tile/entries"):
        for path in (copy / folder).rglob("*"):
            if path.is_file():
                names.append(str(path.relative_to(copy)))
    check(len(names) > 2 * (log.size // 256), f"the copy has only {names}")
    for name in names:
        check(
            (log.tiles / name).read_bytes() == (copy / name).read_bytes(), f"{name} is another file"
        )


def run_all():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chancery", required=True)
    parser.add_argument("--tessera", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chancery-tessera-") as name:
        folder = pathlib.Path(name)
        log = Tessera(arguments.tessera, folder)
        copy = folder / "copy"
        to = functools.partial(mirror, arguments.chancery, log)
        with served(log.tiles) as url:
            for count in (700, 1, 400):
                before = log.size
                log.grow(count)
                check(log.size > before, f"Tessera added nothing to {before} entries")
                to(url, copy, 0, f"{log.size - before} new entries")
                same(log, copy)
            size = log.size
            bundle = log.tiles / "tile/entries/001"
            good = bundle.read_bytes()
            bundle.write_bytes(good[:300] + bytes([good[300] ^ 1]) + good[301:])
            to(url, folder / "other", 4, "does not hash to what its hash tile says")
            check(not (folder / "other/checkpoint").exists(), "a damaged log was copied")
            bundle.write_bytes(good)
            to(url, folder / "other", 0, f"{size} new entries")
            same(log, folder / "other")
    print(f"tessera: {size} entries that Tessera logged are mirrored, file by file")


main(run_all)
