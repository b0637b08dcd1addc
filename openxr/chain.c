#include "openxr/chain.h"

enum { CHAIN_MAX = 256 }; /* a longer chain goes round */

void *chain_find(const void *chain, XrStructureType type, bool enabled)
{
    const XrBaseInStructure *s = enabled ? chain : NULL;
    for (int i = 0; s && i < CHAIN_MAX; i++, s = s->next)
        if (s->type == type)
            return (void *)s;
    return NULL;
}

struct chain_gap chain_take_out(void *head, XrStructureType type, bool enabled)
{
    XrBaseOutStructure *s = enabled ? head : NULL;
    for (int i = 0; s && s->next && i < CHAIN_MAX; i++, s = s->next)
        if (s->next->type == type) {
            struct chain_gap gap = {s, s->next};
            s->next = gap.taken->next;
            return gap;
        }
    return (struct chain_gap){NULL, NULL};
}

void chain_put_back(const struct chain_gap *gap)
{
    if (gap->taken)
        gap->before->next = gap->taken;
}
