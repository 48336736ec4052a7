"""What every page has in common, over HTTP: headers, files that are loaded, and what does not exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from hotline_under_test import serving

from ivr.web.statics import FOLDER
from ivr.web.writing import TEMPLATES


@pytest.fixture(scope="module")
def visitor(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    with (
        serving(valkey_url, tmp_path_factory.mktemp("data")) as served,
        httpx2.Client(base_url=served.urls[0], trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/static/none", 404)])
def test_a_page_is_kept_by_nobody_and_loads_nothing_from_elsewhere(
    visitor: httpx2.Client, path: str, status: int
) -> None:
    answer = visitor.get(path)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_pages_load_may_be_kept_under_the_url_of_what_it_is_now(visitor: httpx2.Client) -> None:
    urls = re.findall(r'(?:href|src)="(/static/[^"]+)"', visitor.get("/").text)
    assert len(urls) >= 2
    for url in urls:
        answer = visitor.get(url)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert visitor.get(url, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
        old = "/".join([*url.split("/")[:2], "0" * 16, *url.split("/")[3:]])
        assert visitor.get(old).headers["cache-control"] == "no-cache"
        assert visitor.get(old).content == answer.content


@pytest.mark.parametrize("path", ["/static/0/../../writing.py", "/static/0/%2e%2e/writing.py", "/static/0//etc/passwd"])
def test_only_the_files_for_pages_are_handed_out(visitor: httpx2.Client, path: str) -> None:
    assert visitor.get(path).status_code == 404


def test_a_page_is_only_read(visitor: httpx2.Client) -> None:
    answer = visitor.post("/")
    assert answer.status_code == 405
    assert "这个地址不能这样打开。" in answer.text


def files(folder: Path, *suffixes: str) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in suffixes]


@pytest.mark.parametrize("path", files(TEMPLATES, ".html"), ids=lambda path: path.name)
def test_no_template_has_anything_inline_or_takes_anything_from_elsewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|<script(?![^>]*\ssrc=)", text) == []
    assert re.findall(r"https?://|//[a-z]", text) == []
    assert re.findall(r"\|\s*safe|autoescape", text) == []


@pytest.mark.parametrize("path", files(FOLDER, ".css"), ids=lambda path: path.name)
def test_no_style_takes_anything_from_elsewhere(path: Path) -> None:
    assert re.findall(r"https?:|@import|url\(", path.read_text("utf-8")) == []
