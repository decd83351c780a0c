"""Begins a new log while clients go on asking for certificates, and sees that none notices.

Clients of both logs are judged by one trusted root, which is fetched before the new log begins. When
all is done, the old log is read once more by a process that has no key of it.
"""

import argparse
import base64
import contextlib
import datetime
import json
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import static_ct
from cosign import Flow
from processes import free_port, running
from service import Service, check, issuer_of, main

CLIENTS = 4
# What `log new` wants at least is 30 s.
NOTICE_S = 32
# The old log is retired a minute after its end.
FREEZE_TIMEOUT_S = 120
# Of each log, so many certificates are held against its tiles; of all, the receipt is verified.
INCLUDED = 50
BEFORE, AFTER = "dev", "next"


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chancery", required=True)
    parser.add_argument("--cosign", required=True)
    parser.add_argument("--database", help="PostgreSQL, for two processes on it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chancery-rotation-") as folder:
        Rotation(arguments, Path(folder)).run()


class Rotation:
    def __init__(self, arguments, folder):
        self.chancery = arguments.chancery
        self.program = arguments.cosign
        self.database = arguments.database
        self.folder = folder
        self.data = folder / "instance"
        self.ports = [free_port() for _ in range(2 if self.database else 1)]
        self.url = url(self.ports[0])

    def run(self):
        with self.serving():
            service = Service(self.url)
            self.describe_instance()
            before = self.signed(service, "before")
            with Load([url(port) for port in self.ports]) as load:
                self.log_new()
                root = self.root_of_both(service)
                begins = window(root, AFTER)[0]
                check(time.time() < begins, "the trusted root came after the new log's beginning")
                wait_for("entries in the new log", NOTICE_S + 20, lambda: size_of(service, AFTER) > 20)
                wait_for(
                    "the old log to be frozen", FREEZE_TIMEOUT_S,
                    lambda: self.all_say("the log is frozen"),
                )
            # The server closes a connection that is idle for as long as this took.
            service = Service(self.url)
            after = self.signed(service, "after")
            load.report()
            self.verify_certificates(root, load.chains)
            self.verify_signatures(root, before, after)
            service = Service(self.url)
            last = service.get(f"/ct/{BEFORE}/checkpoint")
            check(last == service.get(f"/ct/{BEFORE}/checkpoint"), "the final checkpoint changes")
        self.without_the_old_key(last, root)

    @contextlib.contextmanager
    def serving(self):
        """Runs one process, or two on one database, whose logs are in folders of their own."""
        with contextlib.ExitStack() as processes:
            for port in self.ports:
                command = [
                    self.chancery, "dev", "--listen", f"127.0.0.1:{port}", "--data", str(self.data),
                ]
                if self.database:
                    command += ["--database", self.database]
                folder = self.folder / str(port)
                folder.mkdir(exist_ok=True)
                processes.enter_context(running(command, folder, f"{url(port)}/healthz"))
            yield

    def all_say(self, words):
        logs = [self.folder / str(port) / "chancery.log" for port in self.ports]
        return all(words in log.read_text(errors="replace") for log in logs)

    def describe_instance(self):
        """A development instance has no configuration file, which `log new` needs."""
        (self.data / "chancery.yaml").write_text(
            f"url: {self.url}\norganization: test\nidentity-config: identity.yaml\n"
            f"database: {self.database or 'sqlite:chancery.db'}\n"
            "passphrase-file: secrets/passphrase\n"
            "ca: {chain: ca/chain.pem, key: ca/issuing.key.pem}\n"
            f"log: {{name: {BEFORE}, origin: localhost/ct/{BEFORE}, key: log/log.key.pem,"
            " witness-key: log/witness.key.pem, read: open}\n"
            "guard: {file: guard}\n"
        )

    def log_new(self):
        """Beside the running server, on its own SQLite file."""
        result = subprocess.run(
            [self.chancery, "log", "new", "--name", AFTER, "--in", f"{NOTICE_S}s"],
            cwd=self.data, capture_output=True, text=True, timeout=30, check=False,
        )
        check(result.returncode == 0, f"log new ended with {result.returncode}: {result.stderr}")

    def root_of_both(self, service):
        """Returns the trusted root once it lists the new log."""
        found = []

        def lists_both():
            found[:] = [service.get_json("/trusted_root.json")]
            return len(found[0]["ctlogs"]) == 2

        wait_for("the new log in the trusted root", 10, lists_both)
        ends, begins = window(found[0], BEFORE)[1], window(found[0], AFTER)[0]
        check(ends == begins, f"the old log ends at {ends}, the new one begins at {begins}")
        return found[0]

    def signed(self, service, name):
        """Signs a file with cosign, and returns what verifies it."""
        folder = self.folder / name
        folder.mkdir()
        flow = Flow(service, self.program, folder)
        token = service.token("dev@chancery.test")
        flow.issuer = issuer_of(token)
        flow.write("signing_config.json", service.get("/signing_config.v0.2.json"))
        flow.write("trusted_root.json", service.get("/trusted_root.json"))
        flow.write("blob", f"signed {name} the rotation\n".encode())
        flow.expect_success(f"sign-blob {name} the rotation", flow.sign(token))
        return flow

    def verify_signatures(self, root, before, after):
        for flow, name in ((before, BEFORE), (after, AFTER)):
            flow.write("trusted_root.json", json.dumps(root).encode())
            flow.expect_success("verify-blob with the one trusted root", flow.verify())
            flow.write("early.json", json.dumps(with_end_before(root, name)).encode())
            flow.expect_refusal("a receipt outside its log's window", flow.verify(root="early.json"))

    def verify_certificates(self, root, chains):
        logs = {}
        for described in root["ctlogs"]:
            name = urlsplit(described["baseUrl"]).path.rsplit("/", 1)[1]
            spki = base64.b64decode(described["publicKey"]["rawBytes"])
            fetch = lambda path, name=name: Service(self.url).get(f"/ct/{name}/{path}")
            log = static_ct.Log(fetch, f"localhost/ct/{name}", spki)
            log_id = base64.b64decode(described["logId"]["keyId"])
            logs[log_id] = Judged(name, log, log.checkpoint(), window(root, name))
        received = []
        for chain in chains:
            certificate, issuer, *_ = static_ct.load_certificates(chain)
            received.append((static_ct.embedded_sct(certificate), certificate, issuer))
        for sct, certificate, issuer in sorted(received, key=lambda one: one[0].leaf_index):
            check(sct.log_id in logs, "a certificate has a receipt of an unknown log")
            logs[sct.log_id].judge(sct, certificate, issuer)
        for judged in logs.values():
            judged.report()

    def without_the_old_key(self, last, root):
        for name in ("log.key.pem", "witness.key.pem"):
            (self.data / "log" / name).unlink()
        with self.serving():
            service = Service(self.url)
            check(service.get(f"/ct/{BEFORE}/checkpoint") == last, "the final checkpoint changed")
            check(service.get_json("/trusted_root.json") == root, "the trusted root changed")
            with Load([self.url]) as load:
                wait_for("a certificate", 10, lambda: load.chains)
            load.report()
            self.verify_certificates(root, load.chains)
        print("the old log is served as it was, without its key")


@dataclass
class Judged:
    """A log, and the certificates whose receipts are its own."""

    name: str
    log: static_ct.Log
    checkpoint: static_ct.Checkpoint
    window: tuple
    indices: set = field(default_factory=set)
    included: int = 0

    def judge(self, sct, certificate, issuer):
        begins, ends = self.window
        seconds = sct.timestamp / 1000
        inside = begins <= seconds and (ends is None or seconds < ends)
        check(inside, f"a receipt of {self.name} at {seconds} is outside of {self.window}")
        check(sct.leaf_index not in self.indices, f"two receipts for entry {sct.leaf_index}")
        self.indices.add(sct.leaf_index)
        entry = self.log.entry(sct.leaf_index, self.checkpoint.size)
        static_ct.verify_entry_is_of(entry, certificate, issuer)
        self.log.verify_sct(sct, entry)
        if self.included < INCLUDED:
            self.included += 1
            self.log.verify_inclusion(sct.leaf_index, entry, self.checkpoint)

    def report(self):
        print(
            f"log {self.name}: {self.checkpoint.size} entries; the receipts of "
            f"{len(self.indices)} certificates verified, {self.included} with a proof of inclusion"
        )


class Load:
    """Clients that ask for one certificate after another, and count what they are told."""

    def __init__(self, urls):
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.chains, self.retried, self.failed = [], 0, []
        self.threads = [
            threading.Thread(target=self.work, args=(number, urls[number % len(urls)]))
            for number in range(CLIENTS)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def work(self, number, url):
        try:
            service = Service(url)
            email = f"load{number}@chancery.test"
            body = request(service.token(email), email)
            while not self.stop.is_set():
                self.ask(service, body)
        except Exception as error:
            with self.lock:
                self.failed.append(repr(error))

    def ask(self, service, body):
        headers = {"Content-Type": "application/json"}
        service._connection.request("POST", "/api/v2/signingCert", body, headers)
        answer = service._connection.getresponse()
        text = answer.read()
        with self.lock:
            if answer.status == 200:
                (certificate,) = json.loads(text).values()
                self.chains.append(certificate["chain"]["certificates"])
            elif answer.status == 503 and answer.getheader("Retry-After"):
                self.retried += 1
            else:
                self.failed.append(f"{answer.status}: {text[:200]!r}")

    def report(self):
        print(
            f"{len(self.chains)} certificates, {self.retried} times 503 with Retry-After, "
            f"{len(self.failed)} failures"
        )
        check(not self.failed, f"requests failed: {self.failed[:3]}")


def url(port):
    return f"http://localhost:{port}"


def request(token, email):
    key = ec.generate_private_key(ec.SECP256R1())
    proof = key.sign(email.encode(), ec.ECDSA(hashes.SHA256()))
    spki = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = {
        "credentials": {"oidcIdentityToken": token},
        "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": spki.decode()},
            "proofOfPossession": base64.b64encode(proof).decode(),
        },
    }
    return json.dumps(body)


def size_of(service, name):
    status, body = service.request("GET", f"/ct/{name}/checkpoint")
    return int(body.decode().split("\n")[1]) if status == 200 else 0


def window(root, name):
    """Returns when a log begins and ends by a trusted root, in seconds; None for no end."""
    (log,) = [log for log in root["ctlogs"] if log["baseUrl"].endswith(f"/ct/{name}")]
    valid_for = log["publicKey"]["validFor"]
    seconds = lambda text: datetime.datetime.fromisoformat(text).timestamp()
    return seconds(valid_for["start"]), seconds(valid_for["end"]) if "end" in valid_for else None


def with_end_before(root, name):
    """Returns the trusted root with one log's window moved to before anything was signed."""
    root = json.loads(json.dumps(root))
    for log in root["ctlogs"]:
        if log["baseUrl"].endswith(f"/ct/{name}"):
            log["publicKey"]["validFor"] = {
                "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z",
            }
    return root


def wait_for(what, timeout_s, holds):
    deadline = time.monotonic() + timeout_s
    while not holds():
        check(time.monotonic() < deadline, f"waited {timeout_s} s in vain for {what}")
        time.sleep(0.2)


if __name__ == "__main__":
    main(run)
