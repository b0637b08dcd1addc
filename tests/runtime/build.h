/* Graphs made by hand, for tests: each call fails the test when it cannot do its work. */
#ifndef TESTS_RUNTIME_BUILD_H
#define TESTS_RUNTIME_BUILD_H

#include "runtime/graph.h"

#include <check.h>

#define SIZES(...) (int32_t[]){__VA_ARGS__}, sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)
#define IDS(...)   (uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)

struct prt_graph *build_graph(void);

/* Row-major fp32 tensors. Constants hold numbers in (-1, 1), other ones in each. */
uint32_t build_tensor(struct prt_graph *graph, const int32_t *sizes, size_t rank);
uint32_t build_input(struct prt_graph *graph, const int32_t *sizes, size_t rank);
uint32_t build_constant(struct prt_graph *graph, const int32_t *sizes, size_t rank);
uint32_t build_number(struct prt_graph *graph, double number);
uint32_t build_int(struct prt_graph *graph, int64_t number);

/* Weights as PT2E leaves them: int8 with a scale for each index of dimension 0. */
uint32_t build_int8_weight(struct prt_graph *graph, const int32_t *sizes, size_t rank);

/* Append y = op(inputs); attributes are for the caller to fill in at once. y takes y_sizes. */
struct prt_node *build_node(struct prt_graph *graph, enum prt_op op, const uint32_t *inputs,
                            size_t count, const int32_t *y_sizes, size_t y_rank, uint32_t *y);

struct conv {
    int32_t channels, kernel, stride, padding, groups;
    bool nhwc, no_bias;
};

/* A convolution with weights of its own; zero fields mean 1 (padding: 0). Returns its result. */
uint32_t build_conv(struct prt_graph *graph, uint32_t x, struct conv conv);

uint32_t build_binary(struct prt_graph *graph, enum prt_binary_kind kind, uint32_t a, uint32_t b);
uint32_t build_clamp(struct prt_graph *graph, uint32_t x, double lo, double hi);
uint32_t build_permute(struct prt_graph *graph, uint32_t x, const int32_t *order, size_t rank);
uint32_t build_reshape(struct prt_graph *graph, uint32_t x, const int32_t *sizes, size_t rank);
/* before and after: one amount for each dimension of x. */
uint32_t build_pad(struct prt_graph *graph, uint32_t x, const int32_t *before, const int32_t *after,
                   double value);
/* kernel 2, stride 2, no padding, channels first. */
uint32_t build_max_pool(struct prt_graph *graph, uint32_t x);
uint32_t build_concat(struct prt_graph *graph, const uint32_t *parts, size_t count, int32_t axis);
/* where(x > 0, x, slope * x), slope varying along `axis`. */
uint32_t build_prelu_parts(struct prt_graph *graph, uint32_t x, unsigned axis);

uint32_t build_quantize(struct prt_graph *graph, uint32_t x, float scale, int32_t zero_point);
uint32_t build_dequantize(struct prt_graph *graph, uint32_t x);

/* Method outputs; then prt_graph_finish, which must succeed. */
void build_finish(struct prt_graph *graph, const uint32_t *outputs, size_t count);

/* How many nodes of an op there are. */
unsigned build_count(const struct prt_graph *graph, enum prt_op op);

/* The op names in order, with spaces between; in a buffer that the next call overwrites. */
const char *build_ops(const struct prt_graph *graph);

/* Deterministic numbers in (-1, 1). */
void build_fill(float *data, size_t count, uint32_t seed);

int build_run_suite(Suite *suite);

#endif
