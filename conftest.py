"""One kernel starts at a time, whatever tests run beside each other.

Jupyter looks for free ports and lets them go before its kernel takes them, so that two kernels which start together
may get the same one, and one of them dies (jupyter_client, issue 487). The tests of a notebook would then fail, now and
then, for no fault of the notebook.
"""

import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None


@contextmanager
def starting_a_kernel():
    """Wait until no other process of the tests is starting a kernel."""
    with open(Path(tempfile.gettempdir(), "policy-gradients-checked.lock"), "w") as lock:
        if fcntl:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Hold the lock while nbval sets up a cell; for the first cell of a notebook it starts the kernel."""
    if type(item).__name__ != "IPyNbCell":
        return (yield)
    with starting_a_kernel():
        return (yield)
