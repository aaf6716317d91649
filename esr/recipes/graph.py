"""The graph: dvc.yaml with its templates filled in from params.yaml, as plain data.

dvc.yaml declares every stage once. DVC reads it by itself; Snakemake's rules, the runner of a stage and
``esr sync`` read it through this module. Only the templating that our dvc.yaml uses is understood:
``foreach: ${table}``, ``${key}``, ``${item.column}`` and ``${top.level.value}``. A test holds the
result against DVC's own resolution.

The stage ``code`` is DVC's alone: it writes what all others see of the sources, which for everybody else
:mod:`esr.stages.premises` does before it looks.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import Any

from esr.common.errors import EsrError
from esr.common.files import read_json
from esr.common.yaml_file import read_yaml
from esr.recipes.shared_work import SharedWork

PARAMS_FILE = Path("params.yaml")
GRAPH_FILE = Path("dvc.yaml")
CODE_STAGE = "code"


@dataclass(frozen=True)
class Out:
    """A declared output."""

    path: str
    cached: bool = True


@dataclass(frozen=True, eq=False)
class Node:
    """A stage of the graph, with every template filled in."""

    kind: str
    key: str
    scale: str
    command: str
    deps: tuple[str, ...]
    outs: tuple[Out, ...]
    params: Mapping[str, Any]
    resources: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """DVC's name of the stage, such as ``finetune@slimrlfn-640``."""
        return f"{self.kind}@{self.key}" if self.key else self.kind

    @property
    def log(self) -> Path:
        """Where the stage writes its log, under either driver."""
        return Path("logs", self.scale, self.kind, f"{self.key or self.kind}.log")

    @property
    def out_paths(self) -> list[str]:
        """The declared outputs, relative to the project."""
        return [out.path for out in self.outs]

    def threads(self, cores: int | None) -> int:
        """Threads to reserve: a number, ``scale`` (as many as the scale says) or ``all`` (nothing runs beside).

        Args:
            cores: of the machine, which ``all`` takes; None where something else keeps others off: then it takes no
                more than it uses.
        """
        threads = self.resources.get("threads", 1)
        if threads == "all" and cores is not None:
            return cores
        return int(self.params[f"scales.{self.scale}.threads"] if threads in ("scale", "all") else threads)

    def input(self, path: str) -> Path:
        """A file that the stage declares to depend on; reading anything else would escape both drivers."""
        if path not in self.deps:
            raise EsrError(f"{self.name}: {path} is not among its deps in dvc.yaml; add it there")
        return Path(path)

    def shared_work(self, entry: str) -> SharedWork | None:
        """What the lengths of the entry's trainings follow from; None at a scale that shares out no work."""
        told = read_json(self.input(f"runs/.work/{self.scale}/{entry}.json"))
        return None if told is None else SharedWork.model_validate(told)

    def weights(self, reference: str) -> Path:
        """The weights that another stage (``kind/key``) hands on."""
        return self.input(f"runs/{self.scale}/{reference}/weights.safetensors")

    def set(self, name: str) -> Path:
        """The manifest of a set."""
        return self.input(f"data/{self.scale}/sets/{name}/manifest.json")

    def output(self, file_name: str) -> Path:
        """The declared output with this file name."""
        for out in self.outs:
            if PurePosixPath(out.path).name == file_name:
                return Path(out.path)
        raise EsrError(f"{self.name}: {file_name} is not among its outs in dvc.yaml; add it there")


class Graph:
    """All stages of dvc.yaml at the scale that params.yaml names, but for ``code``."""

    def __init__(self, params: dict[str, Any], stages: dict[str, Any]) -> None:
        self.params = params
        self.scale: str = params.get("scale", "")
        self.templates = {kind: template for kind, template in stages.items() if kind != CODE_STAGE}

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """Stages by DVC's name."""
        return {node.name: node for kind in self.templates for node in self._nodes_of(kind)}

    @cached_property
    def producers(self) -> dict[str, Node]:
        """Stages by the path of each of their outputs."""
        return {path: node for node in self.nodes.values() for path in node.out_paths}

    @property
    def kinds(self) -> list[str]:
        """The kinds that have a stage: a table may be empty."""
        return list(dict.fromkeys(node.kind for node in self.nodes.values()))

    def keys(self, kind: str) -> list[str]:
        """The keys of a kind's table; empty for a stage that has no table."""
        table = self.templates[kind].get("foreach")
        return list(self._look_up(table[2:-1])) if table else []

    def is_small(self, kind: str) -> bool:
        """Whether a stage of this kind is not worth a wait in a scheduler's queue, and runs where the driver does."""
        template = self.templates[kind]
        small = template.get("do", template).get("meta", {}).get("small", False)
        return bool(self._look_up(f"scales.{self.scale}.data.stand_in") if small == "stand-ins" else small)

    def find(self, kind: str, key: str = "") -> Node:
        """One stage, or EsrError naming what there is."""
        node = self.nodes.get(f"{kind}@{key}" if key else kind)
        if node is None:
            raise EsrError(f"params.yaml has no row {kind}.{key}; there are: {', '.join(self.keys(kind)) or 'none'}")
        return node

    def inputs(self, node: Node) -> list[str]:
        """The node's deps as files: a folder stands for the outputs that other stages make in it."""
        return [path for dep in node.deps for path in self._files_of(dep)]

    def upstream(self, node: Node) -> list[Node]:
        """The stages whose outputs the node reads."""
        return list(dict.fromkeys(self.producers[path] for path in self.inputs(node) if path in self.producers))

    def ancestors(self, *nodes: Node) -> list[Node]:
        """The stages that these are made from, the nearest first, each once; not the nodes themselves."""
        found: dict[str, Node] = {}
        left = list(nodes)
        while left:
            for earlier in self.upstream(left.pop(0)):
                if earlier.name not in found:
                    found[earlier.name] = earlier
                    left.append(earlier)
        return list(found.values())

    def in_order(self) -> list[Node]:
        """All stages, each after those that it reads from; EsrError where they make a circle."""
        order = TopologicalSorter({name: [n.name for n in self.upstream(node)] for name, node in self.nodes.items()})
        try:
            return [self.nodes[name] for name in order.static_order()]
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise EsrError(f"params.yaml: the rows make a circle: {circle}; change one `from:`") from error

    def patterns(self, kind: str) -> list[str]:
        """The outputs of a kind of stage, with the wildcard ``{key}``."""
        template = self.templates[kind]
        return [out.path for out in self._outs(template.get("do", template), {"key": "{key}"})]

    def _files_of(self, dep: str) -> list[str]:
        if dep in self.producers or not dep.startswith(("runs/", "data/", "reports/")):
            return [dep]
        inside = [path for path in self.producers if path.startswith(dep + "/")]
        if dep == f"runs/{self.scale}":  # the report's: it waits for nothing that no row of the leaderboard needs
            inside = [path for path in inside if path in self._benchmarked]
        return inside or [dep]

    @cached_property
    def _benchmarked(self) -> set[str]:
        """The outputs of the benchmarks, and of all that they are made from."""
        rows = [node for node in self.nodes.values() if node.kind == "benchmark"]
        return {path for node in [*rows, *self.ancestors(*rows)] for path in node.out_paths}

    def _nodes_of(self, kind: str) -> Iterator[Node]:
        template = self.templates[kind]
        if "foreach" not in template:
            yield self._node(kind, "", template, {})
            return
        table = self._look_up(template["foreach"][2:-1])
        for key, row in table.items():
            yield self._node(kind, key, template["do"], {"key": key, "item": row})

    def _node(self, kind: str, key: str, template: dict[str, Any], names: dict[str, Any]) -> Node:
        filled = self._fill(template, names)
        return Node(
            kind=kind,
            key=key,
            scale=self.scale,
            command=filled["cmd"],
            deps=tuple(dict.fromkeys(filled.get("deps", []))),
            outs=self._outs(template, names),
            params={name: self._look_up(name) for name in filled.get("params", [])},
            resources=filled.get("meta", {}),
        )

    def _outs(self, template: dict[str, Any], names: dict[str, Any]) -> tuple[Out, ...]:
        declared = [out for section in ("outs", "metrics", "plots") for out in template.get(section, [])]
        return tuple(_out(out) for out in self._fill(declared, names))

    def _fill(self, value: Any, names: dict[str, Any]) -> Any:
        if isinstance(value, dict):
            return {self._fill(key, names): self._fill(item, names) for key, item in value.items()}
        if isinstance(value, list):
            return [self._fill(item, names) for item in value]
        if not isinstance(value, str) or "${" not in value:
            return value
        whole = re.fullmatch(r"\$\{([^}]*)\}", value)
        if whole:
            return self._look_up(whole[1], names)
        return re.sub(r"\$\{([^}]*)\}", lambda match: str(self._look_up(match[1], names)), value)

    def _look_up(self, name: str, names: Mapping[str, Any] | None = None) -> Any:
        value: Any = {**self.params, **(names or {})}
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                row = f" (row {names['key']})" if names and "key" in names else ""
                raise EsrError(f"params.yaml has no {name}{row}, which dvc.yaml asks for")
            value = value[part]
        return value


def _out(value: str | dict[str, Any]) -> Out:
    if isinstance(value, str):
        return Out(value)
    ((path, options),) = value.items()
    return Out(path, cached=options.get("cache", True))


def read_graph(params_file: Path = PARAMS_FILE, graph_file: Path = GRAPH_FILE) -> Graph:
    """Read both files, each parsed once."""
    return Graph(read_yaml(params_file), read_yaml(graph_file).get("stages", {}))
