"""What counts as a change of the code, and what a stage's code is."""

import subprocess
import sys
from hashlib import md5
from pathlib import Path

import pytest

from esr.recipes.kinds import KINDS
from esr.stages.source_code import Sources

ROOT = Path(__file__).resolve().parents[1]
CODE = '''
"""A module."""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import fractions

class Row(Model):
    """A row."""
    patch: int = Field(4, ge=4, description="side of a patch")

def double(x: float) -> float:
    """Twice x."""
    y: float = 2 * x  # twice
    return y
'''


def digest(folder: Path, code: str) -> str:
    (folder / "a.py").write_text(code)
    return Sources(folder).closure("a.py")["a.py"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # twice", "  # two times"),
        ('"""A module."""', '"""The module, better told."""'),
        ('"""A row."""', ""),
        ('    """Twice x."""\n', ""),
        ("x: float) -> float", "x)"),
        ("y: float = 2 * x", "y = (\n        2\n        * x\n    )"),
        ("import fractions", "import decimal"),
        ("side of a patch", "side, in pixels"),
        ("\n\ndef", "\n\n\n\n\ndef"),
    ],
)
def test_an_edit_that_does_nothing_does_not_count(tmp_path: Path, old: str, new: str) -> None:
    assert CODE.count(old) == 1
    assert digest(tmp_path, CODE.replace(old, new)) == digest(tmp_path, CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2 * x", "3 * x"),
        ("patch: int", "patch: float"),
        ("Field(4", "Field(8"),
        ("ge=4", "gt=4"),
        ("class Row(Model)", "class Row(Other)"),
        ("def double", "def triple"),
        ("return y", "return -y"),
        ("(x: float)", "(x: float = 1.0)"),
        ("def double", "@cache\ndef double"),
        ('    """Twice x."""\n', '    raise ValueError("Twice x.")\n'),
    ],
)
def test_an_edit_that_does_something_counts(tmp_path: Path, old: str, new: str) -> None:
    assert old in CODE
    assert digest(tmp_path, CODE.replace(old, new)) != digest(tmp_path, CODE)


F_STRINGS = r"""
print(f"{'; '.join(x)}: {y!r:>{width}}", f"")
print(f'{x["a"]} and {f"{y}"}', f"it's {x}")
print(f"\t{x}\n")
"""
AS_PYTHON_3_11_WRITES_THEM = r"""
print(f"{'; '.join(x)}: {y!r:>{width}}", f'')
print(f"{x['a']} and {f'{y}'}", f"it's {x}")
print(f'\t{x}\n')
"""


def test_every_version_of_python_takes_the_same_digest(tmp_path: Path) -> None:
    """From 3.12 on an f-string may stand in the quotes that it holds, and Python writes some so."""
    assert digest(tmp_path, F_STRINGS) == md5(AS_PYTHON_3_11_WRITES_THEM.strip().encode()).hexdigest()


def test_a_closure_holds_what_is_imported_anywhere_and_nothing_else(tmp_path: Path) -> None:
    files = {
        "p/__init__.py": "",
        "p/start.py": "from p import by_name\nfrom p.sub.deep import thing\ndef f():\n    import p.lazy\n",
        "p/by_name.py": "from . import beside\n",
        "p/beside.py": "from .sub import deep\nimport os, numpy\n",
        "p/sub/__init__.py": "import p.of_the_package\n",
        "p/sub/deep.py": "thing = 1\n",
        "p/of_the_package.py": "",
        "p/lazy.py": "import p.start\n",
        "p/for_types.py": "",
        "p/unused.py": "import p.start\n",
    }
    files["p/sub/deep.py"] += "import typing\nif typing.TYPE_CHECKING:\n    import p.for_types\n"
    for name, code in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code)
    assert set(Sources(tmp_path).closure("p/start.py")) == set(files) - {"p/for_types.py", "p/unused.py"}


def test_a_module_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All kinds of stage and all networks import the same ones: a look at each took a quarter of a second."""
    (tmp_path / "a.py").write_text("import b, c\n")
    (tmp_path / "b.py").write_text("import a\n")
    sources = Sources(tmp_path)
    before = sources.closure("a.py")
    monkeypatch.setattr(Path, "is_file", lambda path: pytest.fail(f"{path} was looked for again"))
    assert sources.closure("a.py") == sources.closure("b.py") == before


def test_what_is_no_python_counts_by_its_bytes(tmp_path: Path) -> None:
    assert digest(tmp_path, "def f(:  # a") != digest(tmp_path, "def f(:  # b")


LISTING = """
import importlib, os, sys
import pandas, torch  # once for all: a fork has them, and of esr nothing
for file in sys.argv[1:]:
    if not os.fork():
        importlib.import_module(file.removesuffix(".py").replace("/", "."))
        for module in list(sys.modules.values()):
            print(file, getattr(module, "__file__", None))
        sys.exit()
    if os.wait()[1]:
        sys.exit(f"{file} cannot be imported")
"""
FILES = sorted({kind.code for kind in KINDS.values()})


@pytest.fixture(scope="module")
def imported_for() -> dict[str, set[str]]:
    """What Python itself says: the modules of esr that are there when a kind's module has been imported."""
    command = [sys.executable, "-c", LISTING, *FILES]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    listed = [line.split(" ", 1) for line in done.stdout.splitlines()]
    own = f"{ROOT}/esr/"
    return {
        name: {
            str(Path(module).relative_to(ROOT)) for file, module in listed if file == name and module.startswith(own)
        }
        for name in FILES
    }


@pytest.mark.parametrize("file", FILES)
def test_a_kind_s_code_holds_every_module_that_python_imports_for_it(
    file: str, imported_for: dict[str, set[str]]
) -> None:
    imported, closure = imported_for[file], set(Sources(ROOT).closure(file))
    assert file in imported
    assert imported - closure == set()


def test_no_kind_s_code_is_larger_than_what_it_does() -> None:
    closures = {name: set(Sources(ROOT).closure(kind.code)) for name, kind in KINDS.items()}
    assert "esr/images/bicubic.py" in closures["crop"]  # which makes LR images
    assert "esr/images/bicubic.py" not in closures["download"]
    assert "esr/compression/prune.py" in closures["prune"]
    assert not any("compression" in file or "evaluation/runtime" in file for file in closures["train"])
    assert not any("training" in file for name in ("download", "crop", "join", "benchmark") for file in closures[name])
