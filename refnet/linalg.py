"""Linear algebra under torch.linalg's names: decompositions, solutions, norms, of matrices and stacks of them."""

from refnet._ops._lapack import LinAlgError as LinAlgError
from refnet._ops.cholesky import cholesky as cholesky
from refnet._ops.cholesky import cholesky_ex as cholesky_ex
from refnet._ops.determinant import det as det
from refnet._ops.determinant import slogdet as slogdet
from refnet._ops.diagonal import linalg_diagonal as diagonal
from refnet._ops.householder import householder_product as householder_product
from refnet._ops.lu import lu as lu
from refnet._ops.lu import lu_factor as lu_factor
from refnet._ops.lu import lu_factor_ex as lu_factor_ex
from refnet._ops.lu import lu_solve as lu_solve
from refnet._ops.matmul import matmul as matmul
from refnet._ops.matrix_function import matrix_exp as matrix_exp
from refnet._ops.matrix_function import matrix_power as matrix_power
from refnet._ops.matrix_function import multi_dot as multi_dot
from refnet._ops.matrix_function import vander as vander
from refnet._ops.matrix_norm import cond as cond
from refnet._ops.matrix_norm import matrix_norm as matrix_norm
from refnet._ops.matrix_norm import norm as norm
from refnet._ops.products import cross as cross
from refnet._ops.products import vecdot as vecdot
from refnet._ops.pseudoinverse import lstsq as lstsq
from refnet._ops.pseudoinverse import matrix_rank as matrix_rank
from refnet._ops.pseudoinverse import pinv as pinv
from refnet._ops.qr import qr as qr
from refnet._ops.reduce import vector_norm as vector_norm
from refnet._ops.solve import inv as inv
from refnet._ops.solve import inv_ex as inv_ex
from refnet._ops.solve import solve as solve
from refnet._ops.solve import solve_ex as solve_ex
from refnet._ops.solve import solve_triangular as solve_triangular
from refnet._ops.solve import tensorinv as tensorinv
from refnet._ops.solve import tensorsolve as tensorsolve
from refnet._ops.spectral import eigh as eigh
from refnet._ops.spectral import eigvalsh as eigvalsh
from refnet._ops.spectral import svd as svd
from refnet._ops.spectral import svdvals as svdvals

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
