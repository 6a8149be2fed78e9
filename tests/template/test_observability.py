"""Check that alarms and widgets use existing metrics, and that each alarm has a runbook."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from asrcore.core.polling import CALLBACK_DEADLINE_S, RESULT_DEADLINE_S
from asrcore.metrics import METRICS, NAMESPACE
from tests.support.aws_metrics import AWS_METRICS
from tests.support.fake_services import STACK
from tests.support.metric_scenarios import all_points
from tests.support.template import NOTIFYING, ROOT, TEMPLATE, deployed

RUNBOOKS = ROOT / "docs/runbooks"
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
ALARMS = {name: r["Properties"] for name, r in RESOURCES.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
FUNCTIONS = [name for name, r in RESOURCES.items() if r["Type"] == "AWS::Serverless::Function"]
STATISTIC = re.compile(r"Sum|Average|Maximum|Minimum|SampleCount|p\d{2}")
SEARCH = re.compile(r"""SEARCH\('\{([\w,]+)\} MetricName="(\w+)" stack="([^"]+)"', '(\w+)'\)""")

# The resource type that an AWS dimension names, by its Ref or by an attribute.
VALUES = {
    "FunctionName": ("AWS::Serverless::Function", ""),
    "StateMachineArn": ("AWS::Serverless::StateMachine", ""),
    "QueueName": ("AWS::SQS::Queue", ".QueueName"),
    "ApiId": ("AWS::ApiGatewayV2::Api", ""),
    "TableName": ("AWS::DynamoDB::Table", ""),
    "RuleName": ("AWS::Events::Rule", ""),
}


@dataclass(frozen=True)
class Use:
    """A metric of an alarm or a widget."""

    where: str
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str


def written(value: Any) -> str:
    """Return a value of the template with the stack's name in it and references as `<Name>` or `<Name.Attribute>`."""
    match value:
        case {"Ref": "AWS::StackName"}:
            return STACK
        case {"Ref": name} | {"Fn::GetAtt": name}:
            return f"<{name}>"
        case {"Fn::Join": [glue, parts]}:
            return str(glue.join(written(part) for part in parts))
        case {"Fn::Sub": [text, dict(names)]}:
            for name, meant in names.items():
                text = text.replace(f"${{{name}}}", written(meant))
            return written({"Fn::Sub": text})
        case {"Fn::Sub": text}:
            named = text.replace("${AWS::StackName}", STACK)
            return re.sub(r"\$\{([^!}][^}]*)\}", r"<\1>", named).replace("${!", "${")
    return str(value)


def alarm_uses(name: str, alarm: dict[str, Any]) -> Iterator[Use]:
    stats = [each["MetricStat"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
    for metric, statistic in [(each["Metric"], each["Stat"]) for each in stats] or [(alarm, alarm.get("Statistic"))]:
        dimensions = {each["Name"]: written(each["Value"]) for each in metric["Dimensions"]}
        yield Use(name, metric["Namespace"], metric["MetricName"], dimensions, statistic)


BODY = deployed(**NOTIFYING)["Dashboard"]["Properties"]["DashboardBody"]
DASHBOARD = json.loads(written(BODY))
WIDGETS = [each["properties"] for each in DASHBOARD["widgets"] if each["type"] == "metric"]


def widget_uses() -> Iterator[Use]:
    for widget in WIDGETS:
        for row in widget["metrics"]:
            options = row[-1] if isinstance(row[-1], dict) else {}
            names = [each for each in row if isinstance(each, str)]
            if names:
                dimensions = dict(zip(names[2::2], names[3::2], strict=True))
                yield Use(widget["title"], names[0], names[1], dimensions, options.get("stat", widget["stat"]))


EXPRESSIONS = [row[0]["expression"] for widget in WIDGETS for row in widget["metrics"] if isinstance(row[0], dict)]
ALARM_USES = [use for name, alarm in ALARMS.items() for use in alarm_uses(name, alarm)]
USES = [*ALARM_USES, *widget_uses()]


def is_published(use: Use) -> bool:
    """Return whether AWS publishes a metric of this name with these dimensions."""
    return set(use.dimensions) in AWS_METRICS[use.namespace].get(use.name, [])


class TestEveryMetricThatIsWatched:
    def test_metric_exists_with_these_dimensions(self):
        emitted = {(point.name, frozenset(point.dimensions.items())) for point in all_points()}
        own = [use for use in USES if use.namespace == NAMESPACE]
        of_aws = [use for use in USES if use.namespace != NAMESPACE]

        assert [use for use in own if (use.name, frozenset(use.dimensions.items())) not in emitted] == []
        assert [use for use in of_aws if not is_published(use)] == []

    def test_metric_is_of_this_stack(self):
        assert [use for use in USES if use.namespace == NAMESPACE and use.dimensions["stack"] != STACK] == []
        for use in [use for use in USES if use.namespace != NAMESPACE]:
            for name, value in use.dimensions.items():
                if name == "GlobalSecondaryIndexName":
                    indexes = RESOURCES["JobsTable"]["Properties"]["GlobalSecondaryIndexes"]
                    assert value in [index["IndexName"] for index in indexes], use
                    continue
                resource, _, attribute = value.strip("<>").partition(".")
                wanted_type, wanted_attribute = VALUES[name]
                assert RESOURCES[resource]["Type"] == wanted_type, use
                assert attribute == wanted_attribute.removeprefix("."), use

    def test_metric_statistic_exists(self):
        assert [use for use in USES if not STATISTIC.fullmatch(use.statistic)] == []


@pytest.mark.parametrize(
    ("namespace", "name", "dimensions"),
    [
        pytest.param("AWS/States", "ExecutionsFailedCount", {"StateMachineArn"}, id="an invented name"),
        pytest.param("AWS/ApiGateway", "5XXError", {"ApiId"}, id="the name that REST APIs use"),
        pytest.param("AWS/DynamoDB", "ThrottledRequests", {"TableName"}, id="a dimension too few"),
        pytest.param("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueArn"}, id="another dimension"),
    ],
)
def test_unknown_metric_is_detected(namespace, name, dimensions):
    assert not is_published(Use("here", namespace, name, dict.fromkeys(dimensions, "x"), "Sum"))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_dashboard_search_finds_this_stacks_metrics_only(expression):
    found = SEARCH.fullmatch(expression)
    assert found, expression
    schema, name, stack, statistic = found.groups()
    namespace, *dimensions = schema.split(",")

    emitted = [point for point in all_points() if (point.namespace, point.name) == (namespace, name)]
    assert set(dimensions) in [set(point.dimensions) for point in emitted]
    assert stack == STACK
    assert STATISTIC.fullmatch(statistic)


@pytest.mark.parametrize("metric", ["CostUsd", "CostCny"])
def test_dashboard_shows_cost_by_vendor_and_day(metric):
    (widget,) = [each for each in WIDGETS if f'MetricName="{metric}"' in str(each["metrics"])]
    ((search,),) = widget["metrics"]
    found = SEARCH.fullmatch(search["expression"])
    assert found

    assert found[1].split(",")[-1] == "vendor"
    assert search["label"] == "${PROP('Dim.vendor')}"
    assert (widget["period"], widget["stat"], found[4]) == (24 * 3600, "Sum", "Sum")


@pytest.mark.parametrize("metric", METRICS)
def test_every_emitted_metric_is_on_the_dashboard_or_alarmed(metric):
    searched = [SEARCH.fullmatch(expression)[2] for expression in EXPRESSIONS]

    assert metric in searched or metric in [use.name for use in USES if use.namespace == NAMESPACE]


@pytest.mark.parametrize("name", ALARMS)
class TestAlarms:
    def test_alarm_has_the_stacks_name_and_topic(self, name):
        assert written(ALARMS[name]["AlarmName"]).startswith(f"{STACK}-")
        assert ALARMS[name]["AlarmActions"] == {
            "Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
        }

    def test_alarm_states_how_to_treat_missing_data(self, name):
        reports_always = name == "OldestOpenJobAlarm"

        assert ALARMS[name]["TreatMissingData"] == ("breaching" if reports_always else "notBreaching")

    def test_alarm_has_a_complete_runbook(self, name):
        text = ALARMS[name]["AlarmDescription"]
        page = re.search(r"See docs/runbooks/([a-z-]+\.md) \| .*。见 docs/zh-CN/runbooks/\1$", text)
        assert page
        text = (RUNBOOKS / page[1]).read_text()

        assert re.findall(r"(?m)^#+ .+", text)[1:] == ["## What it means", "## How to look", "## What to do"]
        assert written(ALARMS[name]["AlarmName"]).removeprefix(f"{STACK}-") in text
        assert "```sh\n" in text

    def test_alarm_is_on_the_dashboard(self, name):
        (listed,) = [each["properties"]["alarms"] for each in DASHBOARD["widgets"] if each["type"] == "alarm"]

        assert f"<{name}.Arn>" in listed


REPORTED_BY_EVERY_SWEEP = {"OpenJobs", "OldestOpenJobAge"}


def stays(name: str, alarm: dict[str, Any]) -> list[str]:
    """Return why an alarm can stay in ALARM without a reason, or cannot fire; empty when neither is so."""
    watched = [each["Expression"] for each in alarm.get("Metrics", []) if "Expression" in each]
    by_id = {
        each["Id"]: (metric["Namespace"], metric["MetricName"])
        for each in alarm.get("Metrics", [])
        if (metric := each.get("MetricStat", {}).get("Metric"))
    }
    metrics = set(by_id.values()) or {(alarm["Namespace"], alarm["MetricName"])}
    found = []
    if alarm.get("TreatMissingData") not in {"breaching", "notBreaching"}:
        found.append("missing data leaves its state as it is")
    if any(namespace == "AWS/DynamoDB" for namespace, _ in metrics):
        # CloudWatch guide, "Configuring how CloudWatch alarms treat missing data".
        always = {name for name, of in by_id.items() if of[0] == NAMESPACE and of[1] in REPORTED_BY_EVERY_SWEEP}
        unfilled = [name for name in by_id if not all(f"FILL({name}, 0)" in expression for expression in watched)]
        if not always or not watched or unfilled:
            found.append("alarms on metrics of DynamoDB ignore missing data, and no other metric is always there")
    if metrics == {("AWS/SQS", "ApproximateAgeOfOldestMessage")}:
        # SQS guide, "Available CloudWatch metrics for Amazon SQS".
        found.append("SQS leaves a message out once it was received three times")
    return found


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_fires_and_ends(name):
    assert stays(name, ALARMS[name]) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"TreatMissingData": "ignore"}, "leaves its state", id="state-is-kept"),
        pytest.param({"TreatMissingData": None}, "leaves its state", id="default"),
        pytest.param(
            {"Namespace": "AWS/DynamoDB", "MetricName": "WriteThrottleEvents"}, "ignore missing data", id="dynamodb"
        ),
        pytest.param(
            {"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage"}, "three times", id="age-in-sqs"
        ),
    ],
)
def test_alarm_that_cannot_fire_or_end_is_detected(changes, reason):
    assert any(reason in each for each in stays("here", {**ALARMS["SubmitErrorsAlarm"], **changes}))


def test_jobs_table_alarm_watches_the_table_and_every_index():
    watched = [
        use.dimensions for use in ALARM_USES if use.where == "JobsTableAlarm" and use.namespace == "AWS/DynamoDB"
    ]
    indexes = [each["IndexName"] for each in RESOURCES["JobsTable"]["Properties"]["GlobalSecondaryIndexes"]]

    assert [each.get("GlobalSecondaryIndexName") for each in watched] == [None, *indexes]


def test_every_runbook_has_an_alarm():
    named = {match for alarm in ALARMS.values() for match in re.findall(r"runbooks/(\S+)$", alarm["AlarmDescription"])}

    assert {page.name for page in RUNBOOKS.glob("*.md")} == {*named, "README.md"}


def test_runbook_index_lists_every_page_and_metric():
    text = (RUNBOOKS / "README.md").read_text()

    assert {page.name for page in RUNBOOKS.glob("*.md")} - set(re.findall(r"\]\((.+?\.md)\)", text)) == {"README.md"}
    for name, metric in METRICS.items():
        kept_by = ["whole", *(" and ".join(names) for names in metric.by)]
        assert f"| `{name}` | {metric.unit.value} | {', '.join(kept_by)} | {metric.meaning} |" in text


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_runbook_commands_are_shell_and_name_real_resources(page):
    commands = "\n".join(re.findall(r"(?s)```sh\n(.*?)```", page.read_text()))

    parsed = subprocess.run(["bash", "-n"], input=commands, text=True, capture_output=True, timeout=60, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")
    assert set(re.findall(r"\$\(output (\w+)\)", commands)) <= set(TEMPLATE["Outputs"])
    assert set(re.findall(r"\$\(resource (\w+)\)", commands)) <= set(RESOURCES)
    assert set(re.findall(r"--index-name (\w+)", commands)) <= {"open"}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_has_alarms(function, metric):
    assert (metric, f"<{function}>") in [(use.name, use.dimensions.get("FunctionName")) for use in ALARM_USES]


def test_age_alarm_is_between_turnaround_and_result_expiry():
    parameter = ALARMS["OldestOpenJobAlarm"]["Threshold"]["Ref"]
    threshold_s = TEMPLATE["Parameters"][parameter]["Default"]

    assert max(RESULT_DEADLINE_S, CALLBACK_DEADLINE_S) < threshold_s < 24 * 3600


def test_budget_alarms_are_at_four_fifths_and_the_whole():
    budget = {name: alarm["Threshold"] for name, alarm in ALARMS.items() if alarm.get("MetricName") == "BudgetUsed"}

    assert budget == {"BudgetNearlyUsedAlarm": 80, "BudgetUsedAlarm": 100}


def test_age_alarm_period_exceeds_one_sweep():
    schedule = RESOURCES["SweepFunction"]["Properties"]["Events"]["Sweep"]["Properties"]["Schedule"]

    assert schedule == "rate(5 minutes)"
    assert ALARMS["OldestOpenJobAlarm"]["Period"] > 2 * 300


def test_functions_have_the_stack_name():
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]

    assert variables["STACK_NAME"] == {"Ref": "AWS::StackName"}


def test_dashboard_widgets_do_not_overlap():
    taken = [
        (x, y)
        for each in DASHBOARD["widgets"]
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    ]

    assert len(taken) == len(set(taken))
    assert {x for x, _ in taken} == set(range(24))
    assert len(taken) == 24 * (max(y for _, y in taken) + 1)
