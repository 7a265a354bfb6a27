"""The ``numgenius`` command, as a person and as a program use it."""

from __future__ import annotations

import io
import json
import os
import runpy
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from effort import FULL
from numgenius_core._command import main
from numgenius_core._command._options import MODES
from numgenius_core._command._parser import SUBCOMMANDS, module_of
from numgenius_core.listing import Mode

DATA = os.environ.get("NUMGENIUS_MARKET_DATA")


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


class TestSlicesAndReserve:
    """The small questions."""

    def test_slices(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert answer(capsys, "slices", "7", "--min-gpu", "2") == {"sizes": [1, 2, 2, 2, 3, 4, 7]}
        assert main(["slices", "7", "--min-gpu", "3", "--observed"]) == 0
        assert capsys.readouterr().out == "1 3 3 3 4 7\n"

    def test_reserve(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = ("reserve", "--price", "1", "--months", "1")
        assert answer(capsys, *words) == {
            "discount": "0.2",
            "deposit": "576.00",
            "per_hour": "0.80",
            "refund": None,
        }
        assert answer(capsys, *words, "--cancel-after", "15d")["refund"] == "212.40"
        assert answer(capsys, *words, "--cancel-after", "0d")["refund"] == "576.00"  # at once
        assert main([*words, "--cancel-after", "15d"]) == 0
        assert "refund    $212.40" in capsys.readouterr().out
        assert main(list(words)) == 0


class TestBadInput:
    """Exit status 2 and one clear line."""

    @pytest.mark.parametrize(
        ("words", "place"),
        [
            ("quote", "FILE"),
            ("quote --sample x", "FILE"),
            ("quote missing.json", "missing.json"),
            ("quote --sample --hours nan", "--hours"),
            ("quote --sample --hours=", "--hours"),
            ("compare --sample --hours=", "--hours"),
            ("quote --sample --sort=", "--sort"),
            ("quote --sample --sort ,", "--sort"),
            ("quote --sample --why 9000000 --top 3", "--top"),
            ("quote --sample --why 9000000 --all", "--all"),
            ("quote --sample --why 9000000 --sort nonsense", "--sort"),
            ("quote --sample --why 9000000 --columns id", "--columns"),
            ("quote --sample --why 9000000 --plot x.svg", "--plot"),
            ("quote --sample --hours 0", "--hours"),
            ("quote --sample --hours 0.0001", "--hours"),
            ("quote --sample --hours -1", "--hours"),
            ("quote --sample --hours 999999999", "--hours"),
            ("quote --sample --disk 1e400", "--disk"),
            ("quote --sample --upload x", "--upload"),
            ("quote --sample --download -1", "--download"),
            ("quote --sample --top 0", "--top"),
            ("quote --sample --months 3", "--months"),
            ("quote --sample --mode reserved --months 1201", "--months"),
            ("quote --sample --where gpu_nam=x", "--where, character 1"),
            ("quote --sample --sort foo", "--sort"),
            ("slices 7 --min-gpu 3", "--min-gpu"),
            ("slices 0", "gpus"),
            ("reserve --price -1 --months 1", "--price"),
            ("reserve --price 1 --months inf", "--months"),
            ("reserve --price 1 --months 1 --max-discount 1", "--max-discount"),
            ("reserve --price 1 --months 1 --cancel-after 1m", "--cancel-after"),
            ("reserve --price 1 --months 1 --cancel-after 1q", "--cancel-after"),
            ("charge 0 --from 1 --to 2", "gpus"),
            ("charge 8 --from 1 --to 2 --min-gpu 3", "--min-gpu"),
            ("bid price", "price"),  # a file of that name, and no option
        ],
    )
    def test_one_line_that_names_the_place_and_status_2(
        self, words: str, place: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(words.split()) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"numgenius: {place}: need ")
        assert err.count("\n") == 1

    @pytest.mark.parametrize("file", ["--sample", "x.json"])
    def test_a_value_that_the_shell_has_cut_is_explained(
        self, file: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with suppress(SystemExit):
            assert main(["quote", file, "--gpu", "RTX", "4090"]) == 2
        told = '(a value with a blank stands in quotes: --gpu "RTX 4090")'
        assert told in capsys.readouterr().err

    def test_a_second_source_of_any_name(self, capsys: pytest.CaptureFixture[str]) -> None:
        for name in ("x" * 300, "a\0b", __file__):
            assert main(["quote", "--sample", name]) == 2
            err = capsys.readouterr().err
            assert err.startswith("numgenius: FILE: need a market file, - or --sample")
            assert err.endswith(" and --sample\n")
            assert ("stands in quotes" in err) is (name != __file__)

    @pytest.mark.parametrize(
        "words",
        [
            *("quote --sample --hours 1e9", "quote --sample --hours 1.5E+3", "maint x --hours 1e1"),
            *("quote --sample --disk 1e9", "quote --sample --mode interruptible --bid 1e1"),
            *("quote --sample --mode reserved --months 1e1", "quote --sample --target 1e-1"),
            *("quote --sample --platform-fee 1e-1", "reserve --price 1e1 --months 1"),
            "reserve --price 1 --months 1 --cancel-after 1e1d",
        ],
    )
    def test_a_number_with_an_exponent_is_told_its_form(
        self, words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        machines = tmp_path / "machines.json"
        machines.write_text("[]")
        assert main([str(machines) if word == "x" else word for word in words.split()]) == 2
        assert ", as a plain decimal number " in capsys.readouterr().err

    @pytest.mark.parametrize(
        "words",
        [
            *("quote - --hours 5", "compare -", "maint -", "bid -", "preview -"),
            *("sla backtest - --price 3 --claim 0.99", "charge 8 --from 1 --to 2 --fit -"),
        ],
    )
    def test_standard_input_that_is_closed(
        self,
        words: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(sys, "stdin", None)  # as it is after `<&-`
        assert main(words.split()) == 2
        said = "numgenius: standard input: need one that can be read, got one that is closed\n"
        assert capsys.readouterr().err == said

    def test_it_runs_as_a_module(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["numgenius_core", "slices", "0"])
        monkeypatch.delitem(sys.modules, "numgenius_core.__main__", raising=False)  # of other tests
        with pytest.raises(SystemExit) as left:
            runpy.run_module("numgenius_core", run_name="__main__")
        assert left.value.code == 2
        assert capsys.readouterr().err.startswith("numgenius: gpus: need ")

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("slices x", "slices: gpus: need a whole number, got 'x'; see numgenius slices --help"),
            ("quote --mode bid", "quote: --mode: need one of on-demand, reserved, interruptible"),
            ("quote --gpu", "quote: --gpu: need a value, got none; see numgenius quote --help"),
            ("quote --gpu a --gpu b", "quote: --gpu: need one value, got a second: 'b'; see"),
            ("charge 8", "charge: --from, --to: need a value, got none; see numgenius charge"),
            ("sla foo", "sla: QUESTION: need one of fee, backtest, advise, got 'foo'; see"),
            ("slices 8 --compare --min-gpu 2", "slices: --min-gpu: not allowed with argument"),
            ("slices 8 --foo", ": unrecognized arguments: --foo; see "),
            ("quote --samp --hou 3", ": unrecognized arguments: --samp --hou; see "),
            (
                "sla fee --plot x.png --price 1 --claim 0.9 --target 0.8",
                ": unrecognized arguments: --plot x",
            ),
            ("slices 8 4090", ": unrecognized arguments: 4090 (a value with a blank stands"),
            ("sla", "sla: QUESTION: need a value, got none; see numgenius sla --help"),
        ],
    )
    def test_what_the_parser_refuses_is_one_line_too(
        self, words: str, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as left:
            main(words.split())
        assert left.value.code == 2
        err = capsys.readouterr().err
        assert err.replace("numgenius ", "", 1).removeprefix("numgenius").startswith(said)
        assert err.count("\n") == 1

    @pytest.mark.parametrize("name", ["foo", ""])
    def test_no_such_subcommand(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(name.split())
        err = capsys.readouterr().err
        assert err.startswith("numgenius: COMMAND: need ")
        assert err.endswith("; see numgenius --help\n")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
    @pytest.mark.parametrize("words", ["slices 7", "quote --sample --json", "--version", "--help"])
    def test_a_full_disk_is_one_line_and_status_3(self, words: str) -> None:
        command = [sys.executable, "-m", "numgenius_core", *words.split()]
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                command, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == 3
        (line,) = (each for each in done.stderr.splitlines() if "lowest bid" not in each)
        assert line.startswith("numgenius: standard output: cannot be written to, No space")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
    @pytest.mark.parametrize(
        ("words", "status"),
        [
            *(("slices 0", 2), ("slices x", 2), ("quote missing.json", 2), ("sla", 2)),
            ("quote --sample --mode interruptible", 0),  # with findings
            ("quote --sample --gpu 4090x", 1),  # with a remark
        ],
    )
    def test_what_cannot_be_said_leaves_the_status(
        self,
        words: str,
        status: int,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def left() -> int | str | None:
            try:
                return main(words.split())
            except SystemExit as end:  # the parser's
                return end.code

        assert left() == status
        heard = capsys.readouterr()
        assert heard.err
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            for nowhere in (full, None):  # no room, and closed
                monkeypatch.setattr(sys, "stderr", nowhere)
                assert left() == status
                assert capsys.readouterr().out == heard.out

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
    @pytest.mark.parametrize("to", ["/dev/full", "&-"])
    def test_nor_does_python_say_it_when_it_ends(self, to: str) -> None:
        command = [sys.executable, "-m", "numgenius_core", "slices", "0"]
        unheard = ["sh", "-c", f'exec "$@" 2>{to}', "sh", *command]
        done = subprocess.run(unheard, stdout=subprocess.PIPE, check=False)
        assert (done.returncode, done.stdout) == (2, b"")

    def test_an_output_that_is_closed(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        assert main(["slices", "7"]) == 3
        assert capsys.readouterr().err.endswith("cannot be written to, it is closed\n")

    def test_a_reader_that_has_seen_enough_is_no_error(self) -> None:
        command = [sys.executable, "-m", "numgenius_core", "quote", "--sample", "--top", "60"]
        reader, writer = os.pipe()
        os.close(reader)  # before it begins: later it may have written all by then
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, b"")


class TestACommandThatIsInterrupted:
    """One line and status 130 after Ctrl-C, wherever it comes; 143 where it was told to end."""

    @pytest.mark.parametrize("name", SUBCOMMANDS)
    def test_in_any_subcommand(
        self, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(_: object) -> None:
            warnings.warn("said of no answer", stacklevel=1)
            raise KeyboardInterrupt

        monkeypatch.setattr(module_of(name), "run", interrupted)
        words = {"sla": "sla fee --price 1 --claim 0.9 --target 0.9", "charge": "charge 8 --from 1"}
        rest = {"slices": "8", "reserve": "--price 1 --months 1"}.get(name, "x.json")
        more = " --to 2" if name == "charge" else ""
        assert main((words.get(name, f"{name} {rest}") + more).split()) == 130
        assert capsys.readouterr() == ("", "numgenius: interrupted\n")

    def test_while_it_waits_for_standard_input(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Terminal(io.RawIOBase):
            """Nothing is typed but Ctrl-C."""

            def readable(self) -> bool:
                return True

            def readinto(self, _: object) -> int:
                raise KeyboardInterrupt

        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Terminal())))
        for words in ("quote -", "compare -", "maint -", "bid -", "preview -"):
            assert main(words.split()) == 130
            assert capsys.readouterr() == ("", "numgenius: interrupted\n")

    @pytest.mark.skipif(sys.platform == "win32", reason="it has no groups of processes")
    @pytest.mark.parametrize(
        ("signals", "keeps"),
        [
            ((signal.SIGINT, signal.SIGINT), False),
            *(
                ((signal.SIGINT,), False),
                ((signal.SIGINT,), True),
                ((signal.SIGINT, signal.SIGINT), True),
                ((signal.SIGTERM,), False),
                ((signal.SIGTERM,), True),
            )
            * FULL,
        ],
    )
    def test_processes_end_with_it_and_say_nothing(
        self, signals: Sequence[signal.Signals], keeps: bool, tmp_path: Path
    ) -> None:
        """All processes of a terminal get Ctrl-C, as those of ``timeout`` get its signal."""
        code = """
import sys
from numgenius_core._command import _charging, main
from numgenius_core.whatif import sweeps
sweeps._FIRST_SECONDS = 0
sweeps._FEW_SECONDS = 1e-9
print(flush=True)
sys.exit(main())
"""
        words = ["charge", "8", "--from", "0.25", "--to", "0.6", "--runs", "1000", "--days", "366"]
        if keeps:
            words += ["--keep", str(tmp_path / "sweep.jsonl")]
        with subprocess.Popen(
            [sys.executable, "-c", code, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(3 if FULL else 1)  # whatever it does then
            for each in signals:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, each)
                time.sleep(0.1)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 128 + signals[0]
        assert out == ""
        assert err.startswith("numgenius: stopped ")
        assert err.count("\n") == 1


def test_a_moment_is_written_as_every_other_time(capsys: pytest.CaptureFixture[str]) -> None:
    for typed in ("2026-12-05", "2026-12-05T01:00:00.9+01:00"):
        found = answer(capsys, "quote", "--sample", "--top", "1", "--now", typed)
        assert found["now"] == "2026-12-05T00:00:00Z"


class TestWholeNumbersOfTheCommand:
    """DESIGN: errors "say where, what was needed, what came"; argparse's own do not."""

    @pytest.mark.parametrize("words", [["quote", "--sample", "--gpus", "four"], ["slices", "four"]])
    def test_it_says_so(self, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(words)
        told = capsys.readouterr().err
        assert "gpus: need a whole number, got 'four'" in told

    @pytest.mark.parametrize("typed", ["1_0", "８", "٣", "1.0", "", "9" * 5_000, "--1"])
    def test_only_plain_digits_are_one(
        self, typed: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            main(["quote", "--sample", f"--gpus={typed}"])
        assert "gpus: need a whole number, got " in capsys.readouterr().err


LOADED = """
import sys
before = set(sys.modules)  # what the interpreter itself loads is not ours
from numgenius_core._command import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules.keys() - before, file=sys.stderr)
"""


def loaded(*words: str) -> set[str]:
    """Return the modules that ``numgenius`` loads in a fresh interpreter for these words."""
    command = [sys.executable, "-c", LOADED, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout
    return set(done.stderr.split())


def printed(encoding: str, *words: str) -> tuple[int, str]:
    """Return the exit status and the output of the command where it has an encoding."""
    done = subprocess.run(
        [sys.executable, "-m", "numgenius_core", *words],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode(encoding)


class TestAnOutputThatHasFewCharacters:
    """What its encoding does not have is said in ASCII; an answer for programs loses nothing."""

    @pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
    def test_help(self, encoding: str) -> None:
        for name in ("bid", "charge", "sla"):
            status, text = printed(encoding, name, "--help")
            assert (status, text[:6]) == (0, "usage:")

    @pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
    def test_answers_for_programs(self, encoding: str) -> None:
        words = ("quote", "--sample", "--where", "gpu_name!=Ωé")
        status, text = printed(encoding, *words, "--json")
        assert (status, json.loads(text)["asked"]["where"]) == (0, "gpu_name!=Ωé")
        status, text = printed(encoding, *words, "--gpu", "é", "--json")
        assert (status, json.loads(text)["asked"]["gpu"]) == (1, "é")

    def test_a_history(self, tmp_path: Path) -> None:
        path = tmp_path / "history.csv"
        path.write_text("kind,start,end\nrental,1780272000,1783641600\n")
        words = ("--price", "1", "--claim", "0.99")
        assert printed("ascii", "sla", "backtest", str(path), *words)[0] == 0


class TestTheCommandIsLight:
    """Each subcommand loads with its use; the version and the help need none of the rules."""

    def test_the_version_alone_costs_no_more_than_itself(self) -> None:
        modules = loaded("--version")
        ours = {name for name in modules if name.startswith("numgenius_core")}
        assert ours == {"numgenius_core", "numgenius_core._command"}
        assert modules.isdisjoint({"argparse", "attrs", "attr", "decimal", "json", "typing"})

    @pytest.mark.parametrize("words", [["--help"], ["quote", "--help"], ["--version", "--help"]])
    def test_help_costs_a_parser(self, words: list[str]) -> None:
        modules = loaded(*words)
        ours = {name for name in modules if name.startswith("numgenius_core.")}
        assert {name.split(".")[1] for name in ours} == {"_command"}
        assert modules.isdisjoint({"attrs", "attr", "decimal", "json", "typing"})

    def test_a_small_question_loads_no_market(self) -> None:
        assert loaded("slices", "7").isdisjoint({"cattrs", "json", "numgenius_core.wire"})

    @pytest.mark.parametrize("arguments", [["--version"], None])
    def test_the_version_is_what_the_parser_says_too(
        self,
        arguments: list[str] | None,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("sys.argv", ["numgenius", "--version"])
        assert main(arguments) == 0
        alone = capsys.readouterr().out
        with pytest.raises(SystemExit) as left:
            main(["--version", "quote"])
        assert left.value.code == 0
        assert capsys.readouterr().out == alone

    def test_the_modes_are_those_of_the_rules(self) -> None:
        assert tuple(mode.value for mode in Mode) == MODES
