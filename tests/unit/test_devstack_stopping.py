"""Check that a signal stops the local stack wherever it arrives."""

import signal
import subprocess
import sys
import textwrap

import pytest

from devstack.settings import ROOT

START = """
    import os, signal, threading, time
    from devstack.stopping import StopSignal

    stop = StopSignal()
"""
IN_ANOTHER_THREAD = """
    main = threading.main_thread()

    def deliver():
        while "wait" not in [frame.f_code.co_name for frame in frames(main)]:
            time.sleep(0.01)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    def frames(thread):
        frame = sys._current_frames()[thread.ident]
        while frame:
            yield frame
            frame = frame.f_back

    import sys
    threading.Thread(target=deliver, daemon=True).start()
    stop.wait()
"""
IN_A_FINALIZER = """
    class Finalized:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)

    Finalized()  # what the handler raises here is ignored
    print("still here", flush=True)
    stop.wait()
"""
BEFORE_THE_WAIT = """
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    finally:
        print("left through finally", flush=True)
"""


@pytest.mark.parametrize(
    ("lines", "printed"),
    [
        pytest.param(IN_ANOTHER_THREAD, "", id="delivered to another thread"),
        pytest.param(IN_A_FINALIZER, "still here\n", id="handled in a finalizer"),
        pytest.param(BEFORE_THE_WAIT, "left through finally\n", id="while the stack starts"),
    ],
)
def test_signal_ends_the_process_wherever_it_arrives(lines: str, printed: str):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(START) + textwrap.dedent(lines)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, printed), done.stderr


def test_second_signal_does_not_interrupt_cleanup():
    lines = """
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            stop.wait()
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            print("closed in peace", flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(START) + textwrap.dedent(lines)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "closed in peace\n"), done.stderr
