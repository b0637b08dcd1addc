#include "cli/stats.h"

#include <math.h>
#include <stdlib.h>

bool cli_series_add(struct cli_series *series, int64_t at_ns, int64_t ns)
{
    if (!series->points) {
        series->points = malloc(CLI_SERIES_MAX * sizeof *series->points);
        if (!series->points)
            return false;
        series->stride = 1;
    }
    if (series->seen++ % series->stride)
        return true;
    if (series->count == CLI_SERIES_MAX) {
        for (size_t i = 0; i < CLI_SERIES_MAX / 2; i++)
            series->points[i] = series->points[2 * i];
        series->count = CLI_SERIES_MAX / 2;
        series->stride *= 2; /* seen - 1 is a multiple of it: CLI_SERIES_MAX is even */
    }
    series->points[series->count++] = (struct cli_point){at_ns, ns};
    return true;
}

void cli_series_free(struct cli_series *series)
{
    free(series->points);
    *series = (struct cli_series){0};
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void cli_sort(int64_t *values, size_t count)
{
    if (count)
        qsort(values, count, sizeof *values, compare);
}

int64_t cli_percentile(const int64_t *sorted, size_t count, double share)
{
    if (!count)
        return 0;
    double rank = ceil(share * (double)count);
    size_t index = rank < 1 ? 0 : (size_t)rank - 1;
    return sorted[index < count ? index : count - 1];
}

bool cli_series_summary(const struct cli_series *series, struct cli_summary *summary)
{
    *summary = (struct cli_summary){0};
    if (!series->count)
        return true;
    int64_t *values = malloc(series->count * sizeof *values);
    if (!values)
        return false;
    for (size_t i = 0; i < series->count; i++)
        values[i] = series->points[i].ns;
    cli_sort(values, series->count);
    *summary = (struct cli_summary){
        .min_ns = values[0],
        .median_ns = cli_percentile(values, series->count, 0.5),
        .p99_ns = cli_percentile(values, series->count, 0.99),
        .max_ns = values[series->count - 1],
    };
    free(values);
    return true;
}
