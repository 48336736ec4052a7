"""Write pages from their templates, in the look and with the headers that all of them have."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ivr.agents.accounts import Account, Role
from ivr.web import words
from ivr.web.guard import Visit
from ivr.web.statics import Statics

TEMPLATES: Final = Path(__file__).parent / "templates"

POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
"""Content-Security-Policy: nothing inline and nothing from elsewhere, so that what is not escaped does nothing."""

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


ROLE_NAMES: Final[Mapping[Role, str]] = {"agent": "坐席", "supervisor": "班长"}


class Place(NamedTuple):
    """A page that the others lead to: its path, its name, and for whom it is."""

    path: str
    name: str
    for_whom: Literal["everybody", "agent", "supervisor"] = "everybody"

    def is_for(self, account: Account | None) -> bool:
        """Tell whether somebody is led there; who is not signed in is asked to."""
        return self.for_whom != "supervisor" or (account is not None and account.role == "supervisor")


class Pages:
    """Writes pages. Templates are escaped, and a name that they do not know is an error, not an empty place.

    Each page template extends ``layout.html`` and is given, besides its own facts: `places` (where else one can go),
    `here` (the path of this page), `static` (the URL of a file in ``static/``), and of who is signed in `account`
    (None for nobody) and the `token` of their forms.
    """

    def __init__(self, statics: Statics, places: Sequence[Place] = ()) -> None:
        self._places = tuple(places)
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"static": statics.url, "roles": ROLE_NAMES, "words": words}

    @property
    def paths(self) -> frozenset[str]:
        """The paths of all places."""
        return frozenset(place.path for place in self._places)

    def page(
        self, request: Request, template: str, *, visit: Visit | None = None, status: int = 200, **facts: Any
    ) -> HTMLResponse:
        """Write a page."""
        account = visit and visit.account
        known = {
            "here": request.url.path,
            "account": account,
            "token": visit.form_token if visit else "",
            "places": [place for place in self._places if place.is_for(account)],
        }
        return HTMLResponse(self.part(template, **known | facts), status, headers=HEADERS)

    def part(self, template: str, **facts: Any) -> str:
        """Write a part of a page, for htmx or an event of a stream."""
        return self._templates.get_template(template).render(facts)

    def fragment(self, template: str, **facts: Any) -> HTMLResponse:
        """Answer with a part of a page, for htmx to put into the one that is there."""
        return HTMLResponse(self.part(template, **facts), headers=HEADERS)

    def sentence(self, request: Request, title: str, sentence: str, *, status: int) -> HTMLResponse:
        """Write a page that is nothing but a sentence: what went wrong, and what still can be done.

        Where a part of a page was asked for, the sentence is put on top of the page that is there.
        """
        if "hx-request" not in request.headers:
            return self.page(request, "sentence.html", status=status, title=title, sentence=sentence)
        headers = {**HEADERS, "HX-Retarget": "#told", "HX-Reswap": "innerHTML"}
        return HTMLResponse(self.part("told.html", sentence=sentence), status, headers=headers)
