/* Why: lavapipe leaks what it compiled, and is unloaded before LeakSanitizer looks: with its file
 * still there, tests/lsan.supp can tell what is its own. */
#include "driver.h"

#include "backends/vulkan/vulkan.h"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((constructor)) static void keep_driver(void)
{
    (void)dlopen("libvulkan_lvp.so", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

bool driver_is_absent(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(prt_vulkan_backend.absent() != NULL);
    return child < 0 || waitpid(child, &status, 0) < 0 || status != 0;
}
