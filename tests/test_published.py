"""How the book appears to others: each page has its description, and the public address comes in where it must."""

from types import SimpleNamespace

import published
import pytest
import yaml
from docutils import nodes
from sphinx.errors import ExtensionError

ROOT = published.DESCRIPTIONS.parents[1]


def slugs_of_the_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    return {file.rpartition("/")[2] for file in files}


def test_every_page_has_a_description_of_fitting_length():
    descriptions = yaml.safe_load(published.DESCRIPTIONS.read_text())
    assert descriptions.keys() == slugs_of_the_contents()
    assert not [slug for slug, text in descriptions.items() if not 60 <= len(text) <= 200]


@pytest.fixture
def config(monkeypatch):
    monkeypatch.delenv("BOOK_URL", raising=False)
    return SimpleNamespace(html_title='Notes & "more"')


@pytest.mark.parametrize(("address", "base", "prefix"), [
    ("https://example.org", "https://example.org/", "/"),
    ("https://example.org/book", "https://example.org/book/", "/book/"),
    ("https://example.org/a/book/", "https://example.org/a/book/", "/a/book/"),
])  # fmt: skip
def test_the_address_is_taken_from_the_environment(monkeypatch, config, address, base, prefix):
    monkeypatch.setenv("BOOK_URL", address)
    published.use_address(SimpleNamespace(), config)
    assert (config.html_baseurl, config.notfound_urls_prefix) == (base, prefix)


def test_without_an_address_the_book_is_at_the_root(config):
    published.use_address(SimpleNamespace(), config)
    assert (config.html_baseurl, config.notfound_urls_prefix) == ("", "/")


@pytest.mark.parametrize("address", ["example.org", "ftp://example.org", "https:/example.org", "/book/"])
def test_what_is_no_address_is_refused(monkeypatch, config, address):
    monkeypatch.setenv("BOOK_URL", address)
    with pytest.raises(ExtensionError, match=f"BOOK_URL must be an address .*{address}"):
        published.use_address(SimpleNamespace(), config)


def head_of(config, base="", slug="policies", uri="../_images/abc.png"):
    builder = SimpleNamespace(imgpath="../_images", imagedir="_images", get_target_uri=lambda name: f"{name}.html")
    config.html_baseurl = base
    env = SimpleNamespace(images={"_build/execute/def.png": ({"book/policies"}, "def1.png")})
    app = SimpleNamespace(config=config, builder=builder, env=env, descriptions={"policies": 'A "logit" & more'})
    app.picture = nodes.image(uri="_build/execute/def.png", alt="Two lines.")
    page = nodes.section("", nodes.title("", "A policy"), nodes.image(uri=uri, alt="A <line>."))
    context = {"metatags": ""}
    published.describe(app, f"book/{slug}", "page.html", context, page)
    return context["metatags"].splitlines()


def test_the_head_of_a_page(config):
    assert head_of(config, base="https://example.org/b/") == [
        '<meta name="description" content="A &quot;logit&quot; &amp; more">',
        '<meta property="og:type" content="article">',
        '<meta property="og:site_name" content="Notes &amp; &quot;more&quot;">',
        '<meta property="og:title" content="A policy">',
        '<meta property="og:description" content="A &quot;logit&quot; &amp; more">',
        '<meta name="twitter:card" content="summary_large_image">',
        '<meta property="og:url" content="https://example.org/b/book/policies.html">',
        '<meta property="og:image" content="https://example.org/b/_images/abc.png">',
        '<meta property="og:image:alt" content="A &lt;line&gt;.">',
    ]


def test_without_an_address_the_picture_is_beside_the_page_and_there_is_no_url(config):
    head = "\n".join(head_of(config))
    assert '"og:image" content="../_images/abc.png"' in head and "og:url" not in head


def test_a_page_without_a_picture_has_that_of_the_book(config):
    head = head_of(config, base="https://example.org/b/", uri="https://example.org/elsewhere.png")
    assert '<meta property="og:image" content="https://example.org/b/_images/def1.png">' in head
    assert '<meta property="og:image:alt" content="Two lines.">' in head


def test_the_picture_of_the_book_is_found():
    wanted, other = (nodes.figure("", nodes.image(uri=f"{name}.png"), names=[name]) for name in ("fig-flows", "fig-x"))
    page = nodes.section("", nodes.title("", "A policy"), other, wanted)
    app, env = SimpleNamespace(), SimpleNamespace(get_doctree={"book/policies": page}.get)
    published.find_picture(app, env)
    assert app.picture["uri"] == "fig-flows.png"


def test_a_page_without_a_description_is_a_warning_of_the_build(config, monkeypatch):
    said = []
    monkeypatch.setattr(published.logger, "warning", lambda *message, **kind: said.append(message[0] % message[1:]))
    assert head_of(config, slug="new_chapter") == []
    assert said == ["book/new_chapter has no line in descriptions.yml"]
