"""Write pages from their templates, in the look and with the headers that all of them have."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

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


class Place(NamedTuple):
    """A page that the others lead to: its path and its name."""

    path: str
    name: str


class Pages:
    """Writes pages. Templates are escaped, and a name that they do not know is an error, not an empty place.

    Each page template extends ``layout.html`` and is given, besides its own facts: `places` (where else one can go),
    `here` (the path of this page) and `static` (the URL of a file in ``static/``).
    """

    def __init__(self, statics: Statics, places: Sequence[Place] = ()) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"static": statics.url, "places": tuple(places)}

    def page(self, request: Request, template: str, *, status: int = 200, **facts: Any) -> HTMLResponse:
        """Write a page."""
        return HTMLResponse(self.part(template, here=request.url.path, **facts), status, headers=HEADERS)

    def part(self, template: str, **facts: Any) -> str:
        """Write a part of a page, for htmx or an event of a stream."""
        return self._templates.get_template(template).render(facts)

    def sentence(self, request: Request, title: str, sentence: str, *, status: int) -> HTMLResponse:
        """Write a page that is nothing but a sentence: what went wrong, and what still can be done."""
        return self.page(request, "sentence.html", status=status, title=title, sentence=sentence)
