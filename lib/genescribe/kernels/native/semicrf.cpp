// The C interface: the model's tables, the choice of the instruction set, threads over chains.
#include "semicrf.h"

#include "model.h"

#include <atomic>
#include <exception>
#include <thread>

namespace genescribe {
namespace {

// Largest score of each label, at least 0.
std::vector<double> best(const Chain *chains, int64_t count, int64_t labels, const double *Chain::*field) {
    std::vector<double> top(labels, 0.);
    for (int64_t b = 0; b < count; b++)
        if (const double *x = chains[b].*field)
            for (int64_t i = 0; i < chains[b].length; i++, x += labels)
                for (int64_t c = 0; c < labels; c++) top[c] = std::max(top[c], x[c]);
    return top;
}

// Run `work` on 0 .. count - 1 in so many threads. What is computed does not depend on their number.
template <typename Work>
int in_threads(int64_t count, int64_t threads, Work work) {
    std::atomic<int64_t> next(0);
    std::atomic<int> failed(0);
    auto loop = [&] {
        try {
            for (int64_t i = next++; i < count && !failed; i = next++) work(i);
        } catch (const std::exception &) {
            failed = 1;
        }
    };
    std::vector<std::thread> others;
    for (int64_t i = 1; i < std::min(threads, count); i++) others.emplace_back(loop);
    loop();
    for (auto &thread : others) thread.join();
    return failed;
}

}  // namespace

const Kernels &kernels(const char *name) {
#ifdef GENESCRIBE_X86
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    if (avx512 && (!*name || !std::strcmp(name, "avx512"))) return kernels_avx512;
    if (avx2 && (!*name || !std::strcmp(name, "avx2"))) return kernels_avx2;
#else
    (void)name;
#endif
    return kernels_baseline;
}

}  // namespace genescribe

using namespace genescribe;

extern "C" {

// Version of this interface: what loads the library compares it with its own.
API int64_t genescribe_semicrf_version() { return 8; }

// Name of the instruction set that `isa` (empty: the best one) gives on this machine.
API const char *genescribe_semicrf_isa(const char *isa) {
    const Kernels &k = kernels(isa);
#ifdef GENESCRIBE_X86
    if (&k == &kernels_avx512) return "avx512";
    if (&k == &kernels_avx2) return "avx2";
#endif
    (void)k;
    return "baseline";
}

// log Z of each chain to `log_z`, the wanted counts to `counts` (filled by the caller: messages with -inf, all else with zeros). 0, or 1: out of memory.
API int64_t genescribe_semicrf_expectation(const Model *model, const Chain *chains, const Counts *counts, double *log_z,
                                       int64_t count, int64_t threads, const char *isa) {
    try {
        Tables tables(*model);
        tables.bound_growth(best(chains, count, model->labels, &Chain::begin),
                            best(chains, count, model->labels, &Chain::end));
        const Kernels &k = kernels(isa);
        void *prepared = k.prepare(tables.table);
        int failed = in_threads(count, threads, [&](int64_t i) {
            log_z[i] = k.expectation(tables.table, prepared, chains[i], counts[i]);
        });
        k.release(prepared);
        return failed;
    } catch (const std::exception &) {
        return 1;
    }
}

// Outputs of a layer of local features and units of an LSTM come in multiples of this.
API int64_t genescribe_lanes(const char *isa) { return kernels(isa).lanes; }

// 0, or 1: out of memory.
API int64_t genescribe_local_layer(const LocalLayer *layer, const char *isa) {
    return in_threads(1, 1, [&](int64_t) { kernels(isa).local_layer(*layer); });
}

API int64_t genescribe_linear_map(const LinearMap *call, const char *isa) {
    kernels(isa).linear_map(*call);
    return 0;
}

// 0, or 1: out of memory.
API int64_t genescribe_log_posteriors(const LogPosteriors *call, const char *isa) {
    return in_threads(1, 1, [&](int64_t) { kernels(isa).log_posteriors(*call); });
}

API void genescribe_extent(const double *x, int64_t count, Extent *found, const char *isa) {
    *found = kernels(isa).extent(x, count);
}

// So many layers that do not need each other. 0, or 1: out of memory.
API int64_t genescribe_lstm_layers(const LstmLayer *layers, int64_t count, int64_t threads, const char *isa) {
    const Kernels &k = kernels(isa);
    return in_threads(count, threads, [&](int64_t i) { k.lstm_layer(layers[i]); });
}
}
