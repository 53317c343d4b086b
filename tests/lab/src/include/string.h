/* Enough of string.h for the freestanding work loops; bench.c has the functions. */
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
