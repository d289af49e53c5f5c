"""Completion in the shells themselves: what they offer after the words typed so far."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from genescribe.commands.completion import SHELLS, script
from genescribe.commands.console import NAMES

ZSH = """
autoload -U compinit; compinit -D -u; source %s
compdef _shtab_genescribe genescribe
compadd() {  # What would be offered, on the screen.
  builtin compadd -A hits -D hits "$@" 2>/dev/null
  local -a hits; builtin compadd -O hits "$@"; print -l -- $hits >> %s
}
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        (folder / shell).write_text(script(shell))
    return {shell: folder / shell for shell in SHELLS}


def offered(source: Path, folder: Path, *words: str) -> set[str]:
    """Return what bash offers for the last of some words."""
    line = f"""source {source}; COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
    complete -p genescribe >/dev/null; _shtab_genescribe genescribe; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "--norc", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_offers_commands_options_choices_and_files(scripts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "my.fa").touch()
    (tmp_path / "folder").mkdir()
    bash = scripts["bash"]
    assert offered(bash, tmp_path, "genescribe", "") >= set(NAMES)
    assert offered(bash, tmp_path, "genescribe", "ann") == {"annotate"}
    assert offered(bash, tmp_path, "genescribe", "annotate", "--min") == {"--min-posterior", "--min-cds"}
    assert offered(bash, tmp_path, "genescribe", "annotate", "m") == {"my.fa"}
    assert offered(bash, tmp_path, "genescribe", "annotate", "my.fa", "--format", "g") == {"gff3", "gtf"}
    assert offered(bash, tmp_path, "genescribe", "report", "--results", "") == {"folder"}
    assert offered(bash, tmp_path, "genescribe", "models", "") >= {"list", "show"}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh, not installed")
def test_zsh_takes_the_completion(scripts: dict[str, Path], tmp_path: Path) -> None:
    line = f"autoload -U compinit; compinit -D -u; fpath=({tmp_path} $fpath); autoload -U _genescribe; compinit -D -u"
    shutil.copy(scripts["zsh"], tmp_path / "_genescribe")
    said = subprocess.run(
        ["zsh", "-f", "-c", f"{line}; print $_comps[genescribe]; zsh -n {scripts['zsh']}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout.strip(), said.stderr) == (0, "_genescribe", "")
