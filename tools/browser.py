"""What the tools share that look at built pages: their list, a server, and Chromium with no way out to other hosts."""

import functools
import shutil
import sys
import threading
from contextlib import contextmanager
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
    " --no-first-run"
).split()
ARGUMENTS += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # an outside request fails, and at once


def chromium():
    """Return what playwright needs to launch the Chromium of this machine, or end with a sentence if there is none."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        sys.exit(f"{sys.argv[0]} needs Chromium: on Debian, install the package chromium")
    return {"executable_path": executable, "args": ARGUMENTS}


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files, 404.html for what is not there, and says nothing; what fails is seen by the browser."""

    def send_error(self, code, message=None, explain=None):
        """Answer a wrong address as the hosts of static pages do."""
        page = Path(self.directory, "404.html")
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            super().send_error(code, message, explain)
            return
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.read_bytes())

    def log_message(self, *args):
        """Say nothing."""


def pages(root):
    """Return the pages of a built book, without the parts of pages that a theme keeps among its files."""
    return [path for path in sorted(Path(root).rglob("*.html")) if Path(root, "_static") not in path.parents]


@contextmanager
def serving(root):
    """Serve a directory on a free port; the context is its address, with a slash at the end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=root)) as server:
        server.handle_error = lambda *of: None  # a page that is closed hangs up
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
