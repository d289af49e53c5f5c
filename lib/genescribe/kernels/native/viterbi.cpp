// The best segmentation of one chain, base after base, in any number of pieces.
//
// At each boundary t and label c the best entry W_s = U_s + begin_s - S_s of the last K boundaries and the tail
// R_t = max over longer segments give A_t; two bytes remember the duration, one the label before, and one bit that the
// tail went on. Back-pointers before the point where all futures share one past are turned into segments and dropped,
// so that memory follows that distance and not the chain's length. The sums run over the chain in order: pieces of any
// size give the same bits.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <queue>
#include <vector>

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

namespace {

constexpr double NEVER = -std::numeric_limits<double>::infinity();
constexpr uint16_t TAIL = 0, FIRST = 65535;  // codes of a segment longer than its table, and of a censored first one
constexpr int LANES = 8;
constexpr int64_t SETTLE_EVERY = 1 << 18;
typedef double Lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(8)));
typedef int64_t Mask __attribute__((vector_size(LANES * sizeof(double)), aligned(8)));

// Index of the largest of left[i] + right[i], i < n; the first of equals. `value` gets it, NEVER where there is none.
CLONES int best_sum(const double *left, const double *right, int n, double *value) {
    double most = NEVER;
    int i = 0;
    if (n >= 4 * LANES) {
        Lanes top[4];
        for (auto &lane : top) lane = Lanes{} + NEVER;
        for (; i + 4 * LANES <= n; i += 4 * LANES)
            for (int j = 0; j < 4; j++) {
                Lanes a, b;
                std::memcpy(&a, left + i + j * LANES, sizeof a);
                std::memcpy(&b, right + i + j * LANES, sizeof b);
                a += b;
                Mask more = a > top[j];
                top[j] = more ? a : top[j];
            }
        for (const auto &lane : top)
            for (int j = 0; j < LANES; j++) most = std::max(most, lane[j]);
    }
    for (; i < n; i++) most = std::max(most, left[i] + right[i]);
    *value = most;
    if (most == NEVER) return -1;
    for (i = 0; i < n; i++)
        if (left[i] + right[i] == most) return i;
    return -1;
}

struct Node {
    int64_t boundary;
    int label;
    bool operator<(const Node &other) const {
        return boundary != other.boundary ? boundary < other.boundary : label < other.label;
    }
    bool operator==(const Node &other) const { return boundary == other.boundary && label == other.label; }
};

// How the best segment that ends at a boundary with a label got there.
struct Step {
    uint16_t duration;
    uint8_t before;     // label before a segment that begins here
    uint8_t went_on;    // the tail at this boundary goes on from the boundary before
};

struct Stream {
    int C, K, P;
    int64_t phase, t = 0, dropped = 0;
    std::vector<double> transition, tail, start, final_, arrive, depart, whole;
    std::vector<std::vector<double>> table;   // per label, longest duration first
    std::vector<int> reach;                   // per label, explicit durations
    std::vector<std::vector<double>> entry;   // per label, W of the last boundaries, oldest first, in a sliding buffer
    int64_t first_entry = 0;                  // boundary of entry[c][0]
    std::vector<double> sum, leave, longer;   // S, A and R at t
    std::vector<int64_t> allowed;             // first boundary from which a segment may reach t
    std::vector<Step> steps;                  // (t - dropped, C)
    std::vector<int64_t> ends, labels;        // settled segments, in order
    std::vector<double> parting;              // per label, best W + depart of a last segment, and where it begins
    std::vector<int64_t> parted;
    int64_t next_settling = SETTLE_EVERY;

    void enter(const double *begin);
    void step(const double *content, const double *end);
    void settle();
    void write(Node last);
    Node last(double *score) const;
    Node walk(Node from, std::vector<Node> *found) const;
    Node before(int64_t begin, int label) const;
    int64_t came_from(int64_t boundary, int label) const;
};

// W at boundary t, from A at t; `begin` of base t, or null.
void Stream::enter(const double *begin) {
    const double *matrix = transition.data() + ((t + phase) % P) * C * C;
    Step *here = steps.data() + (t - dropped) * C;
    for (int c = 0; c < C; c++) {
        double most = NEVER;
        int before = 0;
        if (t == 0) {
            most = arrive.empty() ? start[c] : NEVER;
        } else {
            for (int p = 0; p < C; p++) {
                double score = leave[p] + matrix[p * C + c];
                if (score > most) most = score, before = p;
            }
        }
        here[c].before = static_cast<uint8_t>(before);
        if (begin && most > NEVER) most += begin[c];
        const double score = most > NEVER ? most - sum[c] : NEVER;
        entry[c].push_back(score);
        if (!depart.empty() && score + depart[t * C + c] > parting[c])
            parting[c] = score + depart[t * C + c], parted[c] = t;
    }
}

// Go over one base, from boundary t to t + 1.
void Stream::step(const double *content, const double *end) {
    t++;
    steps.resize((t - dropped + 1) * C);
    Step *here = steps.data() + (t - dropped) * C;
    for (int c = 0; c < C; c++) {
        here[c] = Step{TAIL, 0, 0};
        if (content[c] == NEVER) {
            allowed[c] = t;
            longer[c] = leave[c] = parting[c] = NEVER;
            continue;
        }
        sum[c] += content[c];
        const int held = static_cast<int>(std::min<int64_t>(t - allowed[c], reach[c]));
        const double *entries = entry[c].data() + (t - first_entry - held);
        double most;
        const int at = held > 0 ? best_sum(entries, table[c].data() + (reach[c] - held), held, &most) : -1;
        if (at < 0) most = NEVER;
        here[c].duration = at < 0 ? TAIL : static_cast<uint16_t>(held - at);
        if (tail[c] > NEVER) {
            const int64_t source = t - 1 - reach[c];
            double fresh = NEVER;
            if (source >= allowed[c])
                fresh = entry[c][source - first_entry] + table[c][0] + tail[c];
            const double on = longer[c] + tail[c];
            here[c].went_on = on >= fresh;
            longer[c] = std::max(on, fresh);
            if (longer[c] > most) most = longer[c], here[c].duration = TAIL;
        }
        double bare = most;
        if (!arrive.empty() && allowed[c] == 0 && arrive[t * C + c] > bare) {
            bare = arrive[t * C + c];
            here[c].duration = FIRST;
        }
        leave[c] = bare > NEVER ? sum[c] + bare + (end ? end[c] : 0.) : NEVER;
    }
}

// First boundary of the best segment that ends at `boundary` with `label`.
int64_t Stream::came_from(int64_t boundary, int label) const {
    const Step *step = steps.data() + (boundary - dropped) * C + label;
    if (step->duration == FIRST) return 0;
    if (step->duration != TAIL) return boundary - step->duration;
    while (step->went_on) step -= C, boundary--;
    return boundary - 1 - reach[label];
}

// From the end of a segment to the end of the one before it.
Node Stream::walk(Node from, std::vector<Node> *found) const {
    if (found) found->push_back(from);
    return before(came_from(from.boundary, from.label), from.label);
}

// The end of the segment before one that begins at a boundary; boundary 0 where there is none.
Node Stream::before(int64_t begin, int label) const {
    if (begin == 0) return Node{0, 0};
    return Node{begin, steps[(begin - dropped) * C + label].before};
}

// Find the boundary at which all that may still follow share one past; keep its segments, drop its back-pointers.
void Stream::settle() {
    std::priority_queue<Node> ahead;
    for (int c = 0; c < C; c++) {
        if (leave[c] > NEVER) ahead.push(Node{t, c});
        for (int64_t s = std::max(t - 1 - reach[c], allowed[c]); s < t; s++)
            if (entry[c][s - first_entry] > NEVER)
                ahead.push(before(s, c));
        if (longer[c] > NEVER) {
            int64_t boundary = t;
            const Step *step = steps.data() + (t - dropped) * C + c;
            while (step->went_on) step -= C, boundary--;
            const int64_t begin = boundary - 1 - reach[c];
            ahead.push(before(begin, c));
        }
        if (parting[c] > NEVER) ahead.push(before(parted[c], c));
    }
    Node node{0, 0};
    while (!ahead.empty()) {
        node = ahead.top();
        while (!ahead.empty() && ahead.top() == node) ahead.pop();
        if (ahead.empty() || node.boundary <= dropped) break;
        ahead.push(walk(node, nullptr));
    }
    // One node is left, or none has a past of its own.
    const int64_t settled = ends.empty() ? 0 : ends.back();
    if (!ahead.empty() || node.boundary <= settled) return;
    write(node);
    // Whatever may follow begins at this boundary or later, the steps of a tail that goes on included.
    steps.erase(steps.begin(), steps.begin() + (node.boundary - dropped) * C);
    dropped = node.boundary;
}

// Append the segments up to a segment's end to those that are settled.
void Stream::write(Node last) {
    const int64_t settled = ends.empty() ? 0 : ends.back();
    std::vector<Node> found;
    for (Node on = last; on.boundary > settled; on = walk(on, &found)) {}
    for (auto it = found.rbegin(); it != found.rend(); ++it) ends.push_back(it->boundary), labels.push_back(it->label);
}

// The last segment: (where it begins, label); label -1 where every segmentation is forbidden.
Node Stream::last(double *score) const {
    Node best{0, -1};
    *score = NEVER;
    auto offer = [&](double value, Node node) {
        if (value > *score) *score = value, best = node;
    };
    for (int c = 0; c < C; c++) {
        if (depart.empty()) {
            if (leave[c] > NEVER && leave[c] + final_[c] > *score)
                offer(leave[c] + final_[c], Node{came_from(t, c), c});
            continue;
        }
        if (parting[c] > NEVER) offer(parting[c] + sum[c], Node{parted[c], c});
        if (!whole.empty() && allowed[c] == 0) offer(whole[c] + sum[c], Node{0, c});
    }
    return best;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) void *genescribe_viterbi_new(
    int64_t C, int64_t K, int64_t P, int64_t phase, const double *transition, const double *duration,
    const double *tail, const double *start, const double *final_, const int64_t *explicit_rows) {
    auto *stream = new (std::nothrow) Stream;
    if (!stream) return nullptr;
    stream->C = static_cast<int>(C), stream->K = static_cast<int>(K), stream->P = static_cast<int>(P);
    stream->phase = phase;
    stream->transition.assign(transition, transition + P * C * C);
    stream->tail.assign(tail, tail + C);
    stream->start.assign(start, start + C);
    stream->final_.assign(final_, final_ + C);
    for (int c = 0; c < C; c++) {
        const int rows = static_cast<int>(explicit_rows ? explicit_rows[c] : K);
        stream->reach.push_back(rows);
        stream->table.emplace_back();
        for (int k = rows; k >= 1; k--) stream->table[c].push_back(duration[(k - 1) * C + c]);
    }
    stream->entry.resize(C);
    stream->sum.assign(C, 0.);
    stream->leave.assign(C, NEVER);
    stream->longer.assign(C, NEVER);
    stream->parting.assign(C, NEVER);
    stream->parted.assign(C, 0);
    stream->allowed.assign(C, 0);
    stream->steps.assign(C, Step{TAIL, 0, 0});
    return stream;
}

// Censored edges of a chain of n bases: (n + 1, C), (n + 1, C), (C); null where not given. Before the first push.
__attribute__((visibility("default"))) void genescribe_viterbi_edges(
    void *handle, int64_t n, const double *arrive, const double *depart, const double *whole) {
    auto *stream = static_cast<Stream *>(handle);
    const int64_t size = (n + 1) * stream->C;
    if (arrive) stream->arrive.assign(arrive, arrive + size);
    if (depart) stream->depart.assign(depart, depart + size);
    if (whole) stream->whole.assign(whole, whole + stream->C);
}

// n more bases: (n, C) each; begin and end may be null.
__attribute__((visibility("default"))) void genescribe_viterbi_push(
    void *handle, int64_t n, const double *content, const double *begin, const double *end) {
    auto *stream = static_cast<Stream *>(handle);
    const int C = stream->C;
    for (int64_t i = 0; i < n; i++) {
        stream->enter(begin ? begin + i * C : nullptr);
        stream->step(content + i * C, end ? end + i * C : nullptr);
        const int64_t held = stream->t - stream->first_entry;
        if (held > 2 * (stream->K + 2) + 65536) {
            const int64_t old = held - (stream->K + 2);
            for (auto &entries : stream->entry) entries.erase(entries.begin(), entries.begin() + old);
            stream->first_entry += old;
        }
        if (stream->t >= stream->next_settling) {
            stream->settle();
            stream->next_settling = stream->t + (1 << 20);
        }
    }
}

// The chain ends here: return the number of segments and the score; 0 and -inf where all is forbidden.
__attribute__((visibility("default"))) int64_t genescribe_viterbi_finish(void *handle, double *score) {
    auto *stream = static_cast<Stream *>(handle);
    const Node last = stream->last(score);
    if (last.label < 0) return 0;
    const Node earlier = stream->before(last.boundary, last.label);
    if (earlier.boundary > 0) stream->write(earlier);
    stream->ends.push_back(stream->t);
    stream->labels.push_back(last.label);
    return static_cast<int64_t>(stream->ends.size());
}

__attribute__((visibility("default"))) void genescribe_viterbi_segments(
    void *handle, int64_t *ends, int64_t *labels) {
    auto *stream = static_cast<Stream *>(handle);
    std::copy(stream->ends.begin(), stream->ends.end(), ends);
    std::copy(stream->labels.begin(), stream->labels.end(), labels);
}

__attribute__((visibility("default"))) void genescribe_viterbi_free(void *handle) {
    delete static_cast<Stream *>(handle);
}
}
