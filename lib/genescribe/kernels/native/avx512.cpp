// The kernels for processors with AVX512.
#include "semicrf.h"

#ifdef GENESCRIBE_X86
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,bmi2")
#endif
#define ISA avx512
#define WIDTH 8
#include "isa.h"

const genescribe::Kernels genescribe::kernels_avx512 = {
    genescribe::avx512::prepare,      genescribe::avx512::release,      genescribe::avx512::expectation,
    genescribe::avx512::prepare_best, genescribe::avx512::release_best, genescribe::avx512::best_part,
    genescribe::avx512::local_layer,   genescribe::avx512::lstm_layer,   genescribe::avx512::log_posteriors,
    genescribe::avx512::extent,        genescribe::avx512::linear_map,    genescribe::avx512::LANES,
};
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
