"""Execute the notebooks of the book, and judge what is stored in them.

python tools/nb.py run [FILES]      execute in place; writes the same bytes each time
python tools/nb.py check [FILES]    name each defect; without FILES the whole book and its claims
"""

import argparse
import ast
import base64
import re
import resource
import struct
import sys
from collections import Counter
from pathlib import Path

import claims
import nbformat
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
TIMEOUT = 120  # seconds for one cell
TAGS = {"hide-input", "hide-cell", "hide-output", "remove-input"}
SHOWN = {"text/plain", "text/latex", "image/png"}
STYLE = 'plt.style.use("pglib.book")'
MAX_LINES, MAX_HIDDEN_LINES, MAX_BYTES, WORDS_PER_LINE = 15, 25, 500_000, 8

PATHS = re.compile(
    r"(?<![\w.])/(?:home|Users|tmp|var|usr|opt|mnt|srv|work\w*|builds?)/\S*|/root\b"
    r"|\b(?:site|dist)-packages\b| at 0x[0-9a-fA-F]+"
)
DRIVES = re.compile(r"\b[A-Z]:\\+\w+")  # not in Markdown and LaTeX, where a colon may precede a command
SCALARS = re.compile(r"\bnp\.(?:float|int|uint|bool|complex|longdouble|str)\w*\(")
FLOATS = re.compile(r"(?<![\w.])(\d+)\.(\d+)(?![\d.]*\.\d)")
HEADING = re.compile(r"^#{1,6} .*$", re.MULTILINE)


# --- run -------------------------------------------------------------------------------------------------------


class ThisInterpreter(KernelSpecManager):
    """The one kernel is this Python, whatever else the machine calls python3."""

    def get_kernel_spec(self, kernel_name):
        """Return the kernel of this Python."""
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def run(path):
    """Execute a notebook in place; return a message if a cell fails, and then leave the file as it was."""
    notebook, failure = execute(path)
    if failure is None:
        path.write_bytes(dump(notebook))
    return failure


def execute(path, *options):
    """Execute a notebook by a kernel with these options; return it, and a message if a cell fails or None."""
    notebook = nbformat.read(path, as_version=4)
    started = []
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_spec_manager=ThisInterpreter()),
        timeout=TIMEOUT,
        extra_arguments=["--log-level=ERROR", *options],
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=lambda cell, cell_index: started.append((cell_index + 1, cell)),
    )
    try:
        client.execute(cleanup_kc=True)
    except (CellExecutionError, CellControlSignal, TimeoutError, DeadKernelError) as error:
        reason = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else str(error)
        return notebook, f"{claims.place(path, *started[-1])}: {reason}"
    return notebook, None


def dump(notebook):
    """Return the bytes of a notebook in normal form: nothing of the machine, nothing of the hour."""
    notebook = nbformat.from_dict(notebook)
    notebook.metadata, notebook.nbformat, notebook.nbformat_minor = METADATA, 4, 5
    count = 0
    for number, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{number}")
        cell.metadata = {key: cell.metadata[key] for key in ("mystnb", "tags") if key in cell.metadata}
        if cell.cell_type == "code":
            count += cell.execution_count is not None
            cell.execution_count = count if cell.execution_count is not None else None
            cell.outputs = _normal_outputs(cell.outputs, cell.execution_count)
    return (nbformat.writes(notebook).rstrip() + "\n").encode()


def _normal_outputs(outputs, count):
    normal = []
    for output in outputs:
        before = normal[-1] if normal else {}
        if output.output_type == "stream" == before.get("output_type") and output.name == before["name"]:
            before["text"] += output.text
            continue
        if output.output_type == "execute_result":
            output.execution_count = count
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = _plain_png(output.data["image/png"])
        normal.append(output)
    return normal


def _plain_png(text):
    """Drop the chunk of a PNG that names the version of Matplotlib."""
    data = base64.b64decode(text)
    kept, at = data[:8], 8
    while at < len(data):
        end = at + 12 + struct.unpack(">I", data[at : at + 4])[0]
        if data[at + 4 : at + 8] != b"tEXt" or not data[at + 8 :].startswith(b"Software\0"):
            kept += data[at:end]
        at = end
    return base64.b64encode(kept).decode()


# --- check: each rule takes a notebook and yields (cell number or None, reason) ------------------------------------


def check(path):
    """Return what is wrong with one notebook, as a list of messages."""
    path = Path(path)
    stored = path.read_bytes()
    notebook = nbformat.reads(stored.decode(), as_version=4)
    messages = []
    for rule in (execution, outputs, secrets_of_the_machine, figures, sources, budgets):
        for number, reason in rule(notebook):
            where = claims.place(path, number, notebook.cells[number - 1]) if number else path.name
            messages.append(f"{where}: {reason}")
    if len(stored) > MAX_BYTES:
        messages.append(f"{path.name}: {len(stored) // 1000} kB, over the {MAX_BYTES // 1000} kB of a chapter")
    if stored != dump(notebook):
        messages.append(f"{path.name}: not in the form that `nb.py run` writes")
    return messages


def check_book(root):
    """Return what is wrong with all notebooks of a book and with its claims."""
    paths = claims.notebooks(root)
    return check_files(paths) + claims.judge(claims.read(root))


def check_files(paths):
    """Return what is wrong with notebooks, each for itself and in the names of their figures."""
    names = Counter(name for path in paths for name in _figure_names(path))
    twice = [f"two figures are called {name}" for name, count in names.items() if count > 1]
    return [message for path in paths for message in check(path)] + twice


def execution(notebook):
    """All cells were executed, once, from the first to the last, without error."""
    for count, (number, cell) in enumerate(_code(notebook), 1):
        if cell.execution_count is None:
            yield number, "never executed"
        elif cell.execution_count != count:
            yield number, f"executed as [{cell.execution_count}], but it is code cell {count}"
        if not cell.outputs and _must_show(cell.source):
            yield number, "its output is missing"
        for output in cell.outputs:
            if output.output_type == "error":
                yield number, f"error output: {output.ename}: {output.evalue}"
            if output.get("name") == "stderr":
                yield number, f"stderr output: {output.text.strip().splitlines()[-1:]}"


def outputs(notebook):
    """All outputs are text, formulas or PNG, with rounded numbers."""
    for number, cell in _code(notebook):
        for output in cell.outputs:
            for mime in sorted(set(output.get("data", {})) - SHOWN):
                yield number, f"output of type {mime}; a page shows {', '.join(sorted(SHOWN))}"
        for _, text in _texts(cell):
            if found := SCALARS.search(text):
                yield number, f"raw NumPy scalar in the output: {found.group()}...)"
            for whole, decimals in FLOATS.findall(text):
                if len(decimals) > 6 or len((whole + decimals).lstrip("0")) > 8:
                    yield number, f"over-long number in the output: {whole}.{decimals}"


def secrets_of_the_machine(notebook):
    """Neither source nor output names a path or an address of the machine."""
    for number, cell in enumerate(notebook.cells, 1):
        texts = [(cell.cell_type, cell.source)] + (_texts(cell) if cell.cell_type == "code" else [])
        for kind, text in texts:
            drive = kind not in ("markdown", "text/latex") and DRIVES.search(text)
            if found := PATHS.search(text) or drive:
                yield number, f"path or address of a machine: {found.group().strip()}"


def figures(notebook):
    """Every figure has the style of the book, a text for those who do not see it, a caption, and a name to refer to."""
    pictures = [number for number, cell in _code(notebook) for o in cell.outputs if "image/png" in o.get("data", {})]
    styled = [number for number, cell in _code(notebook) if STYLE in cell.source]
    if pictures and not (styled and styled[0] <= pictures[0]):
        yield pictures[0], f"figure without the style of the book, {STYLE}"
    for number, cell in _code(notebook):
        images = sum("image/png" in output.get("data", {}) for output in cell.outputs)
        mystnb = cell.metadata.get("mystnb", {})
        figure, alt = mystnb.get("figure", {}), str(mystnb.get("image", {}).get("alt", "")).strip()
        if images > 1:
            yield number, "more than one figure; give each a cell"
        if images and (len(alt) < 20 or re.fullmatch(r"\S+\.\w+", alt)):
            yield number, "figure without mystnb.image.alt of at least 20 characters"
        if images and not str(figure.get("caption", "")).strip():
            yield number, "figure without mystnb.figure.caption"
        if images and not str(figure.get("name", "")).startswith("fig-"):
            yield number, "figure without mystnb.figure.name that starts with fig-"
        if figure and not images:
            yield number, "mystnb.figure, but no figure in the output"


def sources(notebook):
    """Nothing silences a comparison, and no random number comes from a hidden or unseeded generator."""
    for number, cell in enumerate(notebook.cells, 1):
        for tag in sorted(set(cell.metadata.get("tags", [])) - TAGS):
            yield number, f"tag {tag}; allowed: {', '.join(sorted(TAGS))}"
        if not cell.source.strip():
            yield number, "empty cell"
        if cell.cell_type == "raw":
            yield number, "raw cell: no page shows it"
        if cell.cell_type != "code":
            continue
        if re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE)", cell.source):
            yield number, "comment that tells nbval to look away"
        if re.search(r";[ \t]*(#.*)?$", cell.source, re.MULTILINE):
            yield number, "line that ends in `;`: nbval then compares another output; end with plt.show()"
        for name in sorted(_unseeded(cell.source)):
            yield number, f"{name}: use np.random.default_rng(seed)"


def budgets(notebook):
    """Cells are short, and prose explains them."""
    visible, prose = 0, ""
    for number, cell in enumerate(notebook.cells, 1):
        before = notebook.cells[number - 2] if number > 1 else None
        if cell.cell_type == "markdown":
            prose += "\n" + cell.source
        if cell.cell_type != "code":
            continue
        tags = set(cell.metadata.get("tags", []))
        lines = sum(bool(line.strip()) for line in cell.source.splitlines())
        limit = MAX_HIDDEN_LINES if tags & {"hide-input", "hide-cell"} else MAX_LINES
        if lines > limit:
            yield number, f"{lines} lines of code; the limit is {limit}"
        visible += 0 if tags & {"hide-input", "hide-cell", "remove-input"} else lines
        if before is None:
            yield number, "code before the first words"
        elif before.cell_type == "markdown" and not _words(HEADING.split(before.source)[-1]):
            yield number, "code directly under a heading: say first what it does"
    if _words(prose) < WORDS_PER_LINE * visible:
        ratio = _words(prose) / visible
        yield None, f"{ratio:.1f} words of prose for a line of visible code; at least {WORDS_PER_LINE} are needed"


# --- helpers ---------------------------------------------------------------------------------------------------


def _code(notebook):
    return [(number, cell) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]


def _texts(cell):
    """Return (type, text) of all that a cell's outputs say in letters."""
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found.append(("text/plain", output.text))
        if output.output_type == "error":
            found.append(("text/plain", "\n".join(output.traceback)))
        found += [(mime, data) for mime, data in output.get("data", {}).items() if mime.startswith("text/")]
    return found


def _figure_names(path):
    cells = nbformat.read(path, as_version=4).cells
    names = [cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in cells]
    return [name for name in names if name]


def _must_show(source):
    """Say whether a cell surely prints: a print or plt.show among its statements, or a bare value at its end."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    calls = [ast.unparse(s.value.func) for s in body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)]
    values = ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.Compare, ast.Tuple, ast.List, ast.JoinedStr
    shows = bool(body) and isinstance(body[-1], ast.Expr) and isinstance(body[-1].value, values)
    return shows or bool({"print", "plt.show", "display"} & set(calls))


def _unseeded(source):
    """Return the names of random numbers that a seed in the cell does not fix."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    found = set()
    for node in ast.walk(tree):
        text = ast.unparse(node) if isinstance(node, (ast.Attribute, ast.Call)) else ""
        if re.fullmatch(r"(np|numpy)\.random\.(?!default_rng$|Generator$|SeedSequence$)\w+", text):
            found.add(text)
        if re.fullmatch(r"((np|numpy)\.random\.)?(default_rng|SeedSequence)\((None)?\)", text):
            found.add(f"{text} without a seed")
        if isinstance(node, ast.ImportFrom) and node.module in ("numpy.random", "random"):
            found.add(f"from {node.module} import ...")
        if isinstance(node, ast.Import) and any(a.name in ("random", "numpy.random") for a in node.names):
            found.add("import random")
    return found


def _words(markdown):
    """Count the words of prose: without formulas, fences, labels, roles and options of directives."""
    for noise in (r"\$\$.*?\$\$", r"\$[^$]*\$", r"<!--.*?-->"):
        markdown = re.sub(noise, " ", markdown, flags=re.DOTALL)
    markdown = re.sub(r"^\s*(```|:::|\(.*\)=|:\w+:|%).*$", " ", markdown, flags=re.MULTILINE)
    markdown = re.sub(r"\{[\w:-]+\}`[^`]*`|\]\([^)]*\)", " ", markdown)
    return len(re.findall(r"[^\W\d_][\w'’-]*", markdown))


def main():
    """Run or check the notebooks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "check"))
    parser.add_argument("files", nargs="*", type=Path, metavar="FILES")
    arguments = parser.parse_args()
    paths = arguments.files or claims.notebooks(ROOT)
    messages = []
    if arguments.command == "check" and arguments.files:
        problems = [problem for path in paths for problem in claims.read_chapter(path).problems]
        messages = check_files(paths) + problems
    elif arguments.command == "check":
        messages = check_book(ROOT)
    else:
        for path in paths:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            failure = run(path)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(f"{path.name}: {'FAILED' if failure else 'executed'}, {seconds:.1f} s of CPU")
            messages += [failure] if failure else []
    for message in messages:
        print(message, file=sys.stderr)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
