"""Ctrl-C, also where it gets lost; each case in a process of its own."""

import subprocess
import sys

PROGRAM = """
import os, signal
from snakemake_executor_plugin_batchx.interrupts import ANSWER_SECONDS, InterruptGuard

signal.signal(signal.SIGINT, signal.default_int_handler)
now = [100.0]
guard = InterruptGuard(lambda: now[0], lambda: print("please wait"))

def attempt(call):
    try:
        call()
    except KeyboardInterrupt:
        return "interrupted"
    return "went on"

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

class Swallowing:
    def __del__(self):
        interrupt()

def lose_interrupt():
    Swallowing()
"""


def run_program(end: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + end], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_python_loses_an_interrupt_in_a_destructor() -> None:
    assert run_program("print(attempt(lose_interrupt))") == ["went on"]


def test_a_lost_interrupt_is_raised_again_in_time() -> None:
    end = """
guard.install()
print(attempt(lose_interrupt))
print(attempt(guard.repeat_if_lost))
now[0] += ANSWER_SECONDS
print(attempt(guard.repeat_if_lost))
"""
    assert run_program(end) == ["went on", "went on", "interrupted"]


def test_without_an_interrupt_none_is_raised() -> None:
    end = "guard.install()\nnow[0] += 1000\nprint(attempt(guard.repeat_if_lost))"
    assert run_program(end) == ["went on"]


def test_once_jobs_are_being_ended_an_interrupt_is_only_answered() -> None:
    end = """
guard.install()
print(attempt(interrupt))
guard.hold()
now[0] += 1000
print(attempt(guard.repeat_if_lost))
print(attempt(interrupt))
"""
    assert run_program(end) == ["interrupted", "went on", "please wait", "went on"]


def test_what_was_taken_is_given_back() -> None:
    end = """
guard.install()
guard.restore()
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    assert run_program(end) == ["True"]


def test_a_foreign_handler_stays() -> None:
    end = """
signal.signal(signal.SIGINT, lambda *_: print("foreign"))
guard.install()
print(attempt(interrupt))
"""
    assert run_program(end) == ["foreign", "went on"]
