/* A JSON Schema (draft 7) of configurations, from the tables by which they are read. */
#ifndef CLI_CHECK_SCHEMA_H
#define CLI_CHECK_SCHEMA_H

#include <jansson.h>

/*
 * With all kinds of nodes that are registered. A file may be one of several that only together are
 * whole, so nothing is required but within lists, which are replaced as a whole: a node's `node`,
 * parameters and inputs, a source's parameters not.
 */
json_t *cli_check_schema(void);

#endif
