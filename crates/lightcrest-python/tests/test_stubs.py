"""The type stubs say what the compiled module has, no less and no more."""

import ast
import pathlib

import lightcrest
from lightcrest import _engine


def test_stubs_and_module_agree_and_everything_is_documented():
    package = pathlib.Path(lightcrest.__file__).parent
    assert (package / "py.typed").exists()
    tree = ast.parse((package / "_engine.pyi").read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    assert set(classes) == {name for name in dir(_engine) if isinstance(getattr(_engine, name), type)}
    for name, node in classes.items():
        compiled = getattr(_engine, name)
        stated = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
        public = {member for member in vars(compiled) if not member.startswith("_")}
        assert {member for member in stated if not member.startswith("_")} == public, name
        assert compiled.__doc__ and all(getattr(compiled, member).__doc__ for member in public), name


def test_every_public_name_has_a_docstring():
    for name in lightcrest.__all__:
        thing = getattr(lightcrest, name)
        assert thing.__doc__, name
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                assert value.__doc__, f"{name}.{member}"
