"""A network file's text in its deploy form: ``deploy`` is true throughout, and what only training needs is gone.

Nothing is guessed: a choice by ``deploy`` becomes what it is when that is true, an argument that is always true is no
longer one, and names that nobody reads any more are taken out. What cannot be decided so stays, and still runs.
"""

import ast
import re
from collections.abc import Iterator

from esr.delivery.source_text import Edit, SourceText

KEY = "deploy"
Owner = ast.ClassDef | ast.FunctionDef
INDENT = " " * 4
WIDTH = 120


def in_deploy_form(text: str, network: str) -> str:
    """The text of a network file after ``deploy`` has become true.

    Args:
        text: the file's.
        network: the name of its network class, which is built with ``deploy=True`` and by nobody in the file.
    """
    read_before = _reads(SourceText(text))
    text = _with_deploy_known(SourceText(text), network)
    while (source := SourceText(text)) and (edit := next(_simpler(source), None)):
        text = source.edited([edit])
    while (source := SourceText(text)) and (edits := next(_unread(source, read_before, network), None)):
        text = source.edited(edits)
    return _without_mention(SourceText(text))


# ------------------------------------------------------------------ deploy is known


def _with_deploy_known(source: SourceText, network: str) -> str:
    """``deploy`` is no parameter any more, no argument, and true wherever it was read."""
    constructors = _always_deployed(source, network)
    arguments = {id(argument) for call, argument in _arguments(source.tree, constructors)}
    edits = [_without_argument(source, call, argument) for call, argument in _arguments(source.tree, constructors)]
    for constructor in constructors.values():
        edits.append(_without_parameters(source, constructor, {KEY}))
        edits += [
            Edit(*source.span(node), "True")
            for node in ast.walk(constructor)
            if isinstance(node, ast.Name) and node.id == KEY and id(node) not in arguments
        ]
    return source.edited(edits)


def _always_deployed(source: SourceText, network: str) -> dict[str, ast.FunctionDef]:
    """By name: what has a parameter ``deploy`` and gets a true one from every caller; the function that takes it."""
    found = {
        owner.name: function
        for owner in source.tree.body
        if isinstance(owner, Owner) and (function := _function(owner)) and _is_parameter(function)
    }
    while doubtful := [name for name in found if name != network and not _surely_true(source.tree, name, found)]:
        for name in doubtful:
            del found[name]
    return found


def _function(owner: Owner) -> ast.FunctionDef | None:
    """What runs when the owner is called: itself, or a class's ``__init__``."""
    if isinstance(owner, ast.FunctionDef):
        return owner
    methods = (each for each in owner.body if isinstance(each, ast.FunctionDef))
    return next((each for each in methods if each.name == "__init__"), None)


def _is_parameter(function: ast.FunctionDef) -> bool:
    """Whether ``deploy`` is a parameter, and means that in all of the function."""
    everywhere = [node.arg for node in ast.walk(function) if isinstance(node, ast.arg)]
    stored = any(
        isinstance(node, ast.Name) and node.id == KEY and not isinstance(node.ctx, ast.Load)
        for node in ast.walk(function)
    )
    own = [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]
    return KEY in own and everywhere.count(KEY) == 1 and not stored


def _surely_true(tree: ast.Module, name: str, known: dict[str, ast.FunctionDef]) -> bool:
    """Whether every mention of ``name`` is a call of it with a ``deploy`` that is true."""
    mentions = sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))
    inside = {id(node) for function in known.values() for node in ast.walk(function)}
    calls = [call for call in ast.walk(tree) if isinstance(call, ast.Call) and _calls(call, name)]
    given = [_argument(call, known[name]) for call in calls]
    return mentions == len(calls) and all(
        (isinstance(value, ast.Name) and value.id == KEY and id(value) in inside)
        or (isinstance(value, ast.Constant) and value.value is True)
        for value in given
    )


def _calls(call: ast.Call, name: str) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == name


def _argument(call: ast.Call, function: ast.FunctionDef) -> ast.expr | None:
    """What a call gives as ``deploy``; None where that cannot be seen."""
    for keyword in call.keywords:
        if keyword.arg == KEY:
            return keyword.value
    names = [each.arg for each in function.args.args if each.arg != "self"]
    place = names.index(KEY) if KEY in names else len(call.args)
    # Only the last one can go without the others becoming something else.
    return call.args[place] if place == len(call.args) - 1 == len(names) - 1 else None


def _arguments(tree: ast.Module, known: dict[str, ast.FunctionDef]) -> Iterator[tuple[ast.Call, ast.expr]]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in known:
            argument = _argument(call, known[call.func.id])
            if argument is not None:
                yield call, argument


def _without_argument(source: SourceText, call: ast.Call, argument: ast.expr) -> Edit:
    parts: list[ast.expr | ast.keyword] = sorted(
        [*call.args, *call.keywords], key=lambda part: (part.lineno, part.col_offset)
    )
    place = next(
        index for index, part in enumerate(parts) if part is argument or getattr(part, "value", None) is argument
    )
    start, end = source.span(parts[place])
    if place > 0:
        return Edit(source.span(parts[place - 1])[1], end)
    return Edit(start, source.span(parts[1])[0] if len(parts) > 1 else end)


def _without_parameters(source: SourceText, function: ast.FunctionDef, names: set[str]) -> Edit:
    """The function's parameters without these, on one line if they fit."""
    start, end = source.parameters_of(function)
    left = _parameters(source, function.args, names)
    line = source.text[source.text.rfind("\n", 0, start) + 1 : start]
    rest = source.text[end:].split("\n", 1)[0]
    flat = f"({', '.join(left)})"
    if len(line + flat + rest) <= WIDTH:
        return Edit(start, end, flat)
    indent = " " * (len(line) - len(line.lstrip()))
    return Edit(start, end, "(\n" + "".join(f"{indent}{INDENT}{each},\n" for each in left) + f"{indent})")


def _parameters(source: SourceText, arguments: ast.arguments, without: set[str]) -> list[str]:
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    told = []
    for index, (each, default) in enumerate(zip(plain, defaults, strict=True)):
        if each.arg not in without:
            told.append(_parameter(source, each, default))
        if arguments.posonlyargs and index == len(arguments.posonlyargs) - 1:
            told.append("/")
    keywords = [
        _parameter(source, each, default)
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if each.arg not in without
    ]
    if arguments.vararg:
        told.append(f"*{source.of(arguments.vararg)}")
    elif keywords:
        told.append("*")
    told += keywords
    return [*told, f"**{source.of(arguments.kwarg)}"] if arguments.kwarg else told


def _parameter(source: SourceText, argument: ast.arg, default: ast.expr | None) -> str:
    equals = "=" if argument.annotation is None else " = "
    return source.of(argument) if default is None else f"{source.of(argument)}{equals}{source.of(default)}"


# ------------------------------------------------------------------ what follows from it


def _simpler(source: SourceText) -> Iterator[Edit]:
    """Edits that leave out what a constant decides; one at a time, as each moves what follows."""
    for node in ast.walk(source.tree):
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=ast.Constant(bool(value))):
                yield Edit(*source.span(node), str(not value))
            case ast.BoolOp(op=op, values=[ast.Constant(bool(first)), second, *_]):
                end = source.span(node)[1]
                decided = first is isinstance(op, ast.Or)
                yield Edit(
                    source.span(node)[0], end, str(first) if decided else source.text[source.span(second)[0] : end]
                )
            case ast.IfExp(test=ast.Constant(bool(value))):
                yield Edit(*source.span(node), _in_place(source, node.body if value else node.orelse))
            case ast.If(test=ast.Constant(bool(value))) if source.of(node).startswith("if"):
                yield _chosen(source, node, node.body if value else node.orelse)
            case ast.FunctionDef() | ast.If() | ast.For() | ast.With():
                yield from _after_the_end(source, node.body)


def _in_place(source: SourceText, chosen: ast.expr) -> str:
    text = source.of(chosen)
    bracketed = isinstance(chosen, ast.Call | ast.Tuple | ast.List | ast.Dict | ast.Set)
    return text if bracketed or "\n" not in text else f"({text})"


def _chosen(source: SourceText, node: ast.If, body: list[ast.stmt]) -> Edit:
    """The statements of the branch that is taken, in the place of the whole."""
    start, end = source.span(node)
    if not body:
        return Edit(start, end, "pass")
    text = source.text[source.lines_of(body[0])[0] : source.span(body[-1])[1]]
    deeper = body[0].col_offset - node.col_offset
    return Edit(start, end, re.sub(rf"^ {{{deeper}}}", "", text, flags=re.MULTILINE).lstrip(" "))


def _after_the_end(source: SourceText, body: list[ast.stmt]) -> Iterator[Edit]:
    for statement in body[:-1]:
        if isinstance(statement, ast.Return | ast.Raise):
            yield Edit(source.span(statement)[1], source.span(body[-1])[1])
            return


# ------------------------------------------------------------------ what nobody reads any more


def _functions(source: SourceText) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods with their names, such as ``RLFN.__init__``."""
    for owner in source.tree.body:
        if isinstance(owner, ast.FunctionDef):
            yield owner.name, owner
        elif isinstance(owner, ast.ClassDef):
            yield from ((f"{owner.name}.{each.name}", each) for each in owner.body if isinstance(each, ast.FunctionDef))


def _reads(source: SourceText) -> dict[str, set[str]]:
    """The names that each function reads."""
    return {
        name: {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for name, function in _functions(source)
    }


def _unread(source: SourceText, before: dict[str, set[str]], network: str) -> Iterator[list[Edit]]:
    """Edits that take out what was read once and is read no more; others may follow from them."""
    now = _reads(source)
    for name, function in _functions(source):
        gone = before.get(name, set()) - now[name]
        yield from ([Edit(*source.lines_of(each))] for each in _bindings(function, gone))
        if name == f"{network}.__init__":
            parameters = {each.arg for each in (*function.args.args, *function.args.kwonlyargs)} & gone
            if parameters:
                entries = _without_entries(source, network, parameters)
                yield [_without_parameters(source, function, parameters), *entries]


def _bindings(function: ast.FunctionDef, names: set[str]) -> list[ast.stmt]:
    """The statements that do nothing but bind these names, of names that nothing else binds."""
    found: dict[str, list[ast.stmt]] = {}
    for node in ast.walk(function):
        match node:
            case (
                ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)) | ast.FunctionDef(name=name)
            ):
                found.setdefault(name, []).append(node)
    stored = [node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return [
        each
        for name, bound in found.items()
        if name in names and stored.count(name) <= len(bound)
        for each in bound
        if each is not function
    ]


def _without_entries(source: SourceText, network: str, names: set[str]) -> Iterator[Edit]:
    """The network's docstrings without what they say of these parameters."""
    owner = next(each for each in source.tree.body if isinstance(each, ast.ClassDef) and each.name == network)
    for holder in (owner, _function(owner)):
        docstring = _docstring(holder) if holder else None
        if docstring:
            yield Edit(*source.span(docstring), _entries_left(source.of(docstring), names))


def _docstring(holder: Owner | ast.Module) -> ast.expr | None:
    match holder.body[:1]:
        case [ast.Expr(value=ast.Constant(str()) as docstring)]:
            return docstring
    return None


def _entries_left(docstring: str, names: set[str]) -> str:
    kept: list[str] = []
    dropping = -1  # the indentation of the entry that is being dropped
    for line in docstring.split("\n"):
        depth = len(line) - len(line.lstrip())
        if dropping >= 0 and (depth > dropping and line.strip()):
            continue
        entry = re.match(r"\s+(\w+)(?: \([^)]*\))?:(?: |$)", line)
        dropping = depth if entry and entry[1] in names else -1
        if dropping < 0:
            kept.append(line)
    return "\n".join(kept)


def _without_mention(source: SourceText) -> str:
    """Docstrings that speak of ``deploy`` no more, as nothing is called so."""
    holders = [node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module)]
    edits = []
    for docstring in filter(None, map(_docstring, holders)):
        text = _entries_left(source.of(docstring), {KEY})
        text = re.sub(rf",? ?{KEY}=True", "", text)
        text = re.sub(rf"(?<=\.) [^.\n]*``{KEY}``[^.\n]*\.", "", text)
        text = re.sub(r"\n[ ]*Args:\n(?=\s*(?:\n|\"\"\"))", "\n", text)
        edits.append(Edit(*source.span(docstring), re.sub(r"\n\s*\n(\s*\"\"\")$", r"\n\1", text)))
    return source.edited(edits)
