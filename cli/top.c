/* percept top: the status, again and again, with what changed in between as rates. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/status_view.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

struct screen {
    bool live; /* standard output is a terminal */
    bool keys; /* standard input is one: q works */
    struct termios before;
};

static void open_screen(struct screen *screen)
{
    cli_catch_interrupts();
    screen->live = isatty(STDOUT_FILENO);
    screen->keys = screen->live && tcgetattr(STDIN_FILENO, &screen->before) == 0;
    if (screen->keys) {
        struct termios raw = screen->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    if (screen->live)
        fputs("\033[?1049h\033[?25l", stdout); /* the alternate screen, without a cursor */
}

static void close_screen(const struct screen *screen)
{
    if (screen->live)
        fputs("\033[?25h\033[?1049l", stdout);
    if (screen->keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
}

/* Wait out the interval; false when the user wants to leave. */
static bool wait_interval(const struct screen *screen, int64_t until_ns)
{
    fflush(stdout);
    while (!cli_interrupted() && !ferror(stdout)) {
        int64_t left = until_ns - base_clock_ns();
        if (left <= 0)
            return true;
        struct pollfd input = {.fd = screen->keys ? STDIN_FILENO : -1, .events = POLLIN};
        char key;
        if (poll(&input, 1, (int)(left / BASE_NS_PER_MS) + 1) > 0 &&
            (read(STDIN_FILENO, &key, 1) != 1 || key == 'q'))
            return false;
    }
    return false;
}

static void draw(json_t *status, bool json, const struct screen *screen)
{
    if (json) {
        cli_print_json(json_incref(status), true);
        return;
    }
    if (screen->live)
        fputs("\033[H", stdout);
    /* Each line clears what the last picture left behind it. */
    cli_status_print(status, screen->live ? "\033[K\n" : "\n", stdout);
    fputs(screen->live ? "\033[K\nq quits\033[K\033[J" : "\n", stdout);
}

static int watch(const char *socket, double interval, bool once, bool json)
{
    struct percept_client *client;
    struct percept_error error = {0};
    struct screen screen = {0};
    json_t *before = NULL, *now = NULL;
    int code = cli_connect(socket, &client);
    if (code)
        return code;
    if (!once && !json)
        open_screen(&screen);
    int64_t next = base_clock_ns(), before_ns = 0;
    enum percept_status status;
    while (!(status = cli_query(client, "status", &now, &error))) {
        int64_t now_ns = base_clock_ns();
        if (before)
            cli_status_add_rates(now, before, (double)(now_ns - before_ns) / BASE_NS_PER_S);
        if (before || screen.live)
            draw(now, json, &screen);
        bool done = once && before;
        json_decref(before);
        before = now;
        before_ns = now_ns;
        next += (int64_t)(interval * BASE_NS_PER_S);
        if (done || !wait_interval(&screen, next))
            break;
    }
    close_screen(&screen);
    json_decref(before);
    percept_disconnect(client);
    return status ? cli_fail(CLI_NO_DAEMON, &error) : CLI_OK;
}

int cli_top(int argc, char **argv)
{
    const char *socket = NULL;
    bool json = false, once = false;
    double interval = 1;
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&socket),
        CLI_OPTION_JSON(&json),
        {"interval", "SECONDS", "time between two pictures; 1 if not given", BASE_OPTION_SECONDS,
         &interval},
        {"once", NULL, "print one picture, an interval long, and exit", BASE_OPTION_FLAG, &once},
    };
    const struct base_usage usage = {
        .program = "percept top",
        .operands = "",
        .purpose = "Watch the daemon: rates, latencies, models. q quits.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    return cli_parse(&usage, argc, argv, &operands, &code) ? watch(socket, interval, once, json)
                                                           : code;
}
