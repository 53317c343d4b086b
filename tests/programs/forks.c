/* fork, a page written in the child, exit, wait. */
#include "work.h"
#include <sys/wait.h>
#include <unistd.h>

uint32_t work_forks(uint32_t iterations)
{
    static volatile uint32_t page[1024];
    uint32_t sum = 0;
    for (uint32_t i = 0; i < iterations; i++) {
        int status = 0;
        pid_t pid = fork();
        if (pid < 0)
            return 0xbad;
        if (pid == 0) {
            page[i & 1023] = i;
            _exit(page[i & 1023] & 0x7f);
        }
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
            return 0xbad;
        sum = work_mix(sum, WEXITSTATUS(status) + page[i & 1023]);
    }
    return sum;
}
