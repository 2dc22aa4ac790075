"""How fast the lobule is, measured against what one would otherwise use: `python -m benchmarks`.

Both sides run on one thread: threads of a linear algebra library that wait for each other on a shared machine
would make its side look slow.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
