/* One program, all work loops: `bench NAME [ITERATIONS]`, or linked under a loop's own name.
 * Prints one line, `NAME ITERATIONS CHECKSUM`, the same on every machine. Without a name: all of them. */
#include "work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t (*run)(uint32_t);
    uint32_t iterations; /* unless given: about a few hundredths of a second on a machine of today */
    uint32_t checksum;   /* of those */
} loops[] = {
    {"intmix", work_intmix, 8000, 0x31bb63ff},
    {"sha256", work_sha256, 20000, 0x0d3d02d5},
    {"qsort", work_qsort, 100, 0x444ec399},
    {"memcpy", work_memcpy, 2000, 0xd756f866},
    {"chase", work_chase, 2000, 0x002982ed},
    {"matmul", work_matmul, 2000, 0x25d27502},
    {"syscalls", work_syscalls, 400000, 0x00432376},
    {"forks", work_forks, 150, 0xefdc63a2},
};
enum { LOOPS = sizeof loops / sizeof loops[0] };

/* Runs loop i; 1 if the default's checksum is wrong. */
static int run(int i, const char *count)
{
    uint32_t n = count ? strtoul(count, NULL, 0) : loops[i].iterations;
    uint32_t sum = loops[i].run(n);
    int wrong = n == loops[i].iterations && sum != loops[i].checksum;
    printf("%s %u %08x%s\n", loops[i].name, (unsigned)n, (unsigned)sum, wrong ? " WRONG" : "");
    fflush(stdout);
    return wrong;
}

static int find(const char *name)
{
    for (int i = 0; i < LOOPS; i++)
        if (!strcmp(loops[i].name, name))
            return i;
    return -1;
}

int main(int argc, char **argv)
{
    const char *self = strrchr(argv[0], '/');
    int i = find(self ? self + 1 : argv[0]), wrong = 0;
    if (i >= 0)
        return run(i, argv[1]);
    if (argc > 1) {
        i = find(argv[1]);
        if (i >= 0)
            return run(i, argv[2]);
        fprintf(stderr, "bench: no loop named %s\n", argv[1]);
        return 2;
    }
    for (i = 0; i < LOOPS; i++)
        wrong |= run(i, NULL);
    return wrong;
}
