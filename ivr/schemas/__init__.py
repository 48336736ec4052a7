"""JSON Schemas of the data files, made of the models that read them, so that an editor helps while they are written."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from ivr.duty.working_days import WorkingDays
from ivr.flow import AGAIN, Flow, Hotlines, Lang, PromptId
from ivr.policyfacts import PolicyFacts
from ivr.prompts import NAME_FORM, TYPES

FOLDER: Final = Path(__file__).resolve().parent
"""Where the schemas lie that come with the package."""

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_VARIABLE = rf"\{{{NAME_FORM.pattern}:({'|'.join(sorted(TYPES))})\}}"
SpokenText = Annotated[str, StringConstraints(pattern=rf"^\s*([^\s{{}}]|{_VARIABLE})([^{{}}]|{_VARIABLE})*$")]
"""What is spoken: not blank, and braces only around a variable, ``{balance:money}``."""

VoiceChange = Annotated[dict[Lang, SpokenText], Field(min_length=1, max_length=1)]
Spoken = SpokenText | Annotated[list[SpokenText | VoiceChange], Field(min_length=1)]


@dataclass(frozen=True)
class DataFile:
    """A kind of data file: where its files lie, what its schema is called, and the type that says what it holds."""

    name: str
    files: str
    title: str
    shape: Any

    @property
    def schema_file(self) -> str:
        return f"{self.name}.schema.json"

    def text(self) -> str:
        """Write the schema; the same text on every machine."""
        made = TypeAdapter(self.shape).json_schema(schema_generator=_AsWritten)
        whole = _closed(made) | {"$schema": DIALECT, "title": self.title}
        return json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


DATA_FILES: Final = (
    DataFile("flow", "flows/*.yaml", "A flow of the hotline", Flow),
    DataFile("hotlines", "flows/hotlines.yaml", "The hotlines by the number dialled", Hotlines),
    DataFile("policy_facts", "flows/policy_facts.yaml", "What policy answers may say", PolicyFacts),
    DataFile("working_days", "flows/working_days.yaml", "Working days announced since", WorkingDays),
    DataFile("prompts", "prompts/*.yaml", "What is spoken in one language, by prompt id", dict[PromptId, Spoken]),
)


def stale(folder: Path = FOLDER) -> list[DataFile]:
    """Give the kinds of file whose schema in ``folder`` is missing or not what the models say now."""
    return [kind for kind in DATA_FILES if _read(folder / kind.schema_file) != kind.text()]


def write(folder: Path = FOLDER, kinds: Iterable[DataFile] = DATA_FILES) -> list[Path]:
    """Write the schemas of these kinds of file and give where; raises OSError where the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in kinds:
        path = folder / kind.schema_file
        path.write_text(kind.text(), "utf-8", newline="\n")
        written.append(path)
    return written


def editor_line(schema: Path) -> str:
    """Give the comment on a data file's first line by which an editor finds its schema."""
    return f"# yaml-language-server: $schema={schema.as_posix()}"


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


class _AsWritten(GenerateJsonSchema):
    """Make the schema of a file as people write it: one prompt by itself stands for a list of one."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - as pydantic calls it
        # "Kind" above every field `kind` would hide the descriptions that an editor shows.
        return False

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        inner = super().function_before_schema(schema)
        return {"anyOf": [inner["items"], inner]} if inner.get("type") == "array" else inner

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        # Null is how the models say that a field is left out; nobody is to write it.
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            made.pop("default")
        return made

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Refuse names that are none: pydantic's patterns for the names of a mapping let all other names pass."""

    def close(part: dict[str, Any]) -> dict[str, Any]:
        if "patternProperties" in part:
            part = part | {"additionalProperties": False}
        part.pop("discriminator", None)  # of OpenAPI; editors choose a node by the constant of its kind
        return part

    closed: dict[str, Any] = _everywhere(schema, close)
    if "nodes" in closed.get("properties", {}):
        nodes = closed["properties"]["nodes"]
        nodes["propertyNames"] = nodes.get("propertyNames", {}) | {"not": {"const": AGAIN}}
    return closed


def _everywhere(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    match value:
        case dict():
            return change({key: _everywhere(item, change) for key, item in value.items()})
        case list():
            return [_everywhere(item, change) for item in value]
        case _:
            return value
