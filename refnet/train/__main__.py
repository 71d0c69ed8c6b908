"""``python -m refnet.train``: LeNet-5 on Fashion-MNIST."""

import sys

from refnet.train.command_line import main

if __name__ == "__main__":
    sys.exit(main())
