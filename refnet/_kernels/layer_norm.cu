// Layer normalization of the rows of x (M, n): a row is the work of one thread where it is short, else of a block.

template <typename T, class Team>
__device__ void normalize_row(const T* x, const T* w, const T* b, double* mean_there, double* variance_there, T* out,
                              Index n, double eps, Team team) {
    double sum = 0, squares = 0;
    for (Index k = team.rank(); k < n; k += team.size()) sum += x[k];
    const double mean = team.sum(sum) / n;
    for (Index k = team.rank(); k < n; k += team.size()) {
        const double deviation = x[k] - mean;
        squares += deviation * deviation;
    }
    const double variance = team.sum(squares) / n, r = 1 / sqrt(variance + eps);
    for (Index k = team.rank(); k < n; k += team.size())
        out[k] = T((x[k] - mean) * r * (w ? double(w[k]) : 1.0) + (b ? double(b[k]) : 0.0));
    if (team.rank() == 0) {
        *mean_there = mean;
        *variance_there = variance;
    }
}

// dx = r (h - mean h - z mean(h z)), h = g w, z = (x - mean) r
template <typename T, class Team>
__device__ void slope_of_row(const T* g, const T* x, const T* w, double mean, double variance, T* dx, Index n, double eps,
                             Team team) {
    const double r = 1 / sqrt(variance + eps);
    double sum = 0, along = 0;
    for (Index k = team.rank(); k < n; k += team.size()) {
        const double h = g[k] * (w ? double(w[k]) : 1.0);
        sum += h;
        along += h * ((x[k] - mean) * r);
    }
    sum = team.sum(sum) / n;
    along = team.sum(along) / n;
    for (Index k = team.rank(); k < n; k += team.size())
        dx[k] = T((g[k] * (w ? double(w[k]) : 1.0) - sum - (x[k] - mean) * r * along) * r);
}

// moments (2, M) are left behind
template <typename T>
__global__ void layer_norm_threads(const T* __restrict__ x, const T* __restrict__ w, const T* __restrict__ b,
                                   double* __restrict__ moments, T* __restrict__ out, Index rows, Index n, double eps) {
    EACH(row, rows)
        normalize_row(x + row * n, w, b, moments + row, moments + rows + row, out + row * n, n, eps, Alone());
}

template <typename T>
__global__ void layer_norm_blocks(const T* __restrict__ x, const T* __restrict__ w, const T* __restrict__ b,
                                  double* __restrict__ moments, T* __restrict__ out, Index rows, Index n, double eps) {
    EACH_BLOCK(row, rows)
        normalize_row(x + row * n, w, b, moments + row, moments + rows + row, out + row * n, n, eps, Block());
}

template <typename T>
__global__ void layer_norm_slope_threads(const T* __restrict__ g, const T* __restrict__ x, const T* __restrict__ w,
                                         const double* __restrict__ moments, T* __restrict__ dx, Index rows, Index n,
                                         double eps) {
    EACH(row, rows)
        slope_of_row(g + row * n, x + row * n, w, moments[row], moments[rows + row], dx + row * n, n, eps, Alone());
}

template <typename T>
__global__ void layer_norm_slope_blocks(const T* __restrict__ g, const T* __restrict__ x, const T* __restrict__ w,
                                        const double* __restrict__ moments, T* __restrict__ dx, Index rows, Index n,
                                        double eps) {
    EACH_BLOCK(row, rows)
        slope_of_row(g + row * n, x + row * n, w, moments[row], moments[rows + row], dx + row * n, n, eps, Block());
}

// partial (parts, 2, n): for each column the sums of g z and of g over a part of the rows. A thread for each column.
template <typename T>
__global__ void columns_of_parts(const T* __restrict__ g, const T* __restrict__ x, const double* __restrict__ moments,
                                 double* __restrict__ partial, Index rows, Index n, Index parts, double eps) {
    const Index tiles = (n + THREADS - 1) / THREADS, each = (rows + parts - 1) / parts;
    EACH_BLOCK(task, parts * tiles) {
        const Index part = task / tiles, column = task % tiles * THREADS + threadIdx.x;
        if (column >= n) continue;
        double along = 0, sum = 0;
        for (Index row = part * each; row < min(rows, (part + 1) * each); ++row) {
            const double h = g[row * n + column];
            along += h * ((x[row * n + column] - moments[row]) / sqrt(moments[rows + row] + eps));
            sum += h;
        }
        partial[2 * part * n + column] = along;
        partial[(2 * part + 1) * n + column] = sum;
    }
}

// dw = sum g z, db = sum g, each where it is not null
template <typename T>
__global__ void layer_norm_scales(const double* __restrict__ partial, T* __restrict__ dw, T* __restrict__ db, Index n,
                                  Index parts) {
    EACH(column, n) {
        double along = 0, sum = 0;
        for (Index part = 0; part < parts; ++part) {
            along += partial[2 * part * n + column];
            sum += partial[(2 * part + 1) * n + column];
        }
        if (dw) dw[column] = T(along);
        if (db) db[column] = T(sum);
    }
}
