"""Types what an instance says to type, word for word, with chancery, cosign and sigstore-python."""

import argparse
import hashlib
import os
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path

from service import Service, check, issuer_of, main

IDENTITY = "dev@chancery.test"
PREDICATE = "https://chancery.test/predicate/v1"
# How CI's jobs begin the lines that their shell gets.
BLOCKS = {"GitHub Actions": "- run: |", "GitLab CI": "- |", "Jenkins": "sh '''"}


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--chancery", required=True)
    parser.add_argument("--cosign", required=True)
    parser.add_argument("--sigstore", required=True)
    arguments = parser.parse_args()
    service = Service(arguments.url)
    shown = Shown()
    shown.feed(service.get("/").decode())
    programs = [Path(arguments.cosign), Path(arguments.sigstore)]
    with tempfile.TemporaryDirectory(prefix="chancery-typed-") as folder:
        own = [Path(arguments.chancery)]
        Reader(service, own, Path(folder), "chancery", shown.texts["chancery"]).sets_up()
    for name in ("cosign", "sigstore-python", *BLOCKS):
        with tempfile.TemporaryDirectory(prefix="chancery-typed-") as folder:
            Reader(service, programs, Path(folder), name, shown.texts[name]).run()


class Shown(HTMLParser):
    """The landing page's text for each client."""

    def __init__(self):
        super().__init__()
        self.texts = {}
        self.element = None
        self.client = None

    def handle_starttag(self, tag, attributes):
        self.element = tag

    def handle_endtag(self, tag):
        self.element = None

    def handle_data(self, data):
        if self.element == "summary":
            self.client = data
        elif self.element == "pre":
            self.texts[self.client] = data


class Reader:
    """Somebody with an empty home who follows the text for one client."""

    def __init__(self, service, programs, folder, client, text):
        self.service = service
        self.folder = folder
        self.client = client
        self.text = text
        self.path = os.pathsep.join([*(str(p.parent) for p in programs), os.environ["PATH"]])

    def run(self):
        (self.folder / "blob").write_bytes(b"a file to sign\n")
        (self.folder / "predicate.json").write_text('{"built": "here"}')
        before = self.service.tree_size()
        self.expect_success("as it says", self.shell(self.script()))
        after = self.service.tree_size()
        check(after == before + 1, f"{self.client}: the log went from {before} to {after} entries")
        check((self.folder / "blob.sigstore.json").is_file(), f"{self.client}: no bundle")
        if self.client == "cosign":
            self.attest()
        self.refuses_another_root()

    def sets_up(self):
        """One line, after which the machine knows what the instance is."""
        self.expect_success("as it says", self.shell(self.script()))
        result = self.shell("chancery client show --format json")
        self.expect_success("client show", result)
        check(f'"url": "{self.service.url}"' in result.stdout, f"chancery: {result.stdout}")
        self.expect_success("forgotten", self.shell("rm -r .config"))
        self.refuses_another_root()

    def script(self):
        """Returns the lines for the shell, with names in the places that are to be filled."""
        lines = self.text.splitlines()
        block = BLOCKS.get(self.client)
        if block:
            [begin] = [n for n, line in enumerate(lines) if line.strip().endswith(block)]
            indent = len(lines[begin + 1]) - len(lines[begin + 1].lstrip())
            lines = [line for line in lines[begin + 1:] if line.startswith(" " * indent)]
        script = "\n".join(lines)
        # The longer name has the shorter one in it.
        for place, name in (("TOKEN-FILE", "token"), ("FILE", "blob"), ("WHO", IDENTITY)):
            script = script.replace(place, name)
        return script

    def attest(self):
        """What was set up once holds for attestations, too."""
        (self.folder / "token").write_text(self.service.token(IDENTITY))
        issuer = issuer_of(self.service.token(IDENTITY))
        self.expect_success("attest-blob, verify-blob-attestation", self.shell(
            f"cosign attest-blob --yes --identity-token token --predicate predicate.json"
            f" --type {PREDICATE} --bundle attestation.sigstore.json blob\n"
            f"cosign verify-blob-attestation --bundle attestation.sigstore.json --type {PREDICATE}"
            f" --certificate-identity {IDENTITY} --certificate-oidc-issuer {issuer} blob"
        ))

    def refuses_another_root(self):
        """Another checksum stops the script before it has a token."""
        script = self.script()
        checksum = hashlib.sha256(self.service.get("/tuf/root.json")).hexdigest()
        check(checksum in script, f"{self.client}: the root's checksum is not in it:\n{script}")
        result = self.shell(script.replace(checksum, "0" * 64))
        check(result.returncode != 0, f"{self.client}: another root was taken:\n{result.stdout}")
        print(f"{self.client}: another checksum: refused")

    def shell(self, script):
        token = self.service.token(IDENTITY)
        (self.folder / "token").write_text(token)
        environment = {"PATH": self.path, "HOME": str(self.folder)}
        if self.client in BLOCKS:
            environment["SIGSTORE_ID_TOKEN"] = token
        return subprocess.run(
            ["sh", "-eu", "-c", script], cwd=self.folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=120, check=False,
        )

    def expect_success(self, what, result):
        check(result.returncode == 0, f"{self.client}: {what}: {result.returncode}:\n{result.stdout}")
        print(f"{self.client}: {what}: ok")


if __name__ == "__main__":
    main(run)
