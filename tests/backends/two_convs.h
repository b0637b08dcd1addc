/* A small model for those who lose what runs it, and a look at what is left of that. */
#ifndef TESTS_BACKENDS_TWO_CONVS_H
#define TESTS_BACKENDS_TWO_CONVS_H

#include "runtime/prt.h"

#include <sys/types.h>

enum {
    TWO_CONVS_SIDE = 12,
    TWO_CONVS_CHANNELS = 16,
    TWO_CONVS_ELEMENTS = TWO_CONVS_SIDE * TWO_CONVS_SIDE * TWO_CONVS_CHANNELS
};

struct prt_tensor two_convs_image(enum prt_dtype dtype, double scale);

/* y = conv(conv(x)) + x in int8. Scales are powers of two, so that all backends have the same bits.
 * NULL with an error when there is none. */
struct prt_model *two_convs(const struct prt_backend *const *backends, struct percept_error *error);
void two_convs_fill(struct prt_model *model, int seed);
/* Run it, and expect what the backends compute. */
void two_convs_run(struct prt_model *model, const struct prt_backend *const *backends, int seed);

/* How many descriptors are open; the only child; and that there are so many, and no child, running
 * or dead. */
int left_descriptors(void);
pid_t left_child(void);
void left_nothing(int descriptors);

#endif
