// The kernels for any processor.
#include "semicrf.h"

#define ISA baseline
#define WIDTH 2
#include "isa.h"

const genescribe::Kernels genescribe::kernels_baseline = {
    genescribe::baseline::prepare,      genescribe::baseline::release,      genescribe::baseline::expectation,
    genescribe::baseline::prepare_best, genescribe::baseline::release_best, genescribe::baseline::best_part,
    genescribe::baseline::local_layer,   genescribe::baseline::lstm_layer,   genescribe::baseline::log_posteriors,
    genescribe::baseline::extent,        genescribe::baseline::linear_map,    genescribe::baseline::LANES,
};
