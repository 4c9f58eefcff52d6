"""Run the tests as on an older processor: what must not depend on the machine does not.

NumPy chooses its loops by what the processor can do, and rounds differently with each choice. This switches off
every feature that it chooses by and has here, and tells OpenBLAS, which NumPy's switch does not reach, to take
its loops of 2008. NumPy's switches are proved to work before the tests run.
"""

import os
import subprocess
import sys

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

PROOF = (
    "from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__;"
    "print(*[name for name in __cpu_dispatch__ if __cpu_features__[name]])"
)
TESTS = ["-m", "pytest", "-n", "2", "--dist", "loadfile"]  # as in `make test`


def main():
    """Prove that the features are off, then run the tests."""
    features = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    if not features:
        sys.exit("old_cpu.py: NumPy uses no feature of this processor that could be switched off")
    switches = {"NPY_DISABLE_CPU_FEATURES": " ".join(features), "OPENBLAS_CORETYPE": "Nehalem"}
    environment = os.environ | switches
    command = [sys.executable, "-W", "error", "-c", PROOF]
    proof = subprocess.run(command, env=environment, capture_output=True, text=True)
    if proof.returncode != 0 or proof.stdout.strip():
        sys.exit(f"old_cpu.py: not switched off: {proof.stdout.strip() or proof.stderr.strip()}")
    print("Switched off:", *features)
    print("OpenBLAS takes its loops for", switches["OPENBLAS_CORETYPE"], flush=True)
    sys.exit(subprocess.call([sys.executable, *TESTS], env=environment))


if __name__ == "__main__":
    main()
