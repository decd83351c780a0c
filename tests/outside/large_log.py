"""Fills the empty log of a stopped instance on SQLite with small entries, for trials of size.

The entries are x509_entry structures of a few bytes, which no CA has signed: they hash, export, mirror
and prune as any others do. Standard library only; about a million entries take half a minute.
"""

import argparse
import hashlib
import sqlite3
import struct
import time
from contextlib import closing

from service import check, main

WIDTH = 256


def leaf(index, time_ms, fingerprint):
    """Returns an entry as a data tile has it, and its hash (RFC 6962, static-ct-api)."""
    certificate = b"\x30\x82 entry %d" % index
    stamped = struct.pack(">QH", time_ms, 0) + len(certificate).to_bytes(3) + certificate
    stamped += b"\0\x08\0\0\x05" + index.to_bytes(5)
    digest = hashlib.sha256(b"\0\0\0" + stamped).digest()
    return stamped + b"\0\x20" + fingerprint, digest


def root(hashes):
    """Returns the root over hashes of complete subtrees of one size; their number is arbitrary."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(hashes[:split]) + root(hashes[split:])).digest()


class Tiles:
    """The hash tiles of a growing tree."""

    def __init__(self, database, log):
        self.database, self.log = database, log
        self.levels = []

    def add(self, level, digest):
        """Appends a hash to a level, and to the one above when a tile is full."""
        if level == len(self.levels):
            self.levels.append([0, []])
        entry = self.levels[level]
        entry[1].append(digest)
        if len(entry[1]) == WIDTH:
            self.write(level)
            self.add(level + 1, root(entry[1]))
            entry[0], entry[1] = entry[0] + 1, []

    def write(self, level):
        index, hashes = self.levels[level]
        insert = "INSERT INTO log_tile (log, level, tile_index, hashes) VALUES (?, ?, ?, ?)"
        self.database.execute(insert, (self.log, level, index, b"".join(hashes)))

    def finish(self):
        """Writes the partial tiles and returns the root."""
        peaks = None
        for level, (_, hashes) in enumerate(self.levels):
            if hashes:
                self.write(level)
            # Each level's hashes are of smaller subtrees than the next one's: they stand right of it.
            right, rest = peaks, list(hashes)
            sizes = [1 << bit for bit in range(8) if len(rest) >> bit & 1]
            for size in sizes:
                part, rest = root(rest[-size:]), rest[:-size]
                right = part if right is None else hashlib.sha256(b"\1" + part + right).digest()
            peaks = right
        return peaks


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--entries", type=int, required=True)
    arguments = parser.parse_args()
    began = time.time()
    time_ms = int(began * 1000) - 3_600_000
    uri = f"file:{arguments.database}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True)) as database:
        log, size = database.execute("SELECT log, tree_size FROM log_head").fetchone()
        check(size == 0, f"the log has {size} entries already")
        (fingerprint,) = database.execute("SELECT fingerprint FROM log_issuer LIMIT 1").fetchone()
        tiles = Tiles(database, log)
        insert = "INSERT INTO log_entry (log, leaf_index, tile_leaf) VALUES (?, ?, ?)"
        for first in range(0, arguments.entries, 65_536):
            rows = []
            for index in range(first, min(first + 65_536, arguments.entries)):
                tile_leaf, digest = leaf(index, time_ms, fingerprint)
                rows.append((log, index, tile_leaf))
                tiles.add(0, digest)
            database.executemany(insert, rows)
            database.commit()
        update = "UPDATE log_head SET tree_size = ?, root_hash = ?, timestamp_ms = ? WHERE log = ?"
        database.execute(update, (arguments.entries, tiles.finish(), time_ms, log))
        database.commit()
    print(f"{arguments.entries} entries after {time.time() - began:.0f} s")


main(run)
