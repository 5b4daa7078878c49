"""An object store that speaks S3, on this machine: moto's server, which may be told to fail."""

import threading
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field

BUCKET = "korpus"
SECRET = "geheim-wJalrXUtnFEMI"  # noqa: S105 - of no one
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BUSY = (
    b"<?xml version='1.0'?>"
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


@dataclass
class ObjectStore:
    """A store with one bucket.

    Args:
        port: Where it listens.
        requests: Method, path and query of each request.
        n_failures: How many of the next uploads are answered with 503.
    """

    port: int
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    n_failures: int = 0

    @property
    def environment(self):
        """What a client must be told."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def refuse_all(self):
        """Check credentials from now on: no one has any right."""
        self.ask("reset-auth", b"0")

    def ask(self, what, content=b""):
        """Ask moto itself for something."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/moto-api/{what}",
            data=content,
            headers={"Content-Type": "text/plain"},
            method="POST",
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - as above

    def watch(self, application):
        """Note requests, and fail where asked."""

        def answer(environment, start_response):
            method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"]
            self.requests.append((method, path, environment.get("QUERY_STRING", "")))
            if method == "PUT" and self.n_failures:
                self.n_failures -= 1
                environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
                start_response("503 Slow Down", [("Content-Type", "application/xml")])
                return [BUSY]
            return application(environment, start_response)

        return answer


@contextmanager
def start_object_store():
    """Start an empty store and make its bucket."""
    import boto3  # moto and boto3 are there for the slow tests alone
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, *_):
            """Say nothing of each request."""

    store = ObjectStore(0)
    application = store.watch(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Silent)
    store.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    store.ask("reset")
    keys = {key.lower(): CREDENTIALS[key] for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    boto3.client(
        "s3", endpoint_url=store.environment["AWS_ENDPOINT_URL"], region_name="us-east-1", **keys
    ).create_bucket(Bucket=BUCKET)
    try:
        yield store
    finally:
        store.ask("reset-auth", b"inf")
        server.shutdown()
        server.server_close()
        thread.join()
