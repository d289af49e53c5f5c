"""Inputs by path, below the data folder, and by URL."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.genome.fasta import Genome
from genescribe.genome.inputs import DATA_VARIABLE, fetch_annotation, fetch_fasta, published_md5, resolve_path

GENOME = b">a\nACGT\nACG\n>b\nGG\n"
ANNOTATION = "#é\r\na\tx\tgene\t1\t2\t.\t+\t.\tID=g\r\n##FASTA\r\n>a\r\nACGT\r\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "genome.fa.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(GENOME))
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out" / "genome.fa"


def digest(path: Path, name: str = "sha256") -> str:
    return hashlib.new(name, path.read_bytes()).hexdigest()


class Unsteady(http.server.SimpleHTTPRequestHandler):
    """A server that is overloaded twice before it answers, and keeps a list of what it was asked."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if "busy" in self.path and len(self.asked) < 3:
            self.send_error(503)
        else:
            self.path = self.path.removesuffix("?busy")
            super().do_GET()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server(source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    monkeypatch.setattr("genescribe.genome.inputs.time.sleep", lambda seconds: None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(Unsteady, "asked", [], raising=False)
    handler = functools.partial(Unsteady, directory=str(source.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", Unsteady.asked
        running.shutdown()
        thread.join()


def test_a_path_as_it_is_or_below_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data/yeast").mkdir(parents=True)
    (tmp_path / "data/yeast/genome.fa").touch()
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    assert resolve_path("yeast/genome.fa") == Path("yeast/genome.fa")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    assert resolve_path("yeast/genome.fa") == tmp_path / "data/yeast/genome.fa"
    assert resolve_path("yeast/other.fa") == Path("yeast/other.fa")
    assert resolve_path(tmp_path / "nowhere.fa") == tmp_path / "nowhere.fa"
    # What lies here goes before what lies there.
    (tmp_path / "yeast").mkdir()
    (tmp_path / "yeast/genome.fa").touch()
    monkeypatch.chdir(tmp_path)
    assert resolve_path("yeast/genome.fa") == Path("yeast/genome.fa")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_path("~/yeast/genome.fa") == tmp_path / "yeast/genome.fa"


def test_a_genome_is_unpacked_checked_and_indexed(source: Path, target: Path) -> None:
    fetch_fasta(str(source), target, sha256=digest(source).upper(), md5=digest(source, "md5"))
    assert target.read_bytes() == GENOME
    assert Path(f"{target}.fai").read_text() == "a\t7\t3\t4\t5\nb\t2\t15\t2\t3\n"
    assert sorted(path.name for path in target.parent.iterdir()) == ["genome.fa", "genome.fa.fai"]
    assert Genome.open(target).lengths == {"a": 7, "b": 2}


def test_an_annotation_is_plain_text_without_its_genome(tmp_path: Path) -> None:
    path = tmp_path / "annotation.gff3.gz"
    path.write_bytes(gzip.compress(ANNOTATION.encode()))
    fetch_annotation(str(path), tmp_path / "annotation.gxf")
    assert (tmp_path / "annotation.gxf").read_text() == "#é\na\tx\tgene\t1\t2\t.\t+\t.\tID=g\n##FASTA\n"


@pytest.mark.parametrize("name", ["sha256", "md5"])
def test_a_file_url(source: Path, target: Path, name: str) -> None:
    fetch_fasta(source.as_uri(), target, **{name: digest(source, name)})
    assert target.read_bytes() == GENOME


def test_an_overloaded_server_is_asked_again(source: Path, target: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    fetch_fasta(f"{address}/genome.fa.gz?busy", target, sha256=digest(source))
    assert target.read_bytes() == GENOME
    assert len(asked) == 3


def test_a_refusal_is_final(source: Path, target: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    with pytest.raises(InputError, match=r"/nowhere.fa: cannot be downloaded \(HTTP Error 404: File not found\)"):
        fetch_fasta(f"{address}/nowhere.fa", target, sha256=digest(source))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("location", "options", "words"),
    [
        ("{uri}", {}, "a URL without a checksum; give its sha256"),
        ("{uri}", {"sha256": "0" * 64}, "its sha256 is [0-9a-f]{64}, not 0{64}; check the address"),
        ("{path}", {"md5": "0" * 32}, "its md5 is"),
        ("{path}", {"md5": "x" * 32}, "'x+' is no md5; give 32 hexadecimal digits"),
        ("{path}", {"sha256": "0" * 63}, "is no sha256"),
        ("{uri}.gone", {"sha256": "0" * 64}, "cannot be downloaded"),
        ("nonsense://x", {"sha256": "0" * 64}, "cannot be downloaded .*unknown url type"),
        ("nowhere.fa", {}, f"no such file; {DATA_VARIABLE} is not set; give a path or a URL"),
    ],
)
def test_what_cannot_be_fetched(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch, location: str, options: dict[str, str], words: str
) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    address = location.format(uri=source.as_uri(), path=source)
    with pytest.raises(InputError, match=words) as caught:
        fetch_fasta(address, target, **options)
    assert str(caught.value).startswith(f"{address}: ")
    assert not target.parent.exists() or not list(target.parent.iterdir())


def test_a_published_list_gives_the_digest_of_its_file(tmp_path: Path) -> None:
    sums = tmp_path / "MD5SUMS"
    sums.write_text(f"{'0' * 32}  other.fa.gz\n{'1' * 32} *./genome.fa.gz\n")
    assert published_md5(sums.as_uri(), "https://example.org/release/genome.fa.gz") == "1" * 32
    with pytest.raises(InputError, match=r"does not name genes.gtf"):
        published_md5(sums.as_uri(), "https://example.org/genes.gtf")


def test_without_a_network_nothing_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object, **keywords: object) -> None:
        raise urllib.error.URLError(socket.gaierror(-2, "Name or service not known"))

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("tried again"))
    with pytest.raises(InputError, match=r"downloaded \(\[Errno -2\] Name or service not known\); check the network"):
        fetch_fasta("https://nowhere.invalid/x.fa", tmp_path / "x.fa", sha256="0" * 64)
    assert not list(tmp_path.iterdir())
