"""linear beside torch: ranks, broadcasting bias, types, errors, derivatives."""

import pytest
from beside_torch import check_gradients, check_same


def names(library):
    x = library.arange(12.0).reshape(4, 3)
    return {
        "L": library.nn.functional.linear,
        "x": x,
        "x3": library.arange(24.0).reshape(2, 4, 3),
        "W": library.arange(15.0).reshape(5, 3) / 7,
        "b": library.arange(5.0),
        "ones": library.ones,
        "zeros": library.zeros,
    }


SAME = [
    "L(x,W)",
    "L(x,W,b)",
    "L(x[0],W,b)",
    "L(x3,W,b)",
    "L(x3.transpose(0,1),W,b)",
    "L(ones(4,2),W)",
    "L(ones(4,2),W,b)",
    "L(ones(2),W)",
    "L(ones(2),W,b)",
    "L(ones(2,4,2),W)",
    "L(ones(2,4,2),W,b)",
    "L(x,W,ones(4))",
    "L(x,W,ones(4,5))",
    "L(x,W,ones(1))",
    "L(x,W,ones(1,5))",
    "L(x,W,ones(()))",
    "L(x3,W,ones(1,5))",
    "L(x3,W,ones(2,4,5))",
    "L(x3,W,ones(4))",
    "L(x[0],W,ones(4))",
    "L(ones(()),W)",
    "L(ones(()),W,b)",
    "L(x,W[0])",
    "L(x,W[0],ones(()))",
    "L(x,W[0],b)",
    "L(x[0],W[0])",
    "L(x3,W[0])",
    "L(x,ones(4))",
    "L(x,ones(2,5,3))",
    "L(x,ones(()))",
    "L(x.double(),W)",
    "L(x,W,b.double())",
    "L(x.double(),W,b)",
    "L(x3.double(),W)",
    "L(x3.double(),W,b)",
    "L(x[0].double(),W,b)",
    "L(x.half(),W.half(),b.half())",
    "L(x.bfloat16(),W.bfloat16())",
    "L(x.long(),W.long(),b.long())",
    "L(x>0,W>0)",
    "L(x[:0],W,b)",
    "L(x3[:,:0],W,b)",
    "L(zeros(4,0),zeros(5,0),b)",
    "L(zeros(4,0),zeros(5,0))",
    "L(zeros(2,4,0),zeros(5,0),b)",
    "L(x,zeros(0,3),zeros(0))",
    "L([1.0],W)",
    "L(x,None)",
    "L(x,W,1.0)",
]


@pytest.mark.parametrize("source", SAME)
def test_same(source):
    check_same(source, names, within=True)


SAME_TYPE = [  # in other words
    "L(x,W,ones(2,4,5))",
]


@pytest.mark.parametrize("source", SAME_TYPE)
def test_same_type(source):
    check_same(source, names, message=False)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3)])
def test_derivatives(shape, rng):
    x, weight, bias = rng.standard_normal(shape), rng.standard_normal((5, 3)), rng.standard_normal(5)
    check_gradients(lambda library, *inputs: library.nn.functional.linear(*inputs), x, weight, bias)
    check_gradients(lambda library, *inputs: library.nn.functional.linear(*inputs), x, weight)
