"""Budgets: what a function imports before its first event, how large the layer is, how often vendors are asked."""

import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from benchmarks.artefact import FUNCTIONS, copy_packages, pinned, sizes
from benchmarks.cold_start import Start
from benchmarks.environment import LAYER, ROOT
from benchmarks.polling import PUBLISHED, draw, judge, ours

MIB = 1024 * 1024
AT_MOST_MODULES = 600  # boto3 and its clients are 392 of them
PACKAGES = {
    "app",
    "asrcore",
    *("aws_lambda_powertools", "jmespath", "typing_extensions"),
    *("pydantic", "pydantic_core", "annotated_types", "typing_inspection"),
    *("boto3", "botocore", "s3transfer", "dateutil", "six", "urllib3", "certifi"),
}
FOR_SOME_STEPS = {"requests", "charset_normalizer", "asrcore.vendors.http", "asrcore.render"}


@pytest.fixture(scope="module", params=FUNCTIONS)
def imported(request):
    """The modules of a function that is ready for its first event."""
    packages = Path(sysconfig.get_paths()["purelib"])
    return set(Start("import app", (ROOT / "functions" / request.param, LAYER, packages)).modules())


def test_a_function_starts_with_few_modules(imported):
    assert len(imported) <= AT_MOST_MODULES


def test_a_function_starts_with_no_other_package(imported):
    packages = {name.partition(".")[0] for name in imported if not name.startswith(("_", "six."))}

    assert packages - sys.stdlib_module_names - PACKAGES == set()


def test_what_only_some_steps_need_is_loaded_when_first_used(imported):
    assert imported & FOR_SOME_STEPS == set()


def test_the_layer_stays_small(tmp_path):
    copy_packages(tmp_path / "layer", pinned())
    shutil.copytree(LAYER / "asrcore", tmp_path / "layer/asrcore", ignore=shutil.ignore_patterns("__pycache__"))

    zipped_bytes, unzipped_bytes = sizes(tmp_path / "layer")

    assert zipped_bytes < 6 * MIB
    assert unzipped_bytes < 20 * MIB


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_a_door_and_no_house(function):
    assert sum(path.stat().st_size for path in (ROOT / "functions" / function).glob("*.py")) < 4 * 1024


def test_vendors_are_asked_seldom_and_results_seen_soon():
    outcome = judge(ours, draw(PUBLISHED))

    assert outcome.queries < 10
    assert outcome.late < 0.08
    assert outcome.most_queries <= 90
    assert outcome.given_up == 0
