"""Large pages: which memory is laid into them, and that the process whose memory it is does not notice."""

import subprocess
import sys

from ivr.large_pages import LARGE, own_memory

MAPS = """\
55d0e0000000-55d0e0600000 rw-p 00000000 00:00 0                          [heap]
7f0000100000-7f0000700000 rw-p 00000000 00:00 0
7f0001000000-7f0001400000 r-xp 00000000 fe:00 1234                       /usr/lib/libpython3.11.so.1.0
7f0002000000-7f0002400000 rw-p 00000000 fe:00 1234                       /usr/lib/libpython3.11.so.1.0
7f0003000000-7f0003400000 r--p 00000000 00:00 0
7f0004100000-7f0004300000 rw-p 00000000 00:00 0
7ffd00000000-7ffd00400000 rw-p 00000000 00:00 0                          [stack]
"""

HERE = """
import re
from pathlib import Path
from ivr.large_pages import take_large_pages

kept = [{number: str(number)} for number in range(200_000)]
taken = take_large_pages()
assert kept == [{number: str(number)} for number in range(200_000)]
told = Path("/proc/self/smaps_rollup")
huge = re.findall("AnonHugePages: +([0-9]+) kB", told.read_text() if told.exists() else "")
print(taken, sum(map(int, huge)) * 1024)
"""


def test_only_memory_of_the_process_itself_and_whole_large_pages_are_taken() -> None:
    assert list(own_memory(MAPS)) == [(0x55D0E0000000, 0x55D0E0600000), (0x7F0000200000, 0x7F0000600000)]
    assert list(own_memory("")) == []


def test_a_process_goes_on_with_what_it_has_in_large_pages() -> None:
    done = subprocess.run([sys.executable, "-c", HERE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    taken, huge = map(int, done.stdout.split())
    assert taken % LARGE == 0
    assert huge >= taken
