// CUDA C on the host: the few words of the language that kernels use, for g++.
//
// A grid is run block by block, in a given order. The threads of a block are coroutines that take turns at barriers, so
// that shared memory and __syncthreads mean what they do on a GPU. A block whose first thread meets no barrier is run
// thread by thread on the caller's stack.

#pragma once
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include <type_traits>  // and no <string> or <vector>: they would take a fourth of the time to compile a kernel
#include <utility>

struct dim3 {
    unsigned x, y, z;
};

static dim3 threadIdx, blockIdx, blockDim, gridDim;

#define __global__ __attribute__((visibility("hidden")))
#define __device__ inline
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __shared__ static
#define __launch_bounds__(...)

namespace host {

const size_t STACK = 128 << 10;  // bytes a thread
const unsigned MOST = 1024;      // threads a block

// A coroutine that runs the body for one thread of every block, and then waits to run it for the next.
struct Thread {
    jmp_buf here;
    bool started, done;
};

struct Run {  // of a block
    Thread threads[MOST];
    char* stacks = nullptr;
    jmp_buf scheduler;
    Thread* current = nullptr;  // null where a block is run without coroutines
    void (*body)(void*) = nullptr;
    void* argument = nullptr;
    const char* error = nullptr;
};

static Run run;

inline void to_scheduler(Thread* from) {
    if (!_setjmp(from->here)) _longjmp(run.scheduler, 1);
}

inline void live() {
    Thread* const self = run.current;
    for (;;) {
        run.body(run.argument);
        self->done = true;
        to_scheduler(self);
    }
}

inline void barrier() {
    if (run.current) to_scheduler(run.current);
    else run.error = "a barrier that not all threads of a block reach";
}

inline dim3 place(unsigned long long number, dim3 size) {
    return dim3{unsigned(number % size.x), unsigned(number / size.x % size.y), unsigned(number / size.x / size.y)};
}

// Saving and changing a context with swapcontext takes a call of the system; a jump between contexts that exist does not.
inline void start(unsigned number) {
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = run.stacks + number * STACK;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, live, 0);
    setcontext(&context);
}

inline void resume(unsigned number) {
    run.current = &run.threads[number];
    threadIdx = place(number, blockDim);
    if (_setjmp(run.scheduler)) return;
    if (run.current->started) _longjmp(run.current->here, 1);
    run.current->started = true;
    start(number);
}

// The threads of one block in the order given; whoever waits at a barrier waits for all.
inline void one_block(const unsigned* order) {
    const unsigned count = blockDim.x * blockDim.y * blockDim.z;
    if (!run.stacks) run.stacks = new char[MOST * STACK];
    for (unsigned t = 0; t < count; ++t) run.threads[t].done = false;
    resume(order[0]);
    if (run.threads[order[0]].done) {
        run.current = nullptr;
        for (unsigned t = 1; t < count; ++t) {
            threadIdx = place(order[t], blockDim);
            run.body(run.argument);
        }
        return;
    }
    for (unsigned first = 1;; first = 0) {
        unsigned finished = 0;
        for (unsigned t = first; t < count; ++t) resume(order[t]);
        for (unsigned t = 0; t < count; ++t) finished += run.threads[t].done;
        if (finished == count) break;
        if (finished) {
            run.error = "a barrier that not all threads of a block reach";
            for (Thread& each : run.threads) each.started = false;  // they stand in the middle of the kernel
            break;
        }
    }
    run.current = nullptr;
}

template <typename... A, size_t... I>
void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_const_t<A>*>(arguments[I])...);
}

template <typename... A>
struct Bound {
    void (*kernel)(A...);
    void** arguments;
    static void body(void* self) {
        auto* bound = static_cast<Bound*>(self);
        call(bound->kernel, bound->arguments, std::index_sequence_for<A...>());
    }
};

// sizes: grid and block, three numbers each; the orders are permutations of the blocks and of a block's threads
template <typename... A>
const char* launch(void (*kernel)(A...), void** arguments, const unsigned* sizes, const unsigned* blocks,
                   const unsigned* threads) {
    Bound<A...> bound{kernel, arguments};
    run.body = Bound<A...>::body;
    run.argument = &bound;
    run.error = nullptr;
    gridDim = dim3{sizes[0], sizes[1], sizes[2]};
    blockDim = dim3{sizes[3], sizes[4], sizes[5]};
    const unsigned count = gridDim.x * gridDim.y * gridDim.z;
    for (unsigned b = 0; b < count && !run.error; ++b) {
        blockIdx = place(blocks[b], gridDim);
        one_block(threads);
    }
    return run.error;
}

// --- what a kernel's arguments are, as text: "*f4" for const float*, "!f4" for float*, "i8" for long long, "s64" for a struct --------

// Written at `text`; where it ends.
template <typename T>
char* described(char* text) {
    using U = std::remove_cv_t<T>;
    using Target = std::remove_pointer_t<std::conditional_t<std::is_pointer<U>::value, U, char*>>;
    if (std::is_pointer<U>::value) {
        *text = std::is_const<Target>::value ? '*' : '!';
        return described<std::remove_cv_t<Target>>(text + 1);
    }
    const char kind = std::is_same<U, bool>::value       ? 'b'
                      : std::is_floating_point<U>::value ? 'f'
                      : std::is_unsigned<U>::value       ? 'u'
                      : std::is_integral<U>::value       ? 'i'
                                                         : 's';
    return text + sprintf(text, "%c%zu", kind, sizeof(std::conditional_t<std::is_void<U>::value, char, U>));
}

template <typename... A>
const char* signature(void (*)(A...)) {
    static char text[32 * sizeof...(A) + 1];  // a kind, a size and a space take less than 32 each
    char* end = text;
    (..., (end = described<A>(end), *end++ = ' '));
    *(end == text ? end : end - 1) = 0;
    return text;
}

}  // namespace host

inline void __syncthreads() { host::barrier(); }

template <typename T>
inline T min(T a, T b) {
    return b < a ? b : a;
}

template <typename T>
inline T max(T a, T b) {
    return a < b ? b : a;
}
