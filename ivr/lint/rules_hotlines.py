"""Rules about hotlines and their languages: what one language says, every other language says as well."""

from collections.abc import Collection, Iterator

from ivr.lint.plan import Found, Plan
from ivr.problems import listed
from ivr.yamlfile import Path


def language_without_prompts(plan: Plan) -> Iterator[Found]:
    """A caller who chooses a language must hear it; a missing file must show at the start, not on a call."""
    for name, hotline in plan.library.hotlines.hotlines.items():
        for place, lang in enumerate(hotline.languages):
            path = ("hotlines", name, "languages", place)
            if lang not in plan.library.catalogs:
                message = f"Hotline '{name}' offers '{lang}', but there is no prompts/{lang}.yaml."
                yield plan.in_hotlines(path, message, "Write that file, or take the language out.")
            if lang in hotline.languages[:place]:
                yield plan.in_hotlines(path, f"Hotline '{name}' offers '{lang}' twice.", "Take one out.")


def hotline_text_missing(plan: Plan) -> Iterator[Found]:
    """The hotline's name and its hours are spoken in the caller's language; where one is missing there is a gap."""
    for name, hotline in plan.library.hotlines.hotlines.items():
        path: Path = ("hotlines", name, "name")
        texts: list[tuple[Path, str, str, Collection[str]]] = [(path, f"Hotline '{name}'", "name", hotline.name)]
        for group, agents in hotline.agents.items():
            path = ("hotlines", name, "agents", group, "hours")
            texts.append((path, f"Agent group '{group}' of hotline '{name}'", "hours", agents.hours))
        for path, owner, what, given in texts:
            missing = [lang for lang in hotline.languages if lang not in given]
            if missing:
                message = f"{owner} has no {what} in {listed(missing)}, which the hotline offers."
                yield plan.in_hotlines(path, message, f"Write {{{missing[0]}: …}} beside the others.", key=True)


def hours_of_nobody(plan: Plan) -> Iterator[Found]:
    """{hours} are the hours of the group 'general'; without that group a prompt would end in the middle."""
    says_hours = {
        prompt.id
        for catalog in plan.library.catalogs.values()
        for prompt in catalog.prompts.values()
        if "hours" in {name for name, _ in prompt.variables}
    }
    for start, hotlines in plan.calls.starts().items():
        said = {
            spoken.prompt
            for stack in plan.calls.edges
            if stack[0][0] == start[0][0]
            for spoken in plan.prompts_of(stack[-1][1], plan.calls.node(stack))
        }
        for name in hotlines:
            hotline = plan.library.hotlines.hotlines[name]
            saying = says_hours & (said | {announcement.say for announcement in hotline.announcements})
            if saying and "general" not in hotline.agents:
                prompts = listed(sorted(saying))
                message = f"Hotline '{name}' has no agent group 'general', but says its hours in {prompts}."
                yield plan.in_hotlines(("hotlines", name), message, "Write the group with its hours.", key=True)


def prompt_of_some_languages(plan: Plan) -> Iterator[Found]:
    """All languages have the same prompts, so that a call can go on in another one at any moment."""
    langs = [lang for lang in plan.offered if lang in plan.library.catalogs]
    for lang in langs:
        for prompt in plan.library.catalogs[lang].prompts:
            having = [other for other in langs if prompt in plan.library.catalogs[other].prompts]
            lacking = [f"prompts/{other}.yaml" for other in langs if other not in having]
            if lacking and having[0] == lang:
                message = f"The prompt '{prompt}' is missing in {listed(lacking)}."
                yield plan.in_catalog(lang, (prompt,), message, "Write it there, or take it out here.", key=True)


def variables_of_some_languages(plan: Plan) -> Iterator[Found]:
    """A prompt says the same in every language; a fact that only one of them says was forgotten in the others."""
    langs = [lang for lang in plan.offered if lang in plan.library.catalogs]
    for place, lang in enumerate(langs):
        for prompt in plan.library.catalogs[lang].prompts.values():
            first = next((other for other in langs[:place] if prompt.id in plan.library.catalogs[other].prompts), None)
            if first is None:
                continue
            expected = plan.library.catalogs[first].prompts[prompt.id].variables
            if prompt.variables != expected:
                yield plan.in_catalog(
                    lang,
                    (prompt.id,),
                    f"The prompt '{prompt.id}' says {_named(prompt.variables)}, but {plan.place_of(first, prompt.id)} "
                    f"says {_named(expected)}.",
                    "Give both the same variables with the same types.",
                    key=True,
                )


def text_in_a_foreign_voice(plan: Plan) -> Iterator[Found]:
    """A {…:text} is in the caller's language; the voice of another language would misread it, or be silent."""
    for voice in plan.voices():
        if voice.segment.lang != voice.prompt.lang:
            for variable in voice.segment.variables():
                if variable.type == "text":
                    message = f"'{voice.prompt.id}' has {{{variable.name}:text}} in the '{voice.segment.lang}' voice."
                    yield plan.in_catalog(voice.lang, voice.path, message, "Say it outside the change of voice.")


def _named(variables: frozenset[tuple[str, str]]) -> str:
    return listed((f"{{{name}:{kind}}}" for name, kind in sorted(variables)), nothing="no variables")
