/* The daemon's status (docs/status.md) as tables; shared by status, topics and top. */
#ifndef CLI_STATUS_VIEW_H
#define CLI_STATUS_VIEW_H

#include <jansson.h>
#include <stdio.h>

/* Every section that `status` has. Columns that no row fills are left out, so the rates that
 * cli_status_add_rates adds appear by themselves. */
void cli_status_print(const json_t *status, const char *line_end, FILE *file);

/* Add "per_s" to pipelines, models and topics, and "cpu_percent" to the daemon, from an earlier
 * status of the same daemon `seconds` ago. */
void cli_status_add_rates(json_t *status, const json_t *earlier, double seconds);

#endif
