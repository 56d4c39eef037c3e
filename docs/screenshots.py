"""Makes README's pictures from a running example study (`make run` in another terminal). Needs a Chromium.

`.venv/bin/python docs/screenshots.py` reads var/: the log-ins, and a letter of the wave that is open today.
"""

import os
import shutil
import sys
from pathlib import Path

from dotenv import dotenv_values
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("GJENSYN_VAR", ROOT / "var"))
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT))

from panel.demo.mailbox import Mail, Mailbox  # noqa: E402


def logins() -> dict[str, str]:
    """username -> password."""
    rows = (line.split("\t") for line in (VAR / "logins.txt").read_text().splitlines())
    return {username: password for username, _role, password in rows}


def newest(language_word: str) -> Mail:
    """The newest letter with an answer link that has this word."""
    letters = [m for m in Mailbox(VAR / "mail").new() if m.answer_link and language_word in m.text]
    return letters[-1]


def desk(browser: Browser, base: str, username: str, shots: dict[str, str]) -> None:
    """Logs in and takes each page: image -> address."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
    page.goto(f"{base}/desk/")
    page.fill("[name=username]", username)
    page.fill("[name=password]", logins()[username])
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{base}/desk/")
    for image, address in shots.items():
        page.goto(f"{base}{address}")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / image)


def portal(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    letter = newest("Ви")
    page.goto(letter.answer_link + "?lang=uk")
    page.click("a.start")
    page.screenshot(path=IMAGES / "portal-uk.png")
    page.goto(letter.link("p") + "?lang=uk")
    page.screenshot(path=IMAGES / "own-page-uk.png")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    base = dotenv_values(VAR / "local.env")["BASE_URL"] or ""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=chromium, args=options)
        desk(browser, base, "signe", {"desk.png": "/desk/"})
        desk(browser, base, "liv", {"requests.png": "/desk/requests/"})
        portal(browser)
        browser.close()


if __name__ == "__main__":
    main()
