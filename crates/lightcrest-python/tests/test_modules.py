"""Modules of the package import each other in one direction: also inside of functions."""

import ast
import pathlib

import lightcrest

PACKAGE = pathlib.Path(lightcrest.__file__).parent


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


def imports(tree):
    """What a module imports when it runs, so without what types need."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "lightcrest":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module
        yield from imports(node)


def test_there_is_no_circle():
    needed = {name: set(imports(ast.parse(path.read_text()))) & MODULES.keys() for name, path in MODULES.items()}
    del needed["lightcrest"]  # offers all of them
    while needed:
        free = {name for name, others in needed.items() if not (others - {name}) & needed.keys()}
        assert free, f"these import each other: {sorted(needed)}"
        needed = {name: others for name, others in needed.items() if name not in free}
