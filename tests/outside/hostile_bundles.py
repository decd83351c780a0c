"""Gives `chancery verify` bundles that are made to cost much, and measures each refusal.

Every process has to end within 100 ms (the best of five) and 50 MB at its peak, with the exit code
for what does not verify. Prints the table of docs/performance.md.
"""

import argparse
import base64
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from service import Service, check, issuer_of, main

IDENTITY = "dev@chancery.test"
PREDICATE = "https://chancery.test/predicate/v1"
MOST_MS = 100
MOST_MB = 50
RUNS = 5
# Something was judged and refused, or is too large to be read at all.
REFUSED = (4, 1)
MIB = 1 << 20
ATTEST = ("--attest", "predicate.json", "--predicate-type", PREDICATE)

# Runs a command and writes what it took. A process apart, as small as can be: what a child had in
# memory before its program began counts as the child's.
MEASURE = """
import json, os, sys, time
out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
began = time.monotonic()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, file_actions=[
    (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)])
_, status, used = os.wait4(child, 0)
print(json.dumps([time.monotonic() - began, used.ru_maxrss, os.waitstatus_to_exitcode(status)]))
"""


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--chancery", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chancery-hostile-") as name:
        signer = Signer(Service(arguments.url), arguments.chancery, Path(name))
        limit = signer.most_bytes()
        print(f"a bundle has {limit} bytes at most\n")
        print("| bundle | ms | MB | what is said |\n|---|---|---|---|")
        good = [("a good one", dump(signer.blob())), ("a good one of 1 MiB", signer.large(MIB))]
        for what, content in good:
            signer.measure(what, content, expected=(0,))
        failed = []
        for what, content in hostile(signer, limit):
            within = signer.measure(what, content, expected=REFUSED)
            if not within:
                failed.append(what)
        check(not failed, f"beyond {MOST_MS} ms or {MOST_MB} MB: {', '.join(failed)}")


def hostile(signer, limit):
    """Yields what each bundle is, and its bytes. `limit` is where nothing more is read."""
    yield from huge(limit)
    yield from deep(limit)
    yield from many(signer, limit)
    yield from long_members(signer, limit)
    yield from signed(signer, limit)


def huge(limit):
    yield "300 MB, with nothing in it", 300_000_000
    yield "40 MB of base64 in one member", b'{"mediaType":"' + b"QUJD" * 10_000_000 + b'"}'
    yield "as large as is read, blanks", b" " * limit
    yield "as large as is read, its end missing", padded(b'{"mediaType":"', b"A", b"", limit)


def deep(limit):
    nested = b'{"mediaType":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    yield "200,000 levels", nested
    yield "5 million brackets", b"[" * min(5_000_000, limit)
    yield "1 million objects in each other", b'{"a":' * min(1_000_000, limit // 5)


def many(signer, limit):
    """100,000 of each thing that there may be several of."""
    bundle = signer.blob()
    entry = bundle["verificationMaterial"]["tlogEntries"][0]
    proof = entry["inclusionProof"]

    def with_(change):
        made = copy.deepcopy(bundle)
        change(made["verificationMaterial"])
        return dump(made)

    def entries(material, value):
        material["tlogEntries"] = value

    stamps = lambda value: lambda m: m.update(
        timestampVerificationData={"rfc3161Timestamps": value})
    stamp = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]
    head = proof["checkpoint"]["envelope"]
    line = head.split("\n\n")[1]
    yield "100,000 entries, empty", with_(lambda m: entries(m, [{}] * 100_000))
    yield "100,000 entries, good", repeated(bundle, entry, 100_000)[:limit]
    yield "100,000 timestamps, junk", with_(stamps([{"signedTimestamp": "MAA="}] * 100_000))
    many_stamps = [stamp] * ((limit - 10_000) // (len(json.dumps(stamp)) + 2))
    yield f"{len(many_stamps):,} timestamps, good", with_(stamps(many_stamps))
    hashes = [proof["rootHash"]] * 100_000
    yield "100,000 hashes in a proof", with_(
        lambda m: m["tlogEntries"][0]["inclusionProof"].update(hashes=hashes))
    lines = min(100_000, (limit - 10_000) // (len(line.encode()) + 8))
    yield f"a checkpoint with {lines:,} signatures", with_(
        lambda m: m["tlogEntries"][0]["inclusionProof"]["checkpoint"].update(
            envelope=head + line * lines))
    yield "100,000 members of the same name", (
        b"{" + b",".join([b'"mediaType":"a"'] * 100_000) + b"}")
    yield "100,000 members of other names", dump({f"member{n}": n for n in range(100_000)})
    attested = signer.attestation(64)
    attested["dsseEnvelope"]["signatures"] *= 100_000
    yield "100,000 signatures of an envelope", dump(attested)


def long_members(signer, limit):
    """One member as long as the file may be."""
    bundle = signer.blob()
    places = {
        "the certificate": ("verificationMaterial", "certificate", "rawBytes"),
        "the mediaType": ("mediaType",),
        "the signature": ("messageSignature", "signature"),
        "the name of the hash": ("messageSignature", "messageDigest", "algorithm"),
        "an entry's kind": ("verificationMaterial", "tlogEntries", 0, "kindVersion", "kind"),
        "an entry's body": ("verificationMaterial", "tlogEntries", 0, "canonicalizedBody"),
        "a checkpoint": (
            "verificationMaterial", "tlogEntries", 0, "inclusionProof", "checkpoint", "envelope"),
        "a timestamp": (
            "verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", 0,
            "signedTimestamp"),
    }
    for what, path in places.items():
        yield f"{what}, as long as is read", filled(bundle, path, b"A", limit)
    yield "a checkpoint, escaped", filled(bundle, places["a checkpoint"], b"\\u0041", limit)
    number = dump(bundle).replace(b'"logIndex": "', b'"logIndex": "@', 1)
    yield "an entry's place, of millions of digits", around(number, b"1", limit)
    yield "a member that is not known", padded(b'{"', b"a", b'":1}', limit)
    yield "a member that is not known, escaped", padded(b'{"', b"\\u0061", b'":1}', limit)
    attested = signer.attestation(64)
    payload = ("dsseEnvelope", "payload")
    yield "a payload, as long as is read", filled(attested, payload, b"QUJD", limit)
    yield "a payload, escaped", filled(attested, payload, b"\\u0041", limit)
    of_type = ("dsseEnvelope", "payloadType")
    yield "a payload's type, as long as is read", filled(attested, of_type, b"a", limit)


def signed(signer, limit):
    """What the instance has signed, so that every check is reached; another signer is wanted."""
    large = signer.attestation(signer.most_attested(limit))
    yield "a statement as large as is read", dump(large)
    half = signer.attestation(signer.most_attested(limit - 32 * 7_000))
    entry = half["verificationMaterial"]["tlogEntries"][0]
    yield "the same, its entry 32 times", repeated(half, entry, 32)
    small = signer.blob()
    entry = copy.deepcopy(small["verificationMaterial"]["tlogEntries"][0])
    yield "an entry 32 times", repeated(small, entry, 32)
    checkpoint = entry["inclusionProof"]["checkpoint"]
    text, lines = checkpoint["envelope"].split("\n\n")
    line = lines.split("\n")[0]
    name, signature = line.rsplit(" ", 1)
    raw = bytearray(base64.b64decode(signature))
    raw[20] ^= 1
    wrong = f"{name} {base64.b64encode(raw).decode()}\n"
    for number in (7, 99):
        checkpoint["envelope"] = f"{text}\n\n{wrong * number}{line}\n"
        what = f"an entry 32 times, {number} wrong signatures before each good one"
        yield what, repeated(small, entry, 32)
    material = small["verificationMaterial"]["timestampVerificationData"]
    material["rfc3161Timestamps"] *= 32
    yield "a timestamp 32 times", dump(small)


class Signer:
    """Signs with the instance, and lets bundles be verified."""

    def __init__(self, service, program, folder):
        self.service = service
        self.program = program
        self.folder = folder
        self.issuer = issuer_of(service.token(IDENTITY))
        for name in ("trusted_root.json", "signing_config.v0.2.json"):
            (folder / name).write_bytes(service.get(f"/{name}"))
        (folder / "blob").write_bytes(b"a file to sign\n")
        # The ledger's first entry has the place 0, and a proof without hashes.
        self.sign()

    def sign(self, *more):
        made = self.try_to_sign(*more)
        check(made.returncode == 0, f"chancery sign {more}: {made.stdout}")
        return json.loads((self.folder / "signed.json").read_bytes())

    def try_to_sign(self, *more):
        (self.folder / "token").write_text(self.service.token(IDENTITY))
        return subprocess.run(
            [self.program, "sign", "--identity-token", "token", "--trusted-root",
             "trusted_root.json", "--signing-config", "signing_config.v0.2.json", "--bundle",
             "signed.json", "--overwrite", *more, "blob"],
            cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )

    def blob(self):
        return self.sign()

    def attestation(self, size):
        """Returns an attestation whose statement has so many bytes at most, and hardly less."""
        predicate = json.dumps({"filling": "a" * max(0, size - 400)})
        (self.folder / "predicate.json").write_text(predicate)
        return self.sign(*ATTEST)

    def most_attested(self, space):
        """Returns the bytes of the largest statement that is signed and fits into a bundle."""
        (self.folder / "predicate.json").write_bytes(b" " * (15 * MIB))
        said = self.try_to_sign(*ATTEST).stdout
        found = re.search(r"(?:at most|more than) (\d+)", said)
        check(found, f"it does not say how much is attested: {said}")
        return min(int(found[1]), (space - 20_000) * 3 // 4)

    def large(self, size):
        return dump(self.attestation(size))

    def most_bytes(self):
        """Returns how many bytes of a bundle are read, as the program says it."""
        said = self.verify(300_000_000, IDENTITY)[3]
        found = re.search(r"(?:at most|more than) (\d+)", said)
        check(found, f"it does not say how much is read: {said}")
        return int(found[1])

    def measure(self, what, content, expected):
        """Prints a line of the table; returns whether a refusal was cheap enough."""
        who = IDENTITY if expected == (0,) else "somebody@else.test"
        runs = [self.verify(content, who) for _ in range(RUNS)]
        code, said = runs[0][2:]
        check(code in expected, f"{what}: exit code {code}:\n{said[:1000]}")
        check(len(said) < 2000, f"{what}: {len(said)} characters are said")
        milliseconds = min(run[0] for run in runs) * 1000
        megabytes = max(run[1] for run in runs) / 1000
        said = said.splitlines()[0].removeprefix("blob: ")[:110].replace("|", "\\|")
        print(f"| {what} | {milliseconds:.0f} | {megabytes:.0f} | {said} |", flush=True)
        return milliseconds <= MOST_MS and megabytes <= MOST_MB

    def verify(self, content, who):
        """Returns seconds, kilobytes, exit code and what was said."""
        bundle = self.folder / "hostile.json"
        if isinstance(content, int):
            bundle.write_bytes(b"")
            os.truncate(bundle, content)
        else:
            bundle.write_bytes(content)
        command = [
            self.program, "verify", "--trusted-root", "trusted_root.json", "--bundle",
            "hostile.json", "--identity", who, "--issuer", self.issuer, "--format", "text", "blob",
        ]
        measured = subprocess.run(
            [sys.executable, "-I", "-S", "-c", MEASURE, "said", *command], cwd=self.folder,
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            timeout=120, check=True,
        )
        said = (self.folder / "said").read_text(errors="replace")
        return *json.loads(measured.stdout), said

    def environment(self):
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder)}


def dump(bundle):
    return json.dumps(bundle).encode()


def repeated(bundle, entry, times):
    """Returns a bundle with an entry so many times."""
    made = copy.deepcopy(bundle)
    made["verificationMaterial"]["tlogEntries"] = [entry] * times
    return dump(made)


def filled(bundle, path, filling, limit):
    """Returns a bundle in which one member is as long as the file may be."""
    made = copy.deepcopy(bundle)
    *parents, last = path
    place = made
    for name in parents:
        place = place[name]
    place[last] = "@"
    return around(dump(made), filling, limit)


def around(text, filling, limit):
    before, after = text.split(b"@", 1) if text.count(b"@") == 1 else text.rsplit(b"@", 1)
    return padded(before, filling, after, limit)


def padded(before, filling, after, limit):
    return before + filling * ((limit - len(before) - len(after)) // len(filling)) + after


if __name__ == "__main__":
    main(run)
