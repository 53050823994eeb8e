"""What can go wrong between a person and the server, in words a screen can explain.

Problem
├── Offline        no answer: no network, a captive portal, a server that is busy or gone
├── SignedOut      the session was definitely refused
├── OtherUser      the data on this device belongs to another person than the one signed in
└── Rejected        the server said no: code, perhaps a field, perhaps a list of field problems
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldProblem:
    """One field that was not accepted: `code` is one of supabase/error_codes.md."""

    field: str
    code: str


class Problem(Exception):
    """An anticipated trouble; `code` chooses the sentence a person reads."""

    code = "unexpected"


class Offline(Problem):
    """No usable answer; retry_after in seconds when the server named one, status when HTTP got that
    far."""

    code = "offline"

    def __init__(
        self, detail: str = "", retry_after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(detail)
        self.retry_after, self.status = retry_after, status


class SignedOut(Problem):
    """The server does not know this session any more; whatever waits on the phone stays there."""

    code = "signed_out"


class OtherUser(Problem):
    """The session is not of the person whom the local data belongs to: nothing is read or sent."""

    code = "other_user"


class Rejected(Problem):
    """The server refused and says why."""

    def __init__(
        self, code: str, field: str | None = None, errors: tuple[FieldProblem, ...] = ()
    ) -> None:
        super().__init__(code)
        self.code, self.field, self.errors = code, field, errors
