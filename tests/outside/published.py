"""Exports and mirrors a running log, and lets ctfsck and `chancery log verify` judge both: clean, then
with one byte changed. A mirror of a log that went back ends with both heads named."""

import argparse
import base64
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from service import Service, check, main
from web import served


# At how many moments a command is killed, and how often it has to have been writing then.
STEPS, WITHIN = 30, 5
# In the TBSCertificate of the first entry of a tile.
OFFSET = 100


class Judge:
    """ctfsck and our own verification, of one log."""

    def __init__(self, arguments, log, folder):
        self.ctfsck, self.chancery, self.log = arguments.ctfsck, arguments.chancery, log
        self.key = folder / "log.der"
        self.key.write_bytes(log.spki)
        self.folder = folder

    def run(self, *arguments):
        """Returns exit code and words of one of our commands."""
        environment = dict(os.environ, RUST_LOG="off")
        done = subprocess.run(
            [self.chancery, "log", *map(str, arguments)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=300, check=False, cwd=self.folder,
            env=environment,
        )
        return done.returncode, done.stdout

    def expect(self, code, words, *arguments):
        """Runs one of our commands, and compares how it ends and what it says."""
        found, said = self.run(*arguments)
        check(found == code and words in said, f"log {arguments} ended with {found}: {said}")
        return said

    def verify(self, folder, code, words):
        """Lets our own verification read a folder, and compares how it ends and what it says."""
        known = ("--key", self.key, "--origin", self.log.origin)
        self.expect(code, words, "verify", "--directory", folder, *known)

    def judge(self, url, clean):
        """Lets ctfsck read a log."""
        done = subprocess.run(
            [
                self.ctfsck, "-url", url, "-origin", self.log.origin,
                "-key", base64.b64encode(self.log.spki).decode(),
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )
        expected = 0 if clean else 1
        check(done.returncode == expected, f"ctfsck of {url}: {done.returncode}\n{done.stdout}")

    def clean_then_broken(self, folder):
        """Sees a folder clean, and broken after one byte in the midst of an entry has changed."""
        self.judge(f"file://{folder}", True)
        self.verify(folder, 0, "0 findings")
        tile = folder / "tile/data/001"
        good = tile.read_bytes()
        broken = bytearray(good)
        broken[OFFSET] ^= 1
        tile.write_bytes(broken)
        self.judge(f"file://{folder}", False)
        self.verify(folder, 4, "entry 256:")
        tile.write_bytes(good)
        self.judge(f"file://{folder}", True)


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--ctfsck", required=True)
    parser.add_argument("--chancery", required=True)
    parser.add_argument("--database", required=True)
    arguments = parser.parse_args()
    service = Service(arguments.url)
    log = service.issuance_log()
    size = service.tree_size()
    check(size > 600, f"{size} entries are too few")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        judge = Judge(arguments, log, folder)
        judge.judge(service.url + log.path, True)

        checkpoint = folder / "newest"
        checkpoint.write_bytes(service.get(log.path + "/checkpoint"))
        exported, mirrored = folder / "exported", folder / "mirrored"
        export = (
            "export", "--database", arguments.database, "--to", exported,
            "--checkpoint", checkpoint,
        )
        judge.expect(0, f"exported {size} entries", *export)
        judge.expect(0, "already", *export)
        judge.clean_then_broken(exported)

        key = ("--key", judge.key, "--origin", log.origin, "--to", mirrored, "--once")
        judge.expect(0, f"at size {size} ", "mirror", service.url + log.path, *key)
        judge.clean_then_broken(mirrored)

        # From any web server; damaged there, and of another size than before.
        with served(exported) as url:
            copied = folder / "copied"
            again = ("--key", judge.key, "--to", copied, "--once")
            tile = exported / "tile/data/001"
            good = tile.read_bytes()
            tile.write_bytes(good[:OFFSET] + bytes([good[OFFSET] ^ 1]) + good[OFFSET + 1 :])
            judge.expect(4, "entry 256 ", "mirror", url, *again)
            check(not (copied / "checkpoint").exists(), "a damaged log was copied")
            tile.write_bytes(good)
            killed(judge, copied, "mirror", url, *again)
            judge.expect(0, f"at size {size} ", "mirror", url, *again)
            judge.clean_then_broken(copied)
            # The connection has been idle for so long that the server has closed it.
            service = Service(arguments.url)
            older = checkpoint.read_bytes()
            issue(arguments, service)
            grown = service.tree_size()
            checkpoint.write_bytes(service.get(log.path + "/checkpoint"))
            judge.expect(0, f"exported {grown - size} entries", *export)
            judge.expect(0, f"{grown - size} new entries", "mirror", url, *again)
            judge.clean_then_broken(copied)
            (exported / "checkpoint").write_bytes(older)
            said = judge.expect(4, "WENT BACK", "mirror", url, *again)
            check(f"size {size} " in said and f"size {grown} " in said, said)
            kept = sorted(path.name.split("-")[0] for path in (copied / "evidence").iterdir())
            check(kept == sorted([str(size), str(grown)]), f"kept as evidence: {kept}")
            # And the exporter refuses nothing that is only older: it goes on from there.
            judge.expect(0, f"exported {grown - size} entries", *export)
            judge.clean_then_broken(exported)
            judge.judge(service.url + log.path, True)
        shutil.rmtree(copied)
    print(f"published: {grown} entries exported and mirrored, clean and broken as expected")


def killed(judge, folder, *arguments):
    """Kills one of our commands at one time after another while it fills a folder, and lets it go on
    each time. What it leaves is never more than what is whole."""
    within = 0
    for step in range(STEPS):
        before, patience = written(folder), time.monotonic() + 30
        process = subprocess.Popen(
            [judge.chancery, "log", *map(str, arguments)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=judge.folder, env=dict(os.environ, RUST_LOG="off"),
        )
        # From its first write on, a little later each time.
        while process.poll() is None and written(folder) == before:
            check(time.monotonic() < patience, f"{arguments} writes nothing")
        try:
            process.wait(timeout=step * 0.004)
        except subprocess.TimeoutExpired:
            process.kill()
        end = process.wait()
        check(end in (-9, 0), f"{arguments} ended with {end}")
        if (folder / "checkpoint").exists():
            judge.verify(folder, 0, "0 findings")
            shutil.rmtree(folder)
        elif end == -9:
            within += 1
    check(within >= WITHIN, f"only {within} kills were within writes")


def written(folder):
    """Returns when a tile was written last."""
    tiles = (folder / "tile").rglob("*")
    # Those that are not renamed yet may be gone before they are looked at.
    return max((mtime(path) for path in tiles), default=0)


def mtime(path):
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def issue(arguments, service):
    """Has some more certificates issued."""
    load = pathlib.Path(arguments.chancery).with_name("chancery-load")
    subprocess.run(
        [load, "issue", "--url", service.url, "--clients", "8", "--count", "300"],
        check=True, stdout=subprocess.DEVNULL, timeout=300,
    )


main(run)
