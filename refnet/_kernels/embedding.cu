// The gradient of rows taken from a table: every row adds up the uses of it, in their order, so that the sum is the same
// in every run. `order` sorts the uses by the row they took, stably; a run of equal rows is the work of one block.

// out[row] = the sum over its uses i of share[i] g[i]; out is zero before. share is null for ones; a share of 0 adds
// nothing at all, not even nan. A row that there is not gets nothing.
template <typename T>
__global__ void add_rows(const T* __restrict__ g, const Index* __restrict__ sorted, const Index* __restrict__ order,
                         const double* __restrict__ share, T* __restrict__ out, Index uses, Index width, Index rows) {
    EACH_BLOCK(first, uses) {
        const Index row = sorted[first];
        if (row < 0 || row >= rows || (first && sorted[first - 1] == row)) continue;
        for (Index column = threadIdx.x; column < width; column += blockDim.x) {
            double total = 0;
            for (Index place = first; place < uses && sorted[place] == row; ++place) {
                const Index i = order[place];
                if (!share) total += g[i * width + column];
                else if (share[i] != 0) total += T(share[i]) * g[i * width + column];
            }
            out[row * width + column] = T(total);
        }
    }
}
