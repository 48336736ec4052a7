"""The agents' console: who waits, who is taken, and what is to be done."""

from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import Route

from ivr.web.guard import Guard, Visit
from ivr.web.writing import Pages


class Console:
    """The page of an agent, and what is done on it."""

    def __init__(self, guard: Guard, pages: Pages) -> None:
        self._guard = guard
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """Give the routes of the console."""
        return (self._guard.page("/console", self._show),)

    async def _show(self, visit: Visit) -> Response:
        return self._pages.page(visit.request, "console.html", visit=visit)
