"""Sphinx extension: how the book appears where it is published, in the results of a search and when a page is shared.

`book/descriptions.yml` has a sentence or two for each page. The picture of a page is its first figure, or that of the
book. The environment variable BOOK_URL, such as https://example.org/book/, is the public address: pictures must be
named in full there, and a server shows 404.html at any depth, so the links of that page begin with it. A book without
BOOK_URL is for reading from files.
"""

import os
from html import escape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import yaml
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util import logging

DESCRIPTIONS = Path(__file__).parents[1] / "book/descriptions.yml"
PICTURE = "book/policies", "fig-flows"  # the figure that stands for the book: its page and its name
logger = logging.getLogger(__name__)


def setup(app):
    """Connect the parts to Sphinx."""
    app.connect("config-inited", use_address)
    app.connect("env-check-consistency", find_picture)
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def use_address(app, config):
    """Read the descriptions and the address."""
    app.descriptions = yaml.safe_load(DESCRIPTIONS.read_text(encoding="utf-8"))
    address = os.environ.get("BOOK_URL", "")
    parts = urlsplit(address)
    if address and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise ExtensionError(f"BOOK_URL must be an address that begins with http:// or https://; it is {address!r}")
    config.html_baseurl = address and address.rstrip("/") + "/"
    config.notfound_urls_prefix = parts.path.rstrip("/") + "/"


def find_picture(app, env):
    """Keep the picture of the book, for pages without one."""
    page, name = PICTURE
    figures = env.get_doctree(page).findall(nodes.figure)
    app.picture = next(figure for figure in figures if name in figure["names"]).next_node(nodes.image)


def describe(app, pagename, templatename, context, doctree):
    """Add the description and the card of a page to its head."""
    if doctree is None:  # the search, the index, listings of code
        return
    slug = pagename.rpartition("/")[2]
    if slug not in app.descriptions:
        logger.warning("%s has no line in %s", pagename, DESCRIPTIONS.name, type="published")
        return
    base = app.config.html_baseurl
    title = nodes.Text(doctree.next_node(nodes.title).astext())
    tags = {
        "description": app.descriptions[slug],
        "og:type": "article",
        "og:site_name": app.config.html_title,
        "og:title": title,
        "og:description": app.descriptions[slug],
        "twitter:card": "summary_large_image",
    }
    if base:
        tags["og:url"] = urljoin(base, app.builder.get_target_uri(pagename))
    pictures = [one for one in doctree.findall(nodes.image) if one["uri"].startswith(app.builder.imgpath)]
    picture = pictures[0] if pictures else app.picture
    file = picture["uri"].rpartition("/")[2] if pictures else app.env.images[picture["uri"]][1]
    tags["og:image"] = urljoin(base, f"{app.builder.imagedir}/{file}") if base else f"{app.builder.imgpath}/{file}"
    tags["og:image:alt"] = picture["alt"]
    for key, value in tags.items():
        kind = "property" if key.startswith("og:") else "name"
        context["metatags"] += f'<meta {kind}="{key}" content="{escape(value)}">\n'
