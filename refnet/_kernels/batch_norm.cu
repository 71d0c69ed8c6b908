// Batch normalization of x (N, C, P) in two launches each way. The elements of a channel are cut into `parts`; a block
// sums up a part, and those that use the sums add up the parts, all in the same order and in double.
//
// Element e of channel c, of n = N P, is x[(e / P) C P + c P + e % P].

#define ELEMENT(c, e) (((e) / P * C + (c)) * P + (e) % P)
#define FIRST(part) (n / parts * (part) + min((Index)(part), n % parts))  // of the elements of a part

struct Moments {
    double mean, variance;
};

// The moments of a whole from counts, means and sums of squared deviations of its parts (Chan et al. 1979).
__device__ Moments combined(const double* partial, Index parts, Index n) {
    double mean = 0, squares = 0, count = 0;
    for (Index part = 0; part < parts; ++part) {
        const double more = double(FIRST(part + 1) - FIRST(part));
        const double distance = partial[2 * part] - mean;
        const double all = count + more;
        mean += distance * (more / all);
        squares += partial[2 * part + 1] + distance * distance * (count * more / all);
        count = all;
    }
    return Moments{mean, squares / n};
}

// partial (C, parts, 2): the mean and the sum of squared deviations from it. No part is empty.
template <typename T>
__global__ void moments_of_parts(const T* __restrict__ x, double* __restrict__ partial, Index C, Index P, Index n,
                                 Index parts) {
    EACH_BLOCK(task, C * parts) {
        const Index c = task / parts, part = task % parts, end = FIRST(part + 1);
        double sum = 0, squares = 0;
        for (Index e = FIRST(part) + threadIdx.x; e < end; e += THREADS) sum += x[ELEMENT(c, e)];
        const double mean = Block().sum(sum) / double(end - FIRST(part));
        for (Index e = FIRST(part) + threadIdx.x; e < end; e += THREADS) {
            const double deviation = x[ELEMENT(c, e)] - mean;
            squares += deviation * deviation;
        }
        squares = Block().sum(squares);
        if (threadIdx.x == 0) {
            partial[2 * task] = mean;
            partial[2 * task + 1] = squares;
        }
    }
}

// out = w (x - mean) r + b; moments (2, C) are left behind.
template <typename T>
__global__ void normalize(const T* __restrict__ x, const T* __restrict__ w, const T* __restrict__ b,
                          const double* __restrict__ partial, double* __restrict__ moments, T* __restrict__ out, Index C,
                          Index P, Index n, Index parts, double eps) {
    EACH_BLOCK(task, C * parts) {
        const Index c = task / parts, part = task % parts, end = FIRST(part + 1);
        const Moments found = combined(partial + 2 * c * parts, parts, n);
        const double factor = (w ? double(w[c]) : 1.0) / sqrt(found.variance + eps);
        const double shift = b ? double(b[c]) : 0.0;
        for (Index e = FIRST(part) + threadIdx.x; e < end; e += THREADS) {
            const Index i = ELEMENT(c, e);
            out[i] = T((x[i] - found.mean) * factor + shift);
        }
        if (part == 0 && threadIdx.x == 0) {
            moments[c] = found.mean;
            moments[C + c] = found.variance;
        }
    }
}

// partial (C, parts, 2): the sums of g and of g (x - mean).
template <typename T>
__global__ void products_of_parts(const T* __restrict__ g, const T* __restrict__ x, const double* __restrict__ moments,
                                  double* __restrict__ partial, Index C, Index P, Index n, Index parts) {
    EACH_BLOCK(task, C * parts) {
        const Index c = task / parts, part = task % parts, end = FIRST(part + 1);
        const double mean = moments[c];
        double sum = 0, along = 0;
        for (Index e = FIRST(part) + threadIdx.x; e < end; e += THREADS) {
            const Index i = ELEMENT(c, e);
            sum += g[i];
            along += g[i] * (x[i] - mean);
        }
        sum = Block().sum(sum);
        along = Block().sum(along);
        if (threadIdx.x == 0) {
            partial[2 * task] = sum;
            partial[2 * task + 1] = along;
        }
    }
}

// dx = w r (g - (sum g + z sum g z) / n), dw = sum g z, db = sum g; each where it is not null.
template <typename T>
__global__ void normalize_slope(const T* __restrict__ g, const T* __restrict__ x, const T* __restrict__ w,
                                const double* __restrict__ moments, const double* __restrict__ partial,
                                T* __restrict__ dx, T* __restrict__ dw, T* __restrict__ db, Index C, Index P, Index n,
                                Index parts, double eps) {
    EACH_BLOCK(task, C * parts) {
        const Index c = task / parts, part = task % parts, end = FIRST(part + 1);
        double sum = 0, along = 0;
        for (Index k = c * parts; k < (c + 1) * parts; ++k) {
            sum += partial[2 * k];
            along += partial[2 * k + 1];
        }
        const double mean = moments[c], r = 1 / sqrt(moments[C + c] + eps);
        if (dx) {
            const double outer = w ? r * w[c] : r, slope = along * r * r / n, shift = sum / n;
            for (Index e = FIRST(part) + threadIdx.x; e < end; e += THREADS) {
                const Index i = ELEMENT(c, e);
                dx[i] = T((g[i] - shift - (x[i] - mean) * slope) * outer);
            }
        }
        if (part == 0 && threadIdx.x == 0) {
            if (dw) dw[c] = T(along * r);
            if (db) db[c] = T(sum);
        }
    }
}

// out = w (x - mean) / sqrt(variance + eps) + b with statistics that are constants: evaluation
template <typename T>
__global__ void normalize_constant(const T* __restrict__ x, const T* __restrict__ w, const T* __restrict__ b,
                                   const T* __restrict__ mean, const T* __restrict__ variance, T* __restrict__ out,
                                   Index C, Index P, Index count, double eps) {
    EACH(i, count) {
        const Index c = i / P % C;
        const double factor = (w ? double(w[c]) : 1.0) / sqrt(double(variance[c]) + eps);
        out[i] = T((double(x[i]) - double(mean[c])) * factor + (b ? double(b[c]) : 0.0));
    }
}

// running <- (1 - momentum) running + momentum batch, the variance times `unbiased`
template <typename T>
__global__ void move_statistics(T* __restrict__ mean, T* __restrict__ variance, const double* __restrict__ moments,
                                Index C, double momentum, double unbiased) {
    EACH(c, C) {
        mean[c] = T((1 - momentum) * mean[c] + momentum * moments[c]);
        variance[c] = T((1 - momentum) * variance[c] + momentum * unbiased * moments[C + c]);
    }
}
