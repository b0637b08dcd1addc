/* A plugin with one thing wrong with it, for plugins.sh: -DBAD_... says which. */
#include <runtime/plugin.h>

#include <stdlib.h>

#ifndef NAME
#define NAME "bad"
#endif

static const char *absent(void)
{
#ifdef BAD_ABORTS
    abort();
#endif
#ifdef BAD_ABSENT
    return "no such\ndevice";
#endif
    return NULL;
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    (void)graph;
    (void)node;
    return false;
}

static enum percept_status compile(const struct prt_compile *compile, struct prt_segment **segment,
                                   struct percept_error *error)
{
    (void)compile;
    (void)segment;
    return percept_fail(error, PERCEPT_UNSUPPORTED, "nothing is supported");
}

static size_t scratch_bytes(const struct prt_segment *segment)
{
    (void)segment;
    return 0;
}

static enum percept_status execute(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    (void)segment;
    (void)execution;
    return percept_fail(error, PERCEPT_UNSUPPORTED, "nothing is supported");
}

static void destroy(struct prt_segment *segment)
{
    (void)segment;
}

static const struct prt_backend backend = {
#ifdef BAD_BACKEND_VERSION
    .version = PRT_BACKEND_VERSION - 1,
#else
    .version = PRT_BACKEND_VERSION,
#endif
    .name = NAME,
    .absent = absent,
    .supports = supports,
    .compile = compile,
    .scratch_bytes = scratch_bytes,
#ifdef BAD_FUNCTION
    .execute = 0 ? execute : NULL,
#else
    .execute = execute,
#endif
    .destroy = destroy,
};

#if defined BAD_ENTRY
const struct prt_plugin_calls *percept_calls;
const struct prt_backend *percept_backends = &backend; /* nearly */
#elif defined BAD_VERSION || defined BAD_SIZE || defined BAD_LAYOUT
const struct prt_plugin_calls *percept_calls;
const struct prt_plugin percept_backend = {
#ifdef BAD_VERSION
    .version = PRT_BACKEND_VERSION + 1,
#else
    .version = PRT_BACKEND_VERSION,
#endif
#ifdef BAD_SIZE
    .backend_bytes = sizeof(struct prt_backend) - sizeof(void *),
#else
    .backend_bytes = sizeof(struct prt_backend),
#endif
    .backend = &backend, /* its layout is all zero */
};
#else
PRT_PLUGIN(backend);
#endif

#ifdef BAD_CRASHES
__attribute__((constructor)) static void crash(void)
{
    *(volatile int *)8 = 0;
}
#endif
#ifdef BAD_EXITS
__attribute__((constructor)) static void leave(void)
{
    exit(0);
}
#endif
#ifdef BAD_SYMBOL
extern int nobody_has_this(void);
int call_it(void);
int call_it(void)
{
    return nobody_has_this();
}
#endif
