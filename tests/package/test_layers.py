import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "atio_core").rglob("*.py")) + sorted((ROOT / "atio_dagster").rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in MODULES]

# What makes bytes and names durable.
DURABLE = {"fdatasync", "fsync", "hardlink_to", "link", "rename", "renameat2", "replace", "symlink", "syncfs"}
# Loaded on first use, inside the functions that need them.
HEAVY = {
    "asyncio",
    "boto3",
    "botocore",
    "dagster",
    "dask",
    "duckdb",
    "numpy",
    "obstore",
    "openpyxl",
    "pandas",
    "polars",
    "psycopg",
    "pyarrow",
    "pyspark",
    "pymysql",
    "rich",
    "sqlalchemy",
    "tqdm",
    "xlsxwriter",
}
# Layers of ours that bring pyarrow in, and so may be loaded late as well. (import-linter sees late imports.)
OURS = {
    "atio_core.changes",
    "atio_core.cli",  # whose library an extra brings
    "atio_core.comparing",
    "atio_core.data",
    "atio_core.databases",
    "atio_core.engines",  # one of which needs Spark
    "atio_core.maintenance",
    "atio_core.mirrors",
    "atio_core.page",  # which few ask for
    "atio_core.reading",
    "atio_core.testing",  # whose fixture brings pytest in
}

each_module = pytest.mark.parametrize("path", MODULES, ids=NAMES)


def system_calls(tree: ast.AST) -> Iterator[str]:
    """Yield the functions of `os` that a module names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (alias.name for alias in node.names)


def late_imports(tree: ast.AST) -> Iterator[str]:
    """Yield the modules that are imported inside functions."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    yield str(node.module)


def early_imports(path: Path) -> Iterator[str]:
    """Yield our modules that have to be there before a module can be: packages come before what lies in them."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def texts(tree: ast.AST) -> Iterator[str]:
    """Yield the string constants of a module that are no docstrings."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has below its docstring."""
    first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
    return int(function.end_lineno or 0) - first.lineno + 1


@each_module
def test_one_module_makes_things_durable(path: Path) -> None:
    """Whoever wants to know why a crash or a power loss does no harm reads one file."""
    called = set(system_calls(ast.parse(path.read_text(encoding="utf-8")))) & DURABLE
    assert path == ROOT / "atio_core/storage/durable.py" or not called


@each_module
def test_one_module_spells_paths_inside_a_table(path: Path) -> None:
    """A name inside a table is built and parsed in one place."""
    spelled = [text for text in texts(ast.parse(path.read_text(encoding="utf-8"))) if "_atio/" in text]
    assert path == ROOT / "atio_core/format/names.py" or not spelled


@each_module
def test_only_heavy_libraries_are_imported_late(path: Path) -> None:
    """An import inside a function saves start-up time; it never hides a cycle between our modules."""
    imported = set(late_imports(ast.parse(path.read_text(encoding="utf-8"))))
    late = {name for name in imported if ".".join(name.split(".")[:2]) not in OURS}
    allowed = HEAVY | ({"importlib"} if path == ROOT / "atio_core/__init__.py" else set())
    assert {name.partition(".")[0] for name in late} <= allowed


@each_module
def test_modules_and_functions_stay_small(path: Path) -> None:
    """A file has fewer than 400 lines, a function fewer than 60 below its docstring."""
    source = path.read_text(encoding="utf-8")
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert source.count("\n") < 400
    assert [node.name for node in functions if body_lines(node) >= 60] == []


def test_the_map_shows_each_folder() -> None:
    """Who looks for something finds its folder in CONTRIBUTING.md."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (ROOT / "atio_core").glob("*/__init__.py")}
    assert [folder for folder in sorted(folders) if f"`{folder}/`" not in page] == []


def test_no_imports_run_in_a_circle() -> None:
    """Any module can be imported first."""
    modules = {module_name(path): path for path in MODULES}
    before = {
        name: {
            other
            for other in early_imports(path)
            if other in modules and not name.startswith(f"{other}.") and other != name
        }
        for name, path in modules.items()
    }
    order = list(TopologicalSorter(before).static_order())  # raises if there is none
    assert sorted(order) == sorted(modules)


def module_name(path: Path) -> str:
    """Return what a module is called in imports."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
