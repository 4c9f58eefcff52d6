"""The shape of the package: who imports whom, what an import loads, and what every public name documents."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import pglib

PACKAGE = Path(pglib.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")

# From the ground up: a module imports from lower floors only, not from its own.
FLOORS = [
    {"_arrays"},
    {"_checks"},
    {"policies", "mdp", "episodes"},
    {"exact", "symbolic", "estimators"},
    {"_simulator"},
    {"_table", "_lanes", "_gymnasium"},
    {"environments"},
    {"sampling"},
    {"_blocks"},
    {"training"},
]
APART = {"check", "plotting"}  # import nothing of pglib, and nothing of pglib imports them
HEAVY = {"sympy": {"symbolic", "check"}, "matplotlib": {"plotting"}, "gymnasium": {"_gymnasium"}, "tqdm": {"_blocks"}}


def tree(module):
    return ast.parse((PACKAGE / f"{module}.py").read_text())


def imported(node):
    """Return the dotted names of all modules that the import statements below ``node`` name."""
    names = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            names |= {alias.name for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            base = "pglib" if part.level else ""
            base = ".".join(x for x in (base, part.module) if x)
            names |= {base} | {f"{base}.{alias.name}" for alias in part.names}
    return names


def inner(module):
    """Return the modules of pglib that a module imports."""
    return {name.split(".")[1] for name in imported(tree(module)) if name.startswith("pglib.")} & set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_place(module):
    assert sum(module in floor for floor in [*FLOORS, APART]) == 1


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_upwards_only(module):
    """So they are acyclic as well."""
    names = imported(tree(module))
    assert "pglib" not in names, "a module names the module it needs"
    if module in APART:
        assert not inner(module)
        return
    floor = next(i for i, floor in enumerate(FLOORS) if module in floor)
    assert inner(module) <= set().union(*FLOORS[:floor])


def test_the_reader_of_imports_sees_them():
    """It is not blind: these are facts."""
    assert inner("exact") == {"_arrays", "_checks", "mdp"}
    assert inner("mdp") == {"_arrays", "_checks"}
    assert imported(ast.parse("from . import mdp\nfrom .mdp import values\nimport pglib.exact as e")) >= {
        "pglib.mdp", "pglib.mdp.values", "pglib.exact"}  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_where_heavy_packages_are_imported(module):
    top = {name.split(".")[0] for name in imported(tree(module))}
    for package, allowed in HEAVY.items():
        assert package not in top or module in allowed
    assert top <= set(sys.stdlib_module_names) | {"numpy", "pglib", ""} | set(HEAVY)


@pytest.mark.parametrize("statement, absent", [
    ("import pglib", {"sympy", "matplotlib", "gymnasium", "scipy", "pandas", "tqdm"}),
    ("import pglib.check", {"sympy", "matplotlib", "gymnasium", "tqdm"}),
])  # fmt: skip
def test_what_an_import_loads(statement, absent):
    """In a fresh interpreter."""
    code = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    loaded = set(result.stdout.split())
    assert {"pglib", "numpy"} <= loaded
    assert not loaded & absent


# --- names and docstrings


def public():
    """Return (module, qualified name, object) of everything public: what __all__ names, and methods of classes."""
    found = []
    for module in MODULES:
        if module.startswith("_"):
            continue
        namespace = importlib.import_module(f"pglib.{module}")
        for name in namespace.__all__:
            thing = getattr(namespace, name)
            found.append((module, name, thing))
            if inspect.isclass(thing):
                members = ((key, inspect.getattr_static(thing, key)) for key in vars(thing))
                found += [
                    (module, f"{name}.{key}", getattr(member, "__func__", member))
                    for key, member in members
                    if not key.startswith("_") and callable(getattr(member, "__func__", member))
                ]
    return found


PUBLIC = public()
IDS = [f"{module}.{name}" for module, name, _ in PUBLIC]


@pytest.mark.parametrize("module", MODULES)
def test_all_names_what_is_public(module):
    """Sorted, existing, and complete: every public function or class that the module defines."""
    namespace = importlib.import_module(f"pglib.{module}")
    assert namespace.__all__ == sorted(set(namespace.__all__))
    defined = {
        node.name
        for node in tree(module).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    }
    assert defined == set(namespace.__all__)
    assert inspect.getdoc(namespace)


def test_the_package_exports_its_modules():
    """All public names of all modules but the leaves that need more than NumPy."""
    assert pglib.__all__ == sorted(set(pglib.__all__))
    leaves = APART | {"symbolic"}
    expected = {name for module, name, _ in PUBLIC if module not in leaves and "." not in name}
    assert set(pglib.__all__) == expected
    for module, name, thing in PUBLIC:
        if name in pglib.__all__ and module not in leaves:
            assert getattr(pglib, name) is thing


@pytest.mark.parametrize("module, name, thing", PUBLIC, ids=IDS)
def test_docstrings(module, name, thing):
    """A summary line; every parameter by its name; for functions and classes an example that runs as a doctest."""
    doc = inspect.getdoc(thing)
    assert doc and doc.splitlines()[0].endswith(".")
    if "." not in name:
        assert re.search(r"^Examples\n-{8}\n", doc, re.M), "no Examples section"
        assert ">>> " in doc.partition("Examples\n--------")[2]
    parameters = [p for p in inspect.signature(thing).parameters if p not in ("self", "cls")]
    listed = section(doc, "Parameters") + section(doc, "Attributes")
    names = {part.strip(" *") for line in re.findall(r"^(\S.*?)(?: :.*)?$", listed, re.M) for part in line.split(",")}
    assert set(parameters) <= names, "a parameter is not described"


def section(doc, title):
    """Return the text of a section of a docstring, "" if it has none."""
    match = re.search(rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n-{{3,}}\n|\Z)", doc, re.M | re.S)
    return match[1] if match else ""


def raises(thing):
    """Return the names of the exceptions that the source of a function, or of a constructor, raises itself."""
    if inspect.isclass(thing):
        thing = vars(thing).get("__post_init__" if is_dataclass(thing) else "__init__")
        if thing is None:
            return set()
    node = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    calls = [part.exc for part in ast.walk(node) if isinstance(part, ast.Raise) and part.exc is not None]
    return {ast.unparse(call.func if isinstance(call, ast.Call) else call) for call in calls}


@pytest.mark.parametrize("module, name, thing", PUBLIC, ids=IDS)
def test_errors_are_documented(module, name, thing):
    """Each exception that the body raises has its entry under Raises."""
    listed = set(re.findall(r"^(\w+)$", section(inspect.getdoc(thing), "Raises"), re.M))
    assert raises(thing) <= listed


def test_the_reader_of_errors_sees_them():
    by_id = dict(zip(IDS, (thing for _, _, thing in PUBLIC), strict=True))
    assert raises(by_id["mdp.FiniteMDP"]) == raises(by_id["mdp.FiniteMDP.from_gymnasium"]) == {"ValueError"}
    assert raises(by_id["check.estimate"]) == {"TypeError", "AssertionError"}
    assert raises(by_id["episodes.Episodes"]) == {"ValueError"}
    assert raises(by_id["mdp.short_corridor"]) == raises(by_id["training.History"]) == set()
