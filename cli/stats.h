/*
 * Durations over a long run in bounded memory: all of them up to a limit, then every second one,
 * every fourth, ... evenly over time. Serves percentiles and plots alike.
 */
#ifndef CLI_STATS_H
#define CLI_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli_point {
    int64_t at_ns; /* when */
    int64_t ns;    /* how long */
};

struct cli_series {
    struct cli_point *points; /* capacity of CLI_SERIES_MAX, allocated by the first add */
    size_t count;
    uint64_t seen, stride; /* of all that were added, every stride-th is in points */
};

#define CLI_SERIES_MAX 65536

/* False when out of memory; the point is then missing. */
bool cli_series_add(struct cli_series *series, int64_t at_ns, int64_t ns);
void cli_series_free(struct cli_series *series);

struct cli_summary {
    int64_t min_ns, median_ns, p99_ns, max_ns; /* 0 when nothing was added */
};
/* False when out of memory. */
bool cli_series_summary(const struct cli_series *series, struct cli_summary *summary);

/* The value that a share (0..1) of the sorted values is at or below (nearest rank); 0 for none. */
int64_t cli_percentile(const int64_t *sorted, size_t count, double share);
void cli_sort(int64_t *values, size_t count);

#endif
