"""`conform time`: how fast the candidate is beside torch, and how sure that is.

- `measure.py` takes times, `statistics.py` says what they mean: ratios of interleaved pairs, with intervals;
- `row.py` is a line of the table; `operations.py`, `lenet.py`, `study.py` and `sweep.py` list the lines;
- `run.py` times a row with its null test (torch against torch); `check.py` then judges results on other inputs;
- `machine.py` measures the machine itself, `company.py` who else uses it,
  `memory.py` peaks in processes of their own, `others/` further libraries;
- `scaling.py` fits exponents, `report.py` and `figures.py` write it down, `command.py` is the command.

Ratios are comparable, times are not: machines, neighbours and hours differ.
"""
