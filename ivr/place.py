"""A caller's place in the queue of a group of agents, as the call remembers it."""

from typing import Final

from msgspec import Struct

from ivr import short_names

KEPT_MS: Final = 120_000
"""Who has left the queue by a key keeps the place for so long."""


class Place(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename=short_names.PLACE):
    """Instants are ms since 1970.

    `joined` is the time by which callers are served. `turn` is the first turn in the carrier's queue, -1 outside of it;
    who has left it keeps the place for a while from `aside_at` on. `told` is the position that the caller was told
    last, -1 before; `choice` the node that a key has chosen; `missed` how many rounds in a row passed without Redis;
    `since` when the caller came into the carrier's queue last. `wanted` is the group for which the caller had asked,
    where an agent of it has handed over to `group`.
    """

    group: str
    joined: int
    turn: int = -1
    told: int = -1
    choice: str = ""
    missed: int = 0
    aside_at: int = 0
    since: int = 0
    wanted: str = ""

    @property
    def waits(self) -> bool:
        """Tell whether the caller is in the carrier's queue, as far as the hotline knows."""
        return self.turn >= 0

    def kept(self, now: int) -> bool:
        """Tell whether who comes into the queue now comes back to this place."""
        return self.aside_at == 0 or 0 <= now - self.aside_at < KEPT_MS

    def is_for(self, group: str, now: int) -> bool:
        """Tell whether who asks for this group comes back to this place, of that group or of one to hand over to."""
        return group in (self.group, self.wanted) and self.kept(now)
