/* Why: a recording is a file, many, or all of a folder; whoever plays it gets one list. */
#include "pipelines/file_list.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILES 100000

static enum percept_status add_file(struct pipe_file_list *list, const char *path,
                                    struct percept_error *error)
{
    if (list->count >= MAX_FILES)
        return percept_fail(error, PERCEPT_LIMIT, "more than %d files", MAX_FILES);
    if ((list->count & (list->count - 1)) == 0) { /* full at each power of two */
        size_t room = list->count ? 2 * list->count : 1;
        struct pipe_file *files = realloc(list->items, room * sizeof *files);
        if (!files)
            return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        list->items = files;
    }
    char *copy = strdup(path);
    if (!copy)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    list->items[list->count++] = (struct pipe_file){.path = copy};
    return PERCEPT_OK;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Its files in the order of their names, numbers by value (2.jpg before 10.jpg). */
static enum percept_status add_folder(struct pipe_file_list *list, const char *folder,
                                      struct percept_error *error)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, visible, versionsort);
    if (count < 0)
        return percept_fail_errno(error, errno, "folder '%s'", folder);
    enum percept_status status = PERCEPT_OK;
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat st;
        int length = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        free(entries[i]);
        if (status == PERCEPT_OK && length < (int)sizeof path && stat(path, &st) == 0 &&
            S_ISREG(st.st_mode))
            status = add_file(list, path, error);
    }
    free(entries);
    return status;
}

static enum percept_status add_glob(struct pipe_file_list *list, const char *pattern,
                                    struct percept_error *error)
{
    glob_t found;
    enum percept_status status = PERCEPT_OK;
    int failed = glob(pattern, 0, NULL, &found);
    if (failed == GLOB_NOMATCH)
        return percept_fail(error, PERCEPT_NOT_FOUND, "no file matches '%s'", pattern);
    if (failed)
        return percept_fail(error, failed == GLOB_NOSPACE ? PERCEPT_NO_MEMORY : PERCEPT_IO,
                            "'%s' can't be searched", pattern);
    for (size_t i = 0; i < found.gl_pathc && status == PERCEPT_OK; i++)
        status = add_file(list, found.gl_pathv[i], error);
    globfree(&found);
    return status;
}

static enum percept_status add_path(struct pipe_file_list *list, const char *path,
                                    struct percept_error *error)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? add_folder(list, path, error) : add_file(list, path, error);
    if (errno == ENOENT && strpbrk(path, "*?["))
        return add_glob(list, path, error);
    return percept_fail_errno(error, errno, "'%s'", path);
}

enum percept_status pipe_file_list_fill(struct pipe_file_list *list, const struct pipe_texts *paths,
                                        struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < paths->count && status == PERCEPT_OK; i++)
        status = add_path(list, paths->items[i].text, error);
    if (status == PERCEPT_OK && list->count == 0)
        status = percept_fail(error, PERCEPT_NOT_FOUND, "no file in '%s'", paths->items[0].text);
    return status;
}

void pipe_file_list_free(struct pipe_file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].path);
    free(list->items);
    *list = (struct pipe_file_list){0};
}
