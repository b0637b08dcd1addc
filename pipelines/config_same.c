/* Why: a reload must leave alone whatever means the same as before, wherever it is written now. */
#include "pipelines/config.h"

#include <string.h>

bool pipe_config_same_model(const struct pipe_config_model *a, const struct pipe_config_model *b)
{
    const struct stat *x = &a->identity, *y = &b->identity;
    return pipe_tree_same(a->tree, b->tree) && x->st_dev == y->st_dev && x->st_ino == y->st_ino &&
           x->st_size == y->st_size && x->st_mtim.tv_sec == y->st_mtim.tv_sec &&
           x->st_mtim.tv_nsec == y->st_mtim.tv_nsec;
}

/* Every model that the node names, or runs at a step of the ladder. */
static bool same_models(const struct pipe_config *a, const struct pipe_config *b,
                        const struct pipe_config_pipeline *pipeline,
                        const struct pipe_config_node *node)
{
    for (const struct pipe_param *p = node->class->params; p && p->name; p++) {
        const char *name;
        if (p->kind != PIPE_PARAM_MODEL)
            continue;
        memcpy(&name, (const char *)node->params + p->offset, sizeof name);
        for (size_t step = 0; name && step <= pipeline->step_count; step++) {
            const char *at_step = pipe_config_swapped(pipeline, step, name);
            const struct pipe_config_model *mine = pipe_config_find_model(a, at_step);
            const struct pipe_config_model *other = pipe_config_find_model(b, at_step);
            if (!mine || !other || !pipe_config_same_model(mine, other))
                return false;
        }
    }
    return true;
}

bool pipe_config_same_pipeline(const struct pipe_config *a, const struct pipe_config_pipeline *mine,
                               const struct pipe_config *b,
                               const struct pipe_config_pipeline *other)
{
    bool same = strcmp(mine->name, other->name) == 0 && pipe_tree_same(mine->tree, other->tree);
    for (size_t i = 0; same && i < mine->node_count; i++)
        same = same_models(a, b, mine, &mine->nodes[i]);
    return same;
}
