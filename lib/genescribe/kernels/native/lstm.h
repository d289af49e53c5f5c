// One direction of one layer of an LSTM over a batch, float32. Included once an instruction set, inside its namespace.

constexpr int64_t CHUNK = 16;  // steps whose inputs are multiplied at once

// A cell's states from its gates (input, forget, cell, output: 4 H), as PyTorch has them.
inline void lstm_cell(const float *gates, int64_t H, float *cell, float *state) {
    for (int64_t u = 0; u < H; u += LANES) {
        const fvec kept = sigmoid(load_floats(gates + H + u)) * load_floats(cell + u);
        const fvec c = kept + sigmoid(load_floats(gates + u)) * tanh_(load_floats(gates + 2 * H + u));
        store_floats(cell + u, c);
        store_floats(state + u, sigmoid(load_floats(gates + 3 * H + u)) * tanh_(c));
    }
}

inline void lstm_layer(const LstmLayer &x) {
    const int64_t H = x.hidden, G = 4 * H, I = x.inputs, B = x.batch;
    Buffer<float> inputs(size_t(B) * CHUNK * G), gates(size_t(B) * G), states(size_t(B) * H), cells(size_t(B) * H);
    inputs.fill(size_t(B) * CHUNK * G, 0.f);
    states.fill(size_t(B) * H, 0.f);
    cells.fill(size_t(B) * H, 0.f);
    int64_t longest = 0;
    for (int64_t b = 0; b < B; b++) longest = x.lengths[b] > longest ? x.lengths[b] : longest;
    // Step k of a sequence is its k-th from the left, or from the right.
    const auto position = [&](int64_t b, int64_t k) { return b * x.steps + (x.leftward ? x.lengths[b] - 1 - k : k); };
    for (int64_t first = 0; first < longest; first += CHUNK) {
        for (int64_t b = 0; b < B; b++) {
            const int64_t left = x.lengths[b] - first, count = left < CHUNK ? left : CHUNK;
            if (count <= 0) continue;
            const float *input = x.input + position(b, first) * I;
            multiply({input, x.leftward ? -I : I, I, x.weights, G, x.bias, 0, inputs + b * CHUNK * G}, count);
        }
        for (int64_t k = first; k < first + CHUNK && k < longest; k++) {
            multiply({states, H, H, x.recurrent, G, inputs + (k - first) * G, CHUNK * G, gates}, B);
            for (int64_t b = 0; b < B; b++) {
                if (k >= x.lengths[b]) continue;
                lstm_cell(gates + b * G, H, cells + b * H, states + b * H);
                std::memcpy(x.output + position(b, k) * x.stride, states + b * H, size_t(H) * sizeof(float));
            }
        }
    }
}
