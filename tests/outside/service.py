"""What a stranger knows of a Chancery: its URL, its public documents and its development issuer.

Standard library only, and nothing of the project's own code.
"""

import base64
import http.client
import json
import sys
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit


class Failure(Exception):
    """A check that did not hold."""


def check(holds, what):
    """Fails the run, saying what did not hold."""
    if not holds:
        raise Failure(what)


def main(run):
    """Runs a script, and turns a failed check into one line and exit code 1."""
    try:
        run()
    except Failure as failure:
        sys.exit(f"FAILED: {failure}")


@dataclass
class LogDescription:
    """The issuance log as trusted_root.json names it."""

    base_url: str
    path: str
    origin: str
    log_id: bytes
    spki: bytes


class Service:
    """A client of one service over one kept-alive connection."""

    def __init__(self, url):
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)

    def request(self, method, path, body=None, headers=None):
        """Returns status and body of one exchange."""
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def get(self, path):
        """Returns what is at a path; anything but 200 is a failure."""
        status, body = self.request("GET", path)
        check(status == 200, f"GET {path} answered {status}: {body[:300]!r}")
        return body

    def get_json(self, path):
        """Returns the JSON document at a path."""
        return json.loads(self.get(path))

    def token(self, email):
        """Returns an identity token of the development issuer."""
        form = urlencode({"grant_type": "urn:chancery:dev-identity", "email": email})
        status, body = self.request(
            "POST",
            "/dev-oidc/token",
            form,
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        check(status == 200, f"the development issuer answered {status}: {body[:300]!r}")
        return json.loads(body)["id_token"]

    def issuance_log(self):
        """Returns the one log that trusted_root.json names."""
        logs = self.get_json("/trusted_root.json")["ctlogs"]
        check(len(logs) == 1, f"trusted_root.json names {len(logs)} CT logs instead of one")
        parts = urlsplit(logs[0]["baseUrl"])
        return LogDescription(
            base_url=logs[0]["baseUrl"],
            path=parts.path.rstrip("/"),
            origin=parts.hostname + parts.path.rstrip("/"),
            log_id=base64.b64decode(logs[0]["logId"]["keyId"]),
            spki=base64.b64decode(logs[0]["publicKey"]["rawBytes"]),
        )

    def tree_size(self):
        """Returns the size that the log's published checkpoint gives."""
        checkpoint = self.get(self.issuance_log().path + "/checkpoint").decode()
        return int(checkpoint.split("\n")[1])


def issuer_of(token):
    """Returns the issuer that a token names, unverified."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims["iss"]
