#include "cli/duration.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

bool cli_parse_duration(const char *text, uint64_t *seconds)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end;
    errno = 0;
    unsigned long long count = strtoull(text, &end, 10);
    if (strspn(text, "0123456789") == 0 || errno || count == 0 || !end[0] || end[1])
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (units[i].unit == end[0] && count <= UINT64_MAX / units[i].seconds) {
            *seconds = count * units[i].seconds;
            return true;
        }
    return false;
}

enum percept_status cli_parse_user(const char *text, int64_t *uid, struct percept_error *error)
{
    const struct passwd *entry = getpwnam(text);
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    bool numeric = strspn(text, "0123456789") > 0 && !*end && !errno && number < UINT32_MAX;
    if (!entry && !numeric)
        return percept_fail(error, PERCEPT_NOT_FOUND, "no user '%.60s'", text);
    *uid = entry ? (int64_t)entry->pw_uid : (int64_t)number;
    return PERCEPT_OK;
}
