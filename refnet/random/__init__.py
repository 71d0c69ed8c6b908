"""Random numbers: torch's generators and distributions; on the CPU bit for bit, on a GPU as far as `philox_draws` says.

The layers, from the bottom: `mt19937` makes words, `distributions` makes arrays of values from them, `generator`
holds a stream and its state, `functions` fills tensors. For a GPU, `philox` makes the words, `philox_words` says which
element gets which, and `philox_draws` makes the values.
"""

from refnet.random.functions import bernoulli as bernoulli
from refnet.random.functions import binomial as binomial
from refnet.random.functions import multinomial as multinomial
from refnet.random.functions import normal as normal
from refnet.random.functions import poisson as poisson
from refnet.random.functions import rand as rand
from refnet.random.functions import rand_like as rand_like
from refnet.random.functions import randint as randint
from refnet.random.functions import randint_like as randint_like
from refnet.random.functions import randn as randn
from refnet.random.functions import randn_like as randn_like
from refnet.random.functions import randperm as randperm
from refnet.random.generator import Generator as Generator
from refnet.random.generator import default_generator as default_generator
from refnet.random.generator import draws_from_cpu as draws_from_cpu
from refnet.random.generator import fork_rng as fork_rng
from refnet.random.generator import get_rng_state as get_rng_state
from refnet.random.generator import initial_seed as initial_seed
from refnet.random.generator import manual_seed as manual_seed
from refnet.random.generator import seed as seed
from refnet.random.generator import set_rng_state as set_rng_state
from refnet.random.generator import thread_safe_generator as thread_safe_generator
