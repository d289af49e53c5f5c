// The kernels for processors with AVX2.
#include "semicrf.h"

#ifdef GENESCRIBE_X86
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,bmi2")
#endif
#define ISA avx2
#define WIDTH 4
#include "isa.h"

const genescribe::Kernels genescribe::kernels_avx2 = {
    genescribe::avx2::prepare,      genescribe::avx2::release,      genescribe::avx2::expectation,
    genescribe::avx2::prepare_best, genescribe::avx2::release_best, genescribe::avx2::best_part,
    genescribe::avx2::local_layer,   genescribe::avx2::lstm_layer,   genescribe::avx2::log_posteriors,
    genescribe::avx2::extent,        genescribe::avx2::linear_map,    genescribe::avx2::LANES,
};
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
