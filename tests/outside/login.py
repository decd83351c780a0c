"""Logs in for `chancery sign` in a real browser (headless Chromium), against the test issuer."""

import argparse
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import sync_playwright

from service import check, main

WHO = "ada@example.com"


def run():
    """Signs a file by a login in the browser, and sees that a stranger's answer ends nothing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--chancery", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fetch_documents(arguments.url, Path(folder))
        sign(arguments, Path(folder), "browser", log_in)
        sign(arguments, Path(folder), "device", log_in_with_code)
    print("ok: signed by logins in Chromium, with a redirection and by device code")


def fetch_documents(url, folder):
    for name in ["trusted_root.json", "signing_config.v0.2.json"]:
        with urlopen(f"{url}/{name}", timeout=30) as answer:
            (folder / name).write_bytes(answer.read())


def sign(arguments, folder, how, log_in_at):
    (folder / how).write_text("a release")
    command = [
        arguments.chancery, "sign", how, "--login", how,
        "--trusted-root", "trusted_root.json", "--signing-config", "signing_config.v0.2.json",
    ]
    # No browser opens by itself: this script is the one.
    environment = dict(os.environ, PATH="/nonexistent")
    signing = subprocess.Popen(
        command, cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    try:
        # Both ways say two lines, and end the second with the page.
        signing.stderr.readline()
        page = signing.stderr.readline().split()[-1]
        check(page.startswith(f"{arguments.url}/dev-oidc/"), f"no page to open: {page}")
        log_in_at(page)
        said, complaints = signing.communicate(timeout=60)
        check(signing.returncode == 0, f"not signed: {complaints}")
        check(WHO in said, f"signed as somebody else: {said}")
        check((folder / f"{how}.sigstore.json").exists(), "there is no bundle")
    finally:
        signing.kill()
        signing.wait()


@contextmanager
def chromium():
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    check(program, "Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def log_in_with_code(page):
    with chromium() as browser:
        tab = browser.new_page()
        tab.goto(page)
        tab.fill('input[name="email"]', WHO)
        tab.click("button")
        tab.get_by_text("You are logged in").wait_for()


def log_in(page):
    check("code_challenge_method=S256" in page, "the login has no PKCE")
    with chromium() as browser:
        tab = browser.new_page()
        tab.goto(page)
        redirect = tab.locator('input[name="redirect_uri"]').input_value()
        stranger = browser.new_page()
        answer = stranger.goto(f"{redirect}?code=stolen&state=guessed")
        check(answer.status == 404, "a code of a stranger was taken")
        tab.fill('input[name="email"]', WHO)
        tab.click("button")
        tab.get_by_text("You are logged in").wait_for()


main(run)
