"""Read the bytes of an answer into a small tree of elements, more strictly than an XML library does by default."""

from dataclasses import dataclass, field
from xml.parsers import expat

DEEPEST = 12


class NotXml(ValueError):  # noqa: N818 - it says what the answer is
    """The bytes are no XML document that the carrier reads; the text says why."""


@dataclass(slots=True)
class Node:
    """An element with its attributes, its text and child elements in their order, and the line where it starts."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node | str"] = field(default_factory=list)
    line: int = 1

    def elements(self) -> list["Node"]:
        return [child for child in self.children if isinstance(child, Node)]

    def all_text(self) -> str:
        return "".join(child if isinstance(child, str) else child.all_text() for child in self.children)

    def text(self) -> str:
        return "".join(child for child in self.children if isinstance(child, str))


def read_tree(body: bytes) -> Node:
    """Return the root element of a UTF-8 document; a document type or another encoding raises NotXml as well."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotXml(f"The answer is not UTF-8 at byte {error.start}.") from None
    top = Node("")
    open_nodes = [top]
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True

    def declared(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise NotXml(f"The answer declares the encoding {encoding}; UTF-8 was expected.")

    def doctype(*_: object) -> None:
        raise NotXml("The answer has a document type declaration; none was expected.")

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_nodes) > DEEPEST:
            raise NotXml(f"The answer nests elements deeper than {DEEPEST}.")
        node = Node(name, attributes, line=parser.CurrentLineNumber)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def end(_name: str) -> None:
        open_nodes.pop()

    def text(data: str) -> None:
        open_nodes[-1].children.append(data)

    parser.XmlDeclHandler = declared
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise NotXml(f"The answer is not well-formed XML: {error}.") from None
    return top.elements()[0]
