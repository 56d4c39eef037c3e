"""Shows the letters of a Maildir in the browser, on 127.0.0.1 only. Reads; changes and sends nothing."""

import html
import mailbox
import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

PAGE = 50
HOSTS = {"127.0.0.1", "localhost"}
SHOWN = (
    "From",
    "To",
    "Subject",
    "Date",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Auto-Submitted",
    "Message-ID",
)
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2b33 }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #d5dde1; vertical-align: top }
td, pre { overflow-wrap: anywhere }
pre { white-space: pre-wrap; background: #f3f6f7; padding: 1rem; font: inherit }
iframe { width: 100%; height: 32rem; border: 1px solid #d5dde1 }
a { color: #00558a }
"""
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
)
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
LETTER_POLICY = f"sandbox {SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
LINK = re.compile(r"https?://[^\s<>\"']+")


def linked(text: str) -> str:
    """`text` as HTML with its web addresses made clickable."""
    out, at = [], 0
    for match in LINK.finditer(text):
        url = match[0].rstrip(".,;:!?)>")
        target = html.escape(url)
        out += [html.escape(text[at : match.start()])]
        out += [f'<a href="{target}" target="_blank" rel="noopener noreferrer">{target}</a>']
        at = match.start() + len(url)
    return "".join([*out, html.escape(text[at:])])


def page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )


def part(message: EmailMessage, kind: str) -> str:
    """The letter's `plain` or `html` part; empty if it has none."""
    found = message.get_body((kind,))
    return str(found.get_content()) if found else ""


class Letters:
    """The Maildir, newest first."""

    def __init__(self, maildir: Path) -> None:
        self.box = mailbox.Maildir(maildir, create=True)
        self.folder = maildir

    def keys(self) -> list[str]:
        """Keys by age of their file; the folders are read anew each time."""
        files = [path for name in ("new", "cur") for path in (self.folder / name).iterdir()]
        files.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return [path.name.partition(":")[0] for path in files]

    def read(self, key: str) -> EmailMessage | None:
        """One letter, or None if there is no such key (a key is compared, never used as a path)."""
        return self.parse(key) if key in self.keys() else None

    def parse(self, key: str) -> EmailMessage:
        """One letter by a key that `keys` gave."""
        return BytesParser(policy=policy.default).parsebytes(self.box.get_bytes(key))


def row(*cells: str) -> str:
    return f"<tr><td>{'</td><td>'.join(cells)}</td></tr>"


def index(letters: Letters, number: int) -> str:
    """The list of letters, one page of it."""
    keys = letters.keys()
    rows = []
    for key in keys[(number - 1) * PAGE : number * PAGE]:
        letter = letters.parse(key)
        date, to, subject = (
            html.escape(str(letter[name] or "").strip()) for name in ("Date", "To", "Subject")
        )
        rows.append(row(date, to, f'<a href="/letter/{quote(key)}">{subject or "(no subject)"}</a>'))
    newer = f'<a href="/?page={number - 1}">newer</a> ' if number > 1 else ""
    older = f'<a href="/?page={number + 1}">older</a>' if number * PAGE < len(keys) else ""
    table = f"<table><tr><th>Date</th><th>To</th><th>Subject</th></tr>{''.join(rows)}</table>"
    return page(
        "Letters", f"<h1>Letters</h1><p>{len(keys)} caught on this machine. {newer}{older}</p>{table}"
    )


def one(key: str, letter: EmailMessage) -> str:
    """One letter: headers, text with links, the HTML part in a sandbox."""
    heads = ((name, str(letter[name])) for name in SHOWN if letter[name])
    rows = "".join(f"<tr><th>{name}</th><td>{linked(value)}</td></tr>" for name, value in heads)
    body = (
        f'<p><a href="/">All letters</a></p><table>{rows}</table><pre>{linked(part(letter, "plain"))}</pre>'
    )
    if part(letter, "html"):
        body += f'<iframe sandbox="{SANDBOX}" src="/letter/{quote(key)}/html" title="HTML part"></iframe>'
    return page(str(letter["Subject"] or "Letter"), body)


def opened_outside(text: str) -> str:
    """Links of the HTML part open in a tab of their own, for the frame is sandboxed."""
    return f'<base target="_blank">{text}'


class Reader(BaseHTTPRequestHandler):
    """GET only; no log, for requests name letters."""

    letters: Letters

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in HOSTS:
            self.answer(page("No", "Open this page as 127.0.0.1."), status=HTTPStatus.MISDIRECTED_REQUEST)
            return
        url = urlsplit(self.path)
        match [unquote(step) for step in url.path.strip("/").split("/")]:
            case [""]:
                number = parse_qs(url.query).get("page", ["1"])[0]
                self.answer(index(self.letters, max(1, int(number)) if number.isdecimal() else 1))
            case ["letter", key, *rest] if rest in ([], ["html"]) and (letter := self.letters.read(key)):
                if rest:
                    self.answer(opened_outside(part(letter, "html")), csp=LETTER_POLICY)
                else:
                    self.answer(one(key, letter))
            case _:
                self.answer(page("Not here", '<a href="/">All letters</a>'), status=HTTPStatus.NOT_FOUND)

    def answer(self, text: str, *, csp: str = POLICY, status: HTTPStatus = HTTPStatus.OK) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", csp)
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)


def server(maildir: Path, port: int, *, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """The reader, listening but not yet serving."""
    handler = type("BoundReader", (Reader,), {"letters": Letters(maildir)})
    return ThreadingHTTPServer((host, port), handler)
