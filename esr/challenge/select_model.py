"""What the organisers' loader says of each network, read from the code's text: nothing of it is run.

``test_demo.py`` has a function ``select_model`` with a branch for every team: its number, the name that results bear,
the file of its network, and sometimes passes of the network before any image is timed.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = "test_demo.py"
CALLED_ON_LOADING = ("__init__", "to", "cuda", "eval", "train", "load_state_dict")
"""The methods of a network that run before any image is timed."""
WITHOUT_OPERATORS = {
    *("torch", "torchvision", "timm", "basicsr", "einops", "huggingface_hub", "models", "utils"),
    *("numpy", "scipy", "cv2", "PIL", "matplotlib", "tqdm"),
    *("fvcore", "thop", "ptflops", "torchsummary"),
}
"""Packages that add no operators of their own to torch's."""
SAME = "padding='same'"


@dataclass(frozen=True)
class Passes:
    """Passes of a network through code that runs before the images: where, and how many, if the text says so."""

    file: str
    line: int
    inside: str
    number: int | None

    @property
    def text(self) -> str:
        """Such as ``16 forward passes in __init__ (models/team16_PKDSR.py, line 164)``."""
        passes = {None: "forward passes", 1: "a forward pass"}.get(self.number, f"{self.number} forward passes")
        return f"{passes} in {self.inside} ({self.file}, line {self.line})"


@dataclass(frozen=True)
class Loaded:
    """A team's branch of the loader.

    Attributes:
        number: the team's.
        name: what its results are called.
        file: of its network, below the checkout; empty where the branch does not say so plainly.
        warm_ups: passes before any image is timed.
        operators: packages, functions and convolutions of its file that the organisers' counter has no rule for.
    """

    number: int
    name: str
    file: str
    warm_ups: Sequence[Passes]
    operators: Sequence[str]


def read_loader(checkout: Path) -> list[Loaded]:
    """The branches of the loader that name a network; none where there is no loader that can be read."""
    tree = _parsed(checkout / FILE)
    if tree is None:
        return []
    found = [_branch(checkout, number, body) for number, body in _branches(tree)]
    return [branch for branch in found if branch]


def _parsed(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):  # a team's code may be anything
        return None


def _branches(tree: ast.Module) -> Iterator[tuple[int, list[ast.stmt]]]:
    """The number and the statements of each ``model_id == NUMBER``."""
    for node in ast.walk(tree):
        match node:
            case ast.If(
                test=ast.Compare(left=ast.Name("model_id"), ops=[ast.Eq()], comparators=[ast.Constant(int(number))])
            ):
                yield number, node.body


def _branch(checkout: Path, number: int, body: list[ast.stmt]) -> Loaded | None:
    nodes = [node for statement in body for node in ast.walk(statement)]
    name = next((_text(value, number) for node in nodes if (value := _named(node))), "")
    if not name.strip():
        return None
    texts = [_text(node, number) for node in nodes if isinstance(node, ast.Constant | ast.JoinedStr)]
    imported = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    modules = [node.module or "" for node in imported] + texts
    module = next((text for text in modules if text.startswith("models.")), "")
    file = f"{module.replace('.', '/')}.py" if module else ""
    classes = {alias.name for node in imported for alias in node.names} | set(texts)
    here = [_passes(FILE, "select_model", call, times) for call, times in _calls(body) if _runs(call, "model")]
    tree = _parsed(checkout / file) if file else None
    inside = _hidden(tree, file, classes) if tree else []
    return Loaded(number, name, file if tree else "", [*inside, *here], _operators(tree) if tree else [])


def _named(node: ast.AST) -> ast.expr | None:
    """The value of ``name`` in ``name = ...`` or ``name, data_range = ..., ...``."""
    match node:
        case ast.Assign(targets=[ast.Name("name")], value=value):
            return value
        case ast.Assign(targets=[ast.Tuple(elts=[ast.Name("name"), *_])], value=ast.Tuple(elts=[value, *_])):
            return value
    return None


def _text(node: ast.expr, number: int) -> str:
    """The text of a literal or of an f-string of ``model_id`` alone; empty for anything else."""
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.JoinedStr(parts):
            return "".join(_text(part, number) for part in parts)
        case ast.FormattedValue(value=ast.Name("model_id"), format_spec=spec):
            form = _text(spec, number) if spec else ""
            return format(number, form) if form.isdecimal() and len(form) < 4 else str(number)
    return ""


def _calls(body: Sequence[ast.AST], times: int | None = 1) -> Iterator[tuple[ast.Call, int | None]]:
    """Every call, and how often loops repeat it; None where that is not a number in the text."""
    for node in body:
        within = times
        match node:
            case ast.For(iter=ast.Call(func=ast.Name("range"), args=[ast.Constant(int(number))])):
                within = times and times * number
            case ast.For() | ast.While():
                within = None
            case ast.Call():
                yield node, times
        yield from _calls(list(ast.iter_child_nodes(node)), within)


def _runs(call: ast.Call, network: str) -> bool:
    """Whether a call is a pass of ``network``: ``network(x)``, ``network.forward(x)`` or ``network.cuda()(x)``."""
    match call.func:
        case ast.Name(name):
            return name == network
        case ast.Attribute(value=ast.Name(name), attr="forward" | "warmup"):
            return name == network
        case ast.Call(func=ast.Attribute(value=inner)):
            return _begins_with(inner, network)
    return False


def _begins_with(node: ast.expr, network: str) -> bool:
    """Whether a chain such as ``network.eval().cuda`` begins with the network."""
    match node:
        case ast.Name(name):
            return name == network
        case ast.Attribute(value=inner) | ast.Call(func=inner):
            return _begins_with(inner, network)
    return False


def _passes(file: str, inside: str, call: ast.Call, times: int | None) -> Passes:
    return Passes(file, call.lineno, inside, times)


def _hidden(tree: ast.Module, file: str, classes: set[str]) -> list[Passes]:
    """Passes in what loading a network calls, of the classes that the loader names."""
    methods = [
        (each.name, method)
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef) and each.name in classes
        for method in each.body
        if isinstance(method, ast.FunctionDef) and method.name in CALLED_ON_LOADING
    ]
    return [
        _passes(file, f"{name}.{method.name}", call, times)
        for name, method in methods
        for call, times in _calls(method.body)
        if _runs(call, "self")
    ]


def _operators(tree: ast.Module) -> list[str]:
    """Packages that may bring operators, autograd functions of the file, and convolutions that fvcore does not see.

    What runs as a script is not read.
    """
    found = []
    for node in [child for statement in tree.body if not _is_script(statement) for child in ast.walk(statement)]:
        match node:
            case ast.Import(names):
                found += [alias.name.split(".")[0] for alias in names]
            case ast.ImportFrom(module=str(module), level=0):
                found.append(module.split(".")[0])
            case ast.ClassDef(name=name, bases=[ast.Attribute(attr="Function"), *_]):
                found.append(name)
            case ast.Constant("same"):  # torch traces it as an operation of its own, which has no rule
                found.append(SAME)
    return sorted({name for name in found if name not in WITHOUT_OPERATORS | sys.stdlib_module_names})


def _is_script(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.dump(statement.test)
