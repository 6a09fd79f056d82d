"""Names in the documentation that lead nowhere: files, headings, commands, settings, variables, addresses and targets.

Each function takes the text of a page and returns the names that lead nowhere, as they stand there. Only links and code count
(code in quotes or in a block).
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import msgspec
from django.core.management import get_commands, load_command_class
from django.urls import Resolver404, resolve

from eventstore.config.loading import Installation, Limits
from eventstore.config.searchable_values import SearchableTable
from eventstore.config.topic_kinds import TopicKinds
from eventstore.envelope.mapping import MappingTable
from tests.unit.architecture import paths_on

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = tuple(path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in (".git", ".venv", "var"))
OWN_APPS = (
    "eventstore",
    "dashboard",
    "dashboard.record",
    "dashboard.observing",
    "dashboard.accounts",
    "eventstore.index",
    "eventstore.jobs",
    "eventstore.local",
    "eventstore.drivers.database",
)
SETTINGS: dict[str, type[msgspec.Struct]] = {
    "installation": Installation,
    "limits": Limits,
    "topics": TopicKinds,
    "mapping": MappingTable,
    "searchable": SearchableTable,
}
SHOWN = ("Anomaly", "The line says", "Skipped")
"""Heads of tables whose first column is what the desk shows."""
Check = Callable[[str], list[str]]
VARIABLE = r"\b(?:(?:INDEX_|STORE_)?DATABASE_URL|(?:EVENTDESK|EVENTSTORE|PULSAR)_[A-Z_]+)\b"


def code_on(page: str) -> Iterator[str]:
    """Each piece of code: a line of a block, or what stands in quotes within a line."""
    blocks = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
    for block in blocks.findall(page):
        yield from block.splitlines()[1:-1]
    yield from re.findall(r"`([^`\n]+)`", blocks.sub("", page))


def lost_links(page: str, folder: Path) -> list[str]:
    """Links to a file, or to a heading in one, that is not there. ``folder`` is the one that the page lies in."""
    return [
        target
        for target in re.findall(r"\]\(([^)\s]+)\)", page)
        if not target.startswith("https://") and not _leads_somewhere(target, page, folder)
    ]


def _leads_somewhere(target: str, page: str, folder: Path) -> bool:
    name, _, heading = target.partition("#")
    path = folder / name
    if not path.exists():
        return False
    return not heading or heading in headings(path.read_text(encoding="utf-8") if name else page)


def headings(page: str) -> set[str]:
    """The names by which links reach this page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def lost_files(page: str) -> list[str]:
    """Paths below one of the project's folders."""
    return [path for path in paths_on(page) if path.startswith(tuple(f"{name}/" for name in FOLDERS)) and not _is_there(path)]


def _is_there(path: str) -> bool:
    return next(ROOT.glob(path), None) is not None


def lost_names(page: str) -> list[str]:
    """Dotted names of modules and of what is in them: ``eventstore.model.tokens.encode``, ``dashboard.asgi:application``."""
    names = (name for code in code_on(page) for name in re.findall(r"(?<![\w/.-])(?:eventstore|dashboard)(?:[.:]\w+)+", code))
    return [name for name in names if not _is_defined(name.replace(":", "."))]


def _is_defined(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return _module_at(path) is not None or _has_name(_module_at(path.parent), path.name)


def _module_at(path: Path) -> Path | None:
    candidates = (path / "__init__.py", path.with_name(f"{path.name}.py"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _has_name(module: Path | None, name: str) -> bool:
    return module is not None and re.search(rf"\b{name}\b", module.read_text(encoding="utf-8")) is not None


def lost_commands(page: str) -> list[str]:
    """``manage.py NAME --option``, ``NAME --option``, and options that stand alone and belong to one of our own commands."""
    lost = []
    for code in code_on(page):
        command = re.search(r"manage\.py (\w+)", code) or re.match(r"(\w+) --", code)
        given = re.findall(r"(?<!\S)--[a-z][\w-]*", code.partition("#")[0])
        known = options_of(command[1]) if command else every_option()
        if (command and not known) or ((command or code.startswith("--")) and not known.issuperset(given)):
            lost.append(code)
    return lost


@cache
def options_of(command: str) -> frozenset[str]:
    """The options that this command and its verbs take, and an empty set for none of that name, which no option can be in."""
    app = get_commands().get(command)
    if app is None:
        return frozenset()
    loaded = load_command_class(app, command) if isinstance(app, str) else app
    parser = loaded.create_parser("manage.py", command)
    verbs = [one for action in parser._actions if isinstance(action.choices, dict) for one in action.choices.values()]
    return frozenset(re.findall(r"--[a-z][\w-]*", "".join(one.format_help() for one in (parser, *verbs))))


@cache
def every_option() -> frozenset[str]:
    own = [name for name, app in get_commands().items() if app in OWN_APPS]
    return frozenset().union(*map(options_of, [*own, "migrate"]))


def lost_targets(page: str) -> list[str]:
    """``make TARGET`` and ``make bench NAME=…``."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    named = [match for code in code_on(page) for match in re.finditer(r"(?:^|\s)make ([a-z]\w*)(?: NAME=(\w+))?", code)]
    return [
        match[0].strip()
        for match in named
        if match[1] not in targets or (match[2] and not (ROOT / "benchmarks" / f"{match[2]}.py").is_file())
    ]


def lost_settings(page: str) -> list[str]:
    """``table.key`` of the configuration file."""
    found = re.findall(rf"`((?:{'|'.join(SETTINGS)})\.\w+)`", page)
    return [name for name in found if name not in every_setting()]


@cache
def every_setting() -> frozenset[str]:
    return frozenset(f"{table}.{field.name}" for table, struct in SETTINGS.items() for field in msgspec.structs.fields(struct))


def lost_variables(page: str) -> list[str]:
    """Environment variables that nothing in the project reads. One that ends with "_" stands for all that begin so."""
    read = variables_of_the_code()
    families = {one[: at + 1] for one in read for at, letter in enumerate(one) if letter == "_"}
    return [name for code in code_on(page) for name in re.findall(VARIABLE, code) if name not in read | families]


@cache
def variables_of_the_code(*tops: str) -> frozenset[str]:
    """The environment variables that these folders read; without any, those of the whole project."""
    paths = [path for top in tops or ("eventstore", "dashboard", "scripts", "tests", "benchmarks") for path in _sources(top)]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    one_by_one = {name for text in texts for name in re.findall(rf'environ(?:ment)?(?:\.get\(|\[)"({VARIABLE})"', text)}
    return frozenset(one_by_one.union(*map(_family, texts)))


def _family(text: str) -> set[str]:
    """The variables of a module that reads all with one prefix, as ``given``."""
    prefixes = re.findall(rf'^PREFIX = "({VARIABLE})"$', text, re.MULTILINE)
    return {prefix + name for prefix in prefixes for name in re.findall(r'given(?:\.get\(|\[)"([A-Z_]+)"', text)}


def _sources(top: str) -> list[Path]:
    return sorted((ROOT / top).rglob("*.py"))


def lost_addresses(page: str) -> list[str]:
    """Addresses of pages and sockets: ``/topics/<topic>/tail/``, where anything may stand for what is in angle brackets."""
    addresses = [code for code in code_on(page) if re.fullmatch(r"/(?:[^\s/]+/)*", code)]
    return [address for address in addresses if not _is_served(re.sub(r"<[^>]*>", "x", address))]


def _is_served(address: str) -> bool:
    for urls in ("dashboard.urls", "dashboard.sockets.routing"):
        try:
            resolve(address, urls)
        except Resolver404:
            continue
        return True
    return False


def lost_labels(page: str) -> list[str]:
    """What a page of the desk says: *Labels* in italics, and the first column of a table of what the desk shows."""
    labels = re.findall(
        r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", "".join(re.split(r"^```.*?^```", page, flags=re.MULTILINE | re.DOTALL))
    )
    for table in re.findall(rf"^\| (?:{'|'.join(SHOWN)}) \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE):
        labels += [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()]
    return [label for label in labels if label.lower() not in what_pages_say()]


@cache
def what_pages_say() -> str:
    """The templates, the scripts and the code of the dashboard, in lower case."""
    folders = {"templates": "*.html", "dashboard": "*.py", "dashboard/static": "*.js"}
    paths = [path for folder, pattern in folders.items() for path in sorted((ROOT / folder).rglob(pattern))]
    return "".join(path.read_text(encoding="utf-8") for path in paths).lower()


CHECKS: tuple[Check, ...] = (
    lost_files,
    lost_names,
    lost_commands,
    lost_targets,
    lost_settings,
    lost_variables,
    lost_addresses,
    lost_labels,
)
