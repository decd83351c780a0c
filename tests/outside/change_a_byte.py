"""Turns one bit of an entry in the middle of a log, in the SQLite database of a stopped service."""

import argparse
import sqlite3
from contextlib import closing

from service import check, main


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--leaf-index", type=int, required=True)
    parser.add_argument("--offset", type=int, required=True)
    arguments = parser.parse_args()
    where = (arguments.leaf_index,)
    # A URI, so that a wrong path fails instead of making an empty database.
    uri = f"file:{arguments.database}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True)) as database, database:
        select = "SELECT tile_leaf FROM log_entry WHERE leaf_index = ?"
        rows = database.execute(select, where).fetchall()
        check(len(rows) == 1, f"{len(rows)} entries have index {arguments.leaf_index}")
        leaf = bytearray(rows[0][0])
        leaf[arguments.offset] ^= 1
        update = "UPDATE log_entry SET tile_leaf = ? WHERE leaf_index = ?"
        database.execute(update, (bytes(leaf), *where))


main(run)
