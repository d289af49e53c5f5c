"""The native kernels; everything else stands in pyproject.toml.

`optional`: where no compiler is at hand, or it fails, the package installs without them.
"""

import sys
from pathlib import Path

from setuptools import Extension, setup

FOLDER = Path("lib/genescribe/kernels/native")
UNIX = ["-std=c++17", "-O3", "-Wno-psabi", "-fvisibility=hidden"]

setup(
    ext_modules=[
        Extension(
            "genescribe.kernels._native",
            sources=sorted(map(str, FOLDER.glob("*.cpp"))),
            depends=sorted(map(str, FOLDER.glob("*.h"))),
            extra_compile_args=["/std:c++17", "/O2"] if sys.platform == "win32" else UNIX,
            language="c++",
            optional=True,
        )
    ]
)
