// The words of Philox4x32-10 (random/philox.py), and the values that torch's CUDA kernels make of them, each at its place.

typedef unsigned int Word;
typedef unsigned long long Wide;

struct Draw {  // by value
    Index n;        // values
    Index threads;  // that share them, as torch counts; a launch of these kernels may have others
    Index vector;   // neighbours that a thread takes at a time; 1: it strides
    Wide seed;
    Wide offset;    // a multiple of 4
};

struct Stream {  // what to draw from: numbers in a launch, or where a kernel finds them when it runs
    Wide seed, call;
    __device__ Stream(const Draw& draw, const Wide* seed_at, const Wide* offset_at)
        : seed(seed_at ? *seed_at : draw.seed), call((offset_at ? *offset_at : draw.offset) / 4) {}
};

struct Words {  // of one call
    Word at[4];
};

__device__ Words philox(Wide seed, Wide call, Wide thread) {
    Word a = Word(call), b = Word(call >> 32), c = Word(thread), d = Word(thread >> 32);
    Word first = Word(seed), second = Word(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const Wide left = Wide(0xD2511F53u) * a, right = Wide(0xCD9E8D57u) * c;
        a = Word(right >> 32) ^ b ^ first;
        b = Word(right);
        c = Word(left >> 32) ^ d ^ second;
        d = Word(left);
        first += 0x9E3779B9u;
        second += 0xBB67AE85u;
    }
    return Words{{a, b, c, d}};
}

// How many calls the threads make together, if each call gives `each` values.
__device__ Index calls(const Draw& draw, int each) {
    const Index round = draw.threads * (draw.vector == 1 ? each : draw.vector);
    return ((draw.n + round - 1) / round) * (draw.vector == 1 ? 1 : (draw.vector + 3) / 4) * draw.threads;
}

__device__ Words words_of(const Draw& draw, const Stream& stream, Index i) {
    return philox(stream.seed, stream.call + Wide(i / draw.threads), Wide(i % draw.threads));
}

// The element that gets value k of call i, counted over all threads; n or more: none does.
__device__ Index place(const Draw& draw, Index i, int k, int each) {
    const Index call = i / draw.threads, thread = i % draw.threads;
    if (draw.vector == 1) return (call * each + k) * draw.threads + thread;
    if (k >= draw.vector) return draw.n;
    const Index parts = (draw.vector + 3) / 4;
    return (call / parts * draw.threads + thread) * draw.vector + call % parts * 4 + k;
}

// --- values of a call: four in float, two in double ----------------------------------------------------------------

template <typename T>
struct Of {};

template <>
struct Of<float> {
    typedef Word Whole;
    static const int each = 4;
    float value[4];

    __device__ static Whole whole(const Words& words, int k) { return words.at[k]; }

    __device__ static float unit(Word word) { return float(word) * 2.3283064365386963e-10f + 1.1641532182693481e-10f; }

    __device__ void units(const Words& words) {
        for (int k = 0; k < 4; ++k) value[k] = unit(words.at[k]);
    }

    __device__ void normals(const Words& words) {
        const float turn = 2.3283064365386963e-10f * 6.2831855f;
        for (int k = 0; k < 4; k += 2) {
            const float radius = sqrtf(-2.0f * logf(unit(words.at[k])));
            const float angle = fmaf(float(words.at[k + 1]), turn, turn / 2.0f);
#ifdef __CUDA_ARCH__
            float sine, cosine;
            __sincosf(angle, &sine, &cosine);
#else
            const float sine = sinf(angle), cosine = cosf(angle);
#endif
            value[k] = sine * radius;
            value[k + 1] = cosine * radius;
        }
    }
};

template <>
struct Of<double> {
    typedef Wide Whole;
    static const int each = 2;
    double value[2];

    __device__ static Whole whole(const Words& words, int k) { return Wide(words.at[2 * k]) << 32 | words.at[2 * k + 1]; }

    __device__ static double bits(const Words& words, int k) {
        return double(Wide(words.at[2 * k]) ^ Wide(words.at[2 * k + 1]) << 21);
    }

    __device__ void units(const Words& words) {
        for (int k = 0; k < 2; ++k) value[k] = bits(words, k) * 1.1102230246251565e-16 + 5.5511151231257827e-17;
    }

    __device__ void normals(const Words& words) {
        const double radius = sqrt(-2.0 * log(bits(words, 0) * 1.1102230246251565e-16 + 5.5511151231257827e-17));
        const double turns = bits(words, 1) * 2.2204460492503131e-16 + 1.1102230246251565e-16;
#ifdef __CUDA_ARCH__
        double sine, cosine;
        sincospi(turns, &sine, &cosine);
#else
        const double sine = sin(turns * 3.14159265358979323846), cosine = cos(turns * 3.14159265358979323846);
#endif
        value[0] = sine * radius;
        value[1] = cosine * radius;
    }
};

// --- fills ----------------------------------------------------------------------------------------------------------

// Whole words: of 32 bits for float, of 64 for double.
template <typename T>
__global__ void words(typename Of<T>::Whole* __restrict__ out, Draw draw, const Wide* seed_at, const Wide* offset_at) {
    const Stream stream(draw, seed_at, offset_at);
    EACH(i, calls(draw, Of<T>::each)) {
        const Words drawn = words_of(draw, stream, i);
        for (int k = 0; k < Of<T>::each; ++k) {
            const Index at = place(draw, i, k, Of<T>::each);
            if (at < draw.n) out[at] = Of<T>::whole(drawn, k);
        }
    }
}

// u span + first with u in (0, 1]; what is `last` becomes `first`.
template <typename T>
__global__ void uniform(T* __restrict__ out, Draw draw, const Wide* seed_at, const Wide* offset_at, double first,
                        double span, double last) {
    const Stream stream(draw, seed_at, offset_at);
    EACH(i, calls(draw, Of<T>::each)) {
        Of<T> drawn;
        drawn.units(words_of(draw, stream, i));
        for (int k = 0; k < Of<T>::each; ++k) {
            const Index at = place(draw, i, k, Of<T>::each);
            const T value = fma(drawn.value[k], T(span), T(first));
            if (at < draw.n) out[at] = value == T(last) ? T(first) : value;
        }
    }
}

template <typename T>
__global__ void normal(T* __restrict__ out, Draw draw, const Wide* seed_at, const Wide* offset_at, double mean,
                       double deviation) {
    const Stream stream(draw, seed_at, offset_at);
    EACH(i, calls(draw, Of<T>::each)) {
        Of<T> drawn;
        drawn.normals(words_of(draw, stream, i));
        for (int k = 0; k < Of<T>::each; ++k) {
            const Index at = place(draw, i, k, Of<T>::each);
            if (at < draw.n) out[at] = fma(drawn.value[k], T(deviation), T(mean));
        }
    }
}

// `scale` where u < kept, else 0, with u of float for both types.
template <typename T>
__global__ void dropout(T* __restrict__ out, Draw draw, const Wide* seed_at, const Wide* offset_at, double kept,
                        double scale) {
    const Stream stream(draw, seed_at, offset_at);
    EACH(i, calls(draw, 4)) {
        Of<float> drawn;
        drawn.units(words_of(draw, stream, i));
        for (int k = 0; k < 4; ++k) {
            const Index at = place(draw, i, k, 4);
            if (at < draw.n) out[at] = T(drawn.value[k]) < T(kept) ? T(scale) : T(0);
        }
    }
}

// Exchange the values of equal neighbouring keys, an island of s: i = s - 1, ..., 1 with w mod (i + 1), w the words, one
// after the other, of the thread with the number of the island's first place. T is of no effect.
template <typename T>
__global__ void islands(const Wide* __restrict__ keys, Index* __restrict__ values, Draw draw, const Wide* seed_at,
                        const Wide* offset_at) {
    const Stream stream(draw, seed_at, offset_at);
    EACH(first, draw.n) {
        if (first > 0 && keys[first - 1] == keys[first]) continue;
        Index size = 1;
        while (first + size < draw.n && keys[first + size] == keys[first]) ++size;
        Words drawn = {{0, 0, 0, 0}};
        for (Index i = size - 1, taken = 0; i > 0; --i, ++taken) {
            if (taken % 4 == 0) drawn = philox(stream.seed, stream.call + Wide(taken / 4), Wide(first));
            const Index other = drawn.at[taken % 4] % Word(i + 1);
            const Index held = values[first + i];
            values[first + i] = values[first + other];
            values[first + other] = held;
        }
    }
}

// --- functions as torch's random kernels take them: in float, a GPU's fast ones --------------------------------------

#ifdef __CUDA_ARCH__
__device__ float fast_log(float x) { return __logf(x); }
__device__ float fast_exp(float x) { return __expf(x); }
__device__ float fast_tan(float x) { return __tanf(x); }
#else
__device__ float fast_log(float x) { return logf(x); }
__device__ float fast_exp(float x) { return expf(x); }
__device__ float fast_tan(float x) { return tanf(x); }
#endif
__device__ double fast_log(double x) { return log(x); }
__device__ double fast_exp(double x) { return exp(x); }
__device__ double fast_tan(double x) { return tan(x); }

template <typename T>
__global__ void logarithm(const T* __restrict__ x, T* __restrict__ out, Index n) {
    EACH(i, n) out[i] = fast_log(x[i]);
}

template <typename T>
__global__ void exponential(const T* __restrict__ x, T* __restrict__ out, Index n) {
    EACH(i, n) out[i] = fast_exp(x[i]);
}

template <typename T>
__global__ void tangent(const T* __restrict__ x, T* __restrict__ out, Index n) {
    EACH(i, n) out[i] = fast_tan(x[i]);
}

template <typename T>
__global__ void multiply_add(const T* __restrict__ x, T* __restrict__ out, Index n, double scale, double shift) {
    EACH(i, n) out[i] = fma(x[i], T(scale), T(shift));
}
