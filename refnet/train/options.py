"""The options of ``python -m refnet.train``, and what they make: data, model, optimizer, schedule."""

import argparse
import ast
import inspect
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from refnet.datasets.fashion_mnist import SYSTEM_FOLDER, FashionMNIST
from refnet.models.lenet import lenet5_of

OF_A_CALL = ("out", "resume", "overwrite", "progress")  # not of the run: not kept with it
FREE = ("epochs", "patience", "checkpoint_every", "figure")  # may be others when a run goes on
PER_BATCH = ("OneCycleLR", "CyclicLR")  # schedules that count updates, not epochs
DEFAULT_LR = {"SGD": 0.05}
DEFAULT_MOMENTUM = {"SGD": 0.9}

EXAMPLES = """examples:
  python -m refnet.train                                    ten epochs, or until the test loss rises
  python -m refnet.train --epochs 3 --dropout 0.3 --against torch --out runs/both
  python -m refnet.train --optimizer AdamW --lr 0.002 --scheduler cosine --patience 3
  python -m refnet.train --optimizer RMSprop:alpha=0.95 --scheduler StepLR:step_size=2,gamma=0.5
  python -m refnet.train --resume --out runs/lenet5         go on where a run was interrupted or killed
  python -m refnet.train --resume --epochs 20 --patience 3  train a finished run further

files in --out:
  checkpoint.safetensors   all that is needed to go on      curves.csv, curves-times.csv
  model.safetensors        the best model (torch reads it)  curves.png
  with --against NAME: NAME-checkpoint.safetensors, NAME-curves.csv, ..., comparison.md

exit status: 0 done; 1 with --against, if initial weights, batches, masks or generators differ; 2 a wrong option or
checkpoint; 130 interrupted and saved (143: terminated and saved)
"""


class UsageError(ValueError):
    """An option that cannot be followed."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m refnet.train",
        description="Train LeNet-5 on Fashion-MNIST: the full data where they are, else the packaged sample. "
        "Defaults stand in parentheses.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    training = result.add_argument_group("training")
    add = training.add_argument
    add("--epochs", type=_positive, default=10, metavar="N", help="epochs to train (%(default)s)")
    add("--batch-size", type=_positive, default=64, metavar="N", help="images per update (%(default)s)")
    add("--optimizer", default="SGD", metavar="NAME[:K=V,...]", help="a class of refnet.optim (%(default)s)")
    add("--lr", type=float, metavar="X", help="learning rate (SGD: 0.05; others: their own default)")
    add("--momentum", type=float, metavar="X", help="of SGD or RMSprop (SGD: 0.9)")
    add("--weight-decay", type=float, metavar="X", help="(the optimizer's own default)")
    add(
        "--scheduler",
        default="none",
        metavar="NAME[:K=V,...]",
        help="none, cosine (down to 0 over all epochs), or a class of refnet.optim.lr_scheduler (%(default)s)",
    )
    add("--seed", type=int, default=0, metavar="N", help="of weights, order and dropout (%(default)s)")
    add("--eval-every", type=_positive, default=1, metavar="N", help="epochs between evaluations (%(default)s)")
    add(
        "--patience",
        type=_count,
        default=1,
        metavar="N",
        help="stop after N rises of the test loss in a row; 0: never (%(default)s)",
    )
    model = result.add_argument_group("model")
    model.add_argument("--dropout", type=float, default=0.3, metavar="P", help="before the last tanh (%(default)s)")
    model.add_argument("--pool", choices=("avg", "max"), default="avg", help="(%(default)s)")
    model.add_argument("--no-batch-norm", dest="batch_norm", action="store_false", help="no BatchNorm2d")
    data = result.add_argument_group("data")
    data.add_argument(
        "--data",
        default="auto",
        metavar="FOLDER",
        help=f"folder with the four files, 'sample', or 'auto': {SYSTEM_FOLDER} if it is there, else the sample",
    )
    data.add_argument("--limit", type=_positive, metavar="N", help="only the first N images of both splits")
    data.add_argument("--workers", type=_count, default=0, metavar="N", help="DataLoader workers (%(default)s)")
    run = result.add_argument_group("run")
    run.add_argument("--out", type=Path, default=Path("runs/lenet5"), metavar="FOLDER", help="(%(default)s)")
    run.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out, with its options")
    run.add_argument("--overwrite", action="store_true", help="start anew although --out has a checkpoint")
    run.add_argument(
        "--checkpoint-every",
        type=_count,
        default=500,
        metavar="N",
        help="updates between checkpoints; 0: after epochs only (%(default)s)",
    )
    run.add_argument("--against", metavar="MODULE", help="the same run in another library, as torch, and a comparison")
    run.add_argument("--threads", type=_positive, metavar="N", help="threads of matrix products (all cores)")
    run.add_argument(
        "--quiet",
        dest="progress",
        action="store_const",
        const="quiet",
        help="print nothing but errors, and the comparison",
    )
    run.add_argument("--progress", choices=("auto", "bar", "lines", "quiet"), help=argparse.SUPPRESS)
    run.add_argument("--no-figure", dest="figure", action="store_false", help="no curves.png")
    result.set_defaults(progress="auto")
    return result


def plain(options: argparse.Namespace) -> dict[str, Any]:
    """The options as a checkpoint keeps them."""
    return {name: value for name, value in sorted(vars(options).items()) if name not in OF_A_CALL}


def merge(command_line: list[str], stored: dict[str, Any]) -> argparse.Namespace:
    """The options of a run that goes on: those stored, and of the command line's those that may differ.

    UsageError for one that was given, may not differ, and does, and for what this command has not stored.
    """
    command = parser()
    unknown = plain(command.parse_args([])).keys() ^ stored.keys()
    if unknown:
        raise UsageError(
            "--resume: expected the options of this command in the checkpoint, as it writes them; missing or unknown: "
            f"{', '.join(sorted(unknown))}"
        )
    command.set_defaults(**stored)
    options = command.parse_args(command_line)
    fixed = [name for name in stored if name not in FREE]
    if stored["scheduler"] == "cosine":
        fixed.append("epochs")  # they are in the schedule
    for name in fixed:
        if getattr(options, name) != stored[name]:
            raise UsageError(
                f"--resume: --{name.replace('_', '-')} was {stored[name]!r}, got {getattr(options, name)!r}; a run "
                "goes on with the options it began with"
            )
    return options


# --- what the options make ------------------------------------------------------------------------------------------


class Data(NamedTuple):
    """Images in [0, 1], float32 (N, 1, 28, 28), and classes, int64 (N,), as arrays; and where they are from."""

    images: Any
    classes: Any
    test_images: Any
    test_classes: Any
    source: str


def load_data(options: argparse.Namespace) -> Data:
    """Fashion-MNIST as the options say; RuntimeError as `FashionMNIST` raises it."""
    where = options.data
    if where == "sample" or (where == "auto" and not SYSTEM_FOLDER.is_dir()):
        splits = [FashionMNIST.sample(train=train) for train in (True, False)]
        source = "the packaged sample of Fashion-MNIST"
    else:
        splits = [FashionMNIST(None if where == "auto" else where, train=train) for train in (True, False)]
        named = Path() if where == "auto" else Path(where).expanduser()
        elsewhere = [split.folder for split in splits if where != "auto" and not split.folder.is_relative_to(named)]
        if elsewhere:  # the class looks further, but who names a folder means it
            raise UsageError(f"--data: {where} has not all four files of Fashion-MNIST ({elsewhere[0]} has)")
        source = f"Fashion-MNIST from {splits[0].folder}"
    train, test = ([split.data.numpy(), split.targets.numpy()] for split in splits)
    kept = slice(options.limit)
    return Data(_scaled(train[0][kept]), train[1][kept].copy(), _scaled(test[0][kept]), test[1][kept].copy(), source)


def _scaled(images: Any) -> Any:
    """Pixels from 0 to 1: uint8 (N, 28, 28) -> float32 (N, 1, 28, 28)."""
    return images[:, None].astype(numpy.float32) / numpy.float32(255)


def make_model(options: argparse.Namespace, library: Any) -> Any:
    """LeNet-5 of the library's layers."""
    return lenet5_of(library)(pool=options.pool, dropout=options.dropout, batch_norm=options.batch_norm)


def make_optimizer(options: argparse.Namespace, library: Any, model: Any) -> Any:
    """The optimizer that --optimizer, --lr, --momentum and --weight-decay describe."""
    kind, arguments = _class_of(options.optimizer, "--optimizer", library.optim, library.optim.Optimizer)
    shortcuts = {"lr": options.lr, "momentum": options.momentum, "weight_decay": options.weight_decay}
    defaults = {"lr": DEFAULT_LR.get(kind.__name__), "momentum": DEFAULT_MOMENTUM.get(kind.__name__)}
    for name, value in shortcuts.items():
        if value is not None and name in arguments:
            raise UsageError(f"{name} is given twice: --{name.replace('_', '-')} {value}, and in {options.optimizer!r}")
        value = defaults.get(name) if value is None else value
        if value is not None:
            arguments.setdefault(name, value)
    return _made(kind, "--optimizer", model.parameters(), arguments)


def make_scheduler(options: argparse.Namespace, library: Any, optimizer: Any) -> Any:
    """The schedule that --scheduler describes, None for none."""
    if options.scheduler == "none":
        return None
    described = f"CosineAnnealingLR:T_max={options.epochs}" if options.scheduler == "cosine" else options.scheduler
    schedules = library.optim.lr_scheduler
    kind, arguments = _class_of(described, "--scheduler", schedules, schedules.LRScheduler)
    return _made(kind, "--scheduler", optimizer, arguments)


def parse_call(text: str) -> tuple[str, dict[str, Any]]:
    """A name and its arguments.

    >>> parse_call("AdamW:betas=(0.9, 0.99),amsgrad=True")
    ('AdamW', {'betas': (0.9, 0.99), 'amsgrad': True})
    """
    name, _, arguments = text.partition(":")
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        return name, {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError):
        raise UsageError(f"expected NAME or NAME:key=value,key=value with plain values, got {text!r}") from None


def _class_of(text: str, option: str, namespace: Any, base: type) -> tuple[type, dict[str, Any]]:
    """The subclass of `base` that is described, whatever the case of its letters, and its arguments."""
    name, arguments = parse_call(text)
    known = {
        key.lower(): value
        for key, value in vars(namespace).items()
        if isinstance(value, type) and issubclass(value, base) and value is not base and not key.startswith("_")
    }
    if name.lower() not in known:
        names = ", ".join(sorted(value.__name__ for value in known.values()))
        raise UsageError(f"{option}: got {name!r}, expected one of {names}")
    return known[name.lower()], arguments


def _made(kind: type, option: str, first: Any, arguments: dict[str, Any]) -> Any:
    """An instance; UsageError for arguments it does not take."""
    takes = [name for name in inspect.signature(kind).parameters if name not in ("params", "optimizer")]
    unknown = [name for name in arguments if name not in takes]
    if unknown:
        raise UsageError(f"{option}: {kind.__name__} takes no {', '.join(unknown)}; it takes {', '.join(takes)}")
    try:
        return kind(first, **arguments)
    except (TypeError, ValueError) as reason:
        raise UsageError(f"{option}: {kind.__name__}: {reason}") from reason


def _positive(text: str) -> int:
    return _whole(text, 1, "a positive whole number")


def _count(text: str) -> int:
    return _whole(text, 0, "0 or a positive whole number")


def _whole(text: str, least: int, expected: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text}")
    return value
