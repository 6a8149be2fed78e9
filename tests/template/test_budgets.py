"""Check budgets: imports before a function's first event, layer size, vendor queries."""

import importlib.util
import marshal
import sys
import sysconfig
from pathlib import Path

import pytest

from benchmarks.artefact import FUNCTIONS, put_layer_together, sizes
from benchmarks.cold_start import Start
from benchmarks.environment import LAYER, ROOT
from benchmarks.polling import PUBLISHED, draw, evaluate, learned, ours
from tests.support.template import TEMPLATE

MIB = 1024 * 1024
HASHED_AND_UNCHECKED = 0b01  # PEP 552
PIP_OPTIONS = {"--require-hashes", "--no-deps", "--no-compile", ":all:", "manylinux2014_x86_64", "cp", "3.13"}
AT_MOST_MODULES = 606  # 392 of them are boto3 and its clients
AT_MOST_WITH_ROUTES = 735  # 90 of them are the event handler and its imports
PACKAGES = {
    "app",
    "asrcore",
    *("aws_lambda_powertools", "jmespath", "typing_extensions"),
    *("pydantic", "pydantic_core", "annotated_types", "typing_inspection"),
    *("boto3", "botocore", "s3transfer", "dateutil", "six", "urllib3", "certifi"),
}
FOR_SOME_STEPS = {
    *("requests", "charset_normalizer"),
    *("asrcore.net.vendor_http", "asrcore.net.deadline", "asrcore.render"),
    "aws_lambda_powertools.event_handler.openapi.models",
}


@pytest.fixture(scope="module", params=FUNCTIONS)
def imported(request):
    """Return the modules that a function has imported before its first event."""
    packages = Path(sysconfig.get_paths()["purelib"])
    return set(Start("import app", (ROOT / "functions" / request.param, LAYER, packages)).modules())


def test_function_imports_stay_within_budget(imported):
    has_routes = "aws_lambda_powertools.event_handler" in imported

    assert has_routes == ("asrcore.api" in imported)
    assert len(imported) <= (AT_MOST_WITH_ROUTES if has_routes else AT_MOST_MODULES)


def test_function_imports_no_unneeded_package(imported):
    packages = {name.partition(".")[0] for name in imported if not name.startswith(("_", "six."))}

    assert packages - sys.stdlib_module_names - PACKAGES == set()


def test_optional_modules_are_imported_on_first_use(imported):
    assert imported & FOR_SOME_STEPS == set()


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    """Build the layer with the Makefile that `sam build` uses, from the installed packages."""
    return put_layer_together(tmp_path_factory.mktemp("layer"))


def test_layer_size_stays_within_budget(layer):
    zipped_bytes, unzipped_bytes = sizes(layer)

    assert zipped_bytes < 9 * MIB
    assert unzipped_bytes < 24 * MIB


def test_cold_start_compiles_no_layer_module(layer):
    compiled = {Path(importlib.util.source_from_cache(str(path))): path.read_bytes() for path in layer.rglob("*.pyc")}

    assert set(compiled) == set(layer.rglob("*.py"))
    assert {content[:4] for content in compiled.values()} == {importlib.util.MAGIC_NUMBER}
    assert {int.from_bytes(content[4:8], "little") for content in compiled.values()} == {HASHED_AND_UNCHECKED}


def test_tracebacks_name_the_paths_of_lambda(layer):
    path = Path(importlib.util.cache_from_source(str(layer / "asrcore/submit.py")))

    assert marshal.loads(path.read_bytes()[16:]).co_filename == "/opt/python/asrcore/submit.py"


def test_sam_build_installs_only_pinned_lambda_packages():
    rule = (LAYER / "Makefile").read_text()

    assert TEMPLATE["Resources"]["AsrCoreLayer"]["Metadata"] == {"BuildMethod": "makefile"}
    assert "build-AsrCoreLayer: installed compiled" in rule
    assert set(rule.replace("\\\n", " ").split()) >= PIP_OPTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_handler_is_at_most_forty_lines(function):
    assert sum(path.stat().st_size for path in (ROOT / "functions" / function).glob("*.py")) < 4 * 1024


def test_polling_is_rare_and_results_are_found_soon():
    outcome = evaluate(ours, draw(PUBLISHED))

    assert outcome.queries < 9.5
    assert outcome.late < 0.08
    assert outcome.most_queries <= 90
    assert outcome.given_up == 0


def test_polling_is_rarer_with_turnaround_statistics():
    outcome = learned(300)

    assert outcome.queries < 8
    assert outcome.late < 0.08
    assert outcome.most_queries <= 90
    assert outcome.given_up == 0
