"""A reader of static-ct logs, from the specifications alone: c2sp.org/static-ct-api, RFC 6962.

Needs `cryptography` for signatures and X.509; shares no code with the project.
"""

import base64
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.x509.oid import ExtensionOID

from service import check

TILE_WIDTH = 256


@dataclass
class Checkpoint:
    size: int
    root: bytes
    timestamp: int


@dataclass
class Sct:
    log_id: bytes
    timestamp: int
    extensions: bytes
    signature: bytes
    leaf_index: int


@dataclass
class Entry:
    """An entry of a data tile; for a precertificate, which is what a CA logs, `tbs` is its TBS."""

    timestamped_entry: bytes
    timestamp: int
    issuer_key_hash: bytes
    tbs: bytes
    extensions: bytes
    fingerprints: list

    def leaf_hash(self):
        return sha256(b"\x00\x00\x00" + self.timestamped_entry)


class Reader:
    """Takes numbers and length-prefixed strings off the front of a byte string."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, length):
        taken = self.data[self.at : self.at + length]
        check(len(taken) == length, "a structure is cut short")
        self.at += length
        return taken

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def prefixed(self, length):
        return self.take(self.number(length))

    def ended(self):
        return self.at == len(self.data)


class Log:
    """A log whose files `fetch` returns by path; its checkpoint must be signed by the key."""

    def __init__(self, fetch, origin, spki):
        self.fetch = fetch
        self.origin = origin
        self.log_id = sha256(spki)
        self.key = load_der_public_key(spki)
        # The data tile that was read last: neighbours are asked for one after another.
        self._tile_read = (None, [])

    def checkpoint(self):
        """Fetches the checkpoint and verifies its RFC 6962 note signature."""
        text, separator, signatures = self.fetch("checkpoint").decode().partition("\n\n")
        check(separator, "the checkpoint has no signature part")
        lines = text.split("\n")
        check(len(lines) == 3, f"the checkpoint has {len(lines)} lines instead of 3")
        check(lines[0] == self.origin, f"the checkpoint's origin is {lines[0]}, not {self.origin}")
        size, root = int(lines[1]), base64.b64decode(lines[2], validate=True)
        key_id = sha256(self.origin.encode() + b"\n\x05" + self.log_id)[:4]
        for line in signatures.splitlines():
            name, encoded = line.removeprefix("\u2014 ").split(" ")
            signature = base64.b64decode(encoded, validate=True)
            if name == self.origin and signature[:4] == key_id:
                return Checkpoint(size, root, self._verify_head(size, root, signature[4:]))
        check(False, "the checkpoint bears no signature by the log's key")

    def _verify_head(self, size, root, signature):
        reader = Reader(signature)
        timestamp = reader.number(8)
        signed = b"\x00\x01" + timestamp.to_bytes(8, "big") + size.to_bytes(8, "big") + root
        self._verify_digitally_signed(reader, signed, "checkpoint")
        return timestamp

    def verify_sct(self, sct, entry):
        """Verifies an SCT over an entry."""
        check(sct.log_id == self.log_id, "the SCT is by another log")
        check(sct.timestamp == entry.timestamp, "the SCT and its entry differ in time")
        check(sct.extensions == entry.extensions, "the SCT and its entry differ in extensions")
        signed = b"\x00\x00" + entry.timestamped_entry
        self._verify_digitally_signed(Reader(sct.signature), signed, "SCT")

    def _verify_digitally_signed(self, reader, signed, what):
        check(reader.take(2) == b"\x04\x03", f"the {what} is not signed with SHA-256 and ECDSA")
        signature = reader.prefixed(2)
        check(reader.ended(), f"bytes follow the {what}'s signature")
        try:
            self.key.verify(signature, signed, ec.ECDSA(SHA256()))
        except InvalidSignature:
            check(False, f"the {what}'s signature is wrong")

    def entry(self, index, size):
        """Fetches an entry from the data tile that a log of that size has."""
        tile = index // TILE_WIDTH
        path = tile_path("data", tile, size)
        if self._tile_read[0] != path:
            reader = Reader(self.fetch(path))
            entries = []
            while not reader.ended():
                entries.append(read_entry(reader))
            check(len(entries) == tile_width(0, tile, size), "the data tile has another width")
            self._tile_read = (path, entries)
        return self._tile_read[1][index % TILE_WIDTH]

    def verify_inclusion(self, index, entry, checkpoint):
        """Verifies that an entry is in the tree, by a proof made from hash tiles."""
        tiles = {}
        proof = self._proof(index, 0, checkpoint.size, checkpoint.size, tiles)
        hash_ = entry.leaf_hash()
        for sibling_is_left, sibling in proof:
            hash_ = node(sibling, hash_) if sibling_is_left else node(hash_, sibling)
        check(hash_ == checkpoint.root, f"the checkpoint's tree does not hold entry {index}")

    def root(self, count, size):
        """Returns the root of the first `count` leaves, from the tiles of a log of that size."""
        return self._subtree(0, count, size, {})

    def _proof(self, index, start, end, size, tiles):
        """Siblings on the way from a leaf up to the root of leaves [start, end)."""
        if end - start == 1:
            return []
        split = start + largest_power_below(end - start)
        if index < split:
            sibling = (False, self._subtree(split, end, size, tiles))
            return [*self._proof(index, start, split, size, tiles), sibling]
        sibling = (True, self._subtree(start, split, size, tiles))
        return [*self._proof(index, split, end, size, tiles), sibling]

    def _subtree(self, start, end, size, tiles):
        """The hash of leaves [start, end), read from a tile if they fill a subtree."""
        width = end - start
        level, whole = tile_level(width)
        if whole and start % width == 0:
            place = start // width
            return self._tile(level, place // TILE_WIDTH, size, tiles)[place % TILE_WIDTH]
        split = start + largest_power_below(width)
        left = self._subtree(start, split, size, tiles)
        return node(left, self._subtree(split, end, size, tiles))

    def _tile(self, level, index, size, tiles):
        if (level, index) not in tiles:
            content = self.fetch(tile_path(level, index, size))
            width = tile_width(level, index, size)
            check(len(content) == 32 * width, f"tile {level}/{index} has another width")
            tiles[level, index] = [content[i : i + 32] for i in range(0, len(content), 32)]
        return tiles[level, index]


def read_entry(reader):
    """Reads one TileLeaf."""
    start = reader.at
    timestamp = reader.number(8)
    is_precertificate = reader.number(2) == 1
    issuer_key_hash = reader.take(32) if is_precertificate else b""
    tbs = reader.prefixed(3)
    extensions = reader.prefixed(2)
    timestamped_entry = reader.data[start : reader.at]
    if is_precertificate:
        reader.prefixed(3)  # the precertificate itself; not hashed
    chain = reader.prefixed(2)
    fingerprints = [chain[i : i + 32] for i in range(0, len(chain), 32)]
    return Entry(timestamped_entry, timestamp, issuer_key_hash, tbs, extensions, fingerprints)


def embedded_sct(certificate):
    """Returns the one SCT of a certificate, with the index that its extension names."""
    oid = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
    octets = certificate.extensions.get_extension_for_oid(oid).value.public_bytes()
    check(octets[0] == 0x04, "the SCT list is not an OCTET STRING")
    scts = Reader(der_content(octets))
    one = Reader(Reader(scts.prefixed(2)).prefixed(2))
    check(scts.ended(), "bytes follow the SCT list")
    check(one.number(1) == 0, "the SCT is not of version 1")
    log_id, timestamp, extensions = one.take(32), one.number(8), one.prefixed(2)
    check(extensions[:3] == b"\x00\x00\x05" and len(extensions) == 8, "the SCT names no leaf index")
    leaf_index = int.from_bytes(extensions[3:], "big")
    return Sct(log_id, timestamp, extensions, one.take(len(one.data) - one.at), leaf_index)


def verify_entry_is_of(entry, certificate, issuer):
    """Verifies that an entry is what a certificate was before its SCT list."""
    check(entry.tbs == certificate.tbs_precertificate_bytes, "the log holds another certificate")
    spki = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    check(entry.issuer_key_hash == sha256(spki), "the entry names another issuer key")


def load_certificates(pems):
    """Loads a chain of PEM certificates and verifies each link."""
    chain = [x509.load_pem_x509_certificate(pem.encode()) for pem in pems]
    for certificate, issuer in zip(chain, chain[1:] + chain[-1:]):
        certificate.verify_directly_issued_by(issuer)
    return chain


def der_content(encoded):
    """Returns the content of one DER value."""
    length, start = encoded[1], 2
    if length >= 0x80:
        start += length - 0x80
        length = int.from_bytes(encoded[2:start], "big")
    check(len(encoded) == start + length, "a DER value has another length")
    return encoded[start:]


def tile_path(level, index, size):
    """Returns the path of a hash tile, or with `data` for its level of a data tile."""
    width = tile_width(0 if level == "data" else level, index, size)
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    partial = f".p/{width}" if width < TILE_WIDTH else ""
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def tile_width(level, index, size):
    hashes = size // TILE_WIDTH**level
    return min(TILE_WIDTH, hashes - index * TILE_WIDTH)


def tile_level(width):
    """The tile level at which one hash covers that many leaves, if there is one."""
    level = 0
    while width > 1 and width % TILE_WIDTH == 0:
        width //= TILE_WIDTH
        level += 1
    return level, width == 1


def largest_power_below(n):
    return 1 << (n - 1).bit_length() - 1


def node(left, right):
    return sha256(b"\x01" + left + right)


def sha256(data):
    return hashlib.sha256(data).digest()
