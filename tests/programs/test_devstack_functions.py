"""Check that functions run as in Lambda: processes are reused, time-limited, and isolated from the shell."""

import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from devstack.functions import (
    INTERPRETER,
    LAYER_PACKAGE,
    MAX_ENVIRONMENTS,
    MAX_RESPONSE_BYTES,
    PRELOADED,
    Function,
    common_variables,
    prefork_server,
)
from devstack.settings import ROOT
from tests.support.fake_functions import make_function, make_layer, wait_for
from tests.support.process import is_running, running

Make = Callable[..., Function]
WAIT_S = 120


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer whose functions' processes are forked: of all tests, as importing takes a while."""
    layer = make_layer(tmp_path_factory.mktemp("layers") / "preloaded")
    (layer / LAYER_PACKAGE).mkdir()
    return layer


@pytest.fixture(params=["started", "forked"])
def make(request: pytest.FixtureRequest, tmp_path: Path, preloaded: Path) -> Iterator[Make]:
    if request.param == "forked" and sys.platform == "darwin":
        pytest.skip("macOS: no process is forked")
    layer = preloaded if request.param == "forked" else None
    made: list[Function] = []

    def make_one(code: str, **options: object) -> Function:
        made.append(make_function(tmp_path, code, layer=layer, **options))
        return made[-1]

    yield make_one
    for function in made:
        function.close()


def test_handler_gets_event_layer_folder_and_context(make: Make, tmp_path: Path):
    function = make("""
        import os
        import in_layer
        def lambda_handler(event, context):
            return {
                "event": event, "layer": in_layer.NAME, "folder": os.getcwd(), "id": context.aws_request_id,
                "name": context.function_name, "arn": context.invoked_function_arn,
                "memory": context.memory_limit_in_mb,
                "logs": [context.log_group_name, context.log_stream_name == os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]],
                "left": 0 < context.get_remaining_time_in_millis() <= 120_000,
            }
    """)

    answer = function.invoke('{"name": "会议"}'.encode(), "request-1")

    assert not answer.is_error
    assert json.loads(answer.payload) == {
        "event": {"name": "会议"},
        "layer": "the layer",
        "folder": str((tmp_path / "code").resolve()),
        "id": "request-1",
        "name": "stack-StandIn-1",
        "memory": "1024",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:stack-StandIn-1",
        "logs": ["/aws/lambda/stack/fake", True],
        "left": True,
    }


def test_environment_has_template_and_lambda_variables_only(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_PROFILE", "developer")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid")
    function = make(
        "import os\ndef lambda_handler(event, context): return dict(os.environ)", variables={"JOBS_TABLE": "jobs"}
    )

    variables = json.loads(function.invoke(b"{}").payload)

    assert variables["JOBS_TABLE"] == "jobs"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "stack-StandIn-1"
    assert variables["_HANDLER"] == "app.lambda_handler"
    # Python itself sets LC_CTYPE where a machine lacks Lambda's locale; macOS adds the one with underscores.
    lambdas_own = {
        "PATH", "LANG", "TZ", "PYTHONPATH", "LAMBDA_TASK_ROOT", "_HANDLER", "LC_CTYPE", "__CF_USER_TEXT_ENCODING",
    }  # fmt: skip
    others = set(variables) - lambdas_own - {"JOBS_TABLE"}
    assert {name for name in others if not name.startswith("AWS_")} == set()
    assert "AWS_PROFILE" not in others


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        pytest.param(
            "def lambda_handler(event, context): raise ValueError('no such job')",
            "ValueError",
            "no such job",
            id="handler raises",
        ),
        pytest.param(
            "def lambda_handler(event, context): return {1, 2}",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON serializable",
            id="answer is not JSON",
        ),
        pytest.param(
            "import os\ndef lambda_handler(event, context): os._exit(3)",
            "Runtime.ExitError",
            "RequestId: request-1 Error: Runtime exited with error: exit status 3",
            id="process ends",
        ),
        pytest.param(
            "import os, signal\ndef lambda_handler(event, context): os.kill(os.getpid(), signal.SIGKILL)",
            "Runtime.ExitError",
            "RequestId: request-1 Error: Runtime exited with error: signal: SIGKILL",
            id="process is killed",
        ),
        pytest.param(
            "import sys\ndef lambda_handler(event, context): sys.exit(0)",
            "Runtime.ExitError",
            "RequestId: request-1 Error: Runtime exited without providing a reason",
            id="process ends without error",
        ),
        pytest.param(
            "import not_there",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'not_there'",
            id="import fails",
        ),
        pytest.param(
            "lambda_handler = None",
            "Runtime.HandlerNotFound",
            "Handler 'lambda_handler' missing on module 'app'",
            id="no handler",
        ),
        pytest.param(
            "raise KeyError('JOBS_TABLE')",
            "KeyError",
            "'JOBS_TABLE'",
            id="loading raises",
        ),
        pytest.param(
            f"def lambda_handler(event, context): return 'x' * {MAX_RESPONSE_BYTES}",
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            id="answer is too large",
        ),
    ],
)
def test_errors_have_lambdas_form(make: Make, code: str, error_type: str, message: str):
    function = make(code)

    answer = function.invoke(b"{}", "request-1")

    assert answer.is_error
    error = json.loads(answer.payload)
    assert (error["errorType"], error["errorMessage"]) == (error_type, message)


def test_stack_trace_shows_the_functions_own_lines(make: Make):
    function = make("""
        def lambda_handler(event, context):
            return deeper(event)
        def deeper(event):
            return event["missing"]
    """)

    error = json.loads(function.invoke(b"{}").payload)

    assert [line.split("in ")[1].split("\n")[0] for line in error["stackTrace"]] == ["lambda_handler", "deeper"]


def test_timeout_ends_the_process_and_the_next_event_restarts(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("devstack.functions.INIT_LIMIT_S", WAIT_S)
    function = make(
        """
        import os, time
        def lambda_handler(event, context):
            if event["hang"]:
                time.sleep(600)
            return os.getpid()

        with open("started", "a") as file:
            print(os.getpid(), file=file)
        """,
        timeout_s=0.5,
    )

    answer = function.invoke(b'{"hang": true}', "request-1")
    function.settings = replace(function.settings, timeout_s=WAIT_S)
    answering = json.loads(function.invoke(b'{"hang": false}').payload)

    assert answer.is_error
    assert json.loads(answer.payload)["errorMessage"] == "RequestId: request-1 Error: Task timed out after 0.50 seconds"
    hanging, fresh = map(int, (tmp_path / "code/started").read_text().split())
    assert answering == fresh
    with pytest.raises(ProcessLookupError):
        os.kill(hanging, 0)


def test_warm_process_is_used_again(make: Make):
    function = make("""
        import os
        calls = 0
        def lambda_handler(event, context):
            global calls
            calls += 1
            return [os.getpid(), calls]
    """)

    answers = [json.loads(function.invoke(b"{}").payload) for _ in range(3)]

    assert [calls for _, calls in answers] == [1, 2, 3]
    assert len({process for process, _ in answers}) == 1


def test_concurrent_events_get_own_processes_up_to_the_limit(make: Make, tmp_path: Path):
    function = make("""
        import os, pathlib, time
        def lambda_handler(event, context):
            mine = pathlib.Path(f"seen-{event}")
            mine.touch()
            while event < 3 and len(list(pathlib.Path().glob("seen-[012]"))) < 3:
                time.sleep(0.01)
            return os.getpid()
    """)

    with ThreadPoolExecutor(MAX_ENVIRONMENTS + 5) as callers:
        together = {json.loads(a.payload) for a in callers.map(function.invoke, [b"0", b"1", b"2"])}
        many = {json.loads(a.payload) for a in callers.map(function.invoke, [b"9"] * (MAX_ENVIRONMENTS + 5))}

    assert len(together) == 3
    assert len(many) <= MAX_ENVIRONMENTS


def test_what_a_function_writes_is_in_its_log(make: Make):
    function = make("""
        import sys
        def lambda_handler(event, context):
            print("to stdout 会议")
            print("to stderr", file=sys.stderr)
            raise ValueError("told in the log too")
    """)

    function.invoke(b"{}", "request-1")

    log = function.log_path.read_text(encoding="utf-8")
    assert log.startswith("START RequestId: request-1")
    for line in ("to stdout 会议", "to stderr", "[ERROR] ValueError: told in the log too", "END RequestId: request-1"):
        assert line in log


def test_closing_ends_processes_that_are_busy(make: Make, tmp_path: Path):
    function = make("""
        import os, pathlib, time
        def lambda_handler(event, context):
            pathlib.Path("pid.part").write_text(str(os.getpid()))
            pathlib.Path("pid.part").rename("pid")
            time.sleep(60)
    """)
    caller = threading.Thread(target=function.invoke, args=(b"{}",))
    caller.start()
    pid = tmp_path / "code/pid"
    wait_for(pid.exists)

    function.close()

    caller.join(timeout=120)
    assert not caller.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


DESCRIBE = """
    import os, re, resource, signal, sys, threading

    import boto3

    def lambda_handler(event, context):
        client = boto3.client("dynamodb")
        return {
            "client": [client.meta.region_name, client.meta.endpoint_url],
            # As a set: the order of the features that it names is each process's own.
            "user agent": sorted(re.split("[ ,/]", client._client_config.user_agent)),
            "credentials": vars(client._get_credentials()),
            # Python itself sets LC_CTYPE where a machine lacks Lambda's locale.
            "variables": {**os.environ, "AWS_LAMBDA_LOG_STREAM_NAME": "", "LC_CTYPE": ""},
            "path": sys.path,
            "arguments": [sys.argv[0], len(sys.argv)],
            "main": sys.modules["__main__"].__file__,
            "flags": list(sys.flags),
            "encodings": [sys.stdout.encoding, sys.getfilesystemencoding()],
            "threads": [each.name for each in threading.enumerate()],
            "signals": [str(signal.getsignal(each)) for each in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)],
            "leads its group": os.getpgrp() == os.getpid(),
            "terminal": os.isatty(0),
            "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
            "descriptors": len(os.listdir("/dev/fd")),
            "loaded": [name for name in sys.modules if name.split(".")[0] in ("devstack", "aws_lambda_powertools")],
        }
"""


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS: no process is forked")
def test_forked_process_equals_started_process(tmp_path: Path, preloaded: Path):
    described = []
    for kind, layer in {"started": make_layer(tmp_path / "layer"), "forked": preloaded}.items():
        folder = tmp_path / kind
        folder.mkdir()
        variables = {"JOBS_TABLE": "jobs", "AWS_ENDPOINT_URL": "http://localhost:1"}
        function = make_function(folder, DESCRIBE, variables=variables, layer=layer)
        answer = function.invoke(b"{}").payload.decode()
        function.close()
        described.append(json.loads(answer.replace(str(layer), "the layer").replace(str(folder), "the folder")))

    started, forked = described
    assert forked == started


def test_retired_processes_are_replaced_by_forked_ones(make: Make):
    function = make("import os\ndef lambda_handler(event, context): return os.getppid()")
    servers = set()
    for _ in range(5):
        servers.add(function.invoke(b"{}").payload)
        function.retire()

    assert len(servers) == 1


def test_busy_process_is_retired_after_its_event(make: Make, tmp_path: Path):
    function = make(
        """
        import os, time
        from pathlib import Path

        def lambda_handler(event, context):
            if event:
                Path(event, "busy").touch()
                while not Path(event, "end").exists():
                    time.sleep(0.01)
            return os.getpid()
        """
    )
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(function.invoke, json.dumps(str(tmp_path)).encode())
        wait_for((tmp_path / "busy").exists)
        function.retire()
        (tmp_path / "end").touch()

        first = busy.result()

    assert not first.is_error
    assert function.invoke(b"null").payload != first.payload


READS = """
    import importlib, os, sys

    read = set()

    class Recorded(dict):
        def __getitem__(self, name):
            read.add(name)
            return super().__getitem__(name)
        def get(self, name, default=None):
            read.add(name)
            return super().get(name, default)
        def __contains__(self, name):
            read.add(name)
            return super().__contains__(name)
        def __iter__(self):
            read.add("all of them")
            return super().__iter__()
        copy = items = __iter__

    os.environ = Recorded(os.environ)
    os.getenv = os.environ.get
    for name in sys.argv[1:]:
        importlib.import_module(name)
    print(*read)
"""
# Of the interpreter and of packages: the local stack gives functions none of them.
NEVER_SET = {
    "HOME", "PYTHONUSERBASE", "PYTHONTZPATH", "_PYTHON_PROJECT_BASE", "_PYTHON_SYSCONFIGDATA_NAME",
    "PYDANTIC_DISABLE_PLUGINS", "LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL",
}  # fmt: skip


def test_preloaded_modules_read_no_function_specific_variable():
    done = subprocess.run(
        [*INTERPRETER, "-c", textwrap.dedent(READS), *PRELOADED],
        env={"PYTHONPATH": str(ROOT / "layers/asrcore")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert not done.stderr
    of_functions = set(done.stdout.split()) - NEVER_SET - set(common_variables("python3.13"))
    assert not [name for name in of_functions if not name.startswith("POWERTOOLS_")]
    template = (ROOT / "template.yaml").read_text()
    assert not [name for name in NEVER_SET if f" {name}:" in template]


def test_functions_with_other_log_levels_have_another_server(tmp_path: Path, preloaded: Path):
    settings = make_function(tmp_path, "", layer=preloaded).settings
    debugging = replace(settings, variables={"POWERTOOLS_LOG_LEVEL": "DEBUG"})

    assert prefork_server(preloaded, debugging) is not prefork_server(preloaded, settings)


STAYS = """
    import json, os, subprocess, time
    from pathlib import Path

    def lambda_handler(event, context):
        started = subprocess.Popen(["sleep", "600"])
        Path(event["pids"]).write_text(json.dumps([os.getpid(), started.pid]))
        time.sleep(600)
"""
DIES = """
    import json, sys
    from pathlib import Path
    from tests.support.fake_functions import make_function

    folder = Path(sys.argv[1])
    layer = Path(sys.argv[2])
    function = make_function(folder, (folder / "stays.py").read_text(), layer=layer)
    function.invoke(json.dumps({"pids": str(folder / "pids")}).encode())
"""


@pytest.mark.parametrize("kind", ["started", "forked"])
def test_local_stack_that_is_killed_leaves_no_process_behind(tmp_path: Path, preloaded: Path, kind: str):
    layer = preloaded if kind == "forked" else make_layer(tmp_path / "layer")
    (tmp_path / "stays.py").write_text(STAYS)
    command = [sys.executable, "-c", textwrap.dedent(DIES), str(tmp_path), str(layer)]
    with running(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        pids = wait_for(
            lambda: (tmp_path / "pids").exists() and json.loads((tmp_path / "pids").read_text() or "[]"), 60
        )

        process.kill()

        wait_for(lambda: not any(map(is_running, pids)), 60)
