import ast
import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import atio_core
import atio_core as atio
from atio_core import errors

ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.AtioError)
}


LIBRARIES = {
    "dagster",
    "duckdb",
    "openpyxl",
    "pandas",
    "polars",
    "pyarrow",
    "sqlalchemy",
    "tqdm",
    "xlsxwriter",
}
"""What takes its time to load."""


def run(code: str) -> str:
    """Run code in an interpreter of its own and return what it printed."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def promised_to_type_checkers() -> dict[str, str]:
    """Return the public names under `if TYPE_CHECKING`, with the modules that they come from."""
    tree = ast.parse(inspect.getsource(atio_core))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_the_public_names_are_these() -> None:
    """A name joins or leaves the public ones only on purpose."""
    others = {
        "Changes",
        "Diff",
        "ExpiryReport",
        "IoStats",
        "KeptStage",
        "Lease",
        "ReadTask",
        "Release",
        "Retention",
        "RowChange",
        "Snapshot",
        "StagedChange",
        "Store",
        "StoreExpiryReport",
        "Table",
        "WriteResult",
        "expire_snapshots",
        "from_delta",
        "from_iceberg",
        "from_parquet",
        "migrate",
        "open_atomic",
        "read_table",
        "write",
        "write_snapshot",
    }
    assert sorted(others | ERRORS) == atio.__all__


@pytest.mark.parametrize("name", atio.__all__)
def test_each_public_name_can_be_used(name: str) -> None:
    """Each public name is found, and lives in the module that type checkers are told."""
    home = promised_to_type_checkers()[name]
    assert getattr(atio, name) is vars(import_module(home))[name]
    assert getattr(atio, name).__doc__


def test_type_checkers_see_the_same_names() -> None:
    """Editors and type checkers are shown the names that can be used, and no others."""
    assert sorted(promised_to_type_checkers()) == atio.__all__


def test_dir_lists_the_public_names_before_their_first_use() -> None:
    """Completion in a shell offers every public name at once."""
    assert set(atio.__all__) <= set(run("import atio_core; print(*dir(atio_core))").split())


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelled name fails as on any module."""
    with pytest.raises(AttributeError, match=r"module 'atio_core' has no attribute 'wrte'"):
        _ = atio.wrte  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "first", ["import atio_core.write", "from atio_core.write import WriteResult", "atio_core.WriteResult"]
)
def test_write_stays_a_function(first: str) -> None:
    """`atio.write` is the function, whoever imported the module of the same name before."""
    assert run(f"import atio_core; {first}; print(type(atio_core.write).__name__)") == "function\n"


def test_open_atomic_stays_a_function() -> None:
    """The same holds of `atio.open_atomic`."""
    assert run("import atio_core.open_atomic; print(type(atio_core.open_atomic).__name__)") == "function\n"


def test_the_version_is_that_of_the_distribution() -> None:
    """`atio.__version__` is what the installer knows."""
    code = "import atio_core, importlib.metadata as m; print(atio_core.__version__ == m.version('atio'))"
    assert run(code) == "True\n"


def test_import_loads_nothing_but_the_standard_library() -> None:
    """`import atio_core` costs next to nothing: no third party's module, none of our own layers."""
    code = "import sys; before = set(sys.modules); import atio_core; print(*set(sys.modules) - before)"
    loaded = {name for name in run(code).split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert loaded == {"atio_core"}


ROWS = {"Changes", "Diff", "RowChange"}
"""The names that are made of rows."""


@pytest.mark.parametrize("name", atio.__all__)
def test_a_public_name_brings_in_no_library(name: str) -> None:
    """A name is loaded on its first use, and no library with it: Arrow comes with rows, others with their data."""
    code = f"""
import sys, atio_core
assert {name!r} not in vars(atio_core)
atio_core.{name}
assert {name!r} in vars(atio_core)
print(*[library for library in {sorted(LIBRARIES)} if library in sys.modules])
"""
    assert run(code).split() == (["pyarrow"] if name in ROWS else [])


def test_the_command_line_comes_only_when_it_is_called() -> None:
    """`import atio_core` and tables don't load the command line; a history is listed without Arrow, rich or pandas."""
    code = """
import sys, atio_core
atio_core.Table, atio_core.Store, atio_core.write
print(*[name for name in ("atio_core.cli", "cyclopts", "rich") if name in sys.modules])
"""
    assert run(code).split() == []
    code = """
import sys
from atio_core.cli.main import main
code = main(["log", "there-is-none"])
print(code, *[name for name in ("numpy", "pandas", "pyarrow", "rich") if name in sys.modules])
"""
    assert run(code).split() == ["3"]


@pytest.mark.parametrize("package", ["atio_core", "atio_dagster"])
def test_both_packages_are_typed(package: str) -> None:
    """Type checkers of users may rely on our annotations."""
    assert (Path(str(import_module(package).__file__)).parent / "py.typed").exists()


@pytest.mark.soak
def test_every_module_can_be_imported_alone() -> None:
    """No module needs another to have been imported first; not even one that is no circle of imports."""
    modules = [info.name for info in pkgutil.walk_packages(atio_core.__path__, "atio_core.")]
    if find_spec("pyspark") is None:  # which isn't among the libraries of every developer
        modules = [name for name in modules if not name.startswith("atio_core.engines.spark_")]
    code = """
import sys, importlib
for name in sys.stdin.read().split():
    for loaded in [m for m in sys.modules if m.partition(".")[0] == "atio_core"]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""
    subprocess.run([sys.executable, "-c", code], input=" ".join(modules), check=True, text=True)
