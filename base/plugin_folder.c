/* Why: whatever kind of plugin a program takes, it finds and trusts them by the same rules. */
#include "base/plugin_folder.h"

#include "base/owned.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reading {
    const struct base_plugin_folders *plugins;
    unsigned count;
};

/* ---- one file ---- */

static bool tell(struct reading *reading, const char *path, const char *load,
                 const struct percept_error *error)
{
    reading->count++;
    return reading->plugins->found(reading->plugins->context, path, load, error);
}

/* Whose fault it is goes into the message, unless it is that of `path`, whose real path is `real`.
 */
static bool refuse(struct reading *reading, const char *path, const char *real,
                   const struct percept_error *cause)
{
    bool other = cause->file[0] && strcmp(cause->file, path) != 0 && strcmp(cause->file, real) != 0;
    struct percept_error error;
    percept_fail(&error, cause->status, "%s%s%s", other ? cause->file : "", other ? ": " : "",
                 cause->message);
    return tell(reading, path, NULL, &error);
}

static bool open_file(struct reading *reading, const char *path)
{
    const struct base_plugin_folders *plugins = reading->plugins;
    struct percept_error error = {0};
    char real[PATH_MAX], sealed[32];
    int descriptor;
    if (base_owned_file(path, real, &error) != PERCEPT_OK)
        return refuse(reading, path, real, &error);
    if (!plugins->open)
        return tell(reading, path, real, NULL);
    if (plugins->open(plugins->open_context, real, &descriptor, &error) != PERCEPT_OK)
        return refuse(reading, path, real, &error);
    snprintf(sealed, sizeof sealed, "/proc/self/fd/%d", descriptor);
    bool whole = tell(reading, path, sealed, NULL);
    close(descriptor);
    return whole;
}

/* ---- folders ---- */

static int is_library(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool read_file(struct reading *reading, const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct percept_error error;
    bool fits = snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path;
    if (reading->count < reading->plugins->most && fits)
        return open_file(reading, path);
    if (fits)
        percept_fail(&error, PERCEPT_LIMIT, "there are more than %u plugins",
                     reading->plugins->most);
    else
        percept_fail(&error, PERCEPT_LIMIT, "a path in it is too long");
    return tell(reading, fits ? path : folder, NULL, &error);
}

static bool read_files(struct reading *reading, const char *folder, struct dirent **names,
                       int count)
{
    bool whole = true;
    for (int i = 0; i < count; i++) {
        if (whole && reading->count <= reading->plugins->most)
            whole = read_file(reading, folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return whole;
}

static bool read_folder(struct reading *reading, const char *folder)
{
    char real[PATH_MAX];
    struct dirent **names;
    struct percept_error error = {0};
    int count = -1;
    if (reading->count > reading->plugins->most)
        return true;
    if (base_owned_folder(folder, real, &error) == PERCEPT_OK) {
        count = scandir(real, &names, is_library, by_name);
        if (count < 0)
            percept_fail_errno(&error, errno, "the folder cannot be read");
    }
    return count >= 0 ? read_files(reading, folder, names, count)
                      : refuse(reading, folder, folder, &error);
}

static bool read_folders_of(struct reading *reading, const char *list)
{
    bool whole = true;
    char *copy = strdup(list), *rest = copy, *folder;
    while (copy && whole && (folder = strsep(&rest, ":")))
        whole = !*folder || read_folder(reading, folder);
    free(copy);
    return copy && whole;
}

/* Where it was installed to, as seen from the program; that it is not there is no mistake. */
static bool read_installed(struct reading *reading)
{
    char path[2 * PATH_MAX], real[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return true;
    snprintf(slash + 1, PATH_MAX, "%s", reading->plugins->from_bin);
    return !realpath(path, real) || read_folder(reading, real);
}

bool base_plugin_folders_read(const struct base_plugin_folders *plugins)
{
    struct reading reading = {plugins, 0};
    const char *list = secure_getenv(plugins->variable);
    bool whole = true;
    for (size_t i = 0; whole && i < plugins->folder_count; i++)
        whole = read_folder(&reading, plugins->folders[i]);
    if (plugins->folder_count)
        return whole;
    return list ? read_folders_of(&reading, list) : read_installed(&reading);
}

const char *base_plugin_load_error(const char *path, const char *text)
{
    size_t length = strlen(path);
    if (text && strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0)
        text += length + 2;
    return text ? text : "no reason is given";
}
