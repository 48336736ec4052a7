"""Turn what pydantic finds wrong with a flow or hotline file into sentences that the file's author understands."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ivr import flow
from ivr.problems import Problem, did_you_mean, listed
from ivr.yamlfile import Path, YamlFile

_FORMS: Final = {
    "^[a-z]": "a word of a-z, 0-9 and _ that begins with a letter, such as 'check_number'",
    "^\\+[1-9]": 'a telephone number with its country, such as "+861012345678", or an address sip:name@host',
    "^sip:": 'a telephone number with its country, such as "+861012345678", or an address sip:name@host',
    "^\\+?[0-9]": 'a number as it is dialled, 3 to 15 digits, such as "12333" or "+861012333"',
    "^[0-9]{17}": 'an ID number in quotes, 18 characters, such as "11010519491231002X"',
    "^[0-9]{2}-": 'a day of the year in quotes, such as "06-01"',
    "^[0-9]{6}$": 'six digits in quotes, such as "110105"',
}
"""What a text must look like, by the beginning of its pattern; whoever writes a flow reads no patterns."""

_PROMPT_FORM: Final = "the id of a prompt: words of a-z, 0-9 and _ with dots between them, such as 'balance.tell'"


class _Spot(NamedTuple):
    """Where pydantic points: the way through the file, the model that holds it, and whether a key is meant."""

    path: Path
    model: type[BaseModel] | None
    is_key: bool


def faults(error: ValidationError, file: YamlFile, model: type[BaseModel]) -> list[Problem]:
    """Give a problem for everything wrong with ``file``, which was to be a ``model``; each stands where it is wrong."""
    details = error.errors(include_url=False)
    found = {
        problem
        for detail in details
        if not _follows(detail, details)
        for problem in [_problem(detail, file, _spot(detail["loc"], model))]
    }
    return sorted(found)


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Tell whether a list is only called too short because an item of it is wrong."""
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc) for other in details
    )


def _spot(loc: tuple[int | str, ...], model: type[BaseModel]) -> _Spot:
    """Walk pydantic's location through the types: it names the kinds of nodes too, which are no keys of the file."""
    path: Path = ()
    here: Any = model
    inside: type[BaseModel] | None = model
    for step in loc:
        here = _plain(here)
        if step == "[key]":
            return _Spot(path, inside, is_key=True)
        if get_origin(here) in (Union, types.UnionType):
            here = next((kind for kind in get_args(here) if step in _kinds(kind)), None)
            inside = here if isinstance(here, type) and issubclass(here, BaseModel) else inside
            continue
        if here is None:
            continue
        path = (*path, step)
        here = _inside(here, step)
        plain = _plain(here)
        if isinstance(plain, type) and issubclass(plain, BaseModel):
            inside = plain
    return _Spot(path, inside, is_key=False)


def _plain(kind: Any) -> Any:
    """Take off what only adds conditions to a type, and None where a value may be left out."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, types.UnionType) and types.NoneType in get_args(kind):
            kept = [option for option in get_args(kind) if option is not types.NoneType]
            kind = kept[0] if len(kept) == 1 else Union[tuple(kept)]  # noqa: UP007 - built at run time
        else:
            return kind


def _inside(kind: Any, step: int | str) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(step))
        return field.annotation if field else None
    arguments = get_args(kind)
    return arguments[-1 if get_origin(kind) is dict else 0] if arguments else None


def _kinds(kind: Any) -> tuple[Any, ...]:
    """Give the kinds of node that a model of nodes stands for: ``("menu",)``."""
    kind = _plain(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel) and "kind" in kind.model_fields:
        annotation = kind.model_fields["kind"].annotation
        return get_args(annotation) if get_origin(annotation) is Literal else ()
    return ()


def _problem(detail: ErrorDetails, file: YamlFile, spot: _Spot) -> Problem:
    path, name = spot.path, spot.path[-1] if spot.path else ""
    given, context = detail["input"], detail.get("ctx", {})
    rule, remedy = "wrong-value", ""
    place = file.key_at(path) if spot.is_key else file.at(path)
    match detail["type"]:
        case "extra_forbidden":
            rule, place = "unknown-field", file.key_at(path)
            fields = list(spot.model.model_fields) if spot.model else []
            message = f"{_called(path[:-1], start=True)} has no field '{name}'.{did_you_mean(name, fields)}"
            remedy = f"Its fields are {listed(fields)}."
        case "missing":
            rule, place = "missing-field", file.key_at(path[:-1])
            message = f"{_called(path[:-1], start=True)} lacks the field '{name}'."
            remedy = f"Write '{name}: …'."
        case "union_tag_invalid" | "union_tag_not_found":
            rule = "unknown-kind"
            kinds, tag = _all_kinds(), context.get("tag")
            place = file.at((*path, "kind")) if tag else file.key_at(path)
            said = f"'{tag}' is no kind of node.{did_you_mean(tag, kinds)}" if tag else "It does not say its kind."
            message = f"{_called(path, start=True)}: {said}"
            remedy = f"The kinds are {listed(kinds)}."
        case "string_pattern_mismatch":
            what = f"the key {given!r}" if spot.is_key else f"{given!r}"
            message = f"{_called(path[:-1] if spot.is_key else path, start=True)}: {what} does not have the right form."
            remedy = f"Expected is {_form(context['pattern'])}."
        case "literal_error":
            choices = _choices(context["expected"])
            what = f"the key {given!r}" if spot.is_key else f"{given!r}"
            near = did_you_mean(given, choices)
            owner = _called(path[:-1] if spot.is_key else path, start=True)
            message = f"{owner}: {what} is none of those possible.{near}"
            remedy = f"Possible are {listed(choices)}."
        case "string_type":
            message = f"{_called(path, start=True)} is {_kind_of(given)}, but a text is expected."
            remedy = "Write a word, or put the number in double quotes." if given is not None else "Write a text."
        case "string_too_short" | "too_short":
            message = f"{_called(path, start=True)} is empty."
            remedy = f"Write at least {context['min_length']}."
        case "string_too_long" | "too_long":
            message = f"{_called(path, start=True)} is too long."
            remedy = f"At most {context['max_length']} are possible."
        case "greater_than_equal" | "less_than_equal":
            message = f"{_called(path, start=True)} is {given}, which is out of range."
            bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
            remedy = f"Write a whole number, {bound}."
        case "int_type" | "int_from_float":
            message = f"{_called(path, start=True)} is {_kind_of(given)}, but a whole number is expected."
            remedy = "Write digits without quotes."
        case "bool_type":
            message = f"{_called(path, start=True)} is {_kind_of(given)}, but true or false is expected."
            remedy = "Write true or false without quotes."
        case "tuple_type" | "list_type":
            message = f"{_called(path, start=True)} is {_kind_of(given)}, but a list is expected."
            remedy = "Write [first, second]; a single prompt may stand by itself."
        case "date_type":
            message = f"{_called(path, start=True)} is {_kind_of(given)}, but a day is expected."
            remedy = "Write the day as 2027-02-10."
        case "value_error":
            message = f"{_called(path, start=True)} does not hold."
            remedy = f"{str(context['error'])[:1].upper()}{str(context['error'])[1:]}."
        case "dict_type" | "model_type" | "model_attributes_type":
            message = f"{_called(path, start=True)} is {_kind_of(given)}, but 'name: value' lines are expected."
            fields = list(spot.model.model_fields) if spot.model and detail["type"] == "model_type" else []
            remedy = f"Its fields are {listed(fields)}." if fields else "Write {name: value}, or indented lines."
        case _:
            message = f"{_called(path, start=True)} does not hold: {detail['msg']}."
    return Problem(file.name, *place, rule, message, "", remedy)


def _called(path: Path, *, start: bool = False) -> str:
    """Name a part of a file in words: ``field 'keys.1' of node 'menu'``; ``start`` begins a sentence with it."""
    said = " of ".join(reversed(list(_parts(path)))) or "this file"
    return said[0].upper() + said[1:] if start else said


def _parts(path: Path) -> Iterator[str]:
    owners = {"nodes": "node", "hotlines": "hotline", "agents": "agent group"}
    rest: list[str] = []
    steps = iter(path)
    for step in steps:
        if step in owners and not rest and (name := next(steps, None)) is not None:
            yield f"{owners[str(step)]} '{name}'"
        else:
            rest.append(f"{step + 1}" if isinstance(step, int) else str(step))
    if rest:
        yield f"field '{'.'.join(rest)}'"


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return f"the value {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value!r}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _form(pattern: str) -> str:
    if "\\." in pattern and pattern.startswith("^[a-z]"):
        return _PROMPT_FORM
    return next((form for start, form in _FORMS.items() if pattern.startswith(start)), f"a text like {pattern}")


def _choices(expected: str) -> list[str]:
    return [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]


def _all_kinds() -> list[str]:
    return [kind for model in get_args(get_args(flow.Node)[0]) for kind in _kinds(model)]
