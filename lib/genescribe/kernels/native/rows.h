// What is worked out of rows of scores by themselves. Included once an instruction set, inside its namespace.

// Log posteriors of channels, mixed with doubt: see channel_scores.py, which has the equations.
inline void log_posteriors(const LogPosteriors &x) {
    const int64_t n = x.channels, padded = (n + WIDTH - 1) / WIDTH * WIDTH;
    Buffer<double> row(padded), inside(padded);  // inside: 1 where a channel is not coding
    for (int64_t c = 0; c < padded; c++) inside[c] = c < n && x.noncoding[c] ? 1. : 0.;
    for (int64_t i = 0; i < x.rows; i++) {
        const float *logits = x.logits + i * n;
        double top = logits[0];
        for (int64_t c = 1; c < n; c++) top = logits[c] > top ? logits[c] : top;
        for (int64_t c = 0; c < padded; c++) row[c] = c < n ? logits[c] - top : -1e4;
        vec sums = {};
        for (int64_t c = 0; c < padded; c += WIDTH) {
            store(row + c, exp_(load(row + c)));
            sums += load(row + c);
        }
        const double factor = (1. - x.floor) / sum(sums), doubt = x.floor / double(n);
        vec together = {};
        for (int64_t c = 0; c < padded; c += WIDTH) {
            const vec mixed = load(row + c) * factor + doubt;
            together += mixed * load(inside + c);
            store(row + c, log_(mixed));
        }
        const double all = log_(sum(together)), share = x.share;
        float *to = x.output + i * n;
        for (int64_t c = 0; c < n; c++) to[c] = float(inside[c] ? all + share * (row[c] - all) : row[c]);
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
