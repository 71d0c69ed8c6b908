// Softmax, its logarithm and the cross entropy, each with its gradient.
//
// A row is n elements `step` apart; rows (o, i) of an array (outer, n, step) begin at o n step + i. A row is the work of
// one thread where it is short, or where neighbouring rows lie side by side in memory, else of a block. Exponentials are
// in the type of the array, their sum is in double.

template <typename T, class Team>
__device__ T greatest(const T* x, Index n, Index step, Team team) {
    T m = -INFINITY;
    for (Index k = team.rank(); k < n; k += team.size()) m = fmax(m, x[k * step]);
    return team.max(m);  // a nan is passed over here, and met again in the sum
}

template <typename T, class Team>
__device__ double sum_of_exponentials(const T* x, T m, Index n, Index step, Team team) {
    double total = 0;
    for (Index k = team.rank(); k < n; k += team.size()) total += exp(x[k * step] - m);
    return team.sum(total);
}

template <typename T, class Team>
__device__ void softmax_row(const T* x, T* out, Index n, Index step, Team team) {
    const T m = greatest(x, n, step, team);
    const T total = T(sum_of_exponentials(x, m, n, step, team));
    for (Index k = team.rank(); k < n; k += team.size()) out[k * step] = exp(x[k * step] - m) / total;
}

template <typename T, class Team>
__device__ void log_softmax_row(const T* x, T* out, Index n, Index step, Team team) {
    const T m = greatest(x, n, step, team);
    const T logarithm = T(log(sum_of_exponentials(x, m, n, step, team)));
    for (Index k = team.rank(); k < n; k += team.size()) out[k * step] = x[k * step] - m - logarithm;
}

template <typename T, class Team>
__device__ void softmax_slope_row(const T* g, const T* out, T* dx, Index n, Index step, Team team) {
    double along = 0;  // sum g out
    for (Index k = team.rank(); k < n; k += team.size()) along += double(g[k * step]) * double(out[k * step]);
    const T total = T(team.sum(along));
    for (Index k = team.rank(); k < n; k += team.size()) dx[k * step] = out[k * step] * (g[k * step] - total);
}

template <typename T, class Team>
__device__ void log_softmax_slope_row(const T* g, const T* out, T* dx, Index n, Index step, Team team) {
    double sum = 0;  // of g
    for (Index k = team.rank(); k < n; k += team.size()) sum += g[k * step];
    const T total = T(team.sum(sum));
    for (Index k = team.rank(); k < n; k += team.size()) dx[k * step] = g[k * step] - exp(out[k * step]) * total;
}

#define PLACE(row) ((row) / step * n * step + (row) % step)  // where it begins

template <typename T>
__global__ void softmax_threads(const T* __restrict__ x, T* __restrict__ out, Index rows, Index n, Index step) {
    EACH(row, rows) softmax_row(x + PLACE(row), out + PLACE(row), n, step, Alone());
}

template <typename T>
__global__ void softmax_blocks(const T* __restrict__ x, T* __restrict__ out, Index rows, Index n, Index step) {
    EACH_BLOCK(row, rows) softmax_row(x + PLACE(row), out + PLACE(row), n, step, Block());
}

template <typename T>
__global__ void log_softmax_threads(const T* __restrict__ x, T* __restrict__ out, Index rows, Index n, Index step) {
    EACH(row, rows) log_softmax_row(x + PLACE(row), out + PLACE(row), n, step, Alone());
}

template <typename T>
__global__ void log_softmax_blocks(const T* __restrict__ x, T* __restrict__ out, Index rows, Index n, Index step) {
    EACH_BLOCK(row, rows) log_softmax_row(x + PLACE(row), out + PLACE(row), n, step, Block());
}

template <typename T>
__global__ void softmax_slope_threads(const T* __restrict__ g, const T* __restrict__ out, T* __restrict__ dx, Index rows,
                                      Index n, Index step) {
    EACH(row, rows) softmax_slope_row(g + PLACE(row), out + PLACE(row), dx + PLACE(row), n, step, Alone());
}

template <typename T>
__global__ void softmax_slope_blocks(const T* __restrict__ g, const T* __restrict__ out, T* __restrict__ dx, Index rows,
                                     Index n, Index step) {
    EACH_BLOCK(row, rows) softmax_slope_row(g + PLACE(row), out + PLACE(row), dx + PLACE(row), n, step, Block());
}

template <typename T>
__global__ void log_softmax_slope_threads(const T* __restrict__ g, const T* __restrict__ out, T* __restrict__ dx,
                                          Index rows, Index n, Index step) {
    EACH(row, rows) log_softmax_slope_row(g + PLACE(row), out + PLACE(row), dx + PLACE(row), n, step, Alone());
}

template <typename T>
__global__ void log_softmax_slope_blocks(const T* __restrict__ g, const T* __restrict__ out, T* __restrict__ dx,
                                         Index rows, Index n, Index step) {
    EACH_BLOCK(row, rows) log_softmax_slope_row(g + PLACE(row), out + PLACE(row), dx + PLACE(row), n, step, Block());
}

// --- cross entropy -------------------------------------------------------------------------------------------------

// What a row adds to the loss: factor (ln sum_c e^(x_c - m) - (x_index - m)), 0 where it is not kept. A class that there
// is not gives nan: a kernel cannot raise.
template <typename T, class Team>
__device__ T entropy_row(const T* x, Index wanted, bool kept, T factor, Index n, Index step, Team team) {
    const T m = greatest(x, n, step, team);
    const T logarithm = T(log(sum_of_exponentials(x, m, n, step, team)));
    if (!kept) return T(0);
    if (wanted < 0 || wanted >= n) return T(NAN);
    return (logarithm - (x[wanted * step] - m)) * factor;
}

template <typename T>
__global__ void cross_entropy_threads(const T* __restrict__ x, const Index* __restrict__ wanted,
                                      const bool* __restrict__ kept, const T* __restrict__ factor, T* __restrict__ out,
                                      Index rows, Index n, Index step) {
    EACH(row, rows) {
        out[row] = entropy_row(x + PLACE(row), wanted[row], kept[row], factor ? factor[row] : T(1), n, step, Alone());
    }
}

template <typename T>
__global__ void cross_entropy_blocks(const T* __restrict__ x, const Index* __restrict__ wanted,
                                     const bool* __restrict__ kept, const T* __restrict__ factor, T* __restrict__ out,
                                     Index rows, Index n, Index step) {
    EACH_BLOCK(row, rows) {
        const T found =
            entropy_row(x + PLACE(row), wanted[row], kept[row], factor ? factor[row] : T(1), n, step, Block());
        if (threadIdx.x == 0) out[row] = found;
    }
}

// The sum of the terms, divided by a number or by what the GPU counted. One block.
template <typename T>
__global__ void divided_total(const T* __restrict__ terms, T* __restrict__ out, Index n,
                              const double* __restrict__ divisor, double number) {
    double total = 0;
    for (Index i = threadIdx.x; i < n; i += THREADS) total += terms[i];
    total = Block().sum(total);
    if (threadIdx.x == 0) out[0] = T(double(T(total)) / (divisor ? *divisor : number));
}

// Both in one launch, for few short rows. One block.
template <typename T>
__global__ void cross_entropy_total(const T* __restrict__ x, const Index* __restrict__ wanted,
                                    const bool* __restrict__ kept, const T* __restrict__ factor, T* __restrict__ out,
                                    Index rows, Index n, Index step, const double* __restrict__ divisor, double number) {
    double total = 0;
    for (Index row = threadIdx.x; row < rows; row += THREADS)
        total += entropy_row(x + PLACE(row), wanted[row], kept[row], factor ? factor[row] : T(1), n, step, Alone());
    total = Block().sum(total);
    if (threadIdx.x == 0) out[0] = T(double(T(total)) / (divisor ? *divisor : number));
}

// dx_c = share (softmax(x)_c - [c = index]), share = g factor / divisor, 0 where a row is not kept. g has an element for
// each row, or one for all (g_step 0).
template <typename T, class Team>
__device__ void entropy_slope_row(const T* x, T* dx, Index wanted, T share, Index n, Index step, Team team) {
    const T m = greatest(x, n, step, team);
    const T scale = T(double(share) / sum_of_exponentials(x, m, n, step, team));
    for (Index k = team.rank(); k < n; k += team.size()) {
        const T e = exp(x[k * step] - m) * scale;
        dx[k * step] = k == wanted ? e - share : e;
    }
}

template <typename T>
__device__ T share_of(const T* g, Index g_step, const Index* wanted, const bool* kept, const T* factor, Index row, Index n,
                      const double* divisor, double number) {
    if (!kept[row]) return T(0);
    if (wanted[row] < 0 || wanted[row] >= n) return T(NAN);
    const T share = T(double(g[row * g_step]) / (divisor ? *divisor : number));
    return factor ? share * factor[row] : share;
}

template <typename T>
__global__ void cross_entropy_slope_threads(const T* __restrict__ g, Index g_step, const T* __restrict__ x,
                                            const Index* __restrict__ wanted, const bool* __restrict__ kept,
                                            const T* __restrict__ factor, T* __restrict__ dx, Index rows, Index n,
                                            Index step, const double* __restrict__ divisor, double number) {
    EACH(row, rows) {
        const T share = share_of(g, g_step, wanted, kept, factor, row, n, divisor, number);
        entropy_slope_row(x + PLACE(row), dx + PLACE(row), wanted[row], share, n, step, Alone());
    }
}

template <typename T>
__global__ void cross_entropy_slope_blocks(const T* __restrict__ g, Index g_step, const T* __restrict__ x,
                                           const Index* __restrict__ wanted, const bool* __restrict__ kept,
                                           const T* __restrict__ factor, T* __restrict__ dx, Index rows, Index n,
                                           Index step, const double* __restrict__ divisor, double number) {
    EACH_BLOCK(row, rows) {
        const T share = share_of(g, g_step, wanted, kept, factor, row, n, divisor, number);
        entropy_slope_row(x + PLACE(row), dx + PLACE(row), wanted[row], share, n, step, Block());
    }
}
