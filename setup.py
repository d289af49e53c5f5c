"""The native kernels; everything else stands in pyproject.toml.

`optional`: where no compiler is at hand, or it fails, the package installs without them.
"""

import sys

from setuptools import Extension, setup

FOLDER = "lib/genescribe/kernels/native"
SOURCES = ("semicrf", "baseline", "avx2", "avx512", "stream", "tracks", "expansion")
HEADERS = ("semicrf", "isa", "simd", "tables", "layout", "sum", "durations", "counts", "best", "model", "local")
UNIX = ["-std=c++17", "-O3", "-Wno-psabi", "-fvisibility=hidden"]

setup(
    ext_modules=[
        Extension(
            "genescribe.kernels._semicrf",
            sources=[f"{FOLDER}/{name}.cpp" for name in SOURCES],
            depends=[f"{FOLDER}/{name}.h" for name in HEADERS],
            extra_compile_args=["/std:c++17", "/O2"] if sys.platform == "win32" else UNIX,
            language="c++",
            optional=True,
        )
    ]
)
