"""Lay what a worker is made of into large pages of memory, where Linux has them: an eighth of its processor time.

What a turn touches lies scattered over all that was imported, some thousand small pages: more than a processor knows
the way to by heart, and in a virtual machine each look-up takes twice as long. A worker that was forked from the mould
no longer shares with the others what it lays together, some thirty megabytes.
"""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LARGE: Final = 2 * 1024 * 1024
"""Bytes of a large page, where small ones are of 4 kB."""

_COLLAPSE: Final = 25  # MADV_COLLAPSE of Linux 6.1: at once, as far as there is memory for it
_MAPS, _ENABLED = Path("/proc/self/maps"), Path("/sys/kernel/mm/transparent_hugepage/enabled")


def take_large_pages() -> int:
    """Lay this process's own memory into large pages, and give how many bytes that were.

    None are where the system has none, or its operator has said that there be none (``never``).
    """
    if sys.platform != "linux" or not _wanted():
        return 0
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    ranges = list(own_memory(_MAPS.read_text("utf-8", "replace")))
    return sum(end - begin for begin, end in ranges if libc.madvise(begin, end - begin, _COLLAPSE) == 0)


def own_memory(maps: str) -> Iterator[tuple[int, int]]:
    """Give the addresses, from whole large page to whole large page, of memory that is no file's and may be written.

    `maps` is the text of ``/proc/PID/maps``.
    """
    for line in maps.splitlines():
        where, rights, _, _, _, *name = line.split(maxsplit=5)
        if not rights.startswith("rw") or (name and name[0] != "[heap]"):
            continue
        first, last = (int(address, 16) for address in where.split("-"))
        begin, end = -(-first // LARGE) * LARGE, last // LARGE * LARGE
        if begin < end:
            yield begin, end


def _wanted() -> bool:
    try:
        return "[never]" not in _ENABLED.read_text("ascii")
    except OSError:
        return False
