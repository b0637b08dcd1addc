/* The tables by which a configuration is read, for whoever describes it to people and editors. A
 * node's and a source's own are in their classes. */
#ifndef PIPELINES_CONFIG_TABLES_H
#define PIPELINES_CONFIG_TABLES_H

#include "pipelines/node.h"
#include "pipelines/param.h"
#include "pipelines/source.h"

extern const struct pipe_param pipe_top_params[], pipe_daemon_params[], pipe_backend_params[],
    pipe_model_params[], pipe_pipeline_params[], pipe_source_params[], pipe_node_params[],
    pipe_scheduler_params[], pipe_step_params[], pipe_transcript_params[];

#endif
