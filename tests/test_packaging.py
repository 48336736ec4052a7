"""What is installed: the command, the licence, and the flows and prompts without which it has nothing to say."""

import ast
import re
import subprocess
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from ivr import __main__, library

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ivr"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_wheel_has_flows_and_prompts_where_the_library_looks_for_them(project: dict[str, Any]) -> None:
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["ivr"]
    assert wheel["force-include"] == {"flows": "ivr/data/flows", "prompts": "ivr/data/prompts"}
    # In a checkout they lie beside the package; installed, in its data folder.
    package = Path(library.__file__).resolve().parent
    home = ROOT if package == PACKAGE else package / "data"
    assert library.default_dirs() == (home / "flows", home / "prompts")
    for folder in library.default_dirs():
        names = {path.name for path in folder.glob("*.yaml")}
        assert names == {path.name for path in (ROOT / folder.name).glob("*.yaml")}


def test_what_the_package_reads_beside_its_modules_is_not_left_out_of_the_wheel() -> None:
    code = (".py", ".pyc", ".pyi")
    data = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in code]
    assert {path.suffix for path in data} >= {".json", ".lua", ".html", ".css", ".js", ".svg", ".LICENSE"}
    # The wheel leaves out what git ignores.
    names = [str(path.relative_to(ROOT)) for path in data]
    ignored = subprocess.run(["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True)
    assert (ignored.returncode, ignored.stdout) == (1, "")


def test_what_is_vendored_has_its_licence_beside_it() -> None:
    vendored = [path for path in (PACKAGE / "web" / "static" / "vendor").iterdir() if path.suffix != ".LICENSE"]
    assert vendored
    for path in vendored:
        licence = path.with_name(f"{path.name.removesuffix('.js').removesuffix('.min')}.LICENSE")
        assert len(licence.read_text("utf-8")) > 500, f"{path.name} came with a licence: put it into {licence.name}"


def test_the_source_distribution_can_be_tested(project: dict[str, Any]) -> None:
    included = set(project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    assert included >= {"/ivr", "/flows", "/prompts", "/tests", "/README.md", "/LICENSE", "/CHANGELOG.md"}
    assert all((ROOT / name.strip("/")).exists() for name in included)


def test_the_command_is_installed_and_knows_its_distribution(project: dict[str, Any]) -> None:
    assert project["project"]["scripts"] == {"ivr": "ivr.__main__:main"}
    assert project["project"]["name"] == __main__.DISTRIBUTION
    assert callable(__main__.main)


def test_the_changelog_has_this_version(project: dict[str, Any]) -> None:
    assert f"## [{project['project']['version']}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_licence_is_the_whole_apache_licence(project: dict[str, Any]) -> None:
    assert project["project"]["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_everything_that_is_imported_is_a_dependency(project: dict[str, Any]) -> None:
    declared = {
        requirement.split(">")[0].split("[")[0].split("=")[0].strip().lower().replace("_", "-")
        for requirement in project["project"]["dependencies"]
    }
    # Parts of pydantic-settings, pydantic and aiohttp, which hand out their types.
    declared |= {"python-dotenv", "pydantic-core", "yarl"}
    owners = packages_distributions()
    missing = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for top in {name.split(".")[0] for name in names} - {"ivr"}:
                distributions = {owner.lower().replace("_", "-") for owner in owners.get(top, [])}
                if distributions and not distributions & declared:
                    missing.add((top, path.relative_to(ROOT).as_posix()))
    assert missing == set()


def parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_the_lock_pins_every_dependency_with_its_hashes_and_names_no_place(project: dict[str, Any]) -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = dict(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==([0-9]+(?:\.[0-9]+)*)", text, re.MULTILINE))
    for requirement in project["project"]["dependencies"]:
        name, least = requirement.split(">=")
        assert parts(pinned[name.partition("[")[0].replace(".", "-")]) >= parts(least), f"lock {requirement} anew"
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(packages) >= len(pinned)
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert re.findall(r"https?://|file:|--(?:extra-)?index|--find-links| @ ", text) == []


def test_the_image_is_built_with_the_steps_of_the_readme_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    assert any(line.startswith("RUN python -m venv") for line in lines)
    for step in ("--require-hashes -r requirements.lock", "--no-deps ."):
        assert [line for line in lines if "pip install" in line and line.endswith(step)], step
        assert f"pip install {step}" in (ROOT / "README.md").read_text("utf-8")
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert users[-1] != "root"
    assert any("/healthz" in line for line in lines)
    copied = {name for line in lines if line.startswith("COPY") and "--from" not in line for name in line.split()[1:-1]}
    assert copied >= {"pyproject.toml", "requirements.lock", "README.md", "LICENSE", "ivr", "flows", "prompts"}
