/* Why: lavapipe leaks what it compiled, and is unloaded before LeakSanitizer looks: with its file
 * still there, tests/lsan.supp can tell what is its own. */
#include <dlfcn.h>

__attribute__((constructor)) static void keep_driver(void)
{
    (void)dlopen("libvulkan_lvp.so", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}
