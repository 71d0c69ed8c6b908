// Pools over the last dimensions of x: windows of a kernel that slide by a stride, over padding, with dilation.
//
// Gradients are gathered: each element of the input asks the windows that it lies in, so that no two threads add to one
// place.

// The windows that may hold element j along a dimension: from the first whose end reaches it to the last that begins
// before it.
__device__ Index first_window(const Window& w, int d, Index j) {
    const Index reach = j + w.padding[d] - w.dilation[d] * (w.kernel[d] - 1);
    return reach <= 0 ? 0 : (reach + w.stride[d] - 1) / w.stride[d];
}

__device__ Index last_window(const Window& w, int d, Index j) {
    return min((j + w.padding[d]) / w.stride[d], w.places[d] - 1);
}

// out and the position of the maximum in its plane: the first of equal ones, the last nan if there is one, the first
// place inside the input where all are -inf.
template <typename T>
__global__ void max_pool(const T* __restrict__ x, T* __restrict__ out, Index* __restrict__ position, Index count,
                         Window w) {
    EACH(i, count) {
        const Index plane = i / PLANE(w.places), place = i % PLANE(w.places);
        const Index at[3] = {place / (w.places[1] * w.places[2]), place / w.places[2] % w.places[1], place % w.places[2]};
        const T* from = x + plane * PLANE(w.size);
        T best = -INFINITY;
        Index winner = -1;
        for (Index a = 0; a < w.kernel[0]; ++a) {
            const Index z = at[0] * w.stride[0] - w.padding[0] + a * w.dilation[0];
            if (z < 0 || z >= w.size[0]) continue;
            for (Index b = 0; b < w.kernel[1]; ++b) {
                const Index y = at[1] * w.stride[1] - w.padding[1] + b * w.dilation[1];
                if (y < 0 || y >= w.size[1]) continue;
                for (Index c = 0; c < w.kernel[2]; ++c) {
                    const Index column = at[2] * w.stride[2] - w.padding[2] + c * w.dilation[2];
                    if (column < 0 || column >= w.size[2]) continue;
                    const Index here = (z * w.size[1] + y) * w.size[2] + column;
                    const T value = from[here];
                    if (winner < 0 || value > best || value != value) {
                        best = value;
                        winner = here;
                    }
                }
            }
        }
        out[i] = best;
        position[i] = winner;
    }
}

// dx[j] = the sum of g over the windows that j won
template <typename T>
__global__ void max_pool_slope(const T* __restrict__ g, const Index* __restrict__ position, T* __restrict__ dx,
                               Index count, Window w) {
    EACH(j, count) {
        const Index plane = j / PLANE(w.size), here = j % PLANE(w.size);
        const Index z = here / (w.size[1] * w.size[2]), y = here / w.size[2] % w.size[1], column = here % w.size[2];
        const Index from = plane * PLANE(w.places);
        T total = T(0);
        for (Index a = first_window(w, 0, z); a <= last_window(w, 0, z); ++a)
            for (Index b = first_window(w, 1, y); b <= last_window(w, 1, y); ++b)
                for (Index c = first_window(w, 2, column); c <= last_window(w, 2, column); ++c) {
                    const Index i = from + (a * w.places[1] + b) * w.places[2] + c;
                    if (position[i] == here) total += g[i];
                }
        dx[j] = total;
    }
}

// What the sum over a window is divided by: a number, or an element of an array of the windows of a plane.
#define DIVISOR(place) (divisors ? T(divisors[place]) : T(number))

template <typename T>
__global__ void mean_pool(const T* __restrict__ x, T* __restrict__ out, Index count, Window w,
                          const Index* __restrict__ divisors, double number) {
    EACH(i, count) {
        const Index plane = i / PLANE(w.places), place = i % PLANE(w.places);
        const Index at[3] = {place / (w.places[1] * w.places[2]), place / w.places[2] % w.places[1], place % w.places[2]};
        Index low[3], high[3];
        for (int d = 0; d < 3; ++d) {
            const Index start = at[d] * w.stride[d] - w.padding[d];
            low[d] = max(start, (Index)0);
            high[d] = min(start + w.kernel[d], w.size[d]);
        }
        const T* from = x + plane * PLANE(w.size);
        double total = 0;
        for (Index z = low[0]; z < high[0]; ++z)
            for (Index y = low[1]; y < high[1]; ++y) {
                T row = T(0);
                for (Index c = low[2]; c < high[2]; ++c) row += from[(z * w.size[1] + y) * w.size[2] + c];
                total += row;
            }
        out[i] = T(total) / DIVISOR(place);
    }
}

// dx[j] = the sum of g[i] / divisor[i] over the windows i that j lies in
template <typename T>
__global__ void mean_pool_slope(const T* __restrict__ g, T* __restrict__ dx, Index count, Window w,
                                const Index* __restrict__ divisors, double number) {
    EACH(j, count) {
        const Index plane = j / PLANE(w.size), here = j % PLANE(w.size);
        const Index z = here / (w.size[1] * w.size[2]), y = here / w.size[2] % w.size[1], column = here % w.size[2];
        const T* from = g + plane * PLANE(w.places);
        T total = T(0);
        for (Index a = first_window(w, 0, z); a <= last_window(w, 0, z); ++a)
            for (Index b = first_window(w, 1, y); b <= last_window(w, 1, y); ++b)
                for (Index c = first_window(w, 2, column); c <= last_window(w, 2, column); ++c) {
                    const Index place = (a * w.places[1] + b) * w.places[2] + c;
                    total += from[place] / DIVISOR(place);
                }
        dx[j] = total;
    }
}
