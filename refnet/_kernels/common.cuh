// What the kernels of every family share. NVRTC compiles this in front of a family's source.

typedef long long Index;

#ifndef INFINITY  // NVRTC has no headers
#define INFINITY (1.0 / 0.0)
#define NAN (0.0 / 0.0)
#endif

// Stride over n elements, one for each thread of the grid at a time.
#define EACH(i, n) \
    for (Index i = blockIdx.x * (Index)blockDim.x + threadIdx.x; i < (n); i += (Index)gridDim.x * blockDim.x)

// Stride over n tasks, one for each block at a time. The body is run by all threads of a block together.
#define EACH_BLOCK(i, n) for (Index i = blockIdx.x; i < (n); i += gridDim.x)

#define THREADS 256  // of a block that reduces

// Those who share a reduction. Every member calls `sum` and `max` alike, and gets the result of all.

struct Alone {  // one thread
    __device__ int rank() const { return 0; }
    __device__ int size() const { return 1; }
    __device__ double sum(double value) const { return value; }
    template <typename T>
    __device__ T max(T value) const { return value; }
};

struct Block {  // the threads of a block
    __device__ int rank() const { return threadIdx.x; }
    __device__ int size() const { return THREADS; }

    __device__ double sum(double value) const {
        __shared__ double part[THREADS];
        part[threadIdx.x] = value;
        __syncthreads();
        for (int half = THREADS / 2; half > 0; half /= 2) {
            if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
            __syncthreads();
        }
        double total = part[0];
        __syncthreads();  // before the next reduction writes
        return total;
    }

    template <typename T>
    __device__ T max(T value) const {  // a nan is passed over
        __shared__ T part[THREADS];
        part[threadIdx.x] = value;
        __syncthreads();
        for (int half = THREADS / 2; half > 0; half /= 2) {
            if (threadIdx.x < half) part[threadIdx.x] = fmax(part[threadIdx.x], part[threadIdx.x + half]);
            __syncthreads();
        }
        T greatest = part[0];
        __syncthreads();
        return greatest;
    }
};

// Windows that slide over planes of up to three dimensions, by value. Number 0 is the outermost dimension; missing ones
// stand in front, with size 1.
struct Window {
    Index size[3], kernel[3], stride[3], padding[3], dilation[3], places[3];
};

#define PLANE(of) (of[0] * of[1] * of[2])
