"""Rules about prompts inside prompts and about text messages: terms that exist, and texts that fit what was said."""

import re
from collections.abc import Iterator
from typing import Final

from ivr.lint.plan import WRITTEN, Found, Plan
from ivr.problems import did_you_mean, listed
from ivr.prompts import TERM

_LINK: Final = re.compile(r"https?|www\b|://", re.IGNORECASE)


def undeclared_term(plan: Plan) -> Iterator[Found]:
    """A term is a fact that names a prompt; only a lookup that declares every name it can be makes that safe to say."""
    for lang, catalog in plan.library.catalogs.items():
        for prompt in catalog.prompts.values():
            for fact in sorted(name for name, kind in prompt.variables if kind == TERM):
                silent = [
                    name
                    for name, promise in sorted(plan.declared.items())
                    if fact not in promise.terms and fact in _brought(plan, name)
                ]
                if silent or not plan.terms[fact]:
                    who = f"{listed(silent)} does not declare" if silent else "no lookup declares"
                    message = f"The prompt '{prompt.id}' says {{{fact}:{TERM}}}, but {who} what '{fact}' can be."
                    known = [fact for fact, values in sorted(plan.terms.items()) if values]
                    remedy = f"Terms are {listed(known)}; or use another type."
                    yield plan.in_catalog(lang, (prompt.id,), message, remedy, key=True)


def unknown_term(plan: Plan) -> Iterator[Found]:
    """A term is said inside a sentence, so it is there in every language, in one voice, and needs no facts itself."""
    for fact, values in sorted(plan.terms.items()):
        for value in sorted(values):
            for lang in plan.offered:
                catalog = plan.library.catalogs.get(lang)
                if catalog is None:
                    continue
                prompt = catalog.prompts.get(value)
                where = f"{{{fact}:{TERM}}} can be '{value}', which"
                if prompt is None:
                    message = f"{where} is missing.{did_you_mean(value, set(catalog.prompts) - values)}"
                    yield plan.in_catalog(lang, (), message, f"Write '{value}: …'.")
                elif prompt.variables or len(prompt.segments) > 1:
                    fault = "says facts itself" if prompt.variables else "changes the voice"
                    remedy = "A term is a word or two, without variables and in one voice."
                    yield plan.in_catalog(lang, (value,), f"{where} {fault}.", remedy, key=True)


def text_of_nothing(plan: Plan) -> Iterator[Found]:
    """A text message repeats what was just said; its prompt is named after what it is about."""
    for lang, catalog in plan.library.catalogs.items():
        for prompt_id in catalog.prompts:
            about = prompt_id.removeprefix(WRITTEN)
            if prompt_id.startswith(WRITTEN) and about not in plan.known_prompts:
                near = did_you_mean(about, plan.known_prompts)
                message = f"The text message '{prompt_id}' is about '{about}', which no prompt file has.{near}"
                remedy = "Name it after what is said, or take it out."
                yield plan.in_catalog(lang, (prompt_id,), message, remedy, key=True)


def text_with_other_facts(plan: Plan) -> Iterator[Found]:
    """A text message has the facts of what was said and no others, of the types that those facts fit."""
    for lang, catalog in plan.library.catalogs.items():
        for prompt in catalog.prompts.values():
            said = catalog.prompts.get(prompt.id.removeprefix(WRITTEN))
            if prompt.id.startswith(WRITTEN) and said is not None and (more := prompt.variables - said.variables):
                names = listed(f"{{{name}:{kind}}}" for name, kind in sorted(more))
                message = f"The text message '{prompt.id}' has {names}, which '{said.id}' does not say."
                remedy = f"Use those of {plan.place_of(lang, said.id)}, with the same types."
                yield plan.in_catalog(lang, (prompt.id,), message, remedy, key=True)


def text_spoken(plan: Plan) -> Iterator[Found]:
    """A text message has figures and no sentences; a voice would misread it."""
    remedy = f"Say the prompt that it is about: its id without '{WRITTEN}'."
    for flow, name, node in plan.nodes():
        for spoken in plan.prompts_of(name, node):
            if spoken.prompt.startswith(WRITTEN):
                message = f"{node.kind.capitalize()} '{name}' says the text message '{spoken.prompt}'."
                yield plan.in_flow(flow.flow, spoken.path, message, remedy)
    for hotline, path, announcement in plan.announcements():
        if announcement.say.startswith(WRITTEN):
            message = f"Hotline '{hotline}' announces the text message '{announcement.say}'."
            yield plan.in_hotlines((*path, "say"), message, remedy)


def link_in_text(plan: Plan) -> Iterator[Found]:
    """Swindlers send links in the bureau's name; who never gets one from us knows what to think of one."""
    for voice in plan.voices(written=True):
        if voice.prompt.id.startswith(WRITTEN) and (match := _LINK.search(voice.segment.text)):
            message = f"The text message '{voice.prompt.id}' has a link ('{match[0]}')."
            yield plan.in_catalog(voice.lang, voice.path, message, "Name the office or the app in words.")


def _brought(plan: Plan, lookup: str) -> frozenset[str]:
    """Give all facts that a lookup can bring, with any outcome, alone or in a list."""
    promise = plan.declared[lookup]
    lists = [facts for rows in promise.rows.values() for facts in rows.values()]
    return frozenset().union(*promise.outcomes.values(), *lists)
