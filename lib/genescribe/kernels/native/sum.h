// The sum-product recurrence over one chain in one direction: blocked/sum.py in C++. Included once an instruction set,
// inside its namespace.
//
// A block is stepped through in exponentials, and again in the log domain where these leave the range [tiny, HUGE_]
// other than by a zero to which nothing leads.

constexpr double LEAST = 1e-300;  // exponentials below this may have lost digits

class Direction : public Sources {
  public:
    Buffer<double> picked;  // (count, C): U at the places that are asked for

    // U is kept aside at `places`, ascending boundaries.
    Direction(const Table &t, const Exponentials &exponentials, const Chain &x, bool is_mirrored, bool all,
              const int64_t *places, int64_t count)
        : Sources(t, exponentials, x, is_mirrored, all), picked(size_t(count) * C), places(places), count(count),
          ends_log(size_t(SIZE) * width), ending(size_t(SIZE) * width), into_exp(size_t(SIZE) * width),
          out_exp(size_t(SIZE) * width), last_leave(width), row(width > e.wide ? width : e.wide),
          row_exp(width > e.wide ? width : e.wide), running_on(width), open(width), active(size_t(width) * SIZE),
          actives(width) {}

    void run() {
        picked.fill(size_t(count) * C, NEVER);
        double before = 0;
        for (int64_t block = 0; block < blocks; block++) {
            begin(block, before, asked(block));
            exponentials_of(block);
            const double shift = recentre(block, before);
            linear[block] = !lost && e.by_bits && steps(block);
            if (!linear[block]) steps_log(block, shift);
            before += shift;
            keep(block);
            const double *last = leave + slot(block * SIZE + SIZE - 1);
            for (int c = 0; c < live; c += WIDTH)
                store(last_leave + c, linear[block] ? log_(load(last + c)) : load(last + c));
            for (int c = live; c < width; c++) last_leave[c] = NEVER;
            pick(block);
        }
    }

  private:
    const int64_t *places;          // boundaries
    const int64_t count;
    int64_t next_pick = 0;
    Buffer<double> ends_log, ending, into_exp, out_exp, last_leave, row, row_exp;
    Buffer<double> running_on;      // (width): segments of geometric labels that began in the block
    Buffer<int64_t> open;           // (width): bit k: a segment began k bases before, and lives
    Buffer<uint8_t> active;         // (chunks, SIZE): bases of the block at which segments of other labels begin
    Buffer<int> actives;            // (chunks): how many

    // Whether one of the places lies in the block.
    bool asked(int64_t block) const { return next_pick < count && index_of(next_pick) < (block + 1) * SIZE; }

    // The base behind a place, in this direction.
    int64_t index_of(int64_t pick) const { return mirrored ? n - places[count - 1 - pick] : places[pick]; }

    // Keep U at the places in the block, in the order of the places; none stands behind the last base.
    void pick(int64_t block) {
        for (; next_pick < count; next_pick++) {
            const int64_t row_ = mirrored ? count - 1 - next_pick : next_pick;
            const int64_t i = index_of(next_pick);
            if (i >= (block + 1) * SIZE) return;
            for (int c = 0; i < n && c < C; c++) {
                const double x = entry[slot(i) + c];
                picked[row_ * C + c] = !linear[block] ? x : x > 0 ? log_(x) : NEVER;
            }
        }
    }

    void exponentials_of(int64_t block) {
        for (int j = 0; j < SIZE; j++)
            for (int c = 0; c < live; c += WIDTH) {
                const int64_t at = j * width + c;
                store(into_exp + at, exp_(load(into + slot(block * SIZE) + at)));
                store(out_exp + at, exp_(load(out + slot(block * SIZE) + at)));
            }
    }

    // Choose the whole number near the largest A of the block and take it out: `totals` to `ending`. Return it.
    double recentre(int64_t block, double before) {
        const double *out_ = out + slot(block * SIZE);
        for (int j = 0; j < SIZE; j++)
            for (int c = 0; c < live; c += WIDTH) store(ending + j * width + c, vec{});
        for (int c = 0; c < C; c++) {
            const double *total = totals + c * SIZE;
            for (int j = 0; tops[c] > HARDLY && j < SIZE; j++) ending[j * width + c] = total[j];
            row[c] = block ? last_leave[c] : first(c);
        }
        for (int c = C; c < width; c++) tops[c] = row[c] = NEVER, least_total[c] = HUGE_;
        for (int c = width; c < e.wide; c++) row[c] = NEVER;
        vec tallest = splat(NEVER);
        for (int c = 0; c < live; c += WIDTH) {
            vec most = {}, high = splat(NEVER);
            for (int j = 0; j < SIZE; j++) {
                const vec x = load(ending + j * width + c);
                most = larger(most, x * load(out_exp + j * width + c));
                high = larger(high, x > vec{} ? load(out_ + j * width + c) : splat(NEVER));
            }
            // Where the product underflows a bound will do: what is wanted is a whole number near it.
            tallest = larger(tallest, load(tops + c) + (most > vec{} ? log_(most) : high));
        }
        // What ended before leads on, whatever may follow of its own label.
        for (int c = 0; c < width; c += WIDTH) tallest = larger(tallest, load(row + c));
        const double top = largest(tallest);
        const double shift = top < HARDLY ? 0. : std::rint(top);
        offset[block] = before + shift;
        for (int c = 0; c < width; c += WIDTH) {
            vec factor = load(tops + c) < HARDLY ? vec{} : exp_(load(tops + c) - shift);
            for (int j = 0; c < live && j < SIZE; j++)
                store(ending + j * width + c, load(ending + j * width + c) * factor);
            store(base + block * width + c, offset[block] - load(level + block * width + c));
            store(least_total + c, load(least_total + c) * factor);
            store(row + c, load(row + c) < HARDLY ? splat(NEVER) : load(row + c) - shift);
        }
        // Sums that are not zero must not become zero.
        for (int c = 0; c < C; c++) lost |= tops[c] > HARDLY && least_total[c] < LEAST;
        return shift;
    }

    // Step through the block in the exponential domain; false where the result is not to be trusted.
    bool steps(int64_t block) {
        const int64_t t0 = block * SIZE;
        double *entry_ = entry + slot(t0), *leave_ = leave + slot(t0), *before = row_exp;
        uint64_t left = 0;  // bit p: something ends with label p here
        for (int c = 0; c < e.wide || c < width; c++) before[c] = 0;
        for (int c = 0; c < width; c += WIDTH) {
            left |= uint64_t(bits(load(row + c) > splat(HARDLY))) << c;
            store(before + c, exp_(load(row + c)));
            store(running_on + c, vec{});
            std::memset(open + c, 0, sizeof(int64_t) * WIDTH);
            actives[c / WIDTH] = 0;
        }
        Checks checks;
        int64_t at_phase = phase(t0);
        for (int j = 0; j < SIZE; j++) {
            uint64_t following = 0;
            for (int c = 0; c < live; c += WIDTH) {
                const int at_ = j * width + c;
                const bool started = block + j > 0;
                const vec u = started ? step_from(before, at_phase, c, j ? live : width) : load(before + c);
                const ivec led = started ? (e.leads_at(mirrored, at_phase, table.period, c) & int64_t(left)) != 0
                                         : load(row + c) > splat(HARDLY);
                store(entry_ + at_, u);
                const vec a = step_to(block, j, c, u, led, checks);
                store(leave_ + at_, a);
                checks.most = larger(checks.most, larger(u, a));
                checks.least = smaller(checks.least, led ? u : splat(HUGE_));
                checks.poison += a * 0.;
                following |= uint64_t(bits(a > vec{})) << c;
            }
            std::memcpy(before, leave_ + j * width, sizeof(double) * live);
            left = following;
            at_phase = next_phase(at_phase);
        }
        return checks.passed(e.tiny);
    }

    // What must hold for exponentials to be trusted: all values finite, and none below `tiny` but for nothing.
    struct Checks {
        vec least = splat(HUGE_), most = {}, poison = {};  // poison: 0 as long as all is finite
        bool passed(double tiny) const {
            const double top = largest(most);
            return sum(poison) == 0 && top < HUGE_ && -largest(-least) >= tiny * (top > 1. ? top : 1.);
        }
    };

    // A after a base, of one vector of labels, from U before it.
    vec step_to(int64_t block, int j, int c, vec u, ivec led, Checks &checks) {
        const int at_ = j * width + c;
        const int64_t row_at = slot(block * SIZE + j) + c;
        vec w = u * load(into_exp + at_), going = load(running_on + c) * load(e.onward_factor + c) + w;
        ivec begun = led & (load(into + row_at) > splat(HARDLY));
        ivec opened = load_whole(open + c) << 1 | (begun & 1);
        // What begins here must be there still when it is read as a source.
        checks.least = smaller(checks.least, begun & (w < splat(LEAST)) ? vec{} : splat(HUGE_));
        store(near_sources + at_, w);
        uint8_t *some = active + c / WIDTH * SIZE;
        int &count = actives[c / WIDTH];
        if (bits((w > vec{}) & e.explicit_at(c))) some[count++] = uint8_t(j);
        if (forbids) {
            const ivec stop = forbidden(block, j, c);
            if (bits(stop)) {
                going = stop ? vec{} : going;
                // Where a label is forbidden for long, nothing of it is left to be cleared.
                const bool some_open = bits(stop & (opened != 0));
                opened = opened & ~stop;
                for (int s = 0; some_open && s <= j; s++) {
                    double *x = near_sources + s * width + c;
                    store(x, stop ? vec{} : load(x));
                }
            }
        }
        store(running_on + c, going);
        store_whole(open + c, opened);
        vec a = load(ending + at_), b = going * load(e.first_factor + c);
        const ivec ends = ((a > vec{}) | ((opened & e.lasts_at(c)) != 0)) & (load(out + row_at) > splat(HARDLY));
        const double *d = e.near + j * width + c, *x = near_sources + c;
        int k = 0;
        for (; k + 1 < count; k += 2) {
            a += load(x + some[k] * width) * load(d - some[k] * width);
            b += load(x + some[k + 1] * width) * load(d - some[k + 1] * width);
        }
        if (k < count) a += load(x + some[k] * width) * load(d - some[k] * width);
        a = (a + b) * load(out_exp + at_);
        checks.least = smaller(checks.least, ends ? a : splat(HUGE_));
        return a;
    }

    int64_t next_phase(int64_t at) const {
        at += mirrored ? -1 : 1;
        return at < 0 ? table.period - 1 : at == table.period ? 0 : at;
    }

    vec step_from(const double *before, int64_t at_phase, int c, int from) const {
        const double *step = e.steps(mirrored, at_phase, table.period) + c;
        const Leaders::Some leading = e.leading(mirrored, at_phase, table.period, c, from);
        vec a = {}, b = {};
        int i = 0;
        for (; i + 1 < leading.count; i += 2) {
            const int p = leading.labels[i], q = leading.labels[i + 1];
            a += before[p] * load(step + p * width);
            b += before[q] * load(step + q * width);
        }
        if (i < leading.count) a += before[leading.labels[i]] * load(step + leading.labels[i] * width);
        return a + b;
    }

    // Step through the block in the log domain.
    void steps_log(int64_t block, double shift) {
        int64_t t0 = block * SIZE;
        ends_in_logs(block, shift);
        for (int j = 0; j < SIZE; j++) {
            const double *step = e.steps_log(mirrored, phase(t0 + j), table.period);
            const double *before = j ? leave + slot(t0 + j - 1) : (const double *)row;
            const int from = j && live < C ? live : C;
            for (int c = 0; c < live; c += WIDTH) {
                const int at_ = j * width + c;
                vec u = block + j ? step_from_log(before, step + c, from) : load(row + c);
                store(entry + slot(t0) + at_, u);
                vec w = u + load(into + slot(t0) + at_);
                store(near_sources + at_, u < HARDLY ? splat(NEVER) : w);
                vec from = forbids ? load(alive + slot(t0) + at_) - double(t0) : vec{};
                vec top = load(ends_log + at_), total = {};
                for (int s = 0; s <= j; s++) {
                    vec x = load(near_sources + s * width + c) + load(e.near_log + (j - s) * width + c);
                    top = larger(top, from <= splat(double(s)) ? x : splat(NEVER));
                }
                for (int s = 0; s <= j; s++) {
                    vec x = load(near_sources + s * width + c) + load(e.near_log + (j - s) * width + c);
                    total += from <= splat(double(s)) ? exp_(x - top) : vec{};
                }
                total += exp_(load(ends_log + at_) - top);
                vec a = top + log_(total) + load(out + slot(t0) + at_);
                store(leave + slot(t0) + at_, (top < HARDLY) | (a < HARDLY) ? splat(NEVER) : a);
            }
        }
    }

    // Of the labels before `from`.
    vec step_from_log(const double *before, const double *step, int from) const {
        vec top = splat(NEVER), total = {};
        for (int p = 0; p < from; p++) top = larger(top, before[p] + load(step + p * width));
        for (int p = 0; p < from; p++) total += exp_(before[p] + load(step + p * width) - top);
        return top < HARDLY ? splat(NEVER) : top + log_(total);
    }

    // Log-sums over the segments that began before this block, less the offset, to `ends_log`.
    void ends_in_logs(int64_t block, double shift) {
        for (int c = 0; c < live; c++) {
            alignas(64) double given[SIZE];
            const double injected_top = c >= C || alive_before[c] > 0 ? NEVER : injections(block, c, given);
            for (int j = 0; j < SIZE; j++) {
                double x = NEVER;
                if (c < C && j < cut[c]) {
                    const double total = tops[c] < HARDLY ? 0. : totals[c * SIZE + j];
                    x = total < TINY ? sum_again(block, c, j) : tops[c] + log_(total);
                    if (total < TINY && rest[c] > HARDLY) x = log_add(x, rest[c] + table.ramp[c * SIZE + j]);
                    if (total < TINY && injected_top > HARDLY && given[j] > HARDLY) x = log_add(x, given[j]);
                }
                ends_log[j * width + c] = x < HARDLY ? NEVER : x - shift;
            }
        }
    }
};
