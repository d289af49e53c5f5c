"""The native kernels, and what is shipped beside the modules; everything else stands in pyproject.toml.

`optional`: where no compiler is at hand, or it fails, the package installs without them.
"""

import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

SHIPPED = ("Snakefile", "config.yaml", "rules", "scripts", "envs", "profiles", "models")
"""The workflow and the models: in an installed package they lie where `genescribe.shipped` finds them."""
FOLDER = Path("lib/genescribe/kernels/native")
UNIX = ["-std=c++17", "-O3", "-Wno-psabi", "-fvisibility=hidden"]


class BuildPy(build_py):
    """Copies what is shipped into the package, but not into that of a clone which is installed editable."""

    def run(self):
        """Build as usual, then copy."""
        super().run()
        if not self.editable_mode:
            for source, target in self._shipped():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode=True):
        """Return every file that is written."""
        shipped = [] if self.editable_mode else [str(target) for _, target in self._shipped()]
        return [*super().get_outputs(include_bytecode), *shipped]

    def _shipped(self):
        place = Path(self.build_lib, "genescribe", "_shipped")
        for name in SHIPPED:
            path = Path(name)
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and "__pycache__" not in file.parts:
                    yield file, place / file


setup(
    cmdclass={"build_py": BuildPy},
    ext_modules=[
        Extension(
            "genescribe.kernels._native",
            sources=sorted(map(str, FOLDER.glob("*.cpp"))),
            depends=sorted(map(str, FOLDER.glob("*.h"))),
            extra_compile_args=["/std:c++17", "/O2"] if sys.platform == "win32" else UNIX,
            language="c++",
            optional=True,
        )
    ],
)
