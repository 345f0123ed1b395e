"""The type stubs say what the compiled module has, no less and no more."""

import ast
import inspect
import pathlib

import lightcrest
import pytest
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


def modules():
    for name in lightcrest.__all__:
        if inspect.ismodule(getattr(lightcrest, name)):
            yield getattr(lightcrest, name)


def test_every_public_name_has_a_docstring():
    for module in [lightcrest, *modules()]:
        assert module.__doc__, module
        for name in module.__all__:
            thing = getattr(module, name)
            if name == "CategoricalChoiceType" or isinstance(thing, (int, str)):
                continue
            assert thing.__doc__, f"{module.__name__}.{name}"
            for member, value in vars(thing).items() if isinstance(thing, type) else ():
                if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                    assert value.__doc__, f"{module.__name__}.{name}.{member}"


def test_what_the_package_lacks_is_said():
    with pytest.raises(AttributeError, match="has no attribute 'samplerz'"):
        lightcrest.samplerz
    assert lightcrest.version.__version__ == lightcrest.__version__
