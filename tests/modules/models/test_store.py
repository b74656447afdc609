"""Models are fetched by name or address, only over https, and only as what their checksum says."""

import contextlib
import hashlib
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.errors import ConfigError, ModelError
from modules.models import store
from modules.models.store import CATALOGUE, ModelStore, Source, cache_folder, source_of
from tests.small_models import power_bands

URL = "https://models.example/nets/bands.onnx"


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """A small model."""
    return power_bands(tmp_path / "made.onnx", frames=8, classes=2).read_bytes()


class Server:
    """Answers every address with what it was given, or fails; counts."""

    def __init__(self, answer: bytes | Exception) -> None:
        """Answer with this."""
        self.answer = answer
        self.asked: list[str] = []

    @contextlib.contextmanager
    def open(self, url: str) -> Iterator[Any]:
        """The stream."""
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        yield io.BytesIO(self.answer)


def stored(folder: Path, server: Server) -> ModelStore:
    """A store whose only server is that one."""
    return ModelStore(folder, opener=server.open)


def promised(content: bytes, name: str = "bands.onnx") -> Source:
    """A source that promises the content."""
    return Source(name, URL, hashlib.sha256(content).hexdigest(), "MIT")


def test_a_model_is_fetched_once(tmp_path: Path, content: bytes) -> None:
    """And listed with where it came from."""
    server = Server(content)
    models = stored(tmp_path / "cache", server)
    path = models.pull(promised(content))
    assert path.read_bytes() == content
    assert models.pull(promised(content)) == path
    assert server.asked == [URL]
    (one,) = models.models()
    assert (one.name, one.size_bytes, one.source) == ("bands.onnx", len(content), promised(content))


def test_what_is_not_what_was_promised_is_not_kept(tmp_path: Path, content: bytes) -> None:
    """Neither it nor a part of it; what was there stays."""
    models = stored(tmp_path / "cache", Server(content))
    path = models.pull(promised(content))
    changed = promised(content + b"x")
    with pytest.raises(ModelError, match=r"is not what was promised: .* nothing was kept"):
        models.pull(changed)
    assert path.read_bytes() == content
    assert sorted(file.name for file in path.parent.iterdir()) == [".bands.onnx.json", "bands.onnx"]


def test_a_damaged_file_is_fetched_again(tmp_path: Path, content: bytes) -> None:
    """The checksum is of what lies there, not of what once did."""
    server = Server(content)
    models = stored(tmp_path / "cache", server)
    models.pull(promised(content)).write_bytes(b"damaged")
    assert models.pull(promised(content)).read_bytes() == content
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (urllib.error.URLError(OSError("Name or service not known")), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
        (ConnectionResetError("reset by peer"), "reset by peer"),
    ],
)
def test_without_a_network_it_says_what_to_do(tmp_path: Path, failure: Exception, reason: str, content: bytes) -> None:
    """Where to fetch it, where to put it, and what it must be."""
    source = promised(content)
    with pytest.raises(ModelError, match="Without a network, fetch") as caught:
        stored(tmp_path / "cache", Server(failure)).pull(source)
    for part in (reason, "models.example", URL, str(tmp_path / "cache" / "bands.onnx"), source.sha256):
        assert part in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_was_put_there_by_hand_is_taken(tmp_path: Path, content: bytes) -> None:
    """If it is the right one."""
    (tmp_path / "bands.onnx").write_bytes(content)
    server = Server(OSError("no network"))
    models = stored(tmp_path, server)
    assert models.pull(promised(content)) == tmp_path / "bands.onnx"
    assert server.asked == []
    assert [one.source for one in models.models() if one.name == "bands.onnx"] == [None]


def test_a_page_that_was_promised_as_a_model_is_refused(tmp_path: Path) -> None:
    """Its checksum is right, and it is no ONNX file."""
    page = b"<html></html>"
    with pytest.raises(ModelError, match="no whole ONNX file"):
        stored(tmp_path, Server(page)).pull(promised(page))
    assert list(tmp_path.iterdir()) == []


def test_what_never_ends_is_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """At the most that is fetched."""
    monkeypatch.setattr(store, "MAX_BYTES", 10)
    with pytest.raises(ModelError, match="larger than 10 bytes"):
        stored(tmp_path, Server(content)).pull(promised(content))


@pytest.mark.parametrize(
    ("name", "url", "sha256", "said"),
    [
        ("../up.onnx", URL, "0" * 64, "a model's name has letters"),
        ("m.onnx", "http://models.example/m.onnx", "0" * 64, "must begin with https://"),
        ("m.onnx", "file:///etc/passwd", "0" * 64, "must begin with https://"),
        ("m.onnx", "https:///m.onnx", "0" * 64, "name a host"),
        ("m.onnx", URL, "abc", "64 hexadecimal digits"),
    ],
)
def test_a_source_is_valid_on_birth(name: str, url: str, sha256: str, said: str) -> None:
    """As an error of usage."""
    with pytest.raises(ConfigError, match=said):
        Source(name, url, sha256)


def test_a_name_or_an_address_with_a_checksum_is_a_source() -> None:
    """An address without one is refused, an unknown name with the known ones."""
    assert source_of("dtln-1.onnx") is CATALOGUE["dtln-1.onnx"]
    assert source_of(URL, "A" * 64) == Source("bands.onnx", URL, "a" * 64)
    assert source_of(URL, "a" * 64, "mine.onnx").name == "mine.onnx"
    with pytest.raises(ConfigError, match="needs --sha256"):
        source_of(URL)
    with pytest.raises(ConfigError, match=r"no model is called 'dtln'; there are silero-vad\.onnx"):
        source_of("dtln")


def test_the_catalogue_names_one_content_each() -> None:
    """Under a licence that is stated, at an address that holds a commit; names are their keys."""
    for name, source in CATALOGUE.items():
        assert source.name == name
        assert source.licence in ("MIT", "Apache-2.0", "BSD-3-Clause")
        assert any(len(part) == 40 for part in source.url.split("/"))


def test_the_catalogue_is_what_the_test_material_is(shared: Path) -> None:
    """The same files, so their checksums are true."""
    ours = {hashlib.sha256(file.read_bytes()).hexdigest() for file in (shared / "models" / "onnx").glob("*.onnx")}
    assert {source.sha256 for source in CATALOGUE.values()} <= ours


def test_a_model_is_found_by_path_or_by_name(tmp_path: Path, content: bytes) -> None:
    """A missing one says how to have it."""
    models = stored(tmp_path / "cache", Server(content))
    path = models.pull(promised(content))
    assert models.find("bands.onnx") == path
    assert models.find(str(tmp_path / "made.onnx")) == tmp_path / "made.onnx"
    assert models.find("some/where.onnx") == Path("some/where.onnx")
    with pytest.raises(ModelError, match="there is no file absent, and no model of that name"):
        models.find("absent")
    with pytest.raises(ModelError, match=r"onbeat models pull dtln-1\.onnx fetches it"):
        models.find("dtln-1.onnx")


def test_the_cache_is_where_the_user_has_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`XDG_CACHE_HOME`, or `.cache` at home."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "onbeat"
    assert ModelStore().models() == []
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "onbeat"


def test_an_address_that_leads_away_from_https_is_not_followed() -> None:
    """Whatever the server says."""
    request = urllib.request.Request(URL)
    with pytest.raises(urllib.error.URLError, match="leads on to http://"):
        store._HttpsOnly().redirect_request(request, io.BytesIO(), 302, "Found", {}, "http://models.example/m")


def test_a_note_that_is_damaged_is_no_source(tmp_path: Path, content: bytes) -> None:
    """The model is still listed."""
    models = stored(tmp_path, Server(content))
    models.pull(promised(content))
    (tmp_path / ".bands.onnx.json").write_text(json.dumps({"name": "bands.onnx"}))
    assert [one.source for one in models.models() if one.name == "bands.onnx"] == [None]
