"""python-tuf, the reference implementation, takes the repository that a Chancery serves."""

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

from service import Service, check, main
from tuf.api.exceptions import RepositoryError
from tuf.ngclient import Updater

DOCUMENTS = ("trusted_root.json", "signing_config.v0.2.json", "client_trust_config.json")


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    service = Service(parser.parse_args().url)
    root = service.get("/tuf/root.json")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        updater = update(service, folder / "good", root)
        for document in DOCUMENTS:
            info = updater.get_targetinfo(document)
            content = Path(updater.download_target(info)).read_bytes()
            check(content == service.get(f"/{document}"), f"{document} is not what is signed")
            digest = hashlib.sha256(content).hexdigest()
            check(list(info.hashes.items()) == [("sha256", digest)], f"{document}: {info.hashes}")
        refuse_others(service, folder / "bad", root)
    print("python-tuf: the repository verifies, and does not from another root")


def update(service, folder, root):
    folder.mkdir()
    updater = Updater(
        metadata_dir=str(folder),
        metadata_base_url=f"{service.url}/tuf/",
        target_base_url=f"{service.url}/tuf/targets/",
        target_dir=str(folder),
        bootstrap=root,
    )
    updater.refresh()
    return updater


def refuse_others(service, folder, root):
    """A root that says anything else is signed by nobody."""
    other = json.loads(root)
    other["signed"]["expires"] = "2099-01-01T00:00:00Z"
    try:
        update(service, folder, json.dumps(other).encode())
    except RepositoryError:
        return
    check(False, "a root that nobody signed is taken")


main(run)
