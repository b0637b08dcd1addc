/* Why: OpenVINO is found when a program runs, so that one build serves machines with and without
 * it. */
#include "backends/openvino/library.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIBRARY_NAME "libopenvino_c.so"

enum { OLDEST = 2025 }; /* since then element types have the numbers of api.h */

/* Written before the library is opened, from one thread. */
static struct {
    char library[PATH_MAX];
    char device[32];
} options;

/* Written by open_once. */
static struct openvino_library the_library;
static char why_not[600];
static pthread_once_t opened = PTHREAD_ONCE_INIT;

/* ---- options ---- */

/* "CPU", "GPU.1": a kind, and which one of it. */
static bool is_device(const char *value)
{
    static const char *const kinds[] = {"CPU", "GPU", "NPU"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i]);
        if (strncmp(value, kinds[i], length) == 0)
            return value[length] == '\0' ||
                   (value[length] == '.' && isdigit((unsigned char)value[length + 1]) &&
                    value[length + 1 + strspn(value + length + 1, "0123456789")] == '\0');
    }
    return false;
}

enum percept_status openvino_set(const char *key, const char *value, struct percept_error *error)
{
    if (strcmp(key, "library") == 0) {
        if (value[0] == '\0' || strlen(value) >= sizeof options.library)
            return percept_fail(error, PERCEPT_INVALID,
                                "library: expected the path of " LIBRARY_NAME " or of a folder");
        strcpy(options.library, value);
        return PERCEPT_OK;
    }
    if (strcmp(key, "device") == 0) {
        bool as_compiled = strcmp(value, "AUTO") == 0;
        if (strlen(value) >= sizeof options.device || (!as_compiled && !is_device(value)))
            return percept_fail(error, PERCEPT_INVALID,
                                "device: expected CPU, GPU, NPU, one of several as GPU.1, or AUTO, "
                                "instead of '%.40s'",
                                value);
        strcpy(options.device, as_compiled ? "" : value);
        return PERCEPT_OK;
    }
    return percept_fail(error, PERCEPT_INVALID, "%.40s: expected library or device", key);
}

/* ---- finding it ---- */

/* The newest of a folder into path; false when there is none. */
static bool find_in(const char *folder, char *path, size_t size)
{
    DIR *entries = opendir(folder);
    if (!entries)
        return false;
    char newest[NAME_MAX + 1] = "";
    for (struct dirent *entry; (entry = readdir(entries));)
        if (strncmp(entry->d_name, LIBRARY_NAME, strlen(LIBRARY_NAME)) == 0 &&
            strverscmp(entry->d_name, newest) > 0)
            strcpy(newest, entry->d_name);
    closedir(entries);
    int length = newest[0] ? snprintf(path, size, "%s/%s", folder, newest) : -1;
    return length > 0 && (size_t)length < size;
}

/* Where it lies in what people may name: its folder, Python's site-packages, the root of an archive
 * of Intel's. */
static bool find_below(const char *folder, char *path, size_t size)
{
    static const char *const places[] = {".", "openvino/libs", "runtime/lib/intel64"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char place[PATH_MAX];
        int length = snprintf(place, sizeof place, "%s/%s", folder, places[i]);
        if (length > 0 && (size_t)length < sizeof place && find_in(place, path, size))
            return true;
    }
    return false;
}

/* Packages for users have it under a name with a version, which the loader does not look for. */
static void *open_usual(void)
{
    static const char *const folders[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
                                          "/usr/lib64", "/usr/local/lib", "/opt/intel/openvino"};
    void *handle = dlopen(LIBRARY_NAME, RTLD_NOW | RTLD_LOCAL);
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof folders / sizeof folders[0] && !handle; i++)
        if (find_below(folders[i], path, sizeof path))
            handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        snprintf(why_not, sizeof why_not,
                 LIBRARY_NAME
                 " is not here: install OpenVINO, or say where it is (PERCEPT_OPENVINO, "
                 "or library in the configuration)");
    return handle;
}

static void *open_named(const char *named)
{
    char path[PATH_MAX];
    DIR *folder = opendir(named);
    if (folder) {
        closedir(folder);
        if (!find_below(named, path, sizeof path)) {
            snprintf(why_not, sizeof why_not, "there is no " LIBRARY_NAME " in %.400s", named);
            return NULL;
        }
        named = path;
    }
    void *handle = dlopen(named, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        snprintf(why_not, sizeof why_not, "%.450s", dlerror()); /* names the file */
    return handle;
}

/* ---- opening it ---- */

static bool find_functions(void *handle, struct ov_api *api)
{
#define FIND(result, name, arguments)                                                 \
    api->name = (result(*) arguments)(uintptr_t)dlsym(handle, "ov_" #name);           \
    if (!api->name) {                                                                 \
        snprintf(why_not, sizeof why_not, LIBRARY_NAME " has no function ov_" #name); \
        return false;                                                                 \
    }
    OV_FUNCTIONS(FIND)
#undef FIND
    return true;
}

static bool read_version(struct openvino_library *library)
{
    struct ov_version version = {0};
    if (library->api.get_openvino_version(&version) || !version.build)
        strcpy(library->version, "0");
    else
        snprintf(library->version, sizeof library->version, "%.*s",
                 (int)strspn(version.build, "0123456789."), version.build);
    library->api.version_free(&version);
    if (strtol(library->version, NULL, 10) >= OLDEST)
        return true;
    snprintf(why_not, sizeof why_not, "OpenVINO %s is too old: %d or newer is needed",
             library->version, OLDEST);
    return false;
}

static bool list_devices(struct openvino_library *library)
{
    struct ov_devices devices = {0};
    if (library->api.core_get_available_devices(library->core, &devices) == 0) {
        size_t used = 0;
        for (size_t i = 0; i < devices.count && used < sizeof library->devices; i++)
            used += (size_t)snprintf(library->devices + used, sizeof library->devices - used,
                                     "%s%s", i ? ", " : "", devices.names[i]);
        library->api.available_devices_free(&devices);
    }
    if (library->devices[0])
        return true;
    snprintf(why_not, sizeof why_not, "OpenVINO %s finds no device", library->version);
    return false;
}

/* The last line of a message of several: those before say where in OpenVINO's source it arose. */
static void read_reason(const struct openvino_library *library, char *reason, size_t size)
{
    const char *said = library->api.get_last_err_msg();
    const char *line = said ? said : "";
    size_t end = strlen(line);
    while (end > 0 && isspace((unsigned char)line[end - 1]))
        end--;
    size_t begin = end;
    while (begin > 0 && line[begin - 1] != '\n')
        begin--;
    if (end > begin)
        snprintf(reason, size, "%.*s", (int)(end - begin), line + begin);
    else
        snprintf(reason, size, "no reason given");
    if (said)
        library->api.free(said);
}

static void open_once(void)
{
    struct openvino_library *library = &the_library;
    const char *named = options.library[0] ? options.library : getenv("PERCEPT_OPENVINO");
    void *handle = named && named[0] ? open_named(named) : open_usual();
    if (!handle || !find_functions(handle, &library->api) || !read_version(library))
        return;
    if (library->api.core_create(&library->core)) {
        char reason[320];
        read_reason(library, reason, sizeof reason);
        snprintf(why_not, sizeof why_not, "OpenVINO %s does not start: %s", library->version,
                 reason);
        return;
    }
    if (list_devices(library))
        pthread_mutex_init(&library->import_lock, NULL);
}

struct openvino_library *openvino_library_get(const char **why)
{
    pthread_once(&opened, open_once);
    *why = why_not[0] ? why_not : NULL;
    return why_not[0] ? NULL : &the_library;
}

/* ---- what it is asked and says ---- */

/* "GPU" and "GPU.1" are of a kind. */
static bool same_kind(const char *a, const char *b)
{
    size_t length = strcspn(a, ".");
    return length == strcspn(b, ".") && strncmp(a, b, length) == 0;
}

/* Is it, or one of its kind if it names no certain one, among those that there are? */
static bool is_here(const struct openvino_library *library, const char *device)
{
    char list[sizeof library->devices], *rest = list;
    strcpy(list, library->devices);
    for (char *name; (name = strsep(&rest, ","));) {
        name += name[0] == ' ';
        bool certain = strchr(device, '.') && strchr(name, '.');
        if (certain ? strcmp(device, name) == 0 : same_kind(device, name))
            return true;
    }
    return false;
}

enum percept_status openvino_device(const struct openvino_library *library, const char *compiled,
                                    char *device, size_t size, struct percept_error *error)
{
    const char *wanted = options.device[0] ? options.device : compiled ? compiled : "CPU";
    if (compiled && !same_kind(compiled, wanted))
        return percept_fail(error, PERCEPT_UNSUPPORTED,
                            "openvino: the blob was compiled for %.40s, but device is %s in the "
                            "configuration",
                            compiled, wanted);
    /* Of a device made of several ("HETERO:NPU,CPU") OpenVINO says what is missing. */
    if (is_device(wanted) && !is_here(library, wanted))
        return percept_fail(
            error, PERCEPT_UNSUPPORTED, "openvino: the blob %s %s; this machine has %s",
            compiled ? "was compiled for" : "is to run on", wanted, library->devices);
    int length = snprintf(device, size, "%s", wanted);
    if (length < 0 || (size_t)length >= size)
        return percept_fail(error, PERCEPT_UNSUPPORTED, "openvino: no device is called '%.40s..'",
                            wanted);
    return PERCEPT_OK;
}

enum percept_status openvino_fail(const struct openvino_library *library,
                                  enum percept_status status, const char *what,
                                  struct percept_error *error)
{
    char reason[320];
    read_reason(library, reason, sizeof reason);
    percept_error_fill(error, status, NULL, 0, 0, "openvino: %s: %s", what, reason);
    return status;
}
