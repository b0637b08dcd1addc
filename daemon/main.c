#include "base/log.h"
#include "base/options.h"
#include "daemon/daemon.h"

#include <signal.h>
#include <string.h>

static const char *const log_levels[] = {
    [BASE_LOG_ERROR] = "error",
    [BASE_LOG_WARNING] = "warning",
    [BASE_LOG_INFO] = "info",
    [BASE_LOG_DEBUG] = "debug",
};

static bool parse_level(const char *text, enum base_log_level *level)
{
    for (size_t i = 0; i < sizeof log_levels / sizeof log_levels[0]; i++) {
        if (strcmp(text, log_levels[i]) == 0) {
            *level = (enum base_log_level)i;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct daemon_settings settings = {0};
    const char *level_name = NULL;
    bool shown;
    int operands;
    const struct base_option options[] = {
        {"config", "FILE", "the deployment to run", BASE_OPTION_TEXT, &settings.config},
        {"socket", "PATH", "where clients connect; instead of the configuration's",
         BASE_OPTION_TEXT, &settings.socket},
        {"user", "NAME", "become this user first, and do not stay root", BASE_OPTION_TEXT,
         &settings.user},
        {"keys", "FOLDER", "load only what one of the keys in it has signed", BASE_OPTION_TEXT,
         &settings.keys},
        {"log", "LEVEL", "error, warning, info or debug; instead of the configuration's",
         BASE_OPTION_TEXT, &level_name},
        {"check", NULL, "load the configuration and its models, then exit", BASE_OPTION_FLAG,
         &settings.check},
    };
    const struct base_usage usage = {
        .program = "perceptd",
        .operands = "",
        .purpose = "Turn sensors into percepts and hand them to clients over shared memory.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .release = PERCEPT_RELEASE,
    };
    struct percept_error error = {0};
    char text[1024];

    base_log_open("perceptd", BASE_LOG_INFO);
    enum percept_status status = base_options_parse(&usage, argc, argv, &operands, &shown, &error);
    if (status == PERCEPT_OK && shown)
        return DAEMON_EXIT_OK;
    if (status == PERCEPT_OK && !settings.config)
        status = percept_fail(&error, PERCEPT_INVALID, "--config FILE is missing");
    settings.log_given = level_name != NULL;
    if (status == PERCEPT_OK && level_name && !parse_level(level_name, &settings.log_level))
        status = percept_fail(&error, PERCEPT_INVALID, "--log knows no level '%s'", level_name);
    if (status) {
        base_log(BASE_LOG_ERROR, "%s (perceptd --help)", error.message);
        return DAEMON_EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN); /* a client that goes away is an error code, not the end */
    signal(SIGXFSZ, SIG_IGN); /* nor is a file, or shared memory, that may not grow */

    enum daemon_exit code = daemon_run(&settings, &error);
    if (code)
        base_log(BASE_LOG_ERROR, "%s", percept_error_format(&error, text, sizeof text));
    return code;
}
