"""The server of the tools answers as a host of static pages does, and the pages of a book are found."""

import shutil
from urllib.error import HTTPError
from urllib.request import urlopen

import browser
import pytest


@pytest.fixture
def address(tmp_path):
    (tmp_path / "page.html").write_text("a page")
    (tmp_path / "404.html").write_text("no such page")
    with browser.serving(tmp_path) as address:
        yield address


def test_parts_of_pages_among_the_static_files_are_no_pages(tmp_path):
    for name in ("b.html", "book/a.html", "_static/part.html", "_static/deep/part.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert browser.pages(tmp_path) == [tmp_path / "b.html", tmp_path / "book/a.html"]


def test_a_page_is_served(address):
    with urlopen(address + "page.html") as answer:
        assert (answer.status, answer.read()) == (200, b"a page")


@pytest.mark.parametrize("wrong", ["gone.html", "a/b/c/gone"])
def test_a_wrong_address_gets_the_page_for_it_at_any_depth(address, wrong):
    with pytest.raises(HTTPError) as caught:
        urlopen(address + wrong)
    with caught.value as answer:
        assert (answer.status, answer.read()) == (404, b"no such page")


def test_without_chromium_a_sentence_ends_the_tool(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="needs Chromium: on Debian, install the package chromium"):
        browser.chromium()
