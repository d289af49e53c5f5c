// Vectors of WIDTH doubles and their exp and log. Included once an instruction set, inside its namespace.

typedef double vec __attribute__((vector_size(8 * WIDTH)));
typedef double vec_unaligned __attribute__((vector_size(8 * WIDTH), aligned(8), may_alias));
typedef int64_t ivec __attribute__((vector_size(8 * WIDTH)));

// Memory of one run, aligned for vectors and padded by one; freed at the end of its scope.
template <typename T>
struct Buffer {
    T *data;
    explicit Buffer(size_t count)
        : data(static_cast<T *>(::operator new[](sizeof(T) * (count + 64), std::align_val_t(64)))) {}
    ~Buffer() { ::operator delete[](data, std::align_val_t(64)); }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    operator T *() { return data; }
    operator const T *() const { return data; }
    void fill(size_t count, T value) {
        for (size_t i = 0; i < count; i++) data[i] = value;
    }
};

typedef int64_t ivec_unaligned __attribute__((vector_size(8 * WIDTH), aligned(8), may_alias));
inline ivec load_whole(const int64_t *p) { return *reinterpret_cast<const ivec_unaligned *>(p); }
inline void store_whole(int64_t *p, ivec x) { *reinterpret_cast<ivec_unaligned *>(p) = x; }

// Bit i: lane i of a mask is set.
inline unsigned bits(ivec mask) {
#if WIDTH == 8 && defined(__AVX512DQ__)
    return _mm512_movepi64_mask((__m512i)mask);
#elif WIDTH == 4 && defined(__AVX2__)
    return unsigned(_mm256_movemask_pd((__m256d)mask));
#else
    unsigned found = 0;
    for (int i = 0; i < WIDTH; i++) found |= unsigned(mask[i] & 1) << i;
    return found;
#endif
}

#if defined(__GNUC__)
inline int lowest_bit(uint32_t x) { return __builtin_ctz(x); }
inline int bit_count(uint32_t x) { return __builtin_popcount(x); }
#endif

inline vec load(const double *p) { return *reinterpret_cast<const vec_unaligned *>(p); }
inline void store(double *p, vec x) { *reinterpret_cast<vec_unaligned *>(p) = x; }
inline vec splat(double x) { return x - vec{}; }  // not 0 + x, which no compiler may leave out (-0)
inline vec larger(vec a, vec b) { return a > b ? a : b; }
inline vec smaller(vec a, vec b) { return a < b ? a : b; }

inline double largest(vec x) {
    double top = x[0];
    for (int i = 1; i < WIDTH; i++) top = x[i] > top ? x[i] : top;
    return top;
}

inline double sum(vec x) {
    double total = x[0];
    for (int i = 1; i < WIDTH; i++) total += x[i];
    return total;
}

// exp to about one unit in the last place for |x| < 708; 0 below, infinite above, so that neither passes for a number.
inline vec exp_(vec x) {
    const vec zero = {};
    vec y = larger(smaller(x, splat(708.)), splat(-708.));
    const double shifter = 0x1.8p52;  // adding it rounds to a whole number, left in the low bits
    vec z = y * 0x1.71547652b82fep0 + shifter;
    vec n = z - shifter;
    vec r = (y - n * 0x1.62e42fefa39efp-1) - n * 0x1.abc9e3b39803fp-56;
    // Taylor's series to degree 13, |r| < 0.35, summed in pairs.
    vec r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
    vec a = 1. + r, b = 1. / 2 + r * (1. / 6), c = 1. / 24 + r * (1. / 120), d = 1. / 720 + r * (1. / 5040);
    vec e = 1. / 40320 + r * (1. / 362880), f = 1. / 3628800 + r * (1. / 39916800);
    vec g = 1. / 479001600 + r * (1. / 6227020800.);
    vec p = (a + r2 * b) + r4 * (c + r2 * d) + r8 * (e + r2 * f + r4 * g);
    vec result = (vec)((ivec)p + ((ivec)z << 52));
    result = x > 708. ? splat(INFINITY) : result;
    return x < -708. ? zero : result;
}

// log to about one unit in the last place for normal x; NEVER for zero. After FreeBSD's e_log.c (Sun, 1993).
inline vec log_(vec x) {
    const ivec root_half = ivec{} + 0x3fe6a09e667f3bcd;
    ivec bits = (ivec)x;
    ivec exponent = (bits - root_half) >> 52;  // arithmetic: floor
    vec m = (vec)(bits - (exponent << 52));
    const double shifter = 0x1.8p52;
    vec k = (vec)(exponent + (ivec)splat(shifter)) - shifter;
    vec f = m - 1.;
    vec s = f / (2. + f);
    vec z = s * s, w = z * z;
    vec t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    vec t2 = z * (6.666666666666735130e-01 +
                  w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    vec half = 0.5 * f * f;
    vec y = k * 6.93147180369123816490e-01 - ((half - (s * (half + t1 + t2) + k * 1.90821492927058770002e-10)) - f);
    return x < 0x1p-1022 ? splat(NEVER) : y;
}

inline double exp_(double x) { return exp_(splat(x))[0]; }
inline double log_(double x) { return log_(splat(x))[0]; }

// log(exp(a) + exp(b)), NEVER where both are.
inline vec log_add(vec a, vec b) {
    vec top = larger(a, b);
    vec y = top + log_(exp_(a - top) + exp_(b - top));
    return top < HARDLY ? splat(NEVER) : y;
}
inline double log_add(double a, double b) { return log_add(splat(a), splat(b))[0]; }
