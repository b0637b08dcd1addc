/* Why: what is typed must not stay on the screen, and scripts have no terminal. */
#include "cli/password.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum percept_status cli_password(const char *prompt, char password[CLI_PASSWORD_MAX],
                                 struct percept_error *error)
{
    struct termios shown, hidden;
    bool is_terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (is_terminal) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        fprintf(stderr, "%s: ", prompt);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    char *line = fgets(password, CLI_PASSWORD_MAX, stdin);
    if (is_terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fputc('\n', stderr);
    }
    if (!line)
        return percept_fail(error, PERCEPT_END, "no password was given");
    password[strcspn(password, "\r\n")] = '\0';
    return PERCEPT_OK;
}
