"""What the tools share that look at built pages: Chromium, with no way out to other hosts, and a server of files."""

import functools
import shutil
import sys
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

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
    """Serves files and says nothing; what fails is seen by the browser."""

    def log_message(self, *args):
        """Say nothing."""


@contextmanager
def serving(root):
    """Serve a directory on a free port; the context is its address, with a slash at the end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=root)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
