#include "pictures.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[32];

void pictures_make_folder(void)
{
    strcpy(folder, "/tmp/percept-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

void pictures_remove_folder(void)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(folder);
}

void pictures_write(const char *name, uint32_t width, uint32_t height, const uint8_t rgb[3])
{
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "P6\n%u %u\n255\n", width, height);
    for (uint32_t i = 0; i < width * height; i++)
        fwrite(rgb, 3, 1, file);
    fclose(file);
}

void pictures_write_text(const char *name, const char *text)
{
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

void pictures_write_series(int count)
{
    for (int i = 0; i < count; i++) {
        char name[32];
        const uint8_t rgb[3] = {(uint8_t)(10 + i), 20, 30};
        snprintf(name, sizeof name, "%d.ppm", i);
        pictures_write(name, 8, 8, rgb);
    }
}
