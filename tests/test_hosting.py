"""The app on a machine of one's own: its options, and a page under a sub-path of a reverse proxy."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from PIL import Image
from proxy import documented, nginx
from serving import Served, served

from tests.load.visitor import Visitor, app_at

ROOT = Path(__file__).parent.parent
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Proxy(ThreadingHTTPServer):
    """What docs/hosting.md has nginx do: /zoo/ -> the app's /, headers of forwarding, nothing buffered."""

    daemon_threads = True

    def __init__(self, app: str) -> None:
        super().__init__(("127.0.0.1", 0), _Forwarder)
        self.app = urlsplit(app).netloc
        self.url = f"http://127.0.0.1:{self.server_port}/zoo/"
        self.astray: list[str] = []
        """Requests that did not ask for anything under /zoo/."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor that hangs up is no fault."""


class _Forwarder(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        if not self.path.startswith("/zoo/"):
            self.server.astray.append(self.path)
            return self.send_error(404)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        host = f"127.0.0.1:{self.server.server_port}"
        headers |= {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "http"}
        headers |= {"X-Forwarded-For": self.headers.get("X-Test-Client", self.client_address[0])}
        app = http.client.HTTPConnection(self.server.app, timeout=60)
        app.request(self.command, self.path.removeprefix("/zoo"), body or None, headers)
        reply = app.getresponse()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        while data := reply.read1(65536):
            self.wfile.write(data)
            self.wfile.flush()
        app.close()

    do_POST = do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("app")
    trusting = {"ZOO_TRUST_PROXY": "1", "ZOO_POSTS_PER_SECOND": "0.01"}
    with served(folder, arguments=("--root-path", "/zoo"), environment=trusting) as running:
        yield running


@pytest.fixture
def proxy(app: Served) -> Iterator[Proxy]:
    proxy = Proxy(app.url)
    yield proxy
    proxy.shutdown()
    proxy.server_close()


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=20) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_under_a_sub_path_everything_that_the_page_names_is_found(proxy: Proxy) -> None:
    status, page = get(proxy.url)
    assert status == 200
    named = re.findall(r'(?:src|href)="([^"#]+)"', page.decode())
    assert len(named) > 3
    for name in named:
        target = urljoin(proxy.url, name)
        assert target.startswith(proxy.url), name
        assert get(target)[0] == 200, name
    config = json.loads(get(urljoin(proxy.url, "config"))[1])
    assert config["root"] == proxy.url.rstrip("/")
    assert not proxy.astray


def test_under_a_sub_path_gradios_client_generates_and_fetches_the_file(proxy: Proxy, tmp_path: Path) -> None:
    from gradio_client import Client

    client = Client(proxy.url, verbose=False, download_files=str(tmp_path))
    path, line, *_ = client.predict("dcgan.mnist", "7", 2, 5, 0.8, api_name="/draw_images")
    with Image.open(path) as picture:
        assert picture.format == "PNG"
    assert "seed 5" in line
    assert not proxy.astray


@pytest.mark.slow
def test_under_a_sub_path_a_visitors_browser_never_leaves_it(proxy: Proxy, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright
    from test_browser import made, open_tab, shown, visitor

    with sync_playwright() as playwright, visitor(playwright, tmp_path, proxy.url) as page:
        open_tab(page, "image")
        page.locator("#draw_run").click()
        made(page, "draw")
        shown(page, "draw_result")
    assert not proxy.astray


def test_under_a_sub_path_text_is_streamed_as_it_is_written(proxy: Proxy) -> None:
    from gradio_client import Client

    job = Client(proxy.url, verbose=False).submit(
        "gpt.shakespeare", "ROMEO:", 400, 0.8, 0, 0.95, 1.0, 7, api_name="/write_text"
    )
    assert job.result(60)[0].startswith("ROMEO:")
    assert len(job.outputs()) > 1


def test_under_a_sub_path_the_api_of_version_one_answers(proxy: Proxy) -> None:
    status, body = get(urljoin(proxy.url, "v1/models"))
    assert status == 200
    assert "dcgan.mnist" in {model["id"] for model in json.loads(body)["data"]}
    assert get(urljoin(proxy.url, "docs"))[0] == 200


def test_a_trusted_proxy_tells_visitors_apart_by_the_last_address_that_it_names(app: Served) -> None:
    def post(forwarded: str) -> int:
        request = urllib.request.Request(
            f"{app.url}/gradio_api/call/v2/nothing", b"{}",
            {"Content-Type": "application/json", "X-Forwarded-For": forwarded},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code

    codes = [post(f"10.0.0.{i}, 192.0.2.1") for i in range(65)]
    assert codes[0] != 429 and codes[-1] == 429  # what a visitor claims to be does not help
    assert post("10.0.0.1, 192.0.2.2") != 429


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--port", "99999"), "allowed are 1 to 65535"),
        (("--root-path", "zoo"), "a path such as /zoo"),
        (("--root-path", "ftp://example.org/zoo"), "https://example.org/zoo"),
        (("--prot", "1"), "unrecognized arguments"),
    ],
)
def test_a_wrong_option_is_refused_in_words(arguments: tuple[str, ...], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "app.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode and words in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said_in_words(app: Served) -> None:
    port = str(urlsplit(app.url).port)
    done = subprocess.run(
        [sys.executable, "app.py", "--port", port], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1 and port in done.stderr and "Traceback" not in done.stderr


def test_the_unit_starts_the_app_with_options_that_it_has() -> None:
    start = re.search(r"^ExecStart=\S+/python (app\.py .*)$", documented("systemd"), re.MULTILINE)
    assert start
    asked = re.findall(r"--[\w-]+", start[1])
    usage = subprocess.run([sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert asked and all(option in usage.stdout for option in asked)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_serves_it_as_documented(app: Served, tmp_path: Path) -> None:
    example = documented("nginx").replace("http://127.0.0.1:7860/", f"{app.url}/")
    with nginx(tmp_path, example) as address:
        url = f"{address}/zoo/"
        status, page = get(url)
        assert status == 200 and b"gradio" in page
        from gradio_client import Client

        path, *_ = Client(url, verbose=False, download_files=str(tmp_path)).predict(
            "dcgan.mnist", "7", 2, 5, 0.8, api_name="/draw_images"
        )
        assert Path(path).read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_behind_nginx_each_visitor_keeps_a_process_and_outlives_it(tmp_path: Path) -> None:
    def asked(url: str, cookie: str = "") -> tuple[str, str]:
        """The process that answers a visitor who is known by a cookie, and the cookie that is given."""
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Cookie": cookie}), timeout=20) as reply:
            assert reply.status == 200
            return reply.headers["X-Process"], (reply.headers["Set-Cookie"] or "").partition(";")[0]

    async def visit(url: str) -> str:
        visitor = Visitor(app_at(url))
        await visitor.page()
        assert visitor.cookie.startswith("zoo=")
        answers = [await visitor.call("draw_images", {"_seed": seed}, 60) for seed in range(3)]
        return "".join(answer.error for answer in answers)

    example = documented("nginx replicas")
    with ExitStack() as stack:
        processes = {}
        for number in range(2):
            (tmp_path / str(number)).mkdir()
            server = stack.enter_context(served(tmp_path / str(number)))
            address = server.url.removeprefix("http://")
            processes[address] = server.process
            example = example.replace(f"127.0.0.1:786{number}", address)
        example = example.replace("proxy_buffering off;", "proxy_buffering off; add_header X-Process $upstream_addr;")
        url = stack.enter_context(nginx(tmp_path, example))
        cookies = [asked(url)[1] for _ in range(24)]
        before = [asked(url, cookie)[0] for cookie in cookies]
        assert set(before) == set(processes)
        assert before == [asked(url, cookie)[0] for cookie in cookies]
        assert asyncio.run(visit(url)) == ""
        gone = before[0]
        processes[gone].kill()
        processes[gone].wait(10)
        after = [asked(url, cookie)[0].rpartition(" ")[2] for cookie in cookies]
        assert gone not in after
        assert asyncio.run(visit(url)) == ""
