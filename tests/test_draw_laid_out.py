"""Charts that are laid out: nothing lies upon anything else, every way begins and ends where it should."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.call import Edge
from ivr.drawing.chart import Chart, chart
from ivr.drawing.dot import Heat, dot
from ivr.drawing.layers import Layout, Link, Size, lay_out
from ivr.drawing.svg import svg
from ivr.library import Library, build, default_dirs, load

SVG = "{http://www.w3.org/2000/svg}"
QUOTED = r'"((?:[^"\\]|\\[\\"n])*)"'
NODE = re.compile(rf' +{QUOTED} \[label={QUOTED}, id={QUOTED}, class="(\w+(?: lost\d)?)", [^\]]*\];')
EDGE = re.compile(rf' +{QUOTED} -> {QUOTED} \[id="way\.(\d+)"(?:, label={QUOTED})?(, style=dashed, class=into)?\];')
OTHER = re.compile(
    rf"digraph flows {{|    (?:graph|node|edge) \[.*\];|    subgraph {QUOTED} {{|        label=.*;|    }}|}}"
)

HOSTILE = {
    "flows/hotlines.yaml": b"""
default: a
numbers: {"12333": a}
hotlines: {a: {name: {zh: 'a"<b>&\\n;]--> \\'}, region: "110105", languages: [zh], flow: a}}
""",
    "flows/a.yaml": b"""
flow: a
start: turns
nodes:
  turns: {kind: menu, say: x, keys: {"1": turns, "2": b, "3": b, "4": nowhere}}
  b: {kind: say, say: [x, x, x, x, x, x, x, x, x, x, x, x], to: turns}
  alone: {kind: hangup}
""",
    "prompts/zh.yaml": b"x: y",
}


@pytest.fixture(scope="module")
def library() -> Library:
    return load(*default_dirs())


def charts(library: Library) -> Iterator[Chart]:
    yield from (chart(library, name) for name in library.flows)
    yield chart(library)
    yield from (chart(build(HOSTILE), only) for only in (None, "a"))


def plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)


def places(drawn: Chart) -> list[str]:
    inside = (box for cluster in drawn.clusters for box in cluster.boxes)
    return [box.place for box in (*drawn.hotlines, *inside, *drawn.strangers)]


def test_every_arrow_is_in_one_bundle_with_what_it_is_counted_as(library: Library) -> None:
    for drawn in charts(library):
        bundles = drawn.bundles
        assert len({(one.source, one.target, one.into) for one in bundles}) == len(bundles)
        labels = [(one.source, one.target, label) for one in bundles for label in one.labels]
        assert sorted(labels) == sorted((one.source, one.target, one.label) for one in drawn.arrows if one.label)
        edges = [edge for one in bundles for edge in one.edges]
        assert sorted(edges) == sorted(one.edge for one in drawn.arrows if one.edge)


def test_dot_has_every_place_and_bundle_and_nothing_that_graphviz_would_read_otherwise(library: Library) -> None:
    for drawn in charts(library):
        found, ways = [], []
        for line in dot(drawn).splitlines():
            if node := NODE.fullmatch(line):
                assert node[1] == node[3]
                found.append(node[1])
            elif edge := EDGE.fullmatch(line):
                ways.append((edge[1], edge[2], bool(edge[5]), tuple(plain(edge[4] or "").strip().splitlines())))
                assert int(edge[3]) == len(ways) - 1
            else:
                assert OTHER.fullmatch(line), line
        assert found == places(drawn)
        assert ways == [(one.source, one.target, one.into, one.labels) for one in drawn.bundles]
    hotline = next(found for found in map(NODE.fullmatch, dot(chart(build(HOSTILE))).splitlines()) if found)
    assert plain(hotline[2]).splitlines()[1] == 'a"<b>&\\n;]--> \\'


def test_heat_tells_how_many_came_and_were_lost_and_what_was_walked(library: Library) -> None:
    fetched, told = Edge("balance", "fetch", "ok"), Edge("balance", "tell", "to")
    heat = Heat({fetched: 400, told: 100}, {"at.after.menu": 200}, {"at.after.menu": 40})
    lines = [line.strip() for name in ("balance", "after") for line in dot(chart(library, name), heat).splitlines()]

    def begins(start: str) -> str:
        (found,) = [line for line in lines if line.startswith(start)]
        return found

    assert 'label=" ok\\n400 ×", penwidth=6.00' in begins('"at.balance.fetch" -> "at.balance.tell"')
    assert 'label=" 100 ×", penwidth=3.50' in begins('"at.balance.tell" -> ')
    assert "label" not in begins('"at.balance.frozen" -> ')
    assert "class=cold" in begins('"at.balance.frozen" -> ')
    assert "came" not in begins('"at.balance.fetch" [')
    assert "200 came, 40 lost" in begins('"at.after.menu" [')
    assert 'class="menu lost2"' in begins('"at.after.menu" [')


def test_svg_has_every_place_and_stands_for_itself(library: Library) -> None:
    some = (chart(library, only) for only in (None, "main", "policy_years"))
    for drawn in (*some, *(chart(build(HOSTILE), only) for only in (None, "a"))):
        root = ET.fromstring(svg(drawn))
        assert sorted(str(one.get("id")) for one in root.iter(f"{SVG}g")) == sorted(places(drawn))
        _, _, width, height = map(float, str(root.get("viewBox")).split())
        for text in root.iter(f"{SVG}text"):
            assert 0 <= float(text.get("x", -1)) <= width
            assert 0 <= float(text.get("y", -1)) <= height
        said = {text.text for text in root.iter(f"{SVG}text")}
        assert {label for bundle in drawn.bundles for label in bundle.labels} <= said
        loaded = [name for one in root.iter() for name in one.attrib if name.endswith(("href", "src"))]
        assert loaded == []


def assert_well_laid(sizes: dict[str, Size], links: list[Link], laid: Layout) -> None:
    edges = {
        name: (
            x - sizes[name].width / 2,
            y - sizes[name].height / 2,
            x + sizes[name].width / 2,
            y + sizes[name].height / 2,
        )
        for name, (x, y) in laid.centres.items()
    }
    assert edges.keys() == sizes.keys()
    for left, top, right, bottom in edges.values():
        assert min(left, top) > -0.01
        assert max(right - laid.size.width, bottom - laid.size.height) < 0.01
    labels = [
        (x - one.label.width / 2, y - one.label.height / 2, x + one.label.width / 2, y + one.label.height / 2)
        for one, (x, y) in zip(links, laid.labels, strict=True)
        if one.label.width
    ]
    for one, other in combinations([*edges.values(), *labels], 2):
        assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1], "they overlap"
    for link, route in zip(links, laid.routes, strict=True):
        for name, (x, y) in ((link.source, route[0]), (link.target, route[-1])):
            left, top, right, bottom = edges[name]
            outside = max(left - x, x - right, top - y, y - bottom)
            assert outside < 0.01, "it begins and ends at its places"


NAMES = [f"n{number}" for number in range(9)]
ENDS = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from([0, 40, 90]))


@given(st.lists(ENDS, max_size=24, unique_by=lambda one: one[:2]))
@settings(max_examples=40, deadline=None)
def test_whatever_is_laid_out_lies_apart(ends: list[tuple[str, str, int]]) -> None:
    sizes = {name: Size(50 + 20 * number, 30 + 5 * number) for number, name in enumerate(NAMES)}
    links = [Link(source, target, Size(wide, 14 if wide else 0)) for source, target, wide in ends]
    laid = lay_out(sizes, links)
    assert_well_laid(sizes, links, laid)
    assert laid == lay_out(sizes, links)


def test_ways_lead_down_but_where_they_close_a_circle() -> None:
    sizes = {name: Size(50, 30) for name in "abcd"}
    links = [Link("a", "b"), Link("b", "c"), Link("c", "a"), Link("a", "d"), Link("c", "d")]
    laid = lay_out(sizes, links)
    down = [route[0].y < route[-1].y for route in laid.routes]
    assert down == [True, True, False, True, True]


def test_a_tree_is_drawn_without_a_crossing_whatever_the_order_of_its_branches() -> None:
    sizes = {name: Size(50, 30) for name in "rabxyz"}
    laid = lay_out(sizes, [Link("r", "a"), Link("r", "b"), Link("b", "x"), Link("a", "y"), Link("b", "z")])
    below_a, below_b = laid.centres["y"].x, (laid.centres["x"].x, laid.centres["z"].x)
    a_is_left = laid.centres["a"].x < laid.centres["b"].x
    assert all((below_a < x) == a_is_left for x in below_b)


def test_a_chart_of_nothing_is_laid_out_as_well() -> None:
    assert lay_out({}, []).size == Size(0, 0)
