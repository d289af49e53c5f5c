// The C interface of the best path: a chain pushed in pieces.
//
// From time to time all segments that a best path may still hold are looked up; they are a small tree. What its branches
// share is settled, the rest of the tree is remembered, and the scores of the past are forgotten.
#include "model.h"

#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <queue>

namespace genescribe {
namespace {

constexpr size_t SETTLE_EVERY = 8;  // parts between two looks

using Array = std::vector<double>;

// A Trace and its arrays.
struct Part {
    std::unique_ptr<double[]> sources, base, leave, offset, rest, rest_source, alive, origin, open;
    Trace trace;

    Part(int64_t first_base, int64_t length, int64_t past, int64_t C) {
        const int64_t blocks = (length + SIZE - 1) / SIZE;
        trace = {first_base, length, blocks, past, make(&sources, C * (past + blocks) * SIZE),
                 make(&base, (past + blocks) * C), make(&leave, blocks * SIZE * C), make(&offset, blocks),
                 make(&rest, blocks * C), make(&rest_source, blocks * C), make(&alive, blocks * SIZE * C),
                 make(&origin, C), make(&open, C)};
    }
    int64_t end() const { return trace.first_base + trace.length; }

  private:
    // Not zeroed: what is not written is not touched, and costs nothing.
    static double *make(std::unique_ptr<double[]> *array, size_t count) {
        array->reset(new double[count]);
        return array->get();
    }
};

// The end of a segment.
struct Node {
    int64_t boundary;
    int label;
    bool operator<(const Node &other) const {
        return boundary != other.boundary ? boundary < other.boundary : label < other.label;
    }
    bool operator==(const Node &other) const { return boundary == other.boundary && label == other.label; }
};

class Stream {
  public:
    std::vector<int64_t> ends, labels;  // settled segments, in order

    Stream(const Model &model, int64_t phase, int64_t part, const char *isa)
        : tables(model), table(tables.table), C(table.labels),
          phase((phase % table.period + table.period) % table.period), part(part), kernels_(kernels(isa)),
          prepared(kernels_.prepare_best(table)) {
        const size_t past = size_t(table.most_blocks) * SIZE;
        for (Array *x : {&rest, &parting, &leave}) x->assign(C, NEVER);
        for (Array *x : {&rest_source, &parting_source, &origin}) x->assign(C, 0.);
        open.assign(C, 1.);
        entries.assign(past * C, NEVER);
        message = {0, 0., entries.data(), rest.data(), rest_source.data(), parting.data(), parting_source.data(),
                   leave.data(), origin.data(), open.data()};
    }
    ~Stream() { kernels_.release_best(prepared); }
    Stream(const Stream &) = delete;
    Stream &operator=(const Stream &) = delete;

    void edges(int64_t n, const double *a, const double *d, const double *w) {
        if (a) arrive.assign(a, a + (n + 1) * C);
        if (d) depart.assign(d, d + (n + 1) * C);
        if (w) whole.assign(w, w + C);
    }

    void push(int64_t n, const double *content_, const double *begin_, const double *end_) {
        while (n > 0) {
            int64_t held = int64_t(content.size()) / C, count = std::min(n, part - held);
            append(&content, content_, count);
            append(&begin, begin_, count);
            append(&end, end_, count);
            n -= count;
            if (held + count < part) continue;
            run_part();
            // Only here, where the part is whole: settling reads entries by whole blocks.
            if (++unsettled == SETTLE_EVERY) settle();
        }
    }

    // End the chain; return its score, -inf where every segmentation is forbidden.
    double finish() {
        if (!content.empty()) run_part();
        double score = NEVER;
        Node last{0, -1};
        int64_t begins = -1;
        for (int c = 0; c < C; c++) {
            double x = leave[c] < HARDLY ? NEVER : leave[c] + table.final_[c];
            int64_t from = -1;
            if (!depart.empty()) {
                x = parting[c];
                from = int64_t(parting_source[c]);
                double single = whole.empty() || !open[c] ? NEVER : whole[c] - origin[c];
                if (single > x) x = single, from = 0;
            }
            if (x > score && x > HARDLY) score = x, last = Node{message.boundary, c}, begins = from;
        }
        if (last.label < 0) {
            ends.clear();
            labels.clear();
            return -std::numeric_limits<double>::infinity();
        }
        std::vector<Node> found;
        Node on = last;
        if (!depart.empty()) {
            found.push_back(last);
            on = before(begins, last.label);
        }
        write(on, &found);
        return score + message.total;
    }

  private:
    Tables tables;
    const Table &table;
    const int C;
    const int64_t phase, part;           // part: bases between two messages
    const Kernels &kernels_;
    void *prepared;
    Array content, begin, end;           // rows not yet run
    Array arrive, depart, whole;         // censored edges, or empty
    Array entries, rest, rest_source, parting, parting_source, leave, origin, open;  // of the message
    Message message;
    std::deque<std::unique_ptr<Part>> parts;  // those that the best path may still change in
    size_t unsettled = 0;                     // parts since the last look
    std::map<Node, Node> tree;                // before each segment that a best path may still hold: the one before
    std::map<Node, Node> entered;             // before a segment that is still open, by where it begins: the one before

    void append(Array *to, const double *&from, int64_t count) {
        if (!from) return;
        to->insert(to->end(), from, from + count * C);
        from += count * C;
    }

    void run_part() {
        const int64_t first = message.boundary, n = int64_t(content.size()) / C;
        Chain chain = {n, (phase + first) % table.period, content.data(), nullptr, nullptr, nullptr, nullptr, nullptr};
        if (!begin.empty()) chain.begin = begin.data();
        if (!end.empty()) chain.end = end.data();
        if (!arrive.empty()) chain.arrive = arrive.data() + first * C;
        if (!depart.empty()) chain.depart = depart.data() + first * C;
        parts.push_back(std::make_unique<Part>(first, n, table.most_blocks, C));
        kernels_.best_part(table, prepared, chain, message, parts.back()->trace);
        for (Array *x : {&content, &begin, &end}) x->clear();
    }

    const Part &part_of(int64_t base) const {
        auto it = std::upper_bound(parts.begin(), parts.end(), base,
                                   [](int64_t i, const std::unique_ptr<Part> &part) { return i < part->end(); });
        return **it;
    }

    // The end of the segment before one that begins at a boundary; boundary 0 where there is none.
    Node before(int64_t begins, int label) const {
        if (begins == 0) return Node{0, 0};
        if (begins <= parts.front()->trace.first_base) return entered.at(Node{begins, label});
        const Trace &x = part_of(begins - 1).trace;
        const double *leave_ = x.leave + (begins - 1 - x.first_base) * C;
        const double *step = table.transition + ((begins + phase) % table.period) * C * C + label;
        Node best{begins, 0};
        for (int p = 1; p < C; p++)
            if (leave_[p] + step[p * C] > leave_[best.label] + step[best.label * C]) best.label = p;
        return best;
    }

    // From the end of a segment to the end of the one before.
    Node walk(Node from) const {
        auto known = tree.find(from);
        return known == tree.end() ? before(came_from(from), from.label) : known->second;
    }

    // Where the best segment with a given end begins: the recurrence of BestPart, for one boundary and label.
    int64_t came_from(Node node) const {
        const int c = node.label;
        const Trace &x = part_of(node.boundary - 1).trace;
        const int64_t i = node.boundary - 1 - x.first_base, block = i / SIZE, t0 = block * SIZE;
        const int64_t alive = x.alive ? int64_t(x.alive[i * C + c]) : 0;
        const double arrived = (block ? x.offset[block - 1] - x.offset[block] : -x.offset[0]) + base(x, block)[c];
        const double *d = table.scores + c * table.stride;
        double best = NEVER;
        int64_t from = -1;
        auto offer = [&](double score, int64_t begins) {
            if (score > best) best = score, from = begins;
        };
        for (int64_t source = block; source >= block - table.blocks[c] && source >= -x.past; source--) {
            if (alive > 0 && (source + 1) * SIZE <= alive) break;
            const double *w = x.sources + (c * (x.past + x.blocks) + x.past + source) * SIZE;
            const double shift = base(x, source)[c] - arrived;
            for (int64_t s = std::min(i, source * SIZE + SIZE - 1); s >= source * SIZE && (alive == 0 || s >= alive); s--)
                offer(w[s - source * SIZE] + shift + d[i - s], x.first_base + s);
        }
        if (alive <= t0 && x.rest[block * C + c] > HARDLY)
            offer(x.rest[block * C + c] + table.ramp[c * SIZE + i - t0], int64_t(x.rest_source[block * C + c]));
        if (!arrive.empty() && alive == 0 && x.open[c])
            offer(arrive[node.boundary * C + c] - (x.origin[c] + arrived), 0);
        return from;
    }
    const double *base(const Trace &x, int64_t block) const { return x.base + (x.past + block) * C; }

    // Look up all that a best path may still hold, write what is settled, and drop the parts no longer needed.
    void settle() {
        unsettled = 0;
        std::priority_queue<Node> ahead;
        std::map<Node, Node> opened, grown;
        const int64_t past = int64_t(table.most_blocks) * SIZE;
        for (int c = 0; c < C; c++) {
            if (leave[c] > HARDLY) ahead.push(Node{message.boundary, c});
            for (int64_t s = past - int64_t(table.blocks[c]) * SIZE; s < past; s++)
                if (entries[c * past + s] > HARDLY) ahead.push(before(message.boundary - past + s, c));
            for (const auto &[score, source] : {std::pair(rest[c], rest_source[c]), {parting[c], parting_source[c]}})
                if (score > HARDLY) {
                    Node on = before(int64_t(source), c);
                    opened.emplace(Node{int64_t(source), c}, on);
                    ahead.push(on);
                }
        }
        int64_t settled = ends.empty() ? 0 : ends.back();
        while (!ahead.empty() && ahead.top().boundary > settled) {
            const Node node = ahead.top();
            while (!ahead.empty() && ahead.top() == node) ahead.pop();
            if (ahead.empty()) {
                std::vector<Node> found;
                write(node, &found);
                settled = node.boundary;
            } else {
                ahead.push(grown[node] = walk(node));
            }
        }
        entered.swap(opened);
        tree.swap(grown);
        while (parts.front()->end() < message.boundary - past) parts.pop_front();
    }

    // Append `found` (last first), and before it the segments up to the end of one, to those that are settled.
    void write(Node on, std::vector<Node> *found) {
        const int64_t settled = ends.empty() ? 0 : ends.back();
        for (; on.boundary > settled; on = walk(on)) found->push_back(on);
        for (auto it = found->rbegin(); it != found->rend(); ++it) {
            ends.push_back(it->boundary);
            labels.push_back(it->label);
        }
    }
};

}  // namespace
}  // namespace genescribe

using genescribe::Stream;

extern "C" {

// A chain to be pushed, worked through `part` bases (a multiple of 32) at a time; null where there is no memory.
API void *genescribe_stream_open(const Model *model, int64_t phase, int64_t part, const char *isa) {
    try {
        return new Stream(*model, phase, part, isa);
    } catch (const std::exception &) {
        return nullptr;
    }
}

// Censored edges of a chain of n bases: (n + 1, C), (n + 1, C), (C); null where not given. Before the first push.
API int64_t genescribe_stream_edges(void *stream, int64_t n, const double *arrive, const double *depart,
                                    const double *whole) {
    try {
        static_cast<Stream *>(stream)->edges(n, arrive, depart, whole);
        return 0;
    } catch (const std::exception &) {
        return 1;
    }
}

// n more bases: (n, C) each; begin and end may be null, in all pushes of a chain or in none. 0, or 1: no memory.
API int64_t genescribe_stream_push(void *stream, int64_t n, const double *content, const double *begin,
                                   const double *end) {
    try {
        static_cast<Stream *>(stream)->push(n, content, begin, end);
        return 0;
    } catch (const std::exception &) {
        return 1;
    }
}

// The chain ends here: return the number of segments (0 where all are forbidden; -1: no memory) and the score.
API int64_t genescribe_stream_finish(void *stream, double *score) {
    try {
        Stream *x = static_cast<Stream *>(stream);
        *score = x->finish();
        return *score > genescribe::HARDLY ? int64_t(x->ends.size()) : 0;
    } catch (const std::exception &) {
        return -1;
    }
}

API void genescribe_stream_segments(const void *stream, int64_t *ends, int64_t *labels) {
    const Stream *x = static_cast<const Stream *>(stream);
    std::copy(x->ends.begin(), x->ends.end(), ends);
    std::copy(x->labels.begin(), x->labels.end(), labels);
}

API void genescribe_stream_close(void *stream) { delete static_cast<Stream *>(stream); }
}
