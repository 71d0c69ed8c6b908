// Elementwise operations and their slopes: out[i] = f(a[i], b[i], ...), with numbers p, q, r.

#define MAP1(name, a, ...)                                                                                   \
    template <typename T>                                                                                    \
    __global__ void name(const T* __restrict__ a##_, T* __restrict__ out, Index n, double p_, double q_, double r_) { \
        const T p = T(p_), q = T(q_), r = T(r_);                                                             \
        EACH(i, n) {                                                                                         \
            const T a = a##_[i];                                                                             \
            out[i] = __VA_ARGS__;                                                                            \
        }                                                                                                    \
        (void)p, (void)q, (void)r;                                                                           \
    }

#define MAP2(name, a, b, ...)                                                                                \
    template <typename T>                                                                                    \
    __global__ void name(const T* __restrict__ a##_, const T* __restrict__ b##_, T* __restrict__ out, Index n, \
                         double p_, double q_, double r_) {                                                  \
        const T p = T(p_), q = T(q_), r = T(r_);                                                             \
        EACH(i, n) {                                                                                         \
            const T a = a##_[i], b = b##_[i];                                                                \
            out[i] = __VA_ARGS__;                                                                            \
        }                                                                                                    \
        (void)p, (void)q, (void)r;                                                                           \
    }

#define MAP3(name, a, b, c, ...)                                                                             \
    template <typename T>                                                                                    \
    __global__ void name(const T* __restrict__ a##_, const T* __restrict__ b##_, const T* __restrict__ c##_, \
                         T* __restrict__ out, Index n, double p_, double q_, double r_) {                    \
        const T p = T(p_), q = T(q_), r = T(r_);                                                             \
        EACH(i, n) {                                                                                         \
            const T a = a##_[i], b = b##_[i], c = c##_[i];                                                   \
            out[i] = __VA_ARGS__;                                                                            \
        }                                                                                                    \
        (void)p, (void)q, (void)r;                                                                           \
    }

// 1 / (1 + e^-x) without overflow, to the last place where it is nearly 0
template <typename T>
__device__ T logistic_of(T x) {
    const T small = exp(-fabs(x));
    return (x < T(0) ? small : x == x ? T(1) : x) / (small + T(1));
}

// the distribution function of the standard normal, and sqrt(2 pi) times its density
template <typename T>
__device__ T below(T x) {
    return T(0.5) * erfc(x * T(-0.70710678118654752440));
}

template <typename T>
__device__ T bell(T x) {
    return exp(x * x * T(-0.5));
}

#define MINIMUM(x, y) ((x) > (y) ? (y) : (x))  // of a tensor x and a number y: nan stays, and so does -0 beside 0
#define MAXIMUM(x, y) ((x) < (y) ? (y) : (x))

// --- exponential ---------------------------------------------------------------------------------------------------

MAP1(tanh_forward, x, tanh(x))
MAP2(tanh_backward, g, out_value, (T(1) - out_value * out_value) * g)
MAP1(sigmoid_forward, x, T(1) / (exp(-x) + T(1)))
MAP3(sigmoid_backward, g, x, out_value, out_value / (exp(x) + T(1)) * g)

// --- rectifiers ----------------------------------------------------------------------------------------------------

MAP1(relu_forward, x, x < T(0) ? T(0) : x)  // -0 stays
MAP2(relu_backward, g, out_value, out_value <= T(0) ? T(0) : g)
MAP1(leaky_relu_forward, x, x > T(0) ? x : x * p)                 // p the slope
MAP2(leaky_relu_backward, g, x, x > T(0) ? g : g * p)
MAP1(hardtanh_forward, x, MINIMUM(MAXIMUM(x, p), q))              // p the low bound, q the high one
MAP2(hardtanh_backward, g, x, x > p && x < q ? g : T(0))
MAP1(threshold_forward, x, x <= p ? q : x)                        // p the limit, q the value
MAP2(threshold_backward, g, x, x <= p ? T(0) : g)
MAP1(hardsigmoid_forward, x, MINIMUM(MAXIMUM(x + T(3), T(0)), T(6)) / T(6))
MAP2(hardsigmoid_backward, g, x, x > T(-3) && x < T(3) ? g * p : T(0))  // p a sixth
MAP1(hardswish_forward, x, x * MINIMUM(MAXIMUM(x + T(3), T(0)), T(6)) / T(6))
MAP2(hardswish_backward, g, x, x <= T(-3) ? T(0) : x >= T(3) ? g : g * (x / T(3) + T(0.5)))
MAP1(hardshrink_forward, x, x >= -p && x <= p ? T(0) : x)         // p the limit
MAP2(hardshrink_backward, g, x, x < -p || x > p ? g : T(0))
MAP1(softshrink_forward, x, x > p ? x - p : x < -p ? x + p : x == x ? T(0) : x)
MAP2(softshrink_backward, g, x, x < -p || x > p ? g : T(0))

// --- smooth --------------------------------------------------------------------------------------------------------

MAP1(elu_forward, x, x < T(0) ? expm1(x * r) * T(q_ * p_) : x * q)  // p is alpha, q the scale, r the scale of the input
MAP2(elu_backward, g, x, x > T(0) ? g * q : g * (exp(x * r) * T(q_ * p_ * r_)))
MAP1(logistic_forward, x, logistic_of(x))
MAP2(logistic_backward, g, x, g * (logistic_of(x) * logistic_of(-x)))
MAP1(softplus_forward, x, x * p > q ? x : log1p(exp(x * p)) / p)  // p is beta, q the limit
MAP2(softplus_backward, g, x, x * p > q ? g : g * logistic_of(x * p))
MAP1(log_sigmoid_forward, x, MINIMUM(x, T(0)) - log1p(exp(-fabs(x))))
MAP2(log_sigmoid_backward, g, x, g * logistic_of(-x))
MAP1(silu_forward, x, x / (exp(-x) + T(1)))
MAP2(silu_backward, g, x, g * (T(1) / (exp(-x) + T(1)) * (x * (T(1) / (exp(x) + T(1))) + T(1))))
MAP1(gelu_forward, x, x * below(x))
MAP2(gelu_backward, g, x, (below(x) + x * bell(x) * T(0.39894228040143267794)) * g)
MAP2(gated_forward, x, gate, x * logistic_of(gate))
MAP2(gated_backward_x, g, gate, g * logistic_of(gate))
MAP3(gated_backward_gate, g, x, gate, g * x * (logistic_of(gate) * logistic_of(-gate)))

// u = 2 sqrt(2 / pi) (x + 0.044715 x^3), and its slope
#define DOUBLED(x) (T(1.59576912160573071176) * (x + T(0.044715) * x * x * x))
#define DOUBLED_SLOPE(x) (T(1.59576912160573071176) * (x * x * T(0.134145) + T(1)))
MAP1(gelu_tanh_forward, x, x * logistic_of(DOUBLED(x)))
MAP2(gelu_tanh_backward, g, x,
     g * (logistic_of(DOUBLED(x)) + x * (logistic_of(DOUBLED(x)) * logistic_of(-DOUBLED(x))) * DOUBLED_SLOPE(x)))

// t = tanh(ln(1 + e^x)) = n / (n + 2), n = e^x (e^x + 2); beyond 20 it is 1
template <typename T>
__device__ T mish_gate(T x) {
    const T e = exp(MINIMUM(x, T(20)));
    const T n = e * (e + T(2));
    return n / (n + T(2));
}

// t + x (1 - t^2) s(x), 1 - t^2 = 4 (n + 1) / (n + 2)^2, 0 beyond 20
template <typename T>
__device__ T mish_slope(T x) {
    const T e = exp(MINIMUM(x, T(20)));
    const T n = e * (e + T(2));
    const T rest = x > T(20) ? T(0) : T(4) * (n + T(1)) / ((n + T(2)) * (n + T(2)));
    return mish_gate(x) + x * (rest * logistic_of(x));
}

MAP1(mish_forward, x, x * mish_gate(x))
MAP2(mish_backward, g, x, g * mish_slope(x))

// --- losses --------------------------------------------------------------------------------------------------------

// p is beta, or delta; q is 1 for the gradient of x, -1 for that of y
#define DISTANCE (q > T(0) ? x - y : y - x)  // 0, not -0, of equal numbers
MAP2(smooth_l1_forward, x, y, fabs(x - y) < p ? (x - y) * (x - y) * T(0.5) / p : fabs(x - y) - T(0.5 * p_))
MAP3(smooth_l1_backward, g, x, y, g * (MINIMUM(MAXIMUM(DISTANCE, -p), p) / p))
MAP2(huber_forward, x, y, fabs(x - y) <= p ? (x - y) * (x - y) * T(0.5) : (fabs(x - y) - T(0.5 * p_)) * p)
MAP3(huber_backward, g, x, y, g * MINIMUM(MAXIMUM(DISTANCE, -p), p))
MAP2(binary_cross_entropy_forward, x, y,
     (y - T(1)) * MAXIMUM(log1p(-x), T(-100)) - y * MAXIMUM(log(x), T(-100)))
MAP3(binary_cross_entropy_share_forward, g, x, y, g * ((x - y) / MAXIMUM((T(1) - x) * x, T(1e-12))))
