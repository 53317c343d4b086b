/* The work loops of tests/programs. Each returns a checksum that depends on nothing but its argument, on every machine,
 * word size and byte order. Files that say so need no C library beyond memcpy and memset, so that the lab guest
 * (tests/lab) runs the very same loops on bare metal. */
#ifndef WORK_H
#define WORK_H

#include <stddef.h>
#include <stdint.h>

uint32_t work_intmix(uint32_t iterations);   /* freestanding */
uint32_t work_sha256(uint32_t iterations);   /* freestanding */
uint32_t work_qsort(uint32_t iterations);    /* freestanding */
uint32_t work_memcpy(uint32_t iterations);   /* freestanding */
uint32_t work_chase(uint32_t iterations);    /* freestanding, 16 MiB of bss */
uint32_t work_matmul(uint32_t iterations);   /* freestanding, double arithmetic */
uint32_t work_syscalls(uint32_t iterations); /* Linux */
uint32_t work_forks(uint32_t iterations);    /* Linux */

/* One step of a 32-bit linear congruential generator; use the high bits. */
static inline uint32_t work_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Adds a word to a checksum. */
static inline uint32_t work_mix(uint32_t sum, uint32_t word)
{
    sum = (sum ^ word) * 0x9e3779b1u;
    return sum ^ (sum >> 15);
}

#endif
