"""What the help of `conform` and its commands ends in: examples as they are typed, and exit statuses."""

EXAMPLES = """examples:
  conform                                        compare refnet with torch, on everything
  conform run --ops 'conv*,max_pool2d'           only some operations
  conform run --resume                           go on where a run was interrupted or killed
  conform run --last-failed                      only what failed in the last report
  conform run --candidate torch:threads=2        torch against itself: nothing may fail
  conform run --candidate mypackage.kernels      a module of plain functions over numpy arrays
  conform run --source op_db --dtype float32     the samples that torch tests itself with
  conform run --source all                       everything, with the coverage of torch's names
  conform run --shard 1/4 --out reports/part1    a quarter of the cases; `conform merge` puts the quarters together
  conform merge reports/part* --out reports/all
  conform run --device cuda                      on a GPU, beside torch there
  conform run --device cuda --reference refnet@cpu   two devices: refnet's numbers on the CPU stand where torch's would
  conform list --ops 'conv*'                     the cases, without running them
  conform explain 'tanh([7]) float32'            one case again, with every comparison
  conform train lenet5 --optimizer adam          the same seed in torch and in refnet: every step compared
  conform time                                   paired timings beside torch, with intervals and a null test
  conform gate                                   what got worse since the baseline: verdicts, accuracy, speed
  conform report                                 report.html again, with the timings and trainings made since
  conform repro 'tanh([7]) float32' --out bug.py a script that shows one failure without the harness
  conform version                                the versions of everything that a verdict hangs on

exit status: 0 the candidate conforms, 1 it does not, 2 wrong usage, 3 the run is incomplete
configuration: [tool.conform] of pyproject.toml has options without their dashes, [tool.conform.run] those of one command
shell completion: eval "$(register-python-argcomplete conform)" in ~/.bashrc or ~/.zshrc (pip install argcomplete)
"""

RUN = """examples:
  conform run --ops 'conv*,max_pool2d' --dtype float32
  conform run --candidate mypackage.kernels --memory 4 --timeout 20
  conform run --candidate mypackage.kernels:fast_conv=nn.functional.conv2d
  conform run --json | jq '.failures[].case'

A case that crashes, hangs (--timeout) or needs too much memory (--memory) gets a record of its own, and the run goes on.
Ctrl-C leaves a report of what was done, and says how to resume.

exit status: 0 the candidate conforms, 1 it does not, 2 wrong usage, or it has nothing of what was chosen,
3 the run is incomplete (interrupted)
"""

MERGE = """examples:
  conform run --shard 1/2 --out reports/part1; conform run --shard 2/2 --out reports/part2
  conform merge reports/part1 reports/part2 --out reports/all

exit status: 0 the candidate conforms, 1 it does not, 2 wrong usage, 3 a shard is missing or was interrupted
"""

LIST = """examples:
  conform list --ops 'conv*'
  conform list --source op_db --ops nn.functional.gelu --dtype float32
  conform list --json | jq -r '.[].operation' | sort | uniq -c

exit status: 0 listed, 2 wrong usage, or no case is chosen
"""

EXPLAIN = """examples:
  conform explain 'tanh([7]) float32'
  conform explain 'exp([17]) float32' --candidate mypackage.kernels

exit status: 0 the case conforms, 1 it does not, 2 wrong usage
"""

REPRO = """examples:
  conform repro 'exp([17]) float32' --candidate mypackage.kernels > repro.py; python repro.py
  conform repro 'exp([17]) float32' --candidate mypackage.kernels --check gradient --out repro.py

The script needs numpy, torch and the candidate. Its arrays are the smallest part of the case's that still fails; it
prints both values and ends with 1 as long as the candidate fails.

exit status: 1 the case fails (the script was written), 0 nothing fails (there is no script), 2 wrong usage
"""

REPORT = """examples:
  conform report
  conform report reports/all --png

exit status: 0 written, 2 wrong usage
"""
