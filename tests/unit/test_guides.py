"""Checks what the guides have a reader type: commands with their options, targets of make, settings, units, links."""

import argparse
import importlib
import re
import shlex
import subprocess

import click
import pytest
import yaml

from tests import guides
from tests.command_tree import COMMANDS
from tests.tables_of import Page
from worker.settings.sources import CONFIG, PREFIX

#: How the tests hold each language's blocks to the code.
HELD = {
    "sh": "taken apart here; typed by tests/acceptance/test_guides_shell.py and tests/integration/cli/test_guides.py",
    "sql": "run by tests/acceptance/test_guides_code.py and tests/deploy/test_roles.py",
    "python": "run by tests/acceptance/test_guides_code.py",
    "php": "run by tests/acceptance/test_guides_code.py",
    "js": "run by tests/acceptance/test_guides_code.py",
    "toml": "loaded by tests/unit/test_reference.py",
    "json": "compared by tests/integration/cli/test_status.py",
    "text": "compared by tests/unit/cli/test_audit_report.py, tests/acceptance/test_guides_shell.py and "
    "tests/unit/test_worked_example.py",
    "mermaid": "taken apart here; the worked example's is compared by tests/unit/test_worked_example.py",
    "ini": "its setting is looked up here",
    "": "the states' picture and the map of the code, compared by tests/unit/test_reference.py",
}

MAKEFILE = (guides.ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):.* ## ", MAKEFILE, re.MULTILINE))

every_guide = pytest.mark.parametrize("guide", guides.GUIDES)


def test_every_language_of_a_block_is_held_to_the_code():
    assert {language for guide in guides.GUIDES for language, _ in guides.blocks(guide)} <= HELD.keys()
    tests = {path for told in HELD.values() for path in re.findall(r"tests/\S+\.py", told)}
    assert [path for path in tests if not (guides.ROOT / path).exists()] == []


@every_guide
def test_shell_can_be_read(guide):
    for block in guides.shell(guide):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


@every_guide
def test_commands_can_be_typed_as_they_stand(guide):
    for program, *words in guides.typed(guide):
        match program.rpartition("/")[2]:
            case "order-sync":
                _of(words)
            case "make":
                _make(words)
            case "systemctl":
                units = [word for word in words[1:] if not word.startswith("-")]
                assert [unit for unit in units if not (guides.ROOT / f"deploy/systemd/{unit}.service").exists()] == []


@every_guide
def test_commands_in_the_text_are_there(guide):
    for words in guides.mentioned(guide, "order-sync"):
        _of(words, complete=False)
    for words in guides.mentioned(guide, "make"):
        _make(words)


def _of(words: list[str], *, complete: bool = True) -> None:
    """Fails if click would. What isn't `complete` may lack what it must be given, or name a group alone."""
    name = next((name for name in COMMANDS if words[: name.count(" ") + 1] == name.split()), None)
    if name is None:
        assert not complete, f"no such command: {words}"
        assert any(known.startswith(" ".join(words) + " ") for known in COMMANDS), f"no such commands: {words}"
        return
    given = ["1" if word == "ID" else word for word in words[name.count(" ") + 1 :]]
    try:
        COMMANDS[name].make_context("order-sync", given)
    except click.exceptions.Exit:
        pass  # --help
    except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
        assert not complete


def _make(words: list[str]) -> None:
    target, *more = words
    assert target in TARGETS
    for word in more:
        name, _, value = word.partition("=")
        assert name == "ARGS"
        arguments = shlex.split(value)
        match target:
            case "demo" | "run":
                _of([target, *arguments])
            case "test":
                assert arguments[0] == "-k"
            case "bench":
                _bench(*arguments)
            case _:
                _parsed(target, arguments)


class ParsedError(Exception):
    """That the arguments could be read, and that nothing is to be done."""


def _parsed(target: str, arguments: list[str]) -> None:
    """Have the module that a target runs read its arguments, and no more."""
    (module,) = re.findall(rf"^{target}:.*\n\t@\$\(BIN\)/python -m (tests[\w.]*) \$\(ARGS\)", MAKEFILE, re.MULTILINE)
    parse = argparse.ArgumentParser.parse_args

    def only_parse(self, *given, **options):
        parse(self, *given, **options)
        raise ParsedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [module, *arguments])
        patch.setattr(argparse.ArgumentParser, "parse_args", only_parse)
        with pytest.raises(ParsedError):
            importlib.import_module(module).main()


def _bench(scenario: str, *options: str) -> None:
    """Its own parser wants what only its own environment has."""
    if scenario in {"publish", "--help"}:
        return
    assert f'    "{scenario}": ' in (guides.ROOT / "tests/bench/bench.py").read_text(encoding="utf-8")
    sizes = (guides.ROOT / f"tests/bench/scenarios/{scenario.replace('-', '_')}.py").read_text(encoding="utf-8")
    assert all(re.search(rf"^    {option[2:]}: ", sizes, re.MULTILINE) for option in options[::2])


def test_what_make_says_of_arguments_is_so():
    said = re.findall(r"^([a-z]+):.* ## .*ARGS=(?:\"(.*?)\"|(\S+))", MAKEFILE, re.MULTILINE)
    assert said
    for target, quoted, bare in said:
        if target != "lock":  # uv's own
            _make([target, f"ARGS={quoted or bare}"])


def test_every_target_of_make_is_told_of():
    told = {words[1] for guide in guides.GUIDES for words in guides.typed(guide) if words[0] == "make"}
    assert told == TARGETS - {"help"}


@every_guide
def test_every_setting_that_is_named_exists(guide):
    known = {*Page("docs/reference/settings.md").column("variable"), CONFIG, f"{PREFIX}TEST_POSTGRES"}
    text = guides.GUIDES[guide]
    for name in set(re.findall(rf"(?<![\w]){PREFIX}[A-Z_]+(?:<NAME>[A-Z_]+)?", text)):
        generic = re.sub("PANELS__(DEFAULT|OTHER)__", "PANELS__<NAME>__", name).removesuffix("_FILE")
        assert generic in known, name
    for name in set(re.findall(r"`([A-Z]+__[A-Z_]+)`", text)):
        assert f"{PREFIX}{name}" in known, name


def test_what_kubectl_is_told_of_is_in_the_manifests():
    (text,) = [block for block in guides.shell("docs/operating/kubernetes.md") if block.startswith("kubectl")]
    base = guides.ROOT / "deploy/kubernetes/base"
    job = yaml.safe_load((base / "migrate.yaml").read_text(encoding="utf-8"))
    namespace = yaml.safe_load((base / "namespace.yaml").read_text(encoding="utf-8"))
    assert set(re.findall(r"job[ /](\S+)", text)) == {job["metadata"]["name"]}
    assert set(re.findall(r"--namespace (\S+)", text)) == {namespace["metadata"]["name"]}


@every_guide
def test_every_link_leads_somewhere(guide):
    """To a file that exists, and to a heading that it has."""
    for link in re.findall(r"\]\((?!https?://)([^)\s]+)\)", Page(guide).prose):
        path, _, anchor = link.partition("#")
        target = (guides.ROOT / guide).parent / path if path else guides.ROOT / guide
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target.read_text(encoding="utf-8")), link


def _anchors(text: str) -> set[str]:
    """Returns the anchors that a code host gives to the headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_readme_is_short():
    assert len(guides.GUIDES["README.md"].splitlines()) <= 200


@every_guide
def test_one_word_stands_for_one_thing(guide):
    """The glossary has the words; these are other ones that the project once had for them."""
    retired = "look|looks|looked|looking|bunch|bunches|twin|twins|stray|strays|books|desk|dossier|standstill|abandoned"
    assert re.findall(rf"\b(?:{retired})\b", guides.GUIDES[guide], re.IGNORECASE) == []


def test_the_index_has_every_page():
    index = re.findall(r"\]\(([^)#]+\.md)\)", guides.GUIDES["docs/README.md"])
    linked = {str((guides.ROOT / "docs" / link).resolve().relative_to(guides.ROOT)) for link in index}
    pages = {guide for guide in guides.GUIDES if guide.startswith("docs/")}
    assert pages - linked == {"docs/README.md"}


def test_the_quickstart_begins_with_what_the_readme_has_a_reader_type():
    quickstart = [line for block in guides.shell("docs/quickstart.md") for line in _lines(block)]
    first_order = [line for block in guides.shell("README.md")[1:] for line in _lines(block)]
    left = iter(quickstart)
    assert [line for line in first_order if line not in left] == []
    assert set(guides.code("README.md", "sql")) == set(guides.code("docs/quickstart.md", "sql")[:2])


def _lines(block: str) -> list[str]:
    """Returns the lines without comments."""
    return [re.sub(r"\s+# .*", "", line) for line in block.splitlines()]


@every_guide
def test_every_diagram_declares_what_it_connects(guide):
    for diagram in guides.code(guide, "mermaid"):
        kind, *lines = [line.strip() for line in diagram.splitlines()]
        match kind.split():
            case ["flowchart", _]:
                declared = set(re.findall(r"^(\w+)[\[({]", "\n".join(lines), re.MULTILINE))
                connected = {end for line in lines if "--" in line for end in (line.split()[0], line.split()[-1])}
            case ["sequenceDiagram"]:
                declared = {line.split()[1] for line in lines if line.startswith("participant ")}
                connected = {
                    end for line in lines for end in re.findall(r"^(\w+) ?-.*?[>x)]+(\w+):", line) for end in end
                }
            case _:
                pytest.fail(f"no test can read a diagram of the kind {kind}")
        assert connected, diagram
        assert connected == declared, diagram


@every_guide
def test_every_path_is_there(guide):
    text = guides.GUIDES[guide]
    paths = {guides.ROOT / path for path in re.findall(r"`((?:worker|tests|migrations)/[\w./-]*)`", text)}
    paths |= {guides.ROOT / path for path in re.findall(r"(?<![\w/])(deploy/[\w./@-]+\w)", text)}
    if guide.startswith("deploy/"):
        rooms = "systemd|container|kubernetes|postgres|prometheus|grafana|consumers"
        paths |= {guides.ROOT / "deploy" / path for path in re.findall(rf"`((?:{rooms})/[^` ]*)`", text)}
    assert [path for path in paths if not path.exists()] == []
