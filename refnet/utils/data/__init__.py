"""Datasets, samplers and the DataLoader."""

from refnet.utils.data._worker import WorkerInfo as WorkerInfo
from refnet.utils.data._worker import get_worker_info as get_worker_info
from refnet.utils.data.collate import default_collate as default_collate
from refnet.utils.data.collate import default_convert as default_convert
from refnet.utils.data.dataloader import DataLoader as DataLoader
from refnet.utils.data.dataset import ChainDataset as ChainDataset
from refnet.utils.data.dataset import ConcatDataset as ConcatDataset
from refnet.utils.data.dataset import Dataset as Dataset
from refnet.utils.data.dataset import IterableDataset as IterableDataset
from refnet.utils.data.dataset import StackDataset as StackDataset
from refnet.utils.data.dataset import Subset as Subset
from refnet.utils.data.dataset import TensorDataset as TensorDataset
from refnet.utils.data.dataset import random_split as random_split
from refnet.utils.data.sampler import BatchSampler as BatchSampler
from refnet.utils.data.sampler import RandomSampler as RandomSampler
from refnet.utils.data.sampler import Sampler as Sampler
from refnet.utils.data.sampler import SequentialSampler as SequentialSampler
from refnet.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from refnet.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]
