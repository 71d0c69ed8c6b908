"""`conform train`: does a model train in the candidate as it trains in torch, from the same seed, step by step?

`recipes` are the models and their training loop's parts, written once against a namespace like torch's. `run` trains
one library, a step at a time; `lockstep` advances the candidate and several runs of torch side by side; `envelope` says
how far rounding alone may take a trajectory; `cause` names what most likely went wrong; `report` writes it all down.
"""

from conformance.trajectory.lockstep import Outcome as Outcome
from conformance.trajectory.lockstep import train as train
from conformance.trajectory.plan import Plan as Plan
