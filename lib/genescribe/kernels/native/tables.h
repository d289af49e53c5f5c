// What the chains of one model share, for the sum. Included once an instruction set, inside its namespace.
//
// Rows of labels are padded to `width`, a multiple of WIDTH; padding lanes hold neutral values throughout.

inline int padded(int labels) { return (labels + WIDTH - 1) / WIDTH * WIDTH; }

// Labels whose segment within a block is one number, carried from base to base: durations without a table.
inline bool is_geometric(const Table &t, int c) {
    return t.tail[c] > HARDLY && t.reach[c] == 1 && std::fabs(t.tail[c]) * SIZE < LARGE;
}

// Which labels lead to any label of a vector, by set of transitions.
class Leaders {
  public:
    struct Some {
        const int *labels;
        int count;
    };

    Leaders(int sets, int labels, int width)
        : labels(labels), width(width), chunks(width / WIDTH), list(size_t(sets) * chunks * labels),
          counts(size_t(sets) * chunks * (chunks + 1)) {}

    // From the scores (labels, width) of a set, source first.
    void fill(int set, const double *step) {
        for (int chunk = 0; chunk < chunks; chunk++) {
            const size_t at = size_t(set) * chunks + chunk;
            int *below = counts + at * (chunks + 1), found = 0;
            for (int p = 0; p < labels; p++) {
                if (p % WIDTH == 0) below[p / WIDTH] = found;
                if (bits(load(step + p * width + chunk * WIDTH) > splat(HARDLY))) list[at * labels + found++] = p;
            }
            below[chunks] = found;
        }
    }
    // Of the labels before `live`, a multiple of WIDTH.
    Some at(int64_t set, int c, int live) const {
        const size_t at = size_t(set) * chunks + c / WIDTH;
        return {list + at * labels, counts[at * (chunks + 1) + live / WIDTH]};
    }

  private:
    const int labels, width, chunks;
    Buffer<int> list, counts;  // (sets, chunks, labels), (sets, chunks, chunks + 1): by where `live` ends
};

// Exponentials of a model: made once, read by all chains.
struct Exponentials {
    int width, wide;
    Buffer<double> near, near_log;    // (SIZE, width): D(1), D(2), ...; `near` is 0 for geometric labels
    Buffer<double> onward_factor, first_factor;  // (width): of geometric labels exp(tail), exp(D(1)); of others 0
    Buffer<double> ramp, ramp_top;    // (C, SIZE), (C): exp of Table::ramp less its largest
    Buffer<double> onward, onward_top;  // the same of Table::onward
    Buffer<double> far, far_scale;    // per label and lag q: D(q SIZE - 30 .. q SIZE + 32), 2 SIZE each, less their largest
    Buffer<int64_t> far_at;           // first lag of each label, in units of 2 SIZE
    Buffer<double> step, step_log;    // (2, P, wide, width): by direction; wide: labels padded to 4
    Buffer<int64_t> leads;            // (2, P, width): bit p: label p leads there; only where labels fit, `by_bits`
    Buffer<int64_t> lasts;            // (width): bit k: a duration of k + 1 is allowed
    Buffer<int64_t> lanes, in_rows;   // (width): -1 for labels, 0 for padding; -1 for labels of which `near` holds all
    Leaders leaders;                  // by direction and phase
    const bool by_bits;
    double tiny;

    explicit Exponentials(const Table &t)
        : width(padded(t.labels)), wide((t.labels + 3) / 4 * 4), near(size_t(SIZE) * width),
          near_log(size_t(SIZE) * width), onward_factor(width), first_factor(width), ramp(size_t(t.labels) * SIZE),
          ramp_top(t.labels), onward(size_t(t.labels) * SIZE), onward_top(t.labels),
          far(lags(t) * 2 * SIZE), far_scale(lags(t)), far_at(t.labels),
          step(size_t(2) * t.period * wide * width), step_log(size_t(2) * t.period * wide * width),
          leads(size_t(2) * t.period * width), lasts(width), lanes(width), in_rows(width),
          leaders(2 * t.period, t.labels, width), by_bits(t.labels <= 64) {
        fill_durations(t);
        fill_tails(t);
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
    ivec leads_at(bool mirrored, int64_t phase, int period, int c) const {
        return load_whole(leads + (size_t(mirrored) * period + phase) * width + c);
    }
    ivec lasts_at(int c) const { return load_whole(lasts + c); }
    ivec explicit_at(int c) const { return load_whole(in_rows + c); }

    // Labels before `live` that lead to any label of the vector at c.
    Leaders::Some leading(bool mirrored, int64_t phase, int period, int c, int live) const {
        return leaders.at(mirrored * period + phase, c, live);
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
    // Geometric labels: what began in a block is one number, carried from base to base.
    void fill_tails(const Table &t) {
        for (int c = 0; c < width; c++) {
            const bool label = c < t.labels, open = label && t.tail[c] > HARDLY;
            const bool geometric = label && is_geometric(t, c);
            onward_factor[c] = geometric ? exp_(t.tail[c]) : 0.;
            first_factor[c] = geometric ? near[c] : 0.;
            lanes[c] = -int64_t(label);
            in_rows[c] = -int64_t(label && !geometric);
            for (int k = 0; geometric && k < SIZE; k++) near[k * width + c] = 0;
            if (!open) continue;
            fill_scaled(t.ramp + c * SIZE, ramp + c * SIZE, ramp_top + c);
            fill_scaled(t.onward + c * SIZE, onward + c * SIZE, onward_top + c);
        }
    }
    static void fill_scaled(const double *logs, double *to, double *top) {
        *top = NEVER;
        for (int j = 0; j < SIZE; j++) *top = logs[j] > *top ? logs[j] : *top;
        for (int j = 0; j < SIZE; j++) to[j] = *top < HARDLY ? 0. : exp_(logs[j] - *top);
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
                uint64_t sources = 0;
                for (int p = 0; p < t.labels; p++)
                    sources |= uint64_t(step_log[(size_t(f) * wide + p) * width + c] > HARDLY) << p;
                leads[f * width + c] = int64_t(sources);
            }
        for (int f = 0; f < 2 * t.period; f++) leaders.fill(f, step_log + size_t(f) * wide * width);
        for (int c = 0; c < width; c++) {
            int64_t allowed = 0;
            for (int k = 0; k < SIZE; k++) allowed |= int64_t(near_log[size_t(k) * width + c] > HARDLY) << k;
            lasts[c] = allowed;
        }
    }
};
