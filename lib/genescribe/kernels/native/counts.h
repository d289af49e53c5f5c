// log Z, expected counts and messages of one chain. Included once an instruction set, inside its namespace.

// A sum of exp(whole + rest) in the making: the largest is found first.
struct LogSum {
    double whole = 0, total = 0, top = NEVER;
    void look(double w, double rest) { top = rest > HARDLY && w + rest > top ? w + rest : top; }
    void settle() { whole = top < HARDLY ? 0. : std::rint(top); }
    void add(double w, double rest) { total += rest > HARDLY ? exp_(rest + (w - whole)) : 0.; }
};

class Posterior {
  public:
    const Direction &f, &b;
    double z_whole, z;  // log Z, what was taken out of the content aside; z is +inf where there is no segmentation

    Posterior(const Direction &past, const Direction &future) : f(past), b(future), z_whole(0), z(0) {
        LogSum all;
        for (int pass = 0; pass < 2; pass++) {
            each_end([&](double whole, double rest) { pass ? all.add(whole, rest) : all.look(whole, rest); });
            if (!pass) all.settle();
        }
        z_whole = all.whole;
        z = all.total > 0 ? std::log(all.total) : INFINITY;
    }

    double log_z() const { return z == INFINITY ? -INFINITY : z_whole + z + f.shift_total; }

    void counts(const Counts &wanted) const {
        const int C = f.C, width = f.width;
        Buffer<double> covered(width), begins(width), ends(width), onward(width), onto(width);
        covered.fill(width, 0.);
        if (wanted.arrive) arrivals(wanted.arrive);
        if (f.chain.arrive) add_arrivals(covered);
        if (f.chain.whole)
            for (int c = 0; c < C; c++) {
                double x = single(c);
                covered[c] += x;
                if (wanted.whole) wanted.whole[c] = x;
            }
        if (wanted.depart) departures(wanted.depart);
        for (int64_t i = 0; i < f.n; i++) {
            const double *entry = f.entry + i * width, *leave = f.leave + i * width;
            const double *future_ = b.leave + (f.n - 1 - i) * width, *onward_ = b.entry + (f.n - 1 - i) * width;
            double whole = both(i);
            for (int c = 0; c < width; c += WIDTH) {
                store(begins + c, exp_(load(entry + c) + load(future_ + c) + whole));
                store(ends + c, exp_(load(leave + c) + load(onward_ + c) + whole));
                store(covered + c, load(covered + c) + load(begins + c));
            }
            if (wanted.content) {
                std::memcpy(wanted.content + i * C, covered.data, sizeof(double) * C);
                for (int c = 0; f.forbids && c < C; c++)
                    if (f.alive[i * width + c] == double(i + 1)) wanted.content[i * C + c] = 0;
            }
            for (int c = 0; c < width; c += WIDTH) store(covered + c, load(covered + c) - load(ends + c));
            if (wanted.begin) std::memcpy(wanted.begin + i * C, begins.data, sizeof(double) * C);
            if (wanted.end) std::memcpy(wanted.end + i * C, ends.data, sizeof(double) * C);
            if (wanted.start && i == 0) std::memcpy(wanted.start, begins.data, sizeof(double) * C);
            if (wanted.final_ && i == f.n - 1)
                for (int c = 0; c < C; c++) wanted.final_[c] = f.chain.depart ? 0. : ends[c];
        }
        if (wanted.transition) transitions(wanted.transition);
        if (wanted.duration) {
            DurationCounts durations(f, b, z_whole, z);
            for (int c = 0; c < C; c++) durations.count(c, wanted.duration, wanted.tail);
        }
    }

    // Filled with -inf by the caller.
    void messages(const Counts &wanted) const {
        const int C = f.C, width = f.width;
        double shift = 0;
        for (int64_t i = 0; i < f.n; i++) {
            double past = f.offset[i / SIZE], future = b.offset[(f.n - 1 - i) / SIZE], next = shift + top_content(i);
            const double *begin = f.begins(i);
            for (int c = 0; c < C; c++) {
                double u = f.entry[i * width + c], a = f.leave[i * width + c], o = b.entry[(f.n - 1 - i) * width + c];
                double into = begin ? begin[c] : 0.;
                if (u > HARDLY && into > HARDLY) wanted.entry[i * C + c] = u + into + past + shift;
                bool censored = i == f.n - 1 && f.chain.depart;
                if (a > HARDLY && !censored) wanted.leave[(i + 1) * C + c] = a + past + next;
                if (o > HARDLY) wanted.onward[(i + 1) * C + c] = o + future + (f.shift_total - next);
            }
            shift = next;
        }
    }

    // `entry` and `onward` at the places asked for, ascending. Filled with -inf by the caller.
    void messages_at(const Counts &wanted) const {
        const int C = f.C;
        double shift = 0;
        int64_t i = 0;
        for (int64_t k = 0; k < wanted.count; k++) {
            const int64_t t = wanted.places[k];
            for (; i < t; i++) shift += top_content(i);
            const double *begin = t < f.n ? f.begins(t) : nullptr;
            for (int c = 0; c < C; c++) {
                const double u = f.picked[k * C + c], into = begin ? begin[c] : 0.;
                if (u > HARDLY && into > HARDLY) wanted.entry[k * C + c] = u + into + f.offset[t / SIZE] + shift;
                const double o = b.picked[k * C + c];
                if (o > HARDLY) wanted.onward[k * C + c] = o + b.offset[(f.n - t) / SIZE] + (f.shift_total - shift);
            }
        }
    }

  private:
    // Whole number that the scores of both directions at base i add up to, less log Z.
    double both(int64_t i) const { return (f.offset[i / SIZE] + b.offset[(f.n - 1 - i) / SIZE] - z_whole) - z; }

    double top_content(int64_t i) const {
        const double *x = f.chain.content + i * f.C;
        double top = -INFINITY;
        for (int c = 0; c < f.C; c++) top = x[c] > top ? x[c] : top;
        return top < HARDLY ? 0. : top;
    }

    template <typename Visit>
    void each_end(Visit visit) const {
        const int64_t n = f.n, last = n - 1;
        if (!f.chain.depart) {
            for (int c = 0; c < f.C; c++) {
                double x = f.leave[f.slot(last) + c];
                visit(f.offset[last / SIZE], x < HARDLY ? NEVER : x + f.table.final_[c]);
            }
        } else if (!f.chain.arrive) {
            for (int c = 0; c < f.C; c++) {
                double x = b.leave[b.slot(last) + c];
                visit(b.offset[last / SIZE], x < HARDLY ? NEVER : x + f.table.start[c]);
            }
        } else {
            for (int64_t i = 0; i < n; i++)
                for (int c = 0; c < f.C; c++) visit(arrival_whole(i, c), arrival(i, c));
            for (int c = 0; c < f.C; c++) visit(f.end_level[c], single_rest(c));
        }
    }

    // Score of all with a censored first segment of label c up to base i.
    double arrival(int64_t i, int c) const {
        double x = f.injected(i)[c], out = f.out[i * f.width + c], onward = b.entry[(f.n - 1 - i) * f.width + c];
        if (x < HARDLY || out < HARDLY || onward < HARDLY || f.alive_at(i, c) > 0) return NEVER;
        return x + out + onward;
    }
    double arrival_whole(int64_t i, int c) const {
        return f.level[i / SIZE * f.width + c] + b.offset[(f.n - 1 - i) / SIZE];
    }
    double probability(double whole, double rest) const {
        return rest < HARDLY ? 0. : exp_(rest + (whole - z_whole) - z);
    }
    double single_rest(int c) const {
        double x = f.chain.whole[c];
        return x < HARDLY || f.end_alive[c] > 0 ? NEVER : x + f.end_after[c];
    }
    double single(int c) const { return probability(f.end_level[c], single_rest(c)); }

    void arrivals(double *result) const {
        for (int c = 0; c < f.C; c++) result[c] = 0;
        for (int64_t i = 0; i < f.n; i++)
            for (int c = 0; c < f.C; c++) result[(i + 1) * f.C + c] = probability(arrival_whole(i, c), arrival(i, c));
    }
    void add_arrivals(double *covered) const {
        for (int64_t i = 0; i < f.n; i++)
            for (int c = 0; c < f.C; c++) covered[c] += probability(arrival_whole(i, c), arrival(i, c));
    }
    void departures(double *result) const {
        const int C = f.C, width = f.width;
        for (int64_t i = 0; i < f.n; i++)
            for (int c = 0; c < C; c++) {
                double u = f.entry[i * width + c], into = f.into[i * width + c], x = f.chain.depart[i * C + c];
                bool never = u < HARDLY || into < HARDLY || x < HARDLY || f.end_alive[c] > double(i);
                double whole = f.base[i / SIZE * width + c] + f.end_level[c];
                result[i * C + c] = never ? 0. : probability(whole, u + into + x + f.end_after[c]);
            }
        for (int c = 0; c < C; c++) result[f.n * C + c] = 0;
    }

    // Sum over boundaries of exp(A) exp(G)^T, a scale per boundary, SIZE boundaries at a time.
    void transitions(double *result) const {
        const int C = f.C, width = f.width, P = f.table.period;
        Buffer<double> sums(size_t(P) * C * width), source(size_t(SIZE) * C), target(size_t(SIZE) * width);
        sums.fill(size_t(P) * C * width, 0.);
        for (int i = 0; i < P * C * C; i++) result[i] = 0;
        double top = NEVER;
        for (int i = 0; i < P * C * C; i++) top = f.table.transition[i] > top ? f.table.transition[i] : top;
        for (int64_t t0 = 1; t0 < f.n; t0 += SIZE) {
            int count = int(f.n - t0 < SIZE ? f.n - t0 : SIZE);
            for (int j = 0; j < count; j++)
                if (!boundary(t0 + j, top, source + j * C, target + j * width)) one_by_one(t0 + j, result);
            for (int phase = 0; phase < P; phase++) {
                int first = int(((phase - f.phase(t0)) % P + P) % P);
                outer(source + first * C, target + first * width, (count - first + P - 1) / P, P, sums + phase * C * width);
            }
        }
        for (int i = 0; i < P * C; i++)
            for (int c = 0; c < C; c++) {
                double step = f.table.transition[i * C + c];
                if (step > HARDLY) result[i * C + c] += sums[i * width + c] * exp_(step - top);
            }
    }

    // exp(A) and exp(G) at boundary t, the scale in the former; false (and zeros) where the scale is too large.
    bool boundary(int64_t t, double top, double *source, double *target) const {
        const int C = f.C, width = f.width;
        const double *leave = f.leave + (t - 1) * width, *onto = b.leave + (f.n - 1 - t) * width;
        double tops[2] = {NEVER, NEVER};
        for (int c = 0; c < C; c++) {
            tops[0] = leave[c] > tops[0] ? leave[c] : tops[0];
            tops[1] = onto[c] > tops[1] ? onto[c] : tops[1];
        }
        bool never = tops[0] < HARDLY || tops[1] < HARDLY || z == INFINITY || top < HARDLY;
        double scale = never ? NEVER : tops[0] + tops[1] + top + between(t);
        bool large = scale > LARGE, none = never || large || scale < -708.;
        double factor = none ? 0. : exp_(scale);
        for (int c = 0; c < width; c += WIDTH) {
            store(target + c, none ? vec{} : exp_(load(onto + c) - tops[1]));
            vec x = none ? vec{} : exp_(load(leave + c) - tops[0]) * factor;
            for (int i = 0; i < WIDTH && c + i < C; i++) source[c + i] = x[i];
        }
        return !large;
    }
    double between(int64_t t) const {
        return (f.offset[(t - 1) / SIZE] + b.offset[(f.n - 1 - t) / SIZE] - z_whole) - z;
    }

    void one_by_one(int64_t t, double *result) const {
        const int C = f.C;
        const double *leave = f.leave + (t - 1) * f.width, *onto = b.leave + (f.n - 1 - t) * f.width;
        int64_t first = f.phase(t) * C * C;
        for (int p = 0; p < C; p++)
            for (int c = 0; c < C; c++) {
                double step = f.table.transition[first + p * C + c];
                if (leave[p] > HARDLY && onto[c] > HARDLY && step > HARDLY)
                    result[first + p * C + c] += exp_(leave[p] + onto[c] + step + between(t));
            }
    }

    // sums[p] += sum_j source[j, p] * target[j], over every `stride`-th row.
    void outer(const double *source, const double *target, int count, int stride, double *sums) const {
        const int C = f.C, width = f.width;
        for (int p = 0; p < C; p++)
            for (int c = 0; c < width; c += WIDTH) {
                vec x = load(sums + p * width + c), y = {};
                int j = 0;
                for (; j + 1 < count; j += 2) {
                    x += source[j * stride * C + p] * load(target + j * stride * width + c);
                    y += source[(j + 1) * stride * C + p] * load(target + (j + 1) * stride * width + c);
                }
                if (j < count) x += source[j * stride * C + p] * load(target + j * stride * width + c);
                store(sums + p * width + c, x + y);
            }
    }
};

inline void *prepare(const Table &table) { return new Exponentials(table); }
inline void release(void *prepared) { delete static_cast<Exponentials *>(prepared); }

inline double expectation(const Table &table, const void *prepared, const Chain &chain, const Counts &wanted) {
    const Exponentials &exponentials = *static_cast<const Exponentials *>(prepared);
    bool counted = wanted.content || wanted.begin || wanted.end || wanted.arrive || wanted.depart || wanted.whole ||
                   wanted.transition || wanted.duration || wanted.start || wanted.final_;
    // Where few messages are wanted, or none, few rows are kept.
    bool all = counted || (wanted.entry && !wanted.places) || (chain.arrive && chain.depart);
    const int64_t count = wanted.places ? wanted.count : 0;
    Direction past(table, exponentials, chain, false, all, wanted.places, count);
    past.run();
    past.to_logs(all ? 0 : chain.length - 1);
    if (!counted && !wanted.entry && !chain.depart) return Posterior(past, past).log_z();
    Direction future(table, exponentials, chain, true, all, wanted.places, count);
    future.run();
    future.to_logs(all ? 0 : chain.length - 1);
    Posterior posterior(past, future);
    if (wanted.places) posterior.messages_at(wanted);
    else if (wanted.entry) posterior.messages(wanted);
    if (counted) posterior.counts(wanted);
    return posterior.log_z();
}
