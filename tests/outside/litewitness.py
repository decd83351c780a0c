"""Witnesses from outside: litewitness, and one Chancery that witnesses another.

A log that requires cosignatures releases nothing while a witness is away, and goes on by itself when it
is back. What its checkpoint says is verified here from the specifications alone: c2sp.org/signed-note,
c2sp.org/static-ct-api and c2sp.org/tlog-cosignature.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding, PublicFormat, load_der_public_key,
)

from issuers import KINDS, Issuers
from processes import free_port, wait_until_up
from service import check, main

BACK_AGAIN_S = 30
EMPTY_ROOT = base64.b64encode(hashlib.sha256(b"").digest()).decode()


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chancery", required=True)
    parser.add_argument("--litewitness", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chancery-witness-") as folder:
        folder = Path(folder)
        with contextlib.ExitStack() as running:
            litewitness = running.enter_context(
                Litewitness(arguments.litewitness, folder, "lite.witness.test")
            )
            cosigned_and_fail_closed(arguments.chancery, folder / "one", litewitness)
            witnessed_by_another(arguments.chancery, folder / "two", litewitness)
            guarded(arguments.chancery, folder / "three", litewitness)


def cosigned_and_fail_closed(program, folder, witness):
    ca = Chancery(program, folder)
    witness.know(ca.vkeys[0])
    witness.start()
    ca.require([witness])
    with ca.serving():
        ca.certify()
        size = verify(ca, [witness])
        print(f"litewitness: has cosigned {size} entries; all three lines verify")

        witness.kill()
        before = ca.checkpoint()
        for _ in range(4):
            status, headers, body = ca.request_certificate()
            check(status == 503, f"without the witness: {status}: {body[:300]!r}")
            check(headers.get("Retry-After"), "a 503 without Retry-After")
        check(ca.checkpoint() == before, "a checkpoint without the witness was released")
        check(ca.admin("/readyz") == 503, "it is ready although nothing can be released")
        print("litewitness: away: 503 with Retry-After, no new checkpoint, not ready")

        witness.start()
        ca.certify_once_again()
        check(verify(ca, [witness]) > size, "the log has not grown")
        check(ca.admin("/readyz") == 200, "it is not ready although the witness is back")
        print("litewitness: back: certificates again, with no hand")

    witness.kill()
    with ca.serving():
        check(ca.get("/checkpoint")[0] == 503, "a checkpoint from nowhere")
        witness.start()
        ca.certify_once_again()
        verify(ca, [witness])
    print("litewitness: away at start: the log waits for it")


def witnessed_by_another(program, folder, litewitness):
    ca = Chancery(program, folder)
    own = ChanceryWitness(program, folder / "witness", "chancery.witness.test")
    own.know(ca.vkeys[0])
    litewitness.know(ca.vkeys[0])
    with own:
        own.start()
        ca.require([litewitness, own])
        with ca.serving():
            ca.certify()
            verify(ca, [litewitness, own])
            own.kill()
            check(ca.request_certificate()[0] == 503, "one of two witnesses was enough")
            own.start()
            ca.certify_once_again()
            size = verify(ca, [litewitness, own])
            kept = own.latest(ca.origin)
            check(kept.split("\n")[1] == str(size), "the witness remembers another size")
        print(f"chancery log witness: killed and started again; {size} entries, 4 lines verify")


def guarded(program, folder, witness):
    ca = Chancery(program, folder)
    witness.know(ca.vkeys[0])
    ca.guard_by(witness)
    with ca.serving():
        ca.certify()
    older = ca.copy_database("older.db")
    with ca.serving():
        ca.certify()
        ca.certify()
        witness.kill()
        check(ca.request_certificate()[0] == 503, "a head was released that the guard never saw")
        witness.start()
        ca.certify_once_again()
        size = ca.size()
    newer = ca.copy_database("newer.db")
    ca.put_database(older)
    code, said = ca.serve_refused()
    check(code == 3, f"an older database is served, or refused by {code}: {said}")
    check(f"tree of {size} entries" in said and "holds 1" in said, f"not both sizes: {said}")
    ca.run("log", "recover", "--config", str(ca.config), "--from", str(newer))
    with ca.serving():
        check(ca.size() == size, "the log is not as it was")
        ca.certify()
    print(f"litewitness as guard: an older database refused; {size} entries brought back")


class Chancery:
    """An instance that `init` made, and what an outsider knows of it."""

    def __init__(self, program, folder):
        self.program = program
        self.home = folder / "home"
        folder.mkdir()
        self.issuers = Issuers()
        self.port, self.admin_port = free_port(), free_port()
        self.url = f"http://localhost:{self.port}"
        self.run("init", "--url", self.url, "--dir", str(self.home), "--log-read", "open",
                 "--log-name", "w")
        self.config = self.home / "chancery.yaml"
        identity = self.issuers.configuration(**{"allow-http": True})
        (self.home / "identity.yaml").write_text(identity)
        self.origin = "localhost/ct/w"
        self.vkeys = self.run("log", "keys", "--config", str(self.config)).split()

    def run(self, *arguments):
        done = subprocess.run(
            [self.program, *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        said = done.stdout + done.stderr
        check(done.returncode == 0, f"{arguments[:2]} ended with {done.returncode}: {said}")
        return done.stdout

    def require(self, witnesses):
        lines = [f"log {self.vkeys[0]}"]
        lines += [f"witness w{n} {w.vkey} {w.url}" for n, w in enumerate(witnesses)]
        lines.append("group all-of-them all " + " ".join(f"w{n}" for n in range(len(witnesses))))
        lines.append("quorum all-of-them\n")
        (self.home / "log/witness-policy").write_text("\n".join(lines))
        self.put("  read: open\n", "  read: open\n  witnesses: {policy: log/witness-policy}\n")

    def guard_by(self, witness):
        self.put(
            "  file: guard\n", f"  witness: {{url: '{witness.url}', vkey: '{witness.vkey}'}}\n"
        )
        self.run("log", "recover", "--config", str(self.config), "--adopt-guard")

    def put(self, old, new):
        text = self.config.read_text()
        check(old in text, f"no {old!r} in chancery.yaml:\n{text}")
        self.config.write_text(text.replace(old, new, 1))

    def serve_command(self):
        return [
            self.program, "serve", "--config", str(self.config),
            "--listen", f"127.0.0.1:{self.port}", "--admin-listen", f"127.0.0.1:{self.admin_port}",
        ]

    @contextlib.contextmanager
    def serving(self):
        process = Process(self.serve_command(), self.home, f"{self.url}/healthz")
        with process:
            process.start()
            yield
            process.stop()

    def serve_refused(self):
        done = subprocess.run(
            self.serve_command(), capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stderr

    def copy_database(self, name):
        """Copies the database of a server that has ended in order."""
        copy = self.home.parent / name
        shutil.copyfile(self.home / "chancery.db", copy)
        return copy

    def put_database(self, copy):
        for left in self.home.glob("chancery.db-*"):
            left.unlink()
        shutil.copyfile(copy, self.home / "chancery.db")

    def request_certificate(self):
        token = self.issuers.token("email")
        key = ec.generate_private_key(ec.SECP256R1())
        name = jwt.decode(token, options={"verify_signature": False})[KINDS["email"].signs]
        proof = key.sign(name.encode(), ec.ECDSA(hashes.SHA256()))
        spki = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        body = {
            "credentials": {"oidcIdentityToken": token},
            "publicKeyRequest": {
                "publicKey": {"algorithm": "ECDSA", "content": spki.decode()},
                "proofOfPossession": base64.b64encode(proof).decode(),
            },
        }
        return exchange(f"{self.url}/api/v2/signingCert", json.dumps(body).encode())

    def certify(self):
        status, _, body = self.request_certificate()
        check(status == 200, f"no certificate: {status}: {body[:500]!r}")

    def certify_once_again(self):
        """Asks until there is a certificate: a witness that failed is left alone for a while."""
        deadline = time.monotonic() + BACK_AGAIN_S
        while True:
            status, _, body = self.request_certificate()
            if status == 200:
                return
            check(status == 503, f"{status}: {body[:500]!r}")
            check(time.monotonic() < deadline, f"not back after {BACK_AGAIN_S} s: {body[:500]!r}")
            time.sleep(0.1)

    def get(self, path):
        return exchange(f"{self.url}/ct/w{path}")

    def admin(self, path):
        return exchange(f"http://127.0.0.1:{self.admin_port}{path}")[0]

    def checkpoint(self):
        status, _, body = self.get("/checkpoint")
        check(status == 200, f"no checkpoint: {status}: {body[:300]!r}")
        return body.decode()

    def size(self):
        return int(self.checkpoint().split("\n")[1])


def exchange(url, body=None):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, refusal.read()


def verify(ca, witnesses):
    """Verifies each line of the newest checkpoint, and returns its size."""
    text, lines = ca.checkpoint().split("\n\n")
    text += "\n"
    lines = lines.strip("\n").split("\n")
    keys = ca.vkeys[1:] + ca.vkeys[:1] + [witness.vkey for witness in witnesses]
    check(len(lines) == len(keys), f"{len(lines)} lines, {len(keys)} keys: {lines}")
    origin, size, root = text.strip("\n").split("\n")
    check(origin == ca.origin, f"the checkpoint is of {origin}")
    for line, key in zip(lines, keys):
        try:
            verify_line(text, int(size), base64.b64decode(root), line, key)
        except InvalidSignature:
            check(False, f"the line does not verify: {line} by {key}")
    return int(size)


def verify_line(text, size, root, line, vkey):
    name, key_id, key = vkey.split("+", 2)
    dash, line_name, encoded = line.split(" ")
    raw = base64.b64decode(encoded)
    key = base64.b64decode(key)
    check((dash, line_name) == ("—", name), f"{line} is not by {name}")
    check(raw[:4].hex() == key_id, f"{line} is by another key than {key_id}")
    signature = raw[4:]
    if key[0] == 1:
        ed25519.Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature, text.encode())
    elif key[0] == 4:
        (at,) = struct.unpack(">Q", signature[:8])
        check(abs(at - time.time()) < 3600, f"cosigned at {at}")
        message = f"cosignature/v1\ntime {at}\n{text}".encode()
        ed25519.Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[8:], message)
    else:
        check(key[0] == 5, f"a key of type {key[0]}")
        head = b"\x00\x01" + signature[:8] + struct.pack(">Q", size) + root
        check(signature[8:10] == b"\x04\x03", "not ECDSA with SHA-256")
        load_der_public_key(key[1:]).verify(signature[12:], head, ec.ECDSA(hashes.SHA256()))


class Process:
    """A server that is killed and started again."""

    def __init__(self, command, folder, url):
        self.command, self.folder, self.probe = command, folder, url
        self.child = None

    def start(self):
        path = Path(self.folder) / f"{Path(self.command[0]).name}.log"
        with path.open("ab") as log:
            self.child = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until_up(self.child, self.probe, None, path)

    def kill(self, how=signal.SIGKILL):
        if self.child:
            self.child.send_signal(how)
            self.child.wait(timeout=20)
            self.child = None

    def stop(self):
        self.kill(signal.SIGTERM)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class ChanceryWitness(Process):
    """`chancery log witness`."""

    def __init__(self, program, folder, name):
        folder.mkdir()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        own = [
            program, "log", "witness", "--name", name, "--key", str(folder / "key.pem"),
            "--passphrase-file", str(folder / "passphrase"),
        ]
        made = subprocess.run([*own, "--init"], capture_output=True, text=True, check=False)
        check(made.returncode == 0, f"no key for a witness: {made.stderr}")
        self.vkey = made.stdout.strip()
        self.logs = folder / "logs"
        command = [
            *own, "--logs", str(self.logs), "--state", str(folder / "state"),
            "--listen", f"127.0.0.1:{port}",
        ]
        super().__init__(command, folder, self.url)

    def know(self, vkey):
        with self.logs.open("a") as logs:
            logs.write(f"log {vkey}\n")

    def latest(self, origin):
        name = hashlib.sha256(origin.encode()).hexdigest()
        status, _, body = exchange(f"{self.url}/{name}/checkpoint")
        check(status == 200, f"the witness has no checkpoint: {status}")
        return body.decode()


class Litewitness(Process):
    """litewitness, with its key in an agent of ours and its logs in its database."""

    def __init__(self, program, folder, name):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        key = ed25519.Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        key_id = hashlib.sha256(name.encode() + b"\n\x04" + public).digest()[:4].hex()
        encoded = base64.b64encode(b"\x04" + public).decode()
        self.vkey = f"{name}+{key_id}+{encoded}"
        agent = folder / "agent"
        Agent(key, public, agent)
        self.database = folder / "litewitness.db"
        command = [
            program, "-name", name, "-db", str(self.database), "-ssh-agent", str(agent),
            "-key", hashlib.sha256(public).hexdigest(), "-listen", f"127.0.0.1:{port}",
        ]
        super().__init__(command, folder, self.url)
        with contextlib.closing(sqlite3.connect(self.database)) as database, database:
            database.execute(
                "CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, "
                "tree_hash TEXT NOT NULL)"
            )
            database.execute(
                "CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, "
                "FOREIGN KEY(origin) REFERENCES log(origin))"
            )

    def know(self, vkey):
        """Forgets what it knew of a log of that name, and takes up this one."""
        origin = vkey.split("+")[0]
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as database, database:
            database.execute("DELETE FROM key WHERE origin = ?", (origin,))
            database.execute("DELETE FROM log WHERE origin = ?", (origin,))
            database.execute("INSERT INTO log VALUES (?, 0, ?)", (origin, EMPTY_ROOT))
            database.execute("INSERT INTO key VALUES (?, ?)", (origin, vkey))


class Agent:
    """As much of an SSH agent (draft-miller-ssh-agent) as litewitness asks for: one Ed25519 key."""

    def __init__(self, key, public, path):
        self.key = key
        self.blob = text(b"ssh-ed25519") + text(public)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.fspath(path))
        listener.listen()
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    def serve(self, stream):
        with stream, stream.makefile("rb") as reading:
            while len(length := reading.read(4)) == 4:
                message = reading.read(struct.unpack(">I", length)[0])
                stream.sendall(text(self.answer(message)))

    def answer(self, message):
        if message[:1] == b"\x0b":
            return b"\x0c" + struct.pack(">I", 1) + text(self.blob) + text(b"witness")
        if message[:1] == b"\x0d":
            blob, rest = prefixed(message[1:])
            data, _ = prefixed(rest)
            if blob == self.blob:
                signature = text(b"ssh-ed25519") + text(self.key.sign(data))
                return b"\x0e" + text(signature)
        return b"\x05"


def text(content):
    return struct.pack(">I", len(content)) + content


def prefixed(message):
    (length,) = struct.unpack(">I", message[:4])
    return message[4 : 4 + length], message[4 + length :]


main(run)
