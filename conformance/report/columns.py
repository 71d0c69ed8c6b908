"""What the tables of the page show: their columns, how each is read, filtered and sorted."""

from conformance.report import tables
from conformance.report.embed import CHOICE, CODE, COUNT, EXACT, LEAST, NUMBER, STATUS, Column

RECORDS = (
    Column("status", STATUS, "status", CHOICE, narrow=True),
    Column("case", CODE, "case", narrow=True),
    Column("operation", CODE, "", CHOICE),
    Column("check", CODE, "check", CHOICE),
    Column("tensor", CODE, "tensor"),
    Column("dtype", CODE, "dtype", CHOICE),
    Column("family", CODE, "family", CHOICE),
    Column("grade", CODE, "grade", CHOICE),
    Column("category", CODE, "category", CHOICE),
    Column("z", NUMBER, "z", LEAST, narrow=True),
    Column("message"),
    Column("cause"),
    Column("index", CODE),
    Column("candidate", EXACT),
    Column("torch", EXACT),
    Column("oracle", EXACT),
    Column("allowed", NUMBER),
    Column("failing", COUNT),
    Column("elements", COUNT),
    Column("rms_z", NUMBER),
    Column("torch_rms_z", NUMBER),
)
OPERATIONS = (
    Column("operation", CODE, "operation", narrow=True),
    Column("family", CODE, "family", CHOICE),
    Column("cases", COUNT, "cases"),
    Column("passed", COUNT, "passed", narrow=True),
    Column("failed", COUNT, "failed", LEAST, narrow=True),
    *(Column(name, COUNT, name) for name in ("known", "unsupported", *tables.KINDS)),
    *(Column(name, COUNT, name) for name in ("closer", "tied", "farther")),
    *(Column(name, NUMBER, name) for name in ("rms z", "torch's rms z")),
    Column("widest z", NUMBER, "widest z that passed"),
    Column("seconds", NUMBER, "seconds"),
)
GROUPS = (
    Column("operation", CODE, "operation", narrow=True),
    Column("what", CODE, "category", CHOICE),
    Column("likely cause", title="likely cause", narrow=True),
    Column("failures", COUNT, "failures", narrow=True),
    Column("cases", COUNT, "cases"),
    Column("checks", CODE, "checks"),
    Column("dtypes", CODE, "dtypes"),
)
CHECKS = (
    Column("check", CODE, "check", narrow=True),
    Column("comparisons", COUNT, "comparisons", narrow=True),
    Column("passed", COUNT, "passed"),
    Column("failed", COUNT, "failed", narrow=True),
    *(Column(name, COUNT, name) for name in ("known", "unsupported")),
    Column("widest z", NUMBER, "widest z that passed"),
)
FAMILIES = (
    Column("family", CODE, "family", narrow=True),
    Column("tensors", COUNT, "tensors"),
    *(Column(name, COUNT, name, narrow=True) for name in ("closer", "tied", "farther")),
    *(Column(name, NUMBER, name) for name in ("rms z", "torch's rms z")),
)
SLOWEST = (
    Column("case", CODE, "case", narrow=True),
    Column("operation", CODE, "operation", CHOICE),
    Column("dtype", CODE, "dtype", CHOICE),
    Column("seconds", NUMBER, "seconds", narrow=True),
)
REASONS = (
    Column("operation", CODE, "operation", CHOICE, narrow=True),
    Column("reason", title="reason", narrow=True),
    Column("comparisons", COUNT, "comparisons"),
)
NAMES = (
    Column("name", CODE, "name", narrow=True),
    Column("namespace", CODE, "namespace", CHOICE),
    Column("source", CODE, "source", CHOICE),
    Column("state", title="state", filter=CHOICE, narrow=True),
    *(Column(name, COUNT, name) for name in ("cases", "comparisons", "not supported")),
    Column("reason", title="reason"),
)
TIMINGS = (
    Column("name", CODE, "row", narrow=True),
    Column("what", CODE, "what", CHOICE),
    Column("group", title="group", filter=CHOICE),
    Column("threads", COUNT, "threads"),
    Column("ratio", NUMBER, "candidate / torch", LEAST, narrow=True),
    *(Column(name, NUMBER, title) for name, title in (("low", "95% from"), ("high", "to"))),
    *(Column(name, NUMBER, title) for name, title in (("null_low", "torch / torch from"), ("null_high", "to"))),
    *(Column(name, NUMBER, title) for name, title in (("candidate_s", "seconds"), ("torch_s", "torch's"))),
    *(Column(name, NUMBER, title) for name, title in (("candidate_gflops", "GFLOP/s"), ("candidate_gbytes_s", "GB/s"))),
    *(Column(name, NUMBER, title) for name, title in (("candidate_mib", "peak MiB"), ("torch_mib", "torch's MiB"))),
    Column("remarks", title="remarks", filter=CHOICE),
)
GATE = (
    Column("status", STATUS, "status", CHOICE, narrow=True),
    Column("area", title="area", filter=CHOICE),
    Column("what", CODE, "what", narrow=True),
    Column("change", title="change"),
    Column("evidence", title="evidence"),
)
