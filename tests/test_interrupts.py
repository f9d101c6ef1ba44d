"""Ctrl-C and SIGTERM, also where they get lost; each case in a process of its own."""

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.interrupts import is_taking_lock

PROGRAM = """
import os, signal, sys, threading, time, types
from snakemake_executor_plugin_batchx.interrupts import ANSWER_SECONDS, InterruptGuard

class Scheduler:
    def exit_gracefully(self, *_):
        print("waiting for jobs")

SIGNAL = signal.Signals[sys.argv[1]]
scheduler = Scheduler()
PREVIOUS = signal.default_int_handler if SIGNAL is signal.SIGINT else scheduler.exit_gracefully
signal.signal(SIGNAL, PREVIOUS)
now = [100.0]
reminded = threading.Event()

def remind():
    print("please wait", flush=True)
    reminded.set()

guard = InterruptGuard(lambda: now[0], remind)

def attempt(call):
    try:
        call()
    except KeyboardInterrupt:
        return "interrupted"
    return "went on"

def interrupt():
    os.kill(os.getpid(), SIGNAL)

def install():
    # A bound method is another object each time, equal to the others.
    is_ctrl_c = SIGNAL is signal.SIGINT
    guard.install(SIGNAL, PREVIOUS if is_ctrl_c else scheduler.exit_gracefully)

class Swallowing:
    def __del__(self):
        interrupt()

def lose_interrupt():
    Swallowing()
"""


both_signals = pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])


def run_program(end: str, name: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + end, name], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_python_loses_an_interrupt_in_a_destructor() -> None:
    assert run_program("print(attempt(lose_interrupt))", "SIGINT") == ["went on"]


def test_snakemake_waits_for_its_jobs_on_sigterm() -> None:
    assert run_program("print(attempt(interrupt))", "SIGTERM") == ["waiting for jobs", "went on"]


@both_signals
def test_a_lost_interrupt_is_raised_again_in_time(name: str) -> None:
    end = """
install()
print(attempt(lose_interrupt))
print(attempt(guard.repeat_if_lost))
now[0] += ANSWER_SECONDS
print(attempt(guard.repeat_if_lost))
"""
    assert run_program(end, name) == ["went on", "went on", "interrupted"]


@both_signals
def test_without_an_interrupt_none_is_raised(name: str) -> None:
    end = "install()\nnow[0] += 1000\nprint(attempt(guard.repeat_if_lost))"
    assert run_program(end, name) == ["went on"]


@both_signals
def test_once_jobs_are_being_ended_an_interrupt_is_only_answered(name: str) -> None:
    end = """
install()
print(attempt(interrupt))
guard.hold()
now[0] += 1000
print(attempt(guard.repeat_if_lost))
print(attempt(lambda: (interrupt(), reminded.wait(timeout=10))))
"""
    assert run_program(end, name) == ["interrupted", "went on", "please wait", "went on"]


@both_signals
def test_a_second_one_does_not_stop_the_first_on_its_way(name: str) -> None:
    end = """
install()
print(attempt(interrupt))
print(attempt(interrupt))
now[0] += ANSWER_SECONDS
print(attempt(interrupt))
"""
    assert run_program(end, name) == ["interrupted", "went on", "interrupted"]


def test_an_interrupt_is_put_off_while_a_lock_is_taken() -> None:
    frames = []

    class WatchedLock:
        """Looks from inside at whoever takes it."""

        def __init__(self) -> None:
            lock = threading.Lock()
            self.acquire, self.release = lock.acquire, lock.release

        def __enter__(self) -> None:
            frames.append(sys._getframe(1))
            self.acquire()

        def __exit__(self, *_: object) -> None:
            self.release()

    condition = threading.Condition(WatchedLock())  # type: ignore[arg-type]
    with condition:
        pass
    (taking,) = frames
    assert taking.f_code.co_name == "__enter__"
    assert is_taking_lock(taking)
    assert not is_taking_lock(sys._getframe())


def test_an_interrupt_is_not_put_off_while_waiting_for_a_lock() -> None:
    semaphore = threading.Semaphore(0)
    waiter = threading.Thread(target=semaphore.acquire)
    waiter.start()

    def find_frame() -> Any:
        return sys._current_frames()[waiter.ident or 0]

    deadline = time.monotonic() + 10
    while find_frame().f_code.co_name != "wait" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_taking_lock(find_frame())
    semaphore.release()
    waiter.join()


def test_what_was_put_off_comes_soon() -> None:
    end = """
install()
frame = types.SimpleNamespace(
    f_globals=threading.__dict__, f_code=threading.Condition.__enter__.__code__
)
print(attempt(lambda: guard._handle(SIGNAL, frame)))
print(attempt(lambda: time.sleep(10)))
"""
    assert run_program(end, "SIGTERM") == ["went on", "interrupted"]


@both_signals
def test_what_was_taken_is_given_back(name: str) -> None:
    end = """
install()
guard.restore()
print(signal.getsignal(SIGNAL) == PREVIOUS)
"""
    assert run_program(end, name) == ["True"]


@both_signals
def test_a_foreign_handler_stays(name: str) -> None:
    end = """
signal.signal(SIGNAL, lambda *_: print("foreign"))
install()
print(attempt(interrupt))
"""
    assert run_program(end, name) == ["foreign", "went on"]


def test_another_thread_has_a_handler_set() -> None:
    end = """
install()
signal.signal(signal.SIGUSR1, lambda *_: print("foreign"))
thread = threading.Thread(target=guard.install_soon, args=(signal.SIGUSR1, signal.SIG_DFL))
thread.start(), thread.join()
os.kill(os.getpid(), signal.SIGUSR1)
signal.signal(signal.SIGUSR1, signal.SIG_DFL)
thread = threading.Thread(target=guard.install_soon, args=(signal.SIGUSR1, signal.SIG_DFL))
thread.start(), thread.join()
print(attempt(lambda: os.kill(os.getpid(), signal.SIGUSR1)))
guard.restore()
print({signal.getsignal(each) for each in (signal.SIGUSR1, signal.SIGURG)} == {signal.SIG_DFL})
"""
    assert run_program(end, "SIGTERM") == ["foreign", "interrupted", "True"]


def test_a_handler_that_waits_for_its_own_thread_is_ended() -> None:
    end = """
lock = threading.Lock()

def wait_for_lock(*_):
    with lock:
        print("never")

signal.signal(signal.SIGINT, signal.default_int_handler)
guard.install(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, wait_for_lock)

def choose_jobs():
    with lock:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

threading.Timer(0.2, guard.install_soon, (signal.SIGTERM, wait_for_lock)).start()
print(attempt(choose_jobs), lock.locked())
"""
    assert run_program(end, "SIGTERM") == ["interrupted False"]


def test_a_lost_sigterm_comes_back_where_ctrl_c_is_ignored() -> None:
    end = """
signal.signal(signal.SIGINT, signal.SIG_IGN)
install()
print(attempt(lose_interrupt))
now[0] += ANSWER_SECONDS
print(attempt(guard.repeat_if_lost))
"""
    assert run_program(end, "SIGTERM") == ["went on", "interrupted"]


@both_signals
def test_what_is_ignored_stays_ignored(name: str) -> None:
    end = """
signal.signal(SIGNAL, signal.SIG_IGN)
install()
print(attempt(interrupt))
"""
    assert run_program(end, name) == ["went on"]
