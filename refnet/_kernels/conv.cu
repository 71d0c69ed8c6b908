// Convolution: windows as columns for a GEMM and back, and the map itself where a GEMM would not pay.
//
//     out[n, o, i] = b[o] + sum_{c, k} x[n, c, i s + k d - p] w[o, c, k]
//
// Columns are (C, K, N, P): with P places a plane, K kernel positions, channels and kernel before the batch, so that
// one GEMM takes a whole batch. Coordinates along one dimension fit 32 bits; positions in an array do not.

struct Layers {  // by value: images, channels of the input and of the output, and into how many groups both fall
    Index n, c, o, groups;
};

// The kernel positions k = from, .., from + (count - 1) step that reach element j of the input along a dimension, and
// the windows i = place, place - less, .. that they belong to: i s + k d - p = j.
struct Taps {
    int from, step, place, less, count;
};

__device__ int common_divisor(int a, int b) {
    while (b) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

__device__ Taps taps(const Window& w, int d, int j) {
    const int s = int(w.stride[d]), dilation = int(w.dilation[d]), divisor = common_divisor(s, dilation);
    const int step = s / divisor, less = dilation / divisor, kernel = int(w.kernel[d]), t = j + int(w.padding[d]);
    int k = 0;
    while (k < step && (t - k * dilation) % s) ++k;
    int i = k < step ? (t - k * dilation) / s : -1;
    if (i >= int(w.places[d])) {
        const int beyond = (i - int(w.places[d])) / less + 1;
        k += beyond * step;
        i -= beyond * less;
    }
    const bool none = i < 0 || t < k * dilation || k >= kernel;
    return Taps{k, step, i, less, none ? 0 : min((kernel - 1 - k) / step, i / less) + 1};
}

// The kernel positions of window i that lie inside the input: from low up to high.
__device__ int low_position(const Window& w, int d, int i) {
    const int start = i * int(w.stride[d]) - int(w.padding[d]);
    return start >= 0 ? 0 : (-start + int(w.dilation[d]) - 1) / int(w.dilation[d]);
}

__device__ int high_position(const Window& w, int d, int i) {
    const int room = int(w.size[d]) - (i * int(w.stride[d]) - int(w.padding[d]));
    return room <= 0 ? 0 : min(int(w.kernel[d]), (room + int(w.dilation[d]) - 1) / int(w.dilation[d]));
}

// --- for a GEMM ----------------------------------------------------------------------------------------------------

// columns[c, k, n, i] = x[n, c, i s + k d - p]
template <typename T>
__global__ void im2col(const T* __restrict__ x, T* __restrict__ columns, Window w, Layers layers) {
    const Index P = PLANE(w.places), K = PLANE(w.kernel);
    EACH(task, layers.c * layers.n * P) {
        const Index place = task % P, n = task / P % layers.n, c = task / P / layers.n;
        const int at[3] = {int(place / (w.places[1] * w.places[2])), int(place / w.places[2] % w.places[1]),
                           int(place % w.places[2])};
        const T* from = x + (n * layers.c + c) * PLANE(w.size);
        T* to = columns + c * K * layers.n * P + n * P + place;
        for (int a = 0; a < w.kernel[0]; ++a)
            for (int b = 0; b < w.kernel[1]; ++b)
                for (int e = 0; e < w.kernel[2]; ++e) {
                    const Index z = at[0] * w.stride[0] + a * w.dilation[0] - w.padding[0];
                    const Index y = at[1] * w.stride[1] + b * w.dilation[1] - w.padding[1];
                    const Index q = at[2] * w.stride[2] + e * w.dilation[2] - w.padding[2];
                    const bool inside =
                        z >= 0 && z < w.size[0] && y >= 0 && y < w.size[1] && q >= 0 && q < w.size[2];
                    *to = inside ? from[(z * w.size[1] + y) * w.size[2] + q] : T(0);
                    to += layers.n * P;
                }
    }
}

// x[n, c, j] = the sum of columns[c, k, n, i] over i s + k d - p = j: gathered, so that no two threads add to one place
template <typename T>
__global__ void col2im(const T* __restrict__ columns, T* __restrict__ x, Window w, Layers layers) {
    const Index P = PLANE(w.places), K = PLANE(w.kernel), plane = PLANE(w.size);
    EACH(task, layers.n * layers.c * plane) {
        const Index here = task % plane, c = task / plane % layers.c, n = task / plane / layers.c;
        const Taps z = taps(w, 0, int(here / (w.size[1] * w.size[2])));
        const Taps y = taps(w, 1, int(here / w.size[2] % w.size[1]));
        const Taps q = taps(w, 2, int(here % w.size[2]));
        const T* from = columns + c * K * layers.n * P + n * P;
        T total = T(0);
        for (int a = 0; a < z.count; ++a)
            for (int b = 0; b < y.count; ++b) {
                T row = T(0);
                for (int e = 0; e < q.count; ++e) {
                    const Index k = ((z.from + a * z.step) * w.kernel[1] + y.from + b * y.step) * w.kernel[2] + q.from +
                                    e * q.step;
                    const Index i = ((z.place - a * z.less) * w.places[1] + y.place - b * y.less) * w.places[2] +
                                    q.place - e * q.less;
                    row += from[k * layers.n * P + i];
                }
                total += row;
            }
        x[task] = total;
    }
}

// out[n, o, p] = found[o, n, p] + b[o], b null for none
template <typename T>
__global__ void batch_first(const T* __restrict__ found, const T* __restrict__ b, T* __restrict__ out, Index N, Index O,
                            Index P) {
    EACH(i, N * O * P) {
        const Index p = i % P, o = i / P % O, n = i / P / O;
        const T value = found[(o * N + n) * P + p];
        out[i] = b ? value + b[o] : value;
    }
}

// out[o, n, p] = g[n, o, p]
template <typename T>
__global__ void channels_first(const T* __restrict__ g, T* __restrict__ out, Index N, Index O, Index P) {
    EACH(i, N * O * P) {
        const Index p = i % P, n = i / P % N, o = i / P / N;
        out[i] = g[(n * O + o) * P + p];
    }
}

// --- without one ---------------------------------------------------------------------------------------------------

// The map, a thread for each element of the result. Terms are added up kernel row by kernel row.
template <typename T>
__global__ void convolve(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
                         T* __restrict__ out, Window w, Layers layers) {
    const Index P = PLANE(w.places), C = layers.c / layers.groups, O = layers.o / layers.groups;
    EACH(task, layers.n * layers.o * P) {
        const Index place = task % P, o = task / P % layers.o, n = task / P / layers.o;
        const int at[3] = {int(place / (w.places[1] * w.places[2])), int(place / w.places[2] % w.places[1]),
                           int(place % w.places[2])};
        int low[3], high[3];
        for (int d = 0; d < 3; ++d) {
            low[d] = low_position(w, d, at[d]);
            high[d] = high_position(w, d, at[d]);
        }
        T total = bias ? bias[o] : T(0);
        for (Index c = 0; c < C; ++c) {
            const T* from = x + (n * layers.c + o / O * C + c) * PLANE(w.size);
            const T* kernel = weight + (o * C + c) * PLANE(w.kernel);
            T sum = T(0);
            for (int a = low[0]; a < high[0]; ++a)
                for (int b = low[1]; b < high[1]; ++b) {
                    const Index z = at[0] * w.stride[0] + a * w.dilation[0] - w.padding[0];
                    const Index y = at[1] * w.stride[1] + b * w.dilation[1] - w.padding[1];
                    const T* line = from + (z * w.size[1] + y) * w.size[2] + at[2] * w.stride[2] - w.padding[2];
                    const T* factors = kernel + (a * w.kernel[1] + b) * w.kernel[2];
                    for (int e = low[2]; e < high[2]; ++e) sum += line[e * w.dilation[2]] * factors[e];
                }
            total += sum;
        }
        out[task] = total;
    }
}

// Its adjoint in x: x[n, c, j] = the sum of g[n, o, i] w[o, c, k] over i s + k d - p = j
template <typename T>
__global__ void convolve_input(const T* __restrict__ g, const T* __restrict__ weight, T* __restrict__ x, Window w,
                               Layers layers) {
    const Index P = PLANE(w.places), C = layers.c / layers.groups, O = layers.o / layers.groups, plane = PLANE(w.size);
    EACH(task, layers.n * layers.c * plane) {
        const Index here = task % plane, c = task / plane % layers.c, n = task / plane / layers.c;
        const Taps z = taps(w, 0, int(here / (w.size[1] * w.size[2])));
        const Taps y = taps(w, 1, int(here / w.size[2] % w.size[1]));
        const Taps q = taps(w, 2, int(here % w.size[2]));
        T total = T(0);
        for (Index o = c / C * O; o < (c / C + 1) * O; ++o) {
            const T* from = g + (n * layers.o + o) * P;
            const T* kernel = weight + (o * C + c % C) * PLANE(w.kernel);
            T sum = T(0);
            for (int a = 0; a < z.count; ++a)
                for (int b = 0; b < y.count; ++b) {
                    const Index line = ((z.place - a * z.less) * w.places[1] + y.place - b * y.less) * w.places[2];
                    const Index row = ((z.from + a * z.step) * w.kernel[1] + y.from + b * y.step) * w.kernel[2];
                    for (int e = 0; e < q.count; ++e)
                        sum += from[line + q.place - e * q.less] * kernel[row + q.from + e * q.step];
                }
            total += sum;
        }
        x[task] = total;
    }
}

// --- sums over batch and places ------------------------------------------------------------------------------------

// Of g (N, C, P), for each channel, cut into parts. The sums of the parts are left in `partial` (C, parts), or, of one
// part, in the result.
template <typename T>
__global__ void channel_sums(const T* __restrict__ g, double* __restrict__ partial, T* __restrict__ out, Index N, Index C,
                             Index P, Index parts) {
    const Index n = N * P;
    EACH_BLOCK(task, C * parts) {
        const Index c = task / parts, part = task % parts, each = (n + parts - 1) / parts;
        const Index end = min(n, (part + 1) * each);
        double sum = 0;
        for (Index e = part * each + threadIdx.x; e < end; e += THREADS) sum += g[(e / P * C + c) * P + e % P];
        sum = Block().sum(sum);
        if (threadIdx.x == 0) {
            if (parts == 1) out[c] = T(sum);
            else partial[task] = sum;
        }
    }
}

template <typename T>
__global__ void sums_of_parts(const double* __restrict__ partial, T* __restrict__ out, Index C, Index parts) {
    EACH(c, C) {
        double sum = 0;
        for (Index part = 0; part < parts; ++part) sum += partial[c * parts + part];
        out[c] = T(sum);
    }
}
