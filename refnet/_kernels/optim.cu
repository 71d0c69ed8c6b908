// Steps of optimizers, one launch for up to MOST tensors: their addresses come by value. A block takes a chunk of a
// tensor at a time. Numbers are rounded to the parameters' type, as in the array form.

#define MOST 56
#define CHUNK 1024

struct Tensors {
    void* parameter[MOST];
    void* gradient[MOST];
    void* first[MOST];    // velocity, or first moment
    void* second[MOST];   // second moment
    void* largest[MOST];  // of the second moments so far
    void* step[MOST];     // steps taken, a float32 or float64 each, on the GPU
    Index size[MOST];
    Index chunks[MOST];  // of this tensor and all before it
};

#define IN(list, member, t) (static_cast<T*>(list.member[t]))

// Stride over the chunks of all tensors: t the tensor, i an element of it.
#define EACH_ELEMENT(list, count, t, i)                                                                           \
    for (Index chunk = blockIdx.x; chunk < list.chunks[count - 1]; chunk += gridDim.x)                            \
        for (int t = tensor_of(list, chunk), once = 1; once; once = 0)                                            \
            for (Index i = (chunk - (t ? list.chunks[t - 1] : 0)) * CHUNK + threadIdx.x,                          \
                       end = min(list.size[t], i - threadIdx.x + CHUNK);                                          \
                 i < end; i += blockDim.x)

__device__ int tensor_of(const Tensors& list, Index chunk) {
    int t = 0;
    while (chunk >= list.chunks[t]) ++t;
    return t;
}

template <typename T>
__global__ void sgd(Tensors list, Index count, Index begins, Index nesterov, Index maximize, double lr,
                    const double* __restrict__ lr_there, double momentum, double keep, double decay) {
    const T rate = T(lr_there ? *lr_there : lr);
    EACH_ELEMENT(list, count, t, i) {
        T* theta = IN(list, parameter, t) + i;
        T g = IN(list, gradient, t)[i];
        if (maximize) g = -g;
        if (decay != 0) g = g + T(decay) * *theta;
        if (momentum != 0) {
            T* velocity = IN(list, first, t) + i;
            *velocity = begins ? g : T(momentum) * *velocity + T(keep) * g;
            g = nesterov ? g + T(momentum) * *velocity : *velocity;
        }
        *theta = *theta - rate * g;
    }
}

// One step more for every tensor: a launch of its own, before those that read the number.
template <typename T>
__global__ void count_steps(Tensors list, Index count, Index wide) {
    EACH(t, count) {
        if (wide) *static_cast<double*>(list.step[t]) += 1;
        else *static_cast<float*>(list.step[t]) += 1;
    }
}

// first and second: 1 - beta1^t and 1 - beta2^t, where the steps are counted on the host; else both are found here, from
// the counters.
template <typename T>
__global__ void adam(Tensors list, Index count, Index counted, Index wide, Index amsgrad, Index decoupled,
                     Index maximize, double lr, const double* __restrict__ lr_there, double beta1, double beta2,
                     double eps, double decay, double first, double second) {
    const double rate = lr_there ? *lr_there : lr;
    EACH_ELEMENT(list, count, t, i) {
        double without_first = first, without_second = second;
        if (counted) {
            const double steps = wide ? *static_cast<double*>(list.step[t]) : *static_cast<float*>(list.step[t]);
            without_first = 1 - pow(beta1, steps);
            without_second = 1 - pow(beta2, steps);
        }
        T theta = IN(list, parameter, t)[i], g = IN(list, gradient, t)[i];
        T m = IN(list, first, t)[i], v = IN(list, second, t)[i];
        if (maximize) g = -g;
        if (decay != 0) {
            if (decoupled) theta = theta * T(1 - rate * decay);
            else g = g + T(decay) * theta;
        }
        const double weight = 1 - beta1;
        m = weight < 0.5 ? m + T(weight) * (g - m) : g - (g - m) * T(1 - weight);
        v = v * T(beta2);
        v = v + T(1 - beta2) * g * g;
        IN(list, first, t)[i] = m;
        IN(list, second, t)[i] = v;
        if (amsgrad) {
            T* largest = IN(list, largest, t) + i;
            v = *largest > v || *largest != *largest ? *largest : v;
            *largest = v;
        }
        const T denominator = T(sqrt(v)) / T(sqrt(without_second)) + T(eps);
        IN(list, parameter, t)[i] = theta + T(-rate / without_first) * m / denominator;
    }
}
