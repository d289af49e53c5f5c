// What the chains of one model share, for the sum. Included once an instruction set, inside its namespace.
//
// Rows of labels are padded to `width`, a multiple of WIDTH; padding lanes hold neutral values throughout.

inline int padded(int labels) { return (labels + WIDTH - 1) / WIDTH * WIDTH; }

// Exponentials of a model: made once, read by all chains.
struct Exponentials {
    int width, wide, rows;            // rows: of `near` that hold anything
    Buffer<double> near, near_log;    // (SIZE, width): D(1), D(2), ...
    Buffer<double> far, far_scale;    // per label and lag q: D(q SIZE - 30 .. q SIZE + 32), 2 SIZE each, less their largest
    Buffer<int64_t> far_at;           // first lag of each label, in units of 2 SIZE
    Buffer<double> step, step_log;    // (2, P, wide, width): by direction; wide: labels padded to 4
    Buffer<uint64_t> leads;           // (2, P, width): bit p: label p leads there; only where labels fit, `by_bits`
    Buffer<uint32_t> lasts;           // (width): bit k: a duration of k + 1 is allowed
    const bool by_bits;
    double tiny;

    explicit Exponentials(const Table &t)
        : width(padded(t.labels)), wide((t.labels + 3) / 4 * 4), rows(1), near(size_t(SIZE) * width),
          near_log(size_t(SIZE) * width), far(lags(t) * 2 * SIZE), far_scale(lags(t)), far_at(t.labels),
          step(size_t(2) * t.period * wide * width), step_log(size_t(2) * t.period * wide * width),
          leads(size_t(2) * t.period * width), lasts(width), by_bits(t.labels <= 64) {
        fill_durations(t);
        fill_steps(t);
        double exponent = std::log(TINY) + SIZE * t.growth;
        tiny = exponent < 0 ? std::exp(exponent) : HUGE_;
    }

    const double *steps(bool mirrored, int64_t phase, int period) const {
        return step + (size_t(mirrored) * period + phase) * wide * width;
    }
    const double *steps_log(bool mirrored, int64_t phase, int period) const {
        return step_log + (size_t(mirrored) * period + phase) * wide * width;
    }
    const uint64_t *leads_at(bool mirrored, int64_t phase, int period) const {
        return leads + (size_t(mirrored) * period + phase) * width;
    }

  private:
    static size_t lags(const Table &t) {
        size_t count = 0;
        for (int c = 0; c < t.labels; c++) count += t.blocks[c];
        return count;
    }
    void fill_durations(const Table &t) {
        near_log.fill(size_t(SIZE) * width, NEVER);
        int64_t lag = 0;
        for (int c = 0; c < t.labels; c++) {
            const double *d = t.scores + c * t.stride;
            for (int k = 1; k <= SIZE; k++) {
                near_log[size_t(k - 1) * width + c] = d[k - 1];
                if (d[k - 1] > HARDLY && k > rows) rows = k;
            }
            far_at[c] = lag;
            for (int q = 1; q <= t.blocks[c]; q++, lag++) {
                double *x = far + lag * 2 * SIZE, top = NEVER;
                const double *band = d + (q - 1) * SIZE + 1;  // D((q - 1) SIZE + 2) ..
                for (int m = 0; m < 2 * SIZE - 1; m++) top = band[m] > top ? band[m] : top;
                far_scale[lag] = top;
                for (int m = 0; m < 2 * SIZE - 1; m++) x[m] = band[m] > HARDLY ? exp_(band[m] - top) : 0.;
                x[2 * SIZE - 1] = 0.;
            }
        }
        for (int i = 0; i < SIZE * width; i += WIDTH) store(near + i, exp_(load(near_log + i)));
    }
    void fill_steps(const Table &t) {
        size_t count = size_t(2) * t.period * wide * width;
        step_log.fill(count, NEVER);
        for (int f = 0; f < t.period; f++)
            for (int p = 0; p < t.labels; p++)
                for (int c = 0; c < t.labels; c++) {
                    double x = t.transition[(size_t(f) * t.labels + p) * t.labels + c];
                    step_log[(size_t(f) * wide + p) * width + c] = x;
                    step_log[(size_t(t.period + f) * wide + c) * width + p] = x;
                }
        for (size_t i = 0; i < count; i += WIDTH) store(step + i, exp_(load(step_log + i)));
        for (int f = 0; f < 2 * t.period && by_bits; f++)
            for (int c = 0; c < width; c++) {
                uint64_t bits = 0;
                for (int p = 0; p < t.labels; p++)
                    bits |= uint64_t(step_log[(size_t(f) * wide + p) * width + c] > HARDLY) << p;
                leads[f * width + c] = bits;
            }
        for (int c = 0; c < width; c++) {
            uint32_t bits = 0;
            for (int k = 0; k < SIZE; k++) bits |= uint32_t(near_log[size_t(k) * width + c] > HARDLY) << k;
            lasts[c] = bits;
        }
    }
};
