"""The web service: its page, its answers and its refusals."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Body, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, Discriminator, Field, Tag
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ner.reporting.highlight import style_labels
from ner.reporting.pages import make_environment
from ner.text.splitting import check_unicode
from tools.predict.output_formats import list_entities
from tools.serve.hosts import AllowedHosts
from tools.serve.limits import Limits
from tools.serve.tagging_queue import (
    QueueClosedError,
    QueueFullError,
    TaggerEndedError,
    TaggingQueue,
    TooLongError,
)

if TYPE_CHECKING:
    from ner.text.text_tagger import Entity

PAGE_DIR = Path(__file__).parent / "page"
# The page shows labels in the colours of the report: one palette.
REPORT_CSS = Path(__file__).parents[2] / "ner/reporting/templates/report.css"
FILES = {"page.css": PAGE_DIR / "page.css", "page.js": PAGE_DIR / "page.js", "report.css": REPORT_CSS}

BODY_SECONDS = 10.0  # for a request's body to arrive
GONE_SECONDS = 0.05  # for clients that have gone to be noticed, before another one is refused
JOIN_SECONDS = 1.0  # for the tagger's thread to end, when everybody has an answer
RESTART_SECONDS = 5  # until another server may be there
N_REASONS = 3  # of a request that is wrong in many places
LONGEST_REASON = 200  # characters; a reason may name a key of the request
# Everything comes from this server and nothing inline runs: markup in a text would stay dead, got it in.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

EXAMPLE = "Die EU-Kommission traf Özgür Weiß in Görlitz 👋"
EXAMPLE_ENTITIES: list[Any] = [
    {"start": 4, "end": 17, "label": "ORGpart", "text": "EU-Kommission", "score": 0.91},
    {"start": 23, "end": 33, "label": "PER", "text": "Özgür Weiß", "score": 0.98},
    {"start": 37, "end": 44, "label": "LOC", "text": "Görlitz", "score": 0.97},
]


Text = Annotated[str, AfterValidator(check_unicode)]


class OneText(BaseModel, extra="forbid"):
    """A text to tag."""

    text: Text


class Texts(BaseModel, extra="forbid"):
    """Texts to tag."""

    texts: list[Text] = Field(min_length=1)


class EntityAnswer(BaseModel):
    """An entity found in a text."""

    start: int = Field(description="Its first character; Unicode code points are counted, as Python does.")
    end: int = Field(description="The character behind its last.")
    label: str = Field(description="What it is: one of the labels that GET /health lists.")
    text: str = Field(description="Its characters: always those from start to end.")
    score: float = Field(ge=0, le=1, description="Mean probability of the tags of its words.")
    level: Literal["outer", "inner"] | None = Field(
        default=None,
        description="inner: it lies in another. Absent where the tagger knows the outer level alone.",
    )


class TextAnswer(BaseModel):
    """A text and its names from left to right, an inner one behind the outer one that it lies in."""

    text: str
    entities: list[EntityAnswer]

    model_config = {"json_schema_extra": {"examples": [{"text": EXAMPLE, "entities": EXAMPLE_ENTITIES}]}}


class Health(BaseModel):
    """What is served, and whether requests are answered."""

    ready: bool
    model: str
    labels: list[str]


class Refusal(BaseModel):
    """Why a request was not answered."""

    detail: str


def pick_form(body: object) -> str:
    """Return the form of a body, so that the reason for a refusal is about that form only."""
    return "texts" if isinstance(body, dict) and "texts" in body else "text"


PredictBody = Annotated[
    Annotated[OneText, Tag("text")] | Annotated[Texts, Tag("texts")], Discriminator(pick_form)
]
BODY_EXAMPLES: dict[str, Any] = {
    "text": {"summary": "One text", "value": {"text": EXAMPLE}},
    "texts": {"summary": "Several texts", "value": {"texts": [EXAMPLE, "Der Rhein fließt durch Köln."]}},
}


class BoundedRequest(Request):
    """A request whose body has to end in time and within a size."""

    async def body(self) -> bytes:
        """Read the body, once.

        Raises:
            HTTPException: If it is larger or slower than allowed; the connection ends with it, so that
                the rest is not read.
        """
        if not hasattr(self, "_body"):
            limit = self.app.state.limits.body_bytes
            refusal = HTTPException(
                413, f"The body is larger than {limit:,} bytes: send less.", {"Connection": "close"}
            )
            if int(self.headers.get("content-length", 0)) > limit:
                raise refusal
            body = bytearray()
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    async for chunk in self.stream():
                        body += chunk
                        if len(body) > limit:
                            raise refusal
            except TimeoutError:
                raise HTTPException(
                    408, f"The body did not arrive within {BODY_SECONDS:g} s.", {"Connection": "close"}
                ) from None
            self._body = bytes(body)
        return self._body

    async def json(self) -> object:
        """Parse the body.

        Raises:
            JSONDecodeError: If it is no JSON, or nested deeper than this Python parses.
        """
        try:
            return await super().json()
        except RecursionError:
            raise json.JSONDecodeError("nested too deeply", "", 0) from None


class BoundedRoute(APIRoute):
    """A route that reads its requests as `BoundedRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's own handler, as its documentation shows."""
        handle = super().get_route_handler()

        async def handle_bounded(request: Request) -> Response:
            return await handle(BoundedRequest(request.scope, request.receive))

        return handle_bounded


class SecureHeaders:
    """Adds the security headers to every response, refusals included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def make_service(
    queue: TaggingQueue,
    *,
    model: str,
    labels: Sequence[str],
    has_inner: bool = False,
    allow_hosts: Collection[str] = (),
) -> FastAPI:
    """Put the queue behind HTTP.

    Args:
        queue: Not started; it runs as long as the service does.
        model: The tagger's name, for the reader.
        labels: All labels that it knows. Shape: (n_labels,).
        has_inner: Whether it knows the inner level.
        allow_hosts: Names that the service is reached by, besides localhost.
    """
    limits = queue.limits

    @asynccontextmanager
    async def run_queue(_: FastAPI) -> AsyncIterator[None]:
        queue.start()
        yield
        queue.abandon()  # nobody waits any more, unless the grace period is over
        queue.join(JOIN_SECONDS)  # a call that goes on does not hold the process

    service = FastAPI(
        title="German named-entity recognition",
        description=f"Entities in German texts, found by {model}.",
        version="1",
        lifespan=run_queue,
        docs_url=None,  # both load their scripts from a CDN; the page and /openapi.json say the same
        redoc_url=None,
    )
    service.state.limits = limits
    service.router.route_class = BoundedRoute
    service.add_middleware(AllowedHosts, names=allow_hosts)
    service.add_middleware(SecureHeaders)
    service.add_exception_handler(RequestValidationError, refuse_invalid)
    page = (
        make_environment(PAGE_DIR)
        .get_template("index.html.j2")
        .render(model=model, styles=style_labels(labels), limits=limits, has_inner=has_inner)
    )

    @service.head("/", include_in_schema=False)
    @service.get("/", include_in_schema=False)
    async def show_page() -> HTMLResponse:
        return HTMLResponse(page)

    @service.get("/page/{name}", include_in_schema=False)
    async def show_file(name: str) -> FileResponse:
        if name not in FILES:
            raise HTTPException(404)
        return FileResponse(FILES[name])

    @service.head("/health", include_in_schema=False)  # what load balancers ask
    @service.get("/health", summary="Tell whether requests are answered", responses={503: {"model": Health}})
    async def health(response: Response) -> Health:
        response.status_code = 200 if queue.is_ready else 503
        return Health(ready=queue.is_ready, model=model, labels=sorted(labels))

    @service.post(
        "/predict",
        response_model_exclude_none=True,
        summary="Find the names in one text or in several",
        description=(
            "One text gives one object, several texts give a list of these in the same order. A request "
            f"holds at most {limits.characters:,} characters, {limits.words:,} words and "
            f"{limits.subtokens:,} subtokens in at most {limits.texts:,} texts and "
            f"{limits.body_bytes:,} bytes."
        ),
        responses={
            400: {"model": Refusal, "description": "The body cannot be parsed"},
            408: {"model": Refusal, "description": "The body arrives too slowly"},
            413: {"model": Refusal, "description": "The body is too large"},
            422: {"model": Refusal, "description": "The body is not as described here, or holds too much"},
            421: {"model": Refusal, "description": "The header Host names another server"},
            500: {"model": Refusal, "description": "The tagger failed"},
            503: {"model": Refusal, "description": "Too much waits, or the service ends: see Retry-After"},
        },
    )
    async def predict(
        body: Annotated[PredictBody, Body(openapi_examples=BODY_EXAMPLES)], request: Request
    ) -> TextAnswer | list[TextAnswer]:
        texts = [body.text] if isinstance(body, OneText) else body.texts
        check_size(texts, limits)
        names = await wait_for(await submit(queue, texts), request)
        tagged = [
            TextAnswer(text=text, entities=[EntityAnswer(**one) for one in list_entities(found)])
            for text, found in zip(texts, names, strict=True)
        ]
        return tagged[0] if isinstance(body, OneText) else tagged

    return service


def check_size(texts: Sequence[str], limits: Limits) -> None:
    """Refuse a request that holds too much.

    Raises:
        HTTPException: If it does.
    """
    for n, most, what in (
        (len(texts), limits.texts, "texts"),
        (sum(map(len, texts)), limits.characters, "characters"),
    ):
        if n > most:
            raise HTTPException(422, f"The request holds {n:,} {what}; at most {most:,} are taken at once.")


async def submit(queue: TaggingQueue, texts: Sequence[str]) -> "Future[list[list[Entity]]]":
    """Queue the texts of a request.

    Raises:
        HTTPException: If they are refused.
    """
    try:
        try:
            return queue.submit(texts)
        except QueueFullError:
            await asyncio.sleep(GONE_SECONDS)
            return queue.submit(texts)
    except QueueFullError as error:
        seconds = queue.promise(error)
        raise HTTPException(
            503, f"Too many requests wait: try again after {seconds} s.", {"Retry-After": str(seconds)}
        ) from None
    except (QueueClosedError, TaggerEndedError) as error:
        raise explain_failure(error) from None


def explain_failure(error: BaseException) -> HTTPException:
    """Say why there is no answer."""
    if isinstance(error, TooLongError):
        return HTTPException(422, str(error))
    if isinstance(error, QueueClosedError):
        headers = {"Retry-After": str(RESTART_SECONDS), "Connection": "close"}
        return HTTPException(503, "The service ends: try again later.", headers)
    if isinstance(error, TaggerEndedError):
        return HTTPException(500, "The tagger has ended.", {"Connection": "close"})
    return HTTPException(500, "The tagger failed on this request.")


async def wait_for(future: "Future[list[list[Entity]]]", request: Request) -> "list[list[Entity]]":
    """Wait for the tagger, but give it up when the client has gone.

    Args:
        future: Is cancelled when the client goes, which saves the work unless it has begun.
        request: Its body has been read.

    Raises:
        HTTPException: If the request holds too much, the service ends, the tagger failed, which the queue has
            logged, or the client has gone.
    """
    answer = asyncio.wrap_future(future)
    # Behind the body nothing comes but the end.
    gone: asyncio.Future[Any] = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait([answer, gone], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise HTTPException(499, "The client has gone.")
        if error := answer.exception():
            raise explain_failure(error)
        return answer.result()
    finally:
        future.cancel()  # itself, so that its place is free at once
        answer.cancel()
        gone.cancel()


def shorten(place: str, reason: object) -> str:
    """Say where a request is wrong and why, without a key or word of any length."""
    parts = (
        part if len(part) <= LONGEST_REASON else f"{part[:LONGEST_REASON]}…" for part in (place, str(reason))
    )
    return ": ".join(parts)


async def refuse_invalid(request: Request, error: Exception) -> JSONResponse:
    """Return the reasons as sentences, without the request, which FastAPI would send back whole."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    reasons = [
        # `loc` is "body", the form, then the path within it; what a library found out is the better reason.
        shorten(".".join(map(str, one["loc"][2:])) or "body", one.get("ctx", {}).get("error", one["msg"]))
        for one in problems[:N_REASONS]
    ]
    if len(problems) > N_REASONS:
        reasons.append(f"and {len(problems) - N_REASONS} more")
    if "json" not in request.headers.get("content-type", ""):
        reasons.append("the header Content-Type: application/json is missing")
    return JSONResponse({"detail": "; ".join(reasons)}, status_code=422)
