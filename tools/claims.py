"""The claims of the book and the checks that its pages make of them, read from what is stored.

`book/claims.yml` lists the claims. A check is a call ``check.<kind>("ID", ...)`` in a code cell together with
the line that it printed into the stored output; neither counts without the other. Prose treats a claim by the
role ``{claim}`ID```. A section runs from its label ``(sec-...)=`` to the next such label.

The functions below `read` judge a book: each returns a list of messages, empty when all is well.
"""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import nbformat
import yaml

SIDES = {  # the two sides of each kind of check, by parameter name
    "identity": ("lhs", "rhs"),
    "equal": ("left", "right"),
    "estimate": ("samples", "truth"),
    "refute": ("printed", "true"),
}
STATUSES = "correct correct-under-conditions imprecise typo wrong opinion question".split()
FIELDS = "id source place says status truth chapter section kind".split()
LINE = re.compile(rf"^\[({'|'.join(SIDES)})\] (\S+): (.*)$", re.MULTILINE)
MARK = re.compile(r"^\((?P<label>sec-[^)\s]+)\)=\s*$|\{claim\}`(?P<claim>[^`]*)`", re.MULTILINE)


@dataclass(frozen=True)
class Check:
    """One call of a check in a notebook, and what its cell printed for the same kind and claim."""

    kind: str
    claim: str
    chapter: str
    section: str
    cell: int  # counted from 1, over all cells
    where: str
    sides: tuple  # the two sides, as text that is the same for the same expression
    constant: bool  # no variable occurs in either side
    lines: tuple


@dataclass(frozen=True)
class Mention:
    """One role ``{claim}`` in the prose of a notebook."""

    claim: str
    chapter: str
    section: str
    cell: int
    where: str


@dataclass(frozen=True)
class Chapter:
    """A notebook: its labels, checks and mentions, and where source and stored output disagree."""

    slug: str
    sections: list
    checks: list
    mentions: list
    problems: list


@dataclass(frozen=True)
class Book:
    """The claims in their order, the chapters in the order of the table of contents, and that table."""

    claims: list
    chapters: list
    contents: list  # slugs of all pages

    @property
    def checks(self):
        """All checks of all chapters."""
        return [check for chapter in self.chapters for check in chapter.checks]

    @property
    def mentions(self):
        """All mentions of all chapters."""
        return [mention for chapter in self.chapters for mention in chapter.mentions]


# --- reading ---------------------------------------------------------------------------------------------------


def notebooks(root):
    """Return the paths of all notebooks of the book, without the copies that Jupyter leaves behind."""
    return [p for p in sorted(Path(root, "book").rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]


def read(root):
    """Read claims, contents and notebooks of the book whose ``_toc.yml`` is in `root`."""
    root = Path(root)
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    contents = [Path(name).stem for name in _files(toc)]
    claims = yaml.safe_load((root / "book/claims.yml").read_text(encoding="utf-8"))
    order = {slug: k for k, slug in enumerate(contents)}
    paths = sorted(notebooks(root), key=lambda path: (order.get(path.stem, len(order)), path))
    return Book(claims, [read_chapter(path) for path in paths], contents)


def read_chapter(path):
    """Read one notebook."""
    path, section = Path(path), ""
    sections, checks, mentions, problems = [], [], [], []
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells, 1):
        where = place(path, number, cell)
        if cell.cell_type == "markdown":
            for mark in MARK.finditer(cell.source):
                if mark["label"]:
                    section = mark["label"]
                    sections.append(section)
                else:
                    mentions.append(Mention(mark["claim"], path.stem, section, number, where))
        if cell.cell_type == "code":
            found, wrong = _read_code(cell)
            checks += [Check(chapter=path.stem, section=section, cell=number, where=where, **f) for f in found]
            problems += [f"{where}: {message}" for message in wrong]
    return Chapter(path.stem, sections, checks, mentions, problems)


def place(path, number, cell):
    """Name a cell as a reader of the notebook finds it: by its position and its execution count."""
    count = f" [{cell.execution_count or ' '}]" if cell.cell_type == "code" else ""
    return f"{Path(path).name}, cell {number}{count}"


def _files(node):
    """Yield the files of a table of contents, in order."""
    if isinstance(node, dict):
        yield from (node[key] for key in ("root", "file") if key in node)
        yield from chain.from_iterable(_files(value) for value in node.values())
    elif isinstance(node, list):
        yield from chain.from_iterable(map(_files, node))


def _read_code(cell):
    """Return the checks of a code cell (as dicts) and the messages about calls and stored lines."""
    try:
        tree = ast.parse(cell.source)
    except SyntaxError as error:
        return [], [f"not plain Python: {error.msg}"]
    printed = "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")
    lines = [match.groups() for match in LINE.finditer(printed)]
    problems = ["`check` must be pglib.check and nothing else"] if _rebinds_check(tree) else []

    pattern, sure = _pattern(tree.body)
    checks = []
    for call in filter(_is_check, ast.walk(tree)):
        kind, name = call.func.attr, f"check.{call.func.attr}"
        if not (call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)):
            problems.append(f"{name}: the id of the claim must be a literal string")
            continue
        claim, sides = call.args[0].value, _sides(call)
        if call not in sure:
            problems.append(f"{name} of {claim} might never run: write it as a statement of the cell or of a loop")
        if None in sides:
            problems.append(f"{name} of {claim} must show its two sides, {' and '.join(SIDES[kind])}")
            continue
        names = [node for side in sides for node in ast.walk(side) if isinstance(node, ast.Name)]
        texts = tuple(line for k, c, line in lines if (k, c) == (kind, claim))
        dumps = tuple(map(ast.dump, sides))
        checks.append({"kind": kind, "claim": claim, "sides": dumps, "constant": not names, "lines": texts})

    if not re.fullmatch(pattern, "".join(f"{kind} {claim}\n" for kind, claim, _ in lines)):
        wanted = ", ".join(f"[{c['kind']}] {c['claim']}" for c in checks) or "none"
        stored = ", ".join(f"[{kind}] {claim}" for kind, claim, _ in lines) or "none"
        problems.append(f"the stored lines are not those of the checks; called: {wanted}; stored: {stored}")
    return checks, problems


def _is_check(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "check"
        and node.func.attr in SIDES
    )


def _pattern(statements):
    """Return the regular expression of the lines that statements print, and the calls that surely run.

    A call counts as a statement of the cell, or of a loop that no ``break`` or ``continue`` cuts short.
    """
    pattern, sure = "", []
    for statement in statements:
        if isinstance(statement, ast.Expr) and _is_check(statement.value):
            first = statement.value.args[0] if statement.value.args else None
            pattern += re.escape(f"{statement.value.func.attr} {getattr(first, 'value', '')}\n")
            sure.append(statement.value)
        elif isinstance(statement, ast.For):
            inner, calls = _pattern(statement.body)
            if calls and not any(isinstance(node, (ast.Break, ast.Continue)) for node in ast.walk(statement)):
                pattern += f"(?:{inner})+"
                sure += calls
    return pattern, sure


def _sides(call):
    """Return the two sides of a check as expressions; None for one that is missing or starred."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    for name, value in zip(SIDES[call.func.attr], call.args[1:], strict=False):
        if isinstance(value, ast.Starred):
            break
        given[name] = value
    return [given.get(name) for name in SIDES[call.func.attr]]


def _rebinds_check(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None)
            for alias in node.names:
                source = f"{module}.{alias.name}" if module else alias.name
                if (alias.asname or alias.name) == "check" and source != "pglib.check":
                    return True
        names = {getattr(node, "id", None), getattr(node, "name", None), getattr(node, "arg", None)}
        if "check" in names and not isinstance(getattr(node, "ctx", None), ast.Load):
            if not isinstance(node, ast.alias):
                return True
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in SIDES:
            return True
    return False


# --- judging ---------------------------------------------------------------------------------------------------


def judge(book):
    """Return what is wrong with the claims of a book, by all the rules below."""
    if messages := misformed(book):
        return messages  # the other rules read the fields of each claim
    rules = disagreements, unknown, vacuous, one_sided, unsupported, misplaced
    return [message for rule in rules for message in rule(book)]


def misformed(book):
    """Every claim has the nine fields, an id of its own, and a status and a kind that exist."""
    messages = []
    for k, claim in enumerate(book.claims, 1):
        texts = {field: value for field, value in claim.items() if isinstance(value, str) and value.strip()}
        if missing := [field for field in FIELDS if field not in texts]:
            messages.append(f"claims.yml, entry {k} ({claim.get('id')}): without text in {', '.join(missing)}")
            continue
        name = f"claims.yml: {claim['id']}"
        if extra := sorted(set(claim) - set(FIELDS)):
            messages.append(f"{name}: unknown field {', '.join(extra)}")
        if claim["status"] not in STATUSES:
            messages.append(f"{name}: unknown status {claim['status']}")
        if claim["kind"] not in ("prose", "check", "refute"):
            messages.append(f"{name}: kind must be prose, check or refute, not {claim['kind']}")
        if claim["id"].startswith(("T-", "Q-")) != (claim["source"] == "book"):
            messages.append(f"{name}: ids T-... and Q-... are for claims of source `book`, and only they")
    twice = [name for name, count in Counter(claim.get("id") for claim in book.claims).items() if count > 1]
    return messages + [f"claims.yml: {name} is listed more than once" for name in twice]


def disagreements(book):
    """Each call stands where it must run and has its stored lines, and no line is without a call."""
    return [problem for chapter in book.chapters for problem in chapter.problems]


def unknown(book):
    """No check and no role names a claim that is not listed."""
    known = {claim["id"] for claim in book.claims}
    messages = [f"{e.where}: unknown claim {e.claim}" for e in book.checks + book.mentions if e.claim not in known]
    return list(dict.fromkeys(messages))


def vacuous(book):
    """No check compares an expression with itself, or constants alone: it could not fail."""
    messages = []
    for check in book.checks:
        if check.sides[0] == check.sides[1]:
            messages.append(f"{check.where}: both sides of check.{check.kind} of {check.claim} are the same")
        if check.constant:
            messages.append(f"{check.where}: check.{check.kind} of {check.claim} compares constants only")
    return messages


def one_sided(book):
    """Each refutation has its true side, and not its printed one, checked beside it."""
    messages = []
    for refute in (check for check in book.checks if check.kind == "refute"):
        here = (refute.claim, refute.chapter, refute.section)
        others = [c for c in book.checks if c.kind != "refute" and (c.claim, c.chapter, c.section) == here]
        # the samples of an estimate are no statement of a value; its truth is
        stated = {side for c in others for side in c.sides[c.kind == "estimate" :]}
        printed, true = refute.sides
        if true not in stated:
            messages.append(
                f"{refute.where}: {refute.claim}: no check of this section has the true side of check.refute"
            )
        if printed in stated:
            messages.append(
                f"{refute.where}: {refute.claim}: a check of this section has the printed side of check.refute"
            )
    return messages


def unsupported(book):
    """Each closed claim has evidence of its kind in its section."""
    sections = {chapter.slug: chapter.sections for chapter in book.chapters}
    messages = []
    for claim in book.claims:
        here = (claim["id"], claim["chapter"], claim["section"])
        if claim["section"] == "open":
            continue
        if claim["section"] not in sections.get(claim["chapter"], ()):
            messages.append(f"claims.yml: {here[0]}: chapter {here[1]} has no section {here[2]}")
            continue
        kinds = {c.kind for c in book.checks if (c.claim, c.chapter, c.section) == here}
        if any((m.claim, m.chapter, m.section) == here for m in book.mentions):
            kinds.add("prose")
        tested = bool(kinds - {"refute", "prose"})
        enough = {"prose": bool(kinds), "check": tested, "refute": tested and "refute" in kinds}
        if not enough[claim["kind"]]:
            found = ", ".join(sorted(kinds)) or "nothing"
            messages.append(f"claims.yml: {here[0]} needs {claim['kind']} in {here[1]}, {here[2]}; found: {found}")
    return messages


def misplaced(book):
    """Each claim is open exactly while its chapter is not in the table of contents."""
    messages = [f"{c.slug}.ipynb is not in _toc.yml" for c in book.chapters if c.slug not in book.contents]
    for claim in book.claims:
        published, is_open = claim["chapter"] in book.contents, claim["section"] == "open"
        if published and is_open:
            messages.append(f"claims.yml: {claim['id']} is open, but its chapter {claim['chapter']} is in _toc.yml")
        if not published and not is_open:
            messages.append(
                f"claims.yml: {claim['id']} is closed, but its chapter {claim['chapter']} is not in _toc.yml"
            )
    for chapter in book.chapters:
        for label in sorted({s for s in chapter.sections if chapter.sections.count(s) > 1}):
            messages.append(f"{chapter.slug}.ipynb: the label {label} opens two sections")
    return messages
