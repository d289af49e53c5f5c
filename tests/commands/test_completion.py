"""Completion in the shells themselves: what they offer after the words typed so far."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
from pathlib import Path

import pytest

from genescribe.commands.console import NAMES, SHELLS, completion, main
from genescribe.errors import InputError


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        (folder / shell).write_text(completion(shell))
    return {shell: folder / shell for shell in SHELLS}


def offered(source: Path, folder: Path, *words: str) -> set[str]:
    """Return what bash offers for the last of some words."""
    line = f"""source {source}; COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
    complete -p genescribe >/dev/null; _shtab_genescribe genescribe; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "--norc", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_script_is_printed_for_shells_that_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--completion", "bash"])
    assert "_shtab_genescribe" in capsys.readouterr().out
    for words in (["--completion"], ["--completion", "fish"]):
        with pytest.raises(InputError, match="give bash or zsh"):
            main(words)


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
def test_zsh_completes_at_the_tab_key(scripts: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(scripts["zsh"], tmp_path / "_genescribe")
    (tmp_path / "my_genome.fa").touch()
    setup = f"PS1=; fpath=({tmp_path} $fpath); autoload -U compinit; compinit -D -u; print ready\n"
    screen, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            ["zsh", "-f", "-i"], cwd=tmp_path, stdin=terminal, stdout=terminal, stderr=terminal
        ) as zsh:
            os.write(screen, setup.encode())
            wait_for(screen, "\nready")
            for typed, wanted in (
                ("genescribe anno\t", "genescribe annotate "),
                ("my_\t", "my_genome.fa "),
                ("--min-p\t", "--min-posterior "),
            ):
                os.write(screen, typed.encode())
                wait_for(screen, wanted)
            zsh.kill()
    finally:
        os.close(screen)
        os.close(terminal)


def wait_for(terminal: int, text: str) -> None:
    """Read a terminal until a text has appeared, control sequences and echoed characters aside."""
    seen = ""
    while text.replace(" ", "") not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x09\x0b-\x1f ]", "", seen):
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, seen
        seen += os.read(terminal, 4096).decode(errors="replace")
