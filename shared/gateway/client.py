"""One door to Supabase: typed answers in, Problems out. Everything about HTTP is known here and
nowhere else."""

import functools
import ssl
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar
from uuid import UUID

import httpx
from postgrest import APIError, AsyncPostgrestClient
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from shared.domain.problems import FieldProblem, Offline, OtherUser, Rejected, SignedOut
from shared.gateway.session import AuthSession, SessionStore, token_subject

Row = TypeVar("Row", bound=BaseModel)
Shape = TypeVar("Shape")
# postgrest's builders have no common type
BuildRequest = Callable[[AsyncPostgrestClient], Any]

# HTTP/1.1 on purpose: HTTP/2 keep-alive dies silently on phones (supabase-py#1064). Seconds.
TIMEOUTS = httpx.Timeout(15.0, connect=5.0, pool=5.0)
BACKOFF_SECONDS: ContextVar[httpx.Timeout] = ContextVar(
    "BACKOFF_SECONDS", default=TIMEOUTS
)  # of the call that is being made


class Answer(BaseModel):
    """What a function of the server answered, or a part of it. A newer server may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@functools.cache
def certificates() -> ssl.SSLContext:
    """Whom TLS trusts, read once a process: each reading takes 0.6 MB and a tenth of a second."""
    return httpx.create_ssl_context(trust_env=False)


def make_http(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """The one shared client of a process; a transport is the seam where tests inject faults."""
    if transport is None and sys.platform == "emscripten":
        from shared.gateway.fetch import FetchTransport  # exists only in a browser

        transport = FetchTransport()
    hooks: dict[str, list[Callable[..., Awaitable[None]]]] = {
        "request": [_with_patience],
        "response": [_only_our_server],
    }
    return httpx.AsyncClient(
        timeout=TIMEOUTS,
        http2=False,
        transport=transport,
        trust_env=False,
        verify=certificates() if transport is None else True,
        event_hooks=hooks,
    )


async def _with_patience(request: httpx.Request) -> None:
    """postgrest's builders take no timeout, so the call tells it here."""
    request.extensions = {**request.extensions, "timeout": BACKOFF_SECONDS.get().as_dict()}


async def _only_our_server(answer: httpx.Response) -> None:
    """What a hotel's log-in page, a proxy or a busy server says is no answer, whatever its status.
    Raises Offline."""
    if answer.status_code >= 500 or (
        answer.status_code == 429 and "/rest/v1/" in answer.request.url.path
    ):
        raise Offline(f"status {answer.status_code}", retry_after(answer), answer.status_code)
    if answer.status_code == 204:
        return  # signing out: nothing to read, under whatever type
    kind = answer.headers.get("content-type", "")
    if answer.is_redirect or (
        kind and "json" not in kind and answer.headers.get("content-length") != "0"
    ):
        raise Offline(
            f"status {answer.status_code}, {kind.partition(';')[0] or 'redirect'}",
            status=answer.status_code,
        )


class Gateway:
    """Speaks to one Supabase as one person."""

    def __init__(
        self,
        url: str,
        publishable_key: str,
        *,
        http: httpx.AsyncClient,
        store: SessionStore | None = None,
    ) -> None:
        self.auth_session = AuthSession(url, publishable_key, http, store)
        self._http, self._url, self._key = http, url, publishable_key

    @property
    def user_id(self) -> str | None:
        """Whom the answers are for."""
        return self.auth_session.session.user_id if self.auth_session.session else None

    async def close(self) -> None:
        """Close the connections; nothing can be asked any more."""
        await self._http.aclose()

    async def call(
        self,
        function: str,
        arguments: dict[str, Any],
        *,
        patience: float | None = None,
        user_id: UUID | None = None,
    ) -> Any:
        """An `api` function, always by POST: URLs contain nothing personal.

        patience: seconds, for what a person knowingly waits for. user_id: the person whose data
        is in the call; with a token of anybody else it is not made.

        Raises Offline, SignedOut, Rejected, OtherUser.
        """

        def rpc(client: AsyncPostgrestClient) -> Any:
            return client.rpc(function, arguments)

        before = BACKOFF_SECONDS.set(
            httpx.Timeout(patience, connect=5.0, pool=5.0) if patience else TIMEOUTS
        )
        try:
            return await self._answer(rpc, user_id)
        finally:
            BACKOFF_SECONDS.reset(before)

    async def rows(
        self,
        view: str,
        row: type[Row],
        *,
        store_id: str | None = None,
        ids: Sequence[UUID] | None = None,
        order: str | None = None,
        limit: int = 200,
    ) -> list[Row]:
        """Rows of an `api` view, filtered by nothing but the store and ids. Raises Offline,
        SignedOut, Rejected."""

        def query(client: AsyncPostgrestClient) -> Any:
            request = client.from_(view).select("*")
            if store_id:
                request = request.eq("store_id", store_id)
            if ids is not None:
                request = request.in_("id", [str(x) for x in ids])
            if order:
                request = request.order(order.lstrip("-"), desc=order.startswith("-"))
            return request.limit(limit).retry(
                False
                # its own retries keep a person waiting for seven seconds; ours are the outbox and
                # the button
            )

        return parsed(TypeAdapter(list[row]), await self._answer(query))

    async def _answer(self, build: BuildRequest, user_id: UUID | None = None) -> Any:
        renewed = False
        while True:
            token = await self.auth_session.token(renew=renewed)
            if user_id is not None and token_subject(token) != str(user_id):
                raise OtherUser
            client = AsyncPostgrestClient(
                f"{self._url}/rest/v1",
                schema="api",
                headers={"apikey": self._key, "Authorization": f"Bearer {token}"},
                http_client=self._http,
            )
            try:
                return (await build(client).execute()).data
            except APIError as error:
                problem = _problem(error)
                if isinstance(problem, SignedOut) and not renewed:
                    renewed = True  # the clock of this device may be wrong: one fresh token decides
                    continue
                raise problem from error
            except (httpx.HTTPError, ValidationError, ValueError) as error:
                raise Offline(
                    type(error).__name__
                ) from error  # no network, or a page that is not ours


def parsed(adapter: TypeAdapter[Shape], data: Any) -> Shape:
    """The answer as a model; anything else is not our server's and counts as no answer."""
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        raise Offline(f"unreadable answer: {error.error_count()} places") from error


def retry_after(response: httpx.Response) -> float | None:
    """Seconds; the form with a date is read as no wish."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() and len(value) < 6 else None


def _problem(error: APIError) -> Exception:
    code, message = str(error.code or ""), str(error.message or "")
    if (
        code in ("401", "PGRST301", "PGRST302", "PGRST303", "PT401", "bad_jwt")
        or "jwt" in message.lower()
    ):
        return SignedOut()
    if (
        code
        in (
            "PT503",
            "429",
            "500",
            "502",
            "503",
            "504",
            "PGRST000",
            "PGRST001",
            "PGRST002",
            "PGRST003",
            "57014",
        )
        or not code
    ):
        return Offline(code)
    if code.startswith("PT"):
        field = str(error.details) if error.details else None
        return Rejected(
            message,
            field,
            (FieldProblem(field, message),) if field and message in ("required", "option") else (),
        )
    if code == "42501":
        return Rejected("forbidden")
    return Offline(code) if code.startswith(("5", "XX", "08", "53")) else Rejected("unexpected")
