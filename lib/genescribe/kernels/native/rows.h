// What is worked out of rows of scores by themselves. Included once an instruction set, inside its namespace.

// Log posteriors of channels, mixed with doubt: see channel_scores.py, which has the equations. A lane is a row.
inline void log_posteriors(const LogPosteriors &x) {
    const int64_t n = x.channels;
    const float kept = float(1. - x.floor), doubt = float(x.floor / double(n)), share = float(x.share);
    Buffer<float> columns(size_t(n) * LANES);
    for (int64_t row = 0; row < x.rows; row += LANES) {
        const int64_t count = x.rows - row < LANES ? x.rows - row : LANES;
        const float *logits = x.logits + row * n;
        for (int64_t r = 0; r < LANES; r++)
            for (int64_t c = 0; c < n; c++) columns[c * LANES + r] = logits[(r < count ? r : 0) * n + c];
        fvec top = load_floats(columns), total = {}, together = {};
        for (int64_t c = 1; c < n; c++) {
            const fvec each = load_floats(columns + c * LANES);
            top = each > top ? each : top;
        }
        for (int64_t c = 0; c < n; c++) {
            const fvec each = exp_floats(load_floats(columns + c * LANES) - top);
            store_floats(columns + c * LANES, each);
            total += each;
        }
        const fvec factor = kept / total;
        for (int64_t c = 0; c < n; c++) {
            const fvec mixed = load_floats(columns + c * LANES) * factor + doubt;
            if (x.noncoding[c]) together += mixed;
            store_floats(columns + c * LANES, log_floats(mixed));
        }
        const fvec all = log_floats(together);
        for (int64_t c = 0; c < n; c++) {
            if (!x.noncoding[c]) continue;
            store_floats(columns + c * LANES, all + share * (load_floats(columns + c * LANES) - all));
        }
        for (int64_t r = 0; r < count; r++)
            for (int64_t c = 0; c < n; c++) x.output[(row + r) * n + c] = columns[c * LANES + r];
    }
}

// The largest score, and the least that does not forbid; `poison` is 0 unless one is NaN or infinite.
inline Extent extent(const double *x, int64_t count) {
    vec most = splat(-INFINITY), least = splat(INFINITY), poison = {};
    int64_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH) {
        const vec value = load(x + i);
        const ivec allowed = value != splat(-INFINITY);
        most = larger(most, value);
        least = smaller(least, allowed ? value : splat(INFINITY));
        poison += allowed ? value * 0. : vec{};
    }
    Extent found = {-largest(-least), largest(most), sum(poison)};
    for (; i < count; i++) {
        if (x[i] == -INFINITY) continue;
        found.least = x[i] < found.least ? x[i] : found.least;
        found.most = x[i] > found.most ? x[i] : found.most;
        found.poison += x[i] * 0.;
    }
    return found;
}
