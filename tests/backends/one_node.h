/*
 * A graph of one node, run as the runtime would run it: through prt_cpu_backend, with every
 * instruction set and with and without a pool. All runs must agree bit for bit, must not write
 * outside of the result and must leave the operands alone; tests then compare with a plain
 * reference in double.
 */
#ifndef TESTS_BACKENDS_ONE_NODE_H
#define TESTS_BACKENDS_ONE_NODE_H

#include "runtime/graph.h"

/* ---- random numbers, the same in every run ---- */

void random_seed(uint64_t seed);
uint32_t random_u32(void);
int32_t random_between(int32_t lo, int32_t hi); /* both included */
double random_real(double lo, double hi);

/* ---- tensors ---- */

struct prt_tensor tensor_of(enum prt_dtype dtype, unsigned rank, const int32_t *sizes);
#define TENSOR(dtype, ...) \
    tensor_of(dtype, sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t), (int32_t[]){__VA_ARGS__})
struct prt_tensor tensor_scalar(enum prt_dtype dtype); /* rank 0 */
struct prt_tensor quantised(struct prt_tensor tensor, double scale, int32_t zero_point);
struct prt_tensor shuffled(struct prt_tensor tensor); /* a random dim_order */
struct prt_tensor channels_last(struct prt_tensor tensor);
struct prt_tensor random_shape(enum prt_dtype dtype, unsigned max_rank, int32_t max_size);

/* ---- the node ---- */

struct one_node {
    struct prt_graph *graph;
    uint32_t y;
    void *data[16]; /* by value id */
};

struct one_node one_node_begin(void);
void one_node_end(struct one_node *one);

/* An operand: an input with room for its data, which is zero at first. */
uint32_t one_node_input(struct one_node *one, struct prt_tensor tensor);
uint32_t one_node_int(struct one_node *one, int64_t value);
uint32_t one_node_double(struct one_node *one, double value);
/* From now on the operand is a constant. Set its data first. */
void one_node_make_constant(struct one_node *one, uint32_t id);

/* The node and its result; attributes are the caller's. Finishes the graph when run. */
struct prt_node *one_node_make(struct one_node *one, enum prt_op op, struct prt_tensor y,
                               unsigned count, const uint32_t *inputs);
#define NODE(one, op, y, ...)                                                       \
    one_node_make(one, op, y, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
                  (uint32_t[]){__VA_ARGS__})

bool one_node_supported(struct one_node *one);
void one_node_run(struct one_node *one);
/* Run, with every instruction set, and expect that each run ends with this error. */
void one_node_run_fails(struct one_node *one, const char *message);

/* ---- elements, by logical index, as real numbers (dequantised) ---- */

const struct prt_tensor *one_node_spec(const struct one_node *one, uint32_t id);
double one_node_get(const struct one_node *one, uint32_t id, const int32_t *index);
void one_node_set(struct one_node *one, uint32_t id, const int32_t *index, double value);
/* Random elements between lo and hi (codes of all values when quantised). */
void one_node_fill(struct one_node *one, uint32_t id, double lo, double hi);
/* A few elements become NaN, infinities, zeros of both signs, extremes. */
void one_node_fill_edges(struct one_node *one, uint32_t id);

/* The next logical index; false after the last. Start with all zeros. */
bool next_index(const struct prt_tensor *tensor, int32_t *index);
/* The element of an operand that broadcasts to y's index. */
double one_node_broadcast(const struct one_node *one, uint32_t id, const int32_t *index);

/* What y should be at an index. */
typedef double (*reference)(const struct one_node *one, const int32_t *index, const void *context);
/*
 * Compare the result with the reference: NaN with NaN, infinities exactly, quantised to the nearest
 * code (or its neighbour when the reference is within `tolerance` steps of half-way), others within
 * tolerance * max(1, |expected|).
 */
void one_node_check(const struct one_node *one, reference expected, const void *context,
                    double tolerance);

/* Run and check, for ops whose instruction sets round differently: each is held to the reference,
 * and only runs with and without a pool to the same bits. */
void one_node_run_near(struct one_node *one, reference expected, const void *context,
                       double tolerance);

#endif
