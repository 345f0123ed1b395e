"""The manifest of examples/clusters by the schemas of Kubernetes."""

import pathlib

import kubernetes_validate
import pytest
import yaml

MANIFEST = pathlib.Path(__file__).parents[4] / "examples/clusters/kubernetes.yaml"


@pytest.mark.parametrize("version", ["1.34", kubernetes_validate.latest_version()])
def test_the_manifest_is_one(version):
    documents = list(yaml.safe_load_all(MANIFEST.read_text()))
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)
    documents[-1]["spec"]["completions"] = "eight"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(documents[-1], version, strict=True)
